"""The agenda of somebody as an iCalendar file (RFC 5545), to be opened in or subscribed to from any calendar."""

import hmac
from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import UUID

from fastapi import APIRouter, Response
from icalendar import Calendar, Component, Event, Todo

from api.house import House
from domain.activity import ActivityScheduled, ActivityStatus
from eventstore.database import Unavailable, reachable
from processes.links import read_token, token
from projections.lists import MAX_PAGE
from projections.selecting import Condition, Operator, Order
from projections.touchpoints import absences, agenda
from projections.touchpoints.absences import AbsenceEntry
from projections.touchpoints.agenda import DAY, AgendaEntry, keeps_busy
from projections.view import R, View

MAX_ENTRIES = 10_000
"""How many activities, and absences, of one person a calendar holds: the latest ones."""
SUBJECTS_AT_ONCE = 1_000
RETRY_AFTER_S = 5
MEDIA_TYPE = "text/calendar; charset=utf-8"
PRODUCT = "-//Bitacora//Agenda//EN"

OF_TODO = {
    ActivityStatus.STARTED: "IN-PROCESS",
    ActivityStatus.COMPLETED: "COMPLETED",
    ActivityStatus.CANCELLED: "CANCELLED",
}
"""What a status is called of a task; any other needs action."""


def calendar_of(house: House, staff_id: UUID) -> bytes:
    """Everything in the agenda of somebody of the company, absences included; the same log gives the same bytes.

    What starts is an event and what is only due is a task; what was called off stays, marked as such. Times are in UTC.
    """
    entries = entries_of(house, agenda.view, staff_id)
    said = scheduled(house, [entry.scheduled_position for entry in entries])
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    for entry in entries:
        if entry.starts_at is not None or entry.due_at is not None:
            calendar.add_component(activity(entry, said.get(entry.scheduled_position)))
    for away in entries_of(house, absences.view, staff_id):
        if away.starts_at is not None:
            calendar.add_component(absence(away))
    return bytes(calendar.to_ical())


def entries_of(house: House, view: View[R], staff_id: UUID) -> list[R]:
    """The rows of somebody, the latest first as the limit is about them, in an order that is always the same."""
    found: list[R] = []
    after: str | None = None
    while len(found) < MAX_ENTRIES:
        page = house.lists.page(
            view,
            [Condition("staff_id", Operator.EQ, staff_id)],
            [Order("starts_at", True)],
            first=min(MAX_PAGE, MAX_ENTRIES - len(found)),
            after=after,
        )
        found += page.rows
        if not page.has_next:
            break
        after = page.cursors[-1]
    return found


def scheduled(house: House, positions: list[int]) -> dict[int, ActivityScheduled]:
    """What was said when activities were scheduled, personal values included, by position in the log."""
    found: dict[int, ActivityScheduled] = {}
    for begin in range(0, len(positions), SUBJECTS_AT_ONCE):
        for position, happened in house.log.reader.personal(positions[begin : begin + SUBJECTS_AT_ONCE]).items():
            if isinstance(happened.event, ActivityScheduled):
                found[position] = happened.event
    return found


def activity(entry: AgendaEntry, said: ActivityScheduled | None) -> Component:
    """An activity; without its words, if they are forgotten, what kind it is."""
    kind = worded(entry.kind or "activity")
    component: Component = Todo() if entry.starts_at is None else Event()
    component.add("uid", str(entry.activity_id))
    component.add("dtstamp", entry.changed_at)
    component.add("sequence", entry.rescheduled)
    component.add("summary", said.subject if said is not None and said.subject else kind)
    component.add("categories", [kind])
    if said is not None and said.place:
        component.add("location", said.place)
    if entry.starts_at is None:
        component.add("due", entry.due_at)
        component.add("status", OF_TODO.get(entry.status, "NEEDS-ACTION"))
        return component
    for name, value in times(entry, entry.starts_at):
        component.add(name, value)
    component.add("status", status(entry))
    component.add("transp", "OPAQUE" if keeps_busy(entry) else "TRANSPARENT")
    return component


def times(entry: AgendaEntry, starts_at: datetime) -> Iterator[tuple[str, date]]:
    """The start, and the end if it is known; of whole days the dates.

    A day begins at midnight where its people are. Wherever that is, up to twelve hours from Greenwich, twelve hours
    later it is the same date there and in UTC.
    """
    if entry.all_day and entry.ends_at is not None:
        first = (starts_at.astimezone(UTC) + DAY / 2).date()
        yield "dtstart", first
        yield "dtend", first + max(1, -((starts_at - entry.ends_at) // DAY)) * DAY
    else:
        yield "dtstart", starts_at
        if entry.ends_at is not None:
            yield "dtend", entry.ends_at


def status(entry: AgendaEntry) -> str:
    """As RFC 5545 has it: what nobody has accepted yet is tentative."""
    if entry.status is ActivityStatus.CANCELLED:
        return "CANCELLED"
    return "TENTATIVE" if entry.status is ActivityStatus.SCHEDULED and entry.accepted is not True else "CONFIRMED"


def absence(away: AbsenceEntry) -> Component:
    """An absence, during which nobody can be given work."""
    event = Event()
    event.add("uid", str(away.absence_id))
    event.add("dtstamp", away.changed_at)
    event.add("sequence", away.planned - 1)
    event.add("summary", worded(away.kind or "absence"))
    event.add("categories", ["Absence"])
    event.add("dtstart", away.starts_at)
    event.add("dtend", away.ends_at)
    event.add("status", "CANCELLED" if away.cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if away.cancelled else "OPAQUE")
    return event


def worded(code: str) -> str:
    """A code as people read it: FIELD_SERVICE is Field service."""
    return code.replace("_", " ").capitalize()


# How it is subscribed to.


def link_to(house: House, staff_id: UUID) -> str:
    """The address of somebody's calendar. Whoever has it can read the calendar: there is no other key."""
    return f"{house.settings.public_url}/agenda/{token(agenda_secret(house), staff_id)}.ics"


def agenda_secret(house: House) -> bytes:
    """The secret behind the links to calendars; another one than that of the surveys, so that neither opens the other."""
    return hmac.digest(house.link_secret, b"bitacora-agenda/1", "sha256")


def agenda_calendars(house: House) -> APIRouter:
    """The calendars, under /agenda/."""
    router = APIRouter(include_in_schema=False)
    secret = agenda_secret(house)

    @router.get("/agenda/{token}.ics")
    def calendar(token: str) -> Response:
        staff_id = read_token(secret, token)
        if staff_id is None:
            return Response("There is no such calendar. Ask for the link again.\n", 404, media_type="text/plain")
        try:
            with reachable():
                return Response(calendar_of(house, staff_id), media_type=MEDIA_TYPE)
        except Unavailable as error:
            away = {"Retry-After": str(RETRY_AFTER_S)}
            return Response(f"{error}\n", 503, headers=away, media_type="text/plain")

    return router
