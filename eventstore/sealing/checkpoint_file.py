"""The append-only file of checkpoints: the first place outside the database where a signed tree head is known."""

import os
from collections.abc import Iterator
from pathlib import Path

from eventstore.sealing.notes import MAX_NOTE_BYTES, Checkpoint, Note, NoteError
from eventstore.sealing.state import StateError, flush_folder

END = b"\n\n"
TAIL_BYTES = 2 * MAX_NOTE_BYTES


class CheckpointFile:
    """Signed checkpoints one behind the other, each followed by an empty line. Nothing in it is ever changed.

    Copy it to another machine, or make it append-only there (`chattr +a`): whoever holds an old copy holds us to it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def append(self, note: str) -> None:
        """Adds a checkpoint, unless it is the last one already; it is on the disk when this returns. Raises `StateError`."""
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                end = os.lseek(handle, 0, os.SEEK_END)
                tail = os.pread(handle, TAIL_BYTES, max(0, end - TAIL_BYTES))
                whole = note.encode() + b"\n"
                if tail.endswith(whole):
                    return
                torn = bool(tail) and not tail.endswith(END)
                os.write(handle, (END if torn else b"") + whole)
                os.fsync(handle)
            finally:
                os.close(handle)
            if not end:
                flush_folder(self.file.parent)
        except OSError as error:
            raise StateError(f"The file of checkpoints {self.file} cannot be written: {error.strerror}.") from error

    def last(self, origin: str) -> Checkpoint | None:
        """The largest of the last checkpoints of a log; None if there is none."""
        try:
            with self.file.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL_BYTES))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"The file of checkpoints {self.file} cannot be read: {error.strerror}.") from error
        heads = [head for head, _ in checkpoints(text) if head.origin == origin]
        return max(heads, key=lambda head: head.size, default=None)


def checkpoints(text: str) -> Iterator[tuple[Checkpoint, Note]]:
    """The checkpoints in the text of such a file, unverified. What a crash or a cut left torn is passed over."""
    before = ""
    for chunk in text.split("\n\n"):
        if chunk.startswith("— "):
            try:
                note = Note.parse(f"{before}\n\n{chunk}\n")
                yield Checkpoint.parse(note.text), note
            except NoteError:
                pass
        before = chunk
