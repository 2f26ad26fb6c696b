"""Uses of an article."""

from uuid import UUID

from domain.article_use import ArticleRated, ArticleUsedInCase, RateArticle, RecordArticleUsed, decider
from tests.domain.scenario import but, given

ARTICLE, CASE, ANA, LUIS = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
USE = RecordArticleUsed(article_id=ARTICLE, case_id=CASE, customer_id=ANA, staff_id=LUIS)
USED = ArticleUsedInCase(article_id=ARTICLE, case_id=CASE, customer_id=ANA, staff_id=LUIS)
RATE = RateArticle(article_id=ARTICLE, customer_id=ANA, helpful=True, comment="Thank you")
RATED = ArticleRated(article_id=ARTICLE, customer_id=ANA, staff_id=None, helpful=True, comment="Thank you")
BAD = ArticleRated(article_id=ARTICLE, customer_id=ANA, staff_id=None, helpful=False, comment="Thank you")


def test_there_is_a_stream_for_each_case_and_one_for_each_reader() -> None:
    by_luis = but(RATE, customer_id=None, staff_id=LUIS)
    other = but(USE, case_id=ANA)
    assert len({decider.stream_of(each) for each in (USE, other, RATE, by_luis)}) == 4
    assert decider.stream_of(USE) == decider.stream_of(but(USE, staff_id=None))
    assert decider.stream_of(RATE) == decider.stream_of(but(RATE, helpful=False))


def test_an_article_is_used_once_in_a_case_whoever_used_it() -> None:
    given(decider).when(USE).then(USED)
    given(decider, USED).when(USE).then_nothing()
    given(decider, USED).when(but(USE, staff_id=ANA)).then_nothing()


def test_the_last_word_of_a_reader_counts() -> None:
    given(decider).when(RATE).then(RATED)
    given(decider, RATED).when(RATE).then_nothing()
    given(decider, RATED).when(but(RATE, helpful=False)).then(BAD)
    given(decider, RATED, BAD).when(RATE).then(RATED)
    given(decider, RATED).when(but(RATE, comment=None)).then(
        ArticleRated(article_id=ARTICLE, customer_id=ANA, staff_id=None, helpful=True, comment=None)
    )
    given(decider).when(but(RATE, comment=" ")).refused("The comment must not be blank.", "comment")


def test_a_rating_is_of_one_reader() -> None:
    for who in ({"customer_id": None}, {"staff_id": LUIS}):
        given(decider).when(but(RATE, **who)).refused(
            "Give the customer who rates it, or the person of the company, and not both."
        )
