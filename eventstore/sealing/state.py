"""What a sealer knows by itself, outside the database: so it notices when the database has forgotten something."""

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import orjson

from eventstore.sealing import points
from eventstore.sealing.merkle import Frontier
from eventstore.sealing.notes import Checkpoint

FORMAT = 1


class StateError(Exception):
    """The file with the state of the sealer cannot be read or written."""


@dataclass(frozen=True, slots=True)
class State:
    """The last tree head that was signed, or is about to be: then there is no `note` yet."""

    log_id: UUID
    origin: str
    frontier: Frontier
    note: str | None = None

    @property
    def size(self) -> int:
        """How many leaves were sealed."""
        return self.frontier.size

    @property
    def checkpoint(self) -> Checkpoint:
        """What is or will be signed."""
        return Checkpoint(self.origin, self.frontier.size, self.frontier.root())

    @classmethod
    def load(cls, file: Path) -> "State | None":
        """From its file; None if there is none. Raises `StateError`."""
        try:
            kept = orjson.loads(file.read_bytes())
            if kept["format"] != FORMAT:
                raise StateError(f"{file} was written by another version of Bitácora. Use that one, or a newer one.")
            hashes = [base64.b64decode(hash, validate=True) for hash in kept["frontier"]]
            return cls(UUID(kept["log_id"]), kept["origin"], Frontier(kept["size"], hashes), kept["note"])
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"The state of the sealer, {file}, cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"The state of the sealer, {file}, is damaged. Restore it from its backup.") from error

    def save(self, file: Path) -> None:
        """To its file, whole or not at all, and on the disk when this returns. Raises `StateError`."""
        kept = {
            "format": FORMAT,
            "log_id": str(self.log_id),
            "origin": self.origin,
            "size": self.size,
            "frontier": [base64.b64encode(hash).decode() for hash in self.frontier.hashes],
            "note": self.note,
        }
        draft = file.with_suffix(".new")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(orjson.dumps(kept))
                out.flush()
                os.fsync(out.fileno())
            points.reached("state: written, not renamed")
            draft.rename(file)
            flush_folder(file.parent)
        except OSError as error:
            raise StateError(
                f"The state of the sealer, {file}, cannot be written: {error.strerror}. Nothing is signed until it can."
            ) from error


def flush_folder(folder: Path) -> None:
    """Has the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
