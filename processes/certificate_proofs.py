"""Certificate proofs: what is handed out with a certificate of erasure, so that whoever gets it can check it without us."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from psycopg import Connection

from domain.erasure_events import ErasureCompleted, ErasureKeysDestroyed
from domain.kernel import Refused
from eventstore.evidence.proofs import inclusion_proofs, must_be_head
from eventstore.evidence.reading import fetch, standing
from eventstore.sealing.leaves import FORMAT as LEAF
from eventstore.sealing.leaves import fields
from eventstore.sealing.merkle import NotProven, leaf_hash
from eventstore.sealing.notes import Checkpoint, NoteError, Proof, VerifierKey
from processes.certificates import FORMAT, digest_of

MAX_FILE_BYTES = 10_000_000


class Proven(NamedTuple):
    """What a certificate that was checked says, and the signed tree that has it."""

    erasure_id: UUID
    key_ids: tuple[int, ...]
    destroyed_at: tuple[int, ...]
    completed_at: int
    checkpoint: Checkpoint
    leaves: Mapping[int, bytes]


def handed_out(db: Connection, said: Mapping[str, Any], completed_at: int) -> dict[str, Any]:
    """A certificate with the proofs of the events that destroyed the keys, and of the one that says that nothing is left.

    They are under the last signed head. Raises `Refused` if that does not have them yet.
    """
    head = must_be_head(db)
    if completed_at > head.size:
        raise Refused(f"Event {completed_at:,}, which completes it, is not sealed yet. Ask again in a few seconds.")
    positions = sorted({*(each["position"] for each in said.get("keys_destroyed", ())), completed_at})
    events = list(standing(fetch(db, positions)))
    proofs = inclusion_proofs(db, head, events)
    return {
        "certificate": said,
        "sha256": digest_of(dict(said)),
        "completed_at_position": completed_at,
        "tree_head": {"size": head.size, "root": head.checkpoint.text().split("\n")[2], "checkpoint": head.note},
        "proofs": [
            {"position": here.position, "body": here.body.decode(), "proof": str(proofs[here.position])}
            for here in events
        ],
    }


def checked(paper: bytes, keys: Sequence[VerifierKey]) -> Proven:
    """What a certificate that was handed out proves, by these keys and nothing of ours. Raises `Refused`: it proves nothing."""
    try:
        held = orjson.loads(paper)
        said = held["certificate"]
        if said["format"] != FORMAT:
            raise Refused(f"This is no {FORMAT}.", "file")
        if digest_of(said) != held["sha256"]:
            raise Refused("The certificate is not the one with this SHA-256: something in it was changed.", "sha256")
        erasure_id, completed_at = UUID(said["erasure_id"]), held["completed_at_position"]
        proofs = {each["position"]: (each["body"].encode(), Proof.parse(each["proof"])) for each in held["proofs"]}
        sealed = {at: _sealed(at, *proofs[at], erasure_id, keys) for at in proofs}
        completed = _body(sealed, completed_at, ErasureCompleted.stored_as)
        if (completed["certificate"], completed["checks"]) != (held["sha256"], said["checks"]):
            raise Refused(f"The event at {completed_at:,} says that another certificate was given.", "certificate")
        destroyed = list(_destroyed(said, sealed))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError, NoteError) as error:
        raise Refused(f"This is no certificate with its proofs: {error}.", "file") from error
    _, checkpoint, _ = sealed[completed_at]
    return Proven(
        erasure_id, tuple(sorted(key for _, ids in destroyed for key in ids)), tuple(at for at, _ in destroyed),
        completed_at, checkpoint, {at: leaf_hash(proof.extra or b"") for at, (_, proof) in proofs.items()},
    )  # fmt: skip


Sealed = tuple[str, Checkpoint, dict[str, Any]]


def _sealed(position: int, body: bytes, proof: Proof, stream: UUID, keys: Sequence[VerifierKey]) -> Sealed:
    """The type and the body of an event of the request, and the checkpoint under which it is proven."""
    if proof.extra is None or proof.index != position - 1:
        raise Refused(f"The proof of event {position:,} is that of something else.", "proofs")
    origin = proof.checkpoint.split("\n", 1)[0]
    try:
        checkpoint = proof.proven(leaf_hash(proof.extra), origin, [key for key in keys if key.name == origin])
    except (NoteError, NotProven) as error:
        raise Refused(f"Event {position:,} is not proven: {error}", "proofs") from error
    leaf = fields(proof.extra)
    if leaf[0] != LEAF or int.from_bytes(leaf[1]) != position or leaf[3] != stream.bytes:
        raise Refused(f"Event {position:,} is none of this request.", "proofs")
    if leaf[13] != sha256(body).digest():
        raise Refused(f"The body of event {position:,} is not the one that was sealed.", "proofs")
    return leaf[5].decode(), checkpoint, orjson.loads(body)


def _body(sealed: Mapping[int, Sealed], position: int, type: str) -> dict[str, Any]:
    if position not in sealed or sealed[position][0] != type:
        raise Refused(f"There is no proof of the {type} at {position:,}.", "proofs")
    return sealed[position][2]


def _destroyed(said: Mapping[str, Any], sealed: Mapping[int, Sealed]) -> Iterator[tuple[int, list[int]]]:
    """The events that destroyed the keys, each with these; refused unless they say what the certificate does."""
    for each in said.get("keys_destroyed", ()):
        position, key_ids = each["position"], each["key_ids"]
        if _body(sealed, position, ErasureKeysDestroyed.stored_as)["key_ids"] != key_ids:
            raise Refused(f"The event at {position:,} destroys other keys than the certificate says.", "keys_destroyed")
        yield position, key_ids
