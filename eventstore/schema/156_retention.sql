-- Keys are destroyed because somebody asked to be forgotten, or because no law allows to keep what they seal any longer.
create or replace function es.must_say_destroyed(p_keys bigint[], p_because bigint) returns void language plpgsql
set search_path = es, pg_temp as $$
declare
  v_body jsonb;
begin
  select convert_from(e.body, 'UTF8')::jsonb into v_body from es.event e
   where e.position = p_because and e.type in ('erasure.keys_destroyed.v1', 'retention.keys_destroyed.v1');
  if v_body is null then
    raise exception 'event % does not say that keys were destroyed', p_because using errcode = 'BT020';
  end if;
  if not es.is_sealed(p_because) then
    raise exception 'event % is not sealed yet', p_because using errcode = 'BT021';
  end if;
  if exists (select from unnest(p_keys) k (id) where k.id is null)
     or exists (select k.id from unnest(p_keys) k (id) except select n::bigint from jsonb_array_elements_text(v_body -> 'key_ids') n) then
    raise exception 'event % does not name all of these keys', p_because using errcode = 'BT022';
  end if;
end $$;
