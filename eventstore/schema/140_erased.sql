-- What is left of a personal value that was forgotten: which key it was under, and a digest from which nothing can be
-- guessed, so that the event's own digest can still be computed. Rows come here by es.erase alone.
create table es.erased (
  position   bigint      not null,
  slot       smallint    not null,
  subject_id uuid        not null,
  key_id     bigint      not null,
  digest     bytea       not null check (length(digest) = 32),      -- sha256(nonce || ciphertext)
  reason     text        not null check (reason in ('ERASED', 'RECTIFIED')),
  because    bigint      not null,                                   -- of the event by which it was forgotten
  erased_at  timestamptz not null default now(),
  primary key (position, slot)
);
create index erased_because on es.erased (because);
create trigger erased_is_kept before update or delete on es.erased for each row       execute function es.immutable();
create trigger erased_stays   before truncate         on es.erased for each statement execute function es.immutable();
alter table es.erased enable always trigger erased_is_kept;
alter table es.erased enable always trigger erased_stays;

-- No personal value leaves without its tombstone.
create function es.leaves_a_tombstone() returns trigger language plpgsql as $$
begin
  if exists (select from gone g where not exists (
               select from es.erased e where e.position = g.position and e.slot = g.slot and e.key_id = g.key_id
                  and e.subject_id = g.subject_id and e.digest = sha256(g.nonce || g.ciphertext))) then
    raise exception 'es.personal: a value leaves by es.erase only' using errcode = 'restrict_violation';
  end if;
  return null;
end $$;
create trigger personal_leaves_a_tombstone after delete on es.personal referencing old table as gone
  for each statement execute function es.leaves_a_tombstone();
alter table es.personal enable always trigger personal_leaves_a_tombstone;

-- Whether an event is in the tree of the last checkpoint: of the youngest tree, if there were several.
create function es.is_sealed(p_position bigint) returns boolean language plpgsql stable
set search_path = es, pg_temp as $$
begin
  return p_position <= coalesce((select max(h.size) from es.tree_head h
                                  where h.tree = (select max(t.tree) from es.tree t where t.source = 'events')), 0);
end $$;

-- Refuses unless a sealed event says that these keys were destroyed.
create function es.must_say_destroyed(p_keys bigint[], p_because bigint) returns void language plpgsql
set search_path = es, pg_temp as $$
declare
  v_body jsonb;
begin
  select convert_from(e.body, 'UTF8')::jsonb into v_body from es.event e
   where e.position = p_because and e.type = 'erasure.keys_destroyed.v1';
  if v_body is null then
    raise exception 'event % does not say that keys were destroyed', p_because using errcode = 'BT020';
  end if;
  if not es.is_sealed(p_because) then
    raise exception 'event % is not sealed yet', p_because using errcode = 'BT021';
  end if;
  if exists (select from unnest(p_keys) k (id) where k.id is null)
     or exists (select k.id from unnest(p_keys) k (id) except select n::bigint from jsonb_array_elements_text(v_body -> 'key_ids') n) then
    raise exception 'event % does not name all of these keys', p_because using errcode = 'BT022';
  end if;
end $$;

-- Moves at most so many values of these keys to es.erased. `p_subjects` are whose the keys are, if that is known: they are
-- found by an index then.
create function es.erase_some(p_keys bigint[], p_because bigint, p_subjects uuid[], p_limit int) returns bigint
language plpgsql security definer set search_path = es, pg_temp as $$
declare
  v_moved bigint;
begin
  perform es.must_say_destroyed(p_keys, p_because);
  with going as materialized (
    select p.position, p.slot from es.personal p
     where p.key_id = any(p_keys) and (p_subjects is null or p.subject_id = any(p_subjects))
     order by p.position, p.slot limit p_limit for update),
  kept as (
    insert into es.erased (position, slot, subject_id, key_id, digest, reason, because)
    select p.position, p.slot, p.subject_id, p.key_id, sha256(p.nonce || p.ciphertext), 'ERASED', p_because
      from going g join es.personal p using (position, slot)
    returning position, slot)
  delete from es.personal p using kept k where p.position = k.position and p.slot = k.slot;
  get diagnostics v_moved = row_count;
  return v_moved;
end $$;

-- Forgets everything under these keys, in batches that are each committed. Twice is the same as once.
create procedure es.erase(p_keys bigint[], p_because bigint, p_subjects uuid[] default null, inout erased bigint default 0)
language plpgsql as $$
declare
  v_moved bigint;
begin
  erased := 0;
  loop
    v_moved := es.erase_some(p_keys, p_because, p_subjects, 5000);
    erased := erased + v_moved;
    commit;
    exit when v_moved = 0;
  end loop;
end $$;

alter table es.erased                                            owner to es_owner;
alter function es.leaves_a_tombstone()                           owner to es_owner;
alter function es.is_sealed(bigint)                              owner to es_owner;
alter function es.must_say_destroyed(bigint[], bigint)           owner to es_owner;
alter function es.erase_some(bigint[], bigint, uuid[], int)      owner to es_owner;
revoke all on es.erased from public;
revoke execute on function es.leaves_a_tombstone(), es.is_sealed(bigint), es.must_say_destroyed(bigint[], bigint),
                           es.erase_some(bigint[], bigint, uuid[], int) from public;
revoke execute on procedure es.erase from public;
grant select on es.erased to es_app, es_audit, es_eraser;
grant execute on function es.is_sealed(bigint) to es_app, es_audit, es_eraser;
revoke delete on es.personal from es_eraser;
grant execute on function  es.erase_some(bigint[], bigint, uuid[], int) to es_eraser;
grant execute on procedure es.erase to es_eraser;
