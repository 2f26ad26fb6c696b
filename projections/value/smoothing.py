"""Smoothing: where a series is heading, by exponential smoothing with additive errors, chosen and fitted by itself.

R. J. Hyndman, G. Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed. (2021), chapter 8, in state space form
after R. J. Hyndman, A. B. Koehler, J. K. Ord, R. D. Snyder, "Forecasting with Exponential Smoothing" (2008).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import log, pi, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

from domain.kernel import Refused

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

MAX_VALUES = 800
MAX_SEASON = 53
MAX_HORIZON = 400
MIN_VALUES = 5
SMALLEST = 1e-4
EXACTLY = 1e-9
"""An error so much smaller than the values is none."""
FINE = {"xatol": 1e-7, "fatol": 1e-13, "maxiter": 2_000}
DAMPING = (0.8, 0.98)
"""Between what phi may be: nearer to 1 it cannot be told from an undamped trend (section 8.4)."""


class Trend(StrEnum):
    """How a level goes on: NONE stays, ADDITIVE rises by the slope, DAMPED rises ever less."""

    NONE = "NONE"
    ADDITIVE = "ADDITIVE"
    DAMPED = "DAMPED"


SHORT = {Trend.NONE: "N", Trend.ADDITIVE: "A", Trend.DAMPED: "Ad"}


@dataclass(frozen=True, slots=True)
class Smoothed:
    """An exponential smoothing model of a series: ETS(A, trend, season), with what was fitted.

    `season` is the number of values in a season, 1 if there is none. `level`, `slope` and `seasonal` (the next ones first)
    are the states after the last value, `before` those before the first one: level, slope, seasons, in that order.
    `sse` is the sum of the squared errors of one step, `sigma` their standard deviation, the root of sse / (values -
    parameters), `aicc` is Akaike's criterion, corrected, the smaller the better.
    """

    trend: Trend
    season: int
    alpha: float
    beta: float | None
    gamma: float | None
    phi: float | None
    level: float
    slope: float | None
    seasonal: tuple[float, ...]
    before: tuple[float, ...]
    values: int
    sse: float
    sigma: float
    log_likelihood: float
    aicc: float

    @property
    def name(self) -> str:
        """As the literature calls it: ETS(A,Ad,A)."""
        return f"ETS(A,{SHORT[self.trend]},{'A' if self.season > 1 else 'N'})"


@dataclass(frozen=True, slots=True)
class Expected:
    """A value that is to come, with the bounds between which it will be with the probability asked for."""

    value: float
    low: float
    high: float


def best(series: Sequence[float], *, season: int = 1, trends: Iterable[Trend] = Trend) -> Smoothed:
    """The model with the smallest AICc of those with and without trend and season.

    A season is considered if the series is long enough for two of them. Raises `Refused` for a series that is too short
    or too long.
    """
    if not MIN_VALUES <= len(series) <= MAX_VALUES:
        raise Refused(f"A series of {MIN_VALUES} to {MAX_VALUES} values can be forecast.", "series")
    if not 1 <= season <= MAX_SEASON:
        raise Refused(f"A season has 1 to {MAX_SEASON} values.", "season")
    seasons = (1, season) if season > 1 and len(series) >= 2 * season else (1,)
    found = [
        fit(series, trend, each)
        for trend, each in product(trends, seasons)
        if len(series) > _parameters(trend, each) + 1
    ]
    if not found:
        raise Refused("This series is too short for these models.", "series")
    return min(found, key=lambda model: model.aicc)


def fit(series: Sequence[float], trend: Trend, season: int = 1) -> Smoothed:
    """The model whose likelihood is greatest, which with additive errors is where the squared errors are least.

    The errors are linear in the states before the first value, so these are found by regression for each set of smoothing
    parameters (Hyndman et al. 2008, section 5.2.1), which are sought in the usual region: 0 < beta < alpha < 1,
    0 < gamma < 1 - alpha, and phi within DAMPING.
    """
    import numpy as np
    from scipy.optimize import minimize

    y = np.asarray(series, dtype=float)
    free = 1 + (trend is not Trend.NONE) + (season > 1) + (trend is Trend.DAMPED)
    scale = float(np.abs(y).max()) or 1.0

    def error(point: "Numbers") -> float:
        return _regressed(y / scale, _matrices(point, trend, season))[0]

    unit = (SMALLEST, 1 - SMALLEST)
    starts = [np.full(free, 0.5), np.array([0.1, *[0.1] * (free - 1)]), np.array([0.8, *[0.2] * (free - 1)])]
    tries = [minimize(error, start, method="L-BFGS-B", bounds=[unit] * free) for start in starts]
    near = min(tries, key=lambda tried: float(tried.fun)).x
    point = minimize(error, near, method="Nelder-Mead", bounds=[unit] * free, options=FINE).x
    f, g, w = _matrices(point, trend, season)
    sse, state = _regressed(y, (f, g, w))
    before = _told(state, season)
    for value in y:
        state = f @ state + g * (value - w @ state)
    after = _told(state, season)
    alpha, beta, gamma, phi = _smoothing(point, trend, season)
    k, n = _parameters(trend, season), len(y)
    # Of models that leave nothing but rounding the simplest is as good as any.
    likelihood = -n / 2 * (log(2 * pi * max(sse / n, (EXACTLY * scale) ** 2)) + 1)
    return Smoothed(
        trend=trend,
        season=season,
        alpha=alpha,
        beta=beta,
        gamma=gamma,
        phi=phi,
        level=after[0],
        slope=None if trend is Trend.NONE else after[1],
        seasonal=after[len(after) - season :] if season > 1 else (),
        before=before,
        values=n,
        sse=sse,
        sigma=sqrt(sse / (n - k + 1)),
        log_likelihood=likelihood,
        aicc=-2 * likelihood + 2 * k + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else float("inf"),
    )


def forecast(model: Smoothed, horizon: int, *, confidence: float = 0.8) -> list[Expected]:
    """The next values. The bounds are those of a normal distribution.

    Its variance h steps ahead is sigma² (1 + sum over j < h of c_j²), c_j being what an error adds j steps later: table
    8.8 of section 8.7, written as w' F^(j-1) g. Raises `Refused` for a horizon that is none.
    """
    import numpy as np

    if not 1 <= horizon <= MAX_HORIZON:
        raise Refused(f"A forecast reaches 1 to {MAX_HORIZON} steps ahead.", "horizon")
    if not 0 < confidence < 1:
        raise Refused("The confidence is a share between 0 and 1.", "confidence")
    f, g, w = _transition(model.trend, model.season, model.alpha, model.beta, model.gamma, model.phi)
    state = np.array([model.level, *([] if model.slope is None else [model.slope]), *reversed(model.seasonal)])
    z, variance, carried, found = NormalDist().inv_cdf((1 + confidence) / 2), 1.0, g, []
    for _ in range(horizon):
        value, half = float(w @ state), z * model.sigma * sqrt(variance)
        found.append(Expected(value, value - half, value + half))
        variance += float(w @ carried) ** 2
        state, carried = f @ state, f @ carried
    return found


def _told(state: "Numbers", season: int) -> tuple[float, ...]:
    """A state as it is told: level, slope, and the seasons, of which the state holds the last first."""
    told = [float(each) for each in state]
    first = len(told) - season
    return (*told[:first], *reversed(told[first:])) if season > 1 else tuple(told)


def _parameters(trend: Trend, season: int) -> int:
    """How many are estimated: the smoothing parameters, the states before the first value, and the variance.

    The seasonal states add up to zero, so one of them is not free.
    """
    smoothing = 1 + (trend is not Trend.NONE) + (season > 1) + (trend is Trend.DAMPED)
    states = 1 + (trend is not Trend.NONE) + (season - 1)
    return smoothing + states + 1


def _smoothing(point: "Numbers", trend: Trend, season: int) -> "tuple[float, float | None, float | None, float | None]":
    """Alpha, beta, gamma and phi of a point of the unit cube."""
    rest = iter(float(each) for each in point)
    alpha = next(rest)
    beta = alpha * next(rest) if trend is not Trend.NONE else None
    gamma = (1 - alpha) * next(rest) if season > 1 else None
    phi = DAMPING[0] + (DAMPING[1] - DAMPING[0]) * next(rest) if trend is Trend.DAMPED else None
    return alpha, beta, gamma, phi


def _matrices(point: "Numbers", trend: Trend, season: int) -> "tuple[Numbers, Numbers, Numbers]":
    return _transition(trend, season, *_smoothing(point, trend, season))


def _transition(
    trend: Trend, season: int, alpha: float, beta: float | None, gamma: float | None, phi: float | None
) -> "tuple[Numbers, Numbers, Numbers]":
    """F, g and w of y = w' x + e and x' = F x + g e: the state is the level, the slope, and the seasons, the last first."""
    import numpy as np

    size = 1 + (trend is not Trend.NONE) + (season if season > 1 else 0)
    f, g, w = np.zeros((size, size)), np.zeros(size), np.zeros(size)
    f[0, 0] = w[0] = 1
    g[0] = alpha
    if beta is not None:
        kept = 1.0 if phi is None else phi
        f[0, 1] = f[1, 1] = w[1] = kept
        g[1] = beta
    if gamma is not None:
        first = size - season
        f[first, size - 1] = w[size - 1] = 1
        f[range(first + 1, size), range(first, size - 1)] = 1
        g[first] = gamma
    return f, g, w


def _regressed(y: "Numbers", matrices: "tuple[Numbers, Numbers, Numbers]") -> "tuple[float, Numbers]":
    """The least sum of squared errors over all states before the first value, and the state that gives it."""
    import numpy as np

    f, g, w = matrices
    # One step leads from x to (F - g w') x + g y, so that the errors are the values filtered, less what x of before adds.
    carried, power = w[np.newaxis, :], f - np.outer(g, w)
    while len(carried) < len(y):
        carried, power = np.concatenate([carried, carried @ power]), power @ power
    carried = carried[: len(y)]
    filtered = y - np.concatenate([[0.0], np.convolve(carried[:-1] @ g, y[:-1])[: len(y) - 1]])
    # With the level free as well the seasons are known but for a constant: the smallest solution takes care of it.
    state = np.linalg.lstsq(carried, filtered, rcond=None)[0]
    errors = filtered - carried @ state
    return float(errors @ errors), state
