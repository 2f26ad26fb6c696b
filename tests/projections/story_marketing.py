"""A story of a small company that carries out campaigns: the same every time, with something of everything in it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from domain.call import AnswerCall, EndCall, RingCall
from domain.campaign import LaunchCampaign
from domain.campaign_member import (
    AttributeToCampaign,
    CampaignResponseKind,
    DispatchCampaignMessage,
    HoldOutMember,
    OptOutMember,
    RecordCampaignResponse,
    SuppressMember,
    TargetMember,
)
from domain.campaign_plan import CampaignKind, PlanCampaign, SegmentVersion
from domain.cost import CostCategory, RecordCost
from domain.delivery import (
    BounceKind,
    RecordLinkClicked,
    RecordMessageBounced,
    RecordMessageDelivered,
    RecordMessageOpened,
)
from domain.interaction import Direction
from domain.kernel import Command, derived
from domain.opportunity import OpenOpportunity, WinOpportunity
from domain.order import CancelOrder, OrderLine, PlaceOrder, ReturnLines, SalesChannel
from domain.product import IntroduceProduct, ReviseProduct
from domain.values import Channel
from eventstore.envelope import Request
from eventstore.log import Log

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
CAMPAIGNS = {code: derived("campaign", code) for code in ("spring", "calls")}
SEGMENTS = [derived("segment", n) for n in range(2)]
STAFF = [derived("staff", n) for n in range(2)]
CUSTOMERS = [derived("customer", n) for n in range(60)]
PRODUCTS = {"A": Decimal("2.50"), "B": Decimal("7"), "C": None}


class Story:
    """Tells the log what happened, and when."""

    def __init__(self, log: Log, seed: int = 7) -> None:
        self.log = log
        self.random = Random(seed)  # the same story every time
        self.numbers = iter(range(1, 10**6))

    def tell(self, command: Command, day: float) -> None:
        self.log.do(command, Request(actor="test", occurred_at=START + timedelta(days=day)))

    def products(self) -> None:
        for sku, cost in PRODUCTS.items():
            product = derived("product", sku)
            self.tell(
                IntroduceProduct(
                    product_id=product, sku=sku, name=sku, unit_cost=cost, currency=None if cost is None else "EUR"
                ),
                5 if sku == "A" else 0,
            )
        self.tell(ReviseProduct(product_id=derived("product", "B"), unit_cost=Decimal(8)), 20)

    def campaigns(self) -> None:
        for code, kind in (("spring", CampaignKind.EMAIL), ("calls", CampaignKind.TELESALES)):
            plan = PlanCampaign(
                campaign_id=CAMPAIGNS[code],
                key=code,
                title=code.title(),
                kind=kind,
                budget=Decimal(900),
                segments=tuple(SEGMENTS),
                starts_at=START,
                response_days=10,
                control_share=Decimal("0.2"),
            )
            self.tell(plan, 0)
            versions = tuple(SegmentVersion(segment_id=segment, version=1) for segment in SEGMENTS)
            self.tell(LaunchCampaign(campaign_id=CAMPAIGNS[code], segment_versions=versions), 1)
        for n, (code, amount) in enumerate((("spring", "100.01"), ("spring", "250"), ("calls", "80.5"))):
            cost = RecordCost(
                cost_id=derived("cost", n),
                category=CostCategory.MEDIA,
                amount=Decimal(amount),
                period_from=date(2026, 1, 1),
                period_to=date(2026, 1, 31),
                campaign_id=CAMPAIGNS[code],
            )
            self.tell(cost, 2)
        corrected = RecordCost(
            cost_id=derived("cost", 1),
            category=CostCategory.MEDIA,
            amount=Decimal(240),
            period_from=date(2026, 1, 1),
            period_to=date(2026, 1, 31),
            campaign_id=CAMPAIGNS["spring"],
        )
        self.tell(corrected, 30)

    def members(self, code: str) -> None:
        chance = self.random.random
        for n, customer in enumerate(CUSTOMERS):
            campaign, segment = CAMPAIGNS[code], SEGMENTS[n % 2]
            if chance() < 0.1:
                self.tell(SuppressMember(campaign_id=campaign, customer_id=customer, reason="NO_CONSENT"), 1)
                continue
            held_out = chance() < 0.3
            chosen = HoldOutMember if held_out else TargetMember
            self.tell(
                chosen(campaign_id=campaign, customer_id=customer, segment_id=segment, segment_version=1), 1 + chance()
            )
            if not held_out:
                for attempt in range(self.random.randint(0, 3)):
                    self.reach(code, customer, 3 + 3 * attempt + chance())
            if chance() < 0.4:
                self.respond(campaign, customer, 3 + 12 * chance())
            if chance() < 0.1 and not held_out:
                self.tell(OptOutMember(campaign_id=campaign, customer_id=customer), 14)
            if chance() < 0.35:
                self.buy(campaign, customer, 2 + 20 * chance(), owed=not held_out)

    def reach(self, code: str, customer: UUID, day: float) -> None:
        campaign, number, chance = CAMPAIGNS[code], next(self.numbers), self.random.random
        if code == "spring":
            message = f"m{number}" if chance() < 0.8 else None
            channel = Channel.EMAIL if chance() < 0.7 else Channel.SMS
            self.tell(
                DispatchCampaignMessage(
                    campaign_id=campaign, customer_id=customer, channel=channel, message_id=message or None
                ),
                day,
            )
            if message is not None:
                self.notices(message, customer, day)
            return
        call = derived("call", number)
        self.tell(
            RingCall(call_id=call, customer_id=customer, direction=Direction.OUT, campaign_id=campaign), day - 0.001
        )
        if chance() < 0.6:
            self.tell(AnswerCall(call_id=call, staff_id=self.random.choice(STAFF)), day)
            self.tell(EndCall(call_id=call, talk_s=60), day + 0.001)
        if chance() < 0.5:
            self.tell(
                DispatchCampaignMessage(
                    campaign_id=campaign, customer_id=customer, channel=Channel.PHONE, message_id=str(call)
                ),
                day,
            )

    def notices(self, message: str, customer: UUID, day: float) -> None:
        chance = self.random.random
        told: list[Command] = []
        if chance() < 0.15:
            told.append(RecordMessageBounced(message_id=message, customer_id=customer, kind=BounceKind.HARD))
        elif chance() < 0.9:
            told.append(RecordMessageDelivered(message_id=message, customer_id=customer))
        if chance() < 0.4:
            told.append(RecordMessageOpened(message_id=message, customer_id=customer))
        if chance() < 0.2:
            told.append(RecordLinkClicked(message_id=message, customer_id=customer, link="https://shop.example/a"))
        for n, notice in enumerate(told):
            self.tell(notice, day + 0.01 * (n + 1))

    def respond(self, campaign: UUID, customer: UUID, day: float) -> None:
        kind = self.random.choice(list(CampaignResponseKind))
        response = RecordCampaignResponse(
            campaign_id=campaign, customer_id=customer, kind=kind, response_ref="r", within_window=day < 11
        )
        self.tell(response, day)

    def buy(self, campaign: UUID, customer: UUID, day: float, *, owed: bool) -> None:
        number, chance = next(self.numbers), self.random.random
        order = derived("order", number)
        lines = tuple(
            OrderLine(
                sku=sku, quantity=self.random.randint(1, 4), unit_price=Decimal(self.random.randint(500, 3000)) / 100
            )
            for sku in self.random.sample("ABC", self.random.randint(1, 3))
        )
        pounds = chance() < 0.2
        place = PlaceOrder(
            order_id=order,
            customer_id=customer,
            lines=lines,
            currency="GBP" if pounds else "EUR",
            rate=Decimal("1.15") if pounds else None,
            base_currency="EUR" if pounds else None,
            channel=self.random.choice(list(SalesChannel)),
            cost=Decimal(3) if chance() < 0.3 else None,
        )
        self.tell(place, day)
        if owed:
            for model, weight in (("even", "0.5"), ("last", "1"), ("last", "0.75")):
                credit = AttributeToCampaign(
                    campaign_id=campaign, customer_id=customer, order_id=order,
                    weight=Decimal(weight), model=model, model_version=2,
                )  # fmt: skip
                self.tell(credit, day + 1)
        if chance() < 0.15:
            self.tell(CancelOrder(order_id=order), day + 2)
        elif chance() < 0.2:
            back = OrderLine(sku=lines[0].sku, quantity=1, unit_price=lines[0].unit_price)
            self.tell(ReturnLines(order_id=order, lines=(back,)), day + 3)

    def opportunity(self, customer: UUID, number: int, order: UUID | None = None) -> None:
        opportunity = derived("opportunity", number)
        self.tell(OpenOpportunity(opportunity_id=opportunity, customer_id=customer, amount=Decimal(500)), 4)
        self.tell(WinOpportunity(opportunity_id=opportunity, amount=Decimal(400), order_id=order), 9)
        credit = AttributeToCampaign(
            campaign_id=CAMPAIGNS["spring"], customer_id=customer, opportunity_id=opportunity,
            weight=Decimal("0.1"), model="last", model_version=2,
        )  # fmt: skip
        self.tell(credit, 10)

    def whole(self) -> None:
        self.products()
        self.campaigns()
        for code in CAMPAIGNS:
            self.members(code)
        targeted = TargetMember(campaign_id=CAMPAIGNS["spring"], customer_id=derived("customer", "b2b"))
        self.tell(targeted, 2)
        self.opportunity(derived("customer", "b2b"), 1)
        self.oddities()

    def oddities(self) -> None:
        """Somebody who is called although they were held out, and somebody who bought between choice and launch."""
        campaign, other, early = CAMPAIGNS["calls"], derived("customer", "held out"), derived("customer", "early")
        self.tell(HoldOutMember(campaign_id=campaign, customer_id=other), 2)
        self.tell(
            RingCall(call_id=derived("call", 0), customer_id=other, direction=Direction.OUT, campaign_id=campaign), 3
        )
        self.tell(TargetMember(campaign_id=campaign, customer_id=early), 0.2)
        line = OrderLine(sku="A", quantity=1, unit_price=Decimal(20))
        self.tell(PlaceOrder(order_id=derived("order", "early"), customer_id=early, lines=(line,)), 0.5)
