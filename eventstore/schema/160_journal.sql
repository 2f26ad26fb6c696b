-- Searching the log, and what followed from what. Both indexes are cheap where the log grows: one at its right edge, and
-- one that sums up ranges of pages only once they are full.
create index event_because on es.event (because, position) where because is not null;
create index event_found on es.event using brin (
  correlation_id uuid_bloom_ops,
  actor          text_bloom_ops (n_distinct_per_range = 256),
  type           text_bloom_ops (n_distinct_per_range = 256),
  occurred_at    timestamptz_minmax_multi_ops
) with (pages_per_range = 32, autosummarize = on);

-- The last position that was recorded by a moment, by halves: positions are dense and moments never decrease.
create function es.position_at(p_moment timestamptz) returns bigint language plpgsql stable as $$
declare
  v_low  bigint := 0;
  v_high bigint := coalesce((select max(e.position) from es.event e), 0);
  v_half bigint;
begin
  while v_low < v_high loop
    v_half := (v_low + v_high + 1) / 2;
    if (select e.recorded_at <= p_moment from es.event e where e.position = v_half) then
      v_low := v_half;
    else
      v_high := v_half - 1;
    end if;
  end loop;
  return v_low;
end $$;

-- Which promise an event keeps: the stream of the follow-up that its body names, if it names one.
create function es.kept_promise(p_body bytea) returns uuid language sql immutable as $$
  select substring(encode(p_body, 'escape') from '"follow_up_id":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')::uuid
$$;

-- What an event goes back to, at most one event before it: the promise that it keeps (KEPT); the beginning of its stream if
-- that goes back to the same cause or nobody says to what it goes back (CONTINUED); or the event that caused it (CAUSED).
create function es.went_back(p_position bigint, out cause bigint, out link text) language plpgsql stable as $$
declare
  e       record;
  v_begun record;
begin
  select x.position, x.stream_id, x.version, x.because, x.customer_id, x.body into e from es.event x where x.position = p_position;
  if e.version > 1 then
    select x.position, x.because into v_begun from es.event x where x.stream_id = e.stream_id and x.version = 1;
    if v_begun.position < e.position and (e.because is null or v_begun.because = e.because) then
      cause := v_begun.position;
      link  := 'CONTINUED';
      return;
    end if;
  end if;
  if e.because is not null then
    select x.position into cause from es.event x
     where x.stream_id = es.kept_promise(e.body) and x.version = 1 and x.because = e.because and x.customer_id = e.customer_id
       and x.position < e.position;
    link := 'KEPT';
    if cause is null and e.because < e.position then
      cause := e.because;
      link  := 'CAUSED';
    end if;
  end if;
  if cause is null then link := null; end if;
end $$;

-- The first so many events that go back to one, in order: exactly those of which es.went_back names it. Each kind is read
-- along an index, and no further than is asked for.
create function es.followed(p_position bigint, p_most int) returns table (effect bigint, link text) language sql stable as $$
  with cause as materialized (
    select e.position, e.stream_id, e.version, e.because, e.customer_id from es.event e where e.position = p_position),
  found as (
    (select e.position, b.link from cause c join es.event e on e.because = c.position
       cross join lateral es.went_back(e.position) b
      where b.cause = p_position and b.link = 'CAUSED' order by e.because, e.position limit p_most)
    union all
    (select e.position, b.link from cause c join es.event e on e.stream_id = c.stream_id and e.version > 1
       cross join lateral es.went_back(e.position) b
      where c.version = 1 and b.cause = p_position and b.link = 'CONTINUED' order by e.version limit p_most)
    union all
    (select e.position, b.link from cause c join es.event e on e.customer_id = c.customer_id and e.position > c.position
       cross join lateral es.went_back(e.position) b
      where c.version = 1 and e.because = c.because and es.kept_promise(e.body) = c.stream_id
        and b.cause = p_position and b.link = 'KEPT' order by e.position limit p_most))
  select f.position, f.link from found f order by f.position limit p_most
$$;

alter function es.position_at(timestamptz)  owner to es_owner;
alter function es.kept_promise(bytea)       owner to es_owner;
alter function es.went_back(bigint)         owner to es_owner;
alter function es.followed(bigint, int)     owner to es_owner;
revoke execute on function es.position_at(timestamptz), es.kept_promise(bytea), es.went_back(bigint), es.followed(bigint, int)
  from public;
grant execute on function es.position_at(timestamptz), es.kept_promise(bytea), es.went_back(bigint), es.followed(bigint, int)
  to es_app, es_audit;
