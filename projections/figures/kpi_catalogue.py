"""The KPI catalogue: every measure there is, and the definitions that come with Bitácora."""

from collections.abc import Mapping

from projections.figures import kpi_company, kpi_marketing, kpi_pipeline, kpi_sales, kpi_service
from projections.figures.kpi_definitions import KpiDefinition
from projections.figures.measures import Measure

MEASURES: tuple[Measure, ...] = (
    *kpi_sales.MEASURES,
    *kpi_pipeline.MEASURES,
    *kpi_marketing.MEASURES,
    *kpi_service.MEASURES,
    *kpi_company.MEASURES,
)
"""Every computation. To add one: write it into the file of its area; of a new file, name it here."""

BY_NAME: Mapping[str, Measure] = {measure.name: measure for measure in MEASURES}
BUILT_IN: Mapping[str, KpiDefinition] = {
    measure.key: measure.definition for measure in MEASURES if measure.version == 1
}
"""By key, the definition that holds without anybody having given one."""
