"""Merkle trees of RFC 6962: hashes, roots, and the proofs that an entry is in a tree and that a tree only grew."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple, Self

HASH_BYTES = 32
MAX_SIZE = 2**63 - 1
"""Sizes and indexes beyond are refused: C2SP texts and PostgreSQL both end there."""

EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962, section 2.1)."""


class NotProven(Exception):
    """A proof does not prove what it should: it is damaged, for something else, or somebody lied."""


class Node(NamedTuple):
    """The root of the perfect subtree over the leaves from `number << level` to `(number + 1) << level`, the end left out."""

    level: int
    number: int


Hashes = Callable[[Node], bytes]
"""Says the hash of a perfect subtree."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256 over 0x00 and the entry (RFC 6962, section 2.1)."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 over 0x01, the left child and the right one (RFC 6962, section 2.1)."""
    return sha256(b"\1" + left + right).digest()


def together(hashes: Sequence[bytes]) -> bytes:
    """The root above neighbouring perfect subtrees, the largest first. There is at least one."""
    *rest, whole = hashes
    for left in reversed(rest):
        whole = node_hash(left, whole)
    return whole


class Frontier:
    """What must be kept of a tree so that it can grow: the perfect subtrees that it consists of, the largest first."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if not 0 <= size <= MAX_SIZE or len(self.hashes) != size.bit_count() or not _are_hashes(self.hashes):
            raise ValueError(f"{len(self.hashes)} hashes are no frontier of a tree of {size:,} leaves.")

    def append(self, leaf: bytes) -> None:
        """Adds the hash of the next leaf."""
        place = self.size
        while place & 1:
            leaf = sha256(b"\1" + self.hashes.pop() + leaf).digest()
            place >>= 1
        self.hashes.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> Self:
        """Adds the hashes of the next leaves."""
        for leaf in leaves:
            self.append(leaf)
        return self

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        return together(self.hashes) if self.hashes else EMPTY_ROOT

    def copy(self) -> "Frontier":
        """The same, growing apart."""
        return Frontier(self.size, self.hashes)


class Tree:
    """A whole tree in memory, for bundles, tests and whoever holds all leaves: 64 bytes for each leaf."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        self.levels = [list(leaves)]
        while len(below := self.levels[-1]) > 1:
            self.levels.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return len(self.levels[0])

    def hash(self, node: Node) -> bytes:
        """The hash of a perfect subtree; IndexError if the tree does not reach so far."""
        return self.levels[node.level][node.number]

    def root(self, size: int | None = None) -> bytes:
        """The root of the tree that its first leaves make, or all."""
        return root(self.size if size is None else size, self.hash)


def root(size: int, hashes: Hashes) -> bytes:
    """The root of a tree of that size."""
    return together([hashes(node) for node in covering(0, size)]) if size else EMPTY_ROOT


# Making proofs: each hash of a proof is that of a range of leaves, and each range consists of perfect subtrees.


def covering(start: int, end: int) -> list[Node]:
    """The perfect subtrees of the leaves from `start` to `end`, largest first; one as large as the first may begin at `start`."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def inclusion_path(index: int, size: int) -> list[list[Node]]:
    """For each hash of the inclusion proof (RFC 6962, section 2.1.1) the subtrees under it, from the leaf's sibling upwards.

    Raises ValueError if there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"A tree of {size:,} leaves has no leaf {index:,}.")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if index < middle:
            path.append(covering(middle, end))
            end = middle
        else:
            path.append(covering(start, middle))
            start = middle
    return path[::-1]


def consistency_path(size1: int, size2: int) -> list[list[Node]]:
    """For each hash of the consistency proof (RFC 6962, section 2.1.2) the subtrees under it.

    Raises ValueError if the first tree is empty or larger than the second.
    """
    if not 0 < size1 <= size2:
        raise ValueError(f"Nothing can be proven of trees of {size1:,} and {size2:,} leaves.")
    start, end, path = 0, size2, []
    while end != size1:
        middle = start + _largest_power_below(end - start)
        if size1 <= middle:
            path.append(covering(middle, end))
            end = middle
        else:
            path.append(covering(start, middle))
            start = middle
    if start:
        path.append(covering(start, end))
    return path[::-1]


def proof(path: Iterable[Sequence[Node]], hashes: Hashes) -> list[bytes]:
    """The hashes of a proof from its path."""
    return [together([hashes(node) for node in nodes]) for nodes in path]


def inclusion_proof(index: int, size: int, hashes: Hashes) -> list[bytes]:
    """The proof that the leaf at `index` is in the tree of that size."""
    return proof(inclusion_path(index, size), hashes)


def consistency_proof(size1: int, size2: int, hashes: Hashes) -> list[bytes]:
    """The proof that the tree of `size2` leaves begins with that of `size1`."""
    return proof(consistency_path(size1, size2), hashes)


# Checking proofs, as RFC 9162 spells it out.


def root_of_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root of the tree that has this leaf there, if the proof is right (RFC 9162, section 2.1.3.2). Raises `NotProven`."""
    if not 0 <= index < size <= MAX_SIZE:
        raise NotProven(f"A tree of {size:,} leaves has no leaf {index:,}.")
    if not _are_hashes([leaf, *proof]):
        raise NotProven("A hash has 32 bytes.")
    place, last, whole = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise NotProven("The proof is too long.")
        if place & 1 or place == last:
            whole = node_hash(sibling, whole)
            while not place & 1:
                place, last = place >> 1, last >> 1
                if place == 0:
                    break
        else:
            whole = node_hash(whole, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise NotProven("The proof is too short.")
    return whole


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Checks that the leaf with this hash is at `index` in the tree with this size and root. Raises `NotProven`."""
    if root_of_inclusion(index, size, leaf, proof) != root:
        raise NotProven("The proof leads to another root: that leaf is not there.")


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Checks that the second tree begins with the first (RFC 9162, section 2.1.4.2). Raises `NotProven`.

    Nothing is proven of an empty tree, so `size1` = 0 is refused, even with an empty proof.
    """
    if not 0 < size1 <= size2 <= MAX_SIZE:
        raise NotProven(f"Nothing can be proven of trees of {size1:,} and {size2:,} leaves.")
    if size1 == size2:
        if proof:
            raise NotProven("The proof is too long.")
        if root1 != root2:
            raise NotProven("Two trees of the same size have different roots.")
        return
    if not _are_hashes([root1, root2, *proof]):
        raise NotProven("A hash has 32 bytes.")
    path = [root1, *proof] if size1.bit_count() == 1 else list(proof)
    if not path:
        raise NotProven("The proof is too short.")
    place, last = size1 - 1, size2 - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise NotProven("The proof is too long.")
        if place & 1 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not place & 1:
                place, last = place >> 1, last >> 1
                if place == 0:
                    break
        else:
            second = node_hash(second, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise NotProven("The proof is too short.")
    if first != root1:
        raise NotProven("The proof leads to another first root.")
    if second != root2:
        raise NotProven("The proof leads to another second root.")


def _largest_power_below(size: int) -> int:
    """The largest power of two that is smaller than a size above 1."""
    return 1 << (size - 1).bit_length() - 1


def _are_hashes(hashes: Iterable[bytes]) -> bool:
    return all(len(hash) == HASH_BYTES for hash in hashes)
