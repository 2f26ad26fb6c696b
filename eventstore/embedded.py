"""A PostgreSQL of our own below a directory, shared by the processes that use it and stopped when the last one goes.

Four files in the home are never written, only locked with flock, which the kernel gives back whatever kills the holder:

- ``in-use``    shared by everyone who uses the server; whoever holds it alone may stop the server.
- ``starting``  one start or stop at a time.
- ``watched``   held by the watcher, a tiny process that stops the server when its last user was killed.
- ``serving``   inherited by initdb, the postmaster and every backend: when it is free, nothing of the server is alive.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from eventstore.locks import is_still, locked, take
from eventstore.programs import (
    COMMAND_TIMEOUT_S,
    ENVIRONMENT,
    EmbeddedServerError,
    as_ordinary_user,
    command_of,
    commands,
    program,
)

__all__ = ["SUPERUSER", "EmbeddedServer", "EmbeddedServerError"]

SUPERUSER = "postgres"
PORT = 5432  # names the socket file; nothing listens on the network

START_TIMEOUT_S = 300  # replaying 2 GB of WAL after a crash is the slow case
STOP_TIMEOUT_S = 60  # then the backends are told to quit without a checkpoint
QUIT_TIMEOUT_S = 10
POLL_S = 0.01
SOCKET_PATH_BYTES = 103  # sockaddr_un: 107 on Linux, 103 on macOS
LOG_BYTES = 10_000_000
LOG_TAIL_LINES = 12

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "200",
    "shared_buffers": "256MB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "wal_level": "minimal",  # nobody replicates it: a table that is made and filled in one transaction is written once
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

SAFE_SOCKET_PATH = re.compile(r"[\w./ +@:~=-]+")  # a comma separates directories for PostgreSQL and hosts for libpq

WATCH = "import sys; sys.path.insert(0, sys.argv[1]); from eventstore.embedded import watch; watch(*sys.argv[2:])"

CREATE_DATABASE = """
select format('create database %I', :'name')
 where not exists (select from pg_database where datname = :'name') \\gexec
"""


class EmbeddedServer:
    """A PostgreSQL below a directory, shared by the processes that use it and stopped when the last one goes.

    ``home`` holds the data (``postgres``), the log (``postgres.log``), the socket and the lock files; it is created
    when missing. ``settings`` are PostgreSQL settings by name. They count for whoever starts the server; attaching to
    one that runs leaves it as it is.
    """

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self.home = home.resolve()
        self.data = self.home / "postgres"
        self.log = self.home / "postgres.log"
        self._name = "bitacora-" + hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        self._settings = {**SETTINGS, **(settings or {}), "cluster_name": self._name}
        self._lease: int | None = None
        self._socket: Path | None = None

    def start(self) -> Self:
        """Start the server, or attach to the one that runs; calling it again brings a crashed server back.

        Raises EmbeddedServerError when there are no binaries, when the directory cannot be used, or when PostgreSQL
        does not start.
        """
        program("postgres")
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._lease is None:
                self._lease = take(self.home / "in-use", fcntl.LOCK_SH)
            with locked(self.home / "starting"):
                self._ensure_watched()
                self._ensure_serving()
        except BaseException as error:
            self._give_back()
            if isinstance(error, OSError):
                raise EmbeddedServerError(
                    f"The directory {self.home} cannot be used: {error}. The database lives there, so nothing was "
                    "started. Let BITACORA_HOME name a directory that you may write, or give this one to the user "
                    "who runs Bitácora."
                ) from error
            raise
        return self

    def stop(self) -> None:
        """Give the lease back; the last one who does so stops the server and returns when it has stopped."""
        if self._lease is None:
            return
        with locked(self.home / "starting"):
            try:
                fcntl.flock(self._lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._halt(self._lease)
            except BlockingIOError:  # others use it, or the watcher is just stopping it: then wait for that
                fcntl.flock(self._lease, fcntl.LOCK_SH)
            finally:
                self._give_back()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def dsn(self, user: str = SUPERUSER, dbname: str = "bitacora") -> str:
        """The libpq connection string over the Unix socket."""
        parts = {
            "host": str(self._socket or self._socket_directory()),
            "port": str(PORT),
            "user": user,
            "dbname": dbname,
        }
        return " ".join(f"{key}={quoted(value)}" for key, value in parts.items())

    @property
    def pid(self) -> int | None:
        """The process id of the live postmaster; None when there is none, only a zombie or somebody else's process."""
        lines = self._pid_file()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        return pid if self._is_ours(command_of(pid)) else None

    def kill(self) -> None:
        """Kill the postmaster and all its backends with SIGKILL and wait until they are gone: for crash tests."""
        if not self._is_gone_within(QUIT_TIMEOUT_S, self._kill_family):
            raise self._error(f"PostgreSQL in {self.data} was still there {QUIT_TIMEOUT_S} seconds after SIGKILL.")

    def ensure_database(self, name: str) -> None:
        """Create the database if it is not there yet. Raises EmbeddedServerError when PostgreSQL refuses."""
        command = [program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-v", f"name={name}", self.dsn(dbname="postgres")]
        with locked(self.home / "starting"):
            self._run(command, f"The database {name} could not be created.", stdin=CREATE_DATABASE)

    # Starting, under the lock "starting".

    def _ensure_watched(self) -> None:
        """Have one watcher; it inherits the lock that says so, so it is never there without being seen."""
        try:
            watched = take(self.home / "watched", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        root = Path(__file__).resolve().parent.parent
        watcher = [sys.executable, "-I", "-c", WATCH, str(root), str(self.home), str(watched)]
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            subprocess.run(  # the shell leaves it to init, so that nobody here has to wait for it
                ["/bin/sh", "-c", '"$@" &', "sh", *watcher],
                pass_fds=[watched], start_new_session=True, cwd="/",
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
            )  # fmt: skip
        finally:
            os.close(log)
            os.close(watched)

    def _ensure_serving(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while (serving := self._take_serving()) is None:
            if self.pid is None:
                self._kill_family()  # what a killed postmaster left behind
            elif self._is_ready():
                self._socket = Path(self._pid_file()[4])
                return
            if time.monotonic() > deadline:
                raise self._error(
                    f"PostgreSQL in {self.data} is running but was not ready within {START_TIMEOUT_S} seconds."
                )
            time.sleep(POLL_S)
        try:
            self._launch(serving)
        finally:
            os.close(serving)

    def _launch(self, serving: int) -> None:
        """Start it, knowing that nothing of it is alive: so lock files that a crash left are stale."""
        socket = self._socket_directory()
        make_private(socket)
        self._socket = socket
        for stale in (self.data / "postmaster.pid", socket / f".s.PGSQL.{PORT}.lock", socket / f".s.PGSQL.{PORT}"):
            stale.unlink(missing_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        if not (self.data / "PG_VERSION").exists():
            self._initialise(serving)
        options = {**self._settings, "unix_socket_directories": str(socket)}
        command = [
            *as_ordinary_user(self.data), program("pg_ctl"), "start", "--silent", "--wait",
            f"--timeout={START_TIMEOUT_S}", "-D", ".", "-l", "../postgres.log",
            "-o", " ".join(shlex.quote(f"--{key}={value}") for key, value in options.items()),
        ]  # fmt: skip
        limit_s = START_TIMEOUT_S + QUIT_TIMEOUT_S
        self._run(command, "PostgreSQL did not start.", inherit=serving, timeout_s=limit_s, cwd=self.data)

    def _initialise(self, serving: int) -> None:
        """Make the cluster beside its place, then rename it: a cluster is there whole or not at all."""
        fresh = self.home / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        command = [
            *as_ordinary_user(fresh), program("initdb"), "-D", str(fresh), f"--username={SUPERUSER}", "--auth=trust",
            "--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            "--data-checksums", "--no-instructions", *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
        ]  # fmt: skip
        self._run(command, "The database could not be created.", inherit=serving)
        fresh.rename(self.data)

    # Stopping, by whoever holds "in-use" alone.

    def _halt(self, alone: int) -> None:
        """Stop the server if there is one, and wait until nothing of it is alive."""
        if not is_still(self.home / "in-use", alone):
            return  # the home was deleted, and what is there now is not ours; a server without its files ends by itself
        steps = ((signal.SIGINT, STOP_TIMEOUT_S), (signal.SIGQUIT, QUIT_TIMEOUT_S))
        if not any(self._is_gone_within(limit_s, partial(self._tell, what)) for what, limit_s in steps):
            self.kill()
        with contextlib.suppress(OSError):
            (self._socket or self._socket_directory()).rmdir()

    def _tell(self, what: signal.Signals) -> None:
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, what)

    def _is_gone_within(self, timeout_s: float, end_it: Callable[[], None]) -> bool:
        """Ask until it is gone: the postmaster of an interrupted start may appear late, asking twice is harmless."""
        deadline = time.monotonic() + timeout_s
        while (serving := self._take_serving()) is None:
            if time.monotonic() > deadline:
                return False
            end_it()
            time.sleep(POLL_S)
        os.close(serving)
        return True

    def _take_serving(self) -> int | None:
        try:
            return take(self.home / "serving", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None

    def _give_back(self) -> None:
        if self._lease is not None:
            os.close(self._lease)
            self._lease = None

    def _kill_family(self) -> None:
        for pid, command in commands():
            if self._is_ours(command):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # What is there.

    def _is_ours(self, command: bytes) -> bool:
        """The postmaster is started with our cluster name, and its children carry the name in their titles."""
        program = command.split(b"\0")[0].split(b" -")[0]
        return (program.startswith(b"postgres: ") or program.endswith(b"/postgres")) and os.fsencode(
            self._name
        ) in command

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _is_ready(self) -> bool:
        lines = self._pid_file()
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _socket_directory(self) -> Path:
        """Beside the data; or, when PostgreSQL could not use that path, a temporary directory of the user's own."""
        own = f"bitacora-{os.geteuid()}-{self._name[-12:]}"
        temporary = [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 - made private, or refused, by make_private
        for directory in (self.home / "postgres-socket", *(place / own for place in temporary)):
            length = len(os.fsencode(directory / f".s.PGSQL.{PORT}.lock"))
            if length <= SOCKET_PATH_BYTES and SAFE_SOCKET_PATH.fullmatch(str(directory)):
                return directory
        raise AssertionError("a name below /tmp is always short enough")

    # Running the binaries.

    def _run(
        self, command: Sequence[str], failure: str, *, stdin: str = "", inherit: int | None = None,
        timeout_s: float = COMMAND_TIMEOUT_S, cwd: Path | None = None,
    ) -> None:  # fmt: skip
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False,
                env=ENVIRONMENT, cwd=cwd, pass_fds=[] if inherit is None else [inherit], start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise self._error(f"{failure} {command[0]} did not answer within {timeout_s} seconds.") from error
        except OSError as error:
            raise self._error(f"{failure} {command[0]} cannot be run: {error.strerror}.") from error
        if done.returncode:
            raise self._error(f"{failure} It said: {done.stderr.strip() or done.stdout.strip()}")

    def _error(self, what: str) -> EmbeddedServerError:
        log = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        tail = "\n".join(f"  {line}" for line in log[-LOG_TAIL_LINES:])
        return EmbeddedServerError(
            f"{what}\nCommitted data in {self.data} is untouched. The last lines of {self.log} usually name the cause; "
            f"mend it and start again, or set BITACORA_DSN to a PostgreSQL 15 or newer of your own.\n{tail}"
        )


def make_private(directory: Path) -> None:
    """Have a directory that only we can enter; one that somebody else put there first is refused."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    if directory.is_symlink() or not directory.is_dir() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise EmbeddedServerError(
            f"The socket directory {directory} is not a directory that only you can enter. Anyone who enters it is "
            f"superuser of the database, so nothing was started. Remove it and start again."
        )


def quoted(value: str) -> str:
    """One value of a libpq connection string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def watch(home: str, watched: str) -> None:
    """Sleep until nobody uses the server any more, stop it and end: what the watcher process does.

    ``watched`` is the number of the descriptor that it inherited.
    """
    alone = take(Path(home) / "in-use", fcntl.LOCK_EX)
    EmbeddedServer(Path(home))._halt(alone)
    os.close(int(watched))  # before "in-use": whoever comes next must see that there is no watcher
    os.close(alone)
