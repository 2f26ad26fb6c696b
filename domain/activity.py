"""Activities: what the people of the company have in their agendas, and what became of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Contact, Decider, Event, Refused, Text, Told, as_asked
from domain.references import ActivityId, CustomerId, StaffId
from domain.values import must_know_zone, must_last, must_say

MAX_RESCHEDULES = 100
MAX_REASSIGNMENTS = 100


class ActivityKind(StrEnum):
    """What is to be done."""

    TASK = "TASK"
    CALL = "CALL"
    MEETING = "MEETING"
    VISIT = "VISIT"
    EMAIL = "EMAIL"
    FIELD_SERVICE = "FIELD_SERVICE"
    TRAINING = "TRAINING"
    EVENT = "EVENT"


class ActivityStatus(StrEnum):
    """How far an activity has come."""

    UNKNOWN = "UNKNOWN"
    SCHEDULED = "SCHEDULED"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    MISSED = "MISSED"


# What can be asked.


class ScheduleActivity(Command):
    """Put something into the agenda of `staff_id`, with a start or a due time; `related_noun` and `related_id` say why."""

    activity_id: ActivityId
    kind: ActivityKind
    subject: str
    customer_id: CustomerId | None = None
    staff_id: StaffId | None = None
    starts_at: datetime | None = None
    due_at: datetime | None = None
    duration_s: int | None = None
    place: str | None = None
    related_noun: str | None = None
    related_id: UUID | None = None
    origin_policy: str | None = None
    remind_before_s: int | None = None
    all_day: bool = False


class ReassignActivity(Command):
    """Give an activity to somebody else; who that is has not accepted it yet."""

    activity_id: ActivityId
    staff_id: StaffId


class RescheduleActivity(Command):
    """Move an activity; what is left out of its times is so no longer, and it must be accepted anew.

    One that was completed, cancelled or missed is open again, even if its times stay the same.
    """

    activity_id: ActivityId
    starts_at: datetime | None = None
    due_at: datetime | None = None
    duration_s: int | None = None
    reason: Text | None = None


class AcceptActivity(Command):
    """Say that the one who has the activity will do it."""

    activity_id: ActivityId
    staff_id: StaffId


class DeclineActivity(Command):
    """Say that the one who has the activity will not do it; it stays theirs until it is reassigned."""

    activity_id: ActivityId
    staff_id: StaffId
    reason: Text | None = None


class StartActivity(Command):
    """Say that it has begun."""

    activity_id: ActivityId


class CompleteActivity(Command):
    """Say that it was done, with which outcome (a code), and how long it really took; a missed one can be, too."""

    activity_id: ActivityId
    outcome: str
    note: Text | None = None
    duration_s: int | None = None


class CancelActivity(Command):
    """Call an activity off."""

    activity_id: ActivityId
    reason: Text | None = None


class MissActivity(Command):
    """Say that its time passed, and nobody began."""

    activity_id: ActivityId


# What can have happened.


class ActivityScheduled(Event, stored_as="activity.scheduled.v1"):
    """Something was put into an agenda; durations, and how long before to remind of it, are in seconds."""

    customer_id: CustomerId | None
    staff_id: StaffId | None
    kind: ActivityKind
    subject: Told[str]
    place: Contact[str] = None
    starts_at: datetime | None = None
    due_at: datetime | None = None
    duration_s: int | None = None
    related_noun: str | None = None
    related_id: UUID | None = None
    origin_policy: str | None = None
    remind_before_s: int | None = None
    all_day: bool = False


class ActivityReassigned(Event, stored_as="activity.reassigned.v1"):
    """Somebody else shall do it; `previous` is who had it."""

    staff_id: StaffId
    previous: StaffId | None


class ActivityRescheduled(Event, stored_as="activity.rescheduled.v1"):
    """It was moved, or opened again if it had come to an end; these are all of its times."""

    starts_at: datetime | None
    due_at: datetime | None
    duration_s: int | None
    reason: Told[str]


class ActivityAccepted(Event, stored_as="activity.accepted.v1"):
    """The one who has it will do it."""

    staff_id: StaffId


class ActivityDeclined(Event, stored_as="activity.declined.v1"):
    """The one who has it will not do it."""

    staff_id: StaffId
    reason: Told[str]


class ActivityStarted(Event, stored_as="activity.started.v1"):
    """It began."""


class ActivityCompleted(Event, stored_as="activity.completed.v1"):
    """It was done, with this outcome, and took so many seconds."""

    outcome: str
    note: Told[str]
    duration_s: int | None = None


class ActivityCancelled(Event, stored_as="activity.cancelled.v1"):
    """It was called off."""

    reason: Told[str]


class ActivityMissed(Event, stored_as="activity.missed.v1"):
    """Its time passed, and nobody had begun."""


# What must be remembered in order to decide.

Times = tuple[datetime | None, datetime | None, int | None]


@dataclass(frozen=True, slots=True)
class Activity:
    """`scheduled` is what was said first. Whoever has it now `accepted` it (True), declined (False), or is silent."""

    scheduled: ActivityScheduled | None = None
    status: ActivityStatus = ActivityStatus.UNKNOWN
    customer_id: UUID | None = None
    staff_id: UUID | None = None
    times: Times = (None, None, None)
    accepted: bool | None = None
    completed: ActivityCompleted | None = None
    reschedules: int = 0
    reassignments: int = 0


Asked = (
    ScheduleActivity | ReassignActivity | RescheduleActivity | AcceptActivity | DeclineActivity | StartActivity
    | CompleteActivity | CancelActivity | MissActivity
)  # fmt: skip
Happened = (
    ActivityScheduled | ActivityReassigned | ActivityRescheduled | ActivityAccepted | ActivityDeclined | ActivityStarted
    | ActivityCompleted | ActivityCancelled | ActivityMissed
)  # fmt: skip

FINISHED = (ActivityStatus.COMPLETED, ActivityStatus.CANCELLED, ActivityStatus.MISSED)


def decide(asked: Asked, activity: Activity) -> Iterator[Event]:
    status = activity.status
    match asked:
        case ScheduleActivity():
            must_make_sense(asked)
            scheduled = as_asked(ActivityScheduled, asked)
            if activity.scheduled is None:
                yield scheduled
            elif activity.scheduled != scheduled:
                raise Refused("This activity is already scheduled. Reschedule or reassign it instead.")
        case _ if activity.scheduled is None:
            raise Refused("This activity is not scheduled yet.", "activity_id")
        case ReassignActivity(staff_id=staff_id):
            if staff_id != activity.staff_id:
                must_be_open(activity)
                if activity.reassignments >= MAX_REASSIGNMENTS:
                    raise Refused(f"An activity is reassigned {MAX_REASSIGNMENTS} times at most: schedule another one.")
                yield ActivityReassigned(staff_id=staff_id, previous=activity.staff_id)
        case RescheduleActivity():
            must_have_a_time(asked)
            if (asked.starts_at, asked.due_at, asked.duration_s) != activity.times or status in FINISHED:
                if activity.reschedules >= MAX_RESCHEDULES:
                    raise Refused(f"An activity is rescheduled {MAX_RESCHEDULES} times at most: schedule another one.")
                yield as_asked(ActivityRescheduled, asked)
        case AcceptActivity(staff_id=staff_id):
            must_have_it(activity, staff_id)
            if activity.accepted is not True:
                must_be_open(activity)
                yield ActivityAccepted(staff_id=staff_id)
        case DeclineActivity(staff_id=staff_id, reason=reason):
            must_have_it(activity, staff_id)
            if activity.accepted is not False:
                must_be_open(activity)
                yield ActivityDeclined(staff_id=staff_id, reason=reason)
        case StartActivity():
            if status is not ActivityStatus.STARTED:
                must_be_open(activity)
                yield ActivityStarted()
        case CompleteActivity():
            must_say(asked.outcome, "The outcome", "outcome")
            must_last(asked.duration_s)
            completed = as_asked(ActivityCompleted, asked)
            if completed != activity.completed:
                if status is not ActivityStatus.MISSED:  # it is often told late that it was done after all
                    must_be_open(activity)
                yield completed
        case CancelActivity(reason=reason):
            if status is not ActivityStatus.CANCELLED:
                must_be_open(activity)
                yield ActivityCancelled(reason=reason)
        case MissActivity():
            if status is ActivityStatus.STARTED:
                raise Refused("This activity has begun: complete or cancel it instead.")
            if status is not ActivityStatus.MISSED:
                must_be_open(activity)
                yield ActivityMissed()
        case _:
            assert_never(asked)


def evolve(activity: Activity, event: Happened) -> Activity:
    match event:
        case ActivityScheduled():
            times = (event.starts_at, event.due_at, event.duration_s)
            return Activity(event, ActivityStatus.SCHEDULED, event.customer_id, event.staff_id, times)
        case ActivityReassigned(staff_id=staff_id):
            return replace(activity, staff_id=staff_id, accepted=None, reassignments=activity.reassignments + 1)
        case ActivityRescheduled():
            times = (event.starts_at, event.due_at, event.duration_s)
            status = ActivityStatus.SCHEDULED if activity.status in FINISHED else activity.status
            moved = replace(activity, status=status, times=times, completed=None)
            return replace(moved, accepted=None, reschedules=activity.reschedules + 1)
        case ActivityAccepted():
            return replace(activity, accepted=True)
        case ActivityDeclined():
            return replace(activity, accepted=False)
        case ActivityStarted():
            return replace(activity, status=ActivityStatus.STARTED)
        case ActivityCompleted():
            return replace(activity, status=ActivityStatus.COMPLETED, completed=event)
        case ActivityCancelled():
            return replace(activity, status=ActivityStatus.CANCELLED)
        case ActivityMissed():
            return replace(activity, status=ActivityStatus.MISSED)
        case _:
            assert_never(event)


def must_make_sense(asked: ScheduleActivity) -> None:
    """Refused if nobody could find this in an agenda, or tell what it is about."""
    must_say(asked.subject, "The subject", "subject")
    must_say(asked.place, "The place", "place")
    must_have_a_time(asked)
    must_last(asked.remind_before_s, "remind_before_s")
    must_say(asked.related_noun, "The related noun", "related_noun")
    if (asked.related_noun is None) is not (asked.related_id is None):
        raise Refused("Give the related noun and the related id together, or neither.", "related_id")


def must_have_a_time(asked: ScheduleActivity | RescheduleActivity) -> None:
    """Refused if it neither starts nor is due, or is due before it starts, or lasts too long."""
    starts_at, due_at = asked.starts_at, asked.due_at
    if starts_at is None and due_at is None:
        raise Refused("Give the start, or the moment by which it is due.", "starts_at")
    if starts_at is not None:
        must_know_zone(starts_at, "starts_at")
    if due_at is not None:
        must_know_zone(due_at, "due_at")
    if starts_at is not None and due_at is not None and due_at < starts_at:
        raise Refused("An activity cannot be due before it starts.", "due_at")
    must_last(asked.duration_s)


def must_be_open(activity: Activity) -> None:
    """Refused if the activity has come to an end."""
    if activity.status in FINISHED:
        raise Refused(f"This activity was {activity.status.lower()}: reschedule it first.")


def must_have_it(activity: Activity, staff_id: UUID) -> None:
    """Refused if the activity is not this person's."""
    if activity.staff_id is None:
        raise Refused("Nobody has this activity: reassign it to them first.", "staff_id")
    if activity.staff_id != staff_id:
        raise Refused("Somebody else has this activity.", "staff_id")


decider = Decider("activity", Asked, Happened, Activity(), decide, evolve, disclose=True)
