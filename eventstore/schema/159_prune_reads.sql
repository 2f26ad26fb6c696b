-- Reads are kept for two years. What is older leaves from the beginning of the log, once it is sealed, and its hashes stay in the
-- tree. The last one that is old enough stays too: times never decrease, so its sealed entry shows that all before it were.
create function es.read_term() returns interval language sql immutable as $$ select interval '2 years' $$;

-- How many reads have left: of which nothing is told but their hashes. A beginning that is too young did not leave by right.
create function es.reads_gone() returns bigint language sql stable as $$
  select coalesce((select f.position - 1 from (select r.position, r.recorded_at from es.read r order by r.position limit 1) f
                    where f.recorded_at <= clock_timestamp() - es.read_term()), 0)
$$;

create function es.reads_sealed() returns bigint language sql stable as $$
  select coalesce((select max(h.size) from es.tree_head h
                    where h.tree = (select max(t.tree) from es.tree t where t.source = 'reads')), 0)
$$;

create function es.read_leaves_when_old() returns trigger language plpgsql as $$
declare
  v_first bigint := (select min(r.position) from es.read r);
begin
  if exists (select from gone g where v_first is null or v_first > es.reads_sealed() or g.position > es.reads_gone()) then
    raise exception 'es.read is append-only (delete)' using errcode = 'restrict_violation';
  end if;
  return null;
end $$;
drop trigger read_is_kept on es.read;
create trigger read_is_kept before update on es.read for each row execute function es.immutable();
create trigger read_leaves_when_old after delete on es.read referencing old table as gone
  for each statement execute function es.read_leaves_when_old();
alter table es.read enable always trigger read_is_kept;
alter table es.read enable always trigger read_leaves_when_old;

-- Drops the first so many reads from before a moment, all but the last of them, and says how many.
create function es.prune_reads(p_before timestamptz, p_most int) returns bigint language plpgsql
security definer set search_path = es, pg_temp as $$
declare
  v_low  bigint := (select min(r.position) from es.read r);
  v_high bigint := least((select max(r.position) from es.read r), es.reads_sealed());
  v_from bigint := v_low;
  v_half bigint;
  v_gone bigint;
begin
  if p_before is null or p_before > clock_timestamp() - es.read_term() then
    raise exception 'reads are kept for %', es.read_term() using errcode = 'BT030';
  end if;
  while v_low < v_high loop
    v_half := (v_low + v_high + 1) / 2;
    if (select r.recorded_at < p_before from es.read r where r.position = v_half) then
      v_low := v_half;
    else
      v_high := v_half - 1;
    end if;
  end loop;
  delete from es.read r where r.position < least(v_low, v_from + p_most);
  get diagnostics v_gone = row_count;
  return v_gone;
end $$;
alter function es.read_term()                         owner to es_owner;
alter function es.reads_gone()                        owner to es_owner;
alter function es.reads_sealed()                      owner to es_owner;
alter function es.read_leaves_when_old()              owner to es_owner;
alter function es.prune_reads(timestamptz, int)       owner to es_owner;
revoke execute on function es.read_term(), es.reads_gone(), es.reads_sealed(), es.read_leaves_when_old(),
  es.prune_reads(timestamptz, int) from public;
grant execute on function es.read_term(), es.reads_gone() to es_app, es_audit, es_sealer;
grant execute on function es.prune_reads(timestamptz, int) to es_eraser;
