"""Webhooks: messages of which another system can tell that they are ours, after Standard Webhooks 1.0.0."""

import base64
import hmac
import http.client
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Timer
from urllib.parse import urlsplit

SECRET_PREFIX = "whsec_"  # noqa: S105  # what every secret begins with is none
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
VERSION = "v1"
TOLERANCE = timedelta(minutes=5)
"""How far the clocks of sender and receiver may differ."""
TIMEOUT_S = 15.0
"""For each answer of the network."""
TOTAL_S = 30.0
"""For one whole conversation."""
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class Unverified(Exception):
    """The message is not proved to be from whom it says: it must not be believed."""


def key_of(secret: str) -> bytes:
    """The key in a secret, `whsec_` and the base64 of 24 to 64 random bytes. Raises `ValueError`."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not (secret.startswith(SECRET_PREFIX) and MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES):
        raise ValueError(f"Write a secret as {SECRET_PREFIX} and the base64 of 24 to 64 random bytes.")
    return key


def signature(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """The HMAC-SHA256 of `id.timestamp.body`, with its version; `timestamp` in seconds since 1970."""
    signed = f"{id}.{timestamp}.".encode() + body
    return f"{VERSION},{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def signed_headers(keys: Sequence[bytes], id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that prove a message, by each key: so that a secret can be changed while both are taken."""
    timestamp = int(at.timestamp())
    signatures = " ".join(signature(key, id, timestamp, body) for key in keys)
    return {ID: id, TIMESTAMP: str(timestamp), SIGNATURE: signatures}


def verify(
    keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: datetime, tolerance: timedelta = TOLERANCE
) -> str:
    """The id of a message that is signed by one of these keys, lately. Raises `Unverified`."""
    told = {name.lower(): value for name, value in headers.items()}
    if missing := [name for name in (ID, TIMESTAMP, SIGNATURE) if not told.get(name)]:
        raise Unverified(f"The message has no {missing[0]}.")
    id, timestamp = told[ID], told[TIMESTAMP]
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 10):
        raise Unverified("The time of the message is no number of seconds.")
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > tolerance:
        raise Unverified("The message is too old, or from the future.")
    wanted = [signature(key, id, int(timestamp), body).encode() for key in keys]
    given = told[SIGNATURE].encode().split(b" ")
    if not any(hmac.compare_digest(one, other) for one in wanted for other in given):
        raise Unverified("The signature of the message is not right.")
    return id


@dataclass(frozen=True, slots=True)
class Target:
    """Where a system takes messages: its URL, and the keys that they are signed by."""

    url: str
    keys: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def of(cls, url: str, secrets: str) -> "Target":
        """A target with one secret, or several between blanks. Raises `ValueError`."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
            raise ValueError("Write the address of a webhook as https://host/path.")
        if not (keys := tuple(key_of(secret) for secret in secrets.split())):
            raise ValueError("A webhook needs a secret.")
        return cls(url, keys)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a receiver answered: the status, or why there is none."""

    status: int | None
    why: str

    @property
    def taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


def post(target: Target, id: str, body: bytes, at: datetime, *, timeout_s: float = TIMEOUT_S) -> Answered:
    """Sends a message once, signed. Redirections are not followed, and only the status of the answer is looked at."""
    parts = urlsplit(target.url)
    host = parts.hostname or ""
    made: http.client.HTTPConnection
    if parts.scheme == "https":
        made = http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=ssl.create_default_context())
    else:
        made = http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    headers = {
        "content-type": "application/json",
        "user-agent": "Bitacora",
        **signed_headers(target.keys, id, at, body),
    }
    watch = Timer(TOTAL_S, _hang_up, [made])
    watch.start()
    try:
        made.request("POST", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", body, headers)
        status = made.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answered(None, f"No answer: {type(error).__name__}.")
    finally:
        watch.cancel()
        made.close()
    return Answered(status, f"The answer was {status}.")


def _hang_up(made: http.client.HTTPConnection) -> None:
    if made.sock is not None:
        try:
            made.sock.shutdown(socket.SHUT_RDWR)
        except OSError:  # it has ended at the same moment
            return
