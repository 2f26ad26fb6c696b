"""The quality of what is known: what is missing of customers, what was never verified, and to whom nothing gets through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from psycopg import sql

from domain.customer import AddressChanged, CustomerKind, CustomerProfileChanged, CustomerRegistered
from domain.delivery import BounceKind, MessageBounced
from domain.identifiers import IdentifierAdded, IdentifierRemoved, IdentifierType, IdentifierVerified
from domain.merging import CustomersMerged
from domain.values import empty
from eventstore.envelope import Recorded
from eventstore.reader import NOW, AsOf
from projections.customers.customers import is_own, told
from projections.history import past
from projections.lists import Lists
from projections.view import Row, View

EXPECTED = ("EMAIL", "PHONE", "ADDRESS", "COUNTRY", "LANGUAGE", "TERRITORY")
"""What should be known of every customer."""
MAX_GROUPS = 1_000
RATE = Decimal("0.0001")
COMPLETENESS = tuple((1 - Decimal(missing) / len(EXPECTED)).quantize(RATE) for missing in range(len(EXPECTED) + 1))
"""By how much is missing."""


class QualityDimension(StrEnum):
    """By what customers are put together."""

    KIND = "KIND"
    COUNTRY = "COUNTRY"
    TERRITORY = "TERRITORY"
    SOURCE = "SOURCE"


class QualityEntry(Row, key="customer_id"):
    """What is missing of a customer, and which of their addresses were never verified or do not work.

    `missing` are some of EMAIL, PHONE, ADDRESS, COUNTRY, LANGUAGE and TERRITORY, and `completeness` is the share of them
    that is there. Of the messages that came back, HARD ones never arrive; `reachable` says that none was since the last
    e-mail address was given.
    """

    customer_id: UUID
    kind: CustomerKind | None = None
    source: str | None = None
    country: str | None = None
    language: str | None = None
    territory: str | None = None
    registered_at: datetime | None = None
    missing: tuple[str, ...] = EXPECTED
    completeness: Decimal = Decimal(0)
    identifiers: int = 0
    verified: int = 0
    unverified: int = 0
    bounced: int = 0
    bounced_for_good: int = 0
    complained: int = 0
    last_bounced_at: datetime | None = None
    last_bounce_reason: str | None = None
    reachable: bool = True
    has_address: bool = False
    held: Mapping[str, str] = field(default_factory=empty)
    proved: tuple[str, ...] = ()


view = View(
    "data_quality",
    QualityEntry,
    version=1,
    history=True,
    indexes=("using gin (missing)", "(unverified)", "(last_bounced_at) where bounced > 0"),
)


@view.on(CustomerRegistered)
def register(entry: QualityEntry, registered: CustomerRegistered, at: Recorded) -> None:
    told(entry, registered, at, ("kind", "source", "country", "language", "territory"))
    if is_own(at) or entry.registered_at is None:
        entry.registered_at = at.occurred_at
    weigh(entry)


@view.on(CustomerProfileChanged)
def change(entry: QualityEntry, changed: CustomerProfileChanged, at: Recorded) -> None:
    told(entry, changed, at, ("country", "language", "territory"))
    weigh(entry)


@view.on(CustomersMerged)
def prefer(entry: QualityEntry, merged: CustomersMerged, at: Recorded) -> None:
    for name in ("country", "language", "territory"):
        setattr(entry, name, getattr(merged, name) or getattr(entry, name))
    weigh(entry)


@view.on(AddressChanged)
def move(entry: QualityEntry, changed: AddressChanged, at: Recorded) -> None:
    entry.has_address = True
    weigh(entry)


@view.on(IdentifierAdded)
def add_identifier(entry: QualityEntry, added: IdentifierAdded, at: Recorded) -> None:
    entry.held = {**entry.held, f"{at.stream_id}:{added.number}": added.type.value}
    if added.type is IdentifierType.EMAIL:
        entry.reachable = True
    weigh(entry)


@view.on(IdentifierVerified)
def verify(entry: QualityEntry, verified: IdentifierVerified, at: Recorded) -> None:
    entry.proved = tuple(sorted({*entry.proved, f"{at.stream_id}:{verified.number}"}))
    weigh(entry)


@view.on(IdentifierRemoved)
def remove_identifier(entry: QualityEntry, removed: IdentifierRemoved, at: Recorded) -> None:
    gone = f"{at.stream_id}:{removed.number}"
    entry.held = {key: kind for key, kind in entry.held.items() if key != gone}
    entry.proved = tuple(key for key in entry.proved if key != gone)
    weigh(entry)


@view.on(MessageBounced)
def bounce(entry: QualityEntry, bounced: MessageBounced, at: Recorded) -> None:
    entry.bounced += bounced.kind is not BounceKind.SPAM_REPORT
    entry.bounced_for_good += bounced.kind is BounceKind.HARD
    entry.complained += bounced.kind is BounceKind.SPAM_REPORT
    entry.last_bounced_at = at.occurred_at
    entry.last_bounce_reason = bounced.reason
    entry.reachable = entry.reachable and bounced.kind is not BounceKind.HARD


def weigh(entry: QualityEntry) -> None:
    """Says anew what is missing."""
    kinds = entry.held.values()
    there = (
        "EMAIL" in kinds,
        "PHONE" in kinds,
        entry.has_address,
        bool(entry.country),
        bool(entry.language),
        bool(entry.territory),
    )
    entry.missing = tuple([name for name, is_there in zip(EXPECTED, there, strict=True) if not is_there])
    entry.completeness = COMPLETENESS[len(entry.missing)]
    entry.identifiers = len(entry.held)
    entry.verified = len(entry.proved)
    entry.unverified = entry.identifiers - entry.verified


# How good a set of customers is known.


@dataclass(frozen=True, slots=True)
class MissingField:
    """Of how many customers something is missing, and which share that is."""

    what: str
    customers: int
    share: Decimal


@dataclass(frozen=True, slots=True)
class CustomerQuality:
    """How well a set of customers is known; `value` is what they have in common.

    `completeness` is the mean over the customers, and `verified_rate` verified identifiers by all of them; without any,
    there is no rate. `unreachable` are those whose last e-mail address does not work.
    """

    value: str | None
    customers: int
    complete: int
    completeness: Decimal
    missing: tuple[MissingField, ...]
    identifiers: int
    verified_rate: Decimal | None
    bounced: int
    unreachable: int
    complained: int


def customer_quality(
    lists: Lists, by: QualityDimension | None = None, *, as_of: AsOf = NOW
) -> Sequence[CustomerQuality]:
    """How well customers are known: all of them in one, or by what they have in common, the most numerous first.

    Shares and rates have four decimals, rounded half to even.
    """
    value = sql.SQL("null::text") if by is None else sql.Identifier(by.value.lower())
    query = sql.SQL(
        "select {value}, count(*), count(*) filter (where missing = '[]'), sum(completeness), "
        "       array[{gaps}], sum(identifiers), sum(verified), "
        "       count(*) filter (where bounced > 0), count(*) filter (where not reachable), "
        "       count(*) filter (where complained > 0) "
        "  from {source} group by 1 order by 2 desc, 1 nulls last limit {limit}"
    ).format(
        value=value,
        gaps=sql.SQL(", ").join(
            sql.SQL("count(*) filter (where missing ? {})").format(sql.Literal(what)) for what in EXPECTED
        ),
        source=past(view, as_of, lists.log.reader),
        limit=sql.Literal(MAX_GROUPS),
    )
    with lists.reading(view) as (db, _):
        rows = db.execute(query).fetchall()
    return [
        CustomerQuality(
            each,
            customers,
            complete,
            rate(completeness, customers),
            tuple(MissingField(what, gap, rate(gap, customers)) for what, gap in zip(EXPECTED, gaps, strict=True)),
            int(identifiers),
            rate(verified, identifiers) if identifiers else None,
            bounced,
            unreachable,
            complained,
        )
        for each, customers, complete, completeness, gaps, identifiers, verified, bounced, unreachable, complained in rows
    ]


def rate(part: Decimal | int, whole: Decimal | int) -> Decimal:
    """A share, to four decimals."""
    return (Decimal(part) / Decimal(whole)).quantize(RATE)
