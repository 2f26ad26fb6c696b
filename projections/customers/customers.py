"""The customers: a line for each, to find them by whatever is known and to order them by what they bring."""

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import sql

from domain.customer import CustomerKind, CustomerProfileChanged, CustomerRegistered
from domain.identifiers import IdentifierAdded, IdentifierRemoved, IdentifierType, normalised
from domain.interaction import InteractionLogged, InteractionStarted, MessageReceived, MessageSent
from domain.kernel import Refused
from domain.merging import CustomersMerged
from domain.order import GoodsReturned, LinesReturned, OrderCancelled, OrderLinesCancelled, OrderPlaced
from domain.values import empty
from eventstore.envelope import Recorded
from eventstore.reader import NOW, AsOf
from projections.lists import Lists
from projections.looking_back import rows
from projections.selecting import Condition, Operator, Order
from projections.table import table_of
from projections.takings import take
from projections.view import Row, View

DEFAULT_REGION = "ES"
MAX_WORDS = 10
CHANGED = ("name", "language", "timezone", "country", "territory")
REGISTERED = ("kind", *CHANGED, "source")


class CustomerLine(Row, key="customer_id"):
    """A customer in the list. `identifiers` are `TYPE:normal form`; `held` says which of whose identifiers each one is.

    `name_position` is that of the event by which the name became known, which it can be told by without being told.
    """

    customer_id: UUID
    kind: CustomerKind | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    identifiers: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=empty)
    language: str | None = None
    timezone: str | None = None
    country: str | None = None
    territory: str | None = None
    source: str | None = None
    registered_at: datetime | None = None
    order_count: int = 0
    currency: str | None = None
    revenue: Decimal = Decimal(0)
    other_revenue: Mapping[str, Decimal] = field(default_factory=empty)
    last_order_at: datetime | None = None
    last_contact_at: datetime | None = None
    name_position: int | None = None
    search: str = ""


view = View(
    "customers",
    CustomerLine,
    version=3,
    personal=("name", "email", "phone", "identifiers", "held", "search"),
    indexes=("(revenue desc, customer_id)", "(name, customer_id)", "using gin (identifiers)"),
)


@view.on(CustomerRegistered)
def register(line: CustomerLine, registered: CustomerRegistered, at: Recorded) -> None:
    with named(line, at):
        told(line, registered, at, REGISTERED)
    if is_own(at) or line.registered_at is None:
        line.registered_at = at.occurred_at
    line.search = searchable(line)


@view.on(CustomerProfileChanged)
def change_profile(line: CustomerLine, changed: CustomerProfileChanged, at: Recorded) -> None:
    with named(line, at):
        told(line, changed, at, CHANGED)
    line.search = searchable(line)


@view.on(CustomersMerged)
def prefer(line: CustomerLine, merged: CustomersMerged, at: Recorded) -> None:
    with named(line, at):
        for name in CHANGED:
            setattr(line, name, getattr(merged, name) or getattr(line, name))
    line.search = searchable(line)


@view.on(IdentifierAdded)
def add_identifier(line: CustomerLine, added: IdentifierAdded, at: Recorded) -> None:
    if added.normal is not None:
        line.held = {**line.held, f"{at.stream_id}:{added.number}": f"{added.type}:{added.normal}"}
        line.identifiers = tuple(line.held.values())
    if added.type is IdentifierType.EMAIL:
        line.email = line.email or added.value
    elif added.type is IdentifierType.PHONE:
        line.phone = line.phone or added.value
    line.search = searchable(line)


@view.on(IdentifierRemoved)
def remove_identifier(line: CustomerLine, removed: IdentifierRemoved, at: Recorded) -> None:
    line.held = {key: known for key, known in line.held.items() if key != f"{at.stream_id}:{removed.number}"}
    line.identifiers = tuple(line.held.values())
    left = next((known.partition(":")[2] for known in line.identifiers if known.startswith(f"{removed.type}:")), None)
    if removed.type is IdentifierType.EMAIL:
        line.email = left
    elif removed.type is IdentifierType.PHONE:
        line.phone = left
    line.search = searchable(line)


@view.on(OrderPlaced)
def count_order(line: CustomerLine, placed: OrderPlaced, at: Recorded) -> None:
    line.order_count += 1
    take(line, placed.total)
    line.last_order_at = later(line.last_order_at, at.occurred_at)


@view.on(OrderCancelled, OrderLinesCancelled, LinesReturned, GoodsReturned)
def give_back(
    line: CustomerLine, back: OrderCancelled | OrderLinesCancelled | LinesReturned | GoodsReturned, at: Recorded
) -> None:
    take(line, back.value, -1)


@view.on(InteractionLogged, InteractionStarted, MessageReceived, MessageSent)
def note_contact(
    line: CustomerLine, contact: InteractionLogged | InteractionStarted | MessageReceived | MessageSent, at: Recorded
) -> None:
    line.last_contact_at = later(line.last_contact_at, at.occurred_at)


@contextmanager
def named(line: CustomerLine, at: Recorded) -> Iterator[None]:
    """Notes the event, if the name is another one afterwards."""
    before = line.name
    yield
    if line.name != before:
        line.name_position = at.position


def is_own(at: Recorded) -> bool:
    """Whether a customer's own stream says so, and not that of somebody who was merged into it."""
    return at.stream_id == at.customer_id


def told(line: Any, said: Any, at: Recorded, names: Sequence[str]) -> None:
    """Takes over what is said of a customer: what somebody merged into it says fills what is blank, and no more."""
    for name in names:
        value, known = getattr(said, name), getattr(line, name)
        setattr(line, name, (value or known) if is_own(at) else (known or value))


def later(known: datetime | None, now: datetime) -> datetime:
    """The later of two moments: what is reported late does not move a date back."""
    return now if known is None or now > known else known


def searchable(line: CustomerLine) -> str:
    """What a search goes through: name and identifiers, folded."""
    return folded(" ".join(filter(None, (line.name, line.email, *line.identifiers))))


def folded(text: str) -> str:
    """A text in small letters without accents, so that `muñoz` finds `MUNOZ`."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def find(lists: Lists, identifier: str) -> list[UUID]:
    """Whoever is recognised by an identifier, in whichever form it is typed: an e-mail, a phone, a card or tax number."""
    wanted = []
    for kind in IdentifierType:
        try:
            wanted.append(f"{kind}:{normalised(kind, identifier, DEFAULT_REGION)}")
        except Refused:
            continue
    page = lists.page(view, [Condition("identifiers", Operator.IN, wanted)], [Order("registered_at")])
    return [line.customer_id for line in page.rows]


def carriers(lists: Lists, identifiers: Sequence[str]) -> dict[str, list[UUID]]:
    """Who has each of these identifiers, given as `TYPE:normal form`: two of them at most, and none that nobody has.

    They are looked up before anything is put in order: nobody keeps statistics of personal values, so that the planner takes
    an identifier to be a common one.
    """
    query = sql.SQL(
        "with carrier as materialized (select customer_id, identifiers from {} where identifiers ?| %(wanted)s::text[]) "
        "select wanted, (array_agg(customer_id order by customer_id))[:2] "
        "  from unnest(%(wanted)s::text[]) wanted join carrier on identifiers ? wanted group by wanted"
    ).format(table_of(view).identifier)
    with lists.reading(view, some=True) as (db, _):
        return dict(db.execute(query, {"wanted": list(identifiers)}).fetchall())


def known_as(lists: Lists, customer_ids: Collection[UUID], as_of: AsOf = NOW) -> dict[UUID, CustomerLine]:
    """For each of these customers the line of whom they are taken to be, as of a moment."""
    whom = lists.log.reader.whom(customer_ids, as_of)
    lines = rows(lists, view, set(whom.values()), as_of)
    return {id: lines[other] for id, other in whom.items() if other in lines}


def search(words: str) -> list[Condition]:
    """The conditions under which a customer is found by words: each must be somewhere in name or identifiers."""
    return [Condition("search", Operator.CONTAINS, folded(word)) for word in words.split()[:MAX_WORDS]]
