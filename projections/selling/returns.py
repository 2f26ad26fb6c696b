"""The returns: what customers want to send back, how far that has come, and what left in its place."""

from datetime import datetime
from uuid import UUID

from domain.references import OrderId
from domain.returns import (
    ReplacementShipped,
    ReturnAuthorised,
    ReturnCause,
    ReturnCondition,
    ReturnLine,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
    ReturnStatus,
)
from eventstore.envelope import Recorded
from projections.view import Row, View


class ReturnSheet(Row, key="return_id"):
    """A return. `lines` were asked to be sent back, `received` arrived, `replaced` left in their place.

    The goods must arrive by `authorised_until`, if that was said.
    """

    return_id: UUID
    customer_id: UUID | None = None
    order_id: UUID | None = None
    status: ReturnStatus = ReturnStatus.UNKNOWN
    cause: ReturnCause | None = None
    condition: ReturnCondition | None = None
    lines: tuple[ReturnLine, ...] = ()
    received: tuple[ReturnLine, ...] = ()
    replaced: tuple[ReturnLine, ...] = ()
    requested_at: datetime | None = None
    authorised_at: datetime | None = None
    authorised_until: datetime | None = None
    refused_at: datetime | None = None
    received_at: datetime | None = None
    replaced_at: datetime | None = None
    replacement_order_id: OrderId | None = None
    carrier: str | None = None
    tracking: str | None = None


view = View(
    "returns",
    ReturnSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(customer_id, requested_at desc)", "(order_id)", "(status, requested_at)"),
)


@view.on(ReturnRequested)
def request(sheet: ReturnSheet, requested: ReturnRequested, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.order_id = requested.order_id
    sheet.status = ReturnStatus.REQUESTED
    sheet.cause = requested.cause
    sheet.lines = requested.lines
    sheet.requested_at = at.occurred_at


@view.on(ReturnAuthorised)
def authorise(sheet: ReturnSheet, authorised: ReturnAuthorised, at: Recorded) -> None:
    sheet.status = ReturnStatus.AUTHORISED
    sheet.authorised_until = authorised.until
    sheet.authorised_at = sheet.authorised_at or at.occurred_at


@view.on(ReturnRefused)
def refuse(sheet: ReturnSheet, refused: ReturnRefused, at: Recorded) -> None:
    sheet.status = ReturnStatus.REFUSED
    sheet.refused_at = at.occurred_at


@view.on(ReturnReceived)
def receive(sheet: ReturnSheet, received: ReturnReceived, at: Recorded) -> None:
    sheet.status = ReturnStatus.RECEIVED
    sheet.condition = received.condition
    sheet.received = received.lines
    sheet.received_at = at.occurred_at


@view.on(ReplacementShipped)
def replace(sheet: ReturnSheet, replaced: ReplacementShipped, at: Recorded) -> None:
    sheet.replaced = replaced.lines
    sheet.replacement_order_id = replaced.replacement_order_id
    sheet.carrier = replaced.carrier
    sheet.tracking = replaced.tracking
    sheet.replaced_at = at.occurred_at
