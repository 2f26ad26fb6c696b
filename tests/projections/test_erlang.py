"""How many agents it takes: against tables, and against the sums that the recurrence stands for."""

from itertools import islice
from math import factorial

import pytest

from domain.kernel import Refused
from projections.service.erlang import MAX_AGENTS, blocking, needed, staffing, waiting


@pytest.mark.parametrize(
    ("agents", "load", "lost"),
    # A published table of Erlang B: the traffic that so many lines carry with a loss of 1 %, 0.1 % and 5 %.
    [(1, 0.0101, 0.01), (10, 4.46, 0.01), (20, 12.03, 0.01), (100, 84.06, 0.01), (10, 3.09, 0.001), (50, 44.53, 0.05)],
)
def test_lines_are_busy_as_often_as_the_tables_say(agents: int, load: float, lost: float) -> None:
    assert nth(agents, load) == pytest.approx(lost, rel=0.01)


@pytest.mark.parametrize(("agents", "load"), [(1, 0.5), (3, 2.0), (14, 10.0), (40, 35.5)])
def test_callers_wait_as_often_as_the_formula_of_erlang_says(agents: int, load: float) -> None:
    last = load**agents / factorial(agents) * agents / (agents - load)
    said = last / (sum(load**n / factorial(n) for n in range(agents)) + last)
    assert waiting(agents, load, nth(agents, load)) == pytest.approx(said)


def test_a_hundred_calls_of_three_minutes_in_half_an_hour_take_fourteen_agents() -> None:
    found = needed(100, 1800, 180, service_level=0.8, within_s=20)
    assert (found.agents, found.load_erlangs) == (14, 10.0)
    assert found.waiting == pytest.approx(0.174, abs=5e-4)
    assert found.service_level == pytest.approx(0.888, abs=5e-4)
    assert found.asa_s == pytest.approx(7.8, abs=0.05)
    assert found.occupancy == pytest.approx(10 / 14)
    fewer = staffing(13, 100, 1800, 180, within_s=20)
    assert fewer.service_level < 0.8


def test_too_few_agents_never_catch_up() -> None:
    found = staffing(10, 100, 1800, 180, within_s=20)
    assert (found.waiting, found.service_level, found.asa_s, found.occupancy) == (1.0, 0.0, None, 1.0)


def test_nobody_needs_be_busier_or_wait_longer_than_allowed() -> None:
    assert needed(100, 1800, 180, max_occupancy=0.6).agents == 17
    quick = needed(100, 1800, 180, max_asa_s=1.0)
    assert quick.asa_s is not None
    assert quick.asa_s <= 1 < (staffing(quick.agents - 1, 100, 1800, 180, within_s=20).asa_s or 0)


def test_who_is_away_for_a_third_of_the_time_is_rostered_half_as_often_again() -> None:
    assert needed(100, 1800, 180, shrinkage=0.3).rostered == 20
    assert needed(100, 1800, 180).rostered == 14


def test_where_nobody_calls_one_agent_is_enough() -> None:
    found = needed(0, 1800, 180)
    assert (found.agents, found.waiting, found.asa_s) == (1, 0.0, 0.0)


def test_thousands_of_agents_are_computed_without_overflow() -> None:
    found = needed(45_000, 1800, 360)
    assert found.agents == 9_024
    assert found.service_level == pytest.approx(0.8105, abs=1e-4)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"calls": -1.0}, "calls"),
        ({"calls": float("inf")}, "calls"),
        ({"calls": 1e9}, "calls"),
        ({"interval_s": 0.0}, "intervalS"),
        ({"aht_s": 0.0}, "ahtS"),
        ({"within_s": -1.0}, "withinS"),
        ({"shrinkage": 1.0}, "shrinkage"),
        ({"service_level": 1.0}, "serviceLevel"),
        ({"max_occupancy": 0.0}, "maxOccupancy"),
        ({"max_asa_s": 0.0}, "maxAsaS"),
    ],
)
def test_what_cannot_be_is_refused(asked: dict[str, float], field: str) -> None:
    with pytest.raises(Refused) as refused:
        needed(**{"calls": 100.0, "interval_s": 1800.0, "aht_s": 180.0, **asked})
    assert refused.value.field == field


def test_there_is_a_limit_to_the_agents() -> None:
    with pytest.raises(Refused):
        staffing(MAX_AGENTS + 1, 1, 1800, 180, within_s=20)


def nth(agents: int, load: float) -> float:
    return next(islice(blocking(load), agents - 1, None))
