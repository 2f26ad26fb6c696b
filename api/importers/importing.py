"""Importing: a file becomes commands, and a report says what became of every line."""

import gc
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from api.importers import batches
from api.importers.batches import MAX_KEPT_REJECTIONS, Batch
from api.importers.lines import Source
from domain.import_batch import RejectedRow
from domain.kernel import Command, Refused, derived
from domain.values import EMPTY, empty
from eventstore.bulk import BATCH_COMMANDS, Asked, Bulk, Outcome
from eventstore.commands import Commands, camel
from eventstore.database import Unavailable
from eventstore.envelope import Origin, Request
from eventstore.log import Conflict, Log
from processes import POLICIES
from processes.foreseeing import Foreseen, Foresight, summary
from processes.lives import Lives

MAX_REPORTED_REFUSALS = 100
"""How many refusals a report carries; `refusals` writes all of them to a file."""
MAX_REASON = 1_000
READ_AHEAD = 2
RETRY_FOR_S = 120.0
GARBAGE_OBJECTS = 200_000


class Line(NamedTuple):
    """A line that asks for something."""

    number: int
    command: Command
    request: Request


class Rejected(NamedTuple):
    """A line that makes no sense: what is wrong, and where."""

    number: int
    reason: str
    field: str | None = None


class LeftAside(NamedTuple):
    """A line that makes sense, but is no concern of ours."""

    number: int
    reason: str


Read = Line | Rejected | LeftAside


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader needs besides the file: how commands are read, and what stands on every request."""

    commands: Commands
    actor: str
    origin: Origin
    now: datetime
    settings: Mapping[str, str] = field(default_factory=empty)
    """What the importer was told, by the names of its settings; every setting has a value."""
    correlation_id: UUID | None = None
    """What all of it is recorded under, if it can be taken back."""

    def ask(self, number: int, command: Command, at: datetime | None, *meaning: object) -> "Line":
        """A line that asks for a command; what it means makes its id, so that it is the same line when it comes again."""
        return Line(
            number,
            command,
            Request(
                actor=self.actor,
                origin=self.origin,
                occurred_at=at,
                command_id=derived("command", *meaning),
                correlation_id=self.correlation_id,
            ),
        )


class Setting(NamedTuple):
    """Something that an importer can be told: `--set name=value`. Without a default it must be."""

    name: str
    description: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Importer:
    """One layout of files. `read` turns a file into what its lines ask for; it may ask several things of one line.

    `whole`: it reads the file or folder at `Source.path` by itself, because that does not consist of lines.
    """

    name: str
    description: str
    read: Callable[[Source, Context], Iterator[Read]]
    settings: tuple[Setting, ...] = ()
    whole: bool = False
    mapping: str | None = None


class Progress(NamedTuple):
    """How far an import has come; `bytes_total` is None where nobody knows, as in a pipe."""

    bytes_read: int
    bytes_total: int | None
    lines: int


@dataclass(slots=True)
class Report:
    """What became of a file. `stopped` and `damage` are sentences about what is still to be done.

    `foreseen` is what policies would do because of it, of a dry run.
    """

    importer: str
    dry_run: bool = False
    batch: UUID | None = None
    read_lines: int = 0
    taken: int = 0
    events: int = 0
    already: int = 0
    refused: int = 0
    refusals: list[Rejected] = field(default_factory=list)
    left_aside: Counter[str] = field(default_factory=Counter)
    damage: str | None = None
    stopped: str | None = None
    seconds: float = 0.0
    foreseen: list[Foreseen] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every line of the file was looked at, and none was refused."""
        return not self.refused and self.damage is None and self.stopped is None

    def note(self, batch: list[Read], outcomes: list[Outcome]) -> Iterator[Rejected]:
        """Counts what became of a batch; the outcomes are those of its lines. Answers with what was refused."""
        due = iter(outcomes)
        for each in batch:
            if isinstance(each, LeftAside):
                self.left_aside[each.reason] += 1
                continue
            if isinstance(each, Rejected):
                rejected = each
            else:
                outcome = next(due)
                if outcome.refused is None:
                    self.already += outcome.already
                    self.taken += not outcome.already
                    self.events += outcome.events
                    continue
                rejected = refusal(each.number, outcome.refused)
            rejected = rejected._replace(reason=rejected.reason[:MAX_REASON])
            self.refused += 1
            if len(self.refusals) < MAX_REPORTED_REFUSALS:
                self.refusals.append(rejected)
            yield rejected

    def as_json(self) -> dict[str, Any]:
        """The report for scripts."""
        return {
            "importer": self.importer,
            "dryRun": self.dry_run,
            "batch": self.batch and str(self.batch),
            "complete": self.complete,
            "lines": self.read_lines,
            "taken": self.taken,
            "events": self.events,
            "already": self.already,
            "refused": self.refused,
            "refusals": [_as_json(each) for each in self.refusals],
            "leftAside": dict(self.left_aside),
            "damage": self.damage,
            "stopped": self.stopped,
            "seconds": round(self.seconds, 3),
            "policies": [_foreseen_as_json(each) for each in self.foreseen] if self.dry_run else None,
        }

    def lines(self) -> Iterator[str]:
        """The report for people."""
        would = "would be " if self.dry_run else ""
        yield f"Read:        {self.read_lines:,} lines in {self.seconds:.1f} s"
        yield f"Taken:       {self.taken:,} commands {would}taken, {self.events:,} events"
        yield f"Known:       {self.already:,} commands were there before"
        for reason, count in self.left_aside.most_common():
            yield f"Left aside:  {count:,} lines: {reason}"
        yield f"Refused:     {self.refused:,} lines"
        for number, reason, name in self.refusals:
            yield f"  line {number:,}{f', {name}' if name else ''}: {reason}"
        if self.refused > len(self.refusals):
            yield f"  and {self.refused - len(self.refusals):,} more. Ask for a file of refusals to see all of them."
        if self.dry_run:
            yield f"Policies:    {summary(self.foreseen)}"
            yield from (f"  {each.sentence()}" for each in self.foreseen)
        yield from filter(None, (self.damage, self.stopped))
        if self.batch is not None and self.events and not self.dry_run:
            yield f"To take all of it back: bitacora import revert {self.batch}"


def run(
    importer: Importer,
    path: str,
    *,
    log: Log,
    commands: Commands,
    origin: Origin = Origin.IMPORT,
    actor: str | None = None,
    settings: Mapping[str, str] = EMPTY,
    dry_run: bool = False,
    refusals: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    retry_for_s: float = RETRY_FOR_S,
) -> Report:
    """Imports a file, "-" being the standard input. Run again, it skips what is there.

    What is imported from a file is one batch, which can be taken back (`api.importers.batches`).

    `refusals` is a file that takes every refusal as a line of JSON. Raises `Refused` if the file cannot be read at all.
    """
    began = time.monotonic()
    source = Source(path)
    actor = actor or f"import:{importer.name}"
    told = settings_of(importer, settings)
    batch: Batch | None = None
    if origin is Origin.IMPORT and path != "-":
        batch = batches.begin(log, importer.name, path, importer.mapping, actor=actor, dry_run=dry_run)
    correlation_id = None if batch is None else batch.correlation_id
    context = Context(commands, actor, origin, datetime.now(UTC), told, correlation_id)
    report = Report(importer.name, dry_run)
    foresight = Foresight(Lives(log, POLICIES), context.now) if dry_run else None
    bulk = Bulk(
        log,
        dry_run=dry_run,
        retry_for_s=retry_for_s,
        foresee=(lambda drafts: None) if foresight is None else foresight.note,
    )
    found = importer.read(source, context)
    waiting: deque[list[Read]] = deque()
    kept: list[RejectedRow] = []

    def asked(reader: ThreadPoolExecutor) -> Iterator[list[Asked]]:
        ahead = deque(
            reader.submit(_batch, found) for _ in range(READ_AHEAD)
        )  # while one batch is decided, others are read
        while read := ahead.popleft().result():
            ahead.append(reader.submit(_batch, found))
            waiting.append(read)
            lines = [each for each in read if type(each) is Line]
            if batch is not None and batch.taken_back:
                requests = batch.asked_again([line.request for line in lines])
                yield [(line.command, request) for line, request in zip(lines, requests, strict=True)]
            else:
                yield [(line.command, line.request) for line in lines]

    with ExitStack() as stack:
        file = stack.enter_context(refusals.open("w", encoding="utf-8")) if refusals else None
        stack.enter_context(few_collections())
        reader = stack.enter_context(ThreadPoolExecutor(1, "import"))
        try:
            for outcomes in bulk.do_all(asked(reader)):
                for rejected in report.note(waiting.popleft(), outcomes):
                    if len(kept) < MAX_KEPT_REJECTIONS:
                        kept.append(RejectedRow(line=rejected.number, field=rejected.field, reason=rejected.reason))
                    if file is not None:
                        file.write(json.dumps(_as_json(rejected), ensure_ascii=False) + "\n")
                if progress is not None:
                    progress(Progress(source.bytes_read, source.size, source.lines_read))
        except (Unavailable, Conflict) as error:
            report.stopped = f"Stopped at line {waiting[0][0].number:,}: {error} What was taken stays taken. " + (
                "Run the same command again when it is back: it goes on from there."
            )
    report.read_lines = source.lines_read
    report.damage = source.damage
    report.foreseen = [] if foresight is None else foresight.told()
    if batch is not None:
        report.batch = batch.id
        if not dry_run and report.stopped is None:
            try:
                batches.complete(
                    batch, read=report.read_lines, imported=report.taken, unchanged=report.already, rejected=kept,
                    refused=report.refused, actor=actor,
                )  # fmt: skip
            except Unavailable as error:
                report.stopped = (
                    f"Everything was taken, but that could not be noted: {error} Run the same command again."
                )
    report.seconds = time.monotonic() - began
    if progress is not None:
        progress(Progress(source.bytes_read, source.size, source.lines_read))
    return report


def settings_of(importer: Importer, given: Mapping[str, str]) -> dict[str, str]:
    """What an importer is told: what is given, and the defaults of the rest. Raises `Refused`."""
    known = {setting.name: setting for setting in importer.settings}
    for name in given:
        if name not in known:
            raise Refused(f"{importer.name} has no setting {name!r}. It has: {', '.join(known) or 'none'}.", name)
    found = {name: given.get(name, setting.default) for name, setting in known.items()}
    for name, value in found.items():
        if value is None:
            raise Refused(f"{importer.name} needs to be told: --set {name}=... ({known[name].description}).", name)
    return {name: value for name, value in found.items() if value is not None}


def _batch(found: Iterator[Read]) -> list[Read]:
    return list(islice(found, BATCH_COMMANDS))


@contextmanager
def few_collections() -> Iterator[None]:
    """Collects cyclic garbage rarely, because a batch is many objects and hardly any of them are in cycles."""
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE_OBJECTS, before[1], before[2])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _as_json(rejected: Rejected) -> dict[str, Any]:
    return {"line": rejected.number, "field": rejected.field, "reason": rejected.reason}


def _foreseen_as_json(foreseen: Foreseen) -> dict[str, Any]:
    return {camel(name): value for name, value in asdict(foreseen).items()}


def refusal(number: int, refused: Refused) -> Rejected:
    """A refusal of a line, with the field by the name that it has on the line."""
    return Rejected(number, refused.reason, refused.field and camel(refused.field))
