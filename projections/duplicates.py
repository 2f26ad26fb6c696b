"""The duplicates: who may be the same customer as somebody, how surely, and by what; asked of the identifiers that both hold."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from domain import duplicate
from domain.duplicate import duplicate_id, likeness
from domain.kernel import Refused
from eventstore.corrections import id_array
from eventstore.log import Log

MAX_DUPLICATES = 1_000


@dataclass(frozen=True, slots=True)
class DuplicateCandidate:
    """Two customers who hold the same identifiers; `features` says of which kinds, and `score` how surely they are one."""

    customer_id: UUID
    other_id: UUID
    score: Decimal
    features: tuple[str, ...]


def candidates(
    log: Log, customer_ids: Sequence[UUID] | None = None, *, first: int = MAX_DUPLICATES
) -> list[DuplicateCandidate]:
    """Who may be one, the surest first: of these customers, or of all. Pairs that were dismissed are left out.

    Who was merged already counts as one. Raises `Refused` for a size that cannot be.
    """
    if not 0 < first <= MAX_DUPLICATES:
        raise Refused(f"Ask for 1 to {MAX_DUPLICATES} at a time.", "first")
    whose = "true" if customer_ids is None else "a.holder = any(%s::uuid[])"
    members = [] if customer_ids is None else [id_array(log.reader.members(customer_ids))]
    with log.pool.connection() as db:
        rows = db.execute(
            "select a.holder, b.holder, a.kind from es.claim a "
            "  join es.claim b on b.kind = a.kind and b.key = a.key and b.holder <> a.holder and b.until is null "
            f"where a.kind not in ('SAME_AS', 'WITHDRAWN') and a.until is null and {whose} limit %s",
            [*members, MAX_DUPLICATES * 20],
        ).fetchall()
    same_as: dict[UUID, UUID] = log.reader.canonical({holder for row in rows for holder in row[:2]})
    shared: defaultdict[tuple[UUID, UUID], set[str]] = defaultdict(set)
    for one, other, kind in rows:
        pair = (same_as.get(one) or one, same_as.get(other) or other)
        if pair[0] != pair[1] and (customer_ids is not None or pair[0] < pair[1]):
            shared[pair].add(f"SAME_{kind}")
    found = [
        DuplicateCandidate(one, other, likeness(kinds), tuple(sorted(kinds))) for (one, other), kinds in shared.items()
    ]
    states = log.states({duplicate_id(each.customer_id, each.other_id): duplicate.decider for each in found})
    found = [
        each for each in found if not _is_dismissed(each, states[duplicate_id(each.customer_id, each.other_id)][0])
    ]
    return sorted(found, key=lambda each: (-each.score, each.customer_id, each.other_id))[:first]


def _is_dismissed(each: DuplicateCandidate, state: duplicate.Duplicate) -> bool:
    return state.dismissed and state.score is not None and each.score <= state.score
