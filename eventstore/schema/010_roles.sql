-- Who may do what. The owner cannot log in; the application may append and read, and nothing else.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['es_owner', 'es_app', 'es_audit', 'es_eraser'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      begin
        execute format('create role %I %s', wanted, case when wanted = 'es_owner' then 'nologin' else 'login' end);
      exception when duplicate_object or unique_violation then null;  -- another database of this cluster was faster
      end;
    end if;
    if not (select rolsuper from pg_roles where rolname = current_user) then  -- to hand things over, and to become it
      execute format('grant %I to current_user', wanted);
    end if;
  end loop;
end $$;
create schema es authorization es_owner;
grant usage on schema es to es_app, es_audit, es_eraser;
