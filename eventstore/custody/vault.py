"""Vault: key-encryption keys that never leave HashiCorp Vault or OpenBao; its transit engine wraps and unwraps."""

import base64
import binascii
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import orjson

from domain.kernel import Refused
from eventstore.custody.providers import KeyFileError
from eventstore.database import Unavailable

TIMEOUT_S = 10
GONE = ("encryption key not found", "no existing key named", "could not delete key; not found")
"""How the transit engine says, with the status 400, that it has no such key."""
BATCH_KEYS = 1_000
LONGEST_ANSWER_BYTES = 4_000_000
KEY_TYPE = "aes256-gcm96"
ABSENT, FORBIDDEN, TOO_MANY, FIRST_SERVER_ERROR = 404, 403, 429, 500


class NoRedirects(HTTPRedirectHandler):
    """The token goes to the address that was set, and nowhere else."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


class Vault:
    """The transit engine of a Vault, a key of it for each epoch: `bitacora-1`, `bitacora-2` and so on.

    `address` is https://host:port (http only on this machine), `mount` where the engine is. The token is read from its
    file whenever it is needed, as an agent renews it there; it may make, use, configure and delete these keys.
    """

    name = "vault"

    def __init__(
        self,
        address: str,
        token_file: Path,
        *,
        mount: str = "transit",
        prefix: str = "bitacora",
        ca: Path | None = None,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (
            parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
        ):
            raise Refused("Vault's address begins with https://; http:// only on this machine.", "vault_address")
        self._base = f"{address.rstrip('/')}/v1/{quote(mount.strip('/'))}"
        self._token_file = token_file
        self._prefix = prefix
        try:
            context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        except OSError as error:
            raise Refused(f"The file of Vault's certificate authority, {ca}, cannot be read.", "vault_ca") from error
        self._opener = build_opener(HTTPSHandler(context=context), NoRedirects())

    def make(self, epoch: int) -> str:
        """Makes the key of an epoch unless it is there. It cannot be exported."""
        self._ask("POST", f"keys/{self._key(epoch)}", {"type": KEY_TYPE, "exportable": False})
        return self._key(epoch)

    def wrap(self, epoch: int, keys: Sequence[bytes]) -> list[bytes]:
        """Wraps keys, BATCH_KEYS in a request."""
        asked = [{"plaintext": base64.b64encode(key).decode()} for key in keys]
        return [str(each["ciphertext"]).encode() for each in self._batches(f"encrypt/{self._key(epoch)}", asked)]

    def unwrap(self, epoch: int, keys: Sequence[bytes]) -> list[bytes]:
        """Unwraps what `wrap` gave. Raises `KeyFileError` if the key is gone or is another one."""
        asked = [{"ciphertext": key.decode("ascii", "replace")} for key in keys]
        try:
            return [
                base64.b64decode(each["plaintext"], validate=True)
                for each in self._batches(f"decrypt/{self._key(epoch)}", asked)
            ]
        except binascii.Error as error:
            raise KeyFileError("Vault answered with what is no key.") from error

    def destroy(self, epoch: int) -> None:
        """Deletes the key of an epoch, if it is there."""
        key = self._key(epoch)
        try:
            self._ask("POST", f"keys/{key}/config", {"deletion_allowed": True})
        except KeyGone:
            return
        self._ask("DELETE", f"keys/{key}")

    def _batches(self, path: str, asked: Sequence[Mapping[str, str]]) -> Iterator[Mapping[str, Any]]:
        for start in range(0, len(asked), BATCH_KEYS):
            some = asked[start : start + BATCH_KEYS]
            results = self._ask("POST", path, {"batch_input": some})["data"]["batch_results"]
            if len(results) != len(some):
                raise KeyFileError(f"Vault gave {len(results)} answers to {len(some)} questions ({path}).")
            for each in results:
                if each.get("error"):
                    raise KeyFileError(f"Vault cannot do {path}: {each['error']}. Is it another key, or another Vault?")
                yield each

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        try:
            token = self._token_file.read_text().strip()
        except OSError as error:
            raise KeyFileError(
                f"The file of Vault's token, {self._token_file}, cannot be read: {error.strerror}."
            ) from error
        request = Request(  # noqa: S310  # the scheme was looked at when this was made
            f"{self._base}/{path}",
            method=method,
            data=None if body is None else orjson.dumps(body),
            headers={"X-Vault-Token": token, "X-Vault-Request": "true", "Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                text = answer.read(LONGEST_ANSWER_BYTES + 1)
            if len(text) > LONGEST_ANSWER_BYTES:
                raise KeyFileError(f"Vault's answer to {path} is longer than {LONGEST_ANSWER_BYTES} bytes.")
            return orjson.loads(text) if text else {}
        except HTTPError as error:
            raise self._refused(path, error) from error
        except (URLError, OSError) as error:
            raise Unavailable(
                f"Vault cannot be reached just now ({error}). Nothing is half done; try again."
            ) from error
        except ValueError as error:
            raise KeyFileError(f"What answers at {self._base} is no Vault.") from error

    def _refused(self, path: str, error: HTTPError) -> Exception:
        with error:
            said = error.read(LONGEST_ANSWER_BYTES)
        why = "; ".join(_reasons(said)) or error.reason
        if error.code >= FIRST_SERVER_ERROR or error.code == TOO_MANY:
            return Unavailable(f"Vault cannot answer just now ({error.code}: {why}). Nothing is half done; try again.")
        if error.code == FORBIDDEN:
            return KeyFileError(f"Vault refuses {path}: {why}. Look at the token and its policy.")
        if error.code == ABSENT or any(words in why for words in GONE):
            return KeyGone(f"Vault does not know the key of {path}: {why}. Without it personal values stay unreadable.")
        return KeyFileError(f"Vault turns {path} down ({error.code}: {why}).")

    def _key(self, epoch: int) -> str:
        return f"{self._prefix}-{epoch}"


def _reasons(said: bytes) -> set[str]:
    """Why Vault turned something down: for the request, or for one of its parts."""
    try:
        answer = orjson.loads(said)
        parts = (answer.get("data") or {}).get("batch_results") or []
        return {*map(str, answer.get("errors") or []), *(str(each["error"]) for each in parts if each.get("error"))}
    except (ValueError, AttributeError, TypeError):
        return set()


class KeyGone(KeyFileError):
    """Vault does not have this key."""
