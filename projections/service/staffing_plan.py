"""The staffing plan: how many agents it would have taken to answer in time what came, interval by interval."""

from dataclasses import dataclass
from datetime import datetime

from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE
from projections.lists import Lists
from projections.service.contact_centre import ANSWERED_WITHIN_S, Volume, volumes
from projections.service.erlang import Staffing, needed
from projections.service.intervals import QUARTER_S
from projections.service.traffic import Slice


@dataclass(frozen=True, slots=True)
class PlannedInterval:
    """What came in an interval, and the fewest agents for it; empty if nothing came, or if it is not known how long one takes."""

    volume: Volume
    staffing: Staffing | None


def staffing_plan(
    lists: Lists,
    start: datetime,
    end: datetime,
    *,
    interval_s: int = QUARTER_S,
    only: Slice = Slice(),
    service_level: float = 0.8,
    within_s: int = ANSWERED_WITHIN_S,
    shrinkage: float = 0.0,
    zone: str = BUSINESS_ZONE,
    as_of: AsOf = NOW,
    now: datetime | None = None,
) -> tuple[PlannedInterval, ...]:
    """The agents by Erlang C (`projections/erlang.py`) for what came from a moment up to another. Raises `Refused`."""
    came = volumes(lists, start, end, interval_s=interval_s, only=only, zone=zone, as_of=as_of, now=now)
    return tuple(
        PlannedInterval(
            each,
            needed(
                each.contacts,
                (each.end - each.start).total_seconds(),
                each.aht_s,
                service_level=service_level,
                within_s=within_s,
                shrinkage=shrinkage,
            )
            if each.contacts and each.aht_s
            else None,
        )
        for each in came
    )
