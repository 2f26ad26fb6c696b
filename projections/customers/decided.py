"""A decision shown again: the screen that somebody had when a benefit was decided, and what the rule was given, from the log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.benefit import BenefitAuthorised, BenefitDenied, BenefitRequested, ScreenShown
from domain.customer import CustomerProfileChanged, CustomerRegistered
from domain.kernel import Refused
from domain.merging import CustomersMerged
from eventstore.arrays import id_array
from eventstore.envelope import Happened
from eventstore.evidence.proofs import proven
from eventstore.sealing.heads import newest
from eventstore.sealing.sources import EVENTS
from projections.customers.eligibility import BENEFIT_RULE, BENEFIT_RULE_VERSION, BenefitEligibility
from projections.customers.screen_pop import ScreenPop, definition, screen_again
from projections.lists import Lists

DECISIONS = (BenefitRequested, BenefitAuthorised, BenefitDenied)
MAX_READ_AGAIN = 100_000
"""So many events are held against the seal at most: a second and a half of one processor."""
READ_AT_ONCE = 4_096
NAMING = (CustomerRegistered, CustomerProfileChanged, CustomersMerged)
"""The events by which a name can have become known."""


class ReplayVerdict(StrEnum):
    """How what is made of the log again compares with what was stored then.

    SAME: the digests are equal. NAME_FORGOTTEN: they are, and the name can no longer be read. DIFFERENT: they are not.
    REDEFINED: they are not, and it was made by other versions of the views or of the rule then. TAMPERED: an event that it was
    made of is not the one that was sealed. NOT_STORED: no digest was stored, so that there is nothing to compare with.
    """

    SAME = "SAME"
    NAME_FORGOTTEN = "NAME_FORGOTTEN"
    DIFFERENT = "DIFFERENT"
    REDEFINED = "REDEFINED"
    TAMPERED = "TAMPERED"
    NOT_STORED = "NOT_STORED"


DIFFER = {ReplayVerdict.DIFFERENT, ReplayVerdict.REDEFINED}


@dataclass(frozen=True, slots=True)
class DecisionReplay:
    """A decision about a benefit, with the screen and the inputs of the rule made again from the log, and the verdicts.

    `screen` is as it was shown at `screen_position`, and `benefit` what the rule says at `inputs_position`; `screen_digest`
    and `inputs_digest` are what was stored. A name that was forgotten is not shown again, and does not change the digest.
    `tampered_position` is the first event looked at that is not the one that was sealed: those of the customer and of the
    decision, and, if the digests differ, the MAX_READ_AGAIN before it.
    """

    position: int
    type: str
    decided_at: datetime
    benefit_id: UUID
    customer_id: UUID
    asked_for: str
    approver: UUID | None
    screen_digest: str | None
    screen_position: int
    screen_verdict: ReplayVerdict
    screen: ScreenPop | None
    inputs_digest: str | None
    inputs_position: int
    inputs_verdict: ReplayVerdict
    benefit: BenefitEligibility | None
    tampered_position: int | None


def decision_replay(lists: Lists, position: int) -> DecisionReplay:
    """What was seen and decided by the event at a position. Raises `Refused` if that is no decision about a benefit."""
    reader = lists.log.reader
    found = reader.at([position]).get(position)
    if found is None or not isinstance(found.event, DECISIONS):
        raise Refused(f"There is no decision about a benefit at position {position}.", "position")
    requested, authorised = _said(reader.stream(found.at.stream_id))
    event: Any = requested.event
    cited = _cited(found, requested)
    shown = cited or ScreenShown(digest="", position=requested.at.position, seen_at=requested.at.occurred_at)
    screen, verdict = _screen(lists, event.customer_id, shown)
    if cited is None:
        verdict = ReplayVerdict.NOT_STORED
    elif verdict is ReplayVerdict.DIFFERENT and cited.definition not in (None, definition()):
        verdict = ReplayVerdict.REDEFINED
    rule: Any = None if authorised is None or authorised.at.position > position else authorised.event
    stored = None if rule is None else rule.inputs_digest
    inputs_position, benefit = _inputs(lists, event.customer_id, found, requested, cited, stored)
    given = _verdict(stored, None if benefit is None else benefit.inputs_digest)
    if given is ReplayVerdict.DIFFERENT and _of_another_rule(rule):
        given = ReplayVerdict.REDEFINED
    tampered = _tampered(lists, found, event.customer_id, {verdict, given} & DIFFER != set())
    if tampered is not None:
        verdict = given = ReplayVerdict.TAMPERED
    return DecisionReplay(
        position, found.at.type, found.at.occurred_at, found.at.stream_id, event.customer_id, event.benefit,
        getattr(found.event, "approver", None),
        None if cited is None else cited.digest, shown.position, verdict, screen,
        stored, inputs_position, given, benefit, tampered,
    )  # fmt: skip


def _said(stream: list[Happened]) -> tuple[Happened, Any]:
    requested = next(happened for happened in stream if isinstance(happened.event, BenefitRequested))
    return requested, next((each for each in stream if isinstance(each.event, BenefitAuthorised)), None)


def _cited(found: Happened, requested: Happened) -> ScreenShown | None:
    """The screen of whoever decided or, where they named none, of whoever asked."""
    own: ScreenShown | None = getattr(found.event, "screen", None)
    asked: ScreenShown | None = getattr(requested.event, "screen", None)
    return own or asked


def _screen(lists: Lists, customer_id: UUID, shown: ScreenShown) -> tuple[ScreenPop | None, ReplayVerdict]:
    screen = screen_again(lists, customer_id, shown)
    if screen is not None and screen.digest == shown.digest:
        return screen, ReplayVerdict.SAME
    where = shown.name_position
    if (
        screen is not None
        and where is not None
        and where != screen.name_position
        and _forgotten(lists, customer_id, shown)
    ):
        again = screen_again(lists, customer_id, shown, name_position=where)
        if again is not None and again.digest == shown.digest:
            return again, ReplayVerdict.NAME_FORGOTTEN
    return screen, ReplayVerdict.DIFFERENT


def _forgotten(lists: Lists, customer_id: UUID, shown: ScreenShown) -> bool:
    """Whether the event that is said to have the name is one of this customer by then, and its name cannot be read."""
    assert shown.name_position is not None
    reader = lists.log.reader
    found = reader.personal([shown.name_position]).get(shown.name_position)
    if found is None or found.at.position > shown.position or not isinstance(found.event, NAMING):
        return False
    with reader.pool.connection() as db:
        sealed = db.execute("select from es.event where position = %s and personal is not null", [found.at.position])
        told = sealed.fetchone() is not None
    return told and found.event.name is None and found.at.customer_id in reader.kin([customer_id])


def _inputs(
    lists: Lists, customer_id: UUID, found: Happened, requested: Happened, cited: ScreenShown | None, stored: str | None
) -> tuple[int, BenefitEligibility | None]:
    """What the rule says by what was known when it was asked: at the decision, or else when it was asked for or seen.

    A policy decides by what it had taken in by then, which can be a little less than all that stood in the log.
    """
    moments = dict.fromkeys(_moments(found, requested, cited))
    first: tuple[int, BenefitEligibility | None] | None = None
    for position, seen_at in moments:
        screen = screen_again(lists, customer_id, ScreenShown(digest="", position=position, seen_at=seen_at))
        said = (position, None if screen is None else screen.benefit)
        first = first or said
        if stored is None or (screen is not None and screen.benefit.inputs_digest == stored):
            return said
    assert first is not None
    return first


def _moments(found: Happened, requested: Happened, cited: ScreenShown | None) -> Iterator[tuple[int, datetime]]:
    yield max(found.at.position - 1, requested.at.position), found.at.occurred_at
    yield requested.at.position, found.at.occurred_at
    if cited is not None:
        yield cited.position, cited.seen_at


def _of_another_rule(authorised: BenefitAuthorised) -> bool:
    return (authorised.rule, authorised.rule_version) != (BENEFIT_RULE, BENEFIT_RULE_VERSION)


def _tampered(lists: Lists, found: Happened, customer_id: UUID, differs: bool) -> int | None:
    """The first event that is not the one that was sealed: of the customer and of the decision, and if need be before it."""
    last, whom = found.at.position, lists.log.reader.kin([customer_id]) or {customer_id: customer_id}
    with lists.log.pool.connection() as db, db.transaction():
        db.execute("set transaction isolation level repeatable read, read only")
        head = newest(db, EVENTS)
        if head is None:  # nothing was sealed, so nobody can tell
            return None
        ours = db.execute(
            "select position from es.event where (customer_id = any(%s::uuid[]) or stream_id = %s) and position <= %s "
            " order by position limit %s",
            [id_array(whom), found.at.stream_id, last, MAX_READ_AGAIN],
        ).fetchall()
        slices: list[Sequence[int]] = [[position for (position,) in ours]]
        if differs:
            starts = range(max(1, last + 1 - MAX_READ_AGAIN), last + 1, READ_AT_ONCE)
            slices += [range(start, min(start + READ_AT_ONCE, last + 1)) for start in starts]
        for positions in slices:
            if findings := proven(db, head, positions).findings:
                return findings[0].first
    return None


def _verdict(stored: str | None, again: str | None) -> ReplayVerdict:
    if stored is None:
        return ReplayVerdict.NOT_STORED
    return ReplayVerdict.SAME if stored == again else ReplayVerdict.DIFFERENT
