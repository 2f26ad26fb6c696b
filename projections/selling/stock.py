"""The stock: how many pieces of an article each place has, by the last report that was made on a moment."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from domain.stock import StockReported
from eventstore.envelope import Recorded
from eventstore.reader import NOW, AsOf
from projections.facts import Fact, Facts, counted
from projections.lists import Lists
from projections.view import Row, View

MAX_SKUS = 500


class StockMonth(Row, key="stock_id"):
    """An article at a place in a month (of `as_of`, in UTC), as the report on the latest moment of it says."""

    stock_id: UUID
    sku: str = ""
    site: str = ""
    as_of: datetime | None = None
    on_hand: int = 0
    reserved: int = 0
    available: int = 0
    reports: int = 0


class StockLevel(Fact):
    """A report: a place had so many pieces of an article at `as_of`, of which `reserved` were promised already."""

    sku: str = ""
    site: str = ""
    as_of: datetime | None = None
    on_hand: int = 0
    reserved: int = 0


levels = Facts("stock_levels", StockLevel, indexes=("(sku, site, as_of desc, position desc)",))

view = View(
    "stock_months",
    StockMonth,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(levels,),
    indexes=("(sku, site, as_of desc)",),
)


@view.on(StockReported)
def report(month: StockMonth, reported: StockReported, at: Recorded) -> Iterator[StockLevel]:
    month.sku = reported.sku
    month.site = reported.site
    month.reports += 1
    reserved = reported.reserved or 0
    if month.as_of is None or reported.as_of >= month.as_of:
        month.as_of = reported.as_of
        month.on_hand = reported.on_hand
        month.reserved = reserved
        month.available = reported.on_hand - reserved
    yield StockLevel(
        sku=reported.sku, site=reported.site, as_of=reported.as_of, on_hand=reported.on_hand, reserved=reserved
    )


@dataclass(frozen=True, slots=True)
class SiteStock:
    """What a place has of an article, by the report on `as_of`. `available` = on hand - reserved."""

    site: str
    on_hand: int
    reserved: int
    available: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Stock:
    """What all places have of an article; `as_of` is the moment of the oldest of the reports that this relies on."""

    sku: str
    on_hand: int
    reserved: int
    available: int
    as_of: datetime | None
    sites: tuple[SiteStock, ...]


def stock(
    lists: Lists,
    skus: Collection[str],
    *,
    site: str | None = None,
    at: datetime | None = None,
    as_of: AsOf = NOW,
) -> dict[str, Stock]:
    """What there is of these articles, or was at a moment. Of several reports on one moment the last one counts.

    Raises `Refused` for more than MAX_SKUS articles.
    """
    if len(skus) > MAX_SKUS:
        raise Refused(f"Ask for at most {MAX_SKUS} articles.", "skus")
    query = sql.SQL(
        "select l.sku, l.site, l.on_hand, l.reserved, l.on_hand - l.reserved, l.as_of"
        "  from (select distinct sku, site from views.stock_months"
        "         where sku = any(%s) and (%s::text is null or site = %s)) place"
        "  cross join lateral ("
        "    select * from {} where sku = place.sku and site = place.site and (%s::timestamptz is null or as_of <= %s)"
        "     order by as_of desc, position desc limit 1"
        "  ) l order by l.sku, l.site"
    ).format(counted(levels, as_of, lists.log.reader))
    with lists.reading(view) as (db, _):
        found = db.execute(query, [list(skus), site, site, at, at]).fetchall()
    sites: dict[str, list[SiteStock]] = {sku: [] for sku in skus}
    for sku, *reported in found:
        sites[sku].append(SiteStock(*reported))
    return {sku: _added_up(sku, each) for sku, each in sites.items()}


def _added_up(sku: str, sites: Collection[SiteStock]) -> Stock:
    return Stock(
        sku,
        sum(each.on_hand for each in sites),
        sum(each.reserved for each in sites),
        sum(each.available for each in sites),
        min((each.as_of for each in sites), default=None),
        tuple(sites),
    )
