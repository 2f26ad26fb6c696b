"""The loyalty accounts: what the events say of each, where its member stands, and what all points would cost."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from domain import DECIDERS
from domain.kernel import Command, Refused, derived
from domain.loyalty_account import (
    EnrolMember,
    LeaveProgramme,
    MemberEnrolled,
    MemberLeft,
    QualifyTier,
    TierDowngraded,
    TierQualified,
)
from domain.points import (
    AccruePoints,
    PointsAccrued,
    PointsAdjusted,
    PointsExpired,
    PointsRedeemed,
    RedeemPoints,
    points_of,
)
from eventstore.database import open_pool
from eventstore.envelope import Happened, Recorded, Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.facts import known_at
from projections.lists import Lists
from projections.rebuild import rebuild
from projections.table import Table
from projections.value import loyalty, programmes
from projections.value.buyers import Look, look
from projections.value.loyalty import PointsEntry, PointsKind, TierChange
from projections.value.loyalty_standing import (
    LoyaltyStanding,
    TierWatch,
    liabilities,
    standings_of,
    tier_migrations,
    watched,
)
from tests.conftest import KEK, House
from tests.projections import histories, histories_loyalty
from tests.projections.histories import START
from tests.projections.test_engine import held

VIEWS = (programmes.view, loyalty.view)
ENTRY = PointsAccrued | PointsRedeemed | PointsExpired | PointsAdjusted
THRESHOLDS = {"BASE": 0, "SILVER": 100, "GOLD": 300}
ACCOUNT, ANA = derived("account", 1), derived("customer", 1)
DAY = timedelta(days=1)
TODAY = datetime(2027, 3, 15, 12, tzinfo=UTC)


def test_however_accounts_are_folded_they_are_the_same_and_stand_where_the_events_say(
    new_database: Callable[[], str],
) -> None:
    days = st.integers(0, 40).map(lambda n: START + n * 10 * DAY)

    @given(history=st.lists(st.tuples(histories_loyalty.loyalty, days), min_size=15, max_size=60))
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            histories.live_through(log, [(histories_loyalty.programme(), START), *history])
            tables = [table for view in VIEWS for table in view.tables]
            singly = Engine(log, pool, VIEWS, batch=1)
            singly.prepare()
            singly.catch_up()
            one_by_one = [held(pool, table) for table in tables]
            assert all(rebuild(singly, view).unchanged for view in VIEWS)
            with pool.connection() as db:
                db.execute("truncate " + ", ".join(f"views.{table.name}" for table in tables))
                db.execute("update views.checkpoint set position = 0")
            Engine(log, pool, VIEWS).catch_up()
            assert [held(pool, table) for table in tables] == one_by_one
            assert all(standing.parked == 0 for standing in singly.standings())

            lists, head = Lists(log, pool), log.reader.head()
            for view in VIEWS:
                assert lists.fold(view, AsOf(position=head)).rows == held(pool, view)
            accounts, entries = held(pool, loyalty.view), held(pool, loyalty.points).values()
            for account_id, account in accounts.items():
                ours = [entry for entry in entries if entry.owner_id == account_id]
                assert account.balance == sum((entry.redeemable for entry in ours), Decimal(0))
                assert account.qualifying == sum((entry.qualifying for entry in ours), Decimal(0))
                assert account.balance == account.earned - account.redeemed - account.expired + account.adjusted
            events = [each for page in log.reader.fold(types=log.codec.names(loyalty.view.events)) for each in page]
            moments = [NOW, AsOf(position=head * 2 // 3), *(AsOf(time=START + n * DAY) for n in (0, 200, 390))]
            for moment in [*moments, AsOf(valid_at=START + 200 * DAY)]:
                seen = look(log.reader, moment, TODAY)
                by_hand = standings_by_hand(events, moment, seen)
                found = standings_of(lists, [derived("account", n) for n in range(1, 5)], seen)
                assert {account_id: told(each) for account_id, each in found.items()} == by_hand

    check()


@dataclass
class Account:
    """What is known of an account by hand."""

    enrolled: date | None = None
    tier: str | None = None
    left: bool = False
    entries: list[tuple[datetime, Recorded, Decimal, Decimal]] = field(default_factory=list)


def standings_by_hand(events: list[Happened], moment: AsOf, seen: Look) -> dict[UUID, tuple[Any, ...]]:
    """Where each member stands, account by account and entry by entry."""
    accounts: dict[UUID, Account] = defaultdict(Account)
    latest: dict[UUID, tuple[datetime, datetime]] = {}
    for event, at in events:
        account = accounts[at.stream_id]
        known, valid = latest.get(at.stream_id, (known_at(at), at.occurred_at))
        latest[at.stream_id] = known, valid = max(known, known_at(at)), max(valid, at.occurred_at)
        if isinstance(event, ENTRY) and counted(at, known_at(at), at.occurred_at, moment):
            account.entries.append((at.occurred_at, at, *points_of(event)))
        if not counted(at, known, valid, moment):
            continue
        match event:
            case MemberEnrolled():
                account.enrolled = at.occurred_at.astimezone(seen.today.tzinfo).date()
                account.tier, account.left = event.tier, False
            case TierQualified() | TierDowngraded():
                account.tier = event.tier
            case MemberLeft():
                account.left = True
            case _:
                pass
    return {id: standing_by_hand(each, seen) for id, each in accounts.items() if each.enrolled is not None}


def counted(at: Recorded, known: datetime, valid: datetime, moment: AsOf) -> bool:
    return (
        (moment.position is None or at.position <= moment.position)
        and (moment.time is None or known <= moment.time)
        and (moment.valid_at is None or valid <= moment.valid_at)
    )


def standing_by_hand(account: Account, seen: Look) -> tuple[Any, ...]:
    today, zone = seen.today.date(), seen.today.tzinfo
    assert account.enrolled is not None
    years = relativedelta(today, account.enrolled).years
    began = account.enrolled + relativedelta(years=years)
    anniversary = account.enrolled + relativedelta(years=years + 1)
    entries = [each for each in account.entries if each[0] <= seen.seen_at]
    day = [each[0].astimezone(zone).date() for each in entries]
    earned = sum((each[2] for each, on in zip(entries, day, strict=True) if on >= began), Decimal(0))
    year_ago = today - relativedelta(years=1)
    rolling = sum((each[2] for each, on in zip(entries, day, strict=True) if on > year_ago), Decimal(0))
    own = THRESHOLDS.get(account.tier or "")
    higher = sorted((limit, tier) for tier, limit in THRESHOLDS.items() if limit > (-1 if own is None else own))
    threshold, tier = higher[0] if higher else (None, None)
    elapsed = max(1, (today - began).days)
    run_rate = (earned * (anniversary - began).days / elapsed).quantize(Decimal("0.01"), ROUND_HALF_UP)
    left = (anniversary - today).days
    near = (
        not account.left and threshold is not None and threshold * Decimal("0.8") <= rolling < threshold and left >= 30
    )
    risk = not account.left and bool(own) and run_rate < (own or 0) and left <= 90
    known = (account.tier, own, rolling, tier, threshold, near, began, anniversary, earned, float(run_rate), risk)
    return *known, *expiry(entries, zone)


def expiry(entries: list[tuple[datetime, Recorded, Decimal, Decimal]], zone: Any) -> tuple[date | None, Decimal]:
    """The oldest points are spent first; what is left of the oldest ones expires next."""
    spent = -sum((min(each[3], Decimal(0)) for each in entries), Decimal(0))
    left: dict[date, Decimal] = defaultdict(Decimal)
    for moment, _, _, points in sorted(entries, key=lambda each: (each[0], each[1].position)):
        if points > 0:
            used = min(spent, points)
            spent -= used
            if points > used:
                left[moment.astimezone(zone).date() + relativedelta(months=6)] += points - used
    return (min(left), left[min(left)]) if left else (None, Decimal(0))


def told(standing: LoyaltyStanding) -> tuple[Any, ...]:
    return (
        standing.tier, standing.threshold, standing.rolling, standing.next_tier, standing.next_threshold,
        standing.near_next, standing.year_began, standing.anniversary, standing.earned, float(standing.run_rate),
        standing.at_risk, standing.expires_on, standing.expiring,
    )  # fmt: skip


class Club:
    """A log with a programme of three tiers, and its members."""

    def __init__(self, house: House) -> None:
        self.log = house.log
        self.engine = Engine(house.log, house.pool, VIEWS)
        self.engine.prepare()
        self.lists = Lists(house.log, house.pool)
        self.do(histories_loyalty.programme(), day=0)

    def do(self, command: Command, *, day: int) -> None:
        self.log.do(command, Request(occurred_at=START + day * DAY))
        self.engine.catch_up()

    def enrol(self, account: UUID = ACCOUNT, tier: str | None = "SILVER") -> None:
        self.do(EnrolMember(loyalty_account_id=account, customer_id=ANA, programme="air", tier=tier), day=0)

    def earn(self, points: int, *, day: int, account: UUID = ACCOUNT) -> None:
        self.do(
            AccruePoints(
                loyalty_account_id=account, reference=f"{day}", qualifying=Decimal(points), redeemable=Decimal(points)
            ),
            day=day,
        )

    def on(self, day: int) -> Look:
        return look(self.log.reader, NOW, START + day * DAY)


@pytest.fixture
def club(house: House) -> Club:
    return Club(house)


def rows(club: Club, view: Any) -> list[Any]:
    with club.lists.reading(loyalty.view) as (db, _):
        table = Table(view)
        return table.select(db, sql.SQL("select {} from {} order by position").format(table.selected, table.identifier))


def test_a_member_near_the_next_tier_is_told_how_many_points_are_missing(club: Club) -> None:
    club.enrol()
    club.earn(250, day=100)
    (standing,) = watched(club.lists, club.on(200), TierWatch.NEAR_NEXT)
    assert (standing.next_tier, standing.to_next, standing.share_of_next) == ("GOLD", Decimal(50), Decimal("83.33"))
    assert standing.reason == "50 qualifying points to GOLD, with 165 days left."
    assert watched(club.lists, club.on(200), TierWatch.NEAR_NEXT, programme="sea") == []
    # With less than a month left it is too late to say so.
    assert watched(club.lists, club.on(340), TierWatch.NEAR_NEXT) == []
    club.earn(50, day=210)
    assert watched(club.lists, club.on(220), TierWatch.NEAR_NEXT) == []


def test_a_tier_is_at_risk_where_the_pace_does_not_reach_it_on_the_anniversary(club: Club) -> None:
    club.enrol()
    club.earn(60, day=100)
    assert watched(club.lists, club.on(200), TierWatch.AT_RISK) == []
    (standing,) = watched(club.lists, club.on(300), TierWatch.AT_RISK)
    assert (standing.run_rate, standing.days_left) == (Decimal("73.00"), 65)
    assert standing.reason == "At this pace 73.00 qualifying points on 2027-01-01; SILVER takes 100."
    club.earn(30, day=310)
    assert watched(club.lists, club.on(320), TierWatch.AT_RISK) == []
    club.do(LeaveProgramme(loyalty_account_id=ACCOUNT), day=330)
    assert watched(club.lists, club.on(360), TierWatch.AT_RISK) == []


def test_the_oldest_points_are_spent_first_and_the_rest_of_them_expires(club: Club) -> None:
    club.enrol()
    club.earn(100, day=0)
    club.earn(40, day=31)
    club.do(RedeemPoints(loyalty_account_id=ACCOUNT, reference="r", points=Decimal(70)), day=40)
    standing = standings_of(club.lists, [ACCOUNT], club.on(50))[ACCOUNT]
    assert (standing.expires_on, standing.expiring) == (date(2026, 7, 1), Decimal(30))


def test_what_moved_points_and_tiers_is_kept_as_facts(club: Club) -> None:
    club.enrol()
    club.earn(100, day=1)
    club.do(RedeemPoints(loyalty_account_id=ACCOUNT, reference="bag", points=Decimal(30), reward="BAG"), day=2)
    club.do(QualifyTier(loyalty_account_id=ACCOUNT, tier="GOLD", period="2026"), day=3)
    club.do(LeaveProgramme(loyalty_account_id=ACCOUNT), day=4)
    entries: list[PointsEntry] = rows(club, loyalty.points)
    assert [(each.kind, each.redeemable, each.qualifying, each.tier, each.customer_id) for each in entries] == [
        (PointsKind.ACCRUED, Decimal(100), Decimal(100), "SILVER", ANA),
        (PointsKind.REDEEMED, Decimal(-30), Decimal(0), "SILVER", ANA),
    ]
    changes: list[TierChange] = rows(club, loyalty.tier_changes)
    assert [(each.previous, each.tier, each.basis) for each in changes] == [
        (None, "SILVER", None), ("SILVER", "GOLD", "EARNED"), ("GOLD", None, None),
    ]  # fmt: skip
    year = tier_migrations(club.lists, START, START + 365 * DAY)
    assert Counter({(each.previous, each.tier): each.members for each in year}) == Counter(
        [(None, "SILVER"), ("SILVER", "GOLD"), ("GOLD", None)]
    )
    part = tier_migrations(club.lists, START + 2 * DAY, START + 4 * DAY)
    assert [each.tier for each in part] == ["GOLD"]


def test_all_points_would_cost_what_one_costs(club: Club) -> None:
    club.enrol()
    club.enrol(derived("account", 2))
    club.earn(100, day=1)
    club.earn(50, day=2, account=derived("account", 2))
    (owed,) = liabilities(club.lists)
    assert (owed.members, owed.points, owed.liability, owed.currency) == (2, Decimal(150), Decimal("1.50"), "EUR")
    then = club.log.reader.head() - 1
    (before,) = liabilities(club.lists, AsOf(position=then))
    assert before.points == Decimal(100)


def test_questions_that_cannot_be_are_refused(club: Club) -> None:
    with pytest.raises(Refused):
        watched(club.lists, club.on(1), TierWatch.AT_RISK, first=101)
    with pytest.raises(Refused):
        tier_migrations(club.lists, START, START)
