"""The figures of the contact centre are what a plain count over the same events gives."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import pairwise, product
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.agent_shift import AgentSignedIn, AgentSignedOut, AgentStatus, AgentStatusChanged
from domain.call import (
    CallAnswered,
    CallEnded,
    CallerIdentified,
    CallHeld,
    CallResumed,
    CallRinging,
    CallTransferred,
    WrapUpCompleted,
)
from domain.interaction import Direction
from domain.kernel import Command
from domain.work_item import (
    CallbackRequested,
    WorkItemAbandoned,
    WorkItemAccepted,
    WorkItemCompleted,
    WorkItemDeclined,
    WorkItemOffered,
    WorkItemQueued,
    WorkItemTransferred,
)
from eventstore.database import open_pool
from eventstore.envelope import Happened
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.service import shifts, work_items
from projections.service.contact_centre import CentreFigures, contact_centre
from projections.service.intervals import cuts_of
from projections.service.traffic import COLUMNS, LIVE, CentreDimension, Slice
from projections.touchpoints import calls
from tests.conftest import KEK
from tests.projections.histories import live_through
from tests.projections.histories_service import START, merging, night

CENTRE = (work_items.view, calls.view, shifts.view)
END = START + timedelta(hours=9)
WEEK = timedelta(days=7)
Of = tuple[str | None, UUID | None, UUID | None, str | None]


def seconds(since: datetime, until: datetime) -> int:
    return max(0, int((until - since).total_seconds() // 1))


class Plain:
    """The count by hand: streams one after the other, contacts as lists of what became of them."""

    def __init__(self, events: Iterable[Happened], within_s: int, now: datetime) -> None:
        self.counts: list[tuple[datetime, Of, str, int]] = []
        self.spans: list[tuple[UUID | None, str, datetime, datetime]] = []
        self.waiting: list[tuple[datetime, Of, int]] = []
        self.contacts: list[tuple[UUID, datetime, Of, bool, UUID]] = []
        self.within_s, self.now = within_s, now
        streams: dict[UUID, list[Happened]] = defaultdict(list)
        for event, at in events:
            streams[at.stream_id].append(Happened(event, at))
        self.rung = {id: of[0].event for id, of in streams.items() if isinstance(of[0].event, CallRinging)}
        self.item_of: dict[UUID, list[str]] = defaultdict(list)
        for kind, read in ((WorkItemQueued, self.item), (CallRinging, self.call), (AgentSignedIn, self.shift)):
            for of in streams.values():
                if isinstance(of[0].event, kind):
                    read(of)

    def count(self, moment: datetime, of: Of, **what: int) -> None:
        self.counts += [(moment, of, name, number) for name, number in what.items()]

    def wait(self, entered: datetime, of: Of, waited_s: int, staff: UUID | None) -> None:
        mine = (of[0], staff, of[2], of[3])
        if staff is None:
            self.count(entered, of, abandoned=1, abandoned_short=waited_s <= 5, longest_wait_s=waited_s)
        else:
            told = {"answered": 1, "answered_in_time": waited_s <= self.within_s, "waited_s": waited_s}
            self.count(entered, mine, **told, longest_wait_s=waited_s)

    def item(self, of: list[Happened]) -> None:
        first, at = of[0]
        assert isinstance(first, WorkItemQueued)
        rung: Any = self.rung.get(first.call_id) if first.call_id else None
        queue, entered, has, since, queued = first.queue, at.occurred_at, None, at.occurred_at, True
        contact: list[Any] = [at.customer_id, at.occurred_at, queue, None]
        for event, each in of:
            now = each.occurred_at
            where: Of = (queue, None, rung and rung.campaign_id, first.channel)
            if first.call_id:
                self.item_of[first.call_id].append(queue)
            match event:
                case WorkItemQueued():
                    self.count(now, where, offered=1)
                    self.waiting.append((now, where, 1))
                case WorkItemOffered(staff_id=staff_id):
                    self.count(now, (queue, staff_id, *where[2:]), offers=1)
                case WorkItemDeclined(staff_id=staff_id):
                    self.count(now, (queue, staff_id, *where[2:]), declined=1)
                case CallbackRequested():
                    self.count(now, where, callbacks=1)
                case WorkItemAccepted(staff_id=staff_id):
                    has, since = staff_id, now
                    contact[3] = contact[3] or staff_id
                    self.waiting.append((now, where, -1))
                    if queued:
                        self.wait(entered, where, seconds(entered, now), staff_id)
                case WorkItemAbandoned(after_s=after_s):
                    self.waiting.append((now, where, -1))
                    if queued:
                        self.wait(entered, where, after_s, None)
                case WorkItemTransferred(queue=to, staff_id=staff_id):
                    if has is None:
                        self.waiting.append((now, where, -1))
                        if queued:
                            self.count(entered, where, moved_on=1)
                    elif rung is None:
                        self.handle(has, now, where, since)
                    queued = staff_id is None or to != queue
                    queue, entered, has = to, now, None
                    where = (queue, *where[1:])
                    self.waiting.append((now, where, 1))
                    if queued:
                        self.count(now, where, offered=1)
                    if staff_id is not None:
                        self.count(now, (queue, staff_id, *where[2:]), offers=1)
                    if first.call_id:
                        self.item_of[first.call_id].append(queue)
                case WorkItemCompleted():
                    assert has is not None
                    if rung is None:
                        self.handle(has, now, where, since)
        customer, moment, queue, staff = contact
        if customer is not None and customer != at.stream_id:
            its = (queue, staff, rung and rung.campaign_id, first.channel)
            self.contacts.append((customer, moment, its, staff is not None, at.stream_id))

    def handle(self, staff: UUID, now: datetime, of: Of, since: datetime) -> None:
        self.count(now, (of[0], staff, *of[2:]), handled=1, talk_s=seconds(since, now))
        if of[3] in LIVE:
            self.spans.append((staff, "worked_s", now - timedelta(seconds=seconds(since, now)), now))

    def call(self, of: list[Happened]) -> None:
        rung, at = of[0]
        assert isinstance(rung, CallRinging)
        item = self.item_of.get(at.stream_id, [])
        comes = rung.direction is Direction.IN and not item
        queue, staff, began, answered, held = rung.queue, None, at.occurred_at, None, None
        legs, talked, hold, waits, queued, taken, ended = 1, 0, 0, 0, True, None, at.occurred_at
        for event, each in of:
            now = each.occurred_at
            where: Of = (queue, None, rung.campaign_id, "PHONE")
            mine = (item[-1] if item else queue, staff, rung.campaign_id, "PHONE")
            match event:
                case CallRinging():
                    if comes:
                        self.count(now, where, offered=1)
                case CallAnswered(staff_id=staff):
                    answered, taken = now, taken or staff
                    if comes and queued:
                        self.wait(began, where, seconds(began, now), staff)
                case CallHeld():
                    held = now
                case CallResumed():
                    hold, held = hold + seconds(held or now, now), None
                case CallTransferred(to_staff_id=to_staff, to_queue=to_queue):
                    if answered is not None:
                        hold += seconds(held or now, now)
                        talk = max(0, seconds(answered, now) - hold)
                        self.over(mine, now, rung.direction, talk, hold)
                        talked, waits = talked + talk, waits + hold
                    elif comes and queued:
                        self.count(began, where, moved_on=1)
                    began, answered, held, hold, legs = now, None, None, 0, legs + 1
                    queue, staff, queued = to_queue or queue, to_staff, to_staff is None
                    if comes and queued:
                        self.count(now, (queue, *where[1:]), offered=1)
                case CallEnded():
                    ended = now
                    hold += seconds(held or now, now)
                    talk = max(0, seconds(answered, now) - hold) if answered else 0
                    talk = talk if event.talk_s is None else max(0, event.talk_s - talked)
                    hold = hold if event.hold_s is None else max(0, event.hold_s - waits)
                    if answered is None and talk and comes and queued:
                        self.wait(began, where, event.waited_s or 0, staff or UUID(int=0))
                    if answered is not None or talk:
                        taken = taken or staff or (UUID(int=0) if answered is None else None)
                        self.over(mine, now, rung.direction, talk, hold)
                    elif comes and queued:
                        told = event.waited_s if legs == 1 else None
                        self.wait(began, where, seconds(began, now) if told is None else told, None)
                case WrapUpCompleted(acw_s=acw_s):
                    acw = seconds(ended, now) if acw_s is None else acw_s
                    self.count(now, mine, acw_s=acw)
                    self.spans.append((staff, "worked_s", now - timedelta(seconds=acw), now))
        # Who is identified after the last thing that became of the call came as nobody in particular, or as who they were.
        became = [each for each in of if not isinstance(each.event, CallerIdentified | CallHeld | CallResumed)]
        if comes and (customer := became[-1].at.customer_id) not in (None, at.stream_id):
            its = (rung.queue, taken if taken != UUID(int=0) else None, rung.campaign_id, "PHONE")
            self.contacts.append((customer, at.occurred_at, its, taken is not None, at.stream_id))  # type: ignore[arg-type]

    def over(self, of: Of, now: datetime, direction: Direction, talk: int, hold: int) -> None:
        self.count(now, of, handled=1, outgoing=direction is Direction.OUT, talk_s=talk, hold_s=hold)
        self.spans.append((of[1], "worked_s", now - timedelta(seconds=talk + hold), now))

    def shift(self, of: list[Happened]) -> None:
        begun = of[0].event
        assert isinstance(begun, AgentSignedIn)
        for (event, at), after in zip(of, [*of[1:], None], strict=True):
            status = event.status if isinstance(event, AgentStatusChanged) else AgentStatus.AVAILABLE
            if isinstance(event, AgentSignedOut):
                continue
            until = min(after.at.occurred_at if after else self.now, at.occurred_at + timedelta(days=1), self.now)
            kind = "on_duty_s" if status in (AgentStatus.AVAILABLE, AgentStatus.BUSY) else "away_s"
            self.spans.append((begun.staff_id, kind, at.occurred_at, until))

    # What is compared.

    def figures(self, cuts: list[datetime], by: set[CentreDimension]) -> dict[tuple[Any, ...], Counter[str]]:
        found: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
        kept = [each in by for each in COLUMNS]

        def key(moment: datetime, of: Of) -> tuple[Any, ...] | None:
            interval = bisect_right(cuts, moment)
            shown = (None if value == UUID(int=0) or not keep else value for value, keep in zip(of, kept, strict=True))
            return (interval, *shown) if 0 < interval < len(cuts) else None

        for moment, of, name, number in self.counts:
            if (where := key(moment, of)) is not None:
                before = found[where][name]
                found[where][name] = max(before, number) if name == "longest_wait_s" else before + number
        for n, (since, until) in enumerate(pairwise(cuts), 1):
            if by <= {CentreDimension.QUEUE, CentreDimension.CHANNEL}:
                for moment, of, change in self.waiting:
                    if moment < until:
                        found[(n, *(value if keep else None for value, keep in zip(of, kept, strict=True)))][
                            "waiting"
                        ] += change
            if by <= {CentreDimension.STAFF}:
                for staff, kind, start, end in self.spans:
                    if (part := (min(end, until) - max(start, since)).total_seconds()) > 0:
                        found[(n, None, staff if by else None, None, None)][kind] += int(part)
        for customer, moment, of, answered, id in self.contacts:
            others = [(other[1], other[4]) for other in self.contacts if other[0] == customer]
            followed = any((moment, id) < other <= (moment + WEEK, UUID(int=2**128 - 1)) for other in others)
            first = not any((moment - WEEK, UUID(int=0)) <= other < (moment, id) for other in others)
            if answered and first and moment + WEEK <= self.now and (where := key(moment, of)) is not None:
                found[where]["first_contacts"] += 1
                found[where]["resolved"] += not followed
        return {where: +counts for where, counts in found.items() if +counts}


def told(row: CentreFigures, cuts: list[datetime]) -> tuple[tuple[Any, ...], Counter[str]]:
    names = [name for name in CentreFigures.__slots__ if name.endswith("_s") and name not in ("asa_s", "aht_s")]
    names += ["offered", "answered", "answered_in_time", "abandoned", "abandoned_short", "moved_on", "waiting"]
    names += ["offers", "declined", "callbacks", "handled", "outgoing", "first_contacts"]
    found = Counter({name: getattr(row, name) or 0 for name in names})
    found["resolved"] = round((row.fcr_7d or 0) * row.first_contacts)
    where = (cuts.index(row.start) + 1, row.queue, row.staff_id, row.campaign_id, row.channel)
    return where, +found


def different(found: dict[Any, Counter[str]], plain: dict[Any, Counter[str]]) -> list[tuple[Any, ...]]:
    """Which figures are not the same: where, which one, as found and as it should be."""
    return [
        (where, name, found.get(where, {}).get(name), plain.get(where, {}).get(name))
        for where in found.keys() | plain.keys()
        for name in found.get(where, {}).keys() | plain.get(where, {}).keys()
        if found.get(where, {}).get(name) != plain.get(where, {}).get(name)
    ]


LOOKS = [
    (900, set()), (900, {CentreDimension.QUEUE}), (3600, {CentreDimension.STAFF}),
    (None, {CentreDimension.CAMPAIGN, CentreDimension.CHANNEL}), (7200, set(CentreDimension)),
]  # fmt: skip


def test_every_figure_is_what_a_plain_count_of_the_events_gives(new_database: Callable[[], str]) -> None:
    @given(
        history=night("items", "calls", among=merging) | night("items", "calls", "shifts", most=3), now=st.booleans()
    )
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    def check(history: list[tuple[Command, datetime]], now: bool) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            engine = Engine(log, pool, CENTRE)
            engine.prepare()
            engine.catch_up()
            lists = Lists(log, pool)
            asked = END if now else END + timedelta(days=9)
            names = log.codec.names([event for view in CENTRE for event in view.events])
            events = [each for page in log.reader.fold(types=names) for each in page]
            half = AsOf(valid_at=START + timedelta(hours=4))
            for (interval_s, by), as_of in product(LOOKS, (NOW, half)):
                cuts = cuts_of(START, END, interval_s)
                known = [each for each in events if as_of == NOW or each.at.occurred_at <= half.valid_at]
                plain = Plain(known, 20, min(asked, as_of.valid_at or asked)).figures(cuts, by)
                report = contact_centre(
                    lists, START, END, interval_s=interval_s, by=by, only=Slice(), as_of=as_of, now=asked
                )
                found = dict(told(row, cuts) for row in report.figures)
                assert not (wrong := different(found, plain)), repr(wrong)[:1500]

    check()
