"""The integration: what comes from other systems, what they are told, what was given up, and how far they agree with us."""

from collections.abc import Sequence
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.noun import Noun
from api.schema.shapes import answered
from api.schema.views import FIRST, Lists
from domain.inbound_message import InboundMessageRejected
from domain.outbound_message import OutboundMessageDeadLettered, OutboundStatus
from domain.reconciliation import ReconciliationDifference, ReconciliationRun
from eventstore.reader import NOW
from projections.selecting import Condition, Operator, Order
from projections.touchpoints import messages, reconciliations
from projections.touchpoints.integration import Integration, OrderDifferences, integrations, order_differences
from projections.touchpoints.messages import InboundEntry, OutboundEntry
from projections.touchpoints.reconciliations import ReconciliationEntry


def _rejected(lists: Lists) -> list[StrawberryField]:
    async def reason(root: Shown[InboundEntry], info: Info) -> str | None:
        event = await _event(info, root.row.rejected_position)
        return event.reason if isinstance(event, InboundMessageRejected) else None

    return [answered("reason", str | None, "Why it was not taken, if it was not.", reason, within=lists.types)]


def _dead(lists: Lists) -> list[StrawberryField]:
    async def reason(root: Shown[OutboundEntry], info: Info) -> str | None:
        event = await _event(info, root.row.dead_position)
        return event.reason if isinstance(event, OutboundMessageDeadLettered) else None

    return [answered("reason", str | None, "Why it was given up, if it was.", reason, within=lists.types)]


def _differing(lists: Lists) -> list[StrawberryField]:
    async def differences(root: Shown[ReconciliationEntry], info: Info) -> Sequence[ReconciliationDifference]:
        event = await _event(info, root.row.recorded_position)
        return event.differences or () if isinstance(event, ReconciliationRun) else ()

    shape = lists.shapes.output(tuple[ReconciliationDifference, ...])
    return [answered("differences", shape, "In what they differed, as far as that was told.", differences,
                     within=lists.types)]  # fmt: skip


NOUNS = (
    Noun(messages.inbox, "InboundMessage", order=(Order("last_at", True),), fields=_rejected),
    Noun(messages.outbox, "OutboundMessage", order=(Order("queued_at", True),), fields=_dead),
    Noun(reconciliations.view, "Reconciliation", order=(Order("run_at", True),), fields=_differing),
)
"""How these views are shown."""


def questions(lists: Lists) -> list[StrawberryField]:
    """`integrations(asOf)`, `orderDifferences(asOf)` and `deadLetters(first)`."""
    within = lists.types
    dead = "The messages that were given up, the longest ago first: somebody has to look at them."
    return [
        answered(
            "integrations", lists.shapes.output(tuple[Integration, ...]), "How every other system stands.", _integrations,
            (AS_OF, AT_LEAST), within=within,
        ),
        answered(
            "order_differences", lists.shapes.output(tuple[OrderDifferences, ...]),
            "In what the business system (ERP) says something else of orders; orderSyncs lists them.",
            _order_differences, (AS_OF,), within=within,
        ),
        answered("dead_letters", "list[OutboundMessage]", dead, _dead_letters, (FIRST, AT_LEAST), within=within),
    ]  # fmt: skip


async def _integrations(
    root: None, info: Info, *, as_of: AsOf | None = None, at_least: int | None = None
) -> Sequence[Integration]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, (messages.inbox, messages.outbox, reconciliations.view), at_least)
    return await context.ask(integrations, context.house.lists, as_of=moment)


async def _order_differences(root: None, info: Info, *, as_of: AsOf | None = None) -> Sequence[OrderDifferences]:
    return await info.context.ask(order_differences, info.context.house.lists, as_of=moment_of(as_of))


async def _dead_letters(
    root: None, info: Info, *, first: int, at_least: int | None = None
) -> Sequence[Shown[OutboundEntry]]:
    context = info.context
    await reached(context, (messages.outbox,), at_least)
    dead = Condition("status", Operator.EQ, OutboundStatus.DEAD.value)
    page = await context.ask(context.house.lists.page, messages.outbox, [dead], [Order("dead_at")], first=first)
    return [Shown(row) for row in page.rows]


async def _event(info: Info, position: int | None) -> Any:
    """An event with its personal values, those of a page asked for together."""
    happened = None if position is None else await info.context.personal(position)
    return None if happened is None else happened.event
