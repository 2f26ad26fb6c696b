"""Anchors: the places outside where a signed tree head becomes known, so that nobody can go back behind it."""

import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Event as Signal
from typing import NamedTuple, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

import psycopg
from cryptography import x509
from psycopg import Connection
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from eventstore.database import Unavailable, connect, reachable
from eventstore.sealing.heads import Head, newest
from eventstore.sealing.merkle import consistency_path
from eventstore.sealing.notes import Note, NoteError, VerifierKey, proof_lines, signatures
from eventstore.sealing.sealer import SEALER_ROLE
from eventstore.sealing.sources import Source
from eventstore.sealing.tiles import Stored

DAILY = timedelta(days=1)
WITNESSED_EVERY = timedelta(minutes=1)
LOOK_EVERY_S = 5.0
HTTP_TIMEOUT_S = 20.0
MAX_ANSWER_BYTES = 100_000
RETRY_AFTER = timedelta(minutes=5)

logger = logging.getLogger(__name__)


class AnchorFailed(Exception):
    """An anchor did not take a head. It is asked again later; nothing is lost."""


class Proofs(Protocol):
    """Says how a head is proven to begin with a smaller one."""

    def __call__(self, size1: int) -> Sequence[bytes]: ...


class Anchor(Protocol):
    """One place outside. `take` gives the head to it and says what it answered, as evidence; raises `AnchorFailed`."""

    @property
    def kind(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def every(self) -> timedelta: ...

    def take(self, head: Head, known_size: int, proven: Proofs) -> bytes: ...


class Answer(NamedTuple):
    """What an HTTP server said."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Witness:
    """A C2SP witness: it signs only what begins with all that it signed before (c2sp.org/tlog-witness)."""

    key: VerifierKey
    url: str
    every: timedelta = WITNESSED_EVERY
    kind: str = "witness"

    @property
    def name(self) -> str:
        """Its public key."""
        return str(self.key)

    def take(self, head: Head, known_size: int, proven: Proofs) -> bytes:
        """Its signature lines. If it remembers another size than we do, it is asked again from there, once."""
        answer = self._ask(head, known_size, proven)
        if answer.status == 409 and (size := self._size(answer.body)) is not None and size != known_size:
            if size > head.size:
                raise AnchorFailed(
                    f"The witness {self.key.name} has seen a tree of {size:,} leaves of {head.origin}, and there are "
                    f"{head.size:,} signed here: what it saw was forgotten, or somebody else signs. Call the auditor."
                )
            answer = self._ask(head, size, proven)
        if answer.status != 200:
            raise AnchorFailed(f"The witness {self.key.name} refuses the head of {head.size:,}: {_told(answer)}")
        try:
            lines = signatures(answer.body.decode())
            ours = [line for line in lines if (line.name, line.key_id) == (self.key.name, self.key.key_id)]
            Note(Note.parse(head.note).text, tuple(ours)).must_be_signed([self.key])
        except (NoteError, UnicodeDecodeError) as error:
            raise AnchorFailed(f"The witness {self.key.name} answered something else: {error}") from error
        return "".join(line.line() for line in ours).encode()

    def _ask(self, head: Head, old_size: int, proven: Proofs) -> Answer:
        proof = proven(old_size) if 0 < old_size < head.size else []
        body = f"old {old_size}\n{proof_lines(proof)}\n{head.note}"
        return post(f"{self.url.rstrip('/')}/add-checkpoint", body.encode(), "text/plain; charset=utf-8")

    def _size(self, body: bytes) -> int | None:
        text = body.decode(errors="replace").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


@dataclass(frozen=True, slots=True)
class TimeStamping:
    """A time stamping authority (RFC 3161): it signs that this head was there at a time, by its clock and not by ours."""

    url: str
    roots: Path | None = None
    every: timedelta = DAILY
    kind: str = "timestamp"

    @property
    def name(self) -> str:
        """Where it is asked."""
        return self.url

    def take(self, head: Head, known_size: int, proven: Proofs) -> bytes:
        """The answer in DER, as `openssl ts -verify` reads it: of SHA-256 over the text of the checkpoint.

        It must be of this text and answer this request; it is verified up to a root if there are roots.
        """
        text = head.checkpoint.text().encode()
        request = TimestampRequestBuilder().data(text).hash_algorithm(HashAlgorithm.SHA256).nonce().build()
        answer = post(self.url, request.as_bytes(), "application/timestamp-query")
        if answer.status != 200:
            raise AnchorFailed(f"The time stamping authority {self.url} refuses: {_told(answer)}")
        try:
            response = decode_timestamp_response(answer.body)
            stamped = response.tst_info.message_imprint.message
            if response.tst_info.nonce != request.nonce or stamped != request.message_imprint.message:
                raise AnchorFailed(f"The time stamping authority {self.url} stamped something else.")
            if self.roots is not None:
                builder = VerifierBuilder.from_request(request)
                for root in x509.load_pem_x509_certificates(self.roots.read_bytes()):
                    builder = builder.add_root_certificate(root)
                builder.build().verify_message(response, text)
        except (VerificationError, ValueError) as error:
            raise AnchorFailed(f"The time stamp of {self.url} cannot be verified: {error}") from error
        except OSError as error:
            raise AnchorFailed(
                f"The roots of time stamping, {self.roots}, cannot be read: {error.strerror}."
            ) from error
        return answer.body


class Anchoring:
    """Gives each anchor the newest head, as often as it wants one, and keeps what it answered beside the head."""

    def __init__(self, dsn: str, source: Source, anchors: Sequence[Anchor], now: Callable[[], datetime]) -> None:
        self.source = source
        self.anchors = anchors
        self._dsn = dsn
        self._now = now
        self._not_before: dict[str, datetime] = {}

    def step(self) -> int:
        """Asks whoever is due. Says how many took a head; a failure is told, and tried again after some minutes."""
        taken = 0
        with reachable(), connect(self._dsn, role=SEALER_ROLE) as db:
            head = newest(db, self.source)
            for anchor in self.anchors if head is not None else ():
                assert head is not None
                known = self._due(db, head, anchor)
                if known is None:
                    continue
                try:
                    evidence = anchor.take(head, known, _proofs(db, head))
                except AnchorFailed as error:
                    logger.error("%s", error)
                    self._not_before[anchor.name] = self._now() + RETRY_AFTER
                    continue
                self._keep(db, head, anchor, evidence)
                taken += 1
        return taken

    def follow(self, stop: Signal) -> None:
        """Goes on until `stop`."""
        while not stop.is_set():
            try:
                self.step()
            except Unavailable as error:
                logger.warning("%s", error)
            except Exception:
                logger.exception("The anchors cannot be given the head. It is tried again.")
            stop.wait(LOOK_EVERY_S)

    def _due(self, db: Connection, head: Head, anchor: Anchor) -> int | None:
        """The size of the tree that an anchor knows, if it is to be given a larger one; 0 if it knows none."""
        row = db.execute(
            "select max(size), max(at) from es.anchor where tree = %s and kind = %s and name = %s",
            [head.tree, anchor.kind, anchor.name],
        ).fetchone() or (None, None)
        size, at = row
        now = self._now()
        if now < self._not_before.get(anchor.name, now) or (size is not None and size >= head.size):
            return None
        return None if at is not None and now < at + anchor.every else size or 0

    def _keep(self, db: Connection, head: Head, anchor: Anchor, evidence: bytes) -> None:
        try:
            db.execute(
                "insert into es.anchor (tree, size, kind, name, evidence, at) values (%s, %s, %s, %s, %s, %s)",
                [head.tree, head.size, anchor.kind, anchor.name, evidence, self._now()],
            )
        except psycopg.errors.UniqueViolation:  # another process was as quick
            logger.info("The head of %s is known to %s already.", head.size, anchor.name)


def _proofs(db: Connection, head: Head) -> Proofs:
    def proven(size1: int) -> Sequence[bytes]:
        return Stored(db, head.tree).proof(consistency_path(size1, head.size))

    return proven


def must_be_url(url: str, *, plain: bool = False) -> str:
    """The same. Raises ValueError unless it is https, or http to this machine, or to anywhere where `plain` says so."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not here and not plain):
        raise ValueError(f"write it as {'http(s)' if plain else 'https'}://host/path")
    return url


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _opener() -> OpenerDirector:
    return build_opener(_NoRedirects, HTTPSHandler(context=ssl.create_default_context()))


def post(url: str, body: bytes, content_type: str) -> Answer:
    """Sends something and says what was answered. Raises `AnchorFailed` if nobody answered."""
    must_be_url(url, plain=True)
    request = Request(url, body, {"Content-Type": content_type, "User-Agent": "bitacora"})  # noqa: S310  # checked above
    try:
        with _opener().open(request, timeout=HTTP_TIMEOUT_S) as response:
            answer = Answer(response.status, response.read(MAX_ANSWER_BYTES + 1))
    except HTTPError as error:
        with error:
            return Answer(error.code, error.read(MAX_ANSWER_BYTES))
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise AnchorFailed(f"{url} does not answer ({reason}). It is asked again later.") from error
    if len(answer.body) > MAX_ANSWER_BYTES:
        raise AnchorFailed(f"{url} answered more than {MAX_ANSWER_BYTES:,} bytes.")
    return answer


def _told(answer: Answer) -> str:
    text = " ".join(answer.body.decode(errors="replace").split())[:200]
    return f"{answer.status} {text}".strip()
