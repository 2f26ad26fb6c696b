"""Predicates."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel import Refused
from domain.predicate import (
    MAX_CHOICES,
    MAX_DEPTH,
    MAX_TESTS,
    TAKES,
    FieldKind,
    Predicate,
    Test,
    TestOperator,
    fields_of,
    holds,
    must_be_predicate,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KNOWN: Mapping[str, FieldKind] = {
    "country": FieldKind.TEXT,
    "orders": FieldKind.NUMBER,
    "last_order_at": FieldKind.MOMENT,
    "consent": FieldKind.FLAG,
    "tags": FieldKind.TEXTS,
}
EQ, NE, IN, NOT_IN = TestOperator.EQ, TestOperator.NE, TestOperator.IN, TestOperator.NOT_IN


def test(field: str, operator: TestOperator, **value: Any) -> Predicate:
    return Predicate(test=Test(field=field, operator=operator, **value))


test.__test__ = False  # type: ignore[attr-defined]  # it makes one, and is none

SPAIN = test("country", EQ, text="ES")
BUYS = test("orders", TestOperator.GTE, number=Decimal(3))

# What a predicate may be.


def refusal(p: Predicate, known: Mapping[str, FieldKind] | None = KNOWN) -> str:
    with pytest.raises(Refused) as refused:
        must_be_predicate(p, "predicate", known)
    assert refused.value.field == "predicate"
    return refused.value.reason


@pytest.mark.parametrize("known", [KNOWN, None])
def test_every_operator_takes_the_value_of_its_kind(known: Mapping[str, FieldKind] | None) -> None:
    values: dict[str, dict[str, Any]] = {
        "text": {"text": "ES"},
        "number": {"number": Decimal(3)},
        "moment": {"moment": NOW},
        "flag": {"flag": False},
        "texts": {"texts": ("ES", "PT")},
        "numbers": {"numbers": (Decimal(-1), Decimal("2.5"))},
        "": {},
    }
    names = {kind: name for name, kind in KNOWN.items()}
    for kind, operators in TAKES.items():
        for operator, part in operators.items():
            must_be_predicate(test(names[kind], operator, **values[part]), "predicate", known)


@pytest.mark.parametrize(
    ("p", "sentence"),
    [
        (Predicate(), "At predicate: give exactly one of every, some, no and test."),
        (Predicate(every=(SPAIN,), test=BUYS.test), "At predicate: give exactly one of every, some, no and test."),
        (Predicate(some=(SPAIN,), no=(BUYS,)), "At predicate: give exactly one of every, some, no and test."),
        (Predicate(every=(SPAIN, Predicate())), "At every[1]: give exactly one of every, some, no and test."),
        (Predicate(every=(SPAIN, Predicate(no=()))), "At every[1].no: give one predicate at least."),
        (
            Predicate(every=(SPAIN, test("orders", EQ))),
            "At every[1].test.number: give what EQ compares orders with.",
        ),
        (
            Predicate(every=(Predicate(some=(SPAIN, test("orders", EQ, text="3"))),)),
            "At every[0].some[1].test.text: leave it out, EQ takes number here.",
        ),
        (
            test("country", TestOperator.IS_EMPTY, text="ES"),
            "At test.text: leave it out, IS_EMPTY takes no value here.",
        ),
        (
            test("town", EQ, text="Vigo"),
            "At test.field: there is no field 'town'. Take one of consent, country, last_order_at, orders, tags.",
        ),
        (
            test("consent", TestOperator.LT, flag=True),
            "At test.operator: a FLAG such as consent takes one of EQ, NE, IS_EMPTY.",
        ),
        (test("country", EQ, text=" "), "At test.text: a blank text is not found by comparing; use IS_EMPTY."),
        (
            test("country", IN, texts=("ES", "")),
            "At test.texts: a blank text is not found by comparing; use IS_EMPTY.",
        ),
        (test("orders", EQ, number=Decimal("NaN")), "At test.number: it must be a number."),
        (test("orders", IN, numbers=(Decimal("-1e12"),)), "At test.numbers: it must be within ±1000000000000."),
        (
            test("orders", IN, numbers=(Decimal(1),) * (MAX_CHOICES + 1)),
            "At test: give at most 100 values to choose from.",
        ),
        (
            test("last_order_at", EQ, moment=datetime(2026, 1, 1)),  # noqa: DTZ001  # that is what is wrong
            "At test.moment: give it with its offset, such as 2026-01-31T10:00:00Z.",
        ),
        (
            test("last_order_at", TestOperator.WITHIN_DAYS, number=Decimal("0.5")),
            "At test.number: give whole days, from 0 to 36525.",
        ),
        (
            test("last_order_at", TestOperator.BEFORE_DAYS, number=Decimal(-1)),
            "At test.number: give whole days, from 0 to 36525.",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_path(p: Predicate, sentence: str) -> None:
    assert refusal(p) == sentence


def test_without_known_fields_a_test_gives_one_value_that_its_operator_takes() -> None:
    assert refusal(test("x", EQ, text="a", flag=True), None) == "At test.flag: leave it out, one value is enough."
    assert refusal(test(" ", EQ, text="a"), None) == "At test.field: name a field."
    assert refusal(test("x", TestOperator.CONTAINS, flag=True), None) == (
        "At test.flag: leave it out, CONTAINS takes text here."
    )
    assert refusal(test("x", TestOperator.LT), None) == "At test.number: give what LT compares x with."


def nested(depth: int) -> Predicate:
    return SPAIN if depth == 1 else Predicate(no=(nested(depth - 1),))


def test_a_predicate_is_neither_too_deep_nor_too_large() -> None:
    must_be_predicate(nested(MAX_DEPTH), "predicate", KNOWN)
    path = ".".join(["no[0]"] * MAX_DEPTH)
    assert refusal(nested(MAX_DEPTH + 1)) == f"At {path}: predicates lie at most 8 deep within one another."
    must_be_predicate(Predicate(some=(SPAIN,) * MAX_TESTS), "predicate", KNOWN)
    assert (
        refusal(Predicate(some=(SPAIN,) * (MAX_TESTS + 1))) == "This predicate has more than 100 tests. Ask for less."
    )


def test_a_predicate_knows_the_fields_that_it_looks_at() -> None:
    deep = Predicate(every=(SPAIN, Predicate(some=(BUYS, Predicate(no=(test("tags", TestOperator.IS_EMPTY),))))))
    assert fields_of(deep) == {"country", "orders", "tags"}


# Of whom it holds.


@pytest.mark.parametrize(
    ("operator", "given", "passing", "failing"),
    [
        (EQ, {"text": "ES"}, ["ES"], ["es", "PT", "", 1, True, None]),
        (NE, {"text": "ES"}, ["es", ""], ["ES", 1, None]),
        (EQ, {"text": str(UUID(int=7))}, [UUID(int=7)], [UUID(int=8)]),
        (EQ, {"number": Decimal(3)}, [3, Decimal("3.00")], [4, "3", 3.0, Decimal("NaN"), None]),
        (EQ, {"number": Decimal(1)}, [1], [True]),
        (NE, {"number": Decimal(3)}, [2], [3, Decimal("sNaN"), None]),
        (TestOperator.LT, {"number": Decimal(3)}, [2], [3, 4, None]),
        (TestOperator.LTE, {"number": Decimal(3)}, [2, 3], [4, None]),
        (TestOperator.GT, {"number": Decimal(3)}, [4], [3, 2, None]),
        (TestOperator.GTE, {"number": Decimal(3)}, [4, 3], [2, None]),
        (EQ, {"flag": False}, [False], [True, 0, None]),
        (NE, {"flag": False}, [True], [False, None]),
        (IN, {"texts": ("ES", "PT")}, ["PT"], ["FR", None, 1]),
        (NOT_IN, {"texts": ("ES", "PT")}, ["FR"], ["PT", None, 1]),
        (IN, {"numbers": (Decimal(1), Decimal(2))}, [2], [3, True, None]),
        (NOT_IN, {"numbers": (Decimal(1), Decimal(2))}, [3], [2, None]),
        (TestOperator.CONTAINS, {"text": "es"}, ["Madrides", ("es", "en"), ["es"]], ["ES", ("test",), None, 3]),
        (TestOperator.STARTS_WITH, {"text": "Ma"}, ["Madrid"], ["Roma", ("Ma",), None]),
        (TestOperator.IS_EMPTY, {}, [None, "", (), []], ["x", 0, False, ("x",)]),
        (TestOperator.LT, {"moment": NOW}, [NOW - timedelta(seconds=1)], [NOW, datetime(2020, 1, 1), None]),  # noqa: DTZ001
        (EQ, {"moment": NOW}, [NOW.astimezone(timezone(timedelta(hours=5)))], [NOW + timedelta(seconds=1), "x"]),
        (
            TestOperator.WITHIN_DAYS,
            {"number": Decimal(30)},
            [NOW, NOW - timedelta(days=30)],
            [NOW - timedelta(days=30, seconds=1), NOW + timedelta(seconds=1), datetime(2026, 3, 1), None],  # noqa: DTZ001
        ),
        (
            TestOperator.BEFORE_DAYS,
            {"number": Decimal(30)},
            [NOW - timedelta(days=30, seconds=1), datetime.min.replace(tzinfo=UTC)],
            [NOW, NOW - timedelta(days=30), NOW + timedelta(days=40), None, 3],
        ),
    ],
)
def test_a_test_passes_where_the_value_is_of_its_kind_and_compares_so(
    operator: TestOperator, given: dict[str, Any], passing: list[object], failing: list[object]
) -> None:
    p = test("x", operator, **given)
    assert [value for value in passing if not holds(p, {"x": value}, NOW)] == []
    assert [value for value in failing if holds(p, {"x": value}, NOW)] == []


def test_every_some_and_no_are_what_they_say() -> None:
    rows: list[dict[str, object]] = [{"country": c, "orders": n} for c in ("ES", "PT") for n in (3, 1)]
    for made, expected in (
        (Predicate(every=(SPAIN, BUYS)), [True, False, False, False]),
        (Predicate(some=(SPAIN, BUYS)), [True, True, True, False]),
        (Predicate(no=(SPAIN, BUYS)), [False, False, False, True]),
    ):
        assert [holds(made, row, NOW) for row in rows] == expected


def test_a_field_that_the_row_does_not_have_is_empty() -> None:
    assert not holds(SPAIN, {}, NOW)
    assert holds(test("country", TestOperator.IS_EMPTY), {}, NOW)


# What is always so.

TEXTS = st.sampled_from(["ES", "PT", "x"])
NUMBERS = st.sampled_from([Decimal(0), Decimal(3), Decimal("-2.5"), Decimal("1e9")])
MOMENTS = st.sampled_from([NOW, NOW - timedelta(days=3), NOW + timedelta(days=3)])
VALUES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "text": st.fixed_dictionaries({"text": TEXTS}),
    "number": st.fixed_dictionaries({"number": NUMBERS}),
    "days": st.fixed_dictionaries({"number": st.sampled_from([Decimal(0), Decimal(3), Decimal(36525)])}),
    "moment": st.fixed_dictionaries({"moment": MOMENTS}),
    "flag": st.fixed_dictionaries({"flag": st.booleans()}),
    "texts": st.fixed_dictionaries({"texts": st.lists(TEXTS, min_size=1, max_size=3).map(tuple)}),
    "numbers": st.fixed_dictionaries({"numbers": st.lists(NUMBERS, min_size=1, max_size=3).map(tuple)}),
    "": st.just({}),
}
DAYS = (TestOperator.WITHIN_DAYS, TestOperator.BEFORE_DAYS)


def tests_of(field: str, kind: FieldKind) -> st.SearchStrategy[Predicate]:
    def by(operator: TestOperator, part: str) -> st.SearchStrategy[Predicate]:
        return VALUES["days" if operator in DAYS else part].map(lambda value: test(field, operator, **value))

    return st.one_of(*(by(operator, part) for operator, part in TAKES[kind].items()))


tests_of.__test__ = False  # type: ignore[attr-defined]

LEAVES = st.one_of(*(tests_of(field, kind) for field, kind in KNOWN.items()))
BRANCHES = st.lists(LEAVES, min_size=1, max_size=4).map(tuple)


def trees(depth: int) -> st.SearchStrategy[Predicate]:
    if depth == 1:
        return LEAVES
    inside = st.lists(trees(depth - 1), min_size=1, max_size=3).map(tuple)
    return LEAVES | inside.flatmap(
        lambda made: st.sampled_from([Predicate(every=made), Predicate(some=made), Predicate(no=made)])
    )


ANYTHING = st.one_of(
    st.none(),
    TEXTS,
    st.integers(-3, 3),
    st.floats(),
    st.decimals(),
    st.booleans(),
    st.datetimes(),
    st.datetimes(timezones=st.timezones() | st.just(UTC)),
    st.lists(TEXTS).map(tuple),
    st.uuids(),
    st.just(object()),
)
ROWS: st.SearchStrategy[dict[str, object]] = st.dictionaries(st.sampled_from(sorted(KNOWN)), ANYTHING)


def neg(p: Predicate) -> Predicate:
    return Predicate(no=(p,))


@given(BRANCHES, ROWS)
def test_de_morgan(branches: tuple[Predicate, ...], row: dict[str, object]) -> None:
    def so(p: Predicate) -> bool:
        return holds(p, row, NOW)

    turned = tuple(map(neg, branches))
    assert so(neg(Predicate(every=branches))) == so(Predicate(some=turned))
    assert so(neg(Predicate(some=branches))) == so(Predicate(every=turned)) == so(Predicate(no=branches))


@given(trees(4), ROWS)
@settings(max_examples=300)
def test_what_may_be_asked_has_an_answer_for_every_row(p: Predicate, row: dict[str, object]) -> None:
    must_be_predicate(p, "predicate", KNOWN)
    must_be_predicate(p, "predicate")
    assert holds(p, row, NOW) is not holds(neg(p), row, NOW)


@given(st.sampled_from([EQ, NE]), st.data())
def test_either_it_is_the_same_or_it_is_not_unless_it_is_missing(first: TestOperator, data: st.DataObject) -> None:
    second = NE if first is EQ else EQ
    wanted, value = data.draw(
        st.sampled_from([("text", TEXTS), ("number", NUMBERS), ("moment", MOMENTS), ("flag", st.booleans())]).flatmap(
            lambda kind: st.tuples(kind[1].map(lambda one: {kind[0]: one}), st.none() | kind[1])
        )
    )
    row = {"x": value}
    found = [holds(test("x", operator, **wanted), row, NOW) for operator in (first, second)]
    assert sum(found) == (value is not None)
    choices = {f"{name}s": (each,) for name, each in wanted.items()}
    if value is not None and choices.keys() <= {"texts", "numbers"}:
        assert holds(test("x", IN, **choices), row, NOW) is not holds(test("x", NOT_IN, **choices), row, NOW)


@given(st.sampled_from([0, 3, 400]), st.datetimes(max_value=NOW.replace(tzinfo=None), timezones=st.just(UTC)))
def test_a_moment_that_has_passed_is_either_within_so_many_days_or_before(days: int, value: datetime) -> None:
    found = [holds(test("x", operator, number=Decimal(days)), {"x": value}, NOW) for operator in DAYS]
    assert sum(found) == 1
