"""Quotes: what a customer is offered, at which prices, until when, and what the customer says to it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked
from domain.quote_lines import QuoteLine, QuoteWish, must_wish, worth
from domain.references import CustomerId, OpportunityId, QuoteId
from domain.values import Money, money, must_know_zone, must_say

MAX_QUOTE_VERSIONS = 200


class QuoteStatus(StrEnum):
    """How far a quote has come."""

    UNKNOWN = "UNKNOWN"
    REQUESTED = "REQUESTED"
    DRAFT = "DRAFT"
    ISSUED = "ISSUED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"


# What can be asked.


class RequestQuote(Command):
    """Note that a customer asks for prices: of these articles, of what the note says, or of both."""

    quote_id: QuoteId
    customer_id: CustomerId
    wishes: tuple[QuoteWish, ...] = ()
    note: Text | None = None


class DraftQuote(Command):
    """Write a quote, asked for or not; `discount` is the share taken off the sum of the lines, from 0 to 1."""

    quote_id: QuoteId
    customer_id: CustomerId
    lines: tuple[QuoteLine, ...]
    discount: Decimal = Decimal(0)
    currency: str = "EUR"
    rate: Decimal | None = None
    base_currency: str | None = None
    opportunity_id: OpportunityId | None = None


class IssueQuote(Command):
    """Hand the draft to the customer, who may accept it until `valid_until`."""

    quote_id: QuoteId
    valid_until: datetime
    number: str | None = None


class RecordQuoteViewed(Command):
    """Note that the customer has looked at the quote; a version that has been replaced is refused."""

    quote_id: QuoteId
    version: int | None = None


class ReviseQuote(Command):
    """Write the next version, in the currency and at the rate of the first; it is a draft until it is issued."""

    quote_id: QuoteId
    lines: tuple[QuoteLine, ...]
    discount: Decimal = Decimal(0)


class AcceptQuote(Command):
    """Note that the customer agrees; a version that has been replaced is refused."""

    quote_id: QuoteId
    version: int | None = None


class RejectQuote(Command):
    """Note that the customer does not agree, or take it back `by_us` before they answered; `reason` is a code.

    What was taken back, be it a request, is over; what the customer rejected can be revised.
    """

    quote_id: QuoteId
    version: int | None = None
    reason: str | None = None
    note: Text | None = None
    by_us: bool = False


class ExpireQuote(Command):
    """Say that the time to accept the quote is over; a version that has been replaced is refused."""

    quote_id: QuoteId
    version: int | None = None


# What can have happened.


class QuoteRequested(Event, stored_as="quote.requested.v1"):
    """The customer asked for prices."""

    customer_id: CustomerId
    wishes: tuple[QuoteWish, ...]
    note: Told[str]


class QuoteDrafted(Event, stored_as="quote.drafted.v1"):
    """A quote was written; `total` is exact, and `discounts` is what was taken off to come to it."""

    customer_id: CustomerId
    version: int
    lines: tuple[QuoteLine, ...]
    discount: Decimal
    total: Money
    discounts: Money
    opportunity_id: OpportunityId | None


class QuoteIssued(Event, stored_as="quote.issued.v1"):
    """The customer got the quote; `total` is what would be charged, rounded half to even to the minor unit."""

    version: int
    total: Money
    number: str | None
    valid_until: datetime


class QuoteViewed(Event, stored_as="quote.viewed.v1"):
    """The customer looked at this version for the first time."""

    version: int


class QuoteRevised(Event, stored_as="quote.revised.v1"):
    """The next version was written; it is a draft, and the version that it `supersedes` can be accepted no longer."""

    version: int
    supersedes: int
    lines: tuple[QuoteLine, ...]
    discount: Decimal
    total: Money
    discounts: Money


class QuoteAccepted(Event, stored_as="quote.accepted.v1"):
    """The customer agreed to this version."""

    version: int


class QuoteRejected(Event, stored_as="quote.rejected.v1"):
    """The customer did not agree to this version, or `by_us` it was taken back; `reason` is a code such as PRICE;
    without a version it was a request, of which no quote was drafted.
    """

    version: int | None
    reason: str | None
    note: Told[str]
    by_us: bool


class QuoteExpired(Event, stored_as="quote.expired.v1"):
    """The time to accept this version ran out."""

    version: int


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Quote:
    """`current` is the version that holds; `issued` and `viewed` speak of it, and not of those before."""

    status: QuoteStatus = QuoteStatus.UNKNOWN
    customer_id: UUID | None = None
    requested: QuoteRequested | None = None
    drafted: QuoteDrafted | None = None
    current: QuoteDrafted | QuoteRevised | None = None
    issued: QuoteIssued | None = None
    viewed: bool = False
    rejected: QuoteRejected | None = None


Asked = (
    RequestQuote | DraftQuote | IssueQuote | RecordQuoteViewed | ReviseQuote | AcceptQuote | RejectQuote | ExpireQuote
)
Happened = (
    QuoteRequested
    | QuoteDrafted
    | QuoteIssued
    | QuoteViewed
    | QuoteRevised
    | QuoteAccepted
    | QuoteRejected
    | QuoteExpired
)

STANDING = {
    QuoteStatus.UNKNOWN: "There is no such quote yet.",
    QuoteStatus.REQUESTED: "This quote is not drafted yet.",
    QuoteStatus.DRAFT: "This quote is a draft. Issue it first.",
    QuoteStatus.ISSUED: "This quote is already issued. Revise it instead.",
    QuoteStatus.ACCEPTED: "This quote is accepted. Draft another one instead.",
    QuoteStatus.REJECTED: "This quote is rejected. Revise it instead.",
    QuoteStatus.EXPIRED: "This quote has expired. Revise it instead.",
    QuoteStatus.WITHDRAWN: "This quote is withdrawn. Draft another one instead.",
}
"""Why something cannot be done with a quote where it stands."""

REVISABLE = (QuoteStatus.DRAFT, QuoteStatus.ISSUED, QuoteStatus.REJECTED, QuoteStatus.EXPIRED)
UNSEEN = (QuoteStatus.REQUESTED, QuoteStatus.DRAFT)
WITHOUT = {False: QuoteStatus.REJECTED, True: QuoteStatus.WITHDRAWN}
"""How a quote stands of which nothing comes: by the customer, or by us."""


def decide(asked: Asked, quote: Quote) -> Iterator[Event]:
    match asked:
        case RequestQuote():
            must_wish(asked.wishes, asked.note)
            requested = as_asked(QuoteRequested, asked)
            if quote.status is QuoteStatus.UNKNOWN:
                yield requested
            elif requested != quote.requested:
                raise Refused("This quote is already there. Request another one instead.")
        case DraftQuote():
            terms = money(Decimal(0), asked.currency, asked.rate, asked.base_currency)
            total, discounts = worth(asked.lines, asked.discount, terms)
            drafted = as_asked(QuoteDrafted, asked, version=1, total=total, discounts=discounts)
            if quote.drafted is not None:
                if drafted != quote.drafted:
                    raise Refused("This quote is already drafted. Revise it instead.")
            elif quote.status is QuoteStatus.WITHDRAWN:
                raise standing(quote)
            elif quote.customer_id not in (None, asked.customer_id):
                raise Refused("This quote was requested by another customer.", "customer_id")
            else:
                yield drafted
        case _ if quote.status is QuoteStatus.UNKNOWN:
            raise standing(quote)
        case RejectQuote():
            yield from reject(asked, quote)
        case _ if quote.current is None:
            raise standing(quote)
        case ReviseQuote():
            yield from revise(asked, quote.current, quote)
        case IssueQuote(valid_until=valid_until, number=number):
            must_know_zone(valid_until, "valid_until")
            must_say(number, "The number", "number")
            current = quote.current
            issued = as_asked(QuoteIssued, asked, version=current.version, total=current.total.charged())
            if quote.status is QuoteStatus.DRAFT:
                yield issued
            elif quote.status is not QuoteStatus.ISSUED or issued != quote.issued:
                raise standing(quote)
        case RecordQuoteViewed():
            must_be_current(asked.version, quote.current.version)
            if quote.issued is None:
                raise standing(quote)
            if not quote.viewed:
                yield QuoteViewed(version=quote.current.version)
        case AcceptQuote():
            if answers(quote, QuoteStatus.ACCEPTED, asked.version, quote.current.version):
                yield QuoteAccepted(version=quote.current.version)
        case ExpireQuote():
            if answers(quote, QuoteStatus.EXPIRED, asked.version, quote.current.version):
                yield QuoteExpired(version=quote.current.version)
        case _:
            assert_never(asked)


def evolve(quote: Quote, event: Happened) -> Quote:
    match event:
        case QuoteRequested():
            return Quote(QuoteStatus.REQUESTED, event.customer_id, event)
        case QuoteDrafted():
            return Quote(QuoteStatus.DRAFT, event.customer_id, quote.requested, event, event)
        case QuoteRevised():
            return Quote(QuoteStatus.DRAFT, quote.customer_id, quote.requested, quote.drafted, event)
        case QuoteIssued():
            return replace(quote, status=QuoteStatus.ISSUED, issued=event)
        case QuoteViewed():
            return replace(quote, viewed=True)
        case QuoteAccepted():
            return replace(quote, status=QuoteStatus.ACCEPTED)
        case QuoteRejected():
            return replace(quote, status=WITHOUT[event.by_us], rejected=event)
        case QuoteExpired():
            return replace(quote, status=QuoteStatus.EXPIRED)
        case _:
            assert_never(event)


def revise(asked: ReviseQuote, current: QuoteDrafted | QuoteRevised, quote: Quote) -> Iterator[QuoteRevised]:
    """The next version, unless the draft says the same already. Refused if the customer has agreed, or it is gone."""
    total, discounts = worth(asked.lines, asked.discount, current.total.zero())
    if quote.status not in REVISABLE:
        raise standing(quote)
    if quote.status is QuoteStatus.DRAFT and (current.lines, current.discount) == (asked.lines, asked.discount):
        return
    if current.version >= MAX_QUOTE_VERSIONS:
        raise Refused(f"A quote has at most {MAX_QUOTE_VERSIONS} versions. Draft another one instead.")
    known = {"version": current.version + 1, "supersedes": current.version}
    yield as_asked(QuoteRevised, asked, total=total, discounts=discounts, **known)


def reject(asked: RejectQuote, quote: Quote) -> Iterator[QuoteRejected]:
    """That nothing comes of it, unless it was said already. Refused if there is nothing to reject, or another answer.

    A request and a draft can only be taken back by who would have offered.
    """
    must_say(asked.reason, "The reason", "reason")
    must_say(asked.note, "The note", "note")
    version = None if quote.current is None else quote.current.version
    if version is not None:
        must_be_current(asked.version, version)
    elif asked.version is not None:
        raise standing(quote)
    if quote.status is QuoteStatus.ISSUED or (asked.by_us and quote.status in UNSEEN):
        yield as_asked(QuoteRejected, asked, version=version)
    elif quote.rejected is None or quote.status is not WITHOUT[asked.by_us]:
        raise standing(quote)
    elif quote.rejected.reason != asked.reason:
        raise Refused(f"This quote is already {quote.status.lower()} for another reason.", "reason")


def must_be_current(version: int | None, current: int) -> None:
    """Refused if a version is named that is not the one that holds."""
    if version not in (None, current):
        raise Refused(f"Version {current} of this quote holds, and no other.", "version")


def answers(quote: Quote, answer: QuoteStatus, version: int | None, current: int) -> bool:
    """Whether an answer is still to be given; False if it was. Refused if there is nothing to answer, or another was."""
    must_be_current(version, current)
    if quote.status not in (QuoteStatus.ISSUED, answer):
        raise standing(quote)
    return quote.status is QuoteStatus.ISSUED


def standing(quote: Quote) -> Refused:
    """Why something cannot be done with the quote as it stands."""
    return Refused(STANDING[quote.status], "quote_id" if quote.status is QuoteStatus.UNKNOWN else None)


decider = Decider("quote", Asked, Happened, Quote(), decide, evolve, disclose=True)
