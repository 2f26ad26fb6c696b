"""The customer: one by id or identifier, with everything on the card and the lists that belong to it."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema import customer_reports, duplicates, explaining, of_customer, overview, value
from api.schema.context import Context, Info, Shown
from api.schema.filters import text_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.noun import Noun
from api.schema.relation import one
from api.schema.scalars import Position, Ref
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.views import Lists, Part
from domain.identifiers import IdentifierType, normalised
from domain.kernel import Refused
from eventstore.commands import MAX_ID, identify
from eventstore.reader import NOW
from eventstore.reader import AsOf as Moment
from projections.customers import consents, customer_360, customers, data_quality, profiles, relationships
from projections.figures.cubes import CUBES
from projections.selling import orders
from projections.view import Column, View

VIEWS: tuple[View[Any], ...] = (customers.view, customer_360.view)
"""What a customer is shown from: the line in the list, and the card."""
LISTS = (
    "timeline",
    "orders",
    "follow_ups",
    "loyalty_accounts",
    "cases",
    "opportunities",
    "quotes",
    "invoices",
    "agenda",
    "benefits",
    "campaign_members",
    "offers",
    "segment_memberships",
    "entitlements",
    "consents",
    "returns",
)
"""The views of which a customer shows the own rows."""
CALLED = {"consents": "consentRegister", "returns": "returnRequests"}
"""What these are called on a customer: by their own names the card tells something in short."""
PARTS: Sequence[Part] = (
    ((), duplicates.of_customer),
    ((), explaining.of_customer),
    ([cube.facts for cube in CUBES.values()], customer_reports.of_customer),
    ((consents.view,), of_customer.consent),
    ((relationships.view,), lambda lists: of_customer.relationships(lists, shown_customer)),
    ((orders.view,), value.of_customer),
    (overview.VIEWS, overview.of_customer),
)
"""What a customer shows besides the card and the lists, and which views must be there for it."""
HOME = "ES"
"""The region of a phone number without a country code, as long as it is not known whose it is."""


def fields(lists: Lists) -> list[StrawberryField]:
    """The card, and the lists of the customer."""
    on_line = {column.name for column in customers.view.columns} | {"follow_ups"}
    card = [_from_card(lists, column) for column in customer_360.view.columns if column.name not in on_line]
    return [
        *card,
        answered(
            "identifiers",
            list[str],
            "What they are recognised by, as `TYPE:normal form`.",
            _identifiers,
            within=lists.types,
        ),
        answered("position", Position, "How far the log has been taken in here.", _position, within=lists.types),
        *one(lists, "profile", profiles.view, "customer_id", "What the customer is to the company."),
        *one(lists, "quality", data_quality.view, "customer_id", "What is missing of the customer, and does not work."),
        *lists.parts(PARTS),
        *(_own(lists, view) for view in LISTS if view in lists.nouns),
    ]


def _own(lists: Lists, view: str) -> StrawberryField:
    field = lists.field(view, of_customer=True)
    field.graphql_name = CALLED.get(view, field.graphql_name)
    return field


noun = Noun(
    customers.view,
    "Customer",
    hidden=("search", "held"),
    fields=fields,
    searched="search",
    words=sentence_of(customer_360.CustomerCard),
)


def _from_card(lists: Lists, column: Column) -> StrawberryField:
    async def read(root: Shown[Any], info: Info) -> Any:
        key = root.row.customer_id
        card = await info.context.row(customer_360.view, key, root.as_of)
        return getattr(card if card is not None else customer_360.CustomerCard(key), column.name)

    field = answered(column.name, lists.shapes.output(column.hint, column.name), "", read, within=lists.types)
    field.description = None
    return field


def _identifiers(root: Shown[customers.CustomerLine], info: Info) -> list[str]:
    info.context.saw(root.row.customer_id)
    return [known for known in root.row.identifiers if known]


async def _position(root: Shown[Any], info: Info) -> int:
    house = info.context.house

    def positions(moments: list[Moment]) -> dict[Moment, int]:
        reached = min(house.lists.position(view) for view in VIEWS) if NOW in moments else 0
        looked_back = [moment for moment in moments if moment != NOW]
        head = house.log.reader.head() if any(moment.position is None for moment in looked_back) else 0
        return {
            moment: reached if moment == NOW else head if moment.position is None else moment.position
            for moment in moments
        }

    return await info.context.each("position", positions, root.as_of)


def questions(lists: Lists) -> list[StrawberryField]:
    """`customer(id | identifier, asOf, atLeast)` and `duplicates(first, after, minScore, asOf)`."""
    arguments = (
        Argument("id", Ref | None, "The customer's id."),
        Argument(
            "identifier", str | None, "Or an e-mail, a phone, a tax id, a card ... `EMAIL:ana@example.com` says which."
        ),
        AS_OF,
        AT_LEAST,
    )
    return [
        answered(
            "customer", "Customer | None", sentence_of(customer_360.CustomerCard), _find, arguments, within=lists.types
        ),
        duplicates.make(lists, shown_customer),
    ]


async def recognised(context: Context, text: str) -> UUID | None:
    """Whom somebody means who types an id or an identifier. Raises `Refused` if that is more than one."""
    try:
        return identify("customer", text, "identifier")
    except Refused:
        return await context.ask(_recognise, context, text)


async def _find(
    root: None,
    info: Info,
    *,
    id: str | None = None,
    identifier: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> Shown[Any] | None:
    context, moment = info.context, moment_of(as_of)
    if (id is None) == (identifier is None):
        raise Refused("Name the customer either by id or by identifier.", "id")
    if identifier is not None and moment != NOW:
        raise Refused(
            "An identifier is looked up as it is now: leave asOf out, or name the customer by id.", "identifier"
        )
    if moment == NOW:
        await reached(context, VIEWS, at_least)
    key = (
        identify("customer", id, "id")
        if id is not None
        else await context.ask(_recognise, context, cast(str, identifier))
    )
    return await _shown(context, key, moment)


async def _shown(context: Context, key: UUID | None, as_of: Moment) -> Shown[Any] | None:
    """The customer that this one is taken to be."""
    if key is None:
        return None
    lines = partial(customers.known_as, context.house.lists, as_of=as_of)
    row: customers.CustomerLine | None = await context.each(("customer", as_of), lines, key)
    return None if row is None else Shown(row, as_of)


def _recognise(context: Context, text: str) -> UUID | None:
    """Whom an identifier belongs to. Raises `Refused` if that is more than one."""
    if len(text) > MAX_ID:
        raise Refused(f"An identifier has at most {MAX_ID} characters.", "identifier")
    tried = candidates(text_of(text, "identifier"))
    found = customers.carriers(context.house.lists, tried)
    known = next((each for each in tried if each in found), None)
    if known is None:
        return None
    if len(found[known]) == 1:
        return found[known][0]
    kind, _, normal = known.partition(":")
    if (owner := context.house.log.owner(kind, normal)) is not None:
        return owner
    raise Refused(
        f'More than one has it. List them: customers(filter: {{identifiers: {{contains: "{known}"}}}}).', "identifier"
    )


def candidates(text: str) -> list[str]:
    """What an identifier may be, in the form in which views keep it."""
    kind, colon, rest = text.partition(":")
    named = IdentifierType.__members__.get(kind.strip().upper()) if colon else None
    tried = [(named, rest)] if named is not None else [(each, text) for each in IdentifierType]
    found = []
    for each, given in tried:
        try:
            found.append(f"{each}:{normalised(each, given, HOME)}")
        except Refused:
            if named is not None:
                raise Refused("This cannot be an identifier of that type. Correct it.", "identifier") from None
    return found


def customer_of(lists: Lists) -> StrawberryField:
    """The customer of an order, a line of the timeline, a follow-up, an event."""

    async def read(root: Any, info: Info) -> Shown[Any] | None:
        return await shown_customer(info, root.row.customer_id, root)

    return answered("customer", "Customer | None", "Whose it is.", read, within=lists.types)


async def shown_customer(info: Info, key: UUID | None, root: Any = None) -> Shown[Any] | None:
    """A customer, looked at from the same moment as what it belongs to."""
    return await _shown(info.context, key, root.as_of if isinstance(root, Shown) else NOW)
