-- As before; and nobody is asked who is whom unless something was recorded since.
create or replace function es.check_appended(p_first bigint, p_known bigint) returns void language plpgsql as $$
declare
  v_since uuid[];
  v_ours  uuid[];
begin
  if exists (select from es.event n
              where n.position >= p_first and n.version > 1
                and not exists (select from es.event e where e.stream_id = n.stream_id and e.version = n.version - 1)) then
    raise exception 'version gap' using errcode = 'BT001';
  end if;
  if p_known is null or p_known >= p_first - 1 then return; end if;
  v_since := array(select distinct e.customer_id from es.event e
                    where e.position > p_known and e.position < p_first and e.customer_id is not null);
  if v_since = '{}' then return; end if;
  v_ours := array(select distinct n.customer_id from es.event n where n.position >= p_first and n.customer_id is not null);
  if exists (
       select coalesce(k.canonical, s.id) from unnest(v_since) s (id) left join es.canonical(v_since, p_first) k on k.id = s.id
       intersect
       select coalesce(k.canonical, o.id) from unnest(v_ours) o (id) left join es.canonical(v_ours, p_first) k on k.id = o.id) then
    raise exception 'decided on less than is known' using errcode = 'BT002';
  end if;
end $$;
