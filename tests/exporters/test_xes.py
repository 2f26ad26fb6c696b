"""XES: what is exported is what is in the log, trace by trace, and the importer reads the same again."""

import gzip
import io
import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from api.cli import app
from api.exporters.slices import attributes, moment_of
from api.exporters.xes import export
from api.importers import xes as importer
from api.importers.importing import Rejected
from api.importers.lines import Source
from api.settings import Settings
from domain import DECIDERS
from domain.customer import RegisterCustomer
from domain.kernel import Refused, derived
from domain.order import OrderLine, PlaceOrder
from eventstore.database import open_pool
from eventstore.envelope import Happened
from eventstore.journal import Search
from eventstore.log import Log
from eventstore.personal import KeyRing
from tests.conftest import KEK, House
from tests.exporters.conftest import EVERYTHING, NOUN, History, as_read_today, lives
from tests.projections import histories

NAMES = {"activity": "activity", "timestamp": "timestamp", "resource": "resource"}


def read_again(path: Path) -> list[dict[str, str]]:
    """The rows of a file, as the importer reads them."""
    found = []
    for each in importer.events(Source(str(path)), "case", NAMES):
        assert not isinstance(each, Rejected), each
        found.append(each[1])
    return found


def told(case: Any, happened: Happened) -> dict[str, str]:
    """An event as a row."""
    at = happened.at
    more = {name: value.strip() for name, _, value in attributes(happened) if name != "actor"}
    return {
        **more, "case": str(case), "activity": at.type, "timestamp": moment_of(at.occurred_at), "resource": at.actor,
        "lifecycle:transition": "complete", "stream_id": str(at.stream_id),
        **({} if at.customer_id is None else {"customer_id": str(at.customer_id)}),
    }  # fmt: skip


def traces(events: list[Happened], case: str) -> dict[Any, list[Happened]]:
    """The events by trace, in the order in which it was so."""
    found: dict[Any, list[Happened]] = defaultdict(list)
    for happened in sorted(events, key=lambda each: (each.at.occurred_at, each.at.position)):
        at = happened.at
        if case == "customer":
            key: Any = at.customer_id
        elif case == "chain":
            key = at.correlation_id
        else:
            key = at.stream_id if NOUN[at.type] == case else None
        if key is not None:
            found[key].append(happened)
    return found


def test_an_exported_file_is_read_again_as_it_was(new_database: Callable[[], str], tmp_path: Path) -> None:
    file = tmp_path / "log.xes"

    @given(
        history=lives, case=st.sampled_from(["customer", "customer", "chain", "order", "opportunity", "case", "call"])
    )
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: History, case: str) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            histories.live_through(
                log, [(RegisterCustomer(customer_id=derived("customer", 1)), histories.START), *history]
            )
            with file.open("wb") as out:
                counts = export(log.reader, EVERYTHING, case, out)
            wanted = traces(as_read_today(log), case)
            assert counts == (len(wanted), sum(map(len, wanted.values())))
            if not wanted:
                return
            rows = read_again(file)
            assert rows == [told(key, each) for key in sorted(wanted, key=lambda id: id.bytes) for each in wanted[key]]

    check()


def test_a_slice_has_what_was_asked_for_and_nothing_personal(house: House) -> None:
    for n in (1, 2):
        house.log.do(RegisterCustomer(customer_id=derived("c", n), name="Canary <&> Núñez", source='a"<&>\x01é'))
    out = io.BytesIO()
    assert export(house.log.reader, Search(customers=(derived("c", 1),)), "customer", out) == (1, 1)
    assert b"Canary" not in out.getvalue()
    assert "\ufffdé" in out.getvalue().decode()
    with pytest.raises(Refused, match="there is no 'moon'"):
        export(house.log.reader, EVERYTHING, "moon", out)


@pytest.fixture
def run(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    key = Settings(home=tmp_path / "home").key_file
    key.parent.mkdir(parents=True)
    key.write_bytes(KEK)
    monkeypatch.setenv("BITACORA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BITACORA_DSN", dsn)
    return lambda *words: CliRunner().invoke(app, ["audit", *words], catch_exceptions=False)


def test_both_are_written_from_the_command_line(run: Callable[..., Result], house: House, tmp_path: Path) -> None:
    house.log.do(RegisterCustomer(customer_id=derived("c", 1), email="ana@example.com"))

    lines = (OrderLine(sku="S", quantity=3, unit_price=Decimal(1)),)
    house.log.do(PlaceOrder(order_id=derived("o", 1), customer_id=derived("c", 1), lines=lines))
    packed, plain = tmp_path / "log.json.gz", tmp_path / "log.xes"
    assert "Wrote 1 events" in run("ocel", str(packed), "--type", "order.*").stdout
    assert [event["type"] for event in json.loads(gzip.decompress(packed.read_bytes()))["events"]] == [
        "order.placed.v1"
    ]
    assert "in 1 traces" in run("xes", str(plain), "--case", "order").stdout
    assert [row["activity"] for row in read_again(plain)] == ["order.placed.v1"]
    assert run("xes", str(tmp_path / "nowhere" / "x"), "--case", "customer").exit_code == 1
    assert run("xes", str(tmp_path / "x"), "--case", "moon").exit_code == 1
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["log.json.gz", "log.xes"]
    assert json.loads(run("ocel", "-").stdout)["objects"]
