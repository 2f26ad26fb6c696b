"""Duplicate detection: whoever gets something to be recognised by is compared with everybody else.

Pairs from a score of `SUSPECTED_FROM` on are suspected, and somebody is to look; surer ones that share an identifier which
was verified (for one of them: nothing is verified for two) are merged at once, if `AUTO_MERGE` is on. How pairs are
compared: `projections.customers.duplicates`. They are those of the moment at which is decided: what was recorded a moment
later may have been seen already.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain.activity import ActivityKind, ScheduleActivity
from domain.duplicate import DuplicateSuspected, SuspectDuplicate, duplicate_id
from domain.follow_up import Action, ActionKind
from domain.identifiers import IdentifierAdded, IdentifierRemoved, IdentifierType, IdentifierVerified
from domain.kernel import Command, derived
from domain.merging import MergeCustomers
from domain.rules import Delay, Rules
from eventstore.envelope import Recorded
from processes.policy import Policy, done, occasion
from processes.telling import AT_ONCE, BY_ITSELF, any_of
from projections.customers import identities, suspicions
from projections.customers.duplicates import SUSPECTED_FROM, DuplicateCandidate, candidates
from projections.lists import Lists
from projections.touchpoints.due import Due

AUTO_MERGE = False
"""Whether pairs are merged without anybody looking."""
MERGED_FROM = Decimal("0.95")
MAX_PAIRS = 20
"""Of one customer; the surest ones."""
TASK_WITHIN = timedelta(days=7)


class Company:
    """What all memories share: which pairs were suspected, how surely, and whose identifiers were verified."""

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self.position = 0
        self.suspected: dict[UUID, Decimal] = {}
        self.verified: dict[UUID, dict[int, IdentifierType]] = {}

    def proved(self, customer_id: UUID) -> set[IdentifierType]:
        """The types of what was verified to be a customer's."""
        return set(self.verified.get(customer_id, {}).values())


@dataclass(slots=True)
class Known:
    """Nothing but what all know."""

    shared: Company
    found: list[DuplicateCandidate] | None = None


RULES = Rules(
    triggers=any_of(IdentifierAdded),
    delay=AT_ONCE,
    action=replace(
        BY_ITSELF, subject="Two customers may be one: merge or dismiss them.", due_in=Delay(count=TASK_WITHIN.days)
    ),
    note=(
        f"For each pair with a score of {SUSPECTED_FROM} or more, the {MAX_PAIRS} surest at most; from {MERGED_FROM} on, with an "
        f"identifier in common that was verified, they are merged without a task if that is switched on, and it is "
        f"{'on' if AUTO_MERGE else 'off'}."
    ),
)

policy = Policy(
    "duplicate-detection",
    version=1,
    memory=Known,
    shared=Company,
    views=(identities.view, suspicions.view),
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


@policy.trigger(IdentifierAdded)
def compare(added: IdentifierAdded, at: Recorded, known: Known) -> Iterator[Command]:
    action = Action(kind=ActionKind.ACT, about=at.stream_id)
    yield policy.promise(at, "compare", action, at.occurred_at, trigger=occasion(at))


@policy.due
def look(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.customer_id is not None
    shared = known.shared
    if known.found is None:
        known.found = candidates(shared.lists, [due.customer_id], first=MAX_PAIRS, min_score=SUSPECTED_FROM)
    outcome = "NOBODY"
    for pair in known.found:
        id = duplicate_id(pair.customer_id, pair.other_id)
        outcome = "KNOWN" if outcome == "NOBODY" else outcome
        if pair.score <= shared.suspected.get(id, Decimal(0)):
            continue
        outcome = "SUSPECTED"
        yield SuspectDuplicate(
            customer_id=pair.customer_id, other_id=pair.other_id, score=pair.score, features=pair.features
        )
        if may_merge(pair, shared):
            yield MergeCustomers(
                customer_id=pair.customer_id, survivor_id=pair.other_id, reason=f"{policy.name}: {pair.score}"
            )
            outcome = "MERGED"
            break
        yield ScheduleActivity(
            activity_id=derived("activity", id, str(pair.score)),
            kind=ActivityKind.TASK,
            subject=f"Two customers may be one ({pair.score:.0%}: {', '.join(pair.features)}): merge or dismiss them.",
            customer_id=pair.customer_id,
            due_at=now + TASK_WITHIN,
            related_noun="duplicate",
            related_id=id,
            origin_policy=policy.name,
        )
    yield done(due, outcome)


def may_merge(pair: DuplicateCandidate, shared: Company) -> bool:
    """Whether two customers are merged without anybody looking."""
    proved = shared.proved(pair.customer_id) | shared.proved(pair.other_id)
    return AUTO_MERGE and pair.score >= MERGED_FROM and any(f"SAME_{type}" in pair.features for type in proved)
