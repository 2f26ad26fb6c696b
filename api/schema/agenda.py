"""The agenda, soonest first, with what each thing is about, and when somebody is free."""

from datetime import datetime

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import customer_of
from api.schema.meeting import others
from api.schema.moments import AS_OF, AT_LEAST, AsOf, instant_of, moment_reached
from api.schema.noun import Noun
from api.schema.relation import told
from api.schema.scalars import Ref
from api.schema.shapes import Argument, answered, output, shown
from api.schema.staff import staff_of
from api.schema.views import Lists
from domain.values import Period
from eventstore.commands import identify
from projections.selecting import Order
from projections.touchpoints import absences, agenda
from projections.touchpoints.agenda import AgendaEntry, FreeBusy


def fields(lists: Lists) -> list[StrawberryField]:
    """Whose it is, and the words, which are read from the log only when they are shown."""
    return [
        customer_of(lists),
        told(lists, "subject", str | None, "scheduled_position", "What it is about."),
        told(lists, "place", str | None, "scheduled_position", "Where it is."),
        answered("overdue", bool, "Whether it should have been done by now.", _overdue, within=lists.types),
        *staff_of(lists),
    ]


noun = Noun(agenda.view, "AgendaEntry", order=(Order("starts_at"), Order("due_at")), fields=fields)
away = Noun(absences.view, "Absence", order=(Order("starts_at"),), fields=staff_of)


def questions(lists: Lists) -> list[StrawberryField]:
    """`freeBusy`, `freeBusyOfEach`, `freeSlots` and `agendaLoad`."""
    return [_one_free_busy(lists), *others(lists)]


def _one_free_busy(lists: Lists) -> StrawberryField:
    """`freeBusy(staffId, from, to, asOf, atLeast)`."""
    within = lists.types
    periods = lists.shapes.output(tuple[Period, ...])
    within["FreeBusy"] = output(
        "FreeBusy",
        "When somebody is free and when not, in order, from the one moment to the other without a gap.",
        [shown("free", periods, within=within), shown("busy", periods, within=within)],
    )
    arguments = (
        Argument("staff_id", Ref, "Who."),
        Argument("from_", datetime, "From this moment on."),
        Argument("to", datetime, f"Up to this one, at most {agenda.MAX_FREE_BUSY_DAYS} days later."),
        AS_OF,
        AT_LEAST,
    )
    return answered(
        "free_busy", "FreeBusy", "When somebody of the company is free.", _free_busy, arguments, within=within
    )


async def _free_busy(
    root: None,
    info: Info,
    *,
    staff_id: str,
    from_: datetime,
    to: datetime,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> FreeBusy:
    context = info.context
    moment = await moment_reached(context, (agenda.view, absences.view), as_of, at_least)
    whom = identify("staff", staff_id, "staffId")
    return await context.ask(agenda.free_busy, context.house.lists, whom, from_, to, as_of=moment)


async def _overdue(root: Shown[AgendaEntry], info: Info) -> bool:
    return agenda.is_overdue(root.row, await instant_of(info.context, root.as_of))
