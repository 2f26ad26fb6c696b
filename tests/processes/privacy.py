"""An office of data protection: people ask to be forgotten, and an eraser sees to it."""

from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from domain import erasure
from domain.erasure import DecideErasureBlock, Erasure, RequestErasure, VerifyErasureIdentity
from domain.erasure_events import ErasureBasis, ErasureKind
from domain.kernel import derived
from eventstore.custody.custodian import Custodian
from eventstore.custody.officer import Officer
from eventstore.envelope import Request
from eventstore.log import Log
from processes.erasing import Eraser
from processes.erasure_ledger import Ledger
from processes.papers import Papers
from projections import VIEWS
from projections.engine import Engine
from projections.rebuild import rebuild_all
from tests.eventstore.sealing.conftest import sealer_in
from tests.processes.shop import moment

SOME = {"erasures", "due", "follow_ups", "customers", "identities", "staff", "timeline", "data_quality", "profiles"}


class Office:
    """Requests on a log, an officer, an eraser and a clock that stands until it is moved."""

    def __init__(
        self, log: Log, dsn: str, home: Path, *, inbox: Path | None = None, now: datetime | None = None
    ) -> None:
        self.log, self.dsn, self.home = log, dsn, home
        self.now = now or moment("2026-06-01 12:00")
        self.engine = Engine(log, log.pool, [view for view in VIEWS if view.name in SOME])
        self.custodian = Custodian(dsn, log.keys)
        self.officer = Officer.new()
        if self.custodian.officer() is None:
            self.custodian.name_officer(self.officer.public)
        self.papers = Papers.of(home, str(inbox) if inbox else None)
        self.ledger = Ledger(home / "privacy" / "erasures.jsonl")
        self.eraser = self.hire()
        self._numbers = count(1)

    def hire(self, **words: Any) -> Eraser:
        """Another eraser for the same office."""
        return Eraser(
            self.log, self.engine, self.custodian, self.papers, self.ledger, self.dsn,
            now=lambda: self.now, **{"seal": self.seal, "patient": False, **words},
        )  # fmt: skip

    def seal(self) -> None:
        """The log is sealed up to its end."""
        with sealer_in(self.dsn, self.home / "sealer") as sealer:
            sealer.run()

    def do(self, command: Any, at: datetime | None = None) -> None:
        self.log.do(command, Request(actor="user:dpo", occurred_at=at or self.now))

    def asked(self, customer_id: UUID, kind: ErasureKind = ErasureKind.ERASURE) -> UUID:
        """A customer asks."""
        id = derived("erasure", "office", next(self._numbers))
        asked = RequestErasure(
            erasure_id=id, customer_id=customer_id, basis=ErasureBasis.OBJECTED, kind=kind, note="By letter"
        )
        self.do(asked)
        return id

    def verified(self, customer_id: UUID, kind: ErasureKind = ErasureKind.ERASURE) -> UUID:
        """A customer asks, and it is made sure that it is them."""
        id = self.asked(customer_id, kind)
        self.do(VerifyErasureIdentity(erasure_id=id, method="ID card at the counter"))
        return id

    def at_once(self, erasure_id: UUID) -> None:
        """The officer finds that there is nothing to keep it for."""
        self.do(DecideErasureBlock(erasure_id=erasure_id, until=self.now, legal_basis="Nothing to limit"))

    def run(self, eraser: Eraser | None = None) -> None:
        """The eraser does what there is to do."""
        while (eraser or self.eraser).step():
            pass

    def erased(self, *customers: UUID) -> list[UUID]:
        """These customers are erased, without a term."""
        ids = [self.verified(customer) for customer in customers]
        self.run()
        for id in ids:
            self.at_once(id)
        self.run()
        return ids

    def state(self, erasure_id: UUID) -> Erasure:
        state: Erasure
        state, _ = self.log.state(erasure.decider, erasure_id)
        return state

    def rebuilt_is_live(self) -> bool:
        """Whether all views, made anew from the log, are as they are."""
        self.engine.catch_up()
        return all(built.unchanged for built in rebuild_all(self.engine, self.engine.views))

    def query(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as db:
            return db.execute(text, parameters).fetchall()  # type: ignore[arg-type]
