"""Benefits: what a customer is given beyond the purchase, by which rule, and with whose consent."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Place, Refused, as_asked
from domain.references import BenefitId, CustomerId, InteractionId, LoyaltyAccountId, StaffId
from domain.values import must_be_digest, must_be_within, must_say

MAX_RULE_VERSION = 10**6
MAX_POSITION = 2**63 - 1


class BenefitStatus(StrEnum):
    """How far a benefit has come."""

    UNKNOWN = "UNKNOWN"
    REQUESTED = "REQUESTED"
    AUTHORISED = "AUTHORISED"
    GRANTED = "GRANTED"
    DENIED = "DENIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenShown:
    """Which screen somebody had before them: the fields of that name of `screenPop`, from which it can be shown again."""

    digest: str
    position: Place
    seen_at: datetime
    compared_position: Place | None = None
    name_position: Place | None = None
    definition: str | None = None


# What can be asked.


class RequestBenefit(Command):
    """Ask for a benefit such as FREE_UPGRADE for a customer, in the course of an interaction if there is one.

    `screen` says what was seen of the customer, so that it can be shown again."""

    benefit_id: BenefitId
    customer_id: CustomerId
    benefit: str
    loyalty_account_id: LoyaltyAccountId | None = None
    interaction_id: InteractionId | None = None
    screen: ScreenShown | None = None


class AuthoriseBenefit(Command):
    """Allow a benefit by a version of a rule; `inputs_digest` is the SHA-256 of what the rule was given, in hex.

    Without an approver the rule alone allowed it. `screen` says what was seen of the customer."""

    benefit_id: BenefitId
    rule: str
    rule_version: int
    inputs_digest: str
    approver: StaffId | None = None
    screen: ScreenShown | None = None


class GrantBenefit(Command):
    """Say that the customer has the benefit, which must have been authorised."""

    benefit_id: BenefitId


class DenyBenefit(Command):
    """Refuse a benefit that has not been granted; `reason` is a code such as NO_STOCK."""

    benefit_id: BenefitId
    reason: str


# What can have happened.


class BenefitRequested(Event, stored_as="benefit.requested.v1"):
    """A benefit was asked for."""

    customer_id: CustomerId
    benefit: str
    loyalty_account_id: LoyaltyAccountId | None
    interaction_id: InteractionId | None
    screen: ScreenShown | None = None


class BenefitAuthorised(Event, stored_as="benefit.authorised.v1"):
    """A rule, or an approver by that rule, allowed the benefit."""

    rule: str
    rule_version: int
    inputs_digest: str
    approver: StaffId | None
    screen: ScreenShown | None = None


class BenefitGranted(Event, stored_as="benefit.granted.v1"):
    """The customer got the benefit."""


class BenefitDenied(Event, stored_as="benefit.denied.v1"):
    """The customer did not get the benefit; `reason` is a code."""

    reason: str


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Benefit:
    """What was asked for, and what was said of it last."""

    status: BenefitStatus = BenefitStatus.UNKNOWN
    customer_id: UUID | None = None
    requested: BenefitRequested | None = None
    authorised: BenefitAuthorised | None = None
    denied: BenefitDenied | None = None


Asked = RequestBenefit | AuthoriseBenefit | GrantBenefit | DenyBenefit
Happened = BenefitRequested | BenefitAuthorised | BenefitGranted | BenefitDenied


def decide(asked: Asked, benefit: Benefit) -> Iterator[Event]:
    match asked:
        case RequestBenefit():
            must_say(asked.benefit, "The benefit", "benefit")
            must_be_screen(asked.screen)
            requested = as_asked(BenefitRequested, asked)
            if benefit.requested is None:
                yield requested
            elif replace(benefit.requested, screen=asked.screen) != requested:
                raise Refused("This benefit is already requested. Request another one instead.")
        case _ if benefit.requested is None:
            raise Refused("This benefit is not requested yet.", "benefit_id")
        case AuthoriseBenefit():
            must_say(asked.rule, "The rule", "rule")
            must_be_within(asked.rule_version, 1, MAX_RULE_VERSION, "rule_version")
            must_be_digest(asked.inputs_digest, "inputs_digest")
            must_be_screen(asked.screen)
            authorised = as_asked(BenefitAuthorised, asked)
            if benefit.denied is not None:
                raise Refused("This benefit has been denied. Request another one instead.")
            if benefit.authorised is None:
                yield authorised
            elif replace(benefit.authorised, screen=asked.screen) != authorised:
                raise Refused("This benefit has already been authorised.")
        case GrantBenefit():
            if benefit.denied is not None:
                raise Refused("This benefit has been denied.")
            if benefit.authorised is None:
                raise Refused("This benefit is not authorised yet.")
            if benefit.status is not BenefitStatus.GRANTED:
                yield BenefitGranted()
        case DenyBenefit():
            must_say(asked.reason, "The reason", "reason")
            denied = as_asked(BenefitDenied, asked)
            if benefit.status is BenefitStatus.GRANTED:
                raise Refused("This benefit has already been granted.")
            if benefit.denied is None:
                yield denied
            elif benefit.denied != denied:
                raise Refused("This benefit has already been denied for another reason.", "reason")
        case _:
            assert_never(asked)


def must_be_screen(screen: ScreenShown | None) -> None:
    """Refused if what was seen cannot have been."""
    if screen is None:
        return
    must_be_digest(screen.digest, "screen.digest")
    if screen.definition is not None:
        must_be_digest(screen.definition, "screen.definition")
    for name in ("position", "compared_position", "name_position"):
        if (position := getattr(screen, name)) is not None:
            must_be_within(position, 0, MAX_POSITION, f"screen.{name}")
    if screen.seen_at.tzinfo is None:
        raise Refused("The moment must have its zone.", "screen.seen_at")


def evolve(benefit: Benefit, event: Happened) -> Benefit:
    match event:
        case BenefitRequested():
            return Benefit(BenefitStatus.REQUESTED, event.customer_id, event)
        case BenefitAuthorised():
            return replace(benefit, status=BenefitStatus.AUTHORISED, authorised=event)
        case BenefitGranted():
            return replace(benefit, status=BenefitStatus.GRANTED)
        case BenefitDenied():
            return replace(benefit, status=BenefitStatus.DENIED, denied=event)
        case _:
            assert_never(event)


decider = Decider("benefit", Asked, Happened, Benefit(), decide, evolve)
