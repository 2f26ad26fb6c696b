"""Proofs: that an event is in the signed tree, and that the tree of one size begins with that of another."""

from collections.abc import Sequence

from psycopg import Connection

from domain.kernel import Refused
from eventstore.evidence.correcting import UNSAID, accounted, forgotten
from eventstore.evidence.reading import CHANGED, Standing, fetch, standing
from eventstore.evidence.verdict import Finding, Report, in_order
from eventstore.sealing.heads import HEAD, Head, cosigned, newest
from eventstore.sealing.merkle import (
    Node,
    NotProven,
    consistency_path,
    inclusion_path,
    leaf_hash,
    together,
    verify_inclusion,
)
from eventstore.sealing.notes import NoteError, Proof
from eventstore.sealing.sources import EVENTS
from eventstore.sealing.tiles import HEIGHT, Stored

MAX_PROVEN = 1_000
"""Proofs are made for so many events at once."""


def leaf_hashes(db: Connection, positions: Sequence[int]) -> dict[int, bytes]:
    """The hash of the leaf that each of these events is, or will be when it is sealed, by its position."""
    rows = fetch(db, sorted(set(positions)))
    return {here.position: leaf_hash(here.entry) for here in standing(rows) if here.entry}


def inclusion_proofs(db: Connection, head: Head, events: Sequence[Standing]) -> dict[int, Proof]:
    """By position: that each event is in the tree of a head, as c2sp.org/tlog-proof@v1 with the entry as its extra.

    Of those that are not sealed yet there is none. Raises `ValueError` if hashes were removed from the tree.
    """
    paths = [(here, inclusion_path(here.position - 1, head.size)) for here in events if 0 < here.position <= head.size]
    note = _signed(db, head)
    stored = Stored(db, head.tree)
    known = stored.hashes({node for _, path in paths for nodes in path for node in nodes})
    return {
        here.position: Proof(
            here.position - 1,
            tuple(together([known[node] for node in nodes]) for nodes in path),
            note,
            here.entry,
        )
        for here, path in paths
    }


def _signed(db: Connection, head: Head) -> str:
    """The note with the signatures of the witnesses; the note as it stands, if somebody damaged it."""
    try:
        return str(cosigned(db, head))
    except NoteError:
        return head.note


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
    head = must_be_head(db)
    if new > head.size:
        raise Refused(f"The signed tree has {head.size:,} events, not {new:,}.", "to")
    try:
        return Stored(db, head.tree).proof(consistency_path(old, new))
    except ValueError as error:
        raise Refused(f"The tree is damaged: {error} Run bitacora audit verify.") from error


def must_be_head(db: Connection, size: int | None = None) -> Head:
    """The last signed head, or that of a size. Raises `Refused`."""
    last = newest(db, EVENTS)
    if last is None:
        raise Refused("Nothing was sealed yet. The sealer is part of bitacora work; give it a few seconds.")
    if size is None or size == last.size:
        return last
    row = db.execute(HEAD + "where h.tree = %s and h.size = %s", [last.tree, size]).fetchone()
    if row is None:
        raise Refused(f"No tree of {size:,} events was signed; the last one has {last.size:,}.", "treeSize")
    return Head(*row)


def prove(db: Connection, first: int, last: int) -> Report:
    """Whether the events from `first` to `last` are in the last signed tree: each is proven. Raises `Refused`.

    What is not sealed yet is counted as such. To look at the whole log there is `examine`.
    """
    if not 0 < first <= last or last - first >= MAX_PROVEN:
        raise Refused(f"Ask for 1 to {MAX_PROVEN:,} positions at once, the first one first.", "from")
    return proven(db, newest(db, EVENTS), range(first, last + 1))


def proven(db: Connection, head: Head | None, positions: Sequence[int]) -> Report:
    """Whether the events at these positions are in the tree of a head, and what is gone of them is accounted for there.

    The positions go upwards.
    """
    size = 0 if head is None else head.size
    events = [here for here in standing(fetch(db, positions)) if here.position <= size or here.entry]
    gone = [each for here in events for each in forgotten(here)]
    said = {each.because for each in gone if 0 < each.because <= size}
    reasons = list(standing(fetch(db, sorted(said))))
    wrong = _not_proven(db, head, events)
    sound = said - _not_proven(db, head, reasons).keys()
    by = {here.position: here for here in reasons if here.position in sound}
    unsaid = {each.position: UNSAID for each in gone if not accounted(by.get(each.because), each)}
    findings = [Finding(at, at, what) for at, what in wrong.items()]
    findings += [Finding(at, at, what, indirect=True) for at, what in unsaid.items()]
    unsealed = sum(here.position > size for here in events)
    return Report(len(events), len(events) - unsealed, 1 if head else 0, 0, len(gone), unsealed, in_order(findings))


def _not_proven(db: Connection, head: Head | None, events: Sequence[Standing]) -> dict[int, str]:
    """Those of these events that are not in the tree as they stand, and why, by their positions.

    One proof for each tile is enough: it is made of all the hashes in it, with which the events are compared.
    """
    found = {here.position: here.wrong for here in events if here.wrong}
    if head is None:
        return found
    sealed = [here for here in events if here.position <= head.size and not here.wrong]
    leaves = {here.position: leaf_hash(here.entry) for here in sealed}
    known = Stored(db, head.tree)
    try:
        stored = known.hashes([Node(0, position - 1) for position in leaves])
        found |= {at: CHANGED for at, leaf in leaves.items() if stored[Node(0, at - 1)] != leaf}
        right = [here for here in sealed if here.position not in found]
        firsts = {(here.position - 1) >> HEIGHT: here for here in reversed(right)}
        proofs = inclusion_proofs(db, head, list(firsts.values()))
    except ValueError as error:
        return found | dict.fromkeys(leaves, str(error))
    for number, here in firsts.items():
        try:
            verify_inclusion(
                here.position - 1, head.size, leaves[here.position], proofs[here.position].hashes, head.root
            )
        except NotProven as error:
            found |= {each.position: str(error) for each in right if (each.position - 1) >> HEIGHT == number}
    return found
