"""The policies on the command line: which there are, whether they are in force, and what they do."""

from psycopg import sql

from api.terminal import Json, catch_up, house, show, table
from domain.rules import Delay, Rules
from projections.table import Table
from projections.touchpoints import policies as sheets
from projections.touchpoints.policies import PolicySheet


def policies(as_json: Json = False) -> None:
    """Say which policies there are, by which version they go, whether they are in force and since when, and what they do."""
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


def what(rules: Rules | None) -> str:
    """The rules in a line: `3 days after order.placed, at 10:00: SEND_MESSAGE`."""
    if rules is None:
        return ""
    events = " or ".join(each.event.rpartition(".")[0] for each in rules.triggers)
    wait = soon(rules.delay)
    return f"{wait} after {events}{f', at {rules.delay.at}' if rules.delay.at else ''}: {rules.action.kind}"


def soon(delay: Delay) -> str:
    """How long it waits."""
    unit = delay.unit.lower().replace("_", " ")
    return f"{delay.count} {unit if delay.count != 1 else unit.removesuffix('s')}" if delay.count else "at once"
