"""A small IMAP server (RFC 3501): one mailbox, one user, and what a client needs that reads and marks mails."""

import re
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

UID_FETCH = re.compile(r"UID FETCH (\d+) \((RFC822\.SIZE|BODY\.PEEK\[\])\)", re.IGNORECASE)
UID_STORE = re.compile(r"UID STORE (\d+) \+FLAGS\.SILENT \((.*)\)", re.IGNORECASE)
ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


@dataclass
class Box:
    """The mails by their UIDs, and the flags of each. `says_no` are commands that are refused; `hangs_up_at` ends it all.

    With `tls` it offers STARTTLS, or speaks nothing else `from_the_start`; `in_the_clear` is what it was asked before.
    """

    user: str = "crm@firm.test"
    password: str = 'p "w" !'
    name: str = "INBOX"
    mails: dict[int, bytes] = field(default_factory=dict)
    flags: dict[int, set[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    says_no: str = ""
    hangs_up_at: str = ""
    port: int = 0
    tls: ssl.SSLContext | None = None
    from_the_start: bool = False
    in_the_clear: list[str] = field(default_factory=list)

    def deliver(self, *raws: bytes) -> None:
        for raw in raws:
            uid = max(self.mails, default=100) + 1
            self.mails[uid] = raw.replace(b"\n", b"\r\n")
            self.flags[uid] = set()

    def unseen(self) -> list[int]:
        return [uid for uid, flags in self.flags.items() if r"\Seen" not in flags]


class Conversation(socketserver.StreamRequestHandler):
    """One client."""

    box: Box
    within = "nobody"
    secret = False

    def setup(self) -> None:
        super().setup()
        if self.box.from_the_start:
            self.begin_tls()

    def begin_tls(self) -> None:
        assert self.box.tls is not None
        self.request = self.box.tls.wrap_socket(self.request, server_side=True)
        self.secret = True
        super().setup()

    def finish(self) -> None:
        super().finish()
        if self.secret:
            self.request.close()

    def handle(self) -> None:
        self.say("* OK ready")
        while line := self.rfile.readline().decode().strip():
            tag, _, command = line.partition(" ")
            if not self.secret:
                self.box.in_the_clear.append(command)
            self.box.asked.append(command.partition(" ")[0] if not command.startswith("UID") else command[:10].strip())
            if self.box.hangs_up_at and command.upper().startswith(self.box.hangs_up_at):
                return
            if self.box.says_no and command.upper().startswith(self.box.says_no):
                self.say(f"{tag} NO not now")
            else:
                self.say(f"{tag} {self.answer(command)}")
                if command.upper() == "STARTTLS":
                    self.begin_tls()
            if command.upper() == "LOGOUT":
                return

    def answer(self, command: str) -> str:
        word, _, rest = command.partition(" ")
        told = [(quoted or plain).replace('\\"', '"') for quoted, plain in ARGUMENT.findall(rest)]
        match word.upper():
            case "CAPABILITY":
                offered = self.box.tls is not None and not self.secret
                self.say(f"* CAPABILITY IMAP4rev1{' STARTTLS' if offered else ''}")
            case "STARTTLS" if self.box.tls is not None and not self.secret:
                return "OK begin"
            case "LOGIN":
                if told != [self.box.user, self.box.password]:
                    return "NO [AUTHENTICATIONFAILED] who are you?"
                self.within = "login"
            case "SELECT":
                if self.within == "nobody" or told != [self.box.name]:
                    return "NO no such mailbox"
                self.within = "mailbox"
                self.say(f"* {len(self.box.mails)} EXISTS")
                self.say("* OK [UIDVALIDITY 42] valid")
            case "UID" if self.within == "mailbox":
                return self.uid(command)
            case "LOGOUT":
                self.say("* BYE")
            case _:
                return "BAD what?"
        return "OK done"

    def uid(self, command: str) -> str:
        if command.upper() == "UID SEARCH UNSEEN":
            self.say(" ".join(["* SEARCH", *map(str, self.box.unseen())]))
        elif fetch := UID_FETCH.fullmatch(command):
            uid = int(fetch[1])
            raw = self.box.mails.get(uid)
            if raw is not None and fetch[2].upper() == "RFC822.SIZE":
                self.say(f"* 1 FETCH (UID {uid} RFC822.SIZE {len(raw)})")
            elif raw is not None:
                self.wfile.write(f"* 1 FETCH (UID {uid} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")\r\n")
        elif store := UID_STORE.fullmatch(command):
            self.box.flags[int(store[1])] |= set(store[2].split())
        else:
            return "BAD what?"
        return "OK done"

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class Server(socketserver.ThreadingTCPServer):
    """Whoever does not trust it hangs up in the middle of a handshake, which is no fault of its own."""

    def handle_error(self, request: object, client_address: object) -> None: ...


@contextmanager
def serving(host: str = "127.0.0.1", **said: Any) -> Iterator[Box]:
    """A server on loopback, as long as it is needed."""
    box = Box(**said)
    handler = type("Handler", (Conversation,), {"box": box})
    server = Server((host, 0), handler)
    server.daemon_threads = True
    box.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
