"""P17: after a delivery, what others bought with it is offered, if the customer has not bought it and it is there."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.case import OpenCase, ResolveCase
from domain.case_events import CaseType
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.customer import CustomerKind
from domain.follow_up import FollowUpScheduled
from domain.kernel import derived
from domain.lifecycle import AssignAccountManager
from domain.opportunity import OpportunityOpened
from domain.order import DeliverOrder, OrderLine, PlaceOrder
from domain.product import DiscontinueProduct, IntroduceProduct
from domain.restriction import ContactRestrictionKind, SetContactRestriction
from domain.stock import ReportStock
from domain.values import Channel
from eventstore.envelope import Origin
from processes import cross_sell
from tests.conftest import House
from tests.processes.members import REP, offers, people
from tests.processes.shop import Shop, local, moment


@pytest.fixture
def shop(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(cross_sell, "MIN_SUPPORT", 4)
    shop = Shop(house.log, tmp_path / "mail", policies=[cross_sell.policy])
    people(shop)
    history(shop, cup_and_pot=3, cup=1, pot=1, other=8)
    stock(shop, "pot", 5)
    return shop


def history(shop: Shop, **customers: int) -> None:
    """So many customers who bought just that, from before."""
    for what, many in customers.items():
        for n in range(many):
            skus = tuple(what.split("_and_"))
            place(shop, derived("customer", what, n), "2025-06-01 12:00", *skus, origin=Origin.IMPORT)


def place(shop: Shop, customer: UUID, on: str, *skus: str, origin: Origin = Origin.LIVE) -> UUID:
    order = derived("order", customer, on, *skus)
    lines = tuple(OrderLine(sku=sku, quantity=1, unit_price=Decimal(5)) for sku in skus)
    shop.do(PlaceOrder(order_id=order, customer_id=customer, lines=lines), on, origin)
    return order


def stock(shop: Shop, sku: str, on_hand: int) -> None:
    shop.do(ReportStock(sku=sku, site="M", on_hand=on_hand, as_of=moment("2026-01-01 08:00")))


def buyer(shop: Shop, *bought: str, agrees: bool = True, **said: Any) -> tuple[UUID, UUID]:
    """A customer to whom cups, and what else they bought, were delivered on a Monday."""
    customer = shop.customer(**said)
    if agrees:
        shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING))
    order = place(shop, customer, "2026-02-01 12:00", "cup", *bought)
    shop.do(DeliverOrder(order_id=order), "2026-02-02 12:00")
    shop.until("2026-02-02 12:00")
    return customer, order


def supported(shop: Shop) -> None:
    """The fourth who bought both: with the buyer, 15 customers, of whom 6 bought cups, 5 pots and 4 both: 2.00."""
    history(shop, pot_and_cup=1)


def test_a_fortnight_after_the_delivery_what_goes_with_it_is_offered(shop: Shop) -> None:
    supported(shop)
    shop.do(IntroduceProduct(product_id=derived("product", "pot"), sku="pot", name="Cafetera"))
    customer, order = buyer(shop)
    assert local(shop.entry(order, "sell").due_at) == "2026-02-16 12:00"
    shop.until("2026-02-16 12:00")
    assert shop.outcome(order, "sell") == ("DELIVERED", None)
    assert [mail["Subject"] for mail in shop.mails()] == ["Le puede gustar: Cafetera"]
    [offer] = offers(shop)
    assert (offer.customer_id, offer.offer, offer.sku) == (customer, "CROSS_SELL", "pot")
    assert offer.title == "pot goes with cup: 4 customers bought both, 2.00 times as many as by chance."
    assert local(offer.valid_until) == "2026-03-18 12:00"


def test_a_company_is_an_opportunity_for_who_answers_for_it(shop: Shop) -> None:
    supported(shop)
    product = IntroduceProduct(
        product_id=derived("product", "pot"), sku="pot", name="Pot", price=Decimal(30), currency="USD"
    )
    shop.do(product)
    customer = shop.customer(kind=CustomerKind.ORGANISATION)
    shop.do(AssignAccountManager(customer_id=customer, staff_id=REP))
    order = place(shop, customer, "2026-02-01 12:00", "cup")
    shop.do(DeliverOrder(order_id=order), "2026-02-01 12:00")
    shop.until("2026-02-15 12:00")  # a Sunday: nobody is disturbed
    assert shop.outcome(order, "sell") == ("DONE", "OPPORTUNITY_OPENED")
    [opened] = [event for event, _ in shop.events() if isinstance(event, OpportunityOpened)]
    assert (opened.customer_id, opened.product, opened.source, opened.staff_id) == (customer, "pot", "CROSS_SELL", REP)
    assert opened.amount is not None
    assert (opened.amount.amount, opened.amount.currency) == (30, "USD")
    assert shop.mails() == []


def test_a_company_that_nobody_answers_for_is_an_opportunity_that_is_assigned_like_any_other(shop: Shop) -> None:
    supported(shop)
    _, order = buyer(shop, kind=CustomerKind.ORGANISATION)
    shop.until("2026-02-16 12:00")
    [opened] = [event for event, _ in shop.events() if isinstance(event, OpportunityOpened)]
    assert (opened.staff_id, opened.amount) == (None, None)
    assert shop.outcome(order, "sell") == ("DONE", "OPPORTUNITY_OPENED")


# What is not offered.


def refused(shop: Shop, order: UUID, day: str = "2026-02-16 12:00") -> tuple[str, str | None]:
    shop.until(day)
    assert (shop.mails(), offers(shop)) == ([], [])
    return shop.outcome(order, "sell")


NOTHING = ("SUPPRESSED", "NOTHING_GOES_WITH_IT")


def test_too_few_who_bought_both_say_nothing(shop: Shop) -> None:
    _, order = buyer(shop)
    assert refused(shop, order) == NOTHING


@pytest.mark.parametrize(("more", "offered"), [(3, True), (4, False)])
def test_both_must_be_bought_together_more_often_than_by_chance(shop: Shop, more: int, offered: bool) -> None:
    supported(shop)
    history(shop, pot_and_tea=more)  # 4 x (15 + more) / (6 x (5 + more)) is 1.50, and 1.41
    _, order = buyer(shop)
    shop.until("2026-02-16 12:00")
    assert shop.outcome(order, "sell") == (("DELIVERED", None) if offered else NOTHING)


def test_what_the_customer_has_bought_is_not_offered(shop: Shop) -> None:
    supported(shop)
    _, order = buyer(shop, "pot")
    assert refused(shop, order) == NOTHING


@pytest.mark.parametrize("said", [{"on_hand": 0}, {"on_hand": 2, "reserved": 2}, {"on_hand": -3}])
def test_what_is_not_there_is_not_offered(shop: Shop, said: dict[str, int]) -> None:
    supported(shop)
    shop.do(ReportStock(sku="pot", site="M", as_of=moment("2026-01-02 08:00"), **said))
    _, order = buyer(shop)
    assert refused(shop, order) == NOTHING


@pytest.mark.parametrize("elsewhere", [0, 1])
def test_an_older_report_that_comes_later_does_not_count_and_all_places_do(shop: Shop, elsewhere: int) -> None:
    supported(shop)
    for site, on_hand, day in (("M", 0, 3), ("M", 9, 2), ("B", elsewhere, 2)):
        shop.do(ReportStock(sku="pot", site=site, on_hand=on_hand, as_of=moment(f"2026-01-0{day} 08:00")))
    _, order = buyer(shop)
    shop.until("2026-02-16 12:00")
    assert shop.outcome(order, "sell") == (("DELIVERED", None) if elsewhere else NOTHING)


def test_what_nobody_ever_counted_is_not_there(shop: Shop) -> None:
    history(shop, cup_and_pan=5)
    _, order = buyer(shop, "pot")
    assert refused(shop, order) == NOTHING


def test_what_is_not_sold_any_more_is_not_offered(shop: Shop) -> None:
    supported(shop)
    shop.do(IntroduceProduct(product_id=derived("product", "pot"), sku="pot", name="Pot"))
    shop.do(DiscontinueProduct(product_id=derived("product", "pot")))
    _, order = buyer(shop)
    assert refused(shop, order) == NOTHING


def test_of_several_the_one_with_the_greatest_lift_is_offered(shop: Shop) -> None:
    supported(shop)
    history(shop, cup_and_pan=4)
    stock(shop, "pan", 5)
    buyer(shop)
    shop.until("2026-02-16 12:00")
    assert [offer.sku for offer in offers(shop)] == ["pan"]


@pytest.mark.parametrize("solved", [False, True])
def test_who_complains_is_not_sold_to_until_it_is_solved(shop: Shop, solved: bool) -> None:
    supported(shop)
    customer, order = buyer(shop)
    case = derived("case", 1)
    shop.do(OpenCase(case_id=case, customer_id=customer, type=CaseType.COMPLAINT, subject="x", channel=Channel.EMAIL))
    if solved:
        shop.do(ResolveCase(case_id=case))
    shop.until("2026-02-16 12:00")
    assert shop.outcome(order, "sell") == (("DELIVERED", None) if solved else ("SUPPRESSED", "OPEN_COMPLAINT"))


def test_a_question_is_no_complaint(shop: Shop) -> None:
    supported(shop)
    customer, order = buyer(shop)
    shop.do(OpenCase(case_id=derived("case", 1), customer_id=customer, type=CaseType.QUESTION, channel=Channel.EMAIL))
    shop.until("2026-02-16 12:00")
    assert shop.outcome(order, "sell") == ("DELIVERED", None)


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
def test_nothing_goes_with_what_came_back(shop: Shop, seen: str) -> None:
    supported(shop)
    _, order = buyer(shop)
    if seen == "when it is due":
        shop.now = moment("2026-02-16 12:00")
    shop.give_back(order, 1)
    shop.worker.run()
    assert refused(shop, order) == ("CANCELLED", "ORDER_RETURNED")


def test_without_consent_nothing_is_offered(shop: Shop) -> None:
    supported(shop)
    _, order = buyer(shop, agrees=False)
    assert refused(shop, order) == ("SUPPRESSED", "NO_CONSENT")


@pytest.mark.parametrize("said", ["restriction", "consent"])
@pytest.mark.parametrize("kind", list(CustomerKind))
def test_who_is_not_to_be_profiled_is_offered_nothing(shop: Shop, said: str, kind: CustomerKind) -> None:
    supported(shop)
    customer, order = buyer(shop, kind=kind)
    if said == "restriction":
        shop.do(SetContactRestriction(customer_id=customer, kind=ContactRestrictionKind.NO_PROFILING))
    else:
        shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.PROFILING))
    assert refused(shop, order) == ("SUPPRESSED", "NO_PROFILING")


def test_what_is_due_on_a_sunday_waits(shop: Shop) -> None:
    customer = shop.customer()
    order = place(shop, customer, "2026-02-01 10:00", "cup")
    shop.do(DeliverOrder(order_id=order), "2026-02-01 12:00")
    shop.until("2026-02-01 12:00")
    [promised] = [event for event, _ in shop.events() if isinstance(event, FollowUpScheduled)]
    assert (local(promised.wanted_at), local(promised.due_at)) == ("2026-02-15 12:00", "2026-02-16 09:00")


def test_imported_deliveries_set_nothing_off(shop: Shop) -> None:
    order = place(shop, shop.customer(), "2026-02-01 10:00", "cup", origin=Origin.IMPORT)
    shop.do(DeliverOrder(order_id=order), "2026-02-02 12:00", Origin.IMPORT)
    shop.until("2026-03-01 12:00")
    assert shop.ledger() == []


def test_by_default_fifty_must_have_bought_both() -> None:
    assert (50, Decimal("1.5")) == (cross_sell.MIN_SUPPORT, cross_sell.MIN_LIFT)
