"""The segments: each with the words by which customers belong to it, version by version."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from uuid import UUID

from domain.predicate import Predicate
from domain.segment import SegmentDefined, SegmentPublished, SegmentRetired
from domain.values import empty
from eventstore.envelope import Recorded
from projections.view import Row, View


class SegmentSheet(Row, key="segment_id"):
    """A segment. `version` is the last that was defined, with its `predicate`, and `published` the one that counts (0: none).

    `proposition` is what the company promises this group.
    """

    segment_id: UUID
    code: str = ""
    title: Mapping[str, str] = field(default_factory=empty)
    version: int = 0
    published: int = 0
    predicate: Predicate | None = None
    proposition: str | None = None
    defined_at: datetime | None = None
    published_at: datetime | None = None
    retired_at: datetime | None = None


view = View(
    "segments",
    SegmentSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(code)",),
)


@view.on(SegmentDefined)
def define(sheet: SegmentSheet, defined: SegmentDefined, at: Recorded) -> None:
    sheet.code = defined.key
    sheet.title = defined.title
    sheet.version = defined.version
    sheet.predicate = defined.predicate
    sheet.proposition = defined.proposition
    sheet.defined_at = at.occurred_at


@view.on(SegmentPublished)
def publish(sheet: SegmentSheet, published: SegmentPublished, at: Recorded) -> None:
    sheet.published = published.version
    sheet.published_at = at.occurred_at


@view.on(SegmentRetired)
def retire(sheet: SegmentSheet, retired: SegmentRetired, at: Recorded) -> None:
    sheet.retired_at = at.occurred_at
