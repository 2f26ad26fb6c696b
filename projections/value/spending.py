"""Spending: what a purchase of a customer is worth on average, by the gamma-gamma model, and all that are to come.

P. S. Fader, B. G. S. Hardie, K. L. Lee, "RFM and CLV: Using Iso-Value Curves for Customer Base Analysis", Journal of
Marketing Research 42 (2005) 415-430; P. S. Fader, B. G. S. Hardie, "The Gamma-Gamma Model of Monetary Value" (2013).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from projections.value import buying
from projections.value.buying import MIN_FITTED, BuyingModel, NotFitted, maximum

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from projections.value.buying import Likelihood, Numbers

MONTH_WEEKS = 365.25 / 12 / 7
MAX_MONTHS = 120


@dataclass(frozen=True, slots=True)
class SpendModel:
    """The gamma-gamma model: what each purchase is worth is gamma (`p`, nu), with nu gamma (`q`, `v`) over customers.

    `v` is in the currency of what was fitted. `mean` is what a purchase of any customer is worth, p v / (q - 1); none
    if q is not above 1.
    """

    p: float
    q: float
    v: float
    log_likelihood: float = 0.0
    customers: int = 0

    @property
    def mean(self) -> float | None:
        return self.p * self.v / (self.q - 1) if self.q > 1 else None


def fit(counts: "ArrayLike", means: "ArrayLike") -> SpendModel:
    """The parameters that make what was seen most likely, equation (1a) of the note.

    `counts` are the repeat purchases of each customer, `means` what these were worth on average. Those without any, or
    without worth, say nothing and are left out. Raises `NotFitted`.
    """
    import numpy as np

    x, z = np.asarray(counts, dtype=float), np.asarray(means, dtype=float)
    some = (x > 0) & (z > 0)
    x, z = x[some], z[some]
    if len(x) < MIN_FITTED:
        raise NotFitted(f"{len(x)} customers bought again for money; at least {MIN_FITTED} are needed.")
    scale = float(z.mean())
    p, q, v = maximum(
        lambda part: _likelihood(x[part], z[part] / scale), len(x), starts=((2.0, 3.0, 1.0), (6.0, 4.0, 0.5))
    )
    value = _likelihood(x, z)(np.array([p, q, v * scale]))[0]
    return SpendModel(p, q, v * scale, value, len(x))


def expected_worth(model: SpendModel, counts: "ArrayLike", means: "ArrayLike") -> "Numbers":
    """What the next purchase of each is worth on average: p (v + x z) / (p x + q - 1), equation (5) of the note.

    Between what the customer's own purchases were worth and what everybody's are; that of everybody for those without
    repeat purchases, and not a number if that has no mean.
    """
    import numpy as np

    x, z = np.asarray(counts, dtype=float), np.asarray(means, dtype=float)
    below = model.p * x + model.q - 1
    return np.where(below > 0, model.p * (model.v + x * z) / np.where(below > 0, below, 1.0), np.nan)


def lifetime_value(
    model: BuyingModel,
    worth: "ArrayLike",
    frequency: "ArrayLike",
    recency: "ArrayLike",
    age: "ArrayLike",
    *,
    months: int,
    annual_rate: float,
) -> "Numbers":
    """What the purchases of the next months are worth today, for each: their sum, discounted from the end of each month.

    Fader, Hardie and Lee, "RFM and CLV", equation (1) in months: sum over n of (E[X(n)] - E[X(n - 1)]) M / (1 + d)^(n/12)
    with the annual rate d. Times are in weeks, a month being MONTH_WEEKS.
    """
    import numpy as np

    total = before = np.zeros(np.shape(frequency))
    for n in range(1, months + 1):
        until = buying.expected(model, n * MONTH_WEEKS, frequency, recency, age)
        total = total + (until - before) / (1 + annual_rate) ** (n / 12)
        before = until
    return np.asarray(total * np.asarray(worth, dtype=float))


def _likelihood(x: "Numbers", z: "Numbers") -> "Likelihood":
    """The log-likelihood and its gradient by p, q and v."""
    import numpy as np
    from scipy.special import digamma, gammaln

    # There are few counts, and many customers of each.
    counts, place = np.unique(x, return_inverse=True)
    of_each = np.bincount(place).astype(float)
    fixed = float((x * np.log(x) + x * np.log(z)).sum())
    logs = float(np.log(z).sum())

    def likelihood(parameters: "Numbers") -> "tuple[float, Numbers]":
        p, q, v = parameters
        shape, total = p * x, v + x * z
        log_total = np.log(total)
        value = (
            of_each @ (gammaln(p * counts + q) - gammaln(p * counts) - gammaln(q) + q * np.log(v))
            + p * fixed - logs - (shape + q) @ log_total
        )  # fmt: skip
        gradient = [
            of_each @ (counts * (digamma(p * counts + q) - digamma(p * counts))) + fixed - x @ log_total,
            of_each @ (digamma(p * counts + q) - digamma(q) + np.log(v)) - log_total.sum(),
            len(x) * q / v - ((shape + q) / total).sum(),
        ]
        return float(value), np.array(gradient)

    return likelihood
