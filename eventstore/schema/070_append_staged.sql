-- Bulk append: the events were copied into the session's own staging tables, and enter the log in one statement.
create function es.append_staged_core(out first bigint, out last bigint)
language plpgsql security definer set search_path = es, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_since timestamptz;
  v_count bigint;
begin
  select a.next, a.since into first, v_since from es.next_position() a;
  insert into es.event (position, stream_id, version, type, customer_id, occurred_at, recorded_at, actor, origin,
                        command_id, correlation_id, because, body, personal)
  select append_staged_core.first - 1 + s.n, s.stream_id, s.version, s.type, s.customer_id, s.occurred_at, v_since,
         s.actor, s.origin, s.command_id, s.correlation_id, s.because, s.body, s.personal
    from pg_temp.staged_event s;
  get diagnostics v_count = row_count;
  if v_count = 0 then raise exception 'nothing to append' using errcode = 'invalid_parameter_value'; end if;
  last := first - 1 + v_count;
  insert into es.personal (position, slot, subject_id, key_id, nonce, ciphertext)
  select append_staged_core.first - 1 + s.n, s.slot, s.subject_id, s.key_id, s.nonce, s.ciphertext
    from pg_temp.staged_personal s;
  insert into es.command (command_id, first, last)
  select s.command_id, append_staged_core.first - 1 + min(s.n), append_staged_core.first - 1 + max(s.n)
    from pg_temp.staged_event s group by s.command_id;
  perform es.check_appended(first, null);
end $$;

create procedure es.append_staged(p_early boolean, inout first bigint default null, inout last bigint default null)
language plpgsql as $$
begin
  if p_early then perform set_config('synchronous_commit', 'off', true); end if;
  select a.first, a.last into first, last from es.append_staged_core() a;
  truncate pg_temp.staged_event, pg_temp.staged_personal;
  notify es_event;
  commit;
  if p_early then perform pg_logical_emit_message(true, 'es', ''); end if;
end $$;
