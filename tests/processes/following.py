"""A whole company that is followed by every policy: what came of it, to be compared with another one."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from domain.follow_up import FollowUpAttempted, FollowUpFailed
from domain.kernel import Event
from processes import POLICIES, queue_routing
from projections import VIEWS
from tests.conftest import House
from tests.processes.company_life import DAY, START, CompanyLife, asked_of
from tests.processes.doomed import NAME, Postbox, transport_in
from tests.processes.shop import Shop

HALF = DAY / 2
LATER = DAY / 8
"""How long after something was asked the worker comes by."""
COMES_BY = 2
"""How often, then: it comes by each second, and what one who is dying still holds is not left for half a day."""
GONE_WITHIN_S = 20.0

MAX_SHOWN = 200
OF_QUEUES = ("policy", "step", "about", "customer_id", "status", "due_at")
"""What is compared of queues: of two that are served at one moment, whoever comes first offers what waits in both."""

Disturb = Callable[[datetime], object]
Told = tuple[tuple[str, Any], ...]
Ledger = Counter[Told]


class Company:
    """A company on a database of its own, with a clock that is moved on by half days."""

    def __init__(self, house: House, folder: Path, *, seed: int = 1, busy: int = 6, blind: bool = False) -> None:
        folder.mkdir(parents=True)
        self.dsn, self.folder, self.blind = house.dsn, folder / "mail", blind
        self.life = CompanyLife(seed, busy)
        transport = transport_in(self.folder, blind)
        self.shop = Shop(house.log, self.folder, transport, policies=POLICIES, now=START, views=VIEWS)
        asked_of(house.log, START, self.life.beginning())
        self.half_days = 0

    def go_on(self, half_days: int, disturb: Disturb | None = None) -> "Company":
        """So much time passes. Whoever disturbs comes before the worker does what is left."""
        for _ in range(half_days):
            at = START + self.half_days * HALF
            self.half_days += 1
            asked_of(self.shop.log, at, self.life.half_day(at))
            if disturb is not None:
                disturb(at + LATER)
                self.wait_for_the_dead()
            for _ in range(COMES_BY):
                self.shop.until(at + LATER)
        return self

    def wait_for_the_dead(self) -> None:
        """Until the database has noticed that they are dead."""
        end = time.monotonic() + GONE_WITHIN_S
        with self.shop.log.pool.connection() as db:
            query = "select count(*) from pg_stat_activity where application_name = %s and datname = current_database()"
            while (row := db.execute(query, [NAME]).fetchone()) and row[0]:
                assert time.monotonic() < end, "They are not gone."
                time.sleep(0.01)

    def read_again(self) -> None:
        """The checkpoints go back to the beginning, as after a restore of an older copy of them."""
        with self.shop.log.pool.connection() as db:
            db.execute("update es.checkpoint set position = 0")

    # What came of it.

    def ledger(self) -> Ledger:
        """Every row, in which positions say what happened there, because the order of what happens at once may differ."""
        there = {at.position: (at.stream_id, at.version) for _, at in self.shop.events()}
        there[0] = (UUID(int=0), 0)
        rows = [asdict(row) for row in self.shop.ledger()]
        told: list[Told] = []
        for row in rows:
            row["follow_up_id"] = None
            row["trigger_position"] = there[row["trigger_position"]]
            row["relied_on"] = there[row["relied_on"] or 0]
            row["attempts"] = row["error"] = None
            if row["policy"] == queue_routing.policy.name:
                row = {name: row[name] for name in OF_QUEUES}
            told.append(tuple(row.items()))
        return Counter(told)

    def effects(self) -> Counter[type[Event]]:
        """How often what happened; an attempt that was cut off is made again, and told."""
        told = (FollowUpAttempted, FollowUpFailed)
        return Counter(type(event) for event, _ in self.shop.events() if not isinstance(event, told))

    def sent(self) -> Counter[str]:
        """The follow-ups whose letters are out, as often as they are."""
        if self.blind:
            return Counter(Postbox(self.folder).sent())
        return Counter(str(mail["Message-ID"]).strip("<>").partition("@")[0] for mail in self.shop.mails())


def differences(ours: Company, theirs: Company) -> Iterator[str]:
    """What is missing and what is too much: in the ledger, among all that happened, and among the letters."""
    ledgers = ours.ledger(), theirs.ledger()
    for word, rows in (("missing", ledgers[1] - ledgers[0]), ("doubled or different", ledgers[0] - ledgers[1])):
        for row, times in rows.items():
            yield f"{word} {times}x: {dict(row)}"
    effects = ours.effects(), theirs.effects()
    for event in effects[0] | effects[1]:
        if effects[0][event] != effects[1][event]:
            yield f"{event.__name__} {effects[0][event]}x, not {effects[1][event]}x"
    sent = ours.sent(), theirs.sent()
    for letter in sent[0] | sent[1]:
        if sent[0][letter] != 1 or sent[1][letter] != 1:
            yield f"letter {letter} sent {sent[0][letter]}x, not {sent[1][letter]}x"


def must_be_the_same(ours: Company, theirs: Company) -> None:
    """0 missing, 0 doubled."""
    found = list(differences(ours, theirs))
    assert not found, "\n".join([f"{len(found)} differences", *found[:MAX_SHOWN]])
