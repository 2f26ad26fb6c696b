"""The visits: what came of each web session, and every hit of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from domain.web_session import (
    ArticleViewed,
    DatasheetDownloaded,
    FormSubmitted,
    Hit,
    PageViewed,
    ProductsSearched,
    ProductViewed,
    SessionIdentified,
    WebHitKind,
    WebSessionStarted,
)
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View


class VisitSheet(Row, key="web_session_id"):
    """A visit of the web site. `customer_id` is the customer if the visitor is `identified`, and else the session itself.

    It lasted from `started_at` to the last hit, `duration_s` seconds later.
    """

    web_session_id: UUID
    customer_id: UUID | None = None
    identified: bool = False
    landing: str | None = None
    referrer: str | None = None
    campaign: str | None = None
    device: str | None = None
    country: str | None = None
    started_at: datetime | None = None
    duration_s: int = 0
    hits: int = 0
    pages: int = 0
    searches: int = 0
    products: int = 0
    datasheets: int = 0
    articles: int = 0
    forms: int = 0


class WebHitSeen(Fact):
    """Something that a visitor did, in the visit `owner_id`, at the moment `seen_at`; `hit` counts them from 1.

    `visits` is 1 on the first that is known of a visit, else 0. `place` is where it stood in a list. The words of a search
    are not kept here.
    """

    kind: WebHitKind = WebHitKind.PAGE
    visits: int = 0
    hit: int = 0
    seen_at: datetime | None = None
    page: str | None = None
    product: str | None = None
    category: str | None = None
    article: str | None = None
    form: str | None = None
    place: int | None = None
    results: int | None = None
    campaign: str | None = None
    device: str | None = None
    country: str | None = None
    landing: str | None = None


hits = Facts(
    "web_hits",
    WebHitSeen,
    indexes=("(seen_at)", "(product, seen_at)", "(article)", "(customer_id, seen_at)"),
)

view = View(
    "visits",
    VisitSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(hits,),
    indexes=("(customer_id, started_at desc)", "(started_at)", "(campaign, started_at)"),
)

COUNTED: dict[type[Hit], tuple[WebHitKind, str]] = {
    PageViewed: (WebHitKind.PAGE, "pages"),
    ProductsSearched: (WebHitKind.SEARCH, "searches"),
    ProductViewed: (WebHitKind.PRODUCT, "products"),
    DatasheetDownloaded: (WebHitKind.DATASHEET, "datasheets"),
    ArticleViewed: (WebHitKind.ARTICLE, "articles"),
    FormSubmitted: (WebHitKind.FORM, "forms"),
}
"""What each hit is, and where it is counted."""


@view.on(WebSessionStarted)
def start(sheet: VisitSheet, started: WebSessionStarted, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.landing = started.landing
    sheet.referrer = started.referrer
    sheet.campaign = started.campaign
    sheet.device = started.device
    sheet.country = started.country
    sheet.started_at = at.occurred_at


@view.on(PageViewed, ProductsSearched, ProductViewed, DatasheetDownloaded, ArticleViewed, FormSubmitted)
def see(sheet: VisitSheet, hit: Hit, at: Recorded) -> Iterator[WebHitSeen]:
    kind, counter = COUNTED[type(hit)]
    sheet.customer_id = at.customer_id
    setattr(sheet, counter, getattr(sheet, counter) + 1)
    sheet.hits += 1
    sheet.duration_s = max(sheet.duration_s, hit.at_s)
    yield WebHitSeen(
        kind=kind,
        visits=int(sheet.hits == 1),
        hit=hit.number,
        seen_at=(sheet.started_at or at.occurred_at) + timedelta(seconds=hit.at_s),
        page=hit.page,
        product=getattr(hit, "product", None),
        category=getattr(hit, "category", None),
        article=getattr(hit, "article", None),
        form=getattr(hit, "form", None),
        place=getattr(hit, "position", None),
        results=getattr(hit, "results", None),
        campaign=sheet.campaign,
        device=sheet.device,
        country=sheet.country,
        landing=sheet.landing,
    )


@view.on(SessionIdentified)
def identify(sheet: VisitSheet, identified: SessionIdentified, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.identified = True
