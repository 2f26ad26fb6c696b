"""A house on a database of its own, and a way to ask it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg_pool import ConnectionPool

from api.house import House
from api.schema import execute
from api.settings import Settings
from domain import DECIDERS
from domain.kernel import reference
from eventstore.log import Log
from eventstore.personal import KeyRing
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from tests.conftest import KEK

Ask = Callable[..., Any]

ANA: UUID = reference("customer", "shop", "ana")

REGISTER = (
    "mutation($input: RegisterCustomerInput!, $id: ID) { registerCustomer(input: $input, commandId: $id) { ...R } }"
)
ORDER = "mutation($input: PlaceOrderInput!, $at: DateTime) { placeOrder(input: $input, occurredAt: $at) { ...R } }"
LOGGED = "mutation($input: LogInteractionInput!) { logInteraction(input: $input) { ...R } }"
RESULT = """
fragment R on CommandResult {
  ... on Receipt { commandId streamId position duplicate events { position type version } }
  ... on Refusal { reason field code }
}
"""


@pytest.fixture
def house(dsn: str, pool: ConnectionPool, tmp_path: Path) -> House:
    log = Log(pool, DECIDERS, KeyRing(pool, KEK))
    engine = Engine(log, pool, VIEWS)
    engine.prepare()
    settings = Settings(home=tmp_path)
    settings.key_file.parent.mkdir()
    return House(settings, dsn, log, Lists(log, pool), engine)


@pytest.fixture
def ask(house: House) -> Ask:
    """Asks in process and gives the data; `errors=True` gives the errors instead."""

    def answer(query: str, errors: bool = False, **variables: Any) -> Any:
        if "...R" in query:
            query += RESULT
        house.engine.catch_up()
        found = execute(house, query, variables)
        if errors:
            return found["errors"]
        assert "errors" not in found, found["errors"]
        return found["data"]

    return answer


@pytest.fixture
def ana(ask: Ask) -> UUID:
    """Ana, registered, with two orders and a call."""
    told = {"customerId": "shop:ana", "name": "Ana Núñez", "email": "Ana@Example.com", "phone": "600 123 456"}
    ask(REGISTER, input=told)
    for number, price in (("1", "12.50"), ("2", "99.99")):
        line = {"sku": f"SKU-{number}", "quantity": 2, "unitPrice": price}
        placed = {"orderId": f"shop:{number}", "customerId": "shop:ana", "lines": [line]}
        ask(ORDER, input=placed, at=f"2026-0{number}-10T10:00:00Z")
    call = {
        "interactionId": "pbx:1",
        "customerId": "shop:ana",
        "channel": "PHONE",
        "subject": "Tienda",
        "text": "¿Está abierto?",
    }
    ask(LOGGED, input=call)
    return ANA
