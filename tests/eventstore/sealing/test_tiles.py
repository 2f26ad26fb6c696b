"""Tiles: in memory and in the database, they are the tree of the leaves."""

from random import Random

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.sealing.merkle import (
    Frontier,
    Node,
    Tree,
    consistency_path,
    covering,
    inclusion_path,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from eventstore.sealing.tiles import WIDTH, Edge, Stored, cut, perfect, read_edge, write
from tests.eventstore.conftest import acting_as

MANY = 70_000
LEAVES = [leaf_hash(str(n).encode()) for n in range(MANY)]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 700), max_size=12))
def test_an_edge_is_the_tree_however_the_leaves_come(counts):
    edge, frontier, tiles, at = Edge(), Frontier(), [], 0
    for count in counts:
        new = LEAVES[at : at + count]
        full, part = edge.extend(new)
        frontier.extend(new)
        tiles += full
        at += count
        assert (part is None) == (not new or at % WIDTH == 0)
        if part is not None:
            assert part.number == at // WIDTH
            assert cut(part.hashes) == LEAVES[part.number * WIDTH + part.start : at]
    assert edge.size == frontier.size == at
    assert edge.frontier().hashes == frontier.hashes
    assert [tile.number for tile in tiles if tile.level == 0] == list(range(at // WIDTH))
    for tile in tiles:
        leaves = LEAVES[tile.number * WIDTH : (tile.number + 1) * WIDTH]
        assert (tile.root, tile.hashes) == (Tree(leaves).root(), b"".join(leaves))


@pytest.mark.parametrize("width", [1, 2, 4, 64, 256])
def test_a_perfect_tree(width):
    assert perfect(LEAVES[:width]) == Tree(LEAVES[:width]).root()


@pytest.fixture
def tree(dsn: str) -> tuple[str, int]:
    """A tree without leaves in the fresh database."""
    with acting_as(dsn, "es_sealer") as db:
        return dsn, db.execute("insert into es.tree (source) values ('test') returning tree").fetchone()[0]


def grow(db: psycopg.Connection, tree: int, edge: Edge, leaves: list[bytes]) -> None:
    full, part = edge.extend(leaves)
    with db.transaction():
        write(db, tree, full, part)


def test_what_was_written_is_read_again_at_every_size(tree):
    dsn, number = tree
    chance, edge, at = Random(6), Edge(), 0
    with acting_as(dsn, "es_sealer") as db:
        while at < 1_500:
            count = chance.choice((1, 1, 2, 3, 7, 100, 256, 300))
            grow(db, number, edge, LEAVES[at : at + count])
            at += count
            found = read_edge(db, number)
            assert (found.size, found.frontier().hashes) == (at, edge.frontier().hashes)
            assert Stored(db, number).hashes([Node(0, at - 1)]) == {Node(0, at - 1): LEAVES[at - 1]}
            rows = db.execute("select count(distinct number), min(number) from es.tile_part").fetchone()
            assert rows == ((1, at // WIDTH) if at % WIDTH else (0, None))


def test_proofs_come_from_tiles_of_three_levels(tree):
    dsn, number = tree
    whole, edge, at = Tree(LEAVES), Edge(), 0
    with acting_as(dsn, "es_sealer") as db:
        for count in (1, 254, 1, 30_000, 35_279, 2, 4_463):
            grow(db, number, edge, LEAVES[at : at + count])
            at += count
        assert at == MANY
        assert db.execute("select level, count(*) from es.tile group by 1 order by 1").fetchall() == [(0, 273), (1, 1)]
        assert read_edge(db, number).frontier().hashes == edge.frontier().hashes
        stored, chance = Stored(db, number), Random(7)
        for _ in range(60):
            size = chance.randint(1, MANY)
            index, size1 = chance.randrange(size), chance.randint(1, size)
            total = root(size, stored.lookup(covering(0, size)))
            assert total == whole.root(size)
            verify_inclusion(index, size, LEAVES[index], stored.proof(inclusion_path(index, size)), total)
            proof = stored.proof(consistency_path(size1, size))
            verify_consistency(size1, size, proof, whole.root(size1), total)
        for level, place, width in ((0, 0, 256), (0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)):
            found = stored.tile(level, place, width)
            nodes = [Node(8 * level, 256 * place + nth) for nth in range(width)]
            assert found == b"".join(whole.hash(node) for node in nodes)
        for level, place, width in ((0, 273, 113), (0, 274, 1), (1, 1, 18), (2, 0, 2), (2, 1, 1), (3, 0, 1)):
            assert stored.tile(level, place, width) is None


def test_a_full_tile_costs_less_than_forty_bytes_a_leaf(tree):
    dsn, number = tree
    with acting_as(dsn, "es_sealer") as db:
        edge = Edge()
        for at in range(0, MANY, 5_000):
            grow(db, number, edge, LEAVES[at : at + 5_000])
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("vacuum es.tile_part")
        size = db.execute(
            "select pg_total_relation_size('es.tile') + pg_total_relation_size('es.tile_part')"
        ).fetchone()[0]
    assert size / MANY < 40


def test_missing_tiles_are_noticed(tree):
    dsn, number = tree
    with acting_as(dsn, "es_sealer") as db:
        grow(db, number, Edge(), LEAVES[:2_000])
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("alter table es.tile disable trigger all")
        db.execute("delete from es.tile where level = 0 and number = 3")
        with pytest.raises(ValueError, match="no hashes"):
            read_edge(db, number)
        with pytest.raises(ValueError, match="no hashes of the 1 leaves from 800"):
            Stored(db, number).hashes([Node(0, 1), Node(0, 800)])
