"""Predicates: which rows are meant, written as a small tree of tests that nobody has to trust as code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar
from uuid import UUID

from domain.kernel import Refused
from domain.values import MAX_AMOUNT, fault

MAX_DEPTH = 8
"""Predicates within predicates, the outermost counted."""
MAX_TESTS = 100
MAX_CHOICES = 100
MAX_DAYS = 36_525


class FieldKind(StrEnum):
    """What a field holds: TEXTS is a list of texts, MOMENT a time with its zone."""

    TEXT = "TEXT"
    NUMBER = "NUMBER"
    MOMENT = "MOMENT"
    FLAG = "FLAG"
    TEXTS = "TEXTS"


class TestOperator(StrEnum):
    """How a field is compared; WITHIN_DAYS is in the last so many days, BEFORE_DAYS is longer ago than that."""

    __test__ = False  # pytest takes every class whose name begins like this for its own

    EQ = "EQ"
    NE = "NE"
    LT = "LT"
    LTE = "LTE"
    GT = "GT"
    GTE = "GTE"
    IN = "IN"
    NOT_IN = "NOT_IN"
    CONTAINS = "CONTAINS"
    STARTS_WITH = "STARTS_WITH"
    IS_EMPTY = "IS_EMPTY"
    WITHIN_DAYS = "WITHIN_DAYS"
    BEFORE_DAYS = "BEFORE_DAYS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One comparison of a field with the one value that its kind calls for; nothing passes where the field is empty."""

    __test__: ClassVar[bool] = False

    field: str
    operator: TestOperator
    text: str | None = None
    number: Decimal | None = None
    moment: datetime | None = None
    flag: bool | None = None
    texts: tuple[str, ...] = ()
    numbers: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """Exactly one of four: `every` one of these holds, `some` of them does, `no` one does, or one `test` passes."""

    every: tuple["Predicate", ...] | None = None
    some: tuple["Predicate", ...] | None = None
    no: tuple["Predicate", ...] | None = None
    test: Test | None = None


_EITHER = (TestOperator.EQ, TestOperator.NE)
_ORDER = (*_EITHER, TestOperator.LT, TestOperator.LTE, TestOperator.GT, TestOperator.GTE)
_CHOICE = (TestOperator.IN, TestOperator.NOT_IN)
_PART = (TestOperator.CONTAINS, TestOperator.STARTS_WITH)
_DAYS = (TestOperator.WITHIN_DAYS, TestOperator.BEFORE_DAYS)
_EMPTY = {TestOperator.IS_EMPTY: ""}

TAKES: Mapping[FieldKind, Mapping[TestOperator, str]] = MappingProxyType(
    {
        FieldKind.TEXT: dict.fromkeys((*_EITHER, *_PART), "text") | dict.fromkeys(_CHOICE, "texts") | _EMPTY,
        FieldKind.NUMBER: dict.fromkeys(_ORDER, "number") | dict.fromkeys(_CHOICE, "numbers") | _EMPTY,
        FieldKind.MOMENT: dict.fromkeys(_ORDER, "moment") | dict.fromkeys(_DAYS, "number") | _EMPTY,
        FieldKind.FLAG: dict.fromkeys(_EITHER, "flag") | _EMPTY,
        FieldKind.TEXTS: {TestOperator.CONTAINS: "text"} | _EMPTY,
    }
)
"""Which value of a test each operator takes, by the kind of the field; none is ''."""


def must_be_predicate(p: Predicate, field: str, known_fields: Mapping[str, FieldKind] | None = None) -> None:
    """Refused, with the path of what is wrong, unless this can be asked of rows that have the known fields.

    Without known fields, the value of each test says what kind its field is of.
    """
    for count, (path, test) in enumerate(_tests(p, "", 1, field), 1):
        if count > MAX_TESTS:
            raise Refused(f"This predicate has more than {MAX_TESTS} tests. Ask for less.", field)
        if reason := _wrong(test, path, known_fields):
            raise Refused(reason, field)


def _tests(p: Predicate, path: str, depth: int, field: str) -> Iterator[tuple[str, Test]]:
    """Every test with its path. Refused if the tree has another form than it must."""
    place = path.rstrip(".") or field
    if depth > MAX_DEPTH:
        raise Refused(f"At {place}: predicates lie at most {MAX_DEPTH} deep within one another.", field)
    branches = [(name, inside) for name, inside in _branches(p) if inside is not None]
    if len(branches) + (p.test is not None) != 1:
        raise Refused(f"At {place}: give exactly one of every, some, no and test.", field)
    if p.test is not None:
        yield f"{path}test", p.test
    for name, inside in branches:
        if not inside:
            raise Refused(f"At {path}{name}: give one predicate at least.", field)
        for n, each in enumerate(inside):
            yield from _tests(each, f"{path}{name}[{n}].", depth + 1, field)


def _branches(p: Predicate) -> tuple[tuple[str, tuple[Predicate, ...] | None], ...]:
    return ("every", p.every), ("some", p.some), ("no", p.no)


def _wrong(test: Test, path: str, known_fields: Mapping[str, FieldKind] | None) -> str | None:
    """What is wrong with a test, as a sentence."""
    operator = test.operator
    if known_fields is None:
        if not test.field.strip():
            return f"At {path}.field: name a field."
        wanted = {takes[operator]: None for takes in TAKES.values() if operator in takes}
    elif (kind := known_fields.get(test.field)) is None:
        return f"At {path}.field: there is no field {test.field!r}. Take one of {', '.join(sorted(known_fields))}."
    elif operator not in TAKES[kind]:
        return f"At {path}.operator: a {kind} such as {test.field} takes one of {', '.join(TAKES[kind])}."
    else:
        wanted = {TAKES[kind][operator]: None}
    given = _given(test)
    if spare := [name for name in given if name not in wanted]:
        return f"At {path}.{spare[0]}: leave it out, {operator} takes {' or '.join(wanted) or 'no value'} here."
    if len(given) > 1:
        return f"At {path}.{given[1]}: leave it out, one value is enough."
    if not given and "" not in wanted:
        return f"At {path}.{next(iter(wanted))}: give what {operator} compares {test.field} with."
    return _unfit(test, path)


def _given(test: Test) -> list[str]:
    single = {"text": test.text, "number": test.number, "moment": test.moment, "flag": test.flag}
    lists = {"texts": test.texts, "numbers": test.numbers}
    return [name for name, value in single.items() if value is not None] + [name for name, v in lists.items() if v]


def _unfit(test: Test, path: str) -> str | None:
    for name, texts in (("text", () if test.text is None else (test.text,)), ("texts", test.texts)):
        if any(not text.strip() for text in texts):
            return f"At {path}.{name}: a blank text is not found by comparing; use IS_EMPTY."
    for name, numbers in (("number", () if test.number is None else (test.number,)), ("numbers", test.numbers)):
        for number in numbers:
            if wrong := fault(number.copy_abs()):
                return f"At {path}.{name}: it {wrong.replace(f'less than {MAX_AMOUNT}', f'within ±{MAX_AMOUNT}')}."
    if max(len(test.texts), len(test.numbers)) > MAX_CHOICES:
        return f"At {path}: give at most {MAX_CHOICES} values to choose from."
    if test.moment is not None and test.moment.utcoffset() is None:
        return f"At {path}.moment: give it with its offset, such as 2026-01-31T10:00:00Z."
    days = test.number if test.operator in _DAYS else None
    if days is not None and not (0 <= days <= MAX_DAYS and days == int(days)):
        return f"At {path}.number: give whole days, from 0 to {MAX_DAYS}."
    return None


def holds(p: Predicate, row: Mapping[str, object], now: datetime) -> bool:
    """Whether a row is meant, at this moment (with its zone). Never raises for what `must_be_predicate` lets pass.

    A comparison with what is missing, or of another kind, is false; so NE and NOT_IN do not find empty fields.
    """
    if p.every is not None:
        return all(holds(each, row, now) for each in p.every)
    if p.some is not None:
        return any(holds(each, row, now) for each in p.some)
    if p.no is not None:
        return not any(holds(each, row, now) for each in p.no)
    return p.test is not None and passes(p.test, row.get(p.test.field), now)


def passes(test: Test, value: object, now: datetime) -> bool:
    """Whether a value passes a test; texts are compared to the letter."""
    if isinstance(value, UUID):
        value = str(value)
    match test.operator:
        case TestOperator.IS_EMPTY:
            return value is None or (isinstance(value, str | tuple | list) and not value)
        case TestOperator.IN | TestOperator.NOT_IN:
            choices = test.texts or test.numbers
            found = any(_order(value, each) == 0 for each in choices)
            return found if test.operator is TestOperator.IN else not found and _order(value, choices[0]) is not None
        case TestOperator.CONTAINS:
            return test.text is not None and isinstance(value, str | tuple | list) and test.text in value
        case TestOperator.STARTS_WITH:
            return test.text is not None and isinstance(value, str) and value.startswith(test.text)
        case TestOperator.WITHIN_DAYS | TestOperator.BEFORE_DAYS:
            if test.number is None or not isinstance(value, datetime) or value.utcoffset() is None:
                return False
            ago, span = now - value, timedelta(days=int(test.number))
            return ago > span if test.operator is TestOperator.BEFORE_DAYS else timedelta(0) <= ago <= span
    wanted = next((each for each in (test.text, test.number, test.moment, test.flag) if each is not None), None)
    order = _order(value, wanted)
    if order is None:
        return False
    match test.operator:
        case TestOperator.EQ:
            return order == 0
        case TestOperator.NE:
            return order != 0
        case TestOperator.LT:
            return order < 0
        case TestOperator.LTE:
            return order <= 0
        case TestOperator.GT:
            return order > 0
        case TestOperator.GTE:
            return order >= 0


def _order(value: object, wanted: object) -> int | None:
    """Whether a value is less (-1), the same (0) or more (1); None if the two are not of one kind."""
    match value, wanted:
        case str(), str():
            return (value > wanted) - (value < wanted)
        case bool(), bool():
            return int(value) - int(wanted)
        case bool(), _:
            return None
        case (Decimal() | int(), Decimal()):
            known = Decimal(value)
            return (known > wanted) - (known < wanted) if known.is_finite() else None
        case datetime(), datetime():
            return (value > wanted) - (value < wanted) if value.utcoffset() is not None else None
        case _:
            return None


def fields_of(p: Predicate) -> frozenset[str]:
    """The fields that a predicate looks at."""
    return frozenset(test.field for test in tests_of(p))


def tests_of(p: Predicate) -> Iterator[Test]:
    """Every test of a predicate."""
    if p.test is not None:
        yield p.test
    for _, inside in _branches(p):
        for each in inside or ():
            yield from tests_of(each)
