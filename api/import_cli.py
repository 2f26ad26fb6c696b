"""The import commands: one for each layout, and what was imported, to be looked at and taken back."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from api.house import House
from api.importers import IMPORTERS, batches, importing
from api.importers import commands as commands_importer
from api.importers.importing import Importer
from api.importers.mapped import SHIPPED, importer_of, shipped
from api.terminal import Json, catch_up, fail, house, progress, say, show, table
from domain.kernel import Refused
from eventstore.commands import identify
from eventstore.envelope import Origin
from projections.selecting import Order
from projections.touchpoints import imports

SHORT_ID = 8

app = typer.Typer(
    help="Take in files. What was taken before is not taken twice, so any import may be run again.",
    no_args_is_help=True,
)
File = Annotated[str, typer.Argument(help="The file, plain or .gz; - reads the standard input.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Decide everything and write nothing.")]
Set = Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="A setting of this importer; see above.")]
Refusals = Annotated[Path | None, typer.Option(help="A file that takes every refused line and why, as JSON lines.")]


def _import_command(importer: Importer) -> None:
    """The command of an importer, with its settings in its help."""
    told = "\n\n".join(f"--set {name}={default or '...'}   {said}" for name, said, default in importer.settings)

    def command(
        file: File,
        settings: Set = [],  # noqa: B006  # typer reads it, and nobody changes it
        dry_run: DryRun = False,
        refusals: Refusals = None,
        as_json: Json = False,
    ) -> None:
        _import(importer, file, Origin.IMPORT, dry_run, refusals, as_json, settings)

    app.command(importer.name, help=f"{importer.description}\n\n{told}")(command)


for _importer in IMPORTERS:
    if _importer is not commands_importer.importer:
        _import_command(_importer)


@app.command("commands")
def import_commands(
    file: File,
    origin: Annotated[Origin, typer.Option(help="live sets policies off; import and sync do not.")] = Origin.IMPORT,
    dry_run: DryRun = False,
    refusals: Refusals = None,
    as_json: Json = False,
) -> None:
    """Take in commands, one JSON object on each line (docs/import.md)."""
    _import(commands_importer.importer, file, origin, dry_run, refusals, as_json)


@app.command("mapped")
def import_mapped(
    mapping: Annotated[str, typer.Argument(help=f"A mapping file, or one of ours: {', '.join(SHIPPED)}.")],
    file: File,
    settings: Set = [],  # noqa: B006  # typer reads it, and nobody changes it
    dry_run: DryRun = False,
    refusals: Refusals = None,
    as_json: Json = False,
) -> None:
    """Take in any table, or any lines of JSON, by a mapping file that says what they mean (docs/mapping.md)."""
    try:
        importer = shipped(mapping) if mapping in SHIPPED else importer_of(mapping)
    except Refused as refused:
        fail(f"{mapping}{f', {refused.field}' if refused.field else ''}: {refused.reason}")
    _import(importer, file, Origin.IMPORT, dry_run, refusals, as_json, settings)


@app.command("list")
def list_imports(as_json: Json = False) -> None:
    """Show what was imported, and what was taken back."""
    with house() as opened:
        found = _imports(opened)
    if as_json:
        show(found)
    elif not found:
        say("Nothing was imported yet.")
    else:
        rows = [
            [
                str(entry.import_batch_id)[:SHORT_ID], f"{entry.started_at:%Y-%m-%d %H:%M}", entry.source, entry.file,
                entry.status, entry.imported, entry.rejected,
            ]
            for entry in found
        ]  # fmt: skip
        table("Imports, the latest first", ["id", "began", "layout", "file", "status", "taken", "refused"], rows)


@app.command("revert")
def revert_import(
    batch: Annotated[str, typer.Argument(help="The import's id, or how it begins: bitacora import list.")],
    reason: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Even if what it began has changed since.")] = False,
) -> None:
    """Take an import back: nothing of it counts any longer, and the file may be imported again."""
    with house() as opened:
        actor = f"user:{getpass.getuser()}"
        named = [entry.import_batch_id for entry in _imports(opened) if str(entry.import_batch_id).startswith(batch)]
        batch_id = named[0] if len(named) == 1 else identify("import_batch", batch, "batch")
        events = batches.revert(opened.log, batch_id, reason, actor=actor, anyway=anyway)
        catch_up(opened)
    say(f"Taken back: {events:,} events of this import count no longer. They stay in the log, as all history does.")


def _imports(opened: House) -> list[imports.ImportEntry]:
    """The latest imports."""
    opened.engine.catch_up([imports.view])
    return opened.lists.page(imports.view, order=[Order("started_at", descending=True)]).rows


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
            catch_up(opened)
    if as_json:
        show(report.as_json())
    else:
        for line in report.lines():
            say(line)
    if not report.complete:
        raise typer.Exit(1)
