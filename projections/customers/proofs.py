"""The proofs: how many identifiers each record of a customer holds, and how many of them were proved to be theirs."""

from collections.abc import Iterator
from uuid import UUID

from domain.customer import CustomerRegistered
from domain.identifiers import IdentifierAdded, IdentifierRemoved, IdentifierVerified
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View


class ProofMove(Fact):
    """By how much the numbers changed: of records, of identifiers, and of those that are verified; their sums count them."""

    records: int = 0
    identifiers: int = 0
    verified: int = 0


class Proofs(Row, key="record_id"):
    """A customer's record, as it was registered: the numbers of the identifiers that it holds, and of the verified ones."""

    record_id: UUID
    customer_id: UUID | None = None
    held: tuple[int, ...] = ()
    proved: tuple[int, ...] = ()


proof_moves = Facts("proof_moves", ProofMove, indexes=("(occurred_at)", "(customer_id, occurred_at)"))
view = View(
    "proofs",
    Proofs,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(proof_moves,),
    indexes=("(customer_id)",),
)


@view.on(CustomerRegistered)
def register(proofs: Proofs, registered: CustomerRegistered, at: Recorded) -> Iterator[ProofMove]:
    proofs.customer_id = at.customer_id
    yield ProofMove(records=1)


@view.on(IdentifierAdded)
def add(proofs: Proofs, added: IdentifierAdded, at: Recorded) -> Iterator[ProofMove]:
    proofs.customer_id = at.customer_id
    proofs.held = (*proofs.held, added.number)
    yield ProofMove(identifiers=1)


@view.on(IdentifierVerified)
def verify(proofs: Proofs, verified: IdentifierVerified, at: Recorded) -> Iterator[ProofMove]:
    if verified.number in proofs.held and verified.number not in proofs.proved:
        proofs.proved = (*proofs.proved, verified.number)
        yield ProofMove(verified=1)


@view.on(IdentifierRemoved)
def remove(proofs: Proofs, removed: IdentifierRemoved, at: Recorded) -> Iterator[ProofMove]:
    if removed.number in proofs.held:
        was_proved = removed.number in proofs.proved
        proofs.held = tuple(number for number in proofs.held if number != removed.number)
        proofs.proved = tuple(number for number in proofs.proved if number != removed.number)
        yield ProofMove(identifiers=-1, verified=-int(was_proved))
