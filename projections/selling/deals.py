"""Deals: the opportunities of a scope as they stood at a moment, each with how probable it was and what it would bring."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Any, TypeVar, cast

from psycopg import Connection, sql

from domain.kernel import Refused
from domain.references import CustomerId, StaffId
from domain.values import EXACT, must_be_currency
from eventstore.reader import AsOf, Reader
from projections.customers import profiles
from projections.history import past
from projections.lists import Lists
from projections.selling import opportunities
from projections.selling.pipelines import known_stages
from projections.value.calibration import smoothed

S = TypeVar("S")

MAX_SCOPE_VALUES = 100
MAX_AXES = 3
MAX_GROUPS = 1_000
WORK_MEM_MB = 64
"""How much memory a sort or a join of all opportunities may take."""
SHARE_DECIMALS = 6
"""How fine a share or a number of days is said."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which opportunities: those of which all that is given holds. Nothing given: all of them.

    A product is the one that an opportunity is about, or that of one of its lines. The close dates include both days.
    Sums are in `currency`, a base currency; without one, in that of most of the opportunities.
    """

    pipeline: str | None = None
    staff_ids: tuple[StaffId, ...] = ()
    territories: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    customer_id: CustomerId | None = None
    close_from: date | None = None
    close_to: date | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, tuple) and len(value) > MAX_SCOPE_VALUES:
                raise Refused(f"{MAX_SCOPE_VALUES} values are the limit.", f"filter.{each.name}")
        if self.close_from is not None and self.close_to is not None and self.close_to < self.close_from:
            raise Refused("The last close date must not be before the first.", "filter.close_to")
        if self.currency is not None:
            must_be_currency(self.currency, "filter.currency")


EVERYTHING = Scope()


class Axis(StrEnum):
    """By what opportunities are put into groups. STAGE is best asked for together with PIPELINE, or within one."""

    PIPELINE = "PIPELINE"
    STAGE = "STAGE"
    OWNER = "OWNER"
    TERRITORY = "TERRITORY"
    PRODUCT = "PRODUCT"
    SOURCE = "SOURCE"
    CATEGORY = "CATEGORY"


COLUMNS = {
    Axis.PIPELINE: "pipeline",
    Axis.STAGE: "stage",
    Axis.OWNER: "staff_id::text",
    Axis.TERRITORY: "territory",
    Axis.PRODUCT: "product",
    Axis.SOURCE: "source",
    Axis.CATEGORY: "category",
}

CONDITIONS = {
    "pipeline": "pipeline = %(pipeline)s",
    "staff_ids": "staff_id = any(%(staff_ids)s)",
    "territories": "territory = any(%(territories)s)",
    "products": "(product = any(%(products)s) or skus ?| %(products)s)",
    "sources": "source = any(%(sources)s)",
    "customer_id": "customer_id = %(customer_id)s",
    "close_from": "close_on >= %(close_from)s",
    "close_to": "close_on <= %(close_to)s",
}


@dataclass(frozen=True, slots=True)
class StageRecord:
    """What became of the opportunities that were ever at a stage, won or lost by now, and how probable that makes a sale.

    `calibrated` is empty as long as the outcomes are too few to say.
    """

    pipeline: str
    stage: str
    outcomes: int
    won: int
    calibrated: Decimal | None


@contextmanager
def looking(lists: Lists) -> Iterator[tuple[Connection, int]]:
    """One consistent look at the opportunities, with room to sort and join many, and how far the log is folded in."""
    with lists.reading(opportunities.view) as (db, position):
        db.execute(sql.SQL("set local work_mem = {}").format(sql.Literal(f"{WORK_MEM_MB}MB")))
        yield db, position


def within(scope: Scope) -> sql.Composable:
    """The condition on a deal that it is within a scope, its currency aside; never null."""
    given = [condition for name, condition in CONDITIONS.items() if getattr(scope, name) not in (None, ())]
    return sql.SQL("coalesce({}, false)").format(sql.SQL(" and ").join(map(_raw, ["true", *given])))


def parameters_of(scope: Scope) -> dict[str, object]:
    """The values that the conditions of a scope are about."""
    return {
        each.name: list(value) if isinstance(value := getattr(scope, each.name), tuple) else value
        for each in fields(scope)
    }


def grouped(axes: Sequence[Axis]) -> sql.Composable:
    """The columns by which deals are put into groups, as an array. Raises `Refused` if they are too many."""
    if len(axes) > MAX_AXES:
        raise Refused(f"Group by at most {MAX_AXES}.", "group_by")
    return sql.SQL("array[{}]::text[]").format(sql.SQL(", ").join(_raw(COLUMNS[axis]) for axis in axes))


def share(part: int | Decimal, whole: int | Decimal) -> Decimal | None:
    """A part of a whole as a decimal; None of nothing."""
    return round(Decimal(part) / Decimal(whole), SHARE_DECIMALS) if whole else None


def added(kind: type[S], sums: Sequence[S]) -> S:
    """The exact sum of some sums of a kind, all of whose parts are numbers that begin with nothing."""
    nothing, names = kind(), [part.name for part in fields(cast(Any, kind))]
    with localcontext(EXACT):
        return kind(*(sum((getattr(each, name) for each in sums), getattr(nothing, name)) for name in names))


def stage_records(db: Connection, as_of: AsOf, reader: Reader) -> list[StageRecord]:
    """What the stages' own past says of them, by what was known at a moment."""
    query = sql.SQL(_RECORDS).format(
        stages=known_stages(as_of, reader), opportunities=past(opportunities.view, as_of, reader)
    )
    found = []
    for pipeline, stage, outcomes, won, overall in db.execute(query).fetchall():
        probability = smoothed(won, outcomes, overall)
        calibrated = None if probability is None else round(Decimal(probability), SHARE_DECIMALS)
        found.append(StageRecord(pipeline, stage, outcomes, won, calibrated))
    return found


def currency_of(db: Connection, scope: Scope, as_of: AsOf, reader: Reader) -> str | None:
    """The base currency in which the opportunities of a scope are added up: that of most of them, if none is asked for.

    Where no opportunity is reckoned in another one, that is it at any moment.
    """
    if scope.currency is not None:
        return scope.currency
    row = db.execute("select min(base_currency), max(base_currency) from views.opportunities").fetchone()
    if row is not None and row[0] == row[1]:
        return None if row[0] is None else str(row[0])
    query = sql.SQL(
        "select base_currency from ({}) m where base_currency is not null group by 1 order by count(*) desc, 1 limit 1"
    )
    row = db.execute(query.format(members(scope, as_of, reader)), parameters_of(scope)).fetchone()
    return None if row is None else str(row[0])


def members(scope: Scope, as_of: AsOf, reader: Reader) -> sql.Composable:
    """A query for the opportunities of a scope then, as they stand in their view."""
    source = past(opportunities.view, as_of, reader)
    if scope.territories:
        source = sql.SQL("{} left join ({}) t using (customer_id)").format(source, territories(as_of, reader))
    return sql.SQL("select * from {} where {}").format(source, within(scope))


def deals(
    scope: Scope,
    as_of: AsOf,
    reader: Reader,
    *,
    records: Collection[StageRecord] = (),
    axes: Sequence[Axis] = (),
) -> tuple[sql.Composable, dict[str, object]]:
    """The beginning of a query that goes on with a select from `deal`: the opportunities in the scope.

    It has those that are open and those that are closed, in whatever currency.
    """
    by_territory = bool(scope.territories) or Axis.TERRITORY in axes
    query = sql.SQL(_DEALS).format(
        stages=known_stages(as_of, reader),
        valued=valued(past(opportunities.view, as_of, reader), territories(as_of, reader) if by_territory else None),
        within=within(scope),
    )
    known = [record for record in records if record.calibrated is not None]
    return query, {
        **parameters_of(scope),
        "record_pipelines": [record.pipeline for record in known],
        "record_stages": [record.stage for record in known],
        "calibrated": [record.calibrated for record in known],
    }


def territories(as_of: AsOf, reader: Reader) -> sql.Composable:
    """A query for the territory of each customer then."""
    return sql.SQL("select customer_id, territory from {}").format(past(profiles.view, as_of, reader))


def valued(source: sql.Composable, territories: sql.Composable | None, *, more: str = "") -> sql.Composable:
    """A query for the deals of a source of opportunities, by the rows of `stage` and `record`.

    `probability` is what somebody said, last of all against the stage's own; `calibrated` is the record of the stage
    where it has one. What is not known to be worth anything has an `amount` of 0.
    """
    return sql.SQL(_VALUED).format(
        source=source,
        more=_raw(more),
        territory=_raw("null::text" if territories is None else "t.territory"),
        joined=sql.SQL("")
        if territories is None
        else sql.SQL("left join ({}) t on t.customer_id = o.customer_id").format(territories),
    )


def _raw(text: str) -> sql.SQL:
    return sql.SQL(cast(Any, text))


_RECORDS = """
    with stage as materialized ({stages}),
    closed as (
      select pipeline, pipeline_version, status = 'WON' as won, passed, count(*) as many
        from {opportunities}
       where status in ('WON', 'LOST')
       group by 1, 2, 3, 4
    ),
    overall as (
      select pipeline, coalesce(sum(many) filter (where won), 0)::float8 / sum(many)::float8 as share from closed group by 1
    ),
    passed as (
      select c.pipeline, c.won, c.many, p.stage
        from closed c cross join lateral (
          select distinct coalesce(nullif(e.name, ''), s.stage, '') as stage
            from jsonb_array_elements_text(c.passed) e (name)
            left join stage s on s.pipeline = c.pipeline and s.version = c.pipeline_version and s.place = 1
        ) p
    )
    select pipeline, stage, sum(many)::bigint, coalesce(sum(many) filter (where won), 0)::bigint, min(share)
      from passed join overall using (pipeline)
     group by pipeline, stage order by pipeline, stage
"""

_DEALS = """
    with stage as materialized ({stages}),
    record as materialized (
      select * from unnest(%(record_pipelines)s::text[], %(record_stages)s::text[], %(calibrated)s::numeric[])
             as record (pipeline, stage, calibrated)
    ),
    deal as (select * from ({valued}) valued where {within})
"""

_VALUED = """
    select o.opportunity_id, o.customer_id, o.pipeline, coalesce(o.stage, s.stage) as stage, s.place, s.max_days,
           o.stage_since, o.status, o.base_amount, coalesce(o.base_amount, 0) as amount, o.base_currency,
           coalesce(o.overridden, o.probability, s.probability) as probability,
           coalesce(r.calibrated, o.overridden, o.probability, s.probability) as calibrated,
           coalesce(o.forecast_category, 'PIPELINE') as category, o.close_on, o.staff_id, o.product, o.skus, o.source,
           o.opened_at, o.won_at, o.lost_at, {territory} as territory {more}
      from (select * from {source}) o
      left join stage s on s.pipeline = o.pipeline and s.version = o.pipeline_version
       and (s.stage = o.stage or (o.stage is null and s.place = 1))
      left join record r on r.pipeline = o.pipeline and r.stage = coalesce(o.stage, s.stage, '')
      {joined}
"""
