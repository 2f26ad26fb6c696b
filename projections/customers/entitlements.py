"""The entitlements: which products a customer may use under which contract, how many and until when."""

from datetime import date, datetime
from uuid import UUID

from domain.entitlement import EntitlementGranted
from eventstore.envelope import Recorded
from projections.view import Row, View


class EntitlementEntry(Row, key="entitlement_id"):
    """What a customer may use from `starts_on` to `ends_on`, both days included, as it was said last.

    If the end is before the start, the whole was taken back; `reason` is a code that says why it was said again.
    """

    entitlement_id: UUID
    customer_id: UUID | None = None
    product_id: UUID | None = None
    sku: str = ""
    contract: str = ""
    quantity: int = 0
    starts_on: date | None = None
    ends_on: date | None = None
    taken_back: bool = False
    reason: str | None = None
    granted_at: datetime | None = None
    said_at: datetime | None = None


view = View(
    "entitlements",
    EntitlementEntry,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(customer_id, ends_on)", "(contract)", "(sku)", "(ends_on)"),
)


@view.on(EntitlementGranted)
def grant(entry: EntitlementEntry, granted: EntitlementGranted, at: Recorded) -> None:
    entry.customer_id = at.customer_id
    entry.product_id = granted.product_id
    entry.sku = granted.sku
    entry.contract = granted.contract
    entry.quantity = granted.quantity
    entry.starts_on = granted.starts_on
    entry.ends_on = granted.ends_on
    entry.taken_back = granted.ends_on is not None and granted.ends_on < granted.starts_on
    entry.reason = granted.reason
    entry.granted_at = entry.granted_at or at.occurred_at
    entry.said_at = at.occurred_at
