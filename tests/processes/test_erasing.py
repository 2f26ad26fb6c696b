"""Erasing: from the request to the certificate."""

from pathlib import Path

import pytest

from domain.customer import ChangeAddress
from domain.erasure_events import ErasureStatus
from tests.conftest import House
from tests.processes.privacy import Office
from tests.processes.shop import Shop


@pytest.fixture
def office(house: House, tmp_path: Path) -> Office:
    return Office(house.log, house.dsn, tmp_path)


def test_a_person_is_erased_and_it_is_certified(office: Office, shop: Shop) -> None:
    ana, bea = (
        shop.customer(name="Ana Canary", email="ana.canary@shop.test"),
        shop.customer(name="Bea", email="bea@shop.test"),
    )
    shop.do(ChangeAddress(customer_id=ana, street="Calle Canaria 7", postal_code="28001", city="Madrid", country="ES"))
    shop.order(ana, "2026-03-01 10:00")
    office.engine.catch_up()
    [id] = office.erased(ana)
    state = office.state(id)
    assert state.status is ErasureStatus.COMPLETED
    assert office.query("select count(*) from es.personal where subject_id = %s", ana) == [(0,)]
    assert office.query("select name, email, search from views.customers where customer_id = %s", ana) == [
        (None, None, "")
    ]
    assert office.query("select name from views.customers where customer_id = %s", bea) == [("Bea",)]
    assert office.query("select order_count from views.customers where customer_id = %s", ana) == [(1,)]
    assert office.rebuilt_is_live()
