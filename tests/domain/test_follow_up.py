"""Follow-ups."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.follow_up import (
    Action,
    ActionKind,
    AttemptFollowUp,
    CancelFollowUp,
    CompleteFollowUp,
    DispatchFollowUp,
    FollowUpAttempted,
    FollowUpCancelled,
    FollowUpCompleted,
    FollowUpDelivered,
    FollowUpDeliveryUncertain,
    FollowUpDispatched,
    FollowUpFailed,
    FollowUpPostponed,
    FollowUpScheduled,
    FollowUpStatus,
    FollowUpSuppressed,
    PostponeFollowUp,
    RecordFollowUpDelivered,
    RecordFollowUpFailed,
    RecordFollowUpUncertain,
    ScheduleFollowUp,
    SuppressFollowUp,
    decider,
)
from domain.kernel import Command, Event
from tests.domain.scenario import but, given

ID, ANA, ORDER, INVITATION = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
DUE = datetime(2026, 2, 28, 9, tzinfo=UTC)
NAIVE = DUE.replace(tzinfo=None)
LATER = DUE + timedelta(hours=1)
ACTION = Action(kind=ActionKind.SEND_SURVEY, survey="post-purchase", invitation_id=INVITATION)
SCHEDULE = ScheduleFollowUp(
    follow_up_id=ID,
    customer_id=ANA,
    policy="post-purchase-survey",
    policy_version=1,
    step="ask",
    trigger=ORDER,
    trigger_position=7,
    action=ACTION,
    due_at=DUE,
    wanted_at=DUE,
)
SUPPRESS = SuppressFollowUp(
    follow_up_id=ID,
    customer_id=ANA,
    policy="post-purchase-survey",
    policy_version=1,
    step="ask",
    trigger=ORDER,
    trigger_position=7,
    reason="CAPPED",
)
SCHEDULED = FollowUpScheduled(
    customer_id=ANA,
    policy="post-purchase-survey",
    policy_version=1,
    step="ask",
    trigger=ORDER,
    trigger_position=7,
    action=ACTION,
    due_at=DUE,
    wanted_at=DUE,
)
SUPPRESSED = FollowUpSuppressed(
    customer_id=ANA,
    policy="post-purchase-survey",
    policy_version=1,
    step="ask",
    trigger=ORDER,
    trigger_position=7,
    reason="CAPPED",
)
CANCEL = CancelFollowUp(follow_up_id=ID, reason="The order came back.")
CANCELLED = FollowUpCancelled(reason="The order came back.")
POSTPONE = PostponeFollowUp(follow_up_id=ID, due_at=LATER, reason="QUIET_HOURS")
DISPATCH = DispatchFollowUp(follow_up_id=ID, basis="CONSENT", relied_on=3)
DISPATCHED = FollowUpDispatched(idempotency_key=str(ID), basis="CONSENT", relied_on=3)
ATTEMPTED = FollowUpAttempted(attempt=1)
DELIVER = RecordFollowUpDelivered(follow_up_id=ID, provider_ref="250 ok")
DELIVERED = FollowUpDelivered(provider_ref="250 ok")
RETRY = RecordFollowUpFailed(follow_up_id=ID, error="451 busy", retry_at=LATER)
RETRIED = FollowUpFailed(attempt=1, error="451 busy", retry_at=LATER)
FAIL = RecordFollowUpFailed(follow_up_id=ID, error="550 unknown")
FAILED = FollowUpFailed(attempt=1, error="550 unknown")
DOUBT = RecordFollowUpUncertain(follow_up_id=ID, reason="TIMEOUT")
DOUBTED = FollowUpDeliveryUncertain(reason="TIMEOUT")
COMPLETE = CompleteFollowUp(follow_up_id=ID, outcome="EXPIRED")
COMPLETED = FollowUpCompleted(outcome="EXPIRED")

SENDING: list[Event] = [SCHEDULED, DISPATCHED, ATTEMPTED]
CLOSED: list[list[Event]] = [
    [SUPPRESSED],
    [SCHEDULED, CANCELLED],
    [SCHEDULED, COMPLETED],
    [*SENDING, DELIVERED],
    [*SENDING, FAILED],
]
OPEN: list[list[Event]] = [[SCHEDULED], [SCHEDULED, DISPATCHED], [*SENDING, RETRIED]]
ON_ITS_WAY: list[list[Event]] = [SENDING, [*SENDING, DOUBTED]]


def attempt(number: int) -> AttemptFollowUp:
    return AttemptFollowUp(follow_up_id=ID, attempt=number)


def test_a_promise_is_made_once_whatever_the_version_of_the_policy() -> None:
    state = given(decider).when(SCHEDULE).then(SCHEDULED)
    assert (state.customer_id, state.policy, state.status) == (ANA, "post-purchase-survey", FollowUpStatus.SCHEDULED)
    assert (state.attempt, state.action, state.due_at) == (0, ACTION, DUE)
    revised = but(SCHEDULE, policy_version=2, due_at=LATER)
    for happened in [*OPEN, *ON_ITS_WAY, *CLOSED]:
        given(decider, *happened).when(SCHEDULE).then_nothing()
        given(decider, *happened).when(revised).then_nothing()


@pytest.mark.parametrize("changes", [{"policy": "other"}, {"step": "remind"}, {"trigger": ANA}])
@pytest.mark.parametrize("command", [SCHEDULE, SUPPRESS])
def test_another_promise_cannot_have_the_same_id(command: Command, changes: dict[str, object]) -> None:
    other = but(command, **changes)
    given(decider, SCHEDULED).when(other).refused(
        "This follow-up belongs to another policy, step or trigger.", "follow_up_id"
    )


@pytest.mark.parametrize("field", ["due_at", "wanted_at"])
def test_a_promise_says_its_moment_with_the_offset(field: str) -> None:
    asked = but(SCHEDULE, **{field: NAIVE})
    given(decider).when(asked).refused("Give the moment with its offset, such as 2026-01-31T10:00:00Z.", field)


@pytest.mark.parametrize("happened", [[], [SCHEDULED]])
def test_what_is_not_done_has_a_reason(happened: list[Event]) -> None:
    state = given(decider, *happened).when(SUPPRESS).then(SUPPRESSED)
    assert (state.customer_id, state.policy, state.status) == (ANA, "post-purchase-survey", FollowUpStatus.SUPPRESSED)
    blank = but(SUPPRESS, reason=" ")
    given(decider, *happened).when(blank).refused("The reason must not be blank.", "reason")


@pytest.mark.parametrize("happened", CLOSED)
def test_what_is_closed_is_neither_suppressed_nor_cancelled(happened: list[Event]) -> None:
    given(decider, *happened).when(SUPPRESS).then_nothing()
    given(decider, *happened).when(CANCEL).then_nothing()


@pytest.mark.parametrize("happened", [[SCHEDULED, DISPATCHED], *ON_ITS_WAY])
def test_what_was_let_go_is_not_suppressed(happened: list[Event]) -> None:
    given(decider, *happened).when(SUPPRESS).refused("This follow-up is already on its way.")


@pytest.mark.parametrize("happened", OPEN)
def test_a_promise_is_taken_back_before_it_is_sent(happened: list[Event]) -> None:
    given(decider, *happened).when(CANCEL).then(CANCELLED)
    given(decider, *happened, CANCELLED).when(CANCEL).then_nothing()
    given(decider, *happened, CANCELLED).when(attempt(2)).refused(
        "This follow-up is cancelled, and must be dispatched for that."
    )


def test_a_promise_that_was_not_made_is_not_taken_back() -> None:
    given(decider).when(CANCEL).then_nothing()


@pytest.mark.parametrize("happened", ON_ITS_WAY)
def test_what_is_on_its_way_is_not_taken_back(happened: list[Event]) -> None:
    given(decider, *happened).when(CANCEL).refused("This follow-up is already on its way.")


@pytest.mark.parametrize("command", [POSTPONE, DISPATCH, attempt(1), DELIVER, FAIL, DOUBT, COMPLETE])
def test_there_must_be_a_promise(command: Command) -> None:
    given(decider).when(command).refused("There is no such follow-up.", "follow_up_id")


def test_a_promise_is_kept_later() -> None:
    postponed = FollowUpPostponed(due_at=LATER, reason="QUIET_HOURS")
    state = given(decider, SCHEDULED).when(POSTPONE).then(postponed)
    assert state.due_at == LATER
    given(decider, SCHEDULED, postponed).when(POSTPONE).then_nothing()
    given(decider, SCHEDULED, DISPATCHED).when(POSTPONE).refused(
        "This follow-up is dispatched, and must be scheduled for that."
    )
    naive = PostponeFollowUp(follow_up_id=ID, due_at=NAIVE, reason="QUIET_HOURS")
    given(decider, SCHEDULED).when(naive).refused(
        "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "due_at"
    )


def test_a_promise_is_let_go_once() -> None:
    given(decider, SCHEDULED).when(DISPATCH).then(DISPATCHED)
    for happened in ([SCHEDULED, DISPATCHED], *ON_ITS_WAY, [*SENDING, DELIVERED], [*SENDING, RETRIED]):
        given(decider, *happened).when(DISPATCH).then_nothing()


@pytest.mark.parametrize(("happened", "stands"), [([SUPPRESSED], "suppressed"), ([SCHEDULED, CANCELLED], "cancelled")])
def test_what_is_off_is_not_let_go(happened: list[Event], stands: str) -> None:
    given(decider, *happened).when(DISPATCH).refused(f"This follow-up is {stands}, and must be scheduled for that.")


def test_only_one_of_two_begins_an_attempt() -> None:
    state = given(decider, SCHEDULED, DISPATCHED).when(attempt(1)).then(ATTEMPTED)
    assert (state.status, state.attempt) == (FollowUpStatus.SENDING, 1)
    given(decider, *SENDING).when(attempt(1)).then_nothing()
    given(decider, *SENDING).when(attempt(2)).refused("This follow-up is sending, and must be dispatched for that.")


def test_attempts_are_counted() -> None:
    given(decider, SCHEDULED, DISPATCHED).when(attempt(2)).refused("The next attempt is number 1.", "attempt")
    given(decider, *SENDING, RETRIED).when(attempt(1)).refused("The next attempt is number 2.", "attempt")
    given(decider, *SENDING, RETRIED).when(attempt(2)).then(FollowUpAttempted(attempt=2))


@pytest.mark.parametrize(
    ("happened", "stands"),
    [([SCHEDULED], "scheduled"), ([*SENDING, FAILED], "failed"), ([*SENDING, DOUBTED], "uncertain")],
)
def test_nothing_is_sent_that_may_not_be(happened: list[Event], stands: str) -> None:
    given(decider, *happened).when(attempt(2)).refused(f"This follow-up is {stands}, and must be dispatched for that.")


@pytest.mark.parametrize("happened", ON_ITS_WAY)
@pytest.mark.parametrize(("command", "event"), [(DELIVER, DELIVERED), (RETRY, RETRIED), (FAIL, FAILED)])
def test_what_came_of_an_attempt_is_told_once(happened: list[Event], command: Command, event: Event) -> None:
    given(decider, *happened).when(command).then(event)
    given(decider, *happened, event).when(command).then_nothing()


def test_the_same_failure_may_come_twice() -> None:
    given(decider, *SENDING, RETRIED, FollowUpAttempted(attempt=2)).when(RETRY).then(
        FollowUpFailed(attempt=2, error="451 busy", retry_at=LATER)
    )


def test_doubt_is_told_once() -> None:
    given(decider, *SENDING).when(DOUBT).then(DOUBTED)
    given(decider, *SENDING, DOUBTED).when(DOUBT).then_nothing()


@pytest.mark.parametrize("command", [DELIVER, FAIL])
def test_nothing_comes_of_what_was_not_sent(command: Command) -> None:
    failed = " or failed" if command is DELIVER else ""
    given(decider, SCHEDULED, DISPATCHED).when(command).refused(
        f"This follow-up is dispatched, and must be sending or uncertain{failed} for that."
    )
    given(decider, SCHEDULED, DISPATCHED).when(DOUBT).refused(
        "This follow-up is dispatched, and must be sending for that."
    )


def test_a_delivery_is_not_told_otherwise() -> None:
    for command, failed in ((FAIL, ""), (RETRY, " or failed"), (replace(DELIVER, provider_ref="other"), " or failed")):
        given(decider, *SENDING, DELIVERED).when(command).refused(
            f"This follow-up is delivered, and must be sending or uncertain{failed} for that."
        )


def test_what_was_given_up_is_tried_again_or_found_to_have_arrived() -> None:
    given(decider, *SENDING, FAILED).when(RETRY).then(RETRIED)
    given(decider, *SENDING, FAILED, RETRIED).when(RETRY).then_nothing()
    given(decider, *SENDING, FAILED, RETRIED).when(attempt(2)).then(FollowUpAttempted(attempt=2))
    given(decider, *SENDING, FAILED).when(DELIVER).then(DELIVERED)
    given(decider, *SENDING, FAILED, DELIVERED).when(attempt(2)).refused(
        "This follow-up is delivered, and must be dispatched for that."
    )


@pytest.mark.parametrize("happened", [[SCHEDULED], [SCHEDULED, DISPATCHED]])
def test_a_step_that_sends_nothing_is_done_once(happened: list[Event]) -> None:
    given(decider, *happened).when(COMPLETE).then(COMPLETED)
    given(decider, *happened, COMPLETED).when(COMPLETE).then_nothing()
    given(decider, *happened, COMPLETED).when(CompleteFollowUp(follow_up_id=ID, outcome="NOTHING_TO_DO")).refused(
        "This follow-up is done, and must be scheduled or dispatched for that."
    )


def test_a_time_for_another_attempt_has_its_offset() -> None:
    asked = RecordFollowUpFailed(follow_up_id=ID, error="451 busy", retry_at=NAIVE)
    given(decider, *SENDING).when(asked).refused(
        "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "retry_at"
    )
