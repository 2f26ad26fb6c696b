"""The life of a whole company by chance, with something for every policy: the same for the same seed, whoever follows it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from domain.agent_shift import SignInAgent
from domain.benefit import RequestBenefit
from domain.campaign import LaunchCampaign, PauseCampaign, PlanCampaign, ResumeCampaign
from domain.campaign_member import CampaignResponseKind, OptOutMember, RecordCampaignResponse, TargetMember
from domain.campaign_plan import CampaignKind, SegmentVersion
from domain.cart import AddCartItem, ConvertCart, StartCart
from domain.case import OpenCase, ReopenCase, ResolveCase, ResumeCase, WaitOnCustomer
from domain.case_events import CasePriority, CaseType
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.customer import CustomerKind, RegisterCustomer
from domain.erasure import RequestErasure
from domain.erasure_events import ErasureBasis
from domain.identifiers import AddIdentifier, IdentifierType
from domain.interaction import Direction, LogInteraction
from domain.invitation import AnswerSurvey, SendInvitation
from domain.kernel import Command, Refused, derived
from domain.lead import CaptureLead, RecordLeadContacted
from domain.loyalty_account import EnrolMember
from domain.objective import ObjectiveOperator, SetObjective
from domain.opportunity import ChangeOpportunityStage, OpenOpportunity, WinOpportunity
from domain.order import CancelOrder, ConfirmOrder, DeliverOrder, OrderLine, PlaceOrder, ShipOrder
from domain.points import AccruePoints
from domain.predicate import Predicate, Test, TestOperator
from domain.quote import AcceptQuote, DraftQuote, IssueQuote, QuoteLine
from domain.report import ReportFrequency, SaveReport, ScheduleReport
from domain.returns import ReceiveReturn, RequestReturn, ReturnCause, ReturnLine
from domain.script import PublishScript, ScriptKind
from domain.segment import DefineSegment, PublishSegment
from domain.segment_membership import EnterSegment
from domain.staff import AddStaff, SetCapacity, StaffRole
from domain.stock import ReportStock
from domain.survey import POST_PURCHASE
from domain.territory import DefineTerritory, TerritoryRule
from domain.values import Channel
from domain.work_item import AcceptWorkItem, CompleteWorkItem, QueueWorkItem
from eventstore.envelope import Request
from eventstore.log import Log
from tests.processes.shop import MADRID, moment

START = moment("2026-01-12 08:00")
DAY = timedelta(days=1)
PACE = timedelta(seconds=37)
STAFF = (
    ("pilar", StaffRole.DIRECTOR, None),
    ("mia", StaffRole.SALES_MANAGER, "pilar"),
    ("eva", StaffRole.REP, "mia"),
    ("leo", StaffRole.REP, "mia"),
    ("ana", StaffRole.AGENT, "mia"),
)
LETTERS, MAILS = derived("campaign", "letters"), derived("campaign", "mails")
SEGMENT = derived("segment", "buyers")
SKUS = ("cup", "pot", "tea")


def staff(name: str) -> UUID:
    """Whose name it is."""
    return derived("staff", name)


@dataclass
class CompanyLife:
    """What is asked of a company, half a day after the other. What is refused then is refused to whoever asks."""

    seed: int
    busy: int = 6
    customers: list[UUID] = field(default_factory=list)
    nouns: dict[str, list[UUID]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)  # no secret
        self.number = 0

    def beginning(self) -> Iterator[Command]:
        """Who works there, and what there is to begin with."""
        for name, role, manager in STAFF:
            yield AddStaff(
                staff_id=staff(name), name=name, role=role, email=f"{name}@shop.test", timezone=MADRID,
                manager_id=None if manager is None else staff(manager), languages=("es",),
            )  # fmt: skip
            yield SetCapacity(staff_id=staff(name), capacity=200)
        spain = TerritoryRule(countries=("ES",))
        yield DefineTerritory(
            territory_id=derived("territory", "es"), key="es", name="es", rule=spain, staff_id=staff("eva")
        )
        for campaign, kind in ((LETTERS, CampaignKind.DIRECT_MAIL), (MAILS, CampaignKind.EMAIL)):
            yield PlanCampaign(
                campaign_id=campaign, key=str(kind), title="Winter", kind=kind, starts_at=START, script="a",
                segments=(SEGMENT,),
            )  # fmt: skip
        meant = Predicate(test=Test(field="orders", operator=TestOperator.GT, number=Decimal(0)))
        yield DefineSegment(segment_id=SEGMENT, key="buyers", title={"en": "Buyers"}, predicate=meant)
        yield PublishSegment(segment_id=SEGMENT)
        words = {"es": "¡Hola!\nTodo a mitad de precio."}
        yield PublishScript(
            script_id=derived("script", "a"), key="a", kind=ScriptKind.MESSAGE, title={"es": "Hola"}, text=words
        )
        report = derived("report", "r")
        yield SaveReport(report_id=report, key="north", title="Ventas", base="salesByTerritory", last_days=7)
        yield ScheduleReport(
            report_id=report, at="08:30", timezone=MADRID, frequency=ReportFrequency.WEEKLY, on=3,
            recipients=(staff("pilar"),),
        )  # fmt: skip
        yield SetObjective(
            objective_id=derived("objective", "winter"), kpi="gross_revenue", kpi_version=1, target=Decimal(90_000),
            operator=ObjectiveOperator.AT_LEAST, starts_on=date(2026, 1, 10), ends_on=date(2026, 3, 31),
            owner=staff("eva"),
        )  # fmt: skip
        for sku in SKUS:
            yield ReportStock(sku=sku, site="M", on_hand=1_000, as_of=START - DAY)
        for _ in range(6):
            yield from self.arrive()

    def half_day(self, at: datetime) -> Iterator[Command]:
        """What is asked in one go."""
        for _ in range(self.busy):
            yield from self.chance.choice(WHAT)(self, at)

    def who(self) -> UUID:
        """One of the customers."""
        return self.chance.choice(self.customers)

    def new(self, noun: str) -> UUID:
        """One more of these."""
        self.number += 1
        id = derived(noun, "life", self.seed, self.number)
        self.nouns.setdefault(noun, []).append(id)
        return id

    def one(self, noun: str) -> UUID:
        """One of those of before; or one that there is not."""
        return self.chance.choice(self.nouns.get(noun, [UUID(int=0)])[-8:])

    # What may happen.

    def arrive(self) -> Iterator[Command]:
        id, n = self.new("customer"), len(self.customers)
        self.customers.append(id)
        kind = CustomerKind.ORGANISATION if n % 4 == 3 else CustomerKind.PERSON
        yield RegisterCustomer(
            customer_id=id, name=f"Ana Ruiz {n % 5}", email=f"c{n}@shop.test", phone=f"+346000{n:05}", country="ES",
            language="es", timezone=MADRID, kind=kind,
        )  # fmt: skip
        if n % 3:
            yield GrantConsent(customer_id=id, purpose=Purpose.MARKETING)
        yield EnterSegment(segment_id=SEGMENT, customer_id=id, definition_version=1)
        yield EnrolMember(
            loyalty_account_id=derived("loyalty_account", id), customer_id=id, programme="default",
            tier="GOLD" if n % 2 else None,
        )  # fmt: skip

    def come(self, at: datetime) -> Iterator[Command]:
        yield from self.arrive()

    def buy(self, at: datetime) -> Iterator[Command]:
        order, who = self.new("order"), self.who()
        lines = tuple(
            OrderLine(sku=sku, quantity=2, unit_price=Decimal(40)) for sku in SKUS[: self.chance.choice((1, 2))]
        )
        yield PlaceOrder(order_id=order, customer_id=who, lines=lines, number=f"N{order.hex[:6]}")
        yield ConfirmOrder(order_id=order)

    def go_on(self, at: datetime) -> Iterator[Command]:
        order = self.one("order")
        yield self.chance.choice(
            (CancelOrder(order_id=order), ShipOrder(order_id=order, carrier="SEUR"), DeliverOrder(order_id=order))
        )

    def give_back(self, at: datetime) -> Iterator[Command]:
        cup = (ReturnLine(sku="cup", quantity=1),)
        yield RequestReturn(
            return_id=self.new("return"), order_id=self.one("order"), customer_id=self.who(), lines=cup,
            cause=ReturnCause.CHANGED_MIND,
        )  # fmt: skip
        yield ReceiveReturn(return_id=self.one("return"), lines=cup)

    def fill(self, at: datetime) -> Iterator[Command]:
        cart = self.new("cart")
        yield StartCart(cart_id=cart, customer_id=self.who())
        yield AddCartItem(cart_id=cart, sku="cup", quantity=1, unit_price=Decimal(30))
        if self.chance.random() < 0.3:
            yield ConvertCart(cart_id=self.one("cart"), order_id=self.one("order"))

    def complain(self, at: datetime) -> Iterator[Command]:
        yield OpenCase(
            case_id=self.new("case"), customer_id=self.who(), channel=Channel.EMAIL,
            type=self.chance.choice(tuple(CaseType)), priority=self.chance.choice(tuple(CasePriority)),
        )  # fmt: skip

    def settle(self, at: datetime) -> Iterator[Command]:
        case = self.one("case")
        yield self.chance.choice((ResolveCase, ResolveCase, ReopenCase, WaitOnCustomer, ResumeCase))(case_id=case)

    def work(self, at: datetime) -> Iterator[Command]:
        shift = self.new("agent_shift")
        yield SignInAgent(agent_shift_id=shift, staff_id=staff("ana"), queues=("service",), capacity=None)
        yield QueueWorkItem(work_item_id=self.new("work_item"), channel=Channel.EMAIL, queue="service", score=0)
        item = self.one("work_item")
        yield AcceptWorkItem(work_item_id=item, staff_id=staff("ana"))
        yield CompleteWorkItem(work_item_id=item, outcome="DONE")

    def sell(self, at: datetime) -> Iterator[Command]:
        yield CaptureLead(
            lead_id=self.new("lead"), name="Ana", source="FAIR", country="ES", email=f"l{self.number}@shop.test"
        )
        yield OpenOpportunity(opportunity_id=self.new("opportunity"), customer_id=self.who(), amount=Decimal(900))
        yield RecordLeadContacted(lead_id=self.one("lead"))

    def close(self, at: datetime) -> Iterator[Command]:
        sale = self.one("opportunity")
        stage = ChangeOpportunityStage(opportunity_id=sale, stage="PROPOSAL")
        yield self.chance.choice((stage, stage, WinOpportunity(opportunity_id=sale)))

    def quote(self, at: datetime) -> Iterator[Command]:
        quote = self.new("quote")
        lines = (QuoteLine(sku="cup", quantity=2, unit_price=Decimal(50)),)
        yield DraftQuote(quote_id=quote, customer_id=self.who(), lines=lines)
        yield IssueQuote(quote_id=quote, valid_until=at + 10 * DAY)
        if self.chance.random() < 0.4:
            yield AcceptQuote(quote_id=self.one("quote"))

    def campaign(self, at: datetime) -> Iterator[Command]:
        who = self.who()
        yield TargetMember(campaign_id=LETTERS, customer_id=who)
        yield RecordCampaignResponse(
            campaign_id=LETTERS, customer_id=who, kind=CampaignResponseKind.REPLY, response_ref=str(at)
        )
        yield self.chance.choice(
            (
                LaunchCampaign(
                    campaign_id=MAILS, segment_versions=(SegmentVersion(segment_id=SEGMENT, version=1),)
                ),
                PauseCampaign(campaign_id=MAILS),
                ResumeCampaign(campaign_id=MAILS),
                OptOutMember(campaign_id=MAILS, customer_id=self.who()),
            )
        )  # fmt: skip

    def reward(self, at: datetime) -> Iterator[Command]:
        points = Decimal(self.chance.choice((500, 9_000, 17_000)))
        yield AccruePoints(
            loyalty_account_id=derived("loyalty_account", self.who()), reference=f"{at} {self.number}",
            qualifying=points, redeemable=points,
        )  # fmt: skip
        yield RequestBenefit(benefit_id=self.new("benefit"), customer_id=self.who(), benefit="FREE_UPGRADE")

    def consent(self, at: datetime) -> Iterator[Command]:
        kind = self.chance.choice((GrantConsent, WithdrawConsent))
        yield kind(customer_id=self.who(), purpose=self.chance.choice((Purpose.MARKETING, Purpose.SURVEY)))

    def same(self, at: datetime) -> Iterator[Command]:
        number = self.chance.randrange(len(self.customers))
        yield AddIdentifier(customer_id=self.who(), type=IdentifierType.PHONE, value=f"+346000{number:05}")

    def talk(self, at: datetime) -> Iterator[Command]:
        yield LogInteraction(
            interaction_id=self.new("interaction"), customer_id=self.who(), channel=Channel.PHONE,
            direction=Direction.IN,
        )  # fmt: skip

    def judge(self, at: datetime) -> Iterator[Command]:
        """Somebody whom a colleague asked answers."""
        invited = self.new("invitation")
        yield SendInvitation(
            invitation_id=invited, customer_id=self.who(), survey=POST_PURCHASE.key, version=1, channel=Channel.EMAIL,
            language="es", follow_up_id=derived("by hand", invited),
        )  # fmt: skip
        yield AnswerSurvey(invitation_id=invited, csat=self.chance.randrange(1, 6))

    def object(self, at: datetime) -> Iterator[Command]:
        """Somebody wants to be forgotten, and nobody has made sure yet who they are."""
        yield RequestErasure(
            erasure_id=self.new("erasure"), customer_id=self.who(), basis=ErasureBasis.NO_LONGER_NEEDED
        )


WHAT: tuple[Callable[[CompanyLife, datetime], Iterator[Command]], ...] = (
    CompanyLife.come, CompanyLife.buy, CompanyLife.buy, CompanyLife.buy, CompanyLife.go_on, CompanyLife.go_on,
    CompanyLife.go_on, CompanyLife.give_back, CompanyLife.fill, CompanyLife.complain, CompanyLife.settle,
    CompanyLife.settle, CompanyLife.work, CompanyLife.sell, CompanyLife.close, CompanyLife.quote,
    CompanyLife.campaign, CompanyLife.reward, CompanyLife.consent, CompanyLife.same, CompanyLife.talk,
    CompanyLife.judge, CompanyLife.object,
)  # fmt: skip


def asked_of(log: Log, at: datetime, commands: Iterator[Command]) -> None:
    """Asks for all of it, with the same ids whoever asks; what is refused is refused."""
    for n, command in enumerate(commands):
        request = Request(actor="life", occurred_at=at + n * PACE, command_id=derived("life", at, n))
        with suppress(Refused):
            log.do(command, request)
