"""Keys on the command line: how they stand, the monthly rotation, and what only the data protection officer may do."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from api.house import House
from api.looking_back import customer_id
from api.operator import note_read
from api.terminal import Json, fail, house, progress, say, show, table
from domain.kernel import sealed_fields
from eventstore.custody.officer import Officer, fingerprint
from eventstore.custody.reading import OfficersRing
from eventstore.custody.values import BlockedValues
from eventstore.reader import PAGE_EVENTS, Reader
from processes.restored_keys import do_again

app = typer.Typer(
    help="The keys of personal values: how they stand, the monthly rotation, and the officer's key (docs/keys.md).",
    no_args_is_help=True,
)
Customer = Annotated[str, typer.Argument(help="An id, source:key, an e-mail, a phone or a card number.")]
OfficersFile = Annotated[Path, typer.Option("--key", help="The file that `bitacora keys dpo` made.")]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="A file that holds it; asked for, if not given.")
]


@app.command()
def status(as_json: Json = False) -> None:
    """Say which epochs there are, how many keys are in which state, and who can open what is blocked."""
    with house() as opened:
        standings, counts, officer = opened.epochs.standings(), opened.custodian.counts(), opened.custodian.officer()
    known = None if officer is None else fingerprint(officer[1])
    if as_json:
        show({"epochs": [each._asdict() for each in standings], "keys": counts, "officer": known})
        return
    rows = [
        [each.epoch, each.state, each.keys, f"{each.provider}: {each.reference}", _day(each.made_at), _day(each.retired_at),
         _day(each.emptied_at), _day(each.destroyed_at)]
        for each in standings
    ]  # fmt: skip
    table("Epochs", ["epoch", "state", "keys", "kept by", "made", "retired", "emptied", "destroyed"], rows)
    states = ", ".join(f"{counts.get(state, 0):,} {state.lower()}" for state in ("ACTIVE", "BLOCKED", "DESTROYED"))
    say(f"Keys: {states}.")
    say(f"What is blocked opens with the key {known}." if known else "Nobody can block yet: bitacora keys dpo FILE.")


@app.command()
def rotate(as_json: Json = False) -> None:
    """Begin a new epoch: make a key-encryption key, wrap every key by it, and end old epochs whose time has come.

    `bitacora work` does it each month. Back up what keeps the keys right after (docs/keys.md).
    """
    with house() as opened:
        with progress("Wrapping keys anew", "keys") as tell:
            done = opened.epochs.rotate(datetime.now(UTC), tell)
        days = opened.settings.keys_retention_days
    if done is None:
        fail("Somebody else rotates at this moment. Nothing was changed by this one; look again: bitacora keys status.")
    if as_json:
        show(done._asdict())
        return
    say(f"Epoch {done.epoch} is active; {done.rewrapped:,} keys were wrapped anew. Back up its key now.")
    if done.destroyed:
        say(f"Destroyed for good: the keys of epoch {', '.join(map(str, done.destroyed))}.")
    say(
        f"The key of the epoch before is destroyed in {days} days, and backups of the keys from before are useless then."
    )


@app.command("destroy-again")
def destroy_again() -> None:
    """After the keys' database was restored from a backup: destroy and block again what the log says was since.

    Run it before anything else, while nobody uses the server. Twice is the same as once. It needs the officer's key to be
    named: bitacora keys dpo, if the backup is from before that.
    """
    with house() as opened, progress("Blocking again", "people") as tell:
        done = do_again(opened.log, opened.custodian, tell)
    if done == (0, 0):
        say("Nothing that was destroyed or blocked is there again.")
    else:
        say(
            f"{done.destroyed:,} keys were there again, and are destroyed; {done.blocked:,} could be read, and are blocked."
        )


@app.command()
def dpo(
    file: Annotated[Path, typer.Argument(help="Where the private half goes; not on this server, in the end.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make the data protection officer's key: from now on it is sealed to it, and only its holder can read what is blocked.

    The private half is written to the file, under a passphrase that is asked for. Take the file away from the server and
    keep two copies: without it what is blocked is lost. What was sealed to an earlier key stays sealed to that one.
    """
    passphrase = _passphrase(passphrase_file, confirm=True)
    with house() as opened:
        officer = Officer.new()
        officer.write(file, passphrase)
        opened.custodian.name_officer(officer.public)
    say(f"Wrote {file}, key {fingerprint(officer.public)}. Take it away from this server, and keep two copies.")


@app.command()
def read(customer: Customer, key: OfficersFile, passphrase_file: PassphraseFile = None, as_json: Json = False) -> None:
    """Read what is blocked of a customer, for a judge, a prosecutor or an authority; it stays blocked."""
    with house() as opened:
        officer = Officer.read(key, _passphrase(passphrase_file))
        note_read(opened, [customer_id(opened, customer)], "keys read: what is blocked")
        found = _blocked(opened, officer, customer)
    if as_json:
        show(found)
    elif not found:
        say("Nothing is blocked of them.")
    else:
        rows = [[each["position"], each["occurred_at"], each["type"], each["field"], each["value"]] for each in found]
        table(f"What is blocked of {customer}", ["position", "when", "event", "field", "value"], rows)


@app.command()
def unblock(customer: Customer, key: OfficersFile, passphrase_file: PassphraseFile = None) -> None:
    """Give back what was blocked of a customer, so that everybody can read it again. The views show it when rebuilt."""
    with house() as opened:
        officer = Officer.read(key, _passphrase(passphrase_file))
        standings = opened.custodian.of([customer_id(opened, customer)])
        done = opened.custodian.unblock([each.key_id for each in standings if each.state == "BLOCKED"], officer)
    say(f"{done} keys of {customer} are active again. To show it in the views: bitacora rebuild.")


def _blocked(opened: House, officer: Officer, customer: str) -> list[dict[str, Any]]:
    """Every value of a customer that is under a blocked key, or was blocked by itself."""
    whom = customer_id(opened, customer)
    blocked = [each.key_id for each in opened.custodian.of([whom]) if each.state == "BLOCKED"]
    with opened.log.pool.connection() as db:
        held = db.execute(
            "select position, slot from es.personal where subject_id = %s and key_id = any(%s) order by position, slot",
            [whom, blocked],
        ).fetchall()
    reader = Reader(opened.log.pool, opened.log.codec, OfficersRing(opened.custodian, officer))
    found = []
    for start in range(0, len(held), PAGE_EVENTS):
        some = held[start : start + PAGE_EVENTS]
        events = reader.personal([position for position, _ in some])
        for position, slot in some:
            event, at = events[position]
            name = list(sealed_fields(type(event)))[slot]
            said = {"position": position, "occurred_at": at.occurred_at, "type": at.type, "field": name}
            found.append({**said, "value": getattr(event, name)})
    return sorted(found + _corrected(opened, officer, whom), key=lambda each: each["position"])


def _corrected(opened: House, officer: Officer, whom: UUID) -> list[dict[str, Any]]:
    """Every value of a customer that was corrected."""
    values = BlockedValues(opened.custodian).opened([whom], officer)
    events = opened.log.reader.personal([each.position for each in values])
    found = []
    for each in values:
        event, at = events[each.position]
        name = list(sealed_fields(type(event)))[each.slot]
        said = {"position": each.position, "occurred_at": at.occurred_at, "type": at.type, "field": name}
        found.append({**said, "value": orjson.loads(each.value), "corrected_by": each.because})
    return found


def _passphrase(file: Path | None, confirm: bool = False) -> str:
    if file is not None:
        try:
            return file.read_text().rstrip("\n")
        except OSError as error:
            fail(f"The file {file} cannot be read: {error.strerror}.", 2)
    if not sys.stdin.isatty():
        fail("There is nobody to ask for the passphrase: give --passphrase-file.", 2)
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm))


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d}"
