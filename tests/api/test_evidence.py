"""Tree heads, proofs and leaves over GraphQL, as a client checks them with nothing of ours but the formats."""

import base64

import psycopg
import pytest

from api import running
from api.house import House
from domain.customer import RegisterCustomer
from domain.kernel import reference
from eventstore.sealing.merkle import EMPTY_ROOT, leaf_hash, verify_consistency
from eventstore.sealing.notes import Proof, VerifierKey
from tests.api.conftest import ANA, REGISTER, Ask

EVENT = "query($at: Position!) { event(position: $at) { position type leaf proof } }"
PROOF = """query($at: Position!, $size: Long) {
  inclusionProof(position: $at, treeSize: $size) { position treeSize leaf hashes text } }"""
VERIFY = """query($from: Position!, $to: Position!) {
  verify(from: $from, to: $to) { verdict position reason events unsealed erased } }"""
HEAD = "{ treeHead { origin size root short checkpoint signedAt } }"


@pytest.fixture
def keys(house: House) -> list[VerifierKey]:
    """Three events, sealed; the keys that the auditor has from elsewhere."""
    register(house, 3)
    return seal(house)


def register(house: House, count: int) -> None:
    for n in range(count):
        house.log.do(
            RegisterCustomer(customer_id=reference("customer", "shop", f"c{house.log.reader.head()}-{n}"), name="Ana")
        )


def seal(house: House) -> list[VerifierKey]:
    with running.sealer(house) as sealer:
        sealer.run()
        head = ask_head(house)
        return [signer.key for signer in running.key_file(house.settings).signers(head)]


def ask_head(house: House) -> str:
    with house.log.pool.connection() as db:
        row = db.execute("select 'bitacora/events/' || log_id from es.tree").fetchone()
    assert row is not None
    return str(row[0])


def test_a_proof_of_an_event_holds_without_us(ask: Ask, house: House, keys: list[VerifierKey]) -> None:
    shown = ask(EVENT, at="2")["event"]
    proof = Proof.parse(shown["proof"])
    assert proof.extra is not None
    assert (proof.index, base64.b64encode(leaf_hash(proof.extra)).decode()) == (1, shown["leaf"])
    head = proof.proven(base64.b64decode(shown["leaf"]), keys[0].name, keys)
    assert head.size == house.log.reader.head()
    assert ask(PROOF, at="2")["inclusionProof"]["text"] == shown["proof"]


def test_before_the_first_seal_there_is_a_leaf_and_no_proof(ask: Ask, house: House) -> None:
    register(house, 1)
    assert ask(HEAD)["treeHead"] is None
    shown = ask(EVENT, at="1")["event"]
    assert shown["proof"] is None
    assert len(base64.b64decode(shown["leaf"])) == 32
    assert ask(VERIFY, **{"from": "1", "to": "1"})["verify"]["verdict"] == "UNSEALED"
    assert "Nothing was sealed yet" in ask(PROOF, errors=True, at="1")[0]["message"]


def test_the_receipt_of_a_command_has_the_leaf_that_is_sealed_later(ask: Ask, house: House) -> None:
    register_with_leaf = REGISTER.split("{ ...R }")[0] + "{ ... on Receipt { events { position leaf } } } }"
    told = ask(register_with_leaf, input={"customerId": str(ANA), "name": "Ana"})["registerCustomer"]["events"][0]
    keys = seal(house)
    proof = Proof.parse(ask(EVENT, at=told["position"])["event"]["proof"])
    assert proof.proven(base64.b64decode(told["leaf"]), keys[0].name, keys).size >= int(told["position"])


def test_a_tree_is_proven_to_have_grown(ask: Ask, house: House, keys: list[VerifierKey]) -> None:
    old = ask(HEAD)["treeHead"]
    register(house, 2)
    seal(house)
    new = ask(HEAD)["treeHead"]
    hashes = ask("query($a: Long!, $b: Long!) { consistencyProof(from: $a, to: $b) }", a=old["size"], b=new["size"])
    roots = [base64.b64decode(head["root"]) for head in (old, new)]
    path = [base64.b64decode(each) for each in hashes["consistencyProof"]]
    verify_consistency(old["size"], new["size"], path, *roots)
    earlier = ask(PROOF, at="1", size=old["size"])["inclusionProof"]
    assert earlier["treeSize"] == old["size"] < new["size"] == ask(PROOF, at="1")["inclusionProof"]["treeSize"]
    assert EMPTY_ROOT not in roots


def test_events_are_verified_and_a_changed_one_is_named(ask: Ask, house: House, keys: list[VerifierKey]) -> None:
    head = house.log.reader.head()
    assert ask(VERIFY, **{"from": "1", "to": str(head)})["verify"] == {
        "verdict": "OK", "position": None, "reason": None, "events": head, "unsealed": 0, "erased": 0,
    }  # fmt: skip
    with psycopg.connect(house.dsn, autocommit=True) as db:
        db.execute("alter table es.event disable trigger all")
        db.execute("update es.event set actor = 'user:nobody' where position = 2")
    found = ask(VERIFY, **{"from": "1", "to": str(head)})["verify"]
    assert (found["verdict"], found["position"]) == ("TAMPERED", "2")
    assert ask(VERIFY, **{"from": "3", "to": str(head)})["verify"]["verdict"] == "OK"


@pytest.mark.parametrize(
    ("query", "variables", "field"),
    [
        (PROOF, {"at": "1000"}, "position"),
        (PROOF, {"at": "1", "size": 1_000}, "treeSize"),
        ("{ consistencyProof(from: 5, to: 3) }", {}, "from"),
        ("{ consistencyProof(from: 1, to: 1000) }", {}, "to"),
        (VERIFY, {"from": "1", "to": "5000"}, "from"),
    ],
)
def test_what_cannot_be_is_refused_and_the_field_is_named(
    ask: Ask, keys: list[VerifierKey], query: str, variables: dict[str, object], field: str
) -> None:
    error = ask(query, errors=True, **variables)[0]
    assert error["extensions"]["code"] == "BAD_REQUEST", error
    assert error["extensions"]["field"] == field


def test_there_is_no_event_beyond_the_end(ask: Ask) -> None:
    assert ask(EVENT, at="1000")["event"] is None
