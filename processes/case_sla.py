"""Service levels of cases: by when each is to be answered and resolved, warned of in time, and noted when it was missed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from domain.case_events import (
    CaseClosed,
    CaseCustomerIdentified,
    CaseOpened,
    CasePriorityChanged,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseWaitingOnCustomer,
    FirstResponseSent,
)
from domain.case_sla import BreachSla, SetSlaTarget, SlaMilestone, WarnSla
from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.kernel import Command, derived
from domain.queueing import factors
from domain.rules import Rules
from domain.sla import DEFAULT, SlaDefined, seconds
from domain.values import Channel
from domain.work_item import QueueWorkItem
from eventstore.envelope import Recorded
from processes.office import Office, learns_office
from processes.policy import Policy, Subject, cancel, done, occasion
from processes.service_levels import CaseClock, learns_service_levels, remembers_clock, streams_of_case
from processes.telling import AT_ONCE, BY_ITSELF, any_of, percent, spelled
from processes.tiers import Tiers, learns_tiers
from projections.touchpoints.due import Due

QUEUE = "service"
"""The queue in which cases wait that nobody has."""

ATTENDED = frozenset(
    {Channel.PHONE, Channel.CHAT, Channel.WEB_COLLABORATION, Channel.VISIT, Channel.COUNTER, Channel.STORE}
)
"""Whoever opens a case during such a contact has the customer before them, so nobody need be found for it."""

TARGETS, ROUTE = "targets", "route"
WARN: Mapping[SlaMilestone, str] = MappingProxyType(
    {SlaMilestone.FIRST_RESPONSE: "warn-response", SlaMilestone.RESOLUTION: "warn-resolution"}
)
BREACH: Mapping[SlaMilestone, str] = MappingProxyType(
    {SlaMilestone.FIRST_RESPONSE: "breach-response", SlaMilestone.RESOLUTION: "breach-resolution"}
)
MILESTONES: Mapping[str, SlaMilestone] = MappingProxyType(
    {step: milestone for steps in (WARN, BREACH) for milestone, step in steps.items()}
)


@dataclass(slots=True)
class Service:
    """What all cases share: when the company is open, what it promises, and to whom it promises more."""

    office: Office = field(default_factory=Office)
    tiers: Tiers = field(default_factory=Tiers)
    slas: dict[str, dict[int, SlaDefined]] = field(default_factory=dict)


TIMES = "; ".join(
    f"{each.priority}: {spelled(each.first_response_s)} and {spelled(each.resolution_s)}" for each in DEFAULT.targets
)
FACTORS = ", ".join(f"times {factor} for {tier}" for tier, factor in DEFAULT.tier_factors.items())
RULES = Rules(
    triggers=any_of(CaseOpened, CaseReopened, CasePriorityChanged),
    delay=AT_ONCE,
    action=BY_ITSELF,
    cancelled_by=any_of(
        CasePriorityChanged, CaseCustomerIdentified, CaseWaitingOnCustomer, FirstResponseSent, CaseResolved, CaseClosed
    ),
    note=(
        "Sets by when the case is to be answered and resolved, in office time, by the last version of the SLA "
        f"{DEFAULT.key}, which comes as {TIMES}; {FACTORS}; warns at {percent(DEFAULT.warn_at)} of it, notes what was missed, "
        f"and puts what nobody has into the queue {QUEUE}; the clock stands still while the customer is waited for."
    ),
)

policy = Policy(
    "case-sla", version=1, memory=CaseClock, subject=Subject.NOUN, shared=Service, streams_of=streams_of_case,
    needs=(DEFAULT,), rules=RULES,
)  # fmt: skip
learns_office(policy)
learns_tiers(policy)
learns_service_levels(policy)
remembers_clock(policy)


# What is done when something happens.


@policy.trigger(CaseOpened, CaseReopened)
def begin(event: CaseOpened | CaseReopened, at: Recorded, known: CaseClock) -> Iterator[Command]:
    yield promise_targets(at)
    if known.staff_id is None and not (isinstance(event, CaseOpened) and is_attended(event)):
        yield policy.promise(at, ROUTE, about(at.stream_id), at.occurred_at, trigger=known.cycle)


@policy.trigger(CasePriorityChanged)
def promise_otherwise(event: CasePriorityChanged, at: Recorded, known: CaseClock) -> Iterator[Command]:
    yield from cancel("PRIORITY_CHANGED", *promised_because(known.past[-1:]))
    if reason := known.stands_still:
        yield policy.pass_over(at, reason, TARGETS)  # its targets are set when it goes on
    else:
        yield promise_targets(at)


@policy.on(CaseCustomerIdentified)
def promise_more(event: CaseCustomerIdentified, at: Recorded, known: CaseClock) -> Iterator[Command]:
    if known.occasion == occasion(at):
        yield from cancel("CUSTOMER_IDENTIFIED", *promised_because(known.past[-1:]))
        if known.stands_still is None:
            yield promise_targets(at)


@policy.on(CaseWaitingOnCustomer)
def stand_still(event: CaseWaitingOnCustomer, at: Recorded, known: CaseClock) -> Iterator[Command]:
    yield from cancel("WAITING_ON_CUSTOMER", *promised_because([known.occasion]))


@policy.on(CaseResumed)
def go_on(event: CaseResumed, at: Recorded, known: CaseClock) -> Iterator[Command]:
    yield promise_targets(at)


@policy.on(FirstResponseSent)
def answered(event: FirstResponseSent, at: Recorded, known: CaseClock) -> Iterator[Command]:
    steps = WARN[SlaMilestone.FIRST_RESPONSE], BREACH[SlaMilestone.FIRST_RESPONSE]
    yield from cancel("ANSWERED", *promised_because([known.occasion], *steps))


@policy.on(CaseResolved, CaseClosed)
def end(event: CaseResolved | CaseClosed, at: Recorded, known: CaseClock) -> Iterator[Command]:
    reason = "RESOLVED" if isinstance(event, CaseResolved) else "CLOSED"
    yield from cancel(reason, *promised_because([known.occasion]))


# What is done when it is due.


@policy.due
def keep_promise(due: Due, now: datetime, known: CaseClock) -> Iterator[Command]:
    if due.step == ROUTE:
        yield from route(due, known)
    elif reason := known.stands_still or (None if due.trigger == known.occasion else "SET_ANEW"):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
    elif due.step == TARGETS:
        yield from set_targets(due, now, known)
    elif reason := known.met(MILESTONES[due.step]):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
    elif due.step in WARN.values():
        yield from warn(due, MILESTONES[due.step], known)
    else:
        yield from breach(due, MILESTONES[due.step], known)


def set_targets(due: Due, now: datetime, known: CaseClock) -> Iterator[Command]:
    """Promises both milestones; one that is met needs none, and one that was missed, and would be again, is missed."""
    case_id = case_of(due)
    for milestone in SlaMilestone:
        definition = known.definition(milestone)
        allowed_s = known.allowed_s(definition, milestone)
        due_at = known.when(allowed_s, definition)
        warn_at = known.when(seconds(allowed_s, definition.warn_at), definition)
        assert due_at is not None
        assert warn_at is not None
        if known.met(milestone) or (milestone in known.breached and due_at <= now):
            continue
        yield SetSlaTarget(
            case_id=case_id,
            customer_id=due.customer_id or known.customer_id,
            milestone=milestone,
            due_at=due_at,
            sla=definition.key,
            sla_version=definition.version,
        )
        yield policy.promise_next(due, WARN[milestone], about(case_id), warn_at)
    yield done(due, "SET")


def warn(due: Due, milestone: SlaMilestone, known: CaseClock) -> Iterator[Command]:
    """Says that a milestone is in danger, and promises to look whether it is missed."""
    case_id, target = case_of(due), known.targets[milestone]
    yield WarnSla(case_id=case_id, milestone=milestone, due_at=target.due_at)
    yield policy.promise_next(due, BREACH[milestone], about(case_id), target.due_at)
    yield done(due, "WARNED")


def breach(due: Due, milestone: SlaMilestone, known: CaseClock) -> Iterator[Command]:
    """Notes that a milestone was missed."""
    yield BreachSla(case_id=case_of(due), milestone=milestone, due_at=known.targets[milestone].due_at)
    yield done(due, "BREACHED")


def route(due: Due, known: CaseClock) -> Iterator[Command]:
    """Puts a case that nobody has into the one queue for all channels."""
    if reason := known.over or ("ASSIGNED" if known.staff_id is not None else None):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
        return
    assert known.opened is not None
    parts = factors(known.priority, known.shared.tiers.of(known.customer_id), little_left=False)
    yield QueueWorkItem(
        work_item_id=derived("work_item", due.follow_up_id),
        customer_id=due.customer_id or known.customer_id,
        channel=known.opened.channel,
        queue=QUEUE,
        case_id=case_of(due),
        priority=known.priority,
        score=sum(parts.values()),
        factors=parts,
    )
    yield done(due, "QUEUED")


def is_attended(opened: CaseOpened) -> bool:
    """Whether somebody was speaking with the customer when the case was opened."""
    return opened.interaction_id is not None and opened.channel in ATTENDED


def promise_targets(at: Recorded) -> Command:
    """The promise to set the targets that follow from an event."""
    return policy.promise(at, TARGETS, about(at.stream_id), at.occurred_at, trigger=occasion(at))


def promised_because(occasions: list[UUID | None] | list[UUID], *steps: str) -> Iterator[UUID]:
    """What is promised, or would be, because of these occasions."""
    for each in occasions:
        if each is not None:
            yield from (policy.follow_up_id(each, step) for step in steps or (TARGETS, *MILESTONES))


def about(case_id: UUID) -> Action:
    """Something that the policy does itself about a case."""
    return Action(kind=ActionKind.ACT, about=case_id)


def case_of(due: Due) -> UUID:
    """The case that a follow-up is about."""
    assert due.about is not None
    return due.about
