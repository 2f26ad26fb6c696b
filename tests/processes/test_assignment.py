"""P03: who is to see to a lead or an opportunity that nobody has."""

from decimal import Decimal
from typing import Any

import pytest

from domain.activity import ActivityScheduled
from domain.customer import ChangeCustomerProfile
from domain.kernel import derived
from domain.lead import CaptureLead, ConvertLead, DisqualifyLead, LeadAssigned, QualifyLead, RecycleLead
from domain.opportunity import LoseOpportunity, OpportunityAssigned, ReopenOpportunity
from domain.staff import LeaveStaff, SetCapacity, StaffRole
from eventstore.envelope import Origin
from processes import assignment
from processes.memories import Shared
from tests.conftest import House
from tests.processes.sales import (
    away,
    closed,
    give,
    hand,
    happened,
    id_of,
    lead,
    name_of,
    opportunity,
    person,
    scores,
    tasks,
    territory,
)
from tests.processes.shop import Shop, local, moment


@pytest.fixture
def shop(house: House, tmp_path: Any) -> Shop:
    """A shop that only assigns, on a Friday at noon."""
    return Shop(house.log, tmp_path / "mail", policies=(assignment.policy,), now=moment("2026-01-16 12:00"))


def assigned(shop: Shop) -> Any:
    """The last assignment."""
    shop.worker.run()
    return happened(shop, LeadAssigned, OpportunityAssigned)[-1]


def test_a_lead_is_given_to_the_best_rep_at_once_and_all_scores_are_kept(shop: Shop) -> None:
    person(shop, "eva", languages=("es",))
    person(shop, "leo", languages=("en",))
    id = lead(shop)
    event = assigned(shop)
    assert name_of(event.staff_id) == "eva"
    assert scores(event) == {"eva": Decimal("32.5"), "leo": Decimal("17.5")}
    assert (event.rule, event.rule_version, event.previous) == ("assignment", 1, None)
    assert shop.outcome(id, "assign") == ("DONE", "ASSIGNED")
    assert tasks(shop) == []


def test_an_opportunity_that_nobody_has_is_given_to_the_best_rep(shop: Shop) -> None:
    person(shop, "eva")
    id = opportunity(shop)
    assert name_of(assigned(shop).staff_id) == "eva"
    assert shop.outcome(id, "assign") == ("DONE", "ASSIGNED")


def test_an_opportunity_that_somebody_has_is_nothing_to_the_policy(shop: Shop) -> None:
    person(shop, "eva")
    opportunity(shop, staff_id=id_of("leo"))
    shop.worker.run()
    assert shop.ledger() == []


# The score, part by part. 17.5 is what a rep has who has nothing to do and of whom nothing is known: 15 + 5 / 2.


def score(shop: Shop, name: str = "eva") -> Decimal:
    return scores(assigned(shop))[name]


@pytest.mark.parametrize("told", ["lead", "customer", "key"])
def test_forty_points_for_the_territory(shop: Shop, told: str) -> None:
    person(shop, "leo")
    person(shop, "eva", territory_id=territory(shop, "iberia", countries=("ES", "PT")))
    customer = shop.customer(country="Portugal", territory="iberia" if told == "key" else None)
    match told:
        case "lead":
            lead(shop, country="España", language="fr")
        case "customer":
            lead(shop, country="FR", language="fr", customer_id=customer)
        case "key":
            opportunity(shop, customer_id=customer)
    assert scores(assigned(shop)) == {"eva": Decimal("57.5"), "leo": Decimal("17.5")}


def test_forty_points_for_whoever_answers_for_the_territory(shop: Shop) -> None:
    territory(shop, "iberia", person(shop, "eva"), countries=("ES",))
    lead(shop, language="fr")
    assert score(shop) == Decimal("57.5")


def test_no_points_for_another_territory(shop: Shop) -> None:
    person(shop, "eva", territory_id=territory(shop, "france", countries=("FR",)))
    lead(shop, language="fr")
    assert score(shop) == Decimal("17.5")


@pytest.mark.parametrize("about", ["interest", "product", "sector", "something else"])
def test_twenty_five_points_for_a_skill_in_the_product_or_the_sector(shop: Shop, about: str) -> None:
    person(shop, "eva", skills=("Wine",))
    customer = shop.customer(language="fr")
    match about:
        case "interest":
            lead(shop, interest="WINE", language="fr")
        case "product":
            opportunity(shop, product="wine")
        case "sector":
            shop.do(ChangeCustomerProfile(customer_id=customer, sector="wine"))
            opportunity(shop, customer_id=customer, product="tea")
        case _:
            lead(shop, interest="tea", language="fr")
    assert score(shop) == (Decimal("17.5") if about == "something else" else Decimal("42.5"))


@pytest.mark.parametrize(("language", "points"), [("es", "32.5"), ("es-MX", "32.5"), ("fr", "17.5"), ("eu", "17.5")])
def test_fifteen_points_for_the_language(shop: Shop, language: str, points: str) -> None:
    person(shop, "eva", languages=("en", "es-ES"))
    lead(shop, language=language)
    assert score(shop) == Decimal(points)


def test_an_opportunity_speaks_its_customer_s_language_and_without_a_customer_none(shop: Shop) -> None:
    person(shop, "eva", languages=("es",))
    opportunity(shop, customer_id=shop.customer())
    assert score(shop) == Decimal("32.5")
    opportunity(shop, key="another")
    assert score(shop) == Decimal("17.5") - Decimal("0.15")


@pytest.mark.parametrize(
    ("capacity", "has", "points"),
    [
        (None, 0, "17.5"),
        (None, 3, "17.05"),
        (10, 3, "13"),
        (10, 10, "2.5"),
        (10, 12, "2.5"),
        (3, 1, "12.5"),
        (7, 1, "15.3571"),
    ],
)
def test_fifteen_points_for_whoever_has_nothing_to_do(shop: Shop, capacity: int | None, has: int, points: str) -> None:
    person(shop, "eva", capacity=capacity)
    for number in range(has):
        opportunity(shop, key=f"has {number}", staff_id=id_of("eva"))
    lead(shop, language="fr")
    assert score(shop) == Decimal(points)


def test_what_somebody_has_is_what_is_open(shop: Shop) -> None:
    person(shop, "eva", capacity=10)
    away(shop, "eva", "2026-01-01 00:00", "2026-01-16 12:00")
    leads = [lead(shop, key=f"has {number}", language="fr") for number in range(5)]
    for each in leads:
        give(shop, each, "eva")
    opportunity(shop, key="sale", staff_id=id_of("eva"))  # 6 points of 10
    shop.do(DisqualifyLead(lead_id=leads[0], reason="NO_BUDGET"))
    shop.do(RecycleLead(lead_id=leads[1], until=moment("2026-06-01 09:00")))
    give(shop, leads[2], "leo")
    shop.do(ConvertLead(lead_id=leads[4], customer_id=shop.customer()))
    lead(shop, language="fr")
    assert score(shop) == Decimal("14.5")  # two of ten
    shop.do(LoseOpportunity(opportunity_id=derived("opportunity", "sale"), reason="PRICE"))
    lead(shop, key="another", language="fr")
    assert score(shop) == Decimal("14.5")  # one less, and the lead of before
    shop.do(ReopenOpportunity(opportunity_id=derived("opportunity", "sale")))
    lead(shop, key="a third", language="fr")
    assert score(shop) == Decimal("11.5")
    shop.do(QualifyLead(lead_id=leads[1]))  # which had been put aside
    lead(shop, key="a fourth", language="fr")
    assert score(shop) == Decimal("8.5")


def test_up_to_five_points_for_the_win_rate_among_those_who_sold_the_same(shop: Shop) -> None:
    for name in ("ana", "bob", "eva", "leo"):
        person(shop, name)
    closed(shop, "ana", "wine", won=1, lost=3)
    closed(shop, "bob", "wine", won=2, lost=2)
    closed(shop, "eva", "wine", won=1, lost=1)
    closed(shop, "leo", "tea", won=1, lost=0)
    lead(shop, interest="Wine", language="fr")
    # below and half of the equals, of three: 1/6, 2/3, 2/3; Leo never sold wine
    found = scores(assigned(shop))
    assert found == {
        "bob": Decimal("18.3333"), "eva": Decimal("18.3333"), "leo": Decimal("17.5"), "ana": Decimal("15.8333"),
    }  # fmt: skip


def test_where_nobody_sold_the_same_all_sales_count_but_not_of_those_who_left(shop: Shop) -> None:
    for name in ("bob", "eva", "leo"):
        person(shop, name)
    closed(shop, "bob", "wine", won=1, lost=0)
    closed(shop, "eva", "tea", won=0, lost=1)
    closed(shop, "leo", "tea", won=0, lost=1)
    shop.do(LeaveStaff(staff_id=id_of("leo")))
    lead(shop, interest="beer", language="fr")
    assert scores(assigned(shop)) == {"bob": Decimal("18.75"), "eva": Decimal("16.25")}


def test_a_sale_that_was_reopened_is_no_win(shop: Shop) -> None:
    person(shop, "bob"), person(shop, "eva")
    closed(shop, "bob", "wine", won=1, lost=0)
    closed(shop, "eva", "wine", won=0, lost=1)
    shop.do(ReopenOpportunity(opportunity_id=derived("opportunity", "bob wine 0")))
    lead(shop, interest="wine", language="fr")
    assert scores(assigned(shop)) == {"eva": Decimal("17.5"), "bob": Decimal("17.35")}


# Who can be given it at all, and who comes first of those who suit as well.


@pytest.mark.parametrize("why", ["absent", "left", "no rep", "no capacity"])
def test_who_cannot_be_given_it_is_no_candidate(shop: Shop, why: str) -> None:
    person(shop, "eva", languages=("es",), role=StaffRole.AGENT if why == "no rep" else StaffRole.REP)
    person(shop, "leo")
    match why:
        case "absent":
            away(shop, "eva", "2026-01-16 12:00", "2026-01-16 12:01")
        case "left":
            shop.do(LeaveStaff(staff_id=id_of("eva")))
        case "no capacity":
            shop.do(SetCapacity(staff_id=id_of("eva"), capacity=0))
    lead(shop)
    assert list(scores(assigned(shop))) == ["leo"]


def test_of_equals_it_is_who_was_given_something_least_recently_and_then_the_lowest_id(shop: Shop) -> None:
    for name in ("zoe", "ana", "max"):
        person(shop, name, capacity=1)
        opportunity(shop, key=f"full {name}", staff_id=id_of(name))  # whoever is full stays full
    order = []
    hand(shop, opportunity(shop, key="x", staff_id=id_of("nobody")), "ana")
    person(shop, "bob", capacity=1), person(shop, "ada", capacity=1)
    for name in ("bob", "ada"):
        shop.do(SetCapacity(staff_id=id_of(name), capacity=1))
    for number in range(6):
        lead(shop, key=str(number), language="fr")
        order.append(name_of(assigned(shop).staff_id))
    # Ada and Bob were never given anything and are free; then everybody is full, and it goes round
    assert order == ["ada", "bob", "zoe", "max", "ana", "ada"]


def test_several_leads_of_a_moment_go_round_too(shop: Shop) -> None:
    for name in ("zoe", "ana", "max"):
        person(shop, name, capacity=1000)
    for number in range(6):
        lead(shop, key=str(number), language="fr")
    shop.worker.run()
    given = [name_of(each.staff_id) for each in happened(shop, LeadAssigned)]
    assert sorted(given[:3]) == sorted(given[3:]) == ["ana", "max", "zoe"]
    assert given[:3] == ["ana", "max", "zoe"]


# When there is nobody, or nothing to do any more.


def test_where_nobody_is_eligible_it_waits_and_a_manager_is_told_once(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    person(shop, "boss", StaffRole.DIRECTOR), person(shop, "zora", StaffRole.SALES_MANAGER), person(shop, "eva")
    away(shop, "eva", "2026-01-12 00:00", "2026-01-21 00:00")
    id = lead(shop)
    shop.worker.run()
    entry = shop.entry(id, "assign")
    assert (entry.status, entry.reason, local(entry.due_at)) == ("SCHEDULED", "NOBODY_ELIGIBLE", "2026-01-19 09:00")
    assert tasks(shop) == [("zora", "TASK", "2026-01-19 12:00")]
    [task] = happened(shop, ActivityScheduled)
    assert (task.related_noun, task.related_id) == ("lead", id)
    for day in ("2026-01-19 09:00", "2026-01-20 09:00"):
        shop.until(day)
    assert happened(shop, LeadAssigned) == []
    shop.until("2026-01-21 09:00")
    assert name_of(assigned(shop).staff_id) == "eva"
    assert len(tasks(shop)) == 1
    assert caplog.text == ""  # nor asked for again, and refused


def test_who_leads_the_territory_is_told(shop: Shop) -> None:
    person(shop, "zora", StaffRole.SALES_MANAGER), person(shop, "mia", StaffRole.OTHER)
    person(shop, "owner", StaffRole.OTHER, manager_id=id_of("mia"))
    territory(shop, "spain", id_of("owner"), countries=("ES",))
    lead(shop)
    shop.worker.run()
    assert tasks(shop) == [("mia", "TASK", "2026-01-19 12:00")]


def test_where_nobody_is_there_for_ten_business_days_it_is_given_up(shop: Shop) -> None:
    id = lead(shop)
    shop.worker.run()
    assert tasks(shop) == [(None, "TASK", "2026-01-19 12:00")]
    for day in range(19, 31):
        shop.until(f"2026-01-{day} 09:00")
    assert shop.outcome(id, "assign") == ("SUPPRESSED", "NOBODY_ELIGIBLE")
    assert local(shop.entry(id, "assign").due_at) == "2026-01-30 09:00"


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
@pytest.mark.parametrize("why", ["ASSIGNED", "DISQUALIFIED", "RECYCLED", "CLOSED"])
def test_what_somebody_has_meanwhile_or_what_is_over_is_not_assigned(shop: Shop, why: str, seen: str) -> None:
    id = opportunity(shop) if why == "CLOSED" else lead(shop)
    shop.worker.run()
    person(shop, "eva")
    if seen == "when it is due":
        shop.now = moment("2026-01-19 09:00")
    match why:
        case "ASSIGNED":
            give(shop, id, "leo")
        case "DISQUALIFIED":
            shop.do(DisqualifyLead(lead_id=id, reason="NO_BUDGET"))
        case "RECYCLED":
            shop.do(RecycleLead(lead_id=id, until=moment("2026-06-01 09:00")))
        case "CLOSED":
            shop.do(LoseOpportunity(opportunity_id=id, reason="PRICE"))
    if seen == "when it is due":
        shop.worker.runner.fire(shop.now)
    shop.worker.run()
    assert shop.outcome(id, "assign") == ("CANCELLED", why)
    assert len(happened(shop, LeadAssigned)) == (why == "ASSIGNED")


def test_an_imported_lead_is_not_assigned(shop: Shop) -> None:
    person(shop, "eva")
    shop.do(CaptureLead(lead_id=derived("lead", "old"), name="Ana", source="FAIR"), origin=Origin.IMPORT)
    shop.worker.run()
    assert shop.ledger() == []


def test_what_is_learnt_twice_is_learnt_once(shop: Shop) -> None:
    person(shop, "eva", capacity=10), person(shop, "leo")
    closed(shop, "eva", "wine", won=2, lost=1)
    sale = derived("opportunity", "eva wine 0")
    shop.do(ReopenOpportunity(opportunity_id=sale))
    hand(shop, sale, "leo")
    shop.do(LoseOpportunity(opportunity_id=sale, reason="PRICE"))
    leads = [lead(shop, key=str(number)) for number in range(5)]
    shop.worker.run()
    shop.do(DisqualifyLead(lead_id=leads[0], reason="NO_BUDGET"))
    shop.do(RecycleLead(lead_id=leads[1], until=moment("2026-06-01 09:00")))
    shop.do(ConvertLead(lead_id=leads[2], customer_id=shop.customer()))
    once, twice = (Shared(assignment.policy, shop.log.reader) for _ in range(2))
    for each in (once, twice):
        each.at(shop.log.reader.head())
    assert {name_of(who): once.known.sales.load(who) for who in once.known.sales.open} == {"eva": 0, "leo": 2}
    for event, at in shop.log.reader.page(0, 1_000):
        twice.note(event, at)
    assert once.known == twice.known


def test_twice_is_the_same_as_once_and_two_workers_are_the_same_as_one(shop: Shop) -> None:
    person(shop, "eva"), person(shop, "leo")
    lead(shop)
    other = shop.hire()
    shop.worker.run(), other.run(), shop.worker.run()
    assert len(happened(shop, LeadAssigned)) == 1
    assert len(shop.ledger()) == 1
