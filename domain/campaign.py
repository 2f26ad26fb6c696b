"""Campaigns: what is said to which segments, and from when to when."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from domain.campaign_plan import (
    MAX_VERSION,
    CampaignPlanned,
    PlanCampaign,
    SegmentVersion,
    budget_of,
    must_make_sense,
)
from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked
from domain.references import CampaignId
from domain.values import must_be_within


class CampaignStatus(StrEnum):
    """How far a campaign has come."""

    UNKNOWN = "UNKNOWN"
    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"


# What can be asked.


class LaunchCampaign(Command):
    """Begin, with the members of these versions of all its segments."""

    campaign_id: CampaignId
    segment_versions: tuple[SegmentVersion, ...] = ()


class PauseCampaign(Command):
    """Send nothing more until it is resumed."""

    campaign_id: CampaignId


class ResumeCampaign(Command):
    """Go on with a paused campaign."""

    campaign_id: CampaignId


class CompleteCampaign(Command):
    """End a campaign, or call it off before it is launched; responses may still come in."""

    campaign_id: CampaignId
    reason: Text | None = None


# What can have happened.


class CampaignLaunched(Event, stored_as="campaign.launched.v1"):
    """The campaign began, with the members of these versions of its segments."""

    segment_versions: tuple[SegmentVersion, ...]


class CampaignPaused(Event, stored_as="campaign.paused.v1"):
    """Nothing more was sent."""


class CampaignResumed(Event, stored_as="campaign.resumed.v1"):
    """The campaign went on."""


class CampaignCompleted(Event, stored_as="campaign.completed.v1"):
    """The campaign came to its end; one that was not launched was called off."""

    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Campaign:
    """How far it has come, its last plan, and how it began."""

    status: CampaignStatus = CampaignStatus.UNKNOWN
    plan: CampaignPlanned | None = None
    launched: CampaignLaunched | None = None


Asked = PlanCampaign | LaunchCampaign | PauseCampaign | ResumeCampaign | CompleteCampaign
Happened = CampaignPlanned | CampaignLaunched | CampaignPaused | CampaignResumed | CampaignCompleted


def decide(asked: Asked, campaign: Campaign) -> Iterator[Event]:
    match asked:
        case PlanCampaign():
            must_make_sense(asked)
            planned = as_asked(CampaignPlanned, asked, budget=budget_of(asked))
            if campaign.plan != planned:
                if campaign.status not in (CampaignStatus.UNKNOWN, CampaignStatus.PLANNED):
                    raise Refused("This campaign is no longer a plan. Plan another one instead.")
                yield planned
        case _ if campaign.plan is None:
            raise Refused("This campaign is not planned yet.", "campaign_id")
        case LaunchCampaign():
            launched = as_asked(CampaignLaunched, asked)
            if campaign.launched != launched:
                if campaign.launched is not None:
                    raise Refused("This campaign is already launched. Plan another one instead.")
                must_be_open(campaign)
                must_be_the_segments(asked.segment_versions, campaign.plan)
                yield launched
        case PauseCampaign():
            if campaign.status is not CampaignStatus.PAUSED:
                must_be_launched(campaign)
                yield CampaignPaused()
        case ResumeCampaign():
            if campaign.status is not CampaignStatus.RUNNING:
                must_be_launched(campaign)
                yield CampaignResumed()
        case CompleteCampaign(reason=reason):
            if campaign.status is not CampaignStatus.COMPLETED:
                yield CampaignCompleted(reason=reason)
        case _:
            assert_never(asked)


def evolve(campaign: Campaign, event: Happened) -> Campaign:
    match event:
        case CampaignPlanned():
            return replace(campaign, status=CampaignStatus.PLANNED, plan=event)
        case CampaignLaunched():
            return replace(campaign, status=CampaignStatus.RUNNING, launched=event)
        case CampaignPaused():
            return replace(campaign, status=CampaignStatus.PAUSED)
        case CampaignResumed():
            return replace(campaign, status=CampaignStatus.RUNNING)
        case CampaignCompleted():
            return replace(campaign, status=CampaignStatus.COMPLETED)
        case _:
            assert_never(event)


def must_be_the_segments(given: tuple[SegmentVersion, ...], plan: CampaignPlanned) -> None:
    """Refused unless there is one version of each segment of the plan."""
    if sorted(each.segment_id for each in given) != sorted(plan.segments):
        raise Refused("Give one version of each segment of the campaign.", "segment_versions")
    for each in given:
        must_be_within(each.version, 1, MAX_VERSION, "segment_versions")


def must_be_open(campaign: Campaign) -> None:
    """Refused if the campaign has come to its end."""
    if campaign.status is CampaignStatus.COMPLETED:
        raise Refused("This campaign is already completed.")


def must_be_launched(campaign: Campaign) -> None:
    """Refused if the campaign has come to its end, or not begun yet."""
    must_be_open(campaign)
    if campaign.launched is None:
        raise Refused("This campaign is not launched yet.")


decider = Decider("campaign", Asked, Happened, Campaign(), decide, evolve)
