"""KPIs: what a figure is called, how it is worked out, and which way is better, version by version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, Text, as_asked, reference
from domain.values import must_be_worded, must_say

MAX_KPI_LANGUAGES = 50
MAX_KPI_VERSIONS = 1000

BUILT_IN = frozenset((
    "abandon_rate", "activity_vs_plan", "acw_s", "aht_s", "asa_s", "avg_order_value", "backlog", "brier", "cac",
    "calibration", "campaign_response_rate", "campaign_roi", "campaign_uplift", "churn_rate", "clv",
    "commercial_cost_structure", "contacts_per_agent_hour", "conversion_per_operator", "cost_per_case",
    "cost_to_serve", "cross_sell_share", "csat", "customers", "duplicate_rate", "fcr_7d", "first_response_s",
    "followup_completeness", "followup_duplicates", "forecast_error", "gross_revenue", "identifier_verified_rate",
    "new_customers", "nps", "occupancy", "online_contact_share", "online_incident_share", "online_sales_share",
    "orders", "pareto_share", "points_liability", "quota_attainment", "reopen_rate", "resolution_s",
    "retention_cost_ratio", "revenue", "revenue_per_customer", "revenue_per_rep", "sales_cycle_days",
    "service_level", "sla_attainment", "survey_response_rate", "tier_migration", "undocumented_contact_rate",
    "win_rate",
))  # fmt: skip
"""The KPIs that come with Bitácora: version 1 of each is there without anybody having defined it."""

KpiId = Annotated[UUID, Ref("kpi")]


class KpiDirection(StrEnum):
    """Which way the figure should go."""

    HIGHER_IS_BETTER = "HIGHER_IS_BETTER"
    LOWER_IS_BETTER = "LOWER_IS_BETTER"


# What can be asked.


class DefineKpi(Command):
    """Say how a figure is worked out; `kpi_id` is `bitacora:` and the key, and `unit` a code such as EUR, % or days.

    `formula` says it in words, and `measure` is the name of the computation that does it. A definition holds from
    `effective_from` on, or for the whole past."""

    kpi_id: KpiId
    key: str
    title: Mapping[str, str]
    formula: Text
    measure: str
    unit: str
    direction: KpiDirection
    effective_from: date | None = None


# What can have happened.


class KpiDefined(Event, stored_as="kpi.defined.v1"):
    """A version of a definition, whole; versions count from 1, and from 2 for what comes with Bitácora."""

    key: str
    version: int
    title: Mapping[str, str]
    formula: Text
    measure: str
    unit: str
    direction: KpiDirection
    effective_from: date | None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Kpi:
    """The version in force."""

    defined: KpiDefined | None = None


Asked = DefineKpi
Happened = KpiDefined


def decide(asked: Asked, kpi: Kpi) -> Iterator[Event]:
    must_make_sense(asked)
    version = kpi.defined.version if kpi.defined else int(asked.key in BUILT_IN)
    if kpi.defined != as_asked(KpiDefined, asked, version=version):
        if version >= MAX_KPI_VERSIONS:
            raise Refused(f"A KPI has at most {MAX_KPI_VERSIONS} versions. Define another one.")
        yield as_asked(KpiDefined, asked, version=version + 1)


def evolve(kpi: Kpi, event: Happened) -> Kpi:
    return Kpi(event)


def must_make_sense(asked: DefineKpi) -> None:
    """Refused if the figure could not be named, or nobody could say how it comes about."""
    must_say(asked.key, "The key", "key")
    if asked.kpi_id != kpi_id(asked.key):
        raise Refused(f"The id of this KPI is bitacora:{asked.key}.", "kpi_id")
    must_be_worded(asked.title, "title")
    if len(asked.title) > MAX_KPI_LANGUAGES:
        raise Refused(f"Give the title in at most {MAX_KPI_LANGUAGES} languages.", "title")
    must_say(asked.formula, "The formula", "formula")
    must_say(asked.measure, "The measure", "measure")
    must_say(asked.unit, "The unit", "unit")


def kpi_id(key: str) -> UUID:
    """The id of the KPI with this key: `bitacora:key`."""
    return reference("kpi", "bitacora", key)


decider = Decider("kpi", Asked, Happened, Kpi(), decide, evolve)
