"""A company of many mixed events: twenty thousand customers who buy, call, complain, are sold to and answer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

from domain.call import AnswerCall, CompleteWrapUp, EndCall, RingCall
from domain.campaign_member import CampaignResponseKind, DispatchCampaignMessage, RecordCampaignResponse, TargetMember
from domain.case import AssignCase, CloseCase, OpenCase, RecordFirstResponse, ResolveCase
from domain.case_events import CaseType
from domain.consent import GrantConsent, Purpose
from domain.customer import RegisterCustomer
from domain.interaction import Direction, LogInteraction
from domain.invitation import AnswerSurvey, SendInvitation
from domain.kernel import Command, derived
from domain.loyalty_account import EnrolMember
from domain.opportunity import ChangeOpportunityStage, LoseOpportunity, OpenOpportunity, WinOpportunity
from domain.order import ConfirmOrder, DeliverOrder, OrderLine, PlaceOrder, ReturnLines, ShipOrder
from domain.points import AccruePoints
from domain.values import Channel
from domain.web_session import StartWebSession, TrackWebSession, WebHit, WebHitKind
from domain.work_item import AcceptWorkItem, CompleteWorkItem, QueueWorkItem
from eventstore.bulk import Bulk, in_batches
from eventstore.envelope import Origin, Request
from eventstore.log import Log

CUSTOMERS = 20_000
STAFF = 50
CAMPAIGNS = 18
START = datetime(2024, 1, 1, tzinfo=UTC)
PACE = timedelta(seconds=45)
"""How far apart two commands are: a million events are something over a year."""
CHANNELS = (Channel.PHONE, Channel.EMAIL, Channel.WEB, Channel.CHAT, Channel.STORE)


def load(log: Log, events: int) -> None:
    """Puts about so many events into an empty log."""
    done = 0
    for outcomes in Bulk(log).do_all(in_batches(_requested(commands()))):
        done += sum(outcome.events for outcome in outcomes)
        if done >= events:
            return


def commands() -> Iterator[Command]:
    """What is asked, without an end: one customer after another, and again."""
    n = 0
    while True:
        if n < CUSTOMERS:
            yield from _arrival(n)
        yield from _visit(n)
        n += 1


def first(count: int) -> list[Command]:
    """The first so many commands."""
    return list(islice(commands(), count))


def _requested(asked: Iterator[Command]) -> Iterator[tuple[Command, Request]]:
    for n, command in enumerate(asked):
        at = START + n * PACE
        yield (
            command,
            Request(actor="import:bench", origin=Origin.IMPORT, command_id=derived("bench", n), occurred_at=at),
        )


def _arrival(n: int) -> Iterator[Command]:
    customer_id = derived("customer", n)
    yield RegisterCustomer(
        customer_id=customer_id,
        name=f"Ana {n} Núñez",
        email=f"ana{n}@example.com",
        phone=f"+34 6{n:08}",
        country=("ES", "PT", "FR")[n % 3],
        territory=f"T{n % 10}",
        source="shop",
    )
    yield GrantConsent(customer_id=customer_id, purpose=Purpose.MARKETING, channel=Channel.EMAIL)
    yield EnrolMember(
        loyalty_account_id=derived("account", n), customer_id=customer_id, programme="plus", card=f"C{n:09}"
    )


def _visit(n: int) -> Iterator[Command]:
    customer_id, staff_id = derived("customer", n % CUSTOMERS), derived("staff", n % STAFF)
    session, order, call = derived("session", n), derived("order", n), derived("call", n)
    hits = tuple(
        WebHit(number=k, kind=WebHitKind.PAGE, at_s=20 * k, page=f"/p/{n % 97 + k}", category=f"K{n % 7}")
        for k in range(1, 5)
    )
    yield StartWebSession(web_session_id=session, anonymous_id=f"v{n}", device="mobile")
    yield TrackWebSession(web_session_id=session, hits=hits)
    channel = CHANNELS[n % len(CHANNELS)]
    for k in range(3):
        yield LogInteraction(
            interaction_id=derived("interaction", n, k), customer_id=customer_id, channel=channel,
            direction=Direction.IN if k else Direction.OUT, topic=f"t{n % 9}", staff_id=staff_id,
        )  # fmt: skip
    lines = tuple(OrderLine(sku=f"SKU-{n % 97 + k}", quantity=k + 1, unit_price=Decimal("12.35")) for k in range(3))
    yield PlaceOrder(order_id=order, customer_id=customer_id, lines=lines, number=f"N-{n}", rep=f"rep{n % STAFF}")
    yield ConfirmOrder(order_id=order)
    yield ShipOrder(order_id=order, carrier="SEUR")
    yield DeliverOrder(order_id=order)
    if n % 10 == 0:
        yield ReturnLines(order_id=order, lines=lines[:1])
    yield AccruePoints(
        loyalty_account_id=derived("account", n % CUSTOMERS), reference=f"o{n}",
        qualifying=Decimal(74), redeemable=Decimal(74), order_id=order,
    )  # fmt: skip
    yield RingCall(call_id=call, customer_id=customer_id, queue=f"q{n % 4}")
    yield QueueWorkItem(
        work_item_id=derived("item", n), customer_id=customer_id, channel=Channel.PHONE, queue=f"q{n % 4}",
        call_id=call, score=100 + n % 300,
    )  # fmt: skip
    yield AcceptWorkItem(work_item_id=derived("item", n), staff_id=staff_id)
    yield AnswerCall(call_id=call, staff_id=staff_id)
    yield EndCall(call_id=call, talk_s=60 + n % 300, hold_s=n % 20, waited_s=n % 60)
    yield CompleteWrapUp(call_id=call, disposition="DONE", acw_s=n % 90)
    yield CompleteWorkItem(work_item_id=derived("item", n), outcome="DONE")
    yield from _sale(n)
    yield from _complaint(n)
    campaign = derived("campaign", n % CAMPAIGNS)
    yield TargetMember(campaign_id=campaign, customer_id=customer_id)
    yield DispatchCampaignMessage(campaign_id=campaign, customer_id=customer_id, channel=Channel.EMAIL)
    if n % 7 == 0:
        yield RecordCampaignResponse(
            campaign_id=campaign, customer_id=customer_id, kind=CampaignResponseKind.CLICK, response_ref=f"c{n}"
        )
    yield SendInvitation(
        invitation_id=derived("invitation", n), customer_id=customer_id, survey="post-purchase", version=1,
        channel=Channel.EMAIL, language="es", order_id=order, follow_up_id=derived("follow-up", n),
    )  # fmt: skip
    if n % 3 == 0:
        yield AnswerSurvey(invitation_id=derived("invitation", n), csat=1 + n % 5, nps=n % 11)


def _sale(n: int) -> Iterator[Command]:
    opportunity = derived("opportunity", n)
    yield OpenOpportunity(
        opportunity_id=opportunity, customer_id=derived("customer", n % CUSTOMERS), amount=Decimal(1_000 + n % 9_000),
        staff_id=derived("staff", n % STAFF), close_on=(START + timedelta(days=30 + n % 400)).date(),
    )  # fmt: skip
    for stage in ("QUALIFICATION", "PROPOSAL"):
        yield ChangeOpportunityStage(opportunity_id=opportunity, stage=stage)
    if n % 3 == 0:
        yield WinOpportunity(opportunity_id=opportunity)
    elif n % 3 == 1:
        yield LoseOpportunity(opportunity_id=opportunity, reason="PRICE")


def _complaint(n: int) -> Iterator[Command]:
    case, staff_id = derived("case", n), derived("staff", n % STAFF)
    yield OpenCase(
        case_id=case, customer_id=derived("customer", n % CUSTOMERS), type=CaseType.QUESTION, channel=Channel.EMAIL,
        subject="?", category=f"K{n % 7}",
    )  # fmt: skip
    yield AssignCase(case_id=case, staff_id=staff_id, queue=f"q{n % 4}")
    yield RecordFirstResponse(case_id=case, interaction_id=derived("interaction", n, 0))
    yield ResolveCase(case_id=case, code="SOLVED", staff_id=staff_id)
    yield CloseCase(case_id=case, reason="SOLVED", staff_id=staff_id)
