"""Lead response: who was given a lead is to speak with it soon, or is warned; then their manager is told; then it is another's.

All in hours in which the company is open. The next one is whom `processes.scores` finds the best of those who have not had
the lead yet, and has as much time as the first; that is done `MAX_ROUNDS` times.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.kernel import Command, derived
from domain.lead import (
    AssignLead,
    LeadAssigned,
    LeadCaptured,
    LeadContacted,
    LeadConverted,
    LeadDisqualified,
    LeadRecycled,
)
from domain.rules import Rules
from eventstore.envelope import Recorded
from processes.places import NOWHERE, TELLS_PLACE, Place, remembers_place
from processes.policy import Policy, Subject, cancel, done, occasion
from processes.sales_floor import SalesFloor, learns_sales_floor
from processes.scores import RULE, RULE_VERSION, candidates, work_of
from processes.staff_words import WORDS
from processes.telling import BY_ITSELF, any_of, spelled, until
from projections.touchpoints.due import Due

WARN, TELL, REASSIGN = "warn", "manager", "reassign"
HOUR_S = 3600
AFTER_S = {WARN: 1 * HOUR_S, TELL: 4 * HOUR_S, REASSIGN: 8 * HOUR_S}
"""Open seconds after the assignment."""
MAX_ROUNDS = 3
"""How often a lead is given to another rep because nobody spoke with it."""
CONTACTED = "CONTACTED"
WARNING, NOTICE = "lead_waits", "lead_waits_still"
"""What is said, in `processes.staff_words`."""


@dataclass(slots=True)
class Known:
    """What there is to know of a lead: who had it, what each assignment is known by, and whether anything is left to do."""

    floor: SalesFloor
    place: Place = NOWHERE
    language: str | None = None
    lead: LeadCaptured | None = None
    had: list[UUID] = field(default_factory=list)
    turns: list[UUID] = field(default_factory=list)
    rounds: int = 0
    over: str | None = None


RULES = Rules(
    triggers=any_of(LeadAssigned),
    delay=until(f"{', '.join(spelled(seconds) for seconds in AFTER_S.values())} of office time have passed"),
    action=replace(BY_ITSELF, subject=WORDS[WARNING]["en"]),
    cancelled_by=any_of(LeadAssigned, LeadContacted, LeadDisqualified, LeadRecycled, LeadConverted),
    note=(
        f"After {spelled(AFTER_S[WARN])} whoever has the lead is warned, after {spelled(AFTER_S[TELL])} their manager is told, "
        f"and after {spelled(AFTER_S[REASSIGN])} it is given to the best of those who have not had it, {MAX_ROUNDS} times at "
        "most."
    ),
)

policy = Policy(
    "lead-response",
    version=1,
    memory=Known,
    subject=Subject.NOUN,
    shared=SalesFloor,
    with_customer=TELLS_PLACE,
    rules=RULES,
)
learns_sales_floor(policy)
remembers_place(policy)


@policy.remember(LeadCaptured)
def captured(known: Known, event: LeadCaptured, at: Recorded) -> None:
    known.lead = event


@policy.remember(LeadAssigned)
def assigned(known: Known, event: LeadAssigned, at: Recorded) -> None:
    ours = at.actor == policy.actor and bool(known.turns)
    known.rounds = known.rounds + 1 if ours else 0
    known.turns.append(following(known.turns[-1]) if ours else occasion(at))
    known.had.append(event.staff_id)
    if known.over != CONTACTED:
        known.over = None  # it was taken up again


@policy.remember(LeadContacted)
def contacted(known: Known, event: LeadContacted, at: Recorded) -> None:
    known.over = CONTACTED


Ended = LeadDisqualified | LeadRecycled | LeadConverted
WHY_OVER = {LeadDisqualified: "DISQUALIFIED", LeadRecycled: "RECYCLED", LeadConverted: "CONVERTED"}


@policy.remember(LeadDisqualified, LeadRecycled, LeadConverted)
def ended(known: Known, event: Ended, at: Recorded) -> None:
    known.over = WHY_OVER[type(event)]


# What is done when something happens.


@policy.trigger(LeadAssigned)
def promise(event: LeadAssigned, at: Recorded, known: Known) -> Iterator[Command]:
    *before, now = known.turns
    for turn in before:
        yield from cancel("REASSIGNED", *(policy.follow_up_id(turn, step) for step in AFTER_S))
    if known.over == CONTACTED:
        yield policy.pass_over(at, CONTACTED)
        return
    for step, seconds in AFTER_S.items():
        due_at = time_for(seconds, at.occurred_at, event.staff_id, known)
        yield policy.promise(at, step, Action(kind=ActionKind.ACT, about=at.stream_id), due_at, trigger=now)


@policy.on(LeadContacted)
def answered(event: LeadContacted, at: Recorded, known: Known) -> Iterator[Command]:
    yield from take_back(CONTACTED, known)


@policy.on(LeadDisqualified, LeadRecycled, LeadConverted)
def call_off(event: Ended, at: Recorded, known: Known) -> Iterator[Command]:
    yield from take_back(WHY_OVER[type(event)], known)


def take_back(reason: str, known: Known) -> Iterator[Command]:
    """Nothing of the last assignment is left to do."""
    yield from cancel(reason, *(policy.follow_up_id(turn, step) for turn in known.turns[-1:] for step in AFTER_S))


# What is done when a follow-up is due.


@policy.due
def go_on(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    whose = known.had[-1]
    if reason := known.over or ("REASSIGNED" if due.trigger != known.turns[-1] else None):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
    elif due.step == WARN:
        yield known.floor.task(due, now, WARNING, whose, "lead")
        yield done(due, "WARNED")
    elif due.step == REASSIGN:
        yield from reassign(due, now, known)
    elif (manager := known.floor.manager_of(whose)) is not None:
        yield known.floor.task(due, now, NOTICE, manager, "lead")
        yield done(due, "MANAGER_TOLD")
    else:
        yield policy.suppress(due, "NO_MANAGER")


def reassign(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """Gives the lead to the best of those who have not had it, and as much time as the one before."""
    assert due.about is not None
    assert known.lead is not None
    if known.rounds >= MAX_ROUNDS:
        yield policy.suppress(due, "TRIED_ENOUGH")
    elif not (found := candidates(work_of(known.lead, known.place), now, known.floor, known.had)):
        yield policy.suppress(due, "NOBODY_ELIGIBLE")
    else:
        best, turn = found[0].staff_id, following(known.turns[-1])
        yield AssignLead(lead_id=due.about, staff_id=best, rule=RULE, rule_version=RULE_VERSION, candidates=found)
        for step, seconds in AFTER_S.items():
            action = Action(kind=ActionKind.ACT, about=due.about)
            yield policy.promise_next(due, step, action, time_for(seconds, now, best, known), trigger=turn)
        yield done(due, "REASSIGNED")


def time_for(seconds: int, since: datetime, staff_id: UUID, known: Known) -> datetime:
    """So many open seconds later, where somebody works."""
    return known.floor.office.after(since, seconds, known.floor.company.calendar_of(staff_id))


def following(turn: UUID) -> UUID:
    """What the assignment is known by that follows on another one because nobody spoke with the lead."""
    return derived("following", turn)
