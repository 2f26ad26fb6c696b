"""Customers: who they are, how they are recognised, and what they like."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain import identifiers, merging
from domain.identifiers import (
    AddIdentifier,
    IdentifierAdded,
    IdentifierRemoved,
    Identifiers,
    IdentifierType,
    IdentifierVerified,
    RemoveIdentifier,
    VerifyIdentifier,
    known,
)
from domain.kernel import Claim, Command, Contact, Decider, Event, Personal, Refused, Told
from domain.merging import CustomersMerged, CustomersUnmerged, MergeCustomers, UnmergeCustomers
from domain.references import CustomerId
from domain.values import EmailAddress, PhoneNumber, calling_region, empty, must_be_language, must_be_zone, must_say

MAX_PREFERENCES = 1000
MAX_EVIDENCE = 100
"""How many events an inference may cite."""
EARLIEST_BIRTH = date(1850, 1, 1)

PROFILE = ("name", "birth_date", "language", "timezone", "country", "territory", "sector", "size")
"""What a profile consists of."""


class CustomerKind(StrEnum):
    """Whether a customer is somebody or an organisation."""

    PERSON = "PERSON"
    ORGANISATION = "ORGANISATION"


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


class StatePreference(Command):
    """Note what a customer said to prefer on a topic, such as `contact-time` or `hobby`."""

    customer_id: CustomerId
    topic: str
    value: str


class InferPreference(Command):
    """Note what a customer seems to prefer; `evidence` names the events that say so by their positions in the log."""

    customer_id: CustomerId
    topic: str
    value: str
    evidence: tuple[int, ...]


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


class PreferenceStated(Event, stored_as="customer.preference-stated.v1"):
    """The customer said what they prefer."""

    topic: str
    value: Told[str]


class PreferenceInferred(Event, stored_as="customer.preference-inferred.v1"):
    """The customer seems to prefer this, which they never said; `evidence` are positions in the log."""

    topic: str
    value: Told[str]
    evidence: tuple[int, ...]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Customer:
    """`registered` is what was said first; the rest is true now. `stated` are the topics that are not just inferred."""

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
    identifiers: Identifiers = ()
    preferences: Mapping[str, str | None] = field(default_factory=empty)
    stated: frozenset[str] = frozenset()
    merged_into: UUID | None = None


Asked = (
    RegisterCustomer
    | ChangeCustomerProfile
    | ChangeAddress
    | identifiers.Asked
    | merging.Asked
    | StatePreference
    | InferPreference
)
Happened = (
    CustomerRegistered
    | CustomerProfileChanged
    | AddressChanged
    | identifiers.Happened
    | merging.Happened
    | PreferenceStated
    | PreferenceInferred
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
        case AddIdentifier() | VerifyIdentifier() | RemoveIdentifier():
            yield from identifiers.decide(asked, customer.identifiers, customer.country, customer.language)
        case MergeCustomers() | UnmergeCustomers():
            yield from merging.decide(asked, customer.merged_into, customer)
        case StatePreference(topic=topic, value=value):
            must_be_topic(topic, customer)
            if topic not in customer.stated or customer.preferences[topic] != value:
                yield PreferenceStated(topic=topic, value=value)
        case InferPreference(topic=topic, value=value, evidence=evidence):
            must_be_topic(topic, customer)
            must_be_evident(evidence)
            if topic not in customer.stated and customer.preferences.get(topic) != value:
                yield PreferenceInferred(topic=topic, value=value, evidence=evidence)
        case _:
            assert_never(asked)


def evolve(customer: Customer, event: Happened) -> Customer:
    match event:
        case CustomerRegistered():
            return Customer(event, event.name, event.language, event.timezone, event.country, event.territory)
        case IdentifierAdded() | IdentifierVerified() | IdentifierRemoved():
            return replace(customer, identifiers=identifiers.evolve(customer.identifiers, event))
        case CustomersMerged(survivor_id=survivor_id):
            return replace(customer, merged_into=survivor_id)
        case CustomersUnmerged():
            return replace(customer, merged_into=None)
        case CustomerProfileChanged():
            return replace(customer, **{name: value for name in PROFILE if (value := getattr(event, name)) is not None})
        case AddressChanged(address=address):
            return replace(customer, address=address)
        case PreferenceStated(topic=topic, value=value):
            preferences = {**customer.preferences, topic: value}
            return replace(customer, preferences=preferences, stated=customer.stated | {topic})
        case PreferenceInferred(topic=topic, value=value):
            return replace(customer, preferences={**customer.preferences, topic: value})
        case _:
            assert_never(event)


def claims(customer_id: UUID, event: Happened, customer: Customer) -> Iterator[Claim]:
    """What nobody else may hold as well."""
    match event:
        case IdentifierAdded() | IdentifierVerified() | IdentifierRemoved():
            yield from identifiers.claims(customer_id, event, customer.identifiers)
        case CustomersMerged() | CustomersUnmerged():
            yield from merging.claims(customer_id, event)
        case _:
            return


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
    elif registered != customer.registered or any(
        known(customer.identifiers, type, normal) is None for type, _, normal in told
    ):
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


def must_be_topic(topic: str, customer: Customer) -> None:
    """Refused if a topic is blank, or one too many."""
    must_say(topic, "The topic", "topic")
    if len(customer.preferences) >= MAX_PREFERENCES and topic not in customer.preferences:
        raise Refused(f"A customer may have preferences on at most {MAX_PREFERENCES} topics.", "topic")


def must_be_evident(evidence: tuple[int, ...]) -> None:
    """Refused if an inference cites no events, or too many, or what can be no position: they count from 1."""
    if not 1 <= len(evidence) <= MAX_EVIDENCE:
        raise Refused(f"Name from 1 to {MAX_EVIDENCE} events that say so.", "evidence")
    if min(evidence) < 1:
        raise Refused("Name the events by their positions in the log, which count from 1.", "evidence")


decider = Decider("customer", Asked, Happened, Customer(), decide, evolve, disclose=True, claims=claims)
