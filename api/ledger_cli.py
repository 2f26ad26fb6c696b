"""The ledger on the command line: what the policies promised and what came of it, and whether anything is missing."""

from typing import Annotated

import typer

from api.terminal import Json, catch_up, house, progress, say, show, table
from processes import POLICIES
from processes.completeness import Completeness


def ledger(
    check: Annotated[
        bool, typer.Option(help="Look through all triggers for one without a row; 1 if there is.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say how many follow-ups of each policy stand where; with --check, whether every trigger has its row."""
    with house() as opened:
        if check:
            with progress("Looking through the triggers", "events") as tell:
                found = Completeness(opened.log, opened.engine, POLICIES).check(progress=tell)
            if as_json:
                show([{"policy": gap.policy, "position": gap.position} for gap in found])
            else:
                for gap in found:
                    say(gap.sentence(), style="red")
                if not found:
                    say("Every trigger since the policies were activated has its row in the ledger.")
            if found:
                raise typer.Exit(1)
            return
        catch_up(opened)
        with opened.engine.pool.connection() as db:
            rows = db.execute(
                "select policy, status, coalesce(reason, ''), count(*) from views.follow_ups group by 1, 2, 3 order by 1, 2, 3"
            ).fetchall()
    if as_json:
        names = ("policy", "status", "reason", "count")
        show([dict(zip(names, row, strict=True)) for row in rows])
    else:
        table("The ledger of follow-ups", ["policy", "status", "reason", "count"], [list(row) for row in rows])
