"""Campaign members."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.campaign_member import (
    MAX_ATTRIBUTIONS,
    MAX_MESSAGES,
    MAX_RESPONSES,
    AttributeToCampaign,
    CampaignAttributed,
    CampaignMessageDispatched,
    CampaignResponded,
    CampaignResponseKind,
    DispatchCampaignMessage,
    HoldOutMember,
    MemberHeldOut,
    MemberOptedOut,
    MemberSuppressed,
    MemberTargeted,
    OptOutMember,
    RecordCampaignResponse,
    SuppressMember,
    TargetMember,
    campaign_member_id,
    decider,
)
from domain.kernel import Command, Event, derived
from domain.values import Channel
from tests.domain.scenario import but, given

SPRING, ANA, LOYAL, ORDER, OPPORTUNITY = (UUID(int=n) for n in range(1, 6))
WHO: dict[str, Any] = {"campaign_id": SPRING, "customer_id": ANA}
WHY: dict[str, Any] = {"segment_id": LOYAL, "segment_version": 2}
OFFER = UUID(int=9)
TARGET, TARGETED = TargetMember(**WHO, **WHY, offer_id=OFFER), MemberTargeted(**WHO, **WHY, offer_id=OFFER)
HOLD_OUT, HELD_OUT = HoldOutMember(**WHO, **WHY), MemberHeldOut(**WHO, **WHY)
SUPPRESS, SUPPRESSED = SuppressMember(**WHO, reason="NO_CONSENT"), MemberSuppressed(**WHO, reason="NO_CONSENT")
DISPATCH = DispatchCampaignMessage(**WHO, channel=Channel.EMAIL, message_id="m1")
DISPATCHED = CampaignMessageDispatched(campaign_id=SPRING, channel=Channel.EMAIL, message_id="m1")
CLICK: dict[str, Any] = {"kind": CampaignResponseKind.CLICK, "response_ref": "c1", "interaction_id": UUID(int=8)}
RESPOND = RecordCampaignResponse(**WHO, **CLICK)
RESPONDED = CampaignResponded(campaign_id=SPRING, within_window=True, **CLICK)
OPT_OUT, OPTED_OUT = OptOutMember(**WHO), MemberOptedOut(campaign_id=SPRING)
SHARE: dict[str, Any] = {"order_id": ORDER, "weight": Decimal("0.5"), "model": "linear", "model_version": 1}
ATTRIBUTE = AttributeToCampaign(**WHO, **SHARE)
ATTRIBUTED = CampaignAttributed(campaign_id=SPRING, **SHARE)
ASKED: list[Command] = [TARGET, HOLD_OUT, SUPPRESS, DISPATCH, RESPOND, OPT_OUT, ATTRIBUTE]


def test_there_is_one_stream_per_campaign_and_customer() -> None:
    assert {decider.stream_of(each) for each in ASKED} == {campaign_member_id(SPRING, ANA)}
    assert campaign_member_id(SPRING, ANA) == derived("campaign_member", SPRING, ANA)


@pytest.mark.parametrize(("asked", "happened"), [(TARGET, TARGETED), (HOLD_OUT, HELD_OUT), (SUPPRESS, SUPPRESSED)])
def test_a_customer_becomes_a_member_once(asked: Command, happened: Event) -> None:
    state = given(decider).when(asked).then(happened)
    assert state.customer_id == ANA
    given(decider, happened).when(asked).then_nothing()


def test_whoever_is_chosen_stays_so() -> None:
    given(decider, TARGETED).when(HOLD_OUT).refused(
        "This customer is already targeted in this campaign.", "customer_id"
    )
    given(decider, HELD_OUT).when(TARGET).refused("This customer is already held out in this campaign.", "customer_id")
    given(decider, TARGETED).when(but(TARGET, offer_id=None)).refused(
        "This customer is already targeted in this campaign.", "customer_id"
    )
    for asked in (TARGET, HOLD_OUT):
        given(decider, SUPPRESSED).when(asked).refused("This customer is suppressed in this campaign.", "customer_id")
    given(decider, TARGETED, SUPPRESSED).when(TARGET).then_nothing()


@pytest.mark.parametrize("asked", [TARGET, HOLD_OUT])
def test_a_segment_is_one_of_its_versions(asked: Command) -> None:
    for missing in ("segment_id", "segment_version"):
        given(decider).when(but(asked, **{missing: None})).refused("Give the segment with its version.", "segment_id")
    given(decider).when(but(asked, segment_version=0)).refused(
        "The segment version must be from 1 to 2147483647.", "segment_version"
    )


@pytest.mark.parametrize("chosen", [TARGETED, HELD_OUT])
def test_a_member_may_be_suppressed_later_for_one_reason_or_another(chosen: Event) -> None:
    given(decider, chosen).when(SUPPRESS).then(SUPPRESSED)
    given(decider, chosen, SUPPRESSED).when(but(SUPPRESS, reason="CAPPED")).then_nothing()
    given(decider, chosen).when(but(SUPPRESS, reason=" ")).refused("The reason must not be blank.", "reason")


@pytest.mark.parametrize("asked", [DISPATCH, RESPOND, OPT_OUT, ATTRIBUTE])
def test_nothing_is_known_of_who_is_no_member(asked: Command) -> None:
    given(decider).when(asked).refused("This customer is not a member of this campaign yet.", "customer_id")


def test_each_message_is_dispatched_once() -> None:
    given(decider, TARGETED).when(DISPATCH).then(DISPATCHED)
    given(decider, TARGETED, DISPATCHED).when(DISPATCH).then_nothing()
    given(decider, TARGETED, DISPATCHED, OPTED_OUT).when(DISPATCH).then_nothing()
    sms = CampaignMessageDispatched(campaign_id=SPRING, channel=Channel.SMS)
    asked = but(DISPATCH, channel=Channel.SMS, message_id=None)
    given(decider, TARGETED, DISPATCHED).when(asked).then(sms)
    given(decider, TARGETED, sms).when(asked).then_nothing()
    given(decider, TARGETED).when(but(DISPATCH, message_id="")).refused(
        "The id of the message must not be blank.", "message_id"
    )


@pytest.mark.parametrize(
    ("history", "how"),
    [
        ([HELD_OUT], "is held out of"),
        ([SUPPRESSED], "is suppressed in"),
        ([TARGETED, SUPPRESSED], "is suppressed in"),
        ([TARGETED, OPTED_OUT], "has opted out of"),
    ],
)
def test_nothing_is_sent_to_who_must_not_have_it(history: list[Event], how: str) -> None:
    given(decider, *history).when(DISPATCH).refused(f"This customer {how} this campaign.", "customer_id")


@pytest.mark.parametrize("member", [TARGETED, HELD_OUT, SUPPRESSED])
def test_a_response_counts_once_also_of_those_who_were_left_alone(member: Event) -> None:
    given(decider, member).when(RESPOND).then(RESPONDED)
    given(decider, member, RESPONDED).when(RESPOND).then_nothing()
    given(decider, member, RESPONDED).when(but(RESPOND, within_window=False)).refused(
        "This response is already recorded. Record another one instead.", "response_ref"
    )
    given(decider, member).when(but(RESPOND, response_ref=" ")).refused(
        "The reference of the response must not be blank.", "response_ref"
    )


def test_a_member_opts_out_once() -> None:
    given(decider, TARGETED).when(OPT_OUT).then(OPTED_OUT)
    given(decider, TARGETED, OPTED_OUT).when(OPT_OUT).then_nothing()


@pytest.mark.parametrize(
    "changes",
    [
        {"weight": Decimal("0.25")},
        {"model_version": 2},
        {"model": "last-touch"},
        {"order_id": UUID(int=77)},
        {"order_id": None, "opportunity_id": OPPORTUNITY},
    ],
)
def test_an_attribution_is_a_new_fact_only_if_it_says_something_else(changes: dict[str, Any]) -> None:
    other, asked = CampaignAttributed(campaign_id=SPRING, **SHARE | changes), but(ATTRIBUTE, **changes)
    given(decider, TARGETED).when(ATTRIBUTE).then(ATTRIBUTED)
    given(decider, TARGETED, ATTRIBUTED).when(ATTRIBUTE).then_nothing()
    given(decider, TARGETED, ATTRIBUTED).when(asked).then(other)
    given(decider, TARGETED, ATTRIBUTED, other).when(asked).then_nothing()


def test_one_model_changing_its_mind_leaves_the_word_of_another() -> None:
    other = CampaignAttributed(campaign_id=SPRING, **SHARE | {"model": "last-touch"})
    given(decider, TARGETED, ATTRIBUTED, other).when(ATTRIBUTE).then_nothing()


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"order_id": None}, "Give an order or an opportunity, one of them.", "order_id"),
        ({"opportunity_id": OPPORTUNITY}, "Give an order or an opportunity, one of them.", "order_id"),
        ({"weight": Decimal("1.01")}, "The weight must be from 0 to 1.", "weight"),
        ({"model": ""}, "The model must not be blank.", "model"),
        ({"model_version": 0}, "The model version must be from 1 to 2147483647.", "model_version"),
    ],
)
def test_an_attribution_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, TARGETED).when(but(ATTRIBUTE, **changes)).refused(sentence, field)


def test_everything_has_an_end() -> None:
    messages = [but_event(DISPATCHED, message_id=str(n)) for n in range(MAX_MESSAGES)]
    responses = [but_event(RESPONDED, response_ref=str(n)) for n in range(MAX_RESPONSES)]
    credits = [but_event(ATTRIBUTED, model_version=n) for n in range(1, MAX_ATTRIBUTIONS + 1)]
    given(decider, TARGETED, *messages).when(DISPATCH).refused("A member gets at most 200 messages of one campaign.")
    given(decider, TARGETED, *responses).when(RESPOND).refused("A member has at most 100 responses to one campaign.")
    given(decider, TARGETED, *responses).when(but(RESPOND, response_ref="99")).then_nothing()
    given(decider, TARGETED, *credits).when(ATTRIBUTE).refused("A member has at most 500 attributions to one campaign.")
    given(decider, TARGETED, *credits[1:]).when(ATTRIBUTE).then(ATTRIBUTED)


def but_event(event: Any, **changes: Any) -> Event:
    found: Event = but(event, **changes)
    return found
