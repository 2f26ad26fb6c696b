"""The quotes, the last issued first, with their lines, and the register of them."""

from datetime import datetime

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.customer import customer_of
from api.schema.lead import FROM, TO
from api.schema.moments import AS_OF, AT_LEAST, AsOf, instant_of, moment_of, reached
from api.schema.noun import Noun
from api.schema.relation import one, told
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.views import Lists
from domain.quote_lines import QuoteLine
from eventstore.reader import NOW
from projections.selecting import Order
from projections.selling import opportunities, quote_register, quotes
from projections.selling.quote_register import QuoteRegister


def _fields(lists: Lists) -> list[StrawberryField]:
    lines = lists.shapes.output(tuple[QuoteLine, ...] | None)
    return [
        customer_of(lists),
        *one(lists, "opportunity", opportunities.view, "opportunity_id", "The opportunity that it is for."),
        told(lists, "lines", lines, "lines_position", "What is offered."),
    ]


noun = Noun(quotes.view, "Quote", order=(Order("issued_at", True),), fields=_fields)


def questions(lists: Lists) -> list[StrawberryField]:
    """`quoteRegister(expiringWithinDays, from, to, asOf, atLeast)`."""
    arguments = (
        Argument("expiring_within_days", int, "How many days are soon.", 7),
        FROM,
        TO,
        AS_OF,
        AT_LEAST,
    )
    return [
        answered(
            "quote_register",
            lists.shapes.output(tuple[QuoteRegister, ...]),
            sentence_of(QuoteRegister),
            _register,
            arguments,
            within=lists.types,
        )
    ]


async def _register(
    root: None,
    info: Info,
    *,
    expiring_within_days: int,
    from_: datetime | None = None,
    to: datetime | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[QuoteRegister]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [quotes.view], at_least)
    return await context.ask(
        quote_register.quote_register,
        context.house.lists,
        await instant_of(context, moment),
        expiring_within_days=expiring_within_days,
        start=from_,
        end=to,
        as_of=moment,
    )
