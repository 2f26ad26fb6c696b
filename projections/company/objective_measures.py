"""Objective measures: what the figure of an objective came to, as the KPI of that name and version measures it."""

from datetime import date

from domain.kernel import Refused
from domain.objective import ObjectiveDimension
from eventstore.reader import AsOf
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.company.objective_status import Measured, Measuring
from projections.company.objectives import ObjectiveSheet
from projections.figures.counting import KpiDimension, KpiScope, Part, Timing
from projections.figures.kpis import kpi, measure_of
from projections.figures.measures import Measure
from projections.lists import Lists


def measuring(lists: Lists, as_of: AsOf, zone: str = BUSINESS_ZONE) -> Measuring:
    """Measures objectives as of a moment, from their first day to a day. What cannot be measured says why."""

    def measure(sheet: ObjectiveSheet, on: date) -> Measured:
        assert sheet.starts_on is not None
        scope = [
            KpiScope(dimension=KpiDimension(each.dimension.value), value=each.value)
            for each in sheet.scope
            if each.dimension is not ObjectiveDimension.COMPANY
        ]
        try:
            series = kpi(
                lists,
                sheet.kpi,
                sheet.starts_on,
                on,
                Granularity.YEAR,
                version=sheet.kpi_version,
                scope=scope,
                zone=zone,
                as_of=as_of,
            )
        except Refused as no:
            return Measured(None, accumulates=False, problem=no.reason)
        return Measured(series.total.restated.value, accumulates=accumulates(measure_of(series.definition)))

    return measure


def accumulates(measure: Measure) -> bool:
    """Whether a figure adds up from day to day: it is a sum of what happens, divided by nothing."""
    return (
        len(measure.parts) == 1
        and measure.spread is None
        and all(isinstance(part, Part) and part.timing is Timing.DURING for part in measure.parts)
    )
