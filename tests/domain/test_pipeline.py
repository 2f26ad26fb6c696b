"""Pipelines."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import reference
from domain.pipeline import (
    DEFAULT,
    MAX_PIPELINE_LANGUAGES,
    MAX_PIPELINE_VERSIONS,
    MAX_STAGES,
    DefinePipeline,
    PipelineDefined,
    PipelineStage,
    StageKind,
    decider,
    pipeline_id,
)
from tests.domain.scenario import but, given

OPEN = PipelineStage(key="Engaging", label={"en": "Engaging"}, probability=Decimal("0.4"), max_days=30)
WON = PipelineStage(key="Won", label={"en": "Won"}, probability=Decimal(1), kind=StageKind.WON)
LOST = PipelineStage(key="Lost", label={"en": "Lost"}, probability=Decimal(0), kind=StageKind.LOST)
DEFINE = DefinePipeline(pipeline_id=pipeline_id("b2b"), key="b2b", title={"en": "B2B"}, stages=(OPEN, WON, LOST))
DEFINED = PipelineDefined(key="b2b", version=1, title={"en": "B2B"}, stages=(OPEN, WON, LOST))
LONGER = but(DEFINE, stages=(OPEN, replace(OPEN, key="Proposal"), WON, LOST))
REVISED = PipelineDefined(key="b2b", version=2, title={"en": "B2B"}, stages=LONGER.stages)


def test_a_pipeline_with_other_content_is_its_next_version() -> None:
    assert given(decider).when(DEFINE).then(DEFINED).version == 1
    given(decider, DEFINED).when(DEFINE).then_nothing()
    given(decider, DEFINED).when(LONGER).then(REVISED)
    given(decider, DEFINED, REVISED).when(LONGER).then_nothing()


def test_going_back_to_what_was_defined_before_is_a_version_of_its_own() -> None:
    given(decider, DEFINED, REVISED).when(DEFINE).then(
        PipelineDefined(key="b2b", version=3, title={"en": "B2B"}, stages=DEFINE.stages)
    )


def test_of_two_revisions_decided_on_the_same_version_the_second_makes_one_more() -> None:
    other = but(DEFINE, title={"en": "Business"})
    given(decider, DEFINED).when(other).then(
        PipelineDefined(key="b2b", version=2, title={"en": "Business"}, stages=DEFINE.stages)
    )
    given(decider, DEFINED, REVISED).when(other).then(
        PipelineDefined(key="b2b", version=3, title={"en": "Business"}, stages=DEFINE.stages)
    )


def test_versions_are_not_without_end() -> None:
    last = PipelineDefined(key="b2b", version=MAX_PIPELINE_VERSIONS, title={"en": "B2B"}, stages=LONGER.stages)
    given(decider, DEFINED, last).when(DEFINE).refused(
        f"A pipeline has at most {MAX_PIPELINE_VERSIONS} versions. Define another one."
    )


def test_the_id_of_a_pipeline_is_its_key() -> None:
    assert pipeline_id("b2b") == reference("pipeline", "bitacora", "b2b")
    given(decider).when(but(DEFINE, pipeline_id=UUID(int=1))).refused(
        "The id of this pipeline is bitacora:b2b.", "pipeline_id"
    )


ENDS = "Give exactly one stage that is WON, and at least one that is LOST."


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        ((), f"Give from 1 to {MAX_STAGES} stages."),
        (
            (*(replace(OPEN, key=str(n)) for n in range(MAX_STAGES - 1)), WON, LOST),
            f"Give from 1 to {MAX_STAGES} stages.",
        ),
        ((OPEN, LOST), ENDS),
        ((OPEN, WON), ENDS),
        ((OPEN, WON, replace(WON, key="Sold"), LOST), ENDS),
        ((WON, LOST), "The first stage must be OPEN: opportunities begin there."),
        ((LOST, OPEN, WON), "The first stage must be OPEN: opportunities begin there."),
        ((OPEN, OPEN, WON, LOST), "Two stages have the same key."),
        ((OPEN, replace(WON, probability=Decimal("0.99")), LOST), "Stage 2: the probability of WON is 1."),
        ((OPEN, WON, replace(LOST, probability=Decimal("0.01"))), "Stage 3: the probability of LOST is 0."),
        ((replace(OPEN, probability=Decimal("1.1")), WON, LOST), "Stage 1: the probability must be from 0 to 1."),
        ((replace(OPEN, probability=Decimal("NaN")), WON, LOST), "Stage 1: the probability must be from 0 to 1."),
        ((replace(OPEN, max_days=0), WON, LOST), "Stage 1: the max days must be from 1 to 3650."),
        ((replace(OPEN, key=" "), WON, LOST), "Stage 1: the key must not be blank."),
        ((replace(OPEN, label={}), WON, LOST), "Stage 1: give the label in one language at least."),
        ((replace(OPEN, label={"es": "x"}), WON, LOST), "Stage 1: give the label in the languages of the title."),
        ((replace(OPEN, label={"en": ""}), WON, LOST), "Stage 1: the label in en must not be blank."),
    ],
)
def test_stages_must_lead_somewhere(stages: tuple[PipelineStage, ...], sentence: str) -> None:
    given(decider).when(but(DEFINE, stages=stages)).refused(sentence, "stages")
    given(decider, DEFINED).when(but(DEFINE, stages=stages)).refused(sentence, "stages")


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": ""}, "The key must not be blank.", "key"),
        ({"title": {}}, "Give the title in one language at least.", "title"),
        ({"title": {"english": "B2B"}}, "Write the language as es or es-MX.", "title"),
        (
            {"title": {f"{chr(97 + n % 26)}{chr(97 + n // 26)}": "x" for n in range(MAX_PIPELINE_LANGUAGES + 1)}},
            f"Give the title in at most {MAX_PIPELINE_LANGUAGES} languages.",
            "title",
        ),
    ],
)
def test_a_pipeline_has_a_name(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(DEFINE, **changes)).refused(sentence, field)


def test_the_pipeline_that_comes_with_the_house_can_be_defined() -> None:
    given(decider).when(DEFAULT).then(
        PipelineDefined(key="default", version=1, title=DEFAULT.title, stages=DEFAULT.stages)
    )
    assert [(stage.key, str(stage.probability), stage.max_days) for stage in DEFAULT.stages] == [
        ("PROSPECTING", "0.10", 14),
        ("QUALIFICATION", "0.20", 21),
        ("PROPOSAL", "0.50", 14),
        ("NEGOTIATION", "0.80", 10),
        ("WON", "1", None),
        ("LOST", "0", None),
    ]
    assert all(stage.label.keys() == {"es", "en"} for stage in DEFAULT.stages)
