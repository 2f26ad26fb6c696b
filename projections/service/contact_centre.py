"""The contact centre in figures: by interval, queue, agent, campaign and channel."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.values import Channel, must_be_within
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE
from projections.lists import Lists
from projections.moment_of import moment_of
from projections.service import work_items
from projections.service.intervals import QUARTER_S, cuts_of
from projections.service.slices import must_be_few, share
from projections.service.traffic import CentreDimension, Firsts, Slice, Tally, Time, Traffic

ANSWERED_WITHIN_S = 20
"""The T of the service level: 80 % within 20 seconds is what most contact centres aim for."""
MAX_WITHIN_S = 86_400
HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class CentreFigures:
    """The figures of one interval, and of the queue, agent, campaign and channel that it was asked by; seconds and shares.

    What came (`offered`), how it waited and whether it was answered or abandoned counts in the interval in which it came to
    the queue, what was `handled` in that in which it ended; agents' time in those in which it passed. A share is empty if
    there is nothing that it is a share of. `waiting` is how many waited at the end of the interval.

    `asa_s`, the average speed of answer: `waited_s` / `answered`. `aht_s`, the average handling time: (talk + hold + after-call
    work) / `handled`. `service_level` v1: answered in time / (offered - abandoned within 5 s); `service_level_v2`, in which
    whoever gives up counts as missed: answered in time / offered. `abandon_rate`: abandoned / offered. `occupancy`: time with
    contacts / time on duty; it may be more than 1 where agents have several at once. `contacts_per_agent_hour`: handled / hours
    on duty. (B. Cleveland, "Call Center Management on Fast Forward", 2012, chapters 4 and 10.) `fcr_7d`: answered first
    contacts that no other contact of the customer followed within 7 days / those of which that is known; a first contact is
    one that none preceded in 7 days.
    """

    start: datetime
    end: datetime
    queue: str | None
    staff_id: UUID | None
    campaign_id: UUID | None
    channel: Channel | None
    offered: int
    answered: int
    answered_in_time: int
    abandoned: int
    abandoned_short: int
    moved_on: int
    waiting: int | None
    longest_wait_s: int
    waited_s: int
    offers: int
    declined: int
    callbacks: int
    handled: int
    outgoing: int
    talk_s: int
    hold_s: int
    acw_s: int
    worked_s: int | None
    on_duty_s: int | None
    away_s: int | None
    first_contacts: int
    asa_s: float | None
    aht_s: float | None
    service_level: float | None
    service_level_v2: float | None
    abandon_rate: float | None
    occupancy: float | None
    contacts_per_agent_hour: float | None
    fcr_7d: float | None


@dataclass(frozen=True, slots=True)
class CentreReport:
    """The figures of a contact centre, in order. `time_zone` is whose clocks cut the intervals; `position`: of the log."""

    figures: tuple[CentreFigures, ...]
    time_zone: str
    interval_s: int | None
    within_s: int
    position: int


@dataclass(frozen=True, slots=True)
class Volume:
    """How many contacts came in an interval, and for how many seconds one keeps an agent: what staffing is computed from."""

    start: datetime
    end: datetime
    contacts: int
    aht_s: float | None


@dataclass(slots=True)
class Counted:
    """What was counted for one row of the figures. What has no queue or agent of its own is not counted for it."""

    tally: Tally = field(default_factory=Tally)
    time: Time | None = None
    waiting: int | None = None
    firsts: Firsts = field(default_factory=Firsts)


def contact_centre(
    lists: Lists,
    start: datetime,
    end: datetime,
    *,
    interval_s: int | None = QUARTER_S,
    by: Collection[CentreDimension] = (),
    only: Slice = Slice(),
    within_s: int = ANSWERED_WITHIN_S,
    zone: str = BUSINESS_ZONE,
    as_of: AsOf = NOW,
    now: datetime | None = None,
) -> CentreReport:
    """The figures from a moment up to another, for what `only` names. `now` is when it is asked.

    Agents' time is told of all and by agent alone, how many wait of all and by queue or channel: elsewhere they are empty.
    Raises `Refused` for a time that is none, or too long, or too much at once.
    """
    must_be_within(within_s, 0, MAX_WITHIN_S, "withinS")
    cuts, dimensions = cuts_of(start, end, interval_s, zone), frozenset(by)
    of_agents = dimensions <= {CentreDimension.STAFF} and (only.queue, only.campaign_id, only.channel) == (None,) * 3
    of_queues = dimensions <= {CentreDimension.QUEUE, CentreDimension.CHANNEL} and not (
        only.staff_id or only.campaign_id
    )
    passed = moment_of(lists, as_of, now)
    found: dict[tuple[int, Slice], Counted] = {}

    def of(interval: int, part: Slice) -> Counted:
        counted = found.setdefault((interval, part), Counted())
        must_be_few(len(found))
        return counted

    with lists.reading(work_items.view) as (db, position):
        traffic = Traffic(db, lists.log.reader, cuts, dimensions, only, as_of, passed, within_s)
        for interval, part, tally in traffic.tallies():
            of(interval, part).tally = tally
        for interval, part, firsts in traffic.firsts():
            of(interval, part).firsts = firsts
        if of_agents:
            for interval, part, time in traffic.times():
                of(interval, part).time = time
        if of_queues:
            for interval, part, length in traffic.lengths():
                of(interval, part).waiting = length
    if not dimensions:
        for interval in range(1, len(cuts)):
            of(interval, Slice())
    figures = (
        _figures(cuts[interval - 1], cuts[interval], part, counted, of_agents=of_agents, of_queues=of_queues)
        for (interval, part), counted in sorted(found.items(), key=lambda each: (each[0][0], _order(each[0][1])))
    )
    return CentreReport(tuple(figures), zone, interval_s, within_s, position)


def volumes(
    lists: Lists,
    start: datetime,
    end: datetime,
    *,
    interval_s: int = QUARTER_S,
    only: Slice = Slice(),
    zone: str = BUSINESS_ZONE,
    as_of: AsOf = NOW,
    now: datetime | None = None,
) -> tuple[Volume, ...]:
    """How many contacts came in each interval; where none was handled, one takes as long as on average in all of them."""
    report = contact_centre(lists, start, end, interval_s=interval_s, only=only, zone=zone, as_of=as_of, now=now)
    worked_s = sum(each.talk_s + each.hold_s + each.acw_s for each in report.figures)
    on_average = share(worked_s, sum(each.handled for each in report.figures))
    return tuple(
        Volume(each.start, each.end, each.offered, on_average if each.aht_s is None else each.aht_s)
        for each in report.figures
    )


def _figures(
    start: datetime, end: datetime, of: Slice, counted: Counted, *, of_agents: bool, of_queues: bool
) -> CentreFigures:
    tally, firsts = counted.tally, counted.firsts
    time = (counted.time or Time()) if of_agents else None
    hours = time.on_duty_s / HOUR_S if time is not None else 0.0
    return CentreFigures(
        start=start,
        end=end,
        queue=of.queue,
        staff_id=of.staff_id,
        campaign_id=of.campaign_id,
        channel=of.channel,
        offered=tally.offered,
        answered=tally.answered,
        answered_in_time=tally.answered_in_time,
        abandoned=tally.abandoned,
        abandoned_short=tally.abandoned_short,
        moved_on=tally.moved_on,
        waiting=(counted.waiting or 0) if of_queues else None,
        longest_wait_s=tally.longest_wait_s,
        waited_s=tally.waited_s,
        offers=tally.offers,
        declined=tally.declined,
        callbacks=tally.callbacks,
        handled=tally.handled,
        outgoing=tally.outgoing,
        talk_s=tally.talk_s,
        hold_s=tally.hold_s,
        acw_s=tally.acw_s,
        worked_s=None if time is None else round(time.worked_s),
        on_duty_s=None if time is None else round(time.on_duty_s),
        away_s=None if time is None else round(time.away_s),
        first_contacts=firsts.judged,
        asa_s=share(tally.waited_s, tally.answered),
        aht_s=share(tally.talk_s + tally.hold_s + tally.acw_s, tally.handled),
        service_level=share(tally.answered_in_time, tally.offered - tally.abandoned_short),
        service_level_v2=share(tally.answered_in_time, tally.offered),
        abandon_rate=share(tally.abandoned, tally.offered),
        occupancy=None if time is None else share(time.worked_s, time.on_duty_s),
        contacts_per_agent_hour=share(tally.handled, hours),
        fcr_7d=share(firsts.resolved, firsts.judged),
    )


def _order(of: Slice) -> tuple[str, ...]:
    return tuple("" if value is None else str(value) for value in (of.queue, of.staff_id, of.campaign_id, of.channel))
