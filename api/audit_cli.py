"""The auditor's commands: whether the log is what was sealed, proofs of single events, and evidence to take away."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from uuid import UUID

import psycopg
import typer
from psycopg import Connection

from api import looking_back
from api.house import House
from api.operator import note_read
from api.terminal import Json, fail, house, progress, say, show
from domain.kernel import Refused
from eventstore import corrections
from eventstore.arrays import id_array
from eventstore.database import as_application, reachable
from eventstore.evidence.bundle import MAX_SLICE, write_bundle
from eventstore.evidence.disclosing import Discloser
from eventstore.evidence.examining import examine
from eventstore.evidence.keeping import Kept, kept_in, keys_in, policy_of
from eventstore.evidence.proofs import inclusion, leaf_hashes
from eventstore.evidence.reads import ReadsReport, examine_reads
from eventstore.evidence.tree import known_keys, sealed_log
from eventstore.evidence.verdict import Report, Verdict
from eventstore.reader import HEAD
from eventstore.sealing.merkle import NotProven, leaf_hash
from eventstore.sealing.notes import NoteError, Proof, VerifierKey

AUDIT_ROLE = "es_audit"
STATEMENT_TIMEOUT_S = 600
SHOWN = 20
EXIT = {Verdict.OK: 0, Verdict.ERASED_OK: 0, Verdict.PRUNED: 0, Verdict.TAMPERED: 1, Verdict.UNSEALED: 3}
INCOMPARABLE = 2

app = typer.Typer(
    help="Look into the log: search it, ask why, check that nothing was changed, and take evidence away.",
    no_args_is_help=True,
)

Checkpoints = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint", help="What you kept: checkpoints, or an older bundle. The house's own file, if left out."
    ),
]
Policy = Annotated[
    Path | None, typer.Option(help="The keys that you trust, as a C2SP tlog-policy. Those of the house, if left out.")
]


@app.command()
def verify(checkpoint: Checkpoints = None, policy: Policy = None, as_json: Json = False) -> None:
    """Read every event again and hold it against the tree, every signed head, and what was kept outside; every read too.

    The last line is the verdict. Exit codes: 0 OK or ERASED-OK, 1 TAMPERED, 2 nothing kept can be compared, 3 UNSEALED.
    """
    with house() as opened:
        kept = _kept(opened, checkpoint)  # before the log is looked at: what is signed meanwhile is not missed in it
        keys = [] if policy is None else keys_in(policy)
        with auditing(opened) as db, progress("Reading the log again", "events") as tell:
            report = examine(db, keys=keys, kept=kept.checkpoints, older=kept.leaves, progress=tell)
            reads = examine_reads(db)
    incomparable = bool(kept.heads) and not report.compared and not report.findings
    if as_json:
        show(_as_json(report, incomparable) | {"reads": asdict(reads)})
    else:
        _print_reads(reads)
        _print(report, incomparable)
    tampered = reads.verdict is Verdict.TAMPERED
    if tampered and report.verdict is not Verdict.TAMPERED:
        say("TAMPERED: the log of reads, see above.", style="red")
    if code := EXIT[reads.verdict] if tampered else INCOMPARABLE if incomparable else EXIT[report.verdict]:
        raise typer.Exit(code)


@app.command()
def proof(
    position: Annotated[int | None, typer.Argument(min=1, help="Of which event, by its place in the log.")] = None,
    check: Annotated[Path | None, typer.Option(help="Check a proof in this file instead; - reads it.")] = None,
    policy: Policy = None,
) -> None:
    """Print the proof that an event is in the signed tree (C2SP tlog-proof), or check one that somebody has.

    The proof holds the sealed entry: who did what to which stream and when, with the digest of the body. No body, nothing
    personal.
    """
    if (position is None) == (check is None):
        fail("Say either the position of an event or --check FILE.", 2)
    if check is not None:
        _check(check, policy)
        return
    assert position is not None
    with house() as opened, auditing(opened) as db:
        found = inclusion(db, position)
    sys.stdout.write(str(found))


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where the bundle goes: a zip.")],
    customer: Annotated[
        str | None, typer.Option(help="Only what concerns a customer: an id, an e-mail, a phone ...")
    ] = None,
    first: Annotated[int | None, typer.Option("--from", min=1, help="Only from this position on.")] = None,
    last: Annotated[int | None, typer.Option("--to", min=1, help="Only up to this position.")] = None,
    disclose: Annotated[
        list[int] | None,
        typer.Option(help="Show the personal values of the event at this position. Several times, if need be."),
    ] = None,
    previous: Annotated[
        Path | None, typer.Option(help="A checkpoint that is held already: the tree is proven to have grown from it.")
    ] = None,
    policy: Policy = None,
    as_json: Json = False,
) -> None:
    """Write a bundle of evidence that anybody can check without us: python verify.py BUNDLE.

    The whole log, or a slice of it: a customer, or a range of positions. Nothing personal is in it but what is disclosed.
    """
    with house() as opened:
        before = None if previous is None else kept_in(previous)
        with auditing(opened) as db, progress("Writing the bundle", "events") as tell:
            positions, asked = _positions(opened, db, customer, first, last)
            note_read(opened, subjects_of(db, disclose or ()), "audit export: disclosed")
            log = sealed_log(db)
            made = write_bundle(
                db, file, positions=positions, asked=asked, disclose=disclose or (),
                discloser=Discloser(opened.log.codec, opened.log.keys),
                previous=before.last(log.origin) if before is not None and log is not None else None,
                policy=policy.read_text() if policy is not None else policy_of(
                    known_keys(db, log) if log is not None else (), opened.settings.witnesses
                ),
                progress=tell,
            )  # fmt: skip
    if as_json:
        show({"file": str(made.file), "kind": made.kind, "events": made.events, "size": made.size,
              "unsealed": made.unsealed, "disclosed": made.disclosed})  # fmt: skip
        return
    say(f"Wrote {made.file}: {made.events:,} events under the signed tree of {made.size:,}.")
    if made.unsealed:
        say(f"{len(made.unsealed):,} are not sealed yet, from {made.unsealed[0]:,} on: they are not in it.")
    if made.disclosed:
        say(f"The personal values of {len(made.disclosed):,} events are in it in the clear. Hand it over accordingly.")
    say(f"Whoever gets it checks it with: python verify.py {made.file.name} --checkpoint WHAT_THEY_KEPT")


def subjects_of(db: Connection, positions: Sequence[int]) -> list[UUID]:
    """Whose personal values these events hold."""
    rows = db.execute("select distinct subject_id from es.personal where position = any(%s)", [list(positions)])
    return [row[0] for row in rows]


@contextmanager
def auditing(opened: House) -> Iterator[Connection]:
    """A connection that may read what is evidence, and write nothing."""
    dsn = as_application(opened.dsn, role=AUDIT_ROLE, statement_timeout_s=STATEMENT_TIMEOUT_S)
    with reachable(), psycopg.connect(dsn, autocommit=True) as db:
        yield db


def _kept(opened: House, file: Path | None) -> Kept:
    """What was kept: in the file that is named, or in the house's own, if it has one by now."""
    own = opened.settings.checkpoints or opened.settings.home / "checkpoints" / "events.txt"
    if file is None and not own.exists():
        return Kept()
    return kept_in(file or own)


def _print_reads(report: ReadsReport) -> None:
    gone = f" {report.pruned:,} are pruned, as they were older than reads are kept." if report.pruned else ""
    say(f"{report.reads:,} reads, {report.sealed:,} of them in their signed tree: {report.verdict.value}.{gone}")
    if report.what is not None:
        say(f"read {report.place:,}: {report.what}", style="red")


def _print(report: Report, incomparable: bool) -> None:
    say(f"{report.events:,} events, {report.sealed:,} of them in the signed tree; {report.heads:,} heads of it.")
    if report.unsealed:
        say(f"{report.unsealed:,} wait for their seal.")
    if report.compared:
        say(f"{report.compared:,} checkpoints that were kept outside were compared.")
    elif not incomparable:
        say("No checkpoint was kept outside: whoever holds the database and its keys could have changed all of it.")
    if report.erased:
        say(f"{report.erased:,} personal values were erased.")
    for notice in report.notices:
        say(notice)
    for finding in report.findings[1:SHOWN]:
        say(f"also {finding.place}: {finding.what}", style="red")
    if report.findings:
        say(f"TAMPERED({report.findings[0].place}): {report.findings[0].what}", style="red")
        say("Keep everything as it is and call whoever holds the checkpoints. docs/evidence.md says what to do.")
    elif incomparable:
        say(
            "What you kept is of another log, or of a tree that was closed: nothing of it could be compared.",
            style="red",
        )
    else:
        say(report.verdict.value)


def _as_json(report: Report, incomparable: bool) -> dict[str, object]:
    return {
        "verdict": report.verdict.value,
        "position": report.findings[0].first if report.findings else None,
        "incomparable": incomparable,
        "events": report.events,
        "sealed": report.sealed,
        "unsealed": report.unsealed,
        "heads": report.heads,
        "compared": report.compared,
        "erased": report.erased,
        "findings": [{"first": each.first, "last": each.last, "what": each.what} for each in report.findings],
        "notices": report.notices,
    }


def _check(file: Path, policy: Path | None) -> None:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        found = Proof.parse(text)
        if policy is not None:
            _say_proven(found, keys_in(policy))
            return
    except (OSError, UnicodeDecodeError, NoteError, Refused) as error:
        fail(f"{file} is no proof that can be checked: {error}", 2)
    with house() as opened, auditing(opened) as db:
        log = sealed_log(db)
        keys = [] if log is None else known_keys(db, log)
        now = leaf_hashes(db, [found.index + 1]).get(found.index + 1)
    _say_proven(found, keys)
    if found.extra is not None and now != leaf_hash(found.extra):
        fail(f"TAMPERED({found.index + 1}): what stands there in the log now is not what was proven.")


def _say_proven(found: Proof, keys: list[VerifierKey]) -> None:
    try:
        if found.extra is None:
            raise NoteError("the entry is missing: it is told as extra")
        origin = found.checkpoint.split("\n", 1)[0]
        head = found.proven(leaf_hash(found.extra), origin, [key for key in keys if key.name == origin])
    except (NoteError, NotProven) as error:
        fail(f"TAMPERED({found.index + 1}): {error}")
    say(f"OK: event {found.index + 1:,} is in the tree of {head.size:,} events of {head.origin}, which is signed.")


def _positions(
    opened: House, db: Connection, customer: str | None, first: int | None, last: int | None
) -> tuple[list[int] | None, str]:
    """Which positions are asked for, None if all, and in words."""
    if customer is None and first is None and last is None:
        return None, "the whole log"
    head = opened.log.reader.head()
    start, end = first or 1, min(last or head, head)
    if start > end:
        fail(f"The log ends at {head:,}: there is nothing from {start:,} to {last or head:,}.", 2)
    words = f"positions {start} to {end}"
    if customer is None:
        if end - start >= MAX_SLICE:
            fail(f"A slice has at most {MAX_SLICE:,} events. Take less, or the whole log.", 2)
        return list(range(start, end + 1)), words
    whom = looking_back.customer_id(opened, customer)
    rows = db.execute(
        "select position from es.event where customer_id = any(%s::uuid[]) and position between %s and %s order by 1 limit %s",
        [id_array(corrections.members(db, [whom], HEAD)), start, end, MAX_SLICE + 1],
    ).fetchall()
    if not rows:
        fail(f"There is nothing of {whom} among the {words}.")
    return [position for (position,) in rows], f"customer {whom}, {words}"
