"""Customers: who they are, how they are recognised, and what they like."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any, assert_never

from domain.kernel import Command, Contact, CustomerId, Decider, Event, Personal, Refused, Told
from domain.values import EmailAddress, PhoneNumber, calling_region, empty, must_be_language, must_be_zone, must_say

MAX_IDENTIFIERS = 1000
"""How many identifiers a customer may be given in a lifetime."""
MAX_PREFERENCES = 1000
EARLIEST_BIRTH = date(1850, 1, 1)

PROFILE = ("name", "birth_date", "language", "timezone", "country", "territory", "sector", "size")
"""What a profile consists of."""


class CustomerKind(StrEnum):
    """Whether a customer is somebody or an organisation."""

    PERSON = "PERSON"
    ORGANISATION = "ORGANISATION"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where letters and parcels go."""

    street: str
    postal_code: str
    city: str
    region: str | None = None
    country: str


# What can be asked.


class RegisterCustomer(Command):
    """Make a customer known; `language` is a BCP 47 tag such as es-MX, and `timezone` an IANA zone."""

    customer_id: CustomerId
    kind: CustomerKind = CustomerKind.PERSON
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str = "es"
    timezone: str = "Europe/Madrid"
    country: str | None = None
    source: str | None = None
    territory: str | None = None


class ChangeCustomerProfile(Command):
    """Correct what is known of a customer; what is left out stays as it is."""

    customer_id: CustomerId
    name: str | None = None
    language: str | None = None
    timezone: str | None = None
    country: str | None = None
    territory: str | None = None
    birth_date: date | None = None
    sector: str | None = None
    size: str | None = None


class ChangeAddress(Command):
    """Say where a customer lives or has its seat."""

    customer_id: CustomerId
    street: str
    postal_code: str
    city: str
    region: str | None = None
    country: str


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


class StatePreference(Command):
    """Note what a customer said to prefer on a topic, such as `contact-time` or `hobby`."""

    customer_id: CustomerId
    topic: str
    value: str


# What can have happened.


class CustomerRegistered(Event, stored_as="customer.registered.v1"):
    """A customer became known."""

    kind: CustomerKind
    name: Personal[str]
    language: str
    timezone: str
    country: str | None = None
    source: str | None = None
    territory: str | None = None


class CustomerProfileChanged(Event, stored_as="customer.profile-changed.v1"):
    """Some of what is known of a customer changed; what did not change is empty."""

    name: Personal[str] = None
    birth_date: Personal[date] = None
    language: str | None = None
    timezone: str | None = None
    country: str | None = None
    territory: str | None = None
    sector: str | None = None
    size: str | None = None


class AddressChanged(Event, stored_as="customer.address-changed.v1"):
    """The customer is to be found somewhere else."""

    address: Contact[Address]


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


class PreferenceStated(Event, stored_as="customer.preference-stated.v1"):
    """The customer said what they prefer."""

    topic: str
    value: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier, and whether it is still the customer's; `method` is how it was verified."""

    number: int
    type: IdentifierType
    normal: str | None
    method: str | None = None
    live: bool = True


@dataclass(frozen=True, slots=True)
class Customer:
    """`registered` is what was said first; the rest is what is true now."""

    registered: CustomerRegistered | None = None
    name: str | None = None
    language: str = "es"
    timezone: str = "Europe/Madrid"
    country: str | None = None
    territory: str | None = None
    birth_date: date | None = None
    sector: str | None = None
    size: str | None = None
    address: Address | None = None
    identifiers: tuple[Identifier, ...] = ()
    preferences: Mapping[str, str | None] = field(default_factory=empty)


Asked = (
    RegisterCustomer
    | ChangeCustomerProfile
    | ChangeAddress
    | AddIdentifier
    | VerifyIdentifier
    | RemoveIdentifier
    | StatePreference
)
Happened = (
    CustomerRegistered
    | CustomerProfileChanged
    | AddressChanged
    | IdentifierAdded
    | IdentifierVerified
    | IdentifierRemoved
    | PreferenceStated
)


def decide(asked: Asked, customer: Customer) -> Iterator[Event]:
    match asked:
        case RegisterCustomer():
            yield from register(asked, customer)
        case _ if customer.registered is None:
            raise Refused("This customer is not registered yet.", "customer_id")
        case ChangeCustomerProfile():
            changed = profile_changes(asked, customer)
            if changed != CustomerProfileChanged():
                yield changed
        case ChangeAddress():
            address = address_of(asked)
            if address != customer.address:
                yield AddressChanged(address=address)
        case AddIdentifier(type=type, value=value):
            normal = normalised(type, value, calling_region(customer.country, customer.language))
            found = known(customer, type, normal)
            if found is None or not found.live:
                if len(customer.identifiers) >= MAX_IDENTIFIERS:
                    raise Refused(f"A customer may be given at most {MAX_IDENTIFIERS} identifiers.")
                number = len(customer.identifiers) + 1
                yield IdentifierAdded(number=number, type=type, value=value, normal=normal)
        case VerifyIdentifier(type=type, value=value, method=method):
            must_say(method, "The method", "method")
            found = known(customer, type, normalised(type, value, calling_region(customer.country, customer.language)))
            if found is None or not found.live:
                raise Refused("This identifier is not the customer's: add it first.", "value")
            if found.method != method:
                yield IdentifierVerified(number=found.number, type=type, method=method)
        case RemoveIdentifier(type=type, value=value):
            found = known(customer, type, normalised(type, value, calling_region(customer.country, customer.language)))
            if found is None:
                raise Refused("This identifier was never the customer's.", "value")
            if found.live:
                yield IdentifierRemoved(number=found.number, type=type)
        case StatePreference(topic=topic, value=value):
            must_say(topic, "The topic", "topic")
            if len(customer.preferences) >= MAX_PREFERENCES and topic not in customer.preferences:
                raise Refused(f"A customer may have preferences on at most {MAX_PREFERENCES} topics.", "topic")
            if customer.preferences.get(topic) != value:
                yield PreferenceStated(topic=topic, value=value)
        case _:
            assert_never(asked)


def evolve(customer: Customer, event: Happened) -> Customer:
    match event:
        case CustomerRegistered():
            return Customer(event, event.name, event.language, event.timezone, event.country, event.territory)
        case IdentifierAdded(number=number, type=type, normal=normal):
            return replace(customer, identifiers=(*customer.identifiers, Identifier(number, type, normal)))
        case IdentifierVerified(number=number, method=method):
            return with_identifier(customer, number, method=method)
        case IdentifierRemoved(number=number):
            return with_identifier(customer, number, live=False)
        case CustomerProfileChanged():
            return replace(customer, **{name: value for name in PROFILE if (value := getattr(event, name)) is not None})
        case AddressChanged(address=address):
            return replace(customer, address=address)
        case PreferenceStated(topic=topic, value=value):
            return replace(customer, preferences={**customer.preferences, topic: value})
        case _:
            assert_never(event)


def register(asked: RegisterCustomer, customer: Customer) -> Iterator[Event]:
    """The first words about a customer, and nothing if they are said again."""
    must_say(asked.name, "The name", "name")
    must_be_language(asked.language)
    must_be_zone(asked.timezone)
    registered = CustomerRegistered(
        kind=asked.kind,
        name=asked.name,
        language=asked.language,
        timezone=asked.timezone,
        country=asked.country,
        source=asked.source,
        territory=asked.territory,
    )
    region = calling_region(asked.country, asked.language)
    told = []
    if asked.email is not None:
        told.append((IdentifierType.EMAIL, asked.email, EmailAddress.parse(asked.email, "email").normal))
    if asked.phone is not None:
        told.append((IdentifierType.PHONE, asked.phone, PhoneNumber.parse(asked.phone, region, "phone").normal))
    if customer.registered is None:
        yield registered
        for number, (type, value, normal) in enumerate(told, 1):
            yield IdentifierAdded(number=number, type=type, value=value, normal=normal)
    elif registered != customer.registered or any(known(customer, type, normal) is None for type, _, normal in told):
        raise Refused("This customer is already registered. Change the profile instead.")


def profile_changes(asked: ChangeCustomerProfile, customer: Customer) -> CustomerProfileChanged:
    """Only what differs from what is known."""
    for name in ("name", "country", "territory", "sector", "size"):
        must_say(getattr(asked, name), f"The {name}", name)
    if asked.language is not None:
        must_be_language(asked.language)
    if asked.timezone is not None:
        must_be_zone(asked.timezone)
    if asked.birth_date is not None and asked.birth_date < EARLIEST_BIRTH:
        raise Refused(f"Nobody alive was born before {EARLIEST_BIRTH}.", "birth_date")
    said = {name: value for name in PROFILE if (value := getattr(asked, name)) != getattr(customer, name)}
    return CustomerProfileChanged(**said)


def address_of(asked: ChangeAddress) -> Address:
    """The address that was said. The postal code may be blank: some countries have none."""
    for name in ("street", "city", "country"):
        must_say(getattr(asked, name), f"The {name}", name)
    return Address(
        street=asked.street,
        postal_code=asked.postal_code,
        city=asked.city,
        region=asked.region,
        country=asked.country,
    )


def normalised(type: IdentifierType, value: str, region: str) -> str:
    """The form by which two identifiers are found to be the same."""
    if type is IdentifierType.EMAIL:
        return EmailAddress.parse(value, "value").normal
    if type is IdentifierType.PHONE:
        return PhoneNumber.parse(value, region, "value").normal
    normal = "".join(value.split()).replace("-", "").upper()
    if not normal:
        raise Refused("The identifier must not be blank.", "value")
    return normal


def with_identifier(customer: Customer, number: int, **changes: Any) -> Customer:
    """The customer with one identifier changed."""
    changed = (replace(each, **changes) if each.number == number else each for each in customer.identifiers)
    return replace(customer, identifiers=tuple(changed))


def known(customer: Customer, type: IdentifierType, normal: str) -> Identifier | None:
    """The last identifier of this kind and form that the customer was given, be it live or not."""
    for each in reversed(customer.identifiers):
        if each.type is type and each.normal == normal:
            return each
    return None


decider = Decider("customer", Asked, Happened, Customer(), decide, evolve, disclose=True)
