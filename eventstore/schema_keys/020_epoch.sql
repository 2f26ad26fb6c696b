-- Keys by year and in three states. They are wrapped by a key-encryption key that is replaced each month, an epoch; what
-- is blocked is sealed to the data protection officer instead, and of what is destroyed only the fact stays.
do $$
begin
  if not exists (select from pg_roles where rolname = 'es_custodian') then
    begin
      create role es_custodian login;
    exception when duplicate_object or unique_violation then null;
    end;
  end if;
  if not (select rolsuper from pg_roles where rolname = current_user) then
    grant es_custodian to current_user;
  end if;
end $$;

create table keys.epoch (
  epoch        int         primary key check (epoch > 0),
  state        text        not null check (state in ('ACTIVE', 'RETIRED', 'DESTROYED')),
  provider     text        not null,
  reference    text        not null,   -- what the provider calls it; the key itself is never here
  made_at      timestamptz not null default now(),
  retired_at   timestamptz,
  emptied_at   timestamptz,            -- when nothing was wrapped by it any longer
  destroyed_at timestamptz
);
create unique index epoch_active on keys.epoch (state) where state = 'ACTIVE';
insert into keys.epoch (epoch, state, provider, reference, made_at)
select 1, 'ACTIVE', 'file', 'kek-1', min(created_at) from keys.subject_key having count(*) > 0;

-- What is derived for ever and must outlive every epoch: the key of the index of claims, the secret of the links.
create table keys.secret (
  name    text  primary key,
  wrapped bytea not null,
  epoch   int   not null
);

-- The public halves of the keys of the data protection officer. Whoever reads this can block, and read nothing.
create table keys.blocking_key (
  id         int         generated always as identity primary key,
  public     bytea       not null unique,
  made_at    timestamptz not null default now(),
  retired_at timestamptz
);
create unique index blocking_key_active on keys.blocking_key ((true)) where retired_at is null;

alter table keys.subject_key
  add column period            smallint not null default 0,   -- the year of what it seals; 0: from before keys had one
  add column serial            smallint not null default 0,   -- another key of the same meaning, once that was blocked
  add column state             text     not null default 'ACTIVE',
  add column blocked_at        timestamptz,
  add column blocked_until     date,
  add column basis             text,
  add column blocking_key      int references keys.blocking_key,
  add column destroyed_at      timestamptz,
  add column destroyed_because bigint,                         -- the position of the event that says so
  alter column wrapped drop not null,
  alter column epoch   drop not null,
  drop constraint subject_key_meaning,
  add constraint subject_key_meaning unique (subject_id, class, period, serial),
  add constraint subject_key_state check (case state
    when 'ACTIVE'    then wrapped is not null and epoch is not null and blocking_key is null
    when 'BLOCKED'   then wrapped is not null and epoch is null and blocking_key is not null
                          and blocked_at is not null and blocked_until is not null and basis is not null
    when 'DESTROYED' then wrapped is null and epoch is null and destroyed_at is not null and destroyed_because is not null
    else false end);
alter table keys.subject_key set (fillfactor = 45);  -- each month every row is written anew, beside the old one if there is room
create index subject_key_blocked on keys.subject_key (blocked_until) where state = 'BLOCKED';

-- The first epoch, once. The lock is that of every change of epoch.
create function keys.begin(p_provider text, p_reference text) returns void
language plpgsql security definer set search_path = keys, pg_temp as $$
begin
  perform pg_advisory_xact_lock(7305840);
  insert into keys.epoch (epoch, state, provider, reference)
  select 1, 'ACTIVE', p_provider, p_reference where not exists (select from keys.epoch);
end $$;

-- Nothing new is wrapped by an epoch that was retired meanwhile, or it could never be emptied.
create function keys.must_be_active() returns trigger
language plpgsql security definer set search_path = keys, pg_temp as $$
begin
  perform pg_advisory_xact_lock_shared(7305840);
  if exists (select from made m where not exists (
               select from keys.epoch e where e.epoch = m.epoch and e.state = 'ACTIVE')) then
    raise exception 'this epoch is not the active one' using errcode = 'BT010';
  end if;
  return null;
end $$;
create trigger subject_key_begins after insert on keys.subject_key referencing new table as made
  for each statement execute function keys.must_be_active();
create trigger secret_begins after insert on keys.secret referencing new table as made
  for each statement execute function keys.must_be_active();

-- What was destroyed stays so, and that a key was there is never forgotten.
create function keys.stays() returns trigger language plpgsql as $$
begin
  raise exception 'keys.% keeps what was destroyed, and every row (%)', tg_table_name, lower(tg_op)
    using errcode = 'restrict_violation';
end $$;
create trigger subject_key_is_gone before update on keys.subject_key for each row when (old.state = 'DESTROYED')
  execute function keys.stays();
create trigger subject_key_is_kept before delete   on keys.subject_key for each row       execute function keys.stays();
create trigger subject_key_stays   before truncate on keys.subject_key for each statement execute function keys.stays();
create trigger epoch_is_gone       before update on keys.epoch for each row when (old.state = 'DESTROYED')
  execute function keys.stays();
create trigger epoch_is_kept       before delete   on keys.epoch for each row       execute function keys.stays();
create trigger epoch_stays         before truncate on keys.epoch for each statement execute function keys.stays();
alter table keys.subject_key enable always trigger subject_key_is_gone;
alter table keys.subject_key enable always trigger subject_key_is_kept;
alter table keys.subject_key enable always trigger subject_key_stays;
alter table keys.epoch       enable always trigger epoch_is_gone;
alter table keys.epoch       enable always trigger epoch_is_kept;
alter table keys.epoch       enable always trigger epoch_stays;

-- Whoever holds a key unwrapped is told to drop it.
create function keys.tell() returns trigger language plpgsql as $$
begin
  perform pg_notify('es_keys', new.key_id::text);
  return null;
end $$;
create trigger subject_key_changed after update on keys.subject_key for each row
  when (old.state is distinct from new.state) execute function keys.tell();

revoke execute on all routines in schema keys from public;
grant execute on function keys.begin(text, text) to es_app, es_custodian;
grant usage on schema keys to es_custodian;
grant select on keys.epoch, keys.secret, keys.blocking_key to es_app, es_custodian;
grant insert on keys.secret to es_app;
revoke delete on keys.subject_key from es_eraser;
grant select, insert on keys.subject_key to es_custodian;
grant insert on keys.epoch, keys.secret, keys.blocking_key to es_custodian;
grant update (wrapped, epoch, state, serial, blocked_at, blocked_until, basis, blocking_key, destroyed_at, destroyed_because)
  on keys.subject_key to es_custodian;
grant update (wrapped, epoch) on keys.secret to es_custodian;
grant update (state, retired_at, emptied_at, destroyed_at) on keys.epoch to es_custodian;
grant update (retired_at) on keys.blocking_key to es_custodian;
