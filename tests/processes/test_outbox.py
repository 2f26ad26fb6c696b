"""The outbox: other systems are told what is queued for them, again until they have it, and in the end somebody looks."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Thread
from uuid import UUID

import psycopg
import pytest

from domain.kernel import derived
from domain.outbound_message import (
    AcknowledgeOutboundMessage,
    OutboundMessageAcknowledged,
    OutboundMessageDeadLettered,
    QueueOutboundMessage,
)
from eventstore.envelope import Request
from processes.outbox import FIRST_RETRY_AFTER, MAX_ATTEMPTS, RETRY_GROWTH, Outbox, body_of, telling
from processes.retries import SPREAD, retry_after
from projections.engine import Engine
from projections.table import Table
from projections.touchpoints import messages
from projections.touchpoints.messages import OutboundEntry
from tests.conftest import House
from tests.processes.receiver import Receiver, receiving
from tests.processes.shop import moment
from tests.processes.test_transports import free_port

ORDER = derived("order", "outbox")


class Office:
    """A house with an outbox and a clock that stands until it is moved."""

    def __init__(self, house: House, receiver: Receiver) -> None:
        self.house, self.receiver = house, receiver
        self.now = moment("2026-03-02 10:00")
        self.engine = Engine(house.log, house.pool, [messages.outbox])
        self.outbox = self.hire()

    def hire(self) -> Outbox:
        """Another one, who knows nothing but what is written down."""
        targets = {"erp": self.receiver.target}
        return Outbox(self.house.log, self.engine, targets, now=lambda: self.now, timeout_s=0.5)

    def tell(self, *occasion: object, target: str = "erp") -> UUID:
        asked = telling(target, "order", ORDER, *occasion)
        self.house.log.do(asked, Request(occurred_at=self.now))
        return asked.outbound_message_id

    def until(self, at: datetime) -> None:
        self.now = at
        while self.outbox.step():
            pass

    def entry(self, id: UUID) -> OutboundEntry:
        self.engine.catch_up()
        with self.house.pool.connection() as db:
            return Table(messages.outbox).load(db, [id])[id]

    def attempts_kept(self) -> int:
        with self.house.pool.connection() as db:
            row = db.execute("select count(*) from es.attempt").fetchone()
        return int(row[0]) if row else 0

    def said(self, kind: type) -> list[object]:
        return [event for event, _ in self.house.log.reader.page(0, disclose=True) if isinstance(event, kind)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def office(house: House, receiver: Receiver) -> Office:
    return Office(house, receiver)


def test_a_queued_message_reaches_its_target_signed_and_once(office: Office, receiver: Receiver) -> None:
    id = office.tell()
    for _ in range(2):
        office.until(office.now)
    assert receiver.taken == [(str(id), body_of("order", ORDER))]
    assert json.loads(receiver.taken[0][1]) == {"data": {"id": str(ORDER)}, "type": "order"}
    assert receiver.came == [(str(id), office.now)]
    assert (office.entry(id).status, office.attempts_kept()) == ("ACKNOWLEDGED", 0)
    assert office.said(OutboundMessageAcknowledged) == [OutboundMessageAcknowledged(external_ref=None)]


def test_the_same_is_told_once_for_each_occasion(office: Office, receiver: Receiver) -> None:
    assert office.tell() == office.tell()
    office.tell("shipped")
    office.until(office.now)
    assert len(receiver.taken) == len({id for id, _ in receiver.taken}) == 2


@pytest.mark.parametrize("answer", [500, 429, 404, 302, 0, -1])
def test_whatever_is_no_yes_is_tried_again_later(office: Office, receiver: Receiver, answer: int) -> None:
    receiver.answers = [answer]
    id = office.tell()
    office.until(office.now)
    assert (office.entry(id).status, len(receiver.came), receiver.taken) == ("QUEUED", 1, [])
    wait = retry_after(id, 1, FIRST_RETRY_AFTER, RETRY_GROWTH)
    assert FIRST_RETRY_AFTER * (1 - SPREAD) < wait <= FIRST_RETRY_AFTER
    again = office.now + wait
    office.until(again - timedelta(microseconds=1))
    assert len(receiver.came) == 1
    office.until(again)
    assert (office.entry(id).status, len(receiver.came)) == ("ACKNOWLEDGED", 2)


def test_nobody_there_is_tried_again_later(office: Office, receiver: Receiver) -> None:
    there, receiver.url = receiver.url, f"http://127.0.0.1:{free_port()}/"
    office.outbox = office.hire()
    id = office.tell()
    office.until(office.now)
    assert office.entry(id).status == "QUEUED"
    receiver.url = there
    office.outbox = office.hire()
    office.until(office.now + timedelta(minutes=1))
    assert office.entry(id).status == "ACKNOWLEDGED"


def test_ever_later_until_it_is_given_up_and_queued_again(office: Office, receiver: Receiver) -> None:
    receiver.answers = [503] * MAX_ATTEMPTS
    id, began = office.tell(), office.now
    for n in range(1, MAX_ATTEMPTS + 1):
        office.outbox = office.hire()  # the count is written down, not remembered
        office.until(office.now)
        assert len(receiver.came) == n
        office.until(office.now + retry_after(id, n, FIRST_RETRY_AFTER, RETRY_GROWTH))
    assert timedelta(days=1) < office.now - began < timedelta(days=11)
    entry = office.entry(id)
    assert (entry.status, entry.attempts, len(receiver.came)) == ("DEAD", MAX_ATTEMPTS, MAX_ATTEMPTS)
    assert office.said(OutboundMessageDeadLettered) == [
        OutboundMessageDeadLettered(reason="The answer was 503.", attempts=MAX_ATTEMPTS)
    ]
    assert office.attempts_kept() == 0
    office.until(office.now + timedelta(days=30))
    assert len(receiver.came) == MAX_ATTEMPTS
    assert office.tell() == id  # queued again by somebody who looked
    office.until(office.now)
    assert (office.entry(id).status, receiver.taken) == ("ACKNOWLEDGED", [(str(id), body_of("order", ORDER))])


def test_who_wants_nothing_more_is_not_asked_again(office: Office, receiver: Receiver) -> None:
    receiver.answers = [410]
    id = office.tell()
    office.until(office.now + timedelta(minutes=1))
    entry = office.entry(id)
    assert (entry.status, entry.attempts, len(receiver.came)) == ("DEAD", 1, 1)
    receiver.answers = [410]
    office.tell()  # somebody tries once more, and it is given up once more
    office.until(office.now + timedelta(minutes=1))
    entry = office.entry(id)
    assert (entry.status, entry.queuings, len(receiver.came)) == ("DEAD", 2, 2)


def test_what_is_for_others_is_left_to_them(office: Office, receiver: Receiver) -> None:
    id = office.tell(target="warehouse")
    office.until(office.now)
    assert (office.entry(id).status, receiver.came) == ("QUEUED", [])


def test_bytes_that_are_not_ours_are_not_made_up(office: Office, receiver: Receiver) -> None:
    id = derived("outbound_message", "other")
    digest = sha256(b"<order/>").hexdigest()
    office.house.log.do(QueueOutboundMessage(outbound_message_id=id, target="erp", noun="order", digest=digest))
    office.until(office.now)
    assert (office.entry(id).status, receiver.came) == ("DEAD", [])


def test_what_the_receiver_said_by_itself_counts(office: Office, receiver: Receiver) -> None:
    id = office.tell()
    office.engine.catch_up()
    office.house.log.do(AcknowledgeOutboundMessage(outbound_message_id=id, external_ref="E-1"))
    office.until(office.now)
    assert (office.entry(id).external_ref, receiver.came) == ("E-1", [])


def test_one_message_that_cannot_be_sent_does_not_hold_up_the_others(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [office.tell(n) for n in range(3)]
    careful = Outbox._attempt

    def attempt(outbox: Outbox, db: psycopg.Connection, id: UUID, *others: object) -> object:
        if id == ids[0]:
            raise RuntimeError("a mistake of ours")
        return careful(outbox, db, id, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(Outbox, "_attempt", attempt)
    office.until(office.now)
    assert [office.entry(id).status for id in ids] == ["QUEUED", "ACKNOWLEDGED", "ACKNOWLEDGED"]


def test_several_outboxes_send_each_message_once(office: Office, receiver: Receiver) -> None:
    ids = [office.tell(n) for n in range(20)]

    def work() -> None:
        outbox = office.hire()
        while outbox.step():
            pass

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    office.until(office.now + timedelta(minutes=1))
    assert sorted(id for id, _ in receiver.came) == sorted(map(str, ids))
    assert {office.entry(id).status for id in ids} == {"ACKNOWLEDGED"}
