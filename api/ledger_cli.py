"""The ledger on the command line: what the policies promised and what came of it, and what they would have."""

from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from api.simulating import policy_of, simulated
from api.terminal import Json, catch_up, fail, house, progress, say, show, table
from processes import POLICIES
from processes.calendar import HOME_ZONE
from processes.completeness import Completeness
from processes.simulated import Simulation

MAX_DAYS_SHOWN = 400


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


def simulate(
    key: Annotated[str, typer.Argument(help="Which policy; bitacora ledger names those that did something.")],
    since: Annotated[str | None, typer.Option("--from", help="A day, or a moment with its zone.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The last day, or a moment with its zone.")] = None,
    imported: Annotated[bool, typer.Option(help="What was imported counts as if it had happened live.")] = False,
    as_json: Json = False,
) -> None:
    """Say what a policy would have decided over a past, day by day, and why not more; nothing is written."""
    with house() as opened:
        policy = policy_of(opened, key)
        begin, end = _moment(since, 0), _moment(until, 1)
        with progress(f"Simulating {key}", "events") as tell:
            found = simulated(opened, policy, begin, end, imported, tell)
    if as_json:
        show({**asdict(found), "rows": [asdict(row) for row in found.rows]})
    else:
        _print(found)


def _print(found: Simulation) -> None:
    kinds = ("promised", "sent", "done", "postponed", "suppressed", "cancelled")
    days = [[day.day, *(getattr(day, kind) for kind in kinds)] for day in found.days[-MAX_DAYS_SHOWN:]]
    table(f"{found.policy}, version {found.version}: decisions by day", ["day", *kinds], days)
    if found.reasons:
        table("Why not", ["reason", "times"], [[each.reason, each.count] for each in found.reasons])
    if found.workload:
        rows = [[each.day, each.staff_id or "nobody yet", each.tasks] for each in found.workload]
        table("Work", ["day", "staff", "tasks"], rows)
    say(
        f"{found.sent:,} would have been sent to {found.recipients:,} customers; {found.consent:,} met with a consent that "
        f"was missing, {found.caps:,} with a cap. {found.waiting:,} would still be open. Nothing was written."
    )
    if found.failed:
        say(f"About {found.failed:,} it could not decide: see the log of the worker.", style="red")


def _moment(text: str | None, days_later: int) -> datetime | None:
    """A day's midnight by the company's clocks, or so many days later; a moment as it is."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text) + timedelta(days=days_later), time(), ZoneInfo(HOME_ZONE))
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text} is neither a day, such as 2026-01-31, nor a moment, such as 2026-01-31T10:00+01:00.", 2)
    if moment.tzinfo is None:
        fail(f"{text} has no zone: write +01:00 or Z behind it.", 2)
    return moment
