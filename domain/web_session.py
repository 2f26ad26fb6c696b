"""Web sessions: what a visitor looked at, known or not, and who it turned out to be; the last hit is the end."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from re import compile as pattern
from typing import Any, assert_never, cast
from uuid import UUID

from domain.kernel import Claim, Command, Contact, Decider, Event, Refused, Told, as_asked, identified
from domain.references import CustomerId, WebSessionId
from domain.values import must_say, without_query

MAX_HITS = 1_000
"""The highest number of a hit in a session."""
MAX_HITS_AT_ONCE = 500
MAX_SESSION_S = 7 * 24 * 3600
MAX_COUNT = 1_000_000
COUNTRY = pattern(r"[A-Z]{2}")


class WebHitKind(StrEnum):
    """What a visitor did."""

    PAGE = "PAGE"
    SEARCH = "SEARCH"
    PRODUCT = "PRODUCT"
    DATASHEET = "DATASHEET"
    ARTICLE = "ARTICLE"
    FORM = "FORM"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebHit:
    """One thing that a visitor did: the `number` counts from 1 in the session, `at_s` seconds from its start.

    `page` is a path: what follows ? or # is left out. `product` is a SKU, `article` and `form` are keys, `position` is
    the place in a list, `results` how much a search found. What a kind has no place for is left out.
    """

    number: int
    kind: WebHitKind
    at_s: int
    page: str | None = None
    title: str | None = None
    query: str | None = None
    product: str | None = None
    category: str | None = None
    article: str | None = None
    form: str | None = None
    position: int | None = None
    results: int | None = None
    field_count: int | None = None


# What can be asked.


class StartWebSession(Command):
    """Begin a visit of somebody not known yet: `anonymous_id` is the cookie; of the URLs what follows ? is left out."""

    web_session_id: WebSessionId
    anonymous_id: str
    landing: str | None = None
    referrer: str | None = None
    campaign: str | None = None
    device: str | None = None
    country: str | None = None


class TrackWebSession(Command):
    """Note what a visitor did, many things at once, numbered upwards; a number that is known already is left out."""

    web_session_id: WebSessionId
    hits: tuple[WebHit, ...]


class IdentifyWebSession(Command):
    """Say which customer the visitor is; from then on the session is that customer's."""

    web_session_id: WebSessionId
    customer_id: CustomerId


# What can have happened.


class WebSessionStarted(Event, stored_as="web_session.started.v1"):
    """A visit began; `visitor_id`, the session's own id, is whom its events concern until it is known who came."""

    visitor_id: UUID
    anonymous_id: Contact[str]
    landing: str | None = None
    referrer: str | None = None
    campaign: str | None = None
    device: str | None = None
    country: str | None = None


class PageViewed(Event, stored_as="web_session.page-viewed.v1"):
    """The visitor looked at a page; `number` and `at_s` place every hit in its session."""

    number: int
    at_s: int
    page: str
    title: str | None = None
    category: str | None = None


class ProductsSearched(Event, stored_as="web_session.products-searched.v1"):
    """The visitor searched the catalogue; `results` is how much was found."""

    number: int
    at_s: int
    query: Told[str]
    page: str | None = None
    category: str | None = None
    results: int | None = None


class ProductViewed(Event, stored_as="web_session.product-viewed.v1"):
    """The visitor looked at a product, which stood at this position of a list."""

    number: int
    at_s: int
    product: str
    page: str | None = None
    category: str | None = None
    position: int | None = None


class DatasheetDownloaded(Event, stored_as="web_session.datasheet-downloaded.v1"):
    """The visitor took the datasheet of a product."""

    number: int
    at_s: int
    product: str
    page: str | None = None
    category: str | None = None
    title: str | None = None


class ArticleViewed(Event, stored_as="web_session.article-viewed.v1"):
    """The visitor read an article of the knowledge base."""

    number: int
    at_s: int
    article: str
    page: str | None = None
    category: str | None = None
    position: int | None = None


class FormSubmitted(Event, stored_as="web_session.form-submitted.v1"):
    """The visitor sent a form with so many fields filled in; what they said is not kept here."""

    number: int
    at_s: int
    form: str
    page: str | None = None
    field_count: int | None = None


class SessionIdentified(Event, stored_as="web_session.identified.v1", corrects=True):
    """It was found out who the visitor was."""

    visitor_id: UUID
    customer_id: CustomerId


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class WebSession:
    """`customer_id` is the session's own id until it is known who came; `seen` has one bit per hit that is known."""

    started: WebSessionStarted | None = None
    customer_id: UUID | None = None
    seen: int = 0


Asked = StartWebSession | TrackWebSession | IdentifyWebSession
Hit = PageViewed | ProductsSearched | ProductViewed | DatasheetDownloaded | ArticleViewed | FormSubmitted
Happened = WebSessionStarted | Hit | SessionIdentified

KINDS: dict[WebHitKind, tuple[type[Hit], str]] = {
    WebHitKind.PAGE: (PageViewed, "page"),
    WebHitKind.SEARCH: (ProductsSearched, "query"),
    WebHitKind.PRODUCT: (ProductViewed, "product"),
    WebHitKind.DATASHEET: (DatasheetDownloaded, "product"),
    WebHitKind.ARTICLE: (ArticleViewed, "article"),
    WebHitKind.FORM: (FormSubmitted, "form"),
}
"""What each kind of hit becomes, and what it must say."""


def decide(asked: Asked, session: WebSession) -> Iterator[Event]:
    match asked:
        case StartWebSession():
            started = start(asked)
            if session.started is None:
                yield started
            elif session.started != unsigned(started):
                raise Refused("This session is already known. Give a new one an id of its own.", "web_session_id")
        case _ if session.started is None:
            raise Refused("There is no such session yet: start it first.", "web_session_id")
        case TrackWebSession(hits=hits):
            if not 1 <= len(hits) <= MAX_HITS_AT_ONCE:
                raise Refused(f"Give from 1 to {MAX_HITS_AT_ONCE} hits.", "hits")
            before = 0
            for hit in hits:
                must_make_sense(hit, before)
                before = hit.number
                happened = seen(hit)
                if not session.seen >> hit.number & 1:
                    yield happened
        case IdentifyWebSession(customer_id=customer_id):
            if session.customer_id == session.started.visitor_id != customer_id:
                yield SessionIdentified(visitor_id=session.started.visitor_id, customer_id=customer_id)
            elif session.customer_id != customer_id:
                raise Refused("This session is known to be somebody else's.", "customer_id")
        case _:
            assert_never(asked)


def evolve(session: WebSession, event: Happened) -> WebSession:
    match event:
        case WebSessionStarted(visitor_id=visitor_id):
            return WebSession(unsigned(event), visitor_id)
        case SessionIdentified(customer_id=customer_id):
            return replace(session, customer_id=customer_id)
        case _:
            return replace(session, seen=session.seen | 1 << event.number)


def claims(_: UUID, event: Happened, session: WebSession) -> Iterator[Claim]:
    """Once it is known who the visitor is, what concerned the visitor concerns that customer."""
    if isinstance(event, SessionIdentified):
        yield identified(event.visitor_id, event.customer_id, "This session is known to be somebody else's.")


def start(asked: StartWebSession) -> WebSessionStarted:
    """The first words about a visit."""
    must_say(asked.anonymous_id, "The anonymous id", "anonymous_id")
    if asked.country is not None and COUNTRY.fullmatch(asked.country) is None:
        raise Refused("Write the country as two letters of ISO 3166, such as ES.", "country")
    return as_asked(
        WebSessionStarted,
        asked,
        visitor_id=asked.web_session_id,
        landing=without_query(asked.landing),
        referrer=without_query(asked.referrer),
    )


def unsigned(started: WebSessionStarted) -> WebSessionStarted:
    """The same without the cookie, which is sealed and needs no comparing: deciding does without personal values."""
    return replace(started, anonymous_id=None)


def must_make_sense(hit: WebHit, before: int) -> None:
    """Refused if the numbers do not go upwards, or a session would have too many, or a figure cannot be."""
    if hit.number <= before:
        raise Refused("Number the hits upwards from 1.", "hits")
    if hit.number > MAX_HITS:
        raise Refused(f"A session has at most {MAX_HITS} hits: start another session.", "hits")
    if not 0 <= hit.at_s <= MAX_SESSION_S:
        raise Refused(f"Hit {hit.number}: it must be from 0 to {MAX_SESSION_S} seconds after the start.", "hits")
    for count in (hit.position, hit.results, hit.field_count):
        if count is not None and not 0 <= count <= MAX_COUNT:
            raise Refused(f"Hit {hit.number}: a position or a count must be from 0 to {MAX_COUNT}.", "hits")


def seen(hit: WebHit) -> Hit:
    """What happened, of its own type. Refused if that which it is about is not given."""
    made, about = KINDS[hit.kind]
    page = without_query(hit.page)
    said = page if about == "page" else getattr(hit, about)
    if said is None or not said.strip():
        raise Refused(f"Hit {hit.number}: a {hit.kind} needs its {about}.", "hits")
    return as_asked(made, cast(Any, hit), page=page)


decider = Decider("web_session", Asked, Happened, WebSession(), decide, evolve, claims=claims)
