"""What changed between two moments is what the events in between say, whichever way the moments look back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.customer import ChangeCustomerProfile, RegisterCustomer
from domain.kernel import Refused, derived
from domain.merging import MergeCustomers, UnmergeCustomers
from domain.opportunity import OpenOpportunity, ReviseOpportunityAmount
from eventstore.database import open_pool
from eventstore.envelope import Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections import VIEWS
from projections.customers import customer_360, customers
from projections.differing import Difference, differences, row_at
from projections.lists import Lists
from projections.selling import opportunities, sales
from projections.view import View
from tests.conftest import KEK, House
from tests.projections import histories, histories_identity, histories_sales

MOST = 3
"""How many rows of a view are compared in one history."""
lives = histories.histories | histories_identity.histories | histories_sales.histories_of_sales
ANA, EVA = derived("customer", "ana"), derived("customer", "eva")


def moments(log: Log) -> st.SearchStrategy[AsOf]:
    """Any way of looking back, both clocks at once among them."""
    days = st.integers(-1, 420).map(lambda days: histories.START + timedelta(days=days))
    recorded = st.sampled_from([at.recorded_at for _, at in log.reader.page(0, 1_000)])
    return st.one_of(
        st.builds(AsOf, position=st.integers(0, log.reader.head())),
        st.builds(AsOf, time=days),
        st.builds(AsOf, valid_at=days),
        st.builds(AsOf, known_at=recorded),
        st.builds(AsOf, known_at=recorded, valid_at=days),
        st.just(NOW),
    )


def test_the_difference_is_that_of_two_folds_and_the_events_behind_it_lie_in_between(
    new_database: Callable[[], str],
) -> None:
    @given(data=st.data(), history=lives)
    @settings(
        max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
    )
    def check(data: st.DataObject, history: list[Any]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            histories.live_through(log, [(RegisterCustomer(customer_id=ANA), histories.START), *history])
            lists = Lists(log, pool)
            for view in data.draw(st.lists(st.sampled_from(VIEWS), min_size=12, max_size=12, unique=True)):
                start, end = data.draw(moments(log)), data.draw(moments(log))
                then, now = (lists.fold(view, moment).rows for moment in (start, end))
                for key in [*then, *(key for key in now if key not in then)][:MOST]:
                    compared(lists, view, key, start, end, then, now)

    check()


def compared(
    lists: Lists, view: View[Any], key: Any, start: AsOf, end: AsOf, then: dict[Any, Any], now: dict[Any, Any]
) -> None:
    """One row of two folds, and the difference that is told of it."""
    was, is_now = key, key
    if view.row.key == ("customer_id",):
        was, is_now = lists.log.reader.whom([key], start)[key], lists.log.reader.whom([key], end)[key]
    before, after = then.get(was), now.get(is_now)
    found = differences(lists, view, key, start, end)
    names = [column.name for column in view.columns if column.name not in view.row.key]
    blank = view.row(*key) if isinstance(key, tuple) else view.row(key)
    values = {name: (getattr(before or blank, name), getattr(after or blank, name)) for name in names}
    wanted = {name: (first, second) for name, (first, second) in values.items() if first != second}
    assert {each.field: (each.before, each.after) for each in found.fields} == wanted, (view.name, start, end)
    assert (found.before, found.after) == (before is not None, after is not None)
    assert row_at(lists, view, key, start) == before
    counted = [positions(lists, view, moment) for moment in (start, end)]
    for each in found.fields:
        causes, gone = at(each)
        assert causes <= counted[1] - counted[0]
        assert gone <= counted[0] - counted[1]
        assert causes or gone or found.corrections, (view.name, each.field, start, end)
        changed = [cause for cause in each.causes if cause.changed]
        if changed and after is not None and not gone and start.position is not None and end == NOW:
            assert changed[-1].after == each.after


def at(each: Difference) -> tuple[set[int], set[int]]:
    return {cause.happened.at.position for cause in each.causes}, {cause.happened.at.position for cause in each.gone}


def positions(lists: Lists, view: View[Any], as_of: AsOf) -> set[int]:
    """The events that count for a view as of a moment."""
    names = lists.log.codec.names(view.events)
    return {happened.at.position for page in lists.log.reader.fold(types=names, as_of=as_of) for happened in page}


def told(
    lists: Lists, view: View[Any], key: Any, start: AsOf, end: AsOf = NOW
) -> dict[str, tuple[Any, Any, list[int]]]:
    return {
        each.field: (each.before, each.after, sorted({*at(each)[0], *at(each)[1]}))
        for each in differences(lists, view, key, start, end).fields
    }


def test_what_was_so_and_what_was_known_are_two_different_questions(house: House) -> None:
    lists, deal = Lists(house.log, house.pool), derived("opportunity", 1)
    day = datetime(2026, 1, 1, tzinfo=UTC)

    def do(command: Any, days: int) -> int:
        return house.log.do(command, Request(actor="test", occurred_at=day + timedelta(days=days))).position

    do(OpenOpportunity(opportunity_id=deal, customer_id=ANA, amount=Decimal(100)), 0)
    late = do(ReviseOpportunityAmount(opportunity_id=deal, amount=Decimal(200)), 60)
    backdated = do(ReviseOpportunityAmount(opportunity_id=deal, amount=Decimal(150)), 30)
    known = [event.at.recorded_at for event in house.log.reader.page(0)]
    march = AsOf(valid_at=day + timedelta(days=45))
    assert told(lists, opportunities.view, deal, AsOf(valid_at=day), march)["amount"] == (100, 150, [backdated])
    assert told(lists, opportunities.view, deal, AsOf(known_at=known[0]), AsOf(known_at=known[1]))["amount"] == (
        100, 200, [late],
    )  # fmt: skip
    as_known = AsOf(valid_at=march.valid_at, known_at=known[1])
    assert told(lists, opportunities.view, deal, as_known, march)["amount"] == (100, 150, [backdated])


def test_a_merge_and_its_undoing_are_named_as_what_lies_in_between(house: House) -> None:
    lists = Lists(house.log, house.pool)
    for customer, name in ((ANA, "Ana"), (EVA, "Eva")):
        house.log.do(RegisterCustomer(customer_id=customer, name=name))
    house.log.do(ChangeCustomerProfile(customer_id=EVA, country="PT"))
    before = house.log.reader.head()
    merged = house.log.do(MergeCustomers(customer_id=EVA, survivor_id=ANA)).position
    found = differences(lists, customers.view, ANA, AsOf(position=before))
    assert found.corrections
    assert min(found.corrections) > before
    assert max(found.corrections) <= house.log.reader.head()
    assert {each.field: each.after for each in found.fields}["country"] == "PT"
    undone = house.log.do(UnmergeCustomers(customer_id=EVA)).position
    assert differences(lists, customers.view, ANA, AsOf(position=before)).corrections[-1] in range(merged, undone + 1)
    assert differences(lists, customers.view, ANA, AsOf(position=before)).fields == ()


@pytest.mark.parametrize(
    ("view", "fields", "sentence"),
    [(sales.sales, [], "are facts"), (customer_360.view, ["nonsense"], "There is no 'nonsense'")],
)
def test_what_cannot_be_compared_is_refused(house: House, view: View[Any], fields: list[str], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        differences(Lists(house.log, house.pool), view, UUID(int=1), AsOf(position=0), NOW, fields)
