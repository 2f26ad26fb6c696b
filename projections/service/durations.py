"""Durations: how many whole seconds lie between two moments."""

from datetime import datetime

DAY_S = 86_400


def seconds_between(since: datetime | None, until: datetime | None) -> int:
    """The whole seconds from a moment to another; 0 if one of them is not known, or if the first came later."""
    if since is None or until is None or until <= since:
        return 0
    lapse = until - since
    return lapse.days * DAY_S + lapse.seconds
