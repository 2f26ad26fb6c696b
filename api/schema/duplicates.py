"""The duplicates: who may be the same customer, how surely and by what; and the surest of all, to be merged or dismissed."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.shapes import Argument, answered, output, sentence_of, shown
from api.schema.views import Lists
from projections.duplicates import DuplicateCandidate, candidates

DEFAULT_FIRST = 20

Find = Callable[[Info, UUID], Awaitable[Shown[Any] | None]]
"""How a customer is found by id."""


def make(lists: Lists, find: Find) -> StrawberryField:
    """`duplicates(first)`, and the type of what it answers with."""
    within = lists.types

    async def customer(root: DuplicateCandidate, info: Info) -> Shown[Any] | None:
        return await find(info, root.customer_id)

    async def other(root: DuplicateCandidate, info: Info) -> Shown[Any] | None:
        return await find(info, root.other_id)

    async def pairs(root: None, info: Info, *, first: int) -> list[DuplicateCandidate]:
        return await info.context.ask(candidates, info.context.house.log, first=first)

    within["DuplicateCandidate"] = output(
        "DuplicateCandidate",
        sentence_of(DuplicateCandidate),
        [
            shown("score", Decimal, "From 0 to 1: how surely they are one.", within=within),
            shown("features", list[str], "What they have in common.", within=within),
            answered("customer", "Customer | None", "One of them.", customer, within=within),
            answered("other", "Customer | None", "The other one.", other, within=within),
        ],
    )
    words = "Pairs of customers who may be one, the surest first; those that were merged or dismissed are left out."
    how_many = Argument("first", int, "How many, at most.", DEFAULT_FIRST)
    return answered("duplicates", "list[DuplicateCandidate]", words, pairs, (how_many,), within=within)


def of_customer(lists: Lists) -> StrawberryField:
    """`Customer.duplicates`."""

    async def theirs(root: Shown[Any], info: Info) -> list[DuplicateCandidate]:
        return await info.context.ask(candidates, info.context.house.log, [root.row.customer_id])

    words = "Who may be the same customer as this one, now, the surest first."
    return answered("duplicates", "list[DuplicateCandidate]", words, theirs, within=lists.types)
