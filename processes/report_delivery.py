"""Report delivery: saved reports are sent to those of the company for whom they are scheduled, at their local time.

Each occurrence of each recipient is a promise, and the next one is promised with it. What is sent says as of which position
of the log it is, and by which version of the report and of the cube's definitions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from domain import staff
from domain.activity import ActivityKind, ScheduleActivity
from domain.follow_up import Action, ActionKind, DispatchFollowUp
from domain.kernel import Command, Refused, derived
from domain.report import ReportFrequency, ReportSaved, ReportScheduled
from domain.rules import Rules
from domain.staff import StaffAdded, StaffChanged, StaffLeft, StaffRole
from domain.values import Channel
from eventstore.envelope import Recorded
from eventstore.reader import AsOf
from eventstore.sealing.heads import Heads
from processes.contact import HOME_LANGUAGE, LANGUAGES, OTHER_LANGUAGE
from processes.policy import Letter, Policy, Subject, cancel
from processes.staff_words import said as in_words
from processes.telling import any_of, mail, until
from projections import VIEWS
from projections.figures.reports import may_see, open_report
from projections.figures.saved_reports import asked
from projections.lists import Lists
from projections.touchpoints import due as dues
from projections.touchpoints.due import Due

TOO_LATE_AFTER = timedelta(days=1)
"""A report that could not be sent for so long is left out; the next one comes."""
MAX_ROWS = 200
"""Rows that one mail shows; the report itself has them all."""
DAY = timedelta(days=1)
NOT_ALLOWED = "NOT_ALLOWED"
NOBODY = staff.Staff()


class Reports:
    """What all memories share: the saved reports, and when and to whom each is sent."""

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self.position = 0
        self.saved: dict[UUID, ReportSaved] = {}
        self.scheduled: dict[UUID, tuple[ReportScheduled, int]] = {}


@dataclass(slots=True)
class Known:
    """Who a report is sent to."""

    shared: Reports
    somebody: staff.Staff = NOBODY
    name: str | None = None
    email: str | None = None


RULES = Rules(
    triggers=any_of(ReportScheduled),
    delay=until("the next time of the schedule, in its zone, and each one after it"),
    action=mail("report", None),
    cancelled_by=any_of(ReportScheduled),
    note=(
        f"To each recipient who works here, may see it by their role and has an address, with {MAX_ROWS} rows at most; who "
        "may not see it is named in a task instead; what could not be sent for "
        f"{TOO_LATE_AFTER.days} day{'s' if TOO_LATE_AFTER.days > 1 else ''} is left out."
    ),
)

policy = Policy(
    "report-delivery",
    version=1,
    memory=Known,
    subject=Subject.NOUN,
    shared=Reports,
    views=tuple(view for view in VIEWS if view is not dues.view),
    rules=RULES,
)


@policy.learn(ReportSaved)
def saved(shared: Reports, event: ReportSaved, at: Recorded) -> None:
    shared.saved[at.stream_id] = event


@policy.learn(ReportScheduled)
def scheduled(shared: Reports, event: ReportScheduled, at: Recorded) -> None:
    shared.scheduled[at.stream_id] = event, at.position


@policy.remember(StaffAdded, StaffChanged, disclose=True)
def who(known: Known, told: StaffAdded | StaffChanged, at: Recorded) -> None:
    known.somebody = staff.evolve(known.somebody, told)
    known.name = told.name or known.name
    known.email = told.email or known.email


@policy.remember(StaffLeft)
def left(known: Known, told: StaffLeft, at: Recorded) -> None:
    known.somebody = staff.evolve(known.somebody, told)


@policy.trigger(ReportScheduled)
def plan(said: ReportScheduled, at: Recorded, known: Known) -> Iterator[Command]:
    if not said.recipients:
        yield policy.pass_over(at, "NO_RECIPIENTS")
    for staff_id in said.recipients:
        due_at = next_after(said, at.occurred_at)
        yield policy.promise(at, step(said, due_at, staff_id, at.position), sending(staff_id), due_at)


@policy.due
def send(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.trigger is not None
    assert due.about is not None
    assert due.due_at is not None
    said, position = known.shared.scheduled[due.trigger]
    if position != due.trigger_position:
        yield from cancel("RESCHEDULED", due.follow_up_id)
        return
    base = known.shared.saved[due.trigger]
    if reason := unreached(known, base):
        yield policy.suppress(due, reason)
        if reason == "LEFT":
            return
        if reason == NOT_ALLOWED:
            yield refusal(due, now, base, known)
    elif now - due.due_at > TOO_LATE_AFTER:
        yield policy.suppress(due, "TOO_LATE")
    else:
        yield DispatchFollowUp(follow_up_id=due.follow_up_id, basis="EMPLOYMENT", relied_on=due.trigger_position)
    later = next_after(said, max(now, due.due_at))
    yield policy.promise_next(due, step(said, later, due.about, position), sending(due.about), later)


@policy.unless
def not_any_more(due: Due, now: datetime, known: Known) -> str | None:
    assert due.trigger is not None
    return unreached(known, known.shared.saved[due.trigger])


@policy.letter
def write(due: Due, known: Known) -> Letter:
    assert due.trigger is not None
    assert due.due_at is not None
    shared = known.shared
    said, (when, _) = shared.saved[due.trigger], shared.scheduled[due.trigger]
    today = due.due_at.astimezone(ZoneInfo(when.timezone)).date()
    language = next((tag.partition("-")[0] for tag in known.somebody.known.get("languages", ())), OTHER_LANGUAGE)
    return Letter(
        to=known.email or "",
        name=known.name,
        language=language if language in LANGUAGES else OTHER_LANGUAGE,
        template="report",
        hours=None,
        values={"title": said.title, "report": f"{said.key} v{said.version}", **content(shared, said, today)},
    )


def content(shared: Reports, said: ReportSaved, today: date) -> dict[str, str]:
    """What a report says as of a position: a line of names and one for each row, of values between tabs.

    The checkpoint is the last one that was signed: whoever keeps the report can hold the log to it.
    """
    as_of = AsOf(position=shared.position)
    stamp = {"position": f"{shared.position}", "day": today.isoformat(), "table": "", "problem": "", "more": ""}
    stamp["checkpoint"] = Heads(shared.lists.log.pool).short() or ""
    try:
        report, given = asked(said.base, said.parameters, said.last_days, {}, today)
        answer = open_report(shared.lists, report, given, as_of)
    except Refused as no:
        return {**stamp, "base": said.base, "problem": no.reason}
    rows = [dict(row) for row in answer.rows]
    names = list(rows[0]) if rows else []
    lines = ["\t".join(names), *("\t".join(shown(row.get(name)) for name in names) for row in rows[:MAX_ROWS])]
    more = str(len(rows) - MAX_ROWS) if len(rows) > MAX_ROWS else ""
    return {
        **stamp,
        "base": f"{report.name} v{report.version}",
        "table": "\n".join(lines) if rows else "",
        "more": more,
    }


def shown(value: Any) -> str:
    """A value in a cell."""
    return "" if value is None else " ".join(str(value).split())


def unreached(known: Known, said: ReportSaved) -> str | None:
    """Why somebody gets a report not, as a code: only who works here, may see it by their role, and has an address."""
    if known.somebody.added is None or known.somebody.left:
        return "LEFT"
    if not may_see(role(known), said.base):
        return NOT_ALLOWED
    return None if known.email else "NO_ADDRESS"


def role(known: Known) -> StaffRole:
    """What a recipient does in the company."""
    return StaffRole(known.somebody.known.get("role", StaffRole.OTHER))


def refusal(due: Due, now: datetime, said: ReportSaved, known: Known) -> ScheduleActivity:
    """Says once, for a schedule and the role that somebody has, that they are not to see the report, by their name."""
    words = {"name": known.name or known.email or due.about, "role": role(known).value, "title": said.title}
    return ScheduleActivity(
        activity_id=derived("activity", policy.name, due.trigger_position, due.about, role(known)),
        kind=ActivityKind.TASK,
        subject=in_words(HOME_LANGUAGE, "report_not_allowed", **words),
        due_at=now + DAY,
        related_noun="report",
        related_id=due.trigger,
        origin_policy=policy.name,
    )


def sending(staff_id: UUID) -> Action:
    """A report is sent to somebody of the company; no consent is asked for that."""
    return Action(kind=ActionKind.SEND_MESSAGE, template="report", channel=Channel.EMAIL, about=staff_id)


def step(said: ReportScheduled, due_at: datetime, staff_id: UUID, position: int) -> str:
    """What the sending of a day is called: of which schedule, on which local day, to whom."""
    return f"{position}: {due_at.astimezone(ZoneInfo(said.timezone)).date()} {staff_id}"


def next_after(said: ReportScheduled, moment: datetime) -> datetime:
    """The first time after a moment at which a report is to be sent, in UTC.

    A day of the month that a month does not have is its last. A time that the clocks skip is moved forward by what they
    skip; of one that comes twice, it is the first.
    """
    zone, clock = ZoneInfo(said.timezone), time.fromisoformat(said.at)
    day = moment.astimezone(zone).date() - DAY
    while True:
        day += DAY
        at = datetime.combine(day, clock, zone).astimezone(UTC)
        if at > moment and falls_on(said, day):
            return at


def falls_on(said: ReportScheduled, day: date) -> bool:
    """Whether a report is sent on a local day."""
    match said.frequency:
        case ReportFrequency.DAILY:
            return True
        case ReportFrequency.WEEKLY:
            return day.isoweekday() == said.on
        case ReportFrequency.MONTHLY:
            last = (day + relativedelta(day=31)).day
            return day.day == min(said.on or 1, last)
