"""Sealing on the command line: how far the log is sealed and by which keys, and what an operator may have to do."""

from datetime import timedelta
from typing import Annotated

import typer

from api import running
from api.house import House
from api.terminal import Json, fail, house, say, show, table
from eventstore.database import LogCorrupted, Unavailable
from eventstore.sealing.agreement import Inconsistent
from eventstore.sealing.heads import Head, Heads, newest, origin_of
from eventstore.sealing.keys import MAX_OVERLAP, OVERLAP, SigningKeyError
from eventstore.sealing.leaves import Unsealable
from eventstore.sealing.sealer import Elsewhere
from eventstore.sealing.sources import EVENTS
from eventstore.sealing.state import StateError

app = typer.Typer(
    name="sealing",
    help="The log as a Merkle tree with signed heads: see docs/sealing.md.",
    no_args_is_help=True,
)

PROBLEMS = (Inconsistent, LogCorrupted, StateError, SigningKeyError, Unsealable, Elsewhere, Unavailable)
MAX_REASON = 1_000


@app.command()
def status(as_json: Json = False) -> None:
    """Say how far the log is sealed, by which keys, and where else its last heads are known."""
    with house() as opened:
        refused = running.sealer(opened).refusal_file
        reason = refused.read_text() if refused.exists() else None
        with opened.log.pool.connection() as db:
            head = newest(db, EVENTS)
            anchors = db.execute(
                "select kind, name, max(size), max(at) from es.anchor where tree = %s group by kind, name order by kind, name",
                [0 if head is None else head.tree],
            ).fetchall()
        events, keys = opened.log.reader.head(), list(map(str, Heads(opened.log.pool).keys()))
    sealed = 0 if head is None else head.size
    if as_json:
        show(
            {
                "origin": head.origin if head else None,
                "size": sealed,
                "waiting": events - sealed,
                "checkpoint": head.checkpoint.short if head else None,
                "signedAt": head.signed_at if head else None,
                "keys": keys,
                "anchors": [dict(zip(("kind", "name", "size", "at"), row, strict=True)) for row in anchors],
                "refuses": reason,
            }
        )
    else:
        _print(head, events - sealed, keys, reason)
        if anchors:
            table("Where else it is known", ["kind", "by", "size", "at"], [list(row) for row in anchors])
    if reason is not None:
        raise typer.Exit(1)


@app.command()
def now(as_json: Json = False) -> None:
    """Seal all there is and sign it, for scripts; bitacora up and work do it all the time by themselves."""
    with house() as opened:
        with running.sealer(opened) as sealer:
            try:
                size = sealer.run()
            except PROBLEMS as error:
                fail(str(error))
        head = Heads(opened.log.pool).latest()
    if as_json:
        show({"size": size, "checkpoint": head.checkpoint.short if head else None})
    else:
        say(f"{size:,} events are sealed." if head else "There is nothing to seal yet.")


@app.command()
def checkpoint() -> None:
    """Print the last signed checkpoint, as it is given to auditors."""
    with house() as opened:
        note = Heads(opened.log.pool).note()
    if note is None:
        fail("Nothing was sealed yet. To do it now: bitacora sealing now.")
    typer.echo(note, nl=False)


@app.command()
def keys(as_json: Json = False) -> None:
    """Say which keys sign, until when, and their public halves, which the auditor is to have."""
    with house() as opened:
        file, origin = running.key_file(opened.settings), _origin(opened)
        try:
            found = file.of(origin)
        except SigningKeyError as error:
            fail(str(error))
    if as_json:
        show([{"key": str(key.signer.key), "until": key.until} for key in found])
    else:
        for key in found:
            typer.echo(f"{key.signer.key}{f' until {key.until}' if key.until else ''}")


@app.command()
def rotate(
    overlap_days: Annotated[
        int, typer.Option(min=0, max=MAX_OVERLAP.days, help="For how many days the key before signs as well.")
    ] = OVERLAP.days,
) -> None:
    """Make a new key that signs from the next head on; the one before signs beside it for a while."""
    with house() as opened:
        if opened.settings.sealing_program is not None:
            fail("A program signs (BITACORA_SEALING_PROGRAM): its key is changed where it is kept.")
        try:
            key = running.key_file(opened.settings).rotate(_origin(opened), timedelta(days=overlap_days))
        except SigningKeyError as error:
            fail(str(error))
    say(f"From the next head on this key signs. Give it to the auditor:\n{key}")


@app.command("begin-anew")
def begin_anew(
    because: Annotated[str, typer.Option(help="Why what was sealed cannot be continued; it is kept for ever.")],
) -> None:
    """Close the tree and seal the log as it is now under a new name: when what was sealed is lost for good."""
    if not 0 < len(because.strip()) <= MAX_REASON:
        fail(f"Say why, in at most {MAX_REASON:,} characters: --because ...", 2)
    with house() as opened, running.sealer(opened) as sealer:
        try:
            origin = sealer.begin_anew(because.strip())
        except PROBLEMS as error:
            fail(f"{error} Stop bitacora up and bitacora work first." if isinstance(error, Elsewhere) else str(error))
    say(
        f"A new tree was begun: {origin}. Tell the auditor, with the last checkpoint of the one before; "
        "bitacora sealing keys says the new key."
    )


def _origin(opened: House) -> str:
    with opened.log.pool.connection() as db:
        row = db.execute(
            "select log_id from es.tree where source = %s order by tree desc limit 1", [EVENTS.name]
        ).fetchone()
    if row is None:
        fail("Nothing was sealed yet, so there is no key. To begin: bitacora sealing now.")
    return origin_of(EVENTS.name, row[0])


def _print(head: Head | None, waiting: int, keys: list[str], reason: str | None) -> None:
    if head is None:
        say("Nothing is sealed yet. bitacora up and bitacora work seal by themselves.")
    else:
        say(f"{head.origin}: {head.size:,} events are sealed, {waiting:,} wait.")
        say(f"The last head was signed at {head.signed_at:%Y-%m-%d %H:%M:%S} UTC: {head.checkpoint.short}")
        for key in keys:
            typer.echo(f"Signed by {key}")
    if reason is not None:
        say(reason, style="red")
