"""The sealer: signs what is there, goes on where it stopped, and refuses to sign what contradicts itself."""

import stat
from threading import Event as Signal
from threading import Thread
from time import monotonic, sleep

import psycopg
import pytest

from eventstore.database import LogCorrupted
from eventstore.sealing import sealer as sealing
from eventstore.sealing.agreement import Inconsistent
from eventstore.sealing.merkle import Tree
from eventstore.sealing.notes import VerifierKey, checkpoint_of
from eventstore.sealing.sealer import Elsewhere
from eventstore.sealing.state import State, StateError
from eventstore.sealing.tiles import Stored
from tests.eventstore.conftest import Accounts, acting_as
from tests.eventstore.sealing.conftest import fill, heads, leaves, must_agree, sealer_in, told


def vkeys(dsn: str) -> list[VerifierKey]:
    with psycopg.connect(dsn) as db:
        rows = db.execute("select vkey from es.tree_key order by at").fetchall()
    return [VerifierKey.parse(row[0]) for row in rows]


def origin(dsn: str) -> str:
    with psycopg.connect(dsn) as db:
        return f"bitacora/events/{db.execute('select max(log_id::text) from es.tree').fetchone()[0]}"


def test_an_empty_log_is_not_signed(sealer, dsn, tmp_path):
    assert sealer.run() == 0
    assert heads(dsn) == []
    assert not (tmp_path / "home/checkpoints.txt").exists()


def test_everything_is_sealed_and_signed(sealer, accounts: Accounts, dsn, tmp_path):
    fill(accounts, 700)
    assert sealer.run() == 700
    ((size, root, note),) = heads(dsn)
    assert (size, root) == (700, Tree(leaves(dsn)).root())
    head = checkpoint_of(note, origin(dsn), vkeys(dsn))
    assert (head.size, head.root) == (size, root)
    assert [(head, str(note)) for head, note in told(tmp_path / "home")] == [(head, note)]


@pytest.mark.parametrize("count", [99, 100, 101, 200, 250])
def test_page_by_page_nothing_is_left(sealer, accounts: Accounts, dsn, monkeypatch, count: int):
    monkeypatch.setattr(sealing, "PAGE_ENTRIES", 100)
    fill(accounts, count)
    assert sealer.run() == count
    assert heads(dsn)[-1][:2] == (count, Tree(leaves(dsn)).root())


def test_a_head_is_signed_only_when_the_tree_grew(sealer, accounts, dsn, tmp_path):
    fill(accounts, 3)
    for _ in range(3):
        sealer.run()
    accounts.deposit()
    sealer.run()
    sealer.run()
    assert [size for size, _, _ in heads(dsn)] == [3, 4]
    assert [head.size for head, _ in told(tmp_path / "home")] == [3, 4]


def test_heads_come_at_a_pace_and_no_event_waits_long(accounts, dsn, tmp_path):
    with sealer_in(dsn, tmp_path, sign_every_s=0.3) as sealer:
        began = monotonic()
        while (lasted := monotonic() - began) < 1.0:
            accounts.deposit()
            sealer.step()
        sizes = [size for size, _, _ in heads(dsn)]
        assert 2 <= len(sizes) <= lasted / 0.3 + 1 < len(leaves(dsn))
        sleep(0.3)
        sealer.step()
        assert heads(dsn)[-1][0] == len(leaves(dsn))


def test_it_goes_on_where_another_one_stopped(sealer_of, accounts, dsn, tmp_path):
    for count in (5, 300, 1, 256, 700):
        fill(accounts, count)
        with sealer_of() as sealer:
            sealer.run()
    tree = Tree(leaves(dsn))
    assert tree.size == 1_262
    found = [head for head, _ in told(tmp_path / "home")]
    assert [head.size for head in found] == [5, 305, 306, 562, 1_262]
    must_agree(found, tree)
    with psycopg.connect(dsn) as db:
        assert Stored(db, 1).tile(0, 4, 1_262 % 256) == b"".join(tree.levels[0][1_024:])


def test_it_forgets_nothing_of_what_it_keeps_outside(sealer, accounts, tmp_path):
    fill(accounts, 300)
    sealer.run()
    state = State.load(sealer.state_file)
    assert (state.size, state.origin) == (300, told(tmp_path / "home")[0][0].origin)
    assert state.note == str(told(tmp_path / "home")[0][1])
    assert stat.S_IMODE(sealer.state_file.stat().st_mode) == 0o600


def test_it_follows_until_it_is_stopped(sealer, accounts, dsn):
    stop = Signal()
    thread = Thread(target=sealer.follow, args=(stop,))
    thread.start()
    fill(accounts, 100)
    began = monotonic()
    while not (found := heads(dsn)) or found[-1][0] < 100:
        assert monotonic() - began < 5
        sleep(0.05)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


# Another sealer.


def test_a_second_sealer_of_the_same_home_waits(sealer_of, accounts):
    fill(accounts, 3)
    first, second = sealer_of(), sealer_of()
    first.run()
    with pytest.raises(Elsewhere, match="Another process"):
        second.step()
    first.close()
    assert second.run() == 3


def test_a_second_sealer_from_elsewhere_waits_and_then_is_refused(sealer_of, accounts, dsn):
    fill(accounts, 3)
    first, second = sealer_of(), sealer_of("other")
    first.run()
    with pytest.raises(Elsewhere, match="Another sealer"):
        second.step()
    first.close()
    with pytest.raises(Inconsistent, match=r"sealed before.*missing.*begin-anew"):
        second.step()
    assert len(heads(dsn)) == 1


def test_a_head_from_nowhere_stops_it(sealer, accounts, dsn):
    fill(accounts, 3)
    sealer.run()
    with acting_as(dsn, "es_sealer") as db:
        db.execute("insert into es.tree_head (tree, size, root, note) values (1, 4, %s, 'x')", [bytes(32)])
    fill(accounts, 3)
    with pytest.raises(Inconsistent, match="4 events were sealed last, and it was 3"):
        sealer.run()
    with pytest.raises(Inconsistent, match="old copy"):
        sealer.run()


# The database is not what it was.


def test_another_database_is_refused(sealer, accounts, new_database, tmp_path):
    fill(accounts, 3)
    sealer.run()
    sealer.close()
    with sealer_in(new_database(), tmp_path / "home") as other, pytest.raises(Inconsistent, match="knows of no sealed"):
        other.step()


@pytest.mark.parametrize(
    "tampering",
    [
        "update es.event set actor = 'user:somebody' where position = 250",
        "update es.event set body = '{}' where position = 300",
        "update es.event set recorded_at = recorded_at + interval '1 microsecond' where position = 300",
        "delete from es.event where position = 300",
        "update es.event set position = -position where position in (299, 300); "
        "update es.event set position = 599 + position where position < 0",
    ],
)
def test_events_that_were_changed_are_noticed_when_it_comes_back(sealer, accounts, dsn, tampering):
    fill(accounts, 300)
    sealer.run()
    tampered(dsn, "event", tampering)
    sealer.close()
    fill(accounts, 1)
    with pytest.raises(Inconsistent, match=r"position (250|299|300) of events is not what was sealed"):
        sealer.step()
    assert len(heads(dsn)) == 1


@pytest.mark.parametrize("tampering", ["delete from es.event where position = 300", "update es.event set body = '{}'"])
def test_at_each_step_it_looks_at_the_last_event(sealer, accounts, dsn, tampering):
    fill(accounts, 300)
    sealer.run()
    tampered(dsn, "event", tampering)
    with pytest.raises((Inconsistent, LogCorrupted)):
        sealer.step()


def test_a_gap_is_never_sealed(sealer, accounts, dsn):
    fill(accounts, 300)
    tampered(dsn, "event", "delete from es.event where position = 200")
    with pytest.raises(LogCorrupted, match="gap"):
        sealer.run()
    assert heads(dsn) == []


@pytest.mark.parametrize(
    ("table", "tampering"),
    [
        ("tile", "update es.tile set hashes = overlay(hashes placing '\\x00' from 100)"),
        ("tile", "update es.tile set root = sha256(root)"),
        ("tile", "delete from es.tile where number = 1"),
        ("tile_part", "update es.tile_part set hashes = sha256(hashes) || substring(hashes from 33)"),
        ("tile_part", "delete from es.tile_part"),
        ("tree", "insert into es.tree (source) values ('events')"),
    ],
)
def test_a_tree_that_was_changed_is_noticed_when_it_comes_back(sealer, accounts, dsn, table, tampering):
    fill(accounts, 600)
    sealer.run()
    sealer.close()
    tampered(dsn, table, tampering)
    fill(accounts, 1)
    with pytest.raises(Inconsistent):
        sealer.step()
    assert len(heads(dsn)) == 1


def tampered(dsn: str, table: str, statement: str) -> None:
    """Done by the superuser, who can switch the guards off."""
    with psycopg.connect(dsn) as db:
        db.execute(f"alter table es.{table} disable trigger all")
        db.execute(statement)


# Its own files.


def test_an_old_copy_of_the_state_is_refused(sealer_of, accounts, dsn, tmp_path):
    fill(accounts, 3)
    with sealer_of() as sealer:
        sealer.run()
        old = sealer.state_file.read_bytes()
    fill(accounts, 3)
    with sealer_of() as sealer:
        sealer.run()
    sealer.state_file.write_bytes(old)
    fill(accounts, 3)
    with sealer_of() as sealer, pytest.raises(Inconsistent, match=r"A tree of 6 events was signed, and .* 3 only"):
        sealer.step()
    tampered(dsn, "tree_head", "delete from es.tree_head where size > 3")
    with sealer_of() as sealer, pytest.raises(Inconsistent, match="A tree of 6 events was signed"):
        sealer.step()


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"format": 1}', b"\xff", b'{"format": 2}'])
def test_a_damaged_state_is_refused(sealer_of, accounts, damage):
    fill(accounts, 3)
    with sealer_of() as sealer:
        sealer.run()
    sealer.state_file.write_bytes(damage)
    with sealer_of() as sealer, pytest.raises(StateError, match=r"damaged|another version"):
        sealer.step()


def test_what_a_cut_left_torn_in_the_file_of_checkpoints_is_passed_over(sealer_of, accounts, tmp_path):
    file = tmp_path / "home/checkpoints.txt"
    for cut in (0, 1, 40, 150):
        fill(accounts, 3)
        with sealer_of() as sealer:
            sealer.run()
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) - cut])
    fill(accounts, 3)
    with sealer_of() as sealer:
        sealer.run()
    assert [head.size for head, _ in told(tmp_path / "home")][-1] == 15
    assert {3, 6, 15} <= {head.size for head, _ in told(tmp_path / "home")}
