"""What is recommended, by which rule, and in which order; and who is eligible for a benefit."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import derived
from projections.customers.customer_360 import CustomerCard
from projections.customers.eligibility import BenefitInputs, eligibility, rank_of
from projections.customers.open_requests import OpenRequest, RequestKind
from projections.customers.overview import habits, satisfaction
from projections.customers.recommending import Action, Known, recommendations
from projections.value.churn import silence
from projections.value.loyalty_standing import LoyaltyStanding

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANA: UUID = derived("ana")
CONTENT = CustomerCard(ANA, consents={"MARKETING/EMAIL": False})
NOTHING = Known(NOW, CONTENT, (), None, None, (), CONTENT.consents)
STANDING = LoyaltyStanding(
    ANA, "SILVER", 0, Decimal(90), "GOLD", 100, Decimal(10), Decimal(90), False, date(2026, 1, 1), date(2027, 1, 1),
    214, Decimal(90), Decimal(90), False, None, None, Decimal(0),
)  # fmt: skip


def request(kind: RequestKind, **more: Any) -> OpenRequest:
    return replace(OpenRequest(ANA, kind, ANA, "7", "OPEN", None, NOW, None, None, None, None), **more)


def with_card(**changes: Any) -> Known:
    card = replace(CONTENT, **changes)
    return replace(NOTHING, card=card, consents=card.consents)


COMPLAINT = request(RequestKind.CASE, detail="COMPLAINT")
CASES: list[tuple[Known, list[Action]]] = [
    (NOTHING, []),
    (with_card(restrictions={"DO_NOT_CALL": None}), [Action.RESPECT_RESTRICTION]),
    (with_card(restrictions={"DO_NOT_CALL": NOW + timedelta(days=1)}), [Action.RESPECT_RESTRICTION]),
    (with_card(restrictions={"DO_NOT_CALL": NOW}), []),
    (replace(NOTHING, requests=(COMPLAINT,)), [Action.SOLVE_COMPLAINT]),
    (replace(NOTHING, requests=(request(RequestKind.CASE, detail="QUESTION"),)), []),
    (with_card(last_csat=2), [Action.RECOVER_DETRACTOR]),
    (with_card(last_csat=3, last_nps=7), []),
    (with_card(last_csat=3, last_nps=6), [Action.RECOVER_DETRACTOR]),
    (replace(NOTHING, requests=(request(RequestKind.QUOTE, due_at=NOW + timedelta(days=7)),)), [Action.CLOSE_QUOTE]),
    (replace(NOTHING, requests=(request(RequestKind.QUOTE, due_at=NOW + timedelta(days=8)),)), []),
    (replace(NOTHING, requests=(request(RequestKind.QUOTE, due_at=NOW - timedelta(days=1)),)), []),
    (replace(NOTHING, requests=(request(RequestKind.ACTIVITY, due_at=NOW - timedelta(hours=1)),)), [Action.DO_WHAT_IS_DUE]),
    (replace(NOTHING, requests=(request(RequestKind.ACTIVITY, due_at=NOW),)), []),
    (replace(NOTHING, standing=replace(STANDING, near_next=True)), [Action.REACH_NEXT_TIER]),
    (replace(NOTHING, standing=replace(STANDING, near_next=True, at_risk=True)), [Action.KEEP_TIER]),
    (replace(NOTHING, standing=STANDING), []),
    (replace(NOTHING, silence=silence(NOW.date(), NOW.date() - timedelta(days=91), 10.0)), [Action.WIN_BACK]),
    (replace(NOTHING, silence=silence(NOW.date(), NOW.date() - timedelta(days=91), 60.0)), []),
    (replace(NOTHING, missing=("PHONE", "TERRITORY")), [Action.ASK_FOR_CONTACT_DATA]),
    (replace(NOTHING, missing=("TERRITORY",)), []),
    (with_card(consents={"SURVEY/EMAIL": True}), [Action.ASK_FOR_CONSENT]),
]  # fmt: skip


@pytest.mark.parametrize(("known", "wanted"), CASES)
def test_each_rule_recommends_what_it_is_for(known: Known, wanted: list[Action]) -> None:
    found = recommendations(known)
    assert [each.action for each in found] == wanted
    assert all(each.reason.endswith(".") for each in found)


def test_the_most_pressing_comes_first() -> None:
    late = request(RequestKind.ACTIVITY, due_at=NOW - timedelta(days=1))
    later = request(RequestKind.ACTIVITY, due_at=NOW - timedelta(days=2))
    quote = request(RequestKind.QUOTE, due_at=NOW + timedelta(days=1))
    known = replace(with_card(last_nps=0, consents={}), requests=(late, quote, later, COMPLAINT), missing=("EMAIL",))
    found = recommendations(known)
    assert [(each.action, each.about) for each in found] == [
        (Action.SOLVE_COMPLAINT, COMPLAINT),
        (Action.RECOVER_DETRACTOR, None),
        (Action.CLOSE_QUOTE, quote),
        (Action.DO_WHAT_IS_DUE, later),
        (Action.DO_WHAT_IS_DUE, late),
        (Action.ASK_FOR_CONTACT_DATA, None),
        (Action.ASK_FOR_CONSENT, None),
    ]


@pytest.mark.parametrize(
    ("inputs", "eligible"),
    [
        (BenefitInputs("GOLD", 1, 20, 0, 0), True),
        (BenefitInputs("GOLD", 1, 21, 0, 0), False),
        (BenefitInputs("SILVER", 0, 1, 0, 0), False),
        (BenefitInputs(None, None, 1, 0, 0), False),
        (BenefitInputs("GOLD", 1, None, 0, 0), False),
        (BenefitInputs(None, None, None, 1, 0), True),
        (BenefitInputs("GOLD", 1, 1, 1, 1), True),
        (BenefitInputs("GOLD", 1, 1, 1, 2), False),
    ],
)
def test_a_benefit_is_earned_or_owed_and_there_is_one_left(inputs: BenefitInputs, eligible: bool) -> None:
    found = eligibility(inputs)
    assert found.eligible is eligible
    assert len(found.inputs_digest) == 64
    assert (found.inputs_digest == eligibility(replace(inputs, failures=9)).inputs_digest) is False


def test_the_rank_of_a_tier_counts_from_the_lowest() -> None:
    assert [rank_of(tier, ["SILVER", "GOLD"]) for tier in ("SILVER", "GOLD", "TIN", None)] == [0, 1, None, None]


TRENDS: list[tuple[tuple[int, ...], str | None]] = [
    ((), None),
    ((4,), None),
    ((3, 3, 4), "RISING"),
    ((4, 4, 4), "STEADY"),
    ((3, 4, 4), "STEADY"),
    ((5, 4, 4), "STEADY"),
    ((5, 5, 4), "FALLING"),
]


@pytest.mark.parametrize(("csats", "trend"), TRENDS)
def test_the_trend_is_the_last_answer_beside_those_before(csats: tuple[int, ...], trend: str | None) -> None:
    assert satisfaction(CustomerCard(ANA, csats=csats)).trend == trend


def test_the_habit_is_what_was_done_most_often_and_of_equals_the_first() -> None:
    card = CustomerCard(ANA, own_channels={"WEB": 2, "CHAT": 2, "EMAIL": 1}, contact_hours={"09": 1, "17": 3})
    assert (habits(card).best_channel, habits(card).best_hour) == ("CHAT", 17)
    assert habits(CustomerCard(ANA)).best_channel is None
