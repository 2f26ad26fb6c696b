"""The tree as the database keeps it, for evidence: which log it is, its signed heads, and the hashes at a range of leaves."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection

from eventstore.sealing.heads import origin_of
from eventstore.sealing.merkle import HASH_BYTES
from eventstore.sealing.notes import Checkpoint, Note, NoteError, Signature, VerifierKey, signatures
from eventstore.sealing.sources import EVENTS
from eventstore.sealing.tiles import HEIGHT, cut

MAX_ANCHORS = 1_000
NOTHING = bytes(HASH_BYTES)
"""Stands for a hash that was removed: no leaf and no tile has it."""


class Sealed(NamedTuple):
    """The log as it is sealed now."""

    tree: int
    origin: str


class SignedHead(NamedTuple):
    """A row of `es.tree_head`; `note` says the same, unless somebody changed one of them."""

    size: int
    root: bytes
    note: str

    def checkpoint(self, origin: str) -> str:
        """The text that should have been signed."""
        return Checkpoint(origin, self.size, self.root).text()

    def is_signed(self, origin: str, keys: Sequence[VerifierKey]) -> bool:
        """Whether the note says what the row does, signed by one of these keys."""
        try:
            note = Note.parse(self.note)
        except NoteError:
            return False
        return note.text == self.checkpoint(origin) and is_signed(note, keys)

    def as_evidence(self, origin: str) -> list[Note]:
        """What was signed; and, where the note says something else than the row, the note too: one of them is not right."""
        try:
            note = Note.parse(self.note)
        except NoteError:
            return [Note(self.checkpoint(origin), (Signature(origin, bytes(4), bytes(1)),))]
        right = Note(self.checkpoint(origin), note.signatures)
        return [right] if note.text == right.text else [right, note]


def is_signed(note: Note, keys: Iterable[VerifierKey]) -> bool:
    """Whether one of these keys signed it."""
    return any(
        key.verifies(note.text, said.signature)
        for key in keys
        for said in note.signatures
        if (said.name, said.key_id) == (key.name, key.key_id)
    )


def sealed_log(db: Connection, source: str = EVENTS.name) -> Sealed | None:
    """The youngest tree of the events, or of another source; None if there is none yet."""
    row = db.execute(
        "select tree, log_id from es.tree where source = %s order by tree desc limit 1", [source]
    ).fetchone()
    return None if row is None else Sealed(row[0], origin_of(source, UUID(str(row[1]))))


def heads(db: Connection, tree: int) -> list[SignedHead]:
    """Every signed head, the smallest first."""
    rows = db.execute("select size, root, note from es.tree_head where tree = %s order by size", [tree]).fetchall()
    return [SignedHead(size, bytes(root), note) for size, root, note in rows]


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where else a head is known: with a witness, a time stamping authority, an auditor; and what was answered there."""

    size: int
    kind: str
    name: str
    evidence: bytes
    at: datetime

    @property
    def ending(self) -> str:
        """How a file with the evidence is called."""
        return {"timestamp": "tsr", "witness": "signature"}.get(self.kind, "txt")

    def as_json(self) -> dict[str, object]:
        """All but the evidence. Whom a mail went to is nobody else's business."""
        name = None if self.kind == "mail" else self.name
        return {"size": self.size, "kind": self.kind, "name": name, "at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class Anchors:
    """All anchors of a log."""

    rows: tuple[Anchor, ...]

    def cosignatures(self, size: int) -> list[Signature]:
        """The signatures of witnesses under the head of that size."""
        found = []
        for anchor in self.rows:
            if anchor.kind == "witness" and anchor.size == size:
                with suppress(NoteError, UnicodeDecodeError):
                    found += signatures(anchor.evidence.decode())
        return found


def anchors(db: Connection, tree: int) -> Anchors:
    """The last `MAX_ANCHORS` anchors of a log."""
    rows = db.execute(
        "select size, kind, name, evidence, at from es.anchor where tree = %s order by at desc, kind, name limit %s",
        [tree, MAX_ANCHORS],
    ).fetchall()
    return Anchors(tuple(Anchor(*row) for row in rows))


def known_keys(db: Connection, sealed: Sealed) -> list[VerifierKey]:
    """The keys that the database says the log is signed with. Trust them only as far as you trust the database."""
    found = []
    for (vkey,) in db.execute("select vkey from es.tree_key where tree = %s order by first_size", [sealed.tree]):
        try:
            key = VerifierKey.parse(vkey)
        except NoteError:
            continue
        if key.name == sealed.origin:
            found.append(key)
    return found


def stored_leaves(db: Connection, tree: int, positions: range) -> dict[int, bytes]:
    """The hashes of leaves that the tree has for a range of positions, each by its position."""
    span = {"tree": tree, "first": (positions.start - 1) >> HEIGHT, "last": (positions.stop - 2) >> HEIGHT}
    cursor = db.cursor(binary=True)
    parts = cursor.execute(
        "select number * 256 + start, hashes from es.tile_part "
        " where tree = %(tree)s and number between %(first)s and %(last)s order by 1",
        span,
    ).fetchall()
    full = cursor.execute(
        "select number * 256, hashes from es.tile "
        " where tree = %(tree)s and level = 0 and number between %(first)s and %(last)s order by 1",
        span,
    ).fetchall()
    return {
        position: hash
        for start, hashes in (*parts, *full)
        for position, hash in enumerate(cut(hashes or b""), start + 1)
        if position in positions
    }


def stored_roots(db: Connection, tree: int) -> Iterator[tuple[int, int, bytes]]:
    """The root that is kept of each full tile, with its level and number."""
    with db.cursor(binary=True) as cursor:
        yield from cursor.execute(
            "select level, number, root from es.tile where tree = %s order by level, number", [tree]
        ).fetchall()
