"""Reports: questions that somebody saved with their parameters, and to whom they are sent, and when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import time
from enum import StrEnum
from typing import Annotated, assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, as_asked
from domain.references import StaffId
from domain.values import empty, must_be_within, must_be_zone, must_say

MAX_PARAMETERS = 20
MAX_RECIPIENTS = 50
MAX_LAST_DAYS = 3_660

ReportId = Annotated[UUID, Ref("report")]


class ReportFrequency(StrEnum):
    """How often a report is sent."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


# What can be asked.


class SaveReport(Command):
    """Save a question of the catalogue of reports (`base`) with its parameters, as texts, under a key that never changes.

    `last_days` makes it a question about the days before the one on which it is opened."""

    report_id: ReportId
    key: str
    title: str
    base: str
    parameters: Mapping[str, str] = field(default_factory=empty)
    last_days: int | None = None


class ScheduleReport(Command):
    """Send a report at a local time, HH:MM; `on` is the weekday (1 is Monday) or the day of the month, the last at most.

    Without recipients it is sent no longer."""

    report_id: ReportId
    frequency: ReportFrequency
    at: str
    timezone: str
    on: int | None = None
    recipients: tuple[StaffId, ...] = ()


# What can have happened.


class ReportSaved(Event, stored_as="report.saved.v1"):
    """A version of a report became the one to open; versions count from 1."""

    key: str
    version: int
    title: str
    base: str
    parameters: Mapping[str, str]
    last_days: int | None


class ReportScheduled(Event, stored_as="report.scheduled.v1"):
    """It was said when a report is sent and to whom, in place of what was said before; to nobody is not at all."""

    frequency: ReportFrequency
    at: str
    timezone: str
    on: int | None
    recipients: tuple[StaffId, ...]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Report:
    """The last version, and the last word on when it is sent."""

    saved: ReportSaved | None = None
    scheduled: ReportScheduled | None = None


Asked = SaveReport | ScheduleReport
Happened = ReportSaved | ReportScheduled


def decide(asked: Asked, report: Report) -> Iterator[Event]:
    match asked:
        case SaveReport():
            must_be_a_question(asked)
            last = report.saved
            if last is not None and last.key != asked.key:
                raise Refused(f"The key of this report is {last.key}, and never changes.", "key")
            same = as_asked(ReportSaved, asked, version=last.version if last is not None else 0)
            if same != last:
                yield replace(same, version=same.version + 1)
        case ScheduleReport():
            if report.saved is None:
                raise Refused("This report is not saved yet.", "report_id")
            must_be_a_time(asked)
            scheduled = as_asked(ReportScheduled, asked)
            if scheduled != report.scheduled:
                yield scheduled
        case _:
            assert_never(asked)


def evolve(report: Report, event: Happened) -> Report:
    match event:
        case ReportSaved():
            return replace(report, saved=event)
        case ReportScheduled():
            return replace(report, scheduled=event)
        case _:
            assert_never(event)


def must_be_a_question(asked: SaveReport) -> None:
    """Refused unless it says what is asked. Whether there is such a report shows when it is opened."""
    must_say(asked.key, "The key", "key")
    must_say(asked.title, "The title", "title")
    must_say(asked.base, "The base", "base")
    if len(asked.parameters) > MAX_PARAMETERS:
        raise Refused(f"Give at most {MAX_PARAMETERS} parameters.", "parameters")
    for name, value in asked.parameters.items():
        must_say(name, "The name of a parameter", "parameters")
        must_say(value, f"The parameter {name}", "parameters")
    must_be_within(asked.last_days, 1, MAX_LAST_DAYS, "last_days")
    if asked.last_days is not None and {"from", "to"} & asked.parameters.keys():
        raise Refused("Give the last days, or the first day and the last; not both.", "last_days")


def must_be_a_time(asked: ScheduleReport) -> None:
    """Refused unless it says clearly when to send."""
    must_be_zone(asked.timezone)
    try:
        clock = time.fromisoformat(asked.at)
    except ValueError:
        clock = None
    if clock is None or clock.strftime("%H:%M") != asked.at:
        raise Refused("Write the time as 08:30.", "at")
    highest = {ReportFrequency.DAILY: 0, ReportFrequency.WEEKLY: 7, ReportFrequency.MONTHLY: 31}[asked.frequency]
    if highest and asked.on is None:
        raise Refused(f"Say on which day, from 1 to {highest}.", "on")
    if not highest and asked.on is not None:
        raise Refused("A report that is sent every day is on no day in particular.", "on")
    must_be_within(asked.on, 1, highest or 1, "on")
    if len(asked.recipients) > MAX_RECIPIENTS or len(set(asked.recipients)) < len(asked.recipients):
        raise Refused(f"Name at most {MAX_RECIPIENTS} recipients, each once.", "recipients")


decider = Decider("report", Asked, Happened, Report(), decide, evolve)
