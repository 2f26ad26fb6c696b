"""Duplicates: two customers who may be one."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked, derived
from domain.references import CustomerId
from domain.values import must_be_share

MAX_FEATURES = 20
FEATURE = re.compile(r"[A-Z][A-Z0-9_]{0,49}")

WEIGHTS: Mapping[str, Decimal] = {
    "SAME_TAX_ID": Decimal("0.95"),
    "SAME_LOYALTY_CARD": Decimal("0.95"),
    "SAME_EXTERNAL_ID": Decimal("0.9"),
    "SAME_EMAIL": Decimal("0.85"),
    "SAME_SOCIAL": Decimal("0.8"),
    "SAME_PHONE": Decimal("0.6"),
    "SAME_DEVICE": Decimal("0.4"),
    "SAME_COOKIE": Decimal("0.4"),
    "SAME_NAME": Decimal("0.3"),
    "SAME_MAILBOX": Decimal("0.1"),
}
"""How surely two customers are one if they have this in common, and nothing else is known. Households share phones, and
offices mailboxes."""


# What can be asked.


class SuspectDuplicate(Command):
    """Say that two customers may be one: how surely, from 0 to 1, and by which features, such as SAME_EMAIL."""

    customer_id: CustomerId
    other_id: CustomerId
    score: Decimal
    features: tuple[str, ...]


class DismissDuplicate(Command):
    """Say that two customers who were suspected to be one are two."""

    customer_id: CustomerId
    other_id: CustomerId
    reason: Text | None = None


# What can have happened.


class DuplicateSuspected(Event, stored_as="duplicate.suspected.v1"):
    """Two customers may be one: how surely, from 0 to 1, and by which features, such as SAME_EMAIL or SAME_TAX_ID."""

    customer_id: CustomerId
    other_id: CustomerId
    score: Decimal
    features: tuple[str, ...]


class DuplicateDismissed(Event, stored_as="duplicate.dismissed.v1"):
    """Somebody looked, and the two customers are two; only a higher score makes them suspected again."""

    customer_id: CustomerId
    other_id: CustomerId
    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Whose duplicate it may be, how surely and by which features, and whether that was dismissed."""

    customer_id: UUID | None = None
    score: Decimal | None = None
    features: tuple[str, ...] = ()
    dismissed: bool = False


Asked = SuspectDuplicate | DismissDuplicate
Happened = DuplicateSuspected | DuplicateDismissed


def decide(asked: Asked, duplicate: Duplicate) -> Iterator[Event]:
    if asked.customer_id == asked.other_id:
        raise Refused("Nobody is their own duplicate: name another customer.", "other_id")
    match asked:
        case SuspectDuplicate(score=score):
            must_be_share(score, "score")
            features = features_of(asked)
            if is_news(score, features, duplicate):
                yield as_asked(DuplicateSuspected, asked, features=features)
        case DismissDuplicate():
            if duplicate.score is None:
                raise Refused("These customers are not suspected to be one yet.", "other_id")
            if not duplicate.dismissed:
                yield as_asked(DuplicateDismissed, asked)
        case _:
            assert_never(asked)


def evolve(duplicate: Duplicate, event: Happened) -> Duplicate:
    match event:
        case DuplicateSuspected():
            return Duplicate(event.customer_id, event.score, event.features)
        case DuplicateDismissed(customer_id=customer_id):
            return replace(duplicate, customer_id=customer_id, dismissed=True)
        case _:
            assert_never(event)


def is_news(score: Decimal, features: tuple[str, ...], duplicate: Duplicate) -> bool:
    """Whether a suspicion says what was not known: once they are dismissed, only that it is surer."""
    if duplicate.score is None:
        return True
    if duplicate.dismissed:
        return score > duplicate.score
    return (score, features) != (duplicate.score, duplicate.features)


def features_of(asked: SuspectDuplicate) -> tuple[str, ...]:
    """What the two have in common, each once and in order."""
    if not 1 <= len(asked.features) <= MAX_FEATURES:
        raise Refused(f"Name from 1 to {MAX_FEATURES} features that the two have in common.", "features")
    if not all(FEATURE.fullmatch(feature) for feature in asked.features):
        raise Refused("Write each feature as a code such as SAME_EMAIL, not as what it consists of.", "features")
    return tuple(sorted(set(asked.features)))


def likeness(features: Iterable[str]) -> Decimal:
    """How surely two customers are one who have this in common: 1 less the product of what each feature leaves open."""
    doubt = Decimal(1)
    for feature in features:
        doubt *= 1 - WEIGHTS.get(feature, Decimal(0))
    return 1 - doubt


def duplicate_id(one_id: UUID, other_id: UUID) -> UUID:
    """The stream of two customers who may be one, whichever is named first."""
    return derived("duplicate", *sorted((one_id, other_id)))


def stream(asked: Asked) -> UUID:
    """There is one stream per pair."""
    return duplicate_id(asked.customer_id, asked.other_id)


decider = Decider("duplicate", Asked, Happened, Duplicate(), decide, evolve, stream=stream)
