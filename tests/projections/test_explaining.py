"""Every value of every view is explained by events that, replayed alone, give it again."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.customer import ChangeCustomerProfile, RegisterCustomer
from domain.kernel import Refused, derived
from domain.order import OrderLine, PlaceOrder, ReturnLines
from eventstore.database import open_pool
from eventstore.envelope import Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections import VIEWS
from projections.customers import customer_360, customers
from projections.engine import Engine
from projections.figures.explaining import Trace, events_of, explain
from projections.fold import Fold
from projections.lists import Lists
from projections.selling import opportunities, orders, sales
from projections.view import View
from tests.conftest import KEK, House
from tests.projections import histories, histories_identity, histories_marketing, histories_sales, histories_service

lives = (
    histories.histories
    | histories_identity.histories
    | histories_marketing.histories
    | histories_sales.histories_of_sales
    | histories_service.night("items", "calls", "shifts", "cases", most=2)
)
MOST = 4
"""How many rows of each view are explained in one history."""


def test_replaying_what_explains_a_value_gives_it_again(new_database: Callable[[], str]) -> None:
    @given(history=lives, share=st.floats(0, 1))
    @settings(
        max_examples=16, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
    )
    def check(history: list[Any], share: float) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            histories.live_through(log, history)
            lists, head = Lists(log, pool), log.reader.head()
            for view in VIEWS:
                for as_of in (AsOf(position=head), AsOf(position=int(head * share))):
                    rows = lists.fold(view, as_of).rows
                    for key in list(rows)[:MOST]:
                        explained(view, key, rows[key], Trace(view, key, events_of(lists, view, key, as_of)))

    check()


def explained(view: View[Any], key: Any, row: Any, trace: Trace) -> None:
    for column in view.columns:
        causes = trace.causes(column.name)
        fold = Fold(view)
        fold.apply([step.happened for step in trace.needed(column.name)])
        again = fold.rows.get(key) or (view.row(*key) if isinstance(key, tuple) else view.row(key))
        wanted = getattr(row, column.name)
        assert (view.name, column.name, getattr(again, column.name)) == (view.name, column.name, wanted)
        changes = [cause for cause in causes if cause.changed]
        assert not changes or changes[-1].after == wanted


@pytest.fixture
def lists(house: House) -> Lists:
    Engine(house.log, house.pool, VIEWS).prepare()
    return Lists(house.log, house.pool)


def bought(house: House, n: int, price: int) -> None:
    line = OrderLine(sku="A", quantity=1, unit_price=Decimal(price))
    placed = PlaceOrder(order_id=derived("order", n), customer_id=derived("customer", 1), lines=(line,))
    house.log.do(placed, Request(occurred_at=datetime(2026, 1, n, tzinfo=UTC)))


def test_only_what_made_a_value_explains_it(lists: Lists, house: House) -> None:
    ana = derived("customer", 1)
    house.log.do(RegisterCustomer(customer_id=ana, name="Ana", country="ES"))
    bought(house, 1, 10)
    bought(house, 2, 5)
    house.log.do(ChangeCustomerProfile(customer_id=ana, country="FR"))
    house.log.do(
        ReturnLines(order_id=derived("order", 1), lines=(OrderLine(sku="A", quantity=1, unit_price=Decimal(10)),))
    )
    Engine(house.log, house.pool, VIEWS).catch_up()

    country = explain(lists, customers.view, ana, "country")
    assert country is not None
    assert [(cause.before, cause.after) for cause in country.causes] == [(None, "ES"), ("ES", "FR")]
    revenue = explain(lists, customer_360.view, ana, "revenue")
    assert revenue is not None
    assert (revenue.value, revenue.position) == (5, house.log.reader.head())
    assert [(cause.happened.at.type, cause.before, cause.after) for cause in revenue.causes] == [
        ("order.placed.v1", 0, 10),
        ("order.placed.v1", 10, 15),
        (revenue.causes[2].happened.at.type, 15, 5),
    ]
    assert revenue.events > len(revenue.causes)
    before = explain(lists, customer_360.view, ana, "revenue", AsOf(position=revenue.causes[1].happened.at.position))
    assert before is not None
    assert before.value == 15
    untouched = explain(lists, customer_360.view, ana, "last_nps")
    assert untouched is not None
    assert (untouched.value, untouched.causes) == (None, [])


def test_a_definition_that_decided_is_named_with_its_version(lists: Lists, house: House) -> None:
    from domain.opportunity import ChangeOpportunityStage, OpenOpportunity

    deal = derived("opportunity", 1)
    house.log.do(OpenOpportunity(opportunity_id=deal, customer_id=derived("customer", 1)))
    house.log.do(ChangeOpportunityStage(opportunity_id=deal, stage="PROPOSAL"))
    Engine(house.log, house.pool, VIEWS).catch_up()
    stage = explain(lists, opportunities.view, deal, "stage")
    assert stage is not None
    assert [(used.kind, used.version) for used in stage.definitions][:1] == [("pipeline", "1")]


def test_what_is_not_there_is_not_explained(lists: Lists) -> None:
    assert explain(lists, orders.view, derived("order", 9), "total") is None
    with pytest.raises(Refused, match="no 'shoe'"):
        explain(lists, orders.view, derived("order", 9), "shoe")
    with pytest.raises(Refused, match="Explain orders"):
        explain(lists, sales.sales, (derived("order", 9), 1, 0), "amount")
