"""Takings: sums of money in one base currency, with what came in another kept apart instead of being added wrongly."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from domain.values import EXACT, Money

ZERO = Decimal(0)


class Takings(Protocol):
    """A row that counts money: `revenue` in `currency`, and `other_revenue` by base currency where it is not that one."""

    currency: str | None
    revenue: Decimal
    other_revenue: Mapping[str, Decimal]


def take(row: Takings, money: Money, sign: int = 1) -> bool:
    """Adds what money is worth in its base currency, or takes it off. False if that was not the row's currency.

    The first money that a row sees decides on its currency.
    """
    worth = money.base if sign > 0 else -money.base
    if row.currency is None:
        row.currency = money.base_currency
    if row.currency == money.base_currency:
        row.revenue = EXACT.add(row.revenue, worth)
        return True
    other = row.other_revenue.get(money.base_currency, ZERO)
    row.other_revenue = {**row.other_revenue, money.base_currency: EXACT.add(other, worth)}
    return False
