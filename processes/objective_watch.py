"""Objective watch: every morning each objective is measured, and whoever answers for one that falls behind is told.

Behind 90 % of the pace is AMBER: a task for its owner. Behind 75 % is RED: one for the owner and a review for the
director. Back on pace, the tasks that are still open are called off. After the last day the objective is achieved or missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.activity import (
    ActivityCancelled,
    ActivityCompleted,
    ActivityKind,
    ActivityMissed,
    ActivityScheduled,
    CancelActivity,
    ScheduleActivity,
)
from domain.follow_up import Action, ActionKind, FollowUpCompleted, FollowUpScheduled
from domain.kernel import Command, derived
from domain.objective import (
    ObjectiveAchieved,
    ObjectiveMissed,
    ObjectiveRevised,
    ObjectiveSet,
    ObjectiveStatus,
    RecordObjectiveAchieved,
    RecordObjectiveMissed,
    is_reached,
)
from domain.rules import Rules
from domain.staff import StaffRole
from eventstore.envelope import Recorded
from eventstore.reader import AsOf
from processes.company import Company as People
from processes.company import learns_company
from processes.policy import Policy, Subject, cancel, done
from processes.staff_words import told as told_to
from processes.telling import BY_ITSELF, any_of, percent, until
from projections import VIEWS
from projections.buckets import BUSINESS_ZONE
from projections.company import objectives
from projections.company.objective_measures import measuring
from projections.company.objective_status import AMBER, RED, ObjectiveStanding, TrafficLight, number, standing
from projections.company.objectives import ObjectiveSheet
from projections.lists import Lists
from projections.touchpoints import due as dues
from projections.touchpoints.due import Due

AT = time(7)
"""When the day before is looked at, in the zone of the business unit."""
TASK_WITHIN = timedelta(days=2)
DAY = timedelta(days=1)
WORSE = (TrafficLight.GREEN, TrafficLight.AMBER, TrafficLight.RED)
"""From good to bad."""


class Company:
    """What all memories share: the people, the lights that were seen last, and the objectives of the tasks
    that are open because of them.
    """

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self.position = 0
        self.company = People()
        self.objectives: dict[UUID, UUID] = {}
        self.lights: dict[UUID, TrafficLight] = {}
        self.tasks: dict[UUID, UUID] = {}


@dataclass(slots=True)
class Known:
    """An objective as it stands, and what it was measured to be on which day."""

    shared: Company
    sheet: ObjectiveSheet | None = None
    measured: dict[date, ObjectiveStanding] = field(default_factory=dict)


RULES = Rules(
    triggers=any_of(ObjectiveSet),
    delay=until(f"{AT:%H:%M} on the morning after each day of the objective"),
    action=BY_ITSELF,
    note=(
        f"Below {percent(AMBER)} of the pace whoever answers for the objective has a task, below {percent(RED)} a "
        f"director has a review as well, both within {TASK_WITHIN.days} days; back on pace they are called off; after the last "
        "day it is achieved or missed."
    ),
)

policy = Policy(
    "objective-watch",
    version=1,
    memory=Known,
    subject=Subject.NOUN,
    shared=Company,
    views=tuple(view for view in VIEWS if view is not dues.view),
    rules=RULES,
)
learns_company(policy)


@policy.learn(FollowUpScheduled)
def watched(shared: Company, scheduled: FollowUpScheduled, at: Recorded) -> None:
    if scheduled.policy == policy.name:
        shared.objectives[at.stream_id] = scheduled.trigger


@policy.learn(FollowUpCompleted)
def seen(shared: Company, completed: FollowUpCompleted, at: Recorded) -> None:
    if (objective_id := shared.objectives.get(at.stream_id)) is not None and completed.outcome in WORSE:
        shared.lights[objective_id] = TrafficLight(completed.outcome)


@policy.learn(ActivityScheduled)
def given(shared: Company, scheduled: ActivityScheduled, at: Recorded) -> None:
    if scheduled.origin_policy == policy.name and scheduled.related_id is not None:
        shared.tasks[at.stream_id] = scheduled.related_id


@policy.learn(ActivityCompleted, ActivityCancelled, ActivityMissed)
def ended(shared: Company, event: ActivityCompleted | ActivityCancelled | ActivityMissed, at: Recorded) -> None:
    shared.tasks.pop(at.stream_id, None)


@policy.remember(ObjectiveSet, ObjectiveRevised, ObjectiveAchieved, ObjectiveMissed)
def told(
    known: Known, event: ObjectiveSet | ObjectiveRevised | ObjectiveAchieved | ObjectiveMissed, at: Recorded
) -> None:
    known.sheet = known.sheet or ObjectiveSheet(objective_id=at.stream_id)
    match event:
        case ObjectiveSet():
            objectives.set_(known.sheet, event, at)
        case ObjectiveRevised():
            objectives.revise(known.sheet, event, at)
        case ObjectiveAchieved() | ObjectiveMissed():
            objectives.decide(known.sheet, event, at)


@policy.trigger(ObjectiveSet)
def watch(said: ObjectiveSet, at: Recorded, known: Known) -> Iterator[Command]:
    first = max(said.starts_on, at.occurred_at.astimezone(ZoneInfo(BUSINESS_ZONE)).date())
    if first > said.ends_on:
        yield policy.pass_over(at, "OVER", step(said.ends_on), at.stream_id)
    else:
        yield policy.promise(at, step(first), Action(kind=ActionKind.ACT, about=at.stream_id), morning_after(first))


@policy.due
def look(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    sheet = known.sheet
    assert sheet is not None
    assert sheet.ends_on is not None
    day = min(date.fromisoformat(due.step.removeprefix("day ")), sheet.ends_on)
    if sheet.status is not ObjectiveStatus.SET:
        yield from cancel(sheet.status.value, due.follow_up_id)
        return
    if day not in known.measured:
        measure = measuring(known.shared.lists, AsOf(position=known.shared.position))
        known.measured[day] = standing(sheet, measure(sheet, day), day)
    found = known.measured[day]
    yield from speak(due, now, found, known.shared)
    if day == sheet.ends_on:
        yield from decide(found, known.shared.position)
    yield done(due, found.light.value)
    if day < sheet.ends_on:
        action = Action(kind=ActionKind.ACT, about=sheet.objective_id)
        yield policy.promise_next(due, step(day + DAY), action, morning_after(day + DAY))


def speak(due: Due, now: datetime, found: ObjectiveStanding, shared: Company) -> Iterator[Command]:
    """Whoever has to know is told when a light turns worse; when it is green again, they need not look any more."""
    before = shared.lights.get(found.objective_id, TrafficLight.GREEN)
    if found.light is TrafficLight.GREEN and before is not TrafficLight.GREEN:
        for task_id in sorted(id for id, about in shared.tasks.items() if about == found.objective_id):
            yield CancelActivity(activity_id=task_id, reason="Back on pace.")
    elif found.light in WORSE and WORSE.index(found.light) > WORSE.index(before):
        people = {"look": found.staff_id}
        if found.light is TrafficLight.RED:
            people["review"] = director(found.staff_id, shared.company)
        for what, staff_id in people.items():
            yield ScheduleActivity(
                activity_id=derived("activity", due.follow_up_id, what),
                kind=ActivityKind.TASK,
                subject=told_of(found, what, staff_id, shared.company),
                staff_id=staff_id,
                due_at=now + TASK_WITHIN,
                related_noun="objective",
                related_id=found.objective_id,
                origin_policy=policy.name,
            )


def told_of(found: ObjectiveStanding, what: str, staff_id: UUID | None, company: People) -> str:
    """What somebody is told of an objective."""
    figures = {"actual": found.actual, "expected": found.expected, "projected": found.projected}
    shown = {name: "–" if figure is None else number(figure) for name, figure in figures.items()}
    return told_to(
        company, staff_id, f"objective_{what}", kpi=found.kpi, explanation=found.explanation, day=found.on, **shown
    )


def director(staff_id: UUID | None, company: People) -> UUID | None:
    """The first director above somebody, or else the first one that there is."""
    above = company.managers_of(staff_id) if staff_id is not None else ()
    directors = [each for each in above if company.role(each) is StaffRole.DIRECTOR]
    return next(iter(directors or company.with_role(StaffRole.DIRECTOR)), None)


def decide(found: ObjectiveStanding, position: int) -> Iterator[Command]:
    """What became of an objective whose last day is over, unless it could not be measured."""
    if found.actual is None:
        return
    said = RecordObjectiveAchieved if is_reached(found.actual, found.operator, found.target) else RecordObjectiveMissed
    yield said(objective_id=found.objective_id, measured=found.actual, kpi_version=found.kpi_version, position=position)


def step(day: date) -> str:
    """What a day's look is called."""
    return f"day {day}"


def morning_after(day: date) -> datetime:
    """When a day is looked at."""
    return datetime.combine(day + DAY, AT, ZoneInfo(BUSINESS_ZONE)).astimezone(UTC)
