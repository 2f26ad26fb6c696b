"""Campaigns are measured as one would by hand, going through the events one after another."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.call import CallAnswered, CallRinging
from domain.campaign_member import (
    CampaignAttributed,
    CampaignMessageDispatched,
    CampaignResponded,
    CampaignResponseKind,
    MemberHeldOut,
    MemberOptedOut,
    MemberSuppressed,
    MemberTargeted,
)
from domain.cost import CostRecorded
from domain.customer import RegisterCustomer
from domain.delivery import LinkClicked, MessageBounced, MessageDelivered, MessageOpened
from domain.kernel import derived
from domain.merging import MergeCustomers
from domain.opportunity import OpportunityWon
from domain.order import LinesReturned, OrderCancelled, OrderPlaced
from eventstore.envelope import Happened, Request
from eventstore.reader import AsOf
from projections.company import costs
from projections.engine import Engine
from projections.lists import Lists
from projections.marketing import campaign_contacts, campaign_members, campaigns
from projections.marketing.campaign_performance import CampaignBy, CampaignFigures, performance
from projections.marketing.uplift import uplift
from projections.selling import opportunities, orders, products
from projections.touchpoints import deliveries
from tests.conftest import House
from tests.projections.story_marketing import CAMPAIGNS, CUSTOMERS, START, Story

VIEWS = (
    orders.view,
    products.view,
    opportunities.view,
    campaigns.view,
    campaign_members.view,
    campaign_contacts.view,
    deliveries.view,
    costs.view,
)
ZERO = Decimal(0)
DAYS = timedelta(days=10)


def folded(house: House) -> Lists:
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


@pytest.fixture
def lists(house: House) -> Lists:
    Story(house.log).whole()
    return folded(house)


@dataclass
class Try:
    at: datetime
    channel: str
    staff: UUID | None = None
    message: str | None = None
    call: UUID | None = None
    answered: bool = False


@dataclass
class Member:
    targeted: bool = False
    held_out: bool = False
    suppressed: str | None = None
    segment: UUID | None = None
    chosen_at: datetime | None = None
    tries: list[Try] = field(default_factory=list)
    responses: list[tuple[datetime, bool, CampaignResponseKind]] = field(default_factory=list)
    opted_out: bool = False
    credits: dict[tuple[UUID, str], Decimal] = field(default_factory=dict)

    @property
    def responded_at(self) -> datetime | None:
        return min((at for at, within, _ in self.responses if within), default=None)

    def touch(self) -> int | None:
        """The number of the attempt to which what came of the member is owed."""
        before = [
            n for n, each in enumerate(self.tries, 1) if self.responded_at is None or each.at <= self.responded_at
        ]
        return max(before, default=None)


@dataclass
class Order:
    customer: UUID
    placed_at: datetime
    revenue: Decimal = ZERO
    pieces: int = 0
    goods: Decimal = ZERO
    uncosted: Decimal = ZERO
    given: Decimal | None = None
    total: Decimal = ZERO


UNIT_COSTS: dict[str, Callable[[datetime], Decimal | None]] = {
    "A": lambda at: Decimal("2.5"),
    "B": lambda at: Decimal(7) if at < START + timedelta(days=20) else Decimal(8),
    "C": lambda at: None,
}


class Naive:
    """What stands in the log, campaign by campaign."""

    def __init__(self, events: Iterable[Happened]) -> None:
        self.members: dict[UUID, dict[UUID, Member]] = defaultdict(lambda: defaultdict(Member))
        self.notices: dict[str, set[type]] = defaultdict(set)
        self.orders: dict[UUID, Order] = {}
        self.won: dict[UUID, Decimal] = {}
        self.costs: dict[UUID, tuple[UUID, Decimal]] = {}
        calls: dict[UUID, Try] = {}
        for event, at in events:
            member = self.members[event.campaign_id][at.customer_id] if hasattr(event, "campaign_id") else Member()  # type: ignore[index]
            match event:
                case MemberTargeted() | MemberHeldOut():
                    member.targeted = isinstance(event, MemberTargeted)
                    member.held_out = not member.targeted
                    member.segment, member.chosen_at = event.segment_id, at.occurred_at
                case MemberSuppressed():
                    member.suppressed = event.reason
                case CampaignMessageDispatched():
                    member.tries.append(Try(at.occurred_at, event.channel, message=event.message_id))
                case CallRinging():
                    calls[at.stream_id] = Try(at.occurred_at, "PHONE", call=at.stream_id)
                    member.tries.append(calls[at.stream_id])
                case CallAnswered():
                    calls[at.stream_id].staff, calls[at.stream_id].answered = event.staff_id, True
                case CampaignResponded():
                    member.responses.append((at.occurred_at, event.within_window, event.kind))
                case MemberOptedOut():
                    member.opted_out = True
                case CampaignAttributed():
                    thing = event.order_id or event.opportunity_id
                    assert thing is not None
                    member.credits[thing, event.model] = event.weight
                case MessageDelivered() | MessageOpened() | LinkClicked() | MessageBounced():
                    self.notices[event.message_id].add(type(event))
                case OpportunityWon():
                    assert event.amount is not None
                    self.won[at.stream_id] = event.amount.base
                case CostRecorded():
                    assert event.campaign_id is not None
                    self.costs[at.stream_id] = event.campaign_id, event.amount.base
                case OrderPlaced():
                    self.place(event, at)
                case OrderCancelled():
                    self.orders[at.stream_id].pieces = 0
                    self.orders[at.stream_id].revenue = ZERO
                    self.orders[at.stream_id].goods = ZERO
                    self.orders[at.stream_id].uncosted = ZERO
                case LinesReturned():
                    self.take_back(event, self.orders[at.stream_id])
        for members in self.members.values():
            for member in members.values():
                of_calls = {str(each.call): each for each in member.tries if each.call}
                named = {each.message: each for each in member.tries if each.message in of_calls}
                for message, each in named.items():
                    call = of_calls[message]  # type: ignore[index]
                    each.staff, each.answered, each.call = call.staff, call.answered, call.call
                    member.tries.remove(call)
                member.tries.sort(key=lambda each: each.at)
                member.tries = member.tries if member.targeted else []

    def place(self, placed: OrderPlaced, at: Any) -> None:
        rate = placed.total.rate
        order = self.orders[at.stream_id] = Order(at.customer_id, at.occurred_at)
        order.given = None if placed.cost is None else placed.cost * rate
        order.total = placed.total.base
        order.goods = order.given or ZERO
        for line in placed.lines:
            order.revenue += line.quantity * line.unit_price * rate
            order.pieces += line.quantity
            if order.given is None:
                cost = UNIT_COSTS[line.sku](at.occurred_at)
                order.goods += line.quantity * (cost or ZERO)
                order.uncosted += ZERO if cost is not None else line.quantity * line.unit_price * rate

    def take_back(self, back: LinesReturned, order: Order) -> None:
        (line,) = back.lines
        order.revenue -= back.value.base
        order.pieces -= line.quantity
        if order.given is not None:
            order.goods -= (
                (order.given * back.value.base / order.total).quantize(Decimal("0.0001"))
                if order.pieces
                else order.given
            )
        else:
            cost = UNIT_COSTS[line.sku](order.placed_at)
            order.goods -= line.quantity * (cost or ZERO)
            order.uncosted -= ZERO if cost is not None else back.value.base

    def arrived(self, each: Try) -> bool:
        if each.call is not None:
            return each.answered
        return each.message is None or bool(self.notices[each.message] - {MessageBounced})

    def converted(self, customer: UUID, member: Member) -> bool:
        start = max(member.chosen_at, START + timedelta(days=1))  # type: ignore[type-var]
        bought = any(
            order.customer == customer and order.pieces and start <= order.placed_at < start + DAYS
            for order in self.orders.values()
        )
        return bought or any(within and kind == "PURCHASE" for _, within, kind in member.responses)

    def figures(
        self, campaign: UUID, model: str, key: Callable[[Member, Try | None, int | None], Any]
    ) -> dict[Any, Any]:
        found: dict[Any, dict[str, Any]] = defaultdict(lambda: defaultdict(int))
        reached: dict[tuple[Any, str], set[UUID]] = defaultdict(set)
        for customer, member in self.members[campaign].items():
            touch = member.touch()
            line = found[key(member, None if touch is None else member.tries[touch - 1], touch)]
            line["targeted"] += member.targeted
            line["held_out"] += member.held_out
            line["suppressed"] += member.suppressed is not None
            line["opted_out"] += member.opted_out
            line["responded"] += member.targeted and member.responded_at is not None
            line["responded_late"] += member.targeted and bool(member.responses) and member.responded_at is None
            chosen = member.chosen_at is not None
            line["converted"] += member.targeted and chosen and self.converted(customer, member)
            line["control_converted"] += member.held_out and chosen and self.converted(customer, member)
            for (thing, by), weight in member.credits.items():
                if by == model:
                    order = self.orders.get(thing)
                    won = self.won.get(thing, ZERO)
                    line["revenue"] += weight * (order.revenue if order else won)
                    line["cost_of_goods"] += weight * (order.goods if order else ZERO)
                    line["uncosted_revenue"] += weight * (order.uncosted if order else won)
            for number, each in enumerate(member.tries, 1):
                line = found[key(member, each, number)]
                line["attempts"] += 1
                seen = self.notices[each.message] if each.message else set()
                for name, holds in (
                    ("sent", True),
                    ("delivered", self.arrived(each)),
                    ("opened", bool(seen & {MessageOpened, LinkClicked})),
                    ("clicked", LinkClicked in seen),
                    ("bounced", MessageBounced in seen),
                ):
                    if holds:
                        reached[key(member, each, number), name].add(customer)
        for (of, name), customers in reached.items():
            found[of][name] = len(customers)
        return found


COUNTS = [
    "targeted", "held_out", "suppressed", "opted_out", "responded", "responded_late", "converted", "control_converted",
    "attempts", "sent", "delivered", "opened", "clicked", "bounced", "revenue", "cost_of_goods", "uncosted_revenue",
]  # fmt: skip
KEYS: dict[CampaignBy | None, Callable[[Member, Try | None, int | None], Any]] = {
    None: lambda member, each, number: None,
    CampaignBy.SEGMENT: lambda member, each, number: None if member.segment is None else str(member.segment),
    CampaignBy.CHANNEL: lambda member, each, number: each and each.channel,
    CampaignBy.ATTEMPT: lambda member, each, number: number and str(number),
    CampaignBy.OPERATOR: lambda member, each, number: None if each is None or each.staff is None else str(each.staff),
}


def shown(figures: CampaignFigures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in COUNTS}


def test_every_figure_is_that_of_the_events(lists: Lists) -> None:
    naive = Naive(lists.log.reader.page(0, 10_000))
    for by, key in KEYS.items():
        found = performance(lists, list(CAMPAIGNS.values()), by)
        for campaign, figures in found.items():
            lines = {line.key: shown(line) for line in ((figures.total,) if by is None else figures.lines)}
            expected = naive.figures(campaign, "last", key)
            assert lines == {key: {name: line[name] for name in COUNTS} for key, line in expected.items()}
            assert figures.total.cost == sum(amount for of, amount in naive.costs.values() if of == campaign)
            if by is not None:
                assert sum(line.cost for line in figures.lines) == figures.total.cost
                for name in ("responded", "converted", "revenue", "cost_of_goods"):
                    assert sum(getattr(line, name) for line in figures.lines) == getattr(figures.total, name)


def test_there_is_something_of_everything_in_the_story(lists: Lists) -> None:
    both = [each.total for each in performance(lists, list(CAMPAIGNS.values())).values()]
    for name in COUNTS:
        assert any(getattr(total, name) for total in both), name


def test_rates_follow_from_the_counts(lists: Lists) -> None:
    found = performance(lists, [CAMPAIGNS["spring"]])[CAMPAIGNS["spring"]]
    total = found.total
    assert total.margin == total.revenue - total.cost_of_goods
    assert total.roi == ((total.margin - total.cost) / total.cost).quantize(Decimal("0.000001"))
    assert total.response_rate == (Decimal(total.responded) / total.delivered).quantize(Decimal("0.000001"))
    assert total.uplift == uplift(total.converted, total.targeted, total.control_converted, total.held_out)
    assert [(each.reason, each.members) for each in found.suppressed] == [("NO_CONSENT", total.suppressed)]
    assert (found.model, found.model_version, found.code, found.response_days) == ("last", 2, "spring", 10)


def test_another_model_owes_other_shares_to_the_campaign(lists: Lists) -> None:
    campaign = CAMPAIGNS["spring"]
    naive = Naive(lists.log.reader.page(0, 10_000))
    found = performance(lists, [campaign], model="even")[campaign]
    assert found.total.revenue == naive.figures(campaign, "even", KEYS[None])[None]["revenue"] > 0
    assert performance(lists, [campaign], model="nobody's")[campaign].total.revenue == 0


def test_it_can_be_asked_as_it_had_happened_by_any_day(lists: Lists) -> None:
    for day in (0, 2, 5, 9, 25):
        moment = START + timedelta(days=day)
        naive = Naive([each for each in lists.log.reader.page(0, 10_000) if each.at.occurred_at <= moment])
        found = performance(lists, list(CAMPAIGNS.values()), as_of=AsOf(valid_at=moment))
        assert set(found) == set(CAMPAIGNS.values())
        for campaign, figures in found.items():
            expected = naive.figures(campaign, "last", KEYS[None])[None]
            assert (day, shown(figures.total)) == (day, {name: expected[name] for name in COUNTS})


def test_somebody_who_turns_out_to_be_two_members_is_one(house: House) -> None:
    story = Story(house.log)
    story.whole()
    before = performance(folded(house), [CAMPAIGNS["spring"]])[CAMPAIGNS["spring"]].total
    members = Naive(house.log.reader.page(0, 10_000)).members[CAMPAIGNS["spring"]]
    one, other = [customer for customer in CUSTOMERS if members[customer].targeted][:2]
    for customer in (one, other):
        house.log.do(RegisterCustomer(customer_id=customer, name="Ana"), Request(occurred_at=START))
    house.log.do(MergeCustomers(customer_id=other, survivor_id=one))
    after = performance(folded(house), [CAMPAIGNS["spring"]])[CAMPAIGNS["spring"]].total
    assert after.targeted == before.targeted - 1
    assert after.attempts == before.attempts
    assert after.revenue == before.revenue


def test_uplift_is_a_difference_of_two_rates_with_its_standard_error() -> None:
    found = uplift(90, 600, 10, 100)
    assert found is not None
    assert (found.rate, found.control_rate, found.difference) == (Decimal("0.15"), Decimal("0.1"), Decimal("0.05"))
    assert found.standard_error == Decimal("0.033354")  # sqrt(.15 * .85 / 600 + .1 * .9 / 100)
    assert found.z == Decimal("1.499063")
    assert uplift(1, 2, 0, 0) is None


def test_a_campaign_nobody_knows_is_not_there(house: House) -> None:
    assert performance(folded(house), [derived("campaign", "none")]) == {}
