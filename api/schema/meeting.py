"""Meeting: when several people are free, when they could meet, and how much each still has to do."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.moments import AS_OF, AT_LEAST, AsOf, instant_of, moment_reached
from api.schema.scalars import Ref
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.staff import people
from api.schema.views import Lists
from domain.values import Period
from projections.touchpoints import absences, agenda, agenda_load, free_slots
from projections.touchpoints.agenda_load import AgendaLoad


@dataclass(frozen=True, slots=True)
class StaffFreeBusy:
    """When one of several people is free, and when busy."""

    staff_id: UUID
    free: tuple[Period, ...]
    busy: tuple[Period, ...]


VIEWS = (agenda.view, absences.view)

WHO = Argument("staff_ids", list[Ref], f"Who, {agenda.MAX_PEOPLE} at most.")
FROM = Argument("from_", datetime, "From this moment on.")
TO = Argument("to", datetime, f"Up to this one, at most {agenda.MAX_FREE_BUSY_DAYS} days later.")


def others(lists: Lists) -> list[StrawberryField]:
    """`freeBusyOfEach(staffIds, from, to)`, `freeSlots(staffIds, minutes, from, to, calendar, first)`, `agendaLoad(staffIds)`."""
    within = lists.types
    return [
        answered(
            "free_busy_of_each",
            lists.shapes.output(tuple[StaffFreeBusy, ...]),
            "When each of several people is free.",
            _free_busy,
            (WHO, FROM, TO, AS_OF, AT_LEAST),
            within=within,
        ),
        answered(
            "free_slots",
            lists.shapes.output(tuple[Period, ...]),
            "The first slots of so many minutes in which all of these people are free and the company is open.",
            _slots,
            (
                WHO,
                Argument("minutes", int, f"How long, at most {free_slots.MAX_MINUTES:,}."),
                FROM,
                TO,
                Argument("calendar", str | None, "The business calendar whose hours count."),
                Argument("first", int, f"How many slots, at most {free_slots.MAX_SLOTS}.", 1),
                AS_OF,
                AT_LEAST,
            ),
            within=within,
        ),
        answered(
            "agenda_load",
            lists.shapes.output(tuple[AgendaLoad, ...]),
            f"{sentence_of(AgendaLoad)} Who has most that is overdue comes first.",
            _load,
            (Argument("staff_ids", list[Ref] | None, "Of these people alone."), AS_OF, AT_LEAST),
            within=within,
        ),
    ]


async def _free_busy(
    root: None,
    info: Info,
    *,
    staff_ids: list[str],
    from_: datetime,
    to: datetime,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[StaffFreeBusy]:
    context = info.context
    moment = await moment_reached(context, VIEWS, as_of, at_least)
    whom = people(staff_ids) or []
    found = await context.ask(agenda.free_busy_of_each, context.house.lists, whom, from_, to, as_of=moment)
    return [StaffFreeBusy(who, found[who].free, found[who].busy) for who in dict.fromkeys(whom)]


async def _slots(
    root: None,
    info: Info,
    *,
    staff_ids: list[str],
    minutes: int,
    from_: datetime,
    to: datetime,
    first: int,
    calendar: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[Period]:
    context = info.context
    moment = await moment_reached(context, VIEWS, as_of, at_least)
    return await context.ask(
        free_slots.free_slots,
        context.house.lists,
        people(staff_ids) or [],
        minutes,
        from_,
        to,
        calendar=calendar,
        first=first,
        as_of=moment,
    )


async def _load(
    root: None,
    info: Info,
    *,
    staff_ids: list[str] | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[AgendaLoad]:
    context = info.context
    moment = await moment_reached(context, VIEWS, as_of, at_least)
    return await context.ask(
        agenda_load.agenda_load,
        context.house.lists,
        await instant_of(context, moment),
        staff_ids=people(staff_ids),
        as_of=moment,
    )
