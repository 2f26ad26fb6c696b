"""What was sealed, for whoever reads it: the last signed head, proofs under it, tiles and entries as C2SP lays them out."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg_pool import ConnectionPool

from eventstore.sealing.merkle import consistency_path, inclusion_path
from eventstore.sealing.notes import Checkpoint, Note, Proof, VerifierKey, signatures
from eventstore.sealing.sources import EVENTS, Source
from eventstore.sealing.tiles import HEIGHT, MAX_LEVEL, WIDTH, Stored

HEAD = "select h.tree, t.log_id, t.source, h.size, h.root, h.note, h.signed_at from es.tree_head h join es.tree t using (tree) "


@dataclass(frozen=True, slots=True)
class Head:
    """A signed tree head."""

    tree: int
    log_id: UUID
    source: str
    size: int
    root: bytes
    note: str
    signed_at: datetime

    @property
    def origin(self) -> str:
        """The name of the log."""
        return origin_of(self.source, self.log_id)

    @property
    def checkpoint(self) -> Checkpoint:
        """What was signed."""
        return Checkpoint(self.origin, self.size, self.root)


def origin_of(source: str, log_id: UUID) -> str:
    """The name under which the tree of a log is known to everybody."""
    return f"bitacora/{source}/{log_id}"


class Heads:
    """Answers from the tree of one source that was begun last."""

    def __init__(self, pool: ConnectionPool, source: Source = EVENTS) -> None:
        self._pool = pool
        self.source = source

    def latest(self) -> Head | None:
        """The last signed head; None before the first."""
        with self._pool.connection() as db:
            return newest(db, self.source)

    def short(self) -> str | None:
        """Size and the first 16 base64 characters of the root of the last signed head; None before the first."""
        head = self.latest()
        return None if head is None else head.checkpoint.short

    def note(self) -> str | None:
        """The last signed checkpoint with what witnesses signed beneath it; None before the first."""
        with self._pool.connection() as db:
            head = newest(db, self.source)
            return None if head is None else str(cosigned(db, head))

    def keys(self) -> list[VerifierKey]:
        """The public keys that heads of this log were signed with. An auditor has them from elsewhere."""
        with self._pool.connection() as db:
            rows = db.execute(
                "select k.vkey from es.tree_key k where k.tree = (select max(tree) from es.tree where source = %s) order by k.at",
                [self.source.name],
            ).fetchall()
        return [VerifierKey.parse(row[0]) for row in rows]

    def proof(self, position: int) -> Proof | None:
        """That the entry at a position is in the tree of the last signed head; None if it is not sealed yet."""
        with self._pool.connection() as db:
            head = newest(db, self.source)
            if head is None or not 0 < position <= head.size:
                return None
            hashes = Stored(db, head.tree).proof(inclusion_path(position - 1, head.size))
            return Proof(position - 1, tuple(hashes), str(cosigned(db, head)))

    def consistency(self, size1: int, size2: int) -> list[bytes]:
        """That the tree of `size2` leaves begins with that of `size1`. Raises ValueError if a size was never reached."""
        with self._pool.connection() as db:
            head = newest(db, self.source)
            if head is None or size2 > head.size:
                raise ValueError(f"No tree of {size2:,} leaves was signed.")
            return Stored(db, head.tree).proof(consistency_path(size1, size2))

    def tile(self, level: int, number: int, width: int = WIDTH) -> bytes | None:
        """The hashes of a tile of the signed tree; None if it has no such tile."""
        with self._pool.connection() as db:
            head = newest(db, self.source)
            if head is None or not 0 <= level <= MAX_LEVEL or not _within(level, number, width, head.size):
                return None
            return Stored(db, head.tree).tile(level, number, width)

    def entries(self, number: int, width: int = WIDTH) -> bytes | None:
        """The entries of a tile of leaves, each after its length as two bytes; None if the signed tree has no such tile.

        None as well if one of them is not kept any more.
        """
        with self._pool.connection() as db:
            head = newest(db, self.source)
            if head is None or not _within(0, number, width, head.size) or number * WIDTH < self.source.gone(db):
                return None
            found = self.source.entries(db, number * WIDTH, width)
        return b"".join(len(entry).to_bytes(2) + entry for entry in found)


def newest(db: Connection, source: Source) -> Head | None:
    """The last signed head of the tree of a source that was begun last."""
    row = db.execute(
        HEAD + "where h.tree = (select max(tree) from es.tree where source = %s) order by h.size desc limit 1",
        [source.name],
    ).fetchone()
    return None if row is None else Head(*row)


def cosigned(db: Connection, head: Head) -> Note:
    """The note of a head with the signatures of the witnesses that have seen this very tree."""
    rows = db.execute(
        "select convert_from(evidence, 'UTF8') from es.anchor where tree = %s and size = %s and kind = 'witness' order by name",
        [head.tree, head.size],
    ).fetchall()
    return Note.parse(head.note).with_signatures(signature for row in rows for signature in signatures(row[0]))


def _within(level: int, number: int, width: int, size: int) -> bool:
    return number >= 0 and 0 < width <= WIDTH and number * WIDTH + width <= size >> HEIGHT * level
