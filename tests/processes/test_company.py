"""The company, as policies remember it: who works there and when, who leads whom, and who answers for what."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from domain.absence import AbsenceKind, CancelAbsence, PlanAbsence
from domain.customer import Address, AddressChanged, CustomerKind, CustomerProfileChanged, CustomerRegistered
from domain.kernel import Command, derived
from domain.staff import AddStaff, ChangeStaff, GrantSkill, LeaveStaff, SetCapacity, StaffRole
from domain.team import DefineTeam, JoinTeam, LeaveTeam
from domain.territory import AssignTerritory, DefineTerritory, TerritoryRule
from processes.company import Company, learns_company
from processes.memories import Shared
from processes.places import NOWHERE, Place, placed
from processes.policy import Policy
from tests.conftest import House
from tests.processes.shop import moment


@dataclass
class Knows:
    """What all know."""

    company: Company = field(default_factory=Company)


Known = Callable[..., Company]


def id_of(name: str) -> UUID:
    return derived("staff", name)


def person(name: str, **said: Any) -> AddStaff:
    return AddStaff(staff_id=id_of(name), name=name, **said)


def territory(key: str, within: str | None = None, **said: Any) -> DefineTerritory:
    parent = within and derived("territory", within)
    return DefineTerritory(territory_id=derived("territory", key), key=key, name=key.title(), parent_id=parent, **said)


@pytest.fixture
def company(house: House) -> Callable[..., Company]:
    """Lets things happen, and tells what is then known."""
    policy: Policy[Any] = Policy("tests", version=1, memory=lambda shared: shared, shared=Knows)
    learns_company(policy)
    shared = Shared(policy, house.log.reader)

    def after(*commands: Command) -> Company:
        for command in commands:
            house.log.do(command)
        shared.at(house.log.reader.head())
        known = shared.known.company
        again = Shared(policy, house.log.reader)
        for twice in (again.at(house.log.reader.head()), again.known):
            for event, at in house.log.reader.page(0, 1_000):
                again.note(event, at)  # what is learnt twice is learnt once
            assert twice.company == known
        return known

    return after


def test_who_works_here_is_known_by_role_skills_languages_and_capacity(company: Known) -> None:
    known = company(
        person("eva", role=StaffRole.REP, languages=("es", "en-GB")),
        person("leo", role=StaffRole.SALES_MANAGER),
        person("ana", role=StaffRole.REP),
        GrantSkill(staff_id=id_of("eva"), skill="Wine", level=3),
        SetCapacity(staff_id=id_of("eva"), capacity=30),
        ChangeStaff(staff_id=id_of("ana"), languages=("pt",)),
        LeaveStaff(staff_id=id_of("ana")),
    )
    eva, ana, leo = map(id_of, ("eva", "ana", "leo"))
    assert [known.works_here(each) for each in (eva, ana, leo, id_of("nobody"), None)] == [
        True,
        False,
        True,
        False,
        False,
    ]
    assert known.with_role(StaffRole.REP) == [eva]
    assert known.with_role(StaffRole.SALES_MANAGER, StaffRole.REP) == [leo, eva]
    assert (known.role(leo), known.role(id_of("nobody"))) == (StaffRole.SALES_MANAGER, StaffRole.OTHER)
    assert [known.speaks(eva, each) for each in ("en", "ES-mx", "fr")] == [True, True, False]
    assert known.speaks(ana, "pt-BR")
    assert (known.level(eva, "tea", None, "wine"), known.level(eva, "tea"), known.level(eva)) == (3, 0, 0)
    assert (known.capacity(eva), known.capacity(leo), known.capacity(id_of("nobody"))) == (30, None, None)


def test_who_comes_back_works_here_again(company: Known) -> None:
    known = company(person("eva"), LeaveStaff(staff_id=id_of("eva")), person("eva", role=StaffRole.REP))
    assert known.with_role(StaffRole.REP) == [id_of("eva")]


def absence(since: str, until: str, key: str = "1") -> PlanAbsence:
    return PlanAbsence(
        absence_id=derived("absence", key), staff_id=id_of("eva"), kind=AbsenceKind.HOLIDAY,
        starts_at=moment(since), ends_at=moment(until),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("at", "away"),
    [("2026-01-04 23:59", False), ("2026-01-05 00:00", True), ("2026-01-09 23:59", True), ("2026-01-10 00:00", False)],
)
def test_an_absence_lasts_up_to_but_not_including_its_end(company: Known, at: str, away: bool) -> None:
    known = company(person("eva"), absence("2026-01-05 00:00", "2026-01-10 00:00"))
    assert known.is_absent(id_of("eva"), moment(at)) is away
    assert not known.is_absent(id_of("leo"), moment(at))


def test_an_absence_that_was_moved_or_taken_back_counts_no_longer(company: Known) -> None:
    noon: datetime = moment("2026-01-06 12:00")
    known = company(person("eva"), absence("2026-01-05 00:00", "2026-01-10 00:00"))
    assert known.is_absent(id_of("eva"), noon)
    known = company(absence("2026-02-05 00:00", "2026-02-10 00:00"))
    assert not known.is_absent(id_of("eva"), noon)
    assert known.is_absent(id_of("eva"), moment("2026-02-06 12:00"))
    known = company(CancelAbsence(absence_id=derived("absence", "1")))
    assert not known.is_absent(id_of("eva"), moment("2026-02-06 12:00"))


# Who leads whom.


def team(key: str, manager: str | None = None, within: str | None = None) -> DefineTeam:
    return DefineTeam(
        team_id=derived("team", key), name=key, manager_id=manager and id_of(manager),
        parent_id=within and derived("team", within),
    )  # fmt: skip


def join(key: str, *names: str) -> list[JoinTeam]:
    return [JoinTeam(team_id=derived("team", key), staff_id=id_of(each)) for each in names]


def test_the_manager_that_somebody_was_given_comes_before_that_of_the_team(company: Known) -> None:
    known = company(
        person("eva", manager_id=id_of("leo")), person("leo"), person("rey"), person("bo"),
        team("north", "rey"), *join("north", "eva", "bo"),
    )  # fmt: skip
    assert [known.manager_of(id_of(each)) for each in ("eva", "bo", "leo", "nobody")] == [
        id_of("leo"),
        id_of("rey"),
        None,
        None,
    ]


def test_a_team_without_a_manager_or_led_by_oneself_is_led_from_the_one_it_is_within(company: Known) -> None:
    known = company(
        person("eva"), person("rey"), person("ida"), person("bo"), team("sales", "ida"), team("north", "rey", "sales"),
        team("south", None, "sales"), *join("north", "eva"), *join("south", "bo"),
    )  # fmt: skip
    assert list(known.managers_of(id_of("eva"))) == [id_of("rey"), id_of("ida")]
    assert known.manager_of(id_of("bo")) == id_of("ida")
    assert known.manager_of(id_of("ida")) is None
    known = company(LeaveTeam(team_id=derived("team", "north"), staff_id=id_of("eva")))
    assert known.manager_of(id_of("eva")) is None


def test_a_manager_who_left_is_passed_over_and_ranks_that_go_round_come_to_an_end(company: Known) -> None:
    known = company(
        person("eva", manager_id=id_of("leo")), person("leo", manager_id=id_of("ida")), person("ida", manager_id=id_of("eva")),
        LeaveStaff(staff_id=id_of("leo")),
    )  # fmt: skip
    assert list(known.managers_of(id_of("eva"))) == [id_of("ida")]
    assert list(known.managers_of(id_of("ida"))) == [id_of("eva")]


def test_teams_within_one_another_in_a_circle_do_not_hang(company: Known) -> None:
    known = company(
        person("eva"), team("a"), team("b", None, "a"), team("a", None, "b"), *join("a", "eva"),
    )  # fmt: skip
    assert known.manager_of(id_of("eva")) is None


# The territories.

MADRID = Place(country="ES", region="Madrid", postal_code="28013", sector="retail")


@pytest.fixture
def iberia(company: Known) -> Company:
    """Iberia, Madrid within it, and the retailers of everywhere; Eva answers for Madrid, and Leo for Iberia."""
    found: Company = company(
        person("eva"),
        person("leo", territory_id=derived("territory", "retail")),
        territory("iberia", rule=TerritoryRule(countries=("ES",)), staff_id=id_of("leo")),
        territory("madrid", "iberia", rule=TerritoryRule(regions=("Madrid",)), staff_id=id_of("eva")),
        territory("retail", rule=TerritoryRule(sectors=("Retail",))),
        territory("mars"),
    )  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("place", "keys", "owner"),
    [
        (MADRID, ["madrid", "iberia", "retail"], "eva"),
        (replace(MADRID, region="Soria"), ["iberia", "retail"], "leo"),
        (Place(sector="retail"), ["retail"], None),
        (Place(territory="iberia", region="Madrid"), ["iberia"], "leo"),  # what was said comes before what covers
        (Place(territory="madrid"), ["madrid", "iberia"], "eva"),
        (Place(territory="atlantis", country="ES"), ["iberia"], "leo"),
        (Place(territory="mars"), ["mars"], None),
        (NOWHERE, [], None),
    ],
)
def test_a_place_belongs_to_the_innermost_territory(
    iberia: Company, place: Place, keys: list[str], owner: str | None
) -> None:
    found = [derived("territory", key) for key in keys]
    assert iberia.territories_of(place) == found
    assert iberia.territory_of(place) == (found[0] if found else None)
    assert iberia.owner_of(place) == (id_of(owner) if owner else None)


def test_who_left_does_not_answer_for_a_territory(company: Known, iberia: Company) -> None:
    known = company(LeaveStaff(staff_id=id_of("eva")))
    assert known.owner_of(MADRID) == id_of("leo")
    known = company(person("ida"), AssignTerritory(territory_id=derived("territory", "madrid"), staff_id=id_of("ida")))
    assert known.owner_of(MADRID) == id_of("ida")


def test_somebody_works_in_their_own_territory_and_in_those_that_they_answer_for(iberia: Company) -> None:
    eva, leo = id_of("eva"), id_of("leo")
    madrid, retail, mars = (derived("territory", key) for key in ("madrid", "retail", "mars"))
    assert [iberia.works_in(eva, [each]) for each in (madrid, retail, mars)] == [True, False, False]
    assert [iberia.works_in(leo, [each]) for each in (madrid, retail, mars)] == [False, True, False]
    assert iberia.works_in(eva, [mars, madrid])
    assert not iberia.works_in(eva, [])
    assert [iberia.calendar_of(each) for each in (eva, leo, id_of("nobody"), None)] == ["madrid", "retail", None, None]


def test_a_place_is_told_bit_by_bit() -> None:
    registered = CustomerRegistered(
        kind=CustomerKind.PERSON, language="es", timezone="Europe/Madrid", country="Spain", territory="iberia"
    )
    home = Address(street="Mayor 1", postal_code="1000-001", city="Lisboa", region="Lisboa", country="Portugal")
    place = placed(placed(NOWHERE, registered), AddressChanged(address=home))
    assert place == Place(territory="iberia", country="PT", region="Lisboa", postal_code="1000-001")
    place = placed(placed(place, CustomerProfileChanged(sector="retail")), AddressChanged())
    assert place == Place(territory="iberia", country="PT", region="Lisboa", postal_code="1000-001", sector="retail")
