"""Surveys."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.invitation import AnswerSurvey
from domain.kernel import reference
from domain.survey import (
    MAX_QUESTIONS,
    POST_PURCHASE,
    PublishSurvey,
    Question,
    QuestionKind,
    RetireSurvey,
    SurveyPublished,
    SurveyRetired,
    decider,
    survey_id,
)
from tests.domain.scenario import but, given

HOW = Question(key="how", kind=QuestionKind.TEXT, text={"en": "How was it?"})
PUBLISH = PublishSurvey(survey_id=survey_id("visit"), key="visit", title={"en": "Your visit"}, questions=(HOW,))
PUBLISHED = SurveyPublished(key="visit", version=1, title={"en": "Your visit"}, questions=(HOW,))
RETIRE = RetireSurvey(survey_id=survey_id("visit"))


def test_a_survey_is_published_once() -> None:
    given(decider).when(PUBLISH).then(PUBLISHED)
    given(decider, PUBLISHED).when(PUBLISH).then_nothing()


def test_other_questions_are_the_next_version() -> None:
    second = SurveyPublished(key="visit", version=2, title={"en": "Your last visit"}, questions=(HOW,))
    given(decider, PUBLISHED).when(but(PUBLISH, title={"en": "Your last visit"})).then(second)
    given(decider, PUBLISHED, second).when(PUBLISH).then(
        SurveyPublished(key="visit", version=3, title={"en": "Your visit"}, questions=(HOW,))
    )


def test_a_survey_is_retired_once_and_may_be_published_again() -> None:
    given(decider, PUBLISHED).when(RETIRE).then(SurveyRetired())
    given(decider, PUBLISHED, SurveyRetired()).when(RETIRE).then_nothing()
    given(decider).when(RETIRE).refused("There is no such survey.", "survey_id")
    given(decider, PUBLISHED, SurveyRetired()).when(PUBLISH).then(
        SurveyPublished(key="visit", version=2, title={"en": "Your visit"}, questions=(HOW,))
    )


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": ""}, "The key must not be blank.", "key"),
        ({"survey_id": UUID(int=1)}, "The id of this survey is bitacora:visit.", "survey_id"),
        ({"title": {}}, "Give the title in 1 to 50 languages.", "title"),
        ({"title": {"english": "x"}}, "Write the language as es or es-MX.", "title"),
        ({"title": {"en": " "}}, "The title must not be blank.", "title"),
        ({"questions": ()}, "Give from 1 to 50 questions.", "questions"),
        ({"questions": (HOW,) * (MAX_QUESTIONS + 1)}, "Give from 1 to 50 questions.", "questions"),
        ({"questions": (HOW, HOW)}, "Two questions have the same key.", "questions"),
        ({"questions": (replace(HOW, key=" "),)}, "The key of a question must not be blank.", "questions"),
        (
            {"questions": (replace(HOW, text={"es": "¿Qué tal?"}),)},
            "Give the question how in the languages of the title.",
            "questions",
        ),
        (
            {"questions": (replace(HOW, text={"en": ""}),)},
            "The question how must not be blank.",
            "questions",
        ),
    ],
)
def test_a_survey_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(PUBLISH, **changes)).refused(sentence, field)


def test_the_survey_of_the_house_can_be_published_in_two_languages() -> None:
    [published] = decider.decide(POST_PURCHASE, decider.initial)
    assert isinstance(published, SurveyPublished)
    assert POST_PURCHASE.survey_id == reference("survey", "bitacora", "post-purchase")
    assert set(published.title) == {"es", "en"}
    answers = set(AnswerSurvey.__annotations__) - {"invitation_id"}
    assert {question.key for question in published.questions} == answers
