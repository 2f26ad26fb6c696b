"""Corrections: two customers are one from now on, or are not; and what was imported by mistake counts no longer."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.call import AnswerCall, IdentifyCaller, RingCall
from domain.cart import IdentifyCart, StartCart
from domain.customer import ChangeCustomerProfile, RegisterCustomer, StatePreference
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier
from domain.import_batch import RevertImport, StartImport, run_id
from domain.interaction import Direction, LogInteraction
from domain.kernel import Command, Refused, derived
from domain.merging import MergeCustomers, UnmergeCustomers
from domain.order import CancelOrder, OrderLine, PlaceOrder
from domain.values import Channel
from domain.web_session import IdentifyWebSession, StartWebSession, TrackWebSession, WebHit, WebHitKind
from eventstore.envelope import Origin, Request
from eventstore.reader import AsOf
from projections import VIEWS
from projections.customers import customer_360, customers, timeline
from projections.engine import Engine
from projections.lists import Lists
from projections.rebuild import rebuild
from projections.selling import orders
from tests.conftest import House
from tests.projections.test_engine import held, started_over

ANA, EVA, LUZ = (derived("customer", name) for name in ("ana", "eva", "luz"))
SOME_DAY = datetime(2026, 1, 31, tzinfo=UTC)
BATCH = derived("batch")
RUN_1, RUN_2 = (run_id(BATCH, n) for n in (1, 2))
START = StartImport(import_batch_id=BATCH, source="crm", file="crm.csv", digest="0" * 64)


def register(customer: UUID, name: str, **more: Any) -> RegisterCustomer:
    return RegisterCustomer(customer_id=customer, name=name, **more)


def place(customer: UUID, number: str, price: str) -> PlaceOrder:
    line = OrderLine(sku="A", quantity=1, unit_price=Decimal(price))
    return PlaceOrder(order_id=derived("order", number), customer_id=customer, lines=(line,), number=number)


def contact(customer: UUID, n: int) -> LogInteraction:
    return LogInteraction(interaction_id=derived("contact", n), customer_id=customer, channel=Channel.PHONE)


def merge(customer: UUID, survivor: UUID, *prefer: str) -> MergeCustomers:
    return MergeCustomers(customer_id=customer, survivor_id=survivor, prefer=prefer)


class Shop:
    """A log with views that follow it."""

    def __init__(self, house: House, batch: int = 2_000) -> None:
        self.house = house
        self.engine = Engine(house.log, house.pool, VIEWS, batch=batch)
        self.engine.prepare()
        self.lists = Lists(house.log, house.pool)

    def do(self, *commands: Command, run: UUID | None = None) -> int:
        position = 0
        for command in commands:
            origin = Origin.LIVE if run is None else Origin.IMPORT
            request = Request(correlation_id=run, origin=origin, occurred_at=SOME_DAY)
            position = self.house.log.do(command, request).position
        self.engine.catch_up()
        return position

    def seen(self) -> dict[str, dict[Any, Any]]:
        """Every row of every view, but for the list of the imports themselves."""
        return {name: rows for name, rows in self.everything().items() if name != "imports"}

    def everything(self) -> dict[str, dict[Any, Any]]:
        """Every row of every view."""
        return {view.name: held(self.house.pool, view) for view in VIEWS}

    def agrees(self) -> None:
        """However a view is folded, it is the same view."""
        live = self.everything()
        head = self.house.log.reader.head()
        for view in VIEWS:
            assert self.lists.fold(view, AsOf(position=head)).rows == live[view.name], view.name
            rebuild(self.engine, view)
        assert self.everything() == live
        started_over(self.house.pool)
        Engine(self.house.log, self.house.pool, VIEWS, batch=1).catch_up()
        assert self.everything() == live


@pytest.fixture
def shop(house: House) -> Shop:
    return Shop(house)


def test_a_merge_and_its_undoing_lose_nothing(shop: Shop) -> None:
    shop.do(
        register(ANA, "Ana", email="ana@example.com", territory="Norte"), register(EVA, "Ana López", country="ES"),
        place(ANA, "1", "10"), place(EVA, "2", "20"), contact(ANA, 1), contact(EVA, 2),
        StatePreference(customer_id=ANA, topic="hobby", value="opera"),
    )  # fmt: skip
    apart = shop.seen()

    merged = shop.do(merge(ANA, EVA))
    (card,) = held(shop.house.pool, customer_360.view).values()
    assert (card.customer_id, card.order_count, card.revenue, card.interaction_count) == (EVA, 2, Decimal(30), 2)
    (line,) = held(shop.house.pool, customers.view).values()
    assert (line.name, line.email, line.country, line.territory) == ("Ana López", "ana@example.com", "ES", "Norte")
    assert {sheet.customer_id for sheet in held(shop.house.pool, orders.view).values()} == {EVA}
    assert {entry.customer_id for entry in held(shop.house.pool, timeline.view).values()} == {EVA}
    shop.agrees()

    shop.do(place(ANA, "3", "3"), place(EVA, "4", "4"), contact(ANA, 3))  # activity on both
    (card,) = held(shop.house.pool, customer_360.view).values()
    assert (card.order_count, card.revenue, card.interaction_count) == (4, Decimal(37), 3)

    shop.do(UnmergeCustomers(customer_id=ANA))
    cards = held(shop.house.pool, customer_360.view)
    assert [(cards[who].order_count, cards[who].revenue, cards[who].interaction_count) for who in (ANA, EVA)] == [
        (2, Decimal(13), 2),
        (2, Decimal(24), 1),
    ]
    assert cards[ANA].preferences == ("hobby",)
    assert sum(each.revenue for each in cards.values()) == card.revenue
    shop.agrees()
    then = {view.name: shop.lists.fold(view, AsOf(position=merged - 1)).rows for view in VIEWS}
    assert then == {**apart, "imports": {}}


def test_after_a_merge_that_was_undone_at_once_everything_is_as_it_was(shop: Shop) -> None:
    shop.do(register(ANA, "Ana"), register(EVA, "Eva"), place(ANA, "1", "10"), place(EVA, "2", "20"))
    apart = shop.seen()
    shop.do(merge(ANA, EVA), UnmergeCustomers(customer_id=ANA))
    now = shop.seen()
    for name in set(now) - {"timeline"}:
        assert now[name] == apart[name], name
    assert {key for key in now["timeline"] if key not in apart["timeline"]} == {(ANA, 5), (ANA, 6)}


def test_what_is_preferred_of_the_merged_customer_is_right_for_both_until_they_part(shop: Shop) -> None:
    shop.do(register(ANA, "Ana López", country="FR"), register(EVA, "A. Lopez", country="ES"), merge(ANA, EVA, "name"))
    (line,) = held(shop.house.pool, customers.view).values()
    assert (line.name, line.country) == ("Ana López", "ES")
    shop.do(ChangeCustomerProfile(customer_id=ANA, country="PT", name="Ana"))
    (line,) = held(shop.house.pool, customers.view).values()
    assert (line.name, line.country) == ("Ana López", "ES")
    shop.do(UnmergeCustomers(customer_id=ANA))
    lines = held(shop.house.pool, customers.view)
    assert [(lines[who].name, lines[who].country) for who in (ANA, EVA)] == [("Ana", "PT"), ("A. Lopez", "ES")]
    shop.agrees()


def test_identifiers_of_both_are_kept_apart_though_they_are_numbered_alike(shop: Shop) -> None:
    shop.do(register(ANA, "Ana", email="ana@x.es"), register(EVA, "Eva", email="eva@x.es"), merge(ANA, EVA))
    (line,) = held(shop.house.pool, customers.view).values()
    assert line.identifiers == ("EMAIL:ana@x.es", "EMAIL:eva@x.es")
    shop.do(RemoveIdentifier(customer_id=ANA, type=IdentifierType.EMAIL, value="ana@x.es"))
    (line,) = held(shop.house.pool, customers.view).values()
    assert line.identifiers == ("EMAIL:eva@x.es",)
    assert customers.find(shop.lists, "eva@x.es") == [EVA]


def test_three_who_are_one_part_in_any_order(shop: Shop) -> None:
    shop.do(*(register(who, str(n)) for n, who in enumerate((ANA, EVA, LUZ))))
    shop.do(place(ANA, "1", "1"), place(EVA, "2", "2"), place(LUZ, "3", "4"), merge(ANA, EVA), merge(EVA, LUZ))
    (card,) = held(shop.house.pool, customer_360.view).values()
    assert (card.customer_id, card.revenue) == (LUZ, Decimal(7))
    shop.do(UnmergeCustomers(customer_id=EVA))
    cards = held(shop.house.pool, customer_360.view)
    assert {who: card.revenue for who, card in cards.items()} == {EVA: Decimal(3), LUZ: Decimal(4)}
    shop.agrees()


def test_an_anonymous_visit_is_on_the_timeline_of_who_it_turns_out_to_be(shop: Shop) -> None:
    visit = derived("visit")
    hits = tuple(WebHit(number=n, kind=WebHitKind.PAGE, at_s=n, page=f"/{n}") for n in (1, 2))
    shop.do(
        register(ANA, "Ana"), StartWebSession(web_session_id=visit, anonymous_id="cookie-1"),
        TrackWebSession(web_session_id=visit, hits=hits),
    )  # fmt: skip
    assert [who for who, _ in held(shop.house.pool, timeline.view)].count(visit) == 3
    shop.do(IdentifyWebSession(web_session_id=visit, customer_id=ANA))
    assert {who for who, _ in held(shop.house.pool, timeline.view)} == {ANA}
    assert len(held(shop.house.pool, timeline.view)) == 5
    shop.agrees()


# Imports that are taken back.


def imported() -> tuple[Command, ...]:
    return (
        register(ANA, "Ana", email="ana@x.es"), place(ANA, "1", "10"), contact(ANA, 1), contact(EVA, 2),
        AddIdentifier(customer_id=ANA, type=IdentifierType.LOYALTY_CARD, value="77"),
    )  # fmt: skip


def test_an_import_that_is_taken_back_leaves_everything_as_it_was(shop: Shop) -> None:
    shop.do(register(EVA, "Eva", email="ana@x.es"), place(EVA, "9", "9"))
    before = shop.seen()
    shop.do(START)
    shop.do(*imported(), run=RUN_1)
    first = shop.seen()
    shop.do(RevertImport(import_batch_id=BATCH))
    assert shop.seen() == before
    shop.agrees()

    shop.do(START)
    shop.do(*imported(), run=RUN_2)
    again = shop.seen()
    for name in set(again) - {"timeline", "customers"}:  # the positions are others
        assert again[name] == first[name], name
    lines = [[replace(row, name_position=None) for row in each["customers"].values()] for each in (again, first)]
    assert lines[0] == lines[1]
    assert len(again["timeline"]) == len(first["timeline"])
    shop.agrees()


def test_what_was_recorded_live_beside_an_import_stays(shop: Shop) -> None:
    shop.do(START)
    shop.do(*imported(), run=RUN_1)
    shop.do(place(ANA, "2", "5"), CancelOrder(order_id=derived("order", "1")))
    shop.do(RevertImport(import_batch_id=BATCH))
    card = held(shop.house.pool, customer_360.view)[ANA]
    assert card.order_count == 1
    shop.agrees()


def test_what_was_taken_back_is_as_if_it_had_never_been_asked(shop: Shop) -> None:
    shop.do(START)
    shop.do(register(ANA, "Ana"), run=RUN_1)
    shop.do(RevertImport(import_batch_id=BATCH))
    with pytest.raises(Refused, match="not registered yet"):
        shop.do(StatePreference(customer_id=ANA, topic="hobby", value="opera"))
    shop.do(register(ANA, "Another name"))
    assert held(shop.house.pool, customers.view)[ANA].name == "Another name"


def test_a_merge_that_was_imported_is_undone_with_its_import(shop: Shop) -> None:
    shop.do(register(ANA, "Ana"), register(EVA, "Eva"), place(ANA, "1", "1"), START)
    before = shop.seen()
    shop.do(merge(ANA, EVA), run=RUN_1)
    assert set(held(shop.house.pool, customers.view)) == {EVA}
    shop.do(RevertImport(import_batch_id=BATCH))
    assert shop.seen() == before
    shop.agrees()


WHO = st.sampled_from([ANA, EVA, LUZ])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("merge"), WHO, WHO),
        st.tuples(st.just("unmerge"), WHO, WHO),
        st.tuples(st.sampled_from(["place", "import"]), WHO, st.integers(1, 50)),
        st.tuples(st.sampled_from(["start", "revert"]), WHO, WHO),
    ),
    max_size=20,
)


def test_whatever_is_merged_and_taken_back_the_total_is_that_of_the_orders_that_count(new_database: Any) -> None:
    from domain import DECIDERS
    from eventstore.database import open_pool
    from eventstore.log import Log
    from eventstore.personal import KeyRing
    from tests.conftest import KEK

    @given(steps=STEPS)
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    def check(steps: list[tuple[str, UUID, Any]]) -> None:
        dsn = new_database()
        with open_pool(dsn) as pool:
            shop = Shop(House(dsn, Log(pool, DECIDERS, KeyRing(pool, KEK))), batch=7)
            shop.do(*(register(who, "x") for who in (ANA, EVA, LUZ)))
            own = {ANA: 0, EVA: 0, LUZ: 0}
            inside = dict(own)
            run, merged = 0, dict[UUID, UUID]()
            for n, (step, who, what) in enumerate(steps):
                if step == "merge" and what != who and who not in merged and what not in merged:
                    merged[who] = what
                    shop.do(merge(who, what))
                elif step == "unmerge":
                    merged.pop(who, None)
                    shop.do(UnmergeCustomers(customer_id=who))
                elif step == "start" and run >= 0:
                    shop.do(START)
                    run = run or 1
                elif step == "revert" and run == 1:
                    shop.do(RevertImport(import_batch_id=BATCH))
                    run, inside = -1, dict.fromkeys(inside, 0)
                elif step == "place" or (step == "import" and run == 1):
                    (inside if step == "import" else own)[who] += what
                    shop.do(place(who, str(n), str(what)), run=RUN_1 if step == "import" else None)
            cards = {who: int(card.revenue) for who, card in held(pool, customer_360.view).items()}

            def root(who: UUID) -> UUID:
                return root(merged[who]) if who in merged else who

            expected = dict.fromkeys(map(root, own), 0)
            for who in own:
                expected[root(who)] += own[who] + inside[who]
            assert cards == expected
            shop.agrees()

    check()


def test_a_call_and_a_cart_of_nobody_known_are_on_the_timeline_of_whom_they_turn_out_to_be(shop: Shop) -> None:
    call, visit, cart, basket = (derived(each) for each in ("call", "visit", "cart", "basket"))
    shop.do(
        register(ANA, "Ana"), register(EVA, "Eva"), RingCall(call_id=call, direction=Direction.IN),
        AnswerCall(call_id=call, staff_id=derived("staff")), StartCart(cart_id=cart),
        StartWebSession(web_session_id=visit, anonymous_id="cookie-1"), StartCart(cart_id=basket, web_session_id=visit),
    )  # fmt: skip
    assert lines_of(shop) == {ANA: 1, EVA: 1, call: 2, cart: 1, visit: 2}
    shop.do(IdentifyCaller(call_id=call, customer_id=EVA), IdentifyCart(cart_id=cart, customer_id=ANA))
    shop.do(IdentifyCart(cart_id=basket, customer_id=ANA), IdentifyWebSession(web_session_id=visit, customer_id=ANA))
    assert lines_of(shop) == {ANA: 1 + 2 + 3 + 1, EVA: 1 + 3}
    shop.do(IdentifyCaller(call_id=call, customer_id=ANA))
    assert lines_of(shop) == {ANA: 7 + 3, EVA: 1 + 1}  # that it was taken for hers stays hers
    shop.agrees()
    with pytest.raises(Refused, match="This session is known to be somebody else's"):
        shop.do(IdentifyWebSession(web_session_id=visit, customer_id=EVA))


def lines_of(shop: Shop) -> dict[UUID, int]:
    """How many lines each one's timeline has."""
    return Counter(who for who, _ in held(shop.house.pool, timeline.view))
