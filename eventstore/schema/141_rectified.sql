-- What was corrected leaves the log as well, one value at a time: only because of a later, sealed event of the same stream.
create function es.sealed_size() returns bigint language sql stable set search_path = es, pg_temp as $$
  select coalesce((select max(h.size) from es.tree_head h
                    where h.tree = (select max(t.tree) from es.tree t where t.source = 'events')), 0)
$$;

create function es.rectify(p_positions bigint[], p_slots smallint[], p_because bigint[]) returns bigint
language plpgsql security definer set search_path = es, pg_temp as $$
declare
  v_moved bigint;
begin
  if exists (select from unnest(p_positions, p_because) r (position, because)
               left join es.event e on e.position = r.position
               left join es.event c on c.position = r.because
              where c.stream_id is distinct from e.stream_id or c.version is null or c.version <= e.version
                 or r.because > es.sealed_size()) then
    raise exception 'a value is corrected by a later event of its stream, once that is sealed' using errcode = 'BT024';
  end if;
  with going as materialized (
    select p.position, p.slot, r.because
      from unnest(p_positions, p_slots, p_because) r (position, slot, because) join es.personal p using (position, slot)
     order by p.position, p.slot for update of p),
  kept as (
    insert into es.erased (position, slot, subject_id, key_id, digest, reason, because)
    select p.position, p.slot, p.subject_id, p.key_id, sha256(p.nonce || p.ciphertext), 'RECTIFIED', g.because
      from going g join es.personal p using (position, slot)
    returning position, slot)
  delete from es.personal p using kept k where p.position = k.position and p.slot = k.slot;
  get diagnostics v_moved = row_count;
  return v_moved;
end $$;

alter function es.sealed_size()                              owner to es_owner;
alter function es.rectify(bigint[], smallint[], bigint[])    owner to es_owner;
revoke execute on function es.sealed_size(), es.rectify(bigint[], smallint[], bigint[]) from public;
grant execute on function es.sealed_size() to es_app, es_audit, es_eraser;
grant execute on function es.rectify(bigint[], smallint[], bigint[]) to es_eraser;
