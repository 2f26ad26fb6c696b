"""What is behind a KPI: the facts that were added up, with the positions of the events that say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from domain.values import must_be_currency
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE
from projections.figures import kpi_definitions
from projections.figures.counting import END_OF_ALL, KpiScope, Look, Part, Tallied, Tally, Timing, in_currency
from projections.figures.kpi_definitions import KpiDefinition
from projections.figures.kpis import add_up, ask_others, chosen, looked, measure_of, position_of, versions_of, work_out
from projections.figures.measures import AnyPart, Measure, rows_of
from projections.lists import MAX_PAGE, Lists
from projections.periods import calendar_period, must_be_days


@dataclass(frozen=True, slots=True)
class KpiPart:
    """One of the sums that a figure is made of: what is made of the amounts, of which moment, and what it came to.

    A median is told by the figure itself.
    """

    name: str
    tally: Tally
    timing: Timing
    restated: Decimal | None
    reported: Decimal | None


@dataclass(frozen=True, slots=True)
class KpiFact:
    """A fact that was counted, for `amount`, or as one of those with the same `counted_as`.

    `owner_id` is what it is a fact of. It counts in the figure as it is known now, as it was reported, or in both.
    """

    position: int
    number: int
    owner_id: UUID
    customer_id: UUID | None
    occurred_at: datetime
    known_at: datetime
    amount: Decimal | None
    counted_as: str | None
    restated: bool
    reported: bool


@dataclass(frozen=True, slots=True)
class KpiExplanation:
    """What a part of a figure is made of in one period; `end_cursor` is what to go on after.

    `position` is how far the log has been taken in.
    """

    definition: KpiDefinition
    source: str
    starts_at: datetime
    ends_at: datetime
    value: Decimal | None
    numerator: Decimal
    denominator: Decimal | None
    parts: tuple[KpiPart, ...]
    part: str
    facts: tuple[KpiFact, ...]
    end_cursor: str | None
    has_next: bool
    position: int


def explain_kpi(
    lists: Lists,
    key: str,
    from_: date,
    to: date,
    *,
    part: str | None = None,
    version: int | None = None,
    measure: str | None = None,
    scope: Sequence[KpiScope] = (),
    zone: str = BUSINESS_ZONE,
    currency: str | None = None,
    first: int = MAX_PAGE,
    after: str | None = None,
    as_of: AsOf = NOW,
) -> KpiExplanation:
    """The facts behind a part of a KPI, the first one unless it is named, between two days, in the order of the log.

    Raises `Refused` as `kpi` does, for a part that there is not, and for a size or a cursor that cannot be.
    """
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} rows at a time.", "first")
    return explained(
        lists, key, from_, to, part=part, version=version, measure=measure, scope=scope, zone=zone, currency=currency,
        first=first, after=after, as_of=as_of,
    )  # fmt: skip


def explained(
    lists: Lists,
    key: str,
    from_: date,
    to: date,
    *,
    first: int,
    part: str | None = None,
    version: int | None = None,
    measure: str | None = None,
    scope: Sequence[KpiScope] = (),
    zone: str = BUSINESS_ZONE,
    currency: str | None = None,
    after: str | None = None,
    as_of: AsOf = NOW,
) -> KpiExplanation:
    """The same for as many facts as somebody compares."""
    must_be_days(from_, to, zone)
    if currency is not None:
        must_be_currency(currency, "currency")
    period = calendar_period(from_, to, zone)
    with lists.reading(kpi_definitions.view) as (db, folded):
        versions = versions_of(lists, db, key, as_of)
        definition = chosen(versions, to, version, measure)
        computed = measure_of(definition)
        behind = _part(computed, part)
        look = looked(lists, db, [period], zone, scope, currency, as_of, [computed])
        tallied = add_up(look, [computed])
        found = _facts(look, rows_of(behind), after, first + 1)
        position = position_of(db, folded, [computed])
    tallied |= ask_others(lists, look, [computed])
    value, numerator, denominator, *_ = work_out(computed, tallied).restated[-1]
    facts = tuple(found[:first])
    return KpiExplanation(
        definition, computed.source, period.starts_at, period.ends_at, value, numerator, denominator,
        tuple(_shown(each, tallied[each]) for each in computed.all_parts),
        behind.name, facts, _cursor(facts[-1]) if facts else None, len(found) > first, position,
    )  # fmt: skip


def _shown(part: AnyPart, tallied: Tallied) -> KpiPart:
    behind = rows_of(part)
    restated, reported = (
        None if isinstance(amount, tuple) else amount for amount in (tallied.restated[-1], tallied.reported[-1])
    )
    return KpiPart(part.name, behind.tally, behind.timing, restated, reported)


def _part(measure: Measure, name: str | None) -> AnyPart:
    for part in measure.all_parts:
        if name in (None, part.name):
            return part
    names = ", ".join(part.name for part in measure.all_parts)
    raise Refused(f"{measure.key} has the parts {names}.", "part")


def _facts(look: Look, part: Part, after: str | None, limit: int) -> list[KpiFact]:
    source = part.of
    at = look.fill(source, part.at)
    start = sql.SQL("{} >= %(start)s and").format(at) if part.timing is Timing.DURING else sql.SQL("")
    end = sql.SQL("%(start)s" if part.timing is Timing.AT_START else "%(end)s")
    now = sql.SQL("{} and {}").format(look.fill(source, part.where), in_currency(part, "="))
    then = sql.SQL("{} and {} and known_at <= {}").format(
        look.fill(source, part.where, END_OF_ALL), in_currency(part, "="), END_OF_ALL
    )
    amount = look.fill(source, part.amount)
    shown = (
        "null::numeric as shown, {}::text as counted_as"
        if part.tally is Tally.DISTINCT
        else "{}::numeric as shown, null::text as counted_as"
    )
    query = sql.SQL(
        "select position, number, owner_id, customer_id, occurred_at, known_at, shown, counted_as, restated, reported from ("
        "  select *, {shown}, ({now}) is true as restated, ({then}) is true as reported"
        "    from (select * from {rows} where {narrowed}) fact where {start} {at} < {end}"
        ") fact where (restated or reported) and (position, number, owner_id) > (%(position)s, %(number)s, %(owner)s)"
        " order by position, number, owner_id limit %(limit)s"
    ).format(
        shown=sql.SQL(shown).format(amount), now=now, then=then, rows=look.rows(source),
        narrowed=look.narrowed(source), start=start, at=at, end=end,
    )  # fmt: skip
    position, number, owner = _read_cursor(after)
    return [KpiFact(*row) for row in look.ask(query, position=position, number=number, owner=owner, limit=limit)]


def _cursor(fact: KpiFact) -> str:
    return f"{fact.position}.{fact.number}.{fact.owner_id}"


def _read_cursor(cursor: str | None) -> tuple[int, int, UUID]:
    if cursor is None:
        return -1, -1, UUID(int=0)
    try:
        position, number, owner = cursor.split(".")
        return int(position), int(number), UUID(owner)
    except ValueError:
        raise Refused("That cursor is not one of this list. Take it from endCursor.", "after") from None
