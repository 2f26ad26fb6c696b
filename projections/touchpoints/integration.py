"""The integration: how every other system stands to us, from what it sent, what it was told, and how far it agrees."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import sql

from domain.order_sync import OrderAspect
from eventstore.reader import NOW, AsOf
from projections.customers.data_quality import rate
from projections.history import past
from projections.lists import Lists
from projections.touchpoints import messages, order_syncs, reconciliations
from projections.view import View

MAX_SYSTEMS = 1_000


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The last comparison of the records of a noun: the share that agreed is `matched` by all three."""

    noun: str
    run_at: datetime
    compared_as_of: datetime
    matched: int
    missing: int
    different: int
    agreement: Decimal | None


@dataclass(frozen=True, slots=True)
class Integration:
    """How another system stands to us: what it sent was `accepted` or `rejected`, and what it is told is `waiting`, was
    `acknowledged`, or is `dead`: somebody has to look. `oldest_waiting_at` is since when it was not told something.
    `sentence` says what that means, and what to do.
    """

    system: str
    accepted: int
    rejected: int
    last_received_at: datetime | None
    waiting: int
    oldest_waiting_at: datetime | None
    acknowledged: int
    last_acknowledged_at: datetime | None
    dead: int
    oldest_dead_at: datetime | None
    reconciled: tuple[Reconciled, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class OrderDifferences:
    """In how many orders the business system (ERP) says something else on an aspect, the longest of them since then."""

    aspect: OrderAspect
    orders: int
    oldest_since: datetime


INBOX = (
    "select source, count(*) filter (where status = 'ACCEPTED'), count(*) filter (where status = 'REJECTED'), max(last_at) "
    "  from {} group by 1 order by 1 limit %s"
)
OUTBOX = (
    "select target, count(*) filter (where status = 'QUEUED'), min(queued_at) filter (where status = 'QUEUED'), "
    "       count(*) filter (where status = 'ACKNOWLEDGED'), max(acknowledged_at), "
    "       count(*) filter (where status = 'DEAD'), min(dead_at) filter (where status = 'DEAD') "
    "  from {} group by 1 order by 1 limit %s"
)
NOTHING_TOLD = (0, None, 0, None, 0, None)
COMPARED = (
    "select distinct on (source, noun) source, noun, run_at, compared_as_of, matched, missing, different "
    "  from {} order by source, noun, run_at desc, recorded_position desc limit %s"
)


def integrations(lists: Lists, *, as_of: AsOf = NOW) -> Sequence[Integration]:
    """How every other system stands, by name."""
    received = {row[0]: row[1:] for row in _asked(lists, messages.inbox, INBOX, as_of)}
    told = {row[0]: row[1:] for row in _asked(lists, messages.outbox, OUTBOX, as_of)}
    compared: defaultdict[str, list[Reconciled]] = defaultdict(list)
    for source, noun, run_at, compared_as_of, matched, missing, different in _asked(
        lists, reconciliations.view, COMPARED, as_of
    ):
        of = matched + missing + different
        agreement = rate(matched, of) if of else None
        compared[source].append(Reconciled(noun, run_at, compared_as_of, matched, missing, different, agreement))
    found = []
    for system in sorted({*received, *told, *compared}):
        accepted, rejected, last_received_at = received.get(system, (0, 0, None))
        waiting, oldest, acknowledged, last_acknowledged_at, dead, oldest_dead = told.get(system, NOTHING_TOLD)
        found.append(
            Integration(
                system, accepted, rejected, last_received_at, waiting, oldest, acknowledged, last_acknowledged_at,
                dead, oldest_dead, tuple(compared[system]),
                _sentence(system, rejected, waiting, dead, compared[system]),
            )
        )  # fmt: skip
    return found


def order_differences(lists: Lists, *, as_of: AsOf = NOW) -> Sequence[OrderDifferences]:
    """In what the business system and we differ about orders, the aspect first that concerns the most."""
    query = sql.SQL(
        "select aspect, count(*), min(differs_since) from {}, jsonb_array_elements_text(aspects) aspect "
        " where differs_since is not null group by 1 order by 2 desc, 1"
    ).format(past(order_syncs.view, as_of, lists.log.reader))
    with lists.reading(order_syncs.view) as (db, _):
        rows = db.execute(query).fetchall()
    return [OrderDifferences(OrderAspect(aspect), orders, since) for aspect, orders, since in rows]


def _asked(lists: Lists, view: View[Any], query: str, as_of: AsOf) -> list[tuple[Any, ...]]:
    with lists.opened(view, as_of) as (db, table, _):
        return db.execute(sql.SQL(query).format(table.identifier), [MAX_SYSTEMS]).fetchall()


def _sentence(system: str, rejected: int, waiting: int, dead: int, compared: Sequence[Reconciled]) -> str:
    if dead:
        return f"{system}: {dead} messages were given up. Look at deadLetters, and queue them again."
    if rejected:
        return f"{system}: {rejected} messages could not be taken. Have them corrected and sent again."
    if any(each.missing or each.different for each in compared):
        return f"{system} and we differ. Look at the last reconciliation, and correct either."
    if waiting:
        return f"{system}: {waiting} messages are on their way."
    return f"{system} is up to date."
