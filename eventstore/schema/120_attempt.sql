-- How often each outbound message was tried since it was queued, for whoever sends it next. It is no history: it goes when
-- the message is acknowledged or given up.
create table es.attempt (
  stream_id uuid        not null,
  queuing   int         not null,           -- which time that it was queued
  attempts  int         not null check (attempts > 0),
  last_at   timestamptz not null,
  primary key (stream_id, queuing)
);
alter table es.attempt owner to es_owner;
revoke all on es.attempt from public;
grant select, insert, update, delete on es.attempt to es_app;
grant select on es.attempt to es_audit;
