"""Returns: goods that a customer wants to send back, from the wish to the replacement."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked
from domain.references import CustomerId, OrderId, ReturnId
from domain.values import MAX_QUANTITY, must_know_zone, must_say

MAX_LINES = 500


class ReturnCause(StrEnum):
    """Why somebody sends something back."""

    DAMAGED = "DAMAGED"
    DEFECTIVE = "DEFECTIVE"
    WRONG_ARTICLE = "WRONG_ARTICLE"
    LATE = "LATE"
    NOT_AS_DESCRIBED = "NOT_AS_DESCRIBED"
    DOES_NOT_FIT = "DOES_NOT_FIT"
    CHANGED_MIND = "CHANGED_MIND"
    OTHER = "OTHER"


class ReturnCondition(StrEnum):
    """In what state goods arrived."""

    NEW = "NEW"
    OPENED = "OPENED"
    USED = "USED"
    DAMAGED = "DAMAGED"
    INCOMPLETE = "INCOMPLETE"


class ReturnStatus(StrEnum):
    """How far a return has come."""

    UNKNOWN = "UNKNOWN"
    REQUESTED = "REQUESTED"
    AUTHORISED = "AUTHORISED"
    REFUSED = "REFUSED"
    RECEIVED = "RECEIVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLine:
    """So many pieces of one article."""

    sku: str
    quantity: int


# What can be asked.


class RequestReturn(Command):
    """Ask to send goods of an order back; what comes back in the end is booked by returning lines of the order."""

    return_id: ReturnId
    order_id: OrderId
    customer_id: CustomerId
    lines: tuple[ReturnLine, ...]
    cause: ReturnCause = ReturnCause.OTHER
    note: Text | None = None


class AuthoriseReturn(Command):
    """Let the customer send the goods, or let them have another date; `until` is when they must have arrived."""

    return_id: ReturnId
    until: datetime | None = None


class RefuseReturn(Command):
    """Tell the customer that the goods are not taken back."""

    return_id: ReturnId
    reason: Text | None = None


class ReceiveReturn(Command):
    """Say which goods really arrived, even if they are others than were requested, and in what state."""

    return_id: ReturnId
    lines: tuple[ReturnLine, ...]
    condition: ReturnCondition = ReturnCondition.NEW


class ShipReplacement(Command):
    """Say that other goods have left in place of these; `replacement_order_id` is the order they go by, if any."""

    return_id: ReturnId
    lines: tuple[ReturnLine, ...]
    replacement_order_id: OrderId | None = None
    carrier: str | None = None
    tracking: str | None = None


# What can have happened.


class ReturnRequested(Event, stored_as="return.requested.v1"):
    """A customer asked to send goods of an order back."""

    order_id: OrderId
    customer_id: CustomerId
    lines: tuple[ReturnLine, ...]
    cause: ReturnCause
    note: Told[str]


class ReturnAuthorised(Event, stored_as="return.authorised.v1"):
    """The customer may send the goods; the latest `until` counts, and without one there is no limit."""

    until: datetime | None


class ReturnRefused(Event, stored_as="return.refused.v1"):
    """The company does not take the goods back."""

    reason: Told[str]


class ReturnReceived(Event, stored_as="return.received.v1"):
    """Goods arrived."""

    lines: tuple[ReturnLine, ...]
    condition: ReturnCondition


class ReplacementShipped(Event, stored_as="return.replacement-shipped.v1"):
    """Other goods left in place of those that came back, or are to come back."""

    lines: tuple[ReturnLine, ...]
    replacement_order_id: OrderId | None
    carrier: str | None
    tracking: str | None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Return:
    """What was requested, and the last word on every step."""

    status: ReturnStatus = ReturnStatus.UNKNOWN
    customer_id: UUID | None = None
    order_id: UUID | None = None
    lines: tuple[ReturnLine, ...] = ()
    cause: ReturnCause | None = None
    authorised: ReturnAuthorised | None = None
    received: ReturnReceived | None = None
    replaced: ReplacementShipped | None = None


Asked = RequestReturn | AuthoriseReturn | RefuseReturn | ReceiveReturn | ShipReplacement
Happened = ReturnRequested | ReturnAuthorised | ReturnRefused | ReturnReceived | ReplacementShipped


def decide(asked: Asked, known: Return) -> Iterator[Event]:
    match asked:
        case RequestReturn():
            must_be_lines(asked.lines)
            if known.status is ReturnStatus.UNKNOWN:
                yield as_asked(ReturnRequested, asked)
            elif not is_same(asked, known):
                raise Refused("This return is already requested. Request the other one under an id of its own.")
        case _ if known.status is ReturnStatus.UNKNOWN:
            raise Refused("This return is not requested yet.", "return_id")
        case RefuseReturn():
            if known.status in (ReturnStatus.AUTHORISED, ReturnStatus.RECEIVED):
                raise Refused(f"This return has already been {known.status.lower()}.")
            if known.replaced is not None:
                raise Refused("A replacement has already been shipped.")
            if known.status is not ReturnStatus.REFUSED:
                yield as_asked(ReturnRefused, asked)
        case _ if known.status is ReturnStatus.REFUSED:
            raise Refused("This return has been refused. Request another one.")
        case AuthoriseReturn(until=until):
            if until is not None:
                must_know_zone(until, "until")
            authorised = as_asked(ReturnAuthorised, asked)
            if known.authorised != authorised:
                if known.status is ReturnStatus.RECEIVED:
                    raise Refused("The goods have already been received.")
                yield authorised
        case ReceiveReturn(lines=lines):
            must_be_lines(lines)
            received = as_asked(ReturnReceived, asked)
            if known.received is None:
                yield received
            elif known.received != received:
                raise Refused("The goods have already been received. Request another return for what came later.")
        case ShipReplacement(lines=lines):
            must_be_lines(lines)
            must_say(asked.carrier, "The carrier", "carrier")
            must_say(asked.tracking, "The tracking", "tracking")
            replaced = as_asked(ReplacementShipped, asked)
            if known.replaced is None:
                yield replaced
            elif known.replaced != replaced:
                raise Refused("A replacement has already been shipped.")
        case _:
            assert_never(asked)


def evolve(known: Return, event: Happened) -> Return:
    match event:
        case ReturnRequested():
            return Return(ReturnStatus.REQUESTED, event.customer_id, event.order_id, event.lines, event.cause)
        case ReturnAuthorised():
            return replace(known, status=ReturnStatus.AUTHORISED, authorised=event)
        case ReturnRefused():
            return replace(known, status=ReturnStatus.REFUSED)
        case ReturnReceived():
            return replace(known, status=ReturnStatus.RECEIVED, received=event)
        case ReplacementShipped():
            return replace(known, replaced=event)
        case _:
            assert_never(event)


def is_same(asked: RequestReturn, known: Return) -> bool:
    """Whether this is what was requested before, whatever is noted about it."""
    said = (asked.customer_id, asked.order_id, asked.lines, asked.cause)
    return said == (known.customer_id, known.order_id, known.lines, known.cause)


def must_be_lines(lines: tuple[ReturnLine, ...]) -> None:
    """Refused if there are no lines or too many, or if one of them makes no sense."""
    if not 1 <= len(lines) <= MAX_LINES:
        raise Refused(f"Give from 1 to {MAX_LINES} lines.", "lines")
    for number, line in enumerate(lines, 1):
        must_say(line.sku, f"Line {number}: the sku", "lines")
        if not 0 < line.quantity <= MAX_QUANTITY:
            raise Refused(f"Line {number}: the quantity must be from 1 to {MAX_QUANTITY}.", "lines")


decider = Decider("return", Asked, Happened, Return(), decide, evolve)
