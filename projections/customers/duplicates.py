"""The duplicates: who may be the same customer as somebody, how surely and by what, looked for among all customers."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import combinations, islice
from uuid import UUID

from psycopg import Connection, sql

from domain.customer import CustomerKind
from domain.duplicate import duplicate_id
from domain.identifiers import MAILBOX
from domain.kernel import Refused
from eventstore.arrays import id_array
from eventstore.reader import NOW, AsOf
from projections.customers import identities, suspicions
from projections.customers.data_quality import rate
from projections.customers.identities import Identity
from projections.customers.likeness import FeatureComparison, Traits, liken, traits_of
from projections.customers.suspicions import Suspicion
from projections.lists import Lists
from projections.table import Table

MAX_DUPLICATES = 1_000
"""How many pairs are given at a time."""
MAX_BLOCK = 100
"""A block into which more customers fall tells nobody from anybody, and is passed over."""
MAX_PAIRS = 200_000
"""How many pairs are compared at most, those first who share the smallest blocks."""
SUSPECTED_FROM = Decimal("0.75")
"""Who shares no identifier is suspected from this score on: it is what a person should look at."""

Place = tuple[Decimal, UUID, UUID]
"""Where a pair stands in the order: the surest first."""


@dataclass(frozen=True, slots=True)
class DuplicateCandidate:
    """Two customers who may be one: `features` says by what, `score` how surely, and `comparisons` how that came about."""

    customer_id: UUID
    other_id: UUID
    score: Decimal
    features: tuple[str, ...]
    comparisons: tuple[FeatureComparison, ...]

    @property
    def cursor(self) -> str:
        """The place of the pair, to go on after."""
        text = f"{self.score} {self.customer_id} {self.other_id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def candidates(
    lists: Lists,
    customer_ids: Sequence[UUID] | None = None,
    *,
    first: int = MAX_DUPLICATES,
    after: str | None = None,
    min_score: Decimal = Decimal(0),
    as_of: AsOf = NOW,
) -> list[DuplicateCandidate]:
    """Who may be one, the surest first: of these customers, or of all.

    Those are asked about who share a block (see `blocking`), and are candidates if they hold the same identifier, or are
    so much alike (see `likeness`) that somebody should look. Pairs that were dismissed are left out unless they are surer
    now, and who was merged counts as one. Of two customers asked about, each pair begins with the one with the lower id;
    otherwise with who was asked about. Raises `Refused` for a size, a score or a cursor that cannot be.
    """
    if not 0 < first <= MAX_DUPLICATES:
        raise Refused(f"Ask for 1 to {MAX_DUPLICATES} at a time.", "first")
    if not 0 <= min_score <= 1:
        raise Refused("A score is from 0 to 1.", "minScore")
    place = None if after is None else _place(after)
    found = [each for each in _suspected(lists, customer_ids, as_of) if each.score >= min_score]
    return [each for each in found if place is None or _order(each) > place][:first]


def candidates_of_all(lists: Lists, *, min_score: Decimal) -> list[DuplicateCandidate]:
    """All who may be one, so surely or more, the surest first, however many they are."""
    return [each for each in _suspected(lists, None, NOW) if each.score >= min_score]


@dataclass(frozen=True, slots=True)
class DuplicateRate:
    """How many of the customers may be one with another, from the score on from which somebody should look."""

    customers: int
    suspected: int
    pairs: int
    rate: Decimal | None


def duplicate_rate(lists: Lists, *, as_of: AsOf = NOW) -> DuplicateRate:
    """`rate` is suspected / customers, to four decimals; without any customer there is none."""
    with lists.opened(identities.view, as_of) as (db, table, _):
        row = db.execute(sql.SQL("select count(*) from {} where kind is not null").format(table.identifier)).fetchone()
    pairs = [each for each in _suspected(lists, None, as_of) if each.score >= SUSPECTED_FROM]
    customers = int(row[0]) if row else 0
    suspected = len({id for pair in pairs for id in (pair.customer_id, pair.other_id)})
    return DuplicateRate(customers, suspected, len(pairs), rate(suspected, customers) if customers else None)


def of_each(
    lists: Lists, customer_ids: Sequence[UUID], *, first: int, as_of: AsOf = NOW
) -> dict[UUID, list[DuplicateCandidate]]:
    """The surest candidates of each of these customers, each pair beginning with the one asked about."""
    found: dict[UUID, list[DuplicateCandidate]] = {each: [] for each in customer_ids}
    for pair in candidates(lists, customer_ids, as_of=as_of):
        for each in (pair, _turned(pair, {pair.other_id})):
            if each.customer_id in found and len(found[each.customer_id]) < first:
                found[each.customer_id].append(each)
    return found


def _suspected(lists: Lists, customer_ids: Sequence[UUID] | None, as_of: AsOf) -> list[DuplicateCandidate]:
    """All candidates, in their order."""
    whom = None if customer_ids is None else set(lists.log.reader.whom(customer_ids, as_of).values())
    with lists.opened(identities.view, as_of) as (db, table, _):
        pairs = _pairs(db, table, whom)
        known = _traits(db, table, {each for pair in pairs for each in pair})
    found = [each for one, other in pairs if (each := _candidate(one, known[one], other, known[other])) is not None]
    if whom is not None:
        found = [_turned(each, whom) for each in found]
    return sorted(_not_dismissed(lists, found, as_of), key=_order)


def _pairs(db: Connection, table: Table[Identity], whom: set[UUID] | None) -> list[tuple[UUID, UUID]]:
    """Who shares a block that is not too large, those of the smallest blocks first: of all customers, or with these.

    A small block tells more than a large one (G. Papadakis and others, Meta-Blocking, IEEE TKDE 26, 2014).
    """
    whose, theirs = sql.SQL("true"), list[object]()
    if whom is not None:
        blocks = sorted({block for identity in table.load(db, whom).values() for block in identity.blocks})
        whose, theirs = sql.SQL("i.blocks ?| %s::text[] and b.block = any(%s::text[])"), [blocks] * 2
        db.execute("set local enable_seqscan = off")  # how few rows share a block cannot be told from the statistics
    query = sql.SQL(
        "select array_agg(i.customer_id order by i.customer_id) "
        "  from {} i, jsonb_array_elements_text(i.blocks) b (block) where {} "
        " group by b.block having count(*) between 2 and %s order by count(*), b.block"
    ).format(table.identifier, whose)
    found: dict[tuple[UUID, UUID], None] = {}
    with db.cursor(binary=True) as cursor:
        for (members,) in cursor.execute(query, [*theirs, MAX_BLOCK]):
            for one, other in combinations(members, 2):
                if whom is None or one in whom or other in whom:
                    found[one, other] = None
            if len(found) >= MAX_PAIRS:
                break
    return list(islice(found, MAX_PAIRS))


def _traits(db: Connection, table: Table[Identity], ids: set[UUID]) -> dict[UUID, Traits]:
    """What these customers are compared by; the rest of their rows takes too long to read."""
    query = sql.SQL(
        "select customer_id, kind, name, birth_date, street, postal_code, city, identifiers from {} "
        " where customer_id = any(%s::uuid[])"
    ).format(table.identifier)
    with db.cursor(binary=True) as cursor:
        return {
            id: traits_of(kind and CustomerKind(kind), name, born, street, postal_code, city, identifiers)
            for id, kind, name, born, street, postal_code, city, identifiers in cursor.execute(query, [id_array(ids)])
        }


def _candidate(one_id: UUID, one: Traits, other_id: UUID, other: Traits) -> DuplicateCandidate | None:
    likeness = liken(one, other)
    if likeness.score < SUSPECTED_FROM and not likeness.shared - {MAILBOX}:
        return None
    return DuplicateCandidate(one_id, other_id, likeness.score, likeness.features, likeness.comparisons)


def _not_dismissed(lists: Lists, found: Sequence[DuplicateCandidate], as_of: AsOf) -> list[DuplicateCandidate]:
    ids = {duplicate_id(each.customer_id, each.other_id): each for each in found}
    with lists.opened(suspicions.view, as_of) as (db, table, _):
        suspected = table.load(db, ids)
    return [each for key, each in ids.items() if not _is_dismissed(each, suspected.get(key))]


def _is_dismissed(each: DuplicateCandidate, suspicion: Suspicion | None) -> bool:
    if suspicion is None or not suspicion.dismissed:
        return False
    return suspicion.score is not None and each.score <= suspicion.score


def _turned(pair: DuplicateCandidate, whom: set[UUID]) -> DuplicateCandidate:
    """The pair with the one first who was asked about."""
    if pair.customer_id in whom:
        return pair
    return DuplicateCandidate(pair.other_id, pair.customer_id, pair.score, pair.features, pair.comparisons)


def _order(each: DuplicateCandidate) -> Place:
    return -each.score, each.customer_id, each.other_id


def _place(cursor: str) -> Place:
    try:
        score, one, other = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        return -Decimal(score), UUID(one), UUID(other)
    except (binascii.Error, ValueError, InvalidOperation):
        raise Refused("That cursor is not one of this list. Take it from a pair of it.", "after") from None
