"""Where a series is heading: against the recursions of the book, and against another implementation on known series."""

import math
import random

import pytest

from domain.kernel import Refused
from projections.value.smoothing import MAX_HORIZON, MAX_VALUES, Expected, Smoothed, Trend, best, fit, forecast

DEATHS = [
    9007, 8106, 8928, 9137, 10017, 10826, 11317, 10744, 9713, 9938, 9161, 8927,
    7750, 6981, 8038, 8422, 8714, 9512, 10120, 9823, 8743, 9129, 8710, 8680,
    8162, 7306, 8124, 7870, 9387, 9556, 10093, 9620, 8285, 8466, 8160, 8034,
    7717, 7461, 7767, 7925, 8623, 8945, 10078, 9179, 8037, 8488, 7874, 8647,
    7792, 6957, 7726, 8106, 8890, 9299, 10625, 9302, 8314, 8850, 8265, 8796,
    7836, 6892, 7791, 8192, 9115, 9434, 10484, 9827, 9110, 9070, 8633, 9240,
]  # fmt: skip
"""Accidental deaths in the US by month, 1973-1978 (P. J. Brockwell, R. A. Davis, "Time Series", 1991)."""
NILE = [
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969,
    831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759,
    781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
    744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
]  # fmt: skip
"""The flow of the Nile at Aswan by year, 1871-1970 (J. Durbin, S. J. Koopman, 2001)."""
MODELS = [(trend, season) for trend in Trend for season in (1, 12)]


@pytest.mark.parametrize(("trend", "season"), MODELS)
def test_a_model_runs_through_the_series_as_the_book_has_it(trend: Trend, season: int) -> None:
    """Table 8.7 in plain Python."""
    model = fit(DEATHS, trend, season)
    errors, said = by_the_book(model, DEATHS, 15)
    assert sum(error * error for error in errors) == pytest.approx(model.sse, rel=1e-6)
    assert [each.value for each in forecast(model, 15)] == pytest.approx(said, rel=1e-9)


def test_nothing_less_likely_is_found_than_by_statsmodels() -> None:
    # statsmodels 0.15.0, ETSModel(...).fit(): the sums of squared errors, and the weight of the simplest model.
    assert fit(DEATHS, Trend.NONE).sse <= 37_989_596
    assert fit(DEATHS, Trend.NONE, 12).sse <= 6_528_427
    assert fit(DEATHS, Trend.ADDITIVE).sse <= 39_798_828
    assert fit(DEATHS, Trend.ADDITIVE, 12).sse <= 25_956_067
    assert fit(DEATHS, Trend.DAMPED).sse <= 37_886_584
    assert fit(DEATHS, Trend.DAMPED, 12).sse <= 21_563_343
    nile = fit(NILE, Trend.NONE)
    assert 0.998 * 2_042_013.559 < nile.sse <= 2_042_013.559
    assert nile.alpha == pytest.approx(0.2467, abs=0.002)
    assert nile.log_likelihood == pytest.approx(-638.1077, abs=0.1)
    assert nile.aicc == pytest.approx(1282.4654, abs=0.2)
    assert forecast(nile, 1)[0].value == pytest.approx(805.0, abs=0.5)


def test_the_model_is_chosen_by_what_it_explains_and_what_it_costs() -> None:
    assert best(NILE).name == "ETS(A,N,N)"
    assert best(DEATHS, season=12).name == "ETS(A,N,A)"
    assert best([float(n) for n in range(12)]).name == "ETS(A,A,N)"
    assert best([5.0] * 12).name == "ETS(A,N,N)"
    chance = random.Random(1)
    week = [100 + n + 30 * math.sin(2 * math.pi * n / 7) + chance.gauss(0, 3) for n in range(140)]
    assert best(week, season=7).name == "ETS(A,A,A)"
    assert best(week[:13], season=7).season == 1


def test_the_best_has_the_smallest_criterion_of_all() -> None:
    assert best(DEATHS, season=12).aicc == min(fit(DEATHS, trend, season).aicc for trend, season in MODELS)


@pytest.mark.parametrize(("trend", "season"), MODELS)
def test_the_bounds_widen_as_the_closed_forms_say(trend: Trend, season: int) -> None:
    model = fit(DEATHS, trend, season)
    wide = [each.high - each.value for each in forecast(model, 30, confidence=0.95)]
    expected = [1.959964 * model.sigma * math.sqrt(variance(model, h)) for h in range(1, 31)]
    assert wide == pytest.approx(expected, rel=1e-6)


def test_a_line_goes_on_as_it_was() -> None:
    assert forecast(best([float(n) for n in range(12)]), 2)[1].value == pytest.approx(13.0)
    assert forecast(best([5.0] * 12), 3)[2] == Expected(pytest.approx(5.0), pytest.approx(5.0), pytest.approx(5.0))


@pytest.mark.parametrize(
    ("series", "season", "field"),
    [
        ([1.0] * 4, 1, "series"),
        ([1.0] * (MAX_VALUES + 1), 1, "series"),
        ([1.0] * 20, 0, "season"),
        ([1.0] * 20, 54, "season"),
    ],
)
def test_what_cannot_be_forecast_is_refused(series: list[float], season: int, field: str) -> None:
    with pytest.raises(Refused) as refused:
        best(series, season=season)
    assert refused.value.field == field


def test_a_forecast_has_an_end() -> None:
    with pytest.raises(Refused):
        forecast(best(NILE), MAX_HORIZON + 1)
    with pytest.raises(Refused):
        forecast(best(NILE), 1, confidence=1.0)


def by_the_book(model: Smoothed, series: list[int], ahead: int) -> tuple[list[float], list[float]]:
    """The errors of one step, and the next values: l, b and s as the book writes them."""
    level, *rest = model.before
    slope = rest.pop(0) if model.trend is not Trend.NONE else 0.0
    seasons = rest
    phi = model.phi if model.phi is not None else 1.0
    beta, gamma = model.beta or 0.0, model.gamma or 0.0
    errors: list[float] = []
    said: list[float] = []
    for n in range(len(series) + ahead):
        expected = level + phi * slope + (seasons[n] if seasons else 0.0)
        error = series[n] - expected if n < len(series) else 0.0
        (errors if n < len(series) else said).append(error if n < len(series) else expected)
        level, slope = level + phi * slope + model.alpha * error, phi * slope + beta * error
        if seasons:
            seasons.append(seasons[n] + gamma * error)
    return errors, said


def variance(model: Smoothed, h: int) -> float:
    """Of a forecast h steps ahead in squared errors: table 8.8."""
    alpha, beta, gamma, phi = model.alpha, model.beta or 0.0, model.gamma or 0.0, model.phi
    k = (h - 1) // model.season if model.season > 1 else 0
    found = 1 + alpha**2 * (h - 1) + gamma * k * (2 * alpha + gamma)
    if model.trend is Trend.ADDITIVE:
        found = 1 + (h - 1) * (alpha**2 + alpha * beta * h + beta**2 * h * (2 * h - 1) / 6)
        found += gamma * k * (2 * alpha + gamma + beta * model.season * (k + 1))
    if phi is not None:
        found = 1 + sum(
            (alpha + beta * sum(phi**i for i in range(1, j + 1)) + (gamma if k and j % model.season == 0 else 0.0)) ** 2
            for j in range(1, h)
        )
    return found
