"""The consent register: to what each customer agreed, by which channel, from when to when, and the event that says so."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from psycopg import sql

from domain.consent import ConsentGranted, ConsentWithdrawn, LegalBasis, Purpose
from domain.kernel import derived
from domain.values import Channel
from eventstore.arrays import id_array
from eventstore.envelope import Recorded
from eventstore.reader import NOW, AsOf
from projections.facts import Fact, Facts, counted
from projections.lists import Lists
from projections.view import GONE, Gone, Row, View


class ConsentStatus(StrEnum):
    """Whether the customer agreed or objected to a purpose by a channel.

    SUPERSEDED: an objection to every channel took back what was granted for this one; what was said last of every channel
    holds.
    """

    GRANTED = "GRANTED"
    WITHDRAWN = "WITHDRAWN"
    SUPERSEDED = "SUPERSEDED"


class ConsentWord(Fact):
    """A customer agreed or objected to a purpose, by one channel or by every one if that is empty."""

    purpose: Purpose = Purpose.SERVICE
    channel: Channel | None = None
    granted: bool = False
    legal_basis: LegalBasis | None = None


class ConsentEntry(Row, key="consent_id"):
    """The last word of a customer on a purpose by one channel, or by every one if that is empty.

    `granted_position` is of the event that has the evidence, `position` that of the last word, also if it was one on every
    channel; without a grant there was just an objection.
    """

    consent_id: UUID
    customer_id: UUID | None = None
    purpose: Purpose | None = None
    channel: Channel | None = None
    status: ConsentStatus = ConsentStatus.WITHDRAWN
    legal_basis: LegalBasis | None = None
    granted_at: datetime | None = None
    granted_position: int | None = None
    withdrawn_at: datetime | None = None
    position: int = 0


consent_words = Facts("consent_words", ConsentWord, indexes=("(customer_id, purpose, position)", "(occurred_at)"))
view = View(
    "consents",
    ConsentEntry,
    version=1,
    facts=(consent_words,),
    indexes=("(customer_id, purpose)", "(purpose, channel, status)"),
)

Said = ConsentGranted | ConsentWithdrawn


def _matter(said: Said, at: Recorded) -> UUID | None:
    """Under which key a word is entered: its customer's, purpose's and channel's."""
    return None if at.customer_id is None else derived("consent-entry", at.customer_id, said.purpose, said.channel)


def _also(channel: Channel) -> Callable[[ConsentWithdrawn, Recorded], UUID | None]:
    """Under which key an objection to every channel is one to this one, too."""

    def key(withdrawn: ConsentWithdrawn, at: Recorded) -> UUID | None:
        return _matter(replace(withdrawn, channel=channel), at) if withdrawn.channel is None else None

    return key


@view.on(ConsentGranted, key=_matter)
def grant(entry: ConsentEntry, granted: ConsentGranted, at: Recorded) -> Iterator[ConsentWord]:
    _enter(entry, granted, at, ConsentStatus.GRANTED)
    entry.legal_basis = granted.legal_basis
    entry.granted_at = at.occurred_at
    entry.granted_position = at.position
    entry.withdrawn_at = None
    yield ConsentWord(
        purpose=granted.purpose, channel=granted.channel, granted=True, legal_basis=granted.legal_basis
    )  # fmt: skip


@view.on(ConsentWithdrawn, key=_matter)
def withdraw(entry: ConsentEntry, withdrawn: ConsentWithdrawn, at: Recorded) -> Iterator[ConsentWord]:
    _enter(entry, withdrawn, at, ConsentStatus.WITHDRAWN)
    entry.withdrawn_at = at.occurred_at
    yield ConsentWord(purpose=withdrawn.purpose, channel=withdrawn.channel)


def supersede(entry: ConsentEntry, withdrawn: ConsentWithdrawn, at: Recorded) -> Gone | None:
    """What was granted for one channel is taken back with every other; where nothing was, there is nothing to enter."""
    if entry.purpose is None:
        return GONE
    if entry.status is ConsentStatus.GRANTED:
        entry.status = ConsentStatus.SUPERSEDED
        entry.withdrawn_at = at.occurred_at
        entry.position = at.position
    return None


for _channel in Channel:
    view.on(ConsentWithdrawn, key=_also(_channel))(supersede)


def _enter(entry: ConsentEntry, said: Said, at: Recorded, status: ConsentStatus) -> None:
    entry.customer_id = at.customer_id
    entry.purpose = said.purpose
    entry.channel = said.channel
    entry.status = status
    entry.position = at.position


# What held at a moment.


@dataclass(frozen=True, slots=True)
class ConsentProof:
    """Whether a customer permitted something at a moment, and the event that says so."""

    permitted: bool
    channel: Channel | None
    legal_basis: LegalBasis | None
    said_at: datetime
    position: int


def consent_at(
    lists: Lists,
    customer_ids: Sequence[UUID],
    purpose: Purpose,
    channel: Channel | None,
    at: datetime | None = None,
    *,
    as_of: AsOf = NOW,
) -> dict[UUID, ConsentProof]:
    """Of each customer who said anything on the matter by a moment, what held then and which event says so.

    The same as `domain.consent.permits`: what was said of the channel by name comes before what was said of every one,
    unless that was a later objection. Who is left out has never said.
    """
    moment = as_of if at is None else replace(as_of, valid_at=at)
    query = sql.SQL(
        "select distinct on (customer_id, channel) customer_id, channel, granted, legal_basis, occurred_at, position, "
        "       max(position) filter (where channel is null and not granted) over (partition by customer_id) "
        "  from {} where customer_id = any(%s::uuid[]) and purpose = %s and (channel is null or channel = %s) "
        " order by customer_id, channel nulls last, position desc"
    ).format(counted(consent_words, moment, lists.log.reader))
    with lists.reading(view) as (db, _):
        rows = db.execute(query, [id_array(customer_ids), purpose.value, channel and channel.value]).fetchall()
    found: dict[UUID, ConsentProof] = {}
    for customer_id, named, granted, basis, said_at, position, objected in rows:
        taken_back = named is not None and granted and objected is not None and objected > position
        if customer_id not in found and not taken_back:
            found[customer_id] = ConsentProof(
                granted, named and Channel(named), basis and LegalBasis(basis), said_at, position
            )  # fmt: skip
    return found
