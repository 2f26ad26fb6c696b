"""The backlog: how many cases were open at the end of each day, week or month, and what came and went in between."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg import sql

from domain.case_events import CasePriority, CaseType
from domain.values import Channel
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.history import past
from projections.lists import Lists
from projections.moment_of import moment_of
from projections.periods import periods_of
from projections.service import cases
from projections.service.cases import OPEN
from projections.service.slices import MAX_FIGURES, must_be_few, sliced

MAX_CHANGES = 200_000


class CaseDimension(StrEnum):
    """By what cases are counted."""

    QUEUE = "QUEUE"
    STAFF = "STAFF"
    TYPE = "TYPE"
    PRIORITY = "PRIORITY"
    CHANNEL = "CHANNEL"
    CATEGORY = "CATEGORY"
    PRODUCT = "PRODUCT"


COLUMNS = {
    CaseDimension.QUEUE: ("queue", "text"),
    CaseDimension.STAFF: ("staff_id", "uuid"),
    CaseDimension.TYPE: ("type", "text"),
    CaseDimension.PRIORITY: ("priority", "text"),
    CaseDimension.CHANNEL: ("channel", "text"),
    CaseDimension.CATEGORY: ("category", "text"),
    CaseDimension.PRODUCT: ("product", "text"),
}


@dataclass(frozen=True, slots=True)
class CaseSlice:
    """Which cases: of a queue, a person, a type and so on; what is empty is any, or not known."""

    queue: str | None = None
    staff_id: UUID | None = None
    type: CaseType | None = None
    priority: CasePriority | None = None
    channel: Channel | None = None
    category: str | None = None
    product: str | None = None


@dataclass(frozen=True, slots=True)
class BacklogFigure:
    """The cases that were open `at` a moment, by what was known of them then; `waiting` for their customers."""

    at: datetime
    of: CaseSlice
    open: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """The backlog at one or several moments. `time_zone` is whose days they are the ends of."""

    figures: tuple[BacklogFigure, ...]
    time_zone: str
    position: int


def backlog(
    lists: Lists, *, by: Collection[CaseDimension] = (), as_of: AsOf = NOW, now: datetime | None = None
) -> Backlog:
    """How many cases are open now, or were as of a moment: OPEN or WAITING, which is not resolved and not closed."""
    query = sql.SQL(
        "select {}, count(*), count(*) filter (where status = 'WAITING') from {} where status = any(%s) "
        " group by 1, 2, 3, 4, 5, 6, 7 order by 1, 2, 3, 4, 5, 6, 7 limit %s"
    ).format(dimensions_of(by), past(cases.view, as_of, lists.log.reader))
    at = moment_of(lists, as_of, now)
    with lists.reading(cases.view) as (db, position):
        found = db.execute(query, [[each.value for each in OPEN], MAX_FIGURES + 1]).fetchall()
    must_be_few(len(found))
    figures = tuple(BacklogFigure(at, slice_of(row[:7]), row[7], row[8]) for row in found)
    return Backlog(figures or (BacklogFigure(at, CaseSlice(), 0, 0),), BUSINESS_ZONE, position)


def backlog_series(
    lists: Lists,
    from_: date,
    to: date,
    granularity: Granularity,
    *,
    by: Collection[CaseDimension] = (),
    zone: str = BUSINESS_ZONE,
    as_of: AsOf = NOW,
    now: datetime | None = None,
) -> Backlog:
    """How many cases were open at the end of each period between two days; a period that goes on ends now.

    `as_of` restricts what is known. Raises `Refused` for days that are none, or for too many.
    """
    ends = [period.ends_at for period in periods_of(from_, to, granularity, zone)]
    latest = moment_of(lists, as_of, now)
    moments = [end for end in ends if end <= latest]
    if len(moments) < len(ends):
        moments.append(latest)
    # A version that holds from one moment up to another counts at the ends in between: 1 more from then on, 1 less from there.
    query = sql.SQL(
        "select n, {dimensions}, sum(change), sum(change) filter (where status = 'WAITING') "
        "  from ({versions}) v "
        " cross join lateral (values (width_bucket(valid_from, %(moments)s::timestamptz[]), 1), "
        "                            (width_bucket(valid_until, %(moments)s::timestamptz[]), -1)) c(n, change) "
        " where n is not null and status = any(%(open)s) group by 1, 2, 3, 4, 5, 6, 7, 8 limit %(most)s"
    ).format(dimensions=dimensions_of(by), versions=_versions(lists, as_of))
    parameters = {"moments": moments, "open": [each.value for each in OPEN], "most": MAX_CHANGES + 1}
    with lists.reading(cases.view) as (db, position):
        found = db.execute(query, parameters).fetchall()
    must_be_few(len(found), MAX_CHANGES)
    changes: dict[CaseSlice, dict[int, tuple[int, int]]] = {}
    for n, *of, opened, waiting in found:
        changes.setdefault(slice_of(of), {})[n] = (int(opened), int(waiting or 0))
    figures: list[BacklogFigure] = []
    for part, by_end in sorted(changes.items(), key=lambda each: str(each[0])) or [(CaseSlice(), {})]:
        opened, waiting = 0, 0
        for n, end in enumerate(moments):
            more, waits = by_end.get(n, (0, 0))
            opened, waiting = opened + more, waiting + waits
            if opened or not by:
                figures.append(BacklogFigure(end, part, opened, waiting))
    must_be_few(len(figures))
    return Backlog(tuple(sorted(figures, key=lambda figure: figure.at)), zone, position)


def dimensions_of(by: Collection[CaseDimension]) -> sql.Composable:
    """The columns of a slice, those that were not asked by being empty."""
    return sliced(COLUMNS, by)


def slice_of(of: Sequence[Any]) -> CaseSlice:
    """A slice from its columns."""
    queue, staff_id, kind, priority, channel, category, product = of
    return CaseSlice(
        queue,
        staff_id,
        None if kind is None else CaseType(kind),
        None if priority is None else CasePriority(priority),
        None if channel is None else Channel(channel),
        category,
        product,
    )


def _versions(lists: Lists, as_of: AsOf) -> sql.Composable:
    """The versions of cases that were known as of a moment, one that was replaced later holding still."""
    assert cases.view.versions is not None
    position = as_of.position if as_of.known_at is None else lists.log.reader.position_at(as_of.known_at)
    limits = [
        (sql.Identifier(name), sql.Identifier(until), sql.Literal(limit))
        for name, until, limit in (
            ("from_position", "until_position", position),
            ("known_from", "known_until", as_of.time),
        )
        if limit is not None
    ]
    names = ("status", "valid_from", *(name for name, _ in COLUMNS.values()))
    return sql.SQL("select {}, case when {} then valid_until end as valid_until from {} where {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(" and ").join([sql.SQL("true"), *(sql.SQL("{1} <= {2}").format(*limit) for limit in limits)]),
        sql.Identifier("views", cases.view.versions.name),
        sql.SQL(" and ").join([sql.SQL("true"), *(sql.SQL("{0} <= {2}").format(*limit) for limit in limits)]),
    )
