"""Lifecycles."""

from uuid import UUID

import pytest

from domain.kernel import derived
from domain.lifecycle import (
    AccountManagerAssigned,
    AssignAccountManager,
    AssignCustomerRole,
    ChangeLifecycleStage,
    CustomerRole,
    CustomerRoleAssigned,
    CustomerRoleEnded,
    EndCustomerRole,
    LifecycleStage,
    LifecycleStageChanged,
    decider,
    lifecycle_id,
)
from tests.domain.scenario import but, given

ANA, LUIS, MARTA = UUID(int=1), UUID(int=11), UUID(int=12)
PARTNER, DRAWER = CustomerRole.PARTNER, CustomerRole.DRAWER
LEAD, CUSTOMER = LifecycleStage.LEAD, LifecycleStage.CUSTOMER

ASSIGN_ROLE = AssignCustomerRole(customer_id=ANA, role=PARTNER)
END_ROLE = EndCustomerRole(customer_id=ANA, role=PARTNER)
IS_PARTNER = CustomerRoleAssigned(customer_id=ANA, role=PARTNER)
WAS_PARTNER = CustomerRoleEnded(role=PARTNER)

BECAME_LEAD = LifecycleStageChanged(customer_id=ANA, previous=None, stage=LEAD, rule=None)
BUY = ChangeLifecycleStage(customer_id=ANA, stage=CUSTOMER, rule="FIRST_ORDER")
BOUGHT = LifecycleStageChanged(customer_id=ANA, previous=LEAD, stage=CUSTOMER, rule="FIRST_ORDER")

TO_LUIS = AssignAccountManager(customer_id=ANA, staff_id=LUIS, reason="Her region")
WITH_LUIS = AccountManagerAssigned(customer_id=ANA, staff_id=LUIS, previous=None, reason="Her region")
WITH_MARTA = AccountManagerAssigned(customer_id=ANA, staff_id=MARTA, previous=LUIS, reason=None)
RELEASE = AssignAccountManager(customer_id=ANA, staff_id=None, reason="Luis left")
RELEASED = AccountManagerAssigned(customer_id=ANA, staff_id=None, previous=LUIS, reason="Luis left")


def test_there_is_one_stream_per_customer() -> None:
    streams = {decider.stream_of(each) for each in (ASSIGN_ROLE, END_ROLE, BUY, TO_LUIS, RELEASE)}
    assert streams == {lifecycle_id(ANA)} == {derived("lifecycle", ANA)}


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (ASSIGN_ROLE, IS_PARTNER),
        (but(BUY, stage=LEAD, rule=None), BECAME_LEAD),
        (TO_LUIS, WITH_LUIS),
    ],
)
def test_whatever_is_known_first_says_of_whom(
    command: AssignCustomerRole | ChangeLifecycleStage | AssignAccountManager,
    event: CustomerRoleAssigned | LifecycleStageChanged | AccountManagerAssigned,
) -> None:
    assert given(decider).when(command).then(event).customer_id == ANA


def test_a_role_is_assigned_once_and_besides_others() -> None:
    given(decider, IS_PARTNER).when(ASSIGN_ROLE).then_nothing()
    state = (
        given(decider, IS_PARTNER)
        .when(but(ASSIGN_ROLE, role=DRAWER))
        .then(CustomerRoleAssigned(customer_id=ANA, role=DRAWER))
    )
    assert state.roles == {PARTNER, DRAWER}


def test_a_role_ends_once_and_may_begin_again() -> None:
    given(decider, IS_PARTNER).when(END_ROLE).then(WAS_PARTNER)
    given(decider, IS_PARTNER, WAS_PARTNER).when(END_ROLE).then_nothing()
    given(decider, IS_PARTNER, WAS_PARTNER).when(ASSIGN_ROLE).then(IS_PARTNER)
    given(decider, IS_PARTNER, WAS_PARTNER, IS_PARTNER).when(END_ROLE).then(WAS_PARTNER)


def test_a_role_that_nobody_gave_does_not_end() -> None:
    given(decider).when(END_ROLE).refused("This customer never had this role.", "role")
    given(decider, IS_PARTNER, WAS_PARTNER).when(but(END_ROLE, role=DRAWER)).refused(
        "This customer never had this role.", "role"
    )


def test_a_stage_is_reached_once_and_says_which_came_before() -> None:
    given(decider, BECAME_LEAD).when(BUY).then(BOUGHT)
    given(decider, BECAME_LEAD, BOUGHT).when(BUY).then_nothing()
    given(decider, BECAME_LEAD, BOUGHT).when(but(BUY, rule="ANOTHER")).then_nothing()
    back = LifecycleStageChanged(customer_id=ANA, previous=CUSTOMER, stage=LEAD, rule=None)
    given(decider, BECAME_LEAD, BOUGHT).when(but(BUY, stage=LEAD, rule=None)).then(back)


def test_of_two_who_change_the_stage_at_once_the_second_follows_the_first() -> None:
    churned = LifecycleStageChanged(customer_id=ANA, previous=LEAD, stage=LifecycleStage.CHURNED, rule=None)
    given(decider, BECAME_LEAD, churned).when(BUY).then(
        LifecycleStageChanged(customer_id=ANA, previous=LifecycleStage.CHURNED, stage=CUSTOMER, rule="FIRST_ORDER")
    )


def test_a_rule_has_a_name() -> None:
    given(decider).when(but(BUY, rule=" ")).refused("The rule must not be blank.", "rule")


def test_a_customer_has_one_account_manager_at_a_time() -> None:
    given(decider, WITH_LUIS).when(TO_LUIS).then_nothing()
    given(decider, WITH_LUIS).when(but(TO_LUIS, reason="Another one")).then_nothing()
    given(decider, WITH_LUIS).when(but(TO_LUIS, staff_id=MARTA, reason=None)).then(WITH_MARTA)
    given(decider, WITH_LUIS, WITH_MARTA).when(TO_LUIS).then(
        AccountManagerAssigned(customer_id=ANA, staff_id=LUIS, previous=MARTA, reason="Her region")
    )


def test_an_account_manager_is_released_once() -> None:
    assert given(decider, WITH_LUIS).when(RELEASE).then(RELEASED).manager is None
    given(decider, WITH_LUIS, RELEASED).when(RELEASE).then_nothing()
    given(decider, WITH_LUIS, RELEASED).when(TO_LUIS).then(WITH_LUIS)


def test_who_was_assigned_meanwhile_is_the_one_who_is_released() -> None:
    given(decider, WITH_LUIS, WITH_MARTA).when(RELEASE).then(
        AccountManagerAssigned(customer_id=ANA, staff_id=None, previous=MARTA, reason="Luis left")
    )


def test_nobody_is_released_who_was_never_assigned() -> None:
    given(decider, IS_PARTNER).when(RELEASE).then_nothing()


def test_a_lifecycle_can_be_told_without_reasons() -> None:
    told = AccountManagerAssigned(customer_id=ANA, staff_id=LUIS, previous=None, reason=None)
    given(decider, told).when(TO_LUIS).then_nothing()
    released = AccountManagerAssigned(customer_id=ANA, staff_id=None, previous=LUIS, reason=None)
    given(decider, told, released).when(RELEASE).then_nothing()
