"""Post-purchase survey: ask how it went, one month after the purchase."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from uuid import UUID

from domain.consent import Purpose
from domain.follow_up import (
    Action,
    ActionKind,
    CancelFollowUp,
    DispatchFollowUp,
    FollowUpStatus,
    PostponeFollowUp,
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
from processes.contact import ON_ITS_WAY, TOO_LATE_AFTER, Promise
from processes.contact import grounds as grounds_of
from processes.contact import unreached as unreached_by
from processes.policy import Letter, cancel, done
from processes.survey_memory import AFTER, CAP, Known, called_off, how_ended
from processes.survey_memory import policy as policy
from projections.touchpoints.due import Due

SURVEY_AFTER = Months(AFTER.count)
AT = time.fromisoformat(AFTER.at or "")
REMIND_AFTER = Days(7)
EXPIRE_AFTER = Days(30)
NOT_AGAIN_WITHIN = timedelta(days=CAP.days)
RESTRICTED = "RESTRICTED"
"""Why nothing is promised, or sent, to whom the company must not ask by e-mail."""

SURVEY, REMINDER, EXPIRY = "survey", "reminder", "expiry"


# What is done when something happens.


@policy.trigger(OrderPlaced)
def promise_survey(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
    wanted = known.contact.calendar.after(at.occurred_at, SURVEY_AFTER, at=AT)
    follow_up_id = policy.follow_up_id(at.stream_id, SURVEY)
    action = asking(ActionKind.SEND_SURVEY, invitation_id(follow_up_id))
    asked = policy.promise(at, SURVEY, action, known.contact.calendar.allowed(wanted), wanted_at=wanted)
    yield policy.suppress(asked, RESTRICTED) if is_restricted(asked.due_at, known) else asked


@policy.on(OrderCancelled, OrderLinesCancelled, LinesReturned)
def take_back(
    back: OrderCancelled | OrderLinesCancelled | LinesReturned, at: Recorded, known: Known
) -> Iterator[Command]:
    if reason := called_off(back):
        survey_id = policy.follow_up_id(at.stream_id, SURVEY)
        yield from cancel(reason, survey_id, policy.follow_up_id(invitation_id(survey_id), REMINDER))


@policy.on(SurveyInvitationSent)
def promise_reminder(sent: SurveyInvitationSent, at: Recorded, known: Known) -> Iterator[Command]:
    ours = known.contact.promises.get(sent.follow_up_id)
    if ours is None or ours.policy != policy.name:
        return  # another policy's
    calendar = known.contact.calendar
    if ours.status is not FollowUpStatus.UNCERTAIN:  # nobody is reminded of what may never have come
        remind_at = calendar.after(at.occurred_at, REMIND_AFTER, at=AT)
        remind = asking(ActionKind.REMIND_SURVEY, at.stream_id, sent.survey)
        yield policy.promise(at, REMINDER, remind, calendar.allowed(remind_at), wanted_at=remind_at)
    expire_at = calendar.after(at.occurred_at, EXPIRE_AFTER)
    expire = Action(kind=ActionKind.EXPIRE_SURVEY, survey=sent.survey, invitation_id=at.stream_id)
    yield policy.promise(at, EXPIRY, expire, expire_at)


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
        yield policy.suppress(due, "TOO_LATE")
    elif due.action is ActionKind.SEND_SURVEY and (first := goes_first(due, now, known)) is not None:
        if first.due_at > now:
            yield PostponeFollowUp(follow_up_id=follow_up_id, due_at=first.due_at, reason="COALESCING")
    elif reason := unwelcome(due, now, known):
        yield policy.suppress(due, reason)
    elif (later := known.contact.calendar.allowed(now)) > now:
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
            language=known.contact.written_in,
            order_id=order_id,
            follow_up_id=due.follow_up_id,
        )
    values = {} if order is None else {"number": order.number or "", "day": order.day.isoformat()}
    return Letter(
        to=known.contact.address() or "",
        name=known.contact.name,
        language=known.contact.written_in,
        template="survey" if due.action is ActionKind.SEND_SURVEY else "reminder",
        invitation_id=due.invitation_id,
        hours=known.contact.calendar,
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
        yield done(due, "EXPIRED")


def no_longer(due: Due, known: Known) -> str | None:
    """Why there is nothing left to ask: the order was called off, or the question was answered."""
    order_id = order_of(due, known)
    if order_id is not None and (order := known.orders.get(order_id)) is not None and order.called_off:
        return order.called_off
    if due.invitation_id is not None and (invitation := known.invitations.get(due.invitation_id)) is not None:
        return invitation.ended
    return None


def surveys(known: Known) -> list[Promise]:
    """The surveys that this policy promised to the customer."""
    return [
        each
        for each in known.contact.promises.values()
        if each.policy == policy.name and each.action.kind is ActionKind.SEND_SURVEY
    ]


def goes_first(due: Due, now: datetime, known: Known) -> Promise | None:
    """The promise that is to be decided before this one, so that the same one wins whichever worker is faster.

    Of those that are due it is the one that was due first; then that of an earlier order of the same day.
    """
    ours = known.contact.promises[due.follow_up_id]
    waiting = [each for each in surveys(known) if each.status is FollowUpStatus.SCHEDULED and each is not ours]
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
    ours = known.contact.promises[due.follow_up_id]
    promises = known.contact.promises.values()  # those of other policies as well
    sent = [each for each in promises if each.action.kind is ActionKind.SEND_SURVEY and each.status in ON_ITS_WAY]
    others = [each for each in sent if each is not ours]
    if any(same_day(each, ours, known) for each in others):
        return "COALESCED"
    asked = [each.dispatched_at for each in others if each.dispatched_at is not None]
    asked += [each.sent_at for id, each in known.invitations.items() if id != due.invitation_id]
    return "CAPPED" if any(now - moment < NOT_AGAIN_WITHIN for moment in asked) else None


def unreached(now: datetime, known: Known) -> str | None:
    """Why the customer cannot or must not be reached by e-mail about a survey; a restriction comes before a consent."""
    return unreached_by(now, known.contact, Purpose.SURVEY, Channel.EMAIL)


def grounds(due: Due, known: Known) -> tuple[str, int]:
    """The legal basis, and the position of the event that it rests on: the consent, or else the order."""
    order_id = order_of(due, known)
    order = known.orders.get(order_id) if order_id is not None else None
    position = due.trigger_position if order is None else order.position
    return grounds_of(known.contact, Purpose.SURVEY, Channel.EMAIL, position)


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


def asking(kind: ActionKind, invitation: UUID, survey: str = POST_PURCHASE.key) -> Action:
    """The customer is asked about the survey."""
    return Action(kind=kind, survey=survey, invitation_id=invitation, purpose=Purpose.SURVEY, channel=Channel.EMAIL)


def is_restricted(at: datetime, known: Known) -> bool:
    """Whether the customer must not be asked by e-mail at a moment, whatever they agreed to."""
    return forbids(known.contact.restriction, Purpose.SURVEY, Channel.EMAIL, at)
