"""Drills: how a superuser would change the past, with every rule of the database switched off, and where it must be found."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from psycopg import Connection

from eventstore.evidence.reading import fetch, standing
from eventstore.evidence.tree import Sealed, sealed_log
from eventstore.sealing.keys import KeyFile
from eventstore.sealing.merkle import Tree, leaf_hash
from eventstore.sealing.notes import Checkpoint, Note, Signer
from eventstore.sealing.tiles import Edge, write

TABLES = ("event", "personal", "erased", "tile", "tile_part", "tree_head", "tree_key", "tree", "anchor", "command")
RULES = (
    "alter table es.event drop constraint event_pkey cascade",
    "alter table es.event drop constraint event_stream_version",
    "alter table es.event drop constraint event_version_check",
    "alter table es.event drop constraint event_origin_check",
    "alter table es.event drop constraint if exists event_sealable",
    "alter table es.personal drop constraint personal_pkey",
    "alter table es.erased drop constraint erased_pkey",
)
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ATTACKER = Signer.of("nobody", random.Random(1).randbytes(32))

Act = Callable[[Connection], object]

EDITS = {
    "stream_id": "gen_random_uuid()",
    "version": "version + 1000",
    "type": "'account.closed.v1'",
    "customer_id": "gen_random_uuid()",
    "occurred_at": "occurred_at - interval '1 day'",
    "recorded_at": "recorded_at + interval '1 microsecond'",
    "actor": "'user:somebody-else'",
    "origin": "case origin when 'live' then 'import' else 'live' end",
    "command_id": "gen_random_uuid()",
    "correlation_id": "gen_random_uuid()",
    "because": "coalesce(because, 0) + 1",
    "body": "body || convert_to(' ', 'UTF8')",
    "personal": "sha256(body)",
    "position": "-position",
}
"""Of each column of `es.event` another value."""
WORSE = {
    "recorded_at": "'infinity'",
    "occurred_at": "'-infinity'",
    "actor": "repeat('x', 70000)",
    "body": r"'\x00ff80'",
    "type": "''",
    "version": "-1",
    "origin": "'nowhere'",
    "personal": r"'\x00'",
}
"""Values that columns take only when their rules are gone, or that are hard to read."""

PRETEXTS = """
select p.position, p.slot, c.position from es.personal p join es.event e using (position)
  join es.event c on c.stream_id = e.stream_id and c.version > e.version or c.type like '%keys_destroyed%' order by 1, 2, 3
"""
"""Values, and events that somebody might say account for it that they are gone. None does: what is rightly gone is gone."""


@dataclass(frozen=True)
class Drill:
    """An attack, the positions from `first` to `last` that it touches first, and whether that is named to the event.

    `held` says that nothing shows it but what was kept outside.
    """

    name: str
    do: Act
    first: int
    last: int
    exact: bool = True

    def is_named(self, first: int, last: int) -> bool:
        """Whether a finding from `first` to `last` names it."""
        return first == last == self.first if self.exact else first <= self.last and self.first <= last


def disarm(db: Connection) -> None:
    """Switches every rule off, as only a superuser can."""
    for table in TABLES:
        db.execute(f"alter table es.{table} disable trigger all")
    for rule in RULES:
        db.execute(rule)


def run(*statements: str) -> Act:
    """Statements, one after the other."""

    def do(db: Connection) -> None:
        for statement in statements:
            db.execute(statement)

    return do


def at(position: int, name: str, *statements: str) -> Drill:
    """An attack that is found at a position."""
    return Drill(f"{position}: {name}", run(*statements), position, position)


def within(first: int, last: int, name: str, act: Act) -> Drill:
    """An attack that is found somewhere in a range."""
    return Drill(f"{first}-{last}: {name}", act, first, last, exact=False)


def drills(db: Connection, home: Path, size: int, seed: int = 1) -> Iterator[Drill]:
    """Attacks without an end on a sealed log."""
    chance = random.Random(seed)
    personal = db.execute("select position, slot from es.personal order by 1, 2").fetchall()
    pretexts = db.execute(PRETEXTS).fetchall()
    erased = db.execute("select position, slot from es.erased order by 1, 2").fetchall()
    heads = [row[0] for row in db.execute("select size from es.tree_head order by 1").fetchall()]
    edits = [*EDITS.items(), *WORSE.items()]
    for n in count():
        for column, value in (edits[n % len(edits)], chance.choice(edits)):
            it = chance.randint(1, size)
            yield at(it, f"{column} = {value}", f"update es.event set {column} = {value} where position = {it}")
        yield from events_changed(chance, size)
        yield from values_changed(chance, size, personal, erased)
        yield from passed_off(chance, pretexts)
        yield from tree_changed(chance, size, heads)
        yield from heads_changed(chance, size, heads, home)
        yield from rewritten(chance, size, heads, home)


def events_changed(chance: random.Random, size: int) -> Iterator[Drill]:
    """Events removed, put in and put in another order; the tree is left as it is."""
    it, other = sorted(chance.sample(range(1, size + 1), 2))
    gone, later = f"delete from es.event where position = {it}", f"where position > {it}"
    yield at(it, "removed", gone)
    yield at(it, "removed with its values", gone, f"delete from es.personal where position = {it}")
    yield at(it, "removed, and all that follow", f"delete from es.event where position >= {it}")
    yield at(it, "twice", f"insert into es.event select * from es.event where position = {it}")
    yield at(it, "removed, and the rest moved up", gone, f"update es.event set position = position - 1 {later}")
    yield at(
        it,
        "another put in",
        f"update es.event set position = position + 1 where position >= {it}",
        copied(it + 1, it, version="e.version + 5000"),
    )
    yield at(it, f"copied from {other}", gone, copied(other, it))
    for column in ("position", "body", "recorded_at", "customer_id", "stream_id", "actor", "type"):
        yield at(it, f"{column} swapped with {other}", swapped(column, it, other))


def values_changed(
    chance: random.Random, size: int, personal: list[tuple[int, int]], erased: list[tuple[int, int]]
) -> Iterator[Drill]:
    """Personal values changed, removed, moved, put in, and passed off as erased; tombstones likewise."""
    (it, slot), (gone, hole) = chance.choice(personal), chance.choice(erased)
    here, there = f"where position = {it} and slot = {slot}", f"where position = {gone} and slot = {hole}"
    free = chance.randint(1, size)
    for change in (
        "nonce = nonce || nonce", r"ciphertext = set_byte(ciphertext, 0, get_byte(ciphertext, 0) # 1)",
        "subject_id = gen_random_uuid()", "key_id = key_id + 1", "slot = slot + 1", "slot = -1", f"position = {free}",
    ):  # fmt: skip
        first = min(it, free) if change.startswith("position") else it
        yield at(first, f"of value {slot}, {change}", f"update es.personal set {change} {here}")
    yield at(it, f"value {slot} removed", f"delete from es.personal {here}")
    because = chance.choice((1, it, size, size + 9))
    tomb = (
        "insert into es.erased (position, slot, subject_id, key_id, digest, reason, because) "
        f"select position, slot, subject_id, key_id, sha256(nonce || ciphertext), 'ERASED', {because} from es.personal {here}"
    )
    yield at(it, f"value {slot} passed off as erased", tomb, f"delete from es.personal {here}")
    yield at(it, f"value {slot} kept, and a tombstone put", tomb)
    yield at(
        free,
        "a value put in",
        f"insert into es.personal select {free}, 99, subject_id, key_id, nonce, ciphertext from es.personal {here}",
    )
    for change in (
        "digest = sha256(digest)",
        "subject_id = gen_random_uuid()",
        "key_id = key_id + 1000",
        "because = 1",
        "slot = slot + 7",
    ):
        yield at(gone, f"of tombstone {hole}, {change}", f"update es.erased set {change} {there}")
    yield at(gone, f"tombstone {hole} removed", f"delete from es.erased {there}")


def passed_off(chance: random.Random, pretexts: list[tuple[int, int, int]]) -> Iterator[Drill]:
    """A value removed with a tombstone that is right but for its reason: a sealed event that destroys or corrects others."""
    for reason in ("RECTIFIED", "ERASED"):
        it, slot, because = chance.choice(pretexts)
        here = f"where position = {it} and slot = {slot}"
        tomb = (
            "insert into es.erased (position, slot, subject_id, key_id, digest, reason, because) "
            f"select position, slot, subject_id, key_id, sha256(nonce || ciphertext), '{reason}', {because} "
            f"  from es.personal {here}"
        )
        yield at(it, f"value {slot} passed off as {reason} by {because}", tomb, f"delete from es.personal {here}")


def tree_changed(chance: random.Random, size: int, heads: list[int]) -> Iterator[Drill]:
    """Hashes of the tree changed and removed; the events are left as they are."""
    full = size // 256
    it, part = chance.randrange(256 * full), chance.randrange(256 * full, size)
    flip = "set {0} = set_byte({0}, {1}, get_byte({0}, {1}) # 1)"
    byte = 32 * (it % 256) + chance.randrange(32)
    tile = f"where level = 0 and number = {it // 256}"
    yield at(it + 1, "its hash flipped", f"update es.tile {flip.format('hashes', byte)} {tile}")
    yield at(
        part + 1,
        "its hash flipped in a part",
        f"update es.tile_part {flip.format('hashes', f'32 * ({part % 256} - start) + {byte % 32}')} "
        f"where {part % 256} between start and start + octet_length(hashes) / 32 - 1",
    )
    first = it // 256 * 256 + 1
    yield within(
        first,
        first + 255,
        "the root of its tile flipped",
        run(f"update es.tile {flip.format('root', byte % 32)} {tile}"),
    )
    yield within(first, first + 255, "its tile removed", run(f"delete from es.tile {tile}"))
    yield within(
        256 * full + 1,
        size,
        "a part of a tile removed",
        run(f"delete from es.tile_part where {part % 256} between start and start + octet_length(hashes) / 32 - 1"),
    )


def heads_changed(chance: random.Random, size: int, heads: list[int], home: Path) -> Iterator[Drill]:
    """Signed heads changed, exchanged and removed."""
    n = chance.randrange(len(heads))
    head, before = heads[n], heads[n - 1] if n else 0
    here = f"where size = {head}"
    for change in ("root = sha256(root)", "note = replace(note, '=', '')", "note = note || 'x'", "note = ''"):
        yield within(before + 1, head, f"of the head, {change}", run(f"update es.tree_head set {change} {here}"))
    if n:
        other = f"(select note from es.tree_head where size = {before})"
        yield within(
            before + 1, head, "the note of the head before", run(f"update es.tree_head set note = {other} {here}")
        )
    kept = chance.randrange(1, len(heads))
    yield within(
        heads[kept - 1] + 1,
        size,
        "this head and the later ones removed",
        run(f"delete from es.tree_head where size >= {heads[kept]}"),
    )
    yield within(1, size, "all heads removed", run("delete from es.tree_head"))
    for home_of_key in (home, None):
        who = "the real key" if home_of_key else "another key"
        yield within(before + 1, head, f"another root, signed by {who}", signed_anew(head, home_of_key))


def rewritten(chance: random.Random, size: int, heads: list[int], home: Path) -> Iterator[Drill]:
    """The past changed, the whole tree made anew, and every head signed again: with the real key, and with another."""
    it, other = sorted(chance.sample(range(1, size + 1), 2))
    column, value = chance.choice(list(EDITS.items())[:-1])
    gone = f"delete from es.event where position = {it}"
    last = next(head for head in heads if head >= it)
    changes: dict[str, Sequence[str]] = {
        f"{column} = {value}": [f"update es.event set {column} = {value} where position = {it}"],
        "removed, and the rest moved up": [gone, f"update es.event set position = position - 1 where position > {it}"],
        "all removed from there on": [
            f"delete from es.event where position >= {it}",
            f"delete from es.personal where position >= {it}",
        ],
        "another put in": [
            f"update es.event set position = position + 1 where position >= {it}",
            copied(it + 1, it, version="e.version + 5000"),
        ],
        f"swapped with {other}": [swapped("position", it, other)],
        "all amounts": [
            f"update es.event set body = body || convert_to(' ', 'UTF8') where position >= {it}",
        ],
    }
    for name, statements in changes.items():
        for home_of_key in (home, None):
            who = "the real key" if home_of_key else "another key"
            yield within(it, last, f"{name}; all rewritten with {who}", both(run(*statements), resealed(home_of_key)))


def copied(source: int, target: int, version: str = "e.version + 9000") -> str:
    """Puts a copy of an event elsewhere."""
    columns = "type, customer_id, occurred_at, recorded_at, actor, origin, command_id, correlation_id, because, body, personal"
    return (
        f"insert into es.event (position, stream_id, version, {columns}) "
        f"select {target}, e.stream_id, {version}, {columns} from es.event e where e.position = {source}"
    )


def swapped(column: str, one: int, other: int) -> str:
    """Exchanges what two events have in a column."""
    return (
        f"update es.event e set {column} = o.{column} from es.event o "
        f"where (e.position, o.position) in (({one}, {other}), ({other}, {one}))"
    )


def both(*acts: Act) -> Act:
    """One after the other."""

    def do(db: Connection) -> None:
        for act in acts:
            act(db)

    return do


def resealed(home: Path | None) -> Act:
    """Makes the tree anew from the events as they are now, and signs every head again, by the key in a home or another."""

    def do(db: Connection) -> None:
        log = must_be_sealed(db)
        last = db.execute("select coalesce(max(position), 0) from es.event").fetchone()
        assert last is not None
        tree = Tree(leaf_hash(here.entry) for here in standing(fetch(db, range(1, last[0] + 1))))
        db.execute("delete from es.tile")
        db.execute("delete from es.tile_part")
        write(db, log.tree, *Edge().extend(tree.levels[0]))
        signers = signers_of(db, log, home)
        for (size,) in db.execute("select size from es.tree_head order by size").fetchall():
            if size > tree.size:
                db.execute("delete from es.tree_head where size = %s", [size])
            else:
                sign(db, Checkpoint(log.origin, size, tree.root(size)), signers)

    return do


def signed_anew(size: int, home: Path | None) -> Act:
    """Puts another root into a head, and signs it."""

    def do(db: Connection) -> None:
        log = must_be_sealed(db)
        sign(db, Checkpoint(log.origin, size, random.Random(size).randbytes(32)), signers_of(db, log, home))

    return do


def sign(db: Connection, head: Checkpoint, signers: Sequence[Signer]) -> None:
    note = str(Note.signed(head.text(), signers))
    db.execute("update es.tree_head set root = %s, note = %s where size = %s", [head.root, note, head.size])


def signers_of(db: Connection, log: Sealed, home: Path | None) -> Sequence[Signer]:
    if home is not None:
        return KeyFile(home / "keys" / "sealing", lambda: NOW).signers(log.origin)
    signer = Signer.of(log.origin, random.Random(1).randbytes(32))
    db.execute("update es.tree_key set vkey = %s", [str(signer.key)])
    return [signer]


def must_be_sealed(db: Connection) -> Sealed:
    log = sealed_log(db)
    assert log is not None
    return log
