"""P12: who waits on the telephone, the cases behind what waits, and what is not routed at all."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from domain.case import AssignCase, CloseCase
from domain.kernel import derived
from domain.values import Channel
from domain.work_item import (
    AbandonWorkItem,
    AcceptWorkItem,
    QueueWorkItem,
    RequestCallback,
    WorkItemAccepted,
    WorkItemCompleted,
)
from eventstore.envelope import Origin
from processes import queue_routing
from processes.matching import Centre
from projections.touchpoints.due import Due
from tests.conftest import House
from tests.processes.centre import (
    ANA,
    BEN,
    HIGH,
    accept,
    comes,
    item,
    later,
    offers,
    outcomes,
)
from tests.processes.desk import at, open_case, resolve
from tests.processes.shop import Shop


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that routes what waits, and nothing else."""
    shop = Shop(house.log, tmp_path / "mail", policies=[queue_routing.policy])
    shop.until("2026-03-10 10:00:00")
    return shop


# Who waits on the telephone.


def test_who_waits_for_more_than_two_minutes_on_the_telephone_is_offered_a_callback(shop: Shop) -> None:
    call, chat = item(shop, Channel.PHONE), item(shop, Channel.CHAT)
    later(shop, seconds=120)
    assert outcomes(shop, "callback") == [("SCHEDULED", None)]
    later(shop, seconds=1)
    assert outcomes(shop, "callback", call) == [("DELIVERED", None)]
    assert outcomes(shop, "callback", chat) == []


@pytest.mark.parametrize(
    ("language", "told", "words"),
    [("es-ES", "es", "¿Le llamamos nosotros?"), ("fr", "en", "Shall we call you back?"), (None, "en", "Shall we")],
)
def test_the_telephone_is_given_what_to_say_and_to_which_call(
    shop: Shop, language: str | None, told: str, words: str
) -> None:
    call_id = derived("call", 1) if language else None
    call = item(shop, Channel.PHONE, language=language, call_id=call_id)
    for _ in range(3):
        later(shop, seconds=121)
    [file] = (shop.folder.parent / "calls" / "new").iterdir()
    note = json.loads(file.read_text())
    [row] = shop.ledger("callback")
    assert (file.name, row.provider_ref, note["id"]) == (f"{row.follow_up_id}.json",) * 2 + (str(row.follow_up_id),)
    assert (note["channel"], note["to"]) == ("PHONE", f"call:{call_id}" if call_id else f"work_item:{call}")
    assert (note["language"], note["subject"][: len(words)]) == (told, words)
    assert "La Tienda" in note["text"]
    assert (row.basis, row.purpose) == ("WAITING_CALL", None)


@pytest.mark.parametrize(
    ("what", "reason"), [("accepted", "ACCEPTED"), ("gone", "ABANDONED"), ("asked", "CALLBACK_REQUESTED")]
)
def test_who_is_helped_meanwhile_is_not_asked_by_a_telephone_that_was_away(shop: Shop, what: str, reason: str) -> None:
    comes(shop, ANA, capacity=1)
    call = item(shop, Channel.PHONE)
    calls = shop.folder.parent / "calls" / "tmp"
    calls.chmod(0o500) if os.geteuid() else calls.rename(calls.with_name("away"))
    later(shop, seconds=121)
    assert outcomes(shop, "callback", call)[0][0] == "FAILED"
    match what:
        case "accepted":
            at(shop, AcceptWorkItem(work_item_id=call, staff_id=BEN))
        case "gone":
            at(shop, AbandonWorkItem(work_item_id=call, after_s=130))
        case "asked":
            at(shop, RequestCallback(work_item_id=call, phone="+34600000000"))
    calls.chmod(0o700) if os.geteuid() else calls.with_name("away").rename(calls)
    later(shop, minutes=2)
    assert outcomes(shop, "callback", call) == [("CANCELLED", reason)]
    assert list((shop.folder.parent / "calls" / "new").iterdir()) == []


@pytest.mark.parametrize("seen", [True, False])
def test_who_gave_up_is_offered_nothing_more(shop: Shop, seen: bool) -> None:
    call = item(shop, Channel.PHONE)
    if not seen:
        shop.now += timedelta(minutes=3)
    at(shop, AbandonWorkItem(work_item_id=call, after_s=50))
    later(shop, minutes=3)
    assert outcomes(shop, "callback") == [("CANCELLED", "ABANDONED")]
    comes(shop, ANA)
    assert offers(shop) == []


def test_who_gives_up_frees_who_was_offered_the_call(shop: Shop) -> None:
    comes(shop, ANA)
    first, second = item(shop, Channel.PHONE), item(shop, Channel.PHONE)
    at(shop, AbandonWorkItem(work_item_id=first, after_s=5))
    assert offers(shop) == [(first, ANA), (second, ANA)]
    assert outcomes(shop, "offer")[0] == ("CANCELLED", "ABANDONED")


def test_who_wants_to_be_called_back_is_called_then_and_not_before(shop: Shop) -> None:
    call = item(shop, Channel.PHONE)
    at(shop, RequestCallback(work_item_id=call, phone="+34600000000", wanted_at=shop.now + timedelta(hours=2)))
    comes(shop, ANA)
    later(shop, minutes=119)
    assert offers(shop) == []
    later(shop, minutes=1)
    assert offers(shop) == [(call, ANA)]
    assert outcomes(shop, "callback") == [("CANCELLED", "CALLBACK_REQUESTED")]


def test_nothing_is_said_in_a_call_that_is_not_there_any_more(shop: Shop) -> None:
    """What the telephone is about to say is looked at once more, right before."""
    gone = Due(follow_up_id=derived("follow-up", 1), about=derived("work_item", "gone"))
    assert queue_routing.policy.objects(gone, shop.now, queue_routing.Known(Centre())) == "ENDED"


# The cases behind it.


def test_who_is_given_the_case_has_what_waits_about_it(shop: Shop) -> None:
    case = open_case(shop)
    comes(shop, ANA)
    waiting, other = item(shop, Channel.PHONE, HIGH, case_id=case), item(shop, Channel.PHONE)
    at(shop, AssignCase(case_id=case, staff_id=BEN))
    [accepted] = [e for e, _ in shop.events() if isinstance(e, WorkItemAccepted)]
    assert accepted.staff_id == BEN
    assert offers(shop) == [(waiting, ANA), (other, ANA)]


@pytest.mark.parametrize("end", ["resolved", "closed"])
@pytest.mark.parametrize("had", ["accepted", "offered to another", "waits"])
def test_nothing_waits_about_a_case_that_is_over(shop: Shop, end: str, had: str) -> None:
    case = open_case(shop)
    if had != "waits":
        comes(shop, ANA)
    waiting = item(shop, Channel.PHONE, case_id=case)
    if had == "accepted":
        accept(shop, waiting, ANA)
    shop.do(AssignCase(case_id=case, staff_id=BEN))
    if end == "resolved":
        resolve(shop, case)
    else:
        at(shop, CloseCase(case_id=case, reason="DUPLICATE"))
    [completed] = [e for e, _ in shop.events() if isinstance(e, WorkItemCompleted)]
    assert completed.outcome == end.upper()
    item(shop, Channel.PHONE)
    assert len(offers(shop)) == {"accepted": 2, "offered to another": 2, "waits": 0}[had]


def test_what_waits_about_a_case_of_which_nobody_says_who_closed_it_is_looked_at(shop: Shop) -> None:
    case = open_case(shop)
    waiting = item(shop, case_id=case)
    at(shop, CloseCase(case_id=case, reason="DUPLICATE"))
    assert outcomes(shop, "finish") == [("SUPPRESSED", "NOBODY")]
    comes(shop, ANA)
    assert offers(shop) == [(waiting, ANA)]


# What sets nothing off.


def test_what_was_imported_is_not_routed(shop: Shop) -> None:
    queued = QueueWorkItem(work_item_id=derived("work_item", 1), channel=Channel.EMAIL, queue="service", score=0)
    at(shop, queued, origin=Origin.IMPORT)
    comes(shop, ANA)
    assert shop.ledger() == []
    assert offers(shop) == []


def test_twice_is_the_same_as_once(shop: Shop) -> None:
    for who in (ANA, BEN):
        comes(shop, who)
    item(shop, Channel.PHONE)
    later(shop, minutes=5)
    before = len(shop.events())
    with shop.log.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0")
    shop.worker = shop.hire()
    shop.worker.run()
    assert len(shop.events()) == before


def test_a_worker_that_comes_new_to_it_decides_as_the_one_that_was_there(shop: Shop) -> None:
    for who in (ANA, BEN):
        comes(shop, who)
    waiting = [item(shop, Channel.PHONE, HIGH), item(shop, Channel.PHONE), item(shop, Channel.CHAT)]
    later(shop, seconds=20)
    shop.worker = shop.hire()
    later(shop, seconds=20)
    for each in waiting[:2]:
        assert len([who for what, who in offers(shop) if what == each]) == 2
