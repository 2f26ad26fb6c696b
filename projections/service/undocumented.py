"""The calls that nobody has written up: how many each agent talked on, and of how many nothing was said afterwards."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from domain.values import Period
from eventstore.reader import NOW, AsOf
from projections.facts import counted
from projections.lists import Lists
from projections.service.slices import share
from projections.touchpoints import calls

MAX_AGENTS = 1_000


@dataclass(frozen=True, slots=True)
class AgentCalls:
    """The calls that ended with an agent; `rate` is undocumented / ended. `oldest_at` is when the first of those ended."""

    staff_id: UUID | None
    ended: int
    undocumented: int
    rate: float | None
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class UndocumentedCalls:
    """The agents by how many calls they have yet to write up, the most first."""

    agents: tuple[AgentCalls, ...]
    position: int


def undocumented_calls(lists: Lists, start: datetime, end: datetime, *, as_of: AsOf = NOW) -> UndocumentedCalls:
    """The answered calls that ended from a moment up to another, by who talked last, and those without a wrap-up.

    Raises `Refused` for a time that is none.
    """
    if not Period(start, end).start < end:
        raise Refused("The end must come after the beginning.", "to")
    query = sql.SQL(
        "select staff_id, count(*), count(*) filter (where not written), min(occurred_at) filter (where not written) from ("
        "  select l.*, exists (select from {facts} where call_legs.owner_id = l.owner_id and move = 'WRAPPED_UP') as written "
        "    from (select * from {facts}) l where move = 'ENDED' and occurred_at >= %s and occurred_at < %s) t "
        " group by 1 order by 3 desc, 1 limit %s"
    ).format(facts=counted(calls.legs, as_of, lists.log.reader))
    with lists.reading(calls.view) as (db, position):
        found = db.execute(query, [start, end, MAX_AGENTS]).fetchall()
    agents = (
        AgentCalls(staff, ended, missing, share(missing, ended), oldest) for staff, ended, missing, oldest in found
    )
    return UndocumentedCalls(tuple(agents), position)
