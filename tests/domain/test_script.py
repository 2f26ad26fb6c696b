"""Scripts."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.script import (
    MAX_LANGUAGES,
    PublishScript,
    ScriptKind,
    ScriptPublished,
    decider,
)
from tests.domain.scenario import but, given

HELLO = UUID(int=1)
TITLE, TEXT = {"en": "First call", "es": "Primera llamada"}, {"en": "Hello.\nHow are you?", "es": "Hola."}
PUBLISH = PublishScript(script_id=HELLO, key="hello", kind=ScriptKind.CALL, title=TITLE, text=TEXT)
PUBLISHED = ScriptPublished(key="hello", version=1, kind=ScriptKind.CALL, title=TITLE, text=TEXT)


def test_the_same_words_are_one_version() -> None:
    given(decider).when(PUBLISH).then(PUBLISHED)
    given(decider, PUBLISHED).when(PUBLISH).then_nothing()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": ScriptKind.MESSAGE},
        {"title": {**TITLE, "en": "Second call"}},
        {"text": {**TEXT, "es": "Buenas."}},
        {"title": {"en": "First call"}, "text": {"en": "Hello."}},
    ],
)
def test_other_words_are_the_next_version(changes: dict[str, Any]) -> None:
    asked, second = but(PUBLISH, **changes), replace(PUBLISHED, version=2, **changes)
    given(decider, PUBLISHED).when(asked).then(second)
    given(decider, PUBLISHED, second).when(asked).then_nothing()
    given(decider, PUBLISHED, second).when(PUBLISH).then(replace(PUBLISHED, version=3))


def test_of_two_who_publish_at_once_the_second_makes_the_next_version() -> None:
    second = replace(PUBLISHED, version=2, kind=ScriptKind.MESSAGE)
    third = replace(second, version=3, title={"en": "Bye"}, text={"en": "Bye."})
    asked = but(PUBLISH, kind=ScriptKind.MESSAGE, title={"en": "Bye"}, text={"en": "Bye."})
    given(decider, PUBLISHED, second).when(asked).then(third)


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": ""}, "The key must not be blank.", "key"),
        ({"key": "bye"}, "The key of this script is hello, and never changes.", "key"),
        ({"title": {}}, "Give the title in one language at least.", "title"),
        ({"title": {"english": "Hello"}}, "Write the language as es or es-MX.", "title"),
        ({"title": {**TITLE, "en": " "}}, "The title in en must not be blank.", "title"),
        ({"text": {"en": "Hello."}}, "Give the text in the languages of the title.", "text"),
        ({"text": {**TEXT, "es": ""}}, "The text in es must not be blank.", "text"),
        (
            {"title": {f"en-{number:03}": "Hello" for number in range(MAX_LANGUAGES + 1)}},
            f"Give the title in {MAX_LANGUAGES} languages at most.",
            "title",
        ),
    ],
)
def test_a_script_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, PUBLISHED).when(but(PUBLISH, **changes)).refused(sentence, field)
