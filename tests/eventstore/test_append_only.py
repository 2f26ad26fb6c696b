"""Nobody rewrites the past: the application may not, and the database's own superuser is stopped, too."""

import psycopg
import pytest

from tests.eventstore.conftest import Accounts, acting_as

TABLES = ("event", "command", "personal")
CHANGES = {
    "update": "update es.{0} set {1} = {1}",
    "delete": "delete from es.{0}",
    "truncate": "truncate es.{0} cascade",
}
COLUMN = {"event": "version", "command": "last", "personal": "slot"}
EVERY_CHANGE = [(table, change) for table in TABLES for change in CHANGES]


@pytest.fixture
def remembered(accounts: Accounts, dsn: str) -> str:
    """A log with something in every table."""
    accounts.deposit(None, 1, 2, note="for the roof")
    return dsn


def rows(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as db:
        return [len(db.execute(f"select from es.{table}").fetchall()) for table in TABLES]


@pytest.mark.parametrize(("table", "change"), [*EVERY_CHANGE, *((table, "insert") for table in TABLES)])
def test_the_application_may_not_write_past_the_append_routine(remembered: str, table: str, change: str) -> None:
    statement = CHANGES.get(change, "insert into es.{0} select * from es.{0}").format(table, COLUMN[table])
    with acting_as(remembered, "es_app") as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute(statement)
    assert rows(remembered) == [2, 1, 2]


@pytest.mark.parametrize("replica", [False, True], ids=["as usual", "as a replica"])
@pytest.mark.parametrize(("table", "change"), [c for c in EVERY_CHANGE if c != ("personal", "delete")])
def test_the_superuser_is_stopped_too(remembered: str, table: str, change: str, replica: bool) -> None:
    with psycopg.connect(remembered, autocommit=True) as db:
        db.execute(f"set session_replication_role = {'replica' if replica else 'origin'}")
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            db.execute(CHANGES[change].format(table, COLUMN[table]))
    assert rows(remembered) == [2, 1, 2]


@pytest.mark.parametrize(
    "statement",
    [
        "select es.next_position()",
        "select es.check_appended(1, null)",
        "alter table es.event disable trigger all",
        "drop trigger event_is_kept on es.event",
        "create table es.own (n int)",
        "create or replace function es.immutable() returns trigger language sql as 'select null'",
        "set role es_owner",
    ],
)
def test_the_application_may_not_loosen_the_rules(remembered: str, statement: str) -> None:
    with psycopg.connect(remembered, autocommit=True) as db:
        db.execute("set session authorization es_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(statement)


@pytest.mark.parametrize("table", TABLES)
def test_the_auditor_reads_everything_and_writes_nothing(remembered: str, table: str) -> None:
    with acting_as(remembered, "es_audit") as db:
        assert db.execute(f"select from es.{table}").fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(f"delete from es.{table}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("call es.append('[]', null, true)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("select from keys.subject_key")


def test_the_eraser_deletes_personal_values_and_keys_and_nothing_else(remembered: str) -> None:
    with acting_as(remembered, "es_eraser") as db:
        for table in ("event", "command"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"delete from es.{table}")
        assert db.execute("delete from es.personal").rowcount == 2
        assert db.execute("delete from keys.subject_key").rowcount == 1
    assert rows(remembered) == [2, 1, 0]
