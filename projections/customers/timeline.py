"""The timeline: every touchpoint and every fact of a customer, one line each, in the order in which we learned them."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain import DECIDERS
from domain.kernel import Event
from domain.values import Money
from eventstore.envelope import Recorded
from projections.view import Row, View


class Entry(Row, key=("customer_id", "position")):
    """One line. `kind` is the noun it is about; words that were said are read from the event when they are shown."""

    customer_id: UUID
    position: int
    occurred_at: datetime | None = None
    recorded_at: datetime | None = None
    type: str = ""
    kind: str = ""
    stream_id: UUID | None = None
    channel: str | None = None
    direction: str | None = None
    topic: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    reason: str | None = None
    actor: str = ""
    origin: str = ""


def line_of(_: Event, at: Recorded) -> tuple[UUID, int] | None:
    return None if at.customer_id is None else (at.customer_id, at.position)


view = View(
    "timeline",
    Entry,
    version=1,
    appends=True,
    key=line_of,
    indexes=("(customer_id, occurred_at desc, position)",),
)

CODED_REASONS = ("follow_up.cancelled.v1", "follow_up.postponed.v1", "follow_up.suppressed.v1")
"""Events whose reason is a code. Elsewhere it is somebody's words, which do not belong into a view."""


@view.on(*(event for decider in DECIDERS for event in decider.events))
def note(entry: Entry, event: Event, at: Recorded) -> None:
    entry.occurred_at = at.occurred_at
    entry.recorded_at = at.recorded_at
    entry.type = at.type
    entry.kind = at.type.partition(".")[0]
    entry.stream_id = at.stream_id
    entry.channel = getattr(event, "channel", None)
    entry.direction = getattr(event, "direction", None)
    entry.topic = getattr(event, "topic", None)
    money = getattr(event, "total", None) or getattr(event, "value", None)
    if isinstance(money, Money):
        entry.amount = money.amount
        entry.currency = money.currency
    if at.type in CODED_REASONS:
        entry.reason = getattr(event, "reason", None)
    entry.actor = at.actor
    entry.origin = at.origin
