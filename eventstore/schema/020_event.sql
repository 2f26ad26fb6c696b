-- The log: one table, one order. Position order is commit order, without gaps.
create table es.event (
  position       bigint      primary key,
  stream_id      uuid        not null,
  version        int         not null check (version >= 0),
  type           text        not null,
  customer_id    uuid,
  occurred_at    timestamptz not null,
  recorded_at    timestamptz not null,
  actor          text        not null,
  origin         text        not null check (origin in ('live', 'import', 'sync')),
  command_id     uuid        not null,
  correlation_id uuid        not null,
  because        bigint,
  body           bytea       not null,
  personal       bytea,
  constraint event_stream_version unique (stream_id, version)
) with (autovacuum_vacuum_insert_scale_factor = 0.02);
create index event_customer on es.event (customer_id, position) where customer_id is not null;
create index event_recorded on es.event using brin (recorded_at) with (pages_per_range = 32);
