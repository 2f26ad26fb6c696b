"""Knowledge articles: what the company knows how to answer, in several languages and versions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, assert_never

from domain.kernel import Command, Decider, Event, Refused, Text, as_asked
from domain.references import ArticleId
from domain.values import empty, must_be_language, must_say

MAX_LANGUAGES = 50
MAX_VERSIONS = 400
"""How many versions an article may have, all languages together."""


class ArticleVisibility(StrEnum):
    """Who may read it: INTERNAL the company, CUSTOMERS those who are known, PUBLIC everybody."""

    INTERNAL = "INTERNAL"
    CUSTOMERS = "CUSTOMERS"
    PUBLIC = "PUBLIC"


# What can be asked.


class DraftArticle(Command):
    """Write an article, or put one into another language; the key, category, product and readers are the same in all.

    The body is the company's own text: it is kept in clear, so it must not speak of a customer."""

    article_id: ArticleId
    key: str
    language: str
    title: str
    body: Text
    category: str
    product: str | None = None
    visibility: ArticleVisibility = ArticleVisibility.INTERNAL


class ReviseArticle(Command):
    """Write a new version in a language; what is left out stays, and the version is read once it is published."""

    article_id: ArticleId
    language: str
    title: str | None = None
    body: Text | None = None


class PublishArticle(Command):
    """Let the last version in a language be read; without `visibility` by those that were named before."""

    article_id: ArticleId
    language: str
    visibility: ArticleVisibility | None = None


class RetireArticle(Command):
    """Withdraw an article in all of its languages; `reason` is a code."""

    article_id: ArticleId
    reason: str | None = None


# What can have happened.


class ArticleDrafted(Event, stored_as="article.drafted.v1"):
    """A version of an article was written in a language; the versions of each language count from 1."""

    key: str
    version: int
    language: str
    title: str
    body: Text
    category: str
    product: str | None
    visibility: ArticleVisibility


class ArticlePublished(Event, stored_as="article.published.v1"):
    """A version in a language may be read from now on, and by whom."""

    version: int
    language: str
    visibility: ArticleVisibility


class ArticleRetired(Event, stored_as="article.retired.v1"):
    """The article may be read no longer."""

    reason: str | None = None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Wording:
    """An article in one language: its first draft, its last version, and the one that is read, and by whom."""

    drafted: ArticleDrafted
    version: int
    title: str
    body: str
    published: tuple[int, ArticleVisibility] | None = None


@dataclass(frozen=True, slots=True)
class Article:
    """What was drafted first, and the wording in each language."""

    first: ArticleDrafted | None = None
    wordings: Mapping[str, Wording] = field(default_factory=empty)
    retired: bool = False


Asked = DraftArticle | ReviseArticle | PublishArticle | RetireArticle
Happened = ArticleDrafted | ArticlePublished | ArticleRetired


def decide(asked: Asked, article: Article) -> Iterator[Event]:
    match asked:
        case DraftArticle():
            yield from drafting(asked, article)
        case _ if article.first is None:
            raise Refused("This article is not drafted yet.", "article_id")
        case ReviseArticle(language=language):
            wording = wording_of(language, article)
            must_say(asked.title, "The title", "title")
            must_say(asked.body, "The body", "body")
            title, body = asked.title or wording.title, asked.body or wording.body
            if (title, body) != (wording.title, wording.body):
                must_be_current(article)
                must_have_room(article)
                yield replace(wording.drafted, version=wording.version + 1, title=title, body=body)
        case PublishArticle(language=language):
            wording = wording_of(language, article)
            before = wording.published[1] if wording.published else wording.drafted.visibility
            visibility = asked.visibility or before
            must_be_current(article)
            if wording.published != (wording.version, visibility):
                yield ArticlePublished(version=wording.version, language=language, visibility=visibility)
        case RetireArticle(reason=reason):
            must_say(reason, "The reason", "reason")
            if not article.retired:
                yield ArticleRetired(reason=reason)
        case _:
            assert_never(asked)


def evolve(article: Article, event: Happened) -> Article:
    match event:
        case ArticleDrafted(language=language, version=version, title=title, body=body) if version > 1:
            return reworded(article, language, version=version, title=title, body=body)
        case ArticleDrafted(language=language, version=version, title=title, body=body):
            known = {**article.wordings, language: Wording(event, version, title, body)}
            return replace(article, first=article.first or event, wordings=known)
        case ArticlePublished(language=language, version=version, visibility=visibility):
            return reworded(article, language, published=(version, visibility))
        case ArticleRetired():
            return replace(article, retired=True)
        case _:
            assert_never(event)


def reworded(article: Article, language: str, **changes: Any) -> Article:
    """The article with another wording in a language that it is known in."""
    if language not in article.wordings:
        return article
    return replace(article, wordings={**article.wordings, language: replace(article.wordings[language], **changes)})


def drafting(asked: DraftArticle, article: Article) -> Iterator[Event]:
    """The first version in a language, unless it is there."""
    must_be_language(asked.language)
    for name in ("key", "title", "body", "category", "product"):
        must_say(getattr(asked, name), f"The {name}", name)
    drafted = as_asked(ArticleDrafted, asked, version=1)
    if wording := article.wordings.get(asked.language):
        if wording.drafted != drafted:
            raise Refused(f"This article is already drafted in {asked.language}. Revise it instead.")
        return
    must_be_current(article)
    if article.first is not None:
        same = replace(article.first, language=drafted.language, title=drafted.title, body=drafted.body)
        if same != drafted:
            raise Refused("The key, category, product and visibility are the same in every language.", "language")
        if len(article.wordings) >= MAX_LANGUAGES:
            raise Refused(f"An article has at most {MAX_LANGUAGES} languages.", "language")
        must_have_room(article)
    yield drafted


def wording_of(language: str, article: Article) -> Wording:
    """The article in a language. Refused if there is none."""
    must_be_language(language)
    if language not in article.wordings:
        raise Refused(f"This article is not drafted in {language} yet.", "language")
    return article.wordings[language]


def must_be_current(article: Article) -> None:
    """Refused if the article may be read no longer."""
    if article.retired:
        raise Refused("This article is retired. Draft another one instead.")


def must_have_room(article: Article) -> None:
    """Refused if the article can have no more versions."""
    if sum(wording.version for wording in article.wordings.values()) >= MAX_VERSIONS:
        raise Refused(f"An article has at most {MAX_VERSIONS} versions. Draft another one instead.")


decider = Decider("article", Asked, Happened, Article(), decide, evolve)
