"""Consent."""

from collections.abc import Sequence
from functools import reduce
from uuid import UUID

import pytest

from domain.consent import (
    ConsentGranted,
    ConsentWithdrawn,
    GrantConsent,
    LegalBasis,
    Purpose,
    WithdrawConsent,
    consent_id,
    decider,
    permits,
)
from domain.kernel import Event, derived
from domain.values import Channel
from tests.domain.scenario import given

ANA = UUID(int=1)
SURVEY = Purpose.SURVEY
EMAIL, SMS = Channel.EMAIL, Channel.SMS


def granted(channel: Channel | None = None, basis: LegalBasis = LegalBasis.CONSENT) -> ConsentGranted:
    return ConsentGranted(customer_id=ANA, purpose=SURVEY, channel=channel, legal_basis=basis, evidence=None)


def withdrawn(channel: Channel | None = None) -> ConsentWithdrawn:
    return ConsentWithdrawn(customer_id=ANA, purpose=SURVEY, channel=channel, reason=None)


def grant(channel: Channel | None = None, basis: LegalBasis = LegalBasis.CONSENT) -> GrantConsent:
    return GrantConsent(customer_id=ANA, purpose=SURVEY, channel=channel, legal_basis=basis)


def withdraw(channel: Channel | None = None) -> WithdrawConsent:
    return WithdrawConsent(customer_id=ANA, purpose=SURVEY, channel=channel)


def test_there_is_one_stream_per_customer() -> None:
    assert decider.stream_of(grant()) == decider.stream_of(withdraw(SMS)) == consent_id(ANA) == derived("consent", ANA)


def test_consent_is_granted_once_for_each_basis_with_its_evidence() -> None:
    asked = GrantConsent(customer_id=ANA, purpose=SURVEY, channel=EMAIL, evidence="Ticked on the form")
    happened = ConsentGranted(
        customer_id=ANA,
        purpose=SURVEY,
        channel=EMAIL,
        legal_basis=LegalBasis.CONSENT,
        evidence="Ticked on the form",
    )
    given(decider).when(asked).then(happened)
    given(decider, happened).when(asked).then_nothing()
    given(decider, happened).when(grant(EMAIL, LegalBasis.CONTRACT)).then(granted(EMAIL, LegalBasis.CONTRACT))


def test_consent_is_withdrawn_once() -> None:
    given(decider, granted()).when(withdraw()).then(withdrawn())
    given(decider, granted(), withdrawn()).when(withdraw()).then_nothing()


def test_an_objection_to_what_was_never_granted_is_recorded_once() -> None:
    given(decider).when(withdraw(EMAIL)).then(withdrawn(EMAIL))
    given(decider, withdrawn(EMAIL)).when(withdraw(EMAIL)).then_nothing()


def test_a_reopened_channel_can_be_withdrawn_again_with_all_the_others() -> None:
    given(decider, withdrawn(), granted(EMAIL)).when(withdraw()).then(withdrawn())


@pytest.mark.parametrize(
    ("said", "by_email", "by_sms"),
    [
        ([], None, None),
        ([granted()], True, True),
        ([granted(EMAIL)], True, None),
        ([withdrawn(EMAIL)], False, None),
        ([granted(), withdrawn(EMAIL)], False, True),
        ([withdrawn(EMAIL), granted()], False, True),
        ([granted(EMAIL), withdrawn()], False, False),
        ([withdrawn(), granted(EMAIL)], True, False),
        ([withdrawn(), granted()], True, True),
        ([granted(), withdrawn(EMAIL), granted(EMAIL)], True, True),
        ([withdrawn(), granted(EMAIL), withdrawn()], False, False),
    ],
)
def test_the_most_specific_and_latest_word_wins(
    said: Sequence[Event], by_email: bool | None, by_sms: bool | None
) -> None:
    state = reduce(decider.evolve, said, decider.initial)
    assert (permits(state, SURVEY, EMAIL), permits(state, SURVEY, SMS)) == (by_email, by_sms)
    assert permits(state, Purpose.MARKETING, EMAIL) is None
