"""Duplicates."""

from decimal import Decimal
from uuid import UUID

import pytest

from domain.duplicate import (
    MAX_FEATURES,
    DismissDuplicate,
    DuplicateDismissed,
    DuplicateSuspected,
    SuspectDuplicate,
    decider,
    duplicate_id,
)
from domain.kernel import Command, derived
from tests.domain.scenario import but, given

ANA, ANNA = UUID(int=1), UUID(int=2)

SUSPECT = SuspectDuplicate(
    customer_id=ANA, other_id=ANNA, score=Decimal("0.8"), features=("SAME_PHONE", "SAME_EMAIL", "SAME_PHONE")
)
DISMISS = DismissDuplicate(customer_id=ANA, other_id=ANNA, reason="They are sisters")
DISMISSED = DuplicateDismissed(customer_id=ANA, other_id=ANNA, reason="They are sisters")
CODES = "Write each feature as a code such as SAME_EMAIL, not as what it consists of."
COUNT = f"Name from 1 to {MAX_FEATURES} features that the two have in common."


def suspected(score: str = "0.8", *features: str) -> DuplicateSuspected:
    return DuplicateSuspected(
        customer_id=ANA, other_id=ANNA, score=Decimal(score), features=features or ("SAME_EMAIL", "SAME_PHONE")
    )


def test_there_is_one_stream_per_pair_whichever_is_named_first() -> None:
    swapped = but(SUSPECT, customer_id=ANNA, other_id=ANA)
    assert decider.stream_of(SUSPECT) == decider.stream_of(swapped) == decider.stream_of(DISMISS)
    assert duplicate_id(ANNA, ANA) == duplicate_id(ANA, ANNA) == derived("duplicate", ANA, ANNA)
    assert duplicate_id(ANA, UUID(int=3)) != duplicate_id(ANA, ANNA)


def test_a_duplicate_is_suspected_once_by_features_in_order() -> None:
    assert given(decider).when(SUSPECT).then(suspected()).customer_id == ANA
    given(decider, suspected()).when(SUSPECT).then_nothing()
    given(decider, suspected()).when(but(SUSPECT, customer_id=ANNA, other_id=ANA)).then_nothing()
    given(decider, suspected()).when(but(SUSPECT, features=("SAME_EMAIL", "SAME_PHONE"))).then_nothing()


@pytest.mark.parametrize("score", ["0.7", "0.9"])
def test_what_is_found_anew_is_said_anew(score: str) -> None:
    given(decider, suspected()).when(but(SUSPECT, score=Decimal(score))).then(suspected(score))
    given(decider, suspected()).when(but(SUSPECT, features=("SAME_NAME",))).then(suspected("0.8", "SAME_NAME"))


@pytest.mark.parametrize(
    ("command", "sentence", "field"),
    [
        (but(SUSPECT, other_id=ANA), "Nobody is their own duplicate: name another customer.", "other_id"),
        (but(DISMISS, other_id=ANA), "Nobody is their own duplicate: name another customer.", "other_id"),
        (but(SUSPECT, score=Decimal("1.01")), "The score must be from 0 to 1.", "score"),
        (but(SUSPECT, score=Decimal("-0.1")), "The score must be from 0 to 1.", "score"),
        (but(SUSPECT, score=Decimal("NaN")), "The score must be from 0 to 1.", "score"),
        (but(SUSPECT, features=()), COUNT, "features"),
        (but(SUSPECT, features=("SAME_NAME",) * (MAX_FEATURES + 1)), COUNT, "features"),
        (but(SUSPECT, features=("SAME_NAME", "ana@example.com")), CODES, "features"),
        (but(SUSPECT, features=("SAME_EMAIL ana@example.com",)), CODES, "features"),
        (but(SUSPECT, features=("",)), CODES, "features"),
        (DISMISS, "These customers are not suspected to be one yet.", "other_id"),
    ],
)
def test_what_makes_no_sense_is_refused(command: Command, sentence: str, field: str) -> None:
    given(decider).when(command).refused(sentence, field)


@pytest.mark.parametrize("score", ["0", "1"])
def test_a_suspicion_may_be_the_least_or_the_greatest(score: str) -> None:
    given(decider).when(but(SUSPECT, score=Decimal(score))).then(suspected(score))


def test_a_duplicate_is_dismissed_once() -> None:
    given(decider, suspected()).when(DISMISS).then(DISMISSED)
    given(decider, suspected(), DISMISSED).when(DISMISS).then_nothing()
    given(decider, suspected(), DISMISSED).when(but(DISMISS, customer_id=ANNA, other_id=ANA)).then_nothing()


@pytest.mark.parametrize("score", ["0.8", "0.5"])
def test_a_dismissed_pair_is_not_suspected_again_unless_more_surely(score: str) -> None:
    again = but(SUSPECT, score=Decimal(score), features=("SAME_TAX_ID",))
    given(decider, suspected(), DISMISSED).when(again).then_nothing()
    surer = but(again, score=Decimal("0.81"))
    given(decider, suspected(), DISMISSED).when(surer).then(suspected("0.81", "SAME_TAX_ID"))


def test_a_pair_that_is_suspected_again_can_be_dismissed_again_at_the_higher_score() -> None:
    history = (suspected(), DISMISSED, suspected("0.9"))
    given(decider, *history).when(DISMISS).then(DISMISSED)
    given(decider, *history, DISMISSED).when(but(SUSPECT, score=Decimal("0.9"))).then_nothing()
    given(decider, *history, DISMISSED).when(but(SUSPECT, score=Decimal("0.95"))).then(suspected("0.95"))


def test_of_two_who_dismiss_and_suspect_at_once_the_surer_word_holds() -> None:
    given(decider, suspected(), suspected("0.9")).when(DISMISS).then(DISMISSED)
    given(decider, suspected(), DISMISSED).when(but(SUSPECT, score=Decimal("0.9"))).then(suspected("0.9"))
