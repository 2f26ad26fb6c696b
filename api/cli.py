"""The command line: `bitacora --help` says what there is, and each command's `--help` how it is used."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from api import (
    audit_cli,
    certificate_cli,
    differing_cli,
    erasure_cli,
    import_cli,
    journal_cli,
    keys_cli,
    ledger_cli,
    looking_back,
    mining_cli,
    policies_cli,
    running,
    sealing_cli,
    segments_cli,
    subject_cli,
)
from api import doctor as checks
from api.operator import note_read
from api.terminal import Json, catch_up, fail, generated, house, progress, say, show, table
from domain import DECIDERS
from eventstore.catalogue import as_markdown, catalogue, sentence
from eventstore.commands import identify
from eventstore.garbage import collect_seldom
from eventstore.reader import NOW
from projections import VIEWS
from projections.rebuild import Rebuilt, rebuild_all

app = typer.Typer(
    name="bitacora",
    help="Bitácora: a CRM whose every number can be explained by the events behind it.",
    epilog="First steps: bitacora up, then bitacora demo in another terminal. Settings: bitacora doctor.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(import_cli.app, name="import")
app.add_typer(keys_cli.app, name="keys")
app.add_typer(erasure_cli.app, name="privacy")
erasure_cli.app.command("certificate")(certificate_cli.certify)
erasure_cli.app.command("verify-certificate")(certificate_cli.verify_certificate)
erasure_cli.app.command()(subject_cli.export)
erasure_cli.app.command()(subject_cli.reads)
erasure_cli.app.command()(subject_cli.retention)
erasure_cli.app.command("prune-reads")(subject_cli.prune)
erasure_cli.app.command("may-contact")(subject_cli.may)
app.add_typer(sealing_cli.app, name="sealing")
app.add_typer(audit_cli.app, name="audit")
for _command in (*journal_cli.COMMANDS, *differing_cli.COMMANDS, *mining_cli.COMMANDS):
    audit_cli.app.command(_command.__name__)(_command)
app.command()(ledger_cli.ledger)
app.command()(ledger_cli.simulate)
app.command()(policies_cli.policies)
app.command()(segments_cli.segments)


@app.command()
def up() -> None:
    """Start everything: the database, the GraphQL server, the followers of the log and the clock."""
    running.build_schema_ahead()
    with house() as opened:
        running.up(opened)


@app.command()
def serve() -> None:
    """Start the GraphQL server alone. Run `bitacora work` beside it, as often as you like."""
    running.build_schema_ahead()
    with house() as opened:
        running.serve(opened)


@app.command()
def work() -> None:
    """Follow the log: keep the views up to date, react to what happens, send what is due."""
    with house() as opened:
        running.work(opened)


@app.command()
def query(
    text: Annotated[str, typer.Argument(help="The GraphQL document; - reads it from the standard input.")],
    variables: Annotated[str, typer.Option(help="Variables as a JSON object.")] = "{}",
) -> None:
    """Ask a question in GraphQL, without a server, and print the answer as JSON."""
    from api.schema import execute

    try:
        given = json.loads(variables)
    except ValueError as error:
        fail(f"--variables is not JSON: {error}.", 2)
    with house() as opened:
        answer = execute(opened, sys.stdin.read() if text == "-" else text, given)
    show(answer)
    if answer.get("errors"):
        raise typer.Exit(1)


@app.command()
def replay(
    customer: Annotated[str, typer.Argument(help="An id, source:key, an e-mail, a phone or a card number.")],
    as_of: Annotated[
        str | None,
        typer.Option(
            help="A day, a moment with its zone, or a position; known: or valid: before a day, or both. Now, if not given."
        ),
    ] = None,
    diff: Annotated[tuple[str, str] | None, typer.Option(help="Two moments: what changed between them.")] = None,
    as_json: Json = False,
) -> None:
    """Look back: what was known of a customer at some moment, from the events alone."""
    with house() as opened:
        whom = looking_back.customer_id(opened, customer)
        note_read(opened, [whom], "replay")
        if diff is not None:
            found = looking_back.changes(opened, whom, *map(looking_back.moment, diff))
            if as_json:
                show(
                    {each.field: {"before": each.before, "after": each.after, "events": each.events} for each in found}
                )
            else:
                table(
                    f"{whom}: {diff[0]} to {diff[1]}",
                    ["field", "before", "after", "because of"],
                    [[each.field, each.before, each.after, ", ".join(map(str, each.events))] for each in found],
                )
            return
        known = looking_back.customer_as_of(opened, whom, looking_back.moment(as_of) if as_of else NOW)
    if as_json:
        show(known)
    elif not known:
        say(f"Nothing was known of {whom} then.")
    else:
        _print_known(str(whom), as_of or "now", known)


@app.command()
def agenda(
    staff: Annotated[str, typer.Argument(help="Whose: the id, or source:key, of somebody of the company.")],
    ics: Annotated[str | None, typer.Option(metavar="FILE", help="Write iCalendar to this file; - prints it.")] = None,
) -> None:
    """Print the link by which a calendar program follows somebody's agenda, or write the agenda as iCalendar."""
    from api.agenda import calendar_of, link_to

    with house() as opened:
        whose = identify("staff", staff, "staff")
        content = link_to(opened, whose) if ics is None else calendar_of(opened, whose).decode()
    if ics is None:
        say(content)
    elif ics == "-":
        sys.stdout.write(content)
    else:
        Path(ics).write_bytes(content.encode())
        say(f"Wrote {ics}.")


def _print_known(whom: str, when: str, known: dict[str, Any]) -> None:
    facts = {**known["customer"], **known["card"]}
    table(
        f"{whom} as of {when}",
        ["field", "value"],
        [[name, value] for name, value in facts.items() if value not in (None, "", (), {})],
    )
    orders = [
        [
            row["placed_at"] or row["last_return_at"],
            row["number"],
            row["status"],
            row["total"],
            row["returned"],
            row["currency"],
        ]
        for row in known["orders"]
    ]
    table(f"Orders (the last {len(orders)})", ["when", "number", "status", "total", "returned", "currency"], orders)
    entries = [
        [row["occurred_at"], row["type"], row["channel"], row["amount"], row["reason"], row["position"]]
        for row in known["timeline"]
    ]
    table(f"Timeline (the last {len(entries)})", ["when", "what", "channel", "amount", "reason", "position"], entries)


CLAIMS = "claims"


@app.command()
def rebuild(
    views: Annotated[list[str] | None, typer.Argument(help="Which views; all of them, if none is named.")] = None,
    as_json: Json = False,
) -> None:
    """Build views anew from the log beside those that serve, check them and swap them; nobody has to wait.

    `claims` is the index of what only one can hold: who owns which identifier, and who was merged into whom.
    """
    known = {view.name: view for view in VIEWS}
    for name in views or ():
        if name not in known and name != CLAIMS:
            fail(f"There is no view {name}. There are {', '.join(known)}, and {CLAIMS}.", 2)
    done: list[Rebuilt] = []
    with house() as opened:
        if views is None or CLAIMS in views:
            events = opened.log.rebuild_claims()
            if not as_json:
                say(f"claims: made anew from {events:,} events that claim what only one can hold.")
        asked = list(known.values()) if views is None else [known[name] for name in views if name != CLAIMS]
        if asked:
            with progress(
                f"Rebuilding {len(asked)} views" if asked[1:] else f"Rebuilding {asked[0].name}", "events"
            ) as tell:
                done = rebuild_all(opened.engine, asked, progress=tell)
    if as_json:
        show([{name: getattr(built, name) for name in built.__slots__} for built in done])
        return
    for built in done:
        say(_rebuilt(built) + ("" if done[1:] else f" {_pace(built)}"))
    if done[1:]:
        say(f"{len(done)} views in one pass over the log {_pace(done[-1])}")


def _rebuilt(built: Rebuilt) -> str:
    same = "identical to the one before" if built.unchanged else "not the same as before"
    return f"{built.view}: {built.rows:,} rows up to event {built.position:,}, digest {built.digest}, {same}"


def _pace(built: Rebuilt) -> str:
    rate = f"{built.events / built.seconds:,.0f} events/s" if built.seconds else ""
    return f"({built.seconds:.1f} s, {rate})"


@app.command()
def events(
    after: Annotated[int, typer.Option(help="Positions after this one, from the log itself.")] = -1,
    write: Annotated[Path | None, typer.Option(help="Write the catalogue to this file.")] = None,
    check: Annotated[bool, typer.Option(help="Only check that the file is up to date.")] = False,
    as_json: Json = False,
) -> None:
    """The catalogue of commands and events; with --after, the events of the log after a position."""
    if after >= 0:
        with house() as opened:
            for _, at in opened.log.reader.page(after, 100):
                whom = str(at.customer_id or "")
                say(f"{at.position:>8}  {at.occurred_at:%Y-%m-%d %H:%M}  {at.type:<32} {whom:<36} {at.actor}")
        return
    if write is not None:
        generated(write, as_markdown(DECIDERS), check)
    elif as_json:
        show(catalogue(DECIDERS))
    else:
        rows = [[event.stored_as, sentence(event)] for decider in DECIDERS for event in decider.events]
        table(f"{len(rows)} kinds of events (commands and schemas: --json)", ["stored as", "what happened"], rows)


@app.command("export-schema")
def export_schema(
    write: Annotated[Path, typer.Option(help="Where the schema goes.")] = Path("schema.graphql"),
    check: Annotated[bool, typer.Option(help="Only check that the file is up to date.")] = False,
) -> None:
    """Write the GraphQL schema as SDL."""
    from api.schema import print_sdl

    generated(write, print_sdl(), check)


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Another seed is another company.")] = 1,
    as_json: Json = False,
) -> None:
    """Load a small generated company: a year of its life, through the real commands and policies."""
    from api.demo import demo as load

    with house() as opened:
        with progress("Simulating a year", "days") as tell:
            loaded = load(opened, seed=seed, progress=tell)
        catch_up(opened)
    show(loaded.as_json()) if as_json else say(loaded.sentence())


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is wrong, what it means and what to do."""
    found = checks.examine()
    if as_json:
        show([{"name": each.name, "ok": each.ok, "says": each.says} for each in found])
    else:
        for each in found:
            say(
                f"{'ok  ' if each.ok else 'BAD '} {each.name}: {each.says}",
                style=None if each.ok else "red",
            )
    if not all(each.ok for each in found):
        raise typer.Exit(1)


def main() -> None:
    """Runs the command line."""
    collect_seldom()
    app()
