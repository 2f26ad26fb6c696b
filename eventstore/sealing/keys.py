"""The keys that tree heads are signed with: a file for its owner alone, made at first use; and how a key follows another."""

import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from eventstore.locks import locked
from eventstore.sealing.notes import KEY_BYTES, NoteError, Signer, VerifierKey, private_key
from eventstore.sealing.state import flush_folder

OVERLAP = timedelta(days=30)
"""For so long the key before signs as well, so that whoever knows only that one can check, and learn the new one."""
MAX_OVERLAP = timedelta(days=3_650)
MAX_KEYS = 15
SIGN_TIMEOUT_S = 10
UNTIL = " until="

Signers = Callable[[str], Sequence[Signer]]
"""Whoever signs the heads of a log with this origin, the newest key first."""


class SigningKeyError(Exception):
    """The file with the signing keys cannot be used, or lacks the key that is needed."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key in the file; `until` is the first day on which it does not sign any more."""

    signer: Signer
    text: str
    until: date | None = None

    @property
    def line(self) -> str:
        return self.text + (f"{UNTIL}{self.until.isoformat()}" if self.until else "")


class KeyFile:
    """Ed25519 keys, each a line in the form of Go's note package, named for the origin of the log that it signs."""

    def __init__(self, file: Path, now: Callable[[], datetime]) -> None:
        self.file = file
        self._now = now

    def signers(self, origin: str) -> list[Signer]:
        """Whoever signs now. Raises `SigningKeyError` if nobody can."""
        today = self._now().date()
        found = [key.signer for key in self.of(origin) if key.until is None or today < key.until]
        if not found:
            raise SigningKeyError(
                f"{self.file} has no key of {origin}. Restore it from its backup; if it is lost, make another one: "
                "bitacora sealing rotate, and tell the auditor its public half."
            )
        return found

    def ensure(self, origin: str) -> None:
        """Makes the first key of a log, if it has none."""
        with self._locked():
            keys = self._keys()
            if not any(key.signer.key.name == origin for key in keys):
                self._write([*keys, _fresh(origin)])

    def rotate(self, origin: str, overlap: timedelta = OVERLAP) -> VerifierKey:
        """Makes a new key; the ones before sign until the overlap is over. Says the new key's public half."""
        end = self._now().date() + overlap
        with self._locked():
            keys = self._keys()
            if sum(key.signer.key.name == origin for key in keys) >= MAX_KEYS:
                raise SigningKeyError(f"{self.file} has {MAX_KEYS} keys of {origin}: remove those that are over.")
            fresh = _fresh(origin)
            kept = [
                SigningKey(key.signer, key.text, end) if key.signer.key.name == origin and key.until is None else key
                for key in keys
            ]
            self._write([fresh, *kept])
        return fresh.signer.key

    def of(self, origin: str) -> list[SigningKey]:
        """All keys of a log, the newest first."""
        return [key for key in self._keys() if key.signer.key.name == origin]

    def _keys(self) -> list[SigningKey]:
        try:
            with self.file.open(encoding="ascii") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise SigningKeyError(f"Others can read {self.file}. Close it: chmod 600 {self.file}")
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SigningKeyError(f"The signing keys in {self.file} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise SigningKeyError(
                f"The signing keys in {self.file} are damaged. Restore it from its backup."
            ) from error
        return [self._key(number, line) for number, line in enumerate(lines, 1) if line.strip()]

    def _key(self, number: int, line: str) -> SigningKey:
        text, _, until = line.strip().partition(UNTIL)
        try:
            return SigningKey(Signer.parse(text), text, date.fromisoformat(until) if until else None)
        except (NoteError, ValueError) as error:
            raise SigningKeyError(f"Line {number} of {self.file} is no signing key: {error}") from error

    def _write(self, keys: Sequence[SigningKey]) -> None:
        draft = self.file.with_name(f"{self.file.name}.new")
        try:
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.writelines(f"{key.line}\n" for key in keys)
                out.flush()
                os.fsync(out.fileno())
            draft.rename(self.file)
            flush_folder(self.file.parent)
        except OSError as error:
            raise SigningKeyError(f"The signing keys in {self.file} cannot be written: {error.strerror}.") from error

    def _locked(self) -> AbstractContextManager[None]:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return locked(self.file.with_name(f"{self.file.name}.lock"))


@dataclass(frozen=True, slots=True)
class SigningProgram:
    """A program that signs with a key which never comes here: it reads the message from stdin and prints 64 bytes.

    `public` is the public half of its Ed25519 key.
    """

    command: Sequence[str]
    public: bytes

    def signers(self, origin: str) -> list[Signer]:
        """The one who signs."""
        return [Signer(VerifierKey(origin, self.public), self.sign)]

    def sign(self, message: bytes) -> bytes:
        """Its signature, checked. Raises `SigningKeyError`."""
        name = self.command[0]
        try:
            done = subprocess.run(self.command, input=message, capture_output=True, timeout=SIGN_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SigningKeyError(f"The program that signs, {name}, cannot be run: {error}.") from error
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip()[:200]
            raise SigningKeyError(f"The program that signs, {name}, failed: {told or done.returncode}.")
        if not VerifierKey("program", self.public).verifies(message.decode(), done.stdout):
            raise SigningKeyError(f"What {name} printed is no signature by the public key that is set.")
        return done.stdout


def _fresh(origin: str) -> SigningKey:
    text = private_key(origin, os.urandom(KEY_BYTES))
    return SigningKey(Signer.parse(text), text)
