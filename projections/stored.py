"""What is stored of a view: the table of its rows, with those of its facts and of its rows' versions."""

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any, Generic

from psycopg import Connection, sql

from projections.fold import Fold
from projections.history import open_versions
from projections.table import Table
from projections.view import Key, R, View

BUILD, RETIRED = "__build", "__retired"


class Stored(Generic[R]):
    """The tables of a view, under their own names or, with a suffix, those of a build beside them."""

    def __init__(self, view: View[R], suffix: str = "") -> None:
        self.view = view
        self.rows = Table(view, view.name + suffix)
        self.facts: dict[type[Any], Table[Any]] = {facts.row: Table(facts, facts.name + suffix) for facts in view.facts}
        self.versions: Table[Any] | None = (
            None if view.versions is None else Table(view.versions, view.versions.name + suffix)
        )

    @property
    def tables(self) -> Iterator[Table[Any]]:
        """Each of them, the rows first."""
        yield self.rows
        yield from self.facts.values()
        if self.versions is not None:
            yield self.versions

    # Making them.

    def create(self, db: Connection, *, keyed: bool = True) -> None:
        """Makes the tables; without their keys where they are filled first and indexed afterwards."""
        for table in self.tables:
            table.create(db, keyed=keyed)

    def index(self, db: Connection, *, keyed: bool = True) -> None:
        """Makes the indexes, and the keys if the tables were made without."""
        for table in self.tables:
            if not keyed:
                table.add_key(db)
            table.index(db)

    def analyze(self, db: Connection) -> None:
        """Tells the planner what is in the tables. Not in the transaction that filled them: its rows would count as not
        yet looked at, and the server would do it once more."""
        for table in self.tables:
            db.execute(sql.SQL("analyze {}").format(table.identifier))

    def drop(self, db: Connection) -> None:
        """Removes them, if they are there."""
        for table in self.tables:
            db.execute(sql.SQL("drop table if exists {}").format(table.identifier))

    def rename(self, db: Connection, suffix: str) -> None:
        """Gives those that are there the view's own names, with a suffix."""
        for table in self.tables:
            db.execute(
                sql.SQL("alter table if exists {} rename to {}").format(
                    table.identifier, sql.Identifier(table.view.name + suffix)
                )
            )

    def digest(self, db: Connection) -> tuple[int, int]:
        """How many rows the view has, and a sum over all tables that does not depend on the order."""
        counts, sums = zip(*(table.digest(db) for table in self.tables), strict=True)
        return counts[0], sum(sums)

    # Writing them.

    def load(self, db: Connection, fold: Fold[R], keys: Collection[Key]) -> None:
        """What a fold has to go on from for these keys."""
        if self.view.appends:
            return
        fold.rows = self.rows.load(db, keys)
        fold.before = self.rows.noted(fold.rows)
        if fold.versions is not None and self.versions is not None:
            fold.versions.open = open_versions(db, self.versions, keys)

    def write(self, db: Connection, fold: Fold[R], gone: Collection[Key]) -> None:
        """What a fold changed."""
        self.rows.upsert(db, fold.changed(), fold.before)
        self.rows.delete(db, gone)
        for row, table in self.facts.items():
            table.upsert(db, fold.facts[row])
        if self.versions is not None and fold.versions is not None:
            self.versions.upsert(db, fold.versions.all())

    def forget(self, db: Connection, keys: Iterable[Key]) -> None:
        """Removes the facts and the versions of these keys, which are made anew."""
        whose = list(keys)
        for table in self.tables:
            if whose and table is not self.rows:
                db.execute(
                    sql.SQL("delete from {} where {} = any(%s)").format(table.identifier, sql.Identifier(table.key[0])),
                    [whose],
                )


@cache
def stored_of(view: View[R]) -> Stored[R]:
    """What serves a view: its tables are worked out once, and not for each batch of events."""
    return Stored(view)
