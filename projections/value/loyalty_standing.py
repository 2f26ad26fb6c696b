"""Loyalty standing: how far a member is from the next tier, whether the present one will be kept, and what expires when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from eventstore.reader import NOW, AsOf, Reader
from projections.facts import counted
from projections.history import past
from projections.lists import MAX_PAGE, Lists
from projections.statements import Statement, kept
from projections.value import loyalty
from projections.value.buyers import Look

NEAR_PERCENT, NEAR_DAYS = 80, 30
"""P14: from which part of the next threshold a member is near it, with how many days left."""
RISK_DAYS = 90
"""P15: how many days before the anniversary it is said that a tier is at risk."""


class TierWatch(StrEnum):
    """Which members are looked for: those NEAR_NEXT tier, or those whose tier is AT_RISK."""

    NEAR_NEXT = "NEAR_NEXT"
    AT_RISK = "AT_RISK"


@dataclass(frozen=True, slots=True)
class LoyaltyStanding:
    """Where a member stands on a day. Years of membership begin on the day of enrolment, and on its anniversaries.

    `rolling` are the qualifying points of the last twelve months, `earned` those since `year_began`, and `run_rate` what
    they come to on the `anniversary` at the same pace. `to_next` is missing from `rolling` to the threshold of `next_tier`,
    of which `share_of_next` percent are there. `expiring` points are taken back on `expires_on` unless they are spent,
    the oldest being spent first; a day that has passed means that it is overdue.
    """

    account_id: UUID
    tier: str | None
    threshold: int | None
    rolling: Decimal
    next_tier: str | None
    next_threshold: int | None
    to_next: Decimal | None
    share_of_next: Decimal | None
    near_next: bool
    year_began: date
    anniversary: date
    days_left: int
    earned: Decimal
    run_rate: Decimal
    at_risk: bool
    reason: str | None
    expires_on: date | None
    expiring: Decimal


@dataclass(frozen=True, slots=True)
class PointsLiability:
    """What the points of the members of a version of a programme would cost, if all of them were spent, in `currency`."""

    programme: str
    version: int
    members: int
    points: Decimal
    point_cost: Decimal | None
    liability: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class TierMigration:
    """How many times members went from one tier to another: from none when they came, to none when they left.

    From a tier to the same one are those who kept it for another period.
    """

    programme: str
    previous: str | None
    tier: str | None
    members: int


def standings_of(lists: Lists, account_ids: Sequence[UUID], look: Look) -> dict[UUID, LoyaltyStanding]:
    """Where each of these accounts stands, in one statement."""
    found = _standings(lists, look, _of_accounts, len(account_ids), {"accounts": list(account_ids)})
    return {standing.account_id: standing for standing in found}


@kept
def _of_accounts(as_of: AsOf, reader: Reader) -> sql.Composed:
    return _told(as_of, reader, sql.SQL("a.account_id = any(%(accounts)s)"), sql.SQL("true"))


def watched(
    lists: Lists, look: Look, watch: TierWatch, *, programme: str | None = None, first: int = 20
) -> list[LoyaltyStanding]:
    """The members who are near the next tier or about to lose theirs, those with the fewest days left first."""
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} members at a time.", "first")
    whose = sql.SQL("a.left_at is null and a.programme = coalesce(%(programme)s, a.programme)")
    which = sql.SQL("near_next" if watch is TierWatch.NEAR_NEXT else "at_risk")
    return _standings(lists, look, partial(_told, whose=whose, which=which), first, {"programme": programme})


def liabilities(lists: Lists, as_of: AsOf = NOW) -> list[PointsLiability]:
    """What all points that can be spent would cost, by programme: sum of the balances x the cost of a point."""
    with lists.reading(loyalty.view) as (db, _):
        rows = db.execute(
            sql.SQL(
                "select a.programme, a.programme_version, count(*) filter (where left_at is null), sum(a.balance),"
                "       p.point_cost, sum(a.balance) * p.point_cost, p.currency"
                "  from {accounts} left join views.programmes p"
                "    on (p.programme, p.version) = (a.programme, a.programme_version)"
                " where a.enrolled_at is not null"
                " group by a.programme, a.programme_version, p.point_cost, p.currency order by 1, 2"
            ).format(accounts=_accounts(as_of, lists.log.reader))
        ).fetchall()
    return [PointsLiability(*row) for row in rows]


def tier_migrations(
    lists: Lists, start: datetime, end: datetime, *, programme: str | None = None, as_of: AsOf = NOW
) -> list[TierMigration]:
    """How many members went from which tier to which, from one moment up to another."""
    if not start < end:
        raise Refused("The end must come after the start.", "to")
    with lists.reading(loyalty.view) as (db, _):
        rows = db.execute(
            sql.SQL(
                "select programme, previous, tier, count(*) from {changes}"
                " where occurred_at >= %(start)s and occurred_at < %(end)s"
                "   and (%(programme)s::text is null or programme = %(programme)s)"
                " group by programme, previous, tier order by programme, previous nulls first, tier nulls last"
            ).format(changes=counted(loyalty.tier_changes, as_of, lists.log.reader)),
            {"start": start, "end": end, "programme": programme},
        ).fetchall()
    return [TierMigration(*row) for row in rows]


def _accounts(as_of: AsOf, reader: Reader) -> sql.Composed:
    return sql.SQL("(select * from {}) as a").format(past(loyalty.view, as_of, reader))


def _standings(
    lists: Lists, look: Look, statement: Statement, first: int, parameters: Mapping[str, object]
) -> list[LoyaltyStanding]:
    known = {
        "zone": look.zone,
        "today": look.today.date(),
        "seen_at": look.seen_at,
        "near": NEAR_PERCENT,
        "near_days": NEAR_DAYS,
        "risk_days": RISK_DAYS,
        "first": first,
    }
    with lists.reading(loyalty.view) as (db, _):
        rows = db.execute(statement(look.as_of, lists.log.reader), {**known, **parameters}).fetchall()
    return [_standing(*row) for row in rows]


def _told(as_of: AsOf, reader: Reader, whose: sql.Composable, which: sql.Composable) -> sql.Composed:
    return sql.SQL(
        "with members as ("
        "  select a.account_id, a.tier, a.left_at, p.tiers, p.expiry_months,"
        "         (a.enrolled_at at time zone %(zone)s)::date as enrolled_on"
        "    from {accounts} left join views.programmes p"
        "      on (p.programme, p.version) = (a.programme, a.programme_version)"
        "   where a.enrolled_at is not null and ({whose})"
        "), years as ("
        "  select *, (enrolled_on + make_interval(years => years))::date as year_began,"
        "         (enrolled_on + make_interval(years => years + 1))::date as anniversary"
        "    from (select *, extract(year from age(%(today)s::date, enrolled_on))::int as years from members) m"
        "), tiers as ("
        "  select y.*, own.threshold, next.tier as next_tier, next.threshold as next_threshold"
        "    from years y"
        "    left join lateral (select (t ->> 'threshold')::int as threshold"
        "                         from jsonb_array_elements(y.tiers) t where t ->> 'key' = y.tier) own on true"
        "    left join lateral (select t ->> 'key' as tier, (t ->> 'threshold')::int as threshold"
        "                         from jsonb_array_elements(y.tiers) t"
        "                        where (t ->> 'threshold')::int > coalesce(own.threshold, -1)"
        "                        order by 2 limit 1) next on true"
        "), entries as ("
        "  select t.account_id, points.qualifying, points.redeemable, points.occurred_at,"
        "         points.position, points.number, t.year_began, t.expiry_months,"
        "         (points.occurred_at at time zone %(zone)s)::date as day"
        "    from tiers t join {points} on points.owner_id = t.account_id"
        "   where points.occurred_at <= %(seen_at)s"
        "), earned as ("
        "  select account_id, sum(qualifying) filter (where day >= year_began) as earned,"
        "         sum(qualifying) filter (where day > (%(today)s::date - interval '1 year')) as rolling,"
        "         -sum(least(redeemable, 0)) as spent"
        "    from entries group by account_id"
        "), lots as ("
        "  select account_id, (day + make_interval(months => expiry_months::int))::date as expires_on, redeemable,"
        "         sum(redeemable) over (partition by account_id order by occurred_at, position, number) as until_here"
        "    from entries where redeemable > 0 and expiry_months is not null"
        "), expiring as ("
        "  select distinct on (account_id) account_id, expires_on,"
        "         sum(least(redeemable, until_here - spent)) as points"
        "    from lots join earned using (account_id) where until_here > spent"
        "   group by account_id, expires_on order by account_id, expires_on"
        "), paced as ("
        "  select t.*, coalesce(e.rolling, 0) as rolling, coalesce(e.earned, 0) as earned,"
        "         t.anniversary - %(today)s::date as days_left,"
        "         round(coalesce(e.earned, 0) * (t.anniversary - t.year_began)"
        "               / greatest(1, %(today)s::date - t.year_began), 2) as run_rate,"
        "         x.expires_on, coalesce(x.points, 0) as expiring"
        "    from tiers t left join earned e using (account_id) left join expiring x using (account_id)"
        "), told as ("
        "  select *, left_at is null and next_threshold is not null and rolling < next_threshold"
        "            and rolling * 100 >= next_threshold * %(near)s and days_left >= %(near_days)s as near_next,"
        "         left_at is null and coalesce(threshold, 0) > 0 and run_rate < threshold"
        "            and days_left <= %(risk_days)s as at_risk"
        "    from paced"
        ") "
        "select account_id, tier, threshold, rolling, next_tier, next_threshold, near_next, year_began, anniversary,"
        "       days_left, earned, run_rate, at_risk, expires_on, expiring"
        "  from told where {which} order by days_left, account_id limit %(first)s"
    ).format(
        accounts=_accounts(as_of, reader),
        points=counted(loyalty.points, as_of, reader),
        whose=whose,
        which=which,
    )


def _standing(
    account_id: UUID,
    tier: str | None,
    threshold: int | None,
    rolling: Decimal,
    next_tier: str | None,
    next_threshold: int | None,
    near_next: bool,
    year_began: date,
    anniversary: date,
    days_left: int,
    earned: Decimal,
    run_rate: Decimal,
    at_risk: bool,
    expires_on: date | None,
    expiring: Decimal,
) -> LoyaltyStanding:
    missing = None if next_threshold is None else max(Decimal(0), next_threshold - rolling)
    share = (rolling * 100 / next_threshold).quantize(Decimal("0.01")) if next_threshold else None
    reason = None
    if at_risk:
        reason = f"At this pace {run_rate} qualifying points on {anniversary}; {tier} takes {threshold}."
    elif near_next:
        reason = f"{missing} qualifying points to {next_tier}, with {days_left} days left."
    return LoyaltyStanding(
        account_id, tier, threshold, rolling, next_tier, next_threshold, missing, share, near_next, year_began,
        anniversary, days_left, earned, run_rate, at_risk, reason, expires_on, expiring,
    )  # fmt: skip
