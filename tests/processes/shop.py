"""A shop that lives in virtual time: things happen on days that a test names, and a real worker follows."""

import mailbox
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_binary_file, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import sql

from domain.customer import RegisterCustomer
from domain.kernel import Command, derived
from domain.order import CancelOrder, CancelOrderLines, OrderLine, PlaceOrder, ReturnLines
from eventstore.envelope import Happened, Origin, Receipt, Request
from eventstore.log import Log
from processes import post_purchase_survey
from processes.hands import SecondHand
from processes.letters import Stationery
from processes.policy import Policy
from processes.ports import folder_ports
from processes.transports import MaildirTransport, Transport
from processes.worker import Worker
from projections.engine import Engine
from projections.table import Table
from projections.touchpoints import due, follow_ups
from projections.touchpoints.follow_ups import LedgerEntry
from projections.view import View

SECRET = b"a secret for links, for tests only"
MADRID = "Europe/Madrid"
NEW_YORK = "America/New_York"


def moment(text: str, zone: str = MADRID) -> datetime:
    """`2026-01-31 18:00` on the clocks of a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local(at: datetime | None, zone: str = MADRID) -> str | None:
    """A moment as the clocks of a zone show it."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") if at is not None else None


@dataclass
class Shop:
    """A log, a worker, a maildir and a clock that stands until it is moved."""

    log: Log
    folder: Path
    transport: Transport | None = None
    policies: Iterable[Policy[Any]] = (post_purchase_survey.policy,)
    now: datetime = field(default_factory=lambda: moment("2026-01-01 12:00"))
    views: tuple[View[Any], ...] = (due.view, follow_ups.view)
    second: SecondHand | None = None
    _numbers: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.engine = Engine(self.log, self.log.pool, self.views)
        self.engine.prepare()
        self.worker = self.hire()
        self.worker.run()

    def hire(self, now: Callable[[], datetime] | None = None) -> Worker:
        """Another worker for the same shop."""
        stationery = Stationery(
            sender="crm@shop.test", company="La Tienda", base_url="https://shop.test", secret=SECRET
        )
        transport = self.transport or MaildirTransport(self.folder)
        ports = folder_ports(self.folder.parent)
        now = now or (lambda: self.now)
        policies = tuple(self.policies)
        return Worker(self.log, self.engine, policies, transport, stationery, ports=ports, now=now, second=self.second)

    # What happens.

    def do(self, command: Command, on: str | datetime | None = None, origin: Origin = Origin.LIVE) -> Receipt:
        """Something is asked, at a time on Madrid's clocks."""
        at = moment(on) if isinstance(on, str) else on or self.now
        return self.log.do(command, Request(actor="test", origin=origin, occurred_at=at))

    def customer(self, **said: Any) -> UUID:
        """A customer with an e-mail address, in Madrid, unless said otherwise."""
        customer_id = derived("customer", "shop", next(self._numbers))
        told = {"name": "Ana", "email": "ana@shop.test", "language": "es", "timezone": MADRID, "country": "ES", **said}
        self.do(RegisterCustomer(customer_id=customer_id, **told))
        return customer_id

    def order(self, customer_id: UUID, on: str | datetime, *, pieces: int = 2, origin: Origin = Origin.LIVE) -> UUID:
        """An order of so many cups; on a text, by Madrid's clocks."""
        order_id = derived("order", "shop", next(self._numbers))
        lines = (OrderLine(sku="cup", quantity=pieces, unit_price=Decimal(5)),)
        self.do(
            PlaceOrder(order_id=order_id, customer_id=customer_id, lines=lines, number=f"N{order_id.hex[:6]}"),
            on,
            origin,
        )
        return order_id

    def cancel(self, order_id: UUID) -> None:
        self.do(CancelOrder(order_id=order_id))

    def call_off(self, order_id: UUID, pieces: int) -> None:
        line = OrderLine(sku="cup", quantity=pieces, unit_price=Decimal(5))
        self.do(CancelOrderLines(order_id=order_id, lines=(line,)))

    def give_back(self, order_id: UUID, pieces: int) -> None:
        line = OrderLine(sku="cup", quantity=pieces, unit_price=Decimal(5))
        self.do(ReturnLines(order_id=order_id, lines=(line,)))

    def until(self, at: str | datetime, zone: str = MADRID) -> None:
        """The clock moves on, and the worker does what there is to do."""
        self.now = moment(at, zone) if isinstance(at, str) else at
        self.worker.run()

    # What came of it.

    def ledger(self, step: str | None = None) -> list[LedgerEntry]:
        """The follow-ups in the order of what set them off."""
        self.engine.catch_up()
        with self.log.pool.connection() as db:
            table: Table[LedgerEntry] = Table(follow_ups.view)
            rows = table.select(db, _all(table))
        return [row for row in rows if step in (None, row.step)]

    def outcome(self, trigger: UUID, step: str = "survey") -> tuple[str, str | None]:
        """Where the follow-up of an order stands, and why."""
        entry = self.entry(trigger, step)
        return entry.status.value, entry.reason

    def entry(self, trigger: UUID, step: str = "survey") -> LedgerEntry:
        """The one follow-up that this set off."""
        [found] = [each for each in self.ledger(step) if each.trigger == trigger]
        return found

    def events(self) -> list[Happened]:
        """All that is in the log."""
        return list(self.log.reader.page(0, 100_000, disclose=True))

    def mails(self) -> list[EmailMessage]:
        """What is in the maildir."""
        box = mailbox.Maildir(self.folder, factory=cast(Any, _parse))
        return [cast(EmailMessage, box[key]) for key in sorted(box.keys())]


def _parse(file: Any) -> EmailMessage:
    return cast(EmailMessage, message_from_binary_file(file, policy=policy.default))


def _all(table: Table[LedgerEntry]) -> Any:
    return sql.SQL("select {} from {} order by trigger_position, step").format(table.selected, table.identifier)
