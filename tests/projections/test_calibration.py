"""Whether forecasts came true: against sums by hand and against published intervals."""

from fractions import Fraction

import pytest

from projections.value.calibration import MIN_OUTCOMES, brier, by_decile, mape, smoothed


def test_the_brier_score_is_the_mean_square_of_what_was_wrong() -> None:
    assert brier([(1.0, True), (0.0, False)]) == 0
    assert brier([(0.5, True), (0.5, False)]) == 0.25
    assert brier([(0.7, True), (0.2, True), (0.1, False)]) == pytest.approx((0.09 + 0.64 + 0.01) / 3)
    assert brier([]) is None


def test_what_was_said_is_held_against_what_came_by_tenths() -> None:
    found = by_decile([(0.3, True), (0.39, False), (0.05, False), (1.0, True), (0.95, True)])
    assert [(each.from_, each.count, each.came) for each in found] == [(0.0, 1, 0.0), (0.3, 2, 0.5), (0.9, 2, 1.0)]
    assert found[1].said == pytest.approx(0.345)


@pytest.mark.parametrize("tenth", range(10))
def test_a_tenth_begins_with_its_own_bound(tenth: int) -> None:
    assert by_decile([(tenth / 10, True)])[0].from_ == tenth / 10


def test_few_outcomes_say_nothing_and_more_say_more() -> None:
    assert smoothed(29, MIN_OUTCOMES - 1, 0.5) is None
    few, many = smoothed(30, 30, 0.5), smoothed(3000, 3000, 0.5)
    assert few == float(Fraction(35, 40))
    assert few < (many or 0) < 1


def test_the_error_is_taken_of_what_came() -> None:
    assert mape([(110.0, 100.0), (80.0, 100.0), (5.0, 0.0)]) == pytest.approx(0.15)
    assert mape([(5.0, 0.0)]) is None
