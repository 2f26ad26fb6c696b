"""The operator: who works on this machine, as the logs call them, and what they read of people."""

import getpass
from collections.abc import Collection
from uuid import UUID

from api.house import House


def operator() -> str:
    """The account that the command line runs under, as an actor."""
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "operator:unknown"


def note_read(opened: House, people: Collection[UUID | None], purpose: str) -> None:
    """Notes that the operator is about to see personal values of these people; nothing if there are none."""
    if whom := {each for each in people if each is not None}:
        opened.reads.note(whom, actor=operator(), door="cli", purpose=purpose)
