"""What can be measured: every KPI with its versions, and every computation that a definition may name."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.kpi import KpiDirection
from eventstore.reader import NOW, AsOf
from projections.figures import kpi_definitions
from projections.figures.counting import KpiDimension
from projections.figures.kpi_catalogue import MEASURES
from projections.figures.kpi_definitions import KpiDefinition
from projections.figures.kpis import catalogue
from projections.lists import Lists


@dataclass(frozen=True, slots=True)
class KpiMeasure:
    """A computation, under the `name` by which definitions call it, with the source of its formula.

    It can be narrowed down by `scopes`, and `parts` are the sums that it is made of.
    """

    name: str
    title: Mapping[str, str]
    formula: str
    unit: str
    direction: KpiDirection
    source: str
    scopes: tuple[KpiDimension, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KpiEntry:
    """A KPI with the `definition` that was given last, all of its versions, and its computation, if that is known here."""

    key: str
    definition: KpiDefinition
    versions: tuple[KpiDefinition, ...]
    measure: KpiMeasure | None


KNOWN: Mapping[str, KpiMeasure] = {
    measure.name: KpiMeasure(
        measure.name, measure.title, measure.formula, measure.unit, measure.direction, measure.source,
        tuple(measure.scopes), tuple(part.name for part in measure.all_parts),
    )
    for measure in MEASURES
}  # fmt: skip


def listed(lists: Lists, as_of: AsOf = NOW) -> list[KpiEntry]:
    """Every KPI by its key: those that come with Bitácora, and those that were defined."""
    with lists.reading(kpi_definitions.view) as (db, _):
        found = catalogue(lists, db, None, as_of)
    return [
        KpiEntry(key, versions[-1], tuple(versions), KNOWN.get(versions[-1].measure))
        for key, versions in sorted(found.items())
    ]
