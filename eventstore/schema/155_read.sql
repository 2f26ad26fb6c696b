-- The log of reads: who looked at personal values, of whom and what for. Values are not in it. Append-only and dense, as
-- the log of events is, so that it can be sealed alike.
create table es.read (
  position    bigint      primary key,
  recorded_at timestamptz not null,
  actor       text        not null,
  door        text        not null,
  purpose     text,
  operation   text,                       -- the name that the client gave it
  document    bytea,                      -- SHA-256 of what was asked
  seen        bigint      not null,       -- how far the log of events had come
  subjects    uuid[]      not null
);
create index read_subjects on es.read using gin (subjects);
create index read_actor    on es.read (actor, position);

create trigger read_is_kept before update or delete on es.read for each row       execute function es.immutable();
create trigger read_stays   before truncate         on es.read for each statement execute function es.immutable();
alter table es.read enable always trigger read_is_kept;
alter table es.read enable always trigger read_stays;

create function es.append_read(p_actor text, p_door text, p_purpose text, p_operation text, p_document bytea, p_subjects uuid[])
returns bigint language plpgsql security definer set search_path = es, pg_temp as $$
declare
  v_position bigint;
  v_since    timestamptz;
begin
  perform pg_advisory_xact_lock(7305812);
  select r.position, r.recorded_at into v_position, v_since from es.read r order by r.position desc limit 1;
  insert into es.read (position, recorded_at, actor, door, purpose, operation, document, seen, subjects)
  values (coalesce(v_position, 0) + 1, greatest(clock_timestamp(), v_since), p_actor, p_door, p_purpose, p_operation,
          p_document, coalesce((select max(e.position) from es.event e), 0), p_subjects)
  returning position into v_position;
  return v_position;
end $$;
alter table es.read owner to es_owner;
alter function es.append_read(text, text, text, text, bytea, uuid[]) owner to es_owner;
revoke all on es.read from public;
revoke execute on function es.append_read(text, text, text, text, bytea, uuid[]) from public;
grant select on es.read to es_app, es_audit;
grant execute on function es.append_read(text, text, text, text, bytea, uuid[]) to es_app;
