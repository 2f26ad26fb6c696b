"""The articles: what the company knows how to answer, which version is read in each language, and by whom."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.article import ArticleDrafted, ArticlePublished, ArticleRetired, ArticleVisibility
from domain.values import empty
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View


@dataclass(frozen=True, slots=True)
class Published:
    """The version that is read in a language, by whom, and since when."""

    version: int
    visibility: ArticleVisibility
    since: datetime


class ArticleSheet(Row, key="article_id"):
    """An article. `published` says by language which version is read; `drafted` is the last version of each.

    The words of all versions are the facts `articleTexts`.
    """

    article_id: UUID
    code: str = ""
    category: str = ""
    product: str | None = None
    languages: tuple[str, ...] = ()
    drafted: Mapping[str, int] = field(default_factory=empty)
    published: Mapping[str, Published] = field(default_factory=empty)
    drafted_at: datetime | None = None
    published_at: datetime | None = None
    retired_at: datetime | None = None
    retired_because: str | None = None


class ArticleText(Fact):
    """The words of a version of an article, called `owner_id`, in a language."""

    language: str = ""
    version: int = 0
    title: str = ""
    body: str = ""


CONFIGURATION = (
    "case split_part(language, '-', 1) when 'es' then 'spanish'::regconfig when 'en' then 'english'::regconfig "
    "else 'simple'::regconfig end"
)
"""How PostgreSQL takes the words of a language to their stems."""
FOLDED = "regexp_replace(normalize({}, nfkd), U&'[\\0300-\\036f]', '', 'g')"
"""A text without its accents."""
TITLE = f"(to_tsvector({CONFIGURATION}, title) || to_tsvector('simple'::regconfig, {FOLDED.format('title')}))"
VECTOR = (
    f"(setweight({TITLE}, 'A') || setweight(to_tsvector({CONFIGURATION}, body), 'B')"
    f" || setweight(to_tsvector('simple'::regconfig, {FOLDED.format('body')}), 'C'))"
)
"""What is searched: the stems of an article's words, the title before the body, and the words themselves without accents."""

texts = Facts("article_texts", ArticleText, indexes=(f"using gin ({VECTOR})",))

view = View(
    "articles",
    ArticleSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(texts,),
    history=True,
    indexes=("(code)", "(category)", "(product)"),
)


@view.on(ArticleDrafted)
def draft(sheet: ArticleSheet, drafted: ArticleDrafted, at: Recorded) -> Iterator[ArticleText]:
    if sheet.drafted_at is None:
        sheet.drafted_at = at.occurred_at
    sheet.code = drafted.key
    sheet.category = drafted.category
    sheet.product = drafted.product
    sheet.drafted = {**sheet.drafted, drafted.language: drafted.version}
    yield ArticleText(language=drafted.language, version=drafted.version, title=drafted.title, body=drafted.body)


@view.on(ArticlePublished)
def publish(sheet: ArticleSheet, published: ArticlePublished, at: Recorded) -> None:
    said = Published(published.version, published.visibility, at.occurred_at)
    sheet.published = {**sheet.published, published.language: said}
    sheet.languages = tuple(sorted(sheet.published))
    sheet.published_at = at.occurred_at


@view.on(ArticleRetired)
def retire(sheet: ArticleSheet, retired: ArticleRetired, at: Recorded) -> None:
    sheet.retired_at = at.occurred_at
    sheet.retired_because = retired.reason
