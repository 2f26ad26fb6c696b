"""Scripts: what people of the company say on the phone, and what they write, word for word."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, Text, as_asked
from domain.values import must_be_worded, must_say

ScriptId = Annotated[UUID, Ref("script")]

MAX_LANGUAGES = 50


class ScriptKind(StrEnum):
    """CALL: the dialog of a call. MESSAGE: a standard message."""

    CALL = "CALL"
    MESSAGE = "MESSAGE"


# What can be asked.


class PublishScript(Command):
    """Publish the words of a dialog or a standard message, by language, under a `key` that never changes."""

    script_id: ScriptId
    key: str
    kind: ScriptKind
    title: Mapping[str, str]
    text: Mapping[str, Text]


# What can have happened.


class ScriptPublished(Event, stored_as="script.published.v1"):
    """A version of a script became the one to use; versions count from 1."""

    key: str
    version: int
    kind: ScriptKind
    title: Mapping[str, str]
    text: Mapping[str, Text]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Script:
    """The last version, which is the one to use."""

    published: ScriptPublished | None = None


Asked = PublishScript
Happened = ScriptPublished


def decide(asked: Asked, script: Script) -> Iterator[Event]:
    must_make_sense(asked)
    last = script.published
    if last is not None and last.key != asked.key:
        raise Refused(f"The key of this script is {last.key}, and never changes.", "key")
    same = as_asked(ScriptPublished, asked, version=last.version if last is not None else 0)
    if same != last:
        yield replace(same, version=same.version + 1)


def evolve(_: Script, event: Happened) -> Script:
    return Script(event)


def must_make_sense(asked: PublishScript) -> None:
    """Refused if the script could not be used in each of its languages."""
    must_say(asked.key, "The key", "key")
    if len(asked.title) > MAX_LANGUAGES:
        raise Refused(f"Give the title in {MAX_LANGUAGES} languages at most.", "title")
    must_be_worded(asked.title, "title")
    if asked.text.keys() != asked.title.keys():
        raise Refused("Give the text in the languages of the title.", "text")
    must_be_worded(asked.text, "text")


decider = Decider("script", Asked, Happened, Script(), decide, evolve)
