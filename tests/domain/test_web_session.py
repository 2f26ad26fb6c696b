"""Web sessions."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command, Event
from domain.web_session import (
    KINDS,
    MAX_HITS,
    MAX_HITS_AT_ONCE,
    MAX_SESSION_S,
    ArticleViewed,
    DatasheetDownloaded,
    FormSubmitted,
    IdentifyWebSession,
    PageViewed,
    ProductsSearched,
    ProductViewed,
    SessionIdentified,
    StartWebSession,
    TrackWebSession,
    WebHit,
    WebHitKind,
    WebSessionStarted,
    decider,
)
from tests.domain.scenario import but, events_of, given

VISIT, ANA, EVA = UUID(int=1), UUID(int=2), UUID(int=3)
START = StartWebSession(
    web_session_id=VISIT, anonymous_id="c-1", landing="/lamps", referrer="https://search.example/", campaign="may",
    device="MOBILE", country="ES",
)  # fmt: skip
STARTED = WebSessionStarted(
    visitor_id=VISIT, anonymous_id="c-1", landing="/lamps", referrer="https://search.example/", campaign="may",
    device="MOBILE", country="ES",
)  # fmt: skip
IDENTIFY = IdentifyWebSession(web_session_id=VISIT, customer_id=ANA)
IDENTIFIED = SessionIdentified(visitor_id=VISIT, customer_id=ANA)


def page(number: int, **said: Any) -> WebHit:
    return WebHit(number=number, kind=WebHitKind.PAGE, **{"at_s": number, "page": "/", **said})


def viewed(number: int) -> PageViewed:
    return PageViewed(number=number, at_s=number, page="/")


def track(*hits: WebHit) -> TrackWebSession:
    return TrackWebSession(web_session_id=VISIT, hits=hits)


def test_a_visit_begins_once() -> None:
    given(decider).when(START).then(STARTED)
    given(decider, STARTED).when(START).then_nothing()
    given(decider, STARTED, viewed(1), IDENTIFIED).when(START).then_nothing()


@pytest.mark.parametrize("other", [but(START, landing="/"), but(START, country=None), but(START, campaign="june")])
def test_another_visit_cannot_have_the_same_id(other: Command) -> None:
    given(decider, STARTED).when(other).refused(
        "This session is already known. Give a new one an id of its own.", "web_session_id"
    )


def test_the_cookie_is_never_remembered_in_order_to_decide() -> None:
    assert "c-1" not in repr(given(decider, STARTED).state)


def test_what_follows_the_path_is_left_out() -> None:
    ask = but(START, landing="/lamps?mail=ana@example.com", referrer="https://search.example/#ana", campaign=None)
    started = given(decider).when(ask).then(
        WebSessionStarted(
            visitor_id=VISIT, anonymous_id="c-1", landing="/lamps", referrer="https://search.example/",
            device="MOBILE", country="ES",
        )
    )  # fmt: skip
    assert started.customer_id == VISIT
    given(decider, STARTED).when(track(page(1, page="/a?b=c"))).then(PageViewed(number=1, at_s=1, page="/a"))


@pytest.mark.parametrize(
    ("command", "sentence", "field"),
    [
        (but(START, anonymous_id=" "), "The anonymous id must not be blank.", "anonymous_id"),
        (but(START, country="es"), "Write the country as two letters of ISO 3166, such as ES.", "country"),
        (but(START, country="ESP"), "Write the country as two letters of ISO 3166, such as ES.", "country"),
    ],
)
def test_a_visit_must_make_sense(command: Command, sentence: str, field: str) -> None:
    given(decider).when(command).refused(sentence, field)


@pytest.mark.parametrize("command", [track(page(1)), IDENTIFY])
def test_a_visit_begins_before_anything_else(command: Command) -> None:
    given(decider).when(command).refused("There is no such session yet: start it first.", "web_session_id")


def test_every_kind_of_hit_becomes_an_event_of_its_own() -> None:
    said: dict[str, Any] = {
        "at_s": 9, "page": "/p", "title": "T", "query": "lamp", "product": "L-1", "category": "light",
        "article": "how-to", "form": "contact", "position": 3, "results": 12, "field_count": 4,
    }  # fmt: skip
    hits = [WebHit(number=n, kind=kind, **said) for n, kind in enumerate(WebHitKind, 1)]
    given(decider, STARTED).when(track(*hits)).then(
        PageViewed(number=1, at_s=9, page="/p", title="T", category="light"),
        ProductsSearched(number=2, at_s=9, page="/p", query="lamp", category="light", results=12),
        ProductViewed(number=3, at_s=9, page="/p", product="L-1", category="light", position=3),
        DatasheetDownloaded(number=4, at_s=9, page="/p", product="L-1", category="light", title="T"),
        ArticleViewed(number=5, at_s=9, page="/p", article="how-to", category="light", position=3),
        FormSubmitted(number=6, at_s=9, page="/p", form="contact", field_count=4),
    )
    assert KINDS.keys() == set(WebHitKind)


@pytest.mark.parametrize("blank", [None, "", " "])
@pytest.mark.parametrize(
    ("kind", "about"),
    [
        (WebHitKind.PAGE, "page"),
        (WebHitKind.SEARCH, "query"),
        (WebHitKind.PRODUCT, "product"),
        (WebHitKind.DATASHEET, "product"),
        (WebHitKind.ARTICLE, "article"),
        (WebHitKind.FORM, "form"),
    ],
)
def test_a_hit_says_what_it_is_about(kind: WebHitKind, about: str, blank: str | None) -> None:
    said: dict[str, Any] = dict.fromkeys(("page", "query", "product", "article", "form"), "x") | {about: blank}
    hit = WebHit(number=2, kind=kind, at_s=0, **said)
    given(decider, STARTED).when(track(page(1), hit)).refused(f"Hit 2: a {kind} needs its {about}.", "hits")


def test_a_batch_that_comes_twice_or_overlaps_is_noted_once() -> None:
    given(decider, STARTED).when(track(page(1), page(2))).then(viewed(1), viewed(2))
    given(decider, STARTED, viewed(1), viewed(2)).when(track(page(1), page(2))).then_nothing()
    given(decider, STARTED, viewed(1), viewed(2)).when(track(page(2), page(3))).then(viewed(3))


def test_a_batch_that_comes_late_is_not_lost() -> None:
    given(decider, STARTED, viewed(3), viewed(4)).when(track(page(1), page(2), page(3))).then(viewed(1), viewed(2))


def test_of_two_batches_at_once_the_second_adds_only_what_is_new() -> None:
    first, second = track(page(1), page(2)), track(page(2), page(3))
    assert events_of(decider, [START, first, second]) == [STARTED, viewed(1), viewed(2), viewed(3)]
    assert events_of(decider, [START, second, first]) == [STARTED, viewed(2), viewed(3), viewed(1)]


@pytest.mark.parametrize(
    ("hits", "sentence"),
    [
        ((), f"Give from 1 to {MAX_HITS_AT_ONCE} hits."),
        (tuple(map(page, range(1, MAX_HITS_AT_ONCE + 2))), f"Give from 1 to {MAX_HITS_AT_ONCE} hits."),
        ((page(0),), "Number the hits upwards from 1."),
        ((page(2), page(1)), "Number the hits upwards from 1."),
        ((page(1), page(1)), "Number the hits upwards from 1."),
        ((page(MAX_HITS + 1),), "A session has at most 1000 hits: start another session."),
        ((page(1, at_s=-1),), f"Hit 1: it must be from 0 to {MAX_SESSION_S} seconds after the start."),
        ((page(1, at_s=MAX_SESSION_S + 1),), f"Hit 1: it must be from 0 to {MAX_SESSION_S} seconds after the start."),
        ((page(1, position=-1),), "Hit 1: a position or a count must be from 0 to 1000000."),
        ((page(1, results=-1),), "Hit 1: a position or a count must be from 0 to 1000000."),
        ((page(1, field_count=10**7),), "Hit 1: a position or a count must be from 0 to 1000000."),
    ],
)
def test_hits_must_make_sense(hits: tuple[WebHit, ...], sentence: str) -> None:
    given(decider, STARTED).when(track(*hits)).refused(sentence, "hits")


def test_a_session_can_be_full() -> None:
    given(decider, STARTED).when(track(page(MAX_HITS))).then(viewed(MAX_HITS))
    full = [viewed(n) for n in range(1, MAX_HITS + 1)]
    given(decider, STARTED, *full).when(track(page(1), page(MAX_HITS))).then_nothing()


def test_an_anonymous_visitor_becomes_a_customer() -> None:
    before = given(decider, STARTED, viewed(1))
    assert decider.customer_of(track(page(2)), before.state) == VISIT
    after = before.when(IDENTIFY).then(IDENTIFIED)
    assert decider.customer_of(track(page(2)), after) == ANA
    given(decider, STARTED, IDENTIFIED).when(IDENTIFY).then_nothing()


def test_a_session_belongs_to_one_person() -> None:
    for other in (EVA, VISIT):
        given(decider, STARTED, IDENTIFIED).when(but(IDENTIFY, customer_id=other)).refused(
            "This session is known to be somebody else's.", "customer_id"
        )


def test_the_visitor_as_such_is_nobody_new() -> None:
    given(decider, STARTED).when(but(IDENTIFY, customer_id=VISIT)).then_nothing()


def test_what_is_forgotten_is_not_missed() -> None:
    forgotten: list[Event] = [replace(STARTED, anonymous_id=None), ProductsSearched(number=1, at_s=1, query=None)]
    given(decider, *forgotten).when(START).then_nothing()
    given(decider, *forgotten).when(track(WebHit(number=1, kind=WebHitKind.SEARCH, at_s=1, query="x"))).then_nothing()
