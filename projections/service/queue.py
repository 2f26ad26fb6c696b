"""The queue: everything that waits for an agent, from every channel, in the order in which it is to be taken, and why."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection, sql

from domain.agent_shift import AgentStatus
from domain.case_events import CasePriority
from domain.kernel import Refused
from domain.queueing import LATER_POINT_EVERY_S, POINT_EVERY_S, WAITING, waiting_points
from domain.values import Channel, must_say
from eventstore.reader import NOW, AsOf
from projections.history import past
from projections.lists import MAX_PAGE, Lists
from projections.moment_of import moment_of
from projections.service import shifts, work_items
from projections.service.durations import seconds_between
from projections.service.work_items import WorkItemSheet
from projections.table import Table

OTHER = "other"


@dataclass(frozen=True, slots=True)
class ScoreFactor:
    """A part of a score: its name, and how many points it gives."""

    name: str
    points: int


@dataclass(frozen=True, slots=True)
class QueuedItem:
    """Something that waits, in its `place` from 1. Its `factors` add up to its `score`; `waited_s` is in seconds.

    `wait` is what waiting adds: a point every 10 s of a call, 60 s of a chat, 600 s of anything else; `other` is what the
    given score has that its factors do not say.
    """

    place: int
    work_item_id: UUID
    customer_id: UUID | None
    channel: Channel | None
    queue: str
    skill: str | None
    language: str | None
    priority: CasePriority | None
    case_id: UUID | None
    interaction_id: UUID | None
    call_id: UUID | None
    score: int
    factors: tuple[ScoreFactor, ...]
    waiting_since: datetime | None
    waited_s: int
    offered_to: UUID | None
    declined: int
    callback: bool
    callback_at: datetime | None


@dataclass(frozen=True, slots=True)
class AgentCount:
    """How many agents do something; AVAILABLE ones take what is next."""

    status: AgentStatus
    agents: int


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """How much waits of a channel, and for how long what waits longest, in seconds."""

    channel: Channel
    waiting: int
    longest_wait_s: int


@dataclass(frozen=True, slots=True)
class LiveQueue:
    """A queue at a moment: how much waits, for how long what waits longest, what is next, and who is there to take it."""

    at: datetime
    position: int
    waiting: int
    longest_wait_s: int
    items: tuple[QueuedItem, ...]
    channels: tuple[ChannelCount, ...]
    agents: tuple[AgentCount, ...]


def live_queue(
    lists: Lists,
    queue: str | None = None,
    *,
    first: int = MAX_PAGE,
    as_of: AsOf = NOW,
    now: datetime | None = None,
) -> LiveQueue:
    """What waits in a queue, or in all of them, highest score first, and of equals what waits longest.

    The score is what was given, plus what waiting adds (design, P12). Agents are those who signed in for the queue, or for
    none in particular. Raises `Refused` for a page that is none, or a queue without a name.
    """
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} items at a time.", "first")
    must_say(queue, "The queue", "queue")
    at, reader, table = moment_of(lists, as_of, now), lists.log.reader, Table(work_items.view)
    waits = sql.SQL(
        "{} where status in ('QUEUED', 'OFFERED') and (%(queue)s::text is null or queue = %(queue)s)"
    ).format(past(work_items.view, as_of, reader))
    parameters = {"queue": queue, "at": at, "first": first, "late": LATER_POINT_EVERY_S}
    steps = sql.SQL(" ").join(
        sql.SQL("when {} then {}").format(sql.Literal(channel.value), sql.Literal(step))
        for channel, step in POINT_EVERY_S.items()
    )
    with lists.reading(work_items.view) as (db, position):
        counts = db.execute(
            sql.SQL(
                "select channel, count(*), min(waiting_since) from {} and channel is not null group by 1 order by 1"
            ).format(waits),
            parameters,
        ).fetchall()
        query = sql.SQL(
            "select {columns} from {waits} order by"
            " score + greatest(0, floor(extract(epoch from %(at)s - waiting_since)))::bigint"
            "   / case channel {steps} else %(late)s end desc,"
            " waiting_since, work_item_id limit %(first)s"
        ).format(columns=table.selected, waits=waits, steps=steps)
        with db.cursor(binary=True) as cursor:
            rows = [table.row(values) for values in cursor.execute(query, parameters).fetchall()]
        agents = _agents(db, lists, queue, as_of)
    channels = tuple(ChannelCount(Channel(name), count, seconds_between(since, at)) for name, count, since in counts)
    return LiveQueue(
        at=at,
        position=position,
        waiting=sum(each.waiting for each in channels),
        longest_wait_s=max((each.longest_wait_s for each in channels), default=0),
        items=tuple(_item(place, row, at) for place, row in enumerate(rows, 1)),
        channels=channels,
        agents=agents,
    )


def _item(place: int, row: WorkItemSheet, at: datetime) -> QueuedItem:
    waited_s = seconds_between(row.waiting_since, at)
    points = waiting_points(row.channel, waited_s)
    given = [ScoreFactor(name, part) for name, part in sorted(row.factors.items())]
    rest = row.score - sum(each.points for each in given)
    return QueuedItem(
        place=place,
        work_item_id=row.work_item_id,
        customer_id=row.customer_id,
        channel=row.channel,
        queue=row.queue,
        skill=row.skill,
        language=row.language,
        priority=row.priority,
        case_id=row.case_id,
        interaction_id=row.interaction_id,
        call_id=row.call_id,
        score=row.score + points,
        factors=(*given, *((ScoreFactor(OTHER, rest),) if rest else ()), ScoreFactor(WAITING, points)),
        waiting_since=row.waiting_since,
        waited_s=waited_s,
        offered_to=row.staff_id,
        declined=row.declined,
        callback=row.callback,
        callback_at=row.callback_at,
    )


def _agents(db: Connection, lists: Lists, queue: str | None, as_of: AsOf) -> tuple[AgentCount, ...]:
    """How many agents do what; one who is signed in twice does what they began last."""
    query = sql.SQL(
        "select status, count(*) from ("
        "  select distinct on (staff_id) staff_id, status from {} "
        "   where status is not null and (%(queue)s::text is null or queues = '[]' or queues ? %(queue)s) "
        "   order by staff_id, status_since desc, agent_shift_id) t group by 1 order by 1"
    ).format(past(shifts.view, as_of, lists.log.reader))
    return tuple(AgentCount(AgentStatus(status), agents) for status, agents in db.execute(query, {"queue": queue}))
