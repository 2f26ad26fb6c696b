"""No query for each row: however many rows a page has, and whatever is selected of them, the statements are as many."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_object_type,
    is_required_argument,
)

from api.house import House
from api.schema import execute, schema
from projections import VIEWS
from projections.table import Table
from projections.view import Column

FEW, MANY = 2, 50
SPACE = UUID(int=4)
START = datetime(2026, 1, 1, tzinfo=UTC)
ATTEMPTS = 5
"""A connection that the pool opens meanwhile has statements of its own, so a count that is too high is taken again."""
SUMMED = "totalCount aggregate { count }"


def identity(n: int) -> UUID:
    """The same few ids for whatever is asked of by id, so that relations lead somewhere."""
    return uuid5(SPACE, str(n))


def value(column: Column, n: int) -> Any:
    """A value for the nth row; None where it can only be made by its view."""
    if isinstance(column.inner, type) and issubclass(column.inner, Enum):
        return list(column.inner)[n % len(column.inner)]
    made: dict[Any, Any] = {
        UUID: identity(n),
        int: n + 1,
        Decimal: Decimal(n),
        str: f"text {n}",
        datetime: START + timedelta(days=n),
        date: START.date() + timedelta(days=n),
        bool: bool(n % 2),
        float: float(n),
    }
    return made.get(column.inner)


@pytest.fixture
def full(house: House) -> None:
    """Rows in the table of every view, made of the types of its columns."""
    for view in (table for owner in VIEWS for table in owner.tables):
        table = Table(view)
        rows = []
        for n in range(MANY):
            said = {column.name: value(column, n) for column in view.columns}
            rows.append(view.row(**{name: each for name, each in said.items() if each is not None}))
        with house.lists.pool_of(view).connection() as db:
            table.upsert(db, rows)


APART = ("checkpoint", "note_read")
"""How far a view is, is looked up when it is not known; and a read is noted once, or twice if others are seen later."""


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that are sent because of what is asked."""
    statements: list[str] = []
    execute_really = psycopg.Cursor.execute

    def counted(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if not any(word in str(query) for word in APART):
            statements.append(str(query))
        return execute_really(self, query, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", counted)
        yield statements


def selection(kind: GraphQLObjectType, only: str | None = None, depth: int = 1) -> str:
    """Everything of a type that can be asked without arguments, or one relation of it and everything of that."""
    parts = []
    for name, field in kind.fields.items():
        if required(field) or (only is not None and name != only):
            continue
        inner = get_named_type(field.type)
        if not is_composite_type(inner):
            parts.append(name)
        elif is_object_type(inner) and depth:
            size = "(first: 2)" if "first" in field.args else ""
            parts.append(f"{name}{size} {{ {selection(inner, depth=depth - 1) or '__typename'} }}")
    return " ".join(parts) or "__typename"


def required(field: GraphQLField) -> bool:
    """Whether a field cannot be asked without arguments."""
    return any(is_required_argument(argument) for argument in field.args.values())


def lists() -> list[tuple[str, GraphQLObjectType]]:
    """Every list of the schema with the type of its rows."""
    query = schema()._schema.query_type
    assert query is not None
    found = []
    for name, field in query.fields.items():
        kind = get_named_type(field.type)
        if isinstance(kind, GraphQLObjectType) and {"nodes", "pageInfo"} <= kind.fields.keys() and not required(field):
            found.append((name, get_named_type(kind.fields["nodes"].type)))
    return found


def relations(kind: GraphQLObjectType) -> list[str]:
    """The fields of a type that are objects themselves, and those that somebody has to answer."""
    return [
        name
        for name, field in kind.fields.items()
        if is_composite_type(get_named_type(field.type)) and not required(field)
    ]


def used(house: House, query: str, monkeypatch: pytest.MonkeyPatch) -> int:
    with counting(monkeypatch) as statements:
        found = execute(house, query)
    assert "errors" not in found, (query, found["errors"])
    return len(statements)


@pytest.mark.timeout(600)
def test_more_rows_do_not_take_more_statements(full: None, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("MAX_COST", "MAX_FIELDS", "MAX_DEPTH"):
        monkeypatch.setattr(f"api.limits.{limit}", 1_000_000)
    more: dict[str, tuple[int, int]] = {}
    for name, kind in lists():
        fields = {field: of for field, of in kind.fields.items() if not required(of)}
        plain = " ".join(field for field, of in fields.items() if not is_composite_type(get_named_type(of.type)))
        for part in [
            plain,
            *(selection(kind, only, depth=2 if name == "customers" else 1) for only in relations(kind)),
        ]:
            query = (
                f"{{ {name}(first: SIZE) {{ nodes {{ {part} }} {'' if name in ('events', 'journal') else SUMMED} }} }}"
            )
            used(house, query.replace("SIZE", str(MANY)), monkeypatch)
            few = used(house, query.replace("SIZE", str(FEW)), monkeypatch)
            many = few + 1
            for _ in range(ATTEMPTS):
                if many > few:
                    many = used(house, query.replace("SIZE", str(MANY)), monkeypatch)
            if many > few:
                more[f"{name}: {part}"] = (few, many)
    assert more == {}


def test_rows_of_every_view_are_there_to_be_asked(full: None, house: House) -> None:
    for view in (table for owner in VIEWS for table in owner.tables):
        assert house.lists.count(view) == MANY
    assert len(lists()) > 10
    assert {"orders", "timeline", "followUps"} <= set(relations(dict(lists())["customers"]))
