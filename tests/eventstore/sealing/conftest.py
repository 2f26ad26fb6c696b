"""A log of accounts and its sealer, and what an auditor outside collects."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from eventstore.sealing.checkpoint_file import CheckpointFile, checkpoints
from eventstore.sealing.keys import KeyFile
from eventstore.sealing.merkle import Tree, consistency_proof, leaf_hash, verify_consistency
from eventstore.sealing.notes import Checkpoint, Note
from eventstore.sealing.sealer import Sealer
from eventstore.sealing.sources import EVENTS
from tests.eventstore.conftest import Accounts

DAY = datetime(2026, 11, 27, 12, tzinfo=UTC)


def sealer_in(dsn: str, home: Path, *, sign_every_s: float = 0.0) -> Sealer:
    """The sealer that keeps its files in a home."""
    keys = KeyFile(home / "keys" / "sealing", lambda: DAY)
    files = CheckpointFile(home / "checkpoints.txt")
    return Sealer(dsn, EVENTS, home / "sealing", keys.signers, files, ensure_key=keys.ensure, sign_every_s=sign_every_s)


@pytest.fixture
def sealer_of(dsn: str, tmp_path: Path) -> Iterator[Callable[..., Sealer]]:
    """Makes sealers on the fresh database, each in a home of its own unless they are given the same."""
    with ExitStack() as stack:
        yield lambda home="home", of=dsn: stack.enter_context(sealer_in(of, tmp_path / home))


@pytest.fixture
def sealer(sealer_of: Callable[..., Sealer]) -> Sealer:
    return sealer_of()


def leaves(dsn: str) -> list[bytes]:
    """The leaves of the log as it is now, from the events alone."""
    with psycopg.connect(dsn) as db:
        return [leaf_hash(entry) for entry in EVENTS.entries(db, 0, 10_000_000)]


def told(home: Path) -> list[tuple[Checkpoint, Note]]:
    """The checkpoints in the append-only file."""
    return list(checkpoints((home / "checkpoints.txt").read_text(errors="replace")))


def heads(dsn: str) -> list[tuple[int, bytes, str]]:
    """The signed heads in the database."""
    with psycopg.connect(dsn) as db:
        return db.execute("select size, root, note from es.tree_head order by tree, size").fetchall()


def must_agree(heads: Iterable[Checkpoint], tree: Tree) -> None:
    """All heads are of one tree, which is that of these leaves, and each is proven to begin with the ones before."""
    ordered = sorted(set(heads), key=lambda head: head.size)
    for head in ordered:
        assert head.root == tree.root(head.size), f"the head of {head.size} is of another tree"
    for one, other in pairwise(ordered):
        proof = consistency_proof(one.size, other.size, tree.hash)
        verify_consistency(one.size, other.size, proof, one.root, other.root)


def fill(accounts: Accounts, count: int) -> None:
    """Records so many events, some with personal values."""
    full, rest = divmod(count, 50)
    for _ in range(full):
        accounts.deposit(None, *range(1, 51), note="for the roof")
    for _ in range(rest):
        accounts.deposit(None, 1)
