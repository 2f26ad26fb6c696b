"""The imports: each file that was taken in, how much of it, and whether it was taken back."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.import_batch import ImportCompleted, ImportReverted, ImportStarted, RowsRejected
from eventstore.envelope import Recorded
from projections.view import Row, View


class ImportStatus(StrEnum):
    """How far an import has come."""

    OPEN = "OPEN"
    COMPLETED = "COMPLETED"
    REVERTED = "REVERTED"


class ImportEntry(Row, key="import_batch_id"):
    """An import as its last run left it; the counts are those of its last sitting, in lines and in things asked."""

    import_batch_id: UUID
    source: str = ""
    file: str = ""
    run: int = 0
    status: ImportStatus = ImportStatus.OPEN
    read: int = 0
    imported: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejections_kept: int = 0
    first_position: int | None = None
    last_position: int | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    reverted_at: datetime | None = None
    actor: str = ""


view = View(
    "imports",
    ImportEntry,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(started_at desc, import_batch_id)",),
)


@view.on(ImportStarted)
def start(entry: ImportEntry, started: ImportStarted, at: Recorded) -> None:
    entry.source = started.source
    entry.file = started.file
    entry.run = started.run
    entry.status = ImportStatus.OPEN
    entry.rejections_kept = 0
    entry.first_position = entry.last_position = entry.completed_at = entry.reverted_at = None
    entry.started_at = at.occurred_at
    entry.actor = at.actor


@view.on(RowsRejected)
def reject(entry: ImportEntry, rejected: RowsRejected, at: Recorded) -> None:
    entry.rejections_kept += rejected.count


@view.on(ImportCompleted)
def complete(entry: ImportEntry, completed: ImportCompleted, at: Recorded) -> None:
    entry.status = ImportStatus.COMPLETED
    entry.read = completed.read
    entry.imported = completed.imported
    entry.unchanged = completed.unchanged
    entry.rejected = completed.rejected
    entry.first_position = completed.first_position
    entry.last_position = completed.last_position
    entry.completed_at = at.occurred_at


@view.on(ImportReverted)
def revert(entry: ImportEntry, reverted: ImportReverted, at: Recorded) -> None:
    entry.status = ImportStatus.REVERTED
    entry.reverted_at = at.occurred_at
