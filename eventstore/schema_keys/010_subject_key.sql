-- One key per data subject and class of personal value, wrapped. May live in a database of its own.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['es_app', 'es_eraser'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      begin
        execute format('create role %I login', wanted);
      exception when duplicate_object or unique_violation then null;
      end;
    end if;
    if not (select rolsuper from pg_roles where rolname = current_user) then  -- to hand things over, and to become it
      execute format('grant %I to current_user', wanted);
    end if;
  end loop;
end $$;
create schema keys;
create table keys.subject_key (
  key_id     bigint      generated always as identity primary key,
  subject_id uuid        not null,
  class      text        not null,
  wrapped    bytea       not null,
  epoch      int         not null,
  created_at timestamptz not null default now(),
  constraint subject_key_meaning unique (subject_id, class)
);
grant usage on schema keys to es_app, es_eraser;
grant select, insert on keys.subject_key to es_app;
grant select, delete on keys.subject_key to es_eraser;
