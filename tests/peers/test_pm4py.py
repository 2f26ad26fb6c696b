"""The process-mining exports, judged by pm4py: it reads both, and finds the graphs that SQL finds.

pm4py is AGPL, so it is no dependency of ours: it is installed into an environment that goes with the test.
"""

import json
import subprocess
import sys
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from api.exporters import ocel, xes
from api.house import House
from domain.kernel import derived
from domain.merging import MergeCustomers
from eventstore.envelope import Request
from eventstore.journal import EVERYTHING
from tests.benchmarks.company import START, commands

PEER = Path(__file__).parent / "pm4py"
SCHEMA = Path(__file__).parent.parent / "exporters" / "ocel20.json"
COMMANDS = 900
NOUNS = ("order", "case", "call", "opportunity")
INSTALL_S = 900


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with pm4py, installed from the requirements with their hashes."""
    folder = tmp_path_factory.mktemp("pm4py")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    install = [
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "install",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]
    subprocess.run([python, *install, "-r", PEER / "requirements.txt"], check=True, timeout=INSTALL_S)
    return python


@pytest.fixture
def lived(house: House) -> House:
    """Some customers who buy, call and complain, two of whom turn out to be one."""
    for n, command in enumerate(islice(commands(), COMMANDS)):
        house.log.do(command, Request(actor=f"user:rep{n % 7}", occurred_at=START + timedelta(minutes=n)))
    house.log.do(MergeCustomers(customer_id=derived("customer", 1), survivor_id=derived("customer", 0)))
    return house


def graph(house: House, case: str) -> list[list[Any]]:
    """How often one event followed another within a case, counted by SQL. Merged customers are one."""
    return followed(house, f"select {case} as case_id, type, occurred_at, position from told where {case} is not null")


def object_graph(house: House, noun: str) -> list[list[Any]]:
    """The same of everything that is about an object: its own events, and those that name it."""
    return followed(
        house,
        f"select stream_id as case_id, type, occurred_at, position from told where split_part(type, '.', 1) = '{noun}' union "
        f"select (convert_from(body, 'UTF8')::jsonb ->> '{noun}_id')::uuid, type, occurred_at, position from told "
        f" where convert_from(body, 'UTF8')::jsonb ->> '{noun}_id' is not null",
    )


def followed(house: House, cases: str) -> list[list[Any]]:
    one, other = derived("customer", 0), derived("customer", 1)
    query = (
        "with told as (select *, case customer_id when %(other)s then %(one)s else customer_id end as customer from es.event), "
        f"cases as ({cases}), "
        "step as (select type, lead(type) over (partition by case_id order by occurred_at, position) as next from cases) "
        "select type, next, count(*)::int from step where next is not null group by 1, 2 order by 1, 2"
    )
    with house.log.pool.connection() as db:
        return [list(row) for row in db.execute(query, {"one": one, "other": other}).fetchall()]  # type: ignore[arg-type]


def number(house: House, query: str) -> int:
    with house.log.pool.connection() as db:
        row = db.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


@pytest.mark.long
def test_pm4py_reads_both_files_and_discovers_what_sql_counts(lived: House, python: Path, tmp_path: Path) -> None:
    files = tmp_path / "log.xes", tmp_path / "log.json"
    with files[0].open("wb") as out:
        traces, events = xes.export(lived.log.reader, EVERYTHING, "customer", out)
    with files[1].open("wb") as out:
        objects = ocel.export(lived.log.reader, EVERYTHING, out)
    done = subprocess.run(
        [python, PEER / "mine.py", *files, SCHEMA, *NOUNS], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["schema_errors"] == []
    assert (found["events"], found["traces"], found["object_events"]) == (events, traces, objects)
    assert objects == number(lived, "select count(*) from es.event")
    assert events == number(lived, "select count(customer_id) from es.event")
    assert found["graph"] == graph(lived, "customer")
    assert sum(found["starts"].values()) == sum(found["ends"].values()) == traces
    for noun in NOUNS:
        assert found["graphs"][noun] == object_graph(lived, noun)
    assert {"order", "customer", "case", "call", "invitation"} <= set(found["object_types"])
    assert found["amounts"]
    assert found["net_activities"] == number(lived, "select count(distinct type) from es.event")
