"""Who may do what to the tree: the sealer adds to it, everybody else reads it, and nobody changes it."""

from pathlib import Path

import psycopg
import pytest

from tests.eventstore.conftest import Accounts, acting_as
from tests.eventstore.sealing.conftest import fill, sealer_in

TABLES = ("tree", "tile", "tile_part", "tree_head", "anchor", "tree_key")


@pytest.fixture
def sealed(accounts: Accounts, dsn: str, tmp_path: Path) -> str:
    """A log of 300 events that was sealed."""
    fill(accounts, 300)
    with sealer_in(dsn, tmp_path) as sealer:
        sealer.run()
    return dsn


def test_the_sealer_may_read_events_and_add_to_the_tree_and_no_more(sealed: str):
    with acting_as(sealed, "es_sealer") as db:
        db.execute("set session authorization es_sealer")
        db.execute("select * from es.event")
        for statement in (
            "update es.event set actor = 'x'",
            "delete from es.event",
            "truncate es.event cascade",
            "insert into es.event select * from es.event",
            "select * from es.personal",
            "select * from es.command",
            "call es.append('[]', null, false)",
            "set role es_owner",
            *(f"delete from es.{table}" for table in TABLES),
            *(f"truncate es.{table} cascade" for table in TABLES),
            "update es.tile set root = root",
            "update es.tile_part set start = start",
            "update es.tree_head set note = note",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(statement)


@pytest.mark.parametrize("role", ["es_app", "es_audit"])
def test_others_may_only_read_the_tree(sealed: str, role: str):
    with acting_as(sealed, role) as db:
        for table in TABLES:
            db.execute(f"select * from es.{table}")
            for statement in (f"insert into es.{table} default values", f"delete from es.{table}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    db.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("select es.drop_full_parts(1::smallint)")


def test_the_superuser_is_stopped_too(sealed: str):
    statements = [
        "update es.tile set root = root",
        "delete from es.tile",
        "update es.tile_part set start = start",
        "delete from es.tile_part",
        "update es.tree_head set note = note",
        "delete from es.tree_head",
        "update es.tree set because = 'x'",
        "delete from es.tree_key",
        "insert into es.tree_head (tree, size, root, note) select tree, size - 1, root, note from es.tree_head",
        *(f"truncate es.{table} cascade" for table in TABLES),
    ]
    with psycopg.connect(sealed, autocommit=True) as db:
        for replica in ("origin", "replica"):
            db.execute(f"set session_replication_role = {replica}")
            for statement in statements:
                with pytest.raises(psycopg.errors.RestrictViolation):
                    db.execute(statement)


@pytest.mark.parametrize("column", ["type", "actor"])
def test_what_could_not_be_sealed_is_not_recorded(dsn: str, column: str):
    row = {"position": 1, "stream_id": "00000000-0000-0000-0000-000000000001", "version": 1, "type": "t", "actor": "a"}
    row |= {"occurred_at": "2026-01-01", "recorded_at": "2026-01-01", "origin": "live", "body": b"{}"}
    row |= {"command_id": row["stream_id"], "correlation_id": row["stream_id"], column: "x" * 10_001}
    insert = f"insert into es.event ({', '.join(row)}) values ({', '.join(f'%({name})s' for name in row)})"
    with psycopg.connect(dsn) as db, pytest.raises(psycopg.errors.CheckViolation, match="event_sealable"):
        db.execute(insert, row)
