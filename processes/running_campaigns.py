"""Running campaigns: which campaigns there are, who was in their segments when they began, and what they say."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from domain.campaign import CampaignCompleted, CampaignLaunched, CampaignPaused, CampaignResumed
from domain.campaign_plan import CampaignPlanned
from domain.script import ScriptPublished
from domain.segment import SegmentDefined, SegmentRetired
from domain.segment_membership import SegmentEntered, SegmentExited
from eventstore.envelope import Recorded
from processes.policy import Policy


@dataclass(slots=True)
class Running:
    """A campaign: its plan, the customers whom it was launched for, in order, and whether it goes on."""

    plan: CampaignPlanned
    launched_at: datetime | None = None
    segments: dict[UUID, int] = field(default_factory=dict)
    members: tuple[UUID, ...] = ()
    paused_at: datetime | None = None
    ended: bool = False

    def turn(self, customer_id: UUID, per_minute: int) -> datetime:
        """When it is somebody's turn, if so many members are addressed in each minute after the launch."""
        begun = max(self.launched_at or self.plan.starts_at, self.plan.starts_at)
        return begun + timedelta(minutes=bisect_left(self.members, customer_id) // per_minute)


@dataclass(slots=True)
class Campaigns:
    """All campaigns, who is in which segment, the scripts by key and version, and the keys of the segments."""

    running: dict[UUID, Running] = field(default_factory=dict)
    segments: dict[UUID, set[UUID]] = field(default_factory=dict)
    scripts: dict[str, dict[int, ScriptPublished]] = field(default_factory=dict)
    keys: dict[UUID, str] = field(default_factory=dict)

    def words(self, plan: CampaignPlanned, language: str) -> tuple[str, str] | None:
        """The subject and the text of what a campaign says, in a language or in one that it has."""
        versions = self.scripts.get(plan.script or "", {})
        script = versions.get(plan.script_version or max(versions, default=0))
        if script is None:
            return None
        return spoken(script.title, language) or plan.title, str(spoken(script.text, language) or "")

    def offer_of(self, campaign_id: UUID, segment_id: UUID | None) -> str | None:
        """The offer that a campaign makes to whoever was chosen by a segment; the one for all others, if there is none."""
        offers = {rule.segment: rule.offer for rule in self.running[campaign_id].plan.offer_rules}
        key = self.keys.get(segment_id) if segment_id is not None else None
        return offers.get(key, offers.get(None))

    def segment_of(self, campaign_id: UUID, customer_id: UUID) -> tuple[UUID, int] | None:
        """The first segment of the plan by which somebody was chosen, and its version."""
        running = self.running[campaign_id]
        for segment_id in running.plan.segments:
            if customer_id in self.segments.get(segment_id, ()) and segment_id in running.segments:
                return segment_id, running.segments[segment_id]
        return None


class KnowsCampaigns(Protocol):
    """Whatever all memories of a policy share, if the campaigns are part of it."""

    campaigns: Campaigns


def learns_campaigns(policy: Policy[Any]) -> None:
    """Lets a policy know the campaigns: what its memories share must have `campaigns`."""

    @policy.learn(CampaignPlanned, CampaignLaunched, CampaignPaused, CampaignResumed, CampaignCompleted)
    def went_on(
        shared: KnowsCampaigns,
        event: CampaignPlanned | CampaignLaunched | CampaignPaused | CampaignResumed | CampaignCompleted,
        at: Recorded,
    ) -> None:
        campaigns = shared.campaigns
        if isinstance(event, CampaignPlanned):
            campaigns.running[at.stream_id] = Running(event)
            return
        running = campaigns.running[at.stream_id]
        match event:
            case CampaignLaunched(segment_versions=versions):
                running.launched_at = at.occurred_at
                running.segments = {each.segment_id: each.version for each in versions}
                running.members = chosen(running.plan, campaigns.segments)
            case CampaignPaused():
                running.paused_at = at.occurred_at
            case CampaignResumed():
                running.paused_at = None
            case CampaignCompleted():
                running.ended = True

    @policy.learn(SegmentEntered, SegmentExited)
    def moved(shared: KnowsCampaigns, event: SegmentEntered | SegmentExited, at: Recorded) -> None:
        inside = shared.campaigns.segments.setdefault(event.segment_id, set())
        (inside.add if isinstance(event, SegmentEntered) else inside.discard)(event.customer_id)

    @policy.learn(SegmentDefined)
    def named(shared: KnowsCampaigns, defined: SegmentDefined, at: Recorded) -> None:
        shared.campaigns.keys[at.stream_id] = defined.key

    @policy.learn(SegmentRetired)
    def given_up(shared: KnowsCampaigns, retired: SegmentRetired, at: Recorded) -> None:
        shared.campaigns.segments.pop(at.stream_id, None)

    @policy.learn(ScriptPublished)
    def said(shared: KnowsCampaigns, script: ScriptPublished, at: Recorded) -> None:
        shared.campaigns.scripts.setdefault(script.key, {})[script.version] = script


def chosen(plan: CampaignPlanned, segments: Mapping[UUID, set[UUID]]) -> tuple[UUID, ...]:
    """Everybody who is in one of a plan's segments and in none of its exclusions, in the order of their ids."""
    inside = set[UUID]().union(*(segments.get(id, ()) for id in plan.segments))
    return tuple(sorted(inside.difference(*(segments.get(id, ()) for id in plan.exclusions))))


def spoken(words: Mapping[str, str], language: str) -> str | None:
    """The words in a language, or else in the first that there is."""
    return words.get(language) or next(iter(words.values()), None)
