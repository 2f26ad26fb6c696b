"""Benefits."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.benefit import (
    AuthoriseBenefit,
    BenefitAuthorised,
    BenefitDenied,
    BenefitGranted,
    BenefitRequested,
    BenefitStatus,
    DenyBenefit,
    GrantBenefit,
    RequestBenefit,
    decider,
)
from domain.kernel import Command
from tests.domain.scenario import but, given

UPGRADE, ANA, ACCOUNT, CALL, BOSS = (UUID(int=number) for number in range(1, 6))
DIGEST = "0123456789abcdef" * 4
REQUEST = RequestBenefit(
    benefit_id=UPGRADE, customer_id=ANA, benefit="FREE_UPGRADE", loyalty_account_id=ACCOUNT, interaction_id=CALL
)
REQUESTED = BenefitRequested(customer_id=ANA, benefit="FREE_UPGRADE", loyalty_account_id=ACCOUNT, interaction_id=CALL)
AUTHORISE = AuthoriseBenefit(benefit_id=UPGRADE, rule="free-upgrade", rule_version=2, inputs_digest=DIGEST)
AUTHORISED = BenefitAuthorised(rule="free-upgrade", rule_version=2, inputs_digest=DIGEST, approver=None)
GRANT = GrantBenefit(benefit_id=UPGRADE)
DENY = DenyBenefit(benefit_id=UPGRADE, reason="NO_SEAT")
DENIED = BenefitDenied(reason="NO_SEAT")


def test_a_benefit_is_requested_once() -> None:
    state = given(decider).when(REQUEST).then(REQUESTED)
    assert state.customer_id == ANA
    given(decider, REQUESTED).when(REQUEST).then_nothing()
    given(decider, REQUESTED, AUTHORISED, BenefitGranted()).when(REQUEST).then_nothing()
    for changes in ({"customer_id": BOSS}, {"benefit": "LOUNGE"}, {"interaction_id": None}):
        given(decider, REQUESTED).when(but(REQUEST, **changes)).refused(
            "This benefit is already requested. Request another one instead."
        )


@pytest.mark.parametrize("command", [AUTHORISE, GRANT, DENY])
def test_what_was_not_requested_is_neither_given_nor_denied(command: Command) -> None:
    given(decider).when(command).refused("This benefit is not requested yet.", "benefit_id")


def test_a_benefit_is_authorised_once_by_a_rule_or_by_somebody() -> None:
    given(decider, REQUESTED).when(AUTHORISE).then(AUTHORISED)
    given(decider, REQUESTED, AUTHORISED).when(AUTHORISE).then_nothing()
    given(decider, REQUESTED, AUTHORISED, BenefitGranted()).when(AUTHORISE).then_nothing()
    given(decider, REQUESTED).when(but(AUTHORISE, approver=BOSS)).then(replace(AUTHORISED, approver=BOSS))
    given(decider, REQUESTED, AUTHORISED).when(but(AUTHORISE, approver=BOSS)).refused(
        "This benefit has already been authorised."
    )


def test_a_benefit_is_granted_once_it_is_authorised() -> None:
    state = given(decider, REQUESTED, AUTHORISED).when(GRANT).then(BenefitGranted())
    assert state.status is BenefitStatus.GRANTED
    given(decider, REQUESTED, AUTHORISED, BenefitGranted()).when(GRANT).then_nothing()
    given(decider, REQUESTED).when(GRANT).refused("This benefit is not authorised yet.")


def test_a_benefit_is_denied_once_before_it_is_granted() -> None:
    given(decider, REQUESTED).when(DENY).then(DENIED)
    given(decider, REQUESTED, AUTHORISED).when(DENY).then(DENIED)
    given(decider, REQUESTED, DENIED).when(DENY).then_nothing()
    given(decider, REQUESTED, DENIED).when(but(DENY, reason="TOO_MANY")).refused(
        "This benefit has already been denied for another reason.", "reason"
    )
    given(decider, REQUESTED, AUTHORISED, BenefitGranted()).when(DENY).refused("This benefit has already been granted.")


def test_of_one_who_denies_and_one_who_authorises_at_once_the_second_is_answered_by_what_is_so() -> None:
    given(decider, REQUESTED, DENIED).when(AUTHORISE).refused(
        "This benefit has been denied. Request another one instead."
    )
    given(decider, REQUESTED, AUTHORISED, DENIED).when(AUTHORISE).refused(
        "This benefit has been denied. Request another one instead."
    )
    given(decider, REQUESTED, AUTHORISED, DENIED).when(GRANT).refused("This benefit has been denied.")


@pytest.mark.parametrize(
    ("command", "changes", "sentence", "field"),
    [
        (REQUEST, {"benefit": " "}, "The benefit must not be blank.", "benefit"),
        (AUTHORISE, {"rule": ""}, "The rule must not be blank.", "rule"),
        (AUTHORISE, {"rule_version": 0}, "The rule version must be from 1 to 1000000.", "rule_version"),
        (
            AUTHORISE,
            {"inputs_digest": DIGEST.upper()},
            "The inputs digest must be a SHA-256 in 64 hexadecimal digits.",
            "inputs_digest",
        ),
        (DENY, {"reason": ""}, "The reason must not be blank.", "reason"),
    ],
)
def test_what_is_said_of_a_benefit_must_make_sense(
    command: Command, changes: dict[str, Any], sentence: str, field: str
) -> None:
    history = () if command is REQUEST else (REQUESTED,)
    given(decider, *history).when(but(command, **changes)).refused(sentence, field)
