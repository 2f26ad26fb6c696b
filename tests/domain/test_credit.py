"""Credit."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from domain.credit import (
    MAX_SCORE,
    AssessRisk,
    CreditLineSet,
    RiskScoreAssessed,
    SetCreditLine,
    credit_id,
    decider,
)
from domain.kernel import Command, derived
from domain.values import money
from tests.domain.scenario import but, given

ANA = UUID(int=1)
SUMMER = datetime(2026, 6, 21, tzinfo=UTC)

ASSESS = AssessRisk(
    customer_id=ANA, score=420, model="drawer", model_version="3.1", inputs_digest="9f2c", valid_until=SUMMER
)
ASSESSED = RiskScoreAssessed(
    customer_id=ANA, score=420, model="drawer", model_version="3.1", inputs_digest="9f2c", valid_until=SUMMER
)
LEND = SetCreditLine(customer_id=ANA, limit=Decimal(5000), currency="EUR", reason="Pays on the day")
LENT = CreditLineSet(customer_id=ANA, limit=money(Decimal(5000), "EUR"), reason="Pays on the day")
MORE = CreditLineSet(customer_id=ANA, limit=money(Decimal(9000), "EUR"), reason=None)
WITHDRAW = SetCreditLine(customer_id=ANA, reason="A cheque bounced")
WITHDRAWN = CreditLineSet(customer_id=ANA, limit=None, reason="A cheque bounced")
TOGETHER = "Give the limit and its currency together, or neither to withdraw the credit line."


def test_there_is_one_stream_per_customer() -> None:
    assert (
        {decider.stream_of(each) for each in (ASSESS, LEND, WITHDRAW)} == {credit_id(ANA)} == {derived("credit", ANA)}
    )


def test_a_risk_is_assessed_until_it_is_assessed_anew() -> None:
    assert given(decider).when(ASSESS).then(ASSESSED).customer_id == ANA
    given(decider, ASSESSED).when(ASSESS).then_nothing()
    worse = RiskScoreAssessed(
        customer_id=ANA, score=421, model="drawer", model_version="3.1", inputs_digest="9f2c", valid_until=SUMMER
    )
    given(decider, ASSESSED).when(but(ASSESS, score=421)).then(worse)
    given(decider, ASSESSED, worse).when(ASSESS).then(ASSESSED)


@pytest.mark.parametrize("score", [0, MAX_SCORE])
def test_a_score_may_be_the_least_or_the_greatest(score: int) -> None:
    (assessed,) = decider.decide(but(ASSESS, score=score), decider.initial)
    assert isinstance(assessed, RiskScoreAssessed)
    assert assessed.score == score


@pytest.mark.parametrize(
    ("command", "sentence", "field"),
    [
        (but(ASSESS, score=-1), "The score must be from 0 to 1000.", "score"),
        (but(ASSESS, score=1001), "The score must be from 0 to 1000.", "score"),
        (but(ASSESS, model=" "), "The model must not be blank.", "model"),
        (but(ASSESS, model_version=""), "The model version must not be blank.", "model_version"),
        (but(ASSESS, inputs_digest=""), "The digest of the inputs must not be blank.", "inputs_digest"),
        (
            but(ASSESS, valid_until=SUMMER.replace(tzinfo=None)),
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "valid_until",
        ),
        (but(LEND, limit=Decimal(-1)), "The limit must be zero or more.", "limit"),
        (but(LEND, limit=Decimal("NaN")), "The limit must be a number.", "limit"),
        (
            but(LEND, limit=Decimal(0)),
            "The limit must be more than zero: leave it out to withdraw the credit line.",
            "limit",
        ),
        (but(LEND, limit=None), TOGETHER, "limit"),
        (but(LEND, currency=None), TOGETHER, "limit"),
        (but(LEND, currency="EURO"), "There is no currency 'EURO': give an ISO 4217 code such as EUR.", "currency"),
        (but(LEND, rate=Decimal(2)), "Give the base currency that the rate leads to.", "base_currency"),
        (but(LEND, base_currency="USD"), "Give the rate from EUR to USD as well.", "rate"),
    ],
)
def test_what_makes_no_sense_is_refused(command: Command, sentence: str, field: str) -> None:
    given(decider).when(command).refused(sentence, field)


def test_a_credit_line_is_set_until_it_changes() -> None:
    assert given(decider).when(LEND).then(LENT).customer_id == ANA
    given(decider, LENT).when(LEND).then_nothing()
    given(decider, LENT).when(but(LEND, limit=Decimal("5000.00"), reason=None)).then_nothing()
    given(decider, LENT).when(but(LEND, limit=Decimal(9000), reason=None)).then(MORE)
    given(decider, LENT, MORE).when(LEND).then(LENT)


def test_the_worth_of_a_credit_line_is_fixed_when_it_is_set() -> None:
    rate = Decimal("1.17")
    abroad = CreditLineSet(customer_id=ANA, limit=money(Decimal(5000), "EUR", rate, "USD"), reason=None)
    assert abroad.limit is not None
    assert abroad.limit.base == Decimal(5850)
    given(decider, LENT).when(but(LEND, rate=rate, base_currency="USD", reason=None)).then(abroad)


def test_a_credit_line_is_withdrawn_once_and_may_be_set_again() -> None:
    given(decider, LENT).when(WITHDRAW).then(WITHDRAWN)
    given(decider, LENT, WITHDRAWN).when(but(WITHDRAW, reason=None)).then_nothing()
    given(decider, LENT, WITHDRAWN).when(LEND).then(LENT)


def test_a_credit_line_that_was_raised_meanwhile_is_withdrawn_all_the_same() -> None:
    given(decider, LENT, MORE).when(WITHDRAW).then(WITHDRAWN)


def test_what_was_never_lent_is_not_withdrawn() -> None:
    given(decider).when(WITHDRAW).then_nothing()
    given(decider, ASSESSED).when(WITHDRAW).then_nothing()


def test_an_assessment_and_a_credit_line_leave_each_other_alone() -> None:
    given(decider, LENT, ASSESSED).when(LEND).then_nothing()
    given(decider, ASSESSED, LENT, WITHDRAWN).when(ASSESS).then_nothing()
