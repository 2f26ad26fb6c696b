"""OCEL 2.0: a slice of the log as object-centric events in JSON (https://www.ocel-standard.org/specification/formats/json/).

Objects are the streams of the log, `noun:id`, and what events name; an event is related to all that it is about, and an
object to what its own events name, by the name of the field. Values are texts, as the published JSON schema has them, of
the types that are declared for them. Personal values are in none of it.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import orjson

from api.exporters.slices import ENVELOPE, Progress, Reference, attributes, moment_of, references, slices, told
from domain.kernel import Event
from eventstore.envelope import Happened
from eventstore.journal import Search
from eventstore.reader import Reader

PAGE_OBJECTS = 10_000


def export(reader: Reader, search: Search, out: IO[bytes], progress: Progress = lambda done, of: None) -> int:
    """Writes a slice as OCEL 2.0 JSON, event by event; returns how many events it has.

    Objects are gathered in a file beside, so that memory does not grow with them.
    """
    count, types = 0, dict[str, type[Event]]()
    with TemporaryDirectory(prefix="bitacora-ocel-") as folder, _objects(Path(folder)) as objects:
        out.write(b'{"events":[')
        for page in slices(reader, search, progress):
            for happened in page:
                out.write((b",\n" if count else b"\n") + orjson.dumps(_event(happened)))
                types[happened.at.type] = type(happened.event)
                count += 1
            objects.add(page)
        out.write(b'],\n"objects":[')
        for n, each in enumerate(objects.all()):
            out.write((b",\n" if n else b"\n") + orjson.dumps(each))
        declared = [_declared(name, event) for name, event in sorted(types.items())]
        out.write(b'],\n"eventTypes":' + orjson.dumps(declared))
        out.write(b',\n"objectTypes":' + orjson.dumps([{"name": name, "attributes": []} for name in objects.types()]))
        out.write(b"}\n")
    return count


def _event(happened: Happened) -> dict[str, Any]:
    at = happened.at
    return {
        "id": str(at.position),
        "type": at.type,
        "time": moment_of(at.occurred_at),
        "attributes": [{"name": name, "value": value} for name, _, value in attributes(happened)],
        "relationships": [{"objectId": _id(each), "qualifier": each.qualifier} for each in references(happened)],
    }


def _declared(name: str, event: type[Event]) -> dict[str, Any]:
    kinds = {**ENVELOPE, **told(event).values}
    return {"name": name, "attributes": [{"name": path, "type": kind} for path, kind in kinds.items()]}


def _id(reference: Reference) -> str:
    return f"{reference.noun}:{reference.id}"


class _objects:
    """The objects of a slice and what each names, in a database of their own that goes with its folder."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "objects.sqlite", isolation_level=None)
        self._db.execute("pragma journal_mode = off")
        self._db.execute("pragma synchronous = off")
        self._db.execute("create table object (id text primary key, noun text) without rowid")
        self._db.execute(
            "create table link (source text, target text, qualifier text, primary key (source, target, qualifier)) without rowid"
        )

    def __enter__(self) -> "_objects":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, page: Iterable[Happened]) -> None:
        """The objects of these events."""
        found = [references(happened) for happened in page]
        self._db.execute("begin")
        self._db.executemany(
            "insert or ignore into object values (?, ?)", ((_id(each), each.noun) for of in found for each in of)
        )
        self._db.executemany(
            "insert or ignore into link values (?, ?, ?)",
            ((_id(of[0]), _id(each), each.qualifier) for of in found for each in of[1:]),
        )
        self._db.execute("commit")

    def all(self) -> Iterator[dict[str, Any]]:
        """Every object with what it names."""
        rows = self._db.execute(
            "select o.id, o.noun, l.target, l.qualifier from object o left join link l on l.source = o.id order by o.id, 3, 4"
        )
        for (id, noun), links in groupby(rows, key=lambda row: row[:2]):
            related = [
                {"objectId": target, "qualifier": qualifier} for *_, target, qualifier in links if target is not None
            ]
            yield {"id": id, "type": noun, "attributes": [], "relationships": related}

    def types(self) -> list[str]:
        """The nouns, in order."""
        return [row[0] for row in self._db.execute("select distinct noun from object order by noun")]
