"""Contact restrictions."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.consent import Purpose
from domain.kernel import Event, derived
from domain.restriction import (
    FORBIDDEN,
    ContactRestrictionKind,
    ContactRestrictionLifted,
    ContactRestrictionSet,
    LiftContactRestriction,
    Restriction,
    SetContactRestriction,
    decider,
    forbids,
    restriction_id,
)
from domain.values import Channel
from tests.domain.scenario import but, given

ANA = UUID(int=1)
NO_CALLS = ContactRestrictionKind.DO_NOT_CALL
MARKETING, SURVEY, SERVICE, PROFILING = Purpose.MARKETING, Purpose.SURVEY, Purpose.SERVICE, Purpose.PROFILING
SUMMER = datetime(2026, 6, 21, tzinfo=UTC)

SET = SetContactRestriction(customer_id=ANA, kind=NO_CALLS, reason="She asked us to")
HELD = ContactRestrictionSet(customer_id=ANA, kind=NO_CALLS, until=None, reason="She asked us to")
UNTIL_SUMMER = ContactRestrictionSet(customer_id=ANA, kind=NO_CALLS, until=SUMMER, reason=None)
LIFT = LiftContactRestriction(customer_id=ANA, kind=NO_CALLS)
LIFTED = ContactRestrictionLifted(customer_id=ANA, kind=NO_CALLS, reason=None)


def after(*events: Event) -> Restriction:
    state: Restriction = given(decider, *events).state
    return state


def held(kind: ContactRestrictionKind) -> Restriction:
    return after(ContactRestrictionSet(customer_id=ANA, kind=kind, until=None, reason=None))


def test_there_is_one_stream_per_customer() -> None:
    assert decider.stream_of(SET) == decider.stream_of(LIFT) == restriction_id(ANA) == derived("restriction", ANA)


def test_a_restriction_is_set_once_whatever_the_reason() -> None:
    state = given(decider).when(SET).then(HELD)
    assert state.customer_id == ANA
    given(decider, HELD).when(SET).then_nothing()
    given(decider, HELD).when(but(SET, reason=None)).then_nothing()


def test_a_restriction_may_be_given_another_end() -> None:
    shorter = but(SET, until=SUMMER, reason=None)
    given(decider, HELD).when(shorter).then(UNTIL_SUMMER)
    given(decider, HELD, UNTIL_SUMMER).when(shorter).then_nothing()
    given(decider, UNTIL_SUMMER).when(SET).then(HELD)


def test_an_end_says_its_offset() -> None:
    given(decider).when(but(SET, until=SUMMER.replace(tzinfo=None))).refused(
        "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "until"
    )


def test_a_restriction_is_lifted_once_and_may_be_set_again() -> None:
    given(decider, HELD).when(LIFT).then(LIFTED)
    given(decider, HELD, LIFTED).when(LIFT).then_nothing()
    given(decider, HELD, LIFTED).when(SET).then(HELD)
    given(decider, HELD, LIFTED, HELD).when(LIFT).then(LIFTED)


def test_a_restriction_that_is_lifted_leaves_the_others() -> None:
    listed = ContactRestrictionSet(customer_id=ANA, kind=ContactRestrictionKind.ROBINSON_LIST, until=None, reason=None)
    assert after(HELD, listed, LIFTED).held == {ContactRestrictionKind.ROBINSON_LIST: None}


def test_what_was_never_set_is_not_lifted() -> None:
    given(decider).when(LIFT).refused("This restriction was never set.", "kind")
    other = but(LIFT, kind=ContactRestrictionKind.DO_NOT_EMAIL)
    given(decider, HELD).when(other).refused("This restriction was never set.", "kind")


def test_of_two_who_lift_and_set_at_once_the_last_word_holds() -> None:
    assert forbids(after(HELD, UNTIL_SUMMER, LIFTED), MARKETING, Channel.PHONE) is False
    assert forbids(after(HELD, LIFTED, UNTIL_SUMMER), MARKETING, Channel.PHONE) is True


def test_nothing_is_forbidden_unless_it_is_restricted() -> None:
    assert not any(forbids(after(), purpose, channel) for purpose in Purpose for channel in (None, *Channel))


@pytest.mark.parametrize(
    ("kind", "channel"),
    [
        (ContactRestrictionKind.DO_NOT_CALL, Channel.PHONE),
        (ContactRestrictionKind.DO_NOT_MAIL, Channel.LETTER),
        (ContactRestrictionKind.DO_NOT_EMAIL, Channel.EMAIL),
        (ContactRestrictionKind.DO_NOT_TEXT, Channel.SMS),
    ],
)
def test_a_closed_channel_is_closed_to_marketing_and_surveys_alone(
    kind: ContactRestrictionKind, channel: Channel
) -> None:
    closed = {(p, c) for p in Purpose for c in (None, *Channel) if forbids(held(kind), p, c)}
    assert closed == {(MARKETING, channel), (SURVEY, channel)}


@pytest.mark.parametrize(
    ("kind", "purposes"),
    [
        (ContactRestrictionKind.DO_NOT_CONTACT, {MARKETING, SURVEY}),
        (ContactRestrictionKind.NO_PROFILING, {PROFILING}),
        (ContactRestrictionKind.ROBINSON_LIST, {MARKETING}),
        (ContactRestrictionKind.LEGAL_HOLD, {MARKETING, SURVEY, PROFILING}),
    ],
)
def test_some_restrictions_hold_on_every_channel(kind: ContactRestrictionKind, purposes: set[Purpose]) -> None:
    for channel in (None, *Channel):
        assert {purpose for purpose in Purpose if forbids(held(kind), purpose, channel)} == purposes


def test_every_restriction_forbids_something_but_never_service() -> None:
    assert set(FORBIDDEN) == set(ContactRestrictionKind)
    assert all(purposes and SERVICE not in purposes for purposes, _ in FORBIDDEN.values())


def test_a_restriction_with_an_end_holds_up_to_it_and_if_nobody_says_when() -> None:
    state = after(UNTIL_SUMMER)
    assert forbids(state, MARKETING, Channel.PHONE)
    assert forbids(state, MARKETING, Channel.PHONE, SUMMER - timedelta(microseconds=1))
    assert not forbids(state, MARKETING, Channel.PHONE, SUMMER)
    assert forbids(after(HELD), MARKETING, Channel.PHONE, SUMMER)


def test_one_restriction_that_ended_does_not_end_the_others() -> None:
    listed = ContactRestrictionSet(customer_id=ANA, kind=ContactRestrictionKind.ROBINSON_LIST, until=None, reason=None)
    state = after(UNTIL_SUMMER, listed)
    assert forbids(state, MARKETING, Channel.PHONE, SUMMER)
    assert not forbids(state, SURVEY, Channel.PHONE, SUMMER)
