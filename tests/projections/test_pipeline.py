"""The pipeline of a small company, and of one whose figures are published: known numbers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from api.importers import crm
from api.importers.importing import run
from domain import DECIDERS
from domain.customer import RegisterCustomer
from domain.deal import ForecastCategory, MoveCloseDate, OverrideProbability, SetForecastCategory
from domain.interaction import Direction, LogInteraction
from domain.kernel import Command, Refused, derived
from domain.opportunity import (
    ChangeOpportunityStage,
    LoseOpportunity,
    OpenOpportunity,
    ReopenOpportunity,
    ReviseOpportunityAmount,
    WinOpportunity,
)
from domain.values import Channel
from eventstore.commands import Commands
from eventstore.envelope import Origin, Request
from eventstore.reader import NOW, AsOf
from projections.buckets import Granularity
from projections.customers import profiles, timeline
from projections.engine import Engine
from projections.lists import Lists
from projections.periods import first_day
from projections.selling import opportunities, pipelines
from projections.selling.backtest import backtest
from projections.selling.deals import MAX_SCOPE_VALUES, Axis, Scope
from projections.selling.forecast import Quota, forecast
from projections.selling.funnel import funnel
from projections.selling.pipeline import board
from projections.selling.stale import StaleReason, stale
from projections.selling.transitions import transitions
from projections.selling.waterfall import WaterfallKind, steps, waterfall
from projections.selling.win_loss import WinLossBasis, velocity, win_loss
from tests.conftest import House
from tests.projections.test_engine import held

FOLDER = Path(__file__).parents[3] / "shared/data/crm_sales_opportunities"
DAY = datetime(2026, 3, 2, tzinfo=UTC)
VIEWS = (timeline.view, profiles.view, pipelines.view, opportunities.view)
ANA = derived("customer", "ana")


def deal(n: int) -> UUID:
    return derived("opportunity", n)


def opened(n: int, amount: int | None = 100, close: date | None = None, **more: object) -> OpenOpportunity:
    worth = None if amount is None else Decimal(amount)
    return OpenOpportunity(opportunity_id=deal(n), amount=worth, close_on=close, **more)  # type: ignore[arg-type]


def on(day: float, *commands: Command) -> list[tuple[float, Command]]:
    return [(day, command) for command in commands]


def told(house: House, *happened: list[tuple[float, Command]]) -> Lists:
    """What was asked on which day after the second of March, imported and taken in."""
    for day, command in (each for some in happened for each in some):
        moment = DAY + timedelta(days=day)
        house.log.do(command, Request(occurred_at=moment, origin=Origin.IMPORT))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def then(day: float) -> AsOf:
    return AsOf(time=DAY + timedelta(days=day))


@pytest.fixture
def quarter(house: House) -> Lists:
    """Four sales: one is made, one is lost and taken up again, one slips, one comes late."""
    return told(
        house,
        on(0, opened(1, 100, date(2026, 3, 20)), opened(2, 200, date(2026, 3, 25)), opened(3, 400, date(2026, 3, 30))),
        on(2, ChangeOpportunityStage(opportunity_id=deal(1), stage="PROPOSAL")),
        on(4, ReviseOpportunityAmount(opportunity_id=deal(1), amount=Decimal(150))),
        on(6, LoseOpportunity(opportunity_id=deal(2), reason="PRICE")),
        on(8, MoveCloseDate(opportunity_id=deal(3), close_on=date(2026, 5, 1))),
        on(9, OverrideProbability(opportunity_id=deal(3), probability=Decimal("0.3"))),
        on(10, WinOpportunity(opportunity_id=deal(1), amount=Decimal(140))),
        on(12, ReopenOpportunity(opportunity_id=deal(2), stage="NEGOTIATION"), opened(4, 50, date(2026, 3, 31))),
    )


def test_the_board_of_a_day_weights_each_by_its_stage_or_by_what_somebody_said(quarter: Lists) -> None:
    first = board(quarter, axes=[Axis.STAGE], as_of=then(5))
    assert (first.currency, first.total.opportunities, first.total.amount) == ("EUR", 3, 750)
    assert first.total.weighted == Decimal("0.1") * 600 + Decimal("0.5") * 150
    assert [group.keys for group in first.groups] == [("PROSPECTING",), ("PROPOSAL",)]
    now = board(quarter)
    assert now.total.weighted == Decimal("0.8") * 200 + Decimal("0.3") * 400 + Decimal("0.1") * 50
    assert now.total.calibrated == now.total.weighted
    assert {(record.stage, record.outcomes, record.calibrated) for record in now.records} == {
        ("PROSPECTING", 1, None),
        ("PROPOSAL", 1, None),
    }


def test_what_somebody_said_last_comes_before_what_was_said_with_the_stage(house: House) -> None:
    lists = told(
        house,
        on(0, opened(1, 100, probability=Decimal("0.6"))),
        on(2, OverrideProbability(opportunity_id=deal(1), probability=Decimal("0.3"))),
    )
    for day, worth in ((1, 60), (3, 30)):
        total = board(lists, as_of=then(day)).total
        assert (total.weighted, total.calibrated) == (worth, worth)


def test_the_waterfall_of_a_quarter_says_what_made_the_difference(quarter: Lists) -> None:
    march = Scope(close_from=date(2026, 3, 1), close_to=date(2026, 3, 31))
    found = waterfall(quarter, then(1), then(20), march)
    assert (found.opening.amount, found.closing.amount) == (700, 250)
    assert {part.kind: (part.net, part.amount) for part in found.parts} == {
        WaterfallKind.CREATED: (1, 50),
        WaterfallKind.REOPENED: (1, 200),
        WaterfallKind.WON: (-1, -150),
        WaterfallKind.LOST: (-1, -200),
        WaterfallKind.SLIPPED_OUT: (-1, -400),
        WaterfallKind.AMOUNT_UP: (0, 50),
        WaterfallKind.LIKELIER: (0, 0),
    }
    (won,) = steps(quarter, then(1), then(20), march, [WaterfallKind.WON])
    assert (won.opportunity_id, won.amount, won.worth) == (deal(1), -150, 140)
    everything = waterfall(quarter, then(1), then(20))
    assert {part.kind: (part.amount, part.worth) for part in everything.parts}[WaterfallKind.SLIPPED] == (0, 400)


def test_steps_are_paged_by_position(quarter: Lists) -> None:
    whole = steps(quarter, then(-1))
    pages: list[int] = []
    while page := steps(quarter, then(-1), first=3, after=pages[-1] if pages else 0):
        pages += [step.position for step in page]
    assert pages == [step.position for step in whole]
    assert len(set(pages)) == 11


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (NOW, NOW, "from"),
        (AsOf(time=DAY, position=1), NOW, "from"),
        (AsOf(position=1), AsOf(time=DAY), "to"),
        (AsOf(position=2), AsOf(position=1), "to"),
    ],
)
def test_two_moments_that_are_none_are_refused(quarter: Lists, start: AsOf, end: AsOf, field: str) -> None:
    with pytest.raises(Refused) as refused:
        waterfall(quarter, start, end)
    assert refused.value.field == field


def test_what_was_known_later_is_no_part_of_what_had_been_recorded(house: House) -> None:
    lists = told(house, on(0, opened(1, 100)))
    middle = datetime.now(UTC)
    lists = told(house, on(1, opened(2, 50)))
    found = waterfall(lists, AsOf(known_at=middle))
    assert (found.opening.amount, found.closing.amount, found.parts[0].kind) == (100, 150, WaterfallKind.CREATED)
    assert board(lists, as_of=AsOf(known_at=middle)).total.amount == 100
    assert board(lists, as_of=AsOf(valid_at=DAY)).total.amount == 100


def thirty(wins: int) -> Iterator[list[tuple[float, Command]]]:
    for n in range(30):
        yield on(0, opened(100 + n, 10), ChangeOpportunityStage(opportunity_id=deal(100 + n), stage="PROPOSAL"))
        if n < wins:
            yield on(5, WinOpportunity(opportunity_id=deal(100 + n)))
        else:
            yield on(5, LoseOpportunity(opportunity_id=deal(100 + n), reason="PRICE"))


def test_after_thirty_outcomes_a_stage_is_calibrated_by_its_own_past(house: House) -> None:
    at_proposal = ChangeOpportunityStage(opportunity_id=deal(1), stage="PROPOSAL")
    sure = OverrideProbability(opportunity_id=deal(1), probability=Decimal("0.9"))
    lists = told(house, *thirty(24), on(6, opened(1, 1000), at_proposal, sure, opened(2, 100, stage="NEGOTIATION")))
    found = board(lists)
    share = (24 + 10 * Decimal("0.8")) / 40
    assert {(record.stage, record.outcomes, record.won, record.calibrated) for record in found.records} == {
        ("PROSPECTING", 30, 24, share),
        ("PROPOSAL", 30, 24, share),
    }
    assert found.total.weighted == Decimal("0.9") * 1000 + Decimal("0.8") * 100
    assert found.total.calibrated == share * 1000 + Decimal("0.8") * 100
    before = board(lists, as_of=then(4))
    assert (before.records, before.total.calibrated) == ((), before.total.weighted)


def test_a_sum_is_in_one_currency_and_what_is_reckoned_in_another_is_counted_apart(house: House) -> None:
    lists = told(house, on(0, opened(1, 100), opened(2, 50), opened(3, 70, currency="USD")))
    found = board(lists)
    assert (found.currency, found.total.amount, found.elsewhere) == ("EUR", 150, 1)
    dollars = board(lists, Scope(currency="USD"))
    assert (dollars.currency, dollars.total.amount, dollars.elsewhere) == ("USD", 70, 2)
    assert waterfall(lists, AsOf(position=0)).elsewhere == 1


def test_what_is_stale_says_why_and_is_paged_by_its_worth(house: House) -> None:
    call = LogInteraction(
        interaction_id=derived("i", 1), customer_id=ANA, channel=Channel.PHONE, direction=Direction.IN
    )
    lists = told(
        house,
        on(0, RegisterCustomer(customer_id=ANA, name="Ana")),
        on(0, opened(1, 10), opened(2, 30, date(2026, 3, 5)), opened(3, 20, customer_id=ANA)),
        on(0, ChangeOpportunityStage(opportunity_id=deal(2), stage="QUALIFICATION")),
        on(1, call),
        on(15, opened(4, 40)),
    )
    found = stale(lists, DAY + timedelta(days=16))
    assert [(each.opportunity_id, each.reasons) for each in found.nodes] == [
        (deal(2), (StaleReason.CLOSE_DATE_PASSED,)),
        (deal(3), (StaleReason.STAGE_TOO_LONG, StaleReason.SILENT)),
        (deal(1), (StaleReason.STAGE_TOO_LONG,)),
    ]
    late, silent, long = found.nodes
    assert (late.days_overdue, silent.silent_days, long.days_at_stage, long.max_days) == (13, 15, 16, 14)
    first = stale(lists, DAY + timedelta(days=16), first=1)
    rest = stale(lists, DAY + timedelta(days=16), first=2, after=first.end_cursor)
    assert (first.nodes + rest.nodes, first.has_next_page, rest.has_next_page) == (found.nodes, True, False)
    assert (first.total_count, rest.total_count) == (3, 3)
    nothing = stale(lists, DAY + timedelta(days=16), after=rest.end_cursor)
    assert (nothing.nodes, nothing.total_count) == ((), 3)
    assert [each.opportunity_id for each in stale(lists, DAY, as_of=then(4)).nodes] == [deal(2)]
    (_, silent, _) = stale(lists, DAY, as_of=then(16)).nodes
    assert (silent.silent_days, silent.reasons) == (15, (StaleReason.STAGE_TOO_LONG, StaleReason.SILENT))
    assert stale(lists, DAY, as_of=AsOf(position=2)).at > DAY


def test_every_change_is_a_transition_with_how_long_the_stage_lasted(house: House) -> None:
    lists = told(
        house,
        on(0, opened(1, 100)),
        on(3, ChangeOpportunityStage(opportunity_id=deal(1), stage="PROPOSAL")),
        on(4, ChangeOpportunityStage(opportunity_id=deal(1), stage="PROPOSAL", pipeline_version=2)),
        on(5, WinOpportunity(opportunity_id=deal(1), amount=Decimal(90))),
    )
    rows = sorted(held(lists.pool, transitions).values(), key=lambda row: row.position)
    assert [(row.kind, row.stage_before, row.stage_after, row.dwell_s) for row in rows] == [
        ("OPENED", None, None, None),
        ("STAGE", None, "PROPOSAL", 3 * 86_400),
        ("STAGE", "PROPOSAL", "PROPOSAL", None),
        ("WON", "PROPOSAL", "PROPOSAL", 2 * 86_400),
    ]
    assert (rows[-1].amount_before, rows[-1].amount_after, rows[-1].status_before) == (100, 90, "OPEN")
    assert [(stage.stage, stage.median_days) for stage in funnel(lists).stages] == [("PROSPECTING", 3), ("PROPOSAL", 2)]
    assert funnel(lists, start=(DAY + timedelta(days=4)).date()).stages == ()


def test_the_forecast_is_by_category_and_a_quota_is_attained_by_what_is_closed(quarter: Lists) -> None:
    found = forecast(quarter, date(2026, 3, 1), date(2026, 6, 30), quotas=[Quota(date(2026, 3, 1), Decimal(280))])
    march, may = found.lines
    assert (march.total.closed, march.total.pipeline, march.quota, march.attainment) == (140, 250, 280, Decimal("0.5"))
    assert march.total.weighted == 140 + Decimal("0.8") * 200 + Decimal("0.1") * 50
    assert (may.period, may.total.pipeline, may.quota) == (date(2026, 5, 1), 400, None)
    told(House("", quarter.log), on(13, SetForecastCategory(opportunity_id=deal(2), category=ForecastCategory.OMITTED)))
    omitted = forecast(quarter, date(2026, 3, 1), date(2026, 3, 31)).total
    assert (omitted.omitted, omitted.pipeline, omitted.weighted) == (200, 50, 140 + Decimal("0.1") * 50)
    assert forecast(quarter, date(2026, 3, 1), date(2026, 3, 31), as_of=then(12)).total == march.total


@pytest.mark.parametrize("granularity", list(Granularity))
def test_the_first_day_of_a_period_is_in_it_and_the_day_before_is_not(granularity: Granularity) -> None:
    for n in range(800):
        day = date(2026, 1, 1) + timedelta(days=n)
        first = first_day(day, granularity)
        assert first_day(first, granularity) == first <= day
        assert granularity is Granularity.DAY or first_day(first - timedelta(days=1), granularity) < first


def test_too_much_is_refused(quarter: Lists) -> None:
    with pytest.raises(Refused, match="values are the limit"):
        Scope(products=tuple(map(str, range(MAX_SCOPE_VALUES + 1))))
    with pytest.raises(Refused, match="no currency"):
        Scope(currency="XYZ")
    with pytest.raises(Refused, match="at most 3"):
        board(quarter, axes=list(Axis)[:4])
    with pytest.raises(Refused, match="at most 120 periods"):
        forecast(quarter, date(2000, 1, 1), date(2026, 1, 1), Granularity.DAY)
    with pytest.raises(Refused, match="at most 60 days"):
        backtest(quarter, DAY, date(2020, 1, 1), date(2026, 1, 1), days_before=[1])
    with pytest.raises(Refused, match="3,660 days"):
        velocity(quarter, DAY, days=4_000)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the CRM Sales Opportunities files are not part of the repository")
def test_the_published_figures_come_out(house: House) -> None:
    run(crm.importer, str(FOLDER), log=house.log, commands=Commands(DECIDERS))
    lists = told(house)
    total = win_loss(lists).total
    assert (total.won, total.lost, board(lists).total.opportunities) == (4_238, 2_473, 2_089)
    assert total.win_rate == Decimal("0.631501")
    assert total.mean_days_won is not None
    assert total.mean_days_lost is not None
    assert (round(total.mean_days_won, 1), round(total.mean_days_lost, 1)) == (Decimal("51.8"), Decimal("41.5"))
    assert total.won_amount == 10_005_534
    everything = win_loss(lists, basis=WinLossBasis.OPENED).total
    assert (everything.won, everything.lost, everything.open) == (4_238, 2_473, 2_089)
    flow = funnel(lists).stages
    assert [(stage.stage, stage.entered, stage.won, stage.waiting) for stage in flow] == [
        ("PROSPECTING", 8_800, 4_238, 500),
        ("ENGAGING", 8_300, 4_238, 1_589),
    ]
    start, end = (AsOf(time=datetime(2017, month, 1, tzinfo=UTC)) for month in (3, 10))
    found = waterfall(lists, start, end)
    assert sum(part.net for part in found.parts) == found.closing.opportunities - found.opening.opportunities
    assert found.closing.opportunities == board(lists, as_of=end).total.opportunities
    year = forecast(lists, date(2017, 1, 1), date(2017, 12, 31), Granularity.YEAR)
    assert year.total.closed == 10_005_534
