"""The KPI definitions: every version of what a figure is called, how it is worked out and from which day on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from psycopg import Connection, sql

from domain.kernel import Refused
from domain.kpi import KpiDefined, KpiDirection
from domain.values import empty
from eventstore.envelope import Recorded
from eventstore.reader import AsOf
from projections.facts import known_at
from projections.table import Table
from projections.view import LONG_AGO, Row, View


class KpiVersion(Row, key=("kpi_id", "version")):
    """A version of the definition of `kpi` as somebody gave it; `position` is that of the event that says so.

    `known_at` is when it counts as known: when it happened, if it was imported, and when it was recorded otherwise.
    """

    kpi_id: UUID
    version: int = 0
    kpi: str = ""
    title: Mapping[str, str] = field(default_factory=empty)
    formula: str = ""
    measure: str = ""
    unit: str = ""
    direction: KpiDirection | None = None
    effective_from: date | None = None
    position: int = 0
    occurred_at: datetime = LONG_AGO
    known_at: datetime = LONG_AGO


view = View(
    "kpi_definitions",
    KpiVersion,
    version=1,
    key=lambda event, at: (at.stream_id, event.version) if isinstance(event, KpiDefined) else None,
    follows="stream_id",
    indexes=("(kpi, version)",),
)


@view.on(KpiDefined)
def define(row: KpiVersion, defined: KpiDefined, at: Recorded) -> None:
    row.kpi = defined.key
    row.title = defined.title
    row.formula = defined.formula
    row.measure = defined.measure
    row.unit = defined.unit
    row.direction = defined.direction
    row.effective_from = defined.effective_from
    row.position = at.position
    row.occurred_at = at.occurred_at
    row.known_at = known_at(at)


@dataclass(frozen=True, slots=True)
class KpiDefinition:
    """A version of how a figure is worked out. `position` is empty if it came with Bitácora, in force from the beginning.

    `formula` says in words what `measure`, a computation, does. It holds from `effective_from` on, or for the whole past.
    """

    key: str
    version: int
    title: Mapping[str, str]
    formula: str
    measure: str
    unit: str
    direction: KpiDirection | None
    effective_from: date | None = None
    position: int | None = None
    known_at: datetime | None = None

    def in_force(self, day: date, known_by: datetime | None = None) -> bool:
        """Whether it held on a day, as far as was known by a moment."""
        known = known_by is None or self.known_at is None or self.known_at <= known_by
        return known and (self.effective_from is None or self.effective_from <= day)


def defined_versions(db: Connection, keys: Sequence[str] | None, as_of: AsOf, position: int) -> list[KpiDefinition]:
    """What was defined by events as of a moment, by key and version; `position` is that of `as_of.known_at`, if it has one."""
    table = Table(view)
    chosen = sql.SQL("true") if keys is None else sql.SQL("kpi = any(%s)")
    query = sql.SQL("select {} from {} where {} order by kpi, version").format(table.selected, table.identifier, chosen)
    rows = table.select(db, query, [] if keys is None else [list(keys)])
    return [_definition(row) for row in rows if _counts(row, as_of, position)]


def version_of(versions: Sequence[KpiDefinition], version: int) -> KpiDefinition:
    """That version. Raises `Refused` if there is none; of two that say to be it, the later one is meant."""
    for known in reversed(versions):
        if known.version == version:
            return known
    raise Refused(f"{versions[0].key} has the versions {', '.join(str(each.version) for each in versions)}.", "version")


def last_in_force(versions: Sequence[KpiDefinition], day: date, known_by: datetime | None = None) -> KpiDefinition:
    """The last version that held on a day, as far as was known by a moment; the first of all if none did yet."""
    held: Iterator[KpiDefinition] = (each for each in reversed(versions) if each.in_force(day, known_by))
    return next(held, versions[0])


def _counts(row: KpiVersion, as_of: AsOf, position: int) -> bool:
    return (
        (as_of.position is None or row.position <= as_of.position)
        and (as_of.known_at is None or row.position <= position)
        and (as_of.time is None or row.known_at <= as_of.time)
        and (as_of.valid_at is None or row.occurred_at <= as_of.valid_at)
    )


def _definition(row: KpiVersion) -> KpiDefinition:
    return KpiDefinition(
        row.kpi, row.version, row.title, row.formula, row.measure, row.unit, row.direction, row.effective_from,
        row.position, row.known_at,
    )  # fmt: skip
