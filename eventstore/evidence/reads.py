"""Examining the log of reads: what is kept of it against its tree, and the tree against its signed heads."""

from dataclasses import dataclass

from psycopg import Connection

from eventstore.database import LogCorrupted
from eventstore.evidence.reading import CHANGED
from eventstore.evidence.tree import heads, known_keys, sealed_log, stored_leaves
from eventstore.evidence.verdict import Verdict
from eventstore.sealing.leaves import Unsealable
from eventstore.sealing.merkle import EMPTY_ROOT, Frontier, leaf_hash
from eventstore.sealing.sources import READS

PAGE = 8_192
"""How many reads are looked at together."""


@dataclass(frozen=True, slots=True)
class ReadsReport:
    """What the log of reads comes to: `pruned` are at its beginning of which the hashes alone are left.

    `place` is where the first thing is wrong, and `what` it is.
    """

    reads: int
    sealed: int
    pruned: int
    verdict: Verdict
    place: int | None = None
    what: str | None = None


def examine_reads(db: Connection) -> ReadsReport:
    """Reads the whole log of reads, in one snapshot of `db`, and says whether it is what was sealed.

    Reads may be missing at the beginning alone, and only if the first that is kept is older than reads must be kept.
    """
    with db.transaction():
        db.execute("set transaction isolation level repeatable read, read only")
        (last,) = db.execute("select coalesce(max(position), 0) from es.read").fetchone() or (0,)
        log, pruned = sealed_log(db, READS.name), READS.gone(db)
        if log is None:
            return ReadsReport(last, 0, pruned, Verdict.UNSEALED if last else Verdict.OK)
        keys, signed = known_keys(db, log), {head.size: head for head in heads(db, log.tree)}
        sealed, tree = max(signed, default=0), Frontier()

        def wrong(position: int, what: str) -> ReadsReport:
            return ReadsReport(last, sealed, pruned, Verdict.TAMPERED, position, what)

        for start in range(0, sealed, PAGE):
            end = min(start + PAGE, sealed)
            stored = stored_leaves(db, log.tree, range(start + 1, end + 1))
            kept = max(start, pruned)
            try:
                entries = READS.entries(db, kept, end - kept) if kept < end else []
            except (LogCorrupted, Unsealable) as error:
                return wrong(kept + 1, str(error))
            for position in range(start + 1, end + 1):
                leaf = stored.get(position)
                if leaf is None:
                    return wrong(position, "its hash was removed from the tree")
                if position > kept and (
                    position - kept > len(entries) or leaf_hash(entries[position - kept - 1]) != leaf
                ):
                    return wrong(position, CHANGED)
                tree.append(leaf)
                head = signed.get(position)
                if head is not None and not (head.root == tree.root() and head.is_signed(log.origin, keys)):
                    return wrong(position, f"the tree is not that of the signed head of {position:,} reads")
        if 0 in signed and signed[0].root != EMPTY_ROOT:
            return wrong(0, "the head of no reads is another one")
    unsealed = bool(last) and not sealed
    verdict = Verdict.UNSEALED if unsealed else Verdict.PRUNED if pruned else Verdict.OK
    return ReadsReport(last, sealed, pruned, verdict)
