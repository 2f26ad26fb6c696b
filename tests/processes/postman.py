"""A postman for tests: mails as text, a maildir to put them into, and an inbox that reads it at a time that a test names."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from domain.customer import RegisterCustomer
from domain.kernel import Command, Event, derived
from eventstore.envelope import Happened, Request
from processes.inbox import Inbox
from processes.letters import Stationery
from processes.mailboxes import Mailbox, Maildir
from projections.engine import Engine
from projections.service import cases
from projections.touchpoints import interactions
from tests.conftest import House
from tests.processes.shop import SECRET, moment


def mail(id: str, text: str = "Hello", /, *, at: datetime | None = None, **headers: str) -> bytes:
    """One mail from Ana to the shop, unless it says otherwise."""
    said = {
        "From": "Ana Ruiz <ana@shop.test>",
        "To": "crm@firm.test",
        "Date": format_datetime(at or moment("2026-03-02 10:00")),
        "Message-ID": id,
    }
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    return ("".join(f"{name}: {value}\n" for name, value in said.items() if value) + f"\n{text}\n").encode()


class Postman:
    """Brings mails, and has them read."""

    def __init__(self, house: House, folder: Path, mailbox: Mailbox | None = None) -> None:
        self.house, self.folder = house, folder
        self.now = moment("2026-03-02 12:00")
        self._numbers = count(1)
        self.mailbox = mailbox or Maildir(folder)
        self.engine = Engine(house.log, house.pool, [cases.view, interactions.view])
        self.stationery = Stationery(
            sender="crm@firm.test", company="La Firma", base_url="https://firm.test", secret=SECRET
        )
        self.inbox = self.hire()

    def hire(self) -> Inbox:
        own = frozenset({"firm.test"})
        return Inbox(
            self.house.log, self.engine, self.mailbox, self.stationery, own=own, language="en", now=lambda: self.now
        )

    def bring(self, *mails: bytes) -> None:
        """Puts mails into the maildir, and lets the inbox read them a minute later."""
        for raw in mails:
            self.drop(raw)
        self.read()

    def drop(self, raw: bytes) -> None:
        (self.folder / "new" / f"{next(self._numbers):06}.mail").write_bytes(raw)

    def read(self) -> None:
        self.now += timedelta(minutes=1)
        while self.inbox.step():
            pass

    # What there is.

    def do(self, command: Command) -> None:
        self.house.log.do(command, Request(actor="test", occurred_at=self.now - timedelta(days=1)))

    def customer(self, email: str = "ana@shop.test", **said: Any) -> UUID:
        id = derived("customer", "postman", email)
        self.do(RegisterCustomer(customer_id=id, name="Ana Ruiz", email=email, **said))
        return id

    def facts(self) -> list[Happened]:
        return list(self.house.log.reader.page(0, 100_000, disclose=True))

    def said(self, *kinds: type[Event]) -> list[Any]:
        return [event for event, _ in self.facts() if isinstance(event, kinds)]

    def files(self) -> Iterator[str]:
        """What is in `cur`, and how each is marked."""
        for path in sorted((self.folder / "cur").iterdir()):
            yield path.name
