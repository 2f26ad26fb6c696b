"""Defined memory: what a policy that is made of rules knows of a customer, and how it counts time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from domain import survey as surveys
from domain.kernel import Event
from domain.rules import Delay, DelayUnit
from domain.told import told_by
from eventstore.envelope import Recorded
from processes.calendar import Days, Months
from processes.company import Company
from processes.contact import Contact
from processes.customer_facts import Facts
from processes.office import Office
from processes.policy import occasion
from processes.survey_memory import Invited


@dataclass(frozen=True, slots=True)
class Seen:
    """An event of a customer: which noun it happened to, whether it was the first that did, and what it told."""

    position: int
    noun: str
    stream_id: UUID
    first: bool
    occasion: UUID
    name: str
    told: Mapping[str, object]


@dataclass(slots=True)
class Around:
    """What all customers share: when the company is open, and who leads whom."""

    office: Office = field(default_factory=Office)
    company: Company = field(default_factory=Company)


@dataclass(slots=True)
class Known:
    """What is known of one customer; `triggers` and `cancels` are what happened that the rules name."""

    around: Around = field(default_factory=Around)
    contact: Contact = field(default_factory=Contact)
    facts: Facts = field(default_factory=Facts)
    triggers: dict[int, Seen] = field(default_factory=dict)
    cancels: list[Seen] = field(default_factory=list)
    survey: surveys.Survey = field(default_factory=surveys.Survey)
    invitations: dict[UUID, Invited] = field(default_factory=dict)


def later(delay: Delay, moment: datetime, known: Known) -> datetime:
    """The moment after a delay, in UTC: as the customer counts days, as the office counts business days.

    A time of day of the same day that has passed is that of the next one.
    """
    at = None if delay.at is None else time.fromisoformat(delay.at)
    if delay.unit is DelayUnit.HOURS or (not delay.count and at is None):
        return (moment + timedelta(hours=delay.count)).astimezone(UTC)
    found = _counted(delay.count, delay.unit, moment, at, known)
    if found < moment:
        unit = DelayUnit.DAYS if delay.unit is DelayUnit.MONTHS else delay.unit
        return _counted(1, unit, moment, at, known)
    return found


def _counted(count: int, unit: DelayUnit, moment: datetime, at: time | None, known: Known) -> datetime:
    if unit is DelayUnit.BUSINESS_DAYS:
        return known.around.office.after_days(moment, count, at=at)
    days = Months(count) if unit is DelayUnit.MONTHS else Days(count)
    return known.contact.calendar.after(moment, days, at=at)


def seen(event: Event, at: Recorded) -> Seen:
    """An event as it is remembered."""
    noun, _, rest = event.stored_as.partition(".")
    name = f"{noun}_{rest.rpartition('.')[0]}".upper().replace("-", "_")
    return Seen(at.position, noun, at.stream_id, at.version == 1, occasion(at), name, told_by(event))


def concerns(one: Seen, later: Seen) -> bool:
    """Whether what happened later is about the same as what happened first.

    It is the same noun, or a new one of its kind, or one of the two names the other by its id; else it is the customer.
    """
    if one.noun == later.noun:
        return later.first or one.stream_id == later.stream_id
    for named, by in ((one, later), (later, one)):
        if named.noun != "customer" and (said := by.told.get(f"{named.noun}_id")) is not None:
            return said == named.stream_id
    return True
