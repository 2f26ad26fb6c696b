"""Buying: how often a customer will buy again, and whether there still is one, by the BG/NBD model.

P. S. Fader, B. G. S. Hardie, K. L. Lee, "Counting Your Customers the Easy Way: An Alternative to the Pareto/NBD
Model", Marketing Science 24 (2005) 275-284. Numbers of equations are those of the article.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Numbers = NDArray[np.float64]
    Likelihood = Callable[[Numbers], tuple[float, Numbers]]

# numpy and scipy come with the first question that needs them, not with the server.

MIN_FITTED = 10
"""Repeat buyers without whom nothing is fitted."""
SAMPLED = 10_000
EDGE = 1e-7
"""How near to 1 a, or a + b, may be before the expectations are taken beside it: there they are limits."""


class NotFitted(Exception):
    """The likelihood has no best parameters on these customers; the message says why."""


@dataclass(frozen=True, slots=True)
class BuyingModel:
    """The BG/NBD model: rates of buying are gamma (`r`, `alpha`), chances to leave after a purchase beta (`a`, `b`).

    `alpha` is in the unit of time of what was fitted: weeks, all over this house. `repeat_buyers` are those of the
    `customers` who bought more than once.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = 0.0
    customers: int = 0
    repeat_buyers: int = 0


def log_likelihood(
    model: BuyingModel,
    frequency: "ArrayLike",
    recency: "ArrayLike",
    age: "ArrayLike",
    weight: "ArrayLike" = 1.0,
) -> float:
    """The natural logarithm of the likelihood of these customers, equation (6) summed; `weight` of each are alike."""
    import numpy as np

    x, recency, age, weight = np.broadcast_arrays(*np.atleast_1d(*_floats(frequency, recency, age, weight)))
    return _likelihood(x, recency, age, weight)(np.array([model.r, model.alpha, model.a, model.b]))[0]


def fit(frequency: "ArrayLike", recency: "ArrayLike", age: "ArrayLike", weight: "ArrayLike" = 1.0) -> BuyingModel:
    """The parameters that make what was seen most likely.

    `frequency` counts the repeat purchases of each customer, `recency` is the time from the first purchase to the last,
    `age` from the first one until now, both in weeks. A day is one purchase, however often the customer bought on it.
    `weight` is how many customers are like that. Found by L-BFGS in the logarithms of the parameters with the exact
    gradient. Raises `NotFitted` if there are fewer than MIN_FITTED repeat buyers, or if the likelihood has no maximum.
    """
    import numpy as np

    x, recency, age, weight = np.broadcast_arrays(*np.atleast_1d(*_floats(frequency, recency, age, weight)))
    repeat_buyers = round(float(weight[x > 0].sum()))
    if repeat_buyers < MIN_FITTED:
        raise NotFitted(f"{repeat_buyers} customers bought more than once; at least {MIN_FITTED} are needed.")
    # Times are scaled so that all four parameters are of the same order.
    scale = float(age.max())
    r, alpha, a, b = maximum(
        lambda part: _likelihood(x[part], recency[part] / scale, age[part] / scale, weight[part]),
        len(x),
        starts=((0.5, 0.5, 1.0, 2.0), (0.1, 0.1, 0.5, 2.0), (1.0, 1.0, 1.0, 1.0)),
    )
    likelihood = log_likelihood(BuyingModel(r, alpha * scale, a, b), x, recency, age, weight)
    return BuyingModel(r, alpha * scale, a, b, likelihood, round(float(weight.sum())), repeat_buyers)


def maximum(
    likelihood_of: "Callable[[slice], Likelihood]", size: int, starts: Sequence[Sequence[float]]
) -> list[float]:
    """The positive parameters at which a log-likelihood, given with its gradient, is greatest.

    The best of several starts; of many customers the starts are tried on about SAMPLED, evenly taken, and from the best
    it is sought on all. Raises `NotFitted` if it grows without end.
    """
    if size >= 2 * SAMPLED:
        every = size // SAMPLED
        starts = [_highest(likelihood_of(slice(None, None, every)), size // every, starts)]
    return _highest(likelihood_of(slice(None)), size, starts)


def _highest(likelihood: "Likelihood", size: int, starts: Sequence[Sequence[float]]) -> list[float]:
    import numpy as np
    from scipy.optimize import minimize

    def downhill(logs: "Numbers") -> "tuple[float, Numbers]":
        parameters = np.exp(logs)
        value, gradient = likelihood(parameters)
        return -value / size, -gradient * parameters / size

    bounds = [(-20.0, 20.0)] * len(starts[0])
    tries = [
        minimize(downhill, np.log(start), jac=True, method="L-BFGS-B", bounds=bounds, options=PRECISE)
        for start in starts
    ]
    best = min(tries, key=lambda tried: float(tried.fun))
    if not np.isfinite(best.fun) or np.any(np.abs(best.x) > 15):
        raise NotFitted("The likelihood grows without end: these customers do not differ as the model expects.")
    return [float(value) for value in np.exp(best.x)]


PRECISE = {"maxiter": 2_000, "maxfun": 5_000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 20}


def alive(model: BuyingModel, frequency: "ArrayLike", recency: "ArrayLike", age: "ArrayLike") -> "Numbers":
    """The probability that a customer will ever buy again, for each. One who never bought again cannot have left.

    Equation (8) of the article's working, as in P. S. Fader, B. G. S. Hardie, "Computing P(alive) Using the BG/NBD
    Model" (2008).
    """
    return 1 / (1 + _odds_of_having_left(model, *_floats(frequency, recency, age)))


def expected(
    model: BuyingModel, weeks: "ArrayLike", frequency: "ArrayLike", recency: "ArrayLike", age: "ArrayLike"
) -> "Numbers":
    """How many purchases to expect of each in the next weeks: equation (10), after Euler's transformation.

    In that form the counts are in no power and in no numerator, so that nothing overflows for those who buy much.
    """
    x, recency, age = _floats(frequency, recency, age)
    return _to_come(model, weeks, x, age) / (1 + _odds_of_having_left(model, x, recency, age))


def expected_of_new(model: BuyingModel, weeks: "ArrayLike") -> "Numbers":
    """How many purchases to expect in so many weeks of somebody who has just bought for the first time: equation (9)."""
    zero = _floats(0.0)[0]
    return _to_come(model, weeks, zero, zero)


def _to_come(model: BuyingModel, weeks: "ArrayLike", x: "Numbers", age: "Numbers") -> "Numbers":
    import numpy as np
    from scipy.special import hyp2f1

    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    if abs(a - 1) < EDGE or abs(a + b - 1) < EDGE:
        a += 2 * EDGE
    weeks = np.asarray(weeks, dtype=float)
    z = weeks / (alpha + age + weeks)
    return np.asarray(
        (a + b + x - 1) / (a - 1) * (1 - (1 - z) ** (a - 1) * hyp2f1(a - 1, a + b - 1 - r, a + b + x - 1, z))
    )


def _odds_of_having_left(model: BuyingModel, x: "Numbers", recency: "Numbers", age: "Numbers") -> "Numbers":
    import numpy as np

    left = model.a / (model.b + np.maximum(x, 1) - 1)
    odds = left * ((model.alpha + age) / (model.alpha + recency)) ** (model.r + x)
    return np.where(x > 0, odds, 0.0)


def _floats(*values: "ArrayLike") -> "list[Numbers]":
    import numpy as np

    return [np.asarray(value, dtype=float) for value in values]


def _likelihood(x: "Numbers", recency: "Numbers", age: "Numbers", weight: "Numbers") -> "Likelihood":
    """The log-likelihood and its gradient by r, alpha, a and b."""
    import numpy as np
    from scipy.special import digamma, gammaln

    # There are few counts, and many customers of each.
    counts, place = np.unique(x, return_inverse=True)
    of_each = np.bincount(place, weight)
    again = x > 0

    def likelihood(parameters: "Numbers") -> "tuple[float, Numbers]":
        r, alpha, a, b = parameters
        others = b + np.maximum(counts, 1) - 1
        after_now, after_last = np.log(alpha + age), np.log(alpha + recency)
        stayed = -(r + x) * after_now
        left = np.where(again, (np.log(a) - np.log(others))[place] - (r + x) * after_last, -np.inf)
        either = np.logaddexp(stayed, left)
        value = of_each @ (
            gammaln(r + counts) - gammaln(r) + r * np.log(alpha)
            + gammaln(a + b) + gammaln(b + counts) - gammaln(b) - gammaln(a + b + counts)
        ) + weight @ either  # fmt: skip
        staying, leaving = weight * np.exp(stayed - either), weight * np.exp(left - either)
        having_left = np.bincount(place, leaving)
        gradient = [
            of_each @ (digamma(r + counts) - digamma(r) + np.log(alpha)) - staying @ after_now - leaving @ after_last,
            of_each.sum() * r / alpha - (staying / (alpha + age) + leaving / (alpha + recency)) @ (r + x),
            of_each @ (digamma(a + b) - digamma(a + b + counts)) + leaving.sum() / a,
            of_each @ (digamma(a + b) + digamma(b + counts) - digamma(b) - digamma(a + b + counts))
            - having_left @ (1 / others),
        ]
        return float(value), np.array(gradient)

    return likelihood
