"""Members of the shop's loyalty programme, its people, and what the tests of loyalty policies look at."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.activity import ActivityScheduled
from domain.kernel import derived
from domain.loyalty_account import EnrolMember, TierDowngraded, TierQualified
from domain.offer import OfferMade
from domain.points import AccruePoints
from domain.staff import AddStaff, StaffRole
from eventstore.envelope import Origin
from tests.processes.shop import Shop

BOSS, REP = derived("staff", "boss"), derived("staff", "rep")


def enrol(shop: Shop, customer_id: UUID, on: str, *, number: int = 1, **said: Any) -> UUID:
    """A membership in the programme that comes with the house."""
    account_id = derived("loyalty_account", customer_id, number)
    told = {"programme": "default", **said}
    shop.do(EnrolMember(loyalty_account_id=account_id, customer_id=customer_id, **told), on)
    return account_id


def accrue(shop: Shop, account_id: UUID, points: int, on: str, *, origin: Origin = Origin.LIVE) -> UUID:
    """Qualifying points; returns what a promise because of them goes back to."""
    command = AccruePoints(loyalty_account_id=account_id, reference=f"{on} {points}", qualifying=Decimal(points))
    [event] = shop.do(command, on, origin).events
    return derived("occasion", account_id, event.version)


def people(shop: Shop) -> None:
    """A sales manager and a rep whom she leads."""
    shop.do(AddStaff(staff_id=BOSS, name="Eva", role=StaffRole.SALES_MANAGER))
    shop.do(AddStaff(staff_id=REP, name="Luis", role=StaffRole.REP, manager_id=BOSS))


def tiers(shop: Shop, account_id: UUID) -> list[tuple[str, ...]]:
    """Every change of a member's tier, with its period and why."""
    found = [(event, at) for event, at in shop.events() if at.stream_id == account_id]
    return [
        (event.tier, event.period, event.basis.value if isinstance(event, TierQualified) else "DOWNGRADED")
        for event, _ in found
        if isinstance(event, TierQualified | TierDowngraded)
    ]


def tasks(shop: Shop, policy: str) -> list[ActivityScheduled]:
    """What somebody was given to do by a policy."""
    return [
        event for event, _ in shop.events() if isinstance(event, ActivityScheduled) and event.origin_policy == policy
    ]


def offers(shop: Shop) -> list[OfferMade]:
    """What customers were offered."""
    return [event for event, _ in shop.events() if isinstance(event, OfferMade)]


def outcomes(shop: Shop, step: str) -> list[tuple[str, str | None]]:
    """Where the follow-ups of a step stand, and why, in the order in which they were wanted."""
    entries = sorted(shop.ledger(step), key=lambda entry: entry.wanted_at or entry.changed_at or shop.now)
    return [(entry.status.value, entry.reason) for entry in entries]
