"""Absences: when somebody of the company cannot be given work."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, Text, Told, as_asked
from domain.references import StaffId
from domain.values import must_follow, must_know_zone

AbsenceId = Annotated[UUID, Ref("absence")]

MAX_ABSENCE_DAYS = 1100
"""Three years, as a leave to bring up a child may last."""


class AbsenceKind(StrEnum):
    """Why somebody is away. That somebody is ill is not said here: it is an OTHER reason."""

    HOLIDAY = "HOLIDAY"
    TRAINING = "TRAINING"
    LEAVE = "LEAVE"
    OTHER = "OTHER"


# What can be asked.


class PlanAbsence(Command):
    """Say that somebody will be away from one moment up to another; asked again, the last word on why and when counts."""

    absence_id: AbsenceId
    staff_id: StaffId
    kind: AbsenceKind
    starts_at: datetime
    ends_at: datetime


class CancelAbsence(Command):
    """Say that somebody will not be away after all."""

    absence_id: AbsenceId
    reason: Text | None = None


# What can have happened.


class AbsencePlanned(Event, stored_as="absence.planned.v1"):
    """Somebody will be away from one moment up to, and not including, another, in place of what was planned before."""

    staff_id: StaffId
    kind: AbsenceKind
    starts_at: datetime
    ends_at: datetime


class AbsenceCancelled(Event, stored_as="absence.cancelled.v1"):
    """Somebody will not be away after all."""

    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Absence:
    """What was said last, and whether it was taken back."""

    planned: AbsencePlanned | None = None
    cancelled: bool = False


Asked = PlanAbsence | CancelAbsence
Happened = AbsencePlanned | AbsenceCancelled


def decide(asked: Asked, absence: Absence) -> Iterator[Event]:
    match asked:
        case PlanAbsence():
            planned = as_asked(AbsencePlanned, asked)
            must_last_sensibly(planned)
            if absence.planned is not None and asked.staff_id != absence.planned.staff_id:
                raise Refused("This absence is somebody else's. Plan another one instead.", "staff_id")
            if planned != absence.planned:
                if absence.cancelled:
                    raise Refused("This absence was cancelled. Plan another one instead.")
                yield planned
        case _ if absence.planned is None:
            raise Refused("This absence is not planned yet.", "absence_id")
        case CancelAbsence(reason=reason):
            if not absence.cancelled:
                yield AbsenceCancelled(reason=reason)
        case _:
            assert_never(asked)


def evolve(absence: Absence, event: Happened) -> Absence:
    match event:
        case AbsencePlanned():
            return Absence(event)
        case AbsenceCancelled():
            return replace(absence, cancelled=True)
        case _:
            assert_never(event)


def must_last_sensibly(planned: AbsencePlanned) -> None:
    """Refused if an absence ends before it starts, or lasts longer than any does."""
    must_know_zone(planned.starts_at, "starts_at")
    must_know_zone(planned.ends_at, "ends_at")
    must_follow(planned.starts_at, planned.ends_at, "ends_at")
    if planned.ends_at - planned.starts_at > timedelta(days=MAX_ABSENCE_DAYS):
        raise Refused(f"An absence lasts at most {MAX_ABSENCE_DAYS} days.", "ends_at")


decider = Decider("absence", Asked, Happened, Absence(), decide, evolve)
