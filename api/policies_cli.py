"""The policies on the command line: which there are, whether they are in force, and what they do."""

from pathlib import Path
from typing import Annotated

import typer
from psycopg import sql

from api.terminal import Json, catch_up, generated, house, show, table
from processes import POLICIES
from processes.in_words import as_markdown, what
from projections.table import Table
from projections.touchpoints import policies as sheets
from projections.touchpoints.policies import PolicySheet


def policies(
    write: Annotated[Path | None, typer.Option(help="Write those that come with Bitácora to this file.")] = None,
    check: Annotated[bool, typer.Option(help="Only check that the file is up to date.")] = False,
    as_json: Json = False,
) -> None:
    """Say which policies there are, by which version they go, whether they are in force and since when, and what they do."""
    if write is not None:
        generated(write, as_markdown(POLICIES), check)
        return
    with house() as opened:
        catch_up(opened)
        known: Table[PolicySheet] = Table(sheets.view)
        query = sql.SQL("select {} from {} order by policy").format(known.selected, known.identifier)
        with opened.engine.pool_of(sheets.view).connection() as db:
            found = known.select(db, query)
    if as_json:
        names = ("policy", "version", "status", "built_in", "since", "reason", "active_from_position", "rules")
        show([{name: getattr(each, name) for name in names} for each in found])
    else:
        lines = [
            [each.policy, each.version, each.status, "yes" if each.built_in else "no", each.since, what(each.rules)]
            for each in found
        ]
        table("Policies", ["policy", "version", "status", "built in", "since", "what it does"], lines)
