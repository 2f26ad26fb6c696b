"""The lines of a quote, and what they come to."""

from dataclasses import dataclass
from decimal import Decimal

from domain.kernel import Refused
from domain.values import EXACT, MAX_AMOUNT, MAX_QUANTITY, Money, fault, must_say

MAX_QUOTE_LINES = 1000
DISCOUNT_STEP = Decimal("0.000001")
"""How fine a discount may be. With finer ones a total could have more digits than are reckoned with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteWish:
    """What a customer asks a price for, and of how many pieces if that is known."""

    sku: str
    quantity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteLine:
    """So many pieces of one article at one price; `discount` is the share of it taken off, from 0 to 1."""

    sku: str
    quantity: int
    unit_price: Decimal
    discount: Decimal = Decimal(0)
    description: str | None = None


def worth(lines: tuple[QuoteLine, ...], discount: Decimal, terms: Money) -> tuple[Money, Money]:
    """What lines come to after every discount, and what the discounts take off, both exactly. Refused if they cannot.

    The total is the sum of quantity x price x (1 - discount of the line), times (1 - discount of the quote).
    """
    if not 1 <= len(lines) <= MAX_QUOTE_LINES:
        raise Refused(f"Give from 1 to {MAX_QUOTE_LINES} lines.", "lines")
    must_be_discount(discount, "discount")
    listed, reduced = Decimal(0), Decimal(0)
    for number, line in enumerate(lines, 1):
        must_be_quotable(line, number)
        price = EXACT.multiply(line.unit_price, line.quantity)
        listed = EXACT.add(listed, price)
        reduced = EXACT.fma(price, EXACT.subtract(Decimal(1), line.discount), reduced)
    if listed >= MAX_AMOUNT:
        raise Refused(f"The lines must come to less than {MAX_AMOUNT}.", "lines")
    total = EXACT.multiply(reduced, EXACT.subtract(Decimal(1), discount))
    return terms.like(total), terms.like(EXACT.subtract(listed, total))


def must_be_quotable(line: QuoteLine, number: int) -> None:
    """Refused if a line makes no sense."""
    if not line.sku.strip():
        raise Refused(f"Line {number}: the sku must not be blank.", "lines")
    if not 0 < line.quantity <= MAX_QUANTITY:
        raise Refused(f"Line {number}: the quantity must be from 1 to {MAX_QUANTITY}.", "lines")
    if wrong := fault(line.unit_price):
        raise Refused(f"Line {number}: the unit price {wrong}.", "lines")
    must_be_discount(line.discount, "lines", f"Line {number}: the discount")


def must_be_discount(value: Decimal, field: str, what: str = "The discount") -> None:
    """Refused if a discount is not from 0 to 1, or too fine."""
    if fault(value) or value > 1:
        raise Refused(f"{what} must be from 0 to 1.", field)
    if value % DISCOUNT_STEP:
        raise Refused(f"{what} must be a multiple of {DISCOUNT_STEP}.", field)


def must_wish(wishes: tuple[QuoteWish, ...], note: str | None) -> None:
    """Refused if a request does not say for what."""
    must_say(note, "The note", "note")
    if not wishes and note is None:
        raise Refused("Say for what: give wishes, a note, or both.", "wishes")
    if len(wishes) > MAX_QUOTE_LINES:
        raise Refused(f"Give at most {MAX_QUOTE_LINES} wishes.", "wishes")
    for number, wish in enumerate(wishes, 1):
        if not wish.sku.strip():
            raise Refused(f"Wish {number}: the sku must not be blank.", "wishes")
        if wish.quantity is not None and not 0 < wish.quantity <= MAX_QUANTITY:
            raise Refused(f"Wish {number}: the quantity must be from 1 to {MAX_QUANTITY}.", "wishes")
