"""The KPIs of cases and surveys, against a naive evaluation of the same events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from domain.case_events import (
    CaseClosed,
    CaseOpened,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseWaitingOnCustomer,
    FirstResponseSent,
)
from domain.case_sla import SlaMilestone, SlaTargetSet
from domain.interaction import InteractionLogged
from domain.invitation import SurveyInvitationSent, SurveyResponded
from eventstore.envelope import Happened
from projections.buckets import Granularity
from projections.periods import CalendarPeriod
from projections.touchpoints.calendars import public_holidays
from tests.projections.kpis.story import Company, Naive, Quotient, differences, within

Events = Sequence[Happened]
MADRID = ZoneInfo("Europe/Madrid")
ONLINE = {"EMAIL", "CHAT", "WEB", "WEB_COLLABORATION", "MOBILE", "SOCIAL"}
OF_CASES = (
    CaseOpened, CaseReopened, CaseResolved, CaseClosed, CaseResumed, CaseWaitingOnCustomer, FirstResponseSent,
)  # fmt: skip


@dataclass
class Step:
    """A milestone of a case: how long it took in its cycle and in all, without waits, and what it was."""

    case_id: UUID
    kind: type
    at: datetime
    cycle: int
    in_cycle_s: int
    in_all_s: int
    opens: int


def steps(events: Events) -> list[Step]:
    """The milestones of all cases, in the order of the log."""
    found: list[Step] = []
    opened: dict[UUID, datetime] = {}
    began: dict[UUID, datetime] = {}
    cycles: dict[UUID, int] = {}
    waits: dict[UUID, list[int]] = {}
    waiting: dict[UUID, datetime] = {}
    is_open: dict[UUID, bool] = {}
    for event, at in sorted(events, key=lambda each: each.at.position):
        if not isinstance(event, OF_CASES):
            continue
        one, now = at.stream_id, at.occurred_at
        change = 0
        if isinstance(event, CaseOpened):
            opened[one] = began[one] = now
            cycles[one], waits[one], is_open[one], change = 1, [0, 0], True, 1
        if isinstance(event, CaseResolved | CaseClosed | CaseResumed) and one in waiting:
            waited = int((now - waiting.pop(one)).total_seconds())
            waits[one] = [waits[one][0] + waited, waits[one][1] + waited]
        if isinstance(event, CaseWaitingOnCustomer):
            waiting[one] = now
        if isinstance(event, CaseResolved | CaseClosed):
            change, is_open[one] = -int(is_open[one]), False
        if isinstance(event, CaseReopened):
            change, is_open[one] = int(not is_open[one]), True
            cycles[one] += 1
            began[one], waits[one] = now, [0, waits[one][1]]
        pending = int((now - waiting[one]).total_seconds()) if one in waiting else 0
        found.append(
            Step(
                one, type(event), now, cycles[one],
                max(0, int((now - began[one]).total_seconds())) - waits[one][0] - pending,
                max(0, int((now - opened[one]).total_seconds())) - waits[one][1] - pending, change,
            )
        )  # fmt: skip
    return found


def now(events: Events, period: CalendarPeriod, *kinds: type) -> list[Step]:
    return [
        each for each in steps(events) if issubclass(each.kind, kinds) and period.starts_at <= each.at < period.ends_at
    ]


def total(found: Sequence[int]) -> Quotient:
    return sum(found), len(found)


def last_resolutions(events: Events, period: CalendarPeriod) -> list[int]:
    last = {each.case_id: each for each in steps(events) if each.kind is CaseResolved}
    return [each.in_all_s for each in last.values() if period.starts_at <= each.at < period.ends_at]


def in_business_time(events: Events, period: CalendarPeriod) -> list[int]:
    """The office hours from the beginning of each cycle to its resolution, less those in which it waited."""
    began: dict[UUID, datetime] = {}
    waits: dict[UUID, list[tuple[datetime, datetime]]] = {}
    found = []
    for step in steps(events):
        if step.kind in (CaseOpened, CaseReopened):
            began[step.case_id], waits[step.case_id] = step.at, []
        elif step.kind is CaseWaitingOnCustomer:
            waits[step.case_id].append((step.at, step.at))
        elif step.kind is CaseResumed:
            waits[step.case_id][-1] = (waits[step.case_id][-1][0], step.at)
        elif step.kind is CaseResolved and period.starts_at <= step.at < period.ends_at:
            waited = sum(office_seconds(*span) for span in waits[step.case_id])
            found.append(office_seconds(began[step.case_id], step.at) - waited)
    return found


def office_seconds(start: datetime, end: datetime) -> int:
    """Minute by minute: from nine to six on the working days of Madrid."""
    holidays = public_holidays("ES", 2025)
    seconds, moment = 0, start
    while moment < end:
        clock, later = moment.astimezone(MADRID), min(moment + timedelta(seconds=60 - moment.second), end)
        if 9 <= clock.hour < 18 and clock.isoweekday() < 6 and clock.date() not in holidays:
            seconds += int((later - moment).total_seconds())
        moment = later
    return seconds


def backlog(events: Events, period: CalendarPeriod) -> Quotient:
    return sum(each.opens for each in steps(events) if each.at < period.ends_at), None


def ended(events: Events, period: CalendarPeriod) -> list[Step]:
    return [each for each in now(events, period, CaseResolved, CaseClosed) if each.opens < 0]


def reopening(events: Events, period: CalendarPeriod) -> Quotient:
    return len(now(events, period, CaseReopened)), len(ended(events, period))


def reopened_cases(events: Events, period: CalendarPeriod) -> Quotient:
    reopened = {each.case_id for each in now(events, period, CaseReopened)}
    return len(reopened), len({each.case_id for each in ended(events, period)})


def kept(events: Events, period: CalendarPeriod) -> Quotient:
    found = steps(events)
    said = [each for each in events if isinstance(each.event, SlaTargetSet)]
    counts = met = 0
    for each in said:
        target = each.event
        assert isinstance(target, SlaTargetSet)
        if not period.starts_at <= target.due_at < period.ends_at:
            continue
        answers = (FirstResponseSent,) if target.milestone is SlaMilestone.FIRST_RESPONSE else ()
        reached = min(
            (
                step.at
                for step in found
                if step.case_id == target.case_id
                and issubclass(step.kind, (CaseResolved, CaseClosed, *answers))
                and step.at >= each.at.occurred_at
            ),
            default=None,
        )
        later = [
            other.at.occurred_at
            for other in said
            if isinstance(other.event, SlaTargetSet)
            and (other.event.case_id, other.event.milestone) == (target.case_id, target.milestone)
            and other.at.position > each.at.position
        ]
        if not later or (reached is not None and reached <= min(later)):
            counts += 1
            met += reached is not None and reached <= target.due_at
    return met, counts


def online_cases(events: Events, period: CalendarPeriod) -> Quotient:
    found = [each.event for each in within(events, period, CaseOpened) if isinstance(each.event, CaseOpened)]
    return sum(case.channel in ONLINE for case in found), len(found)


def online_contacts(events: Events, period: CalendarPeriod) -> Quotient:
    found = [
        each.event for each in within(events, period, InteractionLogged) if isinstance(each.event, InteractionLogged)
    ]
    return sum(contact.channel in ONLINE for contact in found), len(found)


def answers(events: Events, period: CalendarPeriod) -> list[SurveyResponded]:
    return [each.event for each in within(events, period, SurveyResponded) if isinstance(each.event, SurveyResponded)]


def csat(events: Events, period: CalendarPeriod) -> Quotient:
    found = [answer.csat for answer in answers(events, period) if answer.csat is not None]
    return sum(each >= 4 for each in found), len(found)


def nps(events: Events, period: CalendarPeriod) -> Quotient:
    found = [answer.nps for answer in answers(events, period) if answer.nps is not None]
    return sum(each >= 9 for each in found) - sum(each <= 6 for each in found), len(found)


def response_rate(events: Events, period: CalendarPeriod) -> Quotient:
    sent = {each.at.stream_id for each in within(events, period, SurveyInvitationSent)}
    answered = {each.at.stream_id for each in events if isinstance(each.event, SurveyResponded)}
    return len(sent & answered), len(sent)


NAIVE: dict[str, Naive] = {
    "first_response_s.v1": lambda e, p: total([each.in_cycle_s for each in now(e, p, FirstResponseSent)]),
    "first_response_s.v2": lambda e, p: total(
        [each.in_all_s for each in now(e, p, FirstResponseSent) if each.cycle == 1]
    ),
    "resolution_s.v1": lambda e, p: total(in_business_time(e, p)),
    "resolution_s.v2": lambda e, p: total([each.in_cycle_s for each in now(e, p, CaseResolved)]),
    "resolution_s.v3": lambda e, p: total(last_resolutions(e, p)),
    "backlog.v1": backlog,
    "reopen_rate.v1": reopening,
    "reopen_rate.v2": reopened_cases,
    "sla_attainment.v1": kept,
    "online_incident_share.v1": online_cases,
    "online_contact_share.v1": online_contacts,
    "csat.v1": csat,
    "nps.v1": nps,
    "survey_response_rate.v1": response_rate,
}


@pytest.mark.parametrize("measure", NAIVE)
def test_a_figure_is_what_the_events_say(company: Company, measure: str) -> None:
    key = measure.partition(".")[0]
    for granularity in (Granularity.WEEK, Granularity.MONTH):
        series = company.series(key, granularity, measure=measure)
        assert differences(company, series, NAIVE[measure], NAIVE[f"{key}.v1"]) == []


def test_times_are_told_by_their_median_and_ninetieth_percentile(company: Company) -> None:
    for point in company.series("resolution_s", measure="resolution_s.v2").points:
        period = CalendarPeriod(point.starts_on, point.ends_on, point.starts_at, point.ends_at)
        found = [each.in_cycle_s for each in now(company.events, period, CaseResolved)]
        assert float(point.restated.value or 0) == pytest.approx(median(found) if found else 0)
        assert point.restated.value == point.restated.median
        assert point.restated.ninetieth is None or point.restated.ninetieth >= (point.restated.median or 0)
