"""Cases."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.case import (
    MAX_NOTICES,
    MAX_REPLIES,
    AssignCase,
    ChangeCasePriority,
    ClassifyCase,
    CloseCase,
    EscalateCase,
    IdentifyCaseCustomer,
    NotifyManagement,
    OpenCase,
    RecordCustomerReply,
    RecordFirstResponse,
    ReopenCase,
    ResolveCase,
    ResumeCase,
    WaitOnCustomer,
    decider,
)
from domain.case_events import (
    CaseAssigned,
    CaseClassified,
    CaseClosed,
    CaseCustomerIdentified,
    CaseEscalated,
    CaseOpened,
    CasePriority,
    CasePriorityChanged,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseType,
    CaseWaitingOnCustomer,
    CustomerReplied,
    FirstResponseSent,
    ManagementNotified,
)
from domain.kernel import Command
from domain.values import Channel
from tests.domain.scenario import but, given

CASE, ANA, EVA, LUIS, PAZ, TEAM, CALL, MAIL, ARTICLE, PROBLEM = (UUID(int=number) for number in range(1, 11))
OPEN = OpenCase(
    case_id=CASE, customer_id=ANA, type=CaseType.INCIDENT, channel=Channel.EMAIL, subject="Broken", text="It fell."
)
OPENED = CaseOpened(
    customer_id=ANA,
    type=CaseType.INCIDENT,
    priority=CasePriority.NORMAL,
    channel=Channel.EMAIL,
    subject="Broken",
    text="It fell.",
)
WAITING, RESUMED, REOPENED = CaseWaitingOnCustomer(reason=None), CaseResumed(), CaseReopened(reason=None)
RESOLVED, CLOSED = CaseResolved(resolution="Mended", code="FIXED"), CaseClosed(reason="SOLVED")
RESOLVE, CLOSE = ResolveCase(case_id=CASE, resolution="Mended", code="FIXED"), CloseCase(case_id=CASE, reason="SOLVED")
WAIT, RESUME, REOPEN = WaitOnCustomer(case_id=CASE), ResumeCase(case_id=CASE), ReopenCase(case_id=CASE)
HURRY = ChangeCasePriority(case_id=CASE, priority=CasePriority.URGENT, reason="The line stands still")
HURRIED = CasePriorityChanged(previous=CasePriority.NORMAL, priority=CasePriority.URGENT, reason=HURRY.reason)
IS_RESOLVED = "This case has already been resolved. Reopen it first."
IS_CLOSED = "This case has already been closed. Reopen it first."


def assign(**to: Any) -> AssignCase:
    return AssignCase(case_id=CASE, **to)


def assigned(previous: UUID | None = None, **to: Any) -> CaseAssigned:
    return CaseAssigned(**{"staff_id": None, "team_id": None, "queue": None, "previous": previous} | to)


def escalate(level: int, **to: Any) -> EscalateCase:
    return EscalateCase(case_id=CASE, level=level, **to)


def escalated(level: int, staff_id: UUID | None = None, team_id: UUID | None = None) -> CaseEscalated:
    return CaseEscalated(level=level, staff_id=staff_id, team_id=team_id, reason=None)


def reply(ref: str | None = "m1") -> RecordCustomerReply:
    return RecordCustomerReply(case_id=CASE, interaction_id=MAIL, message_ref=ref)


def replied(ref: str | None = "m1") -> CustomerReplied:
    return CustomerReplied(interaction_id=MAIL, message_ref=ref)


def test_a_case_is_opened_once_whatever_its_words() -> None:
    state = given(decider).when(OPEN).then(OPENED)
    assert (state.customer_id, state.priority, state.opened.subject) == (ANA, CasePriority.NORMAL, None)
    given(decider, OPENED, HURRIED, CLOSED).when(OPEN).then_nothing()
    given(decider, OPENED).when(but(OPEN, text="It fell again.")).then_nothing()
    for other in ({"type": CaseType.QUESTION}, {"customer_id": EVA}, {"number": "2"}):
        given(decider, OPENED).when(but(OPEN, **other)).refused("This case is already open. Change it instead.")


def test_a_case_must_make_sense() -> None:
    given(decider).when(but(OPEN, subject=" ")).refused("The subject must not be blank.", "subject")
    given(decider).when(but(OPEN, number="")).refused("The number must not be blank.", "number")
    given(decider).when(but(OPEN, parent_id=CASE)).refused("A case cannot be the problem behind itself.", "parent_id")


@pytest.mark.parametrize(
    "command",
    [
        IdentifyCaseCustomer(case_id=CASE, customer_id=ANA),
        ClassifyCase(case_id=CASE, seriousness="1"),
        HURRY,
        assign(staff_id=LUIS),
        RecordFirstResponse(case_id=CASE, interaction_id=CALL),
        reply(),
        WAIT,
        RESUME,
        escalate(1),
        NotifyManagement(case_id=CASE, staff_id=PAZ, level=3),
        RESOLVE,
        REOPEN,
        CLOSE,
    ],
)
def test_nothing_is_done_about_a_case_that_is_not_open_yet(command: Command) -> None:
    given(decider).when(command).refused("This case is not open yet: open it first.", "case_id")


def test_the_customer_of_a_case_may_become_known_later() -> None:
    nobody = replace(OPENED, customer_id=None)
    asked = IdentifyCaseCustomer(case_id=CASE, customer_id=ANA)
    known = CaseCustomerIdentified(previous=None, customer_id=ANA)
    state = given(decider, nobody).when(asked).then(known)
    assert decider.customer_of(WAIT, state) == ANA
    given(decider, nobody, known).when(asked).then_nothing()
    given(decider, nobody, known).when(but(asked, customer_id=EVA)).then(
        CaseCustomerIdentified(previous=ANA, customer_id=EVA)
    )


def test_a_classification_says_only_what_is_new() -> None:
    asked = ClassifyCase(case_id=CASE, type=CaseType.INCIDENT, category="hardware", seriousness="2", parent_id=PROBLEM)
    classified = CaseClassified(category="hardware", seriousness="2", parent_id=PROBLEM)
    given(decider, OPENED).when(asked).then(classified)
    given(decider, OPENED, classified).when(asked).then_nothing()
    given(decider, OPENED, classified).when(but(asked, seriousness="1")).then(CaseClassified(seriousness="1"))
    given(decider, OPENED, CLOSED).when(asked).then(classified)
    given(decider, OPENED).when(but(asked, category=" ")).refused("The category must not be blank.", "category")
    given(decider, OPENED).when(but(asked, parent_id=CASE)).refused(
        "A case cannot be the problem behind itself.", "parent_id"
    )


def test_the_priority_changes_once_while_the_case_is_open() -> None:
    given(decider, OPENED).when(HURRY).then(HURRIED)
    given(decider, OPENED, HURRIED).when(HURRY).then_nothing()
    given(decider, OPENED, RESOLVED).when(HURRY).refused(IS_RESOLVED)
    given(decider, OPENED, CLOSED).when(HURRY).refused(IS_CLOSED)


def test_a_case_goes_from_hand_to_hand() -> None:
    first, second = assigned(staff_id=LUIS, queue="desk"), assigned(previous=LUIS, team_id=TEAM)
    given(decider, OPENED).when(assign(staff_id=LUIS, queue="desk")).then(first)
    given(decider, OPENED, first).when(assign(staff_id=LUIS, queue="desk")).then_nothing()
    given(decider, OPENED, first).when(assign(team_id=TEAM)).then(second)
    given(decider, OPENED, first, second).when(assign(staff_id=LUIS, queue="desk")).then(first)
    given(decider, OPENED, CLOSED).when(assign(staff_id=LUIS)).refused(IS_CLOSED)
    given(decider, OPENED).when(assign(queue="")).refused("The queue must not be blank.", "queue")


def test_there_is_one_first_response_until_the_case_is_reopened() -> None:
    asked = RecordFirstResponse(case_id=CASE, interaction_id=CALL)
    sent = FirstResponseSent(interaction_id=CALL)
    given(decider, OPENED).when(asked).then(sent)
    given(decider, OPENED, sent).when(asked).then_nothing()
    given(decider, OPENED, sent).when(but(asked, interaction_id=MAIL)).refused(
        "The first response has already been sent."
    )
    given(decider, OPENED, sent, RESOLVED, REOPENED).when(asked).then(sent)


def test_a_reply_is_noted_once_and_ends_the_waiting() -> None:
    given(decider, OPENED).when(reply()).then(replied())
    given(decider, OPENED, WAITING).when(reply()).then(replied(), RESUMED)
    given(decider, OPENED, replied(), WAITING).when(reply()).then_nothing()
    given(decider, OPENED, replied(), WAITING).when(reply("m2")).then(replied("m2"), RESUMED)
    given(decider, OPENED, CLOSED).when(reply(None)).then(replied(None))
    given(decider, OPENED).when(reply(" ")).refused("The message must not be blank.", "message_ref")
    full = [replied(str(number)) for number in range(MAX_REPLIES)]
    given(decider, OPENED, *full).when(reply("0")).then_nothing()
    given(decider, OPENED, *full).when(reply()).refused(
        f"A case holds at most {MAX_REPLIES} replies: open another one."
    )


def test_a_case_waits_and_goes_on_as_often_as_it_must() -> None:
    given(decider, OPENED).when(WAIT).then(WAITING)
    given(decider, OPENED, WAITING).when(WAIT).then_nothing()
    given(decider, OPENED, WAITING).when(RESUME).then(RESUMED)
    given(decider, OPENED, WAITING, RESUMED).when(RESUME).then_nothing()
    given(decider, OPENED, WAITING, RESUMED).when(WAIT).then(WAITING)


@pytest.mark.parametrize("command", [WAIT, RESUME, escalate(1), NotifyManagement(case_id=CASE, staff_id=PAZ, level=3)])
def test_what_is_resolved_or_closed_neither_waits_nor_is_raised(command: Command) -> None:
    given(decider, OPENED, RESOLVED).when(command).refused(IS_RESOLVED)
    given(decider, OPENED, CLOSED).when(command).refused(IS_CLOSED)


def test_a_case_is_raised_level_by_level_and_not_lowered() -> None:
    given(decider, OPENED).when(escalate(1, staff_id=LUIS)).then(escalated(1, LUIS))
    given(decider, OPENED, escalated(1, LUIS)).when(escalate(1, staff_id=LUIS)).then_nothing()
    given(decider, OPENED, escalated(1, LUIS)).when(escalate(1, staff_id=PAZ)).then(escalated(1, PAZ))
    given(decider, OPENED, escalated(2)).when(escalate(3, team_id=TEAM)).then(escalated(3, None, TEAM))
    given(decider, OPENED, escalated(2)).when(escalate(1)).refused(
        "This case has already been escalated to level 2.", "level"
    )
    given(decider, OPENED, escalated(2), RESOLVED, REOPENED).when(escalate(1)).then(escalated(1))
    for level in (0, 4):
        given(decider, OPENED).when(escalate(level)).refused("The level must be from 1 to 3.", "level")


def test_management_is_told_once_of_each_level() -> None:
    asked = NotifyManagement(case_id=CASE, staff_id=PAZ, level=2)
    told = ManagementNotified(staff_id=PAZ, level=2)
    given(decider, OPENED).when(asked).then(told)
    given(decider, OPENED, told).when(asked).then_nothing()
    given(decider, OPENED, told).when(but(asked, level=3)).then(ManagementNotified(staff_id=PAZ, level=3))
    given(decider, OPENED, told).when(but(asked, staff_id=LUIS)).then(ManagementNotified(staff_id=LUIS, level=2))
    given(decider, OPENED, told, RESOLVED, REOPENED).when(asked).then(told)
    given(decider, OPENED).when(but(asked, level=4)).refused("The level must be from 1 to 3.", "level")
    full = [ManagementNotified(staff_id=UUID(int=100 + number), level=3) for number in range(MAX_NOTICES)]
    given(decider, OPENED, *full).when(asked).refused(f"A case holds at most {MAX_NOTICES} notices: open another one.")


def test_of_two_agents_who_resolve_a_case_one_is_first() -> None:
    given(decider, OPENED).when(RESOLVE).then(RESOLVED)
    given(decider, OPENED, WAITING).when(RESOLVE).then(RESOLVED)
    given(decider, OPENED, RESOLVED).when(RESOLVE).then_nothing()
    given(decider, OPENED, RESOLVED).when(but(RESOLVE, article_id=ARTICLE)).refused(IS_RESOLVED)
    given(decider, OPENED, CLOSED).when(RESOLVE).refused(IS_CLOSED)
    given(decider, OPENED).when(but(RESOLVE, code=" ")).refused("The code must not be blank.", "code")


def test_a_case_is_closed_once_resolved_or_not() -> None:
    given(decider, OPENED, RESOLVED).when(CLOSE).then(CLOSED)
    given(decider, OPENED).when(CLOSE).then(CLOSED)
    given(decider, OPENED, CLOSED).when(CLOSE).then_nothing()
    given(decider, OPENED, CLOSED).when(but(CLOSE, reason="DUPLICATE")).refused(IS_CLOSED)
    given(decider, OPENED).when(but(CLOSE, reason=" ")).refused("The reason must not be blank.", "reason")


def test_what_was_resolved_or_closed_is_taken_up_again() -> None:
    given(decider, OPENED, RESOLVED).when(REOPEN).then(REOPENED)
    given(decider, OPENED, RESOLVED, CLOSED).when(REOPEN).then(REOPENED)
    given(decider, OPENED).when(REOPEN).then_nothing()
    given(decider, OPENED, WAITING).when(REOPEN).then_nothing()
    given(decider, OPENED, RESOLVED, CLOSED, REOPENED).when(RESOLVE).then(RESOLVED)
    given(decider, OPENED, RESOLVED, CLOSED, REOPENED, RESOLVED).when(CLOSE).then(CLOSED)


def test_who_did_it_is_kept_and_does_not_make_it_another_fact() -> None:
    by_luis = {"staff_id": LUIS}
    given(decider, OPENED).when(but(WAIT, **by_luis)).then(CaseWaitingOnCustomer(reason=None, staff_id=LUIS))
    given(decider, OPENED, WAITING).when(but(RESUME, **by_luis)).then(CaseResumed(staff_id=LUIS))
    given(decider, OPENED).when(but(RESOLVE, **by_luis)).then(
        CaseResolved(resolution="Mended", code="FIXED", staff_id=LUIS)
    )
    given(decider, OPENED, RESOLVED).when(but(CLOSE, **by_luis)).then(CaseClosed(reason="SOLVED", staff_id=LUIS))
    given(decider, OPENED, CLOSED).when(but(REOPEN, **by_luis)).then(CaseReopened(reason=None, staff_id=LUIS))
    asked, found = ClassifyCase(case_id=CASE, seriousness="2"), CaseClassified(seriousness="2", staff_id=LUIS)
    given(decider, OPENED).when(but(asked, **by_luis)).then(found)
    given(decider, OPENED, found).when(but(asked, staff_id=PAZ)).then_nothing()
    for event, command in ((WAITING, WAIT), (RESOLVED, RESOLVE), (CLOSED, CLOSE)):
        given(decider, OPENED, event).when(but(command, **by_luis)).then_nothing()
