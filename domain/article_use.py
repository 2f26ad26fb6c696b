"""Uses of an article: in which cases it helped, and how those who read it found it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked, derived
from domain.references import ArticleId, CaseId, CustomerId, StaffId
from domain.values import must_say

# What can be asked.


class RecordArticleUsed(Command):
    """Note that an article was used in a case, and by whom."""

    article_id: ArticleId
    case_id: CaseId
    customer_id: CustomerId | None = None
    staff_id: StaffId | None = None


class RateArticle(Command):
    """Say as a customer, or as one of the company, whether an article helped; the last word counts."""

    article_id: ArticleId
    customer_id: CustomerId | None = None
    staff_id: StaffId | None = None
    helpful: bool
    comment: Text | None = None


# What can have happened.


class ArticleUsedInCase(Event, stored_as="article_use.used-in-case.v1"):
    """An article was used in a case; it counts once for each case."""

    article_id: ArticleId
    case_id: CaseId
    customer_id: CustomerId | None
    staff_id: StaffId | None


class ArticleRated(Event, stored_as="article_use.rated.v1"):
    """A customer, or one of the company, said whether an article helped; the last word of each counts."""

    article_id: ArticleId
    customer_id: CustomerId | None
    staff_id: StaffId | None
    helpful: bool
    comment: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class ArticleUse:
    """Whether it was used in the case, or what the reader said last."""

    customer_id: UUID | None = None
    used: bool = False
    rated: ArticleRated | None = None


Asked = RecordArticleUsed | RateArticle
Happened = ArticleUsedInCase | ArticleRated


def decide(asked: Asked, use: ArticleUse) -> Iterator[Event]:
    match asked:
        case RecordArticleUsed():
            if not use.used:
                yield as_asked(ArticleUsedInCase, asked)
        case RateArticle():
            if (asked.customer_id is None) == (asked.staff_id is None):
                raise Refused("Give the customer who rates it, or the person of the company, and not both.")
            must_say(asked.comment, "The comment", "comment")
            rated = as_asked(ArticleRated, asked)
            if use.rated != rated:
                yield rated
        case _:
            assert_never(asked)


def evolve(use: ArticleUse, event: Happened) -> ArticleUse:
    match event:
        case ArticleUsedInCase(customer_id=customer_id):
            return replace(use, customer_id=customer_id, used=True)
        case ArticleRated(customer_id=customer_id):
            return replace(use, customer_id=customer_id, rated=event)
        case _:
            assert_never(event)


def stream(asked: Asked) -> UUID:
    """There is one stream per article and case, and one per article and reader."""
    match asked:
        case RecordArticleUsed(case_id=case_id):
            return derived("article_use", asked.article_id, "case", case_id)
        case RateArticle(customer_id=customer_id, staff_id=staff_id):
            return derived("article_use", asked.article_id, "reader", customer_id or staff_id)


decider = Decider("article_use", Asked, Happened, ArticleUse(), decide, evolve, stream=stream, disclose=True)
