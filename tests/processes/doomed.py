"""Workers in processes of their own, which end themselves by SIGKILL at a point that was named to them."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from email.message import EmailMessage
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from domain import DECIDERS
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from processes import POLICIES, firing, points, runner, triggers
from processes.delivery import Delivery
from processes.policy import Policy
from processes.runner import Runner, Step
from processes.transports import Answer, MaildirTransport, Taken, Transport
from projections import VIEWS
from tests.conftest import KEK
from tests.processes.shop import Shop

NAME = "doomed"
"""What the database calls them."""
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload([__name__])


class Postbox:
    """Like a mail server: takes everything, and cannot say afterwards what it took. Each sending is a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def send(self, follow_up_id: UUID, message: EmailMessage) -> Answer:
        (self.folder / f"{follow_up_id}.{uuid4()}").touch()
        return Taken("thrown in")

    def was_sent(self, follow_up_id: UUID) -> str | bool | None:
        return None

    def sent(self) -> list[str]:
        """The follow-ups that were sent, each as often as it was."""
        return sorted(file.name.partition(".")[0] for file in self.folder.iterdir())


def transport_in(folder: Path, blind: bool) -> Transport:
    return Postbox(folder) if blind else MaildirTransport(folder)


def begin(
    dsn: str, folder: Path, days: Sequence[datetime], *, dies_at: str | None = None, arrivals: int = 1,
    blind: bool = False, mutant: str | None = None, whole: bool = False,
) -> BaseProcess:  # fmt: skip
    """Starts a worker that lives through these days, and dies when it has come to a point so many times.

    It is of the survey alone, or of the `whole` company.
    """
    arguments = (dsn, folder, days, dies_at, arrivals, blind, mutant, whole)
    process = context.Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def work(
    dsn: str,
    folder: Path,
    days: Sequence[datetime],
    dies_at: str | None,
    arrivals: int,
    blind: bool,
    mutant: str | None,
    whole: bool,
) -> None:
    left = count(arrivals, -1)

    def reached(point: str) -> None:
        if point == dies_at and next(left) <= 1:
            os.kill(os.getpid(), signal.SIGKILL)

    points.reached = reached  # type: ignore[assignment]
    with MUTANTS[mutant]() if mutant else nullcontext(), open_pool(f"{dsn} application_name={NAME}") as pool:
        log, transport = Log(pool, DECIDERS, KeyRing(pool, KEK)), transport_in(folder, blind)
        more: dict[str, Any] = {"policies": POLICIES, "views": VIEWS} if whole else {}
        shop = Shop(log, folder, transport, now=days[0], **more)
        for day in days:
            shop.until(day)


# Workers that are broken on purpose, and must be found out.


class Forgetful:
    """Its follow-ups and its requests have another name each time."""

    def __enter__(self) -> None:
        for module in (runner, firing, triggers):
            module.derived = lambda *_: uuid4()  # type: ignore[attr-defined, assignment]
        Policy.follow_up_id = lambda *_: uuid4()  # type: ignore[method-assign, assignment]

    def __exit__(self, *_: object) -> None: ...


class Hasty:
    """Says that it has read something before it has done what follows from it."""

    def __enter__(self) -> None:
        careful = Runner._react

        def react(ours: Runner, db: Connection, policy: Policy[Any]) -> Step:
            start, head = db.execute(
                "select c.position, (select max(position) from es.event) from es.checkpoint c where c.name = %s",
                [policy.actor],
            ).fetchone() or (0, 0)
            db.execute("update es.checkpoint set position = %s where name = %s", [head, policy.actor])
            found, endless, _ = ours._triggers(db, policy, start, head)
            decisions = ours._decide(db, policy, found, dict.fromkeys(endless, "LOOP"), head)
            points.reached("reaction: decided")
            if decisions.drafts:
                with db.transaction():
                    decisions.append(db)
            return careful(ours, db, policy)

        Runner._react = react  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None: ...


class Eager:
    """Sends before it has written down that it is about to."""

    def __enter__(self) -> None:
        careful = Delivery._attempt

        def attempt(delivery: Delivery, db: Connection, row: Any, now: datetime) -> Any:
            policy, known = delivery._known(row, delivery.log.reader.head())
            delivery._send(row, policy.write(row, known), now)
            points.reached("delivery: sent")
            begun = careful(delivery, db, row, now)
            delivery._send = lambda *_: Taken("sent before")  # type: ignore[method-assign]
            return begun

        Delivery._attempt = attempt  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None: ...


MUTANTS = {"forgetful": Forgetful, "hasty": Hasty, "eager": Eager}
