"""Looks: from where the sales are looked at, as a question says it."""

from datetime import UTC, datetime
from typing import Any

from api.schema.context import Context, Shown
from api.schema.moments import AS_OF, AsOf, moment_of
from api.schema.shapes import Argument
from eventstore.reader import AsOf as Moment
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
    return await _look(context, moment_of(as_of), zone, currency)


async def look_from(context: Context, shown: Shown[Any]) -> Look:
    """The look from the moment at which something is shown."""
    return await _look(context, shown.as_of, BUSINESS_ZONE, None)


async def _look(context: Context, as_of: Moment, zone: str, currency: str | None) -> Look:
    reader = context.house.log.reader
    return await context.ask(look, reader, as_of, datetime.now(UTC), zone=zone, currency=currency)
