"""A story of a small company that spends money and shares it out: the same every time."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from domain.allocation import AllocationBasis, AllocationScope, PublishAllocationRule, allocation_id
from domain.call import AnswerCall, RingCall, TransferCall
from domain.campaign_member import TargetMember
from domain.campaign_plan import CampaignKind, PlanCampaign
from domain.case import AssignCase, OpenCase
from domain.case_events import CaseType
from domain.cost import CostCategory, RecordCost
from domain.customer import RegisterCustomer
from domain.interaction import LogInteraction
from domain.kernel import Command, derived
from domain.order import CancelOrder, OrderLine, PlaceOrder, RecordReturn, ReturnLines, SalesChannel
from domain.product import IntroduceProduct
from domain.segment import DefineSegment
from domain.segment_membership import EnterSegment, ExitSegment
from domain.staff import AddStaff, StaffRole
from domain.territory import DefineTerritory
from domain.values import Channel
from eventstore.envelope import Request
from eventstore.log import Log
from tests.projections.test_segments import ANYBODY

START = datetime(2026, 1, 1, 10, tzinfo=UTC)
CUSTOMERS = [derived("customer", n) for n in range(24)]
STAFF = {"eva": derived("staff", "eva"), "luz": derived("staff", "luz")}
TERRITORIES = {code: derived("territory", code) for code in ("north", "south")}
SEGMENTS = {code: derived("segment", code) for code in ("gold", "retail")}
CAMPAIGNS = {code: derived("campaign", code) for code in ("spring", "calls")}
UNIT_COSTS = {"A": Decimal("2.50"), "B": Decimal("7.25"), "C": None}

Rule = tuple[AllocationBasis, AllocationScope]
RULES: dict[str, Rule] = {
    **{basis.lower(): (basis, AllocationScope.CUSTOMER) for basis in AllocationBasis},
    **{f"equally-{scope.lower()}": (AllocationBasis.EQUALLY, scope) for scope in AllocationScope},
    "revenue-rep": (AllocationBasis.BY_REVENUE, AllocationScope.REP),
}


def tell_control(log: Log, seed: int = 11) -> None:
    """The whole story, from January to April 2026."""
    random, numbers = Random(seed), iter(range(10**6))

    def tell(command: Command, day: float) -> None:
        log.do(command, Request(actor="test", occurred_at=START + timedelta(days=day)))

    for name, staff in STAFF.items():
        tell(AddStaff(staff_id=staff, name=name, role=StaffRole.REP, timezone="Europe/Madrid", user=name), 0)
    for code, territory in TERRITORIES.items():
        tell(DefineTerritory(territory_id=territory, key=code, name=code), 0)
    for code, segment in SEGMENTS.items():
        tell(DefineSegment(segment_id=segment, key=code, title={"en": code}, predicate=ANYBODY), 0)
    for code, campaign in CAMPAIGNS.items():
        plan = PlanCampaign(campaign_id=campaign, key=code, title=code, kind=CampaignKind.EMAIL, starts_at=START)
        tell(plan, 0)
    for sku, cost in UNIT_COSTS.items():
        introduce = IntroduceProduct(
            product_id=derived("product", sku),
            sku=sku,
            name=sku,
            unit_cost=cost,
            currency=None if cost is None else "EUR",
        )
        tell(introduce, 0)
    for customer in CUSTOMERS:
        territory = random.choice(["north", "south", None])
        tell(RegisterCustomer(customer_id=customer, name="A", territory=territory), random.uniform(0, 5))
        for segment in SEGMENTS.values():
            if random.random() < 0.5:
                inside = {"segment_id": segment, "customer_id": customer, "definition_version": 1}
                tell(EnterSegment(**inside), random.uniform(0, 90))
                if random.random() < 0.2:
                    tell(ExitSegment(**inside), 95)
        for campaign in CAMPAIGNS.values():
            if random.random() < 0.4:
                tell(TargetMember(campaign_id=campaign, customer_id=customer), random.uniform(30, 60))
        for _ in range(random.choice([0, 1, 2, 4])):
            order, day = derived("order", next(numbers)), random.uniform(0, 110)
            lines = tuple(
                OrderLine(sku=sku, quantity=random.randint(1, 3), unit_price=Decimal(random.randint(900, 4000)) / 100)
                for sku in random.sample("ABC", random.randint(1, 3))
            )
            place = PlaceOrder(
                order_id=order,
                customer_id=customer,
                lines=lines,
                channel=random.choice(list(SalesChannel)),
                rep=random.choice(["eva", "luz", "bot", None]),
                campaign=random.choice(["spring", None]),
                cost=Decimal("5.55") if random.random() < 0.3 else None,
            )
            tell(place, day)
            if random.random() < 0.15:
                tell(CancelOrder(order_id=order), day + 1)
            elif random.random() < 0.3:
                back = OrderLine(sku=lines[0].sku, quantity=1, unit_price=lines[0].unit_price)
                tell(ReturnLines(order_id=order, lines=(back,)), day + random.uniform(1, 40))
        if random.random() < 0.1:
            line = OrderLine(sku="A", quantity=3, unit_price=Decimal(300))
            tell(RecordReturn(order_id=derived("return", next(numbers)), customer_id=customer, lines=(line,)), 40)
        for _ in range(random.choice([0, 1, 3])):
            met = LogInteraction(
                interaction_id=derived("interaction", next(numbers)),
                customer_id=customer,
                channel=random.choice([Channel.PHONE, Channel.EMAIL]),
                campaign=random.choice(["calls", None]),
                staff_id=random.choice([*STAFF.values(), None]),
            )
            tell(met, random.uniform(0, 110))
        for _ in range(random.choice([0, 0, 1, 2])):
            call, day = derived("call", next(numbers)), random.uniform(0, 110)
            tell(
                RingCall(call_id=call, customer_id=customer, campaign_id=random.choice([CAMPAIGNS["calls"], None])), day
            )
            for staff in random.sample(list(STAFF.values()), random.choice([0, 1, 2])):
                tell(AnswerCall(call_id=call, staff_id=staff), day + 0.01)
                tell(TransferCall(call_id=call, to_queue=staff.hex), day + 0.02)
        for _ in range(random.choice([0, 0, 1, 2])):
            case = derived("case", next(numbers))
            who = random.choice([customer, customer, None])
            tell(
                OpenCase(
                    case_id=case,
                    customer_id=who,
                    type=CaseType.QUESTION,
                    channel=Channel.EMAIL,
                    product=random.choice(["A", None]),
                ),
                random.uniform(0, 110),
            )
            if random.random() < 0.6:
                tell(AssignCase(case_id=case, staff_id=random.choice(list(STAFF.values()))), 112)
    for key, (basis, scope) in RULES.items():
        tell(PublishAllocationRule(allocation_id=allocation_id(key), key=key, basis=basis, scope=scope), 0)
    spend(tell, random)


def spend(tell: Callable[[Command, float], None], random: Random) -> None:
    """Costs of every kind: by each rule, of a campaign, a rep or a territory, and some that nobody bears."""
    periods = [
        (date(2026, 1, 1), date(2026, 1, 31)),
        (date(2026, 1, 15), date(2026, 3, 3)),
        (date(2026, 2, 10), date(2026, 2, 10)),
        (date(2026, 3, 20), date(2026, 6, 1)),
    ]
    names: list[dict[str, Any]] = [
        *({"allocation": key} for key in RULES),
        {},
        {"allocation": "nobody knows"},
        {"campaign_id": CAMPAIGNS["spring"]},
        {"campaign_id": CAMPAIGNS["spring"], "allocation": "by_revenue"},
        {"campaign_id": CAMPAIGNS["calls"], "allocation": "equally-territory"},
        {"campaign_id": derived("campaign", "nobody's")},
        {"staff_id": STAFF["eva"]},
        {"staff_id": STAFF["luz"], "allocation": "by_cases"},
        {"territory_id": TERRITORIES["north"]},
        {"territory_id": TERRITORIES["south"], "allocation": "by_contacts"},
    ]
    for number, (n, more) in enumerate((n, more) for n, more in enumerate(names) for _ in range(3)):
        period_from, period_to = random.choice(periods)
        cost = RecordCost(
            cost_id=derived("cost", number),
            category=random.choice([CostCategory.SUPPORT, CostCategory.MEDIA, CostCategory.SALARY]),
            amount=random.choice([Decimal("1000.01"), Decimal("77.70"), Decimal("333.333")]),
            period_from=period_from,
            period_to=period_to,
            **more,
        )
        tell(cost, 1 + n)
    for amount, day in (("500", 5), ("123.45", 80)):
        corrected = RecordCost(
            cost_id=derived("cost", "corrected"),
            category=CostCategory.TOOL,
            amount=Decimal(amount),
            period_from=date(2026, 1, 1),
            period_to=date(2026, 3, 31),
            allocation="by_orders",
        )
        tell(corrected, day)
