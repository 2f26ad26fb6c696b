"""Random histories of consent: nothing is sent without a basis that holds at that moment, and each names what it relies on."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.consent import ConsentGranted, ConsentWithdrawn, LegalBasis, Purpose
from domain.follow_up import Action, ActionKind, DispatchFollowUp, FollowUpScheduled, SuppressFollowUp
from domain.identifiers import IdentifierAdded, IdentifierType
from domain.kernel import Event, derived
from domain.restriction import ContactRestrictionKind, ContactRestrictionLifted, ContactRestrictionSet
from domain.values import Channel
from eventstore.envelope import Origin, Recorded
from processes.contact import Contact, keep, remembers
from processes.policy import Policy
from projections.touchpoints.due import Due

HISTORIES = 100_000
START = datetime(2026, 1, 7, 11, tzinfo=UTC)
CUSTOMER = derived("customer", 1)
PURPOSES = (Purpose.MARKETING, Purpose.SURVEY)
CHANNELS = (Channel.EMAIL, Channel.SMS, None)
DO_NOT = (ContactRestrictionKind.DO_NOT_EMAIL, ContactRestrictionKind.ROBINSON_LIST, ContactRestrictionKind.DO_NOT_CALL)


@dataclass(slots=True)
class Known:
    contact: Contact = field(default_factory=Contact)


policy = Policy("news", version=1, memory=Known)
remembers(policy)


def history(dice: random.Random) -> list[Event]:
    """What a customer may have said, in order."""
    said: list[Event] = []
    for _ in range(dice.randrange(9)):
        purpose, channel = dice.choice(PURPOSES), dice.choice(CHANNELS)
        if dice.random() < 0.15:
            kind = dice.choice(DO_NOT)
            lifted = ContactRestrictionLifted(customer_id=CUSTOMER, kind=kind, reason=None)
            until = dice.choice((None, START + timedelta(days=dice.randrange(60))))
            said.append(
                dice.choice((lifted, ContactRestrictionSet(customer_id=CUSTOMER, kind=kind, until=until, reason=None)))
            )
        elif dice.random() < 0.5:
            basis = dice.choice(list(LegalBasis))
            said.append(
                ConsentGranted(customer_id=CUSTOMER, purpose=purpose, channel=channel, legal_basis=basis, evidence=None)
            )
        else:
            said.append(ConsentWithdrawn(customer_id=CUSTOMER, purpose=purpose, channel=channel, reason=None))
    return said


def valid(said: Sequence[Event], purpose: Purpose) -> list[int]:
    """By hand: the positions (from 1) of the grants that allow an e-mail for a purpose after all was said."""
    word: dict[Channel | None, tuple[bool, int]] = {}
    for position, event in enumerate(said, 1):
        if isinstance(event, ConsentGranted) and event.purpose is purpose:
            word[event.channel] = True, position
        elif isinstance(event, ConsentWithdrawn) and event.purpose is purpose:
            if event.channel is None:
                word = {channel: told for channel, told in word.items() if not told[0]}
            word[event.channel] = False, position
    by_name, for_all = word.get(Channel.EMAIL), word.get(None)
    if by_name is not None:
        return [by_name[1]] if by_name[0] else []
    return [for_all[1]] if for_all is not None and for_all[0] else []


def objected(said: Sequence[Event], purpose: Purpose) -> bool:
    """By hand: whether the last word that counts was no."""
    spoke = [
        e
        for e in said
        if getattr(e, "purpose", None) is purpose and getattr(e, "channel", None) in (Channel.EMAIL, None)
    ]
    return bool(spoke) and not valid(said, purpose)


def barred(said: Sequence[Event], purpose: Purpose, now: datetime) -> bool:
    """By hand: whether a restriction forbids an e-mail for a purpose."""
    held: dict[ContactRestrictionKind, datetime | None] = {}
    for event in said:
        if isinstance(event, ContactRestrictionSet):
            held[event.kind] = event.until
        elif isinstance(event, ContactRestrictionLifted):
            held.pop(event.kind, None)
    holding = {kind for kind, until in held.items() if until is None or now < until}
    return ContactRestrictionKind.DO_NOT_EMAIL in holding or (
        ContactRestrictionKind.ROBINSON_LIST in holding and purpose is Purpose.MARKETING
    )


def envelope(position: int, at: datetime, stream_id: UUID = CUSTOMER) -> Recorded:
    return Recorded(
        position, stream_id, position, "", CUSTOMER, at, at, "test", str(Origin.LIVE), derived("c", position), None, None
    )  # fmt: skip


def told(said: Sequence[Event], purpose: Purpose, now: datetime) -> tuple[Known, Due]:
    """What a policy knows after all that was said, and a promise to write to the customer."""
    known = Known()
    added = IdentifierAdded(number=1, type=IdentifierType.EMAIL, value="ana@shop.test", normal="ana@shop.test")
    policy.remembering[IdentifierAdded](known, added, envelope(0, START))
    for position, event in enumerate(said, 1):
        policy.remembering[type(event)](known, event, envelope(position, START))
    action = Action(kind=ActionKind.SEND_MESSAGE, template="news", purpose=purpose, channel=Channel.EMAIL)
    id = policy.follow_up_id(CUSTOMER, "news")
    scheduled = FollowUpScheduled(
        customer_id=CUSTOMER, policy="news", policy_version=1, step="news", trigger=CUSTOMER, trigger_position=99,
        action=action, due_at=now, wanted_at=now,
    )  # fmt: skip
    policy.remembering[FollowUpScheduled](known, scheduled, envelope(100, START, id))
    due = Due(
        follow_up_id=id, customer_id=CUSTOMER, policy="news", policy_version=1, step="news", trigger=CUSTOMER,
        trigger_position=99, action=action.kind, purpose=purpose, channel=Channel.EMAIL, due_at=now, wanted_at=now,
    )  # fmt: skip
    return known, due


@pytest.mark.timeout(600)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_nothing_is_sent_without_a_basis_and_each_names_the_grant_that_holds(purpose: Purpose) -> None:
    dice = random.Random(f"consent {purpose}")  # no secret
    sent = 0
    for _ in range(HISTORIES // len(PURPOSES)):
        said = history(dice)
        now = START + timedelta(days=7 * dice.randrange(9))
        known, due = told(said, purpose, now)
        [command] = keep(policy, due, now, known.contact, None)
        allowed = valid(said, purpose)
        if barred(said, purpose, now):
            assert isinstance(command, SuppressFollowUp)
            assert command.reason == "RESTRICTED"
        elif allowed:
            sent += 1
            assert isinstance(command, DispatchFollowUp)
            granted = said[command.relied_on - 1]
            assert isinstance(granted, ConsentGranted)
            assert (command.basis, [command.relied_on]) == (granted.legal_basis, allowed)
        elif purpose is Purpose.SURVEY and not objected(said, purpose):
            assert isinstance(command, DispatchFollowUp)
            assert (command.basis, command.relied_on) == ("LEGITIMATE_INTEREST", 99)
        else:
            assert isinstance(command, SuppressFollowUp)
            assert command.reason == "NO_CONSENT"
    assert sent > HISTORIES // 10
