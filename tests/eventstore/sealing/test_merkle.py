"""Trees, and the proofs about them: published vectors, and that nothing but the truth can be proven."""

import base64
import json
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.sealing.merkle import (
    EMPTY_ROOT,
    Frontier,
    Node,
    NotProven,
    Tree,
    consistency_proof,
    covering,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of_inclusion,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parents[4] / "shared/data/merkle_vectors"
LARGEST = 300
LEAVES = [leaf_hash(f"event {n}".encode()) for n in range(LARGEST)]
TREES = [Tree(LEAVES[:size]) for size in range(LARGEST + 1)]

CT_ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The reference tree of Certificate Transparency: the root of its first 0, 1, ... 8 entries."""


def mth(leaves: list[bytes]) -> bytes:
    """The definition, word for word (RFC 6962, section 2.1): what everything else is held against."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def test_the_constants_of_rfc_6962():
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


@pytest.mark.parametrize("size", range(9))
def test_the_reference_tree_of_certificate_transparency(size):
    leaves = [leaf_hash(bytes.fromhex(entry)) for entry in CT_ENTRIES[:size]]
    assert Tree(leaves).root().hex() == CT_ROOTS[size]
    assert Frontier().extend(leaves).root().hex() == CT_ROOTS[size]


def _vectors(kind: str) -> list[object]:
    found = sorted((VECTORS / kind).rglob("*.json"))
    return [pytest.param(json.loads(file.read_text()), id=str(file.relative_to(VECTORS))) for file in found]


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors of transparency-dev/merkle are not here")
def test_all_vectors_are_there():
    assert len(_vectors("inclusion")) == len(_vectors("consistency")) == 98


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.parametrize("vector", _vectors("inclusion"))
def test_the_published_vectors_of_inclusion(vector):
    proof = [_bytes(hash) for hash in vector["proof"] or ()]
    asked = vector["leafIdx"], vector["treeSize"], _bytes(vector["leafHash"]), proof, _bytes(vector["root"])
    if vector["wantErr"]:
        with pytest.raises(NotProven):
            verify_inclusion(*asked)
    else:
        verify_inclusion(*asked)


@pytest.mark.parametrize("vector", _vectors("consistency"))
def test_the_published_vectors_of_consistency(vector):
    proof = [_bytes(hash) for hash in vector["proof"] or ()]
    asked = vector["size1"], vector["size2"], proof, _bytes(vector["root1"]), _bytes(vector["root2"])
    if vector["wantErr"]:
        with pytest.raises(NotProven):
            verify_consistency(*asked)
    else:
        verify_consistency(*asked)


def test_an_empty_tree_proves_nothing_even_with_an_empty_proof():
    for size2 in (0, 1, 5):
        with pytest.raises(NotProven):
            verify_consistency(0, size2, [], EMPTY_ROOT, TREES[size2].root())
        with pytest.raises(ValueError):
            consistency_proof(0, size2, TREES[size2].hash)


def test_roots_are_those_of_the_definition():
    frontier = Frontier()
    for size in range(LARGEST + 1):
        assert mth(LEAVES[:size]) == TREES[size].root() == TREES[LARGEST].root(size) == frontier.root()
        assert Frontier(frontier.size, frontier.hashes).root() == frontier.root()
        frontier.extend(LEAVES[size : size + 1])


def test_every_leaf_of_every_tree_is_proven():
    for size in range(1, LARGEST + 1):
        whole = TREES[size].root()
        for index in range(size):
            proof = inclusion_proof(index, size, TREES[LARGEST].hash)
            assert len(proof) <= (size - 1).bit_length()
            verify_inclusion(index, size, LEAVES[index], proof, whole)


def test_every_tree_is_proven_to_begin_with_every_smaller_one():
    for size2 in range(1, LARGEST + 1):
        for size1 in range(1, size2 + 1):
            proof = consistency_proof(size1, size2, TREES[LARGEST].hash)
            verify_consistency(size1, size2, proof, TREES[size1].root(), TREES[size2].root())


def flipped(hash: bytes, bit: int) -> bytes:
    return (int.from_bytes(hash) ^ 1 << bit).to_bytes(len(hash))


def spoiled(proof: list[bytes], chance: Random) -> list[list[bytes]]:
    """A proof with one bit flipped in each of its hashes, with one removed, added, exchanged, shortened or lengthened."""
    found = [[*proof, bytes(32)], [bytes(32), *proof]]
    for at, hash in enumerate(proof):
        found += [
            [*proof[:at], flipped(hash, chance.randrange(256)), *proof[at + 1 :]],
            [*proof[:at], *proof[at + 1 :]],
            [*proof[:at], hash, *proof[at:]],
            [*proof[:at], hash[:-1], *proof[at + 1 :]],
            [*proof[:at], hash + b"\0", *proof[at + 1 :]],
        ]
    found += [
        [*proof[:at], proof[at + 1], proof[at], *proof[at + 2 :]] for at, (a, b) in enumerate(pairwise(proof)) if a != b
    ]
    return found


def is_proven(verify, *asked) -> bool:
    try:
        verify(*asked)
    except NotProven:
        return False
    return True


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 100, 255, 256, 257, LARGEST])
def test_nothing_else_proves_inclusion(size):
    chance = Random(size)
    whole = TREES[size].root()
    for index in range(size) if size < 34 else chance.sample(range(size), 20):
        leaf, proof = LEAVES[index], inclusion_proof(index, size, TREES[size].hash)
        for wrong in spoiled(proof, chance):
            assert not is_proven(verify_inclusion, index, size, leaf, wrong, whole)
        for bit in chance.sample(range(256), 16):
            assert not is_proven(verify_inclusion, index, size, flipped(leaf, bit), proof, whole)
            assert not is_proven(verify_inclusion, index, size, leaf, proof, flipped(whole, bit))
        for bit in range(63):
            assert not is_proven(verify_inclusion, index ^ 1 << bit, size, leaf, proof, whole)
        for other in (-1, -size, size, index + size, 2**63):
            assert not is_proven(verify_inclusion, other, size, leaf, proof, whole)


@pytest.mark.parametrize("size2", [*range(2, 34), 63, 64, 65, 100, 255, 256, 257, LARGEST])
def test_nothing_else_proves_consistency(size2):
    chance = Random(size2)
    root2 = TREES[size2].root()
    for size1 in range(1, size2) if size2 < 34 else chance.sample(range(1, size2), 20):
        root1, proof = TREES[size1].root(), consistency_proof(size1, size2, TREES[size2].hash)
        for wrong in spoiled(proof, chance):
            assert not is_proven(verify_consistency, size1, size2, wrong, root1, root2)
        for bit in chance.sample(range(256), 16):
            assert not is_proven(verify_consistency, size1, size2, proof, flipped(root1, bit), root2)
            assert not is_proven(verify_consistency, size1, size2, proof, root1, flipped(root2, bit))
        for other in (0, -1, size2, size2 + 1, *(size1 ^ 1 << bit for bit in range(63))):
            assert not is_proven(verify_consistency, other, size2, proof, root1, root2)
        assert not is_proven(verify_consistency, size1, size2, proof, root2, root1)


def test_a_tree_that_was_changed_below_is_not_consistent():
    for size1 in range(1, 40):
        for changed in range(size1):
            leaves = LEAVES[:60]
            leaves[changed] = leaf_hash(b"another")
            other = Tree(leaves)
            proof = consistency_proof(size1, 60, other.hash)
            assert not is_proven(verify_consistency, size1, 60, proof, TREES[size1].root(), other.root())


def test_a_size_is_vouched_for_by_the_checkpoint_and_not_by_the_proof():
    """The path of the first leaf is the same in trees of 3 and of 4: so sizes and roots are signed together."""
    proof = inclusion_proof(0, 3, TREES[3].hash)
    assert root_of_inclusion(0, 4, LEAVES[0], proof) == TREES[3].root()


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_range_is_covered_once_by_subtrees_that_get_smaller(start, length):
    start <<= length.bit_length()
    nodes = covering(start, start + length)
    for node in nodes:
        assert node.number << node.level == start
        start += 1 << node.level
    assert all(after.level < before.level for before, after in pairwise(nodes))
    assert sum(1 << node.level for node in nodes) == length


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 5)])
def test_of_what_is_not_there_there_is_no_proof(index, size):
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(index, size, TREES[LARGEST].hash)


@pytest.mark.parametrize(("size", "hashes"), [(-1, []), (0, [b"x" * 32]), (3, [b"x" * 32]), (1, [b"x"]), (2**63, [])])
def test_what_is_no_frontier_is_refused(size, hashes):
    with pytest.raises(ValueError, match="no frontier"):
        Frontier(size, hashes)


def test_a_tree_says_where_it_ends():
    with pytest.raises(IndexError):
        TREES[5].hash(Node(2, 1))
