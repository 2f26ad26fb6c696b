"""Imports: what was read from a file, what was not taken from it, and whether it was taken back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, assert_never
from uuid import UUID

from domain.kernel import (
    WITHDRAWN,
    Claim,
    ClaimStep,
    Command,
    Decider,
    Event,
    Ref,
    Refused,
    Text,
    Told,
    as_asked,
    derived,
)
from domain.values import MAX_POSITION, empty, must_be_digest, must_be_within, must_say

MAX_REJECTED_ROWS = 1000
MAX_CHUNKS = 500
MAX_RUNS = 100
MAX_ROW_COUNT = 10**12


ImportBatchId = Annotated[UUID, Ref("import_batch")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A line that was not taken, by its number from 1, with the field that is wrong and the reason in a sentence."""

    line: int
    field: str | None = None
    reason: Text


# What can be asked.


class StartImport(Command):
    """Begin to take in a file; after this import was reverted, begin its next run.

    `source` is the name of the layout, `digest` the SHA-256 of what is read and `mapping` that of the mapping file,
    both in hex. `run` counts from 1 and may be left out."""

    import_batch_id: ImportBatchId
    source: str
    file: str
    digest: str
    mapping: str | None = None
    run: int | None = None


class RecordRejectedRows(Command):
    """Note lines that were not taken, in chunks of at most 1,000 whose `number` counts from 1 in each run."""

    import_batch_id: ImportBatchId
    number: int
    rows: tuple[RejectedRow, ...]


class CompleteImport(Command):
    """End a run: how many lines were read, and how many of the things asked were taken, known already or not taken.

    One line may ask several things. The positions are those of the first and the last event that it left in the log,
    if there was one."""

    import_batch_id: ImportBatchId
    read: int
    imported: int
    unchanged: int
    rejected: int
    first_position: int | None = None
    last_position: int | None = None


class RevertImport(Command):
    """Take back what a run did, by events that compensate for its own."""

    import_batch_id: ImportBatchId
    reason: Text | None = None


# What can have happened.


class ImportStarted(Event, stored_as="import_batch.started.v1"):
    """A run began; runs count from 1, and there is another one only after the last was reverted."""

    run: int
    source: str
    file: str
    digest: str
    mapping: str | None


class RowsRejected(Event, stored_as="import_batch.rows-rejected.v1"):
    """Some lines were not taken: `count` of them in the chunk of this `number`; `rows` may cite what they said."""

    run: int
    number: int
    count: int
    rows: Told[tuple[RejectedRow, ...]]


class ImportCompleted(Event, stored_as="import_batch.completed.v1"):
    """A run came to its end."""

    run: int
    read: int
    imported: int
    unchanged: int
    rejected: int
    first_position: int | None
    last_position: int | None


class ImportReverted(Event, stored_as="import_batch.reverted.v1", corrects=True):
    """What a run did was taken back; the positions are empty if it never came to its end, or did nothing."""

    run: int
    first_position: int | None
    last_position: int | None
    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """The last run: how it began, how many lines each chunk rejected, and whether it ended or was taken back."""

    started: ImportStarted | None = None
    chunks: Mapping[int, int] = field(default_factory=empty)
    ended: ImportCompleted | None = None
    reverted: bool = False

    @property
    def run(self) -> int:
        """The number of the last run; 0 before the first."""
        return self.started.run if self.started else 0

    @property
    def open(self) -> bool:
        """Whether a run is under way."""
        return self.started is not None and self.ended is None and not self.reverted

    @property
    def completed(self) -> bool:
        """Whether the last run came to its end, and stands."""
        return self.ended is not None and not self.reverted


Asked = StartImport | RecordRejectedRows | CompleteImport | RevertImport
Happened = ImportStarted | RowsRejected | ImportCompleted | ImportReverted


def decide(asked: Asked, batch: ImportBatch) -> Iterator[Event]:
    match asked:
        case StartImport():
            must_name_what_is_read(asked)
            run = batch.run if batch.open or batch.completed else batch.run + 1
            must_be_the_same_import(asked, batch)
            if asked.run not in (None, run):
                raise Refused(f"The run of this import is {run}.", "run")
            if run > MAX_RUNS:
                raise Refused(f"This import has been run {MAX_RUNS} times. Start another one.")
            if run != batch.run:
                yield as_asked(ImportStarted, asked, run=run)
        case _ if batch.started is None:
            raise Refused("This import is not started yet.", "import_batch_id")
        case RevertImport():
            if not batch.reverted:
                ended = batch.ended
                yield as_asked(
                    ImportReverted,
                    asked,
                    run=batch.run,
                    first_position=ended.first_position if ended else None,
                    last_position=ended.last_position if ended else None,
                )
        case _ if batch.reverted:
            raise Refused("This import has been reverted. Start it again first.")
        case RecordRejectedRows():
            must_be_rows(asked.rows)
            if is_next(asked, batch):
                count = len(asked.rows)
                yield RowsRejected(run=batch.run, number=asked.number, count=count, rows=asked.rows)
        case CompleteImport():
            must_make_sense(asked)
            completed = as_asked(ImportCompleted, asked, run=batch.run)
            if batch.ended is None:
                yield completed
            elif batch.ended != completed:
                raise Refused("This import is already completed with other numbers.")
        case _:
            assert_never(asked)


def evolve(batch: ImportBatch, event: Happened) -> ImportBatch:
    match event:
        case ImportStarted():
            return ImportBatch(event)
        case RowsRejected():
            return replace(batch, chunks={**batch.chunks, event.number: event.count})
        case ImportCompleted():
            return replace(batch, ended=event)
        case ImportReverted():
            return replace(batch, reverted=True)
        case _:
            assert_never(event)


def run_id(import_batch_id: UUID, run: int) -> UUID:
    """The correlation id of everything that a run takes in."""
    return derived("import-run", import_batch_id, run)


def claims(import_batch_id: UUID, event: Happened, _: ImportBatch) -> Iterator[Claim]:
    """What a run took in counts no longer once it was taken back."""
    if isinstance(event, ImportReverted):
        run = run_id(import_batch_id, event.run)
        yield Claim(kind=WITHDRAWN, key=run, holder=import_batch_id, step=ClaimStep.OWN)


def must_name_what_is_read(asked: StartImport) -> None:
    """Refused if it is not said what is read, and how."""
    must_say(asked.source, "The source", "source")
    must_say(asked.file, "The file", "file")
    must_be_digest(asked.digest, "digest")
    must_be_digest(asked.mapping, "mapping")


def must_be_the_same_import(asked: StartImport, batch: ImportBatch) -> None:
    """Refused if other bytes are read than before, or the same by another mapping while what they gave still stands."""
    started = batch.started
    if started is None:
        return
    if (asked.source, asked.digest) != (started.source, started.digest):
        raise Refused("This import is of something else. Start another one instead.", "digest")
    if asked.mapping != started.mapping and not batch.reverted:
        raise Refused("This import is already started with another mapping. Revert it first.", "mapping")


def must_be_rows(rows: tuple[RejectedRow, ...]) -> None:
    """Refused if there are no lines, too many, or one without a number and a reason."""
    if not 1 <= len(rows) <= MAX_REJECTED_ROWS:
        raise Refused(f"Give from 1 to {MAX_REJECTED_ROWS} rows.", "rows")
    for row in rows:
        if not 1 <= row.line <= MAX_ROW_COUNT:
            raise Refused(f"The line of a row must be from 1 to {MAX_ROW_COUNT}.", "rows")
        must_say(row.reason, f"The reason of line {row.line}", "rows")


def is_next(asked: RecordRejectedRows, batch: ImportBatch) -> bool:
    """Whether this chunk is the next one; False if it is known. Refused if it leaves one out, or is another one."""
    known = batch.chunks.get(asked.number)
    if known == len(asked.rows):
        return False
    if known is not None:
        raise Refused(f"Chunk {asked.number} is already recorded with {known} rows.", "number")
    if batch.ended is not None:
        raise Refused("This import is already completed.")
    if asked.number > MAX_CHUNKS:
        raise Refused(f"A run has at most {MAX_CHUNKS} chunks of rejected rows. Correct the file first.", "number")
    if asked.number != len(batch.chunks) + 1:
        raise Refused(f"The next chunk is number {len(batch.chunks) + 1}.", "number")
    return True


def must_make_sense(asked: CompleteImport) -> None:
    """Refused if something is not counted from zero, or if the positions are not those of a stretch of the log."""
    for name in ("read", "imported", "unchanged", "rejected"):
        must_be_within(getattr(asked, name), 0, MAX_ROW_COUNT, name)
    first, last = asked.first_position, asked.last_position
    must_be_within(first, 1, MAX_POSITION, "first_position")
    must_be_within(last, 1, MAX_POSITION, "last_position")
    if (first is None) != (last is None):
        raise Refused("Give the first and the last position, or neither.", "last_position")
    if first is not None and last is not None and last < first:
        raise Refused("The last position must not be before the first.", "last_position")


decider = Decider("import_batch", Asked, Happened, ImportBatch(), decide, evolve, claims=claims)
