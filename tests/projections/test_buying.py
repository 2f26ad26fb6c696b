"""How often customers will buy again: against what is published, and against customers that were made up."""

from math import exp, gamma

import numpy as np
import pytest

from projections.value.buying import BuyingModel, NotFitted, alive, expected, expected_of_new, fit, log_likelihood
from tests.projections import cdnow

PUBLISHED = BuyingModel(0.243, 4.414, 0.793, 2.426)
"""Fader, Hardie and Lee (2005), table 2: the parameters on a tenth of the CDNOW customers."""
PRECISE = BuyingModel(0.2425945, 4.4136021, 0.7929221, 2.4259070)
"""The same as fitted here and by PyPI `lifetimes` 0.11.3 on the sample that comes with it, where both agree."""


def test_the_expectations_are_those_that_are_published() -> None:
    assert float(expected_of_new(PRECISE, 52)) == pytest.approx(1.444, abs=5e-4)
    assert float(expected(PUBLISHED, 39, 2, 30.43, 38.86)) == pytest.approx(1.226, abs=5e-4)
    assert float(expected(PUBLISHED, 52, 26, 30.86, 31)) == pytest.approx(25.76, abs=5e-3)
    assert float(alive(PUBLISHED, 26, 30.86, 31)) == pytest.approx(0.9689, abs=5e-5)


def test_who_never_bought_again_is_certain_to_be_there() -> None:
    assert float(alive(PUBLISHED, 0, 0, 500)) == 1


def test_the_likelihood_is_the_integral_over_all_customers() -> None:
    """Equation (3) of one customer, weighed by how the article says that customers differ, over a fine grid."""
    r, alpha, a, b = 1.5, 4.0, 1.5, 2.5
    x, recency, age = 2, 5.0, 9.0
    rates, leaves = (np.arange(4_000) + 0.5) / 1_000, (np.arange(1_000) + 0.5) / 1_000
    rate, leave = np.meshgrid(rates, leaves)
    seen = (1 - leave) ** x * rate**x * np.exp(-rate * age) + leave * (1 - leave) ** (x - 1) * rate**x * np.exp(
        -rate * recency
    )
    weight = (
        alpha**r * rate ** (r - 1) * np.exp(-alpha * rate) / gamma(r)
        * leave ** (a - 1) * (1 - leave) ** (b - 1) * gamma(a + b) / gamma(a) / gamma(b)
    )  # fmt: skip
    assert exp(log_likelihood(BuyingModel(r, alpha, a, b), x, recency, age)) == pytest.approx(
        float((seen * weight).sum() / 1e6), rel=1e-4
    )


def test_the_parameters_of_customers_that_were_made_up_are_found_again() -> None:
    true = BuyingModel(0.8, 6.0, 0.9, 2.5)
    found = fit(*made_up(true, 20_000))
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((true.r, true.alpha, true.a, true.b), rel=0.1)
    assert found.customers == 20_000
    assert found.log_likelihood >= log_likelihood(true, *made_up(true, 20_000))


def test_no_other_parameters_nearby_are_more_likely() -> None:
    seen = made_up(BuyingModel(0.5, 5.0, 0.8, 2.0), 3_000)
    found = fit(*seen)
    for name in ("r", "alpha", "a", "b"):
        for by in (0.99, 1.01):
            moved = {part: getattr(found, part) for part in ("r", "alpha", "a", "b")}
            assert log_likelihood(BuyingModel(**{**moved, name: moved[name] * by}), *seen) < found.log_likelihood


def test_customers_who_are_alike_may_be_counted_instead_of_listed() -> None:
    x, recency, age = made_up(BuyingModel(0.8, 6.0, 0.9, 2.5), 2_000)
    alike, count = np.unique(np.column_stack([x, recency.round(), age]), axis=0, return_counts=True)
    listed, counted = fit(x, recency.round(), age), fit(*alike.T, count)
    assert counted.log_likelihood == pytest.approx(listed.log_likelihood)
    assert (counted.customers, counted.repeat_buyers) == (listed.customers, listed.repeat_buyers)
    assert counted.alpha == pytest.approx(listed.alpha, rel=1e-3)


def test_what_is_expected_of_somebody_who_buys_very_often_stays_a_number() -> None:
    found = expected(PUBLISHED, [1, 52, 520], 400, 500, 501)
    assert np.all(np.isfinite(found))
    assert np.all(np.diff(found) > 0)


@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (0.4, 0.6)])
def test_what_is_expected_has_no_gap_where_the_formula_would_divide_by_zero(a: float, b: float) -> None:
    beside = [float(expected_of_new(BuyingModel(0.5, 5.0, a + by, b), 52)) for by in (-1e-4, 0, 1e-4)]
    assert beside[1] == pytest.approx((beside[0] + beside[2]) / 2, rel=1e-5)


def test_a_handful_of_customers_is_not_fitted() -> None:
    with pytest.raises(NotFitted, match="at least 10"):
        fit([1, 2, 0], [3, 4, 0], [5, 6, 7])


@cdnow.needs_cdnow
def test_the_customers_of_cdnow_are_fitted_as_lifetimes_fits_them() -> None:
    days = cdnow.days_of()
    x, recency, age, _ = cdnow.until(cdnow.CALIBRATION_END, days)
    found = fit(x, recency, age)
    # PyPI `lifetimes` 0.11.3 on the whole file: .251624 4.788945 .723433 2.161087, log-likelihood -95368.44393.
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((0.251624, 4.788945, 0.723433, 2.161087), rel=1e-5)
    assert found.log_likelihood == pytest.approx(-95368.44393, abs=1e-4)
    assert (found.customers, found.repeat_buyers) == (23_570, 9_451)
    assert float(expected_of_new(found, 52)) == pytest.approx(1.425336, abs=1e-5)
    later = sum(day > cdnow.CALIBRATION_END for bought in days.values() for day in bought)
    # The 39 weeks that followed: 16,874 expected, 19,684 came, 14 % more, as in the article's figure.
    assert float(expected(found, 39, x, recency, age).sum()) == pytest.approx(16_873.7, abs=0.1)
    assert later == 19_684


def made_up(model: BuyingModel, customers: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Customers who buy and leave as the model says."""
    chance = np.random.default_rng(20260101)
    age = chance.uniform(27, 39, customers)
    rate, leave = chance.gamma(model.r, 1 / model.alpha, customers), chance.beta(model.a, model.b, customers)
    x, recency = np.zeros(customers), np.zeros(customers)
    for n in range(customers):
        at = 0.0
        while (at := at + chance.exponential(1 / max(rate[n], 1e-12))) <= age[n]:
            x[n], recency[n] = x[n] + 1, at
            if chance.random() < leave[n]:
                break
    return x, recency, age
