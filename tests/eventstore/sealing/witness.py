"""A small real witness (c2sp.org/tlog-witness): it keeps what it saw in a file, and signs only what begins with that."""

import base64
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

from eventstore.sealing.merkle import NotProven, verify_consistency
from eventstore.sealing.notes import COSIGNATURE, Checkpoint, Note, NoteError, Signer, VerifierKey

SEED = bytes(range(64, 96))


class SmallWitness:
    """It knows the keys of some logs, and of each the last head that it signed."""

    def __init__(self, file: Path, name: str = "witness.example/w1") -> None:
        self.signer = Signer.of(name, SEED, COSIGNATURE)
        self.logs: dict[str, list[VerifierKey]] = {}
        self.asked = 0
        self._file = file
        self._lock = Lock()

    def add_checkpoint(self, body: str) -> tuple[int, str, str]:
        """Status, media type and text of its answer."""
        self.asked += 1
        head, _, text = body.partition("\n\n")
        first, *lines = head.split("\n")
        old_size, proof = int(first.removeprefix("old ")), [base64.b64decode(line, validate=True) for line in lines]
        note = Note.parse(text)
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.origin not in self.logs:
            return 404, "text/plain", "unknown log"
        try:
            note.must_be_signed(self.logs[checkpoint.origin])
        except NoteError as error:
            return 403, "text/plain", str(error)
        if old_size > checkpoint.size:
            return 400, "text/plain", "old size"
        with self._lock:
            seen = self.seen()
            size, root = seen.get(checkpoint.origin, (0, ""))
            if old_size != size:
                return 409, "text/x.tlog.size", f"{size}\n"
            if size == checkpoint.size and root != checkpoint.root.hex():
                return 409, "text/x.tlog.size", f"{size}\n"
            try:
                if size:
                    verify_consistency(size, checkpoint.size, proof, bytes.fromhex(root), checkpoint.root)
                elif proof:
                    raise NotProven("The proof from nothing is empty.")
            except NotProven as error:
                return 422, "text/plain", str(error)
            seen[checkpoint.origin] = (checkpoint.size, checkpoint.root.hex())
            draft = self._file.with_suffix(".new")
            draft.write_text(json.dumps(seen))
            os.replace(draft, self._file)
        return 200, "text/plain", self.signer.signature(note.text, int(time.time())).line()

    def seen(self) -> dict[str, tuple[int, str]]:
        if not self._file.exists():
            return {}
        return {name: tuple(head) for name, head in json.loads(self._file.read_text()).items()}


@contextmanager
def serving(answer) -> Iterator[str]:
    """A server on this machine that answers each POST by what `answer(path, body)` says: status, media type, bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, kind, body = answer(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            if status in (301, 302):
                self.send_header("location", "http://localhost:1/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def witnessing(witness: SmallWitness) -> Iterator[str]:
    """The URL of a witness."""

    def answer(path: str, body: bytes) -> tuple[int, str, bytes]:
        assert path == "/w/add-checkpoint"
        status, kind, text = witness.add_checkpoint(body.decode())
        return status, kind, text.encode()

    with serving(answer) as url:
        yield f"{url}/w"
