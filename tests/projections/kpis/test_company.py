"""The KPIs of the company, against a naive evaluation of the same events."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from domain.cost import CostCategory
from domain.customer import CustomerRegistered
from domain.duplicate import DuplicateDismissed, DuplicateSuspected
from domain.follow_up import (
    FollowUpCancelled,
    FollowUpCompleted,
    FollowUpDelivered,
    FollowUpDeliveryUncertain,
    FollowUpDispatched,
    FollowUpFailed,
    FollowUpPostponed,
    FollowUpScheduled,
    FollowUpSuppressed,
)
from domain.identifiers import IdentifierAdded, IdentifierRemoved, IdentifierVerified
from domain.loyalty_account import MemberEnrolled, MemberLeft, TierDowngraded, TierQualified
from domain.objective import ObjectiveRevised, ObjectiveScope, ObjectiveSet
from domain.points import PointsAccrued, PointsAdjusted, PointsExpired, PointsRedeemed
from eventstore.envelope import Happened
from projections.buckets import Granularity
from projections.figures.counting import KpiDimension, KpiScope
from projections.periods import CalendarPeriod
from tests.projections.kpis.story import Company, Naive, Quotient, before, differences, within
from tests.projections.kpis.test_marketing import costs
from tests.projections.kpis.test_sales import net, per_rep

Events = Sequence[Happened]


def target(events: Events, period: CalendarPeriod, scope: Sequence[tuple[str, str | None]]) -> Decimal:
    """What objectives want of revenue in a period, day by day the same."""
    aims: dict[UUID, tuple[Decimal, date, date]] = {}
    for event, at in sorted(events, key=lambda each: each.at.position):
        if isinstance(event, ObjectiveSet) and event.kpi == "revenue" and narrowed(event.scope) == set(scope):
            aims[at.stream_id] = (event.target, event.starts_on, event.ends_on)
        elif isinstance(event, ObjectiveRevised) and at.stream_id in aims:
            wanted, starts_on, ends_on = aims[at.stream_id]
            aims[at.stream_id] = (wanted if event.target is None else event.target, starts_on, event.ends_on or ends_on)
    found = Decimal(0)
    for wanted, starts_on, ends_on in aims.values():
        days = (min(ends_on, period.ends_on) - max(starts_on, period.starts_on)).days + 1
        if days > 0:
            found += round(wanted * days / ((ends_on - starts_on).days + 1), 6)
    return found


def narrowed(scope: Sequence[ObjectiveScope]) -> set[tuple[str, str | None]]:
    return {(each.dimension.value, each.value) for each in scope if each.dimension != "COMPANY"}


def quota(events: Events, period: CalendarPeriod) -> Quotient:
    return net(events, period), target(events, period, [])


def commercial(events: Events, period: CalendarPeriod) -> Quotient:
    spent = [amount for cost, amount in costs(events, period) if cost.category is not CostCategory.SUPPORT]
    return sum(spent, Decimal(0)), net(events, period)


def migration(events: Events, period: CalendarPeriod) -> Quotient:
    tiers: dict[UUID, str | None] = {}
    moves = 0
    for event, at in sorted(events, key=lambda each: each.at.position):
        if isinstance(event, MemberEnrolled | TierQualified | TierDowngraded):
            was, tiers[at.stream_id] = tiers.get(at.stream_id), event.tier
            changed = was is not None and was != event.tier
            moves += changed and period.starts_at <= at.occurred_at < period.ends_at
        elif isinstance(event, MemberLeft):
            tiers[at.stream_id] = None
    return moves, None


def liability(events: Events, period: CalendarPeriod) -> Quotient:
    points = Decimal(0)
    for each in before(events, period.ends_at, PointsAccrued, PointsAdjusted, PointsExpired, PointsRedeemed):
        match each.event:
            case PointsAccrued(redeemable=came):
                points += came
            case PointsAdjusted(points=came):
                points += came
            case PointsExpired(points=went) | PointsRedeemed(points=went):
                points -= went
            case _:
                pass
    return points * Decimal("0.015"), None


def verified(events: Events, period: CalendarPeriod) -> Quotient:
    held: dict[tuple[UUID, int], bool] = {}
    for event, at in sorted(events, key=lambda each: each.at.position):
        if at.occurred_at >= period.ends_at:
            continue
        if isinstance(event, IdentifierAdded):
            held[at.stream_id, event.number] = False
        elif isinstance(event, IdentifierVerified):
            held[at.stream_id, event.number] = True
        elif isinstance(event, IdentifierRemoved):
            del held[at.stream_id, event.number]
    return sum(held.values()), len(held)


def duplicates(events: Events, period: CalendarPeriod) -> Quotient:
    suspected: Mapping[UUID, bool] = {
        each.at.stream_id: isinstance(each.event, DuplicateSuspected)
        for each in before(events, period.ends_at, DuplicateSuspected, DuplicateDismissed)
    }
    customers = {each.at.customer_id for each in before(events, period.ends_at, CustomerRegistered)}
    return sum(suspected.values()), len(customers)


OVER = (
    FollowUpCancelled, FollowUpCompleted, FollowUpDelivered, FollowUpDeliveryUncertain, FollowUpFailed, FollowUpSuppressed,
)  # fmt: skip


def kept(events: Events, period: CalendarPeriod) -> Quotient:
    due = {}
    for event, at in sorted(events, key=lambda each: each.at.position):
        if isinstance(event, FollowUpScheduled | FollowUpPostponed):
            due[at.stream_id] = event.due_at
    over = {
        each.at.stream_id
        for each in events
        if isinstance(each.event, OVER) and getattr(each.event, "retry_at", None) is None
    }
    fell_due = [key for key, moment in due.items() if period.starts_at <= moment < period.ends_at]
    return sum(key in over for key in fell_due), len(fell_due)


def twice(events: Events, period: CalendarPeriod) -> Quotient:
    sent: dict[UUID, int] = defaultdict(int)
    for each in within(events, period, FollowUpDispatched):
        sent[each.at.stream_id] += 1
    return sum(sent.values()) - len(sent), None


NAIVE: dict[str, Naive] = {
    "quota_attainment": quota,
    "commercial_cost_structure": commercial,
    "tier_migration": migration,
    "points_liability": liability,
    "identifier_verified_rate": verified,
    "duplicate_rate": duplicates,
    "followup_completeness": kept,
    "followup_duplicates": twice,
}


@pytest.mark.parametrize("key", NAIVE)
def test_a_figure_is_what_the_events_say(company: Company, key: str) -> None:
    for granularity in (Granularity.WEEK, Granularity.MONTH):
        assert differences(company, company.series(key, granularity), NAIVE[key]) == []


def test_a_quota_is_that_of_the_same_scope(company: Company) -> None:
    def anas(events: Events, period: CalendarPeriod) -> Quotient:
        return per_rep_of(events, period, "ana"), target(events, period, [("REP", "ana")])

    ana = KpiScope(dimension=KpiDimension.REP, value="ana")
    series = company.series("quota_attainment", scope=[ana])
    assert differences(company, series, anas) == []
    assert (series.total.restated.denominator or 0) > 0


def per_rep_of(events: Events, period: CalendarPeriod, rep: str) -> Decimal:
    orders = {each.at.stream_id for each in events if getattr(each.event, "rep", None) == rep}
    return Decimal(per_rep([each for each in events if each.at.stream_id in orders], period)[0])
