"""The pipeline: what is open, by stage, by whom, by where and by what it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from domain.kernel import Refused
from eventstore.reader import NOW, AsOf
from projections.lists import Lists
from projections.selling.deals import (
    EVERYTHING,
    MAX_GROUPS,
    Axis,
    Scope,
    StageRecord,
    added,
    currency_of,
    deals,
    grouped,
    looking,
    stage_records,
)

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PipelineSum:
    """Open opportunities added up: `amount`, `weighted` by how probable each is, and `calibrated` by its stage's past.

    `without_amount` is how many are not known to be worth anything, `without_probability` how many are not weighted,
    because neither somebody nor their stage says how probable they are.
    """

    opportunities: int = 0
    amount: Decimal = ZERO
    weighted: Decimal = ZERO
    calibrated: Decimal = ZERO
    without_amount: int = 0
    without_probability: int = 0


@dataclass(frozen=True, slots=True)
class PipelineGroup:
    """The opportunities that share these `keys`, which are in the order of what was grouped by; empty: it has none."""

    keys: tuple[str | None, ...]
    total: PipelineSum


@dataclass(frozen=True, slots=True)
class PipelineBoard:
    """What is open. Sums are in `currency`; `elsewhere` counts the opportunities that are reckoned in another one.

    `records` is what became of the opportunities of each stage, from which `calibrated` follows; `position` is how far
    the log has been taken in.
    """

    currency: str | None
    total: PipelineSum
    elsewhere: int
    groups: tuple[PipelineGroup, ...]
    records: tuple[StageRecord, ...]
    position: int


def board(lists: Lists, scope: Scope = EVERYTHING, axes: Sequence[Axis] = (), *, as_of: AsOf = NOW) -> PipelineBoard:
    """The open pipeline, in groups that are sorted by the order of the stages and then by their keys.

    An opportunity is worth its amount in the base currency times its probability: the one that somebody gave it, or that of
    its stage. The calibrated one is the share of those that were won among the closed ones that were ever at its stage
    (`projections.value.calibration.smoothed`). Raises `Refused` for a scope or groups that cannot be.
    """
    reader = lists.log.reader
    with looking(lists) as (db, position):
        currency = currency_of(db, scope, as_of, reader)
        records = stage_records(db, as_of, reader)
        begun, parameters = deals(scope, as_of, reader, records=records, axes=axes)
        query = begun + sql.SQL(_GROUPS).format(keys=grouped(axes))
        found = db.execute(query, {**parameters, "currency": currency, "limit": MAX_GROUPS + 1}).fetchall()
    if len(found) > MAX_GROUPS:
        raise Refused(f"There are more than {MAX_GROUPS:,} groups. Narrow the filter.", "group_by")
    groups = tuple(PipelineGroup(tuple(keys), PipelineSum(*sums)) for keys, ours, *sums in found if ours)
    return PipelineBoard(
        currency=currency,
        total=added(PipelineSum, [group.total for group in groups]),
        elsewhere=sum(count for _, ours, count, *_ in found if not ours),
        groups=groups,
        records=tuple(records),
        position=position,
    )


_GROUPS = """
    select {keys}, base_currency = %(currency)s, count(*), sum(amount),
           coalesce(sum(amount * probability), 0), coalesce(sum(amount * calibrated), 0),
           count(*) filter (where base_amount is null), count(*) filter (where probability is null)
      from deal
     where status = 'OPEN'
     group by 1, 2 order by min(place) nulls last, 1 limit %(limit)s
"""
