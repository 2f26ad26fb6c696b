"""A log of accounts on the fresh database, with the lock released early and late."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import ConnectionPool

from domain.kernel import Command
from eventstore.envelope import Receipt, Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from tests.eventstore.accounts import Deposit, decider

KEK = bytes(range(32))


class Accounts(Log):
    """A log in which money is put into accounts."""

    def __init__(self, pool: ConnectionPool, *, early: bool = True) -> None:
        super().__init__(pool, [decider], KeyRing(pool, KEK), early=early)

    def deposit(self, account_id: UUID | None = None, *amounts: int, note: str | None = None) -> Receipt:
        """One deposit, into a new account if none is named."""
        account_id = account_id or uuid4()
        return self.do(Deposit(account_id=account_id, customer_id=account_id, amounts=amounts or (1,), note=note))

    def ask(self, command: Command, **request: Any) -> Receipt:
        """A command with its request spelled out."""
        return self.do(command, Request(**request))

    def table(self) -> list[int]:
        """The positions that are really in the table."""
        with self.pool.connection() as db:
            return [row[0] for row in db.execute("select position from es.event order by position").fetchall()]


@pytest.fixture(params=[True, False], ids=["early", "locked"])
def log(request: pytest.FixtureRequest, pool: ConnectionPool) -> Accounts:
    """The log, once in each append mode."""
    return Accounts(pool, early=request.param)


@pytest.fixture
def accounts(pool: ConnectionPool) -> Accounts:
    """The log, where the append mode makes no difference."""
    return Accounts(pool)


@contextmanager
def acting_as(dsn: str, role: str) -> Iterator[psycopg.Connection]:
    """A connection with the rights of a role."""
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        yield db
