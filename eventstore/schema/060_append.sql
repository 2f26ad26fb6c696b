-- Appending. Positions are given out under one advisory lock, in commit order, so no reader can ever skip an event.

-- Takes the lock and says where the next event goes.
create function es.next_position(out next bigint, out since timestamptz) language plpgsql as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'appending needs read committed, not %', current_setting('transaction_isolation')
      using errcode = 'invalid_transaction_state';
  end if;
  perform pg_advisory_xact_lock(7305811);
  select e.position + 1, e.recorded_at into next, since from es.event e order by e.position desc limit 1;
  next  := coalesce(next, 1);
  since := greatest(clock_timestamp(), since);  -- never decreases, so that a time is a position
end $$;

-- What must hold of the events from `p_first` on, now that they stand in the log.
create function es.check_appended(p_first bigint, p_known bigint) returns void language plpgsql as $$
begin
  if exists (select from es.event n
              where n.position >= p_first and n.version > 1
                and not exists (select from es.event e where e.stream_id = n.stream_id and e.version = n.version - 1)) then
    raise exception 'version gap' using errcode = 'BT001';
  end if;
  if p_known is not null and exists (select from es.event n join es.event e on e.customer_id = n.customer_id
              where n.position >= p_first and e.position > p_known and e.position < p_first) then
    raise exception 'decided on less than is known' using errcode = 'BT002';
  end if;
end $$;

-- Appends a JSON array of events. With `p_known`, only if nothing was recorded of their customers after that position.
create function es.append_core(p_events jsonb, p_known bigint, out first bigint, out last bigint, out duplicate boolean)
language plpgsql security definer set search_path = es, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off  -- plans made on an empty log must suit a long one
as $$
declare
  v_next  bigint;
  v_since timestamptz;
begin
  select a.next, a.since into v_next, v_since from es.next_position() a;
  select c.first, c.last into first, last from es.command c where c.command_id = (p_events -> 0 ->> 'command_id')::uuid;
  duplicate := found;
  if duplicate then return; end if;
  first := v_next;
  last  := v_next - 1 + jsonb_array_length(p_events);
  if last < first then raise exception 'nothing to append' using errcode = 'invalid_parameter_value'; end if;

  insert into es.event (position, stream_id, version, type, customer_id, occurred_at, recorded_at, actor, origin,
                        command_id, correlation_id, because, body, personal)
  select v_next - 1 + x.n, x.stream_id, x.version, x.type, x.customer_id, x.occurred_at, v_since, x.actor, x.origin,
         x.command_id, x.correlation_id, x.because,
         coalesce(convert_to(x.body, 'UTF8'), decode(x.body64, 'base64')), decode(x.personal, 'base64')
    from rows from (jsonb_to_recordset(p_events) as (
           stream_id uuid, version int, type text, customer_id uuid, occurred_at timestamptz, actor text, origin text,
           command_id uuid, correlation_id uuid, because bigint, body text, body64 text, personal text)) with ordinality
         as x (stream_id, version, type, customer_id, occurred_at, actor, origin,
               command_id, correlation_id, because, body, body64, personal, n);

  if p_events @? '$[*].sealed' then
    insert into es.personal (position, slot, subject_id, key_id, nonce, ciphertext)
    select v_next - 1 + e.n, s.slot, s.subject_id, s.key_id, decode(s.nonce, 'base64'), decode(s.ciphertext, 'base64')
      from jsonb_array_elements(p_events) with ordinality e (event, n),
           jsonb_to_recordset(e.event -> 'sealed') s (slot smallint, subject_id uuid, key_id bigint, nonce text, ciphertext text)
     where e.event ? 'sealed';
  end if;

  insert into es.command (command_id, first, last)
  select n.command_id, min(n.position), max(n.position) from es.event n
   where n.position between append_core.first and append_core.last group by n.command_id;
  perform es.check_appended(v_next, p_known);
end $$;

-- Early lock release: commit without waiting for the disk, so that the lock is free again in microseconds, and answer
-- only after a flush that is shared with the other writers. Sound because the write-ahead log is a prefix.
create procedure es.append(p_events jsonb, p_known bigint, p_early boolean,
                           inout first bigint default null, inout last bigint default null, inout duplicate boolean default null)
language plpgsql as $$
begin
  if p_early then perform set_config('synchronous_commit', 'off', true); end if;
  select a.first, a.last, a.duplicate into first, last, duplicate from es.append_core(p_events, p_known) a;
  notify es_event;
  commit;
  if p_early then perform pg_logical_emit_message(true, 'es', ''); end if;
end $$;
