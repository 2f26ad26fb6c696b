-- What was appended is summed up for the search of the log: until then all of it is read through. Autovacuum does it too, but
-- once a minute at best. Whoever else has this lock vacuums the log, which sums up as well.
create function es.sum_up() returns void language plpgsql security definer set search_path = es, pg_temp as $$
begin
  lock table es.event in share update exclusive mode nowait;
  perform brin_summarize_new_values('es.event_found');
exception when lock_not_available then
  null;
end $$;
alter function es.sum_up() owner to es_owner;
revoke execute on function es.sum_up() from public;
grant execute on function es.sum_up() to es_app;
