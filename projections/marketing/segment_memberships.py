"""Segment memberships: who was in which segment from when to when, by which version of it, and what showed it."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from domain.segment_membership import SegmentEntered, SegmentExited
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View


class SegmentMove(Fact):
    """A customer who entered a segment (`members` is 1) or left it (-1), so that the sum says how many are in.

    `version` is the one of the segment that decided; `stayed_s` are the seconds that somebody who leaves was in.
    """

    segment_id: UUID | None = None
    version: int = 0
    members: int = 0
    stayed_s: int | None = None
    evidence: tuple[int, ...] = ()


class SegmentMembershipSheet(Row, key="membership_id"):
    """A customer and a segment: whether they are in, since when or until when, and the positions that show it."""

    membership_id: UUID
    segment_id: UUID | None = None
    customer_id: UUID | None = None
    inside: bool = False
    version: int = 0
    entered_at: datetime | None = None
    exited_at: datetime | None = None
    evidence: tuple[int, ...] = ()
    times: int = 0


segment_moves = Facts(
    "segment_moves",
    SegmentMove,
    indexes=("(segment_id, occurred_at)", "(customer_id, occurred_at)", "(occurred_at)"),
)
view = View(
    "segment_memberships",
    SegmentMembershipSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(segment_moves,),
    history=True,
    indexes=("(segment_id, customer_id) where inside", "(customer_id, segment_id)"),
)


@view.on(SegmentEntered)
def enter(sheet: SegmentMembershipSheet, entered: SegmentEntered, at: Recorded) -> Iterator[SegmentMove]:
    _decide(sheet, entered, at)
    sheet.inside = True
    sheet.entered_at = at.occurred_at
    sheet.exited_at = None
    sheet.times += 1
    yield _move(entered, 1)


@view.on(SegmentExited)
def leave(sheet: SegmentMembershipSheet, exited: SegmentExited, at: Recorded) -> Iterator[SegmentMove]:
    _decide(sheet, exited, at)
    sheet.inside = False
    sheet.exited_at = at.occurred_at
    move = _move(exited, -1)
    if sheet.entered_at is not None:
        move.stayed_s = int((at.occurred_at - sheet.entered_at).total_seconds())
    yield move


def _decide(sheet: SegmentMembershipSheet, decided: SegmentEntered | SegmentExited, at: Recorded) -> None:
    sheet.segment_id = decided.segment_id
    sheet.customer_id = at.customer_id
    sheet.version = decided.definition_version
    sheet.evidence = decided.evidence


def _move(decided: SegmentEntered | SegmentExited, members: int) -> SegmentMove:
    return SegmentMove(
        segment_id=decided.segment_id,
        version=decided.definition_version,
        members=members,
        evidence=decided.evidence,
    )
