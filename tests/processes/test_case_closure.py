"""P11: after a case was resolved, it is asked how it went; silence closes it, and a reply opens it again."""

from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest

from domain.case import CloseCase, RecordCustomerReply, ReopenCase, ResolveCase
from domain.case_events import CaseClosed, CaseReopened
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.invitation import AnswerSurvey, DeclineSurvey, SendInvitation, SurveyExpired, SurveyInvitationSent
from domain.kernel import derived
from domain.restriction import ContactRestrictionKind, SetContactRestriction
from domain.survey import CASE_SATISFACTION, RetireSurvey
from domain.values import Channel
from eventstore.envelope import Origin, Request
from processes import case_closure, case_sla, post_purchase_survey
from processes.post_purchase_survey import invitation_id
from processes.transports import Answer, Deferred
from tests.conftest import House
from tests.processes.desk import RESPONSE, at, happened, open_case, reopen, resolve, respond, targets
from tests.processes.shop import NEW_YORK, Shop, local


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that looks after the cases that it resolved, and nothing else."""
    return Shop(house.log, tmp_path / "mail", policies=[case_closure.policy])


def resolved(shop: Shop, on: str = "2026-03-10 12:00", customer: UUID | None = None, code: str | None = None) -> UUID:
    """A case of a customer that was resolved."""
    case = open_case(shop, on, customer_id=customer or shop.customer())
    resolve(shop, case, on, code)
    return case


def reply(shop: Shop, case: UUID, on: str) -> None:
    at(shop, RecordCustomerReply(case_id=case, interaction_id=derived("interaction", case, on)), on)


def outcomes(shop: Shop, step: str) -> list[tuple[str, str | None]]:
    """What became of the follow-ups of a step."""
    return [(each.status.value, each.reason) for each in shop.ledger(step)]


class Down:
    """A mail server that is down."""

    def send(self, follow_up_id: UUID, message: EmailMessage) -> Answer:
        return Deferred("It is down.")

    def was_sent(self, follow_up_id: UUID) -> bool:
        return False


# The survey.


def test_a_day_after_a_case_was_resolved_it_is_asked_how_it_went(shop: Shop) -> None:
    customer = shop.customer(language="en")
    case = resolved(shop, "2026-03-10 12:00", customer)
    shop.until("2026-03-11 11:59")
    assert shop.mails() == []
    shop.until("2026-03-11 12:00")
    [mail] = shop.mails()
    assert mail["Subject"] == "Did we help you, at La Tienda?"
    [entry] = shop.ledger("survey")
    assert (entry.status, entry.about, entry.basis) == ("DELIVERED", case, "LEGITIMATE_INTEREST")
    [(sent, _)] = happened(shop, SurveyInvitationSent)
    assert isinstance(sent, SurveyInvitationSent)
    assert (sent.customer_id, sent.survey, sent.version) == (customer, CASE_SATISFACTION.key, 1)


@pytest.mark.parametrize("language", ["es", "en"])
def test_it_is_asked_in_the_customers_language(shop: Shop, language: str) -> None:
    resolved(shop, "2026-03-10 12:00", shop.customer(language=language))
    shop.until("2026-03-11 12:00")
    [mail] = shop.mails()
    assert (
        mail["Subject"] == {"es": "¿Le hemos ayudado en La Tienda?", "en": "Did we help you, at La Tienda?"}[language]
    )
    html = mail.get_body(("html",))
    assert html is not None
    assert "?csat=4" in html.get_content()


@pytest.mark.parametrize(
    ("on", "zone", "due"),
    [
        ("2026-03-10 22:30", "Europe/Madrid", "2026-03-12 09:00"),  # at night
        ("2026-03-14 12:00", "Europe/Madrid", "2026-03-16 09:00"),  # a Sunday
        ("2026-04-02 12:00", "Europe/Madrid", "2026-04-04 09:00"),  # Good Friday
        ("2026-03-28 12:00", "Europe/Madrid", "2026-03-30 09:00"),  # a Sunday, on which the clocks go forward
        ("2026-03-10 12:00", NEW_YORK, "2026-03-11 14:00"),  # seven in the morning there
    ],
)
def test_nobody_is_disturbed(shop: Shop, on: str, zone: str, due: str) -> None:
    country = "US" if zone == NEW_YORK else "ES"
    resolved(shop, on, shop.customer(timezone=zone, country=country))
    [entry] = shop.ledger("survey")
    assert local(entry.due_at) == due


@pytest.mark.parametrize("code", sorted(case_closure.UNASKED))
def test_of_a_case_that_nobody_resolved_it_is_not_asked(shop: Shop, code: str) -> None:
    resolved(shop, code=code)
    shop.until("2026-03-13 12:00")
    assert outcomes(shop, "survey") == [("SUPPRESSED", "AUTO_CLOSED")]
    assert outcomes(shop, "close") == [("DONE", "CLOSED")]


def test_of_a_case_that_a_policy_resolved_it_is_not_asked(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 12:00", customer_id=shop.customer())
    shop.log.do(ResolveCase(case_id=case), Request(actor="policy:another", occurred_at=shop.now))
    shop.until("2026-03-12 12:00")
    assert outcomes(shop, "survey") == [("SUPPRESSED", "AUTO_CLOSED")]


def test_of_a_case_that_is_closed_as_none_meanwhile_it_is_not_asked(shop: Shop) -> None:
    case = resolved(shop)
    at(shop, CloseCase(case_id=case, reason="DUPLICATE"), "2026-03-10 13:00")
    assert outcomes(shop, "survey") == [("CANCELLED", "AUTO_CLOSED")]


def test_of_a_case_that_is_closed_as_solved_meanwhile_it_is_asked(shop: Shop) -> None:
    case = resolved(shop)
    at(shop, CloseCase(case_id=case, reason="SOLVED"), "2026-03-10 13:00")
    shop.until("2026-03-11 12:00")
    assert outcomes(shop, "survey") == [("DELIVERED", None)]
    assert outcomes(shop, "close") == [("CANCELLED", "CLOSED")]


def test_a_case_without_a_customer_has_nobody_to_ask(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 12:00")
    resolve(shop, case)
    shop.until("2026-03-13 12:00")
    assert outcomes(shop, "survey") == [("SUPPRESSED", "NO_CUSTOMER")]
    assert outcomes(shop, "close") == [("DONE", "CLOSED")]


@pytest.mark.parametrize("unseen", [True, False])
def test_of_a_case_that_was_reopened_it_is_not_asked(shop: Shop, unseen: bool) -> None:
    case = resolved(shop)
    if unseen:
        shop.now += timedelta(days=1)  # the worker slept for a day
        at(shop, ReopenCase(case_id=case))
    else:
        reopen(shop, case, "2026-03-10 18:00")
    shop.until("2026-03-14 12:00")
    assert outcomes(shop, "survey") == [("CANCELLED", "REOPENED")]
    assert outcomes(shop, "close") == [("CANCELLED", "REOPENED")]
    assert shop.mails() == []


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("objected", "NO_CONSENT"),
        ("restricted", "RESTRICTED"),
        ("no address", "NO_ADDRESS"),
        ("retired", "SURVEY_RETIRED"),
        ("late", "TOO_LATE"),
    ],
)
def test_who_must_not_be_asked_is_not(shop: Shop, why: str, reason: str) -> None:
    customer = shop.customer(**({"email": None} if why == "no address" else {}))
    resolved(shop, customer=customer)
    match why:
        case "objected":
            shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY))
        case "restricted":
            shop.do(SetContactRestriction(customer_id=customer, kind=ContactRestrictionKind.DO_NOT_EMAIL))
        case "retired":
            shop.do(RetireSurvey(survey_id=CASE_SATISFACTION.survey_id))
    shop.until("2026-03-20 12:00" if why == "late" else "2026-03-11 12:00")
    assert outcomes(shop, "survey") == [("SUPPRESSED", reason)]
    assert shop.mails() == []


def test_who_agreed_is_asked_because_of_that(shop: Shop) -> None:
    customer = shop.customer()
    resolved(shop, customer=customer)
    receipt = shop.do(GrantConsent(customer_id=customer, purpose=Purpose.SURVEY))
    shop.until("2026-03-11 12:00")
    [entry] = shop.ledger("survey")
    assert (entry.basis, entry.relied_on) == ("CONSENT", receipt.position)


def test_nobody_is_asked_twice_within_ninety_days(shop: Shop) -> None:
    customer = shop.customer()
    for on in ("2026-03-10 12:00", "2026-06-08 11:00", "2026-06-09 13:00"):
        resolved(shop, on, customer)
        shop.until(shop.now + timedelta(days=1))
    assert outcomes(shop, "survey") == [("DELIVERED", None), ("SUPPRESSED", "CAPPED"), ("DELIVERED", None)]


def test_a_survey_that_nobody_here_promised_counts_as_well(shop: Shop) -> None:
    customer = shop.customer()
    sent = SendInvitation(
        invitation_id=derived("invitation", 1), customer_id=customer, survey="another", version=1, channel=Channel.SMS,
        language="es", follow_up_id=derived("follow-up", 1),
    )  # fmt: skip
    at(shop, sent, "2026-03-01 12:00", origin=Origin.IMPORT)
    resolved(shop, customer=customer)
    shop.until("2026-03-11 12:00")
    assert outcomes(shop, "survey") == [("SUPPRESSED", "CAPPED")]


def test_two_cases_that_were_resolved_together_are_asked_about_once(shop: Shop) -> None:
    customer = shop.customer()
    for _ in range(2):
        resolved(shop, customer=customer)
    shop.until("2026-03-11 12:00")
    assert outcomes(shop, "survey") == [("DELIVERED", None), ("SUPPRESSED", "CAPPED")]
    assert len(shop.mails()) == 1


@pytest.mark.parametrize("first", ["the purchase", "the case", "both at once"])
def test_the_survey_of_a_purchase_counts_as_well(house: House, tmp_path: Path, first: str) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[case_closure.policy, post_purchase_survey.policy])
    customer = shop.customer()
    shop.order(customer, "2026-02-10 12:00")
    if first == "the purchase":
        resolved(shop, "2026-03-11 12:00", customer)
    elif first == "the case":
        resolved(shop, "2026-03-08 12:00", customer)
    else:
        shop.until("2026-03-09 10:00")
        resolved(shop, "2026-03-09 10:00", customer)
    shop.until("2026-03-14 12:00")
    assert len(shop.mails()) == 1
    assert sorted(each.status for each in shop.ledger("survey")) == ["DELIVERED", "SUPPRESSED"]


@pytest.mark.parametrize("seen", [True, False])
def test_a_letter_that_waits_is_not_sent_when_the_case_goes_on(house: House, tmp_path: Path, seen: bool) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[case_closure.policy], transport=Down())
    case = resolved(shop)
    shop.until("2026-03-11 12:00")
    assert outcomes(shop, "survey") == [("FAILED", None)]
    if seen:
        reopen(shop, case, "2026-03-11 12:00")
    else:
        at(shop, ReopenCase(case_id=case), seen=False)
        shop.now += timedelta(minutes=2)
        shop.worker.delivery.deliver(lambda: shop.now)
    assert outcomes(shop, "survey") == [("CANCELLED", "REOPENED")]


@pytest.mark.parametrize("answer", ["none", "given", "declined"])
def test_after_thirty_days_no_answer_is_awaited_any_more(shop: Shop, answer: str) -> None:
    resolved(shop)
    shop.until("2026-03-11 12:00")
    [entry] = shop.ledger("survey")
    invitation = invitation_id(entry.follow_up_id)
    if answer == "given":
        at(shop, AnswerSurvey(invitation_id=invitation, csat=4))
    elif answer == "declined":
        at(shop, DeclineSurvey(invitation_id=invitation))
    shop.until("2026-04-10 11:59")
    assert happened(shop, SurveyExpired) == []
    shop.until("2026-04-10 12:00")
    assert len(happened(shop, SurveyExpired)) == (answer == "none")
    wanted = {"none": ("DONE", "EXPIRED"), "given": ("CANCELLED", "ANSWERED"), "declined": ("CANCELLED", "DECLINED")}
    assert outcomes(shop, "expiry") == [wanted[answer]]


# Closing, and opening again.


def test_a_resolved_case_of_which_nothing_is_heard_is_closed_after_three_days(shop: Shop) -> None:
    resolved(shop, "2026-03-27 12:00")
    shop.until("2026-03-30 11:59")  # the clocks went forward meanwhile
    assert happened(shop, CaseClosed) == []
    shop.until("2026-03-30 12:00")
    [(closed, on)] = happened(shop, CaseClosed)
    assert isinstance(closed, CaseClosed)
    assert (closed.reason, on) == ("SOLVED", "2026-03-30 12:00")
    assert outcomes(shop, "close") == [("DONE", "CLOSED")]


@pytest.mark.parametrize(
    ("on", "reopened"),
    [
        ("2026-03-10 13:00", True),
        ("2026-03-12 13:00", True),  # before it is closed
        ("2026-03-17 12:00", True),  # after it was closed, on the last minute
        ("2026-03-17 12:01", False),
    ],
)
def test_a_reply_within_seven_days_opens_it_again(shop: Shop, on: str, reopened: bool) -> None:
    case = resolved(shop)
    reply(shop, case, on)
    if on < "2026-03-11":
        assert outcomes(shop, "survey") == outcomes(shop, "close") == [("CANCELLED", "REOPENED")]  # at once
    shop.until("2026-03-25 12:00")
    assert len(happened(shop, CaseReopened)) == reopened
    assert outcomes(shop, "reopen") == [("DONE", "REOPENED") if reopened else ("SUPPRESSED", "TOO_LATE")]
    if reopened and on < "2026-03-13":
        assert happened(shop, CaseClosed) == []
        assert outcomes(shop, "close") == [("CANCELLED", "REOPENED")]
    if on < "2026-03-11":
        assert outcomes(shop, "survey") == [("CANCELLED", "REOPENED")]


def test_a_reply_to_an_open_case_is_nothing_to_it(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 12:00", customer_id=shop.customer())
    reply(shop, case, "2026-03-10 13:00")
    assert shop.ledger() == []


def test_two_replies_open_it_once(shop: Shop) -> None:
    case = resolved(shop)
    for name in ("one", "two"):
        shop.do(RecordCustomerReply(case_id=case, interaction_id=derived("interaction", name)), "2026-03-10 13:00")
    shop.until("2026-03-10 13:00")
    assert len(happened(shop, CaseReopened)) == 1
    assert sorted(outcomes(shop, "reopen")) == [("CANCELLED", "REOPENED"), ("DONE", "REOPENED")]


def test_a_reopened_case_is_a_new_response_cycle_and_is_looked_after_again(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[case_closure.policy, case_sla.policy])
    case = open_case(shop, "2026-03-10 10:00", customer_id=shop.customer())
    respond(shop, case)
    resolve(shop, case, "2026-03-10 12:00")
    reply(shop, case, "2026-03-10 13:00")
    assert targets(shop, RESPONSE) == ["2026-03-10 14:00", "2026-03-10 17:00"]  # a first response is due anew
    resolve(shop, case, "2026-03-10 14:00")
    shop.until("2026-03-13 14:00")
    assert outcomes(shop, "survey") == [("CANCELLED", "REOPENED"), ("DELIVERED", None)]
    assert outcomes(shop, "close") == [("CANCELLED", "REOPENED"), ("DONE", "CLOSED")]


def test_imported_resolutions_set_nothing_off(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 12:00", customer_id=shop.customer())
    shop.do(ResolveCase(case_id=case), shop.now, Origin.IMPORT)
    shop.until("2026-04-10 12:00")
    assert shop.ledger() == []


def test_twice_is_the_same_as_once(shop: Shop) -> None:
    resolved(shop)
    shop.until("2026-04-20 12:00")
    before = len(shop.events())
    with shop.log.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0")
    shop.until("2026-04-20 12:00")
    assert len(shop.events()) == before
