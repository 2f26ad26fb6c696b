"""Parts: a long log is folded by several processes at once, each taking the rows that fall to it."""

import gc
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from domain import DECIDERS
from domain.kernel import Event
from eventstore.codec import Codec
from eventstore.envelope import Happened
from eventstore.personal import KeyRing
from eventstore.reader import AsOf, Part, Reader
from projections.filling import Copying, Filling
from projections.stored import BUILD, Stored
from projections.view import View

MAX_PARTS = 8
EVENTS_WORTH_PARTS = 200_000
"""Below this one process is done before others have started."""

READING, STARTING = 4, 900_000
"""What it costs to read an event, and to start another process, where a row that is changed costs 4: microseconds, about."""

Progress = Callable[[int, int], None]
"""Told how many positions of how many are folded in."""
Names = Callable[[Sequence[type[Event]]], Sequence[str]]
"""Tells under which names events are stored."""


RAISED = re.compile(r"^(?:[a-z_]+\.)*\w+(?<!CONTEXT)(?<!DETAIL)(?<!HINT)(?<!LINE 1): .*$", re.M)
"""The line of a traceback that says what was raised."""


class PartFailed(Exception):
    """A process that folded a part ended with an error."""


class Work(msgspec.Struct):
    """What a process is to do: which views, or which part of them, up to where."""

    log: str
    views: str
    names: list[str]
    head: int
    number: int = 0
    of: int = 1


def fold_into(
    reader: Reader,
    db: Connection,
    builds: Sequence[Stored[Any]],
    head: int,
    part: Part | None,
    progress: Progress,
    *,
    frozen: bool = False,
) -> int:
    """Folds the log up to `head` into the empty tables of several views, in one pass. Returns how many events that took.

    Strict: raises what a handler raises. What will not change any more is written as it comes.
    """
    copying = Copying(db, frozen=frozen)
    fillings = [(Filling(build, copying), list[Happened]()) for build in builds]
    wanted = defaultdict[type[Event], list[list[Happened]]](list)
    for filling, bucket in fillings:
        for event in filling.stored.view.events:
            wanted[event].append(bucket)
    disclosed = {name for build in builds if build.view.personal for name in reader.codec.names(build.view.events)}
    names = sorted({name for build in builds for name in reader.codec.names(build.view.events)})
    events = 0
    with copying, uncollected():
        for page in reader.fold(types=names, as_of=AsOf(position=head), disclose=disclosed, part=part):
            for happened in page:
                for bucket in wanted[type(happened[0])]:
                    bucket.append(happened)
            for filling, bucket in fillings:
                filling.apply(bucket)
                bucket.clear()
            events += len(page)
            progress(page[-1].at.position, head)
        for filling, _ in fillings:
            filling.finish()
    progress(head, head)
    return events


def build_anew(reader: Reader, db: Connection, builds: Sequence[Stored[Any]], head: int, progress: Progress) -> int:
    """Makes the tables of several views, filled up to `head` and indexed, in one transaction: what nobody else can see yet
    is written without much ado. Returns how many events that took."""
    with db.transaction():
        for build in builds:
            build.drop(db)
            build.create(db, keyed=False)
        events = fold_into(reader, db, builds, head, None, progress, frozen=True)
        for build in builds:
            build.index(db, keyed=False)
    for build in builds:
        build.analyze(db)
    return events


@contextmanager
def unhurried(db: Connection) -> Iterator[None]:
    """Without limits to how long a statement takes and the next one is waited for, and without waiting for the disk until
    the tables are swapped; with one process for each index, since the others have their own, with a look at fewer rows for
    the planner, and, where the server keeps a minimal log, with nothing in it of tables that are more than a few pages."""
    settings = {
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "synchronous_commit": "off",
        "wal_skip_threshold": "64kB",
        "maintenance_work_mem": "256MB",
        "max_parallel_maintenance_workers": "0",
        "default_statistics_target": "50",
    }
    for name, value in settings.items():
        db.execute("select set_config(%s, %s, false)", [name, value])
    try:
        yield
    finally:
        if not db.closed:
            for name in settings:
                db.execute(sql.SQL("reset {}").format(sql.Identifier(name)))


def processors() -> int:
    """How many processes are worth having."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MAX_PARTS)


def worth_parts(views: Sequence[View[Any]], head: int) -> bool:
    """Whether other processes would help. They know the house's own views, and only of a long log are they quicker."""
    from projections import VIEWS  # the views' own modules are complete by the time that one of them is rebuilt

    known = {id(view) for view in VIEWS}
    return head >= EVENTS_WORTH_PARTS and all(id(view) in known for view in views)


def shares(views: Sequence[View[Any]], counts: Mapping[str, int], names: Names, of: int) -> list[list[View[Any]]]:
    """The views in shares that cost about the same: by how many events each folds, what it writes for one, how many
    have to be read that its share would not read without it, and that all processes but the first have to start.

    The first share has all that hold personal values, whose keys are not handed to other processes.
    """
    found: list[list[View[Any]]] = [[] for _ in range(of)]
    read: list[set[str]] = [set() for _ in range(of)]
    costs = [0, *[STARTING] * (of - 1)]

    def events(stored_as: Iterable[str]) -> int:
        return sum(counts.get(name, 0) for name in stored_as)

    def own(view: View[Any]) -> int:
        return events(names(view.events)) * (4 + view.appends + 6 * bool(view.facts) + 12 * view.history)

    for view in sorted(views, key=lambda view: (not view.personal, -own(view))):
        wanted = set(names(view.events))
        with_it = [cost + own(view) + READING * events(wanted - known) for cost, known in zip(costs, read, strict=True)]
        share = 0 if view.personal else with_it.index(min(with_it))
        costs[share] = with_it[share]
        found[share].append(view)
        read[share] |= wanted
    return [share for share in found if share]


def fold_apart(works: Sequence[Work], progress: Progress) -> int:
    """Does each work in a process of its own. Raises `PartFailed`. Returns how many events that took."""
    reached = [0] * len(works)

    def fold_one(place: int) -> int:
        process = subprocess.Popen(
            [sys.executable, "-m", "projections.parts"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        with process, process.stdin as asked:
            asked.write(msgspec.json.encode(works[place]))
            asked.close()
            events = 0
            for line in process.stdout:
                reached[place], events = map(int, line.split())
                progress(min(reached), works[place].head)
            if process.wait():
                said = RAISED.findall(process.stderr.read().decode(errors="replace"))
                raise PartFailed(said[-1] if said else f"a process ended with {process.returncode}")
            return events

    if not works:
        return 0
    with ThreadPoolExecutor(len(works), thread_name_prefix="part") as threads:
        return sum(threads.map(fold_one, range(len(works))))


def main() -> None:
    """One process: reads its work from the standard input and tells its progress on the standard output."""
    from projections import VIEWS

    work = msgspec.json.decode(sys.stdin.buffer.read(), type=Work)
    views = [view for view in VIEWS if view.name in work.names]
    events = 0

    def tell(position: int, _: int) -> None:
        sys.stdout.write(f"{position} {events}\n")
        sys.stdout.flush()

    options: dict[str, Any] = {"min_size": 1, "max_size": 2, "open": True, "kwargs": {"autocommit": True}}
    with ConnectionPool(work.log, **options) as pool, ConnectionPool(work.views, **options) as views_pool:
        with views_pool.connection() as db, unhurried(db):
            reader = Reader(pool, Codec(DECIDERS), KeyRing(pool, b""))
            builds = [Stored(view, BUILD) for view in views]
            if work.of == 1:
                events = build_anew(reader, db, builds, work.head, tell)
            else:
                events = fold_into(reader, db, builds, work.head, Part(views[0].follows, work.number, work.of), tell)
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
