"""Values that hold values of their own kind, as predicates do: read from every door, stored and read again."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Refused
from domain.predicate import Predicate, Test, TestOperator
from domain.segment import DefineSegment, SegmentDefined, decider
from eventstore.codec import Codec
from eventstore.commands import MAX_NESTING, Commands

COMMANDS = Commands([decider])
TREE = Predicate(
    every=(
        Predicate(test=Test(field="country", operator=TestOperator.IN, texts=("ES", "PT"))),
        Predicate(no=(Predicate(test=Test(field="revenue", operator=TestOperator.LT, number=Decimal("0.10"))),)),
        Predicate(
            some=(
                Predicate(
                    test=Test(
                        field="last_order_at", operator=TestOperator.GT, moment=datetime(2026, 1, 1, 9, tzinfo=UTC)
                    )
                ),
                Predicate(test=Test(field="marketing_consent", operator=TestOperator.EQ, flag=False)),
            )
        ),
    )
)
RAW: dict[str, Any] = {
    "every": [
        {"test": {"field": "country", "operator": "IN", "texts": ["ES", "PT"]}},
        {"no": [{"test": {"field": "revenue", "operator": "LT", "number": "0.10"}}]},
        {
            "some": [
                {"test": {"field": "last_order_at", "operator": "GT", "moment": "2026-01-01T10:00:00+01:00"}},
                {"test": {"field": "marketing_consent", "operator": "EQ", "flag": False}},
            ]
        },
    ]
}


def read(predicate: Any) -> DefineSegment:
    raw = {"segmentId": str(UUID(int=1)), "key": "a", "title": {"en": "A"}, "predicate": predicate}
    command = COMMANDS.read("defineSegment", raw)
    assert isinstance(command, DefineSegment)
    return command


def refusal(predicate: Any) -> tuple[str, str | None]:
    with pytest.raises(Refused) as refused:
        read(predicate)
    return refused.value.reason, refused.value.field


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = RAW["every"][0]
    for _ in range(levels):
        found = {"no": [found]}
    return found


def test_a_tree_is_read_as_it_was_written() -> None:
    assert read(RAW).predicate == TREE


def test_what_is_wrong_within_is_named_by_its_path() -> None:
    wrong = {"every": [RAW, {"some": [{"test": {"field": "revenue", "operator": "LT", "number": 0.1}}]}]}
    reason, field = refusal(wrong)
    assert field == "predicate.every[1].some[0].test.number"
    assert reason.startswith("predicate.every[1].some[0].test.number is a decimal number")
    assert refusal({"every": [{"evry": []}]})[1] == "predicate.every[0].evry"


@pytest.mark.parametrize("levels", [20, 490, 5_000])
def test_what_is_nested_too_deep_is_refused_before_it_is_read(levels: int) -> None:
    reason, field = refusal(nested(levels))
    assert (reason, field) == (
        f"predicate.no[0] is nested too deep: {MAX_NESTING} levels of lists and objects are the limit.",
        "predicate.no[0]",
    )


def test_what_the_domain_may_judge_is_read() -> None:
    assert read(nested(12)).predicate.no is not None


def test_a_tree_is_stored_and_read_again() -> None:
    codec = Codec([decider])
    event = SegmentDefined(version=1, key="a", title={"en": "A"}, predicate=TREE)
    body, personal = codec.encode(event)
    assert codec.decode("segment.defined.v1", body) == event
    assert personal == []
    assert b'"number":"0.10"' in body
