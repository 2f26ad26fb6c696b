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


@pytest.mark.parametrize("role", ["es_eraser", "es_custodian", "es_app"])
def test_nobody_deletes_a_personal_value_or_a_key_by_hand(remembered: str, role: str) -> None:
    with acting_as(remembered, role) as db:
        for table in ("es.event", "es.command", "es.personal", "es.erased", "keys.subject_key", "keys.epoch"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"delete from {table}")
    assert rows(remembered) == [2, 1, 2]


def test_not_even_the_superuser_takes_a_personal_value_without_its_tombstone(remembered: str) -> None:
    with psycopg.connect(remembered, autocommit=True) as db:
        with pytest.raises(psycopg.errors.RestrictViolation, match=r"by es\.erase only"):
            db.execute("delete from es.personal where slot = 0")
        with pytest.raises(psycopg.errors.RestrictViolation, match="keeps what was destroyed"):
            db.execute("delete from keys.subject_key")
    assert rows(remembered) == [2, 1, 2]
