"""The erasure ledger: a file outside the database of who was blocked and erased, so that a restored backup forgets them again.

It holds ids and laws, and nothing of anybody. Keep a copy of it where the backups are.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from domain import erasure
from domain.erasure import RequestErasure, VerifyErasureIdentity
from domain.erasure_events import ErasureBasis, ErasureKind, ErasureStatus
from domain.kernel import Refused, derived
from eventstore.envelope import Request
from eventstore.locks import locked
from eventstore.log import Log

MAX_LINE_BYTES = 1 << 20
ACTOR = "erasure-ledger"


class LedgerError(Exception):
    """The file is not what was written: it was cut off in the middle, or changed."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person who was blocked, by which request, and until when; the last line of a request counts."""

    erasure_id: UUID
    customer_id: UUID
    kind: ErasureKind
    basis: ErasureBasis
    method: str
    requested_at: datetime
    until: datetime
    legal_basis: str


_entry: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Entry)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The file. A line is on the disk before what it says goes on."""

    file: Path

    def note(self, entry: Entry) -> None:
        """Adds a line, unless the last one of the request says the same."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.file.with_suffix(".lock")):
            if self.entries().get(entry.erasure_id) == entry:
                return
            handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "ab") as out:
                out.write(msgspec.json.encode(entry) + b"\n")
                out.flush()
                os.fsync(out.fileno())

    def entries(self) -> dict[UUID, Entry]:
        """The last word on each request. Raises `LedgerError`; a last line that was cut off is passed over."""
        return {entry.erasure_id: entry for entry in self._lines()}

    def _lines(self) -> Iterator[Entry]:
        if not self.file.exists():
            return
        with self.file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield _entry.decode(line)
                except msgspec.DecodeError as error:
                    raise LedgerError(f"Line {number} of {self.file} cannot be read: {error}.") from error


def apply_again(log: Log, ledger: Ledger, now: datetime) -> list[UUID]:
    """Asks again for what a restored log knows nothing of, or less: the eraser then sees to it. Returns the requests.

    Who is not in the log that was restored is passed over: there is nothing of them to forget.
    """
    asked = []
    for entry in ledger.entries().values():
        state, _ = log.state(erasure.decider, entry.erasure_id)
        if state.status not in (None, ErasureStatus.REQUESTED, ErasureStatus.VERIFIED):
            continue
        request = RequestErasure(
            erasure_id=entry.erasure_id, customer_id=entry.customer_id, basis=entry.basis, kind=entry.kind
        )
        try:
            log.do(request, _by_ledger(entry, "request", entry.requested_at))
        except Refused:
            continue
        verify = VerifyErasureIdentity(erasure_id=entry.erasure_id, method=entry.method)
        log.do(verify, _by_ledger(entry, "verify", now))
        asked.append(entry.erasure_id)
    return asked


def _by_ledger(entry: Entry, step: str, at: datetime) -> Request:
    return Request(actor=ACTOR, occurred_at=at, command_id=derived("erasure ledger", entry.erasure_id, step))
