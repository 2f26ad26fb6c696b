"""What is said of buyers, in plain Python over the events: the slow way, to hold the questions to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from math import ceil
from statistics import median
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.order import GoodsReturned, LinesReturned, OrderCancelled, OrderLinesCancelled, OrderPlaced
from eventstore.envelope import Happened


@dataclass
class Bought:
    """An order: when, what it came to, and how many pieces were not called off."""

    placed_at: datetime | None = None
    worth: Decimal = Decimal(0)
    pieces: int = 0


@dataclass
class Buyer:
    """The orders of a customer, and those that count."""

    orders: dict[UUID, Bought] = field(default_factory=lambda: defaultdict(Bought))

    @property
    def counting(self) -> list[Bought]:
        return [each for each in self.orders.values() if each.placed_at is not None and each.pieces > 0]

    @property
    def spent(self) -> Decimal:
        return sum((each.worth for each in self.orders.values()), Decimal(0))

    @property
    def moments(self) -> list[datetime]:
        return sorted(each.placed_at for each in self.counting if each.placed_at is not None)

    def days(self, zone: str) -> list[date]:
        return sorted({moment.astimezone(ZoneInfo(zone)).date() for moment in self.moments})

    def median_gap(self, zone: str) -> float | None:
        days = self.days(zone)
        return float(median([(b - a).days for a, b in pairwise(days)])) if len(days) > 1 else None


def buyers(events: Iterable[Happened], currency: str) -> dict[UUID, Buyer]:
    """Everybody who ordered something that was not called off."""
    found: dict[UUID, Buyer] = defaultdict(Buyer)
    gone: dict[UUID, int] = defaultdict(int)
    for event, at in events:
        if at.customer_id is None:
            continue
        match event:
            case OrderPlaced() if event.total.base_currency == currency:
                order = found[at.customer_id].orders[at.stream_id]
                order.placed_at = at.occurred_at
                order.worth += event.total.base
                order.pieces = sum(line.quantity for line in event.lines)
            case OrderCancelled() if event.value.base_currency == currency:
                order = found[at.customer_id].orders[at.stream_id]
                order.worth -= event.value.base
                order.pieces = gone[at.stream_id]
            case OrderLinesCancelled() if event.value.base_currency == currency:
                order = found[at.customer_id].orders[at.stream_id]
                order.worth -= event.value.base
                order.pieces -= sum(line.quantity for line in event.lines)
            case LinesReturned() if event.value.base_currency == currency:
                found[at.customer_id].orders[at.stream_id].worth -= event.value.base
                gone[at.stream_id] += sum(line.quantity for line in event.lines)
            case GoodsReturned() if event.value.base_currency == currency:
                found[at.customer_id].orders[at.stream_id].worth -= event.value.base
            case _:
                pass
    return {customer: buyer for customer, buyer in found.items() if buyer.counting}


def scores(values: dict[UUID, object], parts: int) -> dict[UUID, int]:
    """In which part each value is: the parts in order, the first ones larger by one, and equal values in the same one."""
    ordered = sorted(values, key=lambda customer: values[customer])  # type: ignore[arg-type, return-value]
    size, larger = divmod(len(ordered), parts)
    found: dict[UUID, int] = {}
    place = 0
    for part in range(1, parts + 1):
        for _ in range(size + (part <= larger)):
            customer = ordered[place]
            same = place and values[customer] == values[ordered[place - 1]]
            found[customer] = found[ordered[place - 1]] if same else part
            place += 1
    return found


def profiles(of: dict[UUID, Buyer]) -> dict[UUID, str]:
    """The three scores of each, as 543."""
    recency = scores({customer: buyer.moments[-1] for customer, buyer in of.items()}, 5)
    frequency = scores({customer: len(buyer.counting) for customer, buyer in of.items()}, 5)
    money = scores({customer: buyer.spent for customer, buyer in of.items()}, 4)
    return {customer: f"{recency[customer]}{frequency[customer]}{money[customer]}" for customer in of}


def running(of: dict[UUID, Buyer]) -> list[Decimal]:
    """What the best one spent, the best two, and so on."""
    found: list[Decimal] = []
    for spent in sorted((buyer.spent for buyer in of.values()), reverse=True):
        found.append(spent + (found[-1] if found else 0))
    return found


def best_of(of: Sequence[Decimal], top: int) -> int:
    """How many the top so many percent are."""
    return ceil(Decimal(top) * len(of) / 100)
