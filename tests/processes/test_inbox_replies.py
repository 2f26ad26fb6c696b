"""Answers by e-mail: to a letter of ours, and about a case, by its thread or by its number."""

from pathlib import Path
from uuid import UUID

import pytest

from domain.case import AssignCase, OpenCase, RecordFirstResponse, ResolveCase, WaitOnCustomer
from domain.case_events import CasePriority, CaseResumed, CaseType, CustomerReplied
from domain.delivery import MessageBounced
from domain.follow_up import Action, ActionKind, ScheduleFollowUp
from domain.inbound_message import InboundMessageAccepted
from domain.interaction import (
    Direction,
    InteractionLinked,
    InteractionStarted,
    LinkInteraction,
    MessageReceived,
    SendMessage,
    StartInteraction,
)
from domain.kernel import derived
from domain.merging import MergeCustomers
from domain.values import Channel
from tests.conftest import House
from tests.processes.postman import Postman, mail
from tests.processes.test_inbox import report

CASE = derived("case", "postman")
CALL = derived("interaction", "postman")


@pytest.fixture
def postman(house: House, tmp_path: Path) -> Postman:
    return Postman(house, tmp_path / "in")


def open_case(postman: Postman, customer: UUID | None, **said: object) -> None:
    asked = {"type": CaseType.QUESTION, "priority": CasePriority.NORMAL, "channel": Channel.PHONE, "number": "C-2026-7"}
    postman.do(OpenCase(case_id=CASE, customer_id=customer, **{**asked, **said}))  # type: ignore[arg-type]


def answer_case(postman: Postman, customer: UUID) -> None:
    """An agent writes to the customer about the case, from a program of its own."""
    postman.do(
        StartInteraction(interaction_id=CALL, customer_id=customer, channel=Channel.EMAIL, direction=Direction.OUT)
    )
    postman.do(SendMessage(interaction_id=CALL, text="Have you tried it?", message_id="<agent@firm.test>"))


def promise(postman: Postman, customer: UUID | None) -> UUID:
    """A letter of ours that went to a customer."""
    id = derived("follow-up", "postman")
    action = Action(kind=ActionKind.SEND_MESSAGE, template="message", channel=Channel.EMAIL)
    postman.do(
        ScheduleFollowUp(
            follow_up_id=id, customer_id=customer, policy="p", policy_version=1, step="s", trigger=CASE,
            trigger_position=1, action=action, due_at=postman.now, wanted_at=postman.now,
        )
    )  # fmt: skip
    return id


def replies(postman: Postman) -> list[CustomerReplied]:
    return postman.said(CustomerReplied)


def links(postman: Postman) -> list[tuple[str, UUID]]:
    return [(each.noun, each.id) for each in postman.said(InteractionLinked)]


def test_an_answer_to_a_letter_of_ours_is_linked_to_it(postman: Postman) -> None:
    letter = promise(postman, postman.customer())
    postman.bring(mail("<1@c>", "Yes, please", In_Reply_To=f"<{letter}@firm.test>"))
    assert links(postman) == [("follow_up", letter)]
    chains = {at.correlation_id for event, at in postman.facts() if at.stream_id == letter}
    [at] = [at for event, at in postman.facts() if isinstance(event, MessageReceived)]
    assert {at.correlation_id} == chains
    assert at.because == next(at.position for _, at in postman.facts() if at.stream_id == letter)
    postman.bring(mail("<2@c>", "Or no", In_Reply_To="<1@c>", References=f"<{letter}@firm.test> <1@c>"))
    assert (len(postman.said(InteractionStarted)), len(postman.said(MessageReceived))) == (1, 2)
    assert links(postman) == [("follow_up", letter)]


def test_an_answer_from_an_address_that_we_do_not_know_is_of_whom_we_wrote_to(postman: Postman) -> None:
    ana, eva = postman.customer(), postman.customer("eva@shop.test")
    letter = promise(postman, ana)
    postman.do(MergeCustomers(customer_id=ana, survivor_id=eva))
    postman.bring(mail("<1@c>", From="ana@home.test", References=f"<x@y> <{letter}@FIRM.test>"))
    assert [started.customer_id for started in postman.said(InteractionStarted)] == [eva]
    assert links(postman) == [("follow_up", letter)]


@pytest.mark.parametrize("id", [f"<{CASE}@firm.test>", f"<{derived('x')}@firm.test>", "<x@firm.test>", "<@firm.test>"])
def test_what_only_looks_like_a_letter_of_ours_is_none(postman: Postman, id: str) -> None:
    ana = postman.customer()
    open_case(postman, ana)
    promise(postman, ana)
    postman.bring(mail("<1@c>", In_Reply_To=id))
    assert (links(postman), len(postman.said(MessageReceived))) == ([], 1)
    letter = derived("follow-up", "postman")
    postman.bring(mail("<2@c>", In_Reply_To=f"<{letter}@other.test>"))
    assert links(postman) == []


def test_a_letter_of_ours_that_comes_back_in_copy_is_nothing_new(postman: Postman) -> None:
    letter = promise(postman, postman.customer())
    before = len(postman.facts())
    postman.bring(mail(f"<{letter}@firm.test>", From="crm@firm.test", To="ana@shop.test"))
    assert [type(event) for event, _ in postman.facts()[before:]] == [InboundMessageAccepted]
    postman.bring(mail(f"<{derived('x')}@firm.test>"))  # somebody else's, whatever it calls itself
    assert len(postman.said(MessageReceived)) == 1


def test_a_letter_that_came_back_is_a_bounce_of_whom_it_was_to(postman: Postman) -> None:
    ana = postman.customer()
    letter = promise(postman, ana)
    postman.bring(report("<b@mx>", f"<{letter}@firm.test>", address="moved@elsewhere.test"))
    [bounced] = postman.said(MessageBounced)
    assert (bounced.message_id, bounced.customer_id) == (f"<{letter}@firm.test>", ana)


@pytest.mark.parametrize("subject", ["Re: [C-2026-7] the mug", "RV: [#C-2026-7]", "[x] [C-2026-7]"])
def test_the_number_in_the_subject_is_an_answer_about_the_case(postman: Postman, subject: str) -> None:
    open_case(postman, postman.customer())
    postman.do(WaitOnCustomer(case_id=CASE))
    postman.bring(mail("<1@c>", Subject=subject))
    [reply] = replies(postman)
    [written] = [at.stream_id for event, at in postman.facts() if isinstance(event, MessageReceived)]
    assert (reply.interaction_id, reply.message_ref) == (written, "<1@c>")
    assert links(postman) == [("case", CASE)]
    assert len(postman.said(CaseResumed)) == 1
    assert [at.origin for event, at in postman.facts() if isinstance(event, CustomerReplied)] == ["live"]


def test_an_answer_comes_after_the_case_was_resolved_too(postman: Postman) -> None:
    open_case(postman, postman.customer())
    postman.do(ResolveCase(case_id=CASE))
    postman.bring(mail("<1@c>", Subject="[C-2026-7]"))
    assert len(replies(postman)) == 1


@pytest.mark.parametrize("subject", ["C-2026-7", "[C-2026-8]", "[]", "[ ]", "[c-2026-7]", ""])
def test_what_is_no_number_of_a_case_is_no_answer(postman: Postman, subject: str) -> None:
    open_case(postman, postman.customer())
    postman.bring(mail("<1@c>", Subject=subject))
    assert (replies(postman), links(postman)) == ([], [])


def test_a_stranger_who_knows_the_number_is_linked_but_is_not_the_customer(postman: Postman) -> None:
    open_case(postman, postman.customer())
    postman.bring(mail("<1@c>", From="eva@other.test", Subject="[C-2026-7]"))
    assert (replies(postman), links(postman)) == ([], [("case", CASE)])


def test_a_case_of_nobody_is_answered_by_whoever_knows_its_number(postman: Postman) -> None:
    open_case(postman, None)
    postman.bring(mail("<1@c>", Subject="[C-2026-7]"))
    assert len(replies(postman)) == 1


def test_of_cases_with_the_same_number_it_is_the_customers_own(postman: Postman) -> None:
    ana, eva = postman.customer(), postman.customer("eva@shop.test")
    open_case(postman, ana)
    other = derived("case", "eva's")
    postman.do(
        OpenCase(case_id=other, customer_id=eva, type=CaseType.QUESTION, channel=Channel.EMAIL, number="C-2026-7")
    )
    postman.bring(mail("<1@c>", From="eva@shop.test", Subject="[C-2026-7]"))
    postman.bring(mail("<2@c>", From="stranger@other.test", Subject="[C-2026-7]"))
    assert links(postman) == [("case", other)]


@pytest.mark.parametrize("how", ["opened by it", "answered in it", "linked"])
def test_an_answer_to_the_mail_of_an_agent_is_one_about_its_case(postman: Postman, how: str) -> None:
    ana = postman.customer()
    open_case(postman, ana, interaction_id=CALL if how == "opened by it" else None)
    answer_case(postman, ana)
    if how == "answered in it":
        postman.do(RecordFirstResponse(case_id=CASE, interaction_id=CALL))
    if how == "linked":
        postman.do(LinkInteraction(interaction_id=CALL, noun="case", id=CASE))
    postman.bring(mail("<1@c>", "Yes", In_Reply_To="<agent@firm.test>"))
    postman.bring(mail("<2@c>", "And it works", In_Reply_To="<1@c>", References="<agent@firm.test> <1@c>"))
    assert replies(postman) == [
        CustomerReplied(interaction_id=CALL, message_ref="<1@c>"),
        CustomerReplied(interaction_id=CALL, message_ref="<2@c>"),
    ]
    assert len(postman.said(InteractionStarted)) == 1


def test_who_was_merged_meanwhile_answers_about_the_same_case(postman: Postman) -> None:
    ana, eva = postman.customer(), postman.customer("eva@shop.test")
    open_case(postman, ana, interaction_id=CALL)
    answer_case(postman, ana)
    postman.do(MergeCustomers(customer_id=ana, survivor_id=eva))
    postman.bring(mail("<1@c>", From="eva@shop.test", In_Reply_To="<agent@firm.test>"))
    assert replies(postman) == [CustomerReplied(interaction_id=CALL, message_ref="<1@c>")]


def test_an_answer_to_a_mail_that_has_to_do_with_no_case_is_about_none(postman: Postman) -> None:
    ana = postman.customer()
    open_case(postman, ana)
    answer_case(postman, ana)
    postman.bring(mail("<1@c>", In_Reply_To="<agent@firm.test>"))
    assert (replies(postman), links(postman)) == ([], [])


def test_an_agents_own_mail_is_about_the_case_and_no_answer_of_the_customer(postman: Postman) -> None:
    open_case(postman, postman.customer())
    postman.bring(mail("<1@s>", From="leo@firm.test", To="ana@shop.test, crm@firm.test", Subject="[C-2026-7] Well?"))
    assert (replies(postman), links(postman)) == ([], [("case", CASE)])
    postman.bring(mail("<2@c>", In_Reply_To="<1@s>", Subject="Re: without the number"))
    assert [each.message_ref for each in replies(postman)] == ["<2@c>"]


def test_who_is_out_of_office_did_not_answer(postman: Postman) -> None:
    open_case(postman, postman.customer())
    postman.bring(mail("<1@c>", Subject="[C-2026-7]", Auto_Submitted="auto-replied"))
    postman.bring(mail("<2@c>", Subject="[C-2026-7]", Auto_Submitted="auto-generated"))
    assert replies(postman) == []


def test_a_case_that_takes_no_more_answers_does_not_keep_the_mail_out(
    postman: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.case.MAX_REPLIES", 1)
    open_case(postman, postman.customer())
    postman.bring(mail("<1@c>", Subject="[C-2026-7]"), mail("<2@c>", Subject="[C-2026-7]"))
    assert (len(replies(postman)), len(postman.said(MessageReceived))) == (1, 2)


def test_the_case_moves_on_and_the_answer_finds_it_all_the_same(postman: Postman) -> None:
    open_case(postman, postman.customer())
    postman.do(AssignCase(case_id=CASE, queue="mugs"))
    postman.bring(mail("<1@c>", Subject="[C-2026-7]"))
    postman.bring(mail("<1@c>", Subject="[C-2026-7]"))
    assert len(replies(postman)) == 1
