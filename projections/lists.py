"""Lists: any view filtered, ordered and paged by key, as it is now or as it was."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any, Generic, LiteralString, TypeVar, cast
from uuid import UUID

import psycopg
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from domain.kernel import Refused
from eventstore.log import Log
from eventstore.reader import NOW, AsOf
from projections.cursors import MAX_PAGE, Walk, span_of
from projections.facts import Facts, counted
from projections.fold import Fold
from projections.selecting import Clause, Condition, Operator, Order, where_of
from projections.table import Table, table_of
from projections.view import Key, R, View

T = TypeVar("T")

__all__ = ["MAX_PAGE", "Lists", "Page"]


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A page of rows with a cursor for each. `position` is how far the log was folded in."""

    rows: list[R]
    cursors: list[str]
    has_next: bool
    position: int
    has_previous: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    """A connection within a transaction that sees one moment, and how far each view was by then."""

    db: Connection
    positions: dict[str, int]
    rows: dict[str, dict[Key, Any]] = field(default_factory=dict)
    """What was read by key, by view: None where there is no such row."""
    answers: dict[Hashable, Any] = field(default_factory=dict)


LOOK = "begin transaction isolation level repeatable read, read only; select name, position from views.checkpoint"
"""The beginning of a look, in one exchange with the server."""
LOOK_AT_SOME = f"{LOOK}; set local plan_cache_mode = force_generic_plan"
"""The same for what is asked by keys: a plan that suits one of them suits any, so nothing is planned a second time."""


class Lists:
    """Answers questions to the views of one house."""

    def __init__(self, log: Log, pool: ConnectionPool) -> None:
        self.log = log
        self.pool = pool
        self._looks: dict[tuple[int, int], _Look] = {}
        self._together: dict[int, ExitStack] = {}

    def get(self, view: View[R], keys: Sequence[Key]) -> dict[Key, R]:
        """The rows of these keys as they are now, in one query; within a look each row is read once."""
        if not self._looking(view):
            with self.pool_of(view).connection() as db:
                return table_of(view).load(db, keys)
        with self.reading(view) as (db, _):
            seen = self._looks[get_ident(), id(self.pool_of(view))].rows.setdefault(view.name, {})
            if unread := [key for key in keys if key not in seen]:
                seen |= dict.fromkeys(unread) | table_of(view).load(db, unread)
            return {key: row for key in keys if (row := seen[key]) is not None}

    def get_as_of(self, view: View[R], key: Key, as_of: AsOf, *, customer_id: UUID) -> R | None:
        """One row as it was, folded from its customer's events alone."""
        return self.fold(view, as_of, [customer_id]).rows.get(key)

    def once(self, view: View[Any], question: Hashable, answer: Callable[[], T]) -> T:
        """The answer to a question; within a look the one that was given before, as nothing has changed since."""
        with self.reading(view):
            answers = self._looks[get_ident(), id(self.pool_of(view))].answers
            if question not in answers:
                answers[question] = answer()
            return cast(T, answers[question])

    def page(
        self,
        view: View[R],
        conditions: Sequence[Clause] = (),
        order: Sequence[Order] = (),
        *,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        as_of: AsOf = NOW,
        customer_id: UUID | None = None,
    ) -> Page[R]:
        """The `first` rows after a cursor, or the `last` before one. Pages are disjoint and complete while rows are added.

        `customer_id` restricts the list to one customer's rows, and an as-of question to folding that one's events.
        Raises `Refused` for a size, cursor, column or value that cannot be.
        """
        span = span_of(first, after, last, before)
        if customer_id is not None:
            conditions = [*conditions, Condition("customer_id", Operator.EQ, customer_id)]
        with self.opened(view, as_of, None if customer_id is None else [customer_id]) as (db, table, position):
            walk = Walk(table, conditions, order, span)
            query = sql.SQL("select {}, {} from {} where {} order by {} limit %s").format(
                table.selected, walk.places, table.identifier, walk.where, walk.sorting
            )
            with comparing(), db.cursor(binary=True) as cursor:
                found = cursor.execute(query, [*walk.parameters, span.size + 1]).fetchall()
        return page_of(table, walk, found, position)

    def count(
        self, view: View[R], conditions: Sequence[Clause] = (), *, as_of: AsOf = NOW, customer_id: UUID | None = None
    ) -> int:
        """How many rows there are."""
        if customer_id is not None:
            conditions = [*conditions, Condition("customer_id", Operator.EQ, customer_id)]
        with self.opened(view, as_of, None if customer_id is None else [customer_id]) as (db, table, _):
            where, parameters = where_of(table, conditions)
            query = sql.SQL("select count(*) from {} where {}").format(table.identifier, where)
            with comparing():
                row = db.execute(query, parameters).fetchone()
        return int(row[0]) if row else 0

    def position(self, view: View[R]) -> int:
        """How far the log is folded into a view; within a look, by its beginning."""
        if self._looking(view):
            with self.reading(view) as (_, position):
                return position
        with self.pool_of(view).connection() as db:
            row = db.execute("select position from views.checkpoint where name = %s", [view.checkpoint]).fetchone()
        return int(row[0]) if row else 0

    def pool_of(self, view: View[R]) -> ConnectionPool:
        """Where a view's table is."""
        return self.log.pool if view.beside_log else self.pool

    @contextmanager
    def reading(self, view: View[Any], *, some: bool = False) -> Iterator[tuple[Connection, int]]:
        """One consistent look at where a view's tables are, and how far the log is folded in there.

        Within a look, whatever else is asked in the same thread looks from the same moment, and needs no other connection.
        `some`: all that is asked is asked by keys, of a few customers and not of all.
        """
        pool, look, together = self.pool_of(view), self._look_of(view), self._together.get(get_ident())
        if look is not None:
            try:
                yield look.db, look.positions.get(view.checkpoint, 0)
            except psycopg.Error:
                if together is not None:  # the look is over, and whoever asks next takes another
                    together.close()
                raise
        elif together is not None:
            together.enter_context(self._look(pool, LOOK_AT_SOME))
            with self.reading(view) as found:
                yield found
        else:
            with self._look(pool, LOOK_AT_SOME if some else LOOK) as look:
                yield look.db, look.positions.get(view.checkpoint, 0)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Until the end of this, all that is asked in this thread, by keys, looks from the moment of the first question."""
        me = get_ident()
        with ExitStack() as stack:
            self._together[me] = stack
            try:
                yield
            finally:
                del self._together[me]

    def _looking(self, view: View[Any]) -> bool:
        """Whether what is asked in this thread is to look from the same moment as something else."""
        return get_ident() in self._together or self._look_of(view) is not None

    def _look_of(self, view: View[Any]) -> _Look | None:
        """The look that this thread is having at where a view's tables are."""
        return self._looks.get((get_ident(), id(self.pool_of(view))))

    @contextmanager
    def _look(self, pool: ConnectionPool, beginning: LiteralString) -> Iterator[_Look]:
        here = get_ident(), id(pool)
        with pool.connection() as db:
            found = db.execute(beginning)
            found.nextset()
            look = self._looks[here] = _Look(db, dict(found.fetchall()))
            try:
                yield look
            finally:
                del self._looks[here]
                if not db.broken:
                    db.execute("commit")

    @contextmanager
    def opened(
        self, view: View[R], as_of: AsOf, customer_ids: Sequence[UUID] | None = None
    ) -> Iterator[tuple[Connection, Table[R], int]]:
        """The view's table, or one of the same shape that holds what the view held then and goes with the transaction.

        Also how far the log is folded in. Looking back, `customer_ids` is whose events are folded: everybody's, if None.
        """
        if as_of == NOW or isinstance(view, Facts):
            with self.reading(view) as (db, position):
                table = table_of(view)
                if isinstance(view, Facts):
                    table = table.seen_in(counted(view, as_of, self.log.reader))
                yield db, table, position
            return
        if view.owner is not None:
            raise Refused(f"{view.name} holds every moment already: filter it by its moments.", "asOf")
        position = as_of.position if as_of.position is not None else self.log.reader.head()
        fold = self.fold(view, as_of, customer_ids)
        with self.pool_of(view).connection() as db, db.transaction():
            past = Table(view, f"{view.name}__as_of", schema="pg_temp")
            past.create(db, temporary=True)
            past.copy_in(db, fold.rows.values(), temporary=True)
            yield db, past, position

    def fold(self, view: View[R], as_of: AsOf, customer_ids: Sequence[UUID] | None = None) -> Fold[R]:
        """A view as it was, in memory; folded from some customers' events alone, if they are named."""
        names = self.log.codec.names(view.events)
        disclose = bool(view.personal)
        fold = Fold(view)
        if customer_ids is not None:
            fold.apply(self.log.reader.customers(customer_ids, types=names, as_of=as_of, disclose=disclose))
        else:
            for page in self.log.reader.fold(types=names, as_of=as_of, disclose=disclose):
                fold.apply(page)
        return fold


def page_of(table: Table[R], walk: Walk[R], found: Sequence[Sequence[Any]], position: int) -> Page[R]:
    """The page that a walk has found: its columns and then its places, one row more than is shown."""
    shown, has_next, has_previous = walk.cut(found)
    rows = [table.row(row[:-1]) for row in shown]
    return Page(rows, [walk.cursor(row[-1]) for row in shown], has_next, position, has_previous)


@contextmanager
def comparing() -> Iterator[None]:
    """Turns what PostgreSQL cannot compare into a refusal."""
    try:
        yield
    except psycopg.DataError as error:
        raise Refused(f"A value cannot be compared: {error.diag.message_primary or error}.", "filter") from error
