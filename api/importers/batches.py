"""Batches: an import of a file is remembered as one, so that it is taken in once, and can be taken back as a whole."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import file_digest, sha256
from itertools import islice
from pathlib import Path
from uuid import UUID

from domain import import_batch
from domain.import_batch import (
    MAX_REJECTED_ROWS,
    CompleteImport,
    ImportStarted,
    RecordRejectedRows,
    RejectedRow,
    RevertImport,
    StartImport,
    run_id,
)
from domain.kernel import Command, Refused, derived
from eventstore import corrections
from eventstore.database import reachable
from eventstore.envelope import Request
from eventstore.log import Log

MAX_KEPT_REJECTIONS = 10_000
"""How many rejected rows are kept with a batch; all of them are counted."""
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Batch:
    """One run of one import, and where in the log it began; of a dry run only the id means something."""

    log: Log
    id: UUID
    run: int
    began_at: int
    completed: bool
    taken_back: bool
    """Whether anything was ever taken back, so that it must be looked for."""

    @property
    def correlation_id(self) -> UUID:
        """What everything that this run takes in is recorded under."""
        return run_id(self.id, self.run)

    def asked_again(self, asked: Sequence[Request]) -> list[Request]:
        """The same requests, those under another id that were done and taken back before."""
        again = self._again({request.command_id for request in asked if request.command_id is not None})
        return [
            replace(request, command_id=again[request.command_id]) if request.command_id in again else request
            for request in asked
        ]

    def _again(self, command_ids: set[UUID]) -> dict[UUID | None, UUID]:
        """The ids under which those commands are asked that were done and taken back, however often."""
        found: dict[UUID | None, UUID] = {}
        looking = {id: id for id in command_ids}
        while True:
            with reachable():
                gone = corrections.taken_back(self.log.pool, looking)
            if not gone:
                return found
            looking = {derived("again", id): first for id, first in looking.items() if id in gone}
            found |= {first: id for id, first in looking.items()}


def begin(log: Log, importer: str, path: str, mapping: str | None, *, actor: str, dry_run: bool = False) -> Batch:
    """The run that a file is taken in by: the one that is there already, or a new one. A dry run begins nothing."""
    digest = digest_of(Path(path))
    id = derived("import_batch", importer, mapping or "", digest)
    if not dry_run:
        name = Path(path).resolve().name[-MAX_NAME:] or "file"
        start = StartImport(import_batch_id=id, source=importer, file=name, digest=digest, mapping=mapping)
        log.do(start, Request(actor=actor))
    with reachable():
        state, _ = log.state(import_batch.decider, id)
        starts = [at.position for event, at in log.reader.stream(id) if isinstance(event, ImportStarted)]
        taken_back = corrections.ever_taken_back(log.pool)
    return Batch(log, id, state.run, starts[-1] if starts else 0, state.completed, taken_back)


def complete(
    batch: Batch, *, read: int, imported: int, unchanged: int, rejected: Iterable[RejectedRow], refused: int,
    actor: str,
) -> None:  # fmt: skip
    """Ends a run, unless it has ended before: what was rejected, and how much of everything there was."""
    if batch.completed:
        return
    with reachable():
        head = batch.log.reader.head()
    asked: list[Command] = []
    rest = iter(rejected)
    while rows := tuple(islice(rest, MAX_REJECTED_ROWS)):
        asked.append(RecordRejectedRows(import_batch_id=batch.id, number=len(asked) + 1, rows=rows))
    asked.append(
        CompleteImport(
            import_batch_id=batch.id,
            read=read,
            imported=imported,
            unchanged=unchanged,
            rejected=refused,
            first_position=batch.began_at + 1 if head > batch.began_at else None,
            last_position=head if head > batch.began_at else None,
        )
    )
    for command in asked:
        batch.log.do(command, Request(actor=actor))


def revert(log: Log, batch_id: UUID, reason: str | None, *, actor: str, anyway: bool = False) -> int:
    """Takes an import back: nothing of it counts any longer. Returns how many events that concerns.

    Refused if other things happened since to what it began, unless `anyway`: they stay, and would hang in the air.
    """
    state, _ = log.state(import_batch.decider, batch_id)
    if state.started is None:
        raise Refused("There is no such import. bitacora import list shows them.", "import_batch_id")
    events, changed = corrections.extent(log.pool, batch_id, run_id(batch_id, state.run))
    if changed and not state.reverted and not anyway:
        raise Refused(
            f"{changed:,} of the things that this import began have changed since by other ways. They would be left "
            "without their beginning. To take the import back all the same: --anyway."
        )
    log.do(RevertImport(import_batch_id=batch_id, reason=reason), Request(actor=actor))
    return events


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of everything in a folder, in hex."""
    try:
        if not path.is_dir():
            return _digest_of(path)
        whole = sha256()
        for name in _files(path):
            whole.update(f"{name}\0{_digest_of(path / name)}\n".encode())
        return whole.hexdigest()
    except OSError as error:
        raise Refused(f"{str(path)!r} cannot be read: {error.strerror}.", "file") from None


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[str]:
    return iter(sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()))
