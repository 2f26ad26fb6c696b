-- Triggers that have no row in the ledger of follow-ups, as the worker found them. It must be empty.
create table es.follow_up_gap (
  policy   text        not null,
  position bigint      not null,        -- of the trigger
  found_at timestamptz not null default now(),
  primary key (policy, position)
);
alter table es.follow_up_gap owner to es_owner;
revoke all on es.follow_up_gap from public;
grant select, insert, update, delete on es.follow_up_gap to es_app;
grant select on es.follow_up_gap to es_audit;
