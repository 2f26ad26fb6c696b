"""May contact: whether a customer may be turned to, as the policies decide it, and the event that says so."""

from datetime import datetime

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.scalars import Ref
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.views import Lists
from domain.consent import Purpose
from domain.values import Channel
from eventstore.commands import identify
from eventstore.envelope import Happened
from processes.may_contact import ContactPermission, may_contact


def questions(lists: Lists) -> list[StrawberryField]:
    """`mayContact(customer, purpose, channel, at)`."""
    shapes, within = lists.shapes, lists.types
    arguments = (
        Argument("customer", Ref, "Whom."),
        Argument("purpose", shapes.input(Purpose), "What for."),
        Argument("channel", shapes.input(Channel), "By which channel."),
        Argument("at", datetime | None, "When; now, if left out. By what was known then.", None),
    )
    event = answered("event", "Event | None", "The event at this position.", _event, within=within)
    shape = shapes.output_of(ContactPermission, event)
    return [answered("may_contact", shape, sentence_of(ContactPermission), _may, arguments, within=within)]


async def _may(
    root: None, info: Info, *, customer: str, purpose: Purpose, channel: Channel, at: datetime | None
) -> ContactPermission:
    context = info.context
    whom = identify("customer", customer, "customer")
    return await context.ask(may_contact, context.house.log.reader, whom, purpose, channel, at or context.now)


async def _event(root: ContactPermission, info: Info) -> Shown[Happened] | None:
    return None if root.position is None else await info.context.event(root.position)
