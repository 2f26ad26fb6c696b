"""P12: what presses most goes to whoever is there and can take it; an offer stands for twenty seconds."""

from datetime import timedelta
from pathlib import Path

import pytest

from domain.agent_shift import AgentStatus, ChangeAgentStatus, SignOutAgent
from domain.staff import GrantSkill, SetCapacity
from domain.values import Channel
from domain.work_item import (
    CompleteWorkItem,
    DeclineWorkItem,
    OfferWorkItem,
    TransferWorkItem,
    WorkItemDeclined,
)
from processes import queue_routing
from tests.conftest import House
from tests.processes.centre import (
    ANA,
    BEN,
    EVA,
    HIGH,
    LOW,
    NORMAL,
    URGENT,
    accept,
    comes,
    hire,
    item,
    later,
    offers,
    outcomes,
)
from tests.processes.desk import at
from tests.processes.shop import Shop


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that routes what waits, and nothing else."""
    shop = Shop(house.log, tmp_path / "mail", policies=[queue_routing.policy])
    shop.until("2026-03-10 10:00:00")
    return shop


# Who gets what.


def test_the_highest_score_comes_first_and_of_equals_what_waits_longest(shop: Shop) -> None:
    low, normal = item(shop, priority=LOW), item(shop)
    later(shop, seconds=5)
    same, high = item(shop), item(shop, priority=HIGH)
    comes(shop, ANA)
    assert offers(shop) == [(each, ANA) for each in (high, normal, same, low)]
    assert outcomes(shop, "match") == [("DONE", "OFFERED")]


def test_waiting_lets_a_call_pass_a_letter(shop: Shop) -> None:
    call, mail = item(shop, Channel.PHONE, LOW), item(shop, Channel.EMAIL, NORMAL)
    comes(shop, ANA, capacity=100)
    assert offers(shop) == [(mail, ANA)]  # and now there is no room for the call
    at(shop, DeclineWorkItem(work_item_id=mail, staff_id=ANA))
    assert offers(shop)[1:] == [(call, ANA)]


@pytest.mark.parametrize(("waited_s", "first"), [(1000, "mail"), (1020, "call")])
def test_a_call_gains_a_point_every_ten_seconds(shop: Shop, waited_s: int, first: str) -> None:
    waiting = {"call": item(shop, Channel.PHONE, LOW), "mail": item(shop, Channel.EMAIL, NORMAL)}
    later(shop, seconds=waited_s)
    comes(shop, ANA)
    assert offers(shop)[0] == (waiting[first], ANA)


@pytest.mark.parametrize(("channel", "at_once"), [(Channel.PHONE, 1), (Channel.CHAT, 3), (Channel.EMAIL, 5)])
def test_an_agent_can_have_so_many_at_once(shop: Shop, channel: Channel, at_once: int) -> None:
    waiting = []
    for _ in range(7):
        waiting.append(item(shop, channel))
        later(shop, seconds=1)
    comes(shop, ANA)
    assert offers(shop) == [(each, ANA) for each in waiting[:at_once]]
    for each in waiting[:at_once]:
        accept(shop, each, ANA)
    assert len(offers(shop)) == at_once
    at(shop, CompleteWorkItem(work_item_id=waiting[0], outcome="SOLVED"))
    assert offers(shop)[at_once:] == [(waiting[at_once], ANA)]


def test_a_call_and_a_letter_are_too_much_and_two_chats_and_a_letter_are_not(shop: Shop) -> None:
    comes(shop, ANA)
    for each in (item(shop, Channel.CHAT), item(shop, Channel.CHAT), item(shop)):
        accept(shop, each, ANA)
    assert len(offers(shop)) == 3
    item(shop, Channel.PHONE, URGENT)
    assert len(offers(shop)) == 3


@pytest.mark.parametrize("how", ["for the shift", "for good"])
def test_somebody_may_have_another_capacity(shop: Shop, how: str) -> None:
    hire(shop, ANA)
    if how == "for good":
        shop.do(SetCapacity(staff_id=ANA, capacity=40))
    for _ in range(4):
        item(shop)
    comes(shop, ANA, capacity=40 if how == "for the shift" else None)
    assert len(offers(shop)) == 2


def test_only_who_has_the_skill_is_offered_it(shop: Shop) -> None:
    hire(shop, ANA)
    hire(shop, BEN, "billing")
    comes(shop, ANA)
    waiting = item(shop, skill="billing")
    assert offers(shop) == []
    comes(shop, BEN)
    assert offers(shop) == [(waiting, BEN)]


def test_who_learns_the_skill_is_offered_it(shop: Shop) -> None:
    hire(shop, ANA)
    comes(shop, ANA)
    waiting = item(shop, skill="billing")
    at(shop, GrantSkill(staff_id=ANA, skill="billing", level=1))
    assert offers(shop) == [(waiting, ANA)]


def test_who_speaks_the_language_comes_first(shop: Shop) -> None:
    hire(shop, ANA, languages=("es",))
    hire(shop, BEN, languages=("es", "de-AT"))
    for who in (ANA, BEN):
        comes(shop, who)
    german = [item(shop, Channel.PHONE, language="de") for _ in range(2)]
    assert offers(shop) == [(german[0], BEN), (german[1], ANA)]


def test_work_is_shared_out(shop: Shop) -> None:
    for who in (ANA, BEN, EVA):
        comes(shop, who)
    waiting = []
    for _ in range(6):
        waiting.append(item(shop))
        later(shop, seconds=1)
    assert sorted(who for _, who in offers(shop)) == sorted([ANA, BEN, EVA] * 2)


@pytest.mark.parametrize(("queues", "offered"), [((), True), (("service", "sales"), True), (("sales",), False)])
def test_agents_take_from_their_queues(shop: Shop, queues: tuple[str, ...], offered: bool) -> None:
    item(shop)
    comes(shop, ANA, *queues)
    assert len(offers(shop)) == offered


def test_only_who_is_available_is_offered_anything(shop: Shop) -> None:
    shift = comes(shop, ANA)
    at(shop, ChangeAgentStatus(agent_shift_id=shift, status=AgentStatus.BREAK))
    waiting = item(shop)
    assert offers(shop) == []
    at(shop, ChangeAgentStatus(agent_shift_id=shift, status=AgentStatus.AVAILABLE))
    assert offers(shop) == [(waiting, ANA)]
    at(shop, DeclineWorkItem(work_item_id=waiting, staff_id=ANA))
    at(shop, SignOutAgent(agent_shift_id=shift))
    item(shop)
    assert len(offers(shop)) == 1


def test_a_call_of_yesterday_does_not_keep_anybody_from_work(shop: Shop) -> None:
    shift = comes(shop, ANA)
    accept(shop, item(shop, Channel.PHONE), ANA)
    at(shop, SignOutAgent(agent_shift_id=shift))
    later(shop, days=1)
    waiting = item(shop, Channel.PHONE)
    comes(shop, ANA)
    assert offers(shop)[1:] == [(waiting, ANA)]


# What becomes of an offer.


def test_who_does_not_answer_within_twenty_seconds_is_passed_over(shop: Shop) -> None:
    for who in (ANA, BEN):
        comes(shop, who)
    waiting = item(shop, Channel.PHONE)
    [(_, first)] = offers(shop)
    later(shop, seconds=19)
    assert len(offers(shop)) == 1
    later(shop, seconds=1)
    other = BEN if first == ANA else ANA
    assert offers(shop) == [(waiting, first), (waiting, other)]
    [declined] = [e for e, _ in shop.events() if isinstance(e, WorkItemDeclined)]
    assert (declined.staff_id, declined.reason) == (first, "TIMED_OUT")
    later(shop, seconds=20)
    later(shop, minutes=1)
    assert len(offers(shop)) == 2  # nobody is left
    assert outcomes(shop, "offer") == [("DONE", "TIMED_OUT")] * 2


@pytest.mark.parametrize("how", ["comes back", "takes something else"])
def test_who_let_it_go_is_offered_it_again_when_they_attend(shop: Shop, how: str) -> None:
    shift = comes(shop, ANA)
    waiting = item(shop)
    later(shop, seconds=20)
    if how == "comes back":
        at(shop, ChangeAgentStatus(agent_shift_id=shift, status=AgentStatus.BUSY))
        at(shop, ChangeAgentStatus(agent_shift_id=shift, status=AgentStatus.AVAILABLE))
    else:
        other = item(shop)
        accept(shop, other, ANA)
        at(shop, CompleteWorkItem(work_item_id=other, outcome="SOLVED"))
    assert offers(shop)[-1] == (waiting, ANA)
    assert len(offers(shop)) == (2 if how == "comes back" else 3)


def test_what_was_accepted_is_not_taken_away(shop: Shop) -> None:
    comes(shop, ANA)
    waiting = item(shop, Channel.PHONE)
    accept(shop, waiting, ANA)
    later(shop, minutes=5)
    assert [e for e, _ in shop.events() if isinstance(e, WorkItemDeclined)] == []
    assert outcomes(shop, "offer") == [("CANCELLED", "ACCEPTED")]
    assert outcomes(shop, "callback") == [("CANCELLED", "ACCEPTED")]


def test_what_somebody_declines_goes_to_the_next(shop: Shop) -> None:
    for who in (ANA, BEN):
        comes(shop, who)
    waiting = item(shop)
    [(_, first)] = offers(shop)
    at(shop, DeclineWorkItem(work_item_id=waiting, staff_id=first))
    assert offers(shop)[1:] == [(waiting, BEN if first == ANA else ANA)]
    assert sorted(outcomes(shop, "offer"))[0] == ("CANCELLED", "DECLINED")


def test_who_let_one_call_go_by_is_offered_the_next(shop: Shop) -> None:
    comes(shop, ANA)
    first = item(shop, Channel.PHONE)
    second = item(shop, Channel.PHONE)
    later(shop, seconds=20)
    assert offers(shop) == [(first, ANA), (second, ANA)]


def test_who_let_it_go_in_one_queue_may_be_offered_it_in_another(shop: Shop) -> None:
    comes(shop, ANA)
    waiting = item(shop)
    later(shop, seconds=20)
    at(shop, TransferWorkItem(work_item_id=waiting, queue="sales"))
    assert offers(shop) == [(waiting, ANA)] * 2


def test_an_offer_is_not_taken_back_for_the_one_before_it(shop: Shop) -> None:
    comes(shop, ANA)
    waiting = item(shop)
    shop.now += timedelta(seconds=15)
    at(shop, DeclineWorkItem(work_item_id=waiting, staff_id=ANA), seen=False)
    at(shop, OfferWorkItem(work_item_id=waiting, staff_id=BEN), seen=False)
    shop.now += timedelta(seconds=5)
    shop.worker.runner.fire(shop.now)
    assert outcomes(shop, "offer") == [("CANCELLED", "OFFERED_ANEW")]
    assert offers(shop) == [(waiting, ANA), (waiting, BEN)]


@pytest.mark.parametrize("how", ["offered", "transferred"])
def test_an_offer_that_somebody_else_made_stands_as_long(shop: Shop, how: str) -> None:
    waiting = item(shop)
    offer = OfferWorkItem(work_item_id=waiting, staff_id=BEN)
    at(shop, offer if how == "offered" else TransferWorkItem(work_item_id=waiting, staff_id=BEN))
    comes(shop, ANA)
    assert len(offers(shop)) == (how == "offered")
    later(shop, seconds=20)
    assert offers(shop)[-1] == (waiting, ANA)


def test_what_goes_to_another_queue_is_offered_there(shop: Shop) -> None:
    comes(shop, ANA, "service")
    waiting = item(shop)
    comes(shop, BEN, "sales")
    at(shop, TransferWorkItem(work_item_id=waiting, queue="sales"))
    assert offers(shop) == [(waiting, ANA), (waiting, BEN)]
    assert sorted(outcomes(shop, "offer"))[0] == ("CANCELLED", "TRANSFERRED")
