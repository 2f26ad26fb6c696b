"""The demo: a small company, simulated over a year by the real commands and policies, and then taken in as history."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from heapq import heappop, heappush
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from api.demo_story import Asking, answer, settled, story
from api.house import House
from domain import DECIDERS
from domain.case_events import CaseOpened
from domain.follow_up import (
    FollowUpDispatched,
    FollowUpPostponed,
    FollowUpScheduled,
    FollowUpSuppressed,
)
from domain.invitation import SurveyInvitationSent
from domain.kernel import Event, Refused, derived
from domain.survey import POST_PURCHASE
from domain.values import Channel
from eventstore.bulk import Bulk
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, VIEWS_SCHEMA, migrate, open_pool, reachable
from eventstore.embedded import EmbeddedServer
from eventstore.envelope import Draft, Happened, Origin, Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from processes import POLICIES
from processes.letters import Note, Stationery
from processes.policy import Policy
from processes.transports import Answer, Taken
from processes.worker import Worker, needed_views
from projections.engine import Engine

ACTOR = "demo"
DAYS = 365
CUSTOMERS = 150
DAY = timedelta(days=1)
STAGE = {
    "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
    "plan_cache_mode": "force_generic_plan",
}  # fmt: skip
"""What the server of the play goes by: it is gone afterwards, and hardly a statement finds enough to be planned anew."""
LOCK = 7305811
"""The lock of the log (eventstore/schema/060_append.sql): while it is held, nobody else appends."""

PACE = timedelta(hours=2)
"""How often the worker of the story comes by at most."""
FOLLOWED = (FollowUpScheduled, FollowUpPostponed, SurveyInvitationSent, CaseOpened)
MARK = "product:C01-250"
"""The key of the command by which a log is known to hold the demo: the first product is introduced."""

Tell = Callable[[int, int], None]
"""(days done, of how many)."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the demo holds, from when to when; `already`: it was there before, and nothing was done."""

    customers: int
    orders: int
    events: int
    since: datetime
    until: datetime
    already: bool = True
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {**asdict(self), "since": self.since.isoformat(), "until": self.until.isoformat()}

    def sentence(self) -> str:
        """For people."""
        held = (
            f"{self.customers:,} customers with {self.orders:,} orders, in {self.events:,} events "
            f"from {self.since:%d %B %Y} to {self.until:%d %B %Y}"
        )
        return (
            f"The demo is here already: {held}."
            if self.already
            else f"Loaded the demo: {held}, in {self.seconds:.0f} s."
        )


def demo(
    house: House,
    *,
    seed: int = 1,
    until: datetime | None = None,
    days: int = DAYS,
    customers: int = CUSTOMERS,
    progress: Tell = lambda done, of: None,
) -> Loaded:
    """Loads the demo into a house, once and whole or not at all. Others may work meanwhile.

    It ends at `until`, a moment of the past; at the last midnight in UTC if that is not given.
    """
    began = time.monotonic()
    if (before := _loaded(house.log)) is not None:
        return before
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    until = midnight if until is None else until.astimezone(UTC)
    if until > datetime.now(UTC):
        raise Refused("The demo is a story of the past: it cannot end later than now.", "until")
    _take_in(house.log, simulated(seed, until - days * DAY, until, customers, progress=progress))
    loaded = _loaded(house.log)
    assert loaded is not None
    return replace(loaded, already=False, seconds=time.monotonic() - began)


def simulated(
    seed: int, since: datetime, until: datetime, customers: int, *, progress: Tell = lambda done, of: None
) -> list[Happened]:
    """What happened between two moments, always the same for the same arguments, in a log of its own."""
    with _stage() as (log, engine):
        clock = _Clock(since)
        worker = Worker(
            log, engine, [_on_stage(policy) for policy in POLICIES], Nowhere(),
            Stationery(sender="demo@example.com", company="Demo", base_url="http://localhost", secret=bytes(32)),
            ports={Channel.SMS: Nowhere(), Channel.PHONE: Nowhere()}, now=clock,
        )  # fmt: skip
        waiting = story(seed, since, until, customers)[::-1]
        said: list[tuple[datetime, int, Asking]] = []  # what will have been said to surveys, and done about cases
        agenda: list[datetime] = []  # when a follow-up is due
        bulk, seen = Bulk(log), 0
        _do(bulk, [Asking(since, "survey", POST_PURCHASE)])
        worker.run()  # from here on it reacts
        while clock.now < until:
            clock.now = min(until, clock.now + DAY, *(max(due_at, clock.now + PACE) for due_at in agenda[:1]))
            now: list[Asking] = []
            while waiting and waiting[-1].at <= clock.now:
                now.append(waiting.pop())
            while said and said[0][0] <= clock.now:
                now.append(heappop(said)[2])
            while agenda and agenda[0] <= clock.now:
                heappop(agenda)
            _do(bulk, sorted(now, key=lambda asking: asking.at))
            worker.run()
            for event, at in log.reader.page(seen, 10_000, types=log.codec.names(FOLLOWED)):
                seen = at.position
                if isinstance(event, FollowUpScheduled | FollowUpPostponed):
                    if event.due_at > clock.now:
                        heappush(agenda, event.due_at)
                elif isinstance(event, SurveyInvitationSent):
                    reply = answer(seed, at.stream_id, event.language, at.occurred_at)
                    if reply is not None:
                        heappush(said, (reply[0], seen, Asking(reply[0], f"answer:{at.stream_id}", reply[1])))
                elif isinstance(event, CaseOpened):
                    done_at, resolve = settled(seed, at.stream_id, at.occurred_at)
                    heappush(said, (done_at, seen, Asking(done_at, f"settled:{at.stream_id}", resolve)))
            progress((clock.now - since) // DAY, (until - since) // DAY)
        return [each for page in _pages(log) for each in page]


def _on_stage(policy: Policy[Any]) -> Policy[Any]:
    """A policy as it plays: what it does by night, whatever happened, is left to the house that takes the story in."""
    return replace(policy, include_imported=True, rules=None, begins=None)


class _Clock:
    """Time as the story has it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Nowhere:
    """A transport for letters of the past: they count as delivered, and nobody gets them."""

    def send(self, follow_up_id: UUID, message: EmailMessage | Note) -> Answer:
        return Taken(f"demo:{follow_up_id}")

    def was_sent(self, follow_up_id: UUID) -> str | bool | None:
        return f"demo:{follow_up_id}"


@contextmanager
def _stage() -> Iterator[tuple[Log, Engine]]:
    """An empty log on a server of its own, which goes when the play is over."""
    with tempfile.TemporaryDirectory(prefix="bitacora-demo-") as folder:
        with EmbeddedServer(Path(folder), settings=STAGE) as server:
            server.ensure_database(ACTOR)
            dsn = server.dsn(dbname=ACTOR)
            for schema in (LOG_SCHEMA, KEYS_SCHEMA, VIEWS_SCHEMA):
                migrate(dsn, schema)
            with open_pool(dsn) as pool:
                log = Log(pool, DECIDERS, KeyRing(pool, bytes(32)))
                engine = Engine(log, pool, needed_views(POLICIES))
                engine.prepare()
                yield log, engine


def _do(bulk: Bulk, asked: Sequence[Asking]) -> None:
    batch = [
        (
            each.command,
            Request(actor=ACTOR, origin=Origin.IMPORT, occurred_at=each.at, command_id=derived(ACTOR, each.key)),
        )
        for each in asked
    ]
    for asking, outcome in zip(asked, bulk.do(batch), strict=True):
        if outcome.refused is not None:
            raise AssertionError(f"The story makes no sense: {asking} was refused.") from outcome.refused


def _pages(log: Log) -> Iterator[list[Happened]]:
    position = 0
    while page := log.reader.page(position, disclose=True):
        position = page[-1].at.position
        yield page


# From the stage into the house.


def _loaded(log: Log) -> Loaded | None:
    """The demo that is in the log already. It was recorded in one transaction, so all of it has one time."""
    with reachable(), log.pool.connection() as db:
        row = db.execute(
            "select count(*) filter (where e.type = 'customer.registered.v1'), "
            "       count(*) filter (where e.type = 'order.placed.v1'), "
            "       count(*), min(e.occurred_at), max(e.occurred_at) "
            "  from es.command c "
            "  join es.event m on m.position = c.first "
            "  join es.event e on e.recorded_at = m.recorded_at and e.origin = 'import' "
            " where c.command_id = %s",
            [derived(ACTOR, MARK)],
        ).fetchone()
    return Loaded(*row) if row and row[2] else None


def _take_in(log: Log, happened: Sequence[Happened]) -> None:
    """Appends what happened on the stage in one transaction, unless somebody did so meanwhile."""
    with reachable(), log.pool.connection() as db:
        with db.transaction():
            db.execute("select pg_advisory_xact_lock(%s)", [LOCK])
            if _loaded(log) is not None:
                return
            try:
                log.append_within(db, list(_as_drafts(log, happened)))
            except UniqueViolation:
                raise Refused("Some of the demo's ids are in use here. Load it into another home.") from None
        log.flush(db)


def _as_drafts(log: Log, happened: Sequence[Happened]) -> Iterator[Draft]:
    """The same events for another log: they come after what is there, and all of them are history.

    What policies need is left out if it is here already: surveys, the SLA, the programme. Ids that rest on positions of the
    stage are derived anew.
    """
    here = {each.at.stream_id for each in log.reader.streams(_needed(log))}
    base = log.reader.head()
    taken = [each for each in happened if each.at.stream_id not in here]
    place = {0: 0} | {each.at.position: base + n for n, each in enumerate(taken, 1)}
    names = {at.command_id: at.command_id if at.actor == ACTOR else derived(ACTOR, at.command_id) for _, at in happened}
    for event, at in taken:
        command_id, correlation_id = names[at.command_id], names[at.correlation_id]
        assert command_id is not None
        assert correlation_id is not None
        yield Draft(
            at.stream_id, at.version, _moved(event, place), at.customer_id, at.occurred_at, at.actor, Origin.IMPORT,
            command_id, correlation_id, place[at.because] if at.because else None,
        )  # fmt: skip


def _needed(log: Log) -> list[UUID]:
    """The streams of what policies need before they react."""
    needs = (command for policy in POLICIES for command in policy.needs)
    return [log.deciders[type(command)].stream_of(command) for command in needs]


def _moved(event: Event, place: Mapping[int, int]) -> Event:
    """The event with the positions that it names where they are now."""
    match event:
        case FollowUpScheduled() | FollowUpSuppressed():
            return replace(event, trigger_position=place[event.trigger_position])
        case FollowUpDispatched():
            return replace(event, relied_on=place[event.relied_on])
    return event
