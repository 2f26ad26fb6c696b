"""The offers: what each customer alone may have, at which price and until when, and what they said to it."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.offer import OfferAccepted, OfferDeclined, OfferExpired, OfferMade, OfferStatus
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View


class OfferMove(Fact):
    """An offer that was made (OPEN), or what became of it; `after_s` are the seconds since it was made."""

    status: OfferStatus = OfferStatus.OPEN
    offer: str = ""
    sku: str | None = None
    campaign_id: UUID | None = None
    order_id: UUID | None = None
    reason: str | None = None
    after_s: int = 0


class OfferSheet(Row, key="offer_id"):
    """An offer. `discount` is a share of the price (0.1 is 10 %), `price` is for one piece, in `currency`.

    `reason` is the code for which the company took it back.
    """

    offer_id: UUID
    customer_id: UUID | None = None
    offer: str = ""
    title: str | None = None
    status: OfferStatus = OfferStatus.UNKNOWN
    sku: str | None = None
    discount: Decimal | None = None
    price: Decimal | None = None
    currency: str | None = None
    campaign_id: UUID | None = None
    limited_to: int | None = None
    valid_until: datetime | None = None
    made_at: datetime | None = None
    answered_at: datetime | None = None
    order_id: UUID | None = None
    reason: str | None = None


offer_moves = Facts(
    "offer_moves", OfferMove, indexes=("(occurred_at)", "(campaign_id, occurred_at)", "(customer_id, occurred_at)")
)
view = View(
    "offers",
    OfferSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(offer_moves,),
    indexes=("(customer_id, made_at desc)", "(campaign_id, status)", "(status, valid_until)"),
)


@view.on(OfferMade)
def make(sheet: OfferSheet, made: OfferMade, at: Recorded) -> Iterator[OfferMove]:
    sheet.customer_id = at.customer_id
    sheet.offer = made.offer
    sheet.title = made.title
    sheet.sku = made.sku
    sheet.discount = made.discount
    sheet.price = made.price
    sheet.currency = made.currency
    sheet.campaign_id = made.campaign_id
    sheet.limited_to = made.limited_to
    sheet.valid_until = made.valid_until
    sheet.made_at = at.occurred_at
    yield _become(sheet, OfferStatus.OPEN, at)


@view.on(OfferAccepted)
def accept(sheet: OfferSheet, accepted: OfferAccepted, at: Recorded) -> Iterator[OfferMove]:
    sheet.order_id = accepted.order_id
    yield _become(sheet, OfferStatus.ACCEPTED, at)


@view.on(OfferDeclined)
def decline(sheet: OfferSheet, declined: OfferDeclined, at: Recorded) -> Iterator[OfferMove]:
    yield _become(sheet, OfferStatus.DECLINED, at)


@view.on(OfferExpired)
def expire(sheet: OfferSheet, expired: OfferExpired, at: Recorded) -> Iterator[OfferMove]:
    sheet.reason = expired.reason
    yield _become(sheet, OfferStatus.EXPIRED, at)


def _become(sheet: OfferSheet, status: OfferStatus, at: Recorded) -> OfferMove:
    sheet.status = status
    if status is not OfferStatus.OPEN:
        sheet.answered_at = at.occurred_at
    since = sheet.made_at or at.occurred_at
    return OfferMove(
        status=status,
        offer=sheet.offer,
        sku=sheet.sku,
        campaign_id=sheet.campaign_id,
        order_id=sheet.order_id,
        reason=sheet.reason,
        after_s=int((at.occurred_at - since).total_seconds()),
    )
