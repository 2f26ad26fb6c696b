"""The duplicates: who may be the same customer, how surely and by what; and the surest of all, to be merged or dismissed."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.shapes import Argument, answered, output, sentence_of, shown
from api.schema.views import AFTER, Lists
from eventstore.reader import NOW
from projections.customers import identities, suspicions
from projections.customers.duplicates import DuplicateCandidate, candidates, of_each
from projections.customers.likeness import FeatureComparison

DEFAULT_FIRST = 20
OF_ONE = 20
"""How many candidates a customer is shown with, at most."""

Find = Callable[[Info, UUID | None, Any], Awaitable[Shown[Any] | None]]
"""How a customer is found by id, as of the moment from which something else is looked at."""


def make(lists: Lists, find: Find) -> StrawberryField:
    """`duplicates(first, after, minScore, asOf, atLeast)`, and the type of what it answers with."""
    within = lists.types

    async def customer(root: Shown[DuplicateCandidate], info: Info) -> Shown[Any] | None:
        return await find(info, root.row.customer_id, root)

    async def other(root: Shown[DuplicateCandidate], info: Info) -> Shown[Any] | None:
        return await find(info, root.row.other_id, root)

    within["DuplicateCandidate"] = output(
        "DuplicateCandidate",
        sentence_of(DuplicateCandidate),
        [
            shown("score", Decimal, "From 0 to 1: how surely they are one.", within=within),
            shown("features", list[str], "What they have in common.", within=within),
            shown(
                "comparisons", lists.shapes.output(tuple[FeatureComparison, ...]), "What was compared.", within=within
            ),
            shown("cursor", str, "Its place, to go on after.", within=within),
            answered("customer", "Customer | None", "One of them.", customer, within=within),
            answered("other", "Customer | None", "The other one.", other, within=within),
        ],
    )
    words = "Pairs of customers who may be one, the surest first; those that were merged or dismissed are left out."
    arguments = (
        Argument("first", int, "How many, at most.", DEFAULT_FIRST),
        AFTER,
        Argument("min_score", Decimal | None, "From which score on."),
        AS_OF,
        AT_LEAST,
    )
    return answered("duplicates", "list[DuplicateCandidate]", words, _pairs, arguments, within=within)


async def _pairs(
    root: None,
    info: Info,
    *,
    first: int,
    after: str | None = None,
    min_score: Decimal | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[Shown[DuplicateCandidate]]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, (identities.view, suspicions.view), at_least)
    found = await context.ask(
        candidates,
        context.house.lists,
        first=first,
        after=after,
        min_score=Decimal(0) if min_score is None else min_score,
        as_of=moment,
    )
    return [Shown(pair, moment) for pair in found]


def of_customer(lists: Lists) -> list[StrawberryField]:
    """`Customer.duplicates`."""

    async def theirs(root: Shown[Any], info: Info) -> list[Shown[DuplicateCandidate]]:
        context, moment = info.context, root.as_of
        ask = partial(of_each, context.house.lists, first=OF_ONE, as_of=moment)
        found = await context.each(("duplicates", moment), ask, root.row.customer_id)
        return [Shown(pair, moment) for pair in found or ()]

    words = f"Who may be the same customer as this one, the surest first, {OF_ONE} at most."
    return [answered("duplicates", "list[DuplicateCandidate]", words, theirs, within=lists.types)]
