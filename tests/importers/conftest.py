"""Importing into a fresh log, and looking at what came of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from api.importers import IMPORTERS, mail
from api.importers.importing import Report, run
from domain import DECIDERS
from domain.kernel import Event
from eventstore.commands import Commands
from eventstore.envelope import Happened
from tests.conftest import House

Import = Callable[..., Report]
Take = Callable[..., Report]
Files = Callable[[str | bytes], Path]
BY_NAME = {importer.name: importer for importer in IMPORTERS}


@pytest.fixture
def load(house: House, tmp_path: Path) -> Import:
    """`load("commands", text or bytes or path, **options)`."""

    def load(name: str, content: str | bytes | Path, **options: Any) -> Report:
        if isinstance(content, Path):
            path = content
        else:
            path = tmp_path / "file"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        options = {"log": house.log, "commands": Commands(DECIDERS), **options}
        return run(BY_NAME[name], str(path), **options)

    return load


@pytest.fixture
def take(house: House, tmp_path: Path) -> Take:
    """`take(mbox as text or bytes, or a path, own="shop.example")`."""

    def take(content: str | bytes | Path, **options: Any) -> Report:
        path = content if isinstance(content, Path) else tmp_path / "mbox"
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return run(mail.importer, str(path), log=house.log, commands=Commands(DECIDERS), settings=options)

    return take


@pytest.fixture
def file(tmp_path: Path) -> Files:
    """Writes a file to be read."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def imported(house: House) -> list[Happened]:
    """What was imported, personal values included, without the words about the import itself."""
    found: list[Happened] = []
    position = 0
    while page := house.log.reader.page(position, disclose=True):
        found += [each for each in page if not each.at.type.startswith("import_batch.")]
        position = page[-1].at.position
    return found


def happened(house: House) -> list[Event]:
    """Every event that was imported, personal values included."""
    return [event for event, _ in imported(house)]


def refusals(report: Report) -> Sequence[tuple[int, str | None]]:
    """The line and the field of each refusal."""
    return [(each.number, each.field) for each in report.refusals]
