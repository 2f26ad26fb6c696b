"""Segment membership: customers enter and leave the published segments by themselves, every night and when it is asked for.

Whom a segment means is counted from the log as of the position at which it is decided, all customers in one statement, and
what differs from who is in becomes events. A campaign is then launched for whoever is in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time
from uuid import UUID

from domain.follow_up import Action, ActionKind, PostponeFollowUp, ScheduleFollowUp
from domain.kernel import Command, Refused
from domain.rules import Rules
from domain.segment import SegmentDefined, SegmentPublished, SegmentRetired
from domain.segment_membership import EnterSegment, ExitSegment
from eventstore.envelope import Recorded
from eventstore.reader import AsOf
from processes.nights import following, next_night
from processes.policy import Policy, Subject, cancel, done
from processes.telling import BY_ITSELF, any_of, until
from projections import VIEWS
from projections.customers import traits
from projections.lists import Lists
from projections.marketing import segment_memberships
from projections.marketing.segment_members import SegmentMoves, moves
from projections.touchpoints.due import Due

AT = time(3)
"""When it is looked each night, in the zone of the business unit."""
MOVED_AT_ONCE = 1_000
"""Customers whom one decision moves; the next ones follow at once."""
NOT_MEASURABLE = "NOT_MEASURABLE"


class Counted:
    """What all memories share: the views that are counted from, and the position as of which they are."""

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self.position = 0


@dataclass(slots=True)
class Known:
    """A segment: its versions, the one that counts (0 for none) and where that was said, and what was counted for which step."""

    shared: Counted
    versions: dict[int, SegmentDefined] = field(default_factory=dict)
    published: int = 0
    published_position: int = 0
    retired: bool = False
    counted: dict[str, SegmentMoves | Refused] = field(default_factory=dict)


RULES = Rules(
    triggers=any_of(SegmentPublished),
    delay=until(f"at once, and {AT:%H:%M} each night after it"),
    action=BY_ITSELF,
    cancelled_by=any_of(SegmentPublished, SegmentRetired),
    note=(
        "Whom the published version means and who is not in yet enters; who is in and is meant no longer leaves; all as of "
        "one position of the log."
    ),
)

policy = Policy(
    "segment-membership",
    version=1,
    memory=Known,
    subject=Subject.NOUN,
    shared=Counted,
    views=tuple(view for view in VIEWS if view.name in {*traits.VIEWS, segment_memberships.view.name}),
    rules=RULES,
)


@policy.remember(SegmentDefined, SegmentPublished, SegmentRetired)
def told(known: Known, event: SegmentDefined | SegmentPublished | SegmentRetired, at: Recorded) -> None:
    match event:
        case SegmentDefined(version=version):
            known.versions[version] = event
        case SegmentPublished(version=version):
            known.published, known.published_position = version, at.position
        case SegmentRetired():
            known.retired = True


@policy.trigger(SegmentPublished)
def begin(published: SegmentPublished, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, f"version {published.version}: look 1", looking(at.stream_id), at.occurred_at)


@policy.due
def move(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.about is not None
    if known.retired:
        yield from cancel("RETIRED", due.follow_up_id)
        return
    if due.trigger_position != known.published_position:
        yield from cancel("REPUBLISHED", due.follow_up_id)
        return
    found = count(due, due.about, now, known)
    if isinstance(found, Refused):
        yield policy.suppress(due, NOT_MEASURABLE)
        return
    for kind, customers in ((EnterSegment, found.enter), (ExitSegment, found.leave)):
        for customer_id in customers:
            yield kind(segment_id=due.about, customer_id=customer_id, definition_version=known.published)
    yield done(due, "MOVED" if found.enter or found.leave else "UNCHANGED")
    yield policy.promise_next(due, following(due.step), looking(due.about), now if found.more else next_night(now, AT))


def count(due: Due, segment_id: UUID, now: datetime, known: Known) -> SegmentMoves | Refused:
    """Who has to enter and to leave, counted once for a step; why not, if that cannot be asked of customers."""
    key = f"{due.step} {known.shared.position}"
    if key not in known.counted:
        predicate = known.versions[known.published].predicate
        as_of = AsOf(position=known.shared.position)
        try:
            known.counted[key] = moves(
                known.shared.lists, segment_id, predicate, at=now, most=MOVED_AT_ONCE, as_of=as_of
            )
        except Refused as refused:
            known.counted[key] = refused
    return known.counted[key]


def looking(segment_id: UUID) -> Action:
    """What is promised: a look at a segment."""
    return Action(kind=ActionKind.ACT, about=segment_id)


def asked(segment_id: UUID, published_position: int, version: int, waiting: UUID | None, now: datetime) -> Command:
    """What has a segment looked at now instead of at night: the look that is waiting is put forward, or there is one more."""
    if waiting is not None:
        return PostponeFollowUp(follow_up_id=waiting, due_at=now, reason="ASKED")
    step = f"version {version}, asked {now.isoformat(timespec='seconds')}: look 1"
    return ScheduleFollowUp(
        follow_up_id=policy.follow_up_id(segment_id, step),
        customer_id=None,
        policy=policy.name,
        policy_version=policy.version,
        step=step,
        trigger=segment_id,
        trigger_position=published_position,
        action=looking(segment_id),
        due_at=now,
        wanted_at=now,
    )
