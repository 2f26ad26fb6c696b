"""P19: whoever was in the segments at the launch is addressed once, at a pace, or left alone to compare."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.activity import ActivityKind, ActivityScheduled
from domain.campaign import CompleteCampaign, LaunchCampaign, PauseCampaign, ResumeCampaign
from domain.campaign_member import (
    CampaignMessageDispatched,
    MemberHeldOut,
    MemberSuppressed,
    MemberTargeted,
    OptOutMember,
    TargetMember,
)
from domain.campaign_plan import CampaignKind, OfferRule, PlanCampaign, SegmentVersion, is_held_out
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.customer import MergeCustomers
from domain.kernel import derived
from domain.offer import OfferMade
from domain.predicate import Predicate, Test, TestOperator
from domain.script import PublishScript, ScriptKind
from domain.segment import DefineSegment, PublishSegment, RetireSegment
from domain.segment_membership import EnterSegment, ExitSegment
from domain.values import Channel
from eventstore.envelope import Origin
from processes import campaign_execution, consent_guard
from tests.conftest import House
from tests.processes.shop import Shop, local, moment

CAMPAIGN = derived("campaign", "autumn")
MONDAY = "2026-01-12 10:00"
GOOD, BAD = derived("segment", "good"), derived("segment", "bad")


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop with two segments, and with words for a campaign."""
    policies = [campaign_execution.policy, consent_guard.policy]
    shop = Shop(house.log, tmp_path / "mail", policies=policies)
    meant = Predicate(test=Test(field="orders", operator=TestOperator.GT, number=Decimal(0)))
    for id, key in ((GOOD, "good"), (BAD, "bad")):
        shop.do(DefineSegment(segment_id=id, key=key, title={"en": key}, predicate=meant))
        shop.do(PublishSegment(segment_id=id))
    words = {"es": "¡Otoño!\nTodo a mitad de precio.", "en": "Autumn!\nAll at half the price."}
    title = {"es": "Rebajas", "en": "Sale"}
    shop.do(PublishScript(script_id=derived("script", "a"), key="a", kind=ScriptKind.MESSAGE, title=title, text=words))
    return shop


def plan(shop: Shop, **said: Any) -> None:
    told: dict[str, Any] = {"kind": CampaignKind.EMAIL, "script": "a", "starts_at": moment("2026-01-01 10:00"), **said}
    segments, exclusions = told.pop("segments", (GOOD,)), told.pop("exclusions", (BAD,))
    shop.do(
        PlanCampaign(
            campaign_id=CAMPAIGN, key="autumn", title="Autumn", segments=segments, exclusions=exclusions, **told
        )
    )


def launch(shop: Shop, on: str = MONDAY) -> None:
    shop.do(LaunchCampaign(campaign_id=CAMPAIGN, segment_versions=(SegmentVersion(segment_id=GOOD, version=1),)), on)
    shop.until(on)


def member(shop: Shop, segment: UUID = GOOD, consent: bool = True, **said: Any) -> UUID:
    customer = shop.customer(**said)
    if consent:
        shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING))
    shop.do(EnterSegment(segment_id=segment, customer_id=customer, definition_version=1))
    return customer


def happened(shop: Shop, *kinds: type) -> list[Any]:
    return [event for event, _ in shop.log.reader.page(0, 100_000, disclose=True) if isinstance(event, kinds)]


def addressed(shop: Shop) -> dict[UUID | None, tuple[str, str | None]]:
    return {row.customer_id: (row.status.value, row.reason) for row in shop.ledger("address")}


@pytest.mark.parametrize(("language", "subject", "words"), [("es", "Rebajas", "mitad"), ("en", "Sale", "half")])
def test_a_member_is_written_to_in_the_words_of_the_script(shop: Shop, language: str, subject: str, words: str) -> None:
    customer = member(shop, language=language)
    plan(shop)
    launch(shop)
    [mail] = shop.mails()
    assert (mail["Subject"], addressed(shop)) == (subject, {customer: ("DELIVERED", None)})
    for form in ("plain", "html"):
        assert words in mail.get_body((form,)).get_content()  # type: ignore[union-attr]
    [sent] = happened(shop, CampaignMessageDispatched)
    assert (sent.campaign_id, sent.channel) == (CAMPAIGN, Channel.EMAIL)
    [targeted] = happened(shop, MemberTargeted)
    assert (targeted.customer_id, targeted.segment_id, targeted.segment_version) == (customer, GOOD, 1)


def test_members_are_those_of_the_launch_without_the_excluded_and_those_who_left(shop: Shop) -> None:
    stays, leaves, excluded = member(shop), member(shop), member(shop)
    shop.do(ExitSegment(segment_id=GOOD, customer_id=leaves, definition_version=1))
    shop.do(EnterSegment(segment_id=BAD, customer_id=excluded, definition_version=1))
    member(shop, BAD)
    plan(shop)
    shop.do(
        LaunchCampaign(campaign_id=CAMPAIGN, segment_versions=(SegmentVersion(segment_id=GOOD, version=1),)), MONDAY
    )
    late = member(shop)  # after the launch, before the worker came to it
    shop.until(MONDAY)
    assert set(addressed(shop)) == {stays}
    assert late not in {each.customer_id for each in happened(shop, MemberTargeted)}


def test_nobody_belongs_to_a_segment_that_is_retired(shop: Shop) -> None:
    member(shop)
    plan(shop)
    shop.do(RetireSegment(segment_id=GOOD))
    launch(shop)
    [row] = shop.ledger()
    assert (row.step, row.status, row.reason) == ("enrol 0", "SUPPRESSED", "NO_MEMBERS")


def test_the_control_group_is_drawn_from_the_ids_and_left_alone(shop: Shop) -> None:
    members = [member(shop, email=f"m{n}@shop.test") for n in range(12)]
    plan(shop, control_share=Decimal("0.4"))
    launch(shop)
    held_out = {id for id in members if is_held_out(CAMPAIGN, id, Decimal("0.4"))}
    assert 0 < len(held_out) < 12
    assert {each.customer_id for each in happened(shop, MemberHeldOut)} == held_out
    assert set(addressed(shop)) == set(members) - held_out
    assert len(shop.mails()) == 12 - len(held_out)


RULES = (OfferRule(segment="good", offer="GOOD-10"), OfferRule(offer="ALL-5"))


def test_who_is_addressed_is_made_the_offer_of_their_segment(shop: Shop) -> None:
    other = derived("segment", "other")
    meant = Predicate(test=Test(field="orders", operator=TestOperator.GT, number=Decimal(0)))
    shop.do(DefineSegment(segment_id=other, key="other", title={"en": "x"}, predicate=meant))
    shop.do(PublishSegment(segment_id=other))
    good, third = member(shop), member(shop, other, email="m@shop.test")
    member(shop, consent=False, email="n@shop.test")
    plan(shop, offer_rules=RULES, segments=(GOOD, other), ends_at=moment("2026-02-01 10:00"))
    versions = tuple(SegmentVersion(segment_id=id, version=1) for id in (GOOD, other))
    shop.do(LaunchCampaign(campaign_id=CAMPAIGN, segment_versions=versions), MONDAY)
    shop.until(MONDAY)
    shop.do(ExitSegment(segment_id=GOOD, customer_id=good, definition_version=1))
    shop.until("2026-01-13 10:00")
    made = happened(shop, OfferMade)
    assert {(each.customer_id, each.offer) for each in made} == {(good, "GOOD-10"), (third, "ALL-5")}
    assert len(made) == 2
    assert {(each.campaign_id, each.valid_until) for each in made} == {(CAMPAIGN, moment("2026-02-01 10:00"))}


def test_who_is_held_out_is_made_no_offer_and_who_is_called_is(shop: Shop) -> None:
    members = [member(shop, phone=f"60012345{n}") for n in range(8)]
    plan(shop, control_share=Decimal("0.5"), offer_rules=RULES, kind=CampaignKind.PHONE)
    launch(shop)
    held_out = {id for id in members if is_held_out(CAMPAIGN, id, Decimal("0.5"))}
    assert 0 < len(held_out) < 8
    assert {each.customer_id for each in happened(shop, OfferMade)} == set(members) - held_out


def test_a_campaign_without_an_offer_for_somebody_makes_none(shop: Shop) -> None:
    member(shop)
    plan(shop, offer_rules=(OfferRule(segment="bad", offer="BAD-10"),))
    launch(shop)
    assert (happened(shop, OfferMade), len(shop.mails())) == ([], 1)


@pytest.mark.parametrize(
    ("said", "reason"),
    [({"consent": False}, "NO_CONSENT"), ({"email": None}, "NO_ADDRESS")],
    ids=["consent", "address"],
)
def test_who_cannot_or_must_not_be_reached_is_suppressed_for_the_campaign_as_well(
    shop: Shop, said: dict[str, Any], reason: str
) -> None:
    customer = member(shop, **said)
    plan(shop)
    launch(shop)
    assert addressed(shop) == {customer: ("SUPPRESSED", reason)}
    assert [each.reason for each in happened(shop, MemberSuppressed)] == [reason]
    assert shop.mails() == []


def test_the_third_message_within_a_week_is_one_too_many(shop: Shop) -> None:
    customer = member(shop)
    for n in range(3):
        other = derived("campaign", n)
        shop.do(
            PlanCampaign(
                campaign_id=other, key=f"c{n}", title="c", kind=CampaignKind.EMAIL, script="a", segments=(GOOD,),
                starts_at=moment("2026-01-01 10:00"),
            )
        )  # fmt: skip
        shop.do(
            LaunchCampaign(campaign_id=other, segment_versions=(SegmentVersion(segment_id=GOOD, version=1),)), MONDAY
        )
        shop.until(moment(MONDAY) + timedelta(hours=n))
    said = Counter((row.status.value, row.reason) for row in shop.ledger("address"))
    assert said == {("DELIVERED", None): 2, ("SUPPRESSED", "CAPPED"): 1}
    assert {row.customer_id for row in shop.ledger("address")} == {customer}


def test_members_are_addressed_at_a_pace(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign_execution, "PER_MINUTE", 2)
    monkeypatch.setattr(campaign_execution, "ENROLLED_AT_ONCE", 2)
    for n in range(5):
        member(shop, email=f"m{n}@shop.test")
    plan(shop)
    launch(shop)
    assert len(shop.mails()) == 2
    assert Counter(local(row.due_at) for row in shop.ledger("address")) == {
        "2026-01-12 10:00": 2,
        "2026-01-12 10:01": 2,
        "2026-01-12 10:02": 1,
    }
    assert [row.step for row in shop.ledger() if row.customer_id is None] == ["enrol 0", "enrol 2", "enrol 4"]
    shop.until("2026-01-12 10:01")
    assert len(shop.mails()) == 4
    shop.until("2026-01-12 10:02")
    assert len(shop.mails()) == 5


def test_nothing_is_sent_before_the_campaign_starts_or_at_night(shop: Shop) -> None:
    member(shop)
    plan(shop, starts_at=moment("2026-01-13 22:00"))
    launch(shop)
    assert happened(shop, MemberTargeted) == []
    shop.until("2026-01-13 22:00")
    [row] = shop.ledger("address")
    assert (local(row.wanted_at), local(row.due_at)) == ("2026-01-13 22:00", "2026-01-14 09:00")


def test_a_campaign_that_is_paused_waits_and_goes_on(shop: Shop) -> None:
    member(shop)
    plan(shop)
    shop.do(
        LaunchCampaign(campaign_id=CAMPAIGN, segment_versions=(SegmentVersion(segment_id=GOOD, version=1),)), MONDAY
    )
    shop.do(PauseCampaign(campaign_id=CAMPAIGN), MONDAY)
    shop.until(MONDAY)
    [row] = shop.ledger()
    assert (row.status, row.reason, local(row.due_at)) == ("SCHEDULED", "PAUSED", "2026-01-12 10:15")
    shop.until("2026-01-12 11:00")
    [row] = shop.ledger()
    assert local(row.due_at) == "2026-01-12 12:00"  # as long again as it has been paused
    shop.do(ResumeCampaign(campaign_id=CAMPAIGN), "2026-01-12 11:30")
    shop.until("2026-01-12 12:00")
    assert len(shop.mails()) == 1


def test_a_member_in_a_pause_is_not_written_to(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign_execution, "PER_MINUTE", 1)
    for n in range(2):
        member(shop, email=f"m{n}@shop.test")
    plan(shop)
    launch(shop)
    shop.do(PauseCampaign(campaign_id=CAMPAIGN), MONDAY)
    shop.until("2026-01-12 10:05")
    assert len(shop.mails()) == 1
    assert sorted((row.status.value, row.reason) for row in shop.ledger("address")) == [
        ("DELIVERED", None),
        ("SCHEDULED", "PAUSED"),
    ]


@pytest.mark.parametrize("how", ["it is called off", "its time is over"])
def test_a_campaign_that_ended_sends_nothing_more(shop: Shop, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(campaign_execution, "PER_MINUTE", 1)
    for n in range(2):
        member(shop, email=f"m{n}@shop.test")
    plan(shop, ends_at=moment("2026-01-12 10:00:30") if how == "its time is over" else None)
    launch(shop)
    if how == "it is called off":
        shop.do(CompleteCampaign(campaign_id=CAMPAIGN), MONDAY)
    shop.until("2026-01-12 10:01")
    assert len(shop.mails()) == 1
    assert ("CANCELLED", "CAMPAIGN_ENDED") in addressed(shop).values()


def test_who_opts_out_hears_no_more(shop: Shop) -> None:
    customer = member(shop)
    plan(shop, starts_at=moment("2026-01-12 22:00"))
    launch(shop)
    shop.until("2026-01-12 22:00")
    shop.do(OptOutMember(campaign_id=CAMPAIGN, customer_id=customer))
    shop.worker.run()
    assert addressed(shop) == {customer: ("CANCELLED", "OPTED_OUT")}


def test_who_objects_to_advertising_before_their_turn_is_left_alone(shop: Shop) -> None:
    customer = member(shop)
    plan(shop, starts_at=moment("2026-01-12 22:00"))
    launch(shop)
    shop.until("2026-01-12 22:00")
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.MARKETING))
    shop.until("2026-01-13 10:00")
    assert addressed(shop) == {customer: ("CANCELLED", "CONSENT_WITHDRAWN")}
    assert shop.mails() == []


def test_who_was_merged_from_two_members_is_addressed_once(shop: Shop) -> None:
    first, second = member(shop), member(shop)
    plan(shop)
    shop.do(MergeCustomers(customer_id=second, survivor_id=first))
    launch(shop)
    assert len(shop.mails()) == 1
    assert sorted(row.reason or "" for row in shop.ledger("address")) == ["", "COALESCED"]


@pytest.mark.parametrize("kind", [CampaignKind.PHONE, CampaignKind.TELESALES])
def test_telephone_campaigns_are_calls_to_make(shop: Shop, kind: CampaignKind) -> None:
    customer = member(shop, phone="+34600111222")
    plan(shop, kind=kind)
    launch(shop)
    [call] = happened(shop, ActivityScheduled)
    assert (call.kind, call.customer_id, call.related_id) == (ActivityKind.CALL, customer, CAMPAIGN)
    assert addressed(shop) == {customer: ("DONE", "CALL")}
    assert shop.mails() == []


def test_letters_are_handed_to_the_post(shop: Shop) -> None:
    customer = member(shop)
    plan(shop, kind=CampaignKind.DIRECT_MAIL)
    launch(shop)
    assert [each.channel for each in happened(shop, CampaignMessageDispatched)] == [Channel.LETTER]
    assert addressed(shop) == {customer: ("DONE", "LETTER")}


def test_a_campaign_on_television_addresses_nobody_in_particular(shop: Shop) -> None:
    customer = member(shop)
    plan(shop, kind=CampaignKind.TV)
    launch(shop)
    assert addressed(shop) == {customer: ("SUPPRESSED", "NOTHING_TO_SEND")}


def test_without_words_nothing_is_sent(shop: Shop) -> None:
    customer = member(shop)
    plan(shop, script=None)
    launch(shop)
    assert addressed(shop) == {customer: ("SUPPRESSED", "NO_SCRIPT")}


def test_who_is_targeted_by_hand_is_addressed_as_well(shop: Shop) -> None:
    plan(shop)
    launch(shop)
    customer = shop.customer()
    shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING))
    shop.do(TargetMember(campaign_id=CAMPAIGN, customer_id=customer), MONDAY)
    shop.until(MONDAY)
    assert addressed(shop) == {customer: ("DELIVERED", None)}


def test_an_imported_launch_sets_nothing_off(shop: Shop) -> None:
    member(shop)
    plan(shop)
    version = SegmentVersion(segment_id=GOOD, version=1)
    shop.do(LaunchCampaign(campaign_id=CAMPAIGN, segment_versions=(version,)), MONDAY, origin=Origin.IMPORT)
    shop.until(MONDAY)
    assert shop.ledger() == []
