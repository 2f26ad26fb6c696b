"""Batches: a file is taken in once, can be taken back, and be taken in again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.importers import batches
from api.importers.importing import Report
from domain.import_batch import ImportCompleted, ImportReverted, ImportStarted, RowsRejected
from domain.kernel import Refused, reference
from domain.order import DeliverOrder
from eventstore.envelope import Origin
from projections import VIEWS
from projections.engine import Engine
from tests.conftest import House
from tests.importers.conftest import Import
from tests.projections.test_engine import held

REGISTER = (
    '{"command": "registerCustomer", "input": {"customerId": "shop:%s", "name": "%s"}, '
    '"occurredAt": "2026-01-01T10:00:00Z"}\n'
)
ORDER = (
    '{"command": "placeOrder", "input": {"orderId": "shop:%d", "customerId": "shop:ana", '
    '"lines": [{"sku": "A", "quantity": 1, "unitPrice": "%d"}]}, "occurredAt": "2026-01-02T10:00:00Z"}\n'
)
RETURN = (
    '{"command": "returnLines", "input": {"orderId": "shop:1", '
    '"lines": [{"sku": "A", "quantity": 1, "unitPrice": "1"}]}, "occurredAt": "2026-01-03T10:00:00Z"}\n'
)
FILE = REGISTER % ("ana", "Ana") + ORDER % (1, 1) + ORDER % (2, 2) + RETURN + "not json\n"


def seen(house: House) -> dict[str, Any]:
    """Every row of every view but for positions, and the imports themselves."""
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    rows = {view.name: held(house.pool, view) for view in VIEWS if view.name not in ("imports", "timeline")}
    lines = rows["customers"].items()
    return {**rows, "customers": {key: replace(row, name_position=None) for key, row in lines}}  # positions are others


def revert(house: House, report: Report, **more: Any) -> int:
    assert report.batch is not None
    return batches.revert(house.log, report.batch, "By mistake.", actor="test", **more)


def test_an_import_is_begun_completed_and_its_refusals_are_kept(house: House, load: Import) -> None:
    report = load("commands", FILE)
    assert report.batch is not None
    found = house.log.reader.stream(report.batch, disclose=True)
    assert [type(event) for event, _ in found] == [ImportStarted, RowsRejected, ImportCompleted]
    started, rejected, completed = (event for event, _ in found)
    assert isinstance(started, ImportStarted)
    assert (started.source, started.file, started.run) == ("commands", "file", 1)
    assert isinstance(rejected, RowsRejected)
    assert rejected.rows is not None
    assert [(row.line, row.field) for row in rejected.rows] == [(5, None)]
    assert isinstance(completed, ImportCompleted)
    assert (completed.read, completed.imported, completed.unchanged, completed.rejected) == (5, 4, 0, 1)
    assert (completed.first_position, completed.last_position) == (2, 5)


def test_imported_twice_taken_back_and_imported_again_it_is_the_same(house: House, load: Import) -> None:
    empty = seen(house)
    first = load("commands", FILE)
    state = seen(house)
    assert (first.taken, first.already) == (4, 0)
    again = load("commands", FILE)
    assert (again.taken, again.already, again.batch) == (0, 4, first.batch)
    assert seen(house) == state
    assert revert(house, first) == 4
    assert seen(house) == empty
    dry = load("commands", FILE, dry_run=True)
    assert (dry.taken, dry.already) == (4, 0)
    third = load("commands", FILE)
    assert (third.taken, third.already, third.batch) == (4, 0, first.batch)
    assert seen(house) == state
    fourth = load("commands", FILE)
    assert (fourth.taken, fourth.already) == (0, 4)
    assert revert(house, first) == 4
    assert revert(house, first) == 4  # twice is the same as once
    assert seen(house) == empty
    kinds = [type(event) for event, _ in house.log.reader.stream(first.batch)] if first.batch else []
    assert kinds.count(ImportReverted) == 2


def test_what_another_import_took_in_stays_and_a_file_that_grew_goes_on(
    house: House, load: Import, tmp_path: Path
) -> None:
    first = load("commands", FILE)
    grown = load("commands", FILE + ORDER % (3, 3))
    assert (grown.taken, grown.already) == (1, 4)
    assert grown.batch != first.batch
    revert(house, grown)
    orders = seen(house)["orders"]
    assert set(orders) == {reference("order", "shop", str(n)) for n in (1, 2)}
    again = load("commands", FILE + ORDER % (3, 3))
    assert (again.taken, again.already, again.refused) == (1, 4, 1)
    assert set(seen(house)["orders"]) == {reference("order", "shop", str(n)) for n in (1, 2, 3)}


def test_what_changed_since_is_not_left_without_its_beginning_unless_that_is_wanted(house: House, load: Import) -> None:
    report = load("commands", FILE)
    house.log.do(DeliverOrder(order_id=reference("order", "shop", "2")))
    with pytest.raises(Refused, match="1 of the things that this import began have changed since"):
        revert(house, report)
    assert revert(house, report, anyway=True) == 4


def test_only_history_can_be_taken_back(load: Import) -> None:
    assert load("commands", FILE, origin=Origin.SYNC).batch is None


def test_nobody_can_take_back_what_was_never_imported(house: House) -> None:
    with pytest.raises(Refused, match="There is no such import"):
        batches.revert(house.log, reference("import_batch", "x", "y"), None, actor="test")


def test_a_folder_is_the_same_as_long_as_everything_in_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1").write_text("one")
    first = batches.digest_of(tmp_path)
    assert batches.digest_of(tmp_path) == first
    (tmp_path / "a" / "1").rename(tmp_path / "a" / "2")
    assert batches.digest_of(tmp_path) != first
