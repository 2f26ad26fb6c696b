"""Objective status: whether each figure is where it should be by a day, with a light that says how far off it is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from domain.objective import ObjectiveOperator, ObjectiveScope, ObjectiveStatus, is_reached
from domain.values import EXACT
from eventstore.reader import NOW, AsOf
from projections.company import objectives
from projections.company.objectives import ObjectiveSheet
from projections.history import past
from projections.lists import Lists
from projections.marketing.uplift import rounded
from projections.table import Table

MAX_OBJECTIVES = 100
AMBER, RED = Decimal("0.90"), Decimal("0.75")
"""Below which share of the pace the light is no longer green, and no longer amber."""


class TrafficLight(StrEnum):
    """How a figure stands to its pace; UNKNOWN if there is no figure."""

    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a figure came to from the first day of an objective to a day; None if it could not be measured.

    `accumulates`: it adds up from day to day, as revenue does, and is no level, such as a rate. `problem` says why there
    is no value.
    """

    value: Decimal | None
    accumulates: bool
    problem: str | None = None


Measuring = Callable[[ObjectiveSheet, date], Measured]
"""What the figure of an objective came to by a day."""


@dataclass(frozen=True, slots=True)
class ObjectiveStanding:
    """How an objective stands on a day. `expected` is where the figure should be by then, and `projected` where it ends if

    it goes on as it did. `pace` is how much of the expected way was gone, 1 being all of it.
    """

    objective_id: UUID
    kpi: str
    kpi_version: int
    scope: tuple[ObjectiveScope, ...]
    operator: ObjectiveOperator
    baseline: Decimal | None
    target: Decimal
    starts_on: date
    ends_on: date
    staff_id: UUID | None
    status: ObjectiveStatus
    on: date
    actual: Decimal | None
    expected: Decimal
    projected: Decimal | None
    pace: Decimal | None
    light: TrafficLight
    explanation: str


def standings(lists: Lists, measure: Measuring, on: date, *, as_of: AsOf = NOW) -> list[ObjectiveStanding]:
    """How the objectives stand whose period has this day in it, those that end first first, as of a moment.

    Raises `Refused` for more than MAX_OBJECTIVES.
    """
    table = Table(objectives.view)
    query = sql.SQL(
        "select {} from {} where starts_on <= %s and ends_on >= %s order by ends_on, objective_id limit %s"
    ).format(table.selected, past(objectives.view, as_of, lists.log.reader))
    with lists.reading(objectives.view) as (db, _):
        sheets = table.select(db, query, [on, on, MAX_OBJECTIVES + 1])
    if len(sheets) > MAX_OBJECTIVES:
        raise Refused(f"More than {MAX_OBJECTIVES} objectives are running. Look at them in the list.", "on")
    return [standing(sheet, measure(sheet, on), on) for sheet in sheets]


def standing(sheet: ObjectiveSheet, measured: Measured, on: date) -> ObjectiveStanding:
    """How one objective stands on a day of its period."""
    assert sheet.starts_on is not None
    assert sheet.ends_on is not None
    assert sheet.operator is not None
    actual = sheet.measured if sheet.measured is not None else measured.value
    expected = expected_by(sheet, on, accumulates=measured.accumulates)
    pace = None if actual is None else pace_of(sheet, actual, expected, accumulates=measured.accumulates)
    light = light_of(sheet, actual, expected, pace)
    return ObjectiveStanding(
        sheet.objective_id, sheet.kpi, sheet.kpi_version, sheet.scope, sheet.operator, sheet.baseline, sheet.target,
        sheet.starts_on, sheet.ends_on, sheet.staff_id, sheet.status, on, actual, rounded(expected),
        projected(sheet, actual, on, accumulates=measured.accumulates), None if pace is None else rounded(pace), light,
        explained(sheet, actual, rounded(expected), pace, light, on, measured.problem),
    )  # fmt: skip


def share_gone(sheet: ObjectiveSheet, on: date) -> Decimal:
    """How much of the period is over when the day is: (days from the first to this one) / (days of the period)."""
    assert sheet.starts_on is not None
    assert sheet.ends_on is not None
    days, of = (on - sheet.starts_on).days + 1, (sheet.ends_on - sheet.starts_on).days + 1
    return EXACT.divide(Decimal(min(max(days, 0), of)), Decimal(of))


def expected_by(sheet: ObjectiveSheet, on: date, *, accumulates: bool) -> Decimal:
    """Where the figure should be when the day is over: linear pace.

    What accumulates: target x share of the period that is over. A level: baseline + (target - baseline) x that share, or
    the target from the first day on if no baseline is known.
    """
    if accumulates:
        return EXACT.multiply(sheet.target, share_gone(sheet, on))
    if sheet.baseline is None:
        return sheet.target
    return EXACT.fma(EXACT.subtract(sheet.target, sheet.baseline), share_gone(sheet, on), sheet.baseline)


def pace_of(sheet: ObjectiveSheet, actual: Decimal, expected: Decimal, *, accumulates: bool) -> Decimal | None:
    """How much of the way that was to be expected was gone; None where there was none to go.

    With a baseline, and for a level: (actual - baseline) / (expected - baseline). Otherwise actual / expected if the figure
    is to be AT_LEAST the target, and expected / actual if it is to be AT_MOST.
    """
    if not accumulates and sheet.baseline is not None:
        way, to_go = EXACT.subtract(actual, sheet.baseline), EXACT.subtract(expected, sheet.baseline)
    elif sheet.operator is ObjectiveOperator.AT_LEAST:
        way, to_go = actual, expected
    else:
        way, to_go = expected, actual
    return EXACT.divide(way, to_go) if to_go else None


def light_of(sheet: ObjectiveSheet, actual: Decimal | None, expected: Decimal, pace: Decimal | None) -> TrafficLight:
    """GREEN on the right side of what was to be expected or at 90 % of the pace, RED below 75 %, AMBER between.

    Of an objective that is decided, GREEN if it was achieved and RED if it was missed. Source: policy P21 of the domain.
    """
    if sheet.status is ObjectiveStatus.ACHIEVED:
        return TrafficLight.GREEN
    if sheet.status is ObjectiveStatus.MISSED:
        return TrafficLight.RED
    if actual is None:
        return TrafficLight.UNKNOWN
    assert sheet.operator is not None
    if is_reached(actual, sheet.operator, expected) or (pace is not None and pace >= AMBER):
        return TrafficLight.GREEN
    return TrafficLight.AMBER if pace is not None and pace >= RED else TrafficLight.RED


def projected(sheet: ObjectiveSheet, actual: Decimal | None, on: date, *, accumulates: bool) -> Decimal | None:
    """Where the figure ends if it goes on as it did from the first day to this one, in a straight line."""
    gone = share_gone(sheet, on)
    if actual is None or not gone:
        return None
    if accumulates:
        return rounded(EXACT.divide(actual, gone))
    if sheet.baseline is None:
        return rounded(actual)
    return rounded(EXACT.add(sheet.baseline, EXACT.divide(EXACT.subtract(actual, sheet.baseline), gone)))


def explained(
    sheet: ObjectiveSheet,
    actual: Decimal | None,
    expected: Decimal,
    pace: Decimal | None,
    light: TrafficLight,
    on: date,
    problem: str | None,
) -> str:
    """Why the light is what it is, in a sentence."""
    if sheet.status in (ObjectiveStatus.ACHIEVED, ObjectiveStatus.MISSED):
        return f"{sheet.kpi} was {number(actual)} at the end, and the objective {sheet.status.lower()}."
    if actual is None:
        return problem or f"{sheet.kpi} has no value between {sheet.starts_on} and {on}."
    words = "at least" if sheet.operator is ObjectiveOperator.AT_LEAST else "at most"
    where = f"{sheet.kpi} is {number(actual)}; by {on} it should be {words} {number(expected)}"
    if pace is None:
        return f"{where}."
    why = {
        TrafficLight.GREEN: "",
        TrafficLight.AMBER: f", and below {AMBER:.0%} is amber",
        TrafficLight.RED: f", and below {RED:.0%} is red",
    }
    return f"{where}. That is {pace:.1%} of the pace{why.get(light, '')}."


def number(value: Decimal | None) -> str:
    """A figure without idle zeros."""
    return "unknown" if value is None else f"{value.normalize(EXACT):f}"
