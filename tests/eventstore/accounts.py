"""A noun for tests of the log: money is put into an account, with a few words, until it is closed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Told


class Deposit(Command):
    """Put money in, once for each amount."""

    account_id: UUID
    customer_id: UUID
    amounts: tuple[int, ...] = (1,)
    note: str | None = None


class Close(Command):
    """Take no more."""

    account_id: UUID


class Deposited(Event, stored_as="account.deposited.v1"):
    """Money came in."""

    amount: int
    note: Told[str]


class Closed(Event, stored_as="account.closed.v1"):
    """No more comes in."""


@dataclass(frozen=True, slots=True)
class Account:
    """How much there is."""

    balance: int = 0
    closed: bool = False


def decide(asked: Deposit | Close, account: Account) -> Iterator[Event]:
    """What follows from what is asked."""
    match asked:
        case Deposit():
            if account.closed:
                raise Refused("This account is closed.")
            for amount in asked.amounts:
                yield Deposited(amount=amount, note=asked.note)
        case Close():
            if not account.closed:
                yield Closed()
        case _:
            assert_never(asked)


def evolve(account: Account, event: Deposited | Closed) -> Account:
    """What there is afterwards."""
    match event:
        case Deposited():
            return replace(account, balance=account.balance + event.amount)
        case Closed():
            return replace(account, closed=True)
        case _:
            assert_never(event)


decider = Decider("account", Deposit | Close, Deposited | Closed, Account(), decide, evolve)
