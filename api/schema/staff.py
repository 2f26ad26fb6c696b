"""The staff, by name, with their teams; the teams with their members; the territories with who answers for them."""

from asyncio import gather
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.noun import Noun
from api.schema.relation import one, shown_row
from api.schema.shapes import answered
from api.schema.views import Lists
from domain.kernel import Refused
from eventstore.commands import identify
from projections.company import staff, teams, territories
from projections.company.teams import MAX_ASKED, everybody_of_each, teams_of_each
from projections.selecting import Order


def staff_of(
    lists: Lists, name: str = "staff", column: str = "staff_id", words: str = "Who has it."
) -> list[StrawberryField]:
    """Somebody of the company who is named by a column, as they are called today."""
    if staff.view.name not in lists.nouns:
        return []

    async def read(root: Any, info: Info) -> Shown[Any] | None:
        row = root.row if isinstance(root, Shown) else root
        return await shown_row(info, staff.view, getattr(row, column))

    return [answered(name, "Staff | None", words, read, within=lists.types)]


def people(given: list[str] | None, field: str = "staffIds") -> list[UUID] | None:
    """The people of the company who are named. Raises `Refused` for too many."""
    if given is not None and len(given) > MAX_ASKED:
        raise Refused(f"Name at most {MAX_ASKED} people.", field)
    return None if given is None else [identify("staff", each, field) for each in given]


def _staff_fields(lists: Lists) -> list[StrawberryField]:
    async def theirs(root: Shown[Any], info: Info) -> list[Shown[Any]]:
        house = info.context.house
        found = await info.context.each(
            "teams of staff", lambda ids: teams_of_each(house.lists, ids), root.row.staff_id
        )
        return [Shown(each) for each in found or ()]

    return [
        *staff_of(lists, "manager", "manager_id", "To whom they report."),
        *one(lists, "territory", territories.view, "territory_id", "Where they work."),
        answered("teams", "list[Team]", "The teams that they are members of.", theirs, within=lists.types),
    ]


def _team_fields(lists: Lists) -> list[StrawberryField]:
    async def members(root: Shown[Any], info: Info) -> list[Shown[Any]]:
        return await _known(info, [UUID(each) for each in root.row.members])

    async def everybody(root: Shown[Any], info: Info) -> list[Shown[Any]]:
        house = info.context.house
        found = await info.context.each(
            "everybody of teams", lambda ids: everybody_of_each(house.lists, ids), root.row.team_id
        )
        return await _known(info, sorted(found or ()))

    return [
        *staff_of(lists, "manager", "manager_id", "Who leads it."),
        *one(lists, "parent", teams.view, "parent_id", "The team that it is within."),
        answered("people", "list[Staff]", "Its members, as far as they are known.", members, within=lists.types),
        answered(
            "everybody", "list[Staff]", "Them, and the members of the teams within it.", everybody, within=lists.types
        ),
    ]


async def _known(info: Info, ids: Sequence[UUID]) -> list[Shown[Any]]:
    found = await gather(*(shown_row(info, staff.view, each) for each in ids))
    return [each for each in found if each is not None]


def _territory_fields(lists: Lists) -> list[StrawberryField]:
    return [
        *staff_of(lists, words="Who answers for it."),
        *one(lists, "parent", territories.view, "parent_id", "The territory that it is within."),
    ]


noun = Noun(staff.view, "Staff", order=(Order("name"),), fields=_staff_fields)
team = Noun(teams.view, "Team", order=(Order("name"),), fields=_team_fields)
territory = Noun(territories.view, "Territory", order=(Order("name"),), fields=_territory_fields)
