"""What becomes of carts, who comes to the web site, and what visits bring in."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from domain.cart import (
    AbandonCart,
    AddCartItem,
    CartItem,
    CartItemAdded,
    CartItemRemoved,
    CartQuantityChanged,
    CartStarted,
    CartStatus,
    ChangeCartQuantity,
    ConvertCart,
    IdentifyCart,
    RemoveCartItem,
    StartCart,
    StartCheckout,
    decider,
)
from domain.import_batch import RevertImport, StartImport, run_id
from domain.kernel import Command, Refused, derived
from domain.order import CancelOrderLines, OrderLine, PlaceOrder
from domain.web_session import (
    IdentifyWebSession,
    ProductViewed,
    StartWebSession,
    TrackWebSession,
    WebHit,
    WebHitKind,
    WebSessionStarted,
)
from eventstore.envelope import Origin, Request
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.selling import carts, orders
from projections.selling.cart_funnel import CartFunnel, cart_funnel
from projections.selling.carts import CartSheet
from projections.touchpoints import visits
from projections.touchpoints.site_traffic import Traffic, TrafficBy, site_traffic
from tests.conftest import House
from tests.projections.histories import START
from tests.projections.histories_catalogue import visited
from tests.projections.lives import events_of, for_each_life

VIEWS = (carts.view, visits.view, orders.view)
CART, ANA, VISIT, ORDER = (derived(noun, 1) for noun in ("cart", "customer", "visit", "order"))
DAY = datetime(2026, 3, 1, 22, tzinfo=UTC)
ZERO = Decimal(0)


def minutes(count: float) -> datetime:
    return DAY + timedelta(minutes=count)


def lists_after(house: House, *said: tuple[float, Command]) -> Lists:
    for count, command in said:
        house.log.do(command, Request(occurred_at=minutes(count)))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def sheet(lists: Lists) -> CartSheet:
    return lists.get(carts.view, [CART])[CART]


def add(n: int = 1, sku: str = "A", quantity: int = 2, price: str = "10") -> AddCartItem:
    return AddCartItem(cart_id=derived("cart", n), sku=sku, quantity=quantity, unit_price=Decimal(price))


START_CART = StartCart(cart_id=CART, currency="GBP", rate=Decimal("1.2"), base_currency="EUR")


def test_a_cart_is_worth_what_is_in_it(house: House) -> None:
    lists = lists_after(
        house, (0, START_CART), (1, add()), (2, add(sku="B", quantity=1, price="0.5")),
        (3, ChangeCartQuantity(cart_id=CART, sku="A", quantity=3)),
    )  # fmt: skip
    row = sheet(lists)
    assert (row.pieces, row.value, row.base_value, row.changed_at) == (4, Decimal("30.5"), Decimal("36.60"), minutes(3))
    assert row.items == {"A": CartItem(3, Decimal(10)), "B": CartItem(1, Decimal("0.5"))}
    row = sheet(lists_after(house, (4, RemoveCartItem(cart_id=CART, sku="A"))))
    assert (row.value, list(row.items)) == (Decimal("0.5"), ["B"])


def test_whose_a_cart_is_may_be_known_later_and_it_may_be_left_and_taken_up_again(house: House) -> None:
    lists = lists_after(house, (0, START_CART), (1, add()))
    assert (sheet(lists).customer_id, sheet(lists).identified) == (CART, False)
    lists = lists_after(house, (2, IdentifyCart(cart_id=CART, customer_id=ANA)), (3, StartCheckout(cart_id=CART)))
    assert (sheet(lists).customer_id, sheet(lists).identified, sheet(lists).status) == (ANA, True, CartStatus.CHECKOUT)
    lists = lists_after(house, (70, AbandonCart(cart_id=CART, policy="cart-abandonment")))
    assert (sheet(lists).status, sheet(lists).abandoned_by) == (CartStatus.ABANDONED, "cart-abandonment")
    lists = lists_after(house, (80, add(sku="B")), (90, ConvertCart(cart_id=CART, order_id=ORDER)))
    assert (sheet(lists).status, sheet(lists).recovered, sheet(lists).order_id) == (CartStatus.CONVERTED, 1, ORDER)
    (found,) = cart_funnel(lists)
    assert found == CartFunnel("EUR", 1, 1, 1, Decimal("48.0"), 1, 1, 0, ZERO, Decimal(1), Decimal(1))
    (before,) = cart_funnel(lists, as_of=AsOf(position=house.log.reader.head() - 2))
    assert (before.lost, before.lost_worth, before.recovered) == (1, Decimal("24.0"), 0)
    assert cart_funnel(lists, start=minutes(1)) == []


def test_a_cart_whose_beginning_was_taken_back_is_none(house: House) -> None:
    batch = derived("batch", 1)
    lists_after(house, (0, StartImport(import_batch_id=batch, source="shop", file="carts.csv", digest="0" * 64)))
    imported = Request(occurred_at=DAY, origin=Origin.IMPORT, correlation_id=run_id(batch, 1))
    house.log.do(START_CART, imported)
    lists = lists_after(house, (1, add()), (2, AbandonCart(cart_id=CART)))
    assert [each.started for each in cart_funnel(lists)] == [1]
    assert cart_funnel(lists_after(house, (3, RevertImport(import_batch_id=batch)))) == []


def test_the_funnel_is_what_the_events_say_at_any_moment(new_database: Callable[[], str]) -> None:
    def check(lists: Lists) -> bool:
        head, compared = lists.log.reader.head(), 0
        for position in [*range(0, head, max(head // 6, 1)), None]:
            states: dict[UUID, Any] = {}
            seen: dict[UUID, set[str]] = defaultdict(set)
            for event, at in events_of(lists, carts.view, position):
                before = states.get(at.stream_id, decider.initial)
                states[at.stream_id] = after = decider.evolve(before, event)
                changes = isinstance(event, CartItemAdded | CartItemRemoved | CartQuantityChanged)
                if before.status is CartStatus.ABANDONED and changes and after.status is CartStatus.OPEN:
                    seen[at.stream_id].add("recovered")
                if isinstance(event, CartStarted) or after.status is not before.status:
                    seen[at.stream_id].add(after.status.value)
            found = cart_funnel(lists, as_of=NOW if position is None else AsOf(position=position))
            started = [key for key, state in states.items() if state.started is not None]
            assert sum(each.started for each in found) == len(started)
            for name, of in (
                ("checked_out", "CHECKOUT"), ("converted", "CONVERTED"), ("abandoned", "ABANDONED"), ("recovered", "recovered"),
            ):  # fmt: skip
                assert sum(getattr(each, name) for each in found) == sum(of in seen[key] for key in started)
            lost = [states[key] for key in started if states[key].status is CartStatus.ABANDONED]
            assert sum(each.lost for each in found) == len(lost)
            assert sum((each.lost_worth for each in found), ZERO) == sum(
                (
                    item.quantity * item.unit_price * (cart.started.rate or 1)
                    for cart in lost
                    for item in cart.items.values()
                ),
                ZERO,
            )
            compared += len(started)
        return compared > 0

    for_each_life(new_database, visited, VIEWS, check)


# Visits.


def come(n: int = 1, **more: Any) -> StartWebSession:
    return StartWebSession(web_session_id=derived("visit", n), anonymous_id="cookie", landing="/roofs?x=1", **more)


def look(n: int, *hits: tuple[WebHitKind, str, int]) -> TrackWebSession:
    about = {WebHitKind.PAGE: "page", WebHitKind.PRODUCT: "product", WebHitKind.SEARCH: "query"}
    made = tuple(
        WebHit(
            number=number, kind=kind, at_s=at_s, category="roofs" if kind is PRODUCT else None, **{about[kind]: what}
        )
        for number, (kind, what, at_s) in enumerate(hits, 1)
    )  # fmt: skip
    return TrackWebSession(web_session_id=derived("visit", n), hits=made)


PAGE, PRODUCT, SEARCH = WebHitKind.PAGE, WebHitKind.PRODUCT, WebHitKind.SEARCH


def test_a_visit_counts_what_was_looked_at_and_is_the_customers_once_that_is_known(house: House) -> None:
    lists = lists_after(
        house, (0, come(device="mobile", campaign="spring", country="ES")),
        (1, look(1, (PAGE, "/", 0), (PRODUCT, "A", 30), (SEARCH, "ana's house", 90))),
    )  # fmt: skip
    row = lists.get(visits.view, [VISIT])[VISIT]
    assert (row.customer_id, row.identified, row.landing, row.device) == (VISIT, False, "/roofs", "mobile")
    assert (row.hits, row.pages, row.products, row.searches, row.duration_s) == (3, 1, 1, 1, 90)
    lists = lists_after(house, (5, IdentifyWebSession(web_session_id=VISIT, customer_id=ANA)))
    assert lists.get(visits.view, [VISIT])[VISIT].identified
    page = lists.page(visits.hits)
    assert [(hit.hit, hit.kind, hit.visits, hit.seen_at, hit.customer_id) for hit in page.rows] == [
        (1, PAGE, 1, minutes(0), ANA), (2, PRODUCT, 0, minutes(0.5), ANA), (3, SEARCH, 0, minutes(1.5), ANA),
    ]  # fmt: skip
    assert "house" not in repr(page.rows)


def test_what_visits_bring_in_is_what_the_carts_that_were_filled_in_them_became(house: House) -> None:
    lines = (
        OrderLine(sku="A", quantity=2, unit_price=Decimal(10)), OrderLine(sku="B", quantity=2, unit_price=Decimal(10)),
    )  # fmt: skip
    order = PlaceOrder(order_id=ORDER, customer_id=ANA, lines=lines, cost=Decimal(10))
    off = CancelOrderLines(order_id=ORDER, lines=(replace(lines[1], quantity=1),))
    lists = lists_after(
        house, (0, come(1, campaign="spring")), (0, look(1, (PAGE, "/", 0), (PRODUCT, "A", 10), (PRODUCT, "A", 4000))),
        (180, come(2)), (180, look(2, (PRODUCT, "A", 0))), (181, IdentifyWebSession(web_session_id=VISIT, customer_id=ANA)),
        (5, StartCart(cart_id=CART, web_session_id=VISIT)), (5, add()), (5, add(sku="B")),
        (6, order), (6, ConvertCart(cart_id=CART, order_id=ORDER)), (7, off),
    )  # fmt: skip

    def by(what: TrafficBy, **more: Any) -> list[Traffic]:
        return site_traffic(lists, what, minutes(-60), minutes(600), **more)

    assert by(TrafficBy.CAMPAIGN) == [
        Traffic("spring", 1, 1, 1, 3, 2, 1, "EUR", Decimal(30), Decimal("22.5")),
        Traffic(None, 1, 1, 0, 1, 1, 0, "EUR", ZERO, None),
    ]
    (product,) = by(TrafficBy.PRODUCT)
    assert (product.value, product.visits, product.hits, product.orders, product.revenue, product.margin) == (
        "A", 2, 3, 1, 20, 15,
    )  # fmt: skip
    assert [(day.value, day.visits, day.revenue) for day in by(TrafficBy.DAY)] == [
        ("2026-03-01", 1, 30), ("2026-03-02", 1, 0),
    ]  # fmt: skip
    assert [day.visits for day in by(TrafficBy.DAY, zone="Asia/Tokyo")] == [2]
    assert [(each.value, each.visits) for each in by(TrafficBy.PAGE)] == [("/", 1)]
    assert [(each.value, each.visits) for each in by(TrafficBy.CATEGORY)] == [("roofs", 2)]
    before = by(TrafficBy.CAMPAIGN, as_of=AsOf(position=house.log.reader.head() - 1))
    assert before[0].revenue == 40
    with pytest.raises(Refused, match="after the start"):
        site_traffic(lists, TrafficBy.DAY, DAY, DAY)
    with pytest.raises(Refused, match="1,000"):
        by(TrafficBy.DAY, first=1_001)


def test_days_are_counted_as_by_hand(new_database: Callable[[], str]) -> None:
    def check(lists: Lists) -> bool:
        zone = ZoneInfo("Europe/Madrid")
        started: dict[UUID, datetime] = {}
        hits: dict[UUID, list[tuple[datetime, bool, UUID | None]]] = defaultdict(list)
        for event, at in events_of(lists, visits.view):
            if isinstance(event, WebSessionStarted):
                started[at.stream_id] = at.occurred_at
            elif hasattr(event, "at_s"):
                moment = started.get(at.stream_id, at.occurred_at) + timedelta(seconds=event.at_s)
                hits[at.stream_id].append((moment, isinstance(event, ProductViewed), at.customer_id))
        days: dict[str, list[Any]] = defaultdict(list)
        for seen in hits.values():
            days[min(moment for moment, _, _ in seen).astimezone(zone).date().isoformat()].append(seen)
        found = site_traffic(lists, TrafficBy.DAY, START - timedelta(days=1), START + timedelta(days=500))
        assert [(each.value, each.visits, each.hits, each.product_views) for each in found] == [
            (day, len(each), sum(map(len, each)), sum(product for seen in each for _, product, _ in seen))
            for day, each in sorted(days.items())
        ]
        for each in found:
            assert each.visitors == len({whom for seen in days[each.value or ""] for _, _, whom in seen})
        return len(found) > 0

    for_each_life(new_database, visited, VIEWS, check)
