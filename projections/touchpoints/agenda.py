"""The agenda: what the people of the company are to do and when, and when they are free."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg import sql

from domain.activity import (
    ActivityAccepted,
    ActivityCancelled,
    ActivityCompleted,
    ActivityDeclined,
    ActivityKind,
    ActivityMissed,
    ActivityReassigned,
    ActivityRescheduled,
    ActivityScheduled,
    ActivityStarted,
    ActivityStatus,
)
from domain.kernel import Refused
from domain.values import Period
from eventstore.envelope import Recorded
from eventstore.reader import NOW, AsOf
from projections.history import past
from projections.lists import Lists
from projections.table import Table
from projections.touchpoints import absences
from projections.touchpoints.absences import AbsenceEntry
from projections.view import Row, View

DAY = timedelta(days=1)
ASSUMED = timedelta(minutes=30)
"""How long an activity keeps somebody busy that says when it starts, but not how long it lasts."""
MAX_FREE_BUSY_DAYS = 366
MAX_FREE_BUSY_ROWS = 10_000
MAX_PEOPLE = 50
KEEPS_NOBODY = (ActivityStatus.UNKNOWN, ActivityStatus.CANCELLED, ActivityStatus.MISSED)

OPEN = (ActivityStatus.SCHEDULED, ActivityStatus.STARTED)


class AgendaEntry(Row, key="activity_id"):
    """An activity. Its subject is read from the event at `scheduled_position` when it is shown; durations are in seconds.

    `ends_at` is known where the start and the duration are. `accepted` is empty until the one who has it says so or not.
    """

    activity_id: UUID
    customer_id: UUID | None = None
    staff_id: UUID | None = None
    kind: ActivityKind | None = None
    status: ActivityStatus = ActivityStatus.UNKNOWN
    starts_at: datetime | None = None
    due_at: datetime | None = None
    ends_at: datetime | None = None
    duration_s: int | None = None
    all_day: bool = False
    accepted: bool | None = None
    outcome: str | None = None
    origin_policy: str | None = None
    related_noun: str | None = None
    related_id: UUID | None = None
    remind_before_s: int | None = None
    rescheduled: int = 0
    scheduled_position: int = 0
    changed_at: datetime | None = None


view = View(
    "agenda",
    AgendaEntry,
    version=2,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(staff_id, starts_at)", "(customer_id, starts_at)", "(status, due_at)"),
)


@view.on(ActivityScheduled)
def schedule(entry: AgendaEntry, scheduled: ActivityScheduled, at: Recorded) -> None:
    entry.customer_id = at.customer_id
    entry.staff_id = scheduled.staff_id
    entry.kind = scheduled.kind
    entry.status = ActivityStatus.SCHEDULED
    entry.all_day = scheduled.all_day
    entry.origin_policy = scheduled.origin_policy
    entry.related_noun = scheduled.related_noun
    entry.related_id = scheduled.related_id
    entry.remind_before_s = scheduled.remind_before_s
    entry.scheduled_position = at.position
    entry.changed_at = at.recorded_at
    _set_times(entry, scheduled)


@view.on(ActivityRescheduled)
def reschedule(entry: AgendaEntry, moved: ActivityRescheduled, at: Recorded) -> None:
    if entry.status is not ActivityStatus.STARTED:
        entry.status = ActivityStatus.SCHEDULED
    entry.accepted = None
    entry.outcome = None
    entry.rescheduled += 1
    entry.changed_at = at.recorded_at
    _set_times(entry, moved)


@view.on(ActivityReassigned)
def reassign(entry: AgendaEntry, reassigned: ActivityReassigned, at: Recorded) -> None:
    entry.staff_id = reassigned.staff_id
    entry.accepted = None
    entry.changed_at = at.recorded_at


@view.on(ActivityAccepted)
def accept(entry: AgendaEntry, accepted: ActivityAccepted, at: Recorded) -> None:
    entry.accepted = True
    entry.changed_at = at.recorded_at


@view.on(ActivityDeclined)
def decline(entry: AgendaEntry, declined: ActivityDeclined, at: Recorded) -> None:
    entry.accepted = False
    entry.changed_at = at.recorded_at


@view.on(ActivityStarted)
def start(entry: AgendaEntry, started: ActivityStarted, at: Recorded) -> None:
    entry.status = ActivityStatus.STARTED
    entry.changed_at = at.recorded_at


@view.on(ActivityCompleted)
def complete(entry: AgendaEntry, completed: ActivityCompleted, at: Recorded) -> None:
    entry.status = ActivityStatus.COMPLETED
    entry.outcome = completed.outcome
    entry.changed_at = at.recorded_at
    if completed.duration_s is not None:
        entry.duration_s = completed.duration_s
        entry.ends_at = _end(entry)


@view.on(ActivityCancelled)
def cancel(entry: AgendaEntry, cancelled: ActivityCancelled, at: Recorded) -> None:
    entry.status = ActivityStatus.CANCELLED
    entry.changed_at = at.recorded_at


@view.on(ActivityMissed)
def miss(entry: AgendaEntry, missed: ActivityMissed, at: Recorded) -> None:
    entry.status = ActivityStatus.MISSED
    entry.changed_at = at.recorded_at


def _set_times(entry: AgendaEntry, said: ActivityScheduled | ActivityRescheduled) -> None:
    entry.starts_at = said.starts_at
    entry.due_at = said.due_at
    entry.duration_s = said.duration_s
    entry.ends_at = _end(entry)


def _end(entry: AgendaEntry) -> datetime | None:
    """The start and the duration make the end; a whole day that says no duration lasts one."""
    if entry.starts_at is None or (entry.duration_s is None and not entry.all_day):
        return None
    return entry.starts_at + (DAY if entry.duration_s is None else timedelta(seconds=entry.duration_s))


# What the agenda answers.


def keeps_busy(entry: AgendaEntry) -> bool:
    """Whether whoever has this can do nothing else meanwhile: unless it came to nothing, or they will not do it."""
    return entry.starts_at is not None and entry.status not in KEEPS_NOBODY and entry.accepted is not False


def is_overdue(entry: AgendaEntry, now: datetime) -> bool:
    """Whether it should have been done by a moment: when it is due, or else when it ends, and nobody has said that it was."""
    until = entry.due_at or entry.ends_at or (entry.starts_at and entry.starts_at + ASSUMED)
    return entry.status in OPEN and until is not None and until <= now


def busy(
    entries: Iterable[AgendaEntry], away: Iterable[AbsenceEntry], start: datetime, end: datetime
) -> tuple[Period, ...]:
    """When somebody is busy from a moment up to another: in order, apart from one another, cut off at both ends."""
    taken = [(e.starts_at, e.ends_at or e.starts_at + ASSUMED) for e in entries if keeps_busy(e) and e.starts_at]
    taken += [(a.starts_at, a.ends_at) for a in away if a.starts_at and a.ends_at and not a.cancelled]
    cut = sorted((max(since, start), min(until, end)) for since, until in taken)
    return tuple(joined(Period(since, until) for since, until in cut if since < until))


def joined(periods: Iterable[Period]) -> Iterator[Period]:
    """Periods in the order of their start, with those that touch or overlap made one."""
    last: Period | None = None
    for period in periods:
        if last is not None and period.start <= last.end:
            last = Period(last.start, max(last.end, period.end))
        else:
            if last is not None:
                yield last
            last = period
    if last is not None:
        yield last


def free(taken: Iterable[Period], start: datetime, end: datetime) -> tuple[Period, ...]:
    """What is left from a moment up to another of the time that `busy` does not take."""
    found: list[Period] = []
    since = start
    for period in taken:
        if since < period.start:
            found.append(Period(since, period.start))
        since = period.end
    if since < end:
        found.append(Period(since, end))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class FreeBusy:
    """When somebody is free, and when busy."""

    free: tuple[Period, ...]
    busy: tuple[Period, ...]


def free_busy(lists: Lists, staff_id: UUID, start: datetime, end: datetime, *, as_of: AsOf = NOW) -> FreeBusy:
    """When somebody is free, and when busy. Raises `Refused` for a time that is none, or too long, or too full."""
    return free_busy_of_each(lists, [staff_id], start, end, as_of=as_of)[staff_id]


def free_busy_of_each(
    lists: Lists, staff_ids: Collection[UUID], start: datetime, end: datetime, *, as_of: AsOf = NOW
) -> dict[UUID, FreeBusy]:
    """When each of several people is free, and when busy. Raises `Refused` as `free_busy`, and for too many people."""
    Period(start, end)
    if end - start > timedelta(days=MAX_FREE_BUSY_DAYS):
        raise Refused(f"Ask for at most {MAX_FREE_BUSY_DAYS} days.", "to")
    if not 1 <= len(staff_ids) <= MAX_PEOPLE:
        raise Refused(f"Name from 1 to {MAX_PEOPLE} people.", "staffIds")
    reader, people = lists.log.reader, list(staff_ids)
    entries, away = Table(view), Table(absences.view)
    with lists.reading(view) as (db, _):
        query = sql.SQL(
            "select {} from {} where staff_id = any(%s)"
            "   and starts_at < %s and coalesce(ends_at, starts_at + %s) > %s limit %s"
        ).format(entries.selected, past(view, as_of, reader))
        planned = entries.select(db, query, [people, end, ASSUMED, start, MAX_FREE_BUSY_ROWS + 1])
        query = sql.SQL(
            "select {} from {} where staff_id = any(%s) and starts_at < %s and ends_at > %s limit %s"
        ).format(away.selected, past(absences.view, as_of, reader))
        gone = away.select(db, query, [people, end, start, MAX_FREE_BUSY_ROWS + 1])
    if max(len(planned), len(gone)) > MAX_FREE_BUSY_ROWS:
        raise Refused(f"There are more than {MAX_FREE_BUSY_ROWS:,} entries in this time. Ask for a shorter one.", "to")
    found = {}
    for who in people:
        taken = busy([e for e in planned if e.staff_id == who], [a for a in gone if a.staff_id == who], start, end)
        found[who] = FreeBusy(free(taken, start, end), taken)
    return found
