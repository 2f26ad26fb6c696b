"""The teams: who works together, who leads them, and which team is within which."""

from collections.abc import Collection, Mapping
from dataclasses import field
from uuid import UUID

from psycopg import sql

from domain.references import StaffId, TeamId
from domain.team import TeamDefined, TeamJoined, TeamLeft
from domain.values import empty
from eventstore.envelope import Recorded
from projections.lists import Lists
from projections.table import Table
from projections.view import Row, View

MAX_ASKED = 500
MAX_DEPTH = 50
"""How deep teams are looked into: nothing keeps one from being within itself by way of others."""


class TeamSheet(Row, key="team_id"):
    """A team. `members` are ids of staff, and `roles` what each member is in the team, where that was said."""

    team_id: UUID
    name: str = ""
    manager_id: StaffId | None = None
    parent_id: TeamId | None = None
    members: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=empty)


view = View(
    "teams",
    TeamSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(parent_id)", "using gin (members)"),
)


@view.on(TeamDefined)
def define(sheet: TeamSheet, defined: TeamDefined, at: Recorded) -> None:
    sheet.name = defined.name
    sheet.manager_id = defined.manager_id
    sheet.parent_id = defined.parent_id


@view.on(TeamJoined)
def join(sheet: TeamSheet, joined: TeamJoined, at: Recorded) -> None:
    who = str(joined.staff_id)
    if who not in sheet.members:
        sheet.members = (*sheet.members, who)
    roles = {member: role for member, role in sheet.roles.items() if member != who}
    sheet.roles = roles if joined.role is None else {**roles, who: joined.role}


@view.on(TeamLeft)
def leave(sheet: TeamSheet, left: TeamLeft, at: Recorded) -> None:
    who = str(left.staff_id)
    sheet.members = tuple(member for member in sheet.members if member != who)
    sheet.roles = {member: role for member, role in sheet.roles.items() if member != who}


def teams_of_each(lists: Lists, staff_ids: Collection[UUID]) -> dict[UUID, list[TeamSheet]]:
    """The teams that each of these people is a member of, by name."""
    table = Table(view)
    found: dict[UUID, list[TeamSheet]] = {each: [] for each in staff_ids}
    query = sql.SQL("select {} from {} where members ?| %s::text[] order by name, team_id").format(
        table.selected, table.identifier
    )
    with lists.reading(view) as (db, _):
        for team in table.select(db, query, [list(map(str, staff_ids))]):
            for member in team.members:
                if (who := UUID(member)) in found:
                    found[who].append(team)
    return found


def everybody_of_each(lists: Lists, team_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Who is in each of these teams, or in a team within it, however deep."""
    query = sql.SQL(
        "with recursive within (root, team_id, members, depth) as ("
        "  select team_id, team_id, members, 1 from {teams} where team_id = any(%s)"
        "   union all"
        "  select w.root, t.team_id, t.members, w.depth + 1 from {teams} t join within w on t.parent_id = w.team_id"
        "   where w.depth < %s"
        ") cycle team_id set is_cycle using path"
        " select distinct root, m.member::uuid from within, jsonb_array_elements_text(within.members) m (member)"
    ).format(teams=Table(view).identifier)
    found: dict[UUID, set[UUID]] = {each: set() for each in team_ids}
    with lists.reading(view) as (db, _):
        for root, member in db.execute(query, [list(team_ids), MAX_DEPTH]).fetchall():
            found[root].add(member)
    return found
