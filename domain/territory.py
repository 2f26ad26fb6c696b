"""Territories: which customers belong together, by where they are or what they do, and who answers for them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused
from domain.references import StaffId, TerritoryId
from domain.values import must_say

MAX_PARTS = 1_000
"""How many countries, regions, postal prefixes or sectors a rule may name of each."""

COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TerritoryRule:
    """What a customer must have to be covered: one of each that is named. A rule that names nothing covers nobody.

    `countries` are ISO 3166 codes of two letters; `postal_prefixes` are how postal codes begin.
    """

    countries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    postal_prefixes: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()


# What can be asked.


class DefineTerritory(Command):
    """Say whom a territory covers: no rule, nobody; no `staff_id`, whoever answers for it goes on; the `key` never changes."""

    territory_id: TerritoryId
    key: str
    name: str
    rule: TerritoryRule | None = None
    staff_id: StaffId | None = None
    parent_id: TerritoryId | None = None


class AssignTerritory(Command):
    """Say who answers for a territory."""

    territory_id: TerritoryId
    staff_id: StaffId


# What can have happened.


class TerritoryDefined(Event, stored_as="territory.defined.v1"):
    """A version of a territory came into force; versions count from 1, and the parts of the rule are sorted."""

    key: str
    version: int
    name: str
    rule: TerritoryRule
    parent_id: TerritoryId | None = None


class TerritoryAssigned(Event, stored_as="territory.assigned.v1"):
    """Somebody answers for the territory; `previous` is who did before."""

    staff_id: StaffId
    previous: StaffId | None = None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Territory:
    """The last version, and who answers for it."""

    defined: TerritoryDefined | None = None
    staff_id: UUID | None = None


Asked = DefineTerritory | AssignTerritory
Happened = TerritoryDefined | TerritoryAssigned


def decide(asked: Asked, territory: Territory) -> Iterator[Event]:
    match asked:
        case DefineTerritory(staff_id=staff_id):
            same = defined(asked, territory.defined)
            if same != territory.defined:
                yield replace(same, version=same.version + 1)
            if staff_id not in (None, territory.staff_id):
                yield TerritoryAssigned(staff_id=staff_id, previous=territory.staff_id)
        case _ if territory.defined is None:
            raise Refused("This territory is not defined yet.", "territory_id")
        case AssignTerritory(staff_id=staff_id):
            if staff_id != territory.staff_id:
                yield TerritoryAssigned(staff_id=staff_id, previous=territory.staff_id)
        case _:
            assert_never(asked)


def evolve(territory: Territory, event: Happened) -> Territory:
    match event:
        case TerritoryDefined():
            return replace(territory, defined=event)
        case TerritoryAssigned(staff_id=staff_id):
            return replace(territory, staff_id=staff_id)
        case _:
            assert_never(event)


def defined(asked: DefineTerritory, last: TerritoryDefined | None) -> TerritoryDefined:
    """What was said, under the number of the last version. Refused if it makes no sense."""
    must_say(asked.key, "The key", "key")
    must_say(asked.name, "The name", "name")
    if asked.parent_id == asked.territory_id:
        raise Refused("A territory cannot be within itself.", "parent_id")
    if last is not None and last.key != asked.key:
        raise Refused(f"The key of this territory is {last.key}, and never changes.", "key")
    return TerritoryDefined(
        key=asked.key,
        version=last.version if last is not None else 0,
        name=asked.name,
        rule=in_order(asked.rule or TerritoryRule()),
        parent_id=asked.parent_id,
    )


def in_order(rule: TerritoryRule) -> TerritoryRule:
    """The same rule in the one form by which rules are compared. Refused if a part of it cannot be."""
    countries = parts(rule.countries, "countries")
    for country in countries:
        if COUNTRY.fullmatch(country.upper()) is None:
            raise Refused(f"There is no country {country!r}: give an ISO 3166 code such as ES.", "rule")
    return TerritoryRule(
        countries=tuple(sorted({each.upper() for each in countries})),
        regions=parts(rule.regions, "regions"),
        postal_prefixes=tuple(sorted({compact(each) for each in parts(rule.postal_prefixes, "postal prefixes")})),
        sectors=parts(rule.sectors, "sectors"),
    )


def parts(said: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The words without the blanks around them, each once. Refused if one says nothing, or if they are too many."""
    if len(said) > MAX_PARTS:
        raise Refused(f"A rule names at most {MAX_PARTS} {what}.", "rule")
    if not all(map(compact, said)):
        raise Refused(f"One of the {what} is blank.", "rule")
    return tuple(sorted({" ".join(each.split()) for each in said}))


def compact(code: str) -> str:
    """A postal code as it is compared: in capitals, without blanks and dashes."""
    return "".join(code.split()).replace("-", "").upper()


def covers(
    rule: TerritoryRule, country: str | None, region: str | None, postal_code: str | None, sector: str | None
) -> bool:
    """Whether a customer belongs to a territory: has one of each that the rule names, and it names something.

    `country` is an ISO 3166 code of two letters. Capitals do not matter, nor do blanks and dashes in a postal code.
    """
    code = compact(postal_code or "")
    tests = (
        (rule.countries, (country or "").strip().upper() in rule.countries),
        (rule.regions, is_among(region, rule.regions)),
        (rule.postal_prefixes, any(code.startswith(compact(each)) for each in rule.postal_prefixes)),
        (rule.sectors, is_among(sector, rule.sectors)),
    )
    return any(named for named, _ in tests) and all(found for named, found in tests if named)


def is_among(word: str | None, words: tuple[str, ...]) -> bool:
    """Whether a word is one of these, whatever its capitals and blanks."""
    return " ".join((word or "").split()).casefold() in {each.casefold() for each in words}


decider = Decider("territory", Asked, Happened, Territory(), decide, evolve)
