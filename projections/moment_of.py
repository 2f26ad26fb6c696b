"""The moment of a question: up to when time has passed for it."""

from datetime import UTC, datetime

from eventstore.reader import AsOf
from projections.lists import Lists


def moment_of(lists: Lists, as_of: AsOf, now: datetime | None = None) -> datetime:
    """When a question is asked, or the moment from which it looks back if that is before."""
    asked = now or datetime.now(UTC)
    return min(asked, lists.log.reader.moment_of(as_of) or asked)
