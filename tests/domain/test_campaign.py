"""Campaigns."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from domain.campaign import (
    CampaignCompleted,
    CampaignLaunched,
    CampaignPaused,
    CampaignResumed,
    CompleteCampaign,
    LaunchCampaign,
    PauseCampaign,
    ResumeCampaign,
    decider,
)
from domain.campaign_plan import CampaignKind, CampaignPlanned, OfferRule, PlanCampaign, SegmentVersion, is_held_out
from domain.kernel import Command, Event, derived
from domain.values import money
from tests.domain.scenario import but, given

SPRING, LOYAL, NEW, STAFF = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
SAID: dict[str, Any] = {
    "key": "spring-26",
    "title": "Spring lamps",
    "kind": CampaignKind.EMAIL,
    "goal": "Sell 100 lamps",
    "segments": (LOYAL, NEW),
    "exclusions": (STAFF,),
    "offer_rules": (OfferRule(segment="loyal", offer="VIP"), OfferRule(offer="SPRING")),
    "script": "lamps",
    "script_version": 3,
    "starts_at": datetime(2026, 3, 1, tzinfo=UTC),
    "ends_at": datetime(2026, 4, 1, tzinfo=UTC),
    "response_days": 14,
    "control_share": Decimal("0.1"),
}
BUDGET = money(Decimal("1000.005"), "GBP", Decimal("1.2"), "EUR")
SPENT: dict[str, Any] = {
    "budget": Decimal("1000.005"), "currency": "GBP", "rate": Decimal("1.2"), "base_currency": "EUR",
}  # fmt: skip
PLAN = PlanCampaign(campaign_id=SPRING, **SAID, **SPENT)
PLANNED = CampaignPlanned(**SAID, budget=BUDGET)
VERSIONS = tuple(SegmentVersion(segment_id=each, version=n) for n, each in enumerate((LOYAL, NEW), 1))
LAUNCH, LAUNCHED = (
    LaunchCampaign(campaign_id=SPRING, segment_versions=VERSIONS),
    CampaignLaunched(segment_versions=VERSIONS),
)
PAUSE, RESUME = PauseCampaign(campaign_id=SPRING), ResumeCampaign(campaign_id=SPRING)
COMPLETE, CALL_OFF = CompleteCampaign(campaign_id=SPRING), CompleteCampaign(campaign_id=SPRING, reason="No lamps")
PAUSED, RESUMED, COMPLETED = CampaignPaused(), CampaignResumed(), CampaignCompleted(reason=None)
CALLED_OFF = CampaignCompleted(reason="No lamps")


def test_a_campaign_is_planned_once_and_anew_as_a_whole_until_it_is_launched() -> None:
    changed = CampaignPlanned(**{**SAID, "goal": None, "budget": None})
    asked = but(PLAN, goal=None, budget=None)
    given(decider).when(PLAN).then(PLANNED)
    given(decider, PLANNED).when(PLAN).then_nothing()
    given(decider, PLANNED).when(asked).then(changed)
    given(decider, PLANNED, changed).when(asked).then_nothing()
    given(decider, PLANNED, changed).when(PLAN).then(PLANNED)
    for late in ([LAUNCHED], [LAUNCHED, PAUSED], [LAUNCHED, COMPLETED], [CALLED_OFF]):
        given(decider, PLANNED, *late).when(PLAN).then_nothing()
        given(decider, PLANNED, *late).when(asked).refused(
            "This campaign is no longer a plan. Plan another one instead."
        )


def test_a_campaign_without_a_budget_needs_no_currency() -> None:
    bare = PlanCampaign(campaign_id=SPRING, key="tv", title="TV", kind=CampaignKind.TV, starts_at=SAID["starts_at"])
    state = given(decider).when(bare).then(
        CampaignPlanned(
            key="tv", title="TV", kind=CampaignKind.TV, goal=None, budget=None, segments=(), exclusions=(),
            offer_rules=(), script=None, script_version=None, starts_at=SAID["starts_at"], ends_at=None,
            response_days=30, control_share=Decimal(0),
        )
    )  # fmt: skip
    assert list(decider.decide(LaunchCampaign(campaign_id=SPRING), state)) == [CampaignLaunched(segment_versions=())]


@pytest.mark.parametrize("history", [[], [PLANNED], [PLANNED, LAUNCHED]])
@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": ""}, "The key must not be blank.", "key"),
        ({"title": ""}, "The title must not be blank.", "title"),
        ({"goal": " "}, "The goal must not be blank.", "goal"),
        ({"script": " "}, "The script must not be blank.", "script"),
        ({"script": None}, "Give the script that this is a version of.", "script"),
        ({"script_version": 0}, "The script version must be from 1 to 2147483647.", "script_version"),
        ({"segments": (LOYAL, LOYAL)}, "Name each segment once.", "segments"),
        ({"exclusions": (STAFF, STAFF)}, "Name each segment once.", "exclusions"),
        ({"segments": tuple(UUID(int=n) for n in range(101))}, "Give at most 100 segments.", "segments"),
        ({"exclusions": (NEW,)}, "A segment cannot be both addressed and excluded.", "exclusions"),
        ({"offer_rules": (OfferRule(offer=" "),)}, "The offer of a rule must not be blank.", "offer_rules"),
        (
            {"offer_rules": (OfferRule(segment="", offer="A"),)},
            "The segment of a rule must not be blank.",
            "offer_rules",
        ),
        (
            {"offer_rules": (OfferRule(offer="A"), OfferRule(offer="B"))},
            "Give one offer for each segment.",
            "offer_rules",
        ),
        (
            {"offer_rules": tuple(OfferRule(segment=str(n), offer="A") for n in range(201))},
            "Give at most 200 rules.",
            "offer_rules",
        ),
        (
            {"starts_at": datetime(2026, 3, 1)},  # noqa: DTZ001  # that is what is wrong
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "starts_at",
        ),
        (
            {"ends_at": datetime(2026, 5, 1)},  # noqa: DTZ001  # that is what is wrong
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "ends_at",
        ),
        ({"ends_at": SAID["starts_at"]}, "The ends at must be after the start.", "ends_at"),
        ({"response_days": 0}, "The response days must be from 1 to 366.", "response_days"),
        ({"control_share": Decimal("0.51")}, "The control share must be from 0 to 0.5.", "control_share"),
        ({"control_share": Decimal("-0.1")}, "The control share must be from 0 to 0.5.", "control_share"),
        ({"control_share": Decimal("NaN")}, "The control share must be from 0 to 0.5.", "control_share"),
        ({"budget": Decimal(-1)}, "The budget must be zero or more.", "budget"),
        ({"base_currency": None}, "Give the base currency that the rate leads to.", "base_currency"),
    ],
)
def test_a_plan_must_make_sense(history: list[Event], changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, *history).when(but(PLAN, **changes)).refused(sentence, field)


def test_a_campaign_is_launched_once_with_a_version_of_each_segment() -> None:
    given(decider, PLANNED).when(LAUNCH).then(LAUNCHED)
    for later in ([], [PAUSED], [COMPLETED]):
        given(decider, PLANNED, LAUNCHED, *later).when(LAUNCH).then_nothing()
    given(decider, PLANNED, LAUNCHED).when(but(LAUNCH, segment_versions=())).refused(
        "This campaign is already launched. Plan another one instead."
    )
    for wrong in (VERSIONS[:1], (*VERSIONS, VERSIONS[0]), ()):
        given(decider, PLANNED).when(but(LAUNCH, segment_versions=wrong)).refused(
            "Give one version of each segment of the campaign.", "segment_versions"
        )
    never = (VERSIONS[0], SegmentVersion(segment_id=NEW, version=0))
    given(decider, PLANNED).when(but(LAUNCH, segment_versions=never)).refused(
        "The segment versions must be from 1 to 2147483647.", "segment_versions"
    )
    given(decider, PLANNED, CALLED_OFF).when(LAUNCH).refused("This campaign is already completed.")


def test_what_a_rival_planned_anew_is_not_launched_with_the_segments_of_the_old_one() -> None:
    fewer = CampaignPlanned(**{**SAID, "segments": (LOYAL,), "budget": BUDGET})
    given(decider, PLANNED, fewer).when(LAUNCH).refused(
        "Give one version of each segment of the campaign.", "segment_versions"
    )


def test_a_campaign_is_paused_and_resumed() -> None:
    given(decider, PLANNED, LAUNCHED).when(PAUSE).then(PAUSED)
    given(decider, PLANNED, LAUNCHED, PAUSED).when(PAUSE).then_nothing()
    given(decider, PLANNED, LAUNCHED, PAUSED).when(RESUME).then(RESUMED)
    given(decider, PLANNED, LAUNCHED, PAUSED, RESUMED).when(RESUME).then_nothing()
    given(decider, PLANNED, LAUNCHED).when(RESUME).then_nothing()


@pytest.mark.parametrize("history", [[], [LAUNCHED], [LAUNCHED, PAUSED]])
def test_a_campaign_ends_once_launched_or_not_and_with_a_reason_or_without(history: list[Event]) -> None:
    for asked, ended in ((COMPLETE, COMPLETED), (CALL_OFF, CALLED_OFF)):
        given(decider, PLANNED, *history).when(asked).then(ended)
        for before in (COMPLETED, CALLED_OFF, CampaignCompleted(reason=None)):
            given(decider, PLANNED, *history, before).when(asked).then_nothing()


@pytest.mark.parametrize("asked", [PAUSE, RESUME])
def test_what_has_not_begun_is_neither_paused_nor_resumed(asked: Command) -> None:
    given(decider, PLANNED).when(asked).refused("This campaign is not launched yet.")
    given(decider, PLANNED, CALLED_OFF).when(asked).refused("This campaign is already completed.")


@pytest.mark.parametrize("asked", [PAUSE, RESUME])
def test_what_is_completed_stays_so(asked: Command) -> None:
    given(decider, PLANNED, LAUNCHED, COMPLETED).when(asked).refused("This campaign is already completed.")


@pytest.mark.parametrize("asked", [LAUNCH, PAUSE, RESUME, COMPLETE])
def test_what_was_not_planned_cannot_change(asked: Command) -> None:
    given(decider).when(asked).refused("This campaign is not planned yet.", "campaign_id")


# Who is left alone.

CUSTOMERS = [derived("customer", "test", n) for n in range(10_000)]


def held_out(share: str, campaign: UUID = SPRING) -> set[UUID]:
    return {each for each in CUSTOMERS if is_held_out(campaign, each, Decimal(share))}


@pytest.mark.parametrize("share", ["0.01", "0.1", "0.5"])
def test_about_as_many_are_held_out_as_was_said(share: str) -> None:
    expected = Decimal(share) * len(CUSTOMERS)
    deviation = (expected * (1 - Decimal(share))).sqrt()
    assert abs(len(held_out(share)) - expected) < 4 * deviation


def test_who_is_held_out_stays_so_when_the_share_grows() -> None:
    sets = [held_out(share) for share in ("0", "0.05", "0.1", "0.25", "0.5")]
    assert sets[0] == set()
    assert all(less < more for less, more in pairwise(sets))


def test_each_campaign_leaves_others_alone() -> None:
    both = held_out("0.1") & held_out("0.1", UUID(int=99))
    assert 50 < len(both) < 150  # a tenth of a tenth


def test_who_is_held_out_is_so_for_ever() -> None:
    found = [n for n, each in enumerate(CUSTOMERS[:40]) if is_held_out(SPRING, each, Decimal("0.2"))]
    assert found == [0, 3, 7, 22, 23, 30, 37, 39]
