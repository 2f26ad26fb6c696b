"""Teams: who works together, and who leads them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked
from domain.references import StaffId, TeamId
from domain.values import empty, must_say

MAX_MEMBERS = 1_000


# What can be asked.


class DefineTeam(Command):
    """Form a team, within another one if `parent_id` says so; it may not have a manager yet. The last word counts."""

    team_id: TeamId
    name: str
    manager_id: StaffId | None = None
    parent_id: TeamId | None = None


class JoinTeam(Command):
    """Take somebody into a team, or give a member another role in it; `role` is a code of the team's own."""

    team_id: TeamId
    staff_id: StaffId
    role: str | None = None


class LeaveTeam(Command):
    """Let somebody go from a team."""

    team_id: TeamId
    staff_id: StaffId


# What can have happened.


class TeamDefined(Event, stored_as="team.defined.v1"):
    """A team was formed, or got another name, manager or place; its members stay."""

    name: str
    manager_id: StaffId | None = None
    parent_id: TeamId | None = None


class TeamJoined(Event, stored_as="team.joined.v1"):
    """Somebody became a member, or a member got this role."""

    staff_id: StaffId
    role: str | None = None


class TeamLeft(Event, stored_as="team.left.v1"):
    """Somebody is a member no longer."""

    staff_id: StaffId


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Team:
    """What was said last of the team, and the role of each member."""

    defined: TeamDefined | None = None
    members: Mapping[UUID, str | None] = field(default_factory=empty)


Asked = DefineTeam | JoinTeam | LeaveTeam
Happened = TeamDefined | TeamJoined | TeamLeft


def decide(asked: Asked, team: Team) -> Iterator[Event]:
    match asked:
        case DefineTeam():
            must_say(asked.name, "The name", "name")
            if asked.parent_id == asked.team_id:
                raise Refused("A team cannot be within itself.", "parent_id")
            defined = as_asked(TeamDefined, asked)
            if defined != team.defined:
                yield defined
        case _ if team.defined is None:
            raise Refused("This team is not defined yet.", "team_id")
        case JoinTeam(staff_id=staff_id, role=role):
            must_say(role, "The role", "role")
            if staff_id not in team.members or team.members[staff_id] != role:
                if staff_id not in team.members and len(team.members) >= MAX_MEMBERS:
                    raise Refused(f"A team has at most {MAX_MEMBERS} members: define another one within it.")
                yield TeamJoined(staff_id=staff_id, role=role)
        case LeaveTeam(staff_id=staff_id):
            if staff_id in team.members:
                yield TeamLeft(staff_id=staff_id)
        case _:
            assert_never(asked)


def evolve(team: Team, event: Happened) -> Team:
    match event:
        case TeamDefined():
            return replace(team, defined=event)
        case TeamJoined(staff_id=staff_id, role=role):
            return replace(team, members={**team.members, staff_id: role})
        case TeamLeft(staff_id=staff_id):
            return replace(team, members={each: role for each, role in team.members.items() if each != staff_id})
        case _:
            assert_never(event)


decider = Decider("team", Asked, Happened, Team(), decide, evolve)
