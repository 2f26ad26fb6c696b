-- Who is blocked, or was erased, is left alone: nothing new is recorded of them but how the request goes on, and how what was
-- promised to them comes to its end. Otherwise as before.
create or replace function es.check_appended(p_first bigint, p_known bigint) returns void language plpgsql as $$
declare
  v_blocked uuid;
  v_since   uuid[];
  v_ours    uuid[];
begin
  if exists (select from es.event n
              where n.position >= p_first and n.version > 1
                and not exists (select from es.event e where e.stream_id = n.stream_id and e.version = n.version - 1)) then
    raise exception 'version gap' using errcode = 'BT001';
  end if;
  select n.customer_id into v_blocked from es.event n
   where n.position >= p_first and n.customer_id is not null
     and exists (select from es.claim k where k.kind = 'BLOCKED' and k.key = uuid_send(n.customer_id) and k.owner and k.until is null)
     and not starts_with(n.type, 'erasure.')
     and not (starts_with(n.type, 'follow_up.') and (n.type <> 'follow_up.scheduled.v1' or n.actor = 'policy:erasure'))
   limit 1;
  if v_blocked is not null then
    raise exception 'blocked' using errcode = 'BT004', detail = v_blocked::text;
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

-- Gives back the identifiers that these customers hold: who they were cannot be found by them any more, and who else holds one
-- owns it from now on. Only for who is blocked by the event at `p_because`.
create function es.forget_claims(p_subjects uuid[], p_because bigint) returns bigint
language plpgsql security definer set search_path = es, pg_temp as $$
declare
  v_gone bigint;
begin
  if not exists (select from es.event e where e.position = p_because and e.type = 'erasure.blocked.v1')
     or exists (select from unnest(p_subjects) s (id)
                 where not exists (select from es.claim k where k.kind = 'BLOCKED' and k.key = uuid_send(s.id) and k.until is null)) then
    raise exception 'event % does not block all of these customers', p_because using errcode = 'BT023';
  end if;
  perform pg_advisory_xact_lock(7305811);
  with gone as (
    delete from es.claim k where k.holder = any(p_subjects) and k.kind not in ('SAME_AS', 'WITHDRAWN', 'BLOCKED', 'ERASURE')
    returning k.kind, k.key, k.owner, k.until),
  next as (
    select distinct on (k.kind, k.key) k.kind, k.key, k.holder
      from gone g join es.claim k on k.kind = g.kind and k.key = g.key and k.until is null and k.holder <> all(p_subjects)
     where g.owner and g.until is null
     order by k.kind, k.key, k.position, k.holder),
  moved as (
    update es.claim k set owner = true from next n
     where k.kind = n.kind and k.key = n.key and k.holder = n.holder and k.until is null)
  select count(*) into v_gone from gone;
  return v_gone;
end $$;

alter function es.check_appended(bigint, bigint) owner to es_owner;
alter function es.forget_claims(uuid[], bigint)  owner to es_owner;
revoke execute on function es.forget_claims(uuid[], bigint) from public;
grant execute on function es.forget_claims(uuid[], bigint) to es_eraser;
revoke delete on es.claim from es_eraser;
