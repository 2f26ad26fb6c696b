"""What facts are joined with in a cube: rows of views, as they are, as they were, or as they were when the fact happened."""

from typing import Any

from psycopg import sql

from eventstore.reader import NOW, AsOf, Reader
from projections.facts import Facts
from projections.figures.cube import Join
from projections.history import past


def alias(join: Join) -> str:
    """Under which name the rows are joined."""
    return f"join_{join.name}"


def joined(join: Join, facts: Facts[Any], as_of: AsOf, reader: Reader) -> sql.Composed:
    """The join in SQL. To a fact there is at most one row."""
    name = sql.Identifier(alias(join))
    on: list[sql.Composable] = [
        sql.SQL("{}.{} = {}").format(name, sql.Identifier(theirs), sql.Identifier(facts.name, ours))
        for theirs, ours in join.on.items()
    ]
    rows: sql.Composable
    if join.then:
        assert join.view.versions is not None
        rows = sql.Identifier("views", join.view.versions.name)
        moment = sql.Identifier(facts.name, "occurred_at")
        on.append(
            sql.SQL("{0}.valid_from <= {1} and ({0}.valid_until is null or {0}.valid_until > {1})").format(name, moment)
        )
    else:
        rows = _rows(join, as_of if join.view.history else NOW, reader)
    return sql.SQL("left join {} as {} on {}").format(rows, name, sql.SQL(" and ").join(on))


def _rows(join: Join, as_of: AsOf, reader: Reader) -> sql.Composed:
    columns = _listed([*join.on, *(column.name for column in join.shown)])
    table = past(join.view, as_of, reader)
    if join.latest is None:
        return sql.SQL("(select {} from {})").format(columns, table)
    return sql.SQL("(select distinct on ({0}) {1} from {2} order by {0}, {3} desc nulls last, {4})").format(
        _listed(list(join.on)), columns, table, sql.Identifier(join.latest), _listed(list(join.view.row.key))
    )


def _listed(names: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, dict.fromkeys(names)))
