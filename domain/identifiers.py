"""Identifiers: what a customer is recognised by."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, assert_never
from uuid import UUID

from domain.kernel import Claim, ClaimStep, Command, Contact, Event, Refused
from domain.references import CustomerId
from domain.values import EmailAddress, PhoneNumber, TaxId, calling_region, must_be_tax_id, must_say

MAX_IDENTIFIERS = 1000
"""How many identifiers a customer may be given in a lifetime."""
MAILBOX = "MAILBOX"
"""The kind of claim on an address that is read by an office."""
FUNCTIONAL = frozenset((
    "admin", "administracion", "billing", "compras", "comercial", "contact", "contacto", "facturacion", "hello",
    "help", "hola", "info", "mail", "marketing", "noreply", "no-reply", "office", "oficina", "orders", "pedidos",
    "recepcion", "reception", "sales", "soporte", "support", "ventas", "webmaster",
))  # fmt: skip
"""The names of mailboxes that offices have, after RFC 2142 and what is usual in Spain."""


class IdentifierType(StrEnum):
    """What a customer can be recognised by."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    TAX_ID = "TAX_ID"
    LOYALTY_CARD = "LOYALTY_CARD"
    EXTERNAL_ID = "EXTERNAL_ID"
    COOKIE = "COOKIE"
    DEVICE = "DEVICE"
    SOCIAL = "SOCIAL"


# What can be asked.


class AddIdentifier(Command):
    """Add something to recognise a customer by; a phone without a country code is of the customer's country."""

    customer_id: CustomerId
    type: IdentifierType
    value: str


class VerifyIdentifier(Command):
    """Say that an identifier was proved to be the customer's, and by which method."""

    customer_id: CustomerId
    type: IdentifierType
    value: str
    method: str


class RemoveIdentifier(Command):
    """Say that an identifier is the customer's no longer."""

    customer_id: CustomerId
    type: IdentifierType
    value: str


# What can have happened.


class IdentifierAdded(Event, stored_as="customer.identifier-added.v1"):
    """The customer can be recognised by something more; `normal` is the form for matching, `number` counts from 1."""

    number: int
    type: IdentifierType
    value: Contact[str]
    normal: Contact[str]


class IdentifierVerified(Event, stored_as="customer.identifier-verified.v1"):
    """An identifier was proved to be the customer's."""

    number: int
    type: IdentifierType
    method: str


class IdentifierRemoved(Event, stored_as="customer.identifier-removed.v1"):
    """An identifier is the customer's no longer."""

    number: int
    type: IdentifierType


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier, and whether it is still the customer's; `method` is how it was verified."""

    number: int
    type: IdentifierType
    normal: str | None
    method: str | None = None
    live: bool = True


Identifiers = tuple[Identifier, ...]
Asked = AddIdentifier | VerifyIdentifier | RemoveIdentifier
Happened = IdentifierAdded | IdentifierVerified | IdentifierRemoved


def decide(asked: Asked, given: Identifiers, country: str | None, language: str) -> Iterator[Event]:
    """What is decided of those that a customer was given, who is of this country and speaks this language."""
    if isinstance(asked, VerifyIdentifier):
        must_say(asked.method, "The method", "method")
    normal = normalised(asked.type, asked.value, calling_region(country, language), country)
    found = known(given, asked.type, normal) or known(given, asked.type, plain(asked.value))
    match asked:
        case AddIdentifier(type=type, value=value):
            if found is None or not found.live:
                if type is IdentifierType.TAX_ID:
                    must_be_tax_id(value, country)
                if len(given) >= MAX_IDENTIFIERS:
                    raise Refused(f"A customer may be given at most {MAX_IDENTIFIERS} identifiers.")
                yield IdentifierAdded(number=len(given) + 1, type=type, value=value, normal=normal)
        case VerifyIdentifier(type=type, method=method):
            if found is None or not found.live:
                raise Refused("This identifier is not the customer's: add it first.", "value")
            if found.method != method:
                yield IdentifierVerified(number=found.number, type=type, method=method)
        case RemoveIdentifier(type=type):
            if found is None:
                raise Refused("This identifier was never the customer's.", "value")
            if found.live:
                yield IdentifierRemoved(number=found.number, type=type)
        case _:
            assert_never(asked)


def evolve(given: Identifiers, event: Happened) -> Identifiers:
    match event:
        case IdentifierAdded(number=number, type=type, normal=normal):
            return (*given, Identifier(number, type, normal))
        case IdentifierVerified(number=number, method=method):
            return with_identifier(given, number, method=method)
        case IdentifierRemoved(number=number):
            return with_identifier(given, number, live=False)
        case _:
            assert_never(event)


def claims(customer_id: UUID, event: Happened, given: Identifiers) -> Iterator[Claim]:
    """An identifier may be given to several, of whom the first owns it, until it is verified as the one's for good."""
    normal = next((each.normal for each in given if each.number == event.number), None)
    if normal is None:
        return
    steps = {IdentifierAdded: ClaimStep.SHARE, IdentifierVerified: ClaimStep.OWN, IdentifierRemoved: ClaimStep.RELEASE}
    yield Claim(
        kind=MAILBOX if event.type is IdentifierType.EMAIL and is_functional(normal) else event.type,
        key=normal,
        holder=customer_id,
        step=steps[type(event)],
        refusal="This identifier is verified as another customer's: merge the two, or remove it there first.",
        field="value",
    )


def is_functional(email: str) -> bool:
    """Whether an address is that of an office: several people read it, so that it tells nobody from anybody."""
    return email.partition("@")[0] in FUNCTIONAL


def normalised(type: IdentifierType, value: str, region: str, country: str | None = None) -> str:
    """The form by which two identifiers are found to be the same.

    A phone without a country code is one of the region; a tax id follows the rules of the country, if that is known.
    """
    if type is IdentifierType.EMAIL:
        return EmailAddress.parse(value, "value").normal
    if type is IdentifierType.PHONE:
        return PhoneNumber.parse(value, region, "value").normal
    if type is IdentifierType.TAX_ID:
        return TaxId.parse(value, country, "value").normal
    normal = plain(value)
    if not normal:
        raise Refused("The identifier must not be blank.", "value")
    return normal


def plain(value: str) -> str:
    """An identifier in capitals, without blanks and hyphens: the normal form of those that have no rules of their own.

    A tax id of a country whose rules were not known then has it too.
    """
    return "".join(value.split()).replace("-", "").upper()


def with_identifier(given: Identifiers, number: int, **changes: Any) -> Identifiers:
    """The same identifiers, with one of them changed."""
    return tuple(replace(each, **changes) if each.number == number else each for each in given)


def known(given: Identifiers, type: IdentifierType, normal: str) -> Identifier | None:
    """The last identifier of this kind and form that the customer was given, be it live or not."""
    for each in reversed(given):
        if each.type is type and each.normal == normal:
            return each
    return None
