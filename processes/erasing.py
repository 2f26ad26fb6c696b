"""Erasing: what is done about a request whose identity was verified, step by step, until it is certified that nothing is left.

Each step is an event, and what it does is the same when it is done again: so it may end anywhere and be gone on with.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import psycopg
from dateutil.relativedelta import relativedelta
from psycopg import Connection
from psycopg.errors import UniqueViolation

from domain import erasure
from domain.erasure import (
    MAX_KEYS,
    BlockSubject,
    CompleteErasure,
    Erasure,
    RecordKeysDestroyed,
    RecordProjectionsPurged,
    RefuseErasure,
    is_held,
)
from domain.erasure_events import (
    ErasureIdentityVerified,
    ErasureKeysDestroyed,
    ErasureRefusal,
    ErasureStatus,
    Purged,
    SubjectBlocked,
)
from domain.kernel import Command, Refused, derived
from eventstore.blocked import blocked
from eventstore.custody import eraser
from eventstore.custody.custodian import Custodian, KeyStanding
from eventstore.custody.eraser import NotSealed
from eventstore.database import ERASER_ROLE, Unavailable, connect, reachable
from eventstore.envelope import Request
from eventstore.log import Log, Outdated
from processes import points
from processes.alone import alone
from processes.certificates import certificate, digest_of
from processes.clock import Now, wall_clock
from processes.decisions import Decisions, pause
from processes.erasure import BEGUN, policy
from processes.erasure_ledger import Entry, Ledger
from processes.papers import Papers, remove
from processes.persons import Person, letters_of, mails_of, person_of, quoting, words_of
from processes.taking_back import open_promises, take_back
from processes.verifying import checks_of
from projections.customers import erasures
from projections.engine import Engine
from projections.forgetting import Behind, forget, held, personal_views, scrub
from projections.touchpoints import due

BLOCK_TERM = relativedelta(years=3)
"""How long the data stay blocked if nobody says otherwise: the infringements that prescribe last (LOPDGDD art. 72)."""
BLOCK_BASIS = "LOPDGDD art. 32, 72"
LETTER_WAIT = timedelta(hours=24)
"""How long the last letter is waited for, before nobody knows the address any more."""
REQUESTS_PER_STEP = 100
LOOK_AGAIN_AFTER = timedelta(seconds=30)
SEALED_AFTER = timedelta(seconds=1)
"""When it is looked again whether the event that destroys keys has been sealed."""
MAX_TRIES = 20
ACTOR = "eraser"

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Waits(Exception):
    """It is not time yet, or somebody else has to do something first; `until` is when to look again."""

    def __init__(self, why: str, until: datetime) -> None:
        super().__init__(why)
        self.until = until


class Eraser:
    """Sees to the requests. Any number may run: an advisory lock per request arbitrates.

    The engine must have the views `erasures` and `due`, and every view that holds personal values. `seal` may be something
    that seals the log at once; without it, the sealer is waited for. `patient`: the last letter is waited for.
    """

    def __init__(
        self,
        log: Log,
        engine: Engine,
        custodian: Custodian,
        papers: Papers,
        ledger: Ledger,
        dsn: str,
        *,
        now: Now = wall_clock,
        seal: Callable[[], object] = lambda: None,
        patient: bool = True,
    ) -> None:
        self.log = log
        self.engine = engine
        self.custodian = custodian
        self.papers = papers
        self.ledger = ledger
        self._dsn = dsn
        self._forgetter = eraser.Eraser(dsn)
        self._now = now
        self._seal = seal
        self._patient = patient
        self.waits_for_seal = False
        """Whether something waits for the sealer."""
        self._resting: dict[UUID, datetime] = {}

    def step(self, only: UUID | None = None) -> bool:
        """Goes on with what there is, up to `REQUESTS_PER_STEP`. True: something happened, look again."""
        now = self._now()
        self._resting = {id: until for id, until in self._resting.items() if until > now}
        with reachable():
            self.engine.catch_up([erasures.view])
            with self.log.pool.connection() as db, ExitStack() as stack:
                waiting = self._waiting(db, now, only)
                ours = [id for id in waiting if stack.enter_context(alone(db, f"erasing: {id}"))]
                points.reached("erasing: taken")
                return self._go_on(ours, now) if ours else False

    def look_again(self) -> None:
        """What rests is looked at in the next step: what it waited for may have come."""
        self.waits_for_seal = False
        self._resting.clear()

    def _waiting(self, db: Connection, now: datetime, only: UUID | None) -> list[UUID]:
        rows = db.execute(
            "select erasure_id from views.erasures "
            " where (status in ('VERIFIED', 'BLOCKED', 'DESTROYING') or status = 'PURGED' and blocked_until <= %s) "
            "   and erasure_id <> all(%s::uuid[]) and (%s::uuid is null or erasure_id = %s) order by deadline_at limit %s",
            [now, list(self._resting), only, only, REQUESTS_PER_STEP],
        ).fetchall()
        return [row[0] for row in rows]

    def _go_on(self, ids: Sequence[UUID], now: datetime) -> bool:
        went_on = False
        standing = {id: self.log.state(erasure.decider, id)[0] for id in ids}
        for id, state in standing.items():
            if state.status is ErasureStatus.VERIFIED:
                went_on |= self._tried(id, lambda: self._block(id, state, now)) is not None  # noqa: B023  # called at once
        purging = [id for id, state in standing.items() if state.status is ErasureStatus.BLOCKED]
        if purging and not self._together(purging, now):
            for id in purging:
                went_on |= self._tried(id, lambda: self._purge([id], now)) is not None  # noqa: B023  # called at once
        else:
            went_on |= bool(purging)
        for id, state in standing.items():
            if state.status in (ErasureStatus.PURGED, ErasureStatus.DESTROYING):
                went_on |= self._tried(id, lambda: self._destroy(id, state, now)) is not None  # noqa: B023  # called at once
        return went_on

    def _together(self, ids: Sequence[UUID], now: datetime) -> bool:
        """Whether all of them could be purged in one go."""
        try:
            return self._purge(ids, now)
        except (Waits, Behind, Refused):
            return False

    def _tried(self, id: UUID, do: Callable[[], T]) -> T | None:
        """What came of it; None if it cannot go on now. One that cannot holds up no other one."""
        try:
            return do()
        except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Waits as waits:
            self._resting[id] = waits.until
        except (Behind, Refused) as no:
            logger.warning("Erasure %s cannot go on: %s", id, no)
            self._resting[id] = self._now() + LOOK_AGAIN_AFTER
        except Exception:
            logger.exception("Erasure %s cannot go on. Nothing is lost; it is tried again.", id)
            self._resting[id] = self._now() + LOOK_AGAIN_AFTER
        return None

    # Blocking.

    def _block(self, id: UUID, state: Erasure, now: datetime) -> bool:
        """From here on nothing new is recorded of the person, and nothing is told."""
        assert state.customer_id is not None
        verified = next(at for event, at in self.log.reader.stream(id) if isinstance(event, ErasureIdentityVerified))
        if self._patient and now < verified.occurred_at + LETTER_WAIT and self._writes(id):
            raise Waits("The last letter has not been sent yet.", now + SEALED_AFTER)
        for _ in range(MAX_TRIES):
            head = self.log.reader.head()
            customers = sorted(self.log.reader.kin([state.customer_id]) or {state.customer_id})
            with self.log.pool.connection() as db:
                other = blocked(db, customers)
            if other:
                return self._record(
                    id, "refuse", RefuseErasure(erasure_id=id, reason=ErasureRefusal.ALREADY_BLOCKED), now
                )
            words = words_of(self.log, customers)
            remove(self.papers.posted((), words))
            before = self.ledger.entries().get(id)  # who was blocked before a backup was restored is blocked as before
            asked = BlockSubject(
                erasure_id=id,
                subjects=(*customers, *sorted(quoting(self.log, words))),
                until=now + BLOCK_TERM if before is None else before.until,
                legal_basis=BLOCK_BASIS if before is None else before.legal_basis,
            )
            try:
                self._record(id, "block", asked, now, known=head)
            except Outdated:  # somebody was merged, or something was told of them, meanwhile
                time.sleep(pause())
                continue
            points.reached("erasing: block recorded")
            return True
        raise Unavailable("Others keep recording things of this customer. It is looked at again.")

    def _writes(self, id: UUID) -> bool:
        """Whether the letter that it is begun is still to be sent, or to be promised."""
        self.engine.catch_up([due.view])
        letter = policy.follow_up_id(id, BEGUN)
        with self.log.pool.connection() as db:
            row = db.execute(
                "select exists (select from views.due d "
                "                where d.follow_up_id = %(id)s and d.status <> 'UNCERTAIN' and d.due_at is not null) "
                "    or coalesce((select c.position < (select max(e.position) from es.event e where e.stream_id = %(erasure)s) "
                "                   from es.checkpoint c where c.name = %(actor)s), false)",
                {"id": letter, "erasure": id, "actor": policy.actor},
            ).fetchone()
        return row is not None and bool(row[0])

    # Purging.

    def _purge(self, ids: Sequence[UUID], now: datetime) -> bool:
        """What can be made again from the log is made again without the person; many persons in one go."""
        persons = [self._person(id) for id in ids]
        for person in persons:
            self._note(person)
            if person.until > now:
                keys = [key.key_id for key in self._keys(person) if key.state != "DESTROYED"]
                self.custodian.block(keys, until=person.until.date(), basis=person.legal_basis)
        points.reached("erasing: keys blocked")
        everybody = [customer for person in persons for customer in person.customers]
        self.engine.catch_up([due.view])
        while take_back(self.log, everybody, now):
            self.engine.catch_up([due.view])
        if open_promises(self.log, everybody):
            raise Waits("Something is being sent at this moment.", now + SEALED_AFTER)
        points.reached("erasing: promises taken back")
        claims = {person.erasure_id: self._forget_claims(person) for person in persons}
        points.reached("erasing: claims forgotten")
        forget(self.engine, everybody, max(person.blocked_at for person in persons))
        points.reached("erasing: views folded anew")
        found = {person.erasure_id: self._purged(person, claims[person.erasure_id]) for person in persons}
        points.reached("erasing: papers removed")
        if later := scrub(self.engine):
            logger.warning("%s are large or read: bitacora privacy scrub writes them anew.", ", ".join(later))
        for id, purged in found.items():
            self._record(id, "purge", RecordProjectionsPurged(erasure_id=id, purged=purged), now)
        points.reached("erasing: purge recorded")
        return True

    def _purged(self, person: Person, claims: int) -> tuple[Purged, ...]:
        views = [(view.name, held(self.engine, view, person.customers)) for view in personal_views(self.engine)]
        files = self.papers.named([*letters_of(self.log, person.customers), *map(str, person.customers)])
        mails = self.papers.posted(mails_of(self.log, person.customers), ())
        with self.log.pool.connection() as db:
            snapshots = db.execute("delete from es.snapshot where stream_id = any(%s)", [person.subjects]).rowcount
        counts = [
            *views,
            ("identifiers", claims),
            ("snapshots", snapshots),
            ("files", remove(files)),
            ("inbox", remove(mails)),
        ]
        return tuple(Purged(name=name, rows=rows) for name, rows in counts)

    def _forget_claims(self, person: Person) -> int:
        with connect(self._dsn, role=ERASER_ROLE) as db:
            row = db.execute(
                "select es.forget_claims(%s::uuid[], %s)", [list(person.customers), person.blocked_at]
            ).fetchone()
        return int(row[0]) if row else 0

    # Destroying.

    def _destroy(self, id: UUID, state: Erasure, now: datetime) -> bool:
        """What no law keeps any longer is destroyed; when that is all, it is looked whether anything is left."""
        person = self._person(id)
        self._note(person)
        keys = self._keys(person)
        there = [key for key in keys if key.state != "DESTROYED"]
        free = [key.key_id for key in there if person.until <= now and not is_held(state, key.key_class, now)]
        if fresh := sorted(set(free) - state.keys):
            for start in range(0, len(fresh), MAX_KEYS):
                some = tuple(fresh[start : start + MAX_KEYS])
                self._record(id, f"destroy {some[0]}", RecordKeysDestroyed(erasure_id=id, key_ids=some), now)
            points.reached("erasing: destruction recorded")
        self._carry_out(person, now)
        points.reached("erasing: ciphertext erased")
        if left := [key for key in self._keys(person) if key.state != "DESTROYED"]:
            ends = [hold.until for hold in state.holds.values() if hold.until is not None and hold.until > now]
            again = min([*ends, now + LOOK_AGAIN_AFTER]) if person.until <= now else now + LOOK_AGAIN_AFTER
            raise Waits(f"{len(left)} keys are held.", again)
        return self._complete(person, now)

    def _carry_out(self, person: Person, now: datetime) -> None:
        """Destroys the keys that events of this request name, and erases what they sealed once the events are sealed."""
        stream = self.log.reader.stream(person.erasure_id)
        said = [(event, at) for event, at in stream if isinstance(event, ErasureKeysDestroyed)]
        if not said:
            return
        for event, at in said:  # that the term is over, or that the officer says so, is in the log: that counts alone
            self.custodian.destroy(event.key_ids, because=at.position, on=date.max)
        points.reached("erasing: keys destroyed")
        self._seal()
        try:
            for event, at in said:
                self._forgetter.erase(event.key_ids, because=at.position, subjects=person.subjects)
        except NotSealed as waits:
            self.waits_for_seal = True
            raise Waits(str(waits), now + SEALED_AFTER) from waits

    def _complete(self, person: Person, now: datetime) -> bool:
        """Looks again at everything, and certifies it. Refused if something is left."""
        self.engine.catch_up([due.view, *personal_views(self.engine)])
        checks = checks_of(self.log, self.engine, self._keys(person), self.papers, person)
        points.reached("erasing: checked")
        if wrong := [check for check in checks if check.found]:
            raise Refused(f"Something is left: {', '.join(f'{each.found} in {each.name}' for each in wrong)}.")
        said = certificate(person.erasure_id, self.log.reader.stream(person.erasure_id), checks)
        asked = CompleteErasure(erasure_id=person.erasure_id, certificate=digest_of(said), checks=checks)
        self._record(person.erasure_id, "complete", asked, now)
        points.reached("erasing: completed")
        return True

    # What all of them need.

    def _person(self, id: UUID) -> Person:
        said = [(event, at) for event, at in self.log.reader.stream(id) if isinstance(event, SubjectBlocked)]
        return person_of(self.log, id, said)

    def _note(self, person: Person) -> None:
        """The ledger knows of it before anything is purged or destroyed: an older log may be restored at any time."""
        state, _ = self.log.state(erasure.decider, person.erasure_id)
        at = self.log.reader.stream(person.erasure_id)[0].at
        self.ledger.note(
            Entry(
                person.erasure_id, state.customer_id, state.kind, state.basis, state.method or "", at.occurred_at,
                person.until, person.legal_basis,
            )
        )  # fmt: skip

    def _keys(self, person: Person) -> list[KeyStanding]:
        return self.custodian.of(person.subjects)

    def _record(self, id: UUID, step: str, asked: Command, now: datetime, known: int | None = None) -> bool:
        """Writes down what was decided or done, durably, once."""
        request = Request(actor=ACTOR, occurred_at=now, command_id=derived("erasing", id, step))
        for _ in range(MAX_TRIES):
            decisions = Decisions(self.log, self.log.done([request.command_id]) if request.command_id else ())
            decisions.learn_for([asked])
            decisions.take(asked, request)
            if decisions.refused:
                raise decisions.refused[0][1]
            if not decisions.drafts:
                return False
            try:
                with self.log.pool.connection() as db:
                    with db.transaction():
                        decisions.append(db, known)
                        points.reached("erasing: appended, not committed")
                    self.log.flush(db)
            except UniqueViolation:
                time.sleep(pause())
                continue
            return True
        raise Unavailable("Others keep changing this request. It is looked at again.")
