"""The knowledge: articles with how much each helps, and a search through those that somebody may read."""

from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import customer_of
from api.schema.filters import text_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_reached
from api.schema.noun import Noun
from api.schema.relation import one
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.staff import staff_of
from api.schema.views import Lists
from domain.article import ArticleVisibility
from projections.selecting import Order
from projections.service import article_uses, articles, cases
from projections.service import knowledge as answers
from projections.service.knowledge import ArticleUsage, KnowledgeHit

DEFAULT_FOUND = 10


def _usage(lists: Lists, at: str) -> StrawberryField:
    async def read(root: Any, info: Info) -> ArticleUsage | None:
        row = root.row if isinstance(root, Shown) else root
        house = info.context.house
        return await info.context.each("article usage", lambda ids: answers.usage(house.lists, ids), getattr(row, at))

    return answered(
        "usage", lists.shapes.output(ArticleUsage | None), sentence_of(ArticleUsage), read, within=lists.types
    )


noun = Noun(articles.view, "Article", order=(Order("code"),), fields=lambda lists: [_usage(lists, "article_id")])
use = Noun(
    article_uses.view,
    "ArticleUse",
    order=(Order("used_at", True),),
    fields=lambda lists: [
        customer_of(lists),
        *staff_of(lists, words="Who used or rated it."),
        *one(lists, "article", articles.view, "article_id", "The article."),
        *one(lists, "case", cases.view, "case_id", "The case in which it was used."),
    ],
)


def questions(lists: Lists) -> list[StrawberryField]:
    """`knowledge(search, language, visibility, first, asOf, atLeast)`."""
    arguments = (
        Argument("search", str, "Words; of the last one the beginning is enough. Accents and capitals do not matter."),
        Argument("language", str | None, "In this language alone, as es or en."),
        Argument(
            "visibility",
            lists.shapes.enum(ArticleVisibility),
            "Who reads: the public, customers, or the company, who may read everything.",
            ArticleVisibility.PUBLIC,
        ),
        Argument("first", int, f"How many, at most {answers.MAX_FOUND}.", DEFAULT_FOUND),
        AS_OF,
        AT_LEAST,
    )
    return [
        answered(
            "knowledge",
            lists.shapes.output(tuple[KnowledgeHit, ...]),
            "The articles that may answer, the best first.",
            _search,
            arguments,
            within=lists.types,
        )
    ]


async def _search(
    root: None,
    info: Info,
    *,
    search: str,
    first: int,
    visibility: ArticleVisibility,
    language: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[KnowledgeHit]:
    context = info.context
    moment = await moment_reached(context, [articles.view], as_of, at_least)
    return await context.ask(
        answers.knowledge,
        context.house.lists,
        text_of(search, "search"),
        language=language,
        visibility=visibility,
        first=first,
        as_of=moment,
    )
