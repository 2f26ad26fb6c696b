"""Subject access on the command line: the copy of a person's data, who looked at them, and whether they may be written to."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api import looking_back
from api.operator import operator
from api.subject_access import copy_of, write
from api.terminal import Json, catch_up, fail, house, progress, say, show, table
from domain.consent import Purpose
from domain.subject_access import SubjectAccessKind
from domain.values import Channel
from eventstore.reads import KEPT_YEARS
from eventstore.reads import prune as drop_reads
from processes.may_contact import may_contact
from processes.retention import Executor, decide_on, outdated

DAYS_OF_A_YEAR = 366
"""The longest one: two of them are never less than the two years that the database insists on."""
MAX_YEARS = 100


class Language(StrEnum):
    """The languages of the page."""

    ES = "es"
    EN = "en"


Whom = Annotated[str, typer.Argument(help="An id, source:key, an e-mail, a phone or a card number.")]


def export(
    customer: Whom,
    output: Annotated[Path, typer.Option("--output", "-o", help="The zip to write; it must not be there yet.")],
    portable: Annotated[bool, typer.Option(help="Only what the person gave themselves (GDPR, article 20).")] = False,
    language: Annotated[Language, typer.Option(help="The language of the page.")] = Language.ES,
) -> None:
    """Write the copy of all data of a person (GDPR, article 15), for people and for programs. It is noted in the log."""
    if output.exists():
        fail(f"{output} is there already: name another file.", 2)
    kind = SubjectAccessKind.PORTABILITY if portable else SubjectAccessKind.ACCESS
    with house() as opened:
        catch_up(opened)
        whom = looking_back.customer_id(opened, customer)
        with progress("Reading", "events") as tell:
            made = copy_of(opened, whom, kind, language.value, actor=operator(), progress=tell)
        write(made, output)
    say(
        f"Wrote {output}: {made.events:,} events with {made.personal_values:,} personal values, up to {made.position:,}."
    )
    say(f"SHA-256 {made.digest}; the log says that it was made.")


def reads(customer: Whom, as_json: Json = False) -> None:
    """Say who looked at the personal values of a person, when, and what for."""
    with house() as opened:
        whom = looking_back.customer_id(opened, customer)
        found = opened.reads.of({whom, *opened.log.reader.kin([whom])})
    if as_json:
        show(
            [
                {"at": each.recorded_at, "actor": each.actor, "door": each.door, "purpose": each.purpose}
                for each in found
            ]
        )
    else:
        rows = [[each.recorded_at.isoformat(" ", "seconds"), each.actor, each.door, each.purpose] for each in found]
        table(f"Who looked at {whom}", ["when", "who", "by", "what for"], rows)


def may(
    customer: Whom,
    purpose: Annotated[Purpose, typer.Argument(help="What for.")],
    channel: Annotated[Channel, typer.Argument(help="By which channel.")],
    at: Annotated[str | None, typer.Option(help="A moment with its zone; now, if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Say whether a person may be turned to, on which legal basis, and which event says so; 1 if not."""
    with house() as opened:
        whom = looking_back.customer_id(opened, customer)
        moment = datetime.now(UTC) if at is None else looking_back.moment(at).time or datetime.now(UTC)
        found = may_contact(opened.log.reader, whom, purpose, channel, moment)
    if as_json:
        show(found)
    elif found.allowed:
        later = f", from {found.allowed_from.isoformat(' ', 'minutes')} on" if found.allowed_from else ""
        say(f"Yes{later}: {found.legal_basis}, by the event at {found.position}.")
    else:
        said = f", by the event at {found.position}" if found.position is not None else ""
        say(f"No: {found.reason}{said}.")
    if not found.allowed:
        raise typer.Exit(1)


def retention(
    apply: Annotated[bool, typer.Option(help="Destroy what the rules let go. Without it nothing is done.")] = False,
    as_json: Json = False,
) -> None:
    """Say what personal values are older than their law allows, by class; with --apply they are destroyed for good.

    Whoever is held by a law, or by a hold of an erasure request, is left alone. bitacora work looks each night as well, and
    tells you or destroys it: see BITACORA_RETENTION.
    """
    with house() as opened:
        found = outdated(opened.log, opened.engine, opened.custodian, datetime.now(UTC).date())
        rows = [
            {
                "class": each.rule.key_class,
                "years": each.rule.years,
                "countedFrom": each.rule.counted_from,
                "legalBasis": each.rule.legal_basis,
                "keys": len(each.keys),
                "people": each.people,
                "held": each.held,
            }
            for each in found
        ]
        if as_json:
            show(rows)
        else:
            table("What is older than its law allows", list(rows[0]), [list(row.values()) for row in rows])
        if not apply:
            say("Nothing was done. To destroy it: bitacora privacy retention --apply")
            return
        keys = decide_on(opened.log, found, actor=operator())
        erased, waiting = Executor(opened.log, opened.engine, opened.custodian, opened.dsn).run()
    say(f"{keys:,} keys are destroyed, and {erased:,} values erased.")
    if waiting:
        say(
            "The rest is erased once the log is sealed up to here: by bitacora work at night, or by this command again."
        )


def prune(
    years: Annotated[
        int, typer.Option(min=KEPT_YEARS, max=MAX_YEARS, help="Keep those of so many years.")
    ] = KEPT_YEARS,
    as_json: Json = False,
) -> None:
    """Drop the entries of the log of reads that are older than they are kept; that they were there stays proven.

    Only what is sealed is dropped, and the last entry that is old enough stays. Run it each month. `bitacora audit verify` says
    PRUNED of such a log, and TAMPERED if anything younger is missing.
    """
    before = datetime.now(UTC) - timedelta(days=DAYS_OF_A_YEAR * years)
    with house() as opened, progress("Dropping", "reads") as tell:
        dropped = drop_reads(opened.dsn, before, lambda done: tell(done, done))
    if as_json:
        show({"dropped": dropped, "before": before.isoformat()})
    else:
        say(f"Dropped {dropped:,} reads from before {before:%Y-%m-%d}.")
