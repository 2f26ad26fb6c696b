"""The service levels of cases: by when each is to be answered and resolved, under which version of which SLA."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.case_sla import SlaBreached, SlaMilestone, SlaTargetSet, SlaWarned
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between
from projections.view import Row, View


class SlaWord(StrEnum):
    """What was said of a target."""

    SET = "SET"
    WARNED = "WARNED"
    BREACHED = "BREACHED"


class SlaEvent(Fact):
    """A target of a case was set, was in danger or was missed; `allowed_s` are the seconds from its setting until it is due.

    The version of the SLA is that under which the target was set, for ever.
    """

    word: SlaWord = SlaWord.SET
    case_id: UUID | None = None
    milestone: SlaMilestone = SlaMilestone.RESOLUTION
    due_at: datetime | None = None
    sla: str | None = None
    sla_version: int | None = None
    allowed_s: int | None = None


class CaseSlaSheet(Row, key="case_sla_id"):
    """The clocks of a case, of its first response and its resolution. A target that is set anew replaces the one before."""

    case_sla_id: UUID
    case_id: UUID | None = None
    customer_id: UUID | None = None
    response_due_at: datetime | None = None
    response_set_at: datetime | None = None
    response_sla: str | None = None
    response_sla_version: int | None = None
    response_warned_at: datetime | None = None
    response_breached_at: datetime | None = None
    resolution_due_at: datetime | None = None
    resolution_set_at: datetime | None = None
    resolution_sla: str | None = None
    resolution_sla_version: int | None = None
    resolution_warned_at: datetime | None = None
    resolution_breached_at: datetime | None = None


events = Facts("sla_events", SlaEvent, indexes=("(case_id, milestone, occurred_at)", "(word, occurred_at)"))

view = View(
    "case_slas",
    CaseSlaSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    facts=(events,),
    indexes=("(case_id)", "(resolution_due_at)"),
)


@view.on(SlaTargetSet)
def set_target(sheet: CaseSlaSheet, target: SlaTargetSet, at: Recorded) -> Iterator[SlaEvent]:
    sheet.case_id = target.case_id
    sheet.customer_id = at.customer_id
    if target.milestone is SlaMilestone.FIRST_RESPONSE:
        sheet.response_due_at = target.due_at
        sheet.response_set_at = at.occurred_at
        sheet.response_sla = target.sla
        sheet.response_sla_version = target.sla_version
        sheet.response_warned_at = sheet.response_breached_at = None
    else:
        sheet.resolution_due_at = target.due_at
        sheet.resolution_set_at = at.occurred_at
        sheet.resolution_sla = target.sla
        sheet.resolution_sla_version = target.sla_version
        sheet.resolution_warned_at = sheet.resolution_breached_at = None
    yield _said(SlaWord.SET, target, sheet, at, seconds_between(at.occurred_at, target.due_at))


@view.on(SlaWarned)
def warn(sheet: CaseSlaSheet, warned: SlaWarned, at: Recorded) -> Iterator[SlaEvent]:
    if warned.milestone is SlaMilestone.FIRST_RESPONSE:
        sheet.response_warned_at = at.occurred_at
    else:
        sheet.resolution_warned_at = at.occurred_at
    yield _said(SlaWord.WARNED, warned, sheet, at)


@view.on(SlaBreached)
def breach(sheet: CaseSlaSheet, breached: SlaBreached, at: Recorded) -> Iterator[SlaEvent]:
    if breached.milestone is SlaMilestone.FIRST_RESPONSE:
        sheet.response_breached_at = at.occurred_at
    else:
        sheet.resolution_breached_at = at.occurred_at
    yield _said(SlaWord.BREACHED, breached, sheet, at)


def _said(
    word: SlaWord,
    said: SlaTargetSet | SlaWarned | SlaBreached,
    sheet: CaseSlaSheet,
    at: Recorded,
    allowed_s: int | None = None,
) -> SlaEvent:
    first = said.milestone is SlaMilestone.FIRST_RESPONSE
    return SlaEvent(
        word=word,
        case_id=said.case_id,
        milestone=said.milestone,
        due_at=said.due_at,
        sla=sheet.response_sla if first else sheet.resolution_sla,
        sla_version=sheet.response_sla_version if first else sheet.resolution_sla_version,
        allowed_s=allowed_s,
    )
