"""Evidence: the signed tree head, proofs under it, and whether events are what was sealed."""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import strawberry
from psycopg import Connection
from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.scalars import Long, Position
from api.schema.shapes import REQUIRED, Argument, Shapes, answered
from eventstore.envelope import Happened
from eventstore.evidence import proofs
from eventstore.evidence.reading import fetch, standing
from eventstore.evidence.verdict import Report
from eventstore.sealing.heads import Head, cosigned, newest
from eventstore.sealing.merkle import leaf_hash
from eventstore.sealing.notes import Checkpoint, Note
from eventstore.sealing.sources import EVENTS

T = TypeVar("T")


@strawberry.enum(
    description="OK: as it was sealed. ERASED_OK: the same, and what is gone was erased as a sealed event says. "
    "TAMPERED: it is not what was sealed. UNSEALED: it is not in the signed tree yet."
)
class Verdict(StrEnum):
    """What a look at events comes to."""

    OK = "OK"
    ERASED_OK = "ERASED_OK"
    TAMPERED = "TAMPERED"
    UNSEALED = "UNSEALED"


@strawberry.type(description="A signed head of the tree over all events (RFC 6962).")
class TreeHead:
    """How far the log is sealed."""

    origin: str = strawberry.field(description="The name of the log, as it stands in the checkpoint.")
    size: Long = strawberry.field(description="How many events it covers: those at the positions up to this one.")
    root: str = strawberry.field(description="The root hash, in base64.")
    short: str = strawberry.field(description="Size and the beginning of the root, as on every report.")
    checkpoint: str = strawberry.field(description="The signed checkpoint (C2SP tlog-checkpoint). Keep it.")
    signed_at: datetime = strawberry.field(description="When it was signed, by the clock of the database.")


@strawberry.type(description="That an event is in the tree of a signed head.")
class InclusionProof:
    """An inclusion proof, in parts and as a text."""

    position: Position
    tree_size: Long = strawberry.field(description="Of how many events the tree is.")
    leaf: str = strawberry.field(description="The hash of the leaf, in base64.")
    hashes: list[str] = strawberry.field(description="The path to the root, from the leaf upwards, in base64.")
    text: str = strawberry.field(description="All of it with the signed checkpoint (C2SP tlog-proof), checked offline.")


@strawberry.type(description="Whether events are what was sealed.")
class Verification:
    """What a look at a range of events came to."""

    verdict: Verdict
    position: Position | None = strawberry.field(description="The first one that is not what was sealed.")
    reason: str | None = strawberry.field(description="What is wrong with it.")
    events: Long = strawberry.field(description="How many were looked at.")
    unsealed: Long = strawberry.field(description="How many of them are not in the signed tree yet.")
    erased: Long = strawberry.field(description="How many of their personal values were erased.")


FROM, TO = "The first position.", "The last position."


def questions(shapes: Shapes) -> list[StrawberryField]:
    """`treeHead`, `inclusionProof`, `consistencyProof` and `verify`."""
    within = shapes.types
    return [
        answered(
            "tree_head", TreeHead | None, "How far the log is sealed; null before the first seal.", _head, within=within
        ),
        answered(
            "inclusion_proof",
            InclusionProof,
            "The proof that an event is in the tree of the last signed head, or in that of `treeSize` events.",
            _inclusion,
            (
                Argument("position", Position, "Of which event.", REQUIRED),
                Argument("tree_size", Long | None, "The size of an earlier signed head."),
            ),
            within=within,
        ),
        answered(
            "consistency_proof",
            list[str],
            "The proof that the tree of `to` events begins with that of `from` events (RFC 6962, 2.1.2): hashes in base64.",
            _consistency,
            (
                Argument("from_", Long, "The size of the smaller tree.", REQUIRED),
                Argument("to", Long, "The size of the larger tree.", REQUIRED),
            ),
            within=within,
        ),
        answered(
            "verify",
            Verification,
            f"Whether events are what was sealed: at most {proofs.MAX_PROVEN:,}, each proven under the last signed head. "
            "For the whole log there is `bitacora audit verify`.",
            _verify,
            (Argument("from_", Position, FROM, REQUIRED), Argument("to", Position, TO, REQUIRED)),
            within=within,
        ),
    ]


def of_event(shapes: Shapes) -> list[StrawberryField]:
    """The fields `leaf` and `proof` of an event."""
    within = shapes.types
    return [
        answered("leaf", str | None, "The hash of its leaf in the tree, in base64.", _leaf_of, within=within),
        answered(
            "proof",
            str | None,
            "The proof that it is in the signed tree (C2SP tlog-proof); null for the few seconds until it is sealed.",
            _proof_of,
            within=within,
        ),
    ]


async def leaf_at(info: Info, position: int) -> str | None:
    """The hash of the leaf of an event, asked together with all others of the request; in base64."""

    def leaves(positions: list[int]) -> dict[int, str]:
        with info.context.house.log.pool.connection() as db:
            return {at: _base64(leaf) for at, leaf in proofs.leaf_hashes(db, positions).items()}

    return await info.context.each("leaf", leaves, position)


async def _leaf_of(root: Shown[Happened], info: Info) -> str | None:
    return await leaf_at(info, root.row.at.position)


async def _proof_of(root: Shown[Happened], info: Info) -> str | None:
    def texts(positions: list[int]) -> dict[int, str]:
        with info.context.house.log.pool.connection() as db:
            if (head := newest(db, EVENTS)) is None:
                return {}
            events = [here for here in standing(fetch(db, sorted(set(positions)))) if here.entry]
            return {at: str(proof) for at, proof in proofs.inclusion_proofs(db, head, events).items()}

    return await info.context.each("proof", texts, root.row.at.position)


async def _head(root: None, info: Info) -> TreeHead | None:
    def ask(db: Connection) -> tuple[Head, str] | None:
        head = newest(db, EVENTS)
        return None if head is None else (head, str(cosigned(db, head)))

    found = await _asked(info, ask)
    if found is None:
        return None
    head, note = found
    return TreeHead(
        origin=head.origin,
        size=Long(head.size),
        root=_base64(head.root),
        short=head.checkpoint.short,
        checkpoint=note,
        signed_at=head.signed_at,
    )


async def _inclusion(root: None, info: Info, *, position: int, tree_size: int | None = None) -> InclusionProof:
    found = await _asked(info, lambda db: proofs.inclusion(db, position, tree_size))
    return InclusionProof(
        position=Position(position),
        tree_size=Long(Checkpoint.parse(Note.parse(found.checkpoint).text).size),
        leaf=_base64(leaf_hash(found.extra or b"")),
        hashes=_all_base64(found.hashes),
        text=str(found),
    )


async def _consistency(root: None, info: Info, *, from_: int, to: int) -> list[str]:
    return _all_base64(await _asked(info, lambda db: proofs.consistency(db, from_, to)))


async def _verify(root: None, info: Info, *, from_: int, to: int) -> Verification:
    report: Report = await _asked(info, lambda db: proofs.prove(db, from_, to))
    first = report.findings[0] if report.findings else None
    return Verification(
        verdict=Verdict[report.verdict.name],
        position=None if first is None else Position(first.first),
        reason=None if first is None else first.what,
        events=Long(report.events),
        unsealed=Long(report.unsealed),
        erased=Long(report.erased),
    )


async def _asked(info: Info, question: Callable[[Connection], T]) -> T:
    """Asks in one snapshot, in which nothing is sealed or erased meanwhile."""

    def answer() -> T:
        with info.context.house.log.pool.connection() as db, db.transaction():
            db.execute("set transaction isolation level repeatable read, read only")
            return question(db)

    return await info.context.ask(answer)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _all_base64(values: Sequence[bytes]) -> list[str]:
    return [_base64(value) for value in values]
