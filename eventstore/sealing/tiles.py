"""Tiles: the tree in pieces of 256 hashes, as C2SP tlog-tiles cuts it, and how they are kept in the database."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from psycopg import Connection

from eventstore.sealing.merkle import HASH_BYTES, Frontier, Hashes, Node, together

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEVEL = 7
"""Of a tree that has at most 2^63 leaves."""


class Tile(NamedTuple):
    """A full tile: the root of its 256 hashes, and, of the lowest level, the hashes themselves."""

    level: int
    number: int
    root: bytes
    hashes: bytes | None


class Part(NamedTuple):
    """Leaves of the tile that is not full yet, from one of its places on."""

    number: int
    start: int
    hashes: bytes


class Edge:
    """The right edge of a tree that grows: of each level the hashes in the tile that is not full yet."""

    def __init__(self, open: Iterable[Iterable[bytes]] = ()) -> None:
        self.open = [list(hashes) for hashes in open] or [[]]

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return sum(len(hashes) << HEIGHT * level for level, hashes in enumerate(self.open))

    def frontier(self) -> Frontier:
        """The perfect subtrees that the tree consists of."""
        found = []
        for hashes in reversed(self.open):
            at = 0
            for bit in reversed(range(HEIGHT)):
                if len(hashes) >> bit & 1:
                    found.append(perfect(hashes[at : at + (1 << bit)]))
                    at += 1 << bit
        return Frontier(self.size, found)

    def extend(self, leaves: Sequence[bytes]) -> tuple[list[Tile], Part | None]:
        """Adds the next leaves. Says which tiles are full now, and what is new in the one that is not."""
        full: list[Tile] = []
        number, at = self.size >> HEIGHT, 0
        start = len(self.open[0])
        while at < len(leaves):
            room = WIDTH - len(self.open[0])
            self.open[0] += leaves[at : at + room]
            at += room
            if len(self.open[0]) == WIDTH:
                self._carry(full, number)
                number, start = number + 1, 0
        new = self.open[0][start:]
        return full, Part(number, start, b"".join(new)) if new else None

    def _carry(self, full: list[Tile], number: int) -> None:
        """Puts the root of each full tile into the tile above it."""
        level = 0
        while len(hashes := self.open[level]) == WIDTH:
            root = perfect(hashes)
            full.append(Tile(level, number, root, None if level else b"".join(hashes)))
            self.open[level] = []
            if level + 1 == len(self.open):
                self.open.append([])
            self.open[level + 1].append(root)
            level, number = level + 1, number >> HEIGHT


def perfect(hashes: Sequence[bytes]) -> bytes:
    """The root above 1, 2, 4, ... 256 hashes."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [sha256(b"\1" + left + right).digest() for left, right in pairs]
    return hashes[0]


def cut(hashes: bytes) -> list[bytes]:
    """Hashes that stand one behind the other."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


# In the database.


def write(db: Connection, tree: int, full: Sequence[Tile], part: Part | None) -> None:
    """Adds tiles and parts, in the transaction that is open; what was in parts of a tile that is full now goes."""
    if full:
        with db.cursor().copy("copy es.tile (tree, level, number, root, hashes) from stdin (format binary)") as copy:
            copy.set_types(["int2", "int2", "int8", "bytea", "bytea"])
            for tile in full:
                copy.write_row((tree, *tile))
        db.execute("select es.drop_full_parts(%s::smallint)", [tree])
    if part is not None:
        with db.cursor().copy("copy es.tile_part (tree, number, start, hashes) from stdin (format binary)") as copy:
            copy.set_types(["int2", "int8", "int2", "bytea"])
            copy.write_row((tree, *part))


def read_edge(db: Connection, tree: int) -> Edge:
    """The edge of the tree as far as its tiles go. Raises `ValueError` if tiles are missing."""
    (size,) = db.execute(
        "select coalesce((select max(number) + 1 from es.tile where tree = %(tree)s and level = 0), 0) * 256 + "
        "  coalesce((select sum(octet_length(p.hashes)) / 32 from es.tile_part p where p.tree = %(tree)s "
        "             and not exists (select from es.tile t where t.tree = p.tree and t.level = 0 and t.number = p.number)), 0)",
        {"tree": tree},
    ).fetchone() or (0,)
    size, stored, open = int(size), Stored(db, tree), []
    for level in range(MAX_LEVEL + 1):
        count = size >> HEIGHT * level
        nodes = [Node(HEIGHT * level, number) for number in range(count & -WIDTH, count)]
        hashes = stored.hashes(nodes)
        open.append([hashes[node] for node in nodes])
        if count < WIDTH:
            break
    return Edge(open)


class Stored:
    """The tree as it is kept in the database: the hashes of any perfect subtrees, in at most three statements.

    Raises `ValueError` where the tree does not reach so far, or where tiles were removed.
    """

    def __init__(self, db: Connection, tree: int) -> None:
        self._db = db
        self._tree = tree

    def hashes(self, nodes: Iterable[Node]) -> dict[Node, bytes]:
        """The hash of each."""
        wanted = set(nodes)
        low = [node for node in wanted if node.level < HEIGHT]
        high = [node for node in wanted if node.level >= HEIGHT]
        found = {}
        for node, children in (self._leaves(low) if low else {}).items():
            found[node] = self._whole(node, children)
        for node, children in (self._roots(high) if high else {}).items():
            found[node] = self._whole(node, children)
        for node in wanted - found.keys():
            self._whole(node, [])
        return found

    def proof(self, path: Sequence[Sequence[Node]]) -> list[bytes]:
        """The hashes of a proof from its path, as `merkle` makes it."""
        known = self.hashes(node for nodes in path for node in nodes)
        return [together([known[node] for node in nodes]) for nodes in path]

    def lookup(self, nodes: Iterable[Node]) -> Hashes:
        """For what asks one by one: says the hashes of these, which were fetched together."""
        return self.hashes(nodes).__getitem__

    def tile(self, level: int, number: int, width: int = WIDTH) -> bytes | None:
        """The first hashes of a tile, one behind the other; None if there are not so many."""
        first = number << HEIGHT
        try:
            known = self.hashes(Node(HEIGHT * level, place) for place in range(first, first + width))
        except ValueError:
            return None
        return b"".join(known[Node(HEIGHT * level, place)] for place in range(first, first + width))

    def _whole(self, node: Node, children: Sequence[bytes]) -> bytes:
        if len(children) != 1 << node.level % HEIGHT:
            first = node.number << node.level
            raise ValueError(f"The tree has no hashes of the {1 << node.level:,} leaves from {first:,} on.")
        return perfect(children)

    def _leaves(self, nodes: Sequence[Node]) -> dict[Node, list[bytes]]:
        """The leaves below each. Parts are read first: what leaves them then is in its tile."""
        parts: dict[int, dict[int, bytes]] = {}
        numbers = {node.number << node.level >> HEIGHT for node in nodes}
        for number, start, hashes in self._db.cursor(binary=True).execute(
            "select number, start, hashes from es.tile_part where tree = %s and number = any(%s) order by number, start",
            [self._tree, list(numbers)],
        ):
            parts.setdefault(number, {}).update(enumerate(cut(hashes), start))
        starts = [node.number << node.level for node in nodes]
        rows = self._db.cursor(binary=True).execute(
            "select n.nth, substring(t.hashes from n.start * 32 + 1 for n.count * 32) "
            "  from unnest(%s::int[], %s::bigint[], %s::int[], %s::int[]) n (nth, number, start, count) "
            "  join es.tile t on t.tree = %s and t.level = 0 and t.number = n.number",
            [
                list(range(len(nodes))),
                [start >> HEIGHT for start in starts],
                [start % WIDTH for start in starts],
                [1 << node.level for node in nodes],
                self._tree,
            ],
        )
        found = {nodes[nth]: cut(hashes) for nth, hashes in rows}
        for node, start in zip(nodes, starts, strict=True):
            if node not in found and (known := parts.get(start >> HEIGHT)) is not None:
                places = range(start % WIDTH, start % WIDTH + (1 << node.level))
                found[node] = [known[place] for place in places if place in known]
        return found

    def _roots(self, nodes: Sequence[Node]) -> dict[Node, list[bytes]]:
        """The roots of the tiles below each."""
        firsts = [node.number << node.level % HEIGHT for node in nodes]
        rows = self._db.cursor(binary=True).execute(
            "select n.nth, t.root "
            "  from unnest(%s::int[], %s::smallint[], %s::bigint[], %s::bigint[]) n (nth, level, first, last) "
            "  join es.tile t on t.tree = %s and t.level = n.level and t.number between n.first and n.last "
            " order by n.nth, t.number",
            [
                list(range(len(nodes))),
                [node.level // HEIGHT - 1 for node in nodes],
                firsts,
                [first + (1 << node.level % HEIGHT) - 1 for first, node in zip(firsts, nodes, strict=True)],
                self._tree,
            ],
        )
        found: dict[Node, list[bytes]] = {}
        for nth, root in rows:
            found.setdefault(nodes[nth], []).append(bytes(root))
        return found
