"""The erasures: who asked to be forgotten or blocked, how far that has come, and by when there must be an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from domain.erasure_events import (
    ErasureBasis,
    ErasureCompleted,
    ErasureDeadlineExtended,
    ErasureHoldLifted,
    ErasureHoldSet,
    ErasureIdentityVerified,
    ErasureKeysDestroyed,
    ErasureKind,
    ErasureRefusal,
    ErasureRefused,
    ErasureRequested,
    ErasureStatus,
    HoldScope,
    ProjectionsPurged,
    SubjectBlocked,
)
from domain.values import empty
from eventstore.envelope import Recorded
from projections.view import Row, View

HOME_ZONE = "Europe/Madrid"
ANSWER_MONTHS = 1
"""Within how many months of the receipt there must be an answer (GDPR art. 12.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What must be kept, by which law and until when; empty: until it is lifted."""

    scope: HoldScope
    legal_basis: str
    until: datetime | None = None


class ErasureEntry(Row, key="erasure_id"):
    """A request. There must be an answer by `deadline_at`; what is blocked may be destroyed from `blocked_until` on.

    `answered_at` is when the customer got what they asked for, or a no: that they are blocked, for which nobody can read what
    was said of them any more, or that it is refused.
    """

    erasure_id: UUID
    customer_id: UUID | None = None
    kind: ErasureKind = ErasureKind.ERASURE
    basis: ErasureBasis | None = None
    status: ErasureStatus = ErasureStatus.REQUESTED
    requested_at: datetime | None = None
    deadline_at: datetime | None = None
    extended_months: int = 0
    answered_at: datetime | None = None
    verified_at: datetime | None = None
    method: str | None = None
    holds: Mapping[str, Held] = field(default_factory=empty)
    customers: int = 0
    blocked_at: datetime | None = None
    blocked_until: datetime | None = None
    legal_basis: str | None = None
    purged_at: datetime | None = None
    purged_rows: int = 0
    destroyed_at: datetime | None = None
    destroyed_keys: int = 0
    refused_at: datetime | None = None
    refusal: ErasureRefusal | None = None
    completed_at: datetime | None = None
    certificate: str | None = None


view = View(
    "erasures",
    ErasureEntry,
    version=1,
    beside_log=True,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(status, deadline_at)", "(customer_id)"),
)


def deadline(requested_at: datetime, months: int = 0) -> datetime:
    """By when there must be an answer: so many months after the first one, on the company's clocks."""
    local = requested_at.astimezone(ZoneInfo(HOME_ZONE))
    return (local + relativedelta(months=ANSWER_MONTHS + months)).astimezone(UTC)


@view.on(ErasureRequested)
def request(entry: ErasureEntry, requested: ErasureRequested, at: Recorded) -> None:
    entry.customer_id = at.customer_id
    entry.kind = requested.kind
    entry.basis = requested.basis
    entry.requested_at = at.occurred_at
    entry.deadline_at = deadline(at.occurred_at)


@view.on(ErasureIdentityVerified)
def verify(entry: ErasureEntry, verified: ErasureIdentityVerified, at: Recorded) -> None:
    entry.status = ErasureStatus.VERIFIED
    entry.verified_at = at.occurred_at
    entry.method = verified.method


@view.on(ErasureHoldSet)
def hold(entry: ErasureEntry, held: ErasureHoldSet, at: Recorded) -> None:
    known = Held(scope=held.scope, legal_basis=held.legal_basis, until=held.until)
    entry.holds = {**entry.holds, held.scope.value: known}


@view.on(ErasureHoldLifted)
def lift(entry: ErasureEntry, lifted: ErasureHoldLifted, at: Recorded) -> None:
    entry.holds = {scope: held for scope, held in entry.holds.items() if scope != lifted.scope.value}


@view.on(ErasureDeadlineExtended)
def extend(entry: ErasureEntry, extended: ErasureDeadlineExtended, at: Recorded) -> None:
    entry.extended_months = extended.months
    if entry.requested_at is not None:
        entry.deadline_at = deadline(entry.requested_at, extended.months)


@view.on(ErasureRefused)
def refuse(entry: ErasureEntry, refused: ErasureRefused, at: Recorded) -> None:
    entry.status = ErasureStatus.REFUSED
    entry.refusal = refused.reason
    entry.refused_at = entry.answered_at = at.occurred_at


@view.on(SubjectBlocked)
def block(entry: ErasureEntry, blocked: SubjectBlocked, at: Recorded) -> None:
    if entry.status is ErasureStatus.VERIFIED:
        entry.status = ErasureStatus.BLOCKED
        entry.blocked_at = at.occurred_at
        entry.customers = len(blocked.subjects)
    entry.blocked_until = blocked.until
    entry.legal_basis = blocked.legal_basis


@view.on(ProjectionsPurged)
def purge(entry: ErasureEntry, purged: ProjectionsPurged, at: Recorded) -> None:
    entry.status = ErasureStatus.PURGED
    entry.purged_at = entry.answered_at = at.occurred_at
    entry.purged_rows = sum(each.rows for each in purged.purged)


@view.on(ErasureKeysDestroyed)
def destroy(entry: ErasureEntry, destroyed: ErasureKeysDestroyed, at: Recorded) -> None:
    entry.status = ErasureStatus.DESTROYING
    entry.destroyed_at = at.occurred_at
    entry.destroyed_keys += len(destroyed.key_ids)


@view.on(ErasureCompleted)
def complete(entry: ErasureEntry, completed: ErasureCompleted, at: Recorded) -> None:
    entry.status = ErasureStatus.COMPLETED
    entry.completed_at = at.occurred_at
    entry.certificate = completed.certificate
