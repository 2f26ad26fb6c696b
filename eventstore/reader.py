"""Reading the log: by stream, by customer, by page, and as it was known at some moment."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg_pool import ConnectionPool

from eventstore import corrections
from eventstore.arrays import id_array, names_array
from eventstore.codec import Codec
from eventstore.corrections import STANDS, STOOD, Changed, Corrections, others
from eventstore.database import LogCorrupted
from eventstore.disclosure import Disclose, Disclosure
from eventstore.envelope import Happened, Origin, Recorded
from eventstore.personal import KeyRing

HEAD = 2**63 - 1
"""A position beyond every other one."""
PAGE_EVENTS = 2_000
FOLD_PAGE_EVENTS = 2_000

SHORT = (
    "position, stream_id, version, type, customer_id, occurred_at, recorded_at, actor, origin, "
    "null::uuid, null::uuid, null::bigint, body"
)
WHOLE = (
    "position, stream_id, version, type, customer_id, occurred_at, recorded_at, actor, origin, "
    "command_id, correlation_id, because, body"
)
MIDDLING = (
    "position, stream_id, version, type, customer_id, occurred_at, recorded_at, actor, origin, "
    f"null::uuid, correlation_id, case when not {STANDS} then 0 end::bigint, body"
)
"""The columns of `Recorded`, in its order; SHORT is what a fold needs, MIDDLING what a state does.

In the latter `because` is 0 where the event counts no longer.
"""


@dataclass(frozen=True, slots=True)
class AsOf:
    """A moment to look back from. What is None does not restrict.

    `time`: what was known then, where history that was imported later counts as known when it happened.
    `position`: the log up to there. `known_at`: what had been recorded by then. `valid_at`: what had happened by then,
    with what is known today.
    """

    time: datetime | None = None
    position: int | None = None
    known_at: datetime | None = None
    valid_at: datetime | None = None

    def where(self) -> tuple[str, list[object]]:
        """The condition on `es.event`, and its parameters."""
        conditions: list[str] = []
        parameters: list[object] = []
        if self.time is not None:
            conditions.append("case origin when 'import' then occurred_at else recorded_at end <= %s")
            parameters.append(self.time)
        if self.position is not None:
            conditions.append("position <= %s")
            parameters.append(self.position)
        if self.known_at is not None:
            conditions.append("recorded_at <= %s")
            parameters.append(self.known_at)
        if self.valid_at is not None:
            conditions.append("occurred_at <= %s")
            parameters.append(self.valid_at)
        return " and ".join(conditions) or "true", parameters


NOW = AsOf()


@dataclass(frozen=True, slots=True)
class Part:
    """Every event whose customer or stream falls to part `number` of `of`: what shares one falls to the same part."""

    column: str
    number: int
    of: int

    def where(self, same_as: Mapping[UUID, UUID]) -> tuple[str, list[object]]:
        """The condition on `es.event`, and its parameters. A customer falls to the part of who it is taken to be."""
        if self.column != "customer_id" or not same_as:
            return f"mod(uuid_hash({self.column}) & 2147483647, %s) = %s", [self.of, self.number]
        return (
            "mod(uuid_hash(coalesce((select s.canonical from unnest(%s::uuid[], %s::uuid[]) s (id, canonical) "
            "  where s.id = customer_id), customer_id)) & 2147483647, %s) = %s",
            [id_array(same_as), id_array(same_as.values()), self.of, self.number],
        )


Row = tuple[Any, ...]
_recorded: Callable[[Row], Recorded] = partial(tuple.__new__, Recorded)
_happened: Callable[[Row], Happened] = partial(tuple.__new__, Happened)


class Reader:
    """Reads the log through a pool. Personal values are deciphered only when `disclose` asks for them."""

    def __init__(self, pool: ConnectionPool, codec: Codec, keys: KeyRing) -> None:
        self.pool = pool
        self.codec = codec
        self._personal = Disclosure(pool, codec, keys)

    def head(self) -> int:
        """The last position; 0 if nothing was recorded yet."""
        with self.pool.connection() as db:
            row = db.execute("select max(position) from es.event").fetchone()
        return int(row[0] or 0) if row else 0

    def counts(self) -> dict[str, int]:
        """How many events there are of each stored name."""
        with self.pool.connection() as db:
            return dict(db.execute("select type, count(*) from es.event group by type").fetchall())

    def page(
        self, after: int, limit: int = PAGE_EVENTS, *, types: Sequence[str] | None = None, disclose: Disclose = False
    ) -> list[Happened]:
        """The next events after a position. An unfiltered page has no gaps: raises `LogCorrupted` if it does."""
        if types is not None:
            query = f"select {WHOLE} from es.event where position > %s and type = any(%s::text[]) order by position limit %s"
            return self.ask(query, [after, names_array(types), limit], disclose)
        with self.pool.connection() as db:
            rows = self._rows(
                db, f"select {WHOLE} from es.event where position > %s order by position limit %s", [after, limit]
            )
        if rows and rows[-1][0] != after + len(rows):
            raise LogCorrupted(f"The log has a gap after position {after}: something was removed from it.")
        return self._read(rows, disclose)

    def stream(self, stream_id: UUID, *, disclose: Disclose = False) -> list[Happened]:
        """Every event of one stream, in order."""
        return self.ask(f"select {WHOLE} from es.event where stream_id = %s order by version", [stream_id], disclose)

    def streams(self, stream_ids: Sequence[UUID], *, disclose: Disclose = False) -> list[Happened]:
        """Every event of several streams, stream by stream, in order."""
        query = f"select {MIDDLING} from es.event where stream_id = any(%s::uuid[]) order by stream_id, version"
        return self.ask(query, [id_array(stream_ids)], disclose)

    def personal(self, positions: Sequence[int]) -> dict[int, Happened]:
        """The events at these positions, with their personal values."""
        return self.at(positions, disclose=True)

    def at(self, positions: Collection[int], *, disclose: Disclose = False) -> dict[int, Happened]:
        """The events at these positions."""
        found = self.ask(f"select {WHOLE} from es.event where position = any(%s)", [list(positions)], disclose)
        return {happened.at.position: happened for happened in found}

    def ask(
        self, query: str, parameters: list[object], disclose: Disclose = False, *, planned: bool | None = None
    ) -> list[Happened]:
        """The events that a query finds, which selects WHOLE of them. Not `planned`: what suits depends on the parameters."""
        with self.pool.connection() as db:
            rows = self._rows(db, query, parameters, planned)
        return self._read(rows, disclose)

    def of_customer(
        self, customer_id: UUID, after: int, limit: int = PAGE_EVENTS, *, types: Sequence[str] | None = None
    ) -> list[Happened]:
        """The next events that concern a customer after a position, as they were recorded."""
        kind = "true" if types is None else "type = any(%s)"
        return self.ask(
            f"select {WHOLE} from es.event where customer_id = %s and position > %s and {kind} order by position limit %s",
            [customer_id, after, *([] if types is None else [list(types)]), limit],
        )

    def customers(
        self,
        customer_ids: Sequence[UUID],
        *,
        types: Sequence[str] | None = None,
        as_of: AsOf = NOW,
        disclose: Disclose = False,
        mark: Collection[str] = (),
        kin: Mapping[UUID, UUID] | None = None,
    ) -> list[Happened]:
        """What concerns these customers and whoever is taken to be them, in the order in which it was recorded.

        What was withdrawn is left out, and each event names the customer that its own one is taken to be: see `kin`, which
        may be given. `mark`: for events of these stored names it is only told that a personal text is there.
        """
        position = self.counted_to(as_of)
        with self.pool.connection() as db:
            kin = corrections.kin(db, customer_ids, position) if kin is None else kin
            rows = self._corrected(db, "customer_id", id_array(kin), types, as_of, position, kin)
        return self._read(rows, disclose, mark)

    def of_streams(
        self,
        stream_ids: Collection[UUID],
        *,
        types: Sequence[str] | None = None,
        as_of: AsOf = NOW,
        disclose: Disclose = False,
        mark: Collection[str] = (),
    ) -> list[Happened]:
        """What happened to these streams, corrected as `customers` does, in the order in which it was recorded."""
        position = self.counted_to(as_of)
        with self.pool.connection() as db:
            rows = self._corrected(db, "stream_id", id_array(set(stream_ids)), types, as_of, position)
        return self._read(rows, disclose, mark)

    def streams_of(self, customer_ids: Collection[UUID], position: int) -> set[UUID]:
        """Every stream that had something to do with one of these customers by a position."""
        with self.pool.connection() as db:
            rows = db.execute(
                "select distinct stream_id from es.event where customer_id = any(%s::uuid[]) and position <= %s",
                [id_array(customer_ids), position],
            ).fetchall()
        return {row[0] for row in rows}

    def canonical(self, customer_ids: Collection[UUID], position: int = HEAD) -> dict[UUID, UUID]:
        """Whom each customer was taken to be at a position, or is now; those who are just themselves are left out."""
        with self.pool.connection() as db:
            return corrections.canonical(db, customer_ids, position)

    def kin(self, customer_ids: Collection[UUID], position: int = HEAD) -> dict[UUID, UUID]:
        """These customers and everybody who is taken to be the same as one of them, each with whom it is taken to be."""
        with self.pool.connection() as db:
            return corrections.kin(db, customer_ids, position)

    def whom(self, customer_ids: Collection[UUID], as_of: AsOf = NOW) -> dict[UUID, UUID]:
        """Each of these customers with whom it was taken to be: itself, mostly."""
        known = self.canonical(customer_ids, self.counted_to(as_of))
        return {id: known.get(id, id) for id in customer_ids}

    def corrections(self, as_of: AsOf = NOW) -> Corrections:
        """How the whole log is to be read, as of some moment."""
        position = self.counted_to(as_of)
        with self.pool.connection() as db:
            return corrections.of_all(db, position)

    def withdrawn(self, found: Iterable[Happened]) -> frozenset[UUID]:
        """The correlation ids of these events that count no longer. Only what was imported can be withdrawn."""
        asked = {at.correlation_id for _, at in found if at.origin == Origin.IMPORT and at.correlation_id is not None}
        if not asked:
            return frozenset()
        with self.pool.connection() as db:
            return corrections.withdrawn(db, asked, HEAD)

    def changed_by(self, positions: Sequence[int], position: int) -> Changed:
        """Whom and what the corrections at these positions concern, as it is read at a later one."""
        with self.pool.connection() as db:
            return corrections.changed_by(db, positions, position)

    def as_known(self, found: Sequence[Happened], position: int) -> Sequence[Happened]:
        """The same events, each naming whom its customer was taken to be at a position."""
        customers = {at.customer_id for _, at in found if at.customer_id is not None}
        same_as = self.canonical(customers, position) if customers else {}
        if not same_as:
            return found
        return [
            Happened(event, at._replace(customer_id=same_as[at.customer_id])) if at.customer_id in same_as
            else Happened(event, at)
            for event, at in found
        ]  # fmt: skip

    def fold(
        self,
        *,
        types: Sequence[str],
        as_of: AsOf = NOW,
        after: int = 0,
        disclose: Disclose = False,
        part: Part | None = None,
    ) -> Iterator[list[Happened]]:
        """All events of some types, corrected, page by page in one pass, with the short envelope that a fold needs."""
        where, parameters = as_of.where()
        corrected = self.corrections(as_of)
        if corrected.withdrawn:
            where, parameters = (
                f"{where} and correlation_id <> all(%s::uuid[])",
                [*parameters, id_array(corrected.withdrawn)],
            )
        if part is not None:
            within, numbers = part.where(corrected.same_as)
            where, parameters = f"{where} and {within}", [*parameters, *numbers]
        query = (  # a range of positions is read by the index, however many of its events are asked for
            f"select {SHORT} from es.event "
            f"where position > %s and position <= %s and type = any(%s::text[]) and {where} order by position"
        )
        kinds = names_array(types)
        end = self.head() if as_of.position is None else as_of.position

        def fetch(start: int) -> list[Row]:
            with self.pool.connection() as db:
                return self._rows(db, query, [start, min(start + FOLD_PAGE_EVENTS, end), kinds, *parameters])

        with ThreadPoolExecutor(1, thread_name_prefix="fold") as ahead:  # the server fetches while we fold
            starts = range(after, end, FOLD_PAGE_EVENTS)
            coming = deque(ahead.submit(fetch, start) for start in starts[:2])
            for later in (*starts[2:], None, None):
                if not coming:
                    return
                rows = coming.popleft().result()
                if later is not None:
                    coming.append(ahead.submit(fetch, later))
                if rows:
                    yield self._read(corrected.correct(rows), disclose)

    def position_at(self, moment: datetime) -> int:
        """The last position that was recorded by a moment; 0 before the first."""
        with self.pool.connection() as db:
            row = db.execute("select es.position_at(%s)", [moment]).fetchone()
        return int(row[0] or 0) if row else 0

    def moment_of(self, as_of: AsOf) -> datetime | None:
        """The moment from which is looked back: that of the event, if it is a position. None if that is now."""
        found = [as_of.time, as_of.known_at, as_of.valid_at]
        if as_of.position is not None:
            with self.pool.connection() as db:
                row = db.execute(
                    "select recorded_at from es.event where position <= %s order by position desc limit 1",
                    [as_of.position],
                ).fetchone()
            found += row or ()
        return min((moment for moment in found if moment is not None), default=None)

    def counted_to(self, as_of: AsOf) -> int:
        """Up to where corrections count that are looked for as of some moment."""
        moments = [moment for moment in (as_of.time, as_of.known_at) if moment is not None]
        return min([HEAD if as_of.position is None else as_of.position, *map(self.position_at, moments)])

    def _corrected(
        self,
        db: Connection,
        column: str,
        ids: str,
        types: Sequence[str] | None,
        as_of: AsOf,
        position: int,
        kin: Mapping[UUID, UUID] | None = None,
    ) -> Sequence[Row]:
        where, parameters = as_of.where()
        kind = "true" if types is None else "type = any(%s::text[])"
        rows = self._rows(  # one look by the index for each, by nothing else, whatever the server knows of how much there is
            db,
            f"select {WHOLE} from unnest(%s::uuid[]) asked (id) "
            f" cross join lateral (select {WHOLE} from es.event where {column} = asked.id offset 0) e "
            f" where {kind} and {where} and {STOOD} order by position",
            [ids, *([] if types is None else [names_array(types)]), *parameters, position],
        )
        if kin is None:
            kin = corrections.canonical(db, {row[4] for row in rows if row[4] is not None}, position)
        return Corrections(others(kin)).correct(rows)

    def _rows(self, db: Connection, query: str, values: list[object], planned: bool | None = None) -> list[Row]:
        with db.cursor(binary=True) as cursor:
            return cursor.execute(query, values, prepare=planned).fetchall()

    def _read(self, rows: Sequence[Row], disclose: Disclose, mark: Collection[str] = ()) -> list[Happened]:
        # The quickest ways there are from a row to its event and its envelope: a fold does little else.
        decoders = self.codec.decoders
        found = list(
            map(_happened, zip([decoders[row[3]](row[12]) for row in rows], map(_recorded, rows), strict=True))
        )
        if mark and found:
            self._personal.mark(found, mark)
        if disclose and found:  # of what is marked as well
            self._personal.tell(found, disclose)
        return found
