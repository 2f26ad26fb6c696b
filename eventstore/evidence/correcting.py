"""Which sealed event accounts for a personal value that is gone: one that names its key, or a later one that corrects it."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import orjson

from domain.kernel import Event, sealed_fields
from domain.superseding import SUPERSEDED
from eventstore.codec import Codec
from eventstore.evidence.reading import DESTROYED, Standing, destroyed_by

UNSAID = "no sealed event says that its key was destroyed, or corrects it"


class Rule(NamedTuple):
    """An event of type `by` corrects slot `of_slot` of an earlier one of its stream, of type `of`.

    Only if it has a personal value in `by_slot` itself, and only if both bodies say the same at `alike`; if these are not None.
    """

    by: str
    by_slot: int | None
    of: str
    of_slot: int
    alike: str | None


def rules() -> Sequence[Rule]:
    """`domain.superseding`, under the stored names, older ones too."""
    names = Codec([]).names
    return [
        Rule(by, None if rule.by_field is None else _slot(rule.by, rule.by_field), of, _slot(rule.of, rule.field), rule.alike)
        for rule in SUPERSEDED
        for by, of in product(names([rule.by]), names([rule.of]))
    ]  # fmt: skip


def _slot(event: type[Event], field: str) -> int:
    return list(sealed_fields(event)).index(field)


RULES = rules()
_BY_TYPES = {(rule.by, rule.of, rule.of_slot): rule for rule in RULES}
_ALIKE = {(rule.of, rule.of_slot): rule.alike for rule in RULES}


class Forgotten(NamedTuple):
    """Of a personal value only the digest is left. The event at `because` should say so; `said` is what it must say alike."""

    position: int
    slot: int
    key_id: int
    because: int
    stream: bytes
    type: str
    said: object


def forgotten(here: Standing) -> Iterator[Forgotten]:
    """The values of an event of which only the digest is left."""
    for value in here.kept:
        if value.because is not None:
            said = _said(here, _ALIKE.get((here.type, value.slot)))
            yield Forgotten(here.position, value.slot, value.key_id, value.because, here.stream, here.type, said)


def corrects(by: Standing, of: Forgotten) -> bool:
    """Whether an event makes outdated what an earlier one of its stream told. Total: no body makes it fail."""
    rule = _BY_TYPES.get((by.type, of.type, of.slot))
    if rule is None or by.stream != of.stream or by.position <= of.position:
        return False
    if rule.by_slot is not None and rule.by_slot not in {value.slot for value in by.kept}:
        return False
    return rule.alike is None or (of.said is not None and _said(by, rule.alike) == of.said)


def accounted(by: Standing | None, of: Forgotten) -> bool:
    """Whether a sealed event, if there is one, says that the key was destroyed, or corrects the value."""
    if by is None:
        return False
    return corrects(by, of) or (by.type.startswith(DESTROYED) and of.key_id in destroyed_by(by.body))


def _said(here: Standing, name: str | None) -> object:
    try:
        return None if name is None else orjson.loads(here.body).get(name)
    except (orjson.JSONDecodeError, AttributeError):
        return None
