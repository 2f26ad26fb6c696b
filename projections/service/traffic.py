"""Traffic: what came to the queues and what the agents made of it, counted by interval in a few statements.

A contact is a work item of any channel, or an incoming call that is no work item. What a call that is one took to handle is
what its legs say. What came and how long it waited counts in the interval in which it came to the queue, handling in that
in which it ended, and time in those in which it passed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, cast
from uuid import UUID

from psycopg import Connection, sql

from domain.values import Channel
from eventstore.reader import AsOf, Reader
from projections.facts import counted
from projections.service import shifts, work_items
from projections.service.slices import sliced
from projections.touchpoints import calls

SHORT_S = 5
"""Whoever gives up within so many seconds is taken to have had the wrong number."""
FIRST_CONTACT_DAYS = 7
FORGOTTEN_AFTER_H = 24
"""A status that nobody ended counts for so many hours at most, and so does a live contact."""
LIVE = (Channel.PHONE, Channel.CHAT, Channel.WEB_COLLABORATION)
"""The channels in which a contact keeps an agent until it is over; what came in another may lie on the desk meanwhile."""


class CentreDimension(StrEnum):
    """By what a contact centre is looked at."""

    QUEUE = "QUEUE"
    STAFF = "STAFF"
    CAMPAIGN = "CAMPAIGN"
    CHANNEL = "CHANNEL"


COLUMNS = {
    CentreDimension.QUEUE: ("queue", "text"),
    CentreDimension.STAFF: ("staff_id", "uuid"),
    CentreDimension.CAMPAIGN: ("campaign_id", "uuid"),
    CentreDimension.CHANNEL: ("channel", "text"),
}


@dataclass(frozen=True, slots=True)
class Slice:
    """Of which queue, whose work, of which campaign and by which channel something is; None: of any, or not known."""

    queue: str | None = None
    staff_id: UUID | None = None
    campaign_id: UUID | None = None
    channel: Channel | None = None


@dataclass(slots=True)
class Tally:
    """What was counted in an interval. Durations are sums of seconds, but for the longest wait."""

    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    abandoned_short: int = 0
    moved_on: int = 0
    waited_s: int = 0
    longest_wait_s: int = 0
    offers: int = 0
    declined: int = 0
    callbacks: int = 0
    handled: int = 0
    outgoing: int = 0
    talk_s: int = 0
    hold_s: int = 0
    acw_s: int = 0


@dataclass(slots=True)
class Time:
    """How agents spent an interval, in seconds: dealing with contacts, on duty (AVAILABLE or BUSY), and away from it."""

    worked_s: float = 0.0
    on_duty_s: float = 0.0
    away_s: float = 0.0


@dataclass(slots=True)
class Firsts:
    """Of how many first contacts it is known whether the customer came again within the days, and how many did not."""

    judged: int = 0
    resolved: int = 0


@dataclass(frozen=True)
class Traffic:
    """Counts what lies between the first and the last cut, as of a moment. `now`: up to when time has passed.

    `within_s` is in how many seconds an answer is in time.
    """

    db: Connection
    reader: Reader
    cuts: Sequence[datetime]
    by: frozenset[CentreDimension]
    only: Slice
    as_of: AsOf
    now: datetime
    within_s: int

    def tallies(self) -> Iterator[tuple[int, Slice, Tally]]:
        """What came and what was handled, by the number of the interval, from 1, and by slice."""
        shown = sql.SQL(", ").join(
            sql.SQL("{}(t.{})").format(sql.SQL("max" if each == "longest_wait_s" else "sum"), sql.Identifier(each))
            for each in MEASURES
        )
        query = sql.SQL(
            "select width_bucket(t.moment, %(cuts)s::timestamptz[]), {dimensions}, {shown} from ({sources}) t "
            " where t.moment >= %(from)s and t.moment < %(to)s and {only} group by 1, 2, 3, 4, 5"
        ).format(dimensions=self._dimensions, shown=shown, sources=self._sources(), only=self._only)
        for interval, *of in self._rows(query):
            yield interval, _slice(of[:4]), Tally(*map(int, of[4:]))

    def times(self) -> Iterator[tuple[int, Slice, Time]]:
        """How agents spent their time, by the number of the interval and by agent."""
        query = sql.SQL(
            "select n, {staff}, kind, "
            "       sum(extract(epoch from least(until, c.cuts[n + 1]) - greatest(since, c.cuts[n])))::float8 "
            "  from ({worked} union all {staffed}) s "
            " cross join (select %(cuts)s::timestamptz[] as cuts) c "
            " cross join generate_series("
            "   greatest(width_bucket(since, c.cuts), 1), least(width_bucket(until, c.cuts), cardinality(c.cuts) - 1)) n "
            " where since < until and until > %(from)s and since < %(to)s "
            "   and (%(staff_id)s::uuid is null or staff_id = %(staff_id)s) group by 1, 2, 3"
        ).format(
            staff=sql.SQL("staff_id" if CentreDimension.STAFF in self.by else "null::uuid"),
            worked=self._worked(),
            staffed=self._staffed(),
        )
        found: dict[tuple[int, UUID | None], Time] = {}
        for interval, staff_id, kind, seconds in self._rows(query):
            setattr(found.setdefault((interval, staff_id), Time()), kind, seconds)
        for (interval, staff_id), time in found.items():
            yield interval, Slice(staff_id=staff_id), time

    def lengths(self) -> Iterator[tuple[int, Slice, int]]:
        """How many contacts wait at the end of each interval, by its number and by queue; what is 0 is left out."""
        query = sql.SQL(
            "select n, {dimensions}, sum(waiting_change) from ("
            "  select width_bucket(occurred_at, %(cuts)s::timestamptz[]) as n, queue, null::uuid as staff_id, "
            "         null::uuid as campaign_id, channel, waiting_change from {moves} "
            "   where waiting_change <> 0 and occurred_at < %(to)s"
            ") t where {only} group by 1, 2, 3, 4, 5"
        ).format(dimensions=self._dimensions, moves=self._moves, only=self._only)
        changes: dict[Slice, dict[int, int]] = {}
        for interval, *of, change in self._rows(query):
            changes.setdefault(_slice(of), {})[interval] = int(change)
        for named, by_interval in changes.items():
            length = by_interval.get(0, 0)
            for interval in range(1, len(self.cuts)):
                length += by_interval.get(interval, 0)
                if length:
                    yield interval, named, length

    def firsts(self) -> Iterator[tuple[int, Slice, Firsts]]:
        """First contacts that were answered, and those of which none followed from the same customer."""
        query = sql.SQL(
            "select width_bucket(moment, %(cuts)s::timestamptz[]), {dimensions}, count(*), "
            "       count(*) filter (where following is null or following > moment + %(days)s) "
            "  from (select *, lag(moment) over w as previous, lead(moment) over w as following from ({contacts}) c "
            "        where customer_id <> owner_id "
            "        window w as (partition by customer_id order by moment, owner_id)) t "
            " where answered and moment >= %(from)s and moment < %(to)s and moment + %(days)s <= %(now)s "
            "   and (previous is null or previous < moment - %(days)s) and {only} group by 1, 2, 3, 4, 5"
        ).format(contacts=self._contacts(), dimensions=self._dimensions, only=self._only)
        for interval, *of, judged, resolved in self._rows(query):
            yield interval, _slice(of), Firsts(judged, resolved)

    # The parts of the statements.

    @cached_property
    def _moves(self) -> sql.Composable:
        return counted(work_items.moves, self.as_of, self.reader)

    @cached_property
    def _legs(self) -> sql.Composable:
        return counted(calls.legs, self.as_of, self.reader)

    @cached_property
    def _unlinked(self) -> sql.Composable:
        """What holds of a call that is no work item."""
        return sql.SQL("not exists (select from {} where queue_events.call_id = call_legs.owner_id)").format(
            self._moves
        )

    @cached_property
    def _items(self) -> sql.Composable:
        """What became of work items, with the campaign of those that are calls."""
        return sql.SQL(
            "{} left join lateral (select owner_id as call_id, campaign_id from {} "
            " where call_legs.owner_id = queue_events.call_id and move = 'RANG' limit 1) calls on true"
        ).format(self._moves, self._legs)

    @cached_property
    def _dimensions(self) -> sql.Composable:
        return sliced(COLUMNS, self.by)

    @cached_property
    def _only(self) -> sql.Composable:
        return sql.SQL(" and ").join(
            sql.SQL(cast(Any, f"(%({name})s::{kind} is null or {name} = %({name})s)"))
            for name, kind in COLUMNS.values()
        )

    def _sources(self) -> sql.Composable:
        item = ("queue_events.queue", "queue_events.staff_id", "calls.campaign_id", "queue_events.channel")
        nobody = (item[0], "null::uuid", *item[2:])
        leg = ("call_legs.queue", "call_legs.staff_id", "call_legs.campaign_id", "'PHONE'")
        waiting = (leg[0], "null::uuid", *leg[2:])
        came = sql.SQL("queued and entered_at >= %(from)s and entered_at < %(to)s and move = {}")
        passed = "occurred_at >= %(from)s and occurred_at < %(to)s and "
        rang = sql.SQL("queued and direction = 'IN' and {} and rang_at >= %(from)s and rang_at < %(to)s and move = {}")
        answered = {
            "answered": "1",
            "answered_in_time": "({0}.waited_s <= %(within_s)s)::int",
            "waited_s": "{0}.waited_s",
            "longest_wait_s": "{0}.waited_s",
        }
        gave_up = {
            "abandoned": "1",
            "abandoned_short": "({0}.waited_s <= %(short_s)s)::int",
            "longest_wait_s": "{0}.waited_s",
        }
        parts = []
        for move, of, counts in (
            ("ENTERED", (nobody, waiting), {"offered": "1"}),
            ("ACCEPTED", (item, leg), answered),
            ("ABANDONED", (nobody, waiting), gave_up),
            ("LEFT", (nobody, waiting), {"moved_on": "1"}),
        ):
            of_items = came.format(sql.Literal(move))
            if move == "LEFT":
                of_items += sql.SQL(" and waiting_change < 0")
            parts.append(_part("entered_at", of[0], self._items, of_items, counts, "queue_events"))
            of_legs = rang.format(
                self._unlinked, sql.Literal({"ENTERED": "RANG", "ACCEPTED": "ANSWERED"}.get(move, move))
            )
            parts.append(_part("call_legs.rang_at", of[1], self._legs, of_legs, counts, "call_legs"))
        for move, name in (("OFFERED", "offers"), ("DECLINED", "declined"), ("CALLBACK", "callbacks")):
            where = sql.SQL(cast(Any, passed + f"move = '{move}'"))
            parts.append(_part("occurred_at", item, self._items, where, {name: "1"}, "queue_events"))
        done = sql.SQL(
            cast(Any, passed + "(move = 'COMPLETED' or move = 'LEFT' and waiting_change = 0) and calls.call_id is null")
        )
        parts.append(
            _part("occurred_at", item, self._items, done, {"handled": "1", "talk_s": "{0}.handled_s"}, "queue_events")
        )
        of_queue = sql.SQL(
            "{} left join lateral (select queue from {} where queue_events.call_id = call_legs.owner_id "
            " order by position desc, number desc limit 1) item on true"
        ).format(self._legs, self._moves)
        queued = ("coalesce(item.queue, call_legs.queue)", *leg[1:])
        over = {
            "handled": "({0}.move in ('ENDED', 'TRANSFERRED'))::int",
            "outgoing": "({0}.move in ('ENDED', 'TRANSFERRED') and {0}.direction = 'OUT')::int",
            "talk_s": "{0}.talk_s", "hold_s": "{0}.hold_s", "acw_s": "{0}.acw_s",
        }  # fmt: skip
        where = sql.SQL(cast(Any, passed + "move in ('ENDED', 'TRANSFERRED', 'WRAPPED_UP')"))
        parts.append(_part("call_legs.occurred_at", queued, of_queue, where, over, "call_legs"))
        return sql.SQL(" union all ").join(parts)

    def _worked(self) -> sql.Composable:
        """The spans in which agents dealt with a contact that kept them."""
        return sql.SQL(
            "select staff_id, 'worked_s' as kind, occurred_at - make_interval(secs => talk_s + hold_s + acw_s) as since, "
            "       occurred_at as until from {legs} "
            " where move in ('ENDED', 'TRANSFERRED', 'WRAPPED_UP') and {near} "
            "union all "
            "select queue_events.staff_id, 'worked_s', occurred_at - make_interval(secs => queue_events.handled_s), occurred_at "
            "  from {items} where queue_events.handled_s > 0 and queue_events.channel = any(%(live)s) and {near} "
            "   and calls.call_id is null"
        ).format(
            legs=self._legs,
            items=self._items,
            near=sql.SQL("occurred_at > %(from)s and occurred_at < %(to)s::timestamptz + %(forgotten)s::interval"),
        )

    def _staffed(self) -> sql.Composable:
        """The spans in which agents were on duty, or signed in but away from it."""
        return sql.SQL(
            "select staff_id, case when status in ('AVAILABLE', 'BUSY') then 'on_duty_s' else 'away_s' end, occurred_at, "
            "       least(until, occurred_at + %(forgotten)s, %(now)s) from ("
            "  select staff_id, status, occurred_at, "
            "         lead(occurred_at) over (partition by owner_id order by occurred_at, position) as until "
            "    from {} where occurred_at > %(from)s::timestamptz - %(forgotten)s::interval and occurred_at < %(to)s"
            ") t where status is not null"
        ).format(counted(shifts.times, self.as_of, self.reader))

    def _contacts(self) -> sql.Composable:
        """One row for each contact of a customer: when it came, where and to whom it first went, and whether it was answered.

        A call is of whoever was known when the last thing became of it; who is identified later is not seen here.
        """
        return sql.SQL(
            "select owner_id, (array_agg(queue_events.customer_id order by position desc))[1] as customer_id, "
            "       min(entered_at) as moment, bool_or(move = 'ACCEPTED') as answered, "
            "       (array_agg(queue_events.queue order by position) filter (where move = 'ENTERED'))[1] as queue, "
            "       (array_agg(queue_events.staff_id order by position) filter (where move = 'ACCEPTED'))[1] as staff_id, "
            "       (array_agg(calls.campaign_id))[1] as campaign_id, min(queue_events.channel) as channel "
            "  from {items} where entered_at >= %(from)s - %(days)s::interval "
            "   and entered_at < %(to)s + %(days)s::interval group by owner_id "
            "union all "
            "select owner_id, (array_agg(customer_id order by position desc))[1], min(rang_at), bool_or(move = 'ANSWERED'), "
            "       (array_agg(queue order by position) filter (where move = 'RANG'))[1], "
            "       (array_agg(staff_id order by position) filter (where move = 'ANSWERED'))[1], "
            "       (array_agg(campaign_id))[1], 'PHONE' "
            "  from {legs} where direction = 'IN' and {unlinked} "
            "   and rang_at >= %(from)s - %(days)s::interval and rang_at < %(to)s + %(days)s::interval "
            " group by owner_id"
        ).format(items=self._items, legs=self._legs, unlinked=self._unlinked)

    def _rows(self, query: sql.Composed) -> list[tuple[Any, ...]]:
        parameters = {
            "cuts": list(self.cuts), "from": self.cuts[0], "to": self.cuts[-1], "now": self.now,
            "within_s": self.within_s, "short_s": SHORT_S, "live": list(LIVE), "days": timedelta(days=FIRST_CONTACT_DAYS),
            "forgotten": timedelta(hours=FORGOTTEN_AFTER_H), **{name: getattr(self.only, name) for name, _ in COLUMNS.values()},
        }  # fmt: skip
        return self.db.execute(query, parameters).fetchall()


MEASURES = tuple(field.name for field in fields(Tally))


def _part(
    moment: str, of: Sequence[str], source: sql.Composable, where: sql.Composable, counts: dict[str, str], table: str
) -> sql.Composable:
    """What one kind of fact counts for: the moment, the slice, and one number for each measure."""
    names = ("moment", *(name for name, _ in COLUMNS.values()), *MEASURES)
    values = (moment, *of, *(counts.get(name, "0").format(table) for name in MEASURES))
    selected = sql.SQL(", ").join(
        sql.SQL(cast(Any, f"{value} as {name}")) for name, value in zip(names, values, strict=True)
    )
    return sql.SQL("select {} from {} where {}").format(selected, source, where)


def _slice(of: Sequence[Any]) -> Slice:
    queue, staff_id, campaign_id, channel = of
    return Slice(queue, staff_id, campaign_id, None if channel is None else Channel(channel))
