-- Claims: what only one can hold at a time. An index beside the log, written in the transaction of the append, which
-- could be made again from the log. Of an identifier there is a keyed hash here; the value itself is in es.personal.
create table es.claim (
  kind     text    not null,
  key      bytea   not null,
  holder   uuid    not null,
  position bigint  not null,           -- of the event by which it is held
  until    bigint,                     -- of the event by which it was given back; null while it is held
  owner    boolean not null,           -- of all who hold it, the one who counts
  firm     boolean not null            -- nobody else can own it
);
create unique index claim_owner  on es.claim (kind, key) where owner and until is null;
create unique index claim_holder on es.claim (kind, key, holder) where until is null;
create index claim_of_holder     on es.claim (holder, kind);
create index claim_changed       on es.claim (kind, position, until) where kind in ('SAME_AS', 'WITHDRAWN');

-- Settles a JSON array of claims in its order: SHARE (the first one owns it), OWN (refused if it is another's for good),
-- FREE (refused if anybody owns it for good), KNOWN (refused if nothing happened to this stream) and RELEASE.
create function es.settle_claims(p_claims jsonb) returns void language plpgsql as $$
declare
  c     record;
  owned record;
begin
  -- What is only shared, and by far the most of an import, goes in one statement.
  insert into es.claim (kind, key, holder, position, owner, firm)
  select s.kind, s.key, s.holder, s.position,
         row_number() over (partition by s.kind, s.key order by s.n) = 1
           and not exists (select from es.claim k where k.kind = s.kind and k.key = s.key and k.owner and k.until is null),
         false
    from (select x.kind, decode(x.key, 'base64') as key, x.holder, x.position, x.step, x.n,
                 bool_and(x.step = 'SHARE') over (partition by x.kind, x.key) as plain
            from rows from (jsonb_to_recordset(p_claims) as (position bigint, kind text, key text, holder uuid, step text))
                 with ordinality as x (position, kind, key, holder, step, n)) s
   where s.plain
  on conflict do nothing;

  for c in
    select s.* from (
      select x.kind, x.key as shown, decode(x.key, 'base64') as key, x.holder, x.position, x.step, x.n,
             bool_and(x.step = 'SHARE') over (partition by x.kind, x.key) as plain
        from rows from (jsonb_to_recordset(p_claims) as (position bigint, kind text, key text, holder uuid, step text))
             with ordinality as x (position, kind, key, holder, step, n)) s
     where not s.plain order by s.n
  loop
    select k.holder, k.firm into owned from es.claim k where k.kind = c.kind and k.key = c.key and k.owner and k.until is null;
    case c.step
      when 'SHARE' then
        insert into es.claim (kind, key, holder, position, owner, firm)
        values (c.kind, c.key, c.holder, c.position, owned.holder is null, false) on conflict do nothing;
      when 'OWN' then
        if owned.firm and owned.holder <> c.holder then
          raise exception 'claimed' using errcode = 'BT003', detail = c.step || ' ' || c.kind || ' ' || c.shown;
        end if;
        update es.claim k set owner = false where k.kind = c.kind and k.key = c.key and k.owner and k.until is null;
        insert into es.claim as k (kind, key, holder, position, owner, firm)
        values (c.kind, c.key, c.holder, c.position, true, true)
        on conflict (kind, key, holder) where until is null do update set owner = true, firm = true;
        if c.kind = 'WITHDRAWN' then  -- what was claimed under that correlation id is given back
          update es.claim k set until = c.position from es.event e
           where k.kind = 'SAME_AS' and k.until is null and e.position = k.position and uuid_send(e.correlation_id) = c.key;
          delete from es.claim k using es.event e
           where k.kind <> 'SAME_AS' and e.position = k.position and uuid_send(e.correlation_id) = c.key;
          update es.claim k set owner = true
           where k.until is null and not k.owner
             and not exists (select from es.claim o where o.kind = k.kind and o.key = k.key and o.owner and o.until is null)
             and k.holder = (select o.holder from es.claim o where o.kind = k.kind and o.key = k.key and o.until is null
                              order by o.position, o.holder limit 1);
        end if;
      when 'FREE' then
        if owned.firm then
          raise exception 'claimed' using errcode = 'BT003', detail = c.step || ' ' || c.kind || ' ' || c.shown;
        end if;
      when 'KNOWN' then
        if not exists (select from es.event e where e.stream_id = c.holder and e.version = 1) then
          raise exception 'not known' using errcode = 'BT003', detail = c.step || ' ' || c.kind || ' ' || c.shown;
        end if;
      when 'RELEASE' then
        if c.kind = 'SAME_AS' then  -- who was whom is asked of the past as well
          update es.claim k set until = c.position
           where k.kind = c.kind and k.key = c.key and k.holder = c.holder and k.until is null;
        else
          delete from es.claim k where k.kind = c.kind and k.key = c.key and k.holder = c.holder and k.until is null;
          if owned.holder = c.holder then  -- of those who hold it as well, the one who has held it longest
            update es.claim k set owner = true
             where k.kind = c.kind and k.key = c.key and k.until is null and k.holder = (
                   select o.holder from es.claim o where o.kind = c.kind and o.key = c.key and o.until is null
                    order by o.position, o.holder limit 1);
          end if;
        end if;
    end case;
  end loop;
end $$;

-- Who a customer was taken to be at a position: the one into whom it was merged, and that one in turn.
create function es.canonical(p_ids uuid[], p_position bigint) returns table (id uuid, canonical uuid) language sql stable as $$
  with recursive up (id, canonical, depth) as (
    select c.id, c.id, 0 from unnest(p_ids) c (id)
    union all
    select u.id, k.holder, u.depth + 1 from up u
      join es.claim k on k.kind = 'SAME_AS' and k.key = uuid_send(u.canonical)
                     and k.position <= p_position and (k.until is null or k.until > p_position)
     where u.depth < 100)
  select distinct on (u.id) u.id, u.canonical from up u where u.depth > 0 order by u.id, u.depth desc
$$;

-- Everybody who was taken to be one of these at a position, themselves included; give it canonical customers.
create function es.members(p_ids uuid[], p_position bigint) returns table (canonical uuid, id uuid) language sql stable as $$
  with recursive down (canonical, id, depth) as (
    select c.id, c.id, 0 from unnest(p_ids) c (id)
    union all
    select d.canonical, encode(k.key, 'hex')::uuid, d.depth + 1 from down d
      join es.claim k on k.kind = 'SAME_AS' and k.holder = d.id
                     and k.position <= p_position and (k.until is null or k.until > p_position)
     where d.depth < 100)
  select d.canonical, d.id from down d
$$;

-- As before; whoever is taken to be the same customer counts as that customer.
create or replace function es.check_appended(p_first bigint, p_known bigint) returns void language plpgsql as $$
begin
  if exists (select from es.event n
              where n.position >= p_first and n.version > 1
                and not exists (select from es.event e where e.stream_id = n.stream_id and e.version = n.version - 1)) then
    raise exception 'version gap' using errcode = 'BT001';
  end if;
  if p_known is not null and exists (
       select from (select distinct n.customer_id from es.event n
                     where n.position >= p_first and n.customer_id is not null) c
         cross join lateral es.members(array[coalesce((select k.canonical from es.canonical(array[c.customer_id], p_first) k),
                                                      c.customer_id)], p_first) m
         join es.event e on e.customer_id = m.id and e.position > p_known and e.position < p_first) then
    raise exception 'decided on less than is known' using errcode = 'BT002';
  end if;
end $$;

-- The same as before, and the claims of the events with them.
create or replace function es.append_core(p_events jsonb, p_known bigint, out first bigint, out last bigint, out duplicate boolean)
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

  if p_events @? '$[*].claims' then
    perform es.settle_claims((
      select jsonb_agg(c.claim || jsonb_build_object('position', v_next - 1 + e.n) order by e.n, c.n)
        from jsonb_array_elements(p_events) with ordinality e (event, n),
             jsonb_array_elements(e.event -> 'claims') with ordinality c (claim, n)
       where e.event ? 'claims'));
  end if;
end $$;

create or replace function es.append_staged_core(out first bigint, out last bigint)
language plpgsql security definer set search_path = es, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_since  timestamptz;
  v_count  bigint;
  v_claims jsonb;
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
  select jsonb_agg(s.claim || jsonb_build_object('position', append_staged_core.first - 1 + s.n) order by s.n, s.m)
    into v_claims from pg_temp.staged_claim s;
  if v_claims is not null then perform es.settle_claims(v_claims); end if;
end $$;

create or replace procedure es.append_staged(p_early boolean, inout first bigint default null, inout last bigint default null)
language plpgsql as $$
begin
  if p_early then perform set_config('synchronous_commit', 'off', true); end if;
  select a.first, a.last into first, last from es.append_staged_core() a;
  truncate pg_temp.staged_event, pg_temp.staged_personal, pg_temp.staged_claim;
  notify es_event;
  commit;
  if p_early then perform pg_logical_emit_message(true, 'es', ''); end if;
end $$;

-- Makes every claim anew, from a JSON array of them all, in the transaction of the caller.
create function es.replace_claims() returns void
language plpgsql security definer set search_path = es, pg_temp as $$
begin
  perform pg_advisory_xact_lock(7305811);
  delete from es.claim;
end $$;
create function es.add_claims(p_claims jsonb) returns void
language plpgsql security definer set search_path = es, pg_temp as $$
begin
  perform es.settle_claims(p_claims);
end $$;

alter table es.claim                                  owner to es_owner;
alter function es.settle_claims(jsonb)                owner to es_owner;
alter function es.canonical(uuid[], bigint)           owner to es_owner;
alter function es.members(uuid[], bigint)             owner to es_owner;
alter function es.check_appended(bigint, bigint)      owner to es_owner;
alter function es.append_core(jsonb, bigint)          owner to es_owner;
alter function es.append_staged_core()                owner to es_owner;
alter function es.replace_claims()                    owner to es_owner;
alter function es.add_claims(jsonb)                   owner to es_owner;
revoke execute on function es.settle_claims(jsonb), es.canonical(uuid[], bigint), es.members(uuid[], bigint),
                           es.replace_claims(), es.add_claims(jsonb) from public;
grant select         on es.claim to es_app, es_audit;
grant select, delete on es.claim to es_eraser;
grant execute on function es.canonical(uuid[], bigint), es.members(uuid[], bigint) to es_app, es_audit;
grant execute on function es.replace_claims(), es.add_claims(jsonb) to es_app;
