"""Contact: what becomes of a promise to send something that is due, for each reason that there is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.consent import ConsentGranted, ConsentWithdrawn, LegalBasis, Purpose
from domain.customer import CustomerKind, CustomerRegistered
from domain.follow_up import (
    Action,
    ActionKind,
    CancelFollowUp,
    DispatchFollowUp,
    FollowUpCancelled,
    FollowUpDelivered,
    FollowUpDispatched,
    FollowUpFailed,
    FollowUpScheduled,
    PostponeFollowUp,
    SuppressFollowUp,
)
from domain.identifiers import IdentifierAdded, IdentifierRemoved, IdentifierType
from domain.kernel import Event, derived
from domain.restriction import ContactRestrictionKind, ContactRestrictionLifted, ContactRestrictionSet
from domain.values import Channel
from eventstore.envelope import Recorded
from processes import contact
from processes.contact import Contact
from processes.policy import Policy
from projections.touchpoints.due import Due

ANA, OURS = derived("customer", "ana"), derived("follow-up", "ours")
NOW = datetime(2026, 3, 3, 11, tzinfo=UTC)
"""A Tuesday, at noon in Madrid."""
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@dataclass
class Known:
    """What there is to know of Ana."""

    contact: Contact = field(default_factory=Contact)
    position: int = 100

    def hears(self, event: Event, on: UUID = ANA, at: datetime = NOW - 400 * DAY) -> int:
        """Something happened; answers with its position."""
        self.position += 1
        told = Recorded(self.position, on, 1, event.stored_as, ANA, at, at, "test", "live")
        policy.remembering[type(event)](self, event, told)
        return self.position


policy = Policy("news", version=1, memory=Known)
contact.remembers(policy)


@pytest.fixture
def ana() -> Known:
    """Ana has an address and a telephone, and never said anything."""
    known = Known()
    known.hears(CustomerRegistered(kind=CustomerKind.PERSON, name="Ana", language="es", timezone="Europe/Madrid"))
    known.hears(IdentifierAdded(number=1, type=IdentifierType.EMAIL, value="ana@shop.test", normal="ana@shop.test"))
    known.hears(IdentifierAdded(number=2, type=IdentifierType.PHONE, value="+34600123456", normal="+34600123456"))
    return known


def becomes(
    known: Known,
    purpose: Purpose | None = Purpose.SERVICE,
    channel: Channel = Channel.EMAIL,
    *,
    now: datetime = NOW,
    due_at: datetime = NOW,
    no_longer: str | None = None,
    quiet: bool = True,
) -> Any:
    due = Due(
        OURS,
        ANA,
        "news",
        1,
        "send",
        trigger=derived("x"),
        trigger_position=7,
        purpose=purpose,
        channel=channel,
        due_at=due_at,
    )
    [command] = contact.keep(policy, due, now, known.contact, no_longer, quiet=quiet)
    match command:
        case DispatchFollowUp(basis=basis, relied_on=relied_on):
            return basis, relied_on
        case SuppressFollowUp(reason=reason) | CancelFollowUp(reason=reason):
            return reason
        case PostponeFollowUp(due_at=later, reason=reason):
            return reason, later


def grant(
    known: Known, purpose: Purpose, channel: Channel | None = None, basis: LegalBasis = LegalBasis.CONSENT
) -> int:
    said = ConsentGranted(customer_id=ANA, purpose=purpose, channel=channel, legal_basis=basis, evidence=None)
    return known.hears(said)


def withdraw(known: Known, purpose: Purpose, channel: Channel | None = None) -> int:
    return known.hears(ConsentWithdrawn(customer_id=ANA, purpose=purpose, channel=channel, reason=None))


def restrict(known: Known, kind: ContactRestrictionKind, until: datetime | None = None) -> None:
    known.hears(ContactRestrictionSet(customer_id=ANA, kind=kind, until=until, reason=None))


def sent(known: Known, purpose: Purpose | None, at: datetime, *then: Event, by: str = "others") -> UUID:
    """Something that some policy sent to Ana."""
    id = derived("follow-up", by, at, known.position)
    action = Action(kind=ActionKind.SEND_MESSAGE, template="t", purpose=purpose, channel=Channel.SMS)
    promised = FollowUpScheduled(
        customer_id=ANA, policy=by, policy_version=1, step="s", trigger=id, trigger_position=1, action=action,
        due_at=at, wanted_at=at,
    )  # fmt: skip
    for event in (promised, FollowUpDispatched(idempotency_key="k", basis="CONSENT", relied_on=1), *then):
        known.hears(event, on=id, at=at)
    return id


# On what it goes.


def test_service_goes_on_what_set_it_off_unless_the_customer_objects(ana: Known) -> None:
    assert becomes(ana) == ("LEGITIMATE_INTEREST", 7)
    withdraw(ana, Purpose.SERVICE)
    assert becomes(ana) == "NO_CONSENT"


@pytest.mark.parametrize("purpose", [Purpose.SURVEY, Purpose.SERVICE])
def test_what_was_agreed_to_is_what_it_relies_on(ana: Known, purpose: Purpose) -> None:
    position = grant(ana, purpose)
    assert becomes(ana, purpose) == ("CONSENT", position)
    nearer = grant(ana, purpose, Channel.EMAIL, LegalBasis.CONTRACT)
    assert becomes(ana, purpose) == ("CONTRACT", nearer)
    assert becomes(ana, purpose, Channel.SMS) == ("CONSENT", position)


def test_marketing_needs_a_consent(ana: Known) -> None:
    assert becomes(ana, Purpose.MARKETING) == "NO_CONSENT"
    position = grant(ana, Purpose.MARKETING, Channel.EMAIL)
    assert becomes(ana, Purpose.MARKETING) == ("CONSENT", position)
    assert becomes(ana, Purpose.MARKETING, Channel.SMS) == "NO_CONSENT"
    withdraw(ana, Purpose.MARKETING)
    assert becomes(ana, Purpose.MARKETING) == "NO_CONSENT"


def test_what_was_ordered_is_told_whatever_was_agreed_to(ana: Known) -> None:
    for purpose in Purpose:
        withdraw(ana, purpose)
    restrict(ana, ContactRestrictionKind.DO_NOT_EMAIL)
    for days in range(9):
        sent(ana, Purpose.MARKETING, NOW - days * DAY)
    assert becomes(ana, None) == ("CONTRACT", 7)


# Whether the customer can be reached.


def test_without_an_address_for_the_channel_nothing_is_sent(ana: Known) -> None:
    ana.hears(IdentifierRemoved(number=1, type=IdentifierType.EMAIL))
    assert becomes(ana) == "NO_ADDRESS"
    assert becomes(ana, None) == "NO_ADDRESS"
    assert becomes(ana, channel=Channel.SMS) == ("LEGITIMATE_INTEREST", 7)
    ana.hears(IdentifierRemoved(number=2, type=IdentifierType.PHONE))
    assert becomes(ana, channel=Channel.SMS) == becomes(ana, channel=Channel.PHONE) == "NO_ADDRESS"


def test_an_address_that_is_forgotten_is_none(ana: Known) -> None:
    ana.hears(IdentifierAdded(number=1, type=IdentifierType.EMAIL, value=None, normal=None))
    assert becomes(ana) == "NO_ADDRESS"


def test_a_restriction_comes_before_a_consent_and_ends_when_it_is_over(ana: Known) -> None:
    grant(ana, Purpose.SURVEY)
    restrict(ana, ContactRestrictionKind.DO_NOT_EMAIL, NOW + DAY)
    assert becomes(ana, Purpose.SURVEY) == "RESTRICTED"
    assert becomes(ana, Purpose.SURVEY, now=NOW + DAY - SECOND) == "RESTRICTED"
    assert becomes(ana, Purpose.SURVEY, now=NOW + DAY)[0] == "CONSENT"
    assert becomes(ana, Purpose.SURVEY, channel=Channel.SMS)[0] == "CONSENT"
    withdraw(ana, Purpose.SURVEY)
    assert becomes(ana, Purpose.SURVEY) == "RESTRICTED"
    ana.hears(ContactRestrictionLifted(customer_id=ANA, kind=ContactRestrictionKind.DO_NOT_EMAIL))
    assert becomes(ana, Purpose.SURVEY) == "NO_CONSENT"


# How often.


def within(days: float, count: int) -> Iterator[datetime]:
    """So many moments, the earliest so many days ago."""
    return (NOW - timedelta(days=days) + n * SECOND for n in range(count))


@pytest.mark.parametrize(
    ("purpose", "most", "days"), [(Purpose.MARKETING, 2, 7), (Purpose.MARKETING, 6, 30), (Purpose.SURVEY, 1, 90)]
)
def test_nobody_is_written_to_more_often_than_may_be(ana: Known, purpose: Purpose, most: int, days: int) -> None:
    grant(ana, purpose)
    for moment in [*within(days, 1), *within(days - 0.5, most - 1)]:
        sent(ana, purpose, moment, by=f"policy {moment}")
    assert becomes(ana, purpose)[0] == "CONSENT"  # the first of them is just so long ago
    sent(ana, purpose, NOW - timedelta(days=days) + SECOND, by="one more")
    assert becomes(ana, purpose) == "CAPPED"
    assert becomes(ana, purpose, now=NOW + SECOND)[0] == "CONSENT"
    assert becomes(ana, Purpose.SERVICE) == ("LEGITIMATE_INTEREST", 7)


@pytest.mark.parametrize(
    ("then", "counts"),
    [
        ((), True),
        ((FollowUpDelivered(provider_ref="r"),), True),
        ((FollowUpFailed(attempt=1, error="later", retry_at=NOW),), True),
        ((FollowUpFailed(attempt=5, error="never"),), False),
        ((FollowUpCancelled(reason="x"),), False),
    ],
)
def test_only_what_went_out_or_still_may_counts(ana: Known, then: tuple[Event, ...], counts: bool) -> None:
    sent(ana, Purpose.SURVEY, NOW - DAY, *then)
    assert (becomes(ana, Purpose.SURVEY) == "CAPPED") is counts


def test_what_is_being_decided_does_not_count_itself(ana: Known) -> None:
    promised = sent(ana, Purpose.SURVEY, NOW - DAY)
    ana.contact.promises[OURS] = ana.contact.promises.pop(promised)
    assert becomes(ana, Purpose.SURVEY) == ("LEGITIMATE_INTEREST", 7)


# When.


def test_after_seven_days_it_is_too_late(ana: Known) -> None:
    assert becomes(ana, due_at=NOW - 7 * DAY) == ("LEGITIMATE_INTEREST", 7)
    assert becomes(ana, due_at=NOW - 7 * DAY - SECOND) == "TOO_LATE"


def test_what_has_no_reason_any_more_is_taken_back_whatever_else(ana: Known) -> None:
    withdraw(ana, Purpose.SERVICE)
    assert becomes(ana, due_at=NOW - 30 * DAY, no_longer="PAID") == "PAID"


@pytest.mark.parametrize(
    ("at", "later"),
    [
        (datetime(2026, 3, 3, 20, 30, tzinfo=UTC), datetime(2026, 3, 4, 8, tzinfo=UTC)),  # at night
        (datetime(2026, 3, 8, 11, tzinfo=UTC), datetime(2026, 3, 9, 8, tzinfo=UTC)),  # on a Sunday
        (datetime(2026, 12, 25, 11, tzinfo=UTC), datetime(2026, 12, 26, 8, tzinfo=UTC)),  # at Christmas
    ],
)
def test_at_quiet_hours_it_waits_unless_hours_do_not_matter(ana: Known, at: datetime, later: datetime) -> None:
    assert becomes(ana, now=at, due_at=at) == ("QUIET_HOURS", later)
    assert becomes(ana, now=at, due_at=at, quiet=False) == ("LEGITIMATE_INTEREST", 7)
    withdraw(ana, Purpose.SERVICE)
    assert becomes(ana, now=at, due_at=at) == "NO_CONSENT"  # it need not wait for that
