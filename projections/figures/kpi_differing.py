"""What changed in a KPI between two moments from which it is looked at: the facts that came, went or changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from domain.kernel import Refused
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE
from projections.figures.counting import KpiScope
from projections.figures.kpi_definitions import KpiDefinition
from projections.figures.kpi_explaining import KpiExplanation, KpiFact, explained
from projections.lists import Lists

MAX_COMPARED = 5_000
"""How many facts of each moment are held against each other."""


@dataclass(frozen=True, slots=True)
class KpiSeen:
    """A figure of one period as it was seen from a moment, by the definition that was known then."""

    value: Decimal | None
    numerator: Decimal
    denominator: Decimal | None
    definition: KpiDefinition


@dataclass(frozen=True, slots=True)
class KpiChange:
    """A fact of the event at `position` that counts otherwise than before: `before` or `after` is empty if it does not count.

    Where facts are counted as one of several, both are empty and `counted_before` and `counted_after` say as which.
    """

    position: int
    number: int
    owner_id: UUID
    customer_id: UUID | None
    before: Decimal | None
    after: Decimal | None
    counted_before: str | None
    counted_after: str | None


@dataclass(frozen=True, slots=True)
class KpiDifference:
    """A figure of one period at two moments, and the facts of a part of it that make the difference, in the order of the log."""

    before: KpiSeen
    after: KpiSeen
    part: str
    changes: tuple[KpiChange, ...]
    position: int


def kpi_difference(
    lists: Lists,
    key: str,
    from_: date,
    to: date,
    start: AsOf,
    end: AsOf = NOW,
    *,
    part: str | None = None,
    version: int | None = None,
    measure: str | None = None,
    scope: Sequence[KpiScope] = (),
    zone: str = BUSINESS_ZONE,
    currency: str | None = None,
) -> KpiDifference:
    """What made the figure from one day to another, restated as of one moment, into that of another moment.

    Customers are those of today at both. Raises `Refused` as `explain_kpi` does, and for more than MAX_COMPARED facts.
    """

    def seen(as_of: AsOf) -> KpiExplanation:
        found = explained(
            lists, key, from_, to, part=part, version=version, measure=measure, scope=scope, zone=zone,
            currency=currency, first=MAX_COMPARED, as_of=as_of,
        )  # fmt: skip
        if found.has_next:
            raise Refused(
                f"More than {MAX_COMPARED:,} facts are behind it. Ask for less time, or narrow it down.", "to"
            )
        return found

    then, now = seen(start), seen(end)
    was, now_is = _counted(then.facts), _counted(now.facts)
    changes = [
        _change(was.get(place), now_is.get(place))
        for place in sorted({*was, *now_is})
        if _counts(was.get(place)) != _counts(now_is.get(place))
    ]
    return KpiDifference(_seen(then), _seen(now), now.part, tuple(changes), now.position)


Place = tuple[int, int, UUID]


def _counted(facts: Sequence[KpiFact]) -> dict[Place, KpiFact]:
    """The facts that count in the restated figure, by where they stand."""
    return {(fact.position, fact.number, fact.owner_id): fact for fact in facts if fact.restated}


def _counts(fact: KpiFact | None) -> tuple[Decimal | None, str | None] | None:
    return None if fact is None else (fact.amount, fact.counted_as)


def _change(was: KpiFact | None, now: KpiFact | None) -> KpiChange:
    (before, counted_before), (after, counted_after) = (_counts(was) or (None, None), _counts(now) or (None, None))
    fact = now or was
    assert fact is not None
    return KpiChange(
        fact.position, fact.number, fact.owner_id, fact.customer_id, before, after, counted_before, counted_after
    )


def _seen(found: KpiExplanation) -> KpiSeen:
    return KpiSeen(found.value, found.numerator, found.denominator, found.definition)
