"""Sales: a line for each article that was ordered, and one with the opposite sign for each that was called off or came back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from domain.order import OrderLine, SalesChannel
from domain.values import EXACT, Money
from projections.facts import Fact, Facts

ZERO = Decimal(0)
COST_UNIT = Decimal("0.0001")
"""To what a share of the cost of an order is rounded; the last line has the rest."""


class SaleKind(StrEnum):
    """Whether goods were ordered, called off before delivery, or came back."""

    PLACED = "PLACED"
    CANCELLED = "CANCELLED"
    RETURNED = "RETURNED"


class Sale(Fact):
    """An article of an order, called `owner_id`. What was called off or came back has a quantity and amounts below zero.

    `amount` is in `currency`, `base_amount` in `base_currency` at the rate of the order, and `cost`, what the goods cost the
    company, in the latter; it is empty if the order did not say. `orders` is 1 on the first line of a new order, else 0.
    """

    kind: SaleKind = SaleKind.PLACED
    orders: int = 0
    sku: str = ""
    quantity: int = 0
    currency: str = ""
    amount: Decimal = ZERO
    base_currency: str = ""
    base_amount: Decimal = ZERO
    cost: Decimal | None = None
    channel: SalesChannel | None = None
    rep: str | None = None
    campaign: str | None = None


sales = Facts("sales", Sale, indexes=("(occurred_at)", "(customer_id, occurred_at)", "(position)"))


def placed(
    lines: Sequence[OrderLine],
    total: Money,
    cost: Decimal | None,
    channel: SalesChannel,
    rep: str | None,
    campaign: str | None,
) -> Iterator[Sale]:
    """What was ordered. The cost of the order is shared out by the amounts of the lines."""
    worth = [EXACT.multiply(line.unit_price, line.quantity) for line in lines]
    costs = shared_out(None if cost is None else total.like(cost).base, worth)
    for number, (line, amount, share) in enumerate(zip(lines, worth, costs, strict=True)):
        base = total.like(amount).base
        yield Sale(
            kind=SaleKind.PLACED, orders=int(number == 0), sku=line.sku, quantity=line.quantity,
            currency=total.currency, amount=amount, base_currency=total.base_currency, base_amount=base,
            cost=share, channel=channel, rep=rep, campaign=campaign,
        )  # fmt: skip


def taken_back(
    kind: SaleKind,
    lines: Sequence[OrderLine],
    value: Money,
    cost: Decimal | None,
    channel: SalesChannel | None,
    rep: str | None,
    campaign: str | None,
) -> Iterator[Sale]:
    """What was called off or came back, worth `value` in all: if that is not the sum of the lines, a last one has the rest."""
    worth = [EXACT.multiply(line.unit_price, line.quantity) for line in lines]
    rest = EXACT.subtract(value.amount, sum(worth, ZERO))
    parts = [
        *zip(lines, worth, strict=True),
        *([(OrderLine(sku="", quantity=0, unit_price=ZERO), rest)] if rest else []),
    ]
    costs = shared_out(cost, [amount for _, amount in parts])
    for (line, amount), share in zip(parts, costs, strict=True):
        yield Sale(
            kind=kind, sku=line.sku, quantity=-line.quantity, currency=value.currency, amount=EXACT.minus(amount),
            base_currency=value.base_currency, base_amount=EXACT.minus(value.like(amount).base),
            cost=None if share is None else EXACT.minus(share), channel=channel, rep=rep, campaign=campaign,
        )  # fmt: skip


def shared_out(cost: Decimal | None, worth: Sequence[Decimal]) -> list[Decimal | None]:
    """A cost shared out by what each is worth, or in equal parts if nothing is worth anything; the shares add up exactly."""
    if cost is None or not worth:
        return [None] * len(worth)
    weights = list(worth) if sum(worth, ZERO) else [Decimal(1)] * len(worth)
    total = sum(weights, ZERO)
    shares = [
        (cost * weight / total).quantize(COST_UNIT, rounding=ROUND_HALF_EVEN, context=EXACT) for weight in weights[:-1]
    ]
    return [*shares, EXACT.subtract(cost, sum(shares, ZERO))]


def not_gone(lines: Sequence[OrderLine], gone: Mapping[str, int]) -> list[OrderLine]:
    """What is left of an order of which so many pieces of each article are gone, the first lines first."""
    left: list[OrderLine] = []
    rest = dict(gone)
    for line in lines:
        taken = min(line.quantity, rest.get(line.sku, 0))
        rest[line.sku] = rest.get(line.sku, 0) - taken
        if line.quantity > taken:
            left.append(replace(line, quantity=line.quantity - taken))
    return left
