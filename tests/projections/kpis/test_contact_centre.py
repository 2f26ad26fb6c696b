"""The KPIs of the contact centre, against a naive evaluation of the same events."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

import pytest

from domain.agent_shift import AgentSignedIn, AgentSignedOut, AgentStatusChanged
from domain.call import CallAnswered, CallEnded, CallHeld, CallResumed, CallRinging, WrapUpCompleted
from domain.campaign_member import CampaignResponded
from domain.interaction import Direction
from domain.work_item import WorkItemAbandoned, WorkItemAccepted, WorkItemCompleted, WorkItemQueued
from eventstore.envelope import Happened
from projections.buckets import Granularity
from projections.figures.counting import KpiDimension, KpiScope
from projections.periods import CalendarPeriod
from tests.projections.kpis.story import Company, Naive, Quotient, differences, within

Events = Sequence[Happened]
WEEK = timedelta(days=7)
LIVE = {"PHONE", "CHAT", "WEB_COLLABORATION"}


@dataclass(frozen=True)
class Arrival:
    """What came to a queue: how long it waited until it was answered, or given up."""

    came_at: datetime
    customer_id: UUID | None
    answered: int | None
    abandoned: int | None


def arrivals(events: Events) -> list[Arrival]:
    """Work items, and incoming calls that are none."""
    queued = {each.at.stream_id: each for each in events if isinstance(each.event, WorkItemQueued)}
    linked = {each.event.call_id for each in queued.values() if isinstance(each.event, WorkItemQueued)}
    rang = {
        each.at.stream_id: each
        for each in events
        if isinstance(each.event, CallRinging)
        and each.event.direction is Direction.IN
        and each.at.stream_id not in linked
    }
    answered: dict[UUID, int] = {}
    abandoned: dict[UUID, int] = {}
    for event, at in events:
        came = queued.get(at.stream_id) or rang.get(at.stream_id)
        if came is None:
            continue
        if isinstance(event, WorkItemAccepted | CallAnswered):
            answered[at.stream_id] = int((at.occurred_at - came.at.occurred_at).total_seconds())
        elif isinstance(event, WorkItemAbandoned):
            abandoned[at.stream_id] = event.after_s
        elif isinstance(event, CallEnded) and event.talk_s == 0:
            abandoned[at.stream_id] = event.waited_s or 0
    return [
        Arrival(
            each.at.occurred_at, None if each.at.customer_id == key else each.at.customer_id,
            answered.get(key), abandoned.get(key),
        )
        for key, each in {**queued, **rang}.items()
    ]  # fmt: skip


def came(events: Events, period: CalendarPeriod) -> list[Arrival]:
    return [each for each in arrivals(events) if period.starts_at <= each.came_at < period.ends_at]


def asa(events: Events, period: CalendarPeriod) -> Quotient:
    waits = [each.answered for each in came(events, period) if each.answered is not None]
    return sum(waits), len(waits)


def level(events: Events, period: CalendarPeriod) -> Quotient:
    found = came(events, period)
    short = sum(each.abandoned is not None and each.abandoned <= 5 for each in found)
    return sum(each.answered is not None and each.answered <= 20 for each in found), len(found) - short


def level_with_misses(events: Events, period: CalendarPeriod) -> Quotient:
    found = came(events, period)
    return sum(each.answered is not None and each.answered <= 20 for each in found), len(found)


def abandoning(events: Events, period: CalendarPeriod) -> Quotient:
    found = came(events, period)
    return sum(each.abandoned is not None for each in found), len(found)


@dataclass(frozen=True)
class Work:
    """What an agent spent time on, when it was over: contacts, seconds, and those after the call."""

    at: datetime
    contacts: int
    seconds: int
    acw_s: int
    wrapped_up: int
    live: bool


def work(events: Events) -> Iterator[Work]:
    items = {each.at.stream_id: each.event for each in events if isinstance(each.event, WorkItemQueued)}
    taken: dict[UUID, datetime] = {}
    held: dict[UUID, datetime] = {}
    on_hold: dict[UUID, int] = defaultdict(int)
    for event, at in sorted(events, key=lambda each: each.at.position):
        now = at.occurred_at
        match event:
            case WorkItemAccepted() | CallAnswered():
                taken[at.stream_id] = now
            case CallHeld():
                held[at.stream_id] = now
            case CallResumed():
                on_hold[at.stream_id] += int((now - held.pop(at.stream_id)).total_seconds())
            case WorkItemCompleted() if items[at.stream_id].call_id is None:
                seconds = int((now - taken[at.stream_id]).total_seconds())
                yield Work(now, 1, seconds, 0, 0, items[at.stream_id].channel in LIVE)
            case CallEnded() if at.stream_id in taken:
                hold = on_hold[at.stream_id] if event.hold_s is None else event.hold_s
                talk = int((now - taken[at.stream_id]).total_seconds()) - on_hold[at.stream_id]
                yield Work(now, 1, (talk if event.talk_s is None else event.talk_s) + hold, 0, 0, True)
            case WrapUpCompleted():
                yield Work(now, 0, event.acw_s or 0, event.acw_s or 0, 1, True)
            case _:
                pass


def done(events: Events, period: CalendarPeriod) -> list[Work]:
    return [each for each in work(events) if period.starts_at <= each.at < period.ends_at]


def on_duty(events: Events, period: CalendarPeriod) -> int:
    since: dict[UUID, tuple[str, datetime]] = {}
    seconds = 0
    for event, at in sorted(events, key=lambda each: each.at.position):
        if isinstance(event, AgentSignedIn | AgentStatusChanged | AgentSignedOut):
            status, began = since.get(at.stream_id, ("", at.occurred_at))
            if status in ("AVAILABLE", "BUSY") and period.starts_at <= at.occurred_at < period.ends_at:
                seconds += int((at.occurred_at - began).total_seconds())
            now = "AVAILABLE" if isinstance(event, AgentSignedIn) else getattr(event, "status", "")
            since[at.stream_id] = (now, at.occurred_at)
    return seconds


def aht(events: Events, period: CalendarPeriod) -> Quotient:
    found = done(events, period)
    return sum(each.seconds for each in found), sum(each.contacts for each in found)


def acw(events: Events, period: CalendarPeriod) -> Quotient:
    found = done(events, period)
    return sum(each.acw_s for each in found), sum(each.wrapped_up for each in found)


def occupancy(events: Events, period: CalendarPeriod) -> Quotient:
    return sum(each.seconds for each in done(events, period) if each.live), on_duty(events, period)


def per_hour(events: Events, period: CalendarPeriod) -> Quotient:
    return sum(each.contacts for each in done(events, period)), on_duty(events, period)


def first_contacts(events: Events, period: CalendarPeriod) -> Quotient:
    found = [each for each in arrivals(events) if each.customer_id is not None]
    resolved = judged = 0
    for each in found:
        others = [other.came_at for other in found if other.customer_id == each.customer_id]
        first = not any(each.came_at - WEEK <= moment < each.came_at for moment in others)
        if first and each.answered is not None and period.starts_at <= each.came_at + WEEK < period.ends_at:
            judged += 1
            resolved += not any(each.came_at < moment <= each.came_at + WEEK for moment in others)
    return resolved, judged


def conversion(events: Events, period: CalendarPeriod) -> Quotient:
    rang = {each.at.stream_id: each for each in events if isinstance(each.event, CallRinging)}
    responded = [
        (each.event.campaign_id, each.at.customer_id, each.at.occurred_at)
        for each in events
        if isinstance(each.event, CampaignResponded) and each.event.within_window
    ]
    reached = converted = 0
    for each in within(events, period, CallAnswered):
        ring = rang[each.at.stream_id].event
        assert isinstance(ring, CallRinging)
        if ring.direction is Direction.OUT and ring.campaign_id is not None:
            reached += 1
            converted += any(
                (campaign, who) == (ring.campaign_id, each.at.customer_id) and moment >= each.at.occurred_at
                for campaign, who, moment in responded
            )
    return converted, reached


def undocumented(events: Events, period: CalendarPeriod) -> Quotient:
    answered = {each.at.stream_id for each in events if isinstance(each.event, CallAnswered)}
    written_up = {each.at.stream_id for each in events if isinstance(each.event, WrapUpCompleted)}
    over = [each.at.stream_id for each in within(events, period, CallEnded) if each.at.stream_id in answered]
    return sum(each not in written_up for each in over), len(over)


NAIVE: dict[str, Naive] = {
    "asa_s.v1": asa,
    "service_level.v1": level,
    "service_level.v2": level_with_misses,
    "abandon_rate.v1": abandoning,
    "aht_s.v1": aht,
    "acw_s.v1": acw,
    "occupancy.v1": occupancy,
    "contacts_per_agent_hour.v1": per_hour,
    "fcr_7d.v1": first_contacts,
    "conversion_per_operator.v1": conversion,
    "undocumented_contact_rate.v1": undocumented,
}


@pytest.mark.parametrize("measure", NAIVE)
def test_a_figure_is_what_the_events_say(company: Company, measure: str) -> None:
    key = measure.partition(".")[0]
    for granularity in (Granularity.WEEK, Granularity.MONTH):
        series = company.series(key, granularity, measure=measure)
        assert differences(company, series, NAIVE[measure], NAIVE[f"{key}.v1"]) == []


def test_the_speed_of_answer_is_a_mean_beside_which_the_median_stands(company: Company) -> None:
    for point in company.series("asa_s").points:
        period = CalendarPeriod(point.starts_on, point.ends_on, point.starts_at, point.ends_at)
        waits = [each.answered for each in came(company.events, period) if each.answered is not None]
        assert float(point.restated.value or 0) == pytest.approx(sum(waits) / len(waits))
        assert float(point.restated.median or 0) == pytest.approx(median(waits))


def test_the_queue_of_mails_is_told_from_that_of_calls(company: Company) -> None:
    mails = {
        each.at.stream_id
        for each in company.events
        if isinstance(each.event, WorkItemQueued) and each.event.queue == "mail"
    }
    only = replace(company, events=[each for each in company.events if each.at.stream_id in mails])
    series = company.series("service_level", scope=[KpiScope(dimension=KpiDimension.QUEUE, value="mail")])
    assert differences(only, series, level) == []
    assert (series.total.restated.denominator or 0) > 0
