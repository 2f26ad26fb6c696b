"""Free slots: when several people could meet, within the hours in which the company is open."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from heapq import merge
from uuid import UUID

from domain.business_time import open_spans
from domain.kernel import Refused
from domain.values import Period
from eventstore.reader import NOW, AsOf
from projections.lists import Lists
from projections.touchpoints.agenda import free, free_busy_of_each, joined
from projections.touchpoints.calendars import calendar_of, days_off

MAX_MINUTES = 24 * 60
MAX_SLOTS = 100


def free_slots(
    lists: Lists,
    staff_ids: Collection[UUID],
    minutes: int,
    start: datetime,
    end: datetime,
    *,
    calendar: str | None = None,
    first: int = 1,
    as_of: AsOf = NOW,
) -> list[Period]:
    """The first slots of so many minutes in which all of these people are free and the company is open.

    Slots follow one another without overlapping, from when everybody is free. Raises `Refused` for a length or a number
    that cannot be, and as `free_busy_of_each`.
    """
    if not 1 <= minutes <= MAX_MINUTES:
        raise Refused(f"A slot has from 1 to {MAX_MINUTES:,} minutes.", "minutes")
    if not 1 <= first <= MAX_SLOTS:
        raise Refused(f"Ask for 1 to {MAX_SLOTS} slots.", "first")
    everybody = free_busy_of_each(lists, staff_ids, start, end, as_of=as_of)
    hours = calendar_of(lists, calendar, as_of=as_of)
    closed = days_off(hours, start.date(), end.date())
    left = free(joined(merge(*(each.busy for each in everybody.values()), key=lambda taken: taken.start)), start, end)
    found: list[Period] = []
    for stretch in both(left, (Period(*span) for span in open_spans(hours, start, end, closed))):
        begin, length = stretch.start, timedelta(minutes=minutes)
        while begin + length <= stretch.end and len(found) < first:
            found.append(Period(begin, begin + length))
            begin += length
        if len(found) == first:
            break
    return found


def both(some: Iterable[Period], others: Iterable[Period]) -> Iterator[Period]:
    """The time that is in both of two rows of periods, each in order and apart."""
    ours, theirs = iter(some), iter(others)
    one, other = next(ours, None), next(theirs, None)
    while one is not None and other is not None:
        start, end = max(one.start, other.start), min(one.end, other.end)
        if start < end:
            yield Period(start, end)
        if one.end <= other.end:
            one = next(ours, None)
        else:
            other = next(theirs, None)
