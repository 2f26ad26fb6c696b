"""Places: where a customer is and what they do, so that it can be said to which territory they belong."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

from domain.customer import AddressChanged, CustomerProfileChanged, CustomerRegistered
from domain.kernel import Event
from eventstore.envelope import Recorded
from processes.calendar import country_code
from processes.policy import Policy

Told = CustomerRegistered | CustomerProfileChanged | AddressChanged
TELLS_PLACE: tuple[type[Event], ...] = (CustomerRegistered, CustomerProfileChanged, AddressChanged)
"""What tells of a customer's place, for policies about nouns that have a customer."""


@dataclass(frozen=True, slots=True)
class Place:
    """What territories are told apart by. `territory` is the key of the one that was said; `country` is an ISO 3166 code."""

    territory: str | None = None
    country: str | None = None
    region: str | None = None
    postal_code: str | None = None
    sector: str | None = None


NOWHERE = Place()


def placed(place: Place, told: Told) -> Place:
    """The place after something more was told; where an address names a country, it counts from then on."""
    if isinstance(told, AddressChanged):
        if (address := told.address) is None:
            return place  # it is forgotten
        country = country_code(address.country)
        return replace(place, country=country, region=address.region, postal_code=address.postal_code)
    return Place(
        territory=told.territory or place.territory,
        country=country_code(told.country) if told.country else place.country,
        region=place.region,
        postal_code=place.postal_code,
        sector=(told.sector if isinstance(told, CustomerProfileChanged) else None) or place.sector,
    )


class KnowsPlace(Protocol):
    """Whatever has a place."""

    place: Place
    language: str | None


def remembers_place(policy: Policy[Any]) -> None:
    """Lets a policy remember where its customers are and what they speak: its memory must have `place` and `language`."""

    @policy.remember(CustomerRegistered, CustomerProfileChanged)
    def profile(known: KnowsPlace, told: CustomerRegistered | CustomerProfileChanged, at: Recorded) -> None:
        known.place = placed(known.place, told)
        known.language = told.language or known.language

    @policy.remember(AddressChanged, disclose=True)
    def address(known: KnowsPlace, told: AddressChanged, at: Recorded) -> None:
        known.place = placed(known.place, told)
