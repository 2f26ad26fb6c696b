"""Reads: who looked at the personal values of a customer, and when."""

from dataclasses import dataclass
from datetime import datetime

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.scalars import Position, Ref
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.views import Lists
from domain.kernel import Refused
from eventstore.commands import identify
from eventstore.reads import Read
from projections.lists import MAX_PAGE


@dataclass(frozen=True, slots=True)
class PersonalRead:
    """A look at the personal values of a customer, and perhaps of others at the same time: `subjects` are how many.

    `position` is its own in the log of reads, `seen_position` how far the log of events had come. `door` is where the values
    went out; `operation` is what the client called what it asked, and `document` the SHA-256 of it, as hexadecimal digits.
    """

    position: int
    recorded_at: datetime
    actor: str
    door: str
    purpose: str | None
    operation: str | None
    document: str | None
    seen_position: int
    subjects: int


def questions(lists: Lists) -> list[StrawberryField]:
    """`personalReads(customer, first, after)`."""
    arguments = (
        Argument("customer", Ref, "Whose personal values: those of the customer and of all who were merged with it."),
        Argument("first", int, f"How many, at most {MAX_PAGE}.", 20),
        Argument("after", Position | None, "The position to go on after.", None),
    )
    lists.shapes.output_of(PersonalRead)
    return [
        answered(
            "personal_reads", "list[PersonalRead]", sentence_of(PersonalRead), _reads, arguments, within=lists.types
        )
    ]


async def _reads(root: None, info: Info, *, customer: str, first: int, after: int | None) -> list[PersonalRead]:
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} reads at a time.", "first")
    house, whom = info.context.house, identify("customer", customer, "customer")

    def ask() -> list[Read]:
        return house.reads.of({whom, *house.log.reader.kin([whom])}, after or 0, first)

    return [
        PersonalRead(
            position=each.position,
            recorded_at=each.recorded_at,
            actor=each.actor,
            door=each.door,
            purpose=each.purpose,
            operation=each.operation,
            document=None if each.document is None else each.document.hex(),
            seen_position=each.seen,
            subjects=len(each.subjects),
        )
        for each in await info.context.ask(ask)
    ]
