"""Another system: a real HTTP server that takes webhooks, proves each, and answers what it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from processes.webhooks import Target, verify

SECRET = "whsec_" + "QUJD" * 8
HANG_S = 20.0


@dataclass
class Receiver:
    """What came, by id; `answers` are the next statuses, 204 when there are none; 0 hangs up, and -1 says nothing."""

    answers: list[int] = field(default_factory=list)
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    came: list[tuple[str, datetime]] = field(default_factory=list)
    url: str = ""
    enough: Event = field(default_factory=Event)

    @property
    def target(self) -> Target:
        return Target.of(self.url, SECRET)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
            id = verify(receiver.target.keys, dict(self.headers), body, at)
            receiver.came.append((id, at))
            status = receiver.answers.pop(0) if receiver.answers else 204
            if status <= 0:
                if status:
                    receiver.enough.wait(HANG_S)
                self.close_connection = True
                return
            if 200 <= status < 300:
                receiver.taken.append((id, body))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", receiver.url)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook?from=crm"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.enough.set()
        server.shutdown()
        thread.join()
        server.server_close()
