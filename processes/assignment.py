"""Assignment: who is to see to a lead or an opportunity that nobody has, chosen among the reps by their scores.

All candidates are kept with their scores in the event, and with the rule and its version: see `processes.scores`. As long
as nobody is eligible it waits, and is looked at anew every business day; a manager has a task to see to it at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from domain.follow_up import Action, ActionKind, CancelFollowUp, PostponeFollowUp
from domain.kernel import Command
from domain.lead import (
    AssignLead,
    AssignmentCandidate,
    LeadAssigned,
    LeadCaptured,
    LeadConverted,
    LeadDisqualified,
    LeadRecycled,
)
from domain.opportunity import (
    AssignOpportunity,
    OpportunityAssigned,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
)
from domain.rules import Rules
from eventstore.envelope import Recorded
from processes.places import NOWHERE, TELLS_PLACE, Place, remembers_place
from processes.policy import Policy, Subject, cancel, done
from processes.sales_floor import SalesFloor, learns_sales_floor
from processes.scores import FREE, LANGUAGE, RULE, RULE_VERSION, SKILL, TERRITORY, WINNING, Work, candidates, work_of
from processes.telling import AT_ONCE, BY_ITSELF, any_of, is_empty
from projections.touchpoints.due import Due

ASSIGN = "assign"
QUEUED_DAYS = 10
"""Business days for which it is tried again, as long as nobody is eligible."""
TRIED_AT = time(9)
NOBODY = "NOBODY_ELIGIBLE"


@dataclass(slots=True)
class Known:
    """What there is to know of a lead or an opportunity before it is given to somebody."""

    floor: SalesFloor
    place: Place = NOWHERE
    language: str | None = None
    lead: LeadCaptured | None = None
    topic: str | None = None
    staff_id: UUID | None = None
    over: str | None = None

    @property
    def noun(self) -> str:
        """What it is."""
        return "lead" if self.lead is not None else "opportunity"

    @property
    def work(self) -> Work:
        """What there is to assign."""
        if self.lead is None:
            return Work(self.place, self.topic, self.language)
        return work_of(self.lead, self.place)


RULES = Rules(
    triggers=(*any_of(LeadCaptured), *any_of(OpportunityOpened, when=is_empty("staff_id"))),
    delay=AT_ONCE,
    action=BY_ITSELF,
    cancelled_by=any_of(
        LeadAssigned,
        OpportunityAssigned,
        LeadDisqualified,
        LeadRecycled,
        LeadConverted,
        OpportunityWon,
        OpportunityLost,
    ),
    note=(
        f"Given to the rep with the most points: {TERRITORY} for the territory, {SKILL} for the skill, {LANGUAGE} for the "
        f"language, up to {FREE} for free time and up to {WINNING} for sales won; of equals to whoever was given something "
        "least recently; if nobody is eligible, a manager has a task, and it is tried again every business day, for "
        f"{QUEUED_DAYS} of them."
    ),
)

policy = Policy(
    RULE,
    version=RULE_VERSION,
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
    known.lead, known.topic = event, event.interest


@policy.remember(OpportunityOpened)
def opened(known: Known, event: OpportunityOpened, at: Recorded) -> None:
    known.topic, known.staff_id = event.product, event.staff_id


@policy.remember(LeadAssigned, OpportunityAssigned)
def assigned(known: Known, event: LeadAssigned | OpportunityAssigned, at: Recorded) -> None:
    known.staff_id, known.over = event.staff_id, None


Ended = LeadDisqualified | LeadRecycled | LeadConverted | OpportunityWon | OpportunityLost
WHY_OVER = {LeadDisqualified: "DISQUALIFIED", LeadRecycled: "RECYCLED", LeadConverted: "CONVERTED"}


@policy.remember(LeadDisqualified, LeadRecycled, LeadConverted, OpportunityWon, OpportunityLost)
def ended(known: Known, event: Ended, at: Recorded) -> None:
    known.over = why_over(event)


@policy.remember(OpportunityReopened)
def reopened(known: Known, event: OpportunityReopened, at: Recorded) -> None:
    known.over = None


@policy.trigger(LeadCaptured)
def promise_for_lead(event: LeadCaptured, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, ASSIGN, Action(kind=ActionKind.ACT, about=at.stream_id), at.occurred_at)


@policy.trigger(OpportunityOpened, when=lambda opened: opened.staff_id is None)
def promise_for_opportunity(event: OpportunityOpened, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, ASSIGN, Action(kind=ActionKind.ACT, about=at.stream_id), at.occurred_at)


@policy.on(LeadAssigned, OpportunityAssigned)
def take_back(event: LeadAssigned | OpportunityAssigned, at: Recorded, known: Known) -> Iterator[Command]:
    yield from cancel("ASSIGNED", policy.follow_up_id(at.stream_id, ASSIGN))


@policy.on(LeadDisqualified, LeadRecycled, LeadConverted, OpportunityWon, OpportunityLost)
def call_off(event: Ended, at: Recorded, known: Known) -> Iterator[Command]:
    yield from cancel(why_over(event), policy.follow_up_id(at.stream_id, ASSIGN))


@policy.due
def assign(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.about is not None
    if reason := "ASSIGNED" if known.staff_id is not None else known.over:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
    elif found := candidates(known.work, now, known.floor):
        yield given(due.about, found, known)
        yield done(due, "ASSIGNED")
    else:
        yield from wait(due, now, known)


def wait(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """Nobody can be given it: it stays in the queue until the next business day, and a manager is told, once."""
    assert due.wanted_at is not None
    floor = known.floor
    if due.due_at == due.wanted_at:
        yield floor.task(
            due, now, f"assign_{known.noun}", floor.manager_of(floor.company.owner_of(known.work.place)), known.noun
        )
    if now >= floor.office.after_days(due.wanted_at, QUEUED_DAYS, at=TRIED_AT):
        yield policy.suppress(due, NOBODY)
    else:
        again = floor.office.after_days(now, 1, at=TRIED_AT)
        yield PostponeFollowUp(follow_up_id=due.follow_up_id, due_at=again, reason=NOBODY)


def given(noun_id: UUID, found: tuple[AssignmentCandidate, ...], known: Known) -> Command:
    """Gives it to the first of the candidates."""
    best, rule, version = found[0].staff_id, RULE, RULE_VERSION
    if known.lead is not None:
        return AssignLead(lead_id=noun_id, staff_id=best, rule=rule, rule_version=version, candidates=found)
    return AssignOpportunity(opportunity_id=noun_id, staff_id=best, rule=rule, rule_version=version, candidates=found)


def why_over(event: Ended) -> str:
    """Why nobody is to be given it any more, as a code."""
    return WHY_OVER.get(type(event), "CLOSED")
