"""Certificates of erasure on the command line: printed with their proofs, and checked by whoever got one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from api.audit_cli import Policy, auditing
from api.erasure_cli import Which, seal
from api.terminal import fail, house, say, show
from domain import erasure
from domain.erasure_events import ErasureCompleted
from domain.kernel import Refused
from eventstore.commands import identify
from eventstore.evidence.keeping import keys_in
from eventstore.evidence.proofs import leaf_hashes
from eventstore.evidence.tree import known_keys, sealed_log
from eventstore.sealing.heads import Heads
from processes.certificate_proofs import MAX_FILE_BYTES, checked, handed_out
from processes.certificates import certificate, digest_of

SEALED_WITHIN = 25
"""How often it is looked, at most, whether the event that completes it is sealed: for some five seconds, if others seal."""


def certify(which: Which) -> None:
    """Print the certificate of an erasure as JSON: what was done and when, what was checked, and where the log proves it.

    With it come the proofs that the events which destroyed the keys and completed it are in the signed tree: whoever gets it
    can check it with bitacora privacy verify-certificate, or with any tool that knows C2SP tlog-proof.
    """
    with house() as opened:
        id = identify("erasure", which, "which")
        found = opened.log.reader.stream(id)
        completed = next(((event, at) for event, at in found if isinstance(event, ErasureCompleted)), None)
        if completed is None:
            status = opened.log.state(erasure.decider, id)[0].status
            fail(f"This request is {(status or 'unknown').lower()}: there is no certificate yet.")
        event, at = completed
        said = certificate(id, found, event.checks)
        if digest_of(said) != event.certificate:
            fail("The log says another certificate than its events: something was changed. Run bitacora audit verify.")
        for _ in range(SEALED_WITHIN):
            head = Heads(opened.log.pool).latest()
            if head is not None and head.size >= at.position:
                break
            seal(opened)
        with auditing(opened) as db:
            paper = handed_out(db, said, at.position)
    show(paper)


def verify_certificate(
    file: Annotated[Path, typer.Argument(help="What `privacy certificate` printed; - reads it.")],
    policy: Policy = None,
) -> None:
    """Check a certificate of an erasure: that it is the one that the log sealed, with the keys that were destroyed.

    With --policy nothing but the file and the keys in it is used: so whoever got it can check it. Without it, what is
    proven is also held against the log. Exit codes: 0 it is right, 1 it proves nothing, 2 the file cannot be read.
    """
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as given:
            paper = given.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.", 2)
    if len(paper) > MAX_FILE_BYTES:
        fail(f"{file} is too large for a certificate.", 2)
    if policy is not None:
        try:
            found = checked(paper, keys_in(policy))
        except Refused as refused:
            fail(refused.reason)
    else:
        with house() as opened, auditing(opened) as db:
            log = sealed_log(db)
            found = checked(paper, [] if log is None else known_keys(db, log))
            now = leaf_hashes(db, list(found.leaves))
        if wrong := [at for at, leaf in found.leaves.items() if now.get(at) != leaf]:
            fail(f"TAMPERED({wrong[0]}): what stands there in the log now is not what was sealed.")
    destroyed = ", ".join(f"{at:,}" for at in found.destroyed_at) or "none"
    say(f"OK: request {found.erasure_id} was completed by the event at {found.completed_at:,}.")
    say(f"{len(found.key_ids):,} keys were destroyed, by the events at: {destroyed}.")
    say(f"All are in the tree of {found.checkpoint.size:,} events of {found.checkpoint.origin}, which is signed.")
