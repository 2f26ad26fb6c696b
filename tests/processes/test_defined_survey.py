"""Defined policies that ask: who does not answer is reminded once, and after a while the question expires."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from domain.consent import Purpose, WithdrawConsent
from domain.follow_up import ActionKind
from domain.invitation import AnswerSurvey, DeclineSurvey, SurveyExpired, SurveyInvitationSent, SurveyReminderSent
from domain.kernel import Command
from domain.rules import Cap, Occurrence, RuleAction, RuleActionKind, Rules
from domain.survey import POST_PURCHASE, survey_id
from domain.values import Channel
from tests.conftest import House
from tests.processes.defining import CANCELLED, KEY, THANKS, define
from tests.processes.shop import Shop, local

ASK = replace(THANKS, action=RuleAction(kind=RuleActionKind.SEND_SURVEY, survey="visit"))


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    shop = Shop(house.log, tmp_path / "mail", policies=())
    shop.do(replace(POST_PURCHASE, survey_id=survey_id("visit"), key="visit"))
    return shop


def asked(shop: Shop, rules: Rules = ASK) -> tuple[UUID, UUID]:
    """An order of which somebody was asked on the 13th; with the invitation."""
    define(shop, rules)
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.until("2026-01-13 10:00")
    [invitation] = [at.stream_id for event, at in shop.events() if isinstance(event, SurveyInvitationSent)]
    return order, invitation


def rows(shop: Shop) -> dict[str, tuple[str, str | None, str | None]]:
    return {row.step: (row.status.value, row.reason, local(row.due_at)) for row in shop.ledger() if row.policy == KEY}


def test_who_does_not_answer_is_reminded_after_a_week_and_the_question_expires_after_a_month(shop: Shop) -> None:
    asked(shop)
    assert rows(shop)["reminder"] == ("SCHEDULED", None, "2026-01-20 10:00")
    assert rows(shop)["expiry"] == ("SCHEDULED", None, "2026-02-12 10:00")
    shop.until("2026-01-20 10:00")
    first, second = sorted(shop.mails(), key=lambda mail: str(mail["Date"]))
    assert second["Subject"] == first["Subject"] == "¿Qué tal fue su compra?"
    text = second.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "La semana pasada le hicimos unas preguntas" in text
    assert "https://shop.test/s/" in text
    assert len([event for event, _ in shop.events() if isinstance(event, SurveyReminderSent)]) == 1
    for on in ("2026-01-27 10:00", "2026-02-12 10:00", "2026-03-30 10:00"):
        shop.until(on)
    assert len(shop.mails()) == 2
    assert len([event for event, _ in shop.events() if isinstance(event, SurveyExpired)]) == 1
    assert {step: row[:2] for step, row in rows(shop).items()} == {
        "action": ("DELIVERED", None), "reminder": ("DELIVERED", None), "expiry": ("DONE", "EXPIRED"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (AnswerSurvey(invitation_id=UUID(int=0), csat=5), "ANSWERED"),
        (DeclineSurvey(invitation_id=UUID(int=0)), "DECLINED"),
    ],
)
def test_who_answers_is_left_alone(shop: Shop, answer: Command, reason: str) -> None:
    _, invitation = asked(shop)
    shop.do(replace(answer, invitation_id=invitation), "2026-01-15 10:00")  # type: ignore[type-var]
    shop.until("2026-01-15 10:00")
    assert {rows(shop)[step][:2] for step in ("reminder", "expiry")} == {("CANCELLED", reason)}
    shop.until("2026-03-15 10:00")
    assert len(shop.mails()) == 1
    assert {rows(shop)[step][:2] for step in ("reminder", "expiry")} == {("CANCELLED", reason)}


def test_each_policy_reminds_of_its_own_question(shop: Shop) -> None:
    define(shop, replace(ASK, triggers=(Occurrence(event="order.shipped.v1"),)), "another")
    asked(shop)
    for on in ("2026-01-20 10:00", "2026-02-12 10:00", "2026-03-15 10:00"):
        shop.until(on)
    assert len(shop.mails()) == 2
    assert [row for row in shop.ledger() if row.policy == "another"] == []


def test_who_wants_no_surveys_any_more_is_not_reminded(shop: Shop) -> None:
    asked(shop)
    [customer] = {row.customer_id for row in shop.ledger()}
    assert customer is not None
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY, channel=Channel.EMAIL))
    shop.until("2026-01-20 10:00")
    assert rows(shop)["reminder"][:2] == ("SUPPRESSED", "NO_CONSENT")


def test_what_takes_the_question_back_takes_its_reminder_back(shop: Shop) -> None:
    order, _ = asked(shop, replace(ASK, cancelled_by=(CANCELLED,)))
    shop.cancel(order)
    shop.until("2026-01-20 10:00")
    assert rows(shop)["reminder"][:2] == ("CANCELLED", "ORDER_CANCELLED")


def test_a_reminder_waits_for_the_day_and_is_not_sent_days_too_late(shop: Shop) -> None:
    define(shop, replace(ASK, delay=replace(ASK.delay, count=1)))
    shop.order(shop.customer(), "2026-01-11 18:00")
    shop.until("2026-01-12 10:00")  # the 19th is no holiday
    shop.until("2026-02-01 12:00")  # the worker was away
    assert rows(shop)["reminder"][:2] == ("SUPPRESSED", "TOO_LATE")
    assert len(shop.mails()) == 1


def test_reminders_and_ends_count_against_no_cap(shop: Shop) -> None:
    asked(shop, replace(ASK, caps=(Cap(times=2, days=365),)))
    shop.until("2026-01-20 10:00")
    shop.until("2026-02-12 10:00")
    [customer] = {row.customer_id for row in shop.ledger()}
    assert customer is not None
    shop.order(customer, "2026-06-01 18:00")
    shop.until("2026-06-04 10:00")
    assert [row.reason for row in shop.ledger() if row.step == "action"] == [None, None]


def test_a_policy_may_be_set_off_by_answers_and_follow_its_own_invitations(shop: Shop) -> None:
    asked(shop, replace(ASK, triggers=(*ASK.triggers, Occurrence(event="invitation.sent.v1"))))
    shop.until("2026-01-20 10:00")
    kinds = [row.step for row in shop.ledger() if row.policy == KEY]
    assert sorted(set(kinds)) == ["action", "expiry", "reminder"]
    assert ActionKind.REMIND_SURVEY in {row.action for row in shop.ledger()}
