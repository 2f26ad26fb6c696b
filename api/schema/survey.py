"""The surveys: what was asked of whom, and what came of it."""

from datetime import date
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.customer import customer_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_reached
from api.schema.noun import Noun
from api.schema.relation import told
from api.schema.scalars import Ref
from api.schema.shapes import Argument, answered
from api.schema.views import Lists
from eventstore.commands import identify
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.selecting import Order
from projections.service import survey_definitions, surveys
from projections.service.survey_results import SurveyDimension, SurveyResults, survey_results


def fields(lists: Lists) -> list[StrawberryField]:
    """Whom it was sent to, and what they said, which is read from the log only when it is shown."""
    return [
        customer_of(lists),
        told(lists, "comment", str | None, "answer_position", "What they answered in words."),
    ]


invitation = Noun(surveys.view, "Invitation", order=(Order("sent_at", True),), fields=fields)
definition = Noun(survey_definitions.view, "Survey", order=(Order("survey"),))


def questions(lists: Lists) -> list[StrawberryField]:
    """`surveyResults(from, to, granularity, by, survey, segmentId, timeZone, asOf, atLeast)`."""
    shapes = lists.shapes
    arguments = (
        Argument("from_", date, "From this day on."),
        Argument("to", date, "Up to this one, included."),
        Argument("granularity", shapes.enum(Granularity) | None, "How long a period is. Left out: all at once.", None),
        Argument("by", shapes.output(tuple[SurveyDimension, ...]) | None, "By what to tell them apart."),
        Argument("survey", str | None, "The key of one survey."),
        Argument("segment_id", Ref | None, "What customers of this segment answered."),
        Argument("time_zone", str, "Whose days they are.", BUSINESS_ZONE),
        AS_OF,
        AT_LEAST,
    )
    results = shapes.output_of(SurveyResults)
    return [
        answered(
            "survey_results", results, "How many customers answer, and what.", _results, arguments, within=lists.types
        )
    ]


async def _results(
    root: None,
    info: Info,
    *,
    from_: date,
    to: date,
    granularity: Granularity | None = None,
    by: list[SurveyDimension] | None = None,
    survey: str | None = None,
    segment_id: str | None = None,
    time_zone: str = BUSINESS_ZONE,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> SurveyResults:
    context = info.context
    moment = await moment_reached(context, [surveys.view], as_of, at_least)
    segment = None if segment_id is None else identify("segment", segment_id, "segmentId")
    asked: dict[str, Any] = {
        "by": by or (),
        "survey": survey,
        "segment_id": segment,
        "zone": time_zone,
        "as_of": moment,
    }
    return await context.ask(survey_results, context.house.lists, from_, to, granularity, **asked)
