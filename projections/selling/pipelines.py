"""The pipelines: by which stages sales come about, in every version that was ever in force."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from uuid import UUID

from psycopg import sql

from domain.pipeline import DEFAULT, PipelineDefined, PipelineStage, StageKind
from domain.values import empty
from eventstore.envelope import Recorded
from eventstore.reader import AsOf, Reader
from projections.facts import Fact, Facts, counted
from projections.view import Row, View

ZERO = Decimal(0)


class PipelineSheet(Row, key="pipeline_id"):
    """A pipeline in its last version. Opportunities stay in the version that they cite: see the list of the stages."""

    pipeline_id: UUID
    pipeline: str = ""
    version: int = 0
    title: Mapping[str, str] = field(default_factory=empty)
    stages: tuple[PipelineStage, ...] = ()


class StageDefinition(Fact):
    """A stage of one version of a pipeline: the how-many-eth it is from 1, how probable a sale is, when it is late."""

    pipeline: str = ""
    version: int = 0
    place: int = 0
    stage: str = ""
    label: Mapping[str, str] = field(default_factory=empty)
    probability: Decimal = ZERO
    kind: StageKind = StageKind.OPEN
    max_days: int | None = None


stages = Facts("pipeline_stages", StageDefinition, indexes=("(pipeline, version, place)",))

view = View("pipelines", PipelineSheet, version=1, key=lambda _, at: at.stream_id, follows="stream_id", facts=(stages,))


@view.on(PipelineDefined)
def define(sheet: PipelineSheet, defined: PipelineDefined, at: Recorded) -> Iterator[StageDefinition]:
    sheet.pipeline = defined.key
    sheet.version = defined.version
    sheet.title = defined.title
    sheet.stages = defined.stages
    yield from staged(defined.key, defined.version, defined.stages)


def staged(pipeline: str, version: int, stages: tuple[PipelineStage, ...]) -> Iterator[StageDefinition]:
    """The stages of a version, in order."""
    for place, stage in enumerate(stages, 1):
        yield StageDefinition(
            pipeline=pipeline,
            version=version,
            place=place,
            stage=stage.key,
            label=stage.label,
            probability=stage.probability,
            kind=stage.kind,
            max_days=stage.max_days,
        )


BUILT_IN = tuple(staged(DEFAULT.key, 1, DEFAULT.stages))
"""The first version of the pipeline that comes with the house, as long as nobody defines it."""


def known_stages(as_of: AsOf, reader: Reader) -> sql.Composable:
    """A query for `pipeline, version, place, stage, probability, kind, max_days` of all stages as they were known then."""
    built_in = sql.SQL(", ").join(
        sql.SQL("({})").format(
            sql.SQL(", ").join(map(sql.Literal, (s.place, s.stage, s.probability, str(s.kind), s.max_days)))
        )
        for s in BUILT_IN
    )
    return sql.SQL(
        "select pipeline, version, place, stage, probability, kind, max_days from {known} "
        "union all "
        "select {default}, 1, place, stage, probability, kind, max_days::bigint "
        "  from (values {built_in}) b (place, stage, probability, kind, max_days) "
        " where not exists (select from {known} where pipeline = {default} and version = 1)"
    ).format(known=counted(stages, as_of, reader), default=sql.Literal(DEFAULT.key), built_in=built_in)
