"""Imports."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.import_batch import (
    MAX_CHUNKS,
    MAX_REJECTED_ROWS,
    MAX_RUNS,
    CompleteImport,
    ImportCompleted,
    ImportReverted,
    ImportStarted,
    RecordRejectedRows,
    RejectedRow,
    RevertImport,
    RowsRejected,
    StartImport,
    decider,
)
from domain.kernel import Command
from tests.domain.scenario import but, given

BATCH = UUID(int=1)
ONE, TWO = "1" * 64, "2" * 64
START = StartImport(import_batch_id=BATCH, source="helpdesk", file="tickets.csv", digest=ONE, mapping=TWO)
STARTED = ImportStarted(run=1, source="helpdesk", file="tickets.csv", digest=ONE, mapping=TWO)
ROW = RejectedRow(line=7, field="email", reason="This is not an e-mail address: ana.")
REJECT = RecordRejectedRows(import_batch_id=BATCH, number=1, rows=(ROW,))
REJECTED = RowsRejected(run=1, number=1, count=1, rows=(ROW,))
COMPLETE = CompleteImport(
    import_batch_id=BATCH, read=10, imported=8, unchanged=1, rejected=1, first_position=5, last_position=20
)
COMPLETED = ImportCompleted(run=1, read=10, imported=8, unchanged=1, rejected=1, first_position=5, last_position=20)
REVERT = RevertImport(import_batch_id=BATCH, reason="Wrong file")
REVERTED = ImportReverted(run=1, first_position=5, last_position=20, reason="Wrong file")


def test_an_import_is_started_once() -> None:
    state = given(decider).when(START).then(STARTED)
    assert (state.run, state.open, state.completed, state.reverted) == (1, True, False, False)
    given(decider, STARTED).when(START).then_nothing()
    given(decider, STARTED).when(but(START, run=1)).then_nothing()
    given(decider, STARTED).when(but(START, file="copy of tickets.csv")).then_nothing()
    given(decider, STARTED, COMPLETED).when(START).then_nothing()


def test_an_import_is_of_one_file_by_one_mapping() -> None:
    for changes in ({"digest": TWO}, {"source": "crm"}):
        for before in ((STARTED,), (STARTED, COMPLETED), (STARTED, REVERTED)):
            given(decider, *before).when(but(START, **changes)).refused(
                "This import is of something else. Start another one instead.", "digest"
            )
    given(decider, STARTED).when(but(START, mapping=None)).refused(
        "This import is already started with another mapping. Revert it first.", "mapping"
    )


def test_after_a_revert_the_next_run_begins_even_by_another_mapping() -> None:
    before = (STARTED, REJECTED, COMPLETED, REVERTED)
    state = given(decider, *before).when(START).then(replace(STARTED, run=2))
    assert (state.run, state.open, state.reverted) == (2, True, False)
    given(decider, *before).when(but(START, run=2, mapping=ONE)).then(replace(STARTED, run=2, mapping=ONE))
    given(decider, *before, replace(STARTED, run=2)).when(START).then_nothing()
    given(decider, *before, replace(STARTED, run=2)).when(REJECT).then(replace(REJECTED, run=2))
    given(decider, *before, replace(STARTED, run=2)).when(COMPLETE).then(replace(COMPLETED, run=2))


def test_a_late_word_of_an_earlier_run_does_not_begin_another_one() -> None:
    given(decider, STARTED, COMPLETED, REVERTED).when(but(START, run=1)).refused("The run of this import is 2.", "run")
    given(decider).when(but(START, run=2)).refused("The run of this import is 1.", "run")


def test_an_import_is_run_only_so_often() -> None:
    last = replace(STARTED, run=MAX_RUNS)
    given(decider, last, REVERTED).when(START).refused("This import has been run 100 times. Start another one.")
    given(decider, last).when(START).then_nothing()


@pytest.mark.parametrize("command", [REJECT, COMPLETE, REVERT])
def test_what_was_not_started_has_no_rows_and_no_end(command: Command) -> None:
    given(decider).when(command).refused("This import is not started yet.", "import_batch_id")


def test_rejected_rows_are_recorded_once_in_numbered_chunks() -> None:
    given(decider, STARTED).when(REJECT).then(REJECTED)
    given(decider, STARTED, REJECTED).when(REJECT).then_nothing()
    given(decider, STARTED, replace(REJECTED, rows=None)).when(REJECT).then_nothing()
    given(decider, STARTED, REJECTED, COMPLETED).when(REJECT).then_nothing()
    given(decider, STARTED, REJECTED).when(but(REJECT, number=2)).then(replace(REJECTED, number=2))


def test_a_chunk_neither_changes_nor_is_left_out_nor_comes_after_the_end() -> None:
    given(decider, STARTED, REJECTED).when(but(REJECT, rows=(ROW, ROW))).refused(
        "Chunk 1 is already recorded with 1 rows.", "number"
    )
    given(decider, STARTED).when(but(REJECT, number=2)).refused("The next chunk is number 1.", "number")
    given(decider, STARTED).when(but(REJECT, number=0)).refused("The next chunk is number 1.", "number")
    given(decider, STARTED, COMPLETED).when(REJECT).refused("This import is already completed.")
    many = [replace(REJECTED, number=number) for number in range(1, MAX_CHUNKS + 1)]
    given(decider, STARTED, *many[:-1]).when(but(REJECT, number=MAX_CHUNKS)).then(replace(REJECTED, number=MAX_CHUNKS))
    given(decider, STARTED, *many).when(but(REJECT, number=MAX_CHUNKS + 1)).refused(
        "A run has at most 500 chunks of rejected rows. Correct the file first.", "number"
    )


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ((), "Give from 1 to 1000 rows."),
        ((ROW,) * (MAX_REJECTED_ROWS + 1), "Give from 1 to 1000 rows."),
        ((replace(ROW, line=0),), "The line of a row must be from 1 to 1000000000000."),
        ((replace(ROW, reason=" "),), "The reason of line 7 must not be blank."),
    ],
)
def test_rejected_rows_must_make_sense(rows: tuple[RejectedRow, ...], sentence: str) -> None:
    given(decider, STARTED).when(but(REJECT, rows=rows)).refused(sentence, "rows")


def test_an_import_is_completed_once() -> None:
    state = given(decider, STARTED).when(COMPLETE).then(COMPLETED)
    assert (state.open, state.completed) == (False, True)
    given(decider, STARTED, COMPLETED).when(COMPLETE).then_nothing()
    given(decider, STARTED, COMPLETED).when(but(COMPLETE, imported=7)).refused(
        "This import is already completed with other numbers."
    )
    nothing = but(COMPLETE, first_position=None, last_position=None)
    given(decider, STARTED).when(nothing).then(replace(COMPLETED, first_position=None, last_position=None))


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"read": -1}, "The read must be from 0 to 1000000000000.", "read"),
        ({"imported": -1}, "The imported must be from 0 to 1000000000000.", "imported"),
        ({"unchanged": -1}, "The unchanged must be from 0 to 1000000000000.", "unchanged"),
        ({"rejected": 10**12 + 1}, "The rejected must be from 0 to 1000000000000.", "rejected"),
        ({"first_position": 0}, "The first position must be from 1 to 9223372036854775807.", "first_position"),
        ({"first_position": None}, "Give the first and the last position, or neither.", "last_position"),
        ({"last_position": None}, "Give the first and the last position, or neither.", "last_position"),
        ({"last_position": 4}, "The last position must not be before the first.", "last_position"),
    ],
)
def test_the_numbers_of_an_import_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, STARTED).when(but(COMPLETE, **changes)).refused(sentence, field)


def test_an_import_is_reverted_once_with_what_it_did() -> None:
    state = given(decider, STARTED, COMPLETED).when(REVERT).then(REVERTED)
    assert (state.open, state.completed, state.reverted) == (False, False, True)
    given(decider, STARTED, COMPLETED, REVERTED).when(REVERT).then_nothing()


def test_an_import_that_broke_off_can_be_reverted() -> None:
    given(decider, STARTED).when(REVERT).then(replace(REVERTED, first_position=None, last_position=None))


@pytest.mark.parametrize("command", [REJECT, COMPLETE])
def test_what_was_reverted_goes_on_no_more(command: Command) -> None:
    given(decider, STARTED, REVERTED).when(command).refused("This import has been reverted. Start it again first.")


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"source": ""}, "The source must not be blank.", "source"),
        ({"file": " "}, "The file must not be blank.", "file"),
        ({"digest": "1" * 63}, "The digest must be a SHA-256 in 64 hexadecimal digits.", "digest"),
        ({"digest": "1" * 64 + "\n"}, "The digest must be a SHA-256 in 64 hexadecimal digits.", "digest"),
        ({"mapping": "x" * 64}, "The mapping must be a SHA-256 in 64 hexadecimal digits.", "mapping"),
    ],
)
def test_an_import_must_say_what_is_read(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(START, **changes)).refused(sentence, field)
