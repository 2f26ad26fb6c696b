"""What the company said to its customers in its story, what they did, and what it cost."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from domain.allocation import AllocationBasis, PublishAllocationRule, allocation_id
from domain.campaign_member import (
    AttributeToCampaign,
    CampaignResponseKind,
    DispatchCampaignMessage,
    HoldOutMember,
    RecordCampaignResponse,
    TargetMember,
)
from domain.cost import CostCategory, RecordCost
from domain.delivery import BounceKind, RecordMessageBounced, RecordMessageDelivered
from domain.kernel import derived
from domain.lifecycle import ChangeLifecycleStage, LifecycleStage
from domain.order import PlaceOrder
from domain.values import Channel
from tests.projections.kpis.story import START, Told, moments
from tests.projections.kpis.story_sales import CUSTOMERS

CAMPAIGNS = [derived("campaign", n) for n in range(2)]


def campaigns_story(chance: Random) -> Iterator[Told]:
    """Two campaigns in the first weeks: every fourth customer is left alone, and e-mails may come back."""
    for n, at_leisure in enumerate(moments(chance, 2 * len(CUSTOMERS))):
        moment = START + (at_leisure - START) / 4
        campaign_id, customer_id = CAMPAIGNS[n % 2], CUSTOMERS[n // 2]
        both = {"campaign_id": campaign_id, "customer_id": customer_id}
        if n % 4 == 3:
            yield Told(moment, HoldOutMember(**both))
        else:
            yield Told(moment, TargetMember(**both))
            message_id = f"m{n}" if n % 2 else None
            sent = DispatchCampaignMessage(
                **both, channel=Channel.EMAIL if n % 2 else Channel.LETTER, message_id=message_id
            )
            yield Told(moment + timedelta(hours=1), sent)
            if message_id and n % 3 == 0:
                bounced = RecordMessageBounced(message_id=message_id, customer_id=customer_id, kind=BounceKind.HARD)
                yield Told(moment + timedelta(hours=2), bounced)
            elif message_id:
                arrived = RecordMessageDelivered(message_id=message_id, customer_id=customer_id)
                yield Told(moment + timedelta(hours=2), arrived, late=n % 5 == 0)
        if n % 3 == 0 or n % 8 == 7:
            response = RecordCampaignResponse(
                **both, kind=CampaignResponseKind.CLICK, response_ref=f"r{n}", within_window=n % 9 > 0
            )
            yield Told(moment + timedelta(days=chance.randint(1, 25)), response, late=n % 7 == 0)


def credits_story(sold: Sequence[Told], chance: Random) -> Iterator[Told]:
    """Orders of which nothing was called off or came back are owed to a campaign, some more and then less."""
    orders = [(n, each) for n, each in enumerate(each for each in sold if isinstance(each.command, PlaceOrder))]
    for n, (moment, order, late) in orders:
        if n % 10 in (0, 1, 4) and moment > START + timedelta(days=46):
            assert isinstance(order, PlaceOrder)
            for days, weight in ((2, "0.75"), (30, "0.5"))[: 1 + n % 2]:
                credit = AttributeToCampaign(
                    campaign_id=CAMPAIGNS[n % 2], customer_id=order.customer_id, order_id=order.order_id,
                    weight=Decimal(weight), model="last-touch", model_version=1,
                )  # fmt: skip
                yield Told(moment + timedelta(days=days), credit, late or n % 20 == 10)


def costs_story(chance: Random) -> Iterator[Told]:
    """What was spent, told when the bill came; some of it is corrected later."""
    rule = PublishAllocationRule(
        allocation_id=allocation_id("by-orders"), key="by-orders", basis=AllocationBasis.BY_ORDERS
    )
    yield Told(START, rule)
    for n, moment in enumerate(moments(chance, 24)):
        start = date(2025, 1 + n % 6, 1 + n % 20)
        cost = RecordCost(
            cost_id=derived("cost", n), category=(CostCategory.MEDIA, CostCategory.SUPPORT, CostCategory.SALARY)[n % 3],
            amount=Decimal(1000 + 7 * n), period_from=start, period_to=start + timedelta(days=n * 2),
            allocation="by-orders" if n % 2 else None, campaign_id=CAMPAIGNS[n % 2] if n % 3 == 0 else None,
        )  # fmt: skip
        yield Told(moment, cost, late=n % 6 == 5)
        if n % 8 == 4:
            corrected = RecordCost(**{name: getattr(cost, name) for name in cost.__slots__} | {"amount": Decimal(1)})
            yield Told(moment + timedelta(days=9), corrected)


def lifecycle_story(chance: Random) -> Iterator[Told]:
    """Leads become customers, some are lost, and some of these come back."""
    stages = (
        LifecycleStage.LEAD, LifecycleStage.CUSTOMER, LifecycleStage.AT_RISK, LifecycleStage.CHURNED, LifecycleStage.WON_BACK,
    )  # fmt: skip
    for n, customer_id in enumerate(CUSTOMERS):
        moment = START - timedelta(days=1)
        for place, stage in enumerate(stages[n % 2 : 2 + n % 4]):
            moment += timedelta(days=chance.randint(1, 40))
            last = place == len(stages[n % 2 : 2 + n % 4]) - 1
            yield Told(moment, ChangeLifecycleStage(customer_id=customer_id, stage=stage), late=last and n % 6 == 5)
