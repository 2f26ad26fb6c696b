"""Calls."""

from uuid import UUID

import pytest

from domain.call import (
    MAX_HOLDS,
    MAX_TRANSFERS,
    AnswerCall,
    CallAnswered,
    CallEnded,
    CallerIdentified,
    CallHeld,
    CallResumed,
    CallRinging,
    CallStatus,
    CallTransferred,
    CompleteWrapUp,
    EndCall,
    HoldCall,
    IdentifyCaller,
    ResumeCall,
    RingCall,
    TransferCall,
    WrapUpCompleted,
    decider,
)
from domain.interaction import Direction
from domain.kernel import Command, Event
from tests.domain.scenario import but, events_of, given

CALL, ANA, EVA, PEP, LOU = (UUID(int=n) for n in range(1, 6))
RING = RingCall(call_id=CALL, queue="service", caller="+34 600 123 456")
RUNG = CallRinging(customer_id=None, direction=Direction.IN, queue="service", caller="+34 600 123 456")
ANSWER, ANSWERED = AnswerCall(call_id=CALL, staff_id=PEP), CallAnswered(staff_id=PEP)
HOLD, HELD = HoldCall(call_id=CALL), CallHeld()
RESUME, RESUMED = ResumeCall(call_id=CALL), CallResumed()
TO_LOU, GONE_TO_LOU = TransferCall(call_id=CALL, to_staff_id=LOU), CallTransferred(to_staff_id=LOU)
TO_SALES, GONE_TO_SALES = TransferCall(call_id=CALL, to_queue="sales"), CallTransferred(to_queue="sales")
END = EndCall(call_id=CALL, talk_s=60, hold_s=5, waited_s=9, cause="HANGUP")
ENDED = CallEnded(talk_s=60, hold_s=5, waited_s=9, cause="HANGUP")
ABANDON, ABANDONED = EndCall(call_id=CALL, talk_s=0, waited_s=20), CallEnded(talk_s=0, waited_s=20)
WRAP_UP = CompleteWrapUp(call_id=CALL, disposition="SOLVED", acw_s=30, note="Ana was glad.")
WRAPPED_UP = WrapUpCompleted(disposition="SOLVED", acw_s=30, note="Ana was glad.")
IDENTIFY, IDENTIFIED = IdentifyCaller(call_id=CALL, customer_id=ANA), CallerIdentified(previous=None, customer_id=ANA)

THE_END = "This call has already ended."


def test_a_call_rings_once() -> None:
    state = given(decider).when(RING).then(RUNG)
    assert (state.status, state.customer_id) == (CallStatus.RINGING, None)
    given(decider, RUNG).when(RING).then_nothing()
    given(decider, RUNG, ANSWERED, IDENTIFIED, ENDED).when(RING).then_nothing()


def test_a_call_of_a_known_customer_says_so() -> None:
    known = but(RING, customer_id=ANA, direction=Direction.OUT, campaign_id=EVA)
    rung = CallRinging(
        customer_id=ANA, direction=Direction.OUT, queue="service", campaign_id=EVA, caller="+34 600 123 456"
    )
    assert given(decider).when(known).then(rung).customer_id == ANA


@pytest.mark.parametrize(
    "other", [but(RING, caller="+34 600 000 000"), but(RING, customer_id=EVA), but(RING, queue="x")]
)
def test_another_call_cannot_have_the_same_id(other: Command) -> None:
    given(decider, RUNG).when(other).refused("This call is already known. Give a new one an id of its own.", "call_id")


@pytest.mark.parametrize("command", [ANSWER, HOLD, RESUME, TO_LOU, END, ABANDON, WRAP_UP, IDENTIFY])
def test_a_call_rings_before_anything_else(command: Command) -> None:
    given(decider).when(command).refused("There is no such call yet: let it ring first.", "call_id")


def test_the_whole_life_of_a_call() -> None:
    life = [RING, ANSWER, HOLD, RESUME, TO_SALES, but(ANSWER, staff_id=LOU), IDENTIFY, END, WRAP_UP]
    assert events_of(decider, [step for step in life for _ in range(2)]) == [
        RUNG, ANSWERED, HELD, RESUMED, GONE_TO_SALES, CallAnswered(staff_id=LOU), IDENTIFIED, ENDED, WRAPPED_UP,
    ]  # fmt: skip


def test_one_of_two_who_answer_has_the_call() -> None:
    given(decider, RUNG).when(ANSWER).then(ANSWERED)
    given(decider, RUNG, ANSWERED).when(ANSWER).then_nothing()
    given(decider, RUNG, ANSWERED, HELD).when(ANSWER).then_nothing()
    given(decider, RUNG, ANSWERED).when(but(ANSWER, staff_id=LOU)).refused(
        "This call is already answered. Transfer it instead.", "staff_id"
    )


def test_a_call_is_held_and_resumed_in_turn() -> None:
    given(decider, RUNG, ANSWERED).when(HOLD).then(HELD)
    given(decider, RUNG, ANSWERED, HELD).when(HOLD).then_nothing()
    given(decider, RUNG, ANSWERED, HELD).when(RESUME).then(RESUMED)
    given(decider, RUNG, ANSWERED, HELD, RESUMED).when(RESUME).then_nothing()
    given(decider, RUNG, ANSWERED, HELD, RESUMED).when(HOLD).then(HELD)
    given(decider, RUNG).when(RESUME).refused("This call is not on hold: it rings. Answer it instead.")


def test_a_call_is_held_a_limited_number_of_times() -> None:
    holds: list[Event] = [HELD, RESUMED] * (MAX_HOLDS - 1)
    given(decider, RUNG, ANSWERED, *holds).when(HOLD).then(HELD)
    given(decider, RUNG, ANSWERED, *holds, HELD, RESUMED).when(HOLD).refused(
        "A call is held at most 200 times: end it and ring again."
    )


@pytest.mark.parametrize(("ask", "gone"), [(TO_LOU, GONE_TO_LOU), (TO_SALES, GONE_TO_SALES)])
@pytest.mark.parametrize("before", [(RUNG,), (RUNG, ANSWERED), (RUNG, ANSWERED, HELD)])
def test_a_transferred_call_rings_again(ask: Command, gone: Event, before: tuple[Event, ...]) -> None:
    state = given(decider, *before).when(ask).then(gone)
    assert state.status is CallStatus.RINGING
    given(decider, *before, gone).when(ask).then_nothing()
    given(decider, *before, gone).when(but(ANSWER, staff_id=LOU)).then(CallAnswered(staff_id=LOU))
    given(decider, *before, gone).when(ABANDON).then(ABANDONED)


def test_a_call_is_not_transferred_to_where_it_is() -> None:
    given(decider, RUNG, ANSWERED).when(but(TO_LOU, to_staff_id=PEP)).then_nothing()
    waiting = but(TO_SALES, to_queue="service")
    given(decider, RUNG).when(waiting).then_nothing()
    given(decider, RUNG, ANSWERED).when(waiting).then(CallTransferred(to_queue="service"))
    given(decider, RUNG, GONE_TO_LOU).when(waiting).then(CallTransferred(to_queue="service"))


@pytest.mark.parametrize("both", [TransferCall(call_id=CALL), but(TO_LOU, to_queue="sales")])
def test_a_call_is_transferred_to_one_place(both: Command) -> None:
    given(decider, RUNG, ANSWERED).when(both).refused(
        "Transfer a call either to a member of staff or to a queue.", "to_queue"
    )


def test_a_call_is_transferred_a_limited_number_of_times() -> None:
    turns: list[Event] = [GONE_TO_LOU, GONE_TO_SALES] * (MAX_TRANSFERS // 2)
    given(decider, RUNG, *turns[1:]).when(TO_LOU).then(GONE_TO_LOU)
    given(decider, RUNG, *turns).when(TO_LOU).refused("A call is transferred at most 200 times: end it and ring again.")


@pytest.mark.parametrize("before", [(), (ANSWERED,), (ANSWERED, HELD), (GONE_TO_LOU,)])
def test_a_call_ends_once_and_steps_may_be_missing(before: tuple[Event, ...]) -> None:
    assert given(decider, RUNG, *before).when(END).then(ENDED).status is CallStatus.ENDED
    given(decider, RUNG, *before, ENDED).when(END).then_nothing()
    given(decider, RUNG, *before, ENDED, WRAPPED_UP).when(END).then_nothing()
    given(decider, RUNG, *before, ENDED).when(but(END, talk_s=61)).refused(THE_END)
    given(decider, RUNG).when(HOLD).then(HELD)


@pytest.mark.parametrize("late", [ANSWER, HOLD, RESUME, TO_LOU, TO_SALES, ABANDON])
def test_nothing_goes_back(late: Command) -> None:
    given(decider, RUNG, ENDED).when(late).refused(THE_END)
    given(decider, RUNG, ENDED, WRAPPED_UP).when(late).refused(THE_END)


def test_a_call_that_nobody_answered_ends_as_well() -> None:
    assert given(decider, RUNG).when(ABANDON).then(ABANDONED).status is CallStatus.ENDED
    given(decider, RUNG, ABANDONED).when(ABANDON).then_nothing()
    for late in (but(ABANDON, waited_s=21), ANSWER, HOLD, RESUME, TO_LOU, END):
        given(decider, RUNG, ABANDONED).when(late).refused(THE_END)


def test_of_who_answers_and_who_hangs_up_at_once_the_first_one_wins() -> None:
    given(decider, RUNG, ANSWERED).when(ABANDON).then(ABANDONED)
    given(decider, RUNG, ABANDONED).when(ANSWER).refused(THE_END)


def test_the_work_after_a_call_is_finished_once() -> None:
    assert given(decider, RUNG, ENDED).when(WRAP_UP).then(WRAPPED_UP).status is CallStatus.WRAPPED_UP
    given(decider, RUNG, ENDED, WRAPPED_UP).when(WRAP_UP).then_nothing()
    given(decider, RUNG, ENDED, WRAPPED_UP).when(but(WRAP_UP, note="Ana was angry.")).refused(
        "This call is already wrapped up."
    )
    given(decider, RUNG, ANSWERED).when(WRAP_UP).refused("This call has not ended: end it first.")


def test_the_caller_becomes_known_and_the_last_word_counts() -> None:
    for before in ((), (ANSWERED,), (ENDED,), (ENDED, WRAPPED_UP), (ABANDONED,)):
        assert given(decider, RUNG, *before).when(IDENTIFY).then(IDENTIFIED).customer_id == ANA
    given(decider, RUNG, IDENTIFIED).when(IDENTIFY).then_nothing()
    given(decider, RUNG, IDENTIFIED).when(but(IDENTIFY, customer_id=EVA)).then(
        CallerIdentified(previous=ANA, customer_id=EVA)
    )


def test_what_follows_is_on_the_timeline_of_the_customer() -> None:
    assert decider.customer_of(ANSWER, given(decider, RUNG).state) == CALL
    assert decider.customer_of(ANSWER, given(decider, RUNG, IDENTIFIED, ANSWERED).state) == ANA
    assert decider.customer_of(IDENTIFY, given(decider, RUNG).state) == ANA


@pytest.mark.parametrize(
    ("before", "command", "sentence", "field"),
    [
        ((), but(RING, caller=" "), "The caller must not be blank.", "caller"),
        ((), but(RING, queue=""), "The queue must not be blank.", "queue"),
        ((RUNG,), but(TO_SALES, to_queue=" "), "The queue must not be blank.", "to_queue"),
        ((RUNG,), but(END, cause=" "), "The cause must not be blank.", "cause"),
        ((RUNG,), but(END, talk_s=-1), "The duration must be from 0 to 31622400 seconds.", "talk_s"),
        ((RUNG,), but(END, hold_s=-1), "The duration must be from 0 to 31622400 seconds.", "hold_s"),
        ((RUNG,), but(END, waited_s=-1), "The duration must be from 0 to 31622400 seconds.", "waited_s"),
        ((RUNG, ENDED), but(WRAP_UP, acw_s=-1), "The duration must be from 0 to 31622400 seconds.", "acw_s"),
        ((RUNG, ENDED), but(WRAP_UP, disposition=" "), "The disposition must not be blank.", "disposition"),
    ],
)
def test_a_call_must_make_sense(before: tuple[Event, ...], command: Command, sentence: str, field: str) -> None:
    given(decider, *before).when(command).refused(sentence, field)
