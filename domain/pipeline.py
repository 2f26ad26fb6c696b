"""Pipelines: the stages by which a sale comes about, version by version."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked, reference
from domain.references import PipelineId
from domain.values import empty, must_be_share, must_be_within, must_be_worded, must_say

MAX_STAGES = 50
MAX_STAGE_DAYS = 3650
MAX_PIPELINE_LANGUAGES = 50
MAX_PIPELINE_VERSIONS = 1000


class StageKind(StrEnum):
    """Whether an opportunity at a stage is still OPEN, or was WON or LOST by coming there."""

    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStage:
    """A step towards a sale: how probable that is from 0 to 1, and after how many days there it is late."""

    key: str
    label: Mapping[str, str]
    probability: Decimal
    kind: StageKind = StageKind.OPEN
    max_days: int | None = None


# What can be asked.


class DefinePipeline(Command):
    """Say by which stages sales come about, in order; with other content it is the next version.

    `pipeline_id` is `bitacora:` and the key.
    """

    pipeline_id: PipelineId
    key: str
    title: Mapping[str, str]
    stages: tuple[PipelineStage, ...]


# What can have happened.


class PipelineDefined(Event, stored_as="pipeline.defined.v1"):
    """A version of a pipeline, whole; versions count from 1, and opportunities stay in the one that they cite."""

    key: str
    version: int
    title: Mapping[str, str]
    stages: tuple[PipelineStage, ...]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The last version."""

    version: int = 0
    title: Mapping[str, str] = field(default_factory=empty)
    stages: tuple[PipelineStage, ...] = ()


Asked = DefinePipeline
Happened = PipelineDefined


def decide(asked: Asked, pipeline: Pipeline) -> Iterator[Event]:
    must_lead_somewhere(asked)
    if (pipeline.title, pipeline.stages) != (asked.title, asked.stages):
        if pipeline.version >= MAX_PIPELINE_VERSIONS:
            raise Refused(f"A pipeline has at most {MAX_PIPELINE_VERSIONS} versions. Define another one.")
        yield as_asked(PipelineDefined, asked, version=pipeline.version + 1)


def evolve(_: Pipeline, event: Happened) -> Pipeline:
    return Pipeline(event.version, event.title, event.stages)


def must_lead_somewhere(asked: DefinePipeline) -> None:
    """Refused if an opportunity could not begin, be won or be lost by these stages, or if they cannot be told apart."""
    must_say(asked.key, "The key", "key")
    if asked.pipeline_id != pipeline_id(asked.key):
        raise Refused(f"The id of this pipeline is bitacora:{asked.key}.", "pipeline_id")
    must_be_worded(asked.title, "title")
    if len(asked.title) > MAX_PIPELINE_LANGUAGES:
        raise Refused(f"Give the title in at most {MAX_PIPELINE_LANGUAGES} languages.", "title")
    if not 1 <= len(asked.stages) <= MAX_STAGES:
        raise Refused(f"Give from 1 to {MAX_STAGES} stages.", "stages")
    for number, stage in enumerate(asked.stages, 1):
        try:
            must_make_sense(stage, asked.title)
        except Refused as wrong:
            raise Refused(f"Stage {number}: {wrong.reason[0].lower()}{wrong.reason[1:]}", "stages") from None
    if len({stage.key for stage in asked.stages}) < len(asked.stages):
        raise Refused("Two stages have the same key.", "stages")
    if asked.stages[0].kind is not StageKind.OPEN:
        raise Refused("The first stage must be OPEN: opportunities begin there.", "stages")
    kinds = Counter(stage.kind for stage in asked.stages)
    if kinds[StageKind.WON] != 1 or not kinds[StageKind.LOST]:
        raise Refused("Give exactly one stage that is WON, and at least one that is LOST.", "stages")


def must_make_sense(stage: PipelineStage, title: Mapping[str, str]) -> None:
    """Refused if a stage has no name in every language of the title, or a probability that its kind cannot have."""
    must_say(stage.key, "The key", "key")
    must_be_worded(stage.label, "label")
    if stage.label.keys() != title.keys():
        raise Refused("Give the label in the languages of the title.", "label")
    must_be_share(stage.probability, "probability")
    must_be_within(stage.max_days, 1, MAX_STAGE_DAYS, "max_days")
    certain = CERTAIN.get(stage.kind)
    if certain is not None and stage.probability != certain:
        raise Refused(f"The probability of {stage.kind} is {certain}.", "probability")


CERTAIN = {StageKind.WON: 1, StageKind.LOST: 0}
"""How probable a sale is that is over."""


def pipeline_id(key: str) -> UUID:
    """The id of the pipeline with this key: `bitacora:key`."""
    return reference("pipeline", "bitacora", key)


def _stage(
    key: str, es: str, en: str, probability: str, max_days: int | None = None, kind: StageKind = StageKind.OPEN
) -> PipelineStage:
    label = {"es": es, "en": en}
    return PipelineStage(key=key, label=label, probability=Decimal(probability), kind=kind, max_days=max_days)


DEFAULT = DefinePipeline(
    pipeline_id=pipeline_id("default"),
    key="default",
    title={"es": "Ventas", "en": "Sales"},
    stages=(
        _stage("PROSPECTING", "Prospección", "Prospecting", "0.10", 14),
        _stage("QUALIFICATION", "Cualificación", "Qualification", "0.20", 21),
        _stage("PROPOSAL", "Propuesta", "Proposal", "0.50", 14),
        _stage("NEGOTIATION", "Negociación", "Negotiation", "0.80", 10),
        _stage("WON", "Ganada", "Won", "1", kind=StageKind.WON),
        _stage("LOST", "Perdida", "Lost", "0", kind=StageKind.LOST),
    ),
)
"""The pipeline that comes with the house."""

decider = Decider("pipeline", Asked, Happened, Pipeline(), decide, evolve)
