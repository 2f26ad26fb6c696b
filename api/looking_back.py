"""Looking back: what was known of a customer at some moment, and what changed between two."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from api.house import House
from domain.kernel import Refused
from eventstore.commands import identify
from eventstore.reader import AsOf
from projections.customers import customer_360, customers, timeline
from projections.differing import differences
from projections.selecting import Order
from projections.selling import orders

SHOWN_LINES = 20
HIDDEN = ("search", "held")
"""Columns that nobody need see."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that is not the same at two moments, and the positions of the events that made the difference."""

    field: str
    before: Any
    after: Any
    events: tuple[int, ...]


KNOWN, VALID = "known", "valid"
"""How a moment is given that is not simply looked back from: what was recorded by then, and what had happened by then."""


def moment(text: str, field: str = "as-of") -> AsOf:
    """A moment as people write it: a position, a day (its end, in UTC) or a time with its zone.

    `known:` before a day or a time is what had been recorded by then, `valid:` what had happened by then with what is known
    today; both, with a comma between, is what had happened by the one as it was known by the other. Raises `Refused`.
    """
    parts = [part.strip() for part in text.split(",")]
    ways = [part.partition(":") for part in parts]
    if all(way in (KNOWN, VALID) for way, _, _ in ways):
        if len({way for way, _, _ in ways}) < len(ways):
            raise Refused(f"{text!r} says the same twice. Write known:2026-03-01,valid:2026-01-31.", field)
        given = {way: time_of(rest, field) for way, _, rest in ways}
        return AsOf(known_at=given.get(KNOWN), valid_at=given.get(VALID))
    if len(parts) > 1:
        raise Refused(f"{text!r} is not a moment. Only known: and valid: go together.", field)
    if text.isascii() and text.isdigit() and len(text) < 19:
        return AsOf(position=int(text))
    return AsOf(time=time_of(text, field))


def time_of(text: str, field: str, end: time = time.max) -> datetime:
    """A time with its zone, or the `end` of a day in UTC; without a zone it is UTC. Raises `Refused`."""
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), end, UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            f"{text!r} is not a moment. Write 2026-01-31, 2026-01-31T18:00:00+01:00 or a position.", field
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def customer_id(house: House, text: str) -> UUID:
    """The customer behind an id, `source:key`, e-mail, phone or any other identifier."""
    try:
        return identify("customer", text)
    except Refused:
        found = customers.find(house.lists, text)
    if not found:
        raise Refused(f"Nobody is known by {text!r}. Give an id, source:key, an e-mail, a phone or a card number.")
    if len(found) > 1:
        raise Refused(f"{len(found)} customers are known by {text!r}: {', '.join(map(str, found))}. Give an id.")
    return found[0]


def customer_as_of(house: House, customer: UUID, as_of: AsOf) -> dict[str, Any]:
    """What was known of a customer then: the line, the card, the orders and the end of the timeline."""
    lists = house.lists
    customer = house.log.reader.whom([customer], as_of)[customer]
    line = lists.get_as_of(customers.view, customer, as_of, customer_id=customer)
    card = lists.get_as_of(customer_360.view, customer, as_of, customer_id=customer)
    if line is None and card is None:
        return {}
    placed = lists.page(
        orders.view, order=[Order("placed_at", True)], first=SHOWN_LINES, as_of=as_of, customer_id=customer
    )
    entries = lists.page(
        timeline.view, order=[Order("position", True)], first=SHOWN_LINES, as_of=as_of, customer_id=customer
    )
    return {
        "customer": _fields(line),
        "card": _fields(card),
        "orders": [_fields(row, without=("lines",)) for row in placed.rows],
        "timeline": [_fields(row) for row in entries.rows],
    }


def changes(house: House, customer: UUID, start: AsOf, end: AsOf) -> list[Change]:
    """The fields of line and card that differ, by name, with the positions of the events behind each."""
    found = []
    for part, view in (("customer", customers.view), ("card", customer_360.view)):
        shown = [column.name for column in view.columns if column.name not in (*view.row.key, *HIDDEN)]
        for each in differences(house.lists, view, customer, start, end, shown).fields:
            events = tuple(cause.happened.at.position for cause in (*each.gone, *each.causes))
            found.append(Change(f"{part}.{each.field}", each.before, each.after, events))
    return found


def _fields(row: Any, without: tuple[str, ...] = HIDDEN) -> dict[str, Any]:
    if row is None:
        return {}
    return {name: getattr(row, name) for name in row.__slots__ if name not in without}
