"""The board, the backlog, the times of service and what was promised are what a plain count of the events gives."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from statistics import fmean, quantiles
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from domain import DECIDERS, business_calendar
from domain.business_calendar import BusinessCalendarDefined, DefineBusinessCalendar, OpeningHours
from domain.business_time import business_seconds
from domain.case_events import (
    CaseAssigned,
    CaseClosed,
    CaseOpened,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseWaitingOnCustomer,
    FirstResponseSent,
)
from domain.case_sla import SlaBreached, SlaMilestone, SlaTargetSet
from domain.kernel import Command, reference
from eventstore.database import open_pool
from eventstore.envelope import Happened
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections.buckets import Granularity
from projections.engine import Engine
from projections.lists import Lists
from projections.service import case_slas, cases
from projections.service.backlog import CaseDimension, backlog, backlog_series
from projections.service.case_board import BoardCase, case_board
from projections.service.case_times import Durations, case_times
from projections.service.sla_attainment import sla_attainment
from projections.touchpoints import calendars
from tests.conftest import KEK
from tests.projections.histories import live_through
from tests.projections.histories_service import START, History, night

SERVICE = (cases.view, case_slas.view)
END = START + timedelta(hours=9)
FROM, TO = date(2026, 3, 28), date(2026, 3, 29)
CUTS = [
    datetime(2026, 3, 27, 23, tzinfo=UTC),
    datetime(2026, 3, 28, 23, tzinfo=UTC),
    datetime(2026, 3, 29, 22, tzinfo=UTC),
]
"""The two days of the night in Madrid; the second has 23 hours."""


@contextmanager
def lived(dsn: str, history: History) -> Iterator[tuple[Lists, list[Happened]]]:
    with open_pool(dsn) as pool:
        log = Log(pool, DECIDERS, KeyRing(pool, KEK))
        live_through(log, history)
        engine = Engine(log, pool, SERVICE)
        engine.prepare()
        engine.catch_up()
        names = log.codec.names([event for view in SERVICE for event in view.events])
        yield Lists(log, pool), [each for page in log.reader.fold(types=names) for each in page]


def checked(new_database: Callable[[], str], check: Callable[[Lists, list[Happened]], None]) -> None:
    @given(history=night("cases", most=5))
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    def run(history: list[tuple[Command, datetime]]) -> None:
        with lived(new_database(), history) as (lists, events):
            check(lists, events)

    run()


@dataclass
class Cycle:
    """A response cycle, as the events tell it one after the other."""

    began: datetime
    waits: list[list[datetime]] = field(default_factory=list)
    answered: datetime | None = None
    resolved: datetime | None = None
    closed: datetime | None = None

    def waited(self, until: datetime) -> int:
        spans = ((span[0], span[1] if len(span) > 1 else until) for span in self.waits)
        return sum(int((end - since).total_seconds()) for since, end in spans)


@dataclass
class PlainCase:
    """A case, and what was promised of it."""

    queue: str | None = None
    cycles: list[Cycle] = field(default_factory=list)
    holders: list[UUID] = field(default_factory=list)
    handed: list[tuple[datetime, bool]] = field(default_factory=list)
    targets: list[SlaTargetSet] = field(default_factory=list)
    set_at: list[datetime] = field(default_factory=list)
    breached: set[tuple[SlaMilestone, datetime]] = field(default_factory=set)

    @property
    def open(self) -> bool:
        return self.cycles[-1].resolved is None and self.cycles[-1].closed is None


def told(events: list[Happened]) -> dict[UUID, PlainCase]:
    found: dict[UUID, PlainCase] = defaultdict(PlainCase)
    for event, at in events:
        now = at.occurred_at
        case = found[getattr(event, "case_id", None) or at.stream_id]
        match event:
            case CaseOpened() | CaseReopened():
                case.cycles.append(Cycle(now))
            case CaseAssigned(staff_id=staff_id, queue=queue):
                case.queue = queue
                if staff_id is not None and case.holders[-1:] != [staff_id]:
                    case.handed += [(now, staff_id in case.holders)] if case.holders else []
                    case.holders.append(staff_id)
            case FirstResponseSent():
                case.cycles[-1].answered = now
            case CaseWaitingOnCustomer():
                case.cycles[-1].waits.append([now])
            case CaseResumed():
                case.cycles[-1].waits[-1].append(now)
            case CaseResolved() | CaseClosed():
                cycle = case.cycles[-1]
                if cycle.waits and len(cycle.waits[-1]) == 1:
                    cycle.waits[-1].append(now)
                if isinstance(event, CaseResolved):
                    cycle.resolved = now
                else:
                    cycle.closed = now
            case SlaTargetSet():
                case.targets.append(event)
                case.set_at.append(now)
            case SlaBreached(milestone=milestone, due_at=due_at):
                case.breached.add((milestone, due_at))
    return {id: case for id, case in found.items() if case.cycles}


def test_the_backlog_of_any_moment_is_what_was_open_then(new_database: Callable[[], str]) -> None:
    def check(lists: Lists, events: list[Happened]) -> None:
        for hours in range(9):
            then = START + timedelta(hours=hours)
            known = told([each for each in events if each.at.occurred_at <= then])
            report = backlog(lists, by=[CaseDimension.QUEUE], as_of=AsOf(valid_at=then), now=END)
            plain = Counter(case.queue for case in known.values() if case.open)
            assert {each.of.queue: each.open for each in report.figures if each.open} == plain
        ends = [*(cut for cut in CUTS[1:] if cut <= END), END]
        for position in (None, lists.log.reader.head() // 2):
            series = backlog_series(lists, FROM, TO, Granularity.DAY, now=END, as_of=AsOf(position=position))
            assert [each.at for each in series.figures] == ends
            recorded = [each for each in events if position is None or each.at.position <= position]
            for figure in series.figures:
                known = told([each for each in recorded if each.at.occurred_at < figure.at])
                assert figure.open == sum(case.open for case in known.values())
                assert figure.waiting == sum(
                    case.open and bool(case.cycles[-1].waits) and len(case.cycles[-1].waits[-1]) == 1
                    for case in known.values()
                )

    checked(new_database, check)


def are(seconds: list[int], found: Durations) -> bool:
    if not seconds:
        return found == Durations(0, None, None, None)
    tenths = quantiles(seconds, n=10, method="inclusive") if len(seconds) > 1 else seconds * 9
    return (found.count, found.median_s, found.p90_s, found.mean_s) == (
        len(seconds), pytest.approx(tenths[4]), pytest.approx(tenths[8]), pytest.approx(fmean(seconds)),
    )  # fmt: skip


def test_the_times_of_service_are_told_under_both_definitions(new_database: Callable[[], str]) -> None:
    def check(lists: Lists, events: list[Happened]) -> None:
        known = told(events)
        report = case_times(lists, FROM, TO, Granularity.DAY)
        by_day = {each.start: each for each in report.figures}
        for start, end in pairwise(CUTS):
            timed: dict[str, list[int]] = defaultdict(list)
            ended: list[UUID] = []
            again: list[UUID] = []
            for id, case in known.items():
                waited = 0
                opened = case.cycles[0].began
                for n, cycle in enumerate(case.cycles):
                    if n and start <= cycle.began < end:
                        again.append(id)
                    over = cycle.resolved or cycle.closed
                    if over and start <= over < end:
                        ended.append(id)
                    for name, moment in (("answered", cycle.answered), ("resolved", cycle.resolved)):
                        if moment is None or not start <= moment < end:
                            continue
                        in_cycle = cycle.waited(moment)
                        if name == "answered":  # only waits that had begun by then
                            begun = [span for span in cycle.waits if span[0] <= moment]
                            in_cycle = sum(int((min([*span[1:], moment]) - span[0]).total_seconds()) for span in begun)
                        timed[name].append(int((moment - cycle.began).total_seconds()) - in_cycle)
                        whole = int((moment - opened).total_seconds()) - waited - in_cycle
                        if name == "answered" and n == 0:
                            timed["answered_v2"].append(whole)
                        if name == "resolved" and not any(other.resolved for other in case.cycles[n + 1 :]):
                            timed["resolved_v2"].append(whole)
                    waited += cycle.waited(over or END)
            figure: Any = by_day.get(start)
            if figure is None:
                assert not timed
                assert not ended
                continue
            assert are(timed["answered"], figure.first_response)
            assert are(timed["answered_v2"], figure.first_response_v2)
            assert are(timed["resolved"], figure.resolution)
            assert are(timed["resolved_v2"], figure.resolution_v2)
            assert (figure.reopened, figure.ended) == (len(again), len(ended))
            assert figure.reopen_rate == (len(again) / len(ended) if ended else None)
            assert figure.reopen_rate_v2 == (len(set(again)) / len(set(ended)) if ended else None)
            handed = [back for case in known.values() for when, back in case.handed if start <= when < end]
            assert (figure.reassigned, figure.ping_pongs) == (len(handed), sum(handed))

    checked(new_database, check)


def test_times_in_open_hours_leave_out_what_was_closed_and_what_was_waited(new_database: Callable[[], str]) -> None:
    hours = tuple(
        OpeningHours(weekday=day, opens=opens, closes=closes)
        for day, opens, closes in ((6, "23:10", "24:00"), (7, "00:00", "01:30"), (7, "03:20", "06:00"))
    )
    define = DefineBusinessCalendar(
        business_calendar_id=reference("business_calendar", "bitacora", "night"), key="night", timezone="Europe/Madrid",
        hours=hours,
    )  # fmt: skip
    (calendar,) = business_calendar.decider.decide(define, business_calendar.decider.initial)
    assert isinstance(calendar, BusinessCalendarDefined)

    def check(lists: Lists, events: list[Happened]) -> None:
        lists.log.do(define)
        engine = Engine(lists.log, lists.pool, [calendars.view])
        engine.prepare()
        engine.catch_up()
        report = case_times(lists, FROM, TO, Granularity.YEAR, calendar="night")
        assert (report.calendar, report.calendar_version) == ("night", 1)
        answered: list[int] = []
        last: list[int] = []
        for case in told(events).values():
            waits = [(span[0], span[1] if len(span) > 1 else END) for cycle in case.cycles for span in cycle.waits]

            def worked(since: datetime, until: datetime, waits: Any = waits) -> int:
                inside = ((max(begin, since), min(end, until)) for begin, end in waits)
                waited = sum(business_seconds(calendar, *span) for span in inside if span[0] < span[1])
                return business_seconds(calendar, since, until) - waited

            answered += [worked(cycle.began, cycle.answered) for cycle in case.cycles if cycle.answered]
            last += [worked(case.cycles[0].began, cycle.resolved) for cycle in case.cycles if cycle.resolved][-1:]
        for figure in report.figures:
            assert are(answered, figure.first_response)
            assert are(last, figure.resolution_v2)
        assert report.figures or not events

    checked(new_database, check)


def decided(case: PlainCase, now: datetime) -> Iterator[tuple[SlaMilestone, datetime, bool, bool]]:
    for n, cycle in enumerate(case.cycles):
        until = case.cycles[n + 1].began if n + 1 < len(case.cycles) else None
        over = min((moment for moment in (cycle.resolved, cycle.closed) if moment), default=None)
        for milestone in SlaMilestone:
            first = milestone is SlaMilestone.FIRST_RESPONSE
            reached = min((each for each in ((cycle.answered if first else None), over) if each), default=None)
            of = [
                target
                for target, at in zip(case.targets, case.set_at, strict=True)
                if target.milestone is milestone
                and cycle.began <= at
                and (until is None or at < until)
                and (reached is None or at <= reached)
            ]
            if of and (reached is not None or of[-1].due_at < now):
                met = reached is not None and reached <= of[-1].due_at
                when = reached if met and reached else min(of[-1].due_at, reached or of[-1].due_at)
                yield milestone, when, met, (milestone, of[-1].due_at) in case.breached


def test_what_was_promised_is_kept_or_not_by_the_last_target_of_each_cycle(new_database: Callable[[], str]) -> None:
    def check(lists: Lists, events: list[Happened]) -> None:
        plain: dict[Any, Counter[str]] = defaultdict(Counter)
        for case in told(events).values():
            for milestone, when, met, breached in decided(case, END):
                start = max((cut for cut in CUTS if cut <= when), default=None)
                if start in CUTS[:-1]:
                    plain[(start, milestone)].update(decided=1, met=met, breached=breached)
        report = sla_attainment(lists, FROM, TO, Granularity.DAY, now=END)
        found = {
            (each.start, each.milestone): Counter(decided=each.decided, met=each.met, breached=each.breached)
            for each in report.figures
        }
        assert found == plain

    checked(new_database, check)


def test_the_board_shows_the_open_cases_that_have_least_time_left_first(new_database: Callable[[], str]) -> None:
    def check(lists: Lists, events: list[Happened]) -> None:
        for now, as_of in ((END, NOW), (START + timedelta(hours=3), AsOf(valid_at=START + timedelta(hours=3)))):
            known = told([each for each in events if as_of == NOW or each.at.occurred_at <= now])  # some end after END
            left: dict[UUID, list[timedelta]] = {}
            for id, case in known.items():
                if not case.open:
                    continue
                cycle = case.cycles[-1]
                stands = cycle.waits[-1][0] if cycle.waits and len(cycle.waits[-1]) == 1 else now
                last = {target.milestone: (target, at) for target, at in zip(case.targets, case.set_at, strict=True)}
                if cycle.answered:
                    last.pop(SlaMilestone.FIRST_RESPONSE, None)
                left[id] = [target.due_at - stands for target, at in last.values() if at >= cycle.began]
            board = case_board(lists, as_of=as_of, now=END)
            assert {card.case_id: card.left_s for card in board.cases} == {
                id: min((each // timedelta(seconds=1) for each in of), default=None) for id, of in left.items()
            }
            order = [card.left_s for card in board.cases]
            assert order == sorted(order, key=lambda each: (each is None, each))
            assert board.open == len(left)
            assert board.overdue == sum(bool(of) and min(of) < timedelta(0) for of in left.values())
            for card in board.cases:
                assert all(clock.left_s >= (card.left_s or 0) for clock in card.clocks if clock.reached_at is None)
            assert tuple(islice(walked(lists, as_of), len(board.cases) + 1)) == board.cases

    checked(new_database, check)


def walked(lists: Lists, as_of: AsOf, first: int = 2) -> Iterator[BoardCase]:
    """The board page by page, while time passes."""
    now, after, more = END, None, True
    while more:
        page = case_board(lists, first=first, after=after, as_of=as_of, now=now)
        assert len(page.cases) == first or not page.has_next_page
        yield from page.cases
        now, after, more = now + timedelta(hours=1), page.end_cursor, page.has_next_page


def test_a_board_of_nothing_is_empty(new_database: Callable[[], str]) -> None:
    with lived(new_database(), []) as (lists, _):
        board = case_board(lists)
        assert (board.open, board.cases, board.counts) == (0, (), ())
        assert [each.open for each in backlog(lists).figures] == [0]
        assert [each.open for each in backlog_series(lists, FROM, TO, Granularity.DAY).figures] == [0, 0]
        assert case_times(lists, FROM, TO, Granularity.DAY).figures == ()
        assert sla_attainment(lists, FROM, TO, Granularity.DAY).figures == ()
