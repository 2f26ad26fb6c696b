"""The identities: what each customer is known by, in the form in which customers are compared with each other."""

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from uuid import UUID

from domain.customer import AddressChanged, CustomerKind, CustomerProfileChanged, CustomerRegistered
from domain.identifiers import IdentifierAdded, IdentifierRemoved
from domain.merging import CustomersMerged
from domain.values import empty
from eventstore.envelope import Recorded
from projections.customers.blocking import blocks_of, of_identifier
from projections.customers.customers import is_own, told
from projections.view import Row, View

NAMED = ("name", "birth_date", "country")
ADDRESS = ("street", "postal_code", "city")


class Identity(Row, key="customer_id"):
    """What a customer is known by; `held` says which of whose identifiers each one is, and `blocks` whom they are
    compared with: everybody who falls into the same.
    """

    customer_id: UUID
    kind: CustomerKind | None = None
    name: str | None = None
    birth_date: date | None = None
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None
    identifiers: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=empty)
    blocks: tuple[str, ...] = ()


view = View(
    "identities",
    Identity,
    version=1,
    personal=("name", "birth_date", "street", "postal_code", "city", "identifiers", "held", "blocks"),
    indexes=("using gin (blocks)",),
)


@view.on(CustomerRegistered)
def register(identity: Identity, registered: CustomerRegistered, at: Recorded) -> None:
    told(identity, registered, at, ("kind", "name", "country"))
    put_into_blocks(identity)


@view.on(CustomerProfileChanged)
def change_profile(identity: Identity, changed: CustomerProfileChanged, at: Recorded) -> None:
    told(identity, changed, at, NAMED)
    put_into_blocks(identity)


@view.on(CustomersMerged)
def prefer(identity: Identity, merged: CustomersMerged, at: Recorded) -> None:
    for name in NAMED:
        setattr(identity, name, getattr(merged, name) or getattr(identity, name))
    put_into_blocks(identity)


@view.on(AddressChanged)
def move(identity: Identity, changed: AddressChanged, at: Recorded) -> None:
    if changed.address is not None and (is_own(at) or identity.street is None):
        for name in ADDRESS:
            setattr(identity, name, getattr(changed.address, name) or None)
        put_into_blocks(identity)


@view.on(IdentifierAdded)
def add_identifier(identity: Identity, added: IdentifierAdded, at: Recorded) -> None:
    if added.normal is not None:
        known = f"{added.type.value}:{added.normal}"
        identity.held = {**identity.held, f"{at.stream_id}:{added.number}": known}
        identity.identifiers = tuple(dict.fromkeys(identity.held.values()))
        identity.blocks = tuple(sorted({*identity.blocks, *of_identifier(known)}))


@view.on(IdentifierRemoved)
def remove_identifier(identity: Identity, removed: IdentifierRemoved, at: Recorded) -> None:
    identity.held = {key: known for key, known in identity.held.items() if key != f"{at.stream_id}:{removed.number}"}
    put_into_blocks(identity)


def put_into_blocks(identity: Identity) -> None:
    """Says anew whom a customer is compared with."""
    identity.identifiers = tuple(dict.fromkeys(identity.held.values()))
    identity.blocks = blocks_of(
        identifiers=identity.identifiers,
        name=identity.name,
        birth_date=identity.birth_date,
        street=identity.street,
        postal_code=identity.postal_code,
        city=identity.city,
    )
