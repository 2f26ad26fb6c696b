"""Calibration: whether what was said to be probable came true as often as it was said."""

from collections.abc import Iterable
from dataclasses import dataclass

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
