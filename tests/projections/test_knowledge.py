"""What the company knows is found by its words, by whoever may read it, and how much it helps is counted."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from domain.article import ArticleVisibility, DraftArticle, PublishArticle, RetireArticle, ReviseArticle
from domain.article_use import RateArticle, RecordArticleUsed
from domain.case import OpenCase
from domain.case_events import CaseType
from domain.kernel import Command, Refused, derived
from domain.values import Channel
from domain.web_session import IdentifyWebSession, StartWebSession, TrackWebSession, WebHit, WebHitKind
from eventstore.envelope import Request
from eventstore.reader import AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.service import article_uses, articles, cases
from projections.service.knowledge import ArticleUsage, KnowledgeHit, knowledge, usage
from projections.touchpoints import visits
from tests.conftest import House

VIEWS = (articles.view, article_uses.view, visits.view, cases.view)
RETURNS, WARRANTY = derived("article", 1), derived("article", 2)
ANA, EVA, VISIT = derived("customer", 1), derived("staff", 1), derived("visit", 1)
DAY = datetime(2026, 3, 1, 10, tzinfo=UTC)
BODY_ES = (
    "Puede pedir la devolución de un artículo durante treinta días. Las devoluciones son gratuitas si el técnico "
    "encuentra una avería. El importe llega a su cuenta en una semana."
)
BODY_EN = "You may send an article back within thirty days. Refunds arrive within a week."


def lists_after(house: House, *commands: Command | tuple[float, Command]) -> Lists:
    for command in commands:
        hours, asked = command if isinstance(command, tuple) else (0.0, command)
        house.log.do(asked, Request(occurred_at=DAY + timedelta(hours=hours)))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def draft(language: str, title: str, body: str, article: Any = RETURNS, key: str = "returns") -> DraftArticle:
    return DraftArticle(article_id=article, key=key, language=language, title=title, body=body, category="orders")


def publish(language: str, article: Any = RETURNS, who: ArticleVisibility | None = None) -> PublishArticle:
    return PublishArticle(article_id=article, language=language, visibility=who)


PUBLIC = ArticleVisibility.PUBLIC
PUBLISHED = (
    draft("es", "Devoluciones", BODY_ES), publish("es", who=PUBLIC),
    draft("en", "Returns", BODY_EN), publish("en", who=PUBLIC),
    draft("es", "Garantía", "La garantía cubre las piezas que devuelva.", WARRANTY, "warranty"),
    publish("es", WARRANTY, ArticleVisibility.CUSTOMERS),
)  # fmt: skip


def found(hits: Iterable[KnowledgeHit]) -> list[tuple[str, str]]:
    return [(hit.code, hit.language) for hit in hits]


@pytest.mark.parametrize(
    "search",
    ["devolución", "devolucion", "DEVOLUCIONES", "una devolución gratuita", "averias técnicos", "devoluc", "tecnico averia",
     "semana", "artículo devol"],
)  # fmt: skip
def test_a_word_is_found_whatever_its_ending_its_capitals_and_its_accents(house: House, search: str) -> None:
    assert found(knowledge(lists_after(house, *PUBLISHED), search)) == [("returns", "es")]


@pytest.mark.parametrize("search", ["refund", "refunding", "the refunds", "refu", "sending"])
def test_each_language_has_its_own_stems(house: House, search: str) -> None:
    assert found(knowledge(lists_after(house, *PUBLISHED), search)) == [("returns", "en")]


def test_every_word_must_be_there_and_the_title_counts_most(house: House) -> None:
    lists = lists_after(house, *PUBLISHED, publish("es", WARRANTY, PUBLIC))
    assert found(knowledge(lists, "devuelvan pieza")) == [("warranty", "es")]
    assert knowledge(lists, "devolución platillo") == []
    assert knowledge(lists, "devolución", language="en") == []
    assert found(knowledge(lists, "garantía")) == [("warranty", "es")]
    both = knowledge(lists, "devol", language="es")
    assert found(both) == [("returns", "es")]
    assert both[0].rank > 0


def test_the_snippet_shows_the_words_where_they_stand(house: House) -> None:
    (hit,) = knowledge(lists_after(house, *PUBLISHED), "averías")
    assert "**avería**" in hit.snippet
    assert (hit.title, hit.version, hit.category, hit.visibility) == ("Devoluciones", 1, "orders", PUBLIC)


def test_nobody_finds_what_they_may_not_read(house: House) -> None:
    lists = lists_after(house, *PUBLISHED)
    assert knowledge(lists, "garantía") == []
    assert found(knowledge(lists, "garantía", visibility=ArticleVisibility.CUSTOMERS)) == [("warranty", "es")]
    assert found(knowledge(lists, "garantía", visibility=ArticleVisibility.INTERNAL)) == [("warranty", "es")]


def test_only_the_version_that_is_published_is_found_and_nothing_of_what_was_retired(house: House) -> None:
    revise = ReviseArticle(article_id=RETURNS, language="es", body="Ya no hay reembolso.")
    lists = lists_after(house, *PUBLISHED, revise)
    assert knowledge(lists, "reembolso") == []
    lists = lists_after(house, publish("es"))
    assert [hit.version for hit in knowledge(lists, "reembolso")] == [2]
    assert knowledge(lists, "treinta") == []
    before = house.log.reader.head() - 1
    assert [hit.version for hit in knowledge(lists, "treinta", as_of=AsOf(position=before))] == [1]
    lists = lists_after(house, RetireArticle(article_id=RETURNS))
    assert knowledge(lists, "reembolso") == []
    assert knowledge(lists, "refund") == []


def test_a_language_is_found_with_its_regions(house: House) -> None:
    mexican = (draft("es-MX", "Reembolsos", "Los reembolsos tardan."), publish("es-MX", who=PUBLIC))
    lists = lists_after(house, *mexican)
    assert found(knowledge(lists, "reembolso", language="es")) == [("returns", "es-MX")]
    assert knowledge(lists, "reembolso", language="es-ES") == []


@pytest.mark.parametrize(
    ("search", "more", "refusal"),
    [
        ("  ", {}, "what to look for"),
        ("& | ! ( '", {}, "what to look for"),
        ("a " * 21, {}, "20 words"),
        ("a" * 501, {}, "500 characters"),
        ("a", {"first": 51}, "50 articles"),
        ("a", {"language": "spanish"}, "es or es-MX"),
    ],
)
def test_a_search_that_says_nothing_or_too_much_is_refused(
    house: House, search: str, more: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(Refused, match=refusal):
        knowledge(lists_after(house), search, **more)


def test_whatever_is_typed_is_a_search(house: House) -> None:
    lists = lists_after(house, *PUBLISHED)
    for search in (
        "devolución & refund:*",
        "'; drop table views.articles --",
        "a:*b",
        "%",
        "devolución's",
        "🙂 semana",
        "de la",
    ):
        with suppress(Refused):
            assert all(hit.code == "returns" for hit in knowledge(lists, search))


def test_the_search_uses_its_index(house: House, dsn: str) -> None:
    lists_after(house, *PUBLISHED)
    with psycopg.connect(dsn) as db:
        db.execute("set enable_seqscan = off")
        plan = "\n".join(
            row[0]
            for row in db.execute(
                f"explain select * from views.article_texts where {articles.VECTOR} @@ to_tsquery('spanish', 'devoluciones')"
            )
        )
    assert "Index" in plan


def test_it_is_counted_how_much_an_article_helps(house: House) -> None:
    def read(n: int, at_s: int) -> TrackWebSession:
        hit = WebHit(number=n, kind=WebHitKind.ARTICLE, article="returns", at_s=at_s)
        return TrackWebSession(web_session_id=VISIT, hits=(hit,))

    case = derived("case", 1)
    lists = lists_after(
        house, *PUBLISHED, RecordArticleUsed(article_id=RETURNS, case_id=case, staff_id=EVA),
        RecordArticleUsed(article_id=RETURNS, case_id=derived("case", 2)),
        RateArticle(article_id=RETURNS, customer_id=ANA, helpful=False),
        RateArticle(article_id=RETURNS, customer_id=ANA, helpful=True),
        RateArticle(article_id=RETURNS, staff_id=EVA, helpful=False),
        StartWebSession(web_session_id=VISIT, anonymous_id="a"), read(1, 0), read(2, 24 * 3600),
    )  # fmt: skip
    assert usage(lists, [RETURNS])[RETURNS] == ArticleUsage(RETURNS, 2, 1, 1, 2, 0, 0)
    asked = OpenCase(case_id=case, customer_id=ANA, type=CaseType.QUESTION, channel=Channel.WEB)
    lists = lists_after(house, IdentifyWebSession(web_session_id=VISIT, customer_id=ANA), (12, asked))
    # The first look was followed by a case on the same day; the second, a day later, was not.
    assert usage(lists, [RETURNS, WARRANTY]) == {
        RETURNS: ArticleUsage(RETURNS, 2, 1, 1, 2, 2, 1),
        WARRANTY: ArticleUsage(WARRANTY),
    }
