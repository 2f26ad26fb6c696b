"""The order synchronisation: whether the business system has each order, and where it says something else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.order_sync import OrderDiscrepancyDetected, OrderSyncedWithErp
from domain.values import empty
from eventstore.envelope import Recorded
from projections.view import Row, View


@dataclass(frozen=True, slots=True)
class Difference:
    """What Bitácora says and what the business system says; the one that is empty says nothing."""

    ours: str | None
    theirs: str | None


class OrderSyncSheet(Row, key="order_sync_id"):
    """An order as the business system (ERP) has it. `aspects` are those in which both differ, `differing` says how."""

    order_sync_id: UUID
    order_id: UUID | None = None
    external_id: str | None = None
    digest: str | None = None
    aspects: tuple[str, ...] = ()
    differing: Mapping[str, Difference] = field(default_factory=empty)
    discrepancies: int = 0
    synced_at: datetime | None = None
    differs_since: datetime | None = None


view = View(
    "order_syncs",
    OrderSyncSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(order_id)", "(differs_since) where differs_since is not null"),
)


@view.on(OrderSyncedWithErp)
def synchronise(sheet: OrderSyncSheet, synced: OrderSyncedWithErp, at: Recorded) -> None:
    sheet.order_id = synced.order_id
    if synced.digest != sheet.digest:  # one of both was corrected since
        _differ(sheet, empty(), at)
    sheet.external_id = synced.external_id
    sheet.digest = synced.digest
    sheet.synced_at = at.occurred_at


@view.on(OrderDiscrepancyDetected)
def detect(sheet: OrderSyncSheet, detected: OrderDiscrepancyDetected, at: Recorded) -> None:
    sheet.order_id = detected.order_id
    sheet.discrepancies += 1
    _differ(sheet, {**sheet.differing, detected.field.value: Difference(detected.ours, detected.theirs)}, at)


def _differ(sheet: OrderSyncSheet, differing: Mapping[str, Difference], at: Recorded) -> None:
    sheet.differing = differing
    sheet.aspects = tuple(sorted(differing))
    sheet.differs_since = (sheet.differs_since or at.occurred_at) if differing else None
