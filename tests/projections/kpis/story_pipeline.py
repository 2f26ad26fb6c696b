"""What the company hoped to sell in its story, and what it planned to do for that."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from random import Random

from domain.activity import ActivityKind, CancelActivity, CompleteActivity, RescheduleActivity, ScheduleActivity
from domain.deal import MoveCloseDate, OverrideProbability
from domain.kernel import derived
from domain.opportunity import (
    ChangeOpportunityStage,
    LoseOpportunity,
    OpenOpportunity,
    ReopenOpportunity,
    ReviseOpportunityAmount,
    WinOpportunity,
)
from tests.projections.kpis.story import Told, moments
from tests.projections.kpis.story_sales import CUSTOMERS

STAFF = [derived("staff", n) for n in range(3)]
STAGES = ("QUALIFICATION", "PROPOSAL", "NEGOTIATION")


def pipeline_story(chance: Random) -> Iterator[Told]:
    """Seventy opportunities, some of which are revised, won, lost, or lost and won after all."""
    for n, moment in enumerate(moments(chance, 70)):
        one, late = derived("opportunity", n), n % 9 == 8
        yield Told(
            moment,
            OpenOpportunity(
                opportunity_id=one, customer_id=chance.choice(CUSTOMERS), amount=Decimal(100 * (n + 1)),
                probability=Decimal("0.35") if n % 4 == 0 else None, staff_id=STAFF[n % 3], product="A1" if n % 2 else "B1",
                close_on=(moment + timedelta(days=chance.randint(5, 60))).date(),
            ),
            late,
        )  # fmt: skip
        for stage in STAGES[: n % 4]:
            moment += timedelta(days=chance.randint(1, 12))
            yield Told(moment, ChangeOpportunityStage(opportunity_id=one, stage=stage), late)
        if n % 5 == 2:
            moment += timedelta(hours=5)
            yield Told(moment, OverrideProbability(opportunity_id=one, probability=Decimal("0.95")), late)
            yield Told(moment, ReviseOpportunityAmount(opportunity_id=one, amount=Decimal(50 * n)), late)
        if n % 6 == 3:
            moment += timedelta(hours=5)
            yield Told(moment, MoveCloseDate(opportunity_id=one, close_on=(moment + timedelta(days=30)).date()), late)
        moment += timedelta(days=chance.randint(3, 70))
        too_late = late or n % 10 == 6
        won = WinOpportunity(opportunity_id=one, amount=Decimal(90 * n) if n % 2 else None)
        if n % 3 == 0:
            yield Told(moment, won, too_late)
        elif n % 3 == 1:
            yield Told(moment, LoseOpportunity(opportunity_id=one, reason="PRICE"), too_late)
            if n % 2:
                moment += timedelta(days=20)
                yield Told(moment, ReopenOpportunity(opportunity_id=one), too_late)
                yield Told(moment + timedelta(days=9), won, too_late)


def plans_story(chance: Random) -> Iterator[Told]:
    """Fifty activities: most are done, some late, some called off, and some moved to another day first."""
    for n, moment in enumerate(moments(chance, 50)):
        one, starts_at = derived("activity", n), moment + timedelta(days=chance.randint(1, 20))
        scheduled = ScheduleActivity(
            activity_id=one, kind=ActivityKind.VISIT, subject="Visit", staff_id=STAFF[n % 3], customer_id=CUSTOMERS[n % 24],
            starts_at=None if n % 5 == 0 else starts_at, due_at=starts_at if n % 5 == 0 else None,
        )  # fmt: skip
        yield Told(moment, scheduled)
        if n % 7 == 1:
            starts_at += timedelta(days=25)
            yield Told(moment + timedelta(hours=1), RescheduleActivity(activity_id=one, starts_at=starts_at))
        if n % 3 == 0:
            yield Told(
                starts_at + timedelta(hours=2), CompleteActivity(activity_id=one, outcome="DONE"), late=n % 6 == 0
            )
        elif n % 8 == 1:
            yield Told(starts_at, CancelActivity(activity_id=one), late=n % 16 == 1)
