"""The promises: each step of one, whatever became of it."""

from datetime import UTC, datetime, timedelta

from domain.follow_up import (
    Action,
    ActionKind,
    AttemptFollowUp,
    DispatchFollowUp,
    PostponeFollowUp,
    RecordFollowUpDelivered,
    RecordFollowUpFailed,
    ScheduleFollowUp,
    SuppressFollowUp,
)
from domain.kernel import Command, derived
from eventstore.envelope import Request
from projections.engine import Engine
from projections.touchpoints import promises
from projections.touchpoints.promises import Promise, PromiseStep
from tests.conftest import House
from tests.projections.test_engine import held

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 10, tzinfo=UTC)
ID, ANA = derived("follow-up", 1), derived("customer", 1)
PROMISED = {
    "follow_up_id": ID, "customer_id": ANA, "policy": "survey", "policy_version": 1, "step": "ask",
    "trigger": derived("order", 1), "trigger_position": 1,
}  # fmt: skip
ASKED = ScheduleFollowUp(
    **PROMISED, due_at=START + DAY, wanted_at=START + DAY,
    action=Action(kind=ActionKind.SEND_SURVEY, survey="post-purchase", invitation_id=derived("invitation", 1)),
)  # fmt: skip

Step = tuple[PromiseStep, datetime | None, str | None]


def steps(house: House, *commands: Command) -> tuple[Promise, list[Step]]:
    """The promise after all of this, an hour after the other, and its steps: when it was due then, and how it ended."""
    for n, command in enumerate(commands):
        house.log.do(command, Request(occurred_at=START + n * timedelta(hours=1)))
    engine = Engine(house.log, house.pool, [promises.view])
    engine.prepare()
    engine.catch_up()
    moves = sorted(held(house.pool, promises.promise_moves).values(), key=lambda move: move.position)
    return held(house.pool, promises.view)[ID], [(move.step, move.due_at, move.outcome) for move in moves]


def test_a_promise_that_moved_and_failed_once_is_settled_when_it_was_kept(house: House) -> None:
    later = START + 2 * DAY
    row, moves = steps(
        house, ASKED, PostponeFollowUp(follow_up_id=ID, due_at=later, reason="Holiday"),
        DispatchFollowUp(follow_up_id=ID, basis="CONSENT", relied_on=1), AttemptFollowUp(follow_up_id=ID, attempt=1),
        RecordFollowUpFailed(follow_up_id=ID, error="Greylisted", retry_at=later + DAY),
        AttemptFollowUp(follow_up_id=ID, attempt=2), RecordFollowUpDelivered(follow_up_id=ID, provider_ref="x"),
    )  # fmt: skip
    assert moves == [
        (PromiseStep.PROMISED, START + DAY, None), (PromiseStep.PROMISED, later, None),
        (PromiseStep.LET_GO, later, None), (PromiseStep.SETTLED, later, "DELIVERED"),
    ]  # fmt: skip
    assert (row.settled_at, row.outcome, row.let_go) == (START + timedelta(hours=6), "DELIVERED", 1)


def test_what_failed_for_good_is_settled(house: House) -> None:
    row, moves = steps(
        house, ASKED, DispatchFollowUp(follow_up_id=ID, basis="CONSENT", relied_on=1),
        AttemptFollowUp(follow_up_id=ID, attempt=1), RecordFollowUpFailed(follow_up_id=ID, error="No such mailbox"),
    )  # fmt: skip
    assert moves[-1] == (PromiseStep.SETTLED, START + DAY, "FAILED")
    assert row.settled_at == START + timedelta(hours=3)


def test_what_was_never_promised_was_due_at_no_time(house: House) -> None:
    row, moves = steps(house, SuppressFollowUp(**PROMISED, reason="They objected."))
    assert moves == [(PromiseStep.SETTLED, None, "SUPPRESSED")]
    assert (row.customer_id, row.policy, row.due_at) == (ANA, "survey", None)
