"""Case notes: what was said of a case within the company, and what another system wrote in its log."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked, derived
from domain.references import CaseId, CustomerId, StaffId
from domain.values import must_say

MAX_NOTES = 900

# What can be asked.


class NoteCase(Command):
    """Write a note that the customer does not see, or keep a line of another system's log as it is, or both in one.

    `activity` is the other system's word for what was done (a code). A note with a reference, such as the key of the
    line, is taken once, and one without is new."""

    case_id: CaseId
    customer_id: CustomerId | None = None
    activity: str | None = None
    text: Text | None = None
    staff_id: StaffId | None = None
    external_ref: str | None = None


# What can have happened.


class CaseNoted(Event, stored_as="case_note.noted.v1"):
    """Somebody of the company wrote a note, or another system logged what changed nothing here; no customer sees it."""

    case_id: CaseId
    customer_id: CustomerId | None
    activity: str | None = None
    text: Told[str]
    staff_id: StaffId | None = None
    external_ref: str | None = None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class CaseNotes:
    """How many notes there are, and the references of those that have one."""

    count: int = 0
    known: frozenset[str] = frozenset()
    customer_id: UUID | None = None


Asked = NoteCase
Happened = CaseNoted


def decide(asked: Asked, notes: CaseNotes) -> Iterator[Event]:
    must_say(asked.external_ref, "The reference", "external_ref")
    must_say(asked.activity, "The activity", "activity")
    must_say(asked.text, "The note", "text")
    if asked.activity is None and asked.text is None:
        raise Refused("Give the activity or the note.", "text")
    if asked.external_ref in notes.known:
        return
    if notes.count >= MAX_NOTES:
        raise Refused(f"A case holds at most {MAX_NOTES} notes: open another case.")
    yield as_asked(CaseNoted, asked, customer_id=asked.customer_id or notes.customer_id)


def evolve(notes: CaseNotes, event: Happened) -> CaseNotes:
    known = notes.known if event.external_ref is None else notes.known | {event.external_ref}
    return CaseNotes(notes.count + 1, known, event.customer_id or notes.customer_id)


def stream(asked: Asked) -> UUID:
    """The notes of a case are a stream of their own, so that they never fill that of the case."""
    return derived("case_note", asked.case_id)


decider = Decider("case_note", Asked, Happened, CaseNotes(), decide, evolve, stream=stream)
