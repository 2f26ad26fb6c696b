"""What purchases are worth: against what is published, and against customers that were made up."""

from math import exp, lgamma, log

import numpy as np
import pytest

from projections.value import buying
from projections.value.buying import NotFitted
from projections.value.spending import MONTH_WEEKS, SpendModel, expected_worth, fit, lifetime_value
from tests.projections import cdnow
from tests.projections.test_buying import PUBLISHED

CDNOW = SpendModel(6.25, 3.74, 15.44)
"""Fader and Hardie (2013): the parameters on a tenth of the CDNOW customers."""


def test_an_unknown_customer_spends_as_everybody_does() -> None:
    assert float(expected_worth(CDNOW, 0, 0)) == pytest.approx(6.25 * 15.44 / 2.74)
    assert float(expected_worth(CDNOW, 0, 0)) == CDNOW.mean


def test_what_a_customer_spent_counts_the_more_the_more_often_it_was() -> None:
    once, often = expected_worth(CDNOW, [1, 50], [100.0, 100.0])
    assert CDNOW.mean is not None
    assert CDNOW.mean < once < often < 100
    # One of the note's: by the closed form, weighing the customer's mean by p x / (p x + q - 1).
    weight = 6.25 * 1 / (6.25 * 1 + 3.74 - 1)
    assert once == pytest.approx(weight * 100 + (1 - weight) * CDNOW.mean)


def test_without_a_mean_of_all_nothing_is_said_of_who_did_not_buy_again() -> None:
    heavy = SpendModel(0.5, 0.9, 10.0)
    assert heavy.mean is None
    assert np.isnan(expected_worth(heavy, 0, 0))


def test_the_parameters_of_customers_that_were_made_up_are_found_again() -> None:
    chance = np.random.default_rng(7)
    x = chance.integers(1, 9, 20_000)
    rate = chance.gamma(4.0, 1 / 20.0, 20_000)
    means = np.array([chance.gamma(5.0, 1 / each, n).mean() for n, each in zip(x, rate, strict=True)])
    found = fit(x, means)
    assert (found.p, found.q, found.v) == pytest.approx((5.0, 4.0, 20.0), rel=0.1)
    assert found.customers == 20_000


def test_the_likelihood_is_that_of_the_note() -> None:
    """Equation (1a), written out for one customer."""
    seen = [(1 + n % 3, 10.0 + 3 * n * n % 71) for n in range(60)]
    found = fit([x for x, _ in seen], [z for _, z in seen])
    p, q, v = found.p, found.q, found.v
    said = sum(
        lgamma(p * x + q) - lgamma(p * x) - lgamma(q)
        + q * log(v) + (p * x - 1) * log(z) + p * x * log(x) - (p * x + q) * log(v + x * z)
        for x, z in seen
    )  # fmt: skip
    assert found.log_likelihood == pytest.approx(said)


def test_a_handful_of_customers_is_not_fitted() -> None:
    with pytest.raises(NotFitted, match="at least 10"):
        fit([1] * 9 + [0] * 50, [10.0] * 59)


def test_what_is_to_come_is_worth_less_the_later_it_comes() -> None:
    naive, before = 0.0, 0.0
    for n in range(1, 13):
        until = float(buying.expected(PUBLISHED, n * MONTH_WEEKS, 2, 30.43, 38.86))
        naive += (until - before) * 35.0 * exp(-log(1.1) * n / 12)
        before = until
    worth = lifetime_value(PUBLISHED, [35.0], [2], [30.43], [38.86], months=12, annual_rate=0.1)
    assert worth[0] == pytest.approx(naive)
    assert worth[0] < lifetime_value(PUBLISHED, [35.0], [2], [30.43], [38.86], months=12, annual_rate=0.0)[0]


@cdnow.needs_cdnow
def test_the_customers_of_cdnow_are_fitted_as_lifetimes_fits_them() -> None:
    x, _, _, worth = cdnow.until(cdnow.CALIBRATION_END, cdnow.days_of())
    found = fit(x, worth)
    # PyPI `lifetimes` 0.11.3 on the whole file: 6.27536 3.62445 14.98369; on its own tenth as published: 6.25 3.74 15.44.
    assert (found.p, found.q, found.v) == pytest.approx((6.27536, 3.62445, 14.98369), rel=1e-5)
    assert found.customers == 9_450
