"""Sealers in processes of their own, which end themselves by SIGKILL at a point that was named to them, or are ended."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path

from eventstore.sealing import points
from eventstore.sealing.notes import Signer
from eventstore.sealing.sealer import Elsewhere, Sealer
from tests.eventstore.sealing.conftest import sealer_in

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload([__name__])


def begin(dsn: str, home: Path, *, dies_at: str | None = None, arrivals: int = 1) -> BaseProcess:
    """Starts a sealer that seals for ever, or dies when it has come to a point so many times."""
    process = context.Process(target=seal, args=(dsn, home, dies_at, arrivals), daemon=True)
    process.start()
    return process


def seal(dsn: str, home: Path, dies_at: str | None, arrivals: int) -> None:
    left = count(arrivals, -1)

    def reached(point: str) -> None:
        if point == dies_at and next(left) <= 1:
            os.kill(os.getpid(), signal.SIGKILL)

    points.reached = reached  # type: ignore[assignment]
    sealer = sealer_in(dsn, home)
    sealer._signers = witnessed(sealer, home)
    while True:
        try:
            sealer.step()
            (home / "at-work").touch()
        except Elsewhere:  # the server has not noticed yet that the one before is dead
            time.sleep(0.005)


def witnessed(sealer: Sealer, home: Path) -> Callable[[str], Sequence[Signer]]:
    """Its signers; whatever they sign is on the disk before the sealer has the signature, whatever becomes of it."""
    signers = sealer._signers

    def witness(signer: Signer) -> Signer:
        def sign(message: bytes) -> bytes:
            handle = os.open(home / "signed.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(handle, message + b"\n")
            os.close(handle)
            return signer.sign(message)

        return Signer(signer.key, sign)

    return lambda origin: [witness(signer) for signer in signers(origin)]
