"""The log is read by stream, by customer, by page and as of a moment, and a missing event is noticed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from eventstore.codec import UnknownEvent
from eventstore.database import LogCorrupted
from eventstore.envelope import Origin
from eventstore.reader import AsOf
from tests.eventstore.accounts import Close, Deposit
from tests.eventstore.conftest import Accounts

LONG_AGO = datetime(2011, 6, 1, tzinfo=UTC)


def at_work(accounts: Accounts, customer: UUID) -> datetime:
    """Three events of one customer: live, imported history, live and dated back; and when the second was recorded."""
    account = uuid4()
    asked = Deposit(account_id=account, customer_id=customer)
    accounts.ask(asked)
    accounts.ask(asked, origin=Origin.IMPORT, occurred_at=LONG_AGO)
    accounts.ask(asked, occurred_at=LONG_AGO + timedelta(days=1))
    return accounts.reader.page(0)[1].at.recorded_at


@pytest.mark.parametrize(
    ("as_of", "positions"),
    [
        (lambda second: AsOf(), [1, 2, 3]),
        (lambda second: AsOf(time=second), [1, 2]),
        (lambda second: AsOf(time=LONG_AGO), [2]),  # imported history counts as known when it happened
        (lambda second: AsOf(time=LONG_AGO - timedelta(seconds=1)), []),
        (lambda second: AsOf(position=2), [1, 2]),
        (lambda second: AsOf(position=0), []),
        (lambda second: AsOf(known_at=second), [1, 2]),
        (lambda second: AsOf(known_at=LONG_AGO), []),
        (lambda second: AsOf(valid_at=LONG_AGO), [2]),
        (lambda second: AsOf(valid_at=LONG_AGO + timedelta(days=1)), [2, 3]),
        (lambda second: AsOf(valid_at=LONG_AGO + timedelta(days=1), known_at=second), [2]),
    ],
)
def test_what_was_known_then_is_what_is_read(accounts: Accounts, as_of, positions: list[int]) -> None:  # type: ignore[no-untyped-def]
    customer = uuid4()
    moment = as_of(at_work(accounts, customer))
    accounts.deposit(note="somebody else's")
    read = accounts.reader.customers([customer], as_of=moment)
    assert [at.position for _, at in read] == positions
    folded = [
        at.position for page in accounts.reader.fold(types=["account.deposited.v1"], as_of=moment) for _, at in page
    ]
    assert [position for position in folded if position < 4] == positions


def test_a_moment_is_a_position(accounts: Accounts) -> None:
    second = at_work(accounts, uuid4())
    assert accounts.reader.position_at(second) == 2
    assert accounts.reader.position_at(LONG_AGO) == 0
    assert accounts.reader.position_at(datetime.now(UTC) + timedelta(days=1)) == accounts.reader.head() == 3


def test_a_position_is_a_moment_and_of_several_the_first_counts(accounts: Accounts) -> None:
    second, reader = at_work(accounts, uuid4()), accounts.reader
    recorded = {at.position: at.recorded_at for _, at in reader.page(0)}
    assert reader.moment_of(AsOf(position=2)) == recorded[2] == second
    assert reader.moment_of(AsOf(position=99)) == recorded[3]
    assert reader.moment_of(AsOf(position=2, time=LONG_AGO)) == LONG_AGO
    assert reader.moment_of(AsOf(position=0)) is None
    assert reader.moment_of(AsOf()) is None


def test_pages_follow_each_other_without_a_gap(accounts: Accounts) -> None:
    account = uuid4()
    accounts.deposit(account, *range(5))
    accounts.ask(Close(account_id=account))
    first, second = accounts.reader.page(0, 4), accounts.reader.page(4, 4)
    assert [at.position for _, at in first + second] == [1, 2, 3, 4, 5, 6]
    assert [at.position for _, at in accounts.reader.page(0, types=["account.closed.v1"])] == [6]
    assert accounts.reader.page(6) == []


def test_streams_are_read_together_and_each_in_its_order(accounts: Accounts) -> None:
    one, other = sorted([uuid4(), uuid4()])
    for account in (other, one, other):
        accounts.deposit(account)
    found = [(at.stream_id, at.version) for _, at in accounts.reader.streams([other, one])]
    assert found == [(one, 1), (other, 1), (other, 2)]


@pytest.mark.parametrize("removed", [1, 2])
def test_an_event_that_was_removed_from_below_is_noticed(accounts: Accounts, dsn: str, removed: int) -> None:
    accounts.deposit(None, 1, 2, 3)
    with psycopg.connect(dsn) as db:
        db.execute("alter table es.event disable trigger event_is_kept")
        db.execute("delete from es.event where position = %s", [removed])
    with pytest.raises(LogCorrupted, match="gap"):
        accounts.reader.page(0)


def test_an_event_of_a_newer_version_is_not_passed_over(accounts: Accounts, dsn: str) -> None:
    accounts.deposit()
    with psycopg.connect(dsn) as db:
        db.execute("alter table es.event disable trigger event_is_kept")
        db.execute("update es.event set type = 'account.deposited.v99'")
    with pytest.raises(UnknownEvent, match="nothing is lost"):
        accounts.reader.page(0)
