"""Process mining on the command line: a slice of the log as OCEL 2.0 or XES, for programs that discover processes."""

import gzip
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import time
from pathlib import Path
from typing import IO, Annotated, cast

import typer

from api import looking_back
from api.exporters import ocel as as_ocel
from api.exporters import xes as as_xes
from api.house import House
from api.terminal import fail, house, progress, say
from eventstore.journal import Search

File = Annotated[
    str, typer.Argument(help="Where it goes, compressed if it ends in .gz; - writes to the standard output.")
]
Customers = Annotated[
    list[str] | None,
    typer.Option("--customer", help="Of whom: an id, source:key, an e-mail, a phone or a card number."),
]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="What happened: order.placed.v1, or order.* for a noun.")
]
Actors = Annotated[
    list[str] | None, typer.Option("--actor", help="Who said so: user:ana, or policy:* for all of them.")
]
Since = Annotated[str | None, typer.Option("--from", help="It was so from this day or moment on.")]
Until = Annotated[str | None, typer.Option("--to", help="It was so up to this day, which is included.")]


def ocel(
    file: File,
    customer: Customers = None,
    kind: Types = None,
    actor: Actors = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write a slice of the log as OCEL 2.0 JSON: events, the objects that they are about, and how these hang together."""
    with house() as opened, _writing(file) as out:
        search = _search(opened, customer, kind, actor, since, until)
        with progress("Exporting", "positions") as tell:
            events = as_ocel.export(opened.log.reader, search, out, tell)
    _said(file, f"{events:,} events")


def xes(
    file: File,
    case: Annotated[
        str, typer.Option(help="What makes a trace: customer, chain, or a noun such as order.")
    ] = "customer",
    customer: Customers = None,
    kind: Types = None,
    actor: Actors = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write a slice of the log as XES (IEEE 1849): one trace for each customer, chain of causes, or thing of a noun."""
    with house() as opened, _writing(file) as out:
        as_xes.case_column(case)
        search = _search(opened, customer, kind, actor, since, until)
        with progress("Exporting", "events") as tell:
            traces, events = as_xes.export(opened.log.reader, search, case, out, tell)
    _said(file, f"{events:,} events in {traces:,} traces")


def _search(
    opened: House,
    customer: list[str] | None,
    kind: list[str] | None,
    actor: list[str] | None,
    since: str | None,
    until: str | None,
) -> Search:
    return Search(
        actors=tuple(actor or ()),
        types=tuple(kind or ()),
        customers=tuple(looking_back.customer_id(opened, each) for each in customer or ()),
        occurred_from=None if since is None else looking_back.time_of(since, "from", time.min),
        occurred_until=None if until is None else looking_back.time_of(until, "to"),
    )


@contextmanager
def _writing(file: str) -> Iterator[IO[bytes]]:
    """A file that is there as a whole or not at all; the standard output as it comes."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(file)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("wb") as plain:
            if target.suffix == ".gz":
                with gzip.open(plain, "wb") as packed:
                    yield cast(IO[bytes], packed)
            else:
                yield plain
        beside.replace(target)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")
    finally:
        beside.unlink(missing_ok=True)


def _said(file: str, what: str) -> None:
    if file != "-":
        say(f"Wrote {what} to {file}. Personal values are in none of them.")


COMMANDS: tuple[Callable[..., None], ...] = (ocel, xes)
"""What is registered under `bitacora audit`."""
