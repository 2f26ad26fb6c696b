"""Post-purchase survey: ask how it went, one month after the purchase."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from uuid import UUID

from domain.consent import Purpose, permits
from domain.follow_up import (
    Action,
    ActionKind,
    CancelFollowUp,
    CompleteFollowUp,
    DispatchFollowUp,
    FollowUpStatus,
    PostponeFollowUp,
    ScheduleFollowUp,
    SuppressFollowUp,
)
from domain.invitation import (
    ExpireInvitation,
    RemindInvitation,
    SendInvitation,
    SurveyDeclined,
    SurveyInvitationSent,
    SurveyResponded,
)
from domain.kernel import Command, derived
from domain.order import LinesReturned, OrderCancelled, OrderLinesCancelled, OrderPlaced
from domain.restriction import forbids
from domain.survey import POST_PURCHASE
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.calendar import Days, Months
from processes.policy import Letter
from processes.survey_memory import Known, Promise, called_off, how_ended
from processes.survey_memory import policy as policy
from projections.touchpoints.due import Due

AFTER = Months(1)
AT = time(10)
REMIND_AFTER = Days(7)
EXPIRE_AFTER = Days(30)
CAP = timedelta(days=90)
"""Nobody is asked twice within this time, whatever the survey."""
TOO_LATE_AFTER = timedelta(days=7)
LEGITIMATE_INTEREST = True
"""Whether a customer who never said anything about surveys is asked about a purchase."""
RESTRICTED = "RESTRICTED"
"""Why nothing is promised, or sent, to whom the company must not ask by e-mail."""

SURVEY, REMINDER, EXPIRY = "survey", "reminder", "expiry"
LANGUAGES = ("es", "en")
OTHER_LANGUAGE = "en"

ON_ITS_WAY = {FollowUpStatus.DISPATCHED, FollowUpStatus.SENDING, FollowUpStatus.DELIVERED, FollowUpStatus.UNCERTAIN}


# What is done when something happens.


@policy.on(OrderPlaced)
def promise_survey(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
    wanted = known.calendar.after(at.occurred_at, AFTER, at=AT)
    follow_up_id = policy.follow_up_id(at.stream_id, SURVEY)
    action = Action(kind=ActionKind.SEND_SURVEY, survey=POST_PURCHASE.key, invitation_id=invitation_id(follow_up_id))
    asked = promise(at, placed.customer_id, SURVEY, action, wanted, known.calendar.allowed(wanted))
    yield suppress(asked, RESTRICTED) if is_restricted(asked.due_at, known) else asked


@policy.on(OrderCancelled, OrderLinesCancelled, LinesReturned)
def take_back(
    back: OrderCancelled | OrderLinesCancelled | LinesReturned, at: Recorded, known: Known
) -> Iterator[Command]:
    if reason := called_off(back):
        survey_id = policy.follow_up_id(at.stream_id, SURVEY)
        yield from cancel(reason, survey_id, policy.follow_up_id(invitation_id(survey_id), REMINDER))


@policy.on(SurveyInvitationSent)
def promise_reminder(sent: SurveyInvitationSent, at: Recorded, known: Known) -> Iterator[Command]:
    if (ours := known.promises.get(sent.follow_up_id)) is None:
        return  # another policy's
    if ours.status is not FollowUpStatus.UNCERTAIN:  # nobody is reminded of what may never have come
        remind_at = known.calendar.after(at.occurred_at, REMIND_AFTER, at=AT)
        remind = Action(kind=ActionKind.REMIND_SURVEY, survey=sent.survey, invitation_id=at.stream_id)
        yield promise(at, sent.customer_id, REMINDER, remind, remind_at, known.calendar.allowed(remind_at))
    expire_at = known.calendar.after(at.occurred_at, EXPIRE_AFTER)
    expire = Action(kind=ActionKind.EXPIRE_SURVEY, survey=sent.survey, invitation_id=at.stream_id)
    yield promise(at, sent.customer_id, EXPIRY, expire, expire_at, expire_at)


@policy.on(SurveyResponded, SurveyDeclined)
def leave_alone(event: SurveyResponded | SurveyDeclined, at: Recorded, known: Known) -> Iterator[Command]:
    reminder, expiry = policy.follow_up_id(at.stream_id, REMINDER), policy.follow_up_id(at.stream_id, EXPIRY)
    yield from cancel(how_ended(event), reminder, expiry)


# What is done when a follow-up is due.


@policy.due
def keep_promise(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.due_at is not None
    follow_up_id = due.follow_up_id
    if due.action is ActionKind.EXPIRE_SURVEY:
        yield from expire(due, known)
    elif reason := no_longer(due, known):
        yield CancelFollowUp(follow_up_id=follow_up_id, reason=reason)
    elif now - due.due_at > TOO_LATE_AFTER:
        yield suppress(due, "TOO_LATE")
    elif due.action is ActionKind.SEND_SURVEY and (first := goes_first(due, now, known)) is not None:
        if first.due_at > now:
            yield PostponeFollowUp(follow_up_id=follow_up_id, due_at=first.due_at, reason="COALESCING")
    elif reason := unwelcome(due, now, known):
        yield suppress(due, reason)
    elif (later := known.calendar.allowed(now)) > now:
        yield PostponeFollowUp(follow_up_id=follow_up_id, due_at=later, reason="QUIET_HOURS")
    else:
        basis, relied_on = grounds(due, known)
        yield DispatchFollowUp(follow_up_id=follow_up_id, basis=basis, relied_on=relied_on)


@policy.unless
def too_late_to_ask(due: Due, now: datetime, known: Known) -> str | None:
    return no_longer(due, known) or unreached(now, known)


@policy.letter
def write(due: Due, known: Known) -> Letter:
    assert due.invitation_id is not None
    assert due.customer_id is not None
    language = known.language.partition("-")[0]
    language = language if language in LANGUAGES else OTHER_LANGUAGE
    order_id = order_of(due, known)
    order = known.orders.get(order_id) if order_id is not None else None
    then: Command = RemindInvitation(invitation_id=due.invitation_id)
    if due.action is ActionKind.SEND_SURVEY:
        then = SendInvitation(
            invitation_id=due.invitation_id,
            customer_id=due.customer_id,
            survey=POST_PURCHASE.key,
            version=max(known.survey.version, 1),
            channel=Channel.EMAIL,
            language=language,
            order_id=order_id,
            follow_up_id=due.follow_up_id,
        )
    values = {} if order is None else {"number": order.number or "", "day": order.day.isoformat()}
    return Letter(
        to=known.address or "",
        name=known.name,
        language=language,
        template="survey" if due.action is ActionKind.SEND_SURVEY else "reminder",
        invitation_id=due.invitation_id,
        hours=known.calendar,
        values=values,
        then=(then,),
    )


def expire(due: Due, known: Known) -> Iterator[Command]:
    """An invitation without an answer ends; one with an answer needs no end."""
    invitation = known.invitations.get(due.invitation_id) if due.invitation_id is not None else None
    if due.invitation_id is None or (invitation is not None and invitation.ended is not None):
        reason = invitation.ended if invitation is not None and invitation.ended is not None else "NO_INVITATION"
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
    else:
        yield ExpireInvitation(invitation_id=due.invitation_id)
        yield CompleteFollowUp(follow_up_id=due.follow_up_id, outcome="EXPIRED")


def no_longer(due: Due, known: Known) -> str | None:
    """Why there is nothing left to ask: the order was called off, or the question was answered."""
    order_id = order_of(due, known)
    if order_id is not None and (order := known.orders.get(order_id)) is not None and order.called_off:
        return order.called_off
    if due.invitation_id is not None and (invitation := known.invitations.get(due.invitation_id)) is not None:
        return invitation.ended
    return None


def goes_first(due: Due, now: datetime, known: Known) -> Promise | None:
    """The promise that is to be decided before this one, so that the same one wins whichever worker is faster.

    Of those that are due it is the one that was due first; then that of an earlier order of the same day.
    """
    ours = known.promises[due.follow_up_id]
    waiting = [
        each
        for each in known.promises.values()
        if each.kind is ActionKind.SEND_SURVEY and each.status is FollowUpStatus.SCHEDULED and each is not ours
    ]
    late = [
        each for each in waiting if each.due_at <= now and (each.due_at, each.position) < (ours.due_at, ours.position)
    ]
    later = [
        each for each in waiting if each.due_at > now and each.position < ours.position and same_day(each, ours, known)
    ]
    return min(late or later, key=lambda each: (each.due_at, each.position), default=None)


def unwelcome(due: Due, now: datetime, known: Known) -> str | None:
    """Why the customer is not to be written to, as a code."""
    if reason := unreached(now, known):
        return reason
    if due.action is not ActionKind.SEND_SURVEY:
        return None
    if known.survey.retired:
        return "SURVEY_RETIRED"
    ours = known.promises[due.follow_up_id]
    others = [
        each
        for each in known.promises.values()
        if each.kind is ActionKind.SEND_SURVEY and each.status in ON_ITS_WAY and each is not ours
    ]
    if any(same_day(each, ours, known) for each in others):
        return "COALESCED"
    asked = [each.dispatched_at for each in others if each.dispatched_at is not None]
    asked += [each.sent_at for id, each in known.invitations.items() if id != due.invitation_id]
    return "CAPPED" if any(now - moment < CAP for moment in asked) else None


def unreached(now: datetime, known: Known) -> str | None:
    """Why the customer cannot or must not be reached by e-mail about a survey; a restriction comes before a consent."""
    if known.address is None:
        return "NO_ADDRESS"
    if is_restricted(now, known):
        return RESTRICTED
    said = permits(known.consent, Purpose.SURVEY, Channel.EMAIL)
    return None if said or (said is None and LEGITIMATE_INTEREST) else "NO_CONSENT"


def grounds(due: Due, known: Known) -> tuple[str, int]:
    """The legal basis, and the position of the event that it rests on: the consent, or else the order."""
    for matter in ((Purpose.SURVEY, Channel.EMAIL), (Purpose.SURVEY, None)):
        if matter in known.consent.granted:
            return known.consent.granted[matter].value, known.granted_at[matter]
    order_id = order_of(due, known)
    order = known.orders.get(order_id) if order_id is not None else None
    return "LEGITIMATE_INTEREST", due.trigger_position if order is None else order.position


def order_of(due: Due, known: Known) -> UUID | None:
    """The order that a follow-up is about: its trigger, or that of its invitation."""
    if due.action is ActionKind.SEND_SURVEY:
        return due.trigger
    invitation = known.invitations.get(due.invitation_id) if due.invitation_id is not None else None
    return invitation.order_id if invitation is not None else None


def same_day(one: Promise, other: Promise, known: Known) -> bool:
    """Whether two surveys are about orders of the same day, as the customer counts days."""
    ours, theirs = known.orders.get(one.trigger), known.orders.get(other.trigger)
    return ours is not None and theirs is not None and ours.day == theirs.day


def invitation_id(follow_up_id: UUID) -> UUID:
    """The invitation that a survey's follow-up sends."""
    return derived("invitation", follow_up_id)


def promise(
    at: Recorded, customer_id: UUID, step: str, action: Action, wanted_at: datetime, due_at: datetime
) -> ScheduleFollowUp:
    """What is promised because of an event."""
    return ScheduleFollowUp(
        follow_up_id=policy.follow_up_id(at.stream_id, step),
        customer_id=customer_id,
        policy=policy.name,
        policy_version=policy.version,
        step=step,
        trigger=at.stream_id,
        trigger_position=at.position,
        action=action,
        due_at=due_at,
        wanted_at=wanted_at,
    )


def is_restricted(at: datetime, known: Known) -> bool:
    """Whether the customer must not be asked by e-mail at a moment, whatever they agreed to."""
    return forbids(known.restriction, Purpose.SURVEY, Channel.EMAIL, at)


def cancel(reason: str, *follow_up_ids: UUID) -> Iterator[Command]:
    """Takes back what is still only promised, or waits to be sent."""
    for follow_up_id in follow_up_ids:
        yield CancelFollowUp(follow_up_id=follow_up_id, reason=reason)


def suppress(due: Due | ScheduleFollowUp, reason: str) -> SuppressFollowUp:
    """Notes why a follow-up is not sent."""
    assert due.customer_id is not None
    assert due.trigger is not None
    return SuppressFollowUp(
        follow_up_id=due.follow_up_id,
        customer_id=due.customer_id,
        policy=due.policy,
        policy_version=due.policy_version,
        step=due.step,
        trigger=due.trigger,
        trigger_position=due.trigger_position,
        reason=reason,
    )
