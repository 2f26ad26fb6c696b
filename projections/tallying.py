"""Tallying: the parts of a measure added up for each period, as it was known when the period ended and as it is known now."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from psycopg import sql

from domain.values import EXACT
from projections.figures.counting import (
    END_OF_ALL,
    END_OF_PERIOD,
    FOR_EVER,
    ZERO,
    Amount,
    Look,
    Part,
    Tallied,
    Tally,
    Timing,
    in_currency,
)

WORK_MEM = "64MB"
"""What a statement may take of the database's memory to sort and to tell apart."""
LATE = sql.SQL("(known_at > {at} and known_at > {end})")
"""Something became known after a moment. What was known at once, as nearly everything, is told without looking it up."""


def tally(look: Look, parts: Sequence[Part]) -> dict[Part, Tallied]:
    """Every part, with one statement for all sums of the same rows by the same moment."""
    look.db.execute(f"set local work_mem = '{WORK_MEM}'")
    found: dict[Part, Tallied] = {}
    for (_, _, timing, kind), some in groupby(sorted(parts, key=_together), key=_together):
        match kind, timing:
            case Tally.SUM, Timing.DURING:
                found |= _sums(look, list(some))
            case Tally.SUM, _:
                found |= _standing(look, list(some))
            case Tally.DISTINCT, _:
                found |= {part: _distinct(look, part) for part in some}
            case _:
                found |= {part: _medians(look, part) for part in some}
    return found


def _together(part: Part) -> tuple[int, str, Timing, Tally]:
    return id(part.of), part.at, part.timing, part.tally


def happened(look: Look, part: Part) -> sql.Composed:
    """The rows that happened in the periods, each with the number of its period."""
    return sql.SQL(
        "(select *, width_bucket({at}, %(bounds)s::timestamptz[]) as nth_period"
        "   from {rows} where {at} >= %(start)s and {at} < %(end)s and {narrowed}) fact"
    ).format(at=look.fill(part.of, part.at), rows=look.rows(part.of), narrowed=look.narrowed(part.of))


def _sums(look: Look, parts: list[Part]) -> dict[Part, Tallied]:
    """Sums by period: of everything, of what was known by the period's end, and by the end of all periods."""
    columns = [column for part in parts for column in _sum_columns(look, part)]
    query = sql.SQL("select nth_period, {} from {} group by nth_period").format(
        sql.SQL(", ").join(columns), happened(look, parts[0])
    )
    found = {part: Tallied.of(ZERO, len(look.periods)) for part in parts}
    for nth, *values in look.ask(query):
        for n, part in enumerate(parts):
            restated, then, at_last, left_out = values[4 * n : 4 * n + 4]
            tallied, whole = found[part], _number(restated)
            if not part.depends:  # what became known too late was added up instead
                then, at_last = EXACT.subtract(whole, _number(then)), EXACT.subtract(whole, _number(at_last))
            tallied.restated[nth - 1], tallied.reported[nth - 1] = whole, _number(then)
            tallied.restated[-1] = EXACT.add(tallied.restated[-1], whole)
            tallied.reported[-1] = EXACT.add(tallied.reported[-1], _number(at_last))
            tallied.left_out += left_out
    return found


def _sum_columns(look: Look, part: Part) -> list[sql.Composable]:
    """Nearly everything is known in time: so the rest is added up, where whether a row counts does not depend on it."""
    if part.depends:
        known = [sql.SQL("known_at <= {}").format(end) for end in (END_OF_PERIOD, END_OF_ALL)]
        ends = [END_OF_PERIOD, END_OF_ALL]
    else:
        at = look.fill(part.of, part.at)
        known = [LATE.format(at=at, end=end) for end in (END_OF_PERIOD, END_OF_ALL)]
        ends = [FOR_EVER, FOR_EVER]
    return [
        _sum(look, part, FOR_EVER, sql.SQL("true")),
        *(_sum(look, part, end, counts) for end, counts in zip(ends, known, strict=True)),
        _left_out(look, part),
    ]


def _sum(look: Look, part: Part, known: sql.Composable, counts: sql.Composable) -> sql.Composed:
    return sql.SQL("sum({}) filter (where {} and {})").format(
        look.fill(part.of, part.amount), counts, counts_as(look, part, known)
    )


def counts_as(look: Look, part: Part, known: sql.Composable = FOR_EVER) -> sql.Composed:
    """Whether a row counts, with what is known up to a moment."""
    return sql.SQL("{} and {}").format(look.fill(part.of, part.where, known), in_currency(part, "="))


def _left_out(look: Look, part: Part) -> sql.Composable:
    """How many rows are worth something in another base currency, so that they cannot be added."""
    if not part.money:
        return sql.SQL("0")
    return sql.SQL("count(*) filter (where {} and {})").format(in_currency(part, "<>"), look.fill(part.of, part.where))


def _distinct(look: Look, part: Part) -> Tallied:
    """How many different ones there were: each counts from when it became known in the period first."""
    if part.depends:
        return _each(look, part, sql.SQL("count(distinct {})").format(look.fill(part.of, part.amount)), _number)
    query = sql.SQL(
        "with each_one as materialized ("
        "  select nth_period, {amount} as one, min(known_at) as known_at from {rows}"
        "   where {counts} and {amount} is not null group by nth_period, one"
        ")"
        "select nth_period, count(*), count(*) filter (where known_at <= {end_of_period}) from each_one group by nth_period"
        " union all "
        "select 0, count(*), count(*) filter (where known_at <= {end_of_all})"
        "  from (select min(known_at) as known_at from each_one group by one) whole"
    ).format(
        amount=look.fill(part.of, part.amount), rows=happened(look, part), counts=counts_as(look, part),
        end_of_period=END_OF_PERIOD, end_of_all=END_OF_ALL,
    )  # fmt: skip
    found = Tallied.of(ZERO, len(look.periods))
    for nth, restated, reported in look.ask(query):
        found.restated[nth - 1], found.reported[nth - 1] = Decimal(restated), Decimal(reported)
    return found


def _medians(look: Look, part: Part) -> Tallied:
    """The median and the ninetieth percentile, between the two values that lie around it (Hyndman & Fan 1996, type 7)."""
    amount = look.fill(part.of, part.amount)
    spread = sql.SQL("percentile_cont(array[0.5, 0.9]) within group (order by {}::double precision)").format(amount)
    return _each(look, part, spread, _spread)


def _each(look: Look, part: Part, figure: sql.Composable, read: Callable[[Any], Amount]) -> Tallied:
    """A figure that is no sum, over the rows of each period and over all of them."""
    columns = [
        sql.SQL("{} filter (where {} and {})").format(figure, counts_as(look, part, end), known)
        for end, known in (
            (FOR_EVER, sql.SQL("true")),
            *((end, sql.SQL("known_at <= {}").format(end)) for end in (END_OF_PERIOD, END_OF_ALL)),
        )
    ]
    query = sql.SQL("select nth_period, {} from {} group by grouping sets ((nth_period), ())").format(
        sql.SQL(", ").join(columns), happened(look, part)
    )
    found = Tallied.of(read(None), len(look.periods))
    for nth, restated, reported, at_last in look.ask(query):
        place = -1 if nth is None else nth - 1
        found.restated[place] = read(restated)
        found.reported[place] = read(at_last if nth is None else reported)
    return found


def _spread(found: list[float | None] | None) -> Amount:
    """Statistics as the decimal numbers that they are written as."""
    return None if found is None else tuple(None if each is None else Decimal(repr(each)) for each in found)


def _number(found: Any) -> Decimal:
    return ZERO if found is None else Decimal(found)


def _standing(look: Look, parts: list[Part]) -> dict[Part, Tallied]:
    """What there was when each period began or ended: the sum of everything up to then."""
    source, at = parts[0].of, look.fill(parts[0].of, parts[0].at)
    query = sql.SQL(
        "select width_bucket({at}, %(bounds)s::timestamptz[]),"
        "       width_bucket(known_at - interval '1 microsecond', %(bounds)s::timestamptz[]), {sums}"
        "  from (select * from {rows} where {narrowed}) fact where {at} < %(end)s group by 1, 2"
    ).format(
        at=at,
        sums=sql.SQL(", ").join(
            column for part in parts for column in (_sum(look, part, FOR_EVER, sql.SQL("true")), _left_out(look, part))
        ),
        rows=look.rows(source),
        narrowed=look.narrowed(source),
    )
    found = {part: Tallied.of(ZERO, len(look.periods)) for part in parts}
    last = len(look.periods)
    for happened, known, *values in look.ask(query):
        for n, part in enumerate(parts):
            amount, tallied = _number(values[2 * n]), found[part]
            tallied.left_out += values[2 * n + 1]
            # What happened in a period was there at its end, and at the beginning of the next one.
            at_start = part.timing is Timing.AT_START
            for nth in range(max(happened + at_start, 1), last + 1):
                _add(tallied, nth - 1, amount, known <= nth)
            if not (at_start and happened):
                _add(tallied, -1, amount, known <= last)
    return found


def _add(tallied: Tallied, place: int, amount: Decimal, known: bool) -> None:
    tallied.restated[place] = EXACT.add(tallied.restated[place], amount)
    if known:
        tallied.reported[place] = EXACT.add(tallied.reported[place], amount)
