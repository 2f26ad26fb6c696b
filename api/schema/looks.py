"""Looks: from where the sales are looked at, as a question says it."""

from datetime import UTC, datetime
from typing import Any

from api.schema.context import Context, Shown
from api.schema.moments import AS_OF, AsOf, moment_of
from api.schema.shapes import Argument
from projections.buckets import BUSINESS_ZONE
from projections.value.buyers import Look, look

LOOK = (
    Argument(
        "currency", str | None, "The base currency that is looked at; the one with the most sales, if it is left out."
    ),
    Argument("time_zone", str, "The IANA zone whose days and months count.", BUSINESS_ZONE),
    AS_OF,
)


async def look_of(context: Context, as_of: AsOf | None, zone: str, currency: str | None) -> Look:
    """What a question looks at. Raises `Refused`."""
    reader, moment = context.house.log.reader, moment_of(as_of)
    if moment.position is None:  # nothing to ask the log
        return look(reader, moment, datetime.now(UTC), zone=zone, currency=currency)
    return await context.ask(look, reader, moment, datetime.now(UTC), zone=zone, currency=currency)


async def look_from(context: Context, shown: Shown[Any]) -> Look:
    """The look from the moment at which something is shown: one for all that is shown from there."""
    reader, moment = context.house.log.reader, shown.as_of
    if moment.position is None:
        return look(reader, moment, context.now)
    return await context.each(
        "look", lambda moments: {each: look(reader, each, context.now) for each in moments}, moment
    )
