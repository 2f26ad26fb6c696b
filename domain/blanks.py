"""Blanks: where a message says {{customer.tier}} or {{event.total.base|so much}}, and what is known is put in its place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from domain.kernel import Refused
from domain.predicate import FieldKind

MAX_BLANKS = 30
"""In one message."""
CUSTOMER, EVENT = "customer", "event"
NAME = "name"
"""What a customer is called may be put in as well."""
BLANK = re.compile(r"\{\{([^{}]*)\}\}")
NAMED = re.compile(r"\s*(customer|event)\.([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)\s*(?:\|([^|]*))?")


class Blank(NamedTuple):
    """What is to be put in: a fact of the customer, or what the event told; and what is said if nobody knows it."""

    source: str
    name: str
    otherwise: str | None


def blank(inside: str) -> Blank | None:
    """What stands between the braces; None if that is no blank."""
    found = NAMED.fullmatch(inside)
    return None if found is None else Blank(found[1], found[2], found[3])


def blanks_in(text: str) -> Iterator[Blank]:
    """The blanks of a text, in order."""
    for inside in BLANK.findall(text):
        if (found := blank(inside)) is not None:
            yield found


def must_be_fillable(
    text: str, facts: Mapping[str, FieldKind], events: Sequence[Mapping[str, FieldKind]], field: str
) -> None:
    """Refused if a blank asks for what no fact of a customer is, or what one of the events does not tell."""
    rest = BLANK.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise Refused("A blank is written {{customer.tier}}, with both pairs of braces.", field)
    inside = BLANK.findall(text)
    if len(inside) > MAX_BLANKS:
        raise Refused(f"A message has at most {MAX_BLANKS} blanks.", field)
    for each in inside:
        found = blank(each)
        if found is None:
            told = each.strip()[:60]
            raise Refused(
                f"{{{{{told}}}}} is no blank: write {{{{customer.tier}}}} or {{{{event.total.base|0}}}}.", field
            )
        known: Sequence[Mapping[str, FieldKind]] = events
        if found.source == CUSTOMER:
            known = [{**facts, NAME: FieldKind.TEXT}]
        if not all(found.name in names for names in known):
            among = ", ".join(sorted(set.intersection(*(set(names) for names in known))))
            raise Refused(f"Nobody knows {found.source}.{found.name}. There are: {among}.", field)
