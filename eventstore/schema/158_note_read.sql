-- A read is noted in one exchange with the server: the lock that makes positions dense is free again before the disk is waited
-- for, and those who wait for it share its flush. Sound for the same reason as es.append is: the write-ahead log is a prefix.
create or replace function es.append_read(p_actor text, p_door text, p_purpose text, p_operation text, p_document bytea, p_subjects uuid[])
returns bigint language plpgsql security definer set search_path = es, pg_temp as $$
declare
  v_position bigint;
  v_since    timestamptz;
begin
  perform pg_advisory_xact_lock(7305814);
  select r.position, r.recorded_at into v_position, v_since from es.read r order by r.position desc limit 1;
  insert into es.read (position, recorded_at, actor, door, purpose, operation, document, seen, subjects)
  values (coalesce(v_position, 0) + 1, greatest(clock_timestamp(), v_since), p_actor, p_door, p_purpose, p_operation,
          p_document, coalesce((select max(e.position) from es.event e), 0), p_subjects)
  returning position into v_position;
  return v_position;
end $$;

create procedure es.note_read(p_actor text, p_door text, p_purpose text, p_operation text, p_document bytea, p_subjects uuid[],
                              inout noted bigint default null)
language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  noted := es.append_read(p_actor, p_door, p_purpose, p_operation, p_document, p_subjects);
  commit;
  perform pg_logical_emit_message(true, 'es', '');
end $$;
alter procedure es.note_read(text, text, text, text, bytea, uuid[], bigint) owner to es_owner;
revoke execute on procedure es.note_read(text, text, text, text, bytea, uuid[], bigint) from public;
grant execute on procedure es.note_read(text, text, text, text, bytea, uuid[], bigint) to es_app;
