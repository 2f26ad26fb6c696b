"""Offers: what a customer alone may have, at which price and until when, and what they said to it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked
from domain.references import CampaignId, CustomerId, OfferId, OrderId
from domain.values import (
    MAX_QUANTITY,
    must_be_amount,
    must_be_currency,
    must_be_share,
    must_be_within,
    must_know_zone,
    must_say,
)


class OfferStatus(StrEnum):
    """What became of an offer."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"


# What can be asked.


class MakeOffer(Command):
    """Offer a customer something by its code (`offer`): for less (`discount` 0.1 is 10 %), or for `price` a piece."""

    offer_id: OfferId
    customer_id: CustomerId
    offer: str
    title: str | None = None
    sku: str | None = None
    discount: Decimal | None = None
    price: Decimal | None = None
    currency: str | None = None
    campaign_id: CampaignId | None = None
    limited_to: int | None = None
    valid_until: datetime | None = None


class AcceptOffer(Command):
    """Say that the customer takes it, by which order if that is known."""

    offer_id: OfferId
    order_id: OrderId | None = None


class DeclineOffer(Command):
    """Say that the customer does not want it."""

    offer_id: OfferId
    reason: Text | None = None


class ExpireOffer(Command):
    """Stop waiting for an answer; an offer that has one stays as it is.

    `reason` is a code such as SOLD_OUT if the company takes the offer back, which is refused once it is answered."""

    offer_id: OfferId
    reason: str | None = None


# What can have happened.


class OfferMade(Event, stored_as="offer.made.v1"):
    """A customer was offered something: `discount` is a share of the price, `price` is for one piece."""

    customer_id: CustomerId
    offer: str
    title: str | None = None
    sku: str | None = None
    discount: Decimal | None = None
    price: Decimal | None = None
    currency: str | None = None
    campaign_id: CampaignId | None = None
    limited_to: int | None = None
    valid_until: datetime | None = None


class OfferAccepted(Event, stored_as="offer.accepted.v1"):
    """The customer took it."""

    order_id: OrderId | None = None


class OfferDeclined(Event, stored_as="offer.declined.v1"):
    """The customer did not want it."""

    reason: Told[str]


class OfferExpired(Event, stored_as="offer.expired.v1"):
    """The customer did not answer in time, or the company took the offer back and said why in a code."""

    reason: str | None = None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Offer:
    """What was offered, and what became of it."""

    status: OfferStatus = OfferStatus.UNKNOWN
    customer_id: UUID | None = None
    made: OfferMade | None = None
    order_id: UUID | None = None


Asked = MakeOffer | AcceptOffer | DeclineOffer | ExpireOffer
Happened = OfferMade | OfferAccepted | OfferDeclined | OfferExpired


def decide(asked: Asked, offer: Offer) -> Iterator[Event]:
    match asked:
        case MakeOffer():
            must_make_sense(asked)
            made = as_asked(OfferMade, asked)
            if offer.made is None:
                yield made
            elif offer.made != made:
                raise Refused("This offer is already made. Expire it and make another one instead.")
        case _ if offer.made is None:
            raise Refused("This offer is not made yet.", "offer_id")
        case AcceptOffer(order_id=order_id):
            if offer.status is not OfferStatus.ACCEPTED:
                must_be_open(offer)
                yield OfferAccepted(order_id=order_id)
            elif order_id not in (None, offer.order_id):
                raise Refused("This offer is already accepted. Make another one for this order.", "order_id")
        case DeclineOffer(reason=reason):
            if offer.status is not OfferStatus.DECLINED:
                must_be_open(offer)
                yield OfferDeclined(reason=reason)
        case ExpireOffer(reason=reason):
            must_say(reason, "The reason", "reason")
            if reason is not None and offer.status is not OfferStatus.EXPIRED:
                must_be_open(offer)
            if offer.status is OfferStatus.OPEN:
                yield OfferExpired(reason=reason)
        case _:
            assert_never(asked)


def evolve(offer: Offer, event: Happened) -> Offer:
    match event:
        case OfferMade(customer_id=customer_id):
            return Offer(OfferStatus.OPEN, customer_id, event)
        case OfferAccepted(order_id=order_id):
            return replace(offer, status=OfferStatus.ACCEPTED, order_id=order_id)
        case OfferDeclined():
            return replace(offer, status=OfferStatus.DECLINED)
        case OfferExpired():
            return replace(offer, status=OfferStatus.EXPIRED)
        case _:
            assert_never(event)


def must_make_sense(asked: MakeOffer) -> None:
    """Refused if nothing can be bought by this offer, or if it says two prices."""
    must_say(asked.offer, "The offer", "offer")
    must_say(asked.title, "The title", "title")
    must_say(asked.sku, "The sku", "sku")
    must_be_share(asked.discount, "discount")
    must_be_amount(asked.price, "price")
    if asked.price is not None and asked.discount is not None:
        raise Refused("Give a discount or a price, not both.", "discount")
    if (asked.price is None) != (asked.currency is None):
        raise Refused("Give the price with its currency.", "currency" if asked.currency is None else "price")
    if asked.currency is not None:
        must_be_currency(asked.currency, "currency")
    must_be_within(asked.limited_to, 1, MAX_QUANTITY, "limited_to")
    if asked.valid_until is not None:
        must_know_zone(asked.valid_until, "valid_until")


def must_be_open(offer: Offer) -> None:
    """Refused if the offer has been answered, or has expired."""
    if offer.status is not OfferStatus.OPEN:
        raise Refused(f"This offer is already {offer.status.lower()}.")


decider = Decider("offer", Asked, Happened, Offer(), decide, evolve)
