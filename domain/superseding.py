"""Superseding: by which later events of a stream a personal value is outdated that an earlier one told."""

from collections.abc import Iterator
from dataclasses import dataclass

from domain.customer import (
    AddressChanged,
    CustomerProfileChanged,
    CustomerRegistered,
    PreferenceInferred,
    PreferenceStated,
)
from domain.identifiers import IdentifierAdded, IdentifierRemoved
from domain.kernel import Event
from domain.staff import StaffAdded, StaffChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Supersedes:
    """An event by which a field of an earlier one of the same stream counts no longer.

    `by_field`: only if the later event says something there. `alike`: only if both say the same here.
    """

    by: type[Event]
    of: type[Event]
    field: str
    by_field: str | None = None
    alike: str | None = None


def _changed(by: type[Event], of: type[Event], *fields: str, alike: str | None = None) -> Iterator[Supersedes]:
    return (Supersedes(by=by, of=of, field=name, by_field=name, alike=alike) for name in fields)


SUPERSEDED = (
    *_changed(CustomerProfileChanged, CustomerRegistered, "name"),
    *_changed(CustomerProfileChanged, CustomerProfileChanged, "name", "birth_date"),
    *_changed(AddressChanged, AddressChanged, "address"),
    *_changed(PreferenceStated, PreferenceStated, "value", alike="topic"),
    *_changed(PreferenceStated, PreferenceInferred, "value", alike="topic"),
    *_changed(PreferenceInferred, PreferenceInferred, "value", alike="topic"),
    Supersedes(by=IdentifierRemoved, of=IdentifierAdded, field="value", alike="number"),
    Supersedes(by=IdentifierRemoved, of=IdentifierAdded, field="normal", alike="number"),
    *_changed(StaffChanged, StaffAdded, "name", "email"),
    *_changed(StaffChanged, StaffChanged, "name", "email"),
    *_changed(StaffAdded, StaffAdded, "name", "email"),
    *_changed(StaffAdded, StaffChanged, "name", "email"),
)
