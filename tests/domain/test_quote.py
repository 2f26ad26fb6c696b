"""Quotes."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command, Event
from domain.quote import (
    MAX_QUOTE_VERSIONS,
    AcceptQuote,
    DraftQuote,
    ExpireQuote,
    IssueQuote,
    QuoteAccepted,
    QuoteDrafted,
    QuoteExpired,
    QuoteIssued,
    QuoteRejected,
    QuoteRequested,
    QuoteRevised,
    QuoteStatus,
    QuoteViewed,
    RecordQuoteViewed,
    RejectQuote,
    RequestQuote,
    ReviseQuote,
    decider,
)
from domain.quote_lines import MAX_QUOTE_LINES, QuoteLine, QuoteWish
from domain.values import money
from tests.domain.scenario import but, given

QUOTE, ANA, EVA = UUID(int=1), UUID(int=2), UUID(int=3)
UNTIL = datetime(2026, 12, 31, 23, tzinfo=UTC)
LINE = QuoteLine(sku="L-1", quantity=3, unit_price=Decimal("9.999"), discount=Decimal("0.1"))
LINES = (LINE, QuoteLine(sku="M-1", quantity=1, unit_price=Decimal("10")))
REQUEST = RequestQuote(quote_id=QUOTE, customer_id=ANA, wishes=(QuoteWish(sku="L-1", quantity=3),), note="By May")
REQUESTED = QuoteRequested(customer_id=ANA, wishes=REQUEST.wishes, note="By May")
DRAFT = DraftQuote(quote_id=QUOTE, customer_id=ANA, lines=LINES, discount=Decimal("0.05"))
DRAFTED = QuoteDrafted(
    customer_id=ANA,
    version=1,
    lines=LINES,
    discount=Decimal("0.05"),
    total=money(Decimal("35.147435"), "EUR"),
    discounts=money(Decimal("4.849565"), "EUR"),
    opportunity_id=None,
)
ISSUE = IssueQuote(quote_id=QUOTE, valid_until=UNTIL, number="Q-7")
ISSUED = QuoteIssued(version=1, total=money(Decimal("35.15"), "EUR"), number="Q-7", valid_until=UNTIL)
VIEW = RecordQuoteViewed(quote_id=QUOTE)
REVISE = ReviseQuote(quote_id=QUOTE, lines=(LINE,))
REVISED = QuoteRevised(
    version=2,
    supersedes=1,
    lines=(LINE,),
    discount=Decimal(0),
    total=money(Decimal("26.9973"), "EUR"),
    discounts=money(Decimal("2.9997"), "EUR"),
)
AGAIN = QuoteIssued(version=2, total=money(Decimal("27.00"), "EUR"), number="Q-7", valid_until=UNTIL)
ACCEPT, ACCEPTED = AcceptQuote(quote_id=QUOTE), QuoteAccepted(version=1)
REJECT = RejectQuote(quote_id=QUOTE, reason="PRICE", note="Too dear")
REJECTED = QuoteRejected(version=1, reason="PRICE", note="Too dear", by_us=False)
EXPIRE, EXPIRED = ExpireQuote(quote_id=QUOTE), QuoteExpired(version=1)
WITHDRAW = RejectQuote(quote_id=QUOTE, reason="SOLD_OUT", by_us=True)
WITHDRAWN = QuoteRejected(version=1, reason="SOLD_OUT", note=None, by_us=True)
ANSWERS: list[tuple[Command, Event]] = [(ACCEPT, ACCEPTED), (REJECT, REJECTED), (EXPIRE, EXPIRED)]


def test_a_quote_is_requested_once() -> None:
    state = given(decider).when(REQUEST).then(REQUESTED)
    assert (state.status, state.customer_id) == (QuoteStatus.REQUESTED, ANA)
    given(decider, REQUESTED).when(REQUEST).then_nothing()
    given(decider, REQUESTED, DRAFTED, ISSUED, ACCEPTED).when(REQUEST).then_nothing()
    for other in (but(REQUEST, note="By June"), but(REQUEST, customer_id=EVA), but(REQUEST, wishes=())):
        given(decider, REQUESTED).when(other).refused("This quote is already there. Request another one instead.")
    given(decider, DRAFTED).when(REQUEST).refused("This quote is already there. Request another one instead.")


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"wishes": (), "note": None}, "Say for what: give wishes, a note, or both.", "wishes"),
        ({"wishes": REQUEST.wishes * (MAX_QUOTE_LINES + 1)}, f"Give at most {MAX_QUOTE_LINES} wishes.", "wishes"),
        ({"wishes": (QuoteWish(sku=" "),)}, "Wish 1: the sku must not be blank.", "wishes"),
        (
            {"wishes": (QuoteWish(sku="A"), QuoteWish(sku="A", quantity=0))},
            "Wish 2: the quantity must be from 1 to 1000000000.",
            "wishes",
        ),
        ({"note": " "}, "The note must not be blank.", "note"),
    ],
)
def test_a_request_says_for_what(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(REQUEST, **changes)).refused(sentence, field)


def test_a_quote_is_drafted_once_with_its_exact_total() -> None:
    state = given(decider).when(DRAFT).then(DRAFTED)
    assert state.customer_id == ANA
    given(decider, REQUESTED).when(DRAFT).then(DRAFTED)
    given(decider, DRAFTED).when(DRAFT).then_nothing()
    given(decider, DRAFTED, ISSUED, REVISED).when(DRAFT).then_nothing()
    for other in (but(DRAFT, lines=(LINE,)), but(DRAFT, currency="GBP"), but(DRAFT, opportunity_id=EVA)):
        given(decider, DRAFTED).when(other).refused("This quote is already drafted. Revise it instead.")


def test_a_quote_is_for_the_customer_who_asked() -> None:
    given(decider, REQUESTED).when(but(DRAFT, customer_id=EVA)).refused(
        "This quote was requested by another customer.", "customer_id"
    )


def test_a_rate_is_fixed_in_the_draft_and_in_what_follows() -> None:
    asked = but(DRAFT, currency="JPY", rate=Decimal("0.0061"), base_currency="EUR", discount=Decimal(0))
    [drafted] = decider.decide(asked, decider.initial)
    assert isinstance(drafted, QuoteDrafted)
    assert drafted.total == money(Decimal("36.9973"), "JPY", Decimal("0.0061"), "EUR")
    [issued] = decider.decide(ISSUE, given(decider, drafted).state)
    assert isinstance(issued, QuoteIssued)
    assert (str(issued.total.amount), str(issued.total.base)) == ("37", "0.23")
    [revised] = decider.decide(REVISE, given(decider, drafted).state)
    assert isinstance(revised, QuoteRevised)
    assert revised.total == money(Decimal("26.9973"), "JPY", Decimal("0.0061"), "EUR")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((), f"Give from 1 to {MAX_QUOTE_LINES} lines."),
        ((LINE,) * (MAX_QUOTE_LINES + 1), f"Give from 1 to {MAX_QUOTE_LINES} lines."),
        ((LINE, replace(LINE, sku=" ")), "Line 2: the sku must not be blank."),
        ((replace(LINE, quantity=0),), "Line 1: the quantity must be from 1 to 1000000000."),
        ((replace(LINE, quantity=10**9 + 1),), "Line 1: the quantity must be from 1 to 1000000000."),
        ((replace(LINE, unit_price=Decimal(-1)),), "Line 1: the unit price must be zero or more."),
        ((replace(LINE, discount=Decimal("1.1")),), "Line 1: the discount must be from 0 to 1."),
        ((replace(LINE, discount=Decimal("NaN")),), "Line 1: the discount must be from 0 to 1."),
        ((replace(LINE, discount=Decimal("0.0000001")),), "Line 1: the discount must be a multiple of 0.000001."),
        (
            (replace(LINE, quantity=10**6, unit_price=Decimal(10**6)),),
            "The lines must come to less than 1000000000000.",
        ),
    ],
)
def test_lines_that_make_no_sense_are_refused(lines: tuple[QuoteLine, ...], sentence: str) -> None:
    given(decider).when(but(DRAFT, lines=lines)).refused(sentence, "lines")
    given(decider, DRAFTED).when(but(REVISE, lines=lines)).refused(sentence, "lines")


def test_a_discount_on_everything_is_a_share() -> None:
    given(decider).when(but(DRAFT, discount=Decimal(2))).refused("The discount must be from 0 to 1.", "discount")
    given(decider, DRAFTED).when(but(REVISE, discount=Decimal("-0.1"))).refused(
        "The discount must be from 0 to 1.", "discount"
    )
    [free] = decider.decide(but(DRAFT, discount=Decimal(1)), decider.initial)
    assert isinstance(free, QuoteDrafted)
    assert (free.total.amount, free.discounts.amount) == (Decimal(0), Decimal("39.997"))


def test_the_finest_quote_is_reckoned_exactly() -> None:
    price, off, rate = Decimal("999999999.999999999999"), Decimal("0.123457"), Decimal("999999999.999999999999")
    line = QuoteLine(sku="A", quantity=999, unit_price=price, discount=off)
    asked = but(DRAFT, lines=(line,), discount=off, rate=rate, base_currency="USD")
    [drafted] = decider.decide(asked, decider.initial)
    assert isinstance(drafted, QuoteDrafted)
    listed = 999 * Fraction(price)
    exact = listed * (1 - Fraction(off)) ** 2
    assert (Fraction(drafted.total.amount), Fraction(drafted.total.base)) == (exact, exact * Fraction(rate))
    assert Fraction(drafted.discounts.amount) == listed - exact


def test_a_quote_is_issued_for_what_would_be_charged() -> None:
    given(decider, DRAFTED).when(ISSUE).then(ISSUED)
    given(decider, DRAFTED, ISSUED).when(ISSUE).then_nothing()
    for other in (but(ISSUE, number=None), but(ISSUE, valid_until=datetime(2027, 1, 1, tzinfo=UTC))):
        given(decider, DRAFTED, ISSUED).when(other).refused("This quote is already issued. Revise it instead.")
    given(decider, REQUESTED).when(ISSUE).refused("This quote is not drafted yet.")
    given(decider, DRAFTED).when(but(ISSUE, number=" ")).refused("The number must not be blank.", "number")
    given(decider, DRAFTED).when(but(ISSUE, valid_until=datetime(2027, 1, 1))).refused(  # noqa: DTZ001
        "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "valid_until"
    )


def test_the_first_look_at_a_version_is_remembered() -> None:
    given(decider, DRAFTED, ISSUED).when(VIEW).then(QuoteViewed(version=1))
    given(decider, DRAFTED, ISSUED, QuoteViewed(version=1)).when(VIEW).then_nothing()
    given(decider, DRAFTED, ISSUED, ACCEPTED).when(VIEW).then(QuoteViewed(version=1))
    given(decider, DRAFTED).when(VIEW).refused("This quote is a draft. Issue it first.")
    past = (DRAFTED, ISSUED, QuoteViewed(version=1), REVISED)
    given(decider, *past).when(VIEW).refused("This quote is a draft. Issue it first.")
    given(decider, *past, AGAIN).when(VIEW).then(QuoteViewed(version=2))
    given(decider, *past, AGAIN).when(but(VIEW, version=1)).refused(
        "Version 2 of this quote holds, and no other.", "version"
    )


@pytest.mark.parametrize("past", [(), (ISSUED,), (ISSUED, REJECTED), (ISSUED, EXPIRED)])
def test_a_quote_is_revised_until_it_is_accepted(past: tuple[Event, ...]) -> None:
    state = given(decider, DRAFTED, *past).when(REVISE).then(REVISED)
    assert (state.status, state.issued, state.customer_id) == (QuoteStatus.DRAFT, None, ANA)
    given(decider, DRAFTED, *past, REVISED).when(REVISE).then_nothing()
    given(decider, DRAFTED, *past, REVISED).when(ISSUE).then(AGAIN)


def test_an_expired_quote_may_be_issued_again_as_it_was() -> None:
    same = ReviseQuote(quote_id=QUOTE, lines=LINES, discount=DRAFT.discount)
    renewed = QuoteRevised(
        version=2,
        supersedes=1,
        lines=LINES,
        discount=DRAFT.discount,
        total=DRAFTED.total,
        discounts=DRAFTED.discounts,
    )
    given(decider, DRAFTED, ISSUED, EXPIRED).when(same).then(renewed)
    given(decider, DRAFTED).when(same).then_nothing()


def test_versions_are_not_without_end() -> None:
    last = replace(REVISED, version=MAX_QUOTE_VERSIONS)
    given(decider, DRAFTED, last).when(but(REVISE, lines=LINES)).refused(
        f"A quote has at most {MAX_QUOTE_VERSIONS} versions. Draft another one instead."
    )


@pytest.mark.parametrize(("command", "event"), ANSWERS)
def test_an_issued_quote_is_answered_once(command: Command, event: Event) -> None:
    given(decider, DRAFTED, ISSUED).when(command).then(event)
    given(decider, DRAFTED, ISSUED, event).when(command).then_nothing()
    given(decider, DRAFTED).when(command).refused("This quote is a draft. Issue it first.")
    given(decider, REQUESTED).when(command).refused("This quote is not drafted yet.")


@pytest.mark.parametrize(("command", "event"), ANSWERS)
def test_of_two_answers_only_the_first_counts(command: Command, event: Event) -> None:
    sentences = {
        ACCEPTED: "This quote is accepted. Draft another one instead.",
        REJECTED: "This quote is rejected. Revise it instead.",
        EXPIRED: "This quote has expired. Revise it instead.",
        WITHDRAWN: "This quote is withdrawn. Draft another one instead.",
    }
    for first, sentence in sentences.items():
        if first != event:
            given(decider, DRAFTED, ISSUED, first).when(command).refused(sentence)


@pytest.mark.parametrize("command", [ACCEPT, REJECT, EXPIRE])
def test_a_version_that_was_replaced_is_not_answered(command: Any) -> None:
    given(decider, DRAFTED, ISSUED, REVISED, AGAIN).when(but(command, version=1)).refused(
        "Version 2 of this quote holds, and no other.", "version"
    )
    assert len(list(decider.decide(but(command, version=2), given(decider, DRAFTED, REVISED, AGAIN).state))) == 1


def test_a_quote_is_rejected_for_one_reason() -> None:
    given(decider, DRAFTED, ISSUED, REJECTED).when(but(REJECT, reason="LATE")).refused(
        "This quote is already rejected for another reason.", "reason"
    )
    given(decider, DRAFTED, ISSUED).when(but(REJECT, reason=" ")).refused("The reason must not be blank.", "reason")
    given(decider, DRAFTED, ISSUED).when(but(REJECT, note="")).refused("The note must not be blank.", "note")
    given(decider, DRAFTED, ISSUED).when(but(REJECT, reason=None)).then(
        QuoteRejected(version=1, reason=None, note="Too dear", by_us=False)
    )


@pytest.mark.parametrize(
    ("past", "version"),
    [((REQUESTED,), None), ((DRAFTED,), 1), ((DRAFTED, ISSUED), 1), ((DRAFTED, ISSUED, REVISED, AGAIN), 2)],
)
def test_a_quote_is_taken_back_before_it_is_answered(past: tuple[Event, ...], version: int | None) -> None:
    gone = replace(WITHDRAWN, version=version)
    state = given(decider, *past).when(WITHDRAW).then(gone)
    assert state.status is QuoteStatus.WITHDRAWN
    given(decider, *past, gone).when(WITHDRAW).then_nothing()
    given(decider, *past, gone).when(but(WITHDRAW, reason="OTHER")).refused(
        "This quote is already withdrawn for another reason.", "reason"
    )
    given(decider, *past).when(but(WITHDRAW, reason=" ")).refused("The reason must not be blank.", "reason")


def test_only_the_version_that_holds_is_taken_back() -> None:
    given(decider, DRAFTED, REVISED).when(but(WITHDRAW, version=1)).refused(
        "Version 2 of this quote holds, and no other.", "version"
    )
    given(decider, REQUESTED).when(but(WITHDRAW, version=1)).refused("This quote is not drafted yet.")


def test_what_was_taken_back_is_not_rejected_by_the_customer_as_well() -> None:
    gone = "This quote is withdrawn. Draft another one instead."
    given(decider, DRAFTED, ISSUED, WITHDRAWN).when(but(WITHDRAW, by_us=False)).refused(gone)
    given(decider, REQUESTED, replace(WITHDRAWN, version=None)).when(REJECT).refused(gone)


@pytest.mark.parametrize(
    ("past", "sentence"),
    [
        (ACCEPTED, "This quote is accepted. Draft another one instead."),
        (REJECTED, "This quote is rejected. Revise it instead."),
        (EXPIRED, "This quote has expired. Revise it instead."),
    ],
)
def test_what_was_answered_is_not_taken_back(past: Event, sentence: str) -> None:
    given(decider, DRAFTED, ISSUED, past).when(WITHDRAW).refused(sentence)


def test_what_is_over_stays_over() -> None:
    gone = "This quote is withdrawn. Draft another one instead."
    given(decider, DRAFTED, WITHDRAWN).when(REVISE).refused(gone)
    given(decider, DRAFTED, WITHDRAWN).when(ISSUE).refused(gone)
    given(decider, REQUESTED, replace(WITHDRAWN, version=None)).when(DRAFT).refused(gone)
    given(decider, DRAFTED, WITHDRAWN).when(VIEW).refused(gone)
    for command in (REVISE, ISSUE):
        given(decider, DRAFTED, ISSUED, ACCEPTED).when(command).refused(
            "This quote is accepted. Draft another one instead."
        )


@pytest.mark.parametrize("command", [ISSUE, VIEW, REVISE, ACCEPT, REJECT, EXPIRE, WITHDRAW])
def test_what_is_not_there_is_no_quote(command: Command) -> None:
    given(decider).when(command).refused("There is no such quote yet.", "quote_id")


def test_a_request_is_not_revised() -> None:
    given(decider, REQUESTED).when(REVISE).refused("This quote is not drafted yet.")
