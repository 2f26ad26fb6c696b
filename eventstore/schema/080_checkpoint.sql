-- How far each reader of the log that acts beside it has come (policies, the sheet of what is due).
create table es.checkpoint (
  name       text        primary key,
  position   bigint      not null check (position >= 0),
  changed_at timestamptz not null default now()
);
