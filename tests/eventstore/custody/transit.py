"""A small Vault: the transit engine's endpoints over HTTP, with real AES-256-GCM and the answers of the real one."""

import base64
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PATH = re.compile(r"/v1/transit/(keys|encrypt|decrypt)/([\w-]+)(/config)?")


@dataclass
class Transit:
    """What the Vault has: its keys by name, whether each may be deleted, and the token that it takes."""

    token: str
    address: str = ""
    keys: dict[str, bytes] = field(default_factory=dict)
    deletable: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    strict: bool = True
    """Answers 400 if a part of a request cannot be done; Vault can be told otherwise."""
    status: int | None = None
    """Answers with this status and nothing else, if it is set."""

    def answer(self, method: str, path: str, token: str | None, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the body."""
        self.asked.append(f"{method} {path}")
        found = PATH.fullmatch(path)
        if self.status is not None:
            return self.status, {"errors": ["as it was told"]}
        if token != self.token:
            return 403, {"errors": ["permission denied"]}
        if found is None:
            return 404, {"errors": [f"no handler for route {path}"]}
        what, name, config = found.groups()
        if what == "keys":
            return self.key(method, name, config is not None, body)
        if name not in self.keys:
            if what == "decrypt":
                return 400, {"errors": ["encryption key not found"]}
            self.keys[name] = AESGCM.generate_key(256)  # as Vault does, unless it is told not to
        results = [getattr(self, what)(name, each) for each in body["batch_input"]]
        status = 400 if self.strict and any("error" in each for each in results) else 200
        return status, {"data": {"batch_results": results}}

    def key(self, method: str, name: str, config: bool, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Makes, configures or deletes a key."""
        if method == "DELETE":
            if name not in self.keys:
                return 400, {"errors": [f"error deleting policy {name}: could not delete key; not found"]}
            if name not in self.deletable:
                return 400, {"errors": [f"error deleting policy {name}: deletion is not allowed for this key"]}
            del self.keys[name]
            return 204, {}
        if config:
            if name not in self.keys:
                return 400, {"errors": [f"no existing key named {name} could be found"]}
            if body.get("deletion_allowed"):
                self.deletable.add(name)
            return 200, {"data": {"name": name}}
        assert body == {"type": "aes256-gcm96", "exportable": False}
        self.keys.setdefault(name, AESGCM.generate_key(256))
        return 200, {"data": {"name": name}}

    def encrypt(self, name: str, item: dict[str, str]) -> dict[str, Any]:
        """One item of a batch."""
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(self.keys[name]).encrypt(nonce, base64.b64decode(item["plaintext"]), None)
        return {"ciphertext": "vault:v1:" + base64.b64encode(sealed).decode(), "key_version": 1}

    def decrypt(self, name: str, item: dict[str, str]) -> dict[str, Any]:
        """One item of a batch."""
        if not item["ciphertext"].startswith("vault:v1:"):
            return {"error": "invalid ciphertext: no prefix"}
        whole = base64.b64decode(item["ciphertext"].removeprefix("vault:v1:"))
        try:
            return {
                "plaintext": base64.b64encode(AESGCM(self.keys[name]).decrypt(whole[:12], whole[12:], None)).decode()
            }
        except InvalidTag:
            return {"error": "invalid ciphertext: unable to decrypt"}


@contextmanager
def serving(transit: Transit) -> Iterator[Transit]:
    """Serves on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.reply()

        def do_GET(self) -> None:
            self.reply()

        def do_DELETE(self) -> None:
            self.reply()

        def reply(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = transit.answer(
                self.command, self.path, self.headers["X-Vault-Token"], json.loads(text) if text else {}
            )
            sent = b"" if status == 204 else json.dumps(body).encode()
            self.send_response(status)
            if status in (302, 307):
                self.send_header("Location", f"{transit.address}/elsewhere")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        transit.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield transit
        finally:
            server.shutdown()
            thread.join()
