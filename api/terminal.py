"""The terminal: progress, tables and JSON, for people and for scripts."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn
from uuid import UUID

import orjson
import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from api.house import House, open_house
from api.settings import Settings, complaints
from domain.kernel import Refused
from eventstore.codec import json_form
from eventstore.custody.officer import OfficerError
from eventstore.custody.providers import KeyFileError
from eventstore.database import SchemaError, Unavailable
from eventstore.embedded import EmbeddedServerError
from projections.rebuild import RebuildFailed

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

PLAIN_EVERY_S = 5.0

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


@contextmanager
def progress(title: str, unit: str = "") -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal's stderr, a line every few seconds elsewhere; told how many of how many are done."""
    if not errors.is_terminal:
        last = [time.monotonic()]

        def tell(done: int, of: int) -> None:
            if time.monotonic() - last[0] >= PLAIN_EVERY_S:
                last[0] = time.monotonic()
                errors.print(f"{title}: {done:,} of {of:,} {unit}".rstrip())

        yield tell
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of or None)


def as_json(value: Any, *, indent: bool = True) -> str:
    """A value as JSON; decimals and ids as texts."""
    option = orjson.OPT_INDENT_2 if indent else 0
    return orjson.dumps(value, default=json_form, option=option | orjson.OPT_NON_STR_KEYS).decode()


def show(value: Any) -> None:
    """Prints JSON to stdout, as it is."""
    sys.stdout.write(as_json(value) + "\n")


def table(title: str, headings: list[str], rows: list[list[Any]]) -> None:
    """Prints a table; columns of numbers stand to the right."""
    shown = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for n, heading in enumerate(headings):
        right = {type(row[n]) for row in rows} - {type(None)} == {int}
        whole = n == 0 and any(isinstance(row[n], UUID) for row in rows)  # it is there to be copied
        shown.add_column(heading, justify="right" if right else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        shown.add_row(*map(_cell, row))
    console.print(shown)


def _cell(value: Any) -> str:
    """A value as people read it: numbers by thousands, what has parts as JSON in one line."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, (Mapping, list)) or is_dataclass(value):
        return as_json(value, indent=False)
    return str(value)


def say(sentence: str, *, style: str | None = None) -> None:
    """Prints a line as it is, however long."""
    console.print(sentence, markup=False, soft_wrap=True, style=style)


def fail(sentence: str, code: int = 1) -> NoReturn:
    """Says what went wrong and ends."""
    errors.print(sentence, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def generated(file: Path, text: str, check: bool) -> None:
    """Writes a file that is made from the code, or only checks that it is what the code says."""
    if check:
        if not file.exists() or file.read_text() != text:
            fail(f"{file} is not what the code says. Run the same command without --check and commit the file.")
        say(f"{file} is up to date.")
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        say(f"Wrote {file}.")


@contextmanager
def house() -> Iterator[House]:
    """An open house; whatever can be wrong with the surroundings is said in a sentence."""
    try:
        with open_house(Settings()) as opened:
            yield opened
    except (ValidationError, SettingsError) as error:
        fail(" ".join(complaints(error)), 2)
    except Refused as refused:
        fail(refused.reason)
    except (Unavailable, SchemaError, EmbeddedServerError, KeyFileError, OfficerError, RebuildFailed) as error:
        fail(str(error))


def catch_up(opened: House) -> None:
    """Brings the views to where the log is, with a bar; others that follow the log may do a part of it."""
    head = opened.log.reader.head()
    with progress("Bringing the views up to date", "events") as tell:
        opened.engine.catch_up(moved=lambda: tell(min(each.position for each in opened.engine.standings()), head))
