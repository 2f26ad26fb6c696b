"""The moment of a question: up to when time has passed for it."""

from datetime import UTC, datetime

from eventstore.reader import AsOf
from projections.lists import Lists


def moment_of(lists: Lists, as_of: AsOf, now: datetime | None = None) -> datetime:
    """When a question is asked, or the moment from which it looks back: that of the event, if it names a position."""
    found = [now or datetime.now(UTC), as_of.time, as_of.known_at, as_of.valid_at]
    if as_of.position is not None:
        with lists.log.pool.connection() as db:
            row = db.execute(
                "select recorded_at from es.event where position <= %s order by position desc limit 1", [as_of.position]
            ).fetchone()
        found += row or ()
    return min(moment for moment in found if moment is not None)
