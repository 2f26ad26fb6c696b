"""Who works for the company, in which team, for which territory."""

from dataclasses import replace

from domain.kernel import Command, derived
from domain.staff import AddStaff, ChangeStaff, GrantSkill, LeaveStaff, SetCapacity, StaffRole
from domain.team import DefineTeam, JoinTeam, LeaveTeam
from domain.territory import AssignTerritory, DefineTerritory, TerritoryRule
from projections.company import staff, teams, territories
from projections.company.teams import everybody_of_each, teams_of_each
from projections.engine import Engine
from projections.lists import Lists
from tests.conftest import House

VIEWS = (staff.view, teams.view, territories.view)
EVA, LUIS, MAR = (derived("staff", n) for n in (1, 2, 3))
SALES, NORTH, OTHER = (derived("team", n) for n in (1, 2, 3))
SPAIN = derived("territory", 1)
ADD = AddStaff(staff_id=EVA, name="Eva Ruiz", email="eva@example.com", role=StaffRole.REP, territory_id=SPAIN)


def lists_after(house: House, *commands: Command) -> Lists:
    for command in commands:
        house.log.do(command)
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def test_somebody_of_the_company_is_known_by_name_with_what_they_can_do(house: House) -> None:
    lists = lists_after(
        house, ADD, ChangeStaff(staff_id=EVA, role=StaffRole.SALES_MANAGER, languages=("es", "en")),
        GrantSkill(staff_id=EVA, skill="roofs", level=3), GrantSkill(staff_id=EVA, skill="tiles", level=1),
        GrantSkill(staff_id=EVA, skill="tiles", level=0), SetCapacity(staff_id=EVA, capacity=100),
    )  # fmt: skip
    row = lists.get(staff.view, [EVA])[EVA]
    assert (row.name, row.email, row.role, row.languages) == (
        "Eva Ruiz", "eva@example.com", StaffRole.SALES_MANAGER, ("es", "en"),
    )  # fmt: skip
    assert (row.skills, row.capacity, row.territory_id, row.left_at) == ({"roofs": 3}, 100, SPAIN, None)
    row = lists_after(house, LeaveStaff(staff_id=EVA)).get(staff.view, [EVA])[EVA]
    assert row.left_at is not None
    row = lists_after(house, replace(ADD, name="Eva R. Paz")).get(staff.view, [EVA])[EVA]
    assert (row.name, row.left_at, row.skills) == ("Eva R. Paz", None, {"roofs": 3})


def test_a_team_has_members_and_is_within_another(house: House) -> None:
    lists = lists_after(
        house, DefineTeam(team_id=SALES, name="Sales", manager_id=MAR), DefineTeam(team_id=NORTH, name="North", parent_id=SALES),
        DefineTeam(team_id=OTHER, name="Other"), JoinTeam(team_id=SALES, staff_id=LUIS),
        JoinTeam(team_id=NORTH, staff_id=EVA, role="lead"), JoinTeam(team_id=OTHER, staff_id=MAR),
        JoinTeam(team_id=OTHER, staff_id=EVA), LeaveTeam(team_id=OTHER, staff_id=EVA),
    )  # fmt: skip
    north = lists.get(teams.view, [NORTH])[NORTH]
    assert (north.name, north.parent_id, north.members, north.roles) == (
        "North",
        SALES,
        (str(EVA),),
        {str(EVA): "lead"},
    )
    assert everybody_of_each(lists, [SALES, NORTH, OTHER]) == {SALES: {LUIS, EVA}, NORTH: {EVA}, OTHER: {MAR}}
    found = teams_of_each(lists, [EVA, MAR, derived("staff", 9)])
    assert {who: [team.name for team in each] for who, each in found.items()} == {
        EVA: ["North"], MAR: ["Other"], derived("staff", 9): [],
    }  # fmt: skip


def test_a_team_that_is_within_itself_by_way_of_another_has_an_end(house: House) -> None:
    lists = lists_after(
        house, DefineTeam(team_id=SALES, name="Sales", parent_id=NORTH),
        DefineTeam(team_id=NORTH, name="North", parent_id=SALES), JoinTeam(team_id=NORTH, staff_id=EVA),
    )  # fmt: skip
    assert everybody_of_each(lists, [SALES]) == {SALES: {EVA}}


def test_a_territory_says_whom_it_covers_and_who_answers_for_it(house: House) -> None:
    rule = TerritoryRule(countries=("ES",))
    lists = lists_after(
        house, DefineTerritory(territory_id=SPAIN, key="es", name="Spain", rule=rule, staff_id=EVA),
        AssignTerritory(territory_id=SPAIN, staff_id=LUIS),
    )  # fmt: skip
    row = lists.get(territories.view, [SPAIN])[SPAIN]
    assert (row.code, row.name, row.version, row.rule, row.staff_id) == ("es", "Spain", 1, rule, LUIS)
