"""Callers who wait at the same moment go to the database together, and each gets its own answer."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from eventstore.log import Conflict
from tests.eventstore.accounts import Deposit
from tests.eventstore.conftest import Accounts
from tests.eventstore.test_database import APPEND_LOCK

CALLERS = 12
PATIENCE_S = 8.0


@pytest.mark.parametrize("rivals", [1, 4])
def test_who_waits_together_is_appended_together_and_answered_apart(log: Accounts, dsn: str, rivals: int) -> None:
    shared, command_id = uuid4(), uuid4()

    def call(n: int) -> int:
        account = shared if n < rivals else uuid4()  # rivals are on one stream: only one can be right at first
        asked = Deposit(account_id=account, customer_id=account, amounts=(n,) * (n % 3 + 1))
        try:
            receipt = log.ask(asked, command_id=command_id if n in (4, 5) else uuid4())  # two with one id
        except Conflict:
            return 0
        stored = {at.position: (at.stream_id, at.version) for _, at in log.reader.page(0)}
        if not receipt.duplicate:
            assert [stored[e.position] for e in receipt.events] == [(account, e.version) for e in receipt.events]
        return 0 if receipt.duplicate else len(receipt.events)

    with psycopg.connect(dsn) as held, ThreadPoolExecutor(CALLERS) as threads:
        held.execute("select pg_advisory_xact_lock(%s)", [APPEND_LOCK])
        answers = [threads.submit(call, n) for n in range(CALLERS)]
        until = time.monotonic() + PATIENCE_S
        while len(log._together._waiting) < CALLERS - 1 and time.monotonic() < until:
            time.sleep(0.01)
        held.rollback()
        acknowledged = sum(answer.result() for answer in answers)
    assert log.table() == list(range(1, acknowledged + 1))
    with psycopg.connect(dsn) as db:
        moments = db.execute("select count(distinct recorded_at), count(distinct command_id) from es.event").fetchone()
    assert moments is not None
    assert moments[1] == CALLERS - 1
    assert moments[0] < CALLERS / 2 or rivals > 1  # a lot with rivals is turned down and goes one by one
