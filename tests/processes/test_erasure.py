"""Erasure, the policy: whoever asked is told how it goes on, and the officer in time that an answer is due."""

from pathlib import Path
from uuid import UUID

import pytest

from domain.erasure import ExtendErasureDeadline, RefuseErasure, RequestErasure, VerifyErasureIdentity
from domain.erasure_events import ErasureBasis, ErasureKind, ErasureRefusal, ErasureStatus
from domain.kernel import derived
from domain.staff import AddStaff, StaffRole
from eventstore.envelope import Origin
from processes import erasure
from processes.erasure import BEGUN, EXTENDED, OVERDUE, RECEIVED, REFUSED, WARN
from tests.conftest import House
from tests.processes.privacy import Office
from tests.processes.shop import Shop, local, moment

ID = derived("erasure", "one")
DPO, BOSS = derived("staff", "dpo"), derived("staff", "boss")


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    shop = Shop(house.log, tmp_path / "mail", policies=[erasure.policy])
    shop.do(AddStaff(staff_id=DPO, name="Dora", email="dpo@shop.test", role=StaffRole.DPO))
    shop.do(AddStaff(staff_id=BOSS, name="Bo", email="boss@shop.test", role=StaffRole.DIRECTOR))
    return shop


def ask(
    shop: Shop, customer: UUID, on: str = "2026-01-31 10:00", kind: ErasureKind = ErasureKind.ERASURE, **words: Origin
) -> None:
    asked = RequestErasure(erasure_id=ID, customer_id=customer, basis=ErasureBasis.OBJECTED, kind=kind)
    shop.do(asked, on, **words)
    shop.until(on)


def subjects(shop: Shop) -> list[str]:
    return [str(mail["Subject"]) for mail in shop.mails()]


def tasks(shop: Shop) -> list[tuple[object, object]]:
    return [(at.customer_id, event.staff_id) for event, at in shop.events() if at.type == "activity.scheduled.v1"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("language", "said", "day"),
    [("es", "Hemos recibido su solicitud", "28/02/2026"), ("en", "We have received your request", "28/02/2026")],
)
def test_who_asks_is_told_by_when_there_will_be_an_answer(shop: Shop, language: str, said: str, day: str) -> None:
    ask(shop, shop.customer(language=language))
    [mail] = shop.mails()
    assert said in str(mail["Subject"])
    assert day in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert mail["List-Unsubscribe"] is None


def test_a_week_before_the_month_is_over_the_officer_has_a_task_and_then_the_director(shop: Shop) -> None:
    ask(shop, shop.customer())
    assert local(shop.entry(ID, WARN).due_at) == "2026-02-21 10:00"
    shop.until("2026-02-21 09:59")
    assert tasks(shop) == []
    shop.until("2026-02-21 10:00")
    assert tasks(shop) == [(None, DPO)]
    shop.until("2026-02-28 10:00")
    assert tasks(shop) == [(None, DPO), (None, BOSS)]
    assert shop.outcome(ID, OVERDUE) == ("DONE", "TASK")


def test_an_answer_takes_the_reminders_back(shop: Shop, house: House, tmp_path: Path) -> None:
    office = Office(house.log, house.dsn, tmp_path)
    ask(shop, shop.customer())
    shop.do(VerifyErasureIdentity(erasure_id=ID, method="ID card"), "2026-02-01 10:00")
    shop.until("2026-02-01 10:00")
    office.now = moment("2026-02-01 10:01")
    office.run()
    shop.until("2026-03-30 10:00")
    assert shop.outcome(ID, WARN) == ("CANCELLED", "ANSWERED")
    assert tasks(shop) == []


def test_more_time_is_told_and_moves_the_reminder(shop: Shop) -> None:
    ask(shop, shop.customer(language="en"))
    shop.do(ExtendErasureDeadline(erasure_id=ID, months=2, reason="Many"), "2026-02-10 10:00")
    shop.until("2026-02-10 10:00")
    assert local(shop.entry(ID, WARN).due_at) == "2026-04-23 10:00"
    assert "We need more time" in subjects(shop)
    assert shop.outcome(ID, EXTENDED)[0] == "DELIVERED"
    shop.until("2026-02-28 10:00")
    assert tasks(shop) == []
    shop.until("2026-04-23 10:00")
    assert tasks(shop) == [(None, DPO)]


@pytest.mark.parametrize("reason", list(ErasureRefusal))
@pytest.mark.parametrize("language", ["es", "en"])
def test_every_no_has_its_words(reason: ErasureRefusal, language: str) -> None:
    assert erasure.REASONS[language][reason]


def test_a_no_is_told_with_its_reason_and_where_to_complain(shop: Shop) -> None:
    ask(shop, shop.customer(language="en"))
    shop.do(RefuseErasure(erasure_id=ID, reason=ErasureRefusal.LEGAL_CLAIMS), "2026-02-02 10:00")
    shop.until("2026-02-02 10:00")
    text = next(m.get_body(("plain",)).get_content() for m in shop.mails() if "cannot" in str(m["Subject"]))  # type: ignore[union-attr]
    assert "legal claims" in " ".join(text.split())
    assert "aepd.es" in text
    assert shop.outcome(ID, REFUSED)[0] == "DELIVERED"
    assert shop.outcome(ID, WARN) == ("CANCELLED", "REFUSED")
    shop.until("2026-03-30 10:00")
    assert tasks(shop) == []


def test_the_last_letter_goes_before_the_address_is_forgotten_and_is_not_waited_for_longer_than_a_day(
    shop: Shop, house: House, tmp_path: Path
) -> None:
    office = Office(house.log, house.dsn, tmp_path)
    ask(shop, shop.customer(language="en"))
    shop.do(VerifyErasureIdentity(erasure_id=ID, method="ID card"), "2026-02-01 10:00")
    office.now = moment("2026-02-01 10:01")
    office.run(office.hire(patient=True))
    assert office.state(ID).status is ErasureStatus.VERIFIED  # the policy has not come to it yet
    shop.until("2026-02-01 10:01")
    office.run(office.hire(patient=True))
    assert office.state(ID).status is ErasureStatus.PURGED
    assert shop.outcome(ID, BEGUN)[0] == "DELIVERED"


def test_a_letter_that_cannot_be_sent_holds_nothing_up_for_longer_than_a_day(
    shop: Shop, house: House, tmp_path: Path
) -> None:
    office = Office(house.log, house.dsn, tmp_path)
    ask(shop, shop.customer())
    shop.do(VerifyErasureIdentity(erasure_id=ID, method="ID card"), "2026-02-01 10:00")
    office.now = moment("2026-02-02 09:59")
    office.run(office.hire(patient=True))
    assert office.state(ID).status is ErasureStatus.VERIFIED
    office.now = moment("2026-02-02 10:00")
    office.run(office.hire(patient=True))
    assert office.state(ID).status is ErasureStatus.PURGED
    shop.until("2026-02-02 10:00")
    assert shop.outcome(ID, BEGUN)[0] in ("SUPPRESSED", "CANCELLED")
    assert not any("erasing" in subject for subject in subjects(shop))


def test_whom_the_company_blocks_by_itself_is_not_written_to(shop: Shop, house: House, tmp_path: Path) -> None:
    office = Office(house.log, house.dsn, tmp_path)
    ask(shop, shop.customer(), kind=ErasureKind.BLOCK)
    shop.do(VerifyErasureIdentity(erasure_id=ID, method="retention"), "2026-02-01 10:00")
    shop.until("2026-02-01 10:00")
    office.now = moment("2026-02-01 10:01")
    office.run(office.hire(patient=True))
    assert office.state(ID).status is ErasureStatus.PURGED
    assert shop.mails() == []
    assert [each.reason for each in shop.ledger(BEGUN)] == ["NOBODY_ASKED"]


def test_without_an_address_nobody_is_written_to_and_it_goes_on(shop: Shop) -> None:
    ask(shop, shop.customer(email=None))
    assert shop.outcome(ID, RECEIVED) == ("SUPPRESSED", "NO_ADDRESS")


def test_what_was_imported_sets_nothing_off(shop: Shop) -> None:
    ask(shop, shop.customer(), origin=Origin.IMPORT)
    assert shop.ledger() == []


def test_twice_is_the_same_as_once(shop: Shop) -> None:
    ana = shop.customer()
    ask(shop, ana)
    with shop.log.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0 where name = 'policy:erasure'")
    head = shop.log.reader.head()
    ask(shop, ana)
    assert shop.log.reader.head() == head
    assert len(shop.mails()) == 1
