"""Segment memberships."""

from typing import Any
from uuid import UUID

import pytest

from domain.kernel import derived
from domain.segment_membership import (
    EnterSegment,
    ExitSegment,
    SegmentEntered,
    SegmentExited,
    decider,
    segment_membership_id,
)
from tests.domain.scenario import but, given

LOYAL, ANA = UUID(int=1), UUID(int=2)
SAID: dict[str, Any] = {"segment_id": LOYAL, "customer_id": ANA, "definition_version": 2, "evidence": (7, 9)}
ENTER, EXIT = EnterSegment(**SAID), ExitSegment(**SAID)
ENTERED, EXITED = SegmentEntered(**SAID), SegmentExited(**SAID)


def test_there_is_one_stream_per_segment_and_customer() -> None:
    assert decider.stream_of(ENTER) == decider.stream_of(EXIT) == segment_membership_id(LOYAL, ANA)
    assert segment_membership_id(LOYAL, ANA) == derived("segment_membership", LOYAL, ANA)


def test_a_customer_enters_once_and_leaves_once() -> None:
    state = given(decider).when(ENTER).then(ENTERED)
    assert decider.customer_of(ENTER, state) == state.customer_id == ANA
    given(decider, ENTERED).when(ENTER).then_nothing()
    given(decider, ENTERED).when(EXIT).then(EXITED)
    given(decider, ENTERED, EXITED).when(EXIT).then_nothing()
    given(decider, ENTERED, EXITED).when(ENTER).then(ENTERED)


def test_who_never_entered_cannot_leave() -> None:
    given(decider).when(EXIT).refused("This customer is not in this segment yet.", "customer_id")


def test_whoever_asks_by_an_older_version_comes_too_late() -> None:
    sentence = "Version 2 of this segment has already decided. Ask by that one."
    given(decider, ENTERED).when(but(EXIT, definition_version=1)).refused(sentence, "definition_version")
    given(decider, ENTERED, EXITED).when(but(ENTER, definition_version=1)).refused(sentence, "definition_version")
    given(decider, ENTERED).when(but(ENTER, definition_version=1)).then_nothing()
    newer = SegmentExited(**{**SAID, "definition_version": 3})
    given(decider, ENTERED).when(but(EXIT, definition_version=3)).then(newer)


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"definition_version": 0}, "The definition version must be from 1 to 2147483647.", "definition_version"),
        ({"evidence": (0,)}, "Positions count from 1.", "evidence"),
        ({"evidence": tuple(range(1, 102))}, "Give at most 100 positions as evidence.", "evidence"),
    ],
)
def test_a_membership_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(ENTER, **changes)).refused(sentence, field)
    given(decider, ENTERED).when(but(EXIT, **changes)).refused(sentence, field)
