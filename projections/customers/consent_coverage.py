"""The consent coverage: whether everything that went out on somebody's consent had it at that moment."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import sql

from domain.consent import LegalBasis
from projections.customers import consents
from projections.lists import Lists
from projections.touchpoints import follow_ups

MAX_UNPROVED = 1_000


@dataclass(frozen=True, slots=True)
class ConsentCoverage:
    """Of the follow-ups that were `dispatched`: how many rested on what a customer had granted, `proved` by the event that
    says so, and how many on other grounds. `unproved` are those that named consent and did not have it: there must be none.
    """

    dispatched: int
    proved: int
    on_other_grounds: int
    unproved: tuple[UUID, ...]


def consent_coverage(lists: Lists, start: datetime | None = None, end: datetime | None = None) -> ConsentCoverage:
    """Joins each follow-up that was dispatched, from `start` up to `end`, to the grant that it relied on.

    It is proved if that was granted by the same customer, by then, and neither taken back for that channel nor for every
    one in between. At most MAX_UNPROVED are named.
    """
    query = sql.SQL(
        "with sent as ("
        "  select f.follow_up_id, f.basis, "
        "         w.granted and w.occurred_at <= f.dispatched_at and not exists ("
        "           select from views.consent_words o "
        "            where o.customer_id = w.customer_id and o.purpose = w.purpose and not o.granted "
        "              and (o.channel is null or o.channel = w.channel) "
        "              and o.position > w.position and o.occurred_at <= f.dispatched_at) as proved "
        "    from views.follow_ups f "
        "    left join views.consent_words w on w.position = f.relied_on and w.customer_id = f.customer_id "
        "   where f.dispatched_at is not null "
        "     and (%s::timestamptz is null or f.dispatched_at >= %s) and (%s::timestamptz is null or f.dispatched_at < %s)) "
        "select count(*), count(*) filter (where proved), count(*) filter (where proved is null and basis <> %s), "
        "       (array_agg(follow_up_id order by follow_up_id) "
        "          filter (where not coalesce(proved, basis <> %s)))[1:%s] from sent"
    )
    consent = LegalBasis.CONSENT.value
    with lists.reading(consents.view) as (db, _):
        row = db.execute(query, [start, start, end, end, consent, consent, MAX_UNPROVED]).fetchone()
    assert row is not None
    dispatched, proved, other, unproved = row
    return ConsentCoverage(dispatched, proved, other, tuple(unproved or ()))


VIEWS = (consents.view, follow_ups.view)
"""What is joined."""
