"""Dwelling: how long something stayed where it was, in whole seconds."""

from datetime import datetime, timedelta

SECOND = timedelta(seconds=1)


def dwelt(since: datetime | None, until: datetime) -> int:
    """The seconds from one moment to another; 0 if the first is not known, or is said to be the later one."""
    return 0 if since is None else max((until - since) // SECOND, 0)
