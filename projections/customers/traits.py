"""Traits: what may be asked of a customer by a segment, each with the view that knows it, now or as of a moment."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from domain.kernel import Refused
from domain.segment import FIELDS
from eventstore.corrections import concerned_since
from eventstore.reader import NOW, AsOf, Reader
from projections.customers import customer_360, customers, profiles
from projections.facts import Facts, counted
from projections.history import past
from projections.lists import Lists
from projections.marketing import campaigns
from projections.marketing.campaign_members import campaign_steps
from projections.selling import opportunities, products, quotes
from projections.selling.sales import sales
from projections.service import cases
from projections.table import Table
from projections.value import loyalty
from projections.view import View

MANY_EVENTS = 20_000
"""As of a position that lies further back, everybody is folded."""
LINE = {
    name: f"line.{name}" for name in ("kind", "language", "timezone", "country", "territory", "source", "registered_at")
}
CARD = {
    "orders": "coalesce(card.order_count, 0)::numeric",
    "returns": "coalesce(card.returns, 0)::numeric",
    "revenue": "coalesce(card.revenue, 0)",
    "average_order": "card.revenue / nullif(card.order_count, 0)",
    "nps": "card.last_nps::numeric",
    "csat": "card.last_csat::numeric",
    "interests": "card.preferences",
    "first_order_at": "card.first_order_at",
    "last_order_at": "card.last_order_at",
    "last_contact_at": "card.last_contact_at",
    "marketing_consent": """exists (
      select from jsonb_each(card.consents) given where starts_with(given.key, 'MARKETING/') and given.value = 'true')""",
}
PROFILE = {
    "sector": "profile.sector",
    "size": "profile.size",
    "account_manager": "profile.staff_id::text",
    "lifecycle_stage": "profile.stage",
    "roles": "profile.roles",
    "risk_score": "profile.risk_score::numeric",
}
ASKED = {
    "open_opportunities": """(
      select count(*)::numeric from {opportunities}
       where opportunities.customer_id = line.customer_id and opportunities.status = 'OPEN')""",
    "open_cases": """(
      select count(*)::numeric from {cases}
       where cases.customer_id = line.customer_id and cases.status not in ('UNKNOWN', 'RESOLVED', 'CLOSED'))""",
    "campaigns": """(
      select jsonb_agg(distinct campaigns.code) from {campaigns}
       where campaigns.campaign_id in (
         select campaign_id from {campaign_steps}
          where campaign_steps.customer_id = line.customer_id and campaign_steps.kind = 'TARGETED'))""",
    "open_quotes": """(
      select count(*)::numeric from {quotes}
       where quotes.customer_id = line.customer_id and quotes.status in ('REQUESTED', 'DRAFT', 'ISSUED'))""",
    "categories": """(
      select jsonb_agg(distinct products.category) from {products}
       where products.category is not null and products.sku in (
         select sku from {sales} where sales.customer_id = line.customer_id and sales.kind = 'PLACED'))""",
    "tier": """(
      select tier from {loyalty_accounts} where loyalty_accounts.customer_id = line.customer_id and left_at is null
       order by tier_since desc nulls last, account_id limit 1)""",
    "points": """(
      select sum(balance) from {loyalty_accounts}
       where loyalty_accounts.customer_id = line.customer_id and left_at is null)""",
}
"""What is looked up for each customer, in one of SOURCES."""
TRAITS: Mapping[str, str] = {**LINE, **CARD, **PROFILE, **ASKED}
"""The expression of each field over `line`, a customer of the list, `card`, that of the 360, and the `profile`."""
SOURCES = (
    opportunities.view, cases.view, campaigns.view, campaign_steps, quotes.view, products.view, sales, loyalty.view,
)  # fmt: skip
VIEWS = frozenset(view.owner or view.name for view in (customers.view, customer_360.view, profiles.view, *SOURCES))
"""The names of all views that know a trait; facts and versions come with the view that they are of."""


@contextmanager
def customers_with(
    lists: Lists, names: Collection[str], as_of: AsOf
) -> Iterator[tuple[Connection, int, sql.Composable, Mapping[str, sql.Composable]]]:
    """All customers of a moment in one consistent look: how far the log is folded in, what to select from, and the
    expressions of these fields over it; `line.customer_id` is who it is. Raises `Refused` for a field that no view knows.
    """
    if unknown := sorted(set(names) - TRAITS.keys()):
        known = ", ".join(sorted(TRAITS))
        raise Refused(f"No view knows {unknown[0]} of all customers yet. Take one of {known}.", "predicate")
    needed: list[View[Any]] = [customers.view, *([customer_360.view] if CARD.keys() & set(names) else [])]
    reader = lists.log.reader
    sources = {view.name: _source(view, as_of, reader) for view in SOURCES}
    fields = {name: sql.SQL(TRAITS[name]).format(**sources) for name in names}
    with _opened(lists, needed, as_of) as (db, position, tables):
        source = sql.SQL("{} line").format(tables[0])
        if len(tables) > 1:
            source = sql.SQL("{} left join {} card on card.customer_id = line.customer_id").format(source, tables[1])
        if PROFILE.keys() & set(names):
            source = sql.SQL(
                "{} left join (select profiles.* from {}) profile on profile.customer_id = line.customer_id"
            ).format(source, past(profiles.view, as_of, reader))
        yield db, position, source, fields


def _source(view: View[Any], as_of: AsOf, reader: Reader) -> sql.Composable:
    return counted(view, as_of, reader) if isinstance(view, Facts) else past(view, as_of, reader)


@contextmanager
def _opened(
    lists: Lists, views: Collection[View[Any]], as_of: AsOf
) -> Iterator[tuple[Connection, int, list[sql.Composable]]]:
    """The tables of views without a history, or what they held then, in copies which go with the transaction.

    As of a position that is not long past, only the customers are copied to whom something happened since.
    """
    if as_of == NOW:
        with lists.reading(customers.view) as (db, position):
            yield db, position, [Table(view).identifier for view in views]
        return
    position = as_of.position if as_of.position is not None else lists.log.reader.head()
    near = _concerned_since(lists, position) if as_of == AsOf(position=position) else None
    folds = [lists.fold(view, as_of, None if near is None else list(near[0])) for view in views]
    with lists.pool_of(customers.view).connection() as db, db.transaction():
        db.execute("set transaction isolation level repeatable read")
        if near is not None and not _stand_between(db, views, position, near[1]):
            near, folds = None, [lists.fold(view, as_of) for view in views]
        sources: list[sql.Composable] = []
        for view, fold in zip(views, folds, strict=True):
            table = Table(view, f"{view.name}__as_of", schema="pg_temp")
            table.create(db, temporary=True)
            table.copy_in(db, fold.rows.values(), temporary=True)
            sources.append(table.identifier if near is None else _patched(view, table, near[0]))
        yield db, position, sources


def _concerned_since(lists: Lists, position: int) -> tuple[set[UUID], int] | None:
    """To whom something happened since, with everybody who is taken to be the same, and the position up to which that is so.

    None if it would be easier to fold everybody.
    """
    codec = lists.log.codec
    correcting = codec.names(shape.event for shape in codec.shapes.values() if shape.event.corrects)
    with lists.log.pool.connection() as db:
        found = concerned_since(db, position, MANY_EVENTS, correcting)
    if found is None:
        return None
    concerned, head = found
    return concerned | {id for pair in lists.log.reader.kin(concerned).items() for id in pair}, head


def _stand_between(db: Connection, views: Collection[View[Any]], first: int, last: int) -> bool:
    """Whether each of these views has come to a position from the first to the last."""
    found: dict[str, int] = dict(db.execute("select name, position from views.checkpoint").fetchall())
    return all(first <= found.get(view.checkpoint, 0) <= last for view in views)


def _patched(view: View[Any], then: Table[Any], concerned: Collection[UUID]) -> sql.Composable:
    """A view's rows, but for those of some customers, of whom they are what they were then."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in view.columns)
    return sql.SQL("(select {0} from {1} where customer_id <> all({2}::uuid[]) union all select {0} from {3})").format(
        columns, Table(view).identifier, sql.Literal(list(concerned)), then.identifier
    )


assert TRAITS.keys() <= FIELDS.keys()
