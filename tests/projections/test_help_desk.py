"""The log of a real help desk: its backlog of any day and its hand-overs, against a plain reading of the file."""

import csv
import gzip
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from api.importers import tickets
from api.importers.importing import run
from domain import DECIDERS
from eventstore.commands import Commands
from eventstore.reader import AsOf
from projections.buckets import Granularity
from projections.engine import Engine
from projections.lists import Lists
from projections.service import case_slas, cases
from projections.service.backlog import CaseDimension, backlog, backlog_series
from projections.service.case_times import case_times
from projections.view import LONG_AGO
from tests.conftest import House

REAL = Path(__file__).parents[3] / "shared/data/helpdesk"
pytestmark = pytest.mark.skipif(not REAL.exists(), reason="the help desk's log is not part of the repository")
TAKEN_UP = ("Take in charge ticket", "Wait", "Require upgrade")


@dataclass
class Ticket:
    """A ticket by its rows: when it was open, with whom, and how it changed hands."""

    open_from: list[datetime] = field(default_factory=list)
    open_until: list[datetime] = field(default_factory=list)
    queues: list[tuple[datetime, str]] = field(default_factory=list)
    had_by: list[str] = field(default_factory=list)
    handed: list[tuple[datetime, bool]] = field(default_factory=list)
    resolved: list[tuple[datetime, datetime]] = field(default_factory=list)
    at: datetime = LONG_AGO

    @property
    def is_open(self) -> bool:
        return len(self.open_from) > len(self.open_until)

    def take(self, row: dict[str, str]) -> None:
        happened = datetime.fromisoformat(row["timestamp"])
        self.at = max(self.at, happened)
        doing = row["activity"]
        if not self.open_from or (not self.is_open and doing in TAKEN_UP):
            self.open_from.append(self.at)
        if doing == "Take in charge ticket":
            self.queues.append((self.at, row["workgroup"]))
            if self.had_by[-1:] != [row["resource"]]:
                self.handed += [(happened, row["resource"] in self.had_by)] if self.had_by else []
                self.had_by.append(row["resource"])
        if doing in ("Resolve ticket", "Closed") and self.is_open:
            self.open_until.append(self.at)
            if doing == "Resolve ticket":
                self.resolved.append((self.open_from[-1], self.at))

    def open_at(self, moment: datetime) -> bool:
        """Whether it was open just before a moment."""
        return bisect_left(self.open_from, moment) > bisect_left(self.open_until, moment)


@pytest.fixture
def desk(house: House) -> Lists:
    path = str(REAL / "events.csv.gz")
    settings = {each.name: each.default for each in tickets.importer.settings}
    assert run(tickets.importer, path, log=house.log, commands=Commands(DECIDERS), settings=settings).complete
    engine = Engine(house.log, house.pool, [cases.view, case_slas.view])
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def read() -> list[Ticket]:
    found: dict[str, Ticket] = {}
    with gzip.open(REAL / "events.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["case"], Ticket()).take(row)
    return list(found.values())


def years() -> Iterator[tuple[date, date]]:
    for year in range(2010, 2014):
        yield date(year, 1, 1), date(year, 12, 31)


def test_the_backlog_of_every_day_is_what_the_file_says(desk: Lists) -> None:
    known = read()
    days = 0
    for first, last in years():
        series = backlog_series(desk, first, last, Granularity.DAY, zone="UTC")
        for figure in series.figures:
            assert figure.open == sum(ticket.open_at(figure.at) for ticket in known), figure.at
            days += 1
    assert days == 1_461
    for moment in (datetime(2012, 6, 1, tzinfo=UTC), datetime(2013, 3, 15, tzinfo=UTC)):
        open_then = [ticket for ticket in known if ticket.open_at(moment)]
        queues = Counter(
            ticket.queues[n - 1][1] for ticket in open_then if (n := bisect_left(ticket.queues, (moment,)))
        )
        just_before = AsOf(time=moment - timedelta(microseconds=1))
        found = backlog(desk, by=[CaseDimension.QUEUE], as_of=just_before).figures
        assert {each.of.queue: each.open for each in found if each.of.queue is not None} == queues
        assert sum(each.open for each in found) == len(open_then)


def test_how_tickets_were_resolved_changed_hands_and_came_back_is_what_the_file_says(desk: Lists) -> None:
    known = read()
    figures = case_times(desk, date(2010, 1, 1), date(2014, 12, 31), Granularity.YEAR, zone="UTC").figures
    handed = [hand for ticket in known for hand in ticket.handed]
    assert sum(each.opened for each in figures) == len(known) == 4_580
    assert sum(each.reassigned for each in figures) == len(handed)
    assert sum(each.ping_pongs for each in figures) == sum(back for _, back in handed)
    assert sum(each.reopened for each in figures) == sum(len(ticket.open_from) - 1 for ticket in known) == 161
    for each in figures:
        assert each.reassigned == sum(each.start <= when < each.end for when, _ in handed)
        over = [ticket.resolved[-1] for ticket in known if ticket.resolved]
        assert each.resolution_v2.count == sum(each.start <= until < each.end for _, until in over)
    with desk.reading(cases.view) as (db, _):
        row = db.execute(
            "select percentile_cont(0.5) within group (order by since_opened_s) / 86400 from views.case_milestones "
            " where milestone = 'RESOLVED' and cycle = 1"
        ).fetchone()
    assert row is not None
    assert round(row[0], 2) == 5.98  # the published median from the first row to the first resolution, waits included
