"""Stock: how many pieces of an article a place has, as the system of the warehouse reports it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked, derived
from domain.values import MAX_QUANTITY, empty, must_be_within, must_know_zone, must_say

MAX_REPORTS = 1000

# What can be asked.


class ReportStock(Command):
    """Say how many pieces a place (`site` is its code) had of an article; below zero is what is owed to customers."""

    sku: str
    site: str
    on_hand: int
    as_of: datetime
    reserved: int | None = None


# What can have happened.


class StockReported(Event, stored_as="stock.reported.v1"):
    """A place had so many pieces of an article at the moment `as_of`, of which so many were promised already."""

    sku: str
    site: str
    on_hand: int
    as_of: datetime
    reserved: int | None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Stock:
    """The last word on each moment of the month."""

    reported: Mapping[datetime, StockReported] = field(default_factory=empty)


def decide(asked: ReportStock, stock: Stock) -> Iterator[Event]:
    must_say(asked.sku, "The sku", "sku")
    must_say(asked.site, "The site", "site")
    if ":" in asked.site:
        raise Refused("The code of a site has no colon.", "site")
    must_be_within(asked.on_hand, -MAX_QUANTITY, MAX_QUANTITY, "on_hand")
    must_be_within(asked.reserved, 0, MAX_QUANTITY, "reserved")
    must_know_zone(asked.as_of, "as_of")
    reported = as_asked(StockReported, asked)
    if stock.reported.get(asked.as_of) == reported:
        return
    if len(stock.reported) >= MAX_REPORTS and asked.as_of not in stock.reported:
        raise Refused(f"This has been reported for {MAX_REPORTS} moments of the month. Report it hourly.", "as_of")
    yield reported


def evolve(stock: Stock, event: StockReported) -> Stock:
    return Stock({**stock.reported, event.as_of: event})


def stock_id(sku: str, site: str, as_of: datetime) -> UUID:
    """The stream of an article at a place in the month of a moment (in UTC): `stock:sku:site:YYYY-MM`."""
    if as_of.utcoffset() is not None and 1 < as_of.year < 9999:  # at either end of time there is no other zone
        as_of = as_of.astimezone(UTC)
    return derived("stock", sku, site, f"{as_of.year:04}-{as_of.month:02}")


def stream(asked: ReportStock) -> UUID:
    """There is one stream per article, place and month."""
    return stock_id(asked.sku, asked.site, asked.as_of)


decider = Decider("stock", ReportStock, StockReported, Stock(), decide, evolve, stream=stream)
