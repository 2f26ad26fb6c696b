"""Proofs: that an event is in the signed tree, and that the tree of one size begins with that of another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from domain.kernel import Refused
from eventstore.evidence.reading import Standing, fetch, standing
from eventstore.evidence.tree import Sealed, sealed_log
from eventstore.evidence.verdict import Finding, Report, in_order
from eventstore.sealing.merkle import NotProven, consistency_path, inclusion_path, leaf_hash, together, verify_inclusion
from eventstore.sealing.notes import Proof
from eventstore.sealing.tiles import Stored

MAX_PROVEN = 1_000
"""Proofs are made for so many events at once."""


@dataclass(frozen=True, slots=True)
class TreeHead:
    """A signed tree head of the log: how many events it covers, the root above them, and the checkpoint as it was signed."""

    log: Sealed
    size: int
    root: bytes
    checkpoint: str
    signed_at: datetime


def tree_head(db: Connection, size: int | None = None) -> TreeHead | None:
    """The last signed head, or that of a size; None if there is none."""
    if (log := sealed_log(db)) is None:
        return None
    row = db.execute(
        "select size, root, note, signed_at from es.tree_head where tree = %s and (size = %s or %s) "
        " order by size desc limit 1",
        [log.tree, size, size is None],
    ).fetchone()
    return None if row is None else TreeHead(log, row[0], bytes(row[1]), row[2], row[3])


def leaf_hashes(db: Connection, positions: Sequence[int]) -> dict[int, bytes]:
    """The hash of the leaf that each of these events is, or will be when it is sealed, by its position."""
    rows = fetch(db, sorted(set(positions)))
    return {here.position: leaf_hash(here.entry) for here in standing(rows) if here.entry}


def inclusion_proofs(db: Connection, head: TreeHead, events: Sequence[Standing]) -> dict[int, Proof]:
    """By position: that each event is in the tree of a head, as c2sp.org/tlog-proof@v1 with the entry as its extra.

    Of those that are not sealed yet there is none. Raises `ValueError` if hashes were removed from the tree.
    """
    paths = [(here, inclusion_path(here.position - 1, head.size)) for here in events if 0 < here.position <= head.size]
    stored = Stored(db, head.log.tree)
    known = stored.hashes({node for _, path in paths for nodes in path for node in nodes})
    return {
        here.position: Proof(
            here.position - 1,
            tuple(together([known[node] for node in nodes]) for nodes in path),
            head.checkpoint,
            here.entry,
        )
        for here, path in paths
    }


def inclusion(db: Connection, position: int, size: int | None = None) -> Proof:
    """The proof of one event in the last signed tree, or in one of `size` events. Raises `Refused`."""
    head = must_be_head(db, size)
    if position > head.size:
        raise Refused(
            f"Event {position:,} is not sealed yet: the signed tree has {head.size:,} events. Ask again in a few seconds.",
            "position",
        )
    (here,) = standing(fetch(db, [position]))
    if not here.entry:
        raise Refused(f"There is no event {position:,} that could be proven: {here.wrong}.", "position")
    try:
        return inclusion_proofs(db, head, [here])[position]
    except ValueError as error:
        raise Refused(f"The tree is damaged: {error} Run bitacora audit verify.") from error


def consistency(db: Connection, old: int, new: int) -> list[bytes]:
    """The proof that the tree of `new` events begins with that of `old`. Raises `Refused`."""
    if not 0 < old <= new:
        raise Refused("Say first the size of the smaller tree, from 1 on, and then that of the larger one.", "from")
    head = must_be_head(db, None)
    if new > head.size:
        raise Refused(f"The signed tree has {head.size:,} events, not {new:,}.", "to")
    try:
        return Stored(db, head.log.tree).proof(consistency_path(old, new))
    except ValueError as error:
        raise Refused(f"The tree is damaged: {error} Run bitacora audit verify.") from error


def must_be_head(db: Connection, size: int | None) -> TreeHead:
    """The last signed head, or that of a size. Raises `Refused`."""
    head = tree_head(db, size)
    if head is None and size is not None and (last := tree_head(db)) is not None:
        raise Refused(f"No tree of {size:,} events was signed; the last one has {last.size:,}.", "treeSize")
    if head is None:
        raise Refused("Nothing was sealed yet. The sealer is part of bitacora work; give it a few seconds.")
    return head


def prove(db: Connection, first: int, last: int) -> Report:
    """Whether the events from `first` to `last` are in the last signed tree: each is proven. Raises `Refused`.

    What is not sealed yet is counted as such. To look at the whole log there is `examine`.
    """
    if not 0 < first <= last or last - first >= MAX_PROVEN:
        raise Refused(f"Ask for 1 to {MAX_PROVEN:,} positions at once, the first one first.", "first")
    head = tree_head(db)
    size = 0 if head is None else head.size
    findings, proofs, erased = [], dict[int, Proof](), 0
    events = [here for here in standing(fetch(db, range(first, last + 1))) if here.position <= size or here.entry]
    if head is not None:
        try:
            proofs = inclusion_proofs(db, head, events)
        except ValueError as error:
            findings.append(Finding(first, min(last, size), str(error)))
    for here in events:
        erased += sum(value.because is not None for value in here.kept)
        if here.wrong:
            findings.append(Finding(here.position, here.position, here.wrong))
        elif head is not None and (proof := proofs.get(here.position)) is not None:
            try:
                verify_inclusion(proof.index, size, leaf_hash(here.entry), proof.hashes, head.root)
            except NotProven as error:
                findings.append(Finding(here.position, here.position, str(error)))
    unsealed = sum(here.position > size for here in events)
    return Report(len(events), len(events) - unsealed, 1 if head else 0, 0, erased, unsealed, in_order(findings))
