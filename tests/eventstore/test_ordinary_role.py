"""A PostgreSQL of one's own: it is enough that the user may create roles and owns the database."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from domain import DECIDERS
from domain.kernel import derived
from domain.order import OrderLine, PlaceOrder
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, VIEWS_SCHEMA, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing
from projections import VIEWS
from projections.customers import customer_360
from projections.engine import Engine
from projections.lists import Lists
from projections.rebuild import rebuild
from tests.conftest import KEK

NAME = "ordinary"


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[str]:
    """A database of an ordinary role's on a server that has seen nothing of us, as that role."""
    with EmbeddedServer(tmp_path) as server:
        with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
            db.execute(sql.SQL("create role {} login createrole").format(sql.Identifier(NAME)))
            db.execute(sql.SQL("create database {0} owner {0}").format(sql.Identifier(NAME)))
        yield server.dsn(user=NAME, dbname=NAME)


def test_an_ordinary_role_makes_the_schema_and_works_with_the_rights_of_the_application(theirs: str) -> None:
    for schema in (LOG_SCHEMA, KEYS_SCHEMA, VIEWS_SCHEMA):
        assert migrate(theirs, schema)
    with open_pool(theirs) as pool:
        log = Log(pool, DECIDERS, KeyRing(pool, KEK))
        lines = (OrderLine(sku="A", quantity=1, unit_price=Decimal(5)),)
        customer = derived("customer", 1)
        log.do(PlaceOrder(order_id=derived("order", 1), customer_id=customer, lines=lines))
        engine = Engine(log, pool, VIEWS)
        engine.prepare()
        engine.catch_up()
        assert Lists(log, pool).get(customer_360.view, [customer])[customer].gross == 5
        assert rebuild(engine, customer_360.view).unchanged
        with pool.connection() as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("delete from es.event")
