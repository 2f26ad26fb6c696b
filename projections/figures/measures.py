"""Measures: how a figure is worked out of what happened, as sums over facts that can be narrowed down and explained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from domain.kpi import KpiDirection
from domain.values import EXACT
from projections.figures.counting import KpiDimension, Look, Part, Source, Tallied
from projections.figures.kpi_definitions import KpiDefinition
from projections.lists import Lists

PERCENT = Decimal(100)
MONEY = "money"
"""The unit of what is in the base currency of the company, whichever that is."""
RATIO_PLACES = Decimal(1).scaleb(-12)
"""To what a quotient is rounded, half to even."""
WIDE = Context(prec=100)


@dataclass(frozen=True, eq=False)
class Worked:
    """What is no sum over rows: `ask` works it out, and `behind` are the rows that it looks at."""

    name: str
    ask: Callable[[Look], Tallied]
    behind: Part


@dataclass(frozen=True, eq=False)
class Answered:
    """What another question answers, which finds it under this name; `behind` are the rows that it looks at.

    `narrowed`: it keeps to the scope that is looked at, as those rows do.
    """

    name: str
    question: Callable[[Lists, Look], Mapping[str, Tallied]]
    behind: Part
    narrowed: bool = False


AnyPart = Part | Worked | Answered
Quotient = tuple[Decimal, Decimal | None]
"""A numerator, with its denominator if there is one."""


def quotient(amounts: Sequence[Decimal]) -> Quotient:
    """The first part by the second one, or the first alone."""
    return amounts[0], amounts[1] if len(amounts) > 1 else None


@dataclass(frozen=True, eq=False)
class Measure:
    """A computation: its parts, and how they come together.

    `source` says where the formula is from. The value is `scale` times numerator by denominator, in `unit`, 100 times if
    that is %; or, `by_median`, the median of `spread`, of which numerator and denominator are the sum and the count then.
    """

    key: str
    title: Mapping[str, str]
    formula: str
    unit: str
    direction: KpiDirection
    source: str
    parts: tuple[AnyPart, ...]
    version: int = 1
    combined: Callable[[Sequence[Decimal]], Quotient] = quotient
    scale: Decimal = Decimal(1)
    spread: AnyPart | None = None
    by_median: bool = False

    @property
    def name(self) -> str:
        """What definitions call it."""
        return f"{self.key}.v{self.version}"

    @property
    def all_parts(self) -> Sequence[AnyPart]:
        """Its parts, with the one whose median it is."""
        return self.parts if self.spread is None else (*self.parts, self.spread)

    @property
    def sources(self) -> Sequence[Source]:
        """Where it looks, each once."""
        return tuple(dict.fromkeys(rows_of(part).of for part in self.all_parts))

    @property
    def scopes(self) -> Sequence[KpiDimension]:
        """By what it can be narrowed down: what all of its sources can be, unless others answer for it."""
        if any(isinstance(part, Answered) and not part.narrowed for part in self.all_parts):
            return [KpiDimension.COMPANY]
        return [each for each in KpiDimension if all(each in source.scopes for source in self.sources)]

    @property
    def definition(self) -> KpiDefinition:
        """The definition that comes with Bitácora."""
        return KpiDefinition(self.key, self.version, self.title, self.formula, self.name, self.unit, self.direction)

    @property
    def times(self) -> Decimal:
        """By what numerator by denominator is multiplied."""
        return PERCENT if self.unit == "%" else self.scale

    def value(self, numerator: Decimal, denominator: Decimal | None) -> Decimal | None:
        """What the figure comes to; None where it would be divided by nothing."""
        if denominator is None:
            return EXACT.multiply(numerator, self.times)
        if not denominator:
            return None
        value = WIDE.divide(WIDE.multiply(numerator, self.times), denominator).quantize(RATIO_PLACES, context=WIDE)
        return value.normalize(WIDE) if value % 1 else value.quantize(Decimal(1), context=WIDE)


def rows_of(part: AnyPart) -> Part:
    """The part whose rows are shown to explain it."""
    return part if isinstance(part, Part) else part.behind
