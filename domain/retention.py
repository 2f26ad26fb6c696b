"""Retention: the keys of personal values that were destroyed because no law allows to keep them any longer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, as_asked
from domain.values import must_say

MAX_KEYS = 5_000
"""How many keys one event names."""

RetentionId = Annotated[UUID, Ref("retention")]


class ApplyRetention(Command):
    """Note that these keys of a class are destroyed, as the rule of that class says, because of a law."""

    retention_id: RetentionId
    key_class: str
    legal_basis: str
    key_ids: tuple[int, ...]


class RetentionKeysDestroyed(Event, stored_as="retention.keys_destroyed.v1"):
    """These keys were as old as the rule of their class allows, and are destroyed; the values that they sealed go as well."""

    key_class: str
    legal_basis: str
    key_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Retention:
    """What was destroyed."""

    destroyed: RetentionKeysDestroyed | None = None


Asked = ApplyRetention
Happened = RetentionKeysDestroyed


def decide(asked: Asked, retention: Retention) -> Iterator[Event]:
    must_say(asked.key_class, "The class", "key_class")
    must_say(asked.legal_basis, "The legal basis", "legal_basis")
    if not 1 <= len(asked.key_ids) <= MAX_KEYS:
        raise Refused(f"Name from 1 to {MAX_KEYS:,} keys.", "key_ids")
    if min(asked.key_ids) < 1:
        raise Refused("Keys count from 1.", "key_ids")
    destroyed = as_asked(RetentionKeysDestroyed, asked, key_ids=tuple(sorted(set(asked.key_ids))))
    if retention.destroyed not in (None, destroyed):
        raise Refused("This id belongs to other keys.", "retention_id")
    if retention.destroyed is None:
        yield destroyed


def evolve(retention: Retention, event: Happened) -> Retention:
    return Retention(event)


decider = Decider("retention", Asked, Happened, Retention(), decide, evolve)
