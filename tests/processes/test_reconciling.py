"""What nobody knows is found out: the way by which a letter went is asked again, or an operator says what became of it."""

from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest

from domain.consent import Purpose, WithdrawConsent
from domain.follow_up import FollowUpAttempted, RecordFollowUpDelivered, RecordFollowUpFailed
from domain.invitation import SurveyInvitationSent
from domain.values import Channel
from eventstore.log import Log
from processes.delivery import MAX_ATTEMPTS, RECONCILE_EVERY
from processes.letters import Note
from processes.ports import FolderPort, Port
from processes.retries import SPREAD, retry_after
from processes.transports import Answer, MaildirTransport, Unclear
from tests.conftest import House
from tests.processes.doomed import Postbox
from tests.processes.messenger import STEP, messenger, willing
from tests.processes.shop import Shop, moment

DUE = "2026-02-10 10:00"


class Doubtful(MaildirTransport):
    """A maildir that goes silent: it took the letter, or not; and for a while it cannot say."""

    def __init__(self, folder: Path, *, takes: bool) -> None:
        super().__init__(folder)
        self.takes = takes
        self.silent = True

    def send(self, follow_up_id: UUID, message: EmailMessage) -> Answer:
        if self.takes:
            super().send(follow_up_id, message)
        return Unclear("No answer.") if self.silent else super().send(follow_up_id, message)

    def was_sent(self, follow_up_id: UUID) -> str | bool | None:
        return None if self.silent else super().was_sent(follow_up_id)


class DoubtfulPort(FolderPort):
    """A folder on a machine that goes silent while it takes a note, or just before."""

    takes = True

    def send(self, follow_up_id: UUID, note: Note) -> Answer:
        if self.takes:
            super().send(follow_up_id, note)
        self.takes = True
        return Unclear("No answer.")


def in_doubt(house: House, folder: Path, *, takes: bool) -> tuple[Shop, Doubtful, UUID]:
    """A shop whose survey may have been sent."""
    doubtful = Doubtful(folder / "mail", takes=takes)
    shop = Shop(house.log, folder / "mail", doubtful)
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until(DUE)
    assert shop.outcome(order) == ("UNCERTAIN", "No answer.")
    return shop, doubtful, order


def attempts(shop: Shop) -> int:
    return sum(isinstance(event, FollowUpAttempted) for event, _ in shop.events())


def test_what_was_taken_after_all_is_delivered_and_not_sent_again(house: House, tmp_path: Path) -> None:
    shop, doubtful, order = in_doubt(house, tmp_path, takes=True)
    doubtful.silent = False
    shop.until(shop.now + RECONCILE_EVERY - timedelta(seconds=1))
    assert shop.outcome(order)[0] == "UNCERTAIN"  # it was asked a moment ago
    shop.until(shop.now + timedelta(seconds=1))
    assert shop.outcome(order) == ("DELIVERED", None)
    assert (len(shop.mails()), attempts(shop)) == (1, 1)
    assert sum(isinstance(event, SurveyInvitationSent) for event, _ in shop.events()) == 1
    assert [each.step for each in shop.ledger()] == ["survey", "expiry"]  # nobody is reminded of what was in doubt


def test_what_was_not_taken_is_sent_once_that_is_known(house: House, tmp_path: Path) -> None:
    shop, doubtful, order = in_doubt(house, tmp_path, takes=False)
    doubtful.silent = False
    shop.until(shop.now + RECONCILE_EVERY)
    assert shop.outcome(order) == ("DELIVERED", None)
    assert (len(shop.mails()), attempts(shop)) == (1, 2)


def test_what_was_not_taken_is_not_sent_to_who_objected_meanwhile(house: House, tmp_path: Path) -> None:
    shop, doubtful, order = in_doubt(house, tmp_path, takes=False)
    doubtful.silent = False
    customer = shop.entry(order).customer_id
    assert customer is not None
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY))
    shop.until(shop.now + RECONCILE_EVERY)
    assert shop.outcome(order) == ("CANCELLED", "NO_CONSENT")
    assert shop.mails() == []


def test_as_long_as_nobody_can_say_nothing_happens_and_nothing_is_written_down(house: House, tmp_path: Path) -> None:
    shop, _, order = in_doubt(house, tmp_path, takes=True)
    head = shop.log.reader.head()
    for _ in range(5):
        shop.until(shop.now + RECONCILE_EVERY)
    assert (shop.log.reader.head(), shop.outcome(order)[0]) == (head, "UNCERTAIN")


@pytest.mark.parametrize("takes", [True, False])
def test_a_folder_tells_as_well(house: House, tmp_path: Path, takes: bool) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[messenger(Channel.SMS)])
    port = DoubtfulPort(tmp_path / "sms")
    port.takes = takes
    ports: dict[Channel, Port] = {Channel.SMS: port}
    shop.worker.delivery.ports = ports
    order = shop.order(willing(shop), "2026-01-12 12:00")
    shop.until("2026-01-12 12:00")
    for _ in range(2):
        shop.until(shop.now + RECONCILE_EVERY)
    assert shop.outcome(order, STEP) == ("DELIVERED", None)
    assert len(list((tmp_path / "sms" / "new").iterdir())) == 1


def test_an_operator_says_what_became_of_it(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path, Silent(tmp_path))
    orders = [shop.order(shop.customer(email=f"c{n}@shop.test"), "2026-01-10 12:00") for n in range(2)]
    shop.until(DUE)
    arrived, lost = (shop.entry(order).follow_up_id for order in orders)
    shop.transport = MaildirTransport(tmp_path)
    shop.worker = shop.hire()
    shop.do(RecordFollowUpDelivered(follow_up_id=arrived, provider_ref="she called"))
    shop.do(RecordFollowUpFailed(follow_up_id=lost, error="She never got it.", retry_at=moment("2026-02-11 11:00")))
    shop.until("2026-02-11 10:59")
    assert [shop.outcome(order)[0] for order in orders] == ["DELIVERED", "FAILED"]
    assert shop.mails() == []
    shop.until("2026-02-11 11:00")
    assert [shop.outcome(order)[0] for order in orders] == ["DELIVERED", "DELIVERED"]
    assert [str(mail["To"]) for mail in shop.mails()] == ["Ana <c1@shop.test>"]


class Silent(Postbox):
    """Takes nothing, and never says so."""

    def send(self, follow_up_id: UUID, message: EmailMessage) -> Answer:
        return Unclear("No answer.")


def test_what_was_given_up_waits_for_an_operator_who_has_it_tried_again(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path)
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    (tmp_path / "new").rmdir()
    for hour in range(10, 10 + MAX_ATTEMPTS + 2):
        shop.until(f"2026-02-10 {hour}:00")
        shop.until(f"2026-02-10 {hour}:30")
    entry = shop.entry(order)
    assert (entry.status, entry.attempts) == ("FAILED", MAX_ATTEMPTS)
    (tmp_path / "new").mkdir()
    shop.until("2026-02-12 10:00")
    assert shop.mails() == []
    shop.do(RecordFollowUpFailed(follow_up_id=entry.follow_up_id, error="The disk was full.", retry_at=shop.now))
    shop.until("2026-02-12 10:00")
    assert shop.outcome(order) == ("DELIVERED", None)
    assert (len(shop.mails()), shop.entry(order).attempts) == (1, MAX_ATTEMPTS + 1)


def test_retries_are_spread_ever_later_and_the_same_for_everybody() -> None:
    minute = timedelta(minutes=1)
    for attempt, growth in ((1, 1), (2, 4), (3, 16)):
        waits = [retry_after(UUID(int=n), attempt, minute, 4) for n in range(200)]
        assert all(growth * minute * (1 - SPREAD) < wait <= growth * minute for wait in waits)
        assert len(set(waits)) > 190
        assert max(waits) - min(waits) > growth * minute * SPREAD * 0.9
        assert waits == [retry_after(UUID(int=n), attempt, minute, 4) for n in range(200)]


class Interrupted(MaildirTransport):
    """A maildir while whose letters are taken an operator, who lost patience, says that they failed."""

    def __init__(self, folder: Path, log: Log) -> None:
        super().__init__(folder)
        self._log = log

    def send(self, follow_up_id: UUID, message: EmailMessage) -> Answer:
        self._log.do(RecordFollowUpFailed(follow_up_id=follow_up_id, error="It takes too long."))
        return super().send(follow_up_id, message)


def test_what_somebody_says_while_it_is_being_sent_is_no_reason_to_forget_that_it_was(
    house: House, tmp_path: Path
) -> None:
    shop = Shop(house.log, tmp_path / "mail", Interrupted(tmp_path / "mail", house.log))
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until(DUE)
    assert shop.outcome(order) == ("DELIVERED", None)
    assert (len(shop.mails()), attempts(shop)) == (1, 1)
