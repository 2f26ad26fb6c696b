-- The requests that were answered with events, so that a retry is answered alike and appends nothing.
create table es.command (
  command_id uuid   primary key,
  first      bigint not null,
  last       bigint not null
);
