-- Single values that were corrected: sealed to the data protection officer until their term is over. Their rows have left
-- the log; the key that they were under goes on for the values beside them.
create table keys.blocked_value (
  position      bigint      not null,
  slot          smallint    not null,
  subject_id    uuid        not null,
  key_id        bigint      not null,
  because       bigint      not null,           -- the position of the event that corrects it
  sealed        bytea,
  blocking_key  int         not null references keys.blocking_key,
  blocked_at    timestamptz not null default now(),
  blocked_until date        not null,
  basis         text        not null,
  destroyed_at  timestamptz,
  primary key (position, slot),
  check ((sealed is null) = (destroyed_at is not null))
);
create index blocked_value_subject on keys.blocked_value (subject_id);
create index blocked_value_ends    on keys.blocked_value (blocked_until) where sealed is not null;
create trigger blocked_value_is_gone before update on keys.blocked_value for each row when (old.sealed is null)
  execute function keys.stays();
create trigger blocked_value_is_kept before delete   on keys.blocked_value for each row       execute function keys.stays();
create trigger blocked_value_stays   before truncate on keys.blocked_value for each statement execute function keys.stays();
alter table keys.blocked_value enable always trigger blocked_value_is_gone;
alter table keys.blocked_value enable always trigger blocked_value_is_kept;
alter table keys.blocked_value enable always trigger blocked_value_stays;
grant select, insert on keys.blocked_value to es_custodian;
grant update (sealed, destroyed_at) on keys.blocked_value to es_custodian;
