"""The uses of articles: in which cases each helped, and what those who read it said."""

from datetime import datetime
from uuid import UUID

from domain.article_use import ArticleRated, ArticleUsedInCase
from eventstore.envelope import Recorded
from projections.view import Row, View


class ArticleUseSheet(Row, key="article_use_id"):
    """An article used in a case, or rated by a reader, whose last word is `helpful`."""

    article_use_id: UUID
    article_id: UUID | None = None
    case_id: UUID | None = None
    customer_id: UUID | None = None
    staff_id: UUID | None = None
    helpful: bool | None = None
    used_at: datetime | None = None
    rated_at: datetime | None = None


view = View(
    "article_uses",
    ArticleUseSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(article_id)", "(case_id)", "(customer_id)"),
)


@view.on(ArticleUsedInCase)
def use(sheet: ArticleUseSheet, used: ArticleUsedInCase, at: Recorded) -> None:
    sheet.article_id = used.article_id
    sheet.case_id = used.case_id
    sheet.customer_id = at.customer_id
    sheet.staff_id = used.staff_id
    sheet.used_at = at.occurred_at


@view.on(ArticleRated)
def rate(sheet: ArticleUseSheet, rated: ArticleRated, at: Recorded) -> None:
    sheet.article_id = rated.article_id
    sheet.customer_id = at.customer_id
    sheet.staff_id = rated.staff_id
    sheet.helpful = rated.helpful
    sheet.rated_at = at.occurred_at
