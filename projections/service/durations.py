"""Durations: how many whole seconds lie between two moments."""

from datetime import datetime, timedelta

SECOND = timedelta(seconds=1)


def seconds_between(since: datetime | None, until: datetime | None) -> int:
    """The whole seconds from a moment to another; 0 if one of them is not known, or if the first came later."""
    return 0 if since is None or until is None else max(0, (until - since) // SECOND)
