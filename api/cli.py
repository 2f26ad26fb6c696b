"""The command line: `bitacora --help` says what there is, and each command's `--help` how it is used."""

import getpass
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from api import doctor as checks
from api import looking_back, running
from api.house import House, open_house
from api.importers import IMPORTERS, batches, importing
from api.importers import commands as commands_importer
from api.importers.importing import Importer
from api.settings import Settings
from api.terminal import fail, progress, say, show, table
from domain import DECIDERS
from domain.kernel import Refused
from eventstore.catalogue import as_markdown, catalogue, sentence
from eventstore.commands import identify
from eventstore.database import SchemaError, Unavailable
from eventstore.embedded import EmbeddedServerError
from eventstore.envelope import Origin
from eventstore.personal import KeyFileError
from eventstore.reader import NOW
from projections import VIEWS, imports
from projections.rebuild import RebuildFailed, Rebuilt
from projections.rebuild import rebuild as rebuild_view
from projections.selecting import Order

app = typer.Typer(
    name="bitacora",
    help="Bitácora: a CRM whose every number can be explained by the events behind it.",
    epilog="First steps: bitacora up, then bitacora demo in another terminal. Settings: bitacora doctor.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
importers = typer.Typer(
    help="Take in files. What was taken before is not taken twice, so any import may be run again.",
    no_args_is_help=True,
)
app.add_typer(importers, name="import")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
File = Annotated[str, typer.Argument(help="The file, plain or .gz; - reads the standard input.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Decide everything and write nothing.")]
Set = Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="A setting of this importer; see above.")]
Refusals = Annotated[Path | None, typer.Option(help="A file that takes every refused line and why, as JSON lines.")]


@contextmanager
def house() -> Iterator[House]:
    """An open house; whatever can be wrong with the surroundings is said in a sentence."""
    try:
        with open_house(Settings()) as opened:
            yield opened
    except ValidationError as error:
        for found in error.errors():
            name = "_".join(map(str, found["loc"])).upper()
            fail(f"The setting BITACORA_{name} cannot be {found['input']!r}: {found['msg']}.", 2)
    except Refused as refused:
        fail(refused.reason)
    except (Unavailable, SchemaError, EmbeddedServerError, KeyFileError, RebuildFailed) as error:
        fail(str(error))


@app.command()
def up() -> None:
    """Start everything: the database, the GraphQL server, the followers of the log and the clock."""
    with house() as opened:
        running.up(opened)


@app.command()
def serve() -> None:
    """Start the GraphQL server alone. Run `bitacora work` beside it, as often as you like."""
    with house() as opened:
        running.serve(opened)


@app.command()
def work() -> None:
    """Follow the log: keep the views up to date, react to what happens, send what is due."""
    with house() as opened:
        running.work(opened)


def _import_command(importer: Importer) -> None:
    """The command of an importer, with its settings in its help."""
    told = "".join(f"  --set {name}=...  {said} [{default}]" for name, said, default in importer.settings)

    def command(
        file: File,
        settings: Set = [],  # noqa: B006  # typer reads it, and nobody changes it
        dry_run: DryRun = False,
        refusals: Refusals = None,
        as_json: Json = False,
    ) -> None:
        _import(importer, file, Origin.IMPORT, dry_run, refusals, as_json, settings)

    importers.command(importer.name, help=f"{importer.description}\n\n{told}")(command)


for _importer in IMPORTERS:
    if _importer is not commands_importer.importer:
        _import_command(_importer)


@importers.command("commands")
def import_commands(
    file: File,
    origin: Annotated[Origin, typer.Option(help="live sets policies off; import and sync do not.")] = Origin.IMPORT,
    dry_run: DryRun = False,
    refusals: Refusals = None,
    as_json: Json = False,
) -> None:
    """Take in commands, one JSON object on each line (docs/import.md)."""
    _import(commands_importer.importer, file, origin, dry_run, refusals, as_json)


@importers.command("list")
def list_imports(as_json: Json = False) -> None:
    """Show what was imported, and what was taken back."""
    with house() as opened:
        opened.engine.catch_up([imports.view])
        found = opened.lists.page(imports.view, order=[Order("started_at", descending=True)]).rows
    if as_json:
        show(found)
    elif not found:
        say("Nothing was imported yet.")
    else:
        columns = ("import_batch_id", "source", "file", "run", "status", "imported", "rejected", "started_at")
        table("Imports", list(columns), [[getattr(entry, name) for name in columns] for entry in found])


@importers.command("revert")
def revert_import(
    batch: Annotated[str, typer.Argument(help="The import's id, as bitacora import list shows it.")],
    reason: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Even if what it began has changed since.")] = False,
) -> None:
    """Take an import back: nothing of it counts any longer, and the file may be imported again."""
    with house() as opened:
        actor = f"user:{getpass.getuser()}"
        events = batches.revert(
            opened.log, identify("import_batch", batch, "batch"), reason, actor=actor, anyway=anyway
        )
        _catch_up(opened)
    say(f"Taken back: {events:,} events of this import count no longer. They stay in the log, as all history does.")


def _import(
    importer: Importer, file: str, origin: Origin, dry_run: bool, refusals: Path | None, as_json: bool,
    settings: Sequence[str] = (),
) -> None:  # fmt: skip
    given = {}
    for each in settings:
        name, equals, value = each.partition("=")
        if not equals:
            fail(f"--set takes name=value, not {each!r}.", 2)
        given[name] = value
    with house() as opened:
        with progress(f"Importing {Path(file).name}", "bytes") as tell:
            report = importing.run(
                importer, file, log=opened.log, commands=opened.commands, origin=origin, dry_run=dry_run, refusals=refusals,
                settings=given, progress=lambda at: tell(at.bytes_read, at.bytes_total or 0),
            )  # fmt: skip
        if not dry_run and report.events:
            _catch_up(opened)
    if as_json:
        show(report.as_json())
    else:
        for line in report.lines():
            say(line)
    if not report.complete:
        raise typer.Exit(1)


def _catch_up(opened: House) -> None:
    """Brings the views to where the log is, with a bar; others that follow the log may do a part of it."""
    head = opened.log.reader.head()
    with progress("Bringing the views up to date", "events") as tell:
        opened.engine.catch_up(moved=lambda: tell(min(each.position for each in opened.engine.standings()), head))


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
        str | None, typer.Option(help="A day, a moment with its zone, or a position. Now, if not given.")
    ] = None,
    diff: Annotated[tuple[str, str] | None, typer.Option(help="Two moments: what changed between them.")] = None,
    as_json: Json = False,
) -> None:
    """Look back: what was known of a customer at some moment, from the events alone."""
    with house() as opened:
        whom = looking_back.customer_id(opened, customer)
        if diff is not None:
            before, after = (looking_back.customer_as_of(opened, whom, looking_back.moment(text)) for text in diff)
            found = looking_back.changes(before, after)
            if as_json:
                show({change.field: {"before": change.before, "after": change.after} for change in found})
            else:
                table(
                    f"{whom}: {diff[0]} to {diff[1]}",
                    ["field", "before", "after"],
                    [[c.field, c.before, c.after] for c in found],
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


@app.command()
def rebuild(
    views: Annotated[list[str] | None, typer.Argument(help="Which views; all of them, if none is named.")] = None,
    as_json: Json = False,
) -> None:
    """Build views anew from the log beside those that serve, check them and swap them; nobody has to wait."""
    known = {view.name: view for view in VIEWS}
    for name in views or ():
        if name not in known:
            fail(f"There is no view {name}. There are {', '.join(known)}.", 2)
    done = []
    with house() as opened:
        for name in views or known:
            with progress(f"Rebuilding {name}", "events") as tell:
                built = rebuild_view(opened.engine, known[name], progress=tell)
            done.append(built)
            if not as_json:
                say(_rebuilt(built))
    if as_json:
        show([{name: getattr(built, name) for name in built.__slots__} for built in done])


def _rebuilt(built: Rebuilt) -> str:
    same = "identical to the one before" if built.unchanged else "not the same as before"
    rate = f"{built.events / built.seconds:,.0f} events/s" if built.seconds else ""
    return (
        f"{built.view}: {built.rows:,} rows up to event {built.position:,}, digest {built.digest}, {same} "
        f"({built.seconds:.1f} s, {rate})"
    )


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
        _generated(write, as_markdown(DECIDERS), check)
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

    _generated(write, print_sdl(), check)


def _generated(file: Path, text: str, check: bool) -> None:
    if check:
        if not file.exists() or file.read_text() != text:
            fail(f"{file} is not what the code says. Run the same command without --check and commit the file.")
        say(f"{file} is up to date.")
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        say(f"Wrote {file}.")


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
        _catch_up(opened)
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
    app()
