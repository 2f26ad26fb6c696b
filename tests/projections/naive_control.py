"""Profit as one would work it out by hand: event after event, in plain Python and exact fractions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.allocation import AllocationRulePublished
from domain.call import CallAnswered, CallRinging
from domain.campaign_member import MemberTargeted
from domain.case_events import CaseAssigned, CaseOpened
from domain.cost import CostRecorded
from domain.customer import CustomerRegistered
from domain.interaction import InteractionLogged
from domain.order import GoodsReturned, LinesReturned, OrderCancelled, OrderPlaced
from domain.segment_membership import SegmentEntered, SegmentExited
from eventstore.envelope import Happened
from tests.projections.story_control import CAMPAIGNS, SEGMENTS, STAFF, TERRITORIES, UNIT_COSTS

MADRID = ZoneInfo("Europe/Madrid")
CODES = {id: code for group in (CAMPAIGNS, SEGMENTS, TERRITORIES) for code, id in group.items()}
REPS = {name: str(id) for name, id in STAFF.items()}
SCOPES = {
    "CUSTOMER": "customer", "SEGMENT": "segment", "CAMPAIGN": "campaign", "TERRITORY": "territory", "REP": "rep",
    "CHANNEL": "channel",
}  # fmt: skip
COST_UNIT = Decimal("0.0001")


@dataclass
class Thing:
    """Something that was sold, said or done, for whom and by whom."""

    what: str
    at: datetime
    customer: UUID | None
    rep: str | None = None
    sku: str | None = None
    channel: str | None = None
    campaign: str | None = None
    order: UUID | None = None
    placed: bool = False
    revenue: Decimal = Decimal(0)
    goods: Decimal | None = None
    of_campaign: UUID | None = None


@dataclass
class Pool:
    """Costs that are shared out together."""

    service: bool
    allocation: str | None
    basis: str | None
    scope: str | None
    campaign_id: UUID | None
    staff_id: UUID | None
    territory_id: UUID | None
    amount: Decimal = Decimal(0)


@dataclass
class Profit:
    """A line, as exact as it comes."""

    revenue: Decimal = Decimal(0)
    goods: Decimal = Decimal(0)
    uncosted: Decimal = Decimal(0)
    orders: int = 0
    commercial: Decimal = Decimal(0)
    service: Decimal = Decimal(0)


@dataclass
class Books:
    """Everything that stands in the log."""

    things: list[Thing] = field(default_factory=list)
    territory: dict[UUID, str | None] = field(default_factory=dict)
    entered: dict[UUID, dict[str, datetime]] = field(default_factory=lambda: defaultdict(dict))
    rules: dict[str, AllocationRulePublished] = field(default_factory=dict)
    costs: dict[UUID, CostRecorded] = field(default_factory=dict)
    first_order: dict[UUID, datetime] = field(default_factory=dict)


def books(events: Iterable[Happened]) -> Books:
    """Reads the log."""
    found = Books()
    placed: dict[UUID, tuple[OrderPlaced, datetime, list[Thing]]] = {}
    cases: dict[UUID, Thing] = {}
    calls: dict[UUID, str | None] = {}
    for event, at in events:
        when, customer = at.occurred_at, at.customer_id
        match event:
            case CustomerRegistered():
                assert customer is not None
                found.territory[customer] = event.territory
            case SegmentEntered():
                found.entered[event.customer_id][CODES[event.segment_id]] = when
            case SegmentExited():
                del found.entered[event.customer_id][CODES[event.segment_id]]
            case AllocationRulePublished():
                found.rules[event.key] = event
            case CostRecorded():
                found.costs[at.stream_id] = event
            case MemberTargeted():
                code = CODES.get(event.campaign_id)
                found.things.append(Thing("MEMBER", when, customer, campaign=code, of_campaign=event.campaign_id))
            case InteractionLogged():
                rep = None if event.staff_id is None else str(event.staff_id)
                found.things.append(Thing("MET", when, customer, rep, None, event.channel, event.campaign))
            case CallRinging():
                calls[at.stream_id] = None if event.campaign_id is None else CODES[event.campaign_id]
            case CallAnswered():
                found.things.append(
                    Thing("MET", when, customer, str(event.staff_id), None, "PHONE", calls[at.stream_id])
                )
            case CaseOpened():
                cases[at.stream_id] = Thing("SERVED", when, customer, None, event.product, event.channel)
                found.things.append(cases[at.stream_id])
            case CaseAssigned():
                cases[at.stream_id].rep = str(event.staff_id)
            case OrderPlaced():
                assert customer is not None
                before = found.first_order.get(customer, when)
                found.first_order[customer] = min(before, when)
                lines = sold(event, at.stream_id, when, event.cost)
                placed[at.stream_id] = event, when, lines
                found.things += lines
            case OrderCancelled():
                _, _, lines = placed[at.stream_id]
                found.things += [back(line, when) for line in lines]
            case LinesReturned():
                order, _, lines = placed[at.stream_id]
                (line,) = event.lines
                whole = next(each for each in lines if each.sku == line.sku)
                returned = back(whole, when)
                returned.revenue = -event.value.base
                if order.cost is not None:
                    left = (
                        order.cost
                        if event.nothing_left
                        else (order.cost * event.value.base / order.total.base).quantize(COST_UNIT)
                    )
                    returned.goods = -left
                elif (cost := UNIT_COSTS[line.sku]) is not None:
                    returned.goods = -cost * line.quantity
                found.things.append(returned)
            case GoodsReturned():
                (line,) = event.lines
                cost = UNIT_COSTS[line.sku]
                goods = None if cost is None else -cost * line.quantity
                found.things.append(
                    Thing(
                        "SOLD",
                        when,
                        customer,
                        None,
                        line.sku,
                        None,
                        order=at.stream_id,
                        revenue=-event.value.base,
                        goods=goods,
                    )
                )
    return found


def sold(placed: OrderPlaced, order: UUID, when: datetime, cost: Decimal | None) -> list[Thing]:
    rep = None if placed.rep is None else REPS.get(placed.rep, placed.rep)
    lines = [
        Thing(
            "SOLD",
            when,
            placed.customer_id,
            rep,
            line.sku,
            placed.channel,
            placed.campaign,
            order,
            True,
            line.quantity * line.unit_price,
        )
        for line in placed.lines
    ]
    left = cost
    for n, (line, thing) in enumerate(zip(placed.lines, lines, strict=True)):
        unit = UNIT_COSTS[line.sku]
        if cost is None:
            thing.goods = None if unit is None else unit * line.quantity
        else:
            assert left is not None
            last = n == len(lines) - 1
            thing.goods = left if last else (cost * thing.revenue / placed.total.base).quantize(COST_UNIT)
            left -= thing.goods
    return lines


def back(line: Thing, when: datetime) -> Thing:
    goods = None if line.goods is None else -line.goods
    return Thing(
        "SOLD",
        when,
        line.customer,
        line.rep,
        line.sku,
        line.channel,
        line.campaign,
        line.order,
        False,
        -line.revenue,
        goods,
    )


class Sharing:
    """What each of some kind brought and bore between two days."""

    def __init__(self, found: Books, by: str | None, starts_on: date, ends_on: date) -> None:
        self.books, self.by, self.starts_on, self.ends_on = found, by, starts_on, ends_on
        self.start = datetime.combine(starts_on, time(), MADRID).astimezone(UTC)
        self.end = datetime.combine(ends_on + timedelta(days=1), time(), MADRID).astimezone(UTC)
        self.things = [thing for thing in found.things if thing.what == "MEMBER" or self.start <= thing.at < self.end]
        self.lines: dict[str | None, Profit] = defaultdict(Profit)
        self.unallocated: dict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
        self.ledger = Decimal(0)
        for thing in self.things:
            if thing.what == "SOLD":
                self.add(thing)
        for order, keys in self.orders().items():
            assert order
            for key in keys[:1]:
                self.lines[key].orders += 1
        for pool in self.pools():
            self.share(pool)

    def value(self, thing: Thing, of: str | None) -> str | None:
        customer = thing.customer
        match of:
            case None:
                return None
            case "customer":
                return None if customer is None else str(customer)
            case "territory":
                return None if customer is None else self.books.territory.get(customer)
            case "segment":
                inside = {} if customer is None else self.books.entered.get(customer, {})
                return max(inside, key=lambda code: (inside[code], [-ord(c) for c in code]), default=None)
            case "stage":
                first = None if customer is None else self.books.first_order.get(customer)
                return "RETENTION" if first is not None and first < self.start else "ACQUISITION"
        found: str | None = getattr(thing, of)
        return found

    def key(self, thing: Thing) -> str | None:
        return self.value(thing, self.by)

    def add(self, thing: Thing) -> None:
        line = self.lines[self.key(thing)]
        line.revenue += thing.revenue
        line.goods += thing.goods or 0
        line.uncosted += thing.revenue if thing.goods is None else 0

    def orders(self) -> dict[UUID, list[str | None]]:
        """The orders that were placed, with the keys of their lines."""
        found: dict[UUID, list[str | None]] = defaultdict(list)
        for thing in self.things:
            if thing.placed:
                assert thing.order is not None
                found[thing.order].append(self.key(thing))
        return found

    def pools(self) -> list[Pool]:
        found: dict[tuple[Any, ...], Pool] = {}
        for cost in self.books.costs.values():
            amount, days = cost.amount.base, (cost.period_to - cost.period_from).days + 1
            first, last = max(cost.period_from, self.starts_on), min(cost.period_to, self.ends_on)
            if first > last:
                continue
            decimals = max(2, -int(amount.as_tuple().exponent))
            until = rounded(Fraction(amount) * ((last - cost.period_from).days + 1) / days, decimals)
            before = rounded(Fraction(amount) * (first - cost.period_from).days / days, decimals)
            rule = self.books.rules.get(cost.allocation or "")
            basis = None if rule is None else str(rule.basis)
            if rule is None and cost.campaign_id is not None:
                basis = "MEMBERS"
            elif rule is None and (cost.staff_id is not None or cost.territory_id is not None):
                basis = "BY_REVENUE"
            service = cost.category == "SUPPORT" or basis == "BY_CASES"
            names = (cost.campaign_id, cost.staff_id, cost.territory_id)
            scope = None if rule is None else str(rule.scope)
            pool = found.setdefault(
                (service, cost.allocation, *names), Pool(service, cost.allocation, basis, scope, *names)
            )
            pool.amount += until - before
        return list(found.values())

    def share(self, pool: Pool) -> None:
        self.ledger += pool.amount
        direct = {
            "campaign": pool.campaign_id and CODES.get(pool.campaign_id, str(pool.campaign_id)),
            "rep": pool.staff_id and str(pool.staff_id),
            "territory": pool.territory_id and CODES[pool.territory_id],
        }.get(self.by or "")
        weights: Mapping[str | None, Fraction] = {direct: Fraction(1)} if direct else self.weights(pool)
        keys = sorted((key for key, weight in weights.items() if weight > 0), key=lambda key: (key is None, key or ""))
        total = sum((weights[key] for key in keys), Fraction(0))
        if not total:
            self.unallocated["NO_RULE" if pool.basis is None else "NOBODY", pool.allocation] += pool.amount
            return
        decimals = max(2, -int(pool.amount.as_tuple().exponent))
        so_far, before = Fraction(0), Decimal(0)
        for key in keys:
            so_far += weights[key]
            reached = rounded(Fraction(pool.amount) * so_far / total, decimals)
            if pool.service:
                self.lines[key].service += reached - before
            else:
                self.lines[key].commercial += reached - before
            before = reached

    def weights(self, pool: Pool) -> Mapping[str | None, Fraction]:
        members = {
            thing.customer
            for thing in self.things
            if thing.of_campaign is not None and thing.of_campaign == pool.campaign_id
        }
        unit = SCOPES[pool.scope or "CUSTOMER"]
        things = [
            thing
            for thing in self.things
            if (pool.campaign_id is None or thing.customer in members)
            and (pool.staff_id is None or thing.rep == str(pool.staff_id))
            and (pool.territory_id is None or self.value(thing, "territory") == CODES[pool.territory_id])
            and self.value(thing, unit) is not None
        ]
        found: dict[str | None, Fraction] = defaultdict(Fraction)
        match pool.basis:
            case "BY_REVENUE":
                for thing in things:
                    found[self.key(thing)] += Fraction(thing.revenue) if thing.what == "SOLD" else 0
            case "BY_ORDERS":
                keys: dict[UUID | None, set[str | None]] = defaultdict(set)
                for thing in things:
                    if thing.placed:
                        keys[thing.order].add(self.key(thing))
                for of in keys.values():
                    for key in of:
                        found[key] += part(len(of))
            case "BY_CONTACTS" | "BY_CASES" | "MEMBERS":
                what = {"BY_CONTACTS": "MET", "BY_CASES": "SERVED", "MEMBERS": "MEMBER"}[pool.basis]
                for thing in things:
                    found[self.key(thing)] += thing.what == what
            case "EQUALLY":
                touched: dict[str | None, set[str | None]] = defaultdict(set)
                for thing in things:
                    if (thing.what == "MEMBER") is (pool.campaign_id is not None) and (
                        thing.what != "SOLD" or thing.placed
                    ):
                        touched[self.value(thing, unit)].add(self.key(thing))
                for of in touched.values():
                    for key in of:
                        found[key] += part(len(of))
        return found


def part(n: int) -> Fraction:
    """An n-th, to 12 decimals."""
    return Fraction((Decimal(1) / n).quantize(Decimal("1e-12"), rounding=ROUND_HALF_UP))


def rounded(value: Fraction, decimals: int) -> Decimal:
    """To so many decimals, a half away from zero."""
    scaled = value * 10**decimals
    whole = Decimal(scaled.numerator) / Decimal(scaled.denominator)
    return (whole.quantize(Decimal(1), rounding=ROUND_HALF_UP)).scaleb(-decimals)
