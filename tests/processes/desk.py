"""A service desk in the shop: cases, and what is promised, warned of and missed about them."""

from datetime import datetime
from itertools import count
from uuid import UUID

from domain.case import OpenCase, RecordFirstResponse, ReopenCase, ResolveCase, ResumeCase, WaitOnCustomer
from domain.case_events import CasePriority, CaseType
from domain.case_sla import SlaBreached, SlaMilestone, SlaTargetSet, SlaWarned
from domain.kernel import Command, Event, derived
from domain.loyalty_account import EnrolMember
from domain.values import Channel
from eventstore.envelope import Origin
from tests.processes.shop import Shop, local

RESPONSE, RESOLUTION = SlaMilestone.FIRST_RESPONSE, SlaMilestone.RESOLUTION
_numbers = count(1)


def open_case(
    shop: Shop,
    on: str | datetime | None = None,
    priority: CasePriority = CasePriority.NORMAL,
    customer_id: UUID | None = None,
    *,
    channel: Channel = Channel.EMAIL,
    type: CaseType = CaseType.INCIDENT,
    origin: Origin = Origin.LIVE,
) -> UUID:
    """A case of a priority, opened at a time on Madrid's clocks."""
    case_id = derived("case", "desk", next(_numbers))
    asked = OpenCase(case_id=case_id, customer_id=customer_id, type=type, priority=priority, channel=channel)
    at(shop, asked, on, origin=origin)
    return case_id


def at(
    shop: Shop, asked: Command, on: str | datetime | None = None, *, origin: Origin = Origin.LIVE, seen: bool = True
) -> None:
    """Something is asked when the clock has come so far. Unless it is to be `seen` at once, the worker sleeps then."""
    if on is not None:
        shop.until(on)
    shop.do(asked, shop.now, origin)
    if seen:
        shop.worker.run()


def member(shop: Shop, tier: str) -> UUID:
    """A customer who has a tier."""
    customer_id = shop.customer()
    account = derived("loyalty_account", customer_id)
    shop.do(EnrolMember(loyalty_account_id=account, customer_id=customer_id, programme="club", tier=tier))
    return customer_id


def respond(shop: Shop, case_id: UUID, on: str | None = None) -> None:
    at(shop, RecordFirstResponse(case_id=case_id, interaction_id=derived("interaction", case_id, on)), on)


def wait(shop: Shop, case_id: UUID, on: str | None = None) -> None:
    at(shop, WaitOnCustomer(case_id=case_id), on)


def resume(shop: Shop, case_id: UUID, on: str | None = None) -> None:
    at(shop, ResumeCase(case_id=case_id), on)


def resolve(shop: Shop, case_id: UUID, on: str | None = None, code: str | None = None) -> None:
    at(shop, ResolveCase(case_id=case_id, code=code), on)


def reopen(shop: Shop, case_id: UUID, on: str | None = None) -> None:
    at(shop, ReopenCase(case_id=case_id), on)


def happened(shop: Shop, *types: type[Event], case_id: UUID | None = None) -> list[tuple[Event, str | None]]:
    """What happened of these kinds, and when, on Madrid's clocks."""
    found = [(event, local(at.occurred_at)) for event, at in shop.events() if isinstance(event, types)]
    return [(event, at) for event, at in found if case_id in (None, getattr(event, "case_id", None))]


def targets(shop: Shop, milestone: SlaMilestone) -> list[str | None]:
    """By when a milestone was promised, each time it was."""
    found = happened(shop, SlaTargetSet)
    return [local(e.due_at) for e, _ in found if isinstance(e, SlaTargetSet) and e.milestone is milestone]


def said(shop: Shop, milestone: SlaMilestone) -> list[tuple[str, str | None]]:
    """When it was warned of a milestone, and when it was missed."""
    names = {SlaWarned: "WARNED", SlaBreached: "BREACHED"}
    found = happened(shop, SlaWarned, SlaBreached)
    return [
        (names[type(e)], at) for e, at in found if isinstance(e, SlaWarned | SlaBreached) and e.milestone is milestone
    ]
