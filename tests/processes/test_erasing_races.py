"""Erasing beside others: slow followers, rebuilds, and rows that were parked."""

from pathlib import Path

import pytest

from domain.erasure_events import ErasureStatus
from projections.forgetting import Behind, forget
from projections.rebuild import alone
from tests.conftest import House
from tests.processes.privacy import Office
from tests.processes.shop import Shop
from tests.processes.test_erasing import NOBODY, line


@pytest.fixture
def office(house: House, tmp_path: Path) -> Office:
    return Office(house.log, house.dsn, tmp_path)


def test_what_a_follower_read_before_somebody_was_blocked_is_not_written_back(office: Office, shop: Shop) -> None:
    ana = shop.customer(name="Ana Canary")
    view = next(view for view in office.engine.views if view.name == "customers")
    page = office.log.reader.page(0, disclose=True)  # another follower, which is slow
    office.verified(ana)
    office.run()
    assert not office.engine._fold_in(office.log.pool, [view], 0, page)
    assert line(office, ana) == NOBODY


def test_a_view_that_is_behind_does_not_forget_yet(office: Office, shop: Shop) -> None:
    ana = shop.customer()
    with pytest.raises(Behind, match="is not where it has to be"):
        forget(office.engine, [ana], office.log.reader.head() + 1)
    assert line(office, ana)[0] == "Ana"


def test_nobody_forgets_while_a_view_is_rebuilt_from_what_was_read_before(office: Office, shop: Shop) -> None:
    ana = shop.customer()
    id = office.verified(ana)
    view = next(view for view in office.engine.views if view.name == "customers")
    with alone(office.engine, [view]):
        office.run()
        assert office.state(id).status is ErasureStatus.BLOCKED
    office.run(office.hire())
    assert office.state(id).status is ErasureStatus.PURGED


def test_a_row_that_is_parked_is_forgotten_as_well(office: Office, shop: Shop) -> None:
    ana = shop.customer(name="Ana Canary")
    office.engine.catch_up()
    office.query(
        "insert into views.parked (view, key, position, error) values ('customers', %s, 1, 'Ana Canary') returning key",
        str(ana),
    )
    office.erased(ana)
    assert line(office, ana) == NOBODY
    assert office.query("select * from views.parked") == []
