"""Parts: a long log is folded by several processes at once, each taking the rows that fall to it."""

import gc
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg import Connection
from psycopg_pool import ConnectionPool

from domain import DECIDERS
from eventstore.codec import Codec
from eventstore.personal import KeyRing
from eventstore.reader import AsOf, Part, Reader
from projections.table import Table
from projections.view import Fold, View

FLUSH_ROWS = 20_000
MAX_PARTS = 8
EVENTS_WORTH_PARTS = 200_000
"""Below this one process is done before others have started."""

Progress = Callable[[int, int], None]
"""Told how many positions of how many are folded in."""


RAISED = re.compile(r"^(?:[a-z_]+\.)*\w+(?<!CONTEXT)(?<!DETAIL)(?<!HINT)(?<!LINE 1): .*$", re.M)
"""The line of a traceback that says what was raised."""


class PartFailed(Exception):
    """A process that folded a part ended with an error."""


class Work(msgspec.Struct):
    """What a process is to do: which part of which view, from where to where."""

    log: str
    views: str
    view: str
    table: str
    head: int
    number: int
    of: int


def fold_into(
    reader: Reader, db: Connection, table: Table[Any], head: int, part: Part | None, progress: Progress
) -> int:
    """Folds the log up to `head` into an empty table, in one pass. Returns how many events that took.

    Strict: raises what a handler raises. Rows that are only ever added are written as they come.
    """
    view = table.view
    fold = Fold(view)
    events = 0

    def flush() -> None:
        table.copy_in(db, fold.rows.values())
        fold.rows.clear()

    names = reader.codec.names(view.events)
    with uncollected():
        for page in reader.fold(types=names, as_of=AsOf(position=head), disclose=bool(view.personal), part=part):
            fold.apply(page)
            events += len(page)
            progress(page[-1].at.position, head)
            if view.appends and len(fold.rows) >= FLUSH_ROWS:
                flush()
        flush()
    progress(head, head)
    return events


def worth_parts(view: View[Any], head: int) -> int:
    """How many processes to fold with: one for each processor, unless the log is short or the values are personal.

    The keys of personal values are not handed to other processes.
    """
    from projections import VIEWS  # the views' own modules are complete by the time that one of them is rebuilt

    if view not in VIEWS or view.personal or head < EVENTS_WORTH_PARTS:
        return 1
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MAX_PARTS)


def fold_in_parts(log: str, views: str, table: Table[Any], head: int, parts: int, progress: Progress) -> int:
    """Folds with several processes into one table. Raises `PartFailed`. Returns how many events that took."""
    reached = [0] * parts

    def fold_one(number: int) -> int:
        work = Work(log, views, table.view.name, table.name, head, number, parts)
        process = subprocess.Popen(
            [sys.executable, "-m", "projections.parts"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        with process, process.stdin as asked:
            asked.write(msgspec.json.encode(work))
            asked.close()
            events = 0
            for line in process.stdout:
                reached[number], events = map(int, line.split())
                progress(min(reached), head)
            if process.wait():
                said = RAISED.findall(process.stderr.read().decode(errors="replace"))
                raise PartFailed(said[-1] if said else f"a process ended with {process.returncode}")
            return events

    with ThreadPoolExecutor(parts, thread_name_prefix="part") as threads:
        return sum(threads.map(fold_one, range(parts)))


def main() -> None:
    """One process: reads its work from the standard input and tells its progress on the standard output."""
    from projections import VIEWS

    work = msgspec.json.decode(sys.stdin.buffer.read(), type=Work)
    view = next(view for view in VIEWS if view.name == work.view)
    events = 0

    def tell(position: int, _: int) -> None:
        sys.stdout.write(f"{position} {events}\n")
        sys.stdout.flush()

    options: dict[str, Any] = {"min_size": 1, "max_size": 2, "open": True, "kwargs": {"autocommit": True}}
    with ConnectionPool(work.log, **options) as pool, ConnectionPool(work.views, **options) as views:
        with views.connection() as db:
            db.execute("set statement_timeout = 0")
            reader = Reader(pool, Codec(DECIDERS), KeyRing(pool, b""))
            part = Part(view.follows, work.number, work.of)
            events = fold_into(reader, db, Table(view, work.table), work.head, part, tell)
            tell(work.head, work.head)


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the cyclic garbage collector: a fold makes no cycles, and walking a million rows again and again costs a third."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


if __name__ == "__main__":
    main()
