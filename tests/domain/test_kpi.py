"""KPIs."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import reference
from domain.kpi import (
    MAX_KPI_VERSIONS,
    DefineKpi,
    KpiDefined,
    KpiDirection,
    decider,
    kpi_id,
)
from tests.domain.scenario import but, given

DEFINE = DefineKpi(
    kpi_id=kpi_id("churn_in_stores"),
    key="churn_in_stores",
    title={"es": "Tasa de abandono", "en": "Churn rate"},
    formula="Customers lost in the period, divided by customers at its start.",
    measure="churn_in_stores_by_silence",
    unit="%",
    direction=KpiDirection.LOWER_IS_BETTER,
)
DEFINED = KpiDefined(
    key="churn_in_stores",
    version=1,
    title={"es": "Tasa de abandono", "en": "Churn rate"},
    formula="Customers lost in the period, divided by customers at its start.",
    measure="churn_in_stores_by_silence",
    unit="%",
    direction=KpiDirection.LOWER_IS_BETTER,
    effective_from=None,
)


def test_a_kpi_is_defined_once_under_the_id_of_its_key() -> None:
    assert kpi_id("churn_in_stores") == reference("kpi", "bitacora", "churn_in_stores")
    given(decider).when(DEFINE).then(DEFINED)
    given(decider, DEFINED).when(DEFINE).then_nothing()


@pytest.mark.parametrize(
    "changes",
    [
        {"title": {"en": "Churn"}},
        {"formula": "By contracts ended."},
        {"measure": "churn_in_stores_by_contract"},
        {"unit": "share"},
        {"direction": KpiDirection.HIGHER_IS_BETTER},
        {"effective_from": date(2026, 1, 1)},
    ],
)
def test_another_definition_is_the_next_version(changes: dict[str, Any]) -> None:
    second = replace(DEFINED, version=2, **changes)
    given(decider, DEFINED).when(but(DEFINE, **changes)).then(second)
    given(decider, DEFINED, second).when(but(DEFINE, **changes)).then_nothing()
    given(decider, DEFINED, second).when(DEFINE).then(replace(DEFINED, version=3))


def test_of_a_kpi_that_comes_with_bitacora_the_first_that_is_defined_is_the_second_version() -> None:
    changes = {"key": "revenue", "kpi_id": kpi_id("revenue")}
    given(decider).when(but(DEFINE, **changes)).then(replace(DEFINED, key="revenue", version=2))


def test_when_two_define_a_kpi_at_once_the_second_is_the_next_version() -> None:
    given(decider, replace(DEFINED, unit="share")).when(DEFINE).then(replace(DEFINED, version=2))


def test_a_kpi_has_only_so_many_versions() -> None:
    last = replace(DEFINED, version=MAX_KPI_VERSIONS)
    given(decider, DEFINED, last).when(DEFINE).then_nothing()
    given(decider, DEFINED, last).when(but(DEFINE, unit="x")).refused(
        "A KPI has at most 1000 versions. Define another one."
    )


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": ""}, "The key must not be blank.", "key"),
        ({"kpi_id": UUID(int=1)}, "The id of this KPI is bitacora:churn_in_stores.", "kpi_id"),
        ({"title": {"english": "x"}}, "Write the language as es or es-MX.", "title"),
        (
            {"title": {f"{a}{b}": "x" for a in "abc" for b in "abcdefghijklmnopq"}},
            "Give the title in at most 50 languages.",
            "title",
        ),
        ({"formula": " "}, "The formula must not be blank.", "formula"),
        ({"measure": ""}, "The measure must not be blank.", "measure"),
        ({"unit": ""}, "The unit must not be blank.", "unit"),
    ],
)
def test_a_kpi_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(DEFINE, **changes)).refused(sentence, field)
