"""Sharing out: an amount goes to several, each by its weight, and not a cent is lost or made on the way."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from domain.values import EXACT

MINOR_UNIT = 2
"""Shares are rounded to so many decimals, or to as many as the amount has if it has more."""


def shares(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """What each gets: `round(A W_k / W) - round(A W_(k-1) / W)`, where W_k is the sum of the first k weights of W in all.

    The sum is exactly the amount, and no share is more than a minor unit away from its exact value (rounding what is
    accumulated, as in Bresenham's line and in `domain.values.part`). Weights are zero or more; if all of them are zero
    nothing can be shared out: the list is empty.
    """
    total = sum(weights, Decimal(0))
    if not total:
        return []
    exponent = amount.as_tuple().exponent
    unit = Decimal(1).scaleb(-max(MINOR_UNIT, -int(exponent)))
    found, so_far, before = [], Decimal(0), Decimal(0)
    for weight in weights:
        so_far = EXACT.add(so_far, weight)
        reached = EXACT.divide(EXACT.multiply(amount, so_far), total).quantize(
            unit, rounding=ROUND_HALF_UP, context=EXACT
        )
        found.append(EXACT.subtract(reached, before))
        before = reached
    return found
