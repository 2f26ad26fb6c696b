"""Objectives: where a figure should be by a day, and what light it gets."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from domain.kernel import Refused, derived
from domain.objective import (
    ObjectiveDimension,
    ObjectiveOperator,
    ObjectiveScope,
    ObjectiveStatus,
    RecordObjectiveAchieved,
    RecordObjectiveMissed,
    ReviewObjective,
    ReviseObjective,
    SetObjective,
)
from eventstore.envelope import Request
from eventstore.reader import AsOf
from projections.company import objectives
from projections.company.objective_measures import accumulates
from projections.company.objective_status import (
    MAX_OBJECTIVES,
    Measured,
    ObjectiveStanding,
    TrafficLight,
    standing,
    standings,
)
from projections.company.objectives import ObjectiveSheet
from projections.engine import Engine
from projections.figures.kpi_catalogue import BY_NAME
from projections.lists import Lists
from tests.conftest import House

ID, EVA = derived("objective", 1), derived("staff", 1)
DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT_LEAST, AT_MOST = ObjectiveOperator.AT_LEAST, ObjectiveOperator.AT_MOST
GREEN, AMBER, RED = TrafficLight.GREEN, TrafficLight.AMBER, TrafficLight.RED


def objective(operator: ObjectiveOperator, baseline: str | None, target: str) -> ObjectiveSheet:
    """An objective of the first ten days of a month."""
    return ObjectiveSheet(
        ID, kpi="figure", kpi_version=1, status=ObjectiveStatus.SET, operator=operator, target=Decimal(target),
        baseline=None if baseline is None else Decimal(baseline), starts_on=date(2026, 5, 1), ends_on=date(2026, 5, 10),
    )  # fmt: skip


def on_the_fifth(sheet: ObjectiveSheet, actual: str | None, *, accumulates: bool) -> ObjectiveStanding:
    """After half of it."""
    return standing(sheet, Measured(None if actual is None else Decimal(actual), accumulates), date(2026, 5, 5))


@pytest.mark.parametrize(
    ("operator", "baseline", "target", "accumulates", "actual", "expected", "pace", "projected", "light"),
    [
        # What adds up is measured from zero on, whatever it was in another period.
        (AT_LEAST, None, "1000", True, "500", "500", "1", "1000", GREEN),
        (AT_LEAST, "800", "1000", True, "450", "500", "0.9", "900", GREEN),
        (AT_LEAST, None, "1000", True, "449", "500", "0.898", "898", AMBER),
        (AT_LEAST, None, "1000", True, "375", "500", "0.75", "750", AMBER),
        (AT_LEAST, None, "1000", True, "374", "500", "0.748", "748", RED),
        (AT_LEAST, None, "1000", True, "0", "500", "0", "0", RED),
        (AT_MOST, None, "100", True, "50", "50", "1", "100", GREEN),
        (AT_MOST, None, "100", True, "60", "50", "0.833333", "120", AMBER),
        (AT_MOST, None, "100", True, "80", "50", "0.625", "160", RED),
        (AT_MOST, None, "100", True, "0", "50", None, "0", GREEN),
        # A level goes from the baseline to the target: churn from 10 % to 9 %.
        (AT_MOST, "10", "9", False, "9.5", "9.5", "1", "9", GREEN),
        (AT_MOST, "10", "9", False, "9.6", "9.5", "0.8", "9.2", AMBER),
        (AT_MOST, "10", "9", False, "9.7", "9.5", "0.6", "9.4", RED),
        (AT_MOST, "10", "9", False, "11", "9.5", "-2", "12", RED),
        (AT_MOST, "10", "9", False, "5", "9.5", "10", "0", GREEN),
        (AT_LEAST, "40", "60", False, "49", "50", "0.9", "58", GREEN),
        # A level that is on the right side of its target from the start.
        (AT_LEAST, "60", "50", False, "65", "55", "-1", "70", GREEN),
        # Without a baseline a level should be there at once.
        (AT_MOST, None, "42", False, "40", "42", "1.05", "40", GREEN),
        (AT_MOST, None, "42", False, "50", "42", "0.84", "50", AMBER),
        (AT_LEAST, None, "80", False, "55", "80", "0.6875", "55", RED),
        (AT_LEAST, "80", "80", False, "80", "80", None, "80", GREEN),
        (AT_LEAST, "80", "80", False, "79", "80", None, "78", RED),
    ],
)
def test_the_light_follows_from_the_pace(
    operator: ObjectiveOperator,
    baseline: str | None,
    target: str,
    accumulates: bool,
    actual: str,
    expected: str,
    pace: str | None,
    projected: str,
    light: TrafficLight,
) -> None:
    found = on_the_fifth(objective(operator, baseline, target), actual, accumulates=accumulates)
    assert (found.expected, found.pace) == (Decimal(expected), None if pace is None else Decimal(pace))
    assert (found.projected, found.light) == (Decimal(projected), light)


def test_the_explanation_says_what_is_what() -> None:
    found = on_the_fifth(objective(AT_LEAST, None, "1000"), "400", accumulates=True)
    assert found.explanation == (
        "figure is 400; by 2026-05-05 it should be at least 500. That is 80.0% of the pace, and below 90% is amber."
    )
    unknown = on_the_fifth(objective(AT_LEAST, None, "1000"), None, accumulates=True)
    assert (unknown.light, unknown.pace) == (TrafficLight.UNKNOWN, None)
    assert unknown.explanation == "figure has no value between 2026-05-01 and 2026-05-05."


def test_the_pace_is_that_of_the_day() -> None:
    sheet = objective(AT_LEAST, None, "1000")
    paces = [
        standing(sheet, Measured(Decimal(1), True), date(2026, 5, 1) + timedelta(days=n)).expected for n in (0, 1, 9)
    ]
    assert paces == [100, 200, 1000]


@pytest.mark.parametrize(
    ("measure", "adds_up"),
    [
        ("revenue.v1", True),
        ("orders.v1", True),
        ("tier_migration.v1", True),
        ("backlog.v1", False),
        ("points_liability.v1", False),
        ("win_rate.v1", False),
        ("sales_cycle_days.v1", False),
    ],
)
def test_what_happens_adds_up_and_what_there_is_does_not(measure: str, adds_up: bool) -> None:
    assert accumulates(BY_NAME[measure]) is adds_up


SET = SetObjective(
    objective_id=ID,
    kpi="revenue",
    kpi_version=2,
    target=Decimal(1000),
    baseline=Decimal(900),
    operator=AT_LEAST,
    starts_on=date(2026, 1, 1),
    ends_on=date(2026, 3, 31),
    scope=(ObjectiveScope(dimension=ObjectiveDimension.SEGMENT, value="gold"),),
    unit="EUR",
    owner=EVA,
)


def told(house: House, *commands: object) -> Lists:
    """A day after the other."""
    for n, command in enumerate(commands):
        house.log.do(command, Request(occurred_at=DAY + timedelta(days=n)))  # type: ignore[arg-type]
    engine = Engine(house.log, house.pool, [objectives.view])
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def test_an_objective_stands_as_it_was_said_last_with_its_reviews_but_not_their_words(house: House) -> None:
    lists = told(
        house,
        SET,
        ReviseObjective(objective_id=ID, target=Decimal(1100), reason="Too easy."),
        ReviewObjective(
            objective_id=ID, finding="Sales are slow.", decision="Call them.", measured=Decimal(9), position=7
        ),
        RecordObjectiveAchieved(objective_id=ID, measured=Decimal(1200), kpi_version=2, position=9),
    )
    row = lists.get(objectives.view, [ID])[ID]
    assert (row.kpi, row.kpi_version, row.unit, row.staff_id, row.scope) == ("revenue", 2, "EUR", EVA, SET.scope)
    assert (row.first_target, row.target, row.revised, row.status) == (1000, 1100, 1, ObjectiveStatus.ACHIEVED)
    (review,) = row.reviews
    assert (review.reviewed_at, review.review_position, review.measured, review.measured_position) == (
        DAY + timedelta(days=2), 3, Decimal(9), 7,
    )  # fmt: skip
    assert "slow" not in repr(row)
    assert (row.measured, row.measured_position, row.decided_at) == (1200, 9, DAY + timedelta(days=3))


def test_those_stand_whose_period_has_the_day_in_it_and_with_the_target_of_the_moment(house: House) -> None:
    lists = told(house, SET, ReviseObjective(objective_id=ID, target=Decimal(1100), ends_on=date(2026, 2, 28)))

    def measure(sheet: ObjectiveSheet, on: date) -> Measured:
        assert sheet.scope == SET.scope
        return Measured(Decimal(500), accumulates=True)

    assert standings(lists, measure, date(2025, 12, 31)) == []
    (found,) = standings(lists, measure, date(2026, 1, 10))
    assert (found.target, found.ends_on, found.actual) == (1100, date(2026, 2, 28), 500)
    assert found.expected == (Decimal(1100) * 10 / 59).quantize(Decimal("0.000001"))
    assert standings(lists, measure, date(2026, 3, 1)) == []
    (before,) = standings(lists, measure, date(2026, 3, 1), as_of=AsOf(valid_at=DAY))
    assert (before.target, before.ends_on) == (1000, date(2026, 3, 31))


def test_what_is_decided_is_no_longer_measured(house: House) -> None:
    missed = RecordObjectiveMissed(objective_id=ID, measured=Decimal(700), kpi_version=2, position=9)
    lists = told(house, SET, missed)
    (found,) = standings(lists, lambda *_: Measured(Decimal(5000), accumulates=True), date(2026, 3, 1))
    assert (found.actual, found.light, found.status) == (700, RED, ObjectiveStatus.MISSED)
    assert found.explanation == "revenue was 700 at the end, and the objective missed."


def test_more_than_can_be_looked_at_is_refused(house: House) -> None:
    many = [
        SetObjective(
            objective_id=derived("objective", n), kpi="revenue", kpi_version=1, target=Decimal(1), operator=AT_LEAST,
            starts_on=date(2026, 1, 1), ends_on=date(2026, 1, 31),
        )
        for n in range(MAX_OBJECTIVES + 1)
    ]  # fmt: skip
    for command in many:
        house.log.do(command, Request(occurred_at=DAY))
    lists = told(house)
    with pytest.raises(Refused, match="More than 100"):
        standings(lists, lambda *_: Measured(None, accumulates=True), date(2026, 1, 5))
