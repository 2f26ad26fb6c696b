"""The screen pop: what an agent sees at once when a card number, a phone or an e-mail is typed or rings."""

from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.benefit import ScreenShown
from domain.customer import CustomerKind
from domain.lifecycle import LifecycleStage
from eventstore.reader import NOW
from projections.as_then import as_then
from projections.customers import benefits, customer_360, customers, data_quality, profiles
from projections.customers.eligibility import BENEFIT_RULE_VERSION, BenefitEligibility, digest_of
from projections.customers.open_requests import RequestKind
from projections.customers.overview import overviews
from projections.customers.recommending import Action, Recommendation
from projections.lists import Lists
from projections.looking_back import rows
from projections.selling import opportunities, orders, quotes, returns
from projections.service import cases
from projections.touchpoints import agenda
from projections.value import loyalty, programmes
from projections.value.buyers import Look
from projections.view import View

NOT_A_REQUEST = (RequestKind.ACTIVITY, RequestKind.OPPORTUNITY)
"""What is open on our side alone."""
UNTOLD = ("name", "digest", "definition", "position", "seen_at", "compared_position")
"""What the digest leaves out: a name is not to be found out from what is kept of a screen. It has where the name is kept."""
SCREEN_VERSION = 1
"""To be raised when something is shown that is worked out in another way than before, and no view has another version."""
MADE_OF: tuple[View[Any], ...] = (
    agenda.view, benefits.view, cases.view, customer_360.view, customers.view, data_quality.view, loyalty.view,
    opportunities.view, orders.view, profiles.view, programmes.view, quotes.view, returns.view,
)  # fmt: skip
"""The views that a screen is put together from."""
LOOKED_AT: tuple[View[Any], ...] = (orders.view, loyalty.view, profiles.view, data_quality.view)
"""Views of which facts and versions are kept with today's identities."""


@dataclass(frozen=True, slots=True)
class ScreenPop:
    """The key facts of a customer, what to do first and why, and whether they may have a benefit.

    `revenue` is in `currency`; `rfm` is the cell of recency, frequency and money; `top_share` is among which percent of the
    customers, from the best down, this one is, as they were compared at `compared_position`. `digest` is the SHA-256 of all
    that is shown, with `name_position`, where the log has the name, in place of the name, and without `position`, `seen_at`
    and `compared_position`: by these it can be shown again. `definition` is the digest of the versions of what it is made by.
    """

    customer_id: UUID
    name: str | None
    kind: CustomerKind | None
    language: str | None
    country: str | None
    stage: LifecycleStage | None
    staff_id: UUID | None
    tier: str | None
    points: Decimal | None
    rfm: str | None
    top_share: int | None
    orders: int
    revenue: Decimal | None
    currency: str | None
    last_order_at: datetime | None
    open_requests: int
    open_complaints: int
    last_contact_at: datetime | None
    last_contact_channel: str | None
    csat: int | None
    risk_score: int | None
    recommended: Recommendation | None
    benefit: BenefitEligibility
    name_position: int | None
    seen_at: datetime
    compared_position: int | None
    digest: str
    definition: str
    position: int


def definition() -> str:
    """The digest of how a screen is made now: of the versions of its views, of the rule, and of how they are put together."""
    views = sorted((view.name, view.version) for view in MADE_OF)
    return digest_of([SCREEN_VERSION, BENEFIT_RULE_VERSION, *views])


def screen_again(
    lists: Lists, customer_id: UUID, shown: ScreenShown, *, name_position: int | None = None
) -> ScreenPop | None:
    """A screen that was shown, from the events up to its position, read as they were read then; None if nobody was known.

    `name_position` is where the name was, if it cannot be read any more. Raises `Refused` as `as_then` does.
    """
    as_of = as_then(lists, LOOKED_AT, shown.position, shown.compared_position)
    whom = lists.log.reader.whom([customer_id], as_of)[customer_id]
    found = _seen(lists, whom, Look(as_of, shown.seen_at), name_position)
    return None if found is None else replace(found, compared_position=shown.compared_position)


def screen_pop(lists: Lists, customer_id: UUID, look: Look) -> ScreenPop | None:
    """The screen pop of a customer as of a moment; None if they were not known then."""
    with lists.reading(customers.view, some=True) if look.as_of == NOW else nullcontext():
        return _seen(lists, customer_id, look)


def _seen(lists: Lists, customer_id: UUID, look: Look, name_position: int | None = None) -> ScreenPop | None:
    line = rows(lists, customers.view, [customer_id], look.as_of).get(customer_id)
    if line is None:
        return None
    profile = rows(lists, profiles.view, [customer_id], look.as_of).get(customer_id)
    overview = overviews(lists, [customer_id], look)[customer_id]
    card, value, account = overview.card, overview.value, overview.loyalty
    asked = [each for each in overview.open_requests if each.kind not in NOT_A_REQUEST]
    seen = ScreenPop(
        customer_id=customer_id,
        name=line.name,
        kind=line.kind,
        language=line.language,
        country=line.country,
        stage=None if profile is None else profile.stage,
        staff_id=None if profile is None else profile.staff_id,
        tier=None if account is None else account.tier,
        points=None if account is None else account.balance,
        rfm=None if value is None else value.cell.profile,
        top_share=None if value is None else value.top_share,
        orders=card.order_count,
        revenue=card.revenue,
        currency=card.currency,
        last_order_at=card.last_order_at,
        open_requests=len(asked),
        open_complaints=sum(each.action is Action.SOLVE_COMPLAINT for each in overview.recommended),
        last_contact_at=card.last_contact_at,
        last_contact_channel=card.last_contact_channel,
        csat=card.last_csat,
        risk_score=None if profile is None else profile.risk_score,
        recommended=next(iter(overview.recommended), None),
        benefit=overview.benefit,
        name_position=name_position if line.name_position is None else line.name_position,
        seen_at=look.seen_at,
        compared_position=None if value is None else value.compared_position,
        digest="",
        definition=definition(),
        position=lists.position(customers.view) if look.as_of.position is None else look.as_of.position,
    )
    told = {name: value for name, value in asdict(seen).items() if name not in UNTOLD}
    return replace(seen, digest=digest_of(told))
