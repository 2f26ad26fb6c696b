-- Sealing: the log as a Merkle tree (RFC 6962) and its signed heads. The sealer reads events and adds hashes and heads;
-- it can change neither events nor what was sealed.
do $$
begin
  if not exists (select from pg_roles where rolname = 'es_sealer') then
    begin
      create role es_sealer login;
    exception when duplicate_object or unique_violation then null;  -- another database of this cluster was faster
    end;
  end if;
  if not (select rolsuper from pg_roles where rolname = current_user) then
    grant es_sealer to current_user;
  end if;
end $$;

-- Which trees there are, and of what. Of each source the youngest one grows; the others were closed, and because of what.
create table es.tree (
  tree     smallint    primary key generated always as identity,
  source   text        not null,
  log_id   uuid        not null unique default gen_random_uuid(),
  begun_at timestamptz not null default now(),
  because  text
);
create index tree_of_source on es.tree (source, tree);

-- Full tiles, of 256 hashes each, and the root above them. The hashes of a tile above the leaves are the roots of 256 tiles
-- below it: they are not kept twice.
create table es.tile (
  tree   smallint not null references es.tree,
  level  smallint not null check (level between 0 and 7),
  number bigint   not null check (number >= 0),
  root   bytea    not null check (octet_length(root) = 32),
  hashes bytea    check (octet_length(hashes) = 8192),
  primary key (tree, level, number),
  check ((level = 0) = (hashes is not null))
);
alter table es.tile alter column hashes set storage external;  -- hashes cannot be compressed

-- The leaves of the tile that is not full yet, as they come. They go when it is full.
create table es.tile_part (
  tree   smallint not null references es.tree,
  number bigint   not null check (number >= 0),
  start  smallint not null check (start between 0 and 255),
  hashes bytea    not null check (octet_length(hashes) between 32 and 8160 and octet_length(hashes) % 32 = 0),
  primary key (tree, number, start)
);

-- Signed heads: what was promised for ever.
create table es.tree_head (
  tree      smallint    not null references es.tree,
  size      bigint      not null check (size >= 0),
  root      bytea       not null check (octet_length(root) = 32),
  note      text        not null,          -- the signed checkpoint (C2SP tlog-checkpoint)
  signed_at timestamptz not null default clock_timestamp(),
  primary key (tree, size)
);

-- Where else a head is known: with a witness, a time stamping authority, an auditor.
create table es.anchor (
  tree     smallint    not null,
  size     bigint      not null,
  kind     text        not null check (kind in ('witness', 'timestamp', 'mail')),
  name     text        not null check (octet_length(name) between 1 and 1000),
  evidence bytea       not null,           -- signature lines, a time stamp token, the id of a message
  at       timestamptz not null default clock_timestamp(),
  primary key (tree, kind, name, size),
  foreign key (tree, size) references es.tree_head
);

-- The public keys that heads were signed with, for whoever makes a policy of them. An auditor takes them from elsewhere.
create table es.tree_key (
  tree       smallint    not null references es.tree,
  vkey       text        not null,
  first_size bigint      not null,
  at         timestamptz not null default clock_timestamp(),
  primary key (tree, vkey)
);

-- A tree only grows.
create function es.head_grows() returns trigger language plpgsql as $$
begin
  if exists (select from es.tree_head h where h.tree = new.tree and h.size >= new.size) then
    raise exception 'a head of this size or a larger one was signed already' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger tree_head_grows before insert on es.tree_head for each row execute function es.head_grows();
alter table es.tree_head enable always trigger tree_head_grows;

-- Leaves may leave the parts when the full tile has them.
create function es.part_is_in_tile() returns trigger language plpgsql as $$
begin
  if not exists (select from es.tile t
                  where t.tree = old.tree and t.level = 0 and t.number = old.number
                    and substring(t.hashes from old.start * 32 + 1 for octet_length(old.hashes)) = old.hashes) then
    raise exception 'es.tile_part is append-only (delete)' using errcode = 'restrict_violation';
  end if;
  return old;
end $$;
create trigger tile_part_moves before delete on es.tile_part for each row execute function es.part_is_in_tile();
create trigger tile_part_is_kept before update on es.tile_part for each row execute function es.immutable();
alter table es.tile_part enable always trigger tile_part_moves;
alter table es.tile_part enable always trigger tile_part_is_kept;

create function es.drop_full_parts(p_tree smallint) returns void language sql security definer set search_path = es, pg_temp as $$
  delete from es.tile_part p using es.tile t
   where p.tree = p_tree and t.tree = p_tree and t.level = 0 and t.number = p.number;
$$;

do $$
declare
  held text;
begin
  foreach held in array array['tree', 'tile', 'tree_head', 'anchor', 'tree_key'] loop
    execute format('create trigger %I before update or delete on es.%I for each row execute function es.immutable()',
                   held || '_is_kept', held);
    execute format('alter table es.%I enable always trigger %I', held, held || '_is_kept');
  end loop;
  foreach held in array array['tree', 'tile', 'tile_part', 'tree_head', 'anchor', 'tree_key'] loop
    execute format('create trigger %I before truncate on es.%I for each statement execute function es.immutable()',
                   held || '_stays', held);
    execute format('alter table es.%I enable always trigger %I', held, held || '_stays');
    execute format('alter table es.%I owner to es_owner', held);
    execute format('revoke all on es.%I from public', held);
    execute format('grant select on es.%I to es_app, es_audit, es_sealer', held);
    execute format('grant insert on es.%I to es_sealer', held);
  end loop;
end $$;
alter function es.head_grows()              owner to es_owner;
alter function es.part_is_in_tile()         owner to es_owner;
alter function es.drop_full_parts(smallint) owner to es_owner;
revoke execute on function es.head_grows(), es.part_is_in_tile(), es.drop_full_parts(smallint) from public;
grant execute on function es.drop_full_parts(smallint) to es_sealer;
grant usage on schema es to es_sealer;
grant select on es.event to es_sealer;

-- What could not be sealed is not recorded either: an entry has at most 65,535 bytes.
alter table es.event add constraint event_sealable check (octet_length(type) <= 1000 and octet_length(actor) <= 10000) not valid;
