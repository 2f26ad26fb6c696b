"""A personal value leaves the log with a tombstone, and only if a sealed event names its key."""

import random
from collections.abc import Callable
from hashlib import sha256
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from psycopg_pool import ConnectionPool

from domain.kernel import Refused
from eventstore.bulk import Bulk
from eventstore.custody.eraser import Eraser, NotSealed, destroy_again
from eventstore.database import LogCorrupted
from eventstore.envelope import Request
from eventstore.personal import SealedValue, context, digest
from tests.eventstore.accounts import Deposit
from tests.eventstore.conftest import acting_as
from tests.eventstore.custody.conftest import Begin, Keeping

MOVED = 1_000


def say_destroyed(pool: ConnectionPool, *key_ids: int, stored_as: str = "erasure.keys_destroyed.v1") -> int:
    """Records an event that names these keys; returns its position."""
    stream, command = str(uuid4()), str(uuid4())
    event = {
        "stream_id": stream, "version": 1, "type": stored_as, "occurred_at": "2026-03-15T12:00:00Z", "actor": "user:dpo",
        "origin": "live", "command_id": command, "correlation_id": command,
        "body": orjson.dumps({"key_ids": key_ids}).decode(),
    }  # fmt: skip
    with pool.connection() as db:
        row = db.execute("call es.append(%s::jsonb, null, false, null, null, null)", [orjson.dumps([event]).decode()])
        return int(row.fetchone()[0])  # type: ignore[index]


def seal_up_to(keeping: Keeping, size: int) -> None:
    """As the sealer leaves it: a head of a tree of so many events."""
    with psycopg.connect(keeping.dsn) as db:
        db.execute("insert into es.tree (source) select 'events' where not exists (select from es.tree)")
        db.execute(
            "insert into es.tree_head (tree, size, root, note) select max(tree), %s, %s, 'note' from es.tree",
            [size, bytes(32)],
        )


def said_and_sealed(keeping: Keeping, *key_ids: int) -> int:
    because = say_destroyed(keeping.pool, *key_ids)
    seal_up_to(keeping, because)
    return because


def values(keeping: Keeping, table: str = "personal") -> int:
    return int(keeping.rows(f"select count(*) from es.{table}")[0][0])  # type: ignore[call-overload]


@pytest.fixture
def eraser(keeping: Keeping) -> Eraser:
    return Eraser(keeping.dsn)


def test_what_is_erased_leaves_a_tombstone_by_which_the_event_is_still_proved(keeping: Keeping, eraser: Eraser) -> None:
    gone, stays = keeping.note("gone"), keeping.note("stays")
    before = keeping.rows("select position, slot, subject_id, key_id, sha256(nonce || ciphertext) from es.personal")
    keys = keeping.keys(gone)
    because = said_and_sealed(keeping, *keys)
    assert eraser.erase(keys, because=because, subjects=[gone]) == 1
    tombs = keeping.rows("select position, slot, subject_id, key_id, digest, reason, because from es.erased")
    assert tombs == [(*row, "ERASED", because) for row in before if row[2] == gone]
    [(position, slot, subject, key_id, digest_of_value, *_)] = tombs
    [(kept,)] = keeping.rows("select personal from es.event where position = %s", position)
    whole = sha256(b"bitacora-personal/1\0")
    whole.update(int(str(slot)).to_bytes(2, "big") + subject.bytes + int(str(key_id)).to_bytes(8, "big"))  # type: ignore[attr-defined]
    whole.update(digest_of_value)  # type: ignore[arg-type]
    assert whole.digest() == kept
    assert keeping.notes(gone) == [None]
    assert keeping.notes(stays) == ["stays"]


def test_erasing_twice_is_the_same_as_once_and_by_subject_or_not(keeping: Keeping, eraser: Eraser) -> None:
    people = [keeping.note(f"note {n}") for n in range(4)]
    keys = [key for account in people for key in keeping.keys(account)]
    because = said_and_sealed(keeping, *keys)
    assert eraser.erase(keys[:1], because=because, subjects=people[:1]) == 1
    assert eraser.erase(keys[:1], because=because, subjects=people[:1]) == 0
    assert eraser.erase(keys, because=because, subjects=people[1:2]) == 1
    assert eraser.erase(keys, because=because) == 2
    assert eraser.erase(keys, because=because) == 0
    assert (values(keeping), values(keeping, "erased")) == (0, 4)


def test_nothing_is_erased_before_the_event_that_says_so_is_sealed(keeping: Keeping, eraser: Eraser) -> None:
    keys = keeping.keys(keeping.note("gone"))
    because = say_destroyed(keeping.pool, *keys)
    with pytest.raises(NotSealed, match=f"Event {because} is not sealed yet"):
        eraser.erase(keys, because=because)
    seal_up_to(keeping, because - 1)
    with pytest.raises(NotSealed):
        eraser.erase(keys, because=because)
    seal_up_to(keeping, because)
    assert eraser.erase(keys, because=because) == 1


def test_a_tree_that_was_closed_seals_nothing_any_more(keeping: Keeping, eraser: Eraser) -> None:
    keys = keeping.keys(keeping.note("gone"))
    because = said_and_sealed(keeping, *keys)
    with psycopg.connect(keeping.dsn) as db:
        db.execute("insert into es.tree (source) values ('events')")
        db.execute("insert into es.tree (source) values ('reads')")
        db.execute(
            "insert into es.tree_head (tree, size, root, note) select max(tree), 99, %s, '' from es.tree", [bytes(32)]
        )
    with pytest.raises(NotSealed):
        eraser.erase(keys, because=because)


def test_nothing_is_erased_that_the_event_does_not_name(keeping: Keeping, eraser: Eraser) -> None:
    named, other = keeping.keys(keeping.note("named")), keeping.keys(keeping.note("other"))
    because = said_and_sealed(keeping, *named)
    with pytest.raises(Refused, match="does not name all of these keys"):
        eraser.erase(named + other, because=because)
    wrong = say_destroyed(keeping.pool, *named, stored_as="account.closed.v1")
    seal_up_to(keeping, wrong)
    for position in (wrong, 1, 10_000):
        with pytest.raises(Refused, match="does not say that keys were destroyed"):
            eraser.erase(named, because=position)
    with acting_as(keeping.dsn, "es_eraser") as db, pytest.raises(psycopg.DatabaseError, match="does not name"):
        db.execute("call es.erase(array[null::bigint], %s)", [because])
    assert values(keeping) == 2


def test_more_values_than_fit_in_one_batch_are_all_erased(keeping: Keeping, eraser: Eraser) -> None:
    account = uuid4()
    asked = Deposit(account_id=account, customer_id=account, amounts=tuple(range(1, 501)), note="x")
    for _ in range(11):
        Bulk(keeping.log).do([(asked, Request())])
    assert values(keeping) == 5_500
    keys = keeping.keys(account)
    assert eraser.erase(keys, because=said_and_sealed(keeping, *keys), subjects=[account]) == 5_500
    assert (values(keeping), values(keeping, "erased")) == (0, 5_500)


@pytest.mark.parametrize("change", ["update es.erased set slot = 9", "delete from es.erased", "truncate es.erased"])
def test_a_tombstone_stays(keeping: Keeping, eraser: Eraser, change: str) -> None:
    keys = keeping.keys(keeping.note("gone"))
    eraser.erase(keys, because=said_and_sealed(keeping, *keys))
    with psycopg.connect(keeping.dsn) as db, pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        db.execute(change)  # type: ignore[arg-type]


@pytest.mark.parametrize("forged", ["digest", "key_id", "subject_id"])
def test_a_tombstone_of_something_else_lets_no_value_go(keeping: Keeping, forged: str) -> None:
    keeping.note("stays")
    wrong = {"digest": "sha256('other')", "key_id": "key_id + 1", "subject_id": "gen_random_uuid()"}[forged]
    columns = [wrong if name == forged else true for name, true in
               (("subject_id", "subject_id"), ("key_id", "key_id"), ("digest", "sha256(nonce || ciphertext)"))]  # fmt: skip
    with psycopg.connect(keeping.dsn) as db:
        db.execute(
            "insert into es.erased (position, slot, subject_id, key_id, digest, reason, because) "  # type: ignore[arg-type]
            f"select position, slot, {', '.join(columns)}, 'ERASED', 1 from es.personal"
        )
        with pytest.raises(psycopg.errors.RestrictViolation, match=r"es\.erase only"):
            db.execute("delete from es.personal")


@pytest.mark.parametrize("role", ["es_app", "es_audit", "es_custodian"])
def test_only_the_eraser_erases(keeping: Keeping, role: str) -> None:
    keys = keeping.keys(keeping.note("stays"))
    because = said_and_sealed(keeping, *keys)
    with acting_as(keeping.dsn, role) as db:
        for call in ("call es.erase(%s::bigint[], %s)", "select es.erase_some(%s::bigint[], %s, null, 10)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(call, [keys, because])


# A value that was moved.


def swapped(how: str) -> Callable[[random.Random, list[tuple[object, ...]]], list[object]]:
    """Nonce and ciphertext of another row put into this one: of another event, slot or subject, or under another key."""

    def put(rng: random.Random, rows: list[tuple[object, ...]]) -> list[object]:
        position, slot, subject, key_id, nonce, ciphertext = rng.choice(rows)
        others = [row for row in rows if row[0] != position]
        other = rng.choice(others)
        match how:
            case "event":
                return [position, slot, subject, key_id, *other[4:]]
            case "row":
                return [position, slot, *other[2:]]
            case "slot":
                return [position, int(str(slot)) + 1, subject, key_id, nonce, ciphertext]
            case "subject":
                return [position, slot, other[2], key_id, nonce, ciphertext]
            case _:
                return [position, slot, subject, other[3], nonce, ciphertext]

    return put


def test_a_ciphertext_that_was_moved_is_refused_wherever_it_went(keeping: Keeping) -> None:
    """A thousand times at random: between events of one subject and of several, between slots, subjects and keys."""
    people = [keeping.note("a0") for _ in range(6)]
    for n in range(60):
        keeping.note(f"a{n + 1}", people[n % 6])
    rows = keeping.rows("select position, slot, subject_id, key_id, nonce, ciphertext from es.personal")
    events = {row[0]: row[1:] for row in keeping.rows("select position, stream_id, version, type from es.event")}
    ciphers = keeping.ring.for_reading({int(str(row[3])) for row in rows})

    def opened(row: list[object]) -> bytes:
        position, slot, subject, key_id, nonce, ciphertext = row
        stream, version, type = events[position]
        place = context(stream, version, type, slot, subject, key_id)  # type: ignore[arg-type]
        return ciphers[key_id].decrypt(nonce, ciphertext, place)  # type: ignore[index, arg-type]

    assert all(opened(list(row)).startswith(b'"a') for row in rows)
    rng, refused = random.Random(7), 0
    for n in range(MOVED):
        moved = swapped(("event", "row", "slot", "subject", "key")[n % 5])(rng, rows)
        if moved in [list(row) for row in rows]:
            refused += 1
            continue
        try:
            opened(moved)
        except InvalidTag:
            refused += 1
    assert refused == MOVED


@pytest.mark.parametrize("how", ["event", "row", "subject", "key"])
def test_the_reader_refuses_what_was_moved(keeping: Keeping, how: str) -> None:
    people: list[UUID] = [keeping.note("a") for _ in range(6)]
    for account in people:
        keeping.note("b", account)
    rng = random.Random(3)
    rows = keeping.rows("select position, slot, subject_id, key_id, nonce, ciphertext from es.personal")
    for _ in range(12):
        position, slot, *rest = swapped(how)(rng, rows)
        with psycopg.connect(keeping.dsn) as db:
            db.execute("alter table es.personal disable trigger personal_is_kept")
            db.execute(
                "update es.personal set subject_id = %s, key_id = %s, nonce = %s, ciphertext = %s "
                " where position = %s and slot = %s",
                [*rest, position, slot],
            )
        if (position, slot, *rest) not in rows:
            with pytest.raises(LogCorrupted, match=f"value of event {position} is not the one"):
                keeping.log.reader.personal([int(str(position))])
        with psycopg.connect(keeping.dsn) as db:
            original = next(row for row in rows if row[:2] == (position, slot))
            db.execute(
                "update es.personal set subject_id = %s, key_id = %s, nonce = %s, ciphertext = %s "
                " where position = %s and slot = %s",
                [*original[2:], position, slot],
            )
    assert set(keeping.notes(*people)) == {"a", "b"}


def test_the_digest_of_an_event_is_that_of_its_values(keeping: Keeping) -> None:
    keeping.note("a")
    [(kept, *value)] = keeping.rows(
        "select e.personal, slot, subject_id, key_id, nonce, ciphertext from es.event e join es.personal using (position)"
    )
    assert digest([SealedValue(*value)]) == kept  # type: ignore[arg-type]


def test_what_was_destroyed_after_a_backup_is_destroyed_again_in_it(
    begin: Begin, dsn: str, backed_up: Callable[..., Callable[[], str]]
) -> None:
    """The keys' database is restored from before; the log is as it is."""
    keeping = begin()
    gone, stays = [keeping.note(f"gone {n}") for n in range(3)], keeping.note("stays")
    restore = backed_up(dsn, "keys")
    keys = keeping.keys(*gone)
    because = [say_destroyed(keeping.pool, *keys[:2]), say_destroyed(keeping.pool, *keys[2:])]
    keeping.custodian.destroy(keys, because=because[0])
    restored = begin(restore())
    assert restored.custodian.counts() == {"ACTIVE": 4}
    assert destroy_again(keeping.pool, restored.custodian) == 3
    assert destroy_again(keeping.pool, restored.custodian) == 0
    found = {key.key_id: key.destroyed_because for key in restored.custodian.of([*gone, stays])}
    assert [found[key] for key in keys] == [because[0], because[0], because[1]]
    assert restored.custodian.counts() == {"ACTIVE": 1, "DESTROYED": 3}
