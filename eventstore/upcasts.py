"""Steps by which events of an older shape are read as the newer one. What is stored is never rewritten."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Step = tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]
Upcasts = Mapping[str, Step]

UPCASTS: Upcasts = {}
"""`stored_as` of the older shape -> (`stored_as` of the next one, the change). Every step is total."""


def upcast(steps: Upcasts, stored_as: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """The newest name and the fields that an old body is read as."""
    changed: dict[str, Any] = msgspec.json.decode(body)
    while stored_as in steps:
        stored_as, change = steps[stored_as]
        changed = change(changed)
    return stored_as, changed
