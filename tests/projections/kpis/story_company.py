"""What the company aimed at in its story, what it owed to its members, and how well it kept its records and promises."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from domain.duplicate import DismissDuplicate, SuspectDuplicate
from domain.follow_up import (
    Action,
    ActionKind,
    AttemptFollowUp,
    CancelFollowUp,
    DispatchFollowUp,
    PostponeFollowUp,
    RecordFollowUpDelivered,
    RecordFollowUpFailed,
    ScheduleFollowUp,
    SuppressFollowUp,
)
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier, VerifyIdentifier
from domain.kernel import derived
from domain.loyalty_account import DowngradeTier, EnrolMember, LeaveProgramme, QualifyTier
from domain.objective import (
    ObjectiveDimension,
    ObjectiveOperator,
    ObjectiveScope,
    ReviseObjective,
    SetObjective,
)
from domain.points import AccruePoints, AdjustPoints, ExpirePoints, RedeemPoints
from domain.programme import DefineProgramme, LoyaltyTier, programme_id
from tests.projections.kpis.story import START, Told, moments
from tests.projections.kpis.story_pipeline import STAFF
from tests.projections.kpis.story_sales import CUSTOMERS

DAY = timedelta(days=1)
PROGRAMME = DefineProgramme(
    programme_id=programme_id("club"), key="club", title={"en": "Club"}, point_cost=Decimal("0.015"), currency="EUR",
    tiers=tuple(
        LoyaltyTier(key=key, label={"en": key}, threshold=points)
        for key, points in (("SILVER", 0), ("GOLD", 200), ("PLATINUM", 500))
    ),
)  # fmt: skip


def members_story(chance: Random) -> Iterator[Told]:
    """Twelve members, whose points come and go, and whose tiers change."""
    yield Told(START - DAY, PROGRAMME)
    for n in range(12):
        account, moment = derived("account", n), START + n * DAY
        enrolled = EnrolMember(
            loyalty_account_id=account, customer_id=CUSTOMERS[n], programme="club", tier="SILVER", card=f"C{n}"
        )
        yield Told(moment, enrolled)
        for k in range(6):
            moment += chance.randint(5, 30) * DAY
            reference = f"{n}-{k}"
            late = k == 5 and n % 4 == 1
            each = (
                AccruePoints(loyalty_account_id=account, reference=reference, qualifying=Decimal(90), redeemable=Decimal("90.5")),
                RedeemPoints(loyalty_account_id=account, reference=reference, points=Decimal(20)),
                AccruePoints(loyalty_account_id=account, reference=reference, qualifying=Decimal(50), redeemable=Decimal(50)),
                ExpirePoints(loyalty_account_id=account, reference=reference, points=Decimal(10)),
                AdjustPoints(
                    loyalty_account_id=account, reference=reference, points=Decimal(7), reason="Sorry", approver=STAFF[0]
                ),
                AccruePoints(loyalty_account_id=account, reference=reference, redeemable=Decimal(33)),
            )  # fmt: skip
            yield Told(moment, each[k], late)
        if n % 3:
            yield Told(START + 60 * DAY, QualifyTier(loyalty_account_id=account, tier="GOLD", period="2025"))
        if n % 3 == 2:
            down = DowngradeTier(loyalty_account_id=account, tier="SILVER", period="2025")
            yield Told(START + 120 * DAY, down, late=n % 2 == 1)
        if n == 10:
            yield Told(START + 170 * DAY, LeaveProgramme(loyalty_account_id=account))


def records_story(chance: Random) -> Iterator[Told]:
    """Addresses that are added, proved and taken away, and customers who may be the same."""
    for n, moment in enumerate(moments(chance, 40)):
        held = {"customer_id": CUSTOMERS[n % 24], "type": IdentifierType.EMAIL, "value": f"c{n}@example.com"}
        yield Told(moment, AddIdentifier(**held))
        if n % 3 == 0:
            yield Told(moment + 5 * DAY, VerifyIdentifier(**held, method="mail"), late=n % 12 == 9)
        if n % 7 == 3:
            yield Told(moment + 9 * DAY, RemoveIdentifier(**held))
        if n % 5 == 0 and n:
            pair = {"customer_id": CUSTOMERS[n % 24], "other_id": CUSTOMERS[(n + 7) % 24]}
            yield Told(moment, SuspectDuplicate(**pair, score=Decimal("0.8"), features=("SAME_NAME",)))
            if n % 10 == 5:
                yield Told(moment + 11 * DAY, DismissDuplicate(**pair), late=n == 25)


def promises_story(chance: Random) -> Iterator[Told]:
    """Thirty promises: most are kept, one is called off, some wait for ever, and some were never meant to be."""
    for n, moment in enumerate(moments(chance, 30)):
        one, due_at = derived("follow-up", n), moment + 20 * DAY
        who = {
            "follow_up_id": one, "customer_id": CUSTOMERS[n % 24], "policy": "p", "policy_version": 1, "step": "s",
            "trigger": derived("trigger", n), "trigger_position": 1,
        }  # fmt: skip
        if n % 10 == 9:
            yield Told(moment, SuppressFollowUp(**who, reason="CAPPED"))
            continue
        action = Action(kind=ActionKind.SEND_SURVEY, survey="after-sales", invitation_id=derived("asked", n))
        yield Told(moment, ScheduleFollowUp(**who, action=action, due_at=due_at, wanted_at=due_at))
        if n % 4 == 1:
            due_at += 15 * DAY
            yield Told(moment + DAY, PostponeFollowUp(follow_up_id=one, due_at=due_at, reason="QUIET"))
        if n % 10 == 4:
            yield Told(moment + 2 * DAY, CancelFollowUp(follow_up_id=one, reason="RETURNED"))
        elif n % 6:
            yield Told(due_at, DispatchFollowUp(follow_up_id=one, basis="CONSENT", relied_on=1))
            yield Told(due_at, AttemptFollowUp(follow_up_id=one, attempt=1))
            over = (
                RecordFollowUpFailed(follow_up_id=one, error="No such mailbox.")
                if n % 5 == 1
                else RecordFollowUpDelivered(follow_up_id=one, provider_ref=f"x{n}")
            )
            yield Told(due_at + timedelta(minutes=1), over, late=n % 8 == 7)


def aims_story() -> Iterator[Told]:
    """What revenue is to come to: in the whole half-year, in a quarter, and of one rep."""
    ana = (ObjectiveScope(dimension=ObjectiveDimension.REP, value="ana"),)
    company = (ObjectiveScope(dimension=ObjectiveDimension.COMPANY),)
    for n, (scope, starts_on, ends_on, target) in enumerate(
        (
            ((), date(2025, 1, 1), date(2025, 6, 30), 9000),
            (company, date(2025, 2, 10), date(2025, 4, 3), 1000),
            (ana, date(2025, 1, 1), date(2025, 3, 31), 500),
        )
    ):
        aim = SetObjective(
            objective_id=derived("objective", n), kpi="revenue", kpi_version=1, scope=scope, target=Decimal(target),
            operator=ObjectiveOperator.AT_LEAST, starts_on=starts_on, ends_on=ends_on,
        )  # fmt: skip
        yield Told(START - DAY, aim)
    yield Told(
        START + 40 * DAY,
        ReviseObjective(objective_id=derived("objective", 0), target=Decimal(8000), reason="Less to do"),
    )
    late = ReviseObjective(objective_id=derived("objective", 1), ends_on=date(2025, 3, 31))
    yield Told(START + 60 * DAY, late, late=True)
