"""What stands on the sheets of campaigns, their members and contacts, of deliveries and of costs."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.call import AnswerCall, CompleteWrapUp, EndCall, IdentifyCaller, RingCall
from domain.campaign import CampaignStatus, CompleteCampaign, LaunchCampaign, PauseCampaign, ResumeCampaign
from domain.campaign_member import (
    AttributeToCampaign,
    CampaignResponseKind,
    DispatchCampaignMessage,
    MemberStatus,
    RecordCampaignResponse,
    SuppressMember,
    TargetMember,
    campaign_member_id,
)
from domain.campaign_plan import CampaignKind, PlanCampaign
from domain.cost import CostCategory, RecordCost
from domain.delivery import (
    BounceKind,
    RecordLinkClicked,
    RecordMessageBounced,
    RecordMessageDelivered,
    RecordMessageOpened,
    delivery_id,
)
from domain.interaction import Direction, LogInteraction, ReattributeInteraction
from domain.kernel import Command, derived
from domain.values import Channel
from eventstore.envelope import Request
from eventstore.reader import AsOf
from projections.company import costs
from projections.engine import Engine
from projections.lists import Lists
from projections.marketing import campaign_contacts, campaign_members, campaigns
from projections.marketing.campaign_members import CampaignStepKind
from projections.touchpoints import deliveries
from projections.touchpoints.deliveries import NoticeKind
from tests.conftest import House
from tests.projections.test_engine import held

DAY = datetime(2026, 3, 1, tzinfo=UTC)
ANA, EVA, STAFF = derived("customer", "ana"), derived("customer", "eva"), derived("staff", 1)
CAMPAIGN, ORDER, CALL = derived("campaign", 1), derived("order", 1), derived("call", 1)
MEMBER = campaign_member_id(CAMPAIGN, ANA)
VIEWS = (campaigns.view, campaign_members.view, campaign_contacts.view, deliveries.view, costs.view)
PLAN = PlanCampaign(
    campaign_id=CAMPAIGN,
    key="spring",
    title="Spring",
    kind=CampaignKind.EMAIL,
    budget=Decimal(100),
    currency="GBP",
    rate=Decimal("1.2"),
    base_currency="EUR",
    starts_at=DAY,
    response_days=14,
    control_share=Decimal("0.1"),
)


def told(house: House, *commands: Command) -> Lists:
    """All of this, a day after the other from the first of March on."""
    for n, command in enumerate(commands):
        house.log.do(command, Request(occurred_at=DAY + n * timedelta(days=1)))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def facts(house: House, table: Any) -> list[Any]:
    return sorted(held(house.pool, table).values(), key=lambda fact: (fact.position, fact.number))


def test_a_campaign_stands_with_its_plan_and_how_far_it_has_come(house: House) -> None:
    lists = told(house, PLAN, LaunchCampaign(campaign_id=CAMPAIGN), PauseCampaign(campaign_id=CAMPAIGN))
    sheet = lists.get(campaigns.view, [CAMPAIGN])[CAMPAIGN]
    assert (sheet.code, sheet.kind, sheet.response_days, sheet.control_share) == (
        "spring", CampaignKind.EMAIL, 14, Decimal("0.1"),
    )  # fmt: skip
    assert (sheet.budget, sheet.currency, sheet.base_budget, sheet.base_currency) == (100, "GBP", 120, "EUR")
    assert (sheet.status, sheet.launched_at, sheet.paused_at) == (
        CampaignStatus.PAUSED, DAY + timedelta(days=1), DAY + timedelta(days=2),
    )  # fmt: skip
    lists = told(house, ResumeCampaign(campaign_id=CAMPAIGN), CompleteCampaign(campaign_id=CAMPAIGN))
    sheet = lists.get(campaigns.view, [CAMPAIGN])[CAMPAIGN]
    assert (sheet.status, sheet.paused_at, sheet.called_off) == (CampaignStatus.COMPLETED, None, False)


def test_a_campaign_that_ends_before_it_is_launched_was_called_off(house: House) -> None:
    lists = told(house, PLAN, CompleteCampaign(campaign_id=CAMPAIGN))
    assert lists.get(campaigns.view, [CAMPAIGN])[CAMPAIGN].called_off


def attribute(weight: str) -> AttributeToCampaign:
    return AttributeToCampaign(
        campaign_id=CAMPAIGN, customer_id=ANA, order_id=ORDER, weight=Decimal(weight), model="last", model_version=1
    )


def test_a_member_stands_with_what_was_sent_what_they_did_and_what_is_owed(house: House) -> None:
    of = {"campaign_id": CAMPAIGN, "customer_id": ANA}
    lists = told(
        house,
        TargetMember(**of),
        DispatchCampaignMessage(**of, channel=Channel.EMAIL, message_id="m1"),
        DispatchCampaignMessage(**of, channel=Channel.SMS),
        RecordCampaignResponse(**of, kind=CampaignResponseKind.CLICK, response_ref="a", within_window=False),
        RecordCampaignResponse(**of, kind=CampaignResponseKind.REPLY, response_ref="b"),
        RecordCampaignResponse(**of, kind=CampaignResponseKind.PURCHASE, response_ref="c"),
        attribute("0.5"),
        attribute("0.2"),
        SuppressMember(**of, reason="CAPPED"),
    )
    row = lists.get(campaign_members.view, [MEMBER])[MEMBER]
    assert (row.status, row.reason, row.attempts, row.channel) == (MemberStatus.SUPPRESSED, "CAPPED", 2, Channel.SMS)
    assert (row.responses, row.response, row.responded_at, row.purchased_at) == (
        3, CampaignResponseKind.REPLY, DAY + timedelta(days=4), DAY + timedelta(days=5),
    )  # fmt: skip
    assert row.credits == {f"last:{ORDER}": Decimal("0.2")}
    steps = facts(house, campaign_members.campaign_steps)
    assert [(step.kind, step.first, step.attempt) for step in steps] == [
        (CampaignStepKind.TARGETED, True, None),
        (CampaignStepKind.DISPATCHED, True, 1),
        (CampaignStepKind.DISPATCHED, False, 2),
        (CampaignStepKind.RESPONDED, True, 2),
        (CampaignStepKind.RESPONDED, False, 2),
        (CampaignStepKind.RESPONDED, False, 2),
        (CampaignStepKind.ATTRIBUTED, True, None),
        (CampaignStepKind.ATTRIBUTED, False, None),
        (CampaignStepKind.SUPPRESSED, True, None),
    ]
    assert [step.weight for step in steps if step.kind is CampaignStepKind.ATTRIBUTED] == [
        Decimal("0.5"), Decimal("-0.3"),
    ]  # fmt: skip
    assert (steps[1].delivery_id, steps[2].delivery_id) == (delivery_id("m1"), None)


def test_a_call_of_a_campaign_is_a_contact_and_another_call_leaves_nothing(house: House) -> None:
    other = derived("call", 2)
    lists = told(
        house,
        RingCall(call_id=CALL, customer_id=ANA, direction=Direction.OUT, campaign_id=CAMPAIGN),
        RingCall(call_id=other, customer_id=ANA),
        *(AnswerCall(call_id=call, staff_id=STAFF) for call in (CALL, other)),
        *(EndCall(call_id=call, talk_s=60) for call in (CALL, other)),
        *(CompleteWrapUp(call_id=call, disposition="SOLD") for call in (CALL, other)),
        *(IdentifyCaller(call_id=call, customer_id=EVA) for call in (CALL, other)),
    )
    (row,) = held(house.pool, campaign_contacts.view).values()
    assert (row.contact_id, row.customer_id, row.campaign_id, row.staff_id) == (CALL, EVA, CAMPAIGN, STAFF)
    assert (row.started_at, row.reached_at, row.talk_s, row.outcome) == (DAY, DAY + timedelta(days=2), 60, "SOLD")
    assert campaign_contacts.view.versions is not None
    versions = held(house.pool, campaign_contacts.view.versions).values()
    assert {version.contact_id for version in versions} == {CALL}
    before = lists.fold(campaign_contacts.view, AsOf(valid_at=DAY + timedelta(days=1))).rows
    assert [row.reached_at for row in before.values()] == [None]


def test_a_visit_that_names_a_campaign_is_a_contact_of_whom_it_was_really_with(house: House) -> None:
    visit, chat = derived("interaction", 1), derived("interaction", 2)
    met = LogInteraction(
        interaction_id=visit, customer_id=ANA, channel=Channel.VISIT, direction=Direction.OUT, campaign="spring",
        staff_id=STAFF, duration_s=900,
    )  # fmt: skip
    told(
        house,
        met,
        LogInteraction(interaction_id=chat, customer_id=ANA, channel=Channel.CHAT),
        ReattributeInteraction(interaction_id=visit, customer_id=EVA),
        ReattributeInteraction(interaction_id=chat, customer_id=EVA),
    )
    (row,) = held(house.pool, campaign_contacts.view).values()
    assert (row.customer_id, row.campaign, row.channel, row.talk_s) == (EVA, "spring", Channel.VISIT, 900)


def test_what_became_of_a_message_stands_without_its_id(house: House) -> None:
    of = {"message_id": "<m1@shop.example>", "customer_id": ANA}
    lists = told(
        house,
        RecordMessageOpened(**of),
        RecordMessageDelivered(**of),
        *(RecordLinkClicked(**of, link=f"https://shop.example/{link}") for link in "ab"),
        RecordMessageBounced(**of, kind=BounceKind.SPAM_REPORT, reason="5.1.1"),
    )
    key = delivery_id(of["message_id"])  # type: ignore[arg-type]
    row = lists.get(deliveries.view, [key])[key]
    assert (row.opened_at, row.delivered_at, row.clicked_at, row.clicks) == (
        DAY, DAY + timedelta(days=1), DAY + timedelta(days=2), 2,
    )  # fmt: skip
    assert (row.bounce, row.bounce_reason) == (BounceKind.SPAM_REPORT, "5.1.1")
    assert "shop.example" not in repr(row)
    assert [(notice.kind, notice.first) for notice in facts(house, deliveries.delivery_notices)] == [
        (NoticeKind.OPENED, True),
        (NoticeKind.DELIVERED, True),
        (NoticeKind.CLICKED, True),
        (NoticeKind.CLICKED, False),
        (NoticeKind.BOUNCED, True),
    ]


def record(amount: str, currency: str = "EUR", rate: str | None = None) -> RecordCost:
    return RecordCost(
        cost_id=derived("cost", 1),
        category=CostCategory.MEDIA,
        amount=Decimal(amount),
        currency=currency,
        rate=None if rate is None else Decimal(rate),
        base_currency=None if rate is None else "EUR",
        period_from=date(2026, 3, 1),
        period_to=date(2026, 3, 31),
        allocation="ads",
    )


def test_the_entries_of_a_cost_add_up_to_what_was_recorded_last(house: House) -> None:
    lists = told(house, record("100"), record("80", "USD", "0.9"), record("0"))
    row = lists.get(costs.view, [derived("cost", 1)])[derived("cost", 1)]
    assert (row.amount, row.base_amount, row.corrections, row.recorded_at) == (0, 0, 2, DAY)
    entries = facts(house, costs.costs)
    assert [entry.amount for entry in entries] == [100, -28, -72]
    assert {(entry.base_currency, entry.allocation, entry.category) for entry in entries} == {
        ("EUR", "ads", CostCategory.MEDIA)
    }


def test_a_cost_in_other_books_is_taken_off_the_first(house: House) -> None:
    told(house, record("100"), record("80", "USD"))
    assert [(entry.amount, entry.base_currency) for entry in facts(house, costs.costs)] == [
        (100, "EUR"), (-100, "EUR"), (80, "USD"),
    ]  # fmt: skip
