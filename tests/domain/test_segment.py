"""Segments."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command
from domain.predicate import Predicate, Test, TestOperator
from domain.segment import (
    DefineSegment,
    PublishSegment,
    RetireSegment,
    SegmentDefined,
    SegmentPublished,
    SegmentRetired,
    decider,
)
from tests.domain.scenario import but, given

LOYAL = UUID(int=1)


def orders(least: int) -> Predicate:
    return Predicate(test=Test(field="orders", operator=TestOperator.GTE, number=Decimal(least)))


SAID: dict[str, Any] = {
    "key": "loyal",
    "title": {"es": "Fieles", "en": "Loyal"},
    "predicate": orders(5),
    "proposition": "First to know,\nfirst served.",
}
DEFINE = DefineSegment(segment_id=LOYAL, **SAID)
DEFINED = SegmentDefined(version=1, **SAID)
REDEFINE = but(DEFINE, predicate=orders(9))
REVISED = SegmentDefined(version=2, **{**SAID, "predicate": orders(9)})
PUBLISH, RETIRE = PublishSegment(segment_id=LOYAL), RetireSegment(segment_id=LOYAL)
PUBLISHED, RETIRED = SegmentPublished(version=1), SegmentRetired()


def test_a_segment_is_defined_once_and_anew_by_other_words() -> None:
    given(decider).when(DEFINE).then(DEFINED)
    given(decider, DEFINED).when(DEFINE).then_nothing()
    given(decider, DEFINED).when(REDEFINE).then(REVISED)
    given(decider, DEFINED, REVISED).when(REDEFINE).then_nothing()


@pytest.mark.parametrize("changes", [{"title": {"en": "Loyal"}}, {"proposition": None}, {"predicate": orders(6)}])
def test_whatever_is_said_otherwise_makes_a_version(changes: dict[str, Any]) -> None:
    given(decider, DEFINED).when(but(DEFINE, **changes)).then(SegmentDefined(version=2, **SAID | changes))


def test_the_earlier_words_again_are_a_third_version() -> None:
    given(decider, DEFINED, REVISED).when(DEFINE).then(SegmentDefined(version=3, **SAID))


def test_the_key_stays() -> None:
    given(decider, DEFINED).when(but(DEFINE, key="faithful")).refused(
        "The key of this segment is loyal. Define another segment instead.", "key"
    )


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": " "}, "The key must not be blank.", "key"),
        ({"title": {}}, "Give the title in one language at least.", "title"),
        ({"title": {f"a{chr(97 + n % 26)}{chr(97 + n // 26)}": "x" for n in range(51)}},
         "Give the title in at most 50 languages.", "title"),
        ({"proposition": ""}, "The proposition must not be blank.", "proposition"),
        ({"predicate": Predicate()}, "At predicate: give exactly one of every, some, no and test.", "predicate"),
    ],
)  # fmt: skip
def test_a_segment_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(DEFINE, **changes)).refused(sentence, field)


def test_a_predicate_asks_only_for_what_is_known_of_customers() -> None:
    shoe = Predicate(test=Test(field="shoe_size", operator=TestOperator.IS_EMPTY))
    with pytest.raises(Exception, match="there is no field 'shoe_size'"):
        given(decider).when(but(DEFINE, predicate=shoe)).then()


def test_the_latest_version_is_published_once() -> None:
    given(decider, DEFINED).when(PUBLISH).then(PUBLISHED)
    given(decider, DEFINED, PUBLISHED).when(PUBLISH).then_nothing()
    given(decider, DEFINED, PUBLISHED, REVISED).when(PUBLISH).then(SegmentPublished(version=2))


def test_a_segment_is_retired_once_and_not_used_after() -> None:
    given(decider, DEFINED, PUBLISHED).when(RETIRE).then(RETIRED)
    given(decider, DEFINED, RETIRED).when(RETIRE).then_nothing()
    given(decider, DEFINED, RETIRED).when(DEFINE).then_nothing()
    for asked in (PUBLISH, REDEFINE):
        given(decider, DEFINED, RETIRED).when(asked).refused(
            "This segment is retired. Define another one instead.", "segment_id"
        )


@pytest.mark.parametrize("asked", [PUBLISH, RETIRE])
def test_what_is_not_defined_is_neither_published_nor_retired(asked: Command) -> None:
    given(decider).when(asked).refused("This segment is not defined yet.", "segment_id")


def test_of_two_who_define_it_at_once_the_second_says_the_next_version() -> None:
    given(decider, SegmentDefined(version=1, **{**SAID, "predicate": orders(2)})).when(DEFINE).then(
        SegmentDefined(version=2, **SAID)
    )
