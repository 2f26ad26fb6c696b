"""A house whose log, keys and views live in databases of their own."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from api.house import open_house
from api.running import worker
from api.settings import Settings
from domain.customer import RegisterCustomer
from domain.kernel import derived
from domain.order import OrderLine, PlaceOrder
from eventstore.custody.providers import KeyFileError
from eventstore.database import SchemaError
from eventstore.embedded import EmbeddedServer
from eventstore.envelope import Request
from processes import post_purchase_survey
from projections import VIEWS
from projections.customers import customers
from projections.rebuild import rebuild
from projections.selecting import Condition, Operator
from projections.touchpoints import due

CUSTOMER = derived("customer", "ana")


@pytest.fixture
def empty(server: EmbeddedServer, new_database: Callable[[], str]) -> Callable[[], str]:
    """Makes databases with nothing in them."""

    def make() -> str:
        name = conninfo_to_dict(new_database())["dbname"]
        with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
            db.execute(f"drop database {name} with (force)")  # type: ignore[arg-type]  # a name of ours
            db.execute(f"create database {name}")  # type: ignore[arg-type]
        return server.dsn(dbname=str(name))

    return make


def tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as db:
        rows = db.execute(
            "select schemaname || '.' || tablename from pg_tables where schemaname in ('es', 'keys', 'views')"
        ).fetchall()
    return {row[0] for row in rows}


def test_the_log_the_keys_and_the_views_may_live_apart(empty: Callable[[], str], tmp_path: Path) -> None:
    dsn, keys, views = empty(), empty(), empty()
    settings = Settings(home=tmp_path, dsn=dsn, keys_dsn=keys, views_dsn=views)
    with open_house(settings) as house:
        house.log.do(RegisterCustomer(customer_id=CUSTOMER, name="Ana", email="ana@example.com"))
        lines = (OrderLine(sku="A", quantity=1, unit_price=Decimal(5)),)
        working = worker(house)
        working.run()
        bought = Request(occurred_at=datetime.now(UTC) - timedelta(days=1))
        house.log.do(PlaceOrder(order_id=derived("order", 1), customer_id=CUSTOMER, lines=lines), bought)
        working.run()
        house.engine.catch_up()
        line = house.lists.get(customers.view, [CUSTOMER])[CUSTOMER]
        assert (line.name, line.email, line.revenue) == ("Ana", "ana@example.com", 5)
        survey = Condition("policy", Operator.EQ, post_purchase_survey.policy.name)
        assert house.lists.count(due.view, [survey]) == 1
        assert all(rebuild(house.engine, view).unchanged for view in VIEWS)
    assert "keys.subject_key" in tables(keys)
    assert not any(name.startswith("es.") for name in tables(keys) | tables(views))
    assert {"views.due", "es.event"} <= tables(dsn)
    assert "keys.subject_key" not in tables(dsn)
    assert "views.customers" in tables(views)
    assert "views.customers" not in tables(dsn)
    with open_house(settings) as house:
        assert house.lists.get(customers.view, [CUSTOMER])[CUSTOMER].name == "Ana"


def test_with_another_key_file_personal_values_stay_closed(dsn: str, tmp_path: Path) -> None:
    with open_house(Settings(home=tmp_path / "one", dsn=dsn)) as house:
        house.log.do(RegisterCustomer(customer_id=CUSTOMER, name="Ana"))
    for complaint in ("is missing", "is not the one under which"):
        with pytest.raises(KeyFileError, match=complaint), open_house(Settings(home=tmp_path / "two", dsn=dsn)):
            pass
        other = tmp_path / "two" / "keys" / "kek-1"
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(bytes(32))


def test_a_log_whose_keys_are_gone_is_not_begun_anew(dsn: str, empty: Callable[[], str], tmp_path: Path) -> None:
    with open_house(Settings(home=tmp_path, dsn=dsn, keys_dsn=empty())) as house:
        house.log.do(RegisterCustomer(customer_id=CUSTOMER, name="Ana"))
    with pytest.raises(KeyFileError, match="database of their keys is empty"):
        with open_house(Settings(home=tmp_path, dsn=dsn, keys_dsn=empty())):
            pass


def test_a_schema_that_another_version_made_is_not_touched(dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(dsn) as db:
        db.execute("update public.bitacora_migration set digest = 'x' where name = 'schema/020_event.sql'")
    with (
        pytest.raises(SchemaError, match="An applied file never changes"),
        open_house(Settings(home=tmp_path, dsn=dsn)),
    ):
        pass


def test_a_log_from_before_the_claims_gets_them_when_it_is_opened(empty: Callable[[], str], tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, dsn=empty())
    with open_house(settings) as house:
        house.log.do(RegisterCustomer(customer_id=CUSTOMER, name="Ana", email="ana@example.com"))
    with psycopg.connect(str(settings.dsn)) as db:  # as if it had been made before
        db.execute("drop table es.claim cascade")
        for function in ("settle_claims(jsonb)", "replace_claims()", "add_claims(jsonb)"):
            db.execute(f"drop function es.{function}")  # type: ignore[arg-type]  # names of ours
        db.execute("drop function es.canonical(uuid[], bigint); drop function es.members(uuid[], bigint)")
        db.execute("delete from public.bitacora_migration where name = 'schema/110_claim.sql'")
    with open_house(settings), psycopg.connect(str(settings.dsn)) as db:
        assert db.execute("select kind, holder, owner from es.claim").fetchall() == [("EMAIL", CUSTOMER, True)]
