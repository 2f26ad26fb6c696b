"""A wire between the application and PostgreSQL that can be cut just when an answer comes back."""

import contextlib
import socket
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

CHUNK_BYTES = 65_536


class Proxy:
    """Forwards a Unix socket to the server of a DSN; once told to, it swallows one reply and hangs up."""

    def __init__(self, dsn: str, home: Path) -> None:
        to = conninfo_to_dict(dsn)
        name = f".s.PGSQL.{to['port']}"
        self.dsn = make_conninfo(dsn, host=str(home))
        self._server = str(Path(str(to["host"])) / name)
        self._marker: bytes | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(home / name))
        self._listener.listen()
        self._open: list[socket.socket] = []

    def swallow_the_reply_to(self, text: str) -> None:
        """The next request that appends events and contains the text reaches the server; its answer reaches nobody."""
        self._marker = text.encode()

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for end in self._open:
            hang_up(end)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._open += [client, server]
                Thread(target=self._wire, args=(client, server), daemon=True).start()

    def _wire(self, client: socket.socket, server: socket.socket) -> None:
        cut: list[bool] = []
        Thread(target=self._replies, args=(server, client, cut), daemon=True).start()
        with contextlib.suppress(OSError):
            while asked := client.recv(CHUNK_BYTES):
                if self._marker is not None and self._marker in asked and b'"stream_id"' in asked:
                    self._marker = None
                    cut.append(True)
                server.sendall(asked)
        hang_up(server)

    def _replies(self, server: socket.socket, client: socket.socket, cut: list[bool]) -> None:
        with contextlib.suppress(OSError):
            while (answered := server.recv(CHUNK_BYTES)) and not cut:
                client.sendall(answered)
        hang_up(client)


def hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
