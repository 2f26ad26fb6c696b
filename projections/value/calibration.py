"""Calibration: whether what was said to be probable came true as often as it was said."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

MIN_OUTCOMES = 30
"""Outcomes without which a stage is not given a probability of its own."""
PRIOR_OUTCOMES = 10.0
"""How many outcomes what is known of all stages counts for."""
DECILES = 10


@dataclass(frozen=True, slots=True)
class Decile:
    """Forecasts from `from_` to less than `to` (the last one to 1): how many, what was said on average and what came."""

    from_: float
    to: float
    count: int
    said: float
    came: float


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of yes in `count`, with the bounds between which it truly is with the confidence asked for."""

    yes: int
    count: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Uplift:
    """By how much a rate is above that of a control group, in absolute terms, its standard error, and z: the one by the other.

    `low` and `high` are the bounds at the confidence asked for; `relative` is the uplift over the control's rate.
    """

    rate: float
    control: float
    uplift: float
    relative: float | None
    standard_error: float
    z: float | None
    low: float
    high: float


def brier(forecasts: Iterable[tuple[float, bool]]) -> float | None:
    """The mean of (p - y)²: 0 is perfect, 0.25 what one half for everything gets. None without forecasts.

    G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 78 (1950) 1-3.
    """
    errors = [(said - came) ** 2 for said, came in forecasts]
    return sum(errors) / len(errors) if errors else None


def by_decile(forecasts: Iterable[tuple[float, bool]]) -> list[Decile]:
    """What was said and what came, by tenth of probability; tenths without forecasts are left out."""
    groups: dict[int, list[tuple[float, bool]]] = {}
    for said, came in forecasts:
        groups.setdefault(min(int(said * DECILES), DECILES - 1), []).append((said, came))
    return [
        Decile(
            n / DECILES,
            (n + 1) / DECILES,
            len(group),
            sum(said for said, _ in group) / len(group),
            sum(came for _, came in group) / len(group),
        )
        for n, group in sorted(groups.items())
    ]


def smoothed(wins: int, outcomes: int, overall: float) -> float | None:
    """The probability to win from a stage: the mean of a beta distribution. None with less than MIN_OUTCOMES outcomes.

    (wins + m q) / (outcomes + m), with q the share `overall` and m = PRIOR_OUTCOMES: A. Gelman et al., "Bayesian Data
    Analysis", 3rd ed. (2013), section 2.4.
    """
    if outcomes < MIN_OUTCOMES:
        return None
    return (wins + PRIOR_OUTCOMES * overall) / (outcomes + PRIOR_OUTCOMES)


def mape(pairs: Iterable[tuple[float, float]]) -> float | None:
    """The mean of |forecast - actual| / |actual|, as a share, over what was not zero; None if there is none.

    R. J. Hyndman, G. Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed. (2021), section 5.8.
    """
    errors = [abs(forecast - actual) / abs(actual) for forecast, actual in pairs if actual]
    return sum(errors) / len(errors) if errors else None


def wilson(yes: int, count: int, *, confidence: float = 0.95) -> Rate | None:
    """A rate with its score interval, which stays between 0 and 1 also for few; None of none.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927) 209-212.
    """
    if not count:
        return None
    z = _z(confidence)
    rate, shrunk = yes / count, 1 + z * z / count
    middle = (rate + z * z / (2 * count)) / shrunk
    half = z * sqrt(rate * (1 - rate) / count + z * z / (4 * count * count)) / shrunk
    return Rate(yes, count, rate, max(0.0, middle - half), min(1.0, middle + half))


def uplift(yes: int, count: int, control_yes: int, control_count: int, *, confidence: float = 0.95) -> Uplift | None:
    """By how much more of those who were reached said yes than of those held out; None if one of the groups is empty.

    The standard error is sqrt(p (1-p) / n + q (1-q) / m), that of a difference of two independent rates, unpooled:
    A. Agresti, "Categorical Data Analysis", 3rd ed. (2013), section 3.1.
    """
    if not count or not control_count:
        return None
    rate, control = yes / count, control_yes / control_count
    error = sqrt(rate * (1 - rate) / count + control * (1 - control) / control_count)
    gained, z = rate - control, _z(confidence)
    return Uplift(
        rate,
        control,
        gained,
        gained / control if control else None,
        error,
        gained / error if error else None,
        gained - z * error,
        gained + z * error,
    )


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
