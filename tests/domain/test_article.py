"""Knowledge articles."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.article import (
    MAX_LANGUAGES,
    MAX_VERSIONS,
    ArticleDrafted,
    ArticlePublished,
    ArticleRetired,
    ArticleVisibility,
    DraftArticle,
    PublishArticle,
    RetireArticle,
    ReviseArticle,
    decider,
)
from domain.kernel import Command
from tests.domain.scenario import but, given

ARTICLE = UUID(int=1)
INTERNAL, PUBLIC = ArticleVisibility.INTERNAL, ArticleVisibility.PUBLIC
DRAFT = DraftArticle(article_id=ARTICLE, key="reset", language="en", title="Reset", body="Hold it.", category="device")
DRAFTED = ArticleDrafted(
    key="reset",
    version=1,
    language="en",
    title="Reset",
    body="Hold it.",
    category="device",
    product=None,
    visibility=INTERNAL,
)


def revised(version: int, language: str, title: str, body: str) -> ArticleDrafted:
    return replace(DRAFTED, version=version, language=language, title=title, body=body)


IN_SPANISH = but(DRAFT, language="es", title="Reiniciar", body="Manténgalo.")
REVISE = ReviseArticle(article_id=ARTICLE, language="en", body="Hold it for 5 s.")
REVISED = revised(2, "en", "Reset", "Hold it for 5 s.")
PUBLISH = PublishArticle(article_id=ARTICLE, language="en")
RETIRE, RETIRED = RetireArticle(article_id=ARTICLE, reason="OUTDATED"), ArticleRetired(reason="OUTDATED")
IS_RETIRED = "This article is retired. Draft another one instead."


def drafted(language: str, title: str = "Reiniciar", body: str = "Manténgalo.") -> ArticleDrafted:
    return revised(1, language, title, body)


def published(version: int = 1, language: str = "en", visibility: ArticleVisibility = INTERNAL) -> ArticlePublished:
    return ArticlePublished(version=version, language=language, visibility=visibility)


def test_an_article_is_drafted_once_in_each_language() -> None:
    given(decider).when(DRAFT).then(DRAFTED)
    given(decider, DRAFTED, REVISED, RETIRED).when(DRAFT).then_nothing()
    given(decider, DRAFTED).when(IN_SPANISH).then(drafted("es"))
    given(decider, DRAFTED, drafted("es")).when(IN_SPANISH).then_nothing()
    given(decider, DRAFTED).when(but(DRAFT, body="Press it.")).refused(
        "This article is already drafted in en. Revise it instead."
    )


@pytest.mark.parametrize("other", [{"key": "x"}, {"category": "x"}, {"product": "x"}, {"visibility": PUBLIC}])
def test_an_article_is_about_the_same_in_every_language(other: dict[str, Any]) -> None:
    given(decider, DRAFTED).when(but(IN_SPANISH, **other)).refused(
        "The key, category, product and visibility are the same in every language.", "language"
    )


@pytest.mark.parametrize("field", ["key", "title", "body", "category", "product"])
def test_an_article_must_say_something(field: str) -> None:
    given(decider).when(but(DRAFT, **{field: " "})).refused(f"The {field} must not be blank.", field)


def test_a_language_is_written_as_a_language_and_must_be_there() -> None:
    for command in (DRAFT, REVISE, PUBLISH):
        given(decider, DRAFTED).when(but(command, language="English")).refused(
            "Write the language as es or es-MX.", "language"
        )
    for command in (REVISE, PUBLISH):
        given(decider, DRAFTED).when(but(command, language="fr")).refused(
            "This article is not drafted in fr yet.", "language"
        )


@pytest.mark.parametrize("command", [REVISE, PUBLISH, RETIRE])
def test_what_is_not_drafted_is_not_read(command: Command) -> None:
    given(decider).when(command).refused("This article is not drafted yet.", "article_id")


def test_a_revision_is_the_next_version_of_its_language() -> None:
    given(decider, DRAFTED).when(REVISE).then(REVISED)
    given(decider, DRAFTED, REVISED).when(REVISE).then_nothing()
    given(decider, DRAFTED, REVISED, drafted("es")).when(but(REVISE, language="es", body=None, title="Otra")).then(
        revised(2, "es", "Otra", "Manténgalo.")
    )
    given(decider, DRAFTED).when(but(REVISE, title=" ")).refused("The title must not be blank.", "title")
    given(decider, DRAFTED).when(but(REVISE, body=" ")).refused("The body must not be blank.", "body")


def test_the_last_version_is_the_one_that_is_published() -> None:
    given(decider, DRAFTED).when(PUBLISH).then(published())
    given(decider, DRAFTED, published()).when(PUBLISH).then_nothing()
    given(decider, DRAFTED, published(), REVISED).when(PUBLISH).then(published(2))
    given(decider, DRAFTED, drafted("es"), published()).when(but(PUBLISH, language="es")).then(published(1, "es"))


def test_an_article_is_shown_to_others_than_before() -> None:
    asked, shown = but(PUBLISH, visibility=PUBLIC), published(visibility=PUBLIC)
    given(decider, DRAFTED, published()).when(asked).then(shown)
    given(decider, DRAFTED, shown).when(asked).then_nothing()
    given(decider, DRAFTED, shown, REVISED).when(PUBLISH).then(published(2, visibility=PUBLIC))


def test_a_retired_article_stays_as_it_was() -> None:
    given(decider, DRAFTED).when(RETIRE).then(RETIRED)
    given(decider, DRAFTED, RETIRED).when(RETIRE).then_nothing()
    given(decider, DRAFTED).when(but(RETIRE, reason=" ")).refused("The reason must not be blank.", "reason")
    for command in (REVISE, PUBLISH, IN_SPANISH):
        given(decider, DRAFTED, RETIRED).when(command).refused(IS_RETIRED)


def test_an_article_holds_so_many_versions_and_languages() -> None:
    last = revised(MAX_VERSIONS, "en", "Reset", "Hold it.")
    for command in (REVISE, IN_SPANISH):
        given(decider, DRAFTED, last).when(command).refused(
            f"An article has at most {MAX_VERSIONS} versions. Draft another one instead."
        )
    given(decider, DRAFTED, last).when(PUBLISH).then(published(MAX_VERSIONS))
    many = [drafted(f"en-{100 + number}") for number in range(MAX_LANGUAGES - 1)]
    given(decider, DRAFTED, *many).when(IN_SPANISH).refused(
        f"An article has at most {MAX_LANGUAGES} languages.", "language"
    )
