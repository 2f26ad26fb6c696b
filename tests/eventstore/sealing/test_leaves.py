"""Leaves: the same bytes for ever, other bytes for anything else."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.sealing.leaves import EVENT_COLUMNS, Unsealable, event_entry
from eventstore.sealing.merkle import leaf_hash
from tests.eventstore.conftest import Accounts

NAMES = (
    "format", "position", "recorded_at", "stream_id", "version", "type", "customer_id", "occurred_at",
    "actor", "origin", "command_id", "correlation_id", "because", "body", "personal",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ROW = (
    7, 1_700_000_000_000_001, bytes(range(16)), 3, b"order.placed.v1", bytes(range(16, 32)), -1, "user:peña".encode(),
    b"live", bytes(range(32, 48)), bytes(range(48, 64)), 5, sha256(b"{}").digest(), sha256(b"p").digest(),
)  # fmt: skip

uuids = st.binary(min_size=16, max_size=16)
longs = st.integers(-(2**63), 2**63 - 1)
digests = st.binary(min_size=32, max_size=32)
rows = st.tuples(
    longs, longs, uuids, st.integers(0, 2**31 - 1), st.binary(max_size=40), st.none() | uuids, longs,
    st.binary(max_size=40), st.binary(max_size=40), uuids, uuids, st.none() | longs, digests, st.none() | digests,
)  # fmt: skip


def fields(entry: bytes) -> dict[str, bytes]:
    """The fields of an entry, read by what the format says and not by our code."""
    found = []
    while entry:
        length = int.from_bytes(entry[:2])
        found.append(entry[2 : 2 + length])
        assert len(found[-1]) == length
        entry = entry[2 + length :]
    return dict(zip(NAMES, found, strict=True))


def test_the_bytes_of_a_leaf_never_change():
    entry = event_entry(ROW)
    assert entry.hex() == (
        "000f62697461636f72612d6c6561662f31" "00080000000000000007" "000800060a24181e4001"
        "0010000102030405060708090a0b0c0d0e0f" "000400000003" "000f6f726465722e706c616365642e7631"
        "0010101112131415161718191a1b1c1d1e1f" "0008ffffffffffffffff" "000a757365723a7065c3b161" "00046c697665"
        "0010202122232425262728292a2b2c2d2e2f" "0010303132333435363738393a3b3c3d3e3f" "00080000000000000005"
        "002044136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        "0020148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940"
    )  # fmt: skip
    assert leaf_hash(entry).hex() == sha256(b"\0" + entry).hexdigest()


@given(rows)
def test_each_field_stands_after_its_length(row):
    found = fields(event_entry(row))
    assert found["format"] == b"bitacora-leaf/1"
    assert int.from_bytes(found["position"], signed=True) == row[0]
    assert int.from_bytes(found["recorded_at"], signed=True) == row[1]
    assert int.from_bytes(found["version"]) == row[3]
    assert int.from_bytes(found["occurred_at"], signed=True) == row[6]
    assert found["because"] == (b"" if row[11] is None else row[11].to_bytes(8, signed=True))
    for name, place in (("stream_id", 2), ("type", 4), ("customer_id", 5), ("actor", 7), ("origin", 8)):
        assert found[name] == (row[place] or b"")
    for name, place in (("command_id", 9), ("correlation_id", 10), ("body", 12), ("personal", 13)):
        assert found[name] == (row[place] or b"")


@given(rows, rows)
def test_two_events_never_have_the_same_leaf(one, other):
    assert (event_entry(one) == event_entry(other)) == (one == other)


@pytest.mark.parametrize("place", range(len(ROW)))
def test_every_column_counts(place):
    value = ROW[place]
    changed = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
    other = (*ROW[:place], changed, *ROW[place + 1 :])
    assert event_entry(other) != event_entry(ROW)


@pytest.mark.parametrize(
    "row",
    [(*ROW[:7], b"x" * 65_536, *ROW[8:]), (*ROW[:7], b"x" * 65_535, *ROW[8:]), (*ROW[:4], b"x" * 65_400, *ROW[5:])],
)
def test_what_is_longer_than_an_entry_may_be_is_refused(row):
    with pytest.raises(Unsealable, match="Event 7 cannot be sealed"):
        event_entry(row)


def test_the_columns_of_the_log_make_the_leaf(accounts: Accounts, dsn: str):
    account = uuid4()
    accounts.deposit(account, 10, 20, note="for the rent")
    with psycopg.connect(dsn) as db:
        rows = db.cursor(binary=True).execute(f"select {EVENT_COLUMNS} from es.event order by position").fetchall()
        plain = db.execute(
            "select position, recorded_at, stream_id, version, type, customer_id, occurred_at, actor, origin, "
            "command_id, correlation_id, because, body, personal from es.event order by position"
        ).fetchall()
    assert len(rows) == 2
    for row, columns in zip(rows, plain, strict=True):
        found = fields(event_entry(row))
        for name, value in zip(NAMES[1:], columns, strict=True):
            if isinstance(value, UUID):
                assert found[name] == value.bytes
            elif isinstance(value, datetime):
                assert int.from_bytes(found[name], signed=True) == (value - EPOCH) // timedelta(microseconds=1)
            elif isinstance(value, int):
                assert int.from_bytes(found[name]) == value
            elif isinstance(value, str):
                assert found[name] == value.encode()
            elif name == "body":
                assert found[name] == sha256(value).digest()
            else:
                assert found[name] == (value or b"")
    assert plain[0][13] is not None


def test_a_time_keeps_its_last_microsecond(dsn: str):
    moments = [datetime(1, 1, 1, 0, 0, 0, 1, UTC), datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)]
    moments += [datetime(2026, 10, 25, 0, 30, 0, 123_457, UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)]
    column = EVENT_COLUMNS.split(", ")[1]
    with psycopg.connect(dsn) as db:
        for moment in moments:
            query = f"select {column} from (select %s::timestamptz recorded_at) e"
            assert db.execute(query, [moment]).fetchone() == ((moment - EPOCH) // timedelta(microseconds=1),)
