"""A database that was restored from an older copy: nothing is signed over it that contradicts what was signed before."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from time import monotonic, sleep
from uuid import uuid4

import orjson
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from eventstore.database import connect
from eventstore.sealing import sealer as sealing
from eventstore.sealing.agreement import Inconsistent
from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.merkle import Frontier, Tree, covering
from eventstore.sealing.state import State
from eventstore.sealing.tiles import Stored
from tests.eventstore.sealing.conftest import heads, leaves, must_agree, sealer_in, told

Restorable = tuple[str, Path]


def append(dsn: str, count: int) -> None:
    """Records so many events, ten at a time; each time it is called they are others."""
    with connect(dsn) as db:
        for _ in range(count // 10):
            command, stream = str(uuid4()), str(uuid4())
            event = {"stream_id": stream, "type": "t", "occurred_at": "2026-01-01Z", "actor": "a", "origin": "live"}
            event |= {"command_id": command, "correlation_id": command, "body": "{}"}
            events = [{**event, "version": version} for version in range(1, 11)]
            db.execute("call es.append(%s::jsonb, null, false)", [orjson.dumps(events).decode()])


def name(dsn: str) -> str:
    return str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def restorable(dsn: str, tmp_path: Path) -> Iterator[Restorable]:
    """500 sealed events, a real copy of the database from then, and 400 more that were sealed after it was made."""
    append(dsn, 500)
    with sealer_in(dsn, tmp_path) as sealer:
        sealer.run()
    older = f"{name(dsn)}_older"
    with psycopg.connect(dsn, autocommit=True, dbname="postgres") as db:
        db.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(older), sql.Identifier(name(dsn))
            )
        )
    append(dsn, 400)
    with sealer_in(dsn, tmp_path) as sealer:
        sealer.run()
    yield make_conninfo(dsn, dbname=older), tmp_path
    with psycopg.connect(dsn, autocommit=True, dbname="postgres") as db:
        db.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(older)))


def test_over_a_restored_older_database_it_refuses(restorable: Restorable):
    older, home = restorable
    before = (home / "checkpoints.txt").read_text()
    with sealer_in(older, home) as sealer:
        for _ in range(2):
            with pytest.raises(Inconsistent, match=r"900 events were sealed, and .* ends at 500.*begin-anew"):
                sealer.step()
    assert (home / "checkpoints.txt").read_text() == before
    assert len(heads(older)) == 1


def state_of(dsn: str) -> State | None:
    """What the database alone says that was signed."""
    with psycopg.connect(dsn) as db:
        row = db.execute(
            "select t.log_id, h.size, h.note from es.tree t join es.tree_head h using (tree) order by h.size desc limit 1"
        ).fetchone()
        if row is None:
            return None
        log_id, size, note = row
        hashes = Stored(db, 1).hashes(covering(0, size))
    return State(
        log_id, f"bitacora/events/{log_id}", Frontier(size, [hashes[node] for node in covering(0, size)]), note
    )


@pytest.mark.parametrize("more", [100, 400, 1_000])
def test_and_still_when_it_has_grown_again_and_its_tree_with_it(restorable: Restorable, more: int):
    """Whoever holds the database and the key makes it agree with itself: only what is outside still knows."""
    older, home = restorable
    append(older, more)
    forged = home / "forged"
    shutil.copytree(home / "keys", forged / "keys")
    (forged / "sealing").mkdir()
    state = state_of(older)
    assert state is not None
    state.save(forged / "sealing/events.state")
    with sealer_in(older, forged) as forger:
        assert forger.run() == 500 + more
    with sealer_in(older, home) as sealer, pytest.raises(Inconsistent):
        sealer.step()
    assert [head.size for head, _ in told(home)] == [500, 900]


def test_a_sealer_that_knows_only_what_the_database_knows_is_caught(
    restorable: Restorable, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    """The mutant: its state is in the database only."""
    older, home = restorable
    tree = Tree(leaves(dsn))
    must_agree((head for head, _ in told(home)), tree)
    monkeypatch.setattr(State, "load", classmethod(lambda cls, file: state_of(older)))
    monkeypatch.setattr(State, "save", lambda self, file: None)
    monkeypatch.setattr(CheckpointFile, "last", lambda self, origin: None)
    append(older, 10)
    with sealer_in(older, home) as mutant:
        mutant.run()
    with pytest.raises(AssertionError, match="another tree"):
        must_agree((head for head, _ in told(home)), tree)


def test_under_a_live_sealer_an_older_database_is_noticed(
    restorable: Restorable, dsn: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    older, home = restorable
    monkeypatch.setattr(sealing, "REFUSED_PAUSE_S", 0.1)
    monkeypatch.setattr(sealing, "PACE_S", 0.02)
    stop, sealer = Signal(), sealer_in(dsn, home)
    thread = Thread(target=sealer.follow, args=(stop,))
    thread.start()
    try:
        sleep(0.3)
        swap(dsn, name(dsn), name(older))
        until(lambda: "ends at 500" in caplog.text)
        assert sealer.refusal_file.read_text().startswith("900 events were sealed")
        swap(dsn, name(dsn), name(older))
        until(lambda: not sealer.refusal_file.exists())
    finally:
        stop.set()
        thread.join(10)
    assert [head.size for head, _ in told(home)] == [500, 900]


def until(reached, patience_s: float = 20) -> None:
    began = monotonic()
    while not reached():
        assert monotonic() - began < patience_s
        sleep(0.02)


def swap(dsn: str, one: str, other: str) -> None:
    """Each database gets the name of the other, whoever is connected."""
    with psycopg.connect(dsn, autocommit=True, dbname="postgres") as db:

        def renamed(old: str, new: str) -> bool:
            db.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [old])
            with suppress(psycopg.errors.ObjectInUse):
                db.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))
                return True
            return False

        for old, new in ((one, "swapping"), (other, one), ("swapping", other)):
            until(lambda old=old, new=new: renamed(old, new))


def test_a_new_tree_can_be_begun_when_the_old_one_is_lost(restorable: Restorable):
    older, home = restorable
    with sealer_in(older, home) as sealer:
        with pytest.raises(Inconsistent):
            sealer.step()
        before = State.load(sealer.state_file)
        fresh = sealer.begin_anew("The disk of the server burnt.")
        assert sealer.run() == 500
    assert fresh != before.origin
    assert told(home)[-1][0].origin == fresh
    (kept,) = (home / "sealing").glob("events.before-*.state")
    assert State.load(kept).checkpoint == before.checkpoint
    with psycopg.connect(older) as db:
        assert db.execute("select because from es.tree order by tree").fetchall() == [
            (None,),
            ("The disk of the server burnt.",),
        ]
