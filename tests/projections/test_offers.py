"""Offers, and how many were taken."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from statistics import median
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import derived
from domain.offer import (
    AcceptOffer,
    DeclineOffer,
    ExpireOffer,
    MakeOffer,
    OfferAccepted,
    OfferDeclined,
    OfferExpired,
    OfferMade,
    OfferStatus,
)
from eventstore.envelope import Request
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.marketing import offers
from projections.marketing.offer_outcomes import OfferBy, OfferOutcome, outcomes
from projections.selecting import Order
from tests.conftest import House

START = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = {OfferAccepted: "accepted", OfferDeclined: "declined", OfferExpired: "expired"}


@pytest.fixture
def lists(house: House) -> Lists:
    random = Random(5)
    for n in range(60):
        offer, day = derived("offer", n), random.uniform(0, 30)
        made = MakeOffer(
            offer_id=offer,
            customer_id=derived("customer", n),
            offer=random.choice(["TEN", "FREE"]),
            sku=random.choice(["A", "B", None]),
            campaign_id=random.choice([None, derived("campaign", 1)]),
        )
        house.log.do(made, Request(occurred_at=START + timedelta(days=day)))
        answer = random.choice([AcceptOffer, DeclineOffer, ExpireOffer, None])
        if answer is not None:
            house.log.do(
                answer(offer_id=offer), Request(occurred_at=START + timedelta(days=day + random.uniform(0, 9)))
            )
    engine = Engine(house.log, house.pool, [offers.view])
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def naive(lists: Lists, field: str, start: datetime, end: datetime, by: datetime) -> dict[Any, Any]:
    made: dict[UUID, tuple[OfferMade, datetime]] = {}
    found: dict[Any, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    waits: dict[Any, list[int]] = defaultdict(list)
    for event, at in lists.log.reader.page(0):
        if at.occurred_at > by:
            continue
        if isinstance(event, OfferMade):
            made[at.stream_id] = event, at.occurred_at
            if start <= at.occurred_at < end:
                found[getattr(event, field)]["made"] += 1
                found[getattr(event, field)]["open"] += 1
            continue
        offer, since = made[at.stream_id]
        if start <= since < end:
            found[getattr(offer, field)][ENDS[type(event)]] += 1  # type: ignore[index]
            found[getattr(offer, field)]["open"] -= 1
            if not isinstance(event, OfferExpired):
                waits[getattr(offer, field)].append(int((at.occurred_at - since).total_seconds()))
    names = ("made", "accepted", "declined", "expired", "open")
    return {
        None if key is None else str(key): (*(line[name] for name in names), median(waits[key]) if waits[key] else None)
        for key, line in found.items()
    }


def shown(line: OfferOutcome) -> tuple[Any, ...]:
    return line.made, line.accepted, line.declined, line.expired, line.open, line.median_answer_s


@pytest.mark.parametrize("by", list(OfferBy))
@pytest.mark.parametrize("day", [None, 15])
def test_outcomes_are_those_of_the_events(lists: Lists, by: OfferBy, day: int | None) -> None:
    field = {OfferBy.OFFER: "offer", OfferBy.PRODUCT: "sku", OfferBy.CAMPAIGN: "campaign_id"}[by]
    start, end = START + timedelta(days=5), START + timedelta(days=25)
    moment = START + timedelta(days=day or 999)
    found = outcomes(lists, by, start=start, end=end, as_of=NOW if day is None else AsOf(valid_at=moment))
    assert {line.key: shown(line) for line in found} == naive(lists, field, start, end, moment)
    for line in found:
        assert line.acceptance_rate == (Decimal(line.accepted) / line.made).quantize(Decimal("0.000001"))


def test_an_offer_stands_with_what_became_of_it(house: House) -> None:
    offer = derived("offer", 1)
    made = MakeOffer(
        offer_id=offer, customer_id=derived("customer", 1), offer="TEN", price=Decimal(9), currency="EUR", limited_to=2
    )
    house.log.do(made, Request(occurred_at=START))
    house.log.do(ExpireOffer(offer_id=offer, reason="SOLD_OUT"), Request(occurred_at=START + timedelta(days=2)))
    engine = Engine(house.log, house.pool, [offers.view])
    engine.prepare()
    engine.catch_up()
    row = Lists(house.log, house.pool).get(offers.view, [offer])[offer]
    assert (row.status, row.price, row.currency, row.limited_to) == (OfferStatus.EXPIRED, Decimal(9), "EUR", 2)
    assert (row.made_at, row.answered_at, row.reason) == (START, START + timedelta(days=2), "SOLD_OUT")


def test_an_offer_is_answered_when_it_is_taken_and_says_by_which_order(house: House) -> None:
    offer, order = derived("offer", 1), derived("order", 1)
    house.log.do(MakeOffer(offer_id=offer, customer_id=derived("customer", 1), offer="TEN"), Request(occurred_at=START))
    engine = Engine(house.log, house.pool, [offers.view])
    engine.prepare()
    engine.catch_up()
    lists = Lists(house.log, house.pool)
    made = lists.get(offers.view, [offer])[offer]
    assert (made.status, made.made_at, made.answered_at, made.order_id) == (OfferStatus.OPEN, START, None, None)
    house.log.do(AcceptOffer(offer_id=offer, order_id=order), Request(occurred_at=START + timedelta(hours=1)))
    engine.catch_up()
    taken = lists.get(offers.view, [offer])[offer]
    assert (taken.status, taken.answered_at, taken.order_id) == (
        OfferStatus.ACCEPTED, START + timedelta(hours=1), order,
    )  # fmt: skip
    moves = lists.page(offers.offer_moves, order=[Order("position")]).rows
    assert [(move.status, move.order_id, move.after_s) for move in moves] == [
        (OfferStatus.OPEN, None, 0), (OfferStatus.ACCEPTED, order, 3_600),
    ]  # fmt: skip


def test_what_was_offered_most_comes_first(lists: Lists) -> None:
    lines = outcomes(lists, OfferBy.PRODUCT)
    assert len({line.made for line in lines}) > 1
    assert [line.made for line in lines] == sorted((line.made for line in lines), reverse=True)
