"""The wrap-ups: which calls were answered, and whether somebody noted what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from psycopg import sql

from domain.call import CallAnswered, CallEnded, CallerIdentified, CallRinging, CallTransferred, WrapUpCompleted
from domain.interaction import Direction
from eventstore.envelope import Recorded
from eventstore.reader import NOW, AsOf
from projections.data_quality import rate
from projections.history import past
from projections.lists import Lists
from projections.view import Row, View

MAX_AGENTS = 1_000


class WrapUpState(StrEnum):
    """Whether a call has been written up.

    NOT_DUE: it is still going on, or nobody answered it. MISSING: it ended and nobody wrote anything.
    """

    NOT_DUE = "NOT_DUE"
    MISSING = "MISSING"
    DONE = "DONE"


class WrapUp(Row, key="call_id"):
    """A call and what was noted after it. `staff_id` is who talked last, and owes the note."""

    call_id: UUID
    customer_id: UUID | None = None
    staff_id: UUID | None = None
    direction: Direction | None = None
    queue: str | None = None
    campaign_id: UUID | None = None
    state: WrapUpState = WrapUpState.NOT_DUE
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    wrapped_up_at: datetime | None = None
    disposition: str | None = None
    acw_s: int | None = None


view = View(
    "wrap_ups",
    WrapUp,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(staff_id, ended_at) where state = 'MISSING'", "(customer_id, ended_at)", "(ended_at)"),
)


@view.on(CallRinging)
def ring(call: WrapUp, rang: CallRinging, at: Recorded) -> None:
    call.customer_id = at.customer_id
    call.direction = rang.direction
    call.queue = rang.queue
    call.campaign_id = rang.campaign_id
    call.rang_at = at.occurred_at


@view.on(CallerIdentified)
def identify(call: WrapUp, identified: CallerIdentified, at: Recorded) -> None:
    call.customer_id = at.customer_id


@view.on(CallAnswered)
def answer(call: WrapUp, answered: CallAnswered, at: Recorded) -> None:
    call.staff_id = answered.staff_id
    call.answered_at = call.answered_at or at.occurred_at


@view.on(CallTransferred)
def transfer(call: WrapUp, transferred: CallTransferred, at: Recorded) -> None:
    call.queue = transferred.to_queue or call.queue


@view.on(CallEnded)
def end(call: WrapUp, ended: CallEnded, at: Recorded) -> None:
    call.ended_at = at.occurred_at
    if call.answered_at is not None:
        call.state = WrapUpState.MISSING


@view.on(WrapUpCompleted)
def complete(call: WrapUp, completed: WrapUpCompleted, at: Recorded) -> None:
    call.state = WrapUpState.DONE
    call.wrapped_up_at = at.occurred_at
    call.disposition = completed.disposition
    call.acw_s = completed.acw_s


@dataclass(frozen=True, slots=True)
class UndocumentedContacts:
    """How many of the calls that a member of staff answered, and that are over, nobody wrote up; the oldest ended then."""

    staff_id: UUID
    ended: int
    undocumented: int
    rate: Decimal
    oldest_at: datetime | None


def undocumented_contacts(
    lists: Lists, start: datetime | None = None, end: datetime | None = None, *, as_of: AsOf = NOW
) -> Sequence[UndocumentedContacts]:
    """Calls without wrap-up by who answered them, those with the most first; of those that ended from `start` up to `end`.

    `rate` is undocumented / ended, to four decimals.
    """
    query = sql.SQL(
        "select staff_id, count(*), count(*) filter (where state = 'MISSING'), "
        "       min(ended_at) filter (where state = 'MISSING') "
        "  from {} where staff_id is not null and ended_at is not null "
        "   and (%s::timestamptz is null or ended_at >= %s) and (%s::timestamptz is null or ended_at < %s) "
        " group by 1 order by 3 desc, 2 desc, 1 limit %s"
    ).format(past(view, as_of, lists.log.reader))
    with lists.reading(view) as (db, _):
        rows = db.execute(query, [start, start, end, end, MAX_AGENTS]).fetchall()
    return [UndocumentedContacts(who, ended, owed, rate(owed, ended), oldest) for who, ended, owed, oldest in rows]
