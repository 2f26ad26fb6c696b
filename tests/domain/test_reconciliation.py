"""Reconciliations."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from domain.reconciliation import (
    MAX_DIFFERENCES,
    ReconciliationDifference,
    ReconciliationRun,
    RecordReconciliation,
    decider,
)
from tests.domain.scenario import but, given

NIGHT = datetime(2026, 3, 1, 2, tzinfo=UTC)
OTHER = ReconciliationDifference(key="4711", field="total", ours="10.00", theirs="12.00")
RECORD = RecordReconciliation(
    reconciliation_id=UUID(int=1),
    source="erp",
    noun="order",
    matched=98,
    missing=1,
    different=1,
    as_of=NIGHT,
    differences=(OTHER,),
)
RUN = ReconciliationRun(
    source="erp", noun="order", matched=98, missing=1, different=1, as_of=NIGHT, differences=(OTHER,)
)


def test_a_reconciliation_is_recorded_once() -> None:
    given(decider).when(RECORD).then(RUN)
    given(decider, RUN).when(RECORD).then_nothing()
    given(decider, replace(RUN, differences=None)).when(RECORD).then_nothing()  # they have been forgotten


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "bi"},
        {"noun": "case"},
        {"matched": 1},
        {"missing": 0},
        {"different": 2},
        {"as_of": NIGHT.replace(hour=3)},
    ],
)
def test_of_two_reconciliations_under_one_id_the_second_is_refused(changes: dict[str, Any]) -> None:
    given(decider, RUN).when(but(RECORD, **changes)).refused(
        "This reconciliation is already recorded. Record another one instead."
    )


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"source": " "}, "The source must not be blank.", "source"),
        ({"noun": ""}, "The noun must not be blank.", "noun"),
        ({"matched": -1}, "The matched must be from 0 to 1000000000000.", "matched"),
        ({"missing": -1}, "The missing must be from 0 to 1000000000000.", "missing"),
        ({"different": -1}, "The different must be from 0 to 1000000000000.", "different"),
        (
            {"as_of": NIGHT.replace(tzinfo=None)},
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "as_of",
        ),
        ({"differences": (OTHER,) * (MAX_DIFFERENCES + 1)}, "Give at most 1000 differences.", "differences"),
        ({"differences": (replace(OTHER, key=""),)}, "The key of a difference must not be blank.", "differences"),
        ({"differences": (replace(OTHER, field=" "),)}, "The field of a difference must not be blank.", "differences"),
    ],
)
def test_a_reconciliation_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(RECORD, **changes)).refused(sentence, field)


def test_as_many_differences_as_there_may_be_are_taken() -> None:
    many = (OTHER,) * MAX_DIFFERENCES
    given(decider).when(but(RECORD, differences=many)).then(replace(RUN, differences=many))
