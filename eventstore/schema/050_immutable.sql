-- Nobody rewrites the past: not by update, delete or truncate, and not as a replica either.
create function es.immutable() returns trigger language plpgsql as $$
begin
  raise exception 'es.% is append-only (%)', tg_table_name, lower(tg_op) using errcode = 'restrict_violation';
end $$;

create trigger event_is_kept       before update or delete on es.event    for each row       execute function es.immutable();
create trigger event_stays         before truncate         on es.event    for each statement execute function es.immutable();
create trigger command_is_kept     before update or delete on es.command  for each row       execute function es.immutable();
create trigger command_stays       before truncate         on es.command  for each statement execute function es.immutable();
create trigger personal_is_kept    before update           on es.personal for each row       execute function es.immutable();
create trigger personal_stays      before truncate         on es.personal for each statement execute function es.immutable();
alter table es.event    enable always trigger event_is_kept;
alter table es.event    enable always trigger event_stays;
alter table es.command  enable always trigger command_is_kept;
alter table es.command  enable always trigger command_stays;
alter table es.personal enable always trigger personal_is_kept;
alter table es.personal enable always trigger personal_stays;
