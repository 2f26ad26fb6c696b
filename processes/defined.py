"""Defined policies: what somebody wrote down as rules becomes a policy like those that are written as code."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.activity import ActivityKind
from domain.blanks import CUSTOMER, NAME, Blank, blanks_in
from domain.consent import Purpose
from domain.follow_up import (
    Action,
    ActionKind,
    CancelFollowUp,
    DispatchFollowUp,
    FollowUpStatus,
    PostponeFollowUp,
)
from domain.invitation import RemindInvitation, SendInvitation
from domain.kernel import Command, Event, derived
from domain.policy import PolicyDefined
from domain.predicate import fields_of, holds
from domain.rules import DelayUnit, Occurrence, RuleAction, RuleActionKind, Rules, TaskFor, Words
from domain.survey import survey_id
from domain.told import event_called, told_by
from domain.values import Channel
from eventstore.codec import Codec
from eventstore.envelope import Recorded
from processes.blank_filling import filled, unknown_in
from processes.company import learns_company
from processes.contact import (
    LANGUAGES,
    ON_ITS_WAY,
    OTHER_LANGUAGE,
    TOO_LATE_AFTER,
    grounds,
    keep,
    remembers,
    unreached,
)
from processes.customer_facts import besides, facts_of, remembers_facts
from processes.defined_memory import Around, Known, Seen, concerns, later, seen
from processes.defined_survey import ANSWERS, ended_as, expire, first_position, follow_invitation, remembers_survey
from processes.office import learns_office
from processes.owners import task
from processes.policy import Letter, Policy, cancel, done, occasion
from projections.touchpoints.due import Due

STEP = "action"
CONDITIONS = "CONDITIONS"
"""Why nothing is done: the conditions did not hold when the time had come."""
CAPPED = "CAPPED"
NO_CUSTOMER = "NO_CUSTOMER"
NO_SURVEY = "NO_SURVEY"
NO_VALUE = "NO_VALUE"
"""Why a message is not sent: it would have to say what nobody knows."""
RESERVED = frozenset({"company", "name", "link", "decline", "scores"})
"""What templates are given by whoever sends, so that no event can put something else in its place."""
OPEN = frozenset({FollowUpStatus.SCHEDULED, FollowUpStatus.DISPATCHED})
AFTERWARDS = frozenset({ActionKind.REMIND_SURVEY, ActionKind.EXPIRE_SURVEY})
"""What comes of a survey, and is none of its own."""
SENDS = frozenset({RuleActionKind.SEND_MESSAGE, RuleActionKind.SEND_SURVEY})
ACTIVITIES: Mapping[RuleActionKind, ActivityKind] = {
    RuleActionKind.CREATE_TASK: ActivityKind.TASK,
    RuleActionKind.CALL: ActivityKind.CALL,
}


class UnknownOccurrence(Exception):
    """The rules name an event that this version does not know."""


# The policy that the rules make.


@dataclass(frozen=True)
class Defined(Policy[Known]):
    """A policy made of its rules: what takes promises back comes before what makes new ones."""

    cancelling: dict[type[Event], list[Occurrence]] = field(default_factory=dict)

    def react(self, event: Event, at: Recorded, known: Known) -> Iterator[Command]:
        """What is asked for because of an event, which may both take promises back and be a trigger."""
        if occurs(self.cancelling.get(type(event), ()), event):
            yield from take_back(self, seen(event, at), known)
        if _rules(self).action.kind is RuleActionKind.SEND_SURVEY:
            yield from follow_invitation(self, event, at, known)
        yield from super().react(event, at, known)


def interpret(defined: PolicyDefined, codec: Codec) -> Defined:
    """The policy that a definition describes. Raises `UnknownOccurrence`."""
    rules = defined.rules
    shares = rules.action.task_for is TaskFor.MANAGER or any(
        delay.unit is DelayUnit.BUSINESS_DAYS for delay in (rules.delay, rules.action.due_in) if delay is not None
    )
    policy = Defined(
        defined.key,
        defined.version,
        Known,
        shared=Around if shares else None,
        also=() if rules.action.survey is None else (survey_id(rules.action.survey),),
        rules=rules,
    )
    _remembers(policy, rules)
    triggers, cancelling = _by_event(rules.triggers, codec), _by_event(rules.cancelled_by, codec)
    policy.cancelling.update(cancelling)
    besides(policy, triggers, _note_trigger(triggers))
    besides(policy, cancelling, _note_cancel(cancelling))
    if shares:
        learns_office(policy)
        learns_company(policy)
    for event, occurrences in triggers.items():
        policy.trigger(event, when=_when(occurrences))(lambda event, at, known: promise(policy, at, known))
    besides_triggers = {*cancelling, *(ANSWERS if rules.action.kind is RuleActionKind.SEND_SURVEY else ())}
    policy.on(*(besides_triggers - triggers.keys()))(lambda event, at, known: iter(()))
    policy.due(lambda due, now, known: keep_promise(policy, due, now, known))
    if rules.action.kind in SENDS:
        policy.unless(lambda due, now, known: objection(due, now, known))
        policy.letter(lambda due, known: write(policy, due, known))
    return policy


def _remembers(policy: Defined, rules: Rules) -> None:
    remembers(policy)
    asked = frozenset[str]() if rules.conditions is None else fields_of(rules.conditions)
    owned = {"account_manager"} if rules.action.kind in ACTIVITIES else set()
    said = {
        each.name for words in rules.action.words for text in (words.subject, words.text) for each in blanks_in(text)
    }
    remembers_facts(policy, asked | owned | said)
    if rules.action.survey is not None:
        remembers_survey(policy)


def _note_trigger(triggers: Mapping[type[Event], list[Occurrence]]) -> Any:
    def note(known: Known, event: Event, at: Recorded) -> None:
        if occurs(triggers[type(event)], event):
            known.triggers[at.position] = seen(event, at)

    return note


def _note_cancel(cancelling: Mapping[type[Event], list[Occurrence]]) -> Any:
    def note(known: Known, event: Event, at: Recorded) -> None:
        if occurs(cancelling[type(event)], event):
            known.cancels.append(seen(event, at))

    return note


def _when(occurrences: list[Occurrence]) -> Any:
    return lambda event: occurs(occurrences, event)


def _by_event(occurrences: tuple[Occurrence, ...], codec: Codec) -> dict[type[Event], list[Occurrence]]:
    """What may occur, by event. One that is stored under a newer name today is that event."""
    found: dict[type[Event], list[Occurrence]] = {}
    for occurrence in occurrences:
        name = occurrence.event
        while name in codec.upcasts:
            name = codec.upcasts[name][0]
        if (event := event_called(name)) is None:
            raise UnknownOccurrence(f"There is no event {occurrence.event}.")
        found.setdefault(event, []).append(occurrence)
    return found


# What is done when something happens.


def promise(policy: Defined, at: Recorded, known: Known) -> Iterator[Command]:
    """Promises the action for when its time will have come."""
    rules, trigger = _rules(policy), occasion(at)
    if at.customer_id is None and rules.action.kind in SENDS:
        yield policy.pass_over(at, NO_CUSTOMER, STEP, trigger)
        return
    wanted = later(rules.delay, at.occurred_at, known)
    calls = rules.action.kind in SENDS
    due_at = known.contact.calendar.allowed(wanted) if calls and rules.delay.quiet_hours else wanted
    action = to_do(rules.action, policy.follow_up_id(trigger, STEP), at.stream_id)
    yield policy.promise(at, STEP, action, due_at, wanted_at=wanted, trigger=trigger)


def take_back(policy: Defined, event: Seen, known: Known) -> Iterator[Command]:
    """Takes back what was promised because of what this event is about."""
    for follow_up_id, promised in known.contact.promises.items():
        trigger = known.triggers.get(promised.position) if promised.policy == policy.name else None
        if trigger is not None and promised.status in OPEN and concerns(trigger, event):
            yield CancelFollowUp(follow_up_id=follow_up_id, reason=event.name)


def to_do(action: RuleAction, follow_up_id: UUID, about: UUID) -> Action:
    """The action as the ledger writes it."""
    match action.kind:
        case RuleActionKind.SEND_MESSAGE:
            return Action(
                kind=ActionKind.SEND_MESSAGE,
                template=action.template or "message",
                channel=action.channel,
                purpose=action.purpose,
                about=about,
            )
        case RuleActionKind.SEND_SURVEY:
            return Action(
                kind=ActionKind.SEND_SURVEY,
                survey=action.survey,
                invitation_id=derived("invitation", follow_up_id),
                channel=Channel.EMAIL,
                purpose=Purpose.SURVEY,
                about=about,
            )
        case _:
            channel = Channel.PHONE if action.kind is RuleActionKind.CALL else None
            return Action(kind=ActionKind.ACT, channel=channel, purpose=action.purpose, about=about)


# What is done when a follow-up is due.


def keep_promise(policy: Defined, due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """Does what was promised, unless something speaks against it by now."""
    rules = _rules(policy)
    reason = no_longer(due, known)
    if due.action is ActionKind.EXPIRE_SURVEY:
        yield from expire(due, known)
    elif reason is not None:
        yield from cancel(reason, due.follow_up_id)
    elif due.action is ActionKind.REMIND_SURVEY:
        yield from remind(policy, due, now, known)
    elif rules.conditions is not None and not holds(rules.conditions, facts_of(known.facts, known.contact, now), now):
        yield policy.suppress(due, CONDITIONS)
    elif is_capped(policy, due, now, known):
        yield policy.suppress(due, CAPPED)
    elif rules.action.kind is RuleActionKind.SEND_SURVEY and (known.survey.retired or not known.survey.version):
        yield policy.suppress(due, NO_SURVEY)
    elif lacks(policy, due, now, known):
        yield policy.suppress(due, NO_VALUE)
    elif rules.action.kind in SENDS:
        yield from keep(policy, due, now, known.contact, None, quiet=rules.delay.quiet_hours)
    else:
        yield from act(policy, due, now, known)


def remind(policy: Defined, due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """Asks once more; that is not to ask anew, so it counts against no cap."""
    assert due.due_at is not None
    if now - due.due_at > TOO_LATE_AFTER:
        yield policy.suppress(due, "TOO_LATE")
    elif reason := unreached(now, known.contact, due.purpose, Channel.EMAIL):
        yield policy.suppress(due, reason)
    elif (later := known.contact.calendar.allowed(now)) > now:
        yield PostponeFollowUp(follow_up_id=due.follow_up_id, due_at=later, reason="QUIET_HOURS")
    else:
        basis, relied_on = grounds(known.contact, Purpose.SURVEY, Channel.EMAIL, due.trigger_position)
        yield DispatchFollowUp(follow_up_id=due.follow_up_id, basis=basis, relied_on=relied_on)


def lacks(policy: Defined, due: Due, now: datetime, known: Known) -> bool:
    """Whether the message would have to say what nobody knows."""
    if (chosen := chosen_words(_rules(policy).action, known)) is None:
        return False
    knows = knowing(due, now, known)
    return any(True for text in (chosen.subject, chosen.text) for _ in unknown_in(text, knows))


def chosen_words(action: RuleAction, known: Known) -> Words | None:
    """The words in the customer's language, or else the first that there are."""
    if not action.words:
        return None
    words = {each.language.partition("-")[0]: each for each in reversed(action.words)}
    return words.get(known.contact.written_in, action.words[0])


def knowing(due: Due, now: datetime, known: Known) -> Callable[[Blank], object]:
    """What is known for a blank: of the customer by now, and of what set the policy off."""
    trigger = known.triggers.get(due.trigger_position)
    facts = {**facts_of(known.facts, known.contact, now), NAME: known.contact.name}
    told = {} if trigger is None else trigger.told
    return lambda asked: facts.get(asked.name) if asked.source == CUSTOMER else told.get(asked.name)


def act(policy: Defined, due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """Puts a task or a call into somebody's agenda; nobody is to call whoever must not be called."""
    action = _rules(policy).action
    kind = ACTIVITIES[action.kind]
    if kind is ActivityKind.CALL and (reason := unreached(now, known.contact, action.purpose, Channel.PHONE)):
        yield policy.suppress(due, reason)
        return
    trigger = known.triggers.get(due.trigger_position)
    assert action.subject is not None
    related = (None, None) if trigger is None else (trigger.noun, trigger.stream_id)
    due_at = now if action.due_in is None else later(action.due_in, now, known)
    yield task(policy, due, action.subject, whose(action, known), due_at, related, kind)
    yield done(due, kind.value)


def whose(action: RuleAction, known: Known) -> UUID | None:
    """In whose agenda it goes; None if nobody answers for the customer: then it is for whoever takes it."""
    owner = known.facts.account_manager
    if owner is not None and action.task_for is TaskFor.MANAGER:
        return known.around.company.manager_of(owner)
    return owner


def no_longer(due: Due, known: Known) -> str | None:
    """What happened since that takes the promise back, as a code."""
    if (ended := ended_as(due, known)) is not None:
        return ended
    trigger = known.triggers.get(first_position(due, known))
    if trigger is None:
        return None
    found = (each for each in known.cancels if each.position > trigger.position and concerns(trigger, each))
    return next((each.name for each in found), None)


def objection(due: Due, now: datetime, known: Known) -> str | None:
    """Why what was dispatched is not sent any more."""
    assert due.channel is not None
    return no_longer(due, known) or unreached(now, known.contact, due.purpose, due.channel)


def is_capped(policy: Defined, due: Due, now: datetime, known: Known) -> bool:
    """Whether the policy did it as often as it may for this customer."""
    when = [
        moment
        for id, each in known.contact.promises.items()
        if id != due.follow_up_id and each.policy == policy.name and each.action.kind not in AFTERWARDS
        if (moment := each.dispatched_at if each.status in ON_ITS_WAY else each.done_at) is not None
    ]
    caps = _rules(policy).caps
    return any(sum(now - moment < timedelta(days=cap.days) for moment in when) >= cap.times for cap in caps)


def write(policy: Defined, due: Due, known: Known) -> Letter:
    """What is sent: the message in the customer's language, or else in the first that there is."""
    rules, contact = _rules(policy), known.contact
    assert due.channel is not None
    trigger = known.triggers.get(due.trigger_position)
    told = {} if trigger is None else trigger.told
    values = {
        name.replace(".", "_"): str(value)
        for name, value in told.items()
        if value not in (None, ()) and name not in RESERVED
    }
    language, then = contact.written_in, tuple[Command, ...]()
    template = due.template or "message"
    if (chosen := chosen_words(rules.action, known)) is not None:
        assert due.due_at is not None
        language = chosen.language.partition("-")[0]
        language = language if language in LANGUAGES else OTHER_LANGUAGE
        knows = knowing(due, due.due_at, known)
        texts = {"subject": chosen.subject, "text": chosen.text}
        values |= {name: filled(text, language, contact.calendar, knows) for name, text in texts.items()}
    if due.action is ActionKind.REMIND_SURVEY and due.invitation_id is not None:
        template, then = "questions_reminder", (RemindInvitation(invitation_id=due.invitation_id),)
        values |= {"scores": "", "title": title_of(known, language)}
    elif due.invitation_id is not None and due.customer_id is not None:
        template = "questions"
        values |= {"scores": "", "title": title_of(known, language)}
        invite = SendInvitation(
            invitation_id=due.invitation_id,
            customer_id=due.customer_id,
            survey=due.survey or "",
            version=max(known.survey.version, 1),
            channel=due.channel,
            language=language,
            follow_up_id=due.follow_up_id,
        )
        then = (invite,)
    return Letter(
        to=contact.address(due.channel) or "",
        name=contact.name,
        language=language,
        template=template,
        hours=contact.calendar if rules.delay.quiet_hours else None,
        invitation_id=due.invitation_id,
        channel=due.channel,
        values=values,
        then=then,
    )


def title_of(known: Known, language: str) -> str:
    """What the survey is called in a language, or else in the first that there is."""
    return known.survey.title.get(language) or next(iter(known.survey.title.values()), "")


def occurs(occurrences: list[Occurrence] | tuple[Occurrence, ...], event: Event) -> bool:
    """Whether an event is one of these."""
    return any(
        each.when is None or holds(each.when, told_by(event), datetime.max.replace(tzinfo=UTC)) for each in occurrences
    )


def _rules(policy: Defined) -> Rules:
    assert policy.rules is not None
    return policy.rules
