"""What else is known of a customer: to what they agreed, and how they are related to others."""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.duplicates import Find
from api.schema.shapes import Argument, answered, output, sentence_of, shown
from api.schema.views import Lists
from domain.consent import Purpose
from domain.relationship import RelationshipKind
from domain.values import Channel, must_know_zone
from projections.customers.consents import ConsentProof, consent_at
from projections.customers.relationships import MAX_RELATED, Related, related


def consent(lists: Lists) -> list[StrawberryField]:
    """`Customer.consentAt(purpose, channel, at)`."""

    async def read(
        root: Shown[Any], info: Info, *, purpose: Purpose, channel: Channel | None = None, at: datetime | None = None
    ) -> ConsentProof | None:
        if at is not None:
            must_know_zone(at, "at")
        context = info.context

        def ask(ids: list[UUID]) -> dict[UUID, ConsentProof]:
            return consent_at(context.house.lists, ids, purpose, channel, at, as_of=root.as_of)

        return await context.each(("consent", purpose, channel, at, root.as_of), ask, root.row.customer_id)

    arguments = (
        Argument("purpose", lists.shapes.output(Purpose), "What for."),
        Argument("channel", lists.shapes.output(Channel) | None, "By which channel; left out, by every one.", None),
        Argument("at", datetime | None, "When; left out, now.", None),
    )
    lists.shapes.output(ConsentProof)
    words = "Whether the customer permits something, and the event that says so; null if they have never said."
    return [answered("consent_at", "ConsentProof | None", words, read, arguments, within=lists.types)]


def relationships(lists: Lists, find: Find) -> list[StrawberryField]:
    """`Customer.relationships`, and the type of what it answers with."""

    async def other(root: Shown[Related], info: Info) -> Shown[Any] | None:
        return await find(info, root.row.other_id, root)

    async def theirs(root: Shown[Any], info: Info) -> list[Shown[Related]]:
        context = info.context
        ask = partial(related, context.house.lists, as_of=root.as_of)
        found = await context.each(("related", root.as_of), ask, root.row.customer_id)
        return [Shown(each, root.as_of) for each in found or ()]

    within = lists.types
    within["Related"] = output(
        "Related",
        sentence_of(Related),
        [
            shown("kind", lists.shapes.output(RelationshipKind), "What the one is of the other.", within=within),
            shown("is_subject", bool, "Whether this customer is that of the other one.", within=within),
            shown("role", str | None, within=within),
            shown("contract", str | None, within=within),
            shown("holds", bool, within=within),
            shown("established_at", datetime, within=within),
            shown("ended_at", datetime | None, within=within),
            answered("customer", "Customer | None", "The other one.", other, within=within),
        ],
    )
    words = f"What the customer is of others, and others of them: those that hold first, at most {MAX_RELATED}."
    return [answered("relationships", "list[Related]", words, theirs, within=within)]
