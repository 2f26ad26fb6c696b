"""The pipeline waterfall: what made the open pipeline of one moment into that of another, part by part, to the last cent."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from domain.kernel import Refused
from eventstore.reader import HEAD, NOW, AsOf, Reader
from projections.lists import MAX_PAGE, Lists
from projections.selling.deals import (
    EVERYTHING,
    Scope,
    currency_of,
    looking,
    parameters_of,
    territories,
    valued,
    within,
)
from projections.selling.pipelines import known_stages

ZERO = Decimal(0)


class WaterfallKind(StrEnum):
    """Why an opportunity brought more or less into the pipeline than before.

    PULLED is to an earlier close date and SLIPPED to a later one, by which it may come into the close dates of the scope or
    go out of them; otherwise that changes no sum. MOVED is in or out of the scope by its owner, its customer, their territory
    or its goods. LIKELIER and UNLIKELIER change the weighted sum alone, and so does REDEFINED: its stage came to be worth
    another probability.
    """

    CREATED = "CREATED"
    REOPENED = "REOPENED"
    WON = "WON"
    LOST = "LOST"
    PULLED = "PULLED"
    SLIPPED = "SLIPPED"
    PULLED_IN = "PULLED_IN"
    PULLED_OUT = "PULLED_OUT"
    SLIPPED_IN = "SLIPPED_IN"
    SLIPPED_OUT = "SLIPPED_OUT"
    AMOUNT_UP = "AMOUNT_UP"
    AMOUNT_DOWN = "AMOUNT_DOWN"
    MOVED_IN = "MOVED_IN"
    MOVED_OUT = "MOVED_OUT"
    LIKELIER = "LIKELIER"
    UNLIKELIER = "UNLIKELIER"
    REDEFINED = "REDEFINED"


@dataclass(frozen=True, slots=True)
class WaterfallEnd:
    """The open pipeline at one end: the board of that moment."""

    opportunities: int = 0
    amount: Decimal = ZERO
    weighted: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class WaterfallPart:
    """What one kind of change brought. `amount`, `weighted` and `net`, the opportunities, each add up to the difference.

    `opportunities` counts those behind it and `steps` their changes; `worth` is what these came to after each change,
    whether that makes a difference or not: of what was won, what it was won for.
    """

    kind: WaterfallKind
    opportunities: int
    steps: int
    net: int
    amount: Decimal
    weighted: Decimal
    worth: Decimal


@dataclass(frozen=True, slots=True)
class Waterfall:
    """From the open pipeline of one moment to that of another, in `currency`.

    `elsewhere` counts the opportunities that are reckoned in another one; `position` is how far the log has been taken in.
    """

    currency: str | None
    opening: WaterfallEnd
    closing: WaterfallEnd
    parts: tuple[WaterfallPart, ...]
    elsewhere: int
    position: int
    start: AsOf
    end: AsOf
    scope: Scope


@dataclass(frozen=True, slots=True)
class WaterfallStep:
    """One change behind a part: the event at `position`, and the moment since which it holds.

    A change of the scope around an opportunity has no event of its own: it has the last one of the opportunity.
    """

    opportunity_id: UUID
    kind: WaterfallKind
    position: int
    since: datetime
    amount: Decimal
    weighted: Decimal
    worth: Decimal


SPANS = {
    "position": ("from_position", "until_position"),
    "time": ("known_from", "known_until"),
    "known_at": ("from_position", "until_position"),
    "valid_at": ("valid_from", "valid_until"),
}
"""By how a moment was given: the columns of a version that say from when and until when it held."""


def waterfall(lists: Lists, start: AsOf, end: AsOf = NOW, scope: Scope = EVERYTHING) -> Waterfall:
    """What happened to the open pipeline between two moments, given in the same way.

    Every version of an opportunity is held against the one before; what it is worth within the scope after, less what it
    was worth there before, is put down to the one thing that changed. The differences telescope, so the parts sum exactly to
    the closing less the opening pipeline. Sums are in the currency of the scope or, without one, in that of most.
    Raises `Refused` if the moments are not of one kind, or the first is the later.
    """
    with looking(lists) as (db, position):
        currency = currency_of(db, scope, end, lists.log.reader)
        query = sql.SQL(_PARTS).format(steps=_steps(db, start, end, scope, lists.log.reader))
        found = {kind: sums for kind, *sums in db.execute(query, {**parameters_of(scope), "currency": currency})}
    return Waterfall(
        currency=currency,
        opening=_end(found["opening"]),
        closing=_end(found["closing"]),
        parts=tuple(WaterfallPart(kind, *found[kind]) for kind in WaterfallKind if kind in found),
        elsewhere=found["elsewhere"][0],
        position=position,
        start=start,
        end=end,
        scope=scope,
    )


def steps(
    lists: Lists,
    start: AsOf,
    end: AsOf = NOW,
    scope: Scope = EVERYTHING,
    kinds: Collection[WaterfallKind] = tuple(WaterfallKind),
    *,
    first: int = MAX_PAGE,
    after: int = 0,
) -> list[WaterfallStep]:
    """The changes behind some parts, in the order of the log, after a position. Raises `Refused` as `waterfall` does."""
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} rows at a time.", "first")
    asked = {**parameters_of(scope), "kinds": [str(kind) for kind in kinds], "after": after, "limit": first}
    with looking(lists) as (db, _):
        asked["currency"] = currency_of(db, scope, end, lists.log.reader)
        query = sql.SQL(_PAGE).format(steps=_steps(db, start, end, scope, lists.log.reader))
        rows = db.execute(query, asked).fetchall()
    return [WaterfallStep(key, WaterfallKind(kind), *rest) for key, kind, *rest in rows]


def _end(sums: Sequence[Any]) -> WaterfallEnd:
    return WaterfallEnd(sums[0], sums[3] or ZERO, sums[4] or ZERO)


def _steps(db: Connection, start: AsOf, end: AsOf, scope: Scope, reader: Reader) -> sql.Composable:
    """The beginning of a query that goes on with a select from `step`, which has a row for each change.

    `old` and `new` are the versions by the stages and territories of the first and of the second moment: what these make of
    an opportunity that stays as it is is a step of its own. They are the same if nothing of that changed.
    """
    columns, begin, until = moments(start, end, reader)
    since, up_to = map(sql.Identifier, columns)
    versions = sql.SQL(_VERSIONS).format(since=since, up_to=up_to, begin=begin, until=until)
    more = ", o.from_position as position, o.until_position, o.since, o.begins, o.ends"

    def judged(as_of: AsOf) -> sql.Composable:
        by_territory = territories(as_of, reader) if scope.territories else None
        return sql.SQL(_JUDGED).format(
            stages=known_stages(as_of, reader),
            deals=valued(versions, by_territory, more=more),
            within=within(scope),
        )

    stages = {"old": known_stages(start, reader), "new": known_stages(end, reader)}
    moved = db.execute(
        sql.SQL("(({old}) except ({new})) union all (({new}) except ({old})) limit 1").format(**stages)
    ).fetchone()
    if moved is None and not scope.territories:
        return sql.SQL(_STEPS).format(
            old=sql.SQL("select * from new where begins"), new=judged(end), around=sql.SQL("")
        )
    old = sql.SQL("select * from ({}) judged where begins").format(judged(start))
    return sql.SQL(_STEPS).format(old=old, new=judged(end), around=sql.SQL(_AROUND))


_PARTS = """
    {steps}
    select kind, count(*), sum(steps)::bigint, sum(net)::bigint, sum(amount), sum(weighted), sum(worth)
      from (select kind, opportunity_id, count(*) as steps, sum(net) as net,
                   sum(amount) as amount, sum(weighted) as weighted, sum(worth) as worth
              from step where kind is not null group by 1, 2) each
     group by kind
    union all
    select 'opening', count(*), 0, 0, sum(amount), sum(weighted), 0 from old where counts
    union all
    select 'closing', count(*), 0, 0, sum(amount), sum(weighted), 0 from new where counts and ends
    union all
    select 'elsewhere', count(distinct opportunity_id), 0, 0, 0, 0, 0 from new where elsewhere
"""

_PAGE = """
    {steps}
    select opportunity_id, kind, position, since, amount, weighted, worth from step
     where kind = any(%(kinds)s) and position > %(after)s
     order by position limit %(limit)s
"""

_VERSIONS = """
    (select h.*, {since} as since, {since} <= {begin} as begins, ({up_to} is null or {up_to} > {until}) as ends
       from views.opportunities_history h
      where {since} <= {until} and ({up_to} is null or {up_to} > {begin})
        and (status = 'OPEN' or {since} > {begin} or {up_to} <= {until})) as versions
"""
"""Those that held at some moment from the first to the second one, without those that were closed all the time."""

_JUDGED = """
    with stage as materialized ({stages})
    select opportunity_id, position, until_position, since, begins, ends, status, close_on, counts, elsewhere, worth,
           case when counts then worth else 0 end as amount,
           case when counts then coalesce(worth * probability, 0) else 0 end as weighted
      from (select d.*, amount as worth,
                   coalesce(status = 'OPEN' and base_currency = %(currency)s and {within}, false) as counts,
                   coalesce(status = 'OPEN' and base_currency <> %(currency)s and {within}, false) as elsewhere
              from ({deals}) d) judged
"""
"""What each version counts for."""

_STEPS = """
    with record as (select null::text as pipeline, null::text as stage, null::numeric as calibrated where false),
    new as materialized ({new}),
    old as ({old}),
    change as (
      select n.opportunity_id, n.position, n.since, n.status, n.close_on, n.counts, n.worth, n.amount, n.weighted,
             o.status as old_status, o.close_on as old_close_on,
             coalesce(o.counts, false) as old_counts, coalesce(o.amount, 0) as old_amount,
             coalesce(o.weighted, 0) as old_weighted
        from new n left join new o on o.opportunity_id = n.opportunity_id and o.until_position = n.position
       where not n.begins and (n.counts or o.counts)
    ),
    step as materialized (
      select opportunity_id, position, since, worth,
             counts::int - old_counts::int as net, amount - old_amount as amount, weighted - old_weighted as weighted,
             case
               when old_status is null then 'CREATED'
               when status in ('WON', 'LOST') then status
               when old_status in ('WON', 'LOST') then 'REOPENED'
               when counts and old_counts and amount > old_amount then 'AMOUNT_UP'
               when counts and old_counts and amount < old_amount then 'AMOUNT_DOWN'
               when close_on is distinct from old_close_on then
                 case when coalesce(close_on, 'infinity') < coalesce(old_close_on, 'infinity') then 'PULLED' else 'SLIPPED' end
                 || case when counts and old_counts then '' when counts then '_IN' else '_OUT' end
               when counts and not old_counts then 'MOVED_IN'
               when not counts then 'MOVED_OUT'
               when weighted > old_weighted then 'LIKELIER'
               when weighted < old_weighted then 'UNLIKELIER'
             end as kind
        from change
      {around}
    )
"""

_AROUND = """
      union all
      select n.opportunity_id, n.position, n.since, n.worth,
             n.counts::int - o.counts::int, n.amount - o.amount, n.weighted - o.weighted,
             case when n.counts = o.counts then 'REDEFINED' when n.counts then 'MOVED_IN' else 'MOVED_OUT' end
        from old o join new n using (opportunity_id)
       where n.begins and (n.counts <> o.counts or n.weighted <> o.weighted)
"""
"""What came of an opportunity by what changed around it."""


def moments(start: AsOf, end: AsOf, reader: Reader) -> tuple[tuple[str, str], sql.Composable, sql.Composable]:
    """The columns of a version that say from when to when it held, and two moments to hold against them."""
    given = [
        [each.name for each in fields(moment) if getattr(moment, each.name) is not None] for moment in (start, end)
    ]
    if len(given[0]) != 1:
        raise Refused("Say by one moment where to begin.", "from")
    if given[1] not in ([], given[0]):
        raise Refused("Give the second moment in the same way as the first, or leave it out.", "to")
    (way,) = given[0]
    first, last = getattr(start, way), getattr(end, way)
    if last is not None and last < first:
        raise Refused("The second moment must not be before the first.", "to")
    if way == "known_at":
        first, last = reader.position_at(first), None if last is None else reader.position_at(last)
    open_end = sql.SQL("'infinity'::timestamptz") if way in ("time", "valid_at") else sql.Literal(HEAD)
    return SPANS[way], sql.Literal(first), open_end if last is None else sql.Literal(last)
