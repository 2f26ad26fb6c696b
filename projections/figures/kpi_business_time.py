"""How long cases took in business time: the seconds in which the company was open and did not wait for the customer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from statistics import quantiles
from typing import Any

from psycopg import sql

from domain.business_calendar import BusinessCalendarDefined
from domain.business_time import business_seconds
from domain.kernel import Refused
from projections.figures.counting import Amount, Look, Tallied
from projections.figures.kpi_service_sources import CASES
from projections.lists import Lists
from projections.service import cases
from projections.touchpoints.calendars import calendar_of, days_off

MAX_RESOLUTIONS = 50_000
"""How many resolutions are timed at once."""
STOPS = ("WAITING", "RESOLVED", "CLOSED")


@dataclass(frozen=True, slots=True)
class Resolution:
    """When a cycle of a case was resolved, when that was known, and the business seconds that it took."""

    resolved_at: datetime
    known_at: datetime
    seconds: int


def business_resolutions(lists: Lists, look: Look) -> Mapping[str, Tallied]:
    """The seconds of all resolutions, how many there were, and their median with the ninetieth percentile.

    By the first calendar that is defined, with its holidays. Raises `Refused` for more than MAX_RESOLUTIONS.
    """
    found = list(_resolutions(lists, look))
    tallied = {name: Tallied.of(Decimal(0), len(look.periods)) for name in ("worked_s", "resolutions")}
    tallied["work"] = Tallied.of(None, len(look.periods))
    for nth, period in enumerate([*look.periods, look.whole]):
        within = [each for each in found if period.starts_at <= each.resolved_at < period.ends_at]
        in_time = [each for each in within if each.known_at <= period.ends_at]
        for name, of in (("restated", within), ("reported", in_time)):
            seconds = sorted(each.seconds for each in of)
            getattr(tallied["worked_s"], name)[nth] = Decimal(sum(seconds))
            getattr(tallied["resolutions"], name)[nth] = Decimal(len(seconds))
            getattr(tallied["work"], name)[nth] = _spread(seconds)
    return tallied


def _resolutions(lists: Lists, look: Look) -> Iterator[Resolution]:
    calendar = calendar_of(lists, as_of=look.as_of)
    with lists.reading(cases.view) as (db, _):
        here = replace(look, db=db)
        query = sql.SQL(
            "select owner_id, cycle, milestone, occurred_at, known_at from (select * from {rows}) fact"
            " where (owner_id, cycle) in ("
            "   select owner_id, cycle from (select * from {rows} where {narrowed}) resolved"
            "    where milestone = 'RESOLVED' and occurred_at >= %(start)s and occurred_at < %(end)s limit %(most)s)"
            " order by owner_id, cycle, position"
        ).format(rows=here.rows(CASES), narrowed=here.narrowed(CASES))
        steps = here.ask(query, most=MAX_RESOLUTIONS + 1)
    cycles = [list(some) for _, some in groupby(steps, key=lambda step: step[:2])]
    if len(cycles) > MAX_RESOLUTIONS:
        raise Refused(f"That is more than {MAX_RESOLUTIONS:,} resolutions. Ask for less time.", "to")
    if steps:
        moments = [step[3] for step in steps]
        off = days_off(calendar, min(moments), max(moments))
        for cycle in cycles:
            yield from _timed(cycle, calendar, off)


def _timed(
    cycle: list[tuple[Any, ...]], calendar: BusinessCalendarDefined, off: frozenset[Any]
) -> Iterator[Resolution]:
    """The resolutions of a cycle: what is open time between its milestones, but for those in which it waited."""
    seconds, since = 0, cycle[0][3]
    for _, _, milestone, moment, known_at in cycle:
        if since is not None and milestone in STOPS:
            seconds += business_seconds(calendar, since, moment, off)
            since = None
        if milestone in ("RESUMED", "OPENED", "REOPENED"):
            since = moment if since is None else since
        if milestone == "RESOLVED":
            yield Resolution(moment, known_at, seconds)


def _spread(seconds: list[int]) -> Amount:
    """The median and the ninetieth percentile, between the two values that lie around it (Hyndman & Fan 1996, type 7)."""
    if len(seconds) < 2:
        return None if not seconds else (Decimal(seconds[0]), Decimal(seconds[0]))
    tenths = quantiles(seconds, n=10, method="inclusive")
    return Decimal(repr(tenths[4])), Decimal(repr(tenths[8]))
