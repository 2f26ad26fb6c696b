"""Queue routing: one queue for all channels, of which the most pressing goes to whoever is there and can take it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from domain.agent_shift import AgentSignedIn, AgentStatus, AgentStatusChanged
from domain.case_events import CaseAssigned, CaseClosed, CasePriorityChanged, CaseResolved, FirstResponseSent
from domain.case_sla import SlaTargetSet
from domain.follow_up import Action, ActionKind, CancelFollowUp, DispatchFollowUp
from domain.kernel import Command, derived
from domain.queueing import PRIORITY_POINTS, SLA_LEFT_PERCENT, SLA_POINTS, TIER_POINTS
from domain.rules import Rules
from domain.staff import SkillGranted
from domain.values import Channel
from domain.work_item import (
    TIMED_OUT,
    AcceptWorkItem,
    CallbackRequested,
    CompleteWorkItem,
    DeclineWorkItem,
    OfferWorkItem,
    ReprioritiseWorkItem,
    TransferWorkItem,
    WorkItemAbandoned,
    WorkItemAccepted,
    WorkItemCompleted,
    WorkItemDeclined,
    WorkItemOffered,
    WorkItemQueued,
    WorkItemStatus,
    WorkItemTransferred,
)
from eventstore.envelope import Recorded
from processes.company import learns_company
from processes.contact import LANGUAGES, OTHER_LANGUAGE
from processes.floor import Item, learns_floor
from processes.matching import Centre, case_of, matches, parts_of, presses_from
from processes.office import learns_office
from processes.policy import Letter, Policy, Subject, cancel, done, occasion
from processes.service_levels import learns_service_levels
from processes.telling import AT_ONCE, BY_ITSELF, any_of
from processes.tiers import learns_tiers
from projections.touchpoints.due import Due

ANSWER_WITHIN = timedelta(seconds=20)
"""How long an offer stands before the next one gets it."""
CALLBACK_AFTER = timedelta(seconds=120)
"""Who waits for longer on the telephone is offered to be called back."""
MOMENT = timedelta(seconds=1)

ROUTE, MATCH, OFFER, SCORE, CALLBACK, TAKEN, FINISH = (
    "route", "match", "offer", "score", "callback", "taken", "finish",
)  # fmt: skip


@dataclass(slots=True)
class Known:
    """What there is to know of the contact centre."""

    centre: Centre


RULES = Rules(
    triggers=any_of(WorkItemQueued),
    delay=AT_ONCE,
    action=BY_ITSELF,
    cancelled_by=any_of(WorkItemAccepted, WorkItemAbandoned),
    note=(
        "Offered to whoever is there, has the skill and can take it, the most points first: up to "
        f"{max(PRIORITY_POINTS.values())} for the priority, {max(TIER_POINTS.values())} for the tier, {SLA_POINTS} with less "
        f"than {SLA_LEFT_PERCENT} % of the time left, and more with every moment of waiting; after {ANSWER_WITHIN.seconds} "
        f"seconds to the next one; who waits on the telephone for more than {CALLBACK_AFTER.seconds} seconds hears the "
        "telephone system offer a call back."
    ),
)

policy = Policy("queue-routing", version=1, memory=Known, subject=Subject.NOUN, shared=Centre, rules=RULES)
learns_floor(policy)
learns_company(policy)
learns_office(policy)
learns_service_levels(policy)
learns_tiers(policy)


# What is done when something happens to what waits.


@policy.trigger(WorkItemQueued)
def take_in(queued: WorkItemQueued, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, ROUTE, about(at.stream_id), at.occurred_at)
    if queued.channel is Channel.PHONE:
        yield policy.promise(at, CALLBACK, announcing(at.stream_id), at.occurred_at + CALLBACK_AFTER + MOMENT)
    item = known.centre.floor.items.get(at.stream_id)
    if item is not None and (when := presses_from(item, known.centre)) is not None:
        yield policy.promise(at, SCORE, about(at.stream_id), max(when, at.occurred_at))


@policy.on(WorkItemOffered, WorkItemTransferred)
def pass_on(event: WorkItemOffered | WorkItemTransferred, at: Recorded, known: Known) -> Iterator[Command]:
    item = known.centre.floor.items.get(at.stream_id)
    if item is None:
        return
    if isinstance(event, WorkItemTransferred):
        yield from cancel("TRANSFERRED", *offers_of(item))
    if event.staff_id is not None:
        yield policy.promise(at, OFFER, about(at.stream_id), at.occurred_at + ANSWER_WITHIN, trigger=offer_of(item))
    else:
        yield look_again(at)


@policy.on(WorkItemDeclined)
def offer_to_the_next(event: WorkItemDeclined, at: Recorded, known: Known) -> Iterator[Command]:
    if (item := known.centre.floor.items.get(at.stream_id)) is not None:
        yield from cancel("DECLINED", *offers_of(item))
        yield look_again(at)


@policy.on(WorkItemAccepted)
def leave_alone(event: WorkItemAccepted, at: Recorded, known: Known) -> Iterator[Command]:
    if (item := known.centre.floor.items.get(at.stream_id)) is not None:
        yield from cancel("ACCEPTED", *offers_of(item), *(policy.follow_up_id(at.stream_id, each) for each in OF_ITEM))


@policy.on(WorkItemAbandoned)
def give_up(event: WorkItemAbandoned, at: Recorded, known: Known) -> Iterator[Command]:
    if (item := known.centre.floor.ended) is not None and item.work_item_id == at.stream_id:
        yield from cancel("ABANDONED", *offers_of(item), *(policy.follow_up_id(at.stream_id, each) for each in OF_ITEM))
        if item.staff_id is not None:
            yield from look_for_more(at, known)


@policy.on(CallbackRequested)
def call_back(event: CallbackRequested, at: Recorded, known: Known) -> Iterator[Command]:
    yield from cancel("CALLBACK_REQUESTED", policy.follow_up_id(at.stream_id, CALLBACK))
    if event.wanted_at is not None and event.wanted_at > at.occurred_at:
        yield policy.promise(at, MATCH, about(at.stream_id), event.wanted_at, trigger=occasion(at))


# What is done when somebody can take more, or a case presses more.


@policy.on(AgentSignedIn, WorkItemCompleted, SkillGranted)
def take_more(event: AgentSignedIn | WorkItemCompleted | SkillGranted, at: Recorded, known: Known) -> Iterator[Command]:
    yield from look_for_more(at, known)


@policy.on(AgentStatusChanged)
def come_back(event: AgentStatusChanged, at: Recorded, known: Known) -> Iterator[Command]:
    if event.status is AgentStatus.AVAILABLE:
        yield from look_for_more(at, known)


@policy.on(SlaTargetSet, about="case_id")
def press(event: SlaTargetSet, at: Recorded, known: Known) -> Iterator[Command]:
    for item in known.centre.floor.items_of(event.case_id):
        if item.status is not WorkItemStatus.ACCEPTED and (when := presses_from(item, known.centre)) is not None:
            yield score_again(at, item, max(when, at.occurred_at))


@policy.on(CasePriorityChanged, FirstResponseSent)
def press_otherwise(event: CasePriorityChanged | FirstResponseSent, at: Recorded, known: Known) -> Iterator[Command]:
    for item in known.centre.floor.items_of(at.stream_id):
        if item.status is not WorkItemStatus.ACCEPTED:
            yield score_again(at, item, at.occurred_at)
            if (when := presses_from(item, known.centre)) is not None and when > at.occurred_at:
                yield score_again(at, item, when)


@policy.on(CaseAssigned, CaseResolved, CaseClosed)
def follow_case(event: CaseAssigned | CaseResolved | CaseClosed, at: Recorded, known: Known) -> Iterator[Command]:
    step = TAKEN if isinstance(event, CaseAssigned) else FINISH
    for item in known.centre.floor.items_of(at.stream_id):
        if step == FINISH or item.status is not WorkItemStatus.ACCEPTED:
            trigger = derived("occasion", item.work_item_id, at.position)
            yield policy.promise(at, step, about(item.work_item_id), at.occurred_at, trigger=trigger)


# What is done when it is due.


@policy.due
def keep_promise(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    centre = known.centre
    item = centre.floor.items.get(due.about) if due.about is not None else None
    if due.step == MATCH:
        yield from offer_all(due, now, centre)
    elif item is None:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="ENDED")
    elif due.step == FINISH:
        yield from finish(due, item, now, centre)
    elif item.status is WorkItemStatus.ACCEPTED:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="ACCEPTED")
    elif due.step == ROUTE:
        yield from score(item, now, centre)
        yield from offer_all(due, now, centre)
    elif due.step == SCORE:
        yield from score(item, now, centre)
        yield done(due, "SCORED")
    elif due.step == OFFER:
        yield from time_out(due, item, now, centre)
    elif due.step == TAKEN:
        yield from take(due, item, now, centre)
    elif item.callback:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="CALLBACK_REQUESTED")
    else:  # the telephone asks whoever waits, and their yes is a RequestCallback
        yield DispatchFollowUp(follow_up_id=due.follow_up_id, basis="WAITING_CALL", relied_on=due.trigger_position)


@policy.unless
def not_any_more(due: Due, now: datetime, known: Known) -> str | None:
    item = known.centre.floor.items.get(due.about) if due.about is not None else None
    if item is None:
        return "ENDED"
    if item.status is WorkItemStatus.ACCEPTED:
        return "ACCEPTED"
    return "CALLBACK_REQUESTED" if item.callback else None


@policy.letter
def announce(due: Due, known: Known) -> Letter:
    """What the telephone says to whoever waits: it knows the call by its own id, or else by that of what waits."""
    assert due.about is not None
    queued = known.centre.floor.items[due.about].queued
    language = (queued.language or OTHER_LANGUAGE).partition("-")[0]
    return Letter(
        to=f"call:{queued.call_id}" if queued.call_id is not None else f"work_item:{due.about}",
        name=None,
        language=language if language in LANGUAGES else OTHER_LANGUAGE,
        template="callback_offer",
        hours=None,
        channel=Channel.PHONE,
    )


def offer_all(due: Due, now: datetime, centre: Centre, released: Item | None = None) -> Iterator[Command]:
    """Offers what presses most to those who can take it, and promises to look whether they did."""
    own = centre.floor.items.get(due.about) if due.about is not None else None
    offered = own is not None and own.status is WorkItemStatus.OFFERED
    for item, staff_id in matches(now, centre, released):
        offered = offered or due.step == MATCH or item.work_item_id == due.about
        yield from score(item, now, centre)
        yield OfferWorkItem(work_item_id=item.work_item_id, staff_id=staff_id)
        trigger = derived("offer", item.work_item_id, len(item.offers) + 1)
        look = policy.promise_next(due, OFFER, about(item.work_item_id), now + ANSWER_WITHIN, trigger=trigger)
        yield replace(look, customer_id=item.customer_id, trigger_position=item.position)
    if released is None:
        yield done(due, "OFFERED" if offered else "WAITS")
    else:
        yield done(due, TIMED_OUT)


def score(item: Item, now: datetime, centre: Centre) -> Iterator[Command]:
    """Says what its score is made of, if that is not what was said last."""
    parts = parts_of(item, now, centre)
    if (item.score, item.factors) != (sum(parts.values()), parts):
        yield ReprioritiseWorkItem(work_item_id=item.work_item_id, score=sum(parts.values()), factors=parts)


def time_out(due: Due, item: Item, now: datetime, centre: Centre) -> Iterator[Command]:
    """Who did not answer in time is passed over, and the next one is offered it."""
    if item.staff_id is None or due.trigger != offer_of(item):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="OFFERED_ANEW")
        return
    yield DeclineWorkItem(work_item_id=item.work_item_id, staff_id=item.staff_id, reason=TIMED_OUT)
    yield from offer_all(due, now, centre, item.let_go(item.staff_id))


def take(due: Due, item: Item, now: datetime, centre: Centre) -> Iterator[Command]:
    """Whoever was given the case has what waits about it, whoever it was offered to."""
    case = case_of(item, centre)
    if case is None or case.staff_id is None:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="UNASSIGNED")
        return
    if item.staff_id not in (None, case.staff_id):
        yield TransferWorkItem(work_item_id=item.work_item_id, staff_id=case.staff_id)
    yield AcceptWorkItem(work_item_id=item.work_item_id, staff_id=case.staff_id)
    yield policy.promise_next(due, MATCH, about(item.work_item_id), now, trigger=due.follow_up_id)
    yield done(due, "TAKEN")


def finish(due: Due, item: Item, now: datetime, centre: Centre) -> Iterator[Command]:
    """Nothing waits about a case that is over; if nobody is known who dealt with it, somebody has to look."""
    case = case_of(item, centre)
    if case is None or case.over is None:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="REOPENED")
        return
    if item.status is not WorkItemStatus.ACCEPTED:
        if case.staff_id is None:
            yield policy.suppress(due, "NOBODY")
            return
        if item.staff_id not in (None, case.staff_id):
            yield TransferWorkItem(work_item_id=item.work_item_id, staff_id=case.staff_id)
        yield AcceptWorkItem(work_item_id=item.work_item_id, staff_id=case.staff_id)
    yield CompleteWorkItem(work_item_id=item.work_item_id, outcome=case.over)
    yield policy.promise_next(due, MATCH, about(item.work_item_id), now, trigger=due.follow_up_id)
    yield done(due, "COMPLETED")


# What is promised.

OF_ITEM = (ROUTE, SCORE, CALLBACK)


def look_for_more(at: Recorded, known: Known) -> Iterator[Command]:
    """The promise to look who can take something, if anything waits."""
    if any(True for _ in known.centre.floor.waiting()):
        yield look_again(at)


def look_again(at: Recorded) -> Command:
    """The promise to look who can take something."""
    return policy.promise(at, MATCH, about(at.stream_id), at.occurred_at, trigger=occasion(at))


def score_again(at: Recorded, item: Item, when: datetime) -> Command:
    """The promise to score something anew."""
    trigger = derived("occasion", item.work_item_id, at.position, when.isoformat())
    return policy.promise(at, SCORE, about(item.work_item_id), when, trigger=trigger)


def offer_of(item: Item) -> UUID:
    """What the look whether an offer was taken follows from: that it was made for the n-th time."""
    return derived("offer", item.work_item_id, len(item.offers))


def offers_of(item: Item) -> Iterator[UUID]:
    """The looks whether an offer was taken: that of the last one, and of the one before it."""
    for n in (len(item.offers) - 1, len(item.offers)):
        if n > 0:
            yield policy.follow_up_id(derived("offer", item.work_item_id, n), OFFER)


def announcing(work_item_id: UUID) -> Action:
    """Something that the telephone says in a call that waits; it is no message that anybody would have to agree to."""
    return Action(kind=ActionKind.SEND_MESSAGE, template="callback_offer", channel=Channel.PHONE, about=work_item_id)


def about(noun_id: UUID) -> Action:
    """Something that the policy does itself about an item, or because of somebody who is there."""
    return Action(kind=ActionKind.ACT, about=noun_id)
