"""Customers of whom something or other is known, the same every time, and what is known of each, put together in Python."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from domain import DECIDERS
from domain.campaign_member import HoldOutMember, TargetMember, campaign_member_id
from domain.campaign_plan import CampaignKind, PlanCampaign
from domain.case import CloseCase, OpenCase, ResolveCase
from domain.case_events import CaseType
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.credit import AssessRisk, RiskScoreAssessed
from domain.customer import (
    ChangeCustomerProfile,
    CustomerKind,
    CustomerProfileChanged,
    RegisterCustomer,
    StatePreference,
)
from domain.interaction import LogInteraction
from domain.invitation import AnswerSurvey, SendInvitation
from domain.kernel import Command, derived
from domain.lifecycle import (
    AccountManagerAssigned,
    AssignAccountManager,
    AssignCustomerRole,
    ChangeLifecycleStage,
    CustomerRole,
    CustomerRoleAssigned,
    CustomerRoleEnded,
    EndCustomerRole,
    LifecycleStage,
    LifecycleStageChanged,
)
from domain.loyalty_account import EnrolMember, LeaveProgramme, MemberEnrolled, MemberLeft
from domain.opportunity import LoseOpportunity, OpenOpportunity
from domain.order import OrderLine, OrderPlaced, PlaceOrder, RecordReturn
from domain.points import AccruePoints, PointsAccrued
from domain.product import IntroduceProduct
from domain.quote import DraftQuote, IssueQuote, QuoteDrafted, QuoteRejected, RejectQuote
from domain.quote_lines import QuoteLine
from domain.values import Channel
from eventstore.envelope import Happened, Request
from eventstore.reader import AsOf
from projections.customers import customer_360, customers
from projections.customers.traits import LINE
from projections.lists import Lists

START = datetime(2026, 1, 1, tzinfo=UTC)
CATEGORIES = {"A": "tools", "B": "food", "C": None}


WHO = [derived("customer", n) for n in range(30)]
COUNTRIES = ["ES", "FR", "Ñandú %_", ""]


def people(log: Any) -> None:
    """Customers of whom something or other is known."""
    random, number = Random(3), iter(range(10**6))
    told: list[tuple[Command, float]] = []

    def tell(command: Command, day: float) -> None:
        told.append((command, day))

    for code in ("spring", "autumn"):
        plan = PlanCampaign(
            campaign_id=derived("campaign", code), key=code, title="A", kind=CampaignKind.EMAIL, starts_at=START
        )
        tell(plan, 0)
    for sku, category in CATEGORIES.items():
        tell(IntroduceProduct(product_id=derived("product", sku), sku=sku, name=sku, category=category), 0)
    for who in WHO:
        standing(tell, random, number, who)
        kind = random.choice(list(CustomerKind))
        tell(
            RegisterCustomer(customer_id=who, name="A", kind=kind, country=random.choice(["ES", "FR", None])),
            random.randint(-60, 4),
        )
        if random.random() < 0.5:
            tell(
                ChangeCustomerProfile(
                    customer_id=who,
                    country=random.choice(COUNTRIES[:3]),
                    territory="north",
                    sector=random.choice(["food", None]),
                    size="L",
                ),
                91,
            )
        for _ in range(random.choice([0, 0, 1, 2, 5])):
            line = OrderLine(
                sku=random.choice("ABC"), quantity=random.randint(1, 3), unit_price=Decimal(random.randint(1, 900)) / 10
            )
            order = derived("order", next(number))
            tell(PlaceOrder(order_id=order, customer_id=who, lines=(line,)), random.randint(5, 150))
            if random.random() < 0.3:
                tell(RecordReturn(order_id=derived("return", next(number)), customer_id=who, lines=(line,)), 151)
        if random.random() < 0.4:
            channel = random.choice([None, Channel.EMAIL])
            tell(GrantConsent(customer_id=who, purpose=random.choice(list(Purpose)), channel=channel), 5)
        if random.random() < 0.2:
            tell(GrantConsent(customer_id=who, purpose=Purpose.MARKETING), 6)
            tell(WithdrawConsent(customer_id=who, purpose=Purpose.MARKETING), 7)
        if random.random() < 0.4:
            topic = random.choice(["wine", "sailing"])
            tell(StatePreference(customer_id=who, topic=topic, value="yes"), 8)
        if random.random() < 0.5:
            tell(
                LogInteraction(interaction_id=derived("i", next(number)), customer_id=who, channel=Channel.PHONE),
                random.randint(5, 150),
            )
        if random.random() < 0.4:
            invitation = derived("invitation", next(number))
            sent = SendInvitation(
                invitation_id=invitation,
                customer_id=who,
                survey="s",
                version=1,
                channel=Channel.EMAIL,
                language="es",
                follow_up_id=derived("follow-up", invitation),
            )
            tell(sent, 9)
            tell(AnswerSurvey(invitation_id=invitation, csat=random.randint(1, 5), nps=random.choice([None, 3, 9])), 10)
        for _ in range(random.choice([0, 1, 2])):
            opportunity, case = derived("opportunity", next(number)), derived("case", next(number))
            tell(OpenOpportunity(opportunity_id=opportunity, customer_id=who), 11)
            tell(OpenCase(case_id=case, customer_id=who, type=CaseType.QUESTION, channel=Channel.EMAIL), 11)
            if random.random() < 0.5:
                tell(LoseOpportunity(opportunity_id=opportunity, reason="PRICE"), 12)
                tell(ResolveCase(case_id=case), 12)
                tell(CloseCase(case_id=case, reason="DONE"), 13)
        for code in random.sample(["spring", "autumn"], random.choice([0, 1, 2])):
            choose = random.choice([TargetMember, HoldOutMember])
            tell(choose(campaign_id=derived("campaign", code), customer_id=who), 14)
    for command, day in sorted(told, key=lambda each: each[1]):
        log.do(command, Request(occurred_at=START + timedelta(days=day)))


def standing(tell: Callable[[Command, float], None], random: Random, number: Iterator[int], who: UUID) -> None:
    """What a customer is to the company."""
    if random.random() < 0.5:
        tell(AssignAccountManager(customer_id=who, staff_id=derived("staff", random.randint(1, 2))), 20)
        tell(ChangeLifecycleStage(customer_id=who, stage=random.choice(list(LifecycleStage))), 21)
        tell(ChangeLifecycleStage(customer_id=who, stage=random.choice(list(LifecycleStage))), 120)
    for role in random.sample(list(CustomerRole), random.choice([0, 1, 2])):
        tell(AssignCustomerRole(customer_id=who, role=role), 22)
        if random.random() < 0.3:
            tell(EndCustomerRole(customer_id=who, role=role), 121)
    if random.random() < 0.5:
        tell(AssessRisk(customer_id=who, score=random.choice([1, 2, 100]), model="m", model_version="1"), 23)
    if random.random() < 0.5:
        account = derived("account", who)
        tier = random.choice(["gold", "silver"])
        tell(EnrolMember(loyalty_account_id=account, customer_id=who, programme="air", tier=tier), 24)
        for _ in range(random.randint(0, 2)):
            points = AccruePoints(loyalty_account_id=account, reference=f"r{next(number)}", redeemable=Decimal("30.5"))
            tell(points, random.uniform(25, 130))
        if random.random() < 0.3:
            tell(LeaveProgramme(loyalty_account_id=account), 131)
    for _ in range(random.choice([0, 1, 2])):
        quote = derived("quote", next(number))
        lines = (QuoteLine(sku="A", quantity=1, unit_price=Decimal(5)),)
        tell(DraftQuote(quote_id=quote, customer_id=who, lines=lines), 26)
        if random.random() < 0.4:
            tell(IssueQuote(quote_id=quote, valid_until=START + timedelta(days=400)), 27)
            tell(RejectQuote(quote_id=quote), 28)


def stood(own: list[Happened]) -> dict[str, object]:
    """What a customer is to the company, by what happened."""
    found: dict[str, Any] = dict.fromkeys(
        ("sector", "size", "account_manager", "lifecycle_stage", "risk_score", "tier", "points")
    )
    roles: list[str] = []
    categories: set[str] = set()
    quotes: dict[UUID, bool] = {}
    points: Decimal = Decimal(0)
    for event, at in own:
        match event:
            case CustomerProfileChanged():
                found["sector"], found["size"] = event.sector or found["sector"], event.size or found["size"]
            case AccountManagerAssigned():
                found["account_manager"] = event.staff_id
            case LifecycleStageChanged():
                found["lifecycle_stage"] = event.stage
            case CustomerRoleAssigned():
                roles.append(event.role)
            case CustomerRoleEnded():
                roles.remove(event.role)
            case RiskScoreAssessed():
                found["risk_score"] = Decimal(event.score)
            case MemberEnrolled():
                found["tier"], found["points"] = event.tier, points
            case PointsAccrued():
                points += event.redeemable
                found["points"] = points
            case MemberLeft():
                found["tier"] = found["points"] = None
            case OrderPlaced():
                categories |= {known for line in event.lines if (known := CATEGORIES[line.sku])}
            case QuoteDrafted():
                quotes[at.stream_id] = True
            case QuoteRejected():
                quotes[at.stream_id] = False
    return {**found, "roles": roles, "categories": sorted(categories), "open_quotes": Decimal(sum(quotes.values()))}


def rows(lists: Lists, as_of: AsOf) -> dict[UUID, Mapping[str, object]]:
    """What is known of everybody, put together in Python."""
    lines, cards = (lists.fold(view, as_of).rows for view in (customers.view, customer_360.view))
    names = lists.log.codec.names([event for noun in DECIDERS for event in noun.events])
    events = [each for page in lists.log.reader.fold(types=names, as_of=as_of) for each in page]
    found = {}
    for who, line in lines.items():
        card = cards.get(who, customer_360.CustomerCard(who))
        own = [(event, at) for event, at in events if at.customer_id == who]
        streams: dict[UUID, str] = {at.stream_id: at.type for _, at in own}
        found[who] = {
            **{name: getattr(line, name) for name in LINE}, **stood(own),
            "orders": Decimal(card.order_count), "returns": Decimal(card.returns), "revenue": card.revenue,
            "average_order": card.revenue / card.order_count if card.order_count else None,
            "nps": None if card.last_nps is None else Decimal(card.last_nps),
            "csat": None if card.last_csat is None else Decimal(card.last_csat),
            "interests": card.preferences, "first_order_at": card.first_order_at, "last_order_at": card.last_order_at,
            "last_contact_at": card.last_contact_at,
            "marketing_consent": any(yes and key.startswith("MARKETING/") for key, yes in card.consents.items()),
            "open_opportunities": Decimal(list(streams.values()).count("opportunity.opened.v1")),
            "open_cases": Decimal(list(streams.values()).count("case.opened.v1")),
            "campaigns": tuple(
                code for code in ("spring", "autumn")
                if streams.get(campaign_member_id(derived("campaign", code), who)) == "campaign_member.targeted.v1"
            ),
        }  # fmt: skip
    return found
