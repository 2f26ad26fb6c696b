"""Commands by chance: what could be asked of every noun, right and wrong."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from random import Random
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from domain import DECIDERS
from domain.activity import ActivityKind, CompleteActivity, ScheduleActivity
from domain.allocation import allocation_id
from domain.article import DraftArticle, ReviseArticle
from domain.campaign_plan import CampaignKind, PlanCampaign, SegmentVersion
from domain.customer import ChangeCustomerProfile, RegisterCustomer
from domain.erasure import (
    BlockSubject,
    CompleteErasure,
    DecideErasureBlock,
    RecordKeysDestroyed,
    RecordProjectionsPurged,
    RequestErasure,
    VerifyErasureIdentity,
)
from domain.erasure_events import Check, ErasureBasis, Purged
from domain.follow_up import Action, ActionKind, AttemptFollowUp, DispatchFollowUp, ScheduleFollowUp
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier, VerifyIdentifier
from domain.import_batch import CompleteImport, StartImport
from domain.invitation import AnswerSurvey, SendInvitation
from domain.kernel import Command, Decider
from domain.kpi import kpi_id
from domain.lead import AssignLead, CaptureLead
from domain.offer import MakeOffer
from domain.opportunity import AssignOpportunity, OpenOpportunity
from domain.order import OrderLine, PlaceOrder
from domain.pipeline import DEFAULT as PIPELINE
from domain.points import AccruePoints, RedeemPoints
from domain.policy import DefinePolicy, RegisterPolicy, policy_id
from domain.predicate import Predicate, Test, TestOperator
from domain.programme import DEFAULT as PROGRAMME
from domain.quote import DraftQuote, ReviseQuote
from domain.quote_lines import QuoteLine
from domain.rules import Cap, Occurrence, RuleAction, RuleActionKind, Rules
from domain.segment import DefineSegment
from domain.sla import DEFAULT as SLA
from domain.staff import AddStaff, ChangeStaff
from domain.survey import POST_PURCHASE, PublishSurvey, Question, QuestionKind, survey_id
from domain.values import Channel
from domain.work_item import QueueWorkItem

KINDS_KNOWN = 3
"""How many members of an enumeration are common; the others are asked for now and then."""
POOL_SIZE = 400
"""How many different commands of a noun there are to choose from."""
DIGEST = "1" * 64
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO, REQUEST = UUID(int=1), UUID(int=2), UUID(int=8)

VALUES: Mapping[type, tuple[Any, ...]] = {
    UUID: (ONE, TWO),
    str: ("a", "B", " ", ""),
    bool: (False, True),
    int: (-1, 0, 1, 2, 3),
    Decimal: (Decimal(0), Decimal("1.5"), Decimal("0.001"), Decimal(-1), Decimal("NaN")),
    date: (date(1980, 2, 29), date(1, 1, 1)),
    datetime: (JANUARY, datetime(2026, 1, 2, tzinfo=UTC)),
    Predicate: (
        Predicate(test=Test(field="stage", operator=TestOperator.EQ, text="NEW")),
        Predicate(no=(Predicate(test=Test(field="country", operator=TestOperator.IN, texts=("ES",))),)),
        Predicate(),
    ),
}
"""Few values, so that things meet; some of them wrong."""

NAMED: Mapping[str, tuple[Any, ...]] = {
    "currency": (None, "EUR", "EUR", "EUR", "GBP", "EURO"),
    "base_currency": (None, None, None, None, "USD"),
    "rate": (None, None, None, Decimal("1.17")),
    "language": ("es", "es", "en-GB", "x"),
    "timezone": ("Europe/Madrid", "America/Bogota", "Madrid"),
    "country": (None, "ES", "ES", "GB", "Spain"),
    "email": (None, "ana@example.com", "eva@example.com", "ana"),
    "phone": (None, "600123456", "+34600123457", "1"),
    "value": ("ana@example.com", "600 123 456", "x-1", "X1"),
    "sku": ("A", "B"),
    "quantity": (1, 2, 3, 4),
    "unit_price": (Decimal("1.25"), Decimal("0.001")),
    "amount": (None, Decimal("1.5"), Decimal(3), Decimal("0.001"), Decimal("NaN")),
    "probability": (None, Decimal(0), Decimal("0.5"), Decimal(2)),
    "line_id": ("1",),
    "policy": (None, "survey"),
    "step": ("ask",),
    "trigger": (UUID(int=7),),
    "erasure_id": (REQUEST, REQUEST, UUID(int=9)),
    "attempt": (1, 1, 1, 2),
    "basis": ("CONSENT",),
    "reason": (None, "CAPPED", "CAPPED", "other", " "),
    "error": ("451 busy",),
    "key": ("a",),
    "title": ({"en": "One"}, {"en": "Two"}, {}, None, "One", " "),
    "label": ({"en": "One"},),
    "text": ({"en": "One"}, {"en": " "}, None, "One", " "),
    "activity": ({"km": 1}, {"km": -1}, None, "One"),
    "factors": ({}, {"wait": 1}, {"wait": Decimal(1)}),
    "digest": (DIGEST, "2" * 64, "x"),
    "inputs_digest": (None, DIGEST, "2" * 64),
    "mapping": (None, DIGEST),
    "opens": ("00:00", "09:00", "12:00", "9:00"),
    "closes": ("12:00", "24:00", "08:00"),
    "weekday": (1, 1, 2, 8),
    "at": ("08:30", "10:00", "8:30"),
    "on": (None, None, 1, 2, 40),
    "last_days": (None, 7, 0),
    "languages": (None, (), ("es",), ("es", "en"), ("x",)),
    "countries": ((), ("ES",), ("ES", "GB"), ("Spain",)),
    "postal_prefixes": ((), ("28",), (" ",)),
    "sectors": ((), ("retail",)),
    "regions": ((), ("Madrid",)),
    "queue": (None, "desk", "desk", "vip"),
    "tax_rate": (Decimal(0), Decimal("0.21")),
    "allocation_id": (allocation_id("a"),),
    "kpi_id": (kpi_id("a"),),
    "policy_id": (policy_id("a"),),
    "threshold": (0, 5),
    "starts_on": (date(2026, 1, 1),),
    "ends_on": (None, date(2026, 1, 1), date(2026, 1, 2)),
    "period_from": (date(2026, 1, 1),),
    "period_to": (date(2026, 1, 1), date(2026, 1, 2)),
    "starts_at": (None, JANUARY),
    "programme": ("a", "a", "B"),
    "model": ("m", "m", " "),
    "at_s": (1,),
    "page": (None, "a", "a"),
    "query": (None, "a", "a"),
    "product": (None, "a", "a"),
    "article": (None, "a", "a"),
    "form": (None, "a", "a"),
    "message_ref": (None, None, "a"),
    "retry_at": (None, JANUARY),
    "prefer": ((), ("name",), ("a",)),
    "noun": ("order", "order", "a"),
} | dict.fromkeys(
    ("pipeline_version", "kpi_version", "programme_version", "sla_version", "policy_version", "number", "position"),
    (None, 1, 1, 2, "a"),
)
"""What a field of this name holds more often; of these, the values that its type can have."""

QUESTIONS = (
    Question(key="csat", kind=QuestionKind.CSAT, text={"en": "How was it?"}),
    Question(key="why", kind=QuestionKind.TEXT, text={"en": "Why?"}),
)
PLACE = PlaceOrder(
    order_id=ONE,
    customer_id=ONE,
    lines=tuple(OrderLine(sku=sku, quantity=4, unit_price=Decimal("1.25")) for sku in "AB"),
)
FOLLOW_UP = ScheduleFollowUp(
    follow_up_id=ONE, customer_id=ONE, policy="survey", policy_version=1, step="ask", trigger=ONE, trigger_position=1,
    action=Action(kind=ActionKind.SEND_SURVEY, survey="a", invitation_id=ONE), due_at=JANUARY, wanted_at=JANUARY,
)  # fmt: skip
POLICY = DefinePolicy(
    policy_id=policy_id("a"),
    key="a",
    rules=Rules(
        triggers=(Occurrence(event="order.placed.v1"),),
        action=RuleAction(kind=RuleActionKind.CREATE_TASK, subject="a"),
    ),
)
QUOTED = QuoteLine(sku="A", quantity=1, unit_price=Decimal(2))

VALID: tuple[Command, ...] = (
    RegisterCustomer(customer_id=ONE, name="Ana"),
    ChangeCustomerProfile(customer_id=ONE, name="Ana"),
    AddIdentifier(customer_id=ONE, type=IdentifierType.LOYALTY_CARD, value="X1"),
    VerifyIdentifier(customer_id=ONE, type=IdentifierType.LOYALTY_CARD, value="X1", method="a"),
    RemoveIdentifier(customer_id=ONE, type=IdentifierType.LOYALTY_CARD, value="X1"),
    ScheduleActivity(activity_id=ONE, kind=ActivityKind.VISIT, subject="a", starts_at=JANUARY, duration_s=60),
    CompleteActivity(activity_id=ONE, outcome="a", note="a"),
    CaptureLead(lead_id=ONE, name="a", source="a"),
    AssignLead(lead_id=ONE, staff_id=ONE),
    AssignLead(lead_id=ONE, staff_id=ONE, rule="a", rule_version=1),
    PIPELINE,
    OpenOpportunity(opportunity_id=ONE),
    AssignOpportunity(opportunity_id=ONE, staff_id=ONE),
    AssignOpportunity(opportunity_id=ONE, staff_id=ONE, rule="a", rule_version=1),
    DraftQuote(quote_id=ONE, customer_id=ONE, lines=(QUOTED,)),
    ReviseQuote(quote_id=ONE, lines=(replace(QUOTED, quantity=2),)),
    PLACE,
    DefineSegment(segment_id=ONE, key="a", title={"en": "One"}, predicate=VALUES[Predicate][0]),
    PlanCampaign(
        campaign_id=ONE,
        key="a",
        title="One",
        kind=CampaignKind.EMAIL,
        starts_at=JANUARY,
        segments=(ONE,),
        budget=Decimal(3),
    ),
    MakeOffer(offer_id=ONE, customer_id=ONE, offer="a"),
    SLA,
    QueueWorkItem(work_item_id=ONE, channel=Channel.CHAT, queue="desk", score=1),
    DraftArticle(article_id=ONE, key="a", language="es", title="One", body="a", category="a"),
    ReviseArticle(article_id=ONE, language="es", title="Two"),
    PROGRAMME,
    AccruePoints(loyalty_account_id=ONE, reference="a", redeemable=Decimal(3)),
    RedeemPoints(loyalty_account_id=ONE, reference="B", points=Decimal("1.5")),
    SendInvitation(
        invitation_id=ONE,
        customer_id=ONE,
        survey="a",
        version=1,
        channel=Channel.EMAIL,
        language="es",
        follow_up_id=ONE,
    ),
    AnswerSurvey(invitation_id=ONE, csat=1, comment="a"),
    POST_PURCHASE,
    PublishSurvey(survey_id=survey_id("a"), key="a", title={"en": "One"}, questions=QUESTIONS[:1]),
    PublishSurvey(survey_id=survey_id("a"), key="a", title={"en": "Two"}, questions=QUESTIONS),
    AddStaff(staff_id=ONE, name="Ana"),
    ChangeStaff(staff_id=ONE, name="Ana"),
    POLICY,
    replace(POLICY, rules=replace(POLICY.rules, caps=(Cap(times=1, days=1),))),
    RegisterPolicy(policy_id=POLICY.policy_id, key="a", version=1, rules=POLICY.rules),
    FOLLOW_UP,
    DispatchFollowUp(follow_up_id=ONE, basis="CONSENT", relied_on=1),
    AttemptFollowUp(follow_up_id=ONE, attempt=1),
    RequestErasure(erasure_id=REQUEST, customer_id=ONE, basis=ErasureBasis.OBJECTED, note="a"),
    VerifyErasureIdentity(erasure_id=REQUEST, method="a"),
    BlockSubject(erasure_id=REQUEST, subjects=(ONE,), until=JANUARY, legal_basis="a"),
    DecideErasureBlock(erasure_id=REQUEST, until=datetime(2026, 1, 2, tzinfo=UTC), legal_basis="B"),
    RecordProjectionsPurged(erasure_id=REQUEST, purged=(Purged(name="a", rows=1),)),
    RecordKeysDestroyed(erasure_id=REQUEST, key_ids=(1,)),
    CompleteErasure(erasure_id=REQUEST, certificate=DIGEST, checks=(Check(name="a", looked_at=1, found=0),)),
    StartImport(import_batch_id=ONE, source="a", file="a", digest=DIGEST),
    CompleteImport(import_batch_id=ONE, read=1, imported=1, unchanged=0, rejected=0, first_position=1, last_position=1),
)
"""What is right as it stands, of the commands that chance alone seldom gets right."""

LISTS: Mapping[str, tuple[Any, ...]] = {
    "segments": ((), (ONE,)),
    "exclusions": ((), (TWO,)),
    "segment_versions": ((), (SegmentVersion(segment_id=ONE, version=1),)),
}


def value(name: str, hint: Any, chance: Random) -> Any:
    """A value that a field may have."""
    if get_origin(hint) is Annotated:
        return value(name, get_args(hint)[0], chance)
    if likely := [each for each in (*NAMED.get(name, ()), *LISTS.get(name, ())) if fits(each, hint)]:
        return chance.choice(likely)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return value(name, chance.choice(args), chance)
    if origin is tuple:
        return tuple(value(name.removesuffix("s"), args[0], chance) for _ in range(chance.randrange(4)))
    if origin is not None:
        return {key: value(name, args[1], chance) for key in ("es", "en") if chance.random() < 0.5}
    if hint is NoneType:
        return None
    if issubclass(hint, Enum):
        return chance.choice(list(hint)[: KINDS_KNOWN if chance.random() < 0.5 else None])
    return chance.choice(VALUES[hint]) if hint in VALUES else made(hint, chance)


def fits(given: object, hint: Any) -> bool:
    """Whether a field of this type can have a value, as far as the class of the value tells."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(given, each) for each in args)
    if origin is Annotated:
        return fits(given, args[0])
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(given, Mapping) and all(fits(each, args[1]) for each in given.values())
    return isinstance(given, origin or hint)


def made(kind: type[Any], chance: Random) -> Any:
    """A command, or a value in one."""
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    return kind(**{each.name: value(each.name, hints[each.name], chance) for each in fields(kind)})


def asked(kind: type[Command], chance: Random) -> Command:
    """A command by chance: whatever comes, or what is right, or what is right but for one field."""
    right = [each for each in VALID if type(each) is kind]
    if not right or chance.random() < 0.3:
        return cast(Command, made(kind, chance))
    command = chance.choice(right)
    if chance.random() < 0.5:
        return command
    name = chance.choice(fields(cast(Any, kind))).name
    wrong = {name: value(name, get_type_hints(kind)[name], chance)}
    return cast(Command, replace(cast(Any, command), **wrong))


def pool(noun: Decider[Any], size: int = POOL_SIZE) -> list[Command]:
    """Commands of a noun, the same every time, and of each class as many."""
    chance = Random(noun.noun)
    return [asked(noun.commands[n % len(noun.commands)], chance) for n in range(size)]


POOLS: Mapping[str, list[Command]] = {noun.noun: pool(noun) for noun in DECIDERS}
