"""Whatever happened in sales: every answer as of any moment is what a replay by hand comes to."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from domain import DECIDERS
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.rebuild import rebuild
from projections.selling import opportunities
from projections.selling.deals import Axis, Scope
from projections.selling.pipeline import board
from projections.selling.waterfall import WaterfallKind, steps, waterfall
from projections.value.calibration import smoothed
from tests.conftest import KEK
from tests.projections.histories import live_through
from tests.projections.histories_sales import (
    SCOPES,
    UNSHRUNK,
    VIEWS,
    History,
    histories_of_sales,
    lived_through,
    territories,
    two_moments,
)
from tests.projections.naive_sales import (
    FOR_EVER,
    ZERO,
    Deal,
    Sales,
    currency_of,
    in_scope,
    probability_of,
    stage_of,
)
from tests.projections.test_engine import held

axes = st.lists(st.sampled_from(list(Axis)), max_size=3, unique=True)


def key_of(axis: Axis, deal: Deal, stages: Any, where: dict[UUID, str | None]) -> str | None:
    stage = stage_of(deal, stages)
    return {
        Axis.PIPELINE: deal.pipeline,
        Axis.STAGE: deal.stage or (stage.key if stage else None),
        Axis.OWNER: str(deal.owner) if deal.owner else None,
        Axis.TERRITORY: where.get(deal.customer) if deal.customer else None,
        Axis.PRODUCT: deal.product,
        Axis.SOURCE: deal.source,
        Axis.CATEGORY: deal.category,
    }[axis]


def records(sales: Sales, moment: AsOf) -> dict[tuple[str, str], tuple[int, int, Decimal | None]]:
    """By pipeline and stage: how many of those that were at it are decided, how many were won, and what that makes."""
    stages = sales.stages(moment)
    closed = [deal for deal in sales.at(moment) if deal.status in ("WON", "LOST")]
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for deal in closed:
        first = stages.get((deal.pipeline, deal.version))
        for stage in {name or (first[0].key if first else "") for name in deal.passed}:
            counts[deal.pipeline, stage][0] += 1
            counts[deal.pipeline, stage][1] += deal.status == "WON"
    found = {}
    for (pipeline, stage), (outcomes, won) in counts.items():
        own = [deal.status == "WON" for deal in closed if deal.pipeline == pipeline]
        chance = smoothed(won, outcomes, sum(own) / len(own))
        found[pipeline, stage] = (outcomes, won, None if chance is None else round(Decimal(chance), 6))
    return found


def test_the_board_is_what_is_open_then(new_database: Callable[[], str]) -> None:
    @given(history=histories_of_sales, by=axes, data=st.data())
    @settings(max_examples=15, deadline=None, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
    def check(history: History, by: list[Axis], data: st.DataObject) -> None:
        with lived_through(new_database(), history) as (log, lists, pool):
            sales = Sales(log)
            for scope, moment in product(SCOPES, (NOW, *two_moments(data.draw, log))):
                stages, where = sales.stages(moment), territories(log, pool, moment)
                deals = list(filter(in_scope(scope, where), sales.at(moment)))
                currency = currency_of(sales, scope, deals)
                groups: dict[tuple[str | None, ...], list[Any]] = defaultdict(lambda: [0, ZERO, ZERO, 0, 0])
                for deal in deals:
                    if deal.status == "OPEN" and deal.currency == currency:
                        sums = groups[tuple(key_of(axis, deal, stages, where) for axis in by)]
                        probability = probability_of(deal, stages)
                        sums[0] += 1
                        sums[1] += deal.amount or ZERO
                        sums[2] += (deal.amount or ZERO) * (probability or ZERO)
                        sums[3] += deal.amount is None
                        sums[4] += probability is None
                found = board(lists, scope, by, as_of=moment)
                assert found.currency == currency
                assert {group.keys: group.total for group in found.groups}.keys() == groups.keys()
                for keys, total in ((group.keys, group.total) for group in found.groups):
                    assert groups[keys] == [
                        total.opportunities, total.amount, total.weighted, total.without_amount, total.without_probability,
                    ]  # fmt: skip
                assert found.total.amount == sum((group.total.amount for group in found.groups), ZERO)
                assert found.elsewhere == sum(d.status == "OPEN" and d.currency != currency for d in deals)
                assert {(r.pipeline, r.stage): (r.outcomes, r.won, r.calibrated) for r in found.records} == records(
                    sales, moment
                )

    check()


Parts = dict[str, list[Any]]


def by_hand(
    sales: Sales, start: AsOf, end: AsOf, scope: Scope, wheres: Sequence[dict[UUID, str | None]]
) -> tuple[Any, Any, Parts]:
    """Both ends and the parts of a waterfall, change by change. A part: the opportunities, net, amount, weighted, worth."""
    currency = currency_of(sales, scope, list(filter(in_scope(scope, wheres[1]), sales.at(end))))
    undated = in_scope(scope, wheres[1], dated=False)
    ends = [(in_scope(scope, where), sales.stages(moment)) for where, moment in zip(wheres, (start, end), strict=True)]

    def worth(deal: Deal | None, which: int) -> tuple[int, Decimal, Decimal]:
        within, stages = ends[which]
        if deal is None or deal.status != "OPEN" or deal.currency != currency or not within(deal):
            return 0, ZERO, ZERO
        amount = deal.amount or ZERO
        return 1, amount, amount * (probability_of(deal, stages) or ZERO)

    parts: Parts = defaultdict(lambda: [set(), 0, ZERO, ZERO, ZERO])

    def put(kind: str, deal: Deal, was: tuple[int, Decimal, Decimal], is_: tuple[int, Decimal, Decimal]) -> None:
        part = parts[kind]
        part[0].add(deal.id)
        part[1:4] = [old + b - a for old, a, b in zip(part[1:4], was, is_, strict=True)]
        part[4] += deal.amount or ZERO

    for versions in sales.versions.values():
        known = [version for version in versions if version.is_by(end)]
        before = [version for version in known if version.is_by(start)]
        last = before[-1].deal if before else None
        was, is_ = worth(last, 0), worth(last, 1)
        if last is not None and was != is_:
            put("REDEFINED" if was[0] == is_[0] else "MOVED_IN" if is_[0] else "MOVED_OUT", last, was, is_)
        for version in known[len(before) :]:
            deal = version.deal
            was, is_ = worth(last, 1), worth(deal, 1)
            if was[0] or is_[0]:
                kind = why(last, deal, was, is_, undated)
                if kind is not None:
                    put(kind, deal, was, is_)
                else:
                    assert was == is_
            last = deal
    sums = []
    for which, moment in enumerate((start, end)):
        each = [worth(deal, which) for deal in sales.at(moment)]
        sums.append(tuple(sum((one[n] for one in each), ZERO) for n in range(3)))
    return sums[0], sums[1], parts


def why(last: Deal | None, deal: Deal, was: Any, is_: Any, undated: Callable[[Deal], bool]) -> str | None:
    """To what a change is put down."""
    if last is None:
        return "CREATED"
    if deal.status != "OPEN":
        return deal.status
    if last.status != "OPEN":
        return "REOPENED"
    if was[0] and is_[0] and was[1] != is_[1]:
        return "AMOUNT_UP" if is_[1] > was[1] else "AMOUNT_DOWN"
    if undated(last) and undated(deal) and last.close_on != deal.close_on:
        earlier = (deal.close_on or FOR_EVER) < (last.close_on or FOR_EVER)
        moved = "" if was[0] and is_[0] else "_IN" if is_[0] else "_OUT"
        return ("PULLED" if earlier else "SLIPPED") + moved
    if was[0] != is_[0]:
        return "MOVED_IN" if is_[0] else "MOVED_OUT"
    if was[2] != is_[2]:
        return "LIKELIER" if is_[2] > was[2] else "UNLIKELIER"
    return None


def test_the_parts_of_a_waterfall_sum_exactly_to_the_difference_and_are_what_a_replay_says(
    new_database: Callable[[], str],
) -> None:
    seen: set[str] = set()

    @given(history=histories_of_sales, data=st.data())
    @settings(max_examples=20, deadline=None, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
    def check(history: History, data: st.DataObject) -> None:
        with lived_through(new_database(), history) as (log, lists, pool):
            sales = Sales(log)
            for scope in SCOPES * 2:
                start, end = two_moments(data.draw, log)
                found = waterfall(lists, start, end, scope)
                wheres = (territories(log, pool, start), territories(log, pool, end))
                opening, closing, parts = by_hand(sales, start, end, scope, wheres)
                assert (found.opening.opportunities, found.opening.amount, found.opening.weighted) == opening
                assert (found.closing.opportunities, found.closing.amount, found.closing.weighted) == closing
                assert sum(part.net for part in found.parts) == closing[0] - opening[0]
                assert sum(part.amount for part in found.parts) == closing[1] - opening[1]
                assert sum(part.weighted for part in found.parts) == closing[2] - opening[2]
                said = {
                    str(part.kind): [part.opportunities, part.net, part.amount, part.weighted, part.worth]
                    for part in found.parts
                }
                assert said == {kind: [len(part[0]), *part[1:]] for kind, part in parts.items()}
                seen.update(said)
                for part in found.parts:
                    behind = steps(lists, start, end, scope, [part.kind])
                    assert len(behind) == part.steps
                    assert sum(step.amount for step in behind) == part.amount
                    assert {step.opportunity_id for step in behind} == parts[str(part.kind)][0]
                then = board(lists, Scope(**{**as_given(scope), "currency": found.currency}), as_of=end)
                if found.currency is not None:
                    assert (then.total.opportunities, then.total.amount, then.total.weighted) == closing

    check()
    assert len(seen) > len(WaterfallKind) / 2


def as_given(scope: Scope) -> dict[str, Any]:
    return {name: getattr(scope, name) for name in Scope.__slots__}


def test_opportunities_and_their_changes_are_the_same_however_they_are_folded(new_database: Callable[[], str]) -> None:
    @given(history=histories_of_sales)
    @settings(max_examples=10, deadline=None, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
    def check(history: History) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            engine = Engine(log, pool, VIEWS, batch=1)
            engine.prepare()
            engine.catch_up()
            tables = [table for view in VIEWS for table in view.tables]
            singly = {table.name: held(pool, table) for table in tables}
            for view in VIEWS:
                assert rebuild(engine, view).unchanged
            with pool.connection() as db:
                for table in tables:
                    db.execute(sql.SQL("truncate {}").format(sql.Identifier("views", table.name)))
                db.execute("update views.checkpoint set position = 0")
            Engine(log, pool, VIEWS).catch_up()
            assert {table.name: held(pool, table) for table in tables} == singly
            sheets = held(pool, opportunities.view)
            assert sheets == Lists(log, pool).fold(opportunities.view, AsOf(position=log.reader.head())).rows
            by_id = {deal.id: deal for deal in Sales(log).at(NOW)}
            assert {
                key: (s.base_amount, s.stage, s.stage_since, s.status, s.close_on) for key, s in sheets.items()
            } == {key: (d.amount, d.stage, d.since, d.status, d.close_on) for key, d in by_id.items()}

    check()
