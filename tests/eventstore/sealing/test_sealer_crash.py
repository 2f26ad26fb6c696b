"""Sealers that are killed, at every named point and at any moment: they never sign two trees that contradict each other."""

import os
import signal
from pathlib import Path
from random import Random
from threading import Event as Signal
from threading import Thread
from time import sleep
from typing import get_args

import pytest

from eventstore.sealing import points
from eventstore.sealing.merkle import Tree
from eventstore.sealing.notes import Checkpoint
from eventstore.sealing.sealer import Elsewhere
from tests.eventstore.conftest import Accounts
from tests.eventstore.sealing import doomed
from tests.eventstore.sealing.conftest import fill, heads, leaves, must_agree, sealer_in, told
from tests.eventstore.sealing.test_restored import until

POINTS = get_args(points.Point)
PATIENCE_S = 30


class Writer:
    """Records without a pause, until it is told to stop."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts, self._stop = accounts, Signal()
        self._thread = Thread(target=self._write)

    def _write(self) -> None:
        while not self._stop.is_set():
            self._accounts.deposit(None, *range(1, 4))
            sleep(0.005)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def all_signed(home: Path) -> list[Checkpoint]:
    """Whatever was ever signed, whether it was told or not."""
    return [Checkpoint.parse(f"{text}\n") for text in (home / "signed.txt").read_text().split("\n\n") if text]


def must_be_one_tree(dsn: str, home: Path) -> int:
    """Lets a sealer finish, and checks whatever was signed and told. Says how many heads were signed."""
    with sealer_in(dsn, home) as sealer:
        sealer._signers = doomed.witnessed(sealer, home)
        for _ in range(1_000):
            try:
                size = sealer.run()
                break
            except Elsewhere:  # the server has not noticed yet that the one before is dead
                sleep(0.01)
    tree = Tree(leaves(dsn))
    assert size == tree.size
    signed, given_out = all_signed(home), [head for head, _ in told(home)]
    must_agree(signed, tree)
    assert set(given_out) <= set(signed)
    assert [head.size for head in given_out] == sorted({head.size for head in given_out})
    assert [(head.size, head.root) for head in given_out] == [(size, root) for size, root, _ in heads(dsn)]
    assert given_out[-1] == Checkpoint(given_out[-1].origin, tree.size, tree.root())
    return len(signed)


def killed_at(accounts: Accounts, dsn: str, home: Path, point: str, arrivals: int) -> None:
    """Lets a sealer work until it dies at a point, while something is recorded now and then."""
    process = doomed.begin(dsn, home, dies_at=point, arrivals=arrivals)
    for _ in range(PATIENCE_S * 50):
        process.join(0.02)
        if process.exitcode is not None:
            break
        accounts.deposit()
    assert process.exitcode == -signal.SIGKILL


def killed_at_random(accounts: Accounts, dsn: str, home: Path, times: int, chance: Random) -> None:
    """Kills sealers at any moment: one half of them while they come to the database, the other while they are at work."""
    with Writer(accounts):
        for n in range(times):
            (home / "at-work").unlink(missing_ok=True)
            process = doomed.begin(dsn, home)
            if n % 2:
                until((home / "at-work").exists, PATIENCE_S)
            sleep(chance.uniform(0, 0.15))
            assert process.exitcode is None
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_named_point_it_goes_on_with_the_same_tree(
    accounts: Accounts, dsn: str, tmp_path: Path, point: str
):
    fill(accounts, 530)
    for arrivals in (1,) if point == "seal: tree begun, no state" else (1, 2):  # a tree is begun only once
        killed_at(accounts, dsn, tmp_path, point, arrivals)
    assert must_be_one_tree(dsn, tmp_path) > 0


def test_killed_at_any_moment_it_goes_on_with_the_same_tree(accounts: Accounts, dsn: str, tmp_path: Path):
    killed_at_random(accounts, dsn, tmp_path, 16, Random(6))
    assert must_be_one_tree(dsn, tmp_path) > 8


@pytest.mark.long
def test_killed_a_thousand_times_it_goes_on_with_the_same_tree(accounts: Accounts, dsn: str, tmp_path: Path):
    chance = Random(1_000)
    for _ in range(10):
        killed_at_random(accounts, dsn, tmp_path, 80, chance)
        for point in POINTS[:1] * 3 + POINTS[2:] * 3:
            killed_at(accounts, dsn, tmp_path, point, chance.randint(1, 3))
    assert must_be_one_tree(dsn, tmp_path) > 500
