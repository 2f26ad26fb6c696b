"""What comes in and what others are told may be cut off at any moment: nothing is lost, and each mail is taken once."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import get_args

import pytest

from domain import DECIDERS
from domain.case import OpenCase
from domain.case_events import CaseType, CustomerReplied
from domain.inbound_message import InboundMessageAccepted
from domain.interaction import InteractionStarted, MessageReceived
from domain.kernel import derived
from domain.outbound_message import OutboundMessageAcknowledged
from domain.values import Channel
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from processes import points
from processes.outbox import FIRST_RETRY_AFTER, Outbox, telling
from processes.webhooks import Target
from projections.engine import Engine
from projections.touchpoints import messages
from tests.conftest import KEK, House
from tests.processes import doomed
from tests.processes.postman import Postman, mail
from tests.processes.receiver import SECRET, Receiver, receiving
from tests.processes.shop import moment

POINTS = get_args(points.Point)
MAILS = 6
SETTLED_WITHIN_S = 20.0


def dying(dies_at: str | None, arrivals: int) -> None:
    """This process ends itself when it has come to a point so many times."""
    left = count(arrivals, -1)

    def reached(point: str) -> None:
        if point == dies_at and next(left) <= 1:
            os.kill(os.getpid(), signal.SIGKILL)

    points.reached = reached  # type: ignore[assignment]


def read_mail(dsn: str, folder: Path, dies_at: str | None, arrivals: int) -> None:
    dying(dies_at, arrivals)
    with open_pool(dsn) as pool:
        Postman(House(dsn, Log(pool, DECIDERS, KeyRing(pool, KEK))), folder).read()


def tell(dsn: str, url: str, now: datetime, dies_at: str | None, arrivals: int) -> None:
    dying(dies_at, arrivals)
    with open_pool(dsn) as pool:
        outbox_of(Log(pool, DECIDERS, KeyRing(pool, KEK)), url, now).step()


def outbox_of(log: Log, url: str, now: datetime) -> Outbox:
    engine = Engine(log, log.pool, [messages.outbox])
    return Outbox(log, engine, {"erp": Target.of(url, SECRET)}, now=lambda: now)


def end_of(what: Callable[..., None], *arguments: object) -> int | None:
    """A process of its own does it; answers with how it ended."""
    process = doomed.context.Process(target=what, args=arguments, daemon=True)
    process.start()
    process.join(SETTLED_WITHIN_S)
    return process.exitcode


def until(settled: Callable[[], bool]) -> None:
    """Waits until the database has noticed that the others are dead, and an unhurt one has done what is left."""
    end = time.monotonic() + SETTLED_WITHIN_S
    while not settled():
        assert time.monotonic() < end, "It is not done."
        time.sleep(0.05)


def mails_of(postman: Postman) -> None:
    """Mails of a customer about a case, all of one thread."""
    ana = postman.customer()
    postman.do(
        OpenCase(case_id=derived("case", 1), customer_id=ana, type=CaseType.QUESTION, channel=Channel.WEB, number="7")
    )
    for n in range(MAILS):
        postman.drop(mail(f"<{n}@c>", Subject="[7]", References="<0@c>" if n else ""))


def check_mails(postman: Postman) -> None:
    def settled() -> bool:
        postman.read()
        return len(list(postman.files())) == MAILS

    until(settled)
    assert [event.message_id for event in postman.said(MessageReceived)] == [f"<{n}@c>" for n in range(MAILS)]
    for kind in (InboundMessageAccepted, CustomerReplied):
        assert len(postman.said(kind)) == MAILS
    assert len(postman.said(InteractionStarted)) == 1


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("inbox")])
def test_an_inbox_that_is_killed_at_a_point_loses_and_doubles_nothing(house: House, tmp_path: Path, point: str) -> None:
    postman = Postman(house, tmp_path / "in")
    mails_of(postman)
    assert [end_of(read_mail, house.dsn, tmp_path / "in", point, arrivals) for arrivals in (1, 2)] == [
        -signal.SIGKILL
    ] * 2
    check_mails(postman)


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.long)])
def test_inboxes_that_are_killed_at_any_moment_lose_and_double_nothing(
    house: House, tmp_path: Path, kills: int
) -> None:
    postman = Postman(house, tmp_path / "in")
    mails_of(postman)
    chance = random.Random(kills)
    for _ in range(kills):
        arguments = (house.dsn, tmp_path / "in", None, 1)
        process = doomed.context.Process(target=read_mail, args=arguments, daemon=True)
        process.start()
        process.join(chance.uniform(0.1, 0.8))
        process.kill()
        process.join()
    check_mails(postman)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("outbox")])
def test_an_outbox_that_is_killed_at_a_point_loses_nothing_and_repeats_under_the_same_id(
    house: House, receiver: Receiver, point: str
) -> None:
    now = moment("2026-03-02 10:00")
    asked = [telling("erp", "order", derived("order", n)) for n in range(4)]
    for each in asked:
        house.log.do(each)
    ends = [end_of(tell, house.dsn, receiver.url, now, point, arrivals) for arrivals in (1, 2)]
    assert ends == [-signal.SIGKILL] * 2
    outbox = outbox_of(house.log, receiver.url, now + FIRST_RETRY_AFTER)

    def settled() -> bool:
        outbox._resting.clear()
        outbox.step()
        return sum(isinstance(event, OutboundMessageAcknowledged) for event, _ in house.log.reader.page(0)) == len(
            asked
        )

    until(settled)
    came = Counter(id for id, _ in receiver.taken)
    assert set(came) == {str(each.outbound_message_id) for each in asked}
    repeated = sum(came.values()) - len(asked)
    assert repeated <= (2 if point == "outbox: sent" else 0)
    assert repeated > 0 or point != "outbox: sent"
    assert house.log.reader.head() == 2 * len(asked)
