"""The surveys and their questions, as they are asked now, with every version that was asked before."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from uuid import UUID

from domain.survey import Question, SurveyPublished, SurveyRetired
from domain.values import empty
from eventstore.envelope import Recorded
from projections.view import Row, View


class SurveyDefinition(Row, key="survey_id"):
    """The version of a survey that is sent, with its words by language; `survey` is its key. It is `retired` or in use."""

    survey_id: UUID
    survey: str = ""
    version: int = 0
    title: Mapping[str, str] = field(default_factory=empty)
    questions: tuple[Question, ...] = ()
    published_at: datetime | None = None
    retired: bool = False
    retired_at: datetime | None = None


view = View(
    "surveys",
    SurveyDefinition,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(survey)",),
)


@view.on(SurveyPublished)
def publish(sheet: SurveyDefinition, published: SurveyPublished, at: Recorded) -> None:
    sheet.survey = published.key
    sheet.version = published.version
    sheet.title = published.title
    sheet.questions = published.questions
    sheet.published_at = at.occurred_at
    sheet.retired = False
    sheet.retired_at = None


@view.on(SurveyRetired)
def retire(sheet: SurveyDefinition, retired: SurveyRetired, at: Recorded) -> None:
    sheet.retired = True
    sheet.retired_at = at.occurred_at
