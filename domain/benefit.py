"""Benefits: what a customer is given beyond the purchase, by which rule, and with whose consent."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked
from domain.references import BenefitId, CustomerId, InteractionId, LoyaltyAccountId, StaffId
from domain.values import must_be_digest, must_be_within, must_say

MAX_RULE_VERSION = 10**6


class BenefitStatus(StrEnum):
    """How far a benefit has come."""

    UNKNOWN = "UNKNOWN"
    REQUESTED = "REQUESTED"
    AUTHORISED = "AUTHORISED"
    GRANTED = "GRANTED"
    DENIED = "DENIED"


# What can be asked.


class RequestBenefit(Command):
    """Ask for a benefit such as FREE_UPGRADE for a customer, in the course of an interaction if there is one."""

    benefit_id: BenefitId
    customer_id: CustomerId
    benefit: str
    loyalty_account_id: LoyaltyAccountId | None = None
    interaction_id: InteractionId | None = None


class AuthoriseBenefit(Command):
    """Allow a benefit by a version of a rule; `inputs_digest` is the SHA-256 of what the rule was given, in hex.

    Without an approver the rule alone allowed it."""

    benefit_id: BenefitId
    rule: str
    rule_version: int
    inputs_digest: str
    approver: StaffId | None = None


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


class BenefitAuthorised(Event, stored_as="benefit.authorised.v1"):
    """A rule, or an approver by that rule, allowed the benefit."""

    rule: str
    rule_version: int
    inputs_digest: str
    approver: StaffId | None


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
            requested = as_asked(BenefitRequested, asked)
            if benefit.requested is None:
                yield requested
            elif benefit.requested != requested:
                raise Refused("This benefit is already requested. Request another one instead.")
        case _ if benefit.requested is None:
            raise Refused("This benefit is not requested yet.", "benefit_id")
        case AuthoriseBenefit():
            must_say(asked.rule, "The rule", "rule")
            must_be_within(asked.rule_version, 1, MAX_RULE_VERSION, "rule_version")
            must_be_digest(asked.inputs_digest, "inputs_digest")
            authorised = as_asked(BenefitAuthorised, asked)
            if benefit.denied is not None:
                raise Refused("This benefit has been denied. Request another one instead.")
            if benefit.authorised is None:
                yield authorised
            elif benefit.authorised != authorised:
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
