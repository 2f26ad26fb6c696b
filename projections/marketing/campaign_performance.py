"""Campaign performance: whom a campaign reached, what they did, what it brought and cost, and what it did at all."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from domain.campaign_plan import CampaignKind
from domain.kernel import Refused
from domain.values import EXACT
from eventstore.reader import NOW, AsOf, Reader
from projections.company.costs import costs
from projections.company.sharing import shares
from projections.facts import counted
from projections.history import past
from projections.lists import Lists
from projections.marketing import campaign_members, campaigns
from projections.marketing.campaign_figures import OF_MEMBERS, OF_TRIES, figures, parts
from projections.marketing.uplift import Uplift, rate, uplift

MAX_CAMPAIGNS = 100
ZERO = Decimal(0)


class CampaignBy(StrEnum):
    """By what a campaign is looked at: the segment of the member, or the channel, number or operator of the attempt."""

    SEGMENT = "SEGMENT"
    CHANNEL = "CHANNEL"
    ATTEMPT = "ATTEMPT"
    OPERATOR = "OPERATOR"


COLUMNS = {
    CampaignBy.SEGMENT: "segment_id",
    CampaignBy.CHANNEL: "channel",
    CampaignBy.ATTEMPT: "attempt",
    CampaignBy.OPERATOR: "staff_id",
}


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """What came of a campaign, or of a part of it, `key`. Members are counted once, money is in the base currency.

    `delivered` are members whom a message reached: a notice says so (one that was opened or clicked arrived), they
    answered the call, or what was sent has no id, so that no notice could name it. `responded` within the days that count,
    `responded_late` only after. `converted` ordered in these days, counted from when they were chosen or from the launch
    if that was later, and did not give everything back, or had a purchase in these days recorded as their response; that
    is the same for those held out. `revenue` is what is owed to the campaign of orders less what came back, and of
    opportunities that were won, and `margin` what the goods leave of it; `uncosted_revenue` is the part of which nobody
    said what the goods cost, which counts as margin. `roi` is (margin - cost) / cost, and `response_rate` responded /
    delivered.

    What came of a member counts for the last attempt before the first response, or for the last one. The cost is shared
    out by attempts, by segment by the members who were addressed; without any, the last line bears it.
    """

    key: str | None
    targeted: int
    held_out: int
    suppressed: int
    responded: int
    responded_late: int
    converted: int
    control_converted: int
    opted_out: int
    attempts: int
    sent: int
    delivered: int
    opened: int
    clicked: int
    bounced: int
    revenue: Decimal
    cost_of_goods: Decimal
    uncosted_revenue: Decimal
    margin: Decimal
    cost: Decimal
    roi: Decimal | None
    response_rate: Decimal | None
    conversion_rate: Decimal | None
    uplift: Uplift | None


@dataclass(frozen=True, slots=True)
class Suppression:
    """How many customers nothing of a campaign was sent to, and why: a code such as NO_CONSENT or CAPPED."""

    reason: str
    members: int


@dataclass(frozen=True, slots=True)
class CampaignPerformance:
    """A campaign as a whole and by its parts. Shares of orders are those of `model`, as it was in `model_version` last.

    `position` is how far the log was folded in.
    """

    campaign_id: UUID
    code: str
    title: str
    kind: CampaignKind | None
    base_budget: Decimal | None
    response_days: int
    model: str | None
    model_version: int | None
    total: CampaignFigures
    lines: tuple[CampaignFigures, ...]
    suppressed: tuple[Suppression, ...]
    position: int


def performance(
    lists: Lists,
    campaign_ids: Sequence[UUID],
    by: CampaignBy | None = None,
    *,
    model: str | None = None,
    as_of: AsOf = NOW,
) -> dict[UUID, CampaignPerformance]:
    """How campaigns did, as of a moment. `model` is whose attributions count: without one, each campaign's last one.

    Raises `Refused` for more than MAX_CAMPAIGNS. Sources: response and return on investment as in Kotler and Keller,
    Marketing Management, chapter on direct marketing; the comparison with a control group in `projections.marketing.uplift`.
    """
    if len(campaign_ids) > MAX_CAMPAIGNS:
        raise Refused(f"Ask for at most {MAX_CAMPAIGNS} campaigns at a time.", "campaign")
    reader = lists.log.reader
    asked = {"ids": list(campaign_ids), "model": model}
    with lists.reading(campaign_members.view) as (db, position):
        known = parts(as_of, reader)
        total = {row[0]: row for row in db.execute(known + figures(None), asked).fetchall()}
        lines: dict[UUID, list[Any]] = defaultdict(list)
        for row in () if by is None else db.execute(known + figures(COLUMNS[by]), asked).fetchall():
            lines[row[0]].append(row)
        reasons: dict[UUID, list[Suppression]] = defaultdict(list)
        for campaign_id, reason, members in db.execute(known + SUPPRESSED, asked).fetchall():
            reasons[campaign_id].append(Suppression(reason, members))
        models = {row[0]: row[1:] for row in db.execute(known + MODELS, asked).fetchall()}
        spent = _spent(db, campaign_ids, as_of, reader)
        sheets = db.execute(SHEETS.format(campaigns=past(campaigns.view, as_of, reader)), asked).fetchall()
    found = {}
    for campaign_id, code, title, kind, budget, days in sheets:
        cost = spent.get(campaign_id, ZERO)
        named, version = models.get(campaign_id, (None, None))
        found[campaign_id] = CampaignPerformance(
            campaign_id, code, title, None if kind is None else CampaignKind(kind), budget, days, named, version,
            _figures(total.get(campaign_id), cost), _shared(lines[campaign_id], cost, by),
            tuple(reasons[campaign_id]), position,
        )  # fmt: skip
    return found


SHEETS = sql.SQL(
    "select campaign_id, code, title, kind, base_budget, response_days from {campaigns} where campaign_id = any(%(ids)s)"
)
SUPPRESSED = sql.SQL(
    " select campaign_id, reason, count(*) from members where reason is not null group by 1, 2 order by 1, 3 desc, 2"
)
MODELS = sql.SQL(" select campaign_id, model, model_version from models")


def _spent(db: Connection, campaign_ids: Sequence[UUID], as_of: AsOf, reader: Reader) -> dict[UUID, Decimal]:
    query = sql.SQL("select campaign_id, sum(amount) from {costs} where campaign_id = any(%s) group by 1").format(
        costs=counted(costs, as_of, reader)
    )
    return dict(db.execute(query, [list(campaign_ids)]).fetchall())


def _shared(rows: Sequence[Any], cost: Decimal, by: CampaignBy | None) -> tuple[CampaignFigures, ...]:
    place = 2 + (OF_MEMBERS.index("targeted") if by is CampaignBy.SEGMENT else len(OF_MEMBERS))
    costs = shares(cost, [Decimal(row[place]) for row in rows]) or [ZERO] * (len(rows) - 1) + [cost]
    return tuple(_figures(row, share) for row, share in zip(rows, costs, strict=False))


def _figures(row: Any, cost: Decimal) -> CampaignFigures:
    if row is None:
        row = (None, None, *[0] * (len(OF_MEMBERS) + len(OF_TRIES)), ZERO, ZERO, ZERO)
    _, key, *counts, revenue, goods, uncosted = row
    n = dict(zip((*OF_MEMBERS, *OF_TRIES), counts, strict=True))
    margin = EXACT.subtract(revenue, goods)
    return CampaignFigures(
        key=key,
        **n,
        revenue=revenue,
        cost_of_goods=goods,
        uncosted_revenue=uncosted,
        margin=margin,
        cost=cost,
        roi=rate(EXACT.subtract(margin, cost), cost),
        response_rate=rate(n["responded"], n["delivered"]),
        conversion_rate=rate(n["converted"], n["targeted"]),
        uplift=uplift(n["converted"], n["targeted"], n["control_converted"], n["held_out"]),
    )
