"""Deliveries: what became of each message that was sent, as the mail servers and phones tell."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.delivery import BounceKind, LinkClicked, MessageBounced, MessageDelivered, MessageOpened
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View


class NoticeKind(StrEnum):
    """What a notice says of a message."""

    DELIVERED = "DELIVERED"
    OPENED = "OPENED"
    CLICKED = "CLICKED"
    BOUNCED = "BOUNCED"


class DeliveryNotice(Fact):
    """A notice of what became of the message `owner_id`; `first` is true once for each message and kind."""

    kind: NoticeKind = NoticeKind.DELIVERED
    first: bool = False
    bounce: BounceKind | None = None
    reason: str | None = None
    interaction_id: UUID | None = None


class DeliverySheet(Row, key="delivery_id"):
    """A message that was sent, whose id is not kept here. `clicks` are links, each counted once; `bounce` is the last."""

    delivery_id: UUID
    customer_id: UUID | None = None
    interaction_id: UUID | None = None
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    clicked_at: datetime | None = None
    clicks: int = 0
    bounced_at: datetime | None = None
    bounce: BounceKind | None = None
    bounce_reason: str | None = None


delivery_notices = Facts(
    "delivery_notices", DeliveryNotice, indexes=("(customer_id, occurred_at)", "(occurred_at)", "(kind, occurred_at)")
)
view = View(
    "deliveries",
    DeliverySheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(delivery_notices,),
    indexes=("(customer_id)", "(bounce, bounced_at)"),
)

Notice = MessageDelivered | MessageOpened | LinkClicked | MessageBounced


@view.on(MessageDelivered)
def deliver(sheet: DeliverySheet, delivered: MessageDelivered, at: Recorded) -> Iterator[DeliveryNotice]:
    yield _notice(sheet, NoticeKind.DELIVERED, sheet.delivered_at, delivered, at)
    sheet.delivered_at = sheet.delivered_at or at.occurred_at


@view.on(MessageOpened)
def open_(sheet: DeliverySheet, opened: MessageOpened, at: Recorded) -> Iterator[DeliveryNotice]:
    yield _notice(sheet, NoticeKind.OPENED, sheet.opened_at, opened, at)
    sheet.opened_at = sheet.opened_at or at.occurred_at


@view.on(LinkClicked)
def click(sheet: DeliverySheet, clicked: LinkClicked, at: Recorded) -> Iterator[DeliveryNotice]:
    yield _notice(sheet, NoticeKind.CLICKED, sheet.clicked_at, clicked, at)
    sheet.clicked_at = sheet.clicked_at or at.occurred_at
    sheet.clicks += 1


@view.on(MessageBounced)
def bounce(sheet: DeliverySheet, bounced: MessageBounced, at: Recorded) -> Iterator[DeliveryNotice]:
    notice = _notice(sheet, NoticeKind.BOUNCED, sheet.bounced_at, bounced, at)
    notice.bounce = bounced.kind
    notice.reason = bounced.reason
    yield notice
    sheet.bounced_at = at.occurred_at
    sheet.bounce = bounced.kind
    sheet.bounce_reason = bounced.reason


def _notice(
    sheet: DeliverySheet, kind: NoticeKind, before: datetime | None, told: Notice, at: Recorded
) -> DeliveryNotice:
    sheet.customer_id = at.customer_id
    sheet.interaction_id = told.interaction_id or sheet.interaction_id
    return DeliveryNotice(kind=kind, first=before is None, interaction_id=sheet.interaction_id)
