"""Surveys: the questions that customers are asked, version by version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, reference
from domain.references import SurveyId
from domain.values import empty, must_be_language, must_say

MAX_QUESTIONS = 50
MAX_LANGUAGES = 50


class QuestionKind(StrEnum):
    """How a question is answered: CSAT from 1 to 5, NPS from 0 to 10, TEXT in words."""

    CSAT = "CSAT"
    NPS = "NPS"
    TEXT = "TEXT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, with its words in each language."""

    key: str
    kind: QuestionKind
    text: Mapping[str, str]


# What can be asked.


class PublishSurvey(Command):
    """Publish the questions of a survey; `survey_id` is `bitacora:` and the key, and the texts are by language."""

    survey_id: SurveyId
    key: str
    title: Mapping[str, str]
    questions: tuple[Question, ...]


class RetireSurvey(Command):
    """Stop sending a survey."""

    survey_id: SurveyId


# What can have happened.


class SurveyPublished(Event, stored_as="survey.published.v1"):
    """A version of a survey became the one to send; versions count from 1."""

    key: str
    version: int
    title: Mapping[str, str]
    questions: tuple[Question, ...]


class SurveyRetired(Event, stored_as="survey.retired.v1"):
    """The survey is sent no longer."""


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Survey:
    """The last version, and whether it is still the one to send."""

    version: int = 0
    title: Mapping[str, str] = field(default_factory=empty)
    questions: tuple[Question, ...] = ()
    retired: bool = False


Asked = PublishSurvey | RetireSurvey
Happened = SurveyPublished | SurveyRetired


def decide(asked: Asked, survey: Survey) -> Iterator[Event]:
    match asked:
        case PublishSurvey(key=key, title=title, questions=questions):
            must_make_sense(asked)
            if survey.retired or (survey.title, survey.questions) != (title, questions):
                yield SurveyPublished(key=key, version=survey.version + 1, title=title, questions=questions)
        case RetireSurvey():
            if not survey.version:
                raise Refused("There is no such survey.", "survey_id")
            if not survey.retired:
                yield SurveyRetired()
        case _:
            assert_never(asked)


def evolve(survey: Survey, event: Happened) -> Survey:
    match event:
        case SurveyPublished(version=version, title=title, questions=questions):
            return Survey(version, title, questions)
        case SurveyRetired():
            return replace(survey, retired=True)
        case _:
            assert_never(event)


def must_make_sense(asked: PublishSurvey) -> None:
    """Refused if the survey could not be shown, or its answers not be told apart."""
    must_say(asked.key, "The key", "key")
    if asked.survey_id != survey_id(asked.key):
        raise Refused(f"The id of this survey is bitacora:{asked.key}.", "survey_id")
    if not 1 <= len(asked.title) <= MAX_LANGUAGES:
        raise Refused(f"Give the title in 1 to {MAX_LANGUAGES} languages.", "title")
    for language, title in asked.title.items():
        must_be_language(language, "title")
        must_say(title, "The title", "title")
    if not 1 <= len(asked.questions) <= MAX_QUESTIONS:
        raise Refused(f"Give from 1 to {MAX_QUESTIONS} questions.", "questions")
    if len({question.key for question in asked.questions}) < len(asked.questions):
        raise Refused("Two questions have the same key.", "questions")
    for question in asked.questions:
        must_say(question.key, "The key of a question", "questions")
        if question.text.keys() != asked.title.keys():
            raise Refused(f"Give the question {question.key} in the languages of the title.", "questions")
        for text in question.text.values():
            must_say(text, f"The question {question.key}", "questions")


def survey_id(key: str) -> UUID:
    """The id of the survey with this key: `bitacora:key`."""
    return reference("survey", "bitacora", key)


POST_PURCHASE = PublishSurvey(
    survey_id=survey_id("post-purchase"),
    key="post-purchase",
    title={"es": "¿Qué tal fue su compra?", "en": "How was your purchase?"},
    questions=(
        Question(
            key="csat",
            kind=QuestionKind.CSAT,
            text={
                "es": "¿Está satisfecho con su compra? (1 = nada, 5 = mucho)",
                "en": "How satisfied are you with your purchase? (1 = not at all, 5 = very)",
            },
        ),
        Question(
            key="nps",
            kind=QuestionKind.NPS,
            text={
                "es": "¿Nos recomendaría a un amigo? (0 = de ningún modo, 10 = seguro)",
                "en": "Would you recommend us to a friend? (0 = by no means, 10 = certainly)",
            },
        ),
        Question(
            key="comment",
            kind=QuestionKind.TEXT,
            text={"es": "¿Quiere contarnos algo más?", "en": "Is there anything else that you would like to tell us?"},
        ),
    ),
)
"""The survey that comes with the house: sent one month after a purchase."""

CASE_SATISFACTION = PublishSurvey(
    survey_id=survey_id("case-satisfaction"),
    key="case-satisfaction",
    title={"es": "¿Le hemos ayudado?", "en": "Did we help you?"},
    questions=(
        Question(
            key="csat",
            kind=QuestionKind.CSAT,
            text={
                "es": "¿Está satisfecho con cómo resolvimos su caso? (1 = nada, 5 = mucho)",
                "en": "How satisfied are you with how we resolved your case? (1 = not at all, 5 = very)",
            },
        ),
        Question(
            key="comment",
            kind=QuestionKind.TEXT,
            text={"es": "¿Quiere contarnos algo más?", "en": "Is there anything else that you would like to tell us?"},
        ),
    ),
)
"""The survey that comes with the house: sent a day after a case was resolved."""

decider = Decider("survey", Asked, Happened, Survey(), decide, evolve)
