"""First visit: whoever answers to a letter is visited by who answers for their territory, in the first hour that is free.

That is at the earliest two business days after the answer, and at the latest ten. It is planned at once, so that it is in
the agenda early, and called off if the customer opts out before it takes place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.activity import (
    ActivityCancelled,
    ActivityCompleted,
    ActivityKind,
    ActivityMissed,
    ActivityRescheduled,
    ActivityScheduled,
    ActivityStarted,
    ActivityStatus,
    CancelActivity,
    ScheduleActivity,
)
from domain.campaign_member import CampaignMessageDispatched, CampaignResponded, MemberOptedOut
from domain.campaign_plan import CampaignKind, CampaignPlanned
from domain.consent import ConsentWithdrawn, Purpose, permits
from domain.follow_up import Action, ActionKind
from domain.kernel import Command, derived
from domain.restriction import ContactRestrictionSet, forbids
from domain.rules import Delay, DelayUnit, Rules
from domain.values import Channel, Period
from eventstore.envelope import Recorded
from processes.agendas import Agendas, learns_agendas
from processes.contact import Contact, remembers_objections
from processes.places import NOWHERE, Place, remembers_place
from processes.policy import Policy, done, occasion
from processes.sales_floor import Floor, learns_floor
from processes.staff_words import told
from processes.telling import AT_ONCE, BY_ITSELF, any_of, minutes
from projections.touchpoints.due import Due

VISIT = "visit"
VISIT_ALL = False
"""Whether everybody is visited whom a letter was sent, and not just those who answered."""
EARLIEST_DAYS, LATEST_DAYS = 2, 10
"""Business days after the answer."""
LASTS = timedelta(minutes=60)
NOT_WITHIN = timedelta(days=14)
"""Nobody is visited so soon before or after another visit."""
DAY = timedelta(days=1)


@dataclass(slots=True)
class Shared(Floor):
    """The company, its agendas, and by what each campaign reaches people."""

    agendas: Agendas = field(default_factory=Agendas)
    campaigns: dict[UUID, CampaignPlanned] = field(default_factory=dict)

    def by_letter(self, campaign_id: UUID) -> bool:
        """Whether a campaign is one of letters."""
        plan = self.campaigns.get(campaign_id)
        return plan is not None and plan.kind is CampaignKind.DIRECT_MAIL


@dataclass(slots=True)
class Visit:
    """A visit to a customer: when, how far it has come, and of which campaign it is, if the policy planned it."""

    at: datetime | None
    campaign_id: UUID | None = None
    status: ActivityStatus = ActivityStatus.SCHEDULED


@dataclass(slots=True)
class Known:
    """What there is to know of a customer before somebody visits them."""

    shared: Shared
    contact: Contact = field(default_factory=Contact)
    place: Place = NOWHERE
    language: str | None = None
    visits: dict[UUID, Visit] = field(default_factory=dict)
    left: set[UUID] = field(default_factory=set)


RULES = Rules(
    triggers=any_of(CampaignResponded, *([CampaignMessageDispatched] if VISIT_ALL else [])),
    delay=AT_ONCE,
    action=replace(BY_ITSELF, subject="First visit", due_in=Delay(count=EARLIEST_DAYS, unit=DelayUnit.BUSINESS_DAYS)),
    cancelled_by=any_of(MemberOptedOut, ConsentWithdrawn, ContactRestrictionSet),
    note=(
        f"For campaigns of the kind {CampaignKind.DIRECT_MAIL} alone: {minutes(LASTS)} minutes in the agenda of whoever answers "
        f"for the territory, in the first free slot from {EARLIEST_DAYS} to {LATEST_DAYS} business days after the answer, unless "
        f"there is a visit within {NOT_WITHIN.days} days before or after."
    ),
)

policy = Policy("first-visit", version=1, memory=Known, shared=Shared, rules=RULES)
remembers_objections(policy)
remembers_place(policy)
learns_floor(policy)
learns_agendas(policy)


@policy.learn(CampaignPlanned)
def planned(shared: Shared, plan: CampaignPlanned, at: Recorded) -> None:
    shared.campaigns[at.stream_id] = plan


@policy.remember(MemberOptedOut)
def opted_out(known: Known, event: MemberOptedOut, at: Recorded) -> None:
    known.left.add(event.campaign_id)


@policy.remember(ActivityScheduled)
def visit_planned(known: Known, event: ActivityScheduled, at: Recorded) -> None:
    if event.kind is ActivityKind.VISIT:
        campaign_id = event.related_id if event.origin_policy == policy.name else None
        known.visits[at.stream_id] = Visit(event.starts_at or event.due_at, campaign_id)


@policy.remember(ActivityRescheduled)
def visit_moved(known: Known, event: ActivityRescheduled, at: Recorded) -> None:
    if (visit := known.visits.get(at.stream_id)) is not None:
        visit.at, visit.status = event.starts_at or event.due_at, ActivityStatus.SCHEDULED


Went = ActivityStarted | ActivityCompleted | ActivityCancelled | ActivityMissed
HOW = {
    ActivityStarted: ActivityStatus.STARTED,
    ActivityCompleted: ActivityStatus.COMPLETED,
    ActivityCancelled: ActivityStatus.CANCELLED,
    ActivityMissed: ActivityStatus.MISSED,
}


@policy.remember(ActivityStarted, ActivityCompleted, ActivityCancelled, ActivityMissed)
def visit_went(known: Known, event: Went, at: Recorded) -> None:
    if (visit := known.visits.get(at.stream_id)) is not None:
        visit.status = HOW[type(event)]


# What is done when something happens.


@policy.trigger(CampaignResponded)
def answered(event: CampaignResponded, at: Recorded, known: Known) -> Iterator[Command]:
    yield from plan_visit(event.campaign_id, at, known)


@policy.trigger(CampaignMessageDispatched, when=lambda _: VISIT_ALL)
def addressed(event: CampaignMessageDispatched, at: Recorded, known: Known) -> Iterator[Command]:
    yield from plan_visit(event.campaign_id, at, known)


def plan_visit(campaign_id: UUID, at: Recorded, known: Known) -> Iterator[Command]:
    """Promises to look for a free hour, which is done at once."""
    if known.shared.by_letter(campaign_id):
        action = Action(kind=ActionKind.ACT, about=campaign_id)
        yield policy.promise(at, VISIT, action, at.occurred_at, trigger=occasion(at))


@policy.on(MemberOptedOut, ConsentWithdrawn, ContactRestrictionSet)
def call_off(
    event: MemberOptedOut | ConsentWithdrawn | ContactRestrictionSet, at: Recorded, known: Known
) -> Iterator[Command]:
    for activity_id, visit in known.visits.items():
        if visit.status is not ActivityStatus.SCHEDULED or visit.campaign_id is None or visit.at is None:
            continue  # it is over, or somebody else's
        if visit.at > at.occurred_at and (reason := unwelcome(visit.campaign_id, visit.at, known)):
            yield CancelActivity(activity_id=activity_id, reason=reason)


# What is done when the promise is due.


@policy.due
def visit(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.about is not None
    assert due.wanted_at is not None
    owner = known.shared.company.owner_of(known.place)
    if reason := unwelcome(due.about, now, known):
        yield policy.suppress(due, reason)
    elif owner is None:
        yield policy.suppress(due, "NO_OWNER")
    elif (slot := first_slot(owner, due.wanted_at, now, known)) is None:
        yield policy.suppress(due, "NO_FREE_SLOT")
    elif any(is_near(each, slot.start) for each in known.visits.values()):
        yield policy.suppress(due, "VISIT_PLANNED")
    else:
        plan = known.shared.campaigns.get(due.about)
        yield ScheduleActivity(
            activity_id=derived("activity", due.follow_up_id),
            kind=ActivityKind.VISIT,
            subject=told(known.shared.company, owner, "first_visit", campaign=plan.title)
            if plan is not None
            else told(known.shared.company, owner, "first_visit_letter"),
            customer_id=due.customer_id,
            staff_id=owner,
            starts_at=slot.start,
            duration_s=int(LASTS.total_seconds()),
            related_noun="campaign",
            related_id=due.about,
            origin_policy=policy.name,
        )
        yield done(due, "PLANNED")


def unwelcome(campaign_id: UUID, at: datetime, known: Known) -> str | None:
    """Why the customer does not want to be visited, as a code. That they never agreed to it does not matter: they answered."""
    contact = known.contact
    if forbids(contact.restriction, Purpose.MARKETING, Channel.VISIT, at):
        return "RESTRICTED"
    if permits(contact.consent, Purpose.MARKETING, Channel.VISIT) is False:
        return "NO_CONSENT"
    return "OPTED_OUT" if campaign_id in known.left else None


def first_slot(owner: UUID, answered_at: datetime, now: datetime, known: Known) -> Period | None:
    """The first hour in which the owner is free and the territory's office is open, of the days that may be."""
    shared, key = known.shared, known.shared.company.calendar_at(known.place)
    zone = ZoneInfo(shared.office.calendar(key).timezone)
    day = answered_at.astimezone(zone).date()
    start = max(midnight(shared.office.day_after(day, EARLIEST_DAYS, key), zone), now)
    end = midnight(shared.office.day_after(day, LATEST_DAYS, key) + DAY, zone)
    if start >= end:
        return None
    hours = shared.office.spans(start, end, key)
    return shared.agendas.first_free(owner, LASTS, Period(start, end), hours, shared.company)


def is_near(visit: Visit, moment: datetime) -> bool:
    """Whether a visit that took place, or will, is too near to another moment."""
    over = visit.status in (ActivityStatus.CANCELLED, ActivityStatus.MISSED)
    return not over and visit.at is not None and abs(visit.at - moment) <= NOT_WITHIN


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
