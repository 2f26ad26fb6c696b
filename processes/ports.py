"""Ports: how notes leave by SMS and by telephone. A gateway, or the telephone system (CTI), takes them from a folder."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol
from uuid import UUID

import orjson

from domain.values import Channel
from processes import files
from processes.letters import Note
from processes.transports import Answer, Deferred, Taken


class Port(Protocol):
    """A way to send notes. `was_sent` answers None if there is no way to find out."""

    def send(self, follow_up_id: UUID, note: Note) -> Answer: ...

    def was_sent(self, follow_up_id: UUID) -> str | bool | None: ...


Ports = Mapping[Channel, Port]


class FolderPort:
    """Puts notes into a folder, one JSON file for each, named by its follow-up: so it can be found again, and never doubled.

    Whoever sends them on takes them from `new` and moves them to `done`, where they stay: what is in neither was not sent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files.make(folder, "tmp", "new", "done")

    def send(self, follow_up_id: UUID, note: Note) -> Answer:
        """The file holds the follow-up's id, the channel, whom it is to, and the subject and text in their language."""
        name = f"{follow_up_id}.json"
        if self.was_sent(follow_up_id):
            return Taken(name)
        try:
            files.put(self.folder, name, orjson.dumps({"id": follow_up_id, **asdict(note)}, option=orjson.OPT_INDENT_2))
        except OSError as error:
            return Deferred(f"The folder cannot be written: {error.strerror}.")
        return Taken(name)

    def was_sent(self, follow_up_id: UUID) -> str | bool | None:
        """`new` is looked at before and after `done`, so that a file that is being moved is not missed."""
        name = f"{follow_up_id}.json"
        found = any((self.folder / place / name).exists() for place in ("new", "done", "new"))
        return name if found else False


def folder_ports(home: Path) -> Ports:
    """The ports of SMS and telephone, each with a folder of its own."""
    return {Channel.SMS: FolderPort(home / "sms"), Channel.PHONE: FolderPort(home / "calls")}
