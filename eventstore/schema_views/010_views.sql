-- The views belong to the application: it makes, fills, swaps and drops them. They may live in a database of their own.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['es_app', 'es_audit'] loop
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
create schema views authorization es_app;
grant usage on schema views to es_audit;

create table views.checkpoint (
  name       text        primary key,
  version    int         not null,
  position   bigint      not null check (position >= 0),
  changed_at timestamptz not null default now()
);
create table views.parked (
  view      text        not null,
  key       text        not null,
  position  bigint      not null,
  error     text        not null,
  parked_at timestamptz not null default now(),
  primary key (view, key)
);
alter table views.checkpoint owner to es_app;
alter table views.parked     owner to es_app;
