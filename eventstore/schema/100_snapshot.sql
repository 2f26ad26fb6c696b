-- States that the eventsourcing library kept so that it need not read a whole stream. They are no history: they may go.
create table es.snapshot (
  application text  not null,
  stream_id   uuid  not null,
  version     int   not null,
  type        text  not null,
  body        bytea not null,
  primary key (application, stream_id, version)
);
alter table es.snapshot owner to es_owner;
revoke all on es.snapshot from public;
grant select, insert, delete on es.snapshot to es_app;
