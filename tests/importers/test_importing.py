import gzip
import json
import threading
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api.importers import importing
from api.importers.importing import MAX_REPORTED_REFUSALS, Progress
from domain.kernel import Refused
from tests.conftest import House
from tests.importers.conftest import Import, imported

LINE = '{"command": "registerCustomer", "input": {"customerId": "shop:%d"}}\n'


def lines(count: int) -> bytes:
    return "".join(LINE % n for n in range(count)).encode()


def test_a_report_carries_the_first_refusals_and_a_file_all_of_them(load: Import, tmp_path: Path) -> None:
    many = MAX_REPORTED_REFUSALS + 50
    report = load("commands", b"bad\n" * many + lines(1), refusals=tmp_path / "refused")
    assert (report.refused, len(report.refusals), report.taken) == (
        MAX_REPORTED_REFUSALS + 50,
        MAX_REPORTED_REFUSALS,
        1,
    )
    assert len((tmp_path / "refused").read_text().splitlines()) == many
    assert "and 50 more" in "\n".join(report.lines())
    told = report.as_json()
    assert json.loads(json.dumps(told)) == told
    assert (told["complete"], told["refusals"][0]) == (
        False,
        {"line": 1, "field": None, "reason": "This line is not JSON: Expecting value at character 1."},
    )


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 2,000, so that a few seconds hold several."""
    monkeypatch.setattr(importing, "BATCH_COMMANDS", 2_000)


@pytest.mark.usefixtures("small_batches")
def test_progress_is_told_batch_by_batch_up_to_the_end(load: Import) -> None:
    told: list[Progress] = []
    text = lines(9000)
    load("commands", text, progress=told.append)
    assert len(told) >= 5
    assert told == sorted(told)
    assert told[-1] == Progress(len(text), len(text), 9000)


def test_of_a_truncated_file_the_good_part_is_taken_and_the_rest_the_next_time(house: House, load: Import) -> None:
    whole = gzip.compress(lines(5000))
    report = load("commands", whole[: len(whole) // 2])
    assert report.damage is not None
    assert "truncated" in report.damage
    assert not report.complete
    assert 500 < report.taken == len(imported(house)) < 5000
    again = load("commands", whole)
    assert (again.taken, again.already, again.complete) == (5000 - report.taken, report.taken, True)


def test_a_file_of_another_encoding_is_refused_whole(load: Import) -> None:
    with pytest.raises(Refused, match="UTF-16"):
        load("commands", lines(1).decode().encode("utf-16"))


class Outage:
    """Takes the database away after the first batch, and gives it back."""

    def __init__(self, house: House, *, for_s: float | None) -> None:
        self.name = conninfo_to_dict(house.dsn)["dbname"]
        self.elsewhere = make_conninfo(house.dsn, dbname="postgres")
        self.for_s = for_s
        self.happened = False
        house.pool.timeout = 1.0

    def __call__(self, progress: Progress) -> None:
        if not self.happened:
            self.happened = True
            self._allow(False)
            with psycopg.connect(self.elsewhere, autocommit=True) as db:
                db.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [self.name])
            if self.for_s is not None:
                threading.Timer(self.for_s, self.end).start()

    def end(self) -> None:
        self._allow(True)

    def _allow(self, allowed: bool) -> None:
        with psycopg.connect(self.elsewhere, autocommit=True) as db:
            name = sql.Identifier(str(self.name))
            db.execute(sql.SQL("alter database {} allow_connections {}").format(name, sql.Literal(allowed)))


@pytest.mark.usefixtures("small_batches")
def test_a_database_that_goes_away_stops_the_import_with_a_sentence_and_the_next_run_goes_on(
    house: House, load: Import
) -> None:
    outage = Outage(house, for_s=None)
    report = load("commands", lines(9000), retry_for_s=0.5, progress=outage)
    outage.end()
    assert report.stopped is not None
    assert "Stopped at line 2,001" in report.stopped
    assert "Run the same command again" in report.stopped
    assert (report.taken, report.complete) == (2000, False)
    house.pool.timeout = 30
    again = load("commands", lines(9000))
    assert (again.taken, again.already, again.complete) == (7000, 2000, True)
    assert len(imported(house)) == 9000


@pytest.mark.usefixtures("small_batches")
def test_a_database_that_comes_back_in_time_costs_nothing_but_time(house: House, load: Import) -> None:
    outage = Outage(house, for_s=1.0)
    report = load("commands", lines(9000), retry_for_s=60, progress=outage)
    assert outage.happened
    assert (report.taken, report.already, report.stopped) == (9000, 0, None)
    assert len(imported(house)) == 9000
