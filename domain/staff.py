"""Staff: the people who work for the company, what they can do, and how much at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, assert_never

from domain.kernel import Command, Contact, Decider, Event, Personal, Refused, Text, Told, as_asked
from domain.references import StaffId, TerritoryId
from domain.values import EmailAddress, empty, must_be_language, must_be_within, must_be_zone, must_say

MAX_SPOKEN = 20
MAX_SKILLS = 100
MAX_LEVEL = 5
MAX_CAPACITY = 1000

PROFILE = ("name", "email", "user", "role", "timezone", "languages", "territory_id", "manager_id")
"""What is said of somebody, and may change."""


class StaffRole(StrEnum):
    """What somebody does in the company."""

    REP = "REP"
    SALES_MANAGER = "SALES_MANAGER"
    MARKETER = "MARKETER"
    AGENT = "AGENT"
    SERVICE_MANAGER = "SERVICE_MANAGER"
    DIRECTOR = "DIRECTOR"
    AUDITOR = "AUDITOR"
    DPO = "DPO"
    OPERATOR = "OPERATOR"
    OTHER = "OTHER"


# What can be asked.


class AddStaff(Command):
    """Make somebody known who works for the company, or does so again after they had left.

    `user` is the login code, `languages` are BCP 47 tags, the best first.
    """

    staff_id: StaffId
    name: str
    email: str | None = None
    user: str | None = None
    role: StaffRole = StaffRole.OTHER
    timezone: str = "Europe/Madrid"
    languages: tuple[str, ...] = ()
    territory_id: TerritoryId | None = None
    manager_id: StaffId | None = None


class ChangeStaff(Command):
    """Correct what is known of somebody; what is left out stays as it is."""

    staff_id: StaffId
    name: str | None = None
    email: str | None = None
    user: str | None = None
    role: StaffRole | None = None
    timezone: str | None = None
    languages: tuple[str, ...] | None = None
    territory_id: TerritoryId | None = None
    manager_id: StaffId | None = None


class GrantSkill(Command):
    """Note that somebody can do something, at a level from 1 (learning) to 5 (teaching it), or no longer (0).

    `skill` is a code.
    """

    staff_id: StaffId
    skill: str
    level: int = 1


class SetCapacity(Command):
    """Say how many points of work somebody can have at once, from 0 to 1000."""

    staff_id: StaffId
    capacity: int


class LeaveStaff(Command):
    """Note that somebody left the company."""

    staff_id: StaffId
    reason: Text | None = None


# What can have happened.


class StaffAdded(Event, stored_as="staff.added.v1"):
    """Somebody began to work for the company, or came back with the skills they had; `user` is their login code."""

    name: Personal[str]
    role: StaffRole
    timezone: str
    languages: tuple[str, ...]
    email: Contact[str] = None
    user: str | None = None
    territory_id: TerritoryId | None = None
    manager_id: StaffId | None = None


class StaffChanged(Event, stored_as="staff.changed.v1"):
    """Some of what is known of somebody changed; what did not change is empty."""

    name: Personal[str] = None
    email: Contact[str] = None
    role: StaffRole | None = None
    timezone: str | None = None
    languages: tuple[str, ...] | None = None
    user: str | None = None
    territory_id: TerritoryId | None = None
    manager_id: StaffId | None = None


class SkillGranted(Event, stored_as="staff.skill-granted.v1"):
    """Somebody can do something, at a level from 1 to 5; at level 0 they can, or may, no longer."""

    skill: str
    level: int


class CapacitySet(Event, stored_as="staff.capacity-set.v1"):
    """So many points of work can somebody have at once."""

    capacity: int


class StaffLeft(Event, stored_as="staff.left.v1"):
    """Somebody left the company."""

    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Staff:
    """`added` is what was said when they came, and `known` is the profile as it is now; `skills` are levels by code."""

    added: StaffAdded | None = None
    known: Mapping[str, Any] = field(default_factory=empty)
    skills: Mapping[str, int] = field(default_factory=empty)
    capacity: int | None = None
    left: bool = False


Asked = AddStaff | ChangeStaff | GrantSkill | SetCapacity | LeaveStaff
Happened = StaffAdded | StaffChanged | SkillGranted | CapacitySet | StaffLeft


def decide(asked: Asked, staff: Staff) -> Iterator[Event]:
    match asked:
        case AddStaff():
            must_make_sense(asked)
            added = as_asked(StaffAdded, asked)
            if staff.added is None or staff.left:
                yield added
            elif staff.added != added:
                raise Refused("This person is already known. Change what is known of them instead.")
        case _ if staff.added is None:
            raise Refused("This person is not known yet: add them first.", "staff_id")
        case ChangeStaff():
            must_make_sense(asked)
            if changes := {each: value for each in PROFILE if (value := new(each, asked, staff)) is not None}:
                must_be_here(staff)
                yield StaffChanged(**changes)
        case GrantSkill(skill=skill, level=level):
            must_say(skill, "The skill", "skill")
            must_be_within(level, 0, MAX_LEVEL, "level")
            if staff.skills.get(skill, 0) != level:
                if level:
                    must_be_here(staff)
                if skill not in staff.skills and len(staff.skills) >= MAX_SKILLS:
                    raise Refused(f"{MAX_SKILLS} skills are the limit: grant one at level 0 first.", "skill")
                yield SkillGranted(skill=skill, level=level)
        case SetCapacity(capacity=capacity):
            must_be_within(capacity, 0, MAX_CAPACITY, "capacity")
            if capacity != staff.capacity:
                must_be_here(staff)
                yield CapacitySet(capacity=capacity)
        case LeaveStaff(reason=reason):
            if not staff.left:
                yield StaffLeft(reason=reason)
        case _:
            assert_never(asked)


def evolve(staff: Staff, event: Happened) -> Staff:
    match event:
        case StaffAdded():
            return replace(staff, added=event, known={each: getattr(event, each) for each in PROFILE}, left=False)
        case StaffChanged():
            changes = {each: value for each in PROFILE if (value := getattr(event, each)) is not None}
            return replace(staff, known={**staff.known, **changes})
        case SkillGranted(skill=skill, level=level):
            skills = {**staff.skills, skill: level}
            return replace(staff, skills={each: held for each, held in skills.items() if held})
        case CapacitySet(capacity=capacity):
            return replace(staff, capacity=capacity)
        case StaffLeft():
            return replace(staff, left=True)
        case _:
            assert_never(event)


def must_make_sense(asked: AddStaff | ChangeStaff) -> None:
    """Refused if something that was said of a person cannot be."""
    must_say(asked.name, "The name", "name")
    must_say(asked.user, "The user", "user")
    if asked.email is not None:
        EmailAddress.parse(asked.email)
    if asked.timezone is not None:
        must_be_zone(asked.timezone)
    languages = asked.languages or ()
    if len(languages) > MAX_SPOKEN:
        raise Refused(f"Give at most {MAX_SPOKEN} languages.", "languages")
    for language in languages:
        must_be_language(language, "languages")
    if asked.manager_id == asked.staff_id:
        raise Refused("Nobody is their own manager.", "manager_id")


def new(name: str, asked: ChangeStaff, staff: Staff) -> Any:
    """What was said, if it is not known already."""
    said = getattr(asked, name)
    return None if said == staff.known.get(name) else said


def must_be_here(staff: Staff) -> None:
    """Refused if the person has left."""
    if staff.left:
        raise Refused("This person has left: add them again first.")


decider = Decider("staff", Asked, Happened, Staff(), decide, evolve, disclose=True)
