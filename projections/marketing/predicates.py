"""Predicates in SQL: the same rows are meant as by `domain.predicate.holds`, all of them in one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import sql

from domain.predicate import FieldKind, Predicate, Test, TestOperator

Where = tuple[sql.Composable, list[Any]]
"""A condition and its parameters."""

NOTHING = {FieldKind.TEXT: "({0} is null or {0} = '')", FieldKind.TEXTS: "coalesce(jsonb_array_length({0}), 0) = 0"}
"""How it is asked whether a field is empty: whether it is null, unless it is one of these."""

COMPARED = {
    TestOperator.EQ: "{} = %s",
    TestOperator.NE: "{} <> %s",
    TestOperator.LT: "{} < %s",
    TestOperator.LTE: "{} <= %s",
    TestOperator.GT: "{} > %s",
    TestOperator.GTE: "{} >= %s",
    TestOperator.IN: "{} = any(%s)",
    TestOperator.NOT_IN: "{} <> all(%s)",
    TestOperator.STARTS_WITH: "starts_with({}, %s)",
    TestOperator.BEFORE_DAYS: "{} < %s",
    TestOperator.WITHIN_DAYS: "{} between %s and %s",
}


def where_of(
    p: Predicate, fields: Mapping[str, sql.Composable], kinds: Mapping[str, FieldKind], now: datetime
) -> Where:
    """The condition for the rows that are meant at a moment. `fields` are the expressions of what a predicate looks at.

    The predicate is one that `must_be_predicate` lets pass.
    """
    if p.test is not None:
        return _test(p.test, fields[p.test.field], kinds[p.test.field], now)
    branch = p.every or p.some or p.no or ()
    parts = [where_of(each, fields, kinds, now) for each in branch]
    joined = sql.SQL(" and " if p.every else " or ").join(part for part, _ in parts)
    return sql.SQL("not ({})" if p.no else "({})").format(joined), [value for _, values in parts for value in values]


def _test(test: Test, field: sql.Composable, kind: FieldKind, now: datetime) -> Where:
    """A comparison with what is missing is false, not unknown: `no` of it is true."""
    if test.operator is TestOperator.IS_EMPTY:
        return sql.SQL(NOTHING.get(kind, "({0} is null)")).format(field), []
    if test.operator is TestOperator.CONTAINS:
        words = "{} ? %s" if kind is FieldKind.TEXTS else "strpos({0}, %s) > 0"
    else:
        words = COMPARED[test.operator]
    return sql.SQL("coalesce({}, false)").format(sql.SQL(words).format(field)), list(_values(test, kind, now))


def _values(test: Test, kind: FieldKind, now: datetime) -> Sequence[Any]:
    match test.operator:
        case TestOperator.IN | TestOperator.NOT_IN:
            return [list(test.texts if kind is FieldKind.TEXT else test.numbers)]
        case TestOperator.WITHIN_DAYS:
            return [now - timedelta(days=int(test.number or 0)), now]
        case TestOperator.BEFORE_DAYS:
            return [now - timedelta(days=int(test.number or 0))]
    return [next(value for value in (test.text, test.number, test.moment, test.flag) if value is not None)]
