"""The integration: what comes from other systems, what they are told, what was given up, and how far they agree with us."""

from collections.abc import Sequence

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, moment_reached, reached
from api.schema.noun import Noun
from api.schema.relation import told
from api.schema.shapes import answered
from api.schema.views import FIRST, Lists
from domain.outbound_message import OutboundStatus
from domain.reconciliation import ReconciliationDifference
from projections.selecting import Condition, Operator, Order
from projections.touchpoints import messages, reconciliations
from projections.touchpoints.integration import Integration, OrderDifferences, integrations, order_differences
from projections.touchpoints.messages import OutboundEntry


def _rejected(lists: Lists) -> list[StrawberryField]:
    words = "Why it was not taken, if it was not."
    return [told(lists, "reason", str | None, "rejected_position", words)]


def _dead(lists: Lists) -> list[StrawberryField]:
    words = "Why it was given up, if it was."
    return [told(lists, "reason", str | None, "dead_position", words)]


def _differing(lists: Lists) -> list[StrawberryField]:
    shape = lists.shapes.output(tuple[ReconciliationDifference, ...])
    words = "In what they differed, as far as that was told."
    return [told(lists, "differences", shape, "recorded_position", words, ())]


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
    context = info.context
    moment = await moment_reached(context, (messages.inbox, messages.outbox, reconciliations.view), as_of, at_least)
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
