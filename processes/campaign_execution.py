"""Campaign execution: whoever was in the segments at the launch is addressed once, at a measured pace, or left alone.

A launch enrols its members, `ENROLLED_AT_ONCE` at a time; each who is targeted is then written to, or called, as soon as it
is their turn. Who belongs to the control group is drawn by lot from both ids (`domain.campaign_plan.is_held_out`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from domain.activity import ActivityKind
from domain.campaign import CampaignLaunched
from domain.campaign_member import (
    DispatchCampaignMessage,
    HoldOutMember,
    MemberOptedOut,
    MemberSuppressed,
    MemberTargeted,
    SuppressMember,
    TargetMember,
    campaign_member_id,
)
from domain.campaign_plan import CampaignKind, is_held_out
from domain.consent import Purpose
from domain.follow_up import Action, ActionKind, DispatchFollowUp, PostponeFollowUp, ScheduleFollowUp, SuppressFollowUp
from domain.kernel import Command, derived
from domain.offer import MakeOffer
from domain.rules import Rules
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.contact import ON_ITS_WAY, Contact, keep, remembers
from processes.owners import task
from processes.policy import Letter, Policy, cancel, done
from processes.running_campaigns import Campaigns, Running, learns_campaigns
from processes.telling import BY_ITSELF, any_of, until
from projections.touchpoints.due import Due

ENROLLED_AT_ONCE = 200
"""Members that one decision chooses; the next ones follow at once."""
PER_MINUTE = 100
"""The pace: so many members are addressed in each minute after the launch."""
LOOKED_AT_AGAIN = timedelta(minutes=15), timedelta(days=1)
"""How soon, and how late, a campaign that is paused is looked at again: as long as it has been paused already."""
CHANNELS = {
    CampaignKind.EMAIL: Channel.EMAIL,
    CampaignKind.PRODUCT_LAUNCH: Channel.EMAIL,
    CampaignKind.SMS: Channel.SMS,
    CampaignKind.PHONE: Channel.PHONE,
    CampaignKind.TELESALES: Channel.PHONE,
    CampaignKind.DIRECT_MAIL: Channel.LETTER,
}
"""By what each kind of campaign turns to a single customer; the other kinds turn to nobody in particular."""

ENROL, ADDRESS = "enrol", "address"
NOTHING_TO_SEND = "NOTHING_TO_SEND"


@dataclass(slots=True)
class Company:
    """What all memories share."""

    campaigns: Campaigns = field(default_factory=Campaigns)


@dataclass(slots=True)
class Known:
    """What there is to know of a customer, of which campaigns they want to hear no more, and by which segment each chose them."""

    company: Company
    contact: Contact = field(default_factory=Contact)
    no_more: dict[UUID, str] = field(default_factory=dict)
    chosen_by: dict[UUID, UUID] = field(default_factory=dict)


RULES = Rules(
    triggers=any_of(CampaignLaunched, MemberTargeted),
    delay=until(
        f"the turn of each member, {PER_MINUTE} a minute from the launch or the planned start on", quiet_hours=True
    ),
    action=replace(BY_ITSELF, template="campaign", purpose=Purpose.MARKETING),
    cancelled_by=any_of(MemberOptedOut, MemberSuppressed),
    note=(
        "Whoever is in the segments at the launch is targeted, but for the control group, which is drawn by lot and left "
        "alone; the others are written to, or called, as the kind of campaign has it, and made its offer, not while it is "
        "paused and not after its end."
    ),
)

policy = Policy("campaign-execution", version=1, memory=Known, shared=Company, rules=RULES)
remembers(policy)
learns_campaigns(policy)


@policy.remember(MemberOptedOut, MemberSuppressed)
def turned_away(known: Known, event: MemberOptedOut | MemberSuppressed, at: Recorded) -> None:
    known.no_more[event.campaign_id] = event.reason if isinstance(event, MemberSuppressed) else "OPTED_OUT"


@policy.remember(MemberTargeted)
def chosen(known: Known, targeted: MemberTargeted, at: Recorded) -> None:
    if targeted.segment_id is not None:
        known.chosen_by[targeted.campaign_id] = targeted.segment_id


@policy.trigger(CampaignLaunched)
def launch(launched: CampaignLaunched, at: Recorded, known: Known) -> Iterator[Command]:
    running = known.company.campaigns.running[at.stream_id]
    if not running.members:
        yield policy.pass_over(at, "NO_MEMBERS", f"{ENROL} 0", at.stream_id)
        return
    for first in range(0, len(running.members), ENROLLED_AT_ONCE):
        action = Action(kind=ActionKind.ACT, about=at.stream_id)
        yield policy.promise(at, f"{ENROL} {first}", action, max(at.occurred_at, running.plan.starts_at))


@policy.trigger(MemberTargeted)
def address(targeted: MemberTargeted, at: Recorded, known: Known) -> Iterator[Command]:
    running = known.company.campaigns.running.get(targeted.campaign_id)
    if running is None or (action := addressing(running, targeted.campaign_id)) is None:
        yield policy.pass_over(at, NOTHING_TO_SEND, ADDRESS, at.stream_id)
    else:
        wanted = max(at.occurred_at, running.turn(targeted.customer_id, PER_MINUTE))
        yield policy.promise(at, ADDRESS, action, known.contact.calendar.allowed(wanted), wanted_at=wanted)


@policy.on(MemberOptedOut, MemberSuppressed)
def leave_alone(event: MemberOptedOut | MemberSuppressed, at: Recorded, known: Known) -> Iterator[Command]:
    yield from cancel(known.no_more[event.campaign_id], policy.follow_up_id(at.stream_id, ADDRESS))


@policy.due
def go_on(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.about is not None
    running = known.company.campaigns.running[due.about]
    if ended(running, now):
        yield from cancel("CAMPAIGN_ENDED", due.follow_up_id)
    elif running.paused_at is not None:
        soonest, latest = LOOKED_AT_AGAIN
        later = now + min(max(now - running.paused_at, soonest), latest)
        yield PostponeFollowUp(follow_up_id=due.follow_up_id, due_at=later, reason="PAUSED")
    elif due.step.startswith(ENROL):
        yield from enrol(due, due.about, now, known.company.campaigns)
    else:
        yield from turn_to(due, now, known, running)


@policy.unless
def not_any_more(due: Due, now: datetime, known: Known) -> str | None:
    assert due.about is not None
    return no_longer(due, known, known.company.campaigns.running[due.about], now)


@policy.letter
def write(due: Due, known: Known) -> Letter:
    assert due.about is not None
    assert due.channel is not None
    assert due.customer_id is not None
    contact, running = known.contact, known.company.campaigns.running[due.about]
    subject, text = known.company.campaigns.words(running.plan, contact.written_in) or (running.plan.title, "")
    told = DispatchCampaignMessage(
        campaign_id=due.about, customer_id=due.customer_id, channel=due.channel, message_id=str(due.follow_up_id)
    )
    return Letter(
        to=contact.address(due.channel) or "",
        name=contact.name,
        language=contact.written_in,
        template="campaign",
        hours=contact.calendar,
        channel=due.channel,
        values={"headline": subject, "text": text},
        then=(told,),
    )


def enrol(due: Due, campaign_id: UUID, now: datetime, campaigns: Campaigns) -> Iterator[Command]:
    """The next members are held out, or targeted with a promise to turn to them."""
    running = campaigns.running[campaign_id]
    action = addressing(running, campaign_id)
    first = int(due.step.removeprefix(ENROL))
    for customer_id in running.members[first : first + ENROLLED_AT_ONCE]:
        by = campaigns.segment_of(campaign_id, customer_id)
        segment_id, version = by if by is not None else (None, None)
        said = {"campaign_id": campaign_id, "customer_id": customer_id}
        if is_held_out(campaign_id, customer_id, running.plan.control_share):
            yield HoldOutMember(**said, segment_id=segment_id, segment_version=version)
            continue
        yield TargetMember(**said, segment_id=segment_id, segment_version=version)
        asked = ScheduleFollowUp(
            follow_up_id=member(campaign_id, customer_id),
            customer_id=customer_id,
            policy=policy.name,
            policy_version=policy.version,
            step=ADDRESS,
            trigger=campaign_member_id(campaign_id, customer_id),
            trigger_position=due.trigger_position,
            action=action or Action(kind=ActionKind.ACT, about=campaign_id),
            due_at=max(now, running.turn(customer_id, PER_MINUTE)),
            wanted_at=max(now, running.turn(customer_id, PER_MINUTE)),
        )
        yield asked if action is not None else policy.suppress(asked, NOTHING_TO_SEND)
    yield done(due, "ENROLLED")


def addressing(running: Running, campaign_id: UUID) -> Action | None:
    """How a campaign turns to one of its members, if it does."""
    if (channel := CHANNELS.get(running.plan.kind)) is None:
        return None
    return Action(
        kind=ActionKind.SEND_MESSAGE if channel in (Channel.EMAIL, Channel.SMS) else ActionKind.ACT,
        template="campaign",
        purpose=Purpose.MARKETING,
        channel=channel,
        about=campaign_id,
    )


def turn_to(due: Due, now: datetime, known: Known, running: Running) -> Iterator[Command]:
    """One member is written to or called, unless it must not be: then the campaign knows as well."""
    assert due.about is not None
    assert due.customer_id is not None
    no_words = due.action is ActionKind.SEND_MESSAGE and known.company.campaigns.words(running.plan, "es") is None
    for command in keep(policy, due, now, known.contact, no_longer(due, known, running, now)):
        if isinstance(command, DispatchFollowUp) and no_words:
            yield policy.suppress(due, "NO_SCRIPT")
        elif isinstance(command, DispatchFollowUp):
            yield from offer(due, known, running)
            yield from by_hand(due, now, running) if due.action is ActionKind.ACT else (command,)
        else:
            yield command
            if isinstance(command, SuppressFollowUp):
                yield SuppressMember(campaign_id=due.about, customer_id=due.customer_id, reason=command.reason)


def offer(due: Due, known: Known, running: Running) -> Iterator[Command]:
    """What the campaign offers to a member whom it turns to, until it ends."""
    assert due.about is not None
    assert due.customer_id is not None
    code = known.company.campaigns.offer_of(due.about, known.chosen_by.get(due.about))
    if code is not None:
        yield MakeOffer(
            offer_id=derived("offer", due.follow_up_id),
            customer_id=due.customer_id,
            offer=code,
            title=running.plan.title,
            campaign_id=due.about,
            valid_until=running.plan.ends_at,
        )


def by_hand(due: Due, now: datetime, running: Running) -> Iterator[Command]:
    """What people of the company do: they call, or put a letter into the post."""
    assert due.about is not None
    assert due.customer_id is not None
    if due.channel is Channel.PHONE:
        title, tomorrow = running.plan.title, now + timedelta(days=1)
        yield task(policy, due, title, None, tomorrow, ("campaign", due.about), ActivityKind.CALL)
        yield done(due, "CALL")
    else:
        yield DispatchCampaignMessage(
            campaign_id=due.about, customer_id=due.customer_id, channel=Channel.LETTER, message_id=str(due.follow_up_id)
        )
        yield done(due, "LETTER")


def ended(running: Running, now: datetime) -> bool:
    """Whether nothing more is to be sent, because somebody said so or because its time is over."""
    return running.ended or (running.plan.ends_at is not None and now > running.plan.ends_at)


def no_longer(due: Due, known: Known, running: Running, now: datetime) -> str | None:
    """Why a member is not to be addressed any more, as a code; who was merged from two members is addressed once."""
    assert due.about is not None
    if ended(running, now):
        return "CAMPAIGN_ENDED"
    if due.about in known.no_more:
        return known.no_more[due.about]
    twice = any(
        id != due.follow_up_id
        and each.policy == policy.name
        and each.action.about == due.about
        and each.status in ON_ITS_WAY
        for id, each in known.contact.promises.items()
    )
    return "COALESCED" if twice else None


def member(campaign_id: UUID, customer_id: UUID) -> UUID:
    """The follow-up that addresses a member."""
    return policy.follow_up_id(campaign_member_id(campaign_id, customer_id), ADDRESS)
