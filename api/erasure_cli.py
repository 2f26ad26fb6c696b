"""Erasure on the command line: what the data protection officer says to a request, and what became of it."""

from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from time import sleep
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import typer
from psycopg import sql

from api import looking_back, running
from api.house import House
from api.operator import operator
from api.terminal import Json, catch_up, fail, house, progress, say, show, table
from domain import erasure as erasures
from domain.erasure import (
    DecideErasureBlock,
    LiftErasureHold,
    RefuseErasure,
    RequestErasure,
    SetErasureHold,
    VerifyErasureIdentity,
)
from domain.erasure_events import (
    ErasureBasis,
    ErasureKind,
    ErasureRefusal,
    ErasureStatus,
    HoldScope,
)
from domain.kernel import Command, derived
from eventstore.commands import identify
from eventstore.envelope import Request
from eventstore.sealing.sealer import Elsewhere
from processes.clock import wall_clock
from processes.erasing import Eraser
from processes.erasure_ledger import LedgerError, apply_again
from processes.restored_keys import do_again
from processes.scrubbing import scrub_all
from projections.customers import erasures as view
from projections.customers.erasures import ErasureEntry
from projections.table import Table

app = typer.Typer(
    help="What the data protection officer does: copies of people's data, erasure, who read what.", no_args_is_help=True
)

MAX_STEPS = 1_000
SEALED_WITHIN_S = 30
"""How long it is waited for that the event which destroys the keys is sealed."""
LOOK_EVERY_S = 0.2
HOME_ZONE = "Europe/Madrid"
STEPS = [status for status in ErasureStatus if status is not ErasureStatus.REFUSED]

Whom = Annotated[str, typer.Argument(help="An id, source:key, an e-mail, a phone or a card number.")]
Which = Annotated[str, typer.Argument(help="The id of the request, as `privacy status` shows it, or source:key.")]
Law = Annotated[str, typer.Option("--legal-basis", help="The law that says so, as in CCom art. 30.")]


@app.command("request")
def request(
    customer: Whom,
    basis: Annotated[ErasureBasis, typer.Option(help="Why they may ask: GDPR art. 17.1, or LOPDGDD art. 32.")],
    kind: Annotated[
        ErasureKind, typer.Option(help="ERASURE: a person asks. BLOCK: the company itself blocks.")
    ] = ErasureKind.ERASURE,
    id: Annotated[str | None, typer.Option(help="An id of yours, as source:key; made, if not given.")] = None,
    note: Annotated[str | None, typer.Option(help="How they asked. It is erased with them.")] = None,
    as_json: Json = False,
) -> None:
    """Note that somebody wants to be forgotten. An answer is due within a month, and the customer is told so."""
    with house() as opened:
        catch_up(opened)
        whom = looking_back.customer_id(opened, customer)
        erasure_id = identify("erasure", id, "id") if id else derived("erasure", whom, opened.log.reader.head())
        _do(opened, RequestErasure(erasure_id=erasure_id, customer_id=whom, basis=basis, kind=kind, note=note))
        _tell(opened, erasure_id, as_json)


@app.command("verify-identity")
def verify_identity(
    which: Which,
    method: Annotated[str, typer.Option(help="How it was made sure that it is that person.")],
    as_json: Json = False,
) -> None:
    """Say that the request comes from that person: they are blocked within a day, and forgotten by everything but the log."""
    _said(which, lambda id: VerifyErasureIdentity(erasure_id=id, method=method), as_json)


@app.command("hold")
def hold(
    which: Which,
    scope: Annotated[HoldScope, typer.Option(help="Everything, or one class of personal values.")],
    legal_basis: Law,
    until: Annotated[
        str | None, typer.Option(help="A day, or a moment with its zone; until it is lifted, if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Keep what a law obliges to keep: it is blocked, and not destroyed before that ends."""
    moment = _moment(until) if until is not None else None
    _said(which, lambda id: SetErasureHold(erasure_id=id, scope=scope, legal_basis=legal_basis, until=moment), as_json)


@app.command("lift-hold")
def lift_hold(
    which: Which, scope: Annotated[HoldScope, typer.Option(help="What is held no longer.")], as_json: Json = False
) -> None:
    """Say that nothing obliges to keep it any longer."""
    _said(which, lambda id: LiftErasureHold(erasure_id=id, scope=scope), as_json)


@app.command("refuse")
def refuse(
    which: Which,
    reason: Annotated[ErasureRefusal, typer.Option(help="Why: GDPR art. 17.3, 12.5 or 12.6.")],
    note: Annotated[str | None, typer.Option(help="More about it, for the file.")] = None,
    as_json: Json = False,
) -> None:
    """Say no. The customer is told why, and where to complain."""
    _said(which, lambda id: RefuseErasure(erasure_id=id, reason=reason, note=note), as_json)


@app.command("block")
def block(
    which: Which,
    until: Annotated[str, typer.Option(help="A day, or a moment with its zone, from which on it may be destroyed.")],
    legal_basis: Law,
    as_json: Json = False,
) -> None:
    """Block a person now, for this term and by this law, and purge them from all views; their identity must be verified."""
    with house() as opened:
        id = identify("erasure", which, "which")
        _run(opened, id, running.eraser(opened, patient=False))
        _do(opened, DecideErasureBlock(erasure_id=id, until=_moment(until), legal_basis=legal_basis))
        _run(opened, id, running.eraser(opened, patient=False))
        _tell(opened, id, as_json)


@app.command("erase")
def erase(
    which: Which,
    legal_basis: Law = "No limitation period is of interest (officer's decision)",
    as_json: Json = False,
) -> None:
    """Erase a person now, without a term, down to the certificate. What is held stays blocked. There is no way back."""
    with house() as opened:
        id = identify("erasure", which, "which")
        eraser = running.eraser(opened, patient=False)
        _run(opened, id, eraser)
        if not _state(opened, id).subjects:
            fail(
                f"This request is {_state(opened, id).status}: verify the identity first, with `privacy verify-identity`."
            )
        if _state(opened, id).certificate is None:
            _do(opened, DecideErasureBlock(erasure_id=id, until=wall_clock(), legal_basis=legal_basis))
        eraser.look_again()
        _run(opened, id, eraser)
        _tell(opened, id, as_json)
        if _state(opened, id).certificate is None:
            fail("It is not at its end yet: something is held, or waits for the sealer. bitacora work goes on with it.")


@app.command("status")
def status(
    which: Annotated[
        str | None, typer.Argument(help="One request; all that are not at their end, if not given.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are at their end as well.")] = False,
    as_json: Json = False,
) -> None:
    """Say how far the requests have come, and by when there must be an answer. Ends with 1 if one is overdue."""
    with house() as opened:
        catch_up(opened)
        if which is not None:
            _tell(opened, identify("erasure", which, "which"), as_json)
            return
        found = _entries(opened, everything)
    if as_json:
        show([_shown(entry) for entry in found])
    else:
        rows = [[e.erasure_id, e.status, _day(e.deadline_at), _day(e.blocked_until), ", ".join(e.holds)] for e in found]
        table("Requests for erasure", ["request", "status", "answer by", "blocked until", "held"], rows)
    now = wall_clock()
    late = [e for e in found if e.answered_at is None and e.deadline_at is not None and e.deadline_at < now]
    if late:
        say(f"{len(late)} are overdue: the law gives one month (GDPR art. 12.3).", style="red")
        raise typer.Exit(1)


@app.command("reapply")
def reapply(as_json: Json = False) -> None:
    """After an older backup was restored: forget again, by the ledger in the home, whoever was forgotten since.

    If it was the keys' database, what the log says of keys is done again as well, as by bitacora keys destroy-again.
    """
    with house() as opened:
        eraser = running.eraser(opened, patient=False)
        try:
            asked = apply_again(opened.log, eraser.ledger, wall_clock())
            known = len(eraser.ledger.entries())
        except LedgerError as error:
            fail(str(error))
        with progress("Blocking again", "people") as tell:
            keys = do_again(opened.log, opened.custodian, tell)
        _run(opened, None, eraser)
    if as_json:
        show({"ledger": known, "asked_again": asked, "destroyed_again": keys.destroyed, "blocked_again": keys.blocked})
    else:
        say(f"The ledger knows {known:,} requests; {len(asked):,} were asked again.")
        say(
            f"{keys.destroyed:,} keys that the log says were destroyed are so again, and {keys.blocked:,} are blocked again."
        )


@app.command("scrub")
def scrub(as_json: Json = False) -> None:
    """Write the files of the database anew, so that nothing of who was erased is left in them: dead rows, indexes, WAL.

    Do it at a quiet hour: tables are locked while they are written. Nobody else can do it for a database of yours but who
    may VACUUM its tables and switch its WAL; what was not allowed is said. Backups and the keys' epoch have their own end.
    """
    with house() as opened:
        catch_up(opened)
        with progress("Writing anew", "steps") as tell:
            done = scrub_all(
                opened.engine, opened.dsn, opened.settings.views_dsn or opened.dsn, opened.keys_dsn, progress=tell
            )
    if as_json:
        show([{"step": each.step, "done": each.done, "why": each.why} for each in done])
    else:
        for each in done:
            say(f"{each.step}: {'done' if each.done else each.why}", style=None if each.done else "red")
    if not all(each.done for each in done):
        raise typer.Exit(1)


def _said(which: str, command: Any, as_json: bool) -> None:
    with house() as opened:
        id = identify("erasure", which, "which")
        _do(opened, command(id))
        _tell(opened, id, as_json)


def _do(opened: House, command: Command) -> None:
    opened.log.do(command, Request(actor=operator(), occurred_at=wall_clock()))


def _run(opened: House, id: UUID | None, eraser: Eraser) -> None:
    """Goes on until there is nothing more to do at this moment; seals, if no sealer does."""
    deadline = wall_clock() + timedelta(seconds=SEALED_WITHIN_S)
    with progress("Erasing", "steps") as tell:
        for _ in range(MAX_STEPS):
            if not eraser.step(id):
                if not eraser.waits_for_seal or wall_clock() > deadline:
                    return
                seal(opened)
                eraser.look_again()
            status = _state(opened, id).status if id is not None else None
            tell(STEPS.index(status) if status in STEPS else 0, len(STEPS) - 1)


def seal(opened: House) -> None:
    """Seals all there is; waits a moment instead, if another process seals."""
    try:
        with running.sealer(opened) as sealer:
            sealer.run()
    except Elsewhere:  # bitacora work seals, and is at most so far behind
        sleep(LOOK_EVERY_S)


def _state(opened: House, id: UUID) -> erasures.Erasure:
    state: erasures.Erasure
    state, _ = opened.log.state(erasures.decider, id)
    return state


def _entries(opened: House, everything: bool = False, id: UUID | None = None) -> list[ErasureEntry]:
    opened.engine.catch_up([view.view])
    known: Table[ErasureEntry] = Table(view.view)
    with opened.engine.pool_of(view.view).connection() as db:
        query = sql.SQL(
            "select {} from {} where (%s::uuid is null or erasure_id = %s) and (%s or status not in ('COMPLETED', 'REFUSED')) "
            "order by deadline_at"
        ).format(known.selected, known.identifier)
        return known.select(db, query, [id, id, everything or id is not None])


def _tell(opened: House, id: UUID, as_json: bool) -> None:
    found = _entries(opened, id=id)
    if not found:
        fail("There is no such request.")
    shown = _shown(found[0])
    if as_json:
        show(shown)
    else:
        table(
            f"Request {id}",
            ["field", "value"],
            [[name, value] for name, value in shown.items() if value not in (None, "", {})],
        )


def _shown(entry: ErasureEntry) -> dict[str, Any]:
    return asdict(entry)


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(ZoneInfo(HOME_ZONE)):%Y-%m-%d}"


def _moment(text: str) -> datetime:
    """A day's midnight by the company's clocks; a moment as it is."""
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), ZoneInfo(HOME_ZONE)).astimezone(UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text} is neither a day, such as 2026-01-31, nor a moment, such as 2026-01-31T10:00+01:00.", 2)
    if moment.tzinfo is None:
        fail(f"{text} has no zone: write +01:00 or Z behind it.", 2)
    return moment
