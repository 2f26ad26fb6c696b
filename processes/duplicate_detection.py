"""Duplicate detection: whoever gets something to be recognised by is compared with everybody else, and every night all are.

Pairs from a score of `SUSPECTED_FROM` on are suspected, and somebody is to look; surer ones that share an identifier which
was verified (for one of them: nothing is verified for two) are merged at once, if `AUTO_MERGE` is on. How pairs are
compared: `projections.customers.duplicates`. They are those of the moment at which is decided: what was recorded a moment
later may have been seen already.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from domain.activity import ActivityKind, ScheduleActivity
from domain.duplicate import DuplicateSuspected, SuspectDuplicate, duplicate_id
from domain.follow_up import Action, ActionKind, ScheduleFollowUp
from domain.identifiers import IdentifierAdded, IdentifierRemoved, IdentifierType, IdentifierVerified
from domain.kernel import Command, derived
from domain.merging import MergeCustomers
from domain.policy import policy_id
from domain.restriction import ContactRestrictionKind, ContactRestrictionLifted, ContactRestrictionSet
from domain.rules import Delay, Rules
from eventstore.envelope import Recorded
from processes.contact import HOME_LANGUAGE
from processes.nights import following, next_night
from processes.policy import Policy, done, occasion
from processes.staff_words import said
from processes.telling import AT_ONCE, BY_ITSELF, any_of
from projections.customers import identities, suspicions
from projections.customers.duplicates import SUSPECTED_FROM, DuplicateCandidate, candidates, candidates_of_all
from projections.lists import Lists
from projections.touchpoints.due import Due

AUTO_MERGE = False
"""Whether pairs are merged without anybody looking."""
MERGED_FROM = Decimal("0.95")
MAX_PAIRS = 20
"""Of one customer; the surest ones."""
TASK_WITHIN = timedelta(days=7)
AT = time(4)
"""When all customers are compared each night, in the zone of the business unit."""
SWEPT_AT_ONCE = 1_000
"""New pairs that one decision tells of, the surest first; the next ones follow at once."""
COMPARE, SWEEP = "compare", "sweep 1"
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Company:
    """What all memories share: which pairs were suspected, how surely, whose identifiers were verified, and
    who must not be profiled, until when.
    """

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self.position = 0
        self.suspected: dict[UUID, Decimal] = {}
        self.verified: dict[UUID, dict[int, IdentifierType]] = {}
        self.unprofiled: dict[UUID, datetime | None] = {}

    def proved(self, customer_id: UUID) -> set[IdentifierType]:
        """The types of what was verified to be a customer's."""
        return set(self.verified.get(customer_id, {}).values())

    def may_be_compared(self, customer_id: UUID, now: datetime) -> bool:
        """Whether nobody objected to a customer's being compared with strangers."""
        until = self.unprofiled.get(customer_id, LONG_AGO)
        return until is not None and until <= now


@dataclass(slots=True)
class Known:
    """Nothing but what all know."""

    shared: Company
    found: list[DuplicateCandidate] | None = None
    swept: dict[str, list[DuplicateCandidate]] = field(default_factory=dict)


RULES = Rules(
    triggers=any_of(IdentifierAdded),
    delay=AT_ONCE,
    action=replace(
        BY_ITSELF, subject="Two customers may be one: merge or dismiss them.", due_in=Delay(count=TASK_WITHIN.days)
    ),
    note=(
        f"Every night at {AT:%H:%M} all customers are compared with one another, but for who must not be profiled: what was "
        "imported, or changed otherwise, is found then. Each pair that is new, or surer than before, with a score of "
        f"{SUSPECTED_FROM} or more is told, because of an identifier the {MAX_PAIRS} surest at most; from {MERGED_FROM} on, with "
        "an identifier in common that was verified, they are merged without a task if that is switched on, and it is "
        f"{'on' if AUTO_MERGE else 'off'}. Who is like whom is taken from what is known when it is looked, of which no past is "
        "kept: simulated over the past, it is today's customers that are compared."
    ),
)

NAME = "duplicate-detection"


def first_sweep(now: datetime) -> ScheduleFollowUp:
    """With it the sweeps begin, on the night after the policy is activated; each promises the next one."""
    night = next_night(now, AT)
    return ScheduleFollowUp(
        follow_up_id=derived("follow-up", NAME, policy_id(NAME), SWEEP),
        customer_id=None,
        policy=NAME,
        policy_version=1,
        step=SWEEP,
        trigger=policy_id(NAME),
        trigger_position=0,
        action=Action(kind=ActionKind.ACT),
        due_at=night,
        wanted_at=night,
    )


policy = Policy(
    NAME,
    version=1,
    memory=Known,
    shared=Company,
    views=(identities.view, suspicions.view),
    begins=first_sweep,
    rules=RULES,
)


@policy.learn(DuplicateSuspected)
def suspected(shared: Company, event: DuplicateSuspected, at: Recorded) -> None:
    shared.suspected[at.stream_id] = event.score


@policy.learn(IdentifierVerified, IdentifierRemoved)
def verified(shared: Company, event: IdentifierVerified | IdentifierRemoved, at: Recorded) -> None:
    if isinstance(event, IdentifierVerified):
        shared.verified.setdefault(at.stream_id, {})[event.number] = event.type
    else:
        shared.verified.get(at.stream_id, {}).pop(event.number, None)


@policy.learn(ContactRestrictionSet, ContactRestrictionLifted)
def restricted(shared: Company, event: ContactRestrictionSet | ContactRestrictionLifted, at: Recorded) -> None:
    if event.kind is not ContactRestrictionKind.NO_PROFILING:
        return
    if isinstance(event, ContactRestrictionSet):
        shared.unprofiled[event.customer_id] = event.until
    else:
        shared.unprofiled.pop(event.customer_id, None)


@policy.trigger(IdentifierAdded)
def compare(added: IdentifierAdded, at: Recorded, known: Known) -> Iterator[Command]:
    action = Action(kind=ActionKind.ACT, about=at.stream_id)
    yield policy.promise(at, COMPARE, action, at.occurred_at, trigger=occasion(at))


@policy.due
def look(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    if due.step == COMPARE:
        yield from look_at(due, now, known)
    else:
        yield from sweep(due, now, known)


def look_at(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """One customer is compared with everybody else."""
    assert due.customer_id is not None
    shared = known.shared
    if known.found is None:
        known.found = candidates(shared.lists, [due.customer_id], first=MAX_PAIRS, min_score=SUSPECTED_FROM)
    outcome = "NOBODY"
    for pair in known.found:
        outcome = "KNOWN" if outcome == "NOBODY" else outcome
        if is_news(pair, shared):
            yield from tell(pair, now, shared)
            outcome = "MERGED" if may_merge(pair, shared) else "SUSPECTED"
        if outcome == "MERGED":
            break
    yield done(due, outcome)


def sweep(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """Everybody is compared with everybody else. What is told is told of the pair, whichever look finds it."""
    shared = known.shared
    if due.step not in known.swept:
        known.swept[due.step] = candidates_of_all(shared.lists, min_score=SUSPECTED_FROM)
    news = [
        pair
        for pair in known.swept[due.step]
        if is_news(pair, shared) and all(shared.may_be_compared(id, now) for id in (pair.customer_id, pair.other_id))
    ]
    merged: set[UUID] = set()
    for pair in news[:SWEPT_AT_ONCE]:
        if merged.isdisjoint((pair.customer_id, pair.other_id)):
            yield from tell(pair, now, shared)
            if may_merge(pair, shared):
                merged |= {pair.customer_id, pair.other_id}
    yield done(due, "SUSPECTED" if news else "NOBODY")
    later = now if len(news) > SWEPT_AT_ONCE or merged else next_night(now, AT)
    yield policy.promise_next(due, following(due.step), Action(kind=ActionKind.ACT), later)


def is_news(pair: DuplicateCandidate, shared: Company) -> bool:
    """Whether the pair was not suspected yet, or not so surely."""
    return pair.score > shared.suspected.get(duplicate_id(pair.customer_id, pair.other_id), Decimal(0))


def tell(pair: DuplicateCandidate, now: datetime, shared: Company) -> Iterator[Command]:
    """The pair is suspected, and merged at once, or a task for whoever looks."""
    id = duplicate_id(pair.customer_id, pair.other_id)
    yield SuspectDuplicate(
        customer_id=pair.customer_id, other_id=pair.other_id, score=pair.score, features=pair.features
    )
    if may_merge(pair, shared):
        yield MergeCustomers(
            customer_id=pair.customer_id, survivor_id=pair.other_id, reason=f"{policy.name}: {pair.score}"
        )
        return
    yield ScheduleActivity(
        activity_id=derived("activity", id, str(pair.score)),
        kind=ActivityKind.TASK,
        subject=said(HOME_LANGUAGE, "duplicate", score=f"{pair.score:.0%}", features=", ".join(pair.features)),
        customer_id=pair.customer_id,
        due_at=now + TASK_WITHIN,
        related_noun="duplicate",
        related_id=id,
        origin_policy=policy.name,
    )


def may_merge(pair: DuplicateCandidate, shared: Company) -> bool:
    """Whether two customers are merged without anybody looking."""
    proved = shared.proved(pair.customer_id) | shared.proved(pair.other_id)
    return AUTO_MERGE and pair.score >= MERGED_FROM and any(f"SAME_{type}" in pair.features for type in proved)
