"""Uplift: what being addressed did, by comparison with those who were left alone."""

from dataclasses import dataclass
from decimal import Decimal

from domain.values import EXACT

DECIMALS = Decimal("0.000001")
"""To what rates are rounded, half to even."""


@dataclass(frozen=True, slots=True)
class Uplift:
    """By how much a rate is higher (`difference`) than that of the control group, and how sure that is.

    Both are shares, 0.01 being a percentage point. `z` is the one divided by the other: beyond 1.96 either way, chance alone
    would bring it about less than once in twenty times.
    """

    rate: Decimal
    control_rate: Decimal
    difference: Decimal
    standard_error: Decimal
    z: Decimal | None


def rate(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """A share, rounded; None of nothing."""
    return rounded(EXACT.divide(Decimal(part), Decimal(whole))) if whole else None


def rounded(value: Decimal) -> Decimal:
    """A rate as it is shown."""
    return value.quantize(DECIMALS, context=EXACT)


def uplift(converted: int, addressed: int, control_converted: int, control: int) -> Uplift | None:
    """The difference of two independent proportions with its standard error; None if a group is empty.

    d = p1 - p0, SE(d) = sqrt(p1 (1 - p1) / n1 + p0 (1 - p0) / n0), z = d / SE(d). Source: Fleiss, Levin and Paik,
    Statistical Methods for Rates and Proportions, 3rd edition (2003), section 3.3, without the correction for continuity.
    """
    if not addressed or not control:
        return None
    p1 = EXACT.divide(Decimal(converted), Decimal(addressed))
    p0 = EXACT.divide(Decimal(control_converted), Decimal(control))
    difference = EXACT.subtract(p1, p0)
    error = EXACT.sqrt(EXACT.add(_variance(p1, addressed), _variance(p0, control)))
    return Uplift(
        rate=rounded(p1),
        control_rate=rounded(p0),
        difference=rounded(difference),
        standard_error=rounded(error),
        z=rounded(EXACT.divide(difference, error)) if error else None,
    )


def _variance(p: Decimal, n: int) -> Decimal:
    return EXACT.divide(EXACT.multiply(p, EXACT.subtract(Decimal(1), p)), Decimal(n))
