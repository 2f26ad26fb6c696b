"""XES (IEEE 1849-2016): a slice of the log as traces, one for each customer, chain of causes or thing of a noun.

Within a trace, events stand in the order in which it was so. Personal values are in none of it. The importer of XES files
gives the same events again.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import IO, Any
from uuid import UUID
from xml.sax.saxutils import quoteattr

from psycopg import Connection

from api.exporters.slices import NOUNS, Progress, attributes, moment_of, text_of
from domain.kernel import Refused
from eventstore.arrays import id_array
from eventstore.envelope import Happened, Recorded
from eventstore.journal import Journal, Search
from eventstore.reader import WHOLE, Reader

FETCHED = 2_000
"""How many events are fetched at once."""
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TAGS = {"string": "string", "integer": "int", "float": "float", "boolean": "boolean", "time": "date"}
HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
  <extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
  <global scope="trace"><string key="concept:name" value=""/></global>
  <global scope="event">
    <string key="concept:name" value=""/><date key="time:timestamp" value="1970-01-01T00:00:00.000000Z"/>
  </global>
  <classifier name="Activity" keys="concept:name"/>
  <string key="concept:name" value="Bit&#225;cora"/>
"""
BY_EXTENSION = ("actor",)
"""What an extension of the standard has a name for."""


class Case(StrEnum):
    """What makes a trace, unless it is a noun: a customer, or the chain that a command began."""

    CUSTOMER = "customer"
    CHAIN = "chain"


COLUMNS = {Case.CUSTOMER: "coalesce(s.canonical, e.customer_id)", Case.CHAIN: "e.correlation_id"}


def export(
    reader: Reader, search: Search, case: str, out: IO[bytes], progress: Progress = lambda done, of: None
) -> tuple[int, int]:
    """Writes a slice as XES, event by event; returns how many traces and events it has.

    `case` is what makes a trace: customer, chain, or a noun such as order, whose own events alone are taken then. Raises
    `Refused` for another. The server puts the events in order; nothing is held here but one page of them.
    """
    column = case_column(case)
    traces = events = 0
    last: UUID | None = None
    out.write(HEADER.encode())
    for id, happened in _sorted(reader, search, case, column, progress):
        if id != last:
            out.write((b"  </trace>\n" if last is not None else b"") + _trace(id).encode())
            last, traces = id, traces + 1
        out.write(_event(happened).encode())
        events += 1
    out.write((b"  </trace>\n" if last is not None else b"") + b"</log>\n")
    return traces, events


def case_column(case: str) -> str:
    """The column whose value is that of one trace. Raises `Refused` if there is no such case."""
    if case in list(Case):
        return COLUMNS[Case(case)]
    if case not in set(NOUNS.values()):
        raise Refused(f"A trace is one for each customer, chain or noun, as order; there is no {case[:60]!r}.", "case")
    return "e.stream_id"


def _sorted(
    reader: Reader, search: Search, case: str, column: str, progress: Progress
) -> Iterator[tuple[UUID, Happened]]:
    """The events by trace, and within each by when it was so, as they are read today."""
    where, parameters = Journal(reader).where(search)
    corrected, end = reader.corrections(), reader.head()
    types = None if case in list(Case) else list(reader.codec.names(_events_of(case)))
    given: list[Any] = [id_array(corrected.same_as), id_array(corrected.same_as.values()), end, *parameters]
    kind = "true" if types is None else "type = any(%s)"
    query = (
        f"select {WHOLE.replace('customer_id', 'coalesce(s.canonical, customer_id)')}, {column} from es.event e "
        "  left join unnest(%s::uuid[], %s::uuid[]) s (id, canonical) on s.id = e.customer_id "
        f"where position <= %s and {where} and {kind} and {column} is not null and correlation_id <> all(%s::uuid[]) "
        f"order by {column}, occurred_at, position"
    )
    values = [*given, *([] if types is None else [types]), id_array(corrected.withdrawn)]
    done = 0
    with reader.pool.connection() as db, db.transaction():
        db.execute("set local statement_timeout = 0")  # putting millions in order takes its time
        of = _count(db, query, values)
        with db.cursor(name="xes", binary=True) as cursor:
            cursor.itersize = FETCHED
            for *row, id in cursor.execute(query, values):
                at = Recorded._make(row)
                yield id, Happened(reader.codec.decode(at.type, at.body), at)
                done += 1
                if done % FETCHED == 0:
                    progress(done, of)
    progress(of, of)


def _count(db: Connection, query: str, values: list[Any]) -> int:
    unsorted = query[: query.rindex(" order by")]
    row = db.execute(f"select count(*) from ({unsorted}) slice", values).fetchone()
    return int(row[0]) if row else 0


def _events_of(noun: str) -> list[Any]:
    return [event for event, of in NOUNS.items() if of == noun]


def _trace(id: UUID) -> str:
    return f"  <trace>\n    {_tag('string', 'concept:name', str(id))}\n"


def _event(happened: Happened) -> str:
    at = happened.at
    told = [
        ("string", "concept:name", at.type),
        ("string", "lifecycle:transition", "complete"),
        ("string", "org:resource", at.actor),
        ("date", "time:timestamp", moment_of(at.occurred_at)),
        ("string", "stream_id", text_of(at.stream_id)),
        *(() if at.customer_id is None else (("string", "customer_id", text_of(at.customer_id)),)),
        *((TAGS[kind], name, value) for name, kind, value in attributes(happened) if name not in BY_EXTENSION),
    ]
    return "    <event>" + "".join(_tag(*each) for each in told) + "</event>\n"


def _tag(tag: str, key: str, value: str) -> str:
    return f"<{tag} key={quoteattr(_clean(key))} value={quoteattr(_clean(value))}/>"


def _clean(text: str) -> str:
    """A text without characters that XML does not have."""
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
