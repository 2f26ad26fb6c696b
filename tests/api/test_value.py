"""The value of customers, loyalty and planning over GraphQL."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from api.house import House
from domain.kernel import derived
from domain.loyalty_account import EnrolMember
from domain.points import AccruePoints
from eventstore.envelope import Request
from tests.api.conftest import ORDER, REGISTER, Ask
from tests.projections.histories import START
from tests.projections.histories_loyalty import programme

CUSTOMERS = 10


@pytest.fixture
def shop(ask: Ask) -> None:
    """Customers c1 to c10, who ordered in January for ten euros times their number, and c10 once more in March."""
    for n in range(1, CUSTOMERS + 1):
        ask(REGISTER, input={"customerId": f"shop:c{n}", "name": f"Customer {n:02}"})
        place(ask, n, str(n), f"2026-01-{n:02}T10:00:00Z", 10 * n)
    place(ask, CUSTOMERS, "again", "2026-03-01T10:00:00Z", 50)


def place(ask: Ask, customer: int, order: str, at: str, price: int) -> None:
    lines = [{"sku": "A", "quantity": 1, "unitPrice": str(price)}]
    ask(ORDER, input={"orderId": f"shop:{order}", "customerId": f"shop:c{customer}", "lines": lines}, at=at)


def test_everybody_has_a_cell_and_all_cells_add_up(shop: None, ask: Ask) -> None:
    found = ask(
        "{ rfm { customers revenue currency position edges { recency frequency money }"
        "  profiles { cell { profile segment recency } customers orders revenue }"
        "  segments { segment customers shareOfCustomers shareOfRevenue } } }"
    )["rfm"]
    assert (found["customers"], found["revenue"], found["currency"]) == (CUSTOMERS, "600", "EUR")
    assert sum(each["customers"] for each in found["profiles"]) == CUSTOMERS
    assert found["profiles"][0] == {
        "cell": {"profile": "554", "segment": "CHAMPIONS", "recency": 5}, "customers": 1, "orders": 2, "revenue": "150",
    }  # fmt: skip
    # Nine ordered once: they are equal, and have the score of the first of them.
    assert found["edges"]["frequency"] == [2, 2, 2, 2]
    champions = next(each for each in found["segments"] if each["segment"] == "CHAMPIONS")
    assert champions["shareOfRevenue"] == "25.0000"


def test_as_of_a_day_the_second_order_is_not_there_yet(shop: None, ask: Ask) -> None:
    query = """query($of: AsOf) {
      rfm(asOf: $of) { revenue }
      customer(id: "shop:c10", asOf: $of) { customerValue { orders revenue } }
    }"""
    found = ask(query, of={"validAt": "2026-02-01T00:00:00Z"})
    assert found["rfm"]["revenue"] == "550"
    assert found["customer"]["customerValue"] == {"orders": 1, "revenue": "100"}


def test_customers_show_their_value(shop: None, ask: Ask) -> None:
    found = ask(
        "{ customers(first: 20, orderBy: [{field: NAME}]) { nodes { name"
        "  customerValue { orders revenue averageOrder cell { profile segment } topShare silence { status reason } }"
        "  lifetimeValue(months: 6) { historic method months alive } } } }"
    )["customers"]["nodes"]
    last = found[-1]
    assert last["customerValue"]["cell"] == {"profile": "554", "segment": "CHAMPIONS"}
    assert (last["customerValue"]["averageOrder"], last["customerValue"]["topShare"]) == ("75.00", 1)
    assert last["customerValue"]["silence"]["status"] in ("ACTIVE", "AT_RISK", "CHURNED")
    assert last["lifetimeValue"] == {"historic": "150.00", "method": "COHORT_MEAN", "months": 6, "alive": None}


def test_who_never_ordered_has_no_value(ask: Ask) -> None:
    ask(REGISTER, input={"customerId": "shop:nobody", "name": "Nobody"})
    found = ask('{ customer(id: "shop:nobody") { customerValue { revenue } lifetimeValue { total } } }')["customer"]
    assert found == {"customerValue": None, "lifetimeValue": None}


@pytest.mark.parametrize(
    ("asked", "customers", "revenue"),
    [
        ("", 2, "240"),
        ("(top: 30)", 3, "320"),
        ("(best: 1)", 1, "150"),
        ('(share: "40")', 2, "240"),
        ("(share: 41)", 3, "320"),
    ],
)
def test_pareto_answers_either_way(shop: None, ask: Ask, asked: str, customers: int, revenue: str) -> None:
    found = ask(f"{{ pareto{asked} {{ answer {{ customers revenue }} curve {{ customers }} }} }}")["pareto"]
    assert found["answer"] == {"customers": customers, "revenue": revenue}
    assert found["curve"][-1]["customers"] == CUSTOMERS


def test_pareto_is_asked_one_thing_at_a_time(shop: None, ask: Ask) -> None:
    (error,) = ask("{ pareto(top: 20, best: 3) { customers } }", errors=True)
    assert error["message"] == "Ask for one of top, best and share."


def test_a_cohort_comes_back(shop: None, ask: Ask) -> None:
    found = ask(
        '{ cohorts(from: "2026-01-15", to: "2026-03-31") {'
        "  cohorts { month customers months { months customers share revenue } } zone } }"
    )["cohorts"]
    assert found["cohorts"] == [
        {
            "month": "2026-01-01",
            "customers": 10,
            "months": [
                {"months": 0, "customers": 10, "share": "100.0000", "revenue": "550"},
                {"months": 2, "customers": 1, "share": "10.0000", "revenue": "50"},
            ],
        }
    ]


def test_who_is_silent_is_listed_with_the_customer(shop: None, ask: Ask) -> None:
    query = (
        "query($of: AsOf) { churn(asOf: $of, status: AT_RISK, first: 2) { counts { status customers }"
        "  quiet { customer { name } silence { days reason } revenue lastOrderOn } } }"
    )
    found = ask(query, of={"validAt": "2026-05-02T12:00:00Z"})["churn"]
    assert found["counts"] == [
        {"status": "ACTIVE", "customers": 1}, {"status": "AT_RISK", "customers": 9}, {"status": "CHURNED", "customers": 0},
    ]  # fmt: skip
    assert [each["customer"]["name"] for each in found["quiet"]] == ["Customer 09", "Customer 08"]
    assert found["quiet"][0]["silence"]["reason"] == "No order for 113 days; one order until now. More than 90 days."


def test_the_model_says_why_there_is_none(shop: None, ask: Ask) -> None:
    found = ask(
        "{ buyingModel { method why buying { r alpha a b logLikelihood } spend { p q v } customers repeatBuyers basis } }"
    )["buyingModel"]
    assert (found["method"], found["buying"], found["customers"], found["repeatBuyers"]) == ("COHORT_MEAN", None, 10, 1)
    assert found["why"].startswith("1 customers bought more than once")


def test_without_a_model_there_is_nothing_to_hold_to_what_came(shop: None, ask: Ask) -> None:
    query = "query($from: DateTime!) { buyingBacktest(from: $from) { expected came classes { frequency came } } }"
    (few,) = ask(query, errors=True, **{"from": "2026-02-01T00:00:00Z"})
    assert few["message"] == "There was no model to test: 0 customers bought more than once; at least 10 are needed."
    (late,) = ask(query, errors=True, **{"from": "2999-02-01T00:00:00Z"})
    assert late["extensions"]["field"] == "from"


def test_agents_are_planned_by_erlang(ask: Ask) -> None:
    found = ask(
        "{ staffing(calls: 100, ahtS: 180) { agents serviceLevel asaS occupancy }"
        "  thirteen: staffing(calls: 100, ahtS: 180, agents: 13) { agents serviceLevel } }"
    )
    assert found["staffing"]["agents"] == 14
    assert found["staffing"]["serviceLevel"] == pytest.approx(0.888, abs=1e-3)
    assert found["thirteen"]["serviceLevel"] < 0.8
    (error,) = ask("{ staffing(calls: -1, ahtS: 180) { agents } }", errors=True)
    assert error["extensions"]["field"] == "calls"


def test_a_series_goes_on(ask: Ask) -> None:
    found = ask(
        "query($series: [Float!]!) { seriesForecast(series: $series, horizon: 2) { name expected { value } model { aicc } } }",
        series=[float(n) for n in range(12)],
    )["seriesForecast"]
    assert found["name"] == "ETS(A,A,N)"
    assert [each["value"] for each in found["expected"]] == pytest.approx([12.0, 13.0])


def test_sales_go_on_by_whole_periods(shop: None, ask: Ask) -> None:
    query = (
        "query($of: AsOf) { salesForecast(grain: DAY, horizon: 2, asOf: $of) {"
        "  series { period revenue } expected { period revenue low high } name currency } }"
    )
    found = ask(query, of={"validAt": "2026-01-09T12:00:00Z"})["salesForecast"]
    assert [each["revenue"] for each in found["series"]] == [str(10 * n) for n in range(1, 9)]
    assert [(each["period"], each["revenue"]) for each in found["expected"]] == [
        ("2026-01-09", "90.00"), ("2026-01-10", "100.00"),
    ]  # fmt: skip
    (error,) = ask(query, errors=True, of={"validAt": "2026-01-03T12:00:00Z"})
    assert error["message"] == "There are 2 whole periods; a forecast takes 5."


@pytest.fixture
def member(house: House, ana: UUID, ask: Ask) -> UUID:
    """Ana as a member who has 250 of the 300 points of the highest tier."""
    account = derived("account", 1)
    commands: list[Any] = [
        programme(),
        EnrolMember(loyalty_account_id=account, customer_id=ana, programme="air", tier="SILVER"),
        AccruePoints(loyalty_account_id=account, reference="1", qualifying=Decimal(250), redeemable=Decimal(250)),
    ]
    for command in commands:
        house.log.do(command, Request(occurred_at=START))
    return account


def test_a_member_stands_somewhere(member: UUID, ask: Ask) -> None:
    query = """query($of: AsOf) {
      customer(id: "shop:ana", asOf: $of) { loyaltyAccounts { nodes { tier balance standing { nextTier toNext nearNext } } } }
      loyaltyAccounts { nodes { programme customer { name } } }
      points { nodes { kind redeemable customer { name } } }
      tierChanges { nodes { previous tier } }
      tierWatch(watch: NEAR_NEXT, asOf: $of) { accountId reason }
      pointsLiability { programme members points liability currency }
      tierMigrations(from: "2025-12-31T00:00:00Z", to: "2026-02-01T00:00:00Z") { tier members }
      programmes { nodes { programme version tiers { key threshold } } }
    }"""
    found = ask(query, of={"validAt": "2026-06-01T00:00:00Z"})
    account = {"tier": "SILVER", "balance": "250", "standing": {"nextTier": "GOLD", "toNext": "50", "nearNext": True}}
    assert found["customer"]["loyaltyAccounts"]["nodes"] == [account]
    assert found["loyaltyAccounts"]["nodes"] == [{"programme": "air", "customer": {"name": "Ana Núñez"}}]
    assert found["points"]["nodes"] == [{"kind": "ACCRUED", "redeemable": "250", "customer": {"name": "Ana Núñez"}}]
    assert found["tierChanges"]["nodes"] == [{"previous": None, "tier": "SILVER"}]
    assert [each["accountId"] for each in found["tierWatch"]] == [str(member)]
    assert found["pointsLiability"] == [
        {"programme": "air", "members": 1, "points": "250", "liability": "2.50", "currency": "EUR"}
    ]
    assert found["tierMigrations"] == [{"tier": "SILVER", "members": 1}]
    assert len(found["programmes"]["nodes"][0]["tiers"]) == 3
