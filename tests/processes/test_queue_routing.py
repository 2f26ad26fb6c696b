"""P12: one queue for all channels; what presses most goes to whoever is there and can take it."""

from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.agent_shift import AgentStatus, ChangeAgentStatus, SignInAgent, SignOutAgent
from domain.case import AssignCase, ChangeCasePriority, CloseCase
from domain.case_events import CasePriority
from domain.case_sla import SetSlaTarget, SlaMilestone
from domain.kernel import derived
from domain.merging import MergeCustomers
from domain.queueing import OTHER_LOAD, factors, load, waiting_points
from domain.staff import AddStaff, GrantSkill, SetCapacity, StaffRole
from domain.values import Channel
from domain.work_item import (
    AbandonWorkItem,
    AcceptWorkItem,
    CompleteWorkItem,
    DeclineWorkItem,
    OfferWorkItem,
    QueueWorkItem,
    RequestCallback,
    TransferWorkItem,
    WorkItemAccepted,
    WorkItemCompleted,
    WorkItemDeclined,
    WorkItemOffered,
    WorkItemQueued,
    WorkItemReprioritised,
)
from eventstore.envelope import Origin
from processes import case_sla, queue_routing
from tests.conftest import House
from tests.processes.desk import at, member, open_case, resolve, respond
from tests.processes.shop import Shop

URGENT, HIGH, NORMAL, LOW = CasePriority.URGENT, CasePriority.HIGH, CasePriority.NORMAL, CasePriority.LOW
ANA, BEN, EVA = (derived("staff", name) for name in ("ana", "ben", "eva"))
_numbers = count(1)


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that routes what waits, and nothing else."""
    shop = Shop(house.log, tmp_path / "mail", policies=[queue_routing.policy])
    shop.until("2026-03-10 10:00:00")
    return shop


def item(shop: Shop, channel: Channel = Channel.EMAIL, priority: CasePriority = NORMAL, **said: Any) -> UUID:
    """Something that waits; nobody has scored it yet."""
    work_item_id = derived("work_item", "queue", next(_numbers))
    told = {"queue": "service", "score": 0, **said}
    at(shop, QueueWorkItem(work_item_id=work_item_id, channel=channel, priority=priority, **told))
    return work_item_id


def comes(shop: Shop, staff_id: UUID, *queues: str, capacity: int | None = None, seen: bool = True) -> UUID:
    """Somebody signs in."""
    shift = derived("agent_shift", staff_id, shop.now)
    at(shop, SignInAgent(agent_shift_id=shift, staff_id=staff_id, queues=queues, capacity=capacity), seen=seen)
    return shift


def hire(shop: Shop, staff_id: UUID, *skills: str, languages: tuple[str, ...] = ()) -> None:
    shop.do(AddStaff(staff_id=staff_id, name="Eva", role=StaffRole.AGENT, languages=languages))
    for skill in skills:
        shop.do(GrantSkill(staff_id=staff_id, skill=skill, level=3))


def later(shop: Shop, **time: float) -> None:
    """Time passes."""
    shop.until(shop.now + timedelta(**time))


def accept(shop: Shop, work_item_id: UUID, staff_id: UUID) -> None:
    at(shop, AcceptWorkItem(work_item_id=work_item_id, staff_id=staff_id))


def offers(shop: Shop) -> list[tuple[UUID, UUID]]:
    """What was offered to whom, in order."""
    return [(at.stream_id, e.staff_id) for e, at in shop.events() if isinstance(e, WorkItemOffered)]


def outcomes(shop: Shop, step: str, about: UUID | None = None) -> list[tuple[str, str | None]]:
    """What became of the follow-ups of a step."""
    return [(each.status.value, each.reason) for each in shop.ledger(step) if about in (None, each.about)]


def scores(shop: Shop, work_item_id: UUID) -> list[dict[str, int]]:
    """What the score of something was made of, each time it was said."""
    said = [e for e, at in shop.events() if at.stream_id == work_item_id]
    return [dict(e.factors) for e in said if isinstance(e, WorkItemQueued | WorkItemReprioritised)]


# The score.


@pytest.mark.parametrize(
    ("priority", "tiers", "little_left", "score"),
    [
        (URGENT, (), False, 400),
        (HIGH, (), False, 300),
        (NORMAL, (), False, 200),
        (LOW, (), False, 100),
        (LOW, ("PLATINUM",), False, 190),
        (LOW, ("GOLD",), False, 160),
        (LOW, ("SILVER",), False, 130),
        (LOW, ("BASE",), False, 100),
        (LOW, ("SILVER", "PLATINUM"), False, 190),
        (URGENT, ("PLATINUM",), True, 590),
    ],
)
def test_a_score_is_made_of_priority_tier_and_little_time(
    priority: CasePriority, tiers: tuple[str, ...], little_left: bool, score: int
) -> None:
    assert sum(factors(priority, tiers, little_left=little_left).values()) == score


@pytest.mark.parametrize(
    ("channel", "every"),
    [(Channel.PHONE, 10), (Channel.CHAT, 60), (Channel.EMAIL, 600), (Channel.WEB, 600), (Channel.FAX, 600)],
)
def test_waiting_adds_a_point_by_the_channel(channel: Channel, every: int) -> None:
    assert [waiting_points(channel, s) for s in (0, every - 1, every, 2 * every - 1, 2 * every)] == [0, 0, 1, 1, 2]


def test_what_a_channel_takes_of_an_agent() -> None:
    assert (load(Channel.PHONE), load(Channel.CHAT), load(Channel.EMAIL), OTHER_LOAD) == (100, 33, 20, 20)


def test_what_is_queued_is_scored_and_its_factors_are_kept(shop: Shop) -> None:
    gold = item(shop, Channel.FAX, HIGH, customer_id=member(shop, "GOLD"), score=7)
    assert scores(shop, gold)[1:] == [{"priority": 300, "tier": 60}]
    right = item(shop, Channel.FAX, HIGH, score=300, factors={"priority": 300})
    assert len(scores(shop, right)) == 1
    assert outcomes(shop, "route") == [("DONE", "WAITS")] * 2


def test_the_tier_of_who_is_taken_to_be_the_same_counts(shop: Shop) -> None:
    customer, gold = shop.customer(), member(shop, "GOLD")
    shop.do(MergeCustomers(customer_id=customer, survivor_id=gold))
    waiting = item(shop, customer_id=customer)
    assert scores(shop, waiting)[1:] == [{"priority": 200, "tier": 60}]


def test_little_time_left_adds_to_the_score(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[case_sla.policy, queue_routing.policy])
    open_case(shop, "2026-03-10 10:00:00", HIGH)  # to be answered by eleven: a fifth of the time is from 10:48 on
    [queued] = [at.stream_id for e, at in shop.events() if isinstance(e, WorkItemQueued)]
    shop.until("2026-03-10 10:48:00")
    assert scores(shop, queued) == [{"priority": 300}]
    shop.until("2026-03-10 10:48:01")
    assert scores(shop, queued)[1:] == [{"priority": 300, "sla": 100}]


def test_of_a_target_that_was_set_anew_it_is_the_share_of_all_the_time(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[case_sla.policy, queue_routing.policy])
    case = open_case(shop, "2026-03-10 10:00:00", HIGH)
    [queued] = [at.stream_id for e, at in shop.events() if isinstance(e, WorkItemQueued)]
    due_at = shop.now + timedelta(minutes=20)  # after a wait, of the hour twenty minutes are left
    at(
        shop,
        SetSlaTarget(case_id=case, milestone=SlaMilestone.FIRST_RESPONSE, due_at=due_at, sla="standard", sla_version=1),
    )
    shop.until("2026-03-10 10:08:00")
    assert len(scores(shop, queued)) == 1
    shop.until("2026-03-10 10:08:01")  # twelve minutes are a fifth of an hour
    assert scores(shop, queued)[1:] == [{"priority": 300, "sla": 100}]
    respond(shop, case, "2026-03-10 10:10:00")
    assert scores(shop, queued)[2:] == [{"priority": 300}]  # it is to be resolved by six
    shop.until("2026-03-10 17:00:00")
    assert scores(shop, queued)[3:] == [{"priority": 300, "sla": 100}]


def test_another_priority_of_its_case_counts(shop: Shop) -> None:
    case = open_case(shop, None, LOW)
    waiting = item(shop, priority=LOW, case_id=case)
    at(shop, ChangeCasePriority(case_id=case, priority=URGENT))
    assert scores(shop, waiting)[1:] == [{"priority": 100}, {"priority": 400}]


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


# Who waits on the telephone.


def test_who_waits_for_more_than_two_minutes_on_the_telephone_is_offered_a_callback(shop: Shop) -> None:
    call, chat = item(shop, Channel.PHONE), item(shop, Channel.CHAT)
    later(shop, seconds=120)
    assert outcomes(shop, "callback") == [("SCHEDULED", None)]
    later(shop, seconds=1)
    assert outcomes(shop, "callback", call) == [("DONE", "CALLBACK_OFFERED")]
    assert outcomes(shop, "callback", chat) == []


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
