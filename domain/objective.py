"""Objectives: what a figure should come to by a day, and what was found on the way there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, Text, Told, as_asked
from domain.references import StaffId
from domain.values import MAX_POSITION, fault, must_be_within, must_say

MAX_SCOPES = 20
MAX_KPI_VERSION = 10**6
MAX_REVIEWS = 500

ObjectiveId = Annotated[UUID, Ref("objective")]


class ObjectiveDimension(StrEnum):
    """By what an objective is narrowed down."""

    SEGMENT = "SEGMENT"
    TERRITORY = "TERRITORY"
    REP = "REP"
    CHANNEL = "CHANNEL"
    TEAM = "TEAM"
    COMPANY = "COMPANY"


class ObjectiveOperator(StrEnum):
    """On which side of the target the figure should end."""

    AT_LEAST = "AT_LEAST"
    AT_MOST = "AT_MOST"


class ObjectiveStatus(StrEnum):
    """What became of an objective."""

    UNKNOWN = "UNKNOWN"
    SET = "SET"
    ACHIEVED = "ACHIEVED"
    MISSED = "MISSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveScope:
    """One narrowing: the key of the segment or channel, or the id of the territory, rep or team; a COMPANY has none."""

    dimension: ObjectiveDimension
    value: str | None = None


# What can be asked.


class SetObjective(Command):
    """Say what a version of a KPI should come to between two days, both included; `unit` is a code such as EUR or %.

    Every scope narrows it down; without one it is for the whole company."""

    objective_id: ObjectiveId
    kpi: str
    kpi_version: int
    target: Decimal
    operator: ObjectiveOperator
    starts_on: date
    ends_on: date
    scope: tuple[ObjectiveScope, ...] = ()
    baseline: Decimal | None = None
    unit: str | None = None
    owner: StaffId | None = None


class ReviseObjective(Command):
    """Move the target or the last day of an objective; what is left out stays as it is.

    An objective that is given up ends early: `ends_on` is then its last day, the first one at the soonest, and `reason`
    says why."""

    objective_id: ObjectiveId
    target: Decimal | None = None
    ends_on: date | None = None
    reason: Text | None = None


class ReviewObjective(Command):
    """Note what was found and decided about an objective, and what was measured at which position of the log."""

    objective_id: ObjectiveId
    finding: Text
    decision: Text
    measured: Decimal | None = None
    position: int | None = None


class RecordObjectiveAchieved(Command):
    """Say that the target was reached, as measured by a version of the KPI at a position of the log."""

    objective_id: ObjectiveId
    measured: Decimal
    kpi_version: int
    position: int


class RecordObjectiveMissed(Command):
    """Say that the target was not reached, as measured by a version of the KPI at a position of the log."""

    objective_id: ObjectiveId
    measured: Decimal
    kpi_version: int
    position: int


# What can have happened.


class ObjectiveSet(Event, stored_as="objective.set.v1"):
    """Somebody said what a figure should come to."""

    kpi: str
    kpi_version: int
    scope: tuple[ObjectiveScope, ...]
    baseline: Decimal | None
    target: Decimal
    operator: ObjectiveOperator
    unit: str | None
    starts_on: date
    ends_on: date
    owner: StaffId | None


class ObjectiveRevised(Event, stored_as="objective.revised.v1"):
    """The target or the last day moved, which may end the objective early; what did not move is empty."""

    target: Decimal | None
    ends_on: date | None
    reason: Told[str]


class ObjectiveReviewed(Event, stored_as="objective.reviewed.v1"):
    """Somebody looked at an objective, and decided something."""

    finding: Told[str]
    decision: Told[str]
    measured: Decimal | None
    position: int | None


class ObjectiveAchieved(Event, stored_as="objective.achieved.v1"):
    """The target was reached."""

    measured: Decimal
    kpi_version: int
    position: int


class ObjectiveMissed(Event, stored_as="objective.missed.v1"):
    """The target was not reached."""

    measured: Decimal
    kpi_version: int
    position: int


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Objective:
    """`first` is what was said first; the target and the last day are those of now."""

    status: ObjectiveStatus = ObjectiveStatus.UNKNOWN
    first: ObjectiveSet | None = None
    target: Decimal = Decimal(0)
    ends_on: date | None = None
    reviews: tuple[ObjectiveReviewed, ...] = ()
    result: ObjectiveAchieved | ObjectiveMissed | None = None


Asked = SetObjective | ReviseObjective | ReviewObjective | RecordObjectiveAchieved | RecordObjectiveMissed
Happened = ObjectiveSet | ObjectiveRevised | ObjectiveReviewed | ObjectiveAchieved | ObjectiveMissed


def decide(asked: Asked, objective: Objective) -> Iterator[Event]:
    match asked:
        case SetObjective():
            must_make_sense(asked)
            said = as_asked(ObjectiveSet, asked)
            if objective.first is None:
                yield said
            elif objective.first != said:
                raise Refused("This objective is already set. Revise it instead.")
        case _ if objective.first is None:
            raise Refused("This objective is not set yet.", "objective_id")
        case ReviseObjective():
            revised = revision(asked, objective, objective.first)
            if revised is not None:
                if objective.result is not None:
                    raise Refused(f"This objective has already been {objective.status.lower()}. Set another one.")
                yield revised
        case ReviewObjective():
            must_say(asked.finding, "The finding", "finding")
            must_say(asked.decision, "The decision", "decision")
            must_be_measured(asked.measured, "measured")
            must_be_within(asked.position, 0, MAX_POSITION, "position")
            reviewed = as_asked(ObjectiveReviewed, asked)
            if reviewed not in objective.reviews:
                if len(objective.reviews) >= MAX_REVIEWS:
                    raise Refused(f"This objective has been reviewed {MAX_REVIEWS} times. Set another one.")
                yield reviewed
        case RecordObjectiveAchieved():
            yield from told(as_asked(ObjectiveAchieved, asked), objective, objective.first.operator)
        case RecordObjectiveMissed():
            yield from told(as_asked(ObjectiveMissed, asked), objective, objective.first.operator)
        case _:
            assert_never(asked)


def evolve(objective: Objective, event: Happened) -> Objective:
    match event:
        case ObjectiveSet():
            return Objective(ObjectiveStatus.SET, event, event.target, event.ends_on)
        case ObjectiveRevised(target=target):
            target = objective.target if target is None else target
            return replace(objective, target=target, ends_on=event.ends_on or objective.ends_on)
        case ObjectiveReviewed():
            return replace(objective, reviews=(*objective.reviews, event))
        case ObjectiveAchieved():
            return replace(objective, status=ObjectiveStatus.ACHIEVED, result=event)
        case ObjectiveMissed():
            return replace(objective, status=ObjectiveStatus.MISSED, result=event)
        case _:
            assert_never(event)


def revision(asked: ReviseObjective, objective: Objective, first: ObjectiveSet) -> ObjectiveRevised | None:
    """What would move, or None. Refused if the target is no figure, or the last day is before the first."""
    must_be_measured(asked.target, "target")
    must_not_end_before(first.starts_on, asked.ends_on)
    target = asked.target if asked.target != objective.target else None
    ends_on = asked.ends_on if asked.ends_on != objective.ends_on else None
    if target is None and ends_on is None:
        return None
    return ObjectiveRevised(target=target, ends_on=ends_on, reason=asked.reason)


def told(
    result: ObjectiveAchieved | ObjectiveMissed, objective: Objective, operator: ObjectiveOperator
) -> Iterator[Event]:
    """The result, unless it is known. Refused if another one is, or if what was measured says the contrary."""
    must_be_measured(result.measured, "measured")
    must_be_within(result.kpi_version, 1, MAX_KPI_VERSION, "kpi_version")
    must_be_within(result.position, 0, MAX_POSITION, "position")
    if objective.result == result:
        return
    if objective.result is not None:
        raise Refused(f"This objective has already been {objective.status.lower()}. Review it instead.")
    reached = is_reached(result.measured, operator, objective.target)
    if reached is not isinstance(result, ObjectiveAchieved):
        words = "is" if reached else "is not"
        raise Refused(f"The target of {objective.target} {words} reached by {result.measured}.", "measured")
    yield result


def is_reached(measured: Decimal, operator: ObjectiveOperator, target: Decimal) -> bool:
    """Whether a figure is on the right side of its target."""
    return measured >= target if operator is ObjectiveOperator.AT_LEAST else measured <= target


def must_make_sense(asked: SetObjective) -> None:
    """Refused if it could not be measured whether the objective is reached."""
    must_say(asked.kpi, "The kpi", "kpi")
    must_be_within(asked.kpi_version, 1, MAX_KPI_VERSION, "kpi_version")
    must_be_measured(asked.target, "target")
    must_be_measured(asked.baseline, "baseline")
    must_say(asked.unit, "The unit", "unit")
    must_not_end_before(asked.starts_on, asked.ends_on)
    if len(asked.scope) > MAX_SCOPES:
        raise Refused(f"Give at most {MAX_SCOPES} scopes.", "scope")
    if len(set(asked.scope)) < len(asked.scope):
        raise Refused("Two scopes are the same.", "scope")
    for scope in asked.scope:
        must_say(scope.value, f"The {scope.dimension.lower()} of the scope", "scope")
        if (scope.value is None) is not (scope.dimension is ObjectiveDimension.COMPANY):
            raise Refused("Give the value of a scope, except for the whole company.", "scope")


def must_be_measured(value: Decimal | None, field: str) -> None:
    """Refused if a figure was given, but is no number, too large or too fine; it may be negative."""
    if value is not None and (wrong := fault(value.copy_abs())):
        raise Refused(f"The {field} {wrong}.", field)


def must_not_end_before(start: date, end: date | None) -> None:
    """Refused if the last day is before the first."""
    if end is not None and end < start:
        raise Refused("The last day must not be before the first.", "ends_on")


decider = Decider("objective", Asked, Happened, Objective(), decide, evolve, disclose=True)
