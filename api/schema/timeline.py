"""The timeline, latest first, with the words that were said: they are read from the log only when they are shown."""

from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import customer_of
from api.schema.noun import Noun
from api.schema.shapes import answered
from api.schema.views import Lists
from domain.kernel import sealed_fields
from projections.customers import timeline
from projections.customers.timeline import Entry
from projections.selecting import Order

SAID = ("text", "answer")
"""The classes of personal values that are somebody's words."""


def fields(lists: Lists) -> list[StrawberryField]:
    """Whose it is, and what was said."""
    return [
        customer_of(lists),
        answered("subject", str | None, "The subject line, if there was one.", _subject, within=lists.types),
        answered(
            "text", str | None, "What was said or written: a text, a comment, a reason.", _text, within=lists.types
        ),
    ]


noun = Noun(timeline.view, "TimelineEntry", order=(Order("occurred_at", True),), fields=fields)


async def _words(root: Shown[Entry], info: Info) -> dict[str, Any]:
    happened = await info.context.personal(root.row.position)
    if happened is None:
        return {}
    sealed = sealed_fields(type(happened.event))
    return {name: getattr(happened.event, name) for name, word in sealed.items() if word.key_class in SAID}


async def _subject(root: Shown[Entry], info: Info) -> str | None:
    return (await _words(root, info)).get("subject")


async def _text(root: Shown[Entry], info: Info) -> str | None:
    said = await _words(root, info)
    return next((words for name, words in said.items() if name != "subject" and words is not None), None)
