"""The case board: what is still to be done, the most pressing first, with the clocks of its service levels."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from psycopg import sql

from domain.case import CaseStatus
from domain.case_events import CasePriority, CaseType
from domain.case_sla import SlaMilestone
from domain.kernel import Refused
from domain.values import Channel, must_say
from eventstore.reader import NOW, AsOf
from projections.cursors import Term, cursor_of, read_cursor
from projections.history import past
from projections.lists import MAX_PAGE, Lists, comparing
from projections.moment_of import moment_of
from projections.service import case_slas, cases
from projections.service.case_slas import CaseSlaSheet
from projections.service.cases import OPEN, CaseSheet
from projections.service.durations import seconds_between
from projections.table import Table

SECOND = timedelta(seconds=1)


class ClockState(StrEnum):
    """How a clock stands: PAUSED while the case waits on the customer, OVERDUE once the time is up, MET or MISSED at last."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    OVERDUE = "OVERDUE"
    MET = "MET"
    MISSED = "MISSED"


@dataclass(frozen=True, slots=True)
class SlaClock:
    """A milestone that is promised by `due_at`, under a version of an SLA, and how that stands at a moment.

    `left_s` are the seconds that are left, less than zero once it is late; `used` is the share of the time between the
    beginning of the response cycle and the target that has passed. Both stand still once it is reached, and in a pause.
    """

    milestone: SlaMilestone
    due_at: datetime
    sla: str | None
    sla_version: int | None
    state: ClockState
    left_s: int
    used: float
    reached_at: datetime | None
    warned_at: datetime | None
    breached_at: datetime | None


@dataclass(frozen=True, slots=True)
class BoardCase:
    """A case on the board, with its clocks."""

    case_id: UUID
    customer_id: UUID | None
    number: str | None
    type: CaseType | None
    priority: CasePriority | None
    status: CaseStatus
    channel: Channel | None
    category: str | None
    queue: str | None
    staff_id: UUID | None
    team_id: UUID | None
    escalation: int
    opened_at: datetime | None
    cycle: int
    reassignments: int
    age_s: int
    left_s: int | None
    clocks: tuple[SlaClock, ...]


@dataclass(frozen=True, slots=True)
class BoardCount:
    """How many open cases have a priority and were raised to a level, and how many of them are late, or warned of."""

    priority: CasePriority | None
    escalation: int
    cases: int
    overdue: int
    warned: int
    waiting: int


@dataclass(frozen=True, slots=True)
class CaseBoard:
    """What is open at a moment: counts of all of it, and the most pressing cases.

    Pages that go on after a cursor look at the clocks as of the moment `at` of the first, so that none passes another.
    """

    at: datetime
    position: int
    open: int
    overdue: int
    counts: tuple[BoardCount, ...]
    cases: tuple[BoardCase, ...]
    end_cursor: str | None
    has_next_page: bool


RESPONSE_RUNS = "c.responded_at is null and s.response_set_at >= c.cycle_began_at"
RESOLUTION_RUNS = "s.resolution_set_at >= c.cycle_began_at"
LEFT = (
    f"(least(case when {RESPONSE_RUNS} then s.response_due_at end, case when {RESOLUTION_RUNS} then s.resolution_due_at end)"
    " - coalesce(c.waiting_since, %(at)s))"
)
"""How much time is left; the clock of a case that waits on its customer stands still."""
ORDER = (
    Term("left?", sql.SQL(f"({LEFT} is null)"), False, "boolean"),
    Term("left", sql.SQL(f"coalesce({LEFT}, interval '0')"), False, "interval"),
    Term("opened_at", sql.SQL("coalesce(c.opened_at, 'infinity')"), False, "timestamptz"),
    Term("case_id", sql.SQL("c.case_id"), False, "uuid"),
)
PLACE = sql.SQL(", ").join(
    sql.SQL("{}::{}").format(sql.Placeholder(f"place_{n}"), sql.SQL(cast(Any, term.sql_type)))
    for n, term in enumerate(ORDER)
)
AT = Term("at", sql.SQL("%(at)s"), False, "timestamptz")
"""A cursor begins with the moment of the board that it is of."""
CHOSEN = (
    "(%(queue)s::text is null or c.queue = %(queue)s) and (%(staff_id)s::uuid is null or c.staff_id = %(staff_id)s)"
    " and (%(team_id)s::uuid is null or c.team_id = %(team_id)s)"
    " and (%(priorities)s::text[] is null or c.priority = any(%(priorities)s))"
)


def case_board(
    lists: Lists,
    *,
    queue: str | None = None,
    staff_id: UUID | None = None,
    team_id: UUID | None = None,
    priorities: Collection[CasePriority] | None = None,
    first: int = MAX_PAGE,
    after: str | None = None,
    as_of: AsOf = NOW,
    now: datetime | None = None,
) -> CaseBoard:
    """The open cases of a queue, a person, a team or everybody, least time left first; those without a clock come last.

    Raises `Refused` for a page that is none, or a queue without a name.
    """
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} cases at a time.", "first")
    must_say(queue, "The queue", "queue")
    place: list[str | None] = []
    if after is not None:
        now, place = _place(after)
    at, reader, sheet, clocks = moment_of(lists, as_of, now), lists.log.reader, Table(cases.view), Table(case_slas.view)
    parameters = {
        "at": at, "queue": queue, "staff_id": staff_id, "team_id": team_id, "limit": first + 1,
        **{f"place_{n}": value for n, value in enumerate(place)},
        "priorities": None if priorities is None else [each.value for each in priorities],
        "open": [each.value for each in OPEN],
    }  # fmt: skip
    source = sql.SQL(
        "(select * from {}) c left join (select * from {}) s on s.case_id = c.case_id where c.status = any(%(open)s) and {}"
    ).format(past(cases.view, as_of, reader), past(case_slas.view, as_of, reader), sql.SQL(CHOSEN))
    shown = sql.SQL(", ").join(
        sql.Identifier(name, column.name) for name, table in (("c", sheet), ("s", clocks)) for column in table.columns
    )
    with lists.reading(cases.view) as (db, position):
        counted = db.execute(
            sql.SQL(
                "select c.priority, c.escalation, count(*), count(*) filter (where {left} < interval '0'), "
                "       count(*) filter (where {resolution} and s.resolution_warned_at is not null"
                "         or {response} and s.response_warned_at is not null), "
                "       count(*) filter (where c.status = 'WAITING') from {source} group by 1, 2 order by 1, 2"
            ).format(
                left=sql.SQL(LEFT),
                source=source,
                resolution=sql.SQL(RESOLUTION_RUNS),
                response=sql.SQL(RESPONSE_RUNS),
            ),
            parameters,
        ).fetchall()
        order = sql.SQL(", ").join(term.expression for term in ORDER)
        query = sql.SQL(
            "select {shown}, array[{texts}] from {source} and {beyond} order by {order} limit %(limit)s"
        ).format(
            shown=shown,
            texts=sql.SQL(", ").join(sql.SQL("({})::text").format(term.expression) for term in ORDER),
            source=source,
            beyond=sql.SQL("({}) > ({})").format(order, PLACE) if place else sql.SQL("true"),
            order=order,
        )
        with comparing(), db.cursor(binary=True) as cursor:
            found = cursor.execute(query, parameters).fetchall()
    width, rows = len(sheet.columns), found[:first]
    counts = tuple(BoardCount(priority and CasePriority(priority), *of) for priority, *of in counted)
    return CaseBoard(
        at=at,
        position=position,
        open=sum(each.cases for each in counts),
        overdue=sum(each.overdue for each in counts),
        counts=counts,
        cases=tuple(
            _card(sheet.row(row[:width]), clocks.row(row[width:-1]) if row[width] is not None else None, at)
            for row in rows
        ),
        end_cursor=cursor_of([at.isoformat(), *rows[-1][-1]], (AT, *ORDER)) if rows else None,
        has_next_page=len(found) > first,
    )


def _place(cursor: str) -> tuple[datetime, list[str | None]]:
    """The moment of the board that a cursor is of, and the place in its order."""
    at, *place = read_cursor(cursor, (AT, *ORDER))
    try:
        return datetime.fromisoformat(at or ""), place
    except ValueError:
        raise Refused("That cursor is not one of this board. Take it from endCursor.", "after") from None


def clocks_of(case: CaseSheet, sla: CaseSlaSheet | None, at: datetime) -> tuple[SlaClock, ...]:
    """The clocks of a case at a moment, that of the first response before that of the resolution.

    Closing a case ends its clocks, resolved or not. A target that was set in an earlier response cycle, before it was taken
    up again, does not count any more.
    """
    if sla is None:
        return ()
    over = case.resolved_at or case.closed_at
    answered = case.responded_at or over
    found = (
        _clock(
            case, SlaMilestone.FIRST_RESPONSE, sla.response_due_at, sla.response_set_at, answered, at,
            (sla.response_sla, sla.response_sla_version), (sla.response_warned_at, sla.response_breached_at),
        ),
        _clock(
            case, SlaMilestone.RESOLUTION, sla.resolution_due_at, sla.resolution_set_at, over, at,
            (sla.resolution_sla, sla.resolution_sla_version), (sla.resolution_warned_at, sla.resolution_breached_at),
        ),
    )  # fmt: skip
    return tuple(clock for clock in found if clock is not None)


def sheets_of_each(
    lists: Lists, case_ids: Collection[UUID], as_of: AsOf = NOW
) -> dict[UUID, tuple[CaseSlaSheet | None, datetime]]:
    """What `clocks_of` needs for several cases, in one query: what was promised of each, and the moment of the question."""
    table, at = Table(case_slas.view), moment_of(lists, as_of)
    query = sql.SQL("select {} from {} where case_id = any(%s)").format(
        table.selected, past(case_slas.view, as_of, lists.log.reader)
    )
    with lists.reading(case_slas.view) as (db, _):
        found = {each.case_id: each for each in table.select(db, query, [list(case_ids)])}
    return {case_id: (found.get(case_id), at) for case_id in case_ids}


def _clock(
    case: CaseSheet,
    milestone: SlaMilestone,
    due_at: datetime | None,
    set_at: datetime | None,
    reached_at: datetime | None,
    at: datetime,
    sla: tuple[str | None, int | None],
    said: tuple[datetime | None, datetime | None],
) -> SlaClock | None:
    began = case.cycle_began_at
    if due_at is None or set_at is None or began is None or set_at < began:
        return None
    stands = reached_at or case.waiting_since or at
    left = due_at - stands
    if reached_at is not None:
        state = ClockState.MET if reached_at <= due_at else ClockState.MISSED
    elif left.total_seconds() < 0:
        state = ClockState.OVERDUE
    else:
        state = ClockState.PAUSED if case.waiting_since else ClockState.RUNNING
    allowed = max(due_at - began, SECOND)
    return SlaClock(
        milestone, due_at, *sla, state, left // SECOND, max(0.0, (stands - began) / allowed), reached_at, *said
    )


def _card(case: CaseSheet, sla: CaseSlaSheet | None, at: datetime) -> BoardCase:
    clocks = clocks_of(case, sla, at)
    running = [clock.left_s for clock in clocks if clock.reached_at is None]
    return BoardCase(
        case_id=case.case_id,
        customer_id=case.customer_id,
        number=case.number,
        type=case.type,
        priority=case.priority,
        status=case.status,
        channel=case.channel,
        category=case.category,
        queue=case.queue,
        staff_id=case.staff_id,
        team_id=case.team_id,
        escalation=case.escalation,
        opened_at=case.opened_at,
        cycle=case.cycle,
        reassignments=case.reassignments,
        age_s=seconds_between(case.opened_at, at),
        left_s=min(running, default=None),
        clocks=clocks,
    )
