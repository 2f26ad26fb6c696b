"""Knowledge: the articles that answer a question, the best first, and how much each article helps."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from psycopg import Connection, sql

from domain.article import ArticleVisibility
from domain.kernel import Refused
from domain.values import must_be_language
from eventstore.reader import NOW, AsOf
from projections.customers.customers import folded
from projections.facts import counted
from projections.history import past
from projections.lists import Lists
from projections.service import articles
from projections.service.articles import CONFIGURATION, TITLE, VECTOR

MAX_FOUND = 50
MAX_SEARCH_WORDS = 20
MAX_RANKED = 100
"""Of more articles than these in a language, those are ranked whose title has the words, and then the last written ones."""
MAX_SEARCH_CHARACTERS = 500
DEFLECTED_WITHIN = timedelta(days=3)
"""Whoever read an article and opens no case within this time found the answer."""

READERS = {
    ArticleVisibility.PUBLIC: ("PUBLIC",),
    ArticleVisibility.CUSTOMERS: ("PUBLIC", "CUSTOMERS"),
    ArticleVisibility.INTERNAL: ("PUBLIC", "CUSTOMERS", "INTERNAL"),
}
"""What somebody may read: customers what is public as well, and the company everything."""
STEMMED = {"es": "spanish", "en": "english"}
UNACCENTED = (
    (re.compile(r"(?<=[cgstx])ion$"), "ión"),
    (re.compile(r"ia(?=s?$)"), "ía"),
    (re.compile(r"io(?=s?$)"), "ío"),
)
"""Endings of Spanish words that are often written without their accent, on which the stem depends."""
HEADLINE = "StartSel=**, StopSel=**, MaxWords=30, MinWords=12, MaxFragments=2, FragmentDelimiter= … "


@dataclass(frozen=True, slots=True)
class KnowledgeHit:
    """An article that may answer, and where: the words that were looked for are between ** in the snippet.

    `rank` is the cover density ranking of PostgreSQL (Clarke, Cormack and Tudhope 2000, "Relevance ranking for one to three
    term queries"): the nearer the words are to one another, the higher; it has no unit.
    """

    article_id: UUID
    code: str
    language: str
    version: int
    title: str
    snippet: str
    category: str
    product: str | None
    visibility: ArticleVisibility
    rank: float


@dataclass(frozen=True, slots=True)
class ArticleUsage:
    """How much an article helps.

    `used` counts the cases in which it was used, `helpful` and `unhelpful` the readers by their last word, `views` the
    times it was looked at on the web. Of the views by customers who were known (`known_views`) those are `deflected` after
    which the customer opened no case within three days.
    """

    article_id: UUID
    used: int = 0
    helpful: int = 0
    unhelpful: int = 0
    views: int = 0
    known_views: int = 0
    deflected: int = 0


def knowledge(
    lists: Lists,
    search: str,
    *,
    language: str | None = None,
    visibility: ArticleVisibility = ArticleVisibility.PUBLIC,
    first: int = 10,
    as_of: AsOf = NOW,
) -> list[KnowledgeHit]:
    """The articles in which every word is found, whatever its ending, capitals and accents, the best first.

    Of the last word the beginning is enough. `language` is a tag such as es, which finds es-MX as well; without one, every
    language is searched. Raises `Refused` for a search that says nothing, or too much.
    """
    if not 0 < first <= MAX_FOUND:
        raise Refused(f"Ask for 1 to {MAX_FOUND} articles.", "first")
    if language is not None:
        must_be_language(language)
    words = words_of(search)
    found: list[KnowledgeHit] = []
    with lists.reading(articles.view) as (db, _):
        for tongue in ("es", "en", None) if language is None else (tongue_of(language),):
            found += _found(db, lists, words, tongue, language, visibility, first, as_of)
    return sorted(found, key=lambda hit: (-hit.rank, hit.code, hit.language))[:first]


def _found(
    db: Connection,
    lists: Lists,
    words: list[str],
    tongue: str | None,
    language: str | None,
    visibility: ArticleVisibility,
    first: int,
    as_of: AsOf,
) -> list[KnowledgeHit]:
    """What is found in the languages whose words have the stems of this tongue."""
    query = sql.SQL(
        "with asked as materialized ("
        "  select string_agg('(' || q::text || ')', ' & ')::tsquery as q from ("
        "    select case when last then to_tsquery({tongue}, stems) || to_tsquery('simple', bare || ':*')"
        "                when numnode(to_tsquery({tongue}, stems)) > 0"
        "                then to_tsquery({tongue}, stems) || to_tsquery('simple', bare) end as q"
        "      from unnest(%s::text[], %s::text[], %s::boolean[]) w (stems, bare, last)) w"
        "), met as materialized ("
        "  select t.*, code, category, product, published->language->>'visibility' as visibility, q"
        "    from asked cross join (select * from {texts}) t"
        "    join (select * from {articles}) a on a.article_id = t.owner_id"
        "   where {vector} @@ q and {configuration} = {tongue} and (%s::text is null or language = %s or language like %s)"
        "     and a.retired_at is null and a.published->language->>'version' = version::text"
        "     and a.published->language->>'visibility' = any(%s)"
        "   order by {title} @@ q desc, t.position desc limit {ranked}"
        "), best as (select *, ts_rank_cd({vector}, q) as rank from met order by rank desc, code, language limit %s)"
        "select owner_id, code, language, version, title, ts_headline({configuration}, body, q, {headline}), category,"
        "       product, visibility, rank from best"
    ).format(
        tongue=sql.SQL("{}::regconfig").format(sql.Literal(STEMMED.get(tongue or "", "simple"))),
        vector=sql.SQL(VECTOR),
        title=sql.SQL(TITLE),
        configuration=sql.SQL(CONFIGURATION),
        headline=sql.Literal(HEADLINE),
        ranked=sql.Literal(MAX_RANKED),
        texts=counted(articles.texts, as_of, lists.log.reader),
        articles=past(articles.view, as_of, lists.log.reader),
    )
    stems = [" | ".join(spelled(word, tongue)) for word in words]
    lasts = [n == len(words) - 1 for n in range(len(words))]
    rows = db.execute(
        query,
        [
            stems,
            [folded(word) for word in words],
            lasts,
            language,
            language,
            f"{language}-%",
            list(READERS[visibility]),
            first,
        ],
    ).fetchall()
    return [
        KnowledgeHit(article, code, spoken, version, title, snippet, category, product, ArticleVisibility(whose), rank)
        for article, code, spoken, version, title, snippet, category, product, whose, rank in rows
    ]


def tongue_of(language: str) -> str | None:
    """The language without its region, if we know the stems of its words."""
    tongue = language.partition("-")[0]
    return tongue if tongue in STEMMED else None


def words_of(search: str) -> list[str]:
    """The words of a search. Raises `Refused` if there are none, or too many."""
    if len(search) > MAX_SEARCH_CHARACTERS:
        raise Refused(f"Search for at most {MAX_SEARCH_CHARACTERS} characters.", "search")
    words = re.findall(r"[^\W_]+", search)
    if not words:
        raise Refused("Say what to look for.", "search")
    if len(words) > MAX_SEARCH_WORDS:
        raise Refused(f"Search for at most {MAX_SEARCH_WORDS} words.", "search")
    return words


def spelled(word: str, tongue: str | None) -> list[str]:
    """The ways in which a word may stand in an article: as it is, without its accents, or with one that was left out."""
    bare = folded(word)
    ways = [word.lower(), bare]
    if tongue == "es":
        ways += [ending.sub(accented, bare) for ending, accented in UNACCENTED]
    return list(dict.fromkeys(ways))


def usage(lists: Lists, article_ids: Collection[UUID]) -> dict[UUID, ArticleUsage]:
    """How much these articles help, by what is known now."""
    query = sql.SQL(
        "select a.article_id, coalesce(u.used, 0), coalesce(u.helpful, 0), coalesce(u.unhelpful, 0),"
        "       coalesce(h.views, 0), coalesce(h.known_views, 0), coalesce(h.deflected, 0)"
        "  from views.articles a left join ("
        "    select article_id, count(*) filter (where case_id is not null) as used,"
        "           count(*) filter (where helpful) as helpful, count(*) filter (where not helpful) as unhelpful"
        "      from views.article_uses where article_id = any(%s) group by article_id"
        "  ) u using (article_id) left join lateral ("
        "    select count(*) as views, count(*) filter (where v.identified) as known_views,"
        "           count(*) filter (where v.identified and not exists ("
        "             select from views.cases c where c.customer_id = w.customer_id"
        "                and c.opened_at > w.seen_at and c.opened_at <= w.seen_at + %s)) as deflected"
        "      from views.web_hits w join views.visits v on v.web_session_id = w.owner_id where w.article = a.code"
        "  ) h on true where a.article_id = any(%s)"
    )
    ids = list(article_ids)
    with lists.reading(articles.view) as (db, _):
        found = db.execute(query, [ids, DEFLECTED_WITHIN, ids]).fetchall()
    return {row[0]: ArticleUsage(*row) for row in found}
