"""Looking back on the command line: any row, any KPI and the pipeline, as of one moment or compared between two."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, cast

import typer

from api import looking_back
from api.house import House
from api.schema.explaining import key_of
from api.terminal import Json, as_json, catch_up, fail, house, say, show, table
from eventstore.commands import camel
from eventstore.reader import NOW, AsOf
from projections import VIEWS
from projections.buckets import BUSINESS_ZONE
from projections.customers.decided import DIFFER, ReplayVerdict, decision_replay
from projections.differing import Difference, differences, row_at
from projections.figures.explaining import Cause
from projections.figures.kpi_differing import kpi_difference
from projections.figures.kpi_explaining import explain_kpi
from projections.selling.waterfall import steps, waterfall
from projections.view import Key, View

MOMENT = (
    "A day, a moment with its zone, or a position; known:2026-03-01 is what had been recorded by then, valid:2026-01-31 what "
    "had happened by then, and known:2026-03-01,valid:2026-01-31 both."
)
MAX_SHOWN_EVENTS = 8
"""How many of the events behind a difference stand in its line; --json shows all."""

Named = Annotated[
    str, typer.Argument(metavar="VIEW", help="Which view: customers, customer_360, opportunities, cases ...")
]
Keyed = Annotated[list[str], typer.Argument(metavar="KEY", help="The id of the row; of several columns, all in order.")]
Start = Annotated[str, typer.Option("--from", help=MOMENT)]
End = Annotated[str | None, typer.Option("--to", help="The other moment, in the same forms. Now, if not given.")]
Day = Annotated[str, typer.Argument(help="A day, as 2026-01-31.")]
Zone = Annotated[str, typer.Option(help="Whose days they are, by its IANA name.")]


def replay(
    view: Named,
    key: Keyed,
    as_of: Annotated[str | None, typer.Option(help=f"{MOMENT} Now, if not given.")] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Show any row of any view as of a moment, folded from the events alone."""
    with house() as opened:
        of, which = _row(opened, view, key)
        row = row_at(opened.lists, of, which, _moment(as_of))
    shown = None if row is None else {part.name: getattr(row, part.name) for part in fields(cast(Any, row))}
    if json:
        show(shown)
    elif shown is None:
        say("There was no such row then.")
    else:
        rows = [[name, _cell(value)] for name, value in shown.items() if value not in (None, "", (), {})]
        table(f"{of.name} as of {as_of or 'now'}", ["field", "value"], rows)


def diff(
    view: Named,
    key: Keyed,
    since: Start,
    until: End = None,
    field: Annotated[list[str] | None, typer.Option(help="Only this field; may be given several times.")] = None,
    json: Json = False,
) -> None:
    """Say what changed in any row of any view between two moments, and because of which events."""
    with house() as opened:
        of, which = _row(opened, view, key)
        start, end = looking_back.moment(since, "from"), _moment(until, "to")
        found = differences(opened.lists, of, which, start, end, [_column(of, each) for each in field or ()])
    if json:
        show({"existed": found.before, "exists": found.after, "corrections": found.corrections,
              "changes": [_plain(each) for each in found.fields]})  # fmt: skip
        return
    if not found.fields:
        say("Nothing changed in this row." if found.before else "There was no such row at either moment.")
    else:
        rows = [[each.field, _cell(each.before), _cell(each.after), _behind(each)] for each in found.fields]
        table(f"{of.name}: {since} to {until or 'now'}", ["field", "before", "after", "because of"], rows)
    if found.corrections:
        say(
            f"In between, at {_positions(found.corrections)}, customers were merged or unmerged or an import was taken back."
        )


def kpi(
    key: Annotated[str, typer.Argument(help="Which one, such as revenue or win_rate.")],
    first_day: Day,
    last_day: Day,
    as_of: Annotated[str | None, typer.Option(help=f"{MOMENT} Now, if not given.")] = None,
    compare: Annotated[str | None, typer.Option(help="Another moment: what changed from --as-of to there.")] = None,
    part: Annotated[str | None, typer.Option(help="Which of the sums that it is made of.")] = None,
    zone: Zone = BUSINESS_ZONE,
    json: Json = False,
) -> None:
    """Show a KPI of some days as of a moment, with the facts behind it, or what changed in it between two moments."""
    days = (_day(first_day, "first-day"), _day(last_day, "last-day"))
    with house() as opened:
        catch_up(opened)
        moment = _moment(as_of)
        if compare is None:
            shown = explain_kpi(opened.lists, key, *days, part=part, zone=zone, as_of=moment)
        else:
            other = looking_back.moment(compare, "compare")
            changed = kpi_difference(opened.lists, key, *days, moment, other, part=part, zone=zone)
    if compare is None:
        if json:
            show(_fields(shown))
            return
        say(f"{key} from {first_day} to {last_day} as of {as_of or 'now'}: {_figure(shown.value)}")
        rows = [[fact.position, fact.customer_id, fact.amount if fact.counted_as is None else fact.counted_as]
                for fact in shown.facts if fact.restated]  # fmt: skip
        table(
            f"The facts of {shown.part}{', the first of them' if shown.has_next else ''}",
            ["position", "customer", "amount"],
            rows,
        )
    elif json:
        show(_fields(changed))
    else:
        before, after = changed.before, changed.after
        say(f"{key} from {first_day} to {last_day}: {_figure(before.value)} as of {as_of or 'now'}, "
            f"{_figure(after.value)} as of {compare}.")  # fmt: skip
        if before.definition != after.definition:
            say(f"By version {before.definition.version} of its definition then, {after.definition.version} now.")
        rows = [[each.position, each.customer_id, each.before if each.counted_before is None else each.counted_before,
                 each.after if each.counted_after is None else each.counted_after]
                for each in changed.changes]  # fmt: skip
        table(f"What changed in {changed.part}", ["position", "customer", "before", "after"], rows)


def pipeline(since: Start, until: End = None, json: Json = False) -> None:
    """Say what made the open pipeline of one moment into that of another, part by part, with the events behind it."""
    with house() as opened:
        catch_up(opened)
        start = looking_back.moment(since, "from")
        end = _moment(until, "to")
        found, behind = waterfall(opened.lists, start, end), steps(opened.lists, start, end)
    if json:
        show({"currency": found.currency, "opening": _fields(found.opening), "closing": _fields(found.closing),
              "parts": [_fields(each) for each in found.parts], "steps": [_fields(each) for each in behind]})  # fmt: skip
        return
    rows: list[list[Any]] = [["OPENING", found.opening.opportunities, found.opening.amount, found.opening.weighted, ""]]
    for each in found.parts:
        positions = [step.position for step in behind if step.kind is each.kind]
        rows.append([each.kind.value, each.net, each.amount, each.weighted, _positions(positions)])
    rows.append(["CLOSING", found.closing.opportunities, found.closing.amount, found.closing.weighted, ""])
    title = f"The open pipeline: {since} to {until or 'now'}, in {found.currency or 'no currency yet'}"
    table(title, ["part", "opportunities", "amount", "weighted", "because of"], rows)


WRONG = DIFFER | {ReplayVerdict.TAMPERED}
"""The verdicts that are no good."""


def screen(
    position: Annotated[int, typer.Argument(help="The event by which a benefit was asked for, authorised or denied.")],
    json: Json = False,
) -> None:
    """Show the screen again that somebody had when a benefit was decided; 1 if it is not the one that was stored then."""
    with house() as opened:
        found = decision_replay(opened.lists, position)
    if json:
        show(asdict(found))
    else:
        decided = {"decision": found.type, "at": found.decided_at, "benefit": found.asked_for, "customer": found.customer_id,
                   "approver": found.approver, "screen of position": found.screen_position, "screen": found.screen_verdict,
                   "digest stored then": found.screen_digest, "rule, as of position": found.inputs_position,
                   "rule": found.inputs_verdict, "inputs stored then": found.inputs_digest,
                   "tampered with": found.tampered_position}  # fmt: skip
        table(
            f"The decision at position {position}",
            ["", ""],
            [[name, value] for name, value in decided.items() if value],
        )
        if found.screen is None:
            say("Nobody was known then.")
        else:
            rows = [[part.name, _told(getattr(found.screen, part.name))] for part in fields(found.screen)]
            table(f"The screen at {found.screen.seen_at:%Y-%m-%d %H:%M:%S} UTC", ["field", "value"],
                  [row for row in rows if row[1] not in (None, "")])  # fmt: skip
    if {found.screen_verdict, found.inputs_verdict} & WRONG:
        raise typer.Exit(1)


def _told(value: Any) -> Any:
    if is_dataclass(value):
        return as_json(asdict(cast(Any, value)), indent=False)
    return _cell(value)


def _row(opened: House, name: str, key: Sequence[str]) -> tuple[View[Any], Key]:
    """The view of a name, as it is called here or in GraphQL, and a key of it."""
    views = {called: view for view in VIEWS for called in (view.name, camel(view.name))}
    if name not in views:
        near = get_close_matches(name, views, n=1)
        fail(f"There is no view {name}.{f' Did you mean {near[0]}?' if near else ''}", 2)
    view = views[name]
    if view.row.key == ("customer_id",) and len(key) == 1:
        return view, looking_back.customer_id(opened, key[0])
    return view, key_of(view, list(key))


def _moment(text: str | None, field: str = "as-of") -> AsOf:
    return NOW if text is None else looking_back.moment(text, field)


def _column(view: View[Any], name: str) -> str:
    return next((column.name for column in view.columns if name in (column.name, camel(column.name))), name)


def _behind(each: Difference) -> str:
    gone = f"without {_positions(_at(each.gone))}" if each.gone else ""
    return " ".join(filter(None, (_positions(_at(each.causes)), gone)))


def _cell(value: Any) -> Any:
    return as_json(value, indent=False) if isinstance(value, Mapping | tuple | list) else value


def _at(causes: Sequence[Cause]) -> list[int]:
    return [cause.happened.at.position for cause in causes]


def _positions(found: Sequence[int]) -> str:
    more = len(found) - MAX_SHOWN_EVENTS
    shown = ", ".join(map(str, found[-MAX_SHOWN_EVENTS:]))
    return f"{shown} and {more:,} before" if more > 0 else shown


def _plain(each: Difference) -> dict[str, Any]:
    return {
        "field": each.field, "before": each.before, "after": each.after,
        "causes": [_cause(cause) for cause in each.causes], "gone": [_cause(cause) for cause in each.gone],
    }  # fmt: skip


def _cause(cause: Cause) -> dict[str, Any]:
    at = cause.happened.at
    return {"position": at.position, "type": at.type, "before": cause.before, "after": cause.after}


def _fields(of: Any) -> dict[str, Any]:
    return {part.name: getattr(of, part.name) for part in fields(of)}


def _figure(value: Any) -> str:
    return "none" if value is None else f"{value:f}"


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"{field} {text!r} is not a day, as 2026-01-31.", 2)


COMMANDS: tuple[Callable[..., None], ...] = (replay, diff, kpi, pipeline, screen)
"""What is registered under `bitacora audit`."""
