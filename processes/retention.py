"""Retention: for how long personal values are kept, by their class and by which law, and what becomes of them then."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

import psycopg
from dateutil.relativedelta import relativedelta

from domain import erasure, restriction
from domain.erasure import KEPT, is_held
from domain.kernel import derived
from domain.restriction import ContactRestrictionKind, ContactRestrictionLifted, ContactRestrictionSet
from domain.retention import MAX_KEYS, ApplyRetention, RetentionKeysDestroyed
from eventstore.arrays import id_array
from eventstore.custody.custodian import Custodian, KeyStanding
from eventstore.database import ERASER_ROLE, connect
from eventstore.envelope import Request
from eventstore.log import Log
from eventstore.reader import PAGE_EVENTS
from projections.customers import erasures
from projections.engine import Engine
from projections.forgetting import forget, scrub

NOT_SEALED = "BT021"
NEVER = datetime.min.replace(tzinfo=UTC)
DATED_AT_ONCE = 10_000
"""So many keys from before keys had a year are dated in one query."""
SHOWN = frozenset({"identity", "contact"})
"""The classes of what views show in the clear."""


class CountedFrom(StrEnum):
    """From when the years of a rule count: the end of the YEAR in which it was so, or the LAST_EVENT of the person."""

    YEAR = "YEAR"
    LAST_EVENT = "LAST_EVENT"


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """The values of a class are destroyed after so many years, counted from then, because of a law."""

    key_class: str
    years: int
    counted_from: CountedFrom
    legal_basis: str


SCHEDULE = (
    RetentionRule(
        "identity", 6, CountedFrom.LAST_EVENT, "Código de Comercio art. 30: books and correspondence, 6 years"
    ),
    RetentionRule("contact", 3, CountedFrom.LAST_EVENT, "LOPDGDD art. 72: infringements that prescribe last, 3 years"),
    RetentionRule("text", 5, CountedFrom.YEAR, "Código Civil art. 1964: personal actions, 5 years"),
    RetentionRule("answer", 3, CountedFrom.YEAR, "LOPDGDD art. 72: infringements that prescribe last, 3 years"),
)
"""The rules, one for each class of personal values. Whoever has counsel that says otherwise changes them here."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """What a rule lets go on a day: keys by year, and how many more are kept because somebody set a hold."""

    rule: RetentionRule
    keys: tuple[KeyStanding, ...]
    held: int

    @property
    def people(self) -> int:
        """Of how many data subjects."""
        return len({key.subject_id for key in self.keys})


def outdated(log: Log, engine: Engine, custodian: Custodian, on: date) -> list[Outdated]:
    """What each rule lets go on a day; nothing is done about it.

    The year of a key from before keys had one is that of the youngest event that it seals something of.
    """
    return [_of_rule(log, engine, custodian, rule, on) for rule in SCHEDULE]


def decide_on(log: Log, found: Sequence[Outdated], *, actor: str) -> int:
    """Says in the log that what the rules let go is destroyed; returns how many keys. `Executor` does it then."""
    done = 0
    for each in found:
        for start in range(0, len(each.keys), MAX_KEYS):
            ids = tuple(sorted(key.key_id for key in each.keys[start : start + MAX_KEYS]))
            asked = ApplyRetention(
                retention_id=derived("retention", *ids),
                key_class=each.rule.key_class,
                legal_basis=each.rule.legal_basis,
                key_ids=ids,
            )
            log.do(asked, Request(actor=actor))
            done += len(ids)
    return done


class Executor:
    """Does what the log says of retention: destroys the keys, folds the views anew, and erases what the keys sealed.

    Twice is the same as once; what had not been sealed is erased the next time. `dsn` is the log's.
    """

    def __init__(self, log: Log, engine: Engine, custodian: Custodian, dsn: str) -> None:
        self._log = log
        self._engine = engine
        self._custodian = custodian
        self._dsn = dsn

    def run(self) -> tuple[int, int]:
        """Does what can be done; returns how many values were erased, and how many events wait until they are sealed."""
        head = self._log.reader.head()
        said = [
            (event, at.position, [key.subject_id for key in self._custodian.keys(event.key_ids)])
            for event, at in self._log.reader.page(self._done(), types=["retention.keys_destroyed.v1"])
            if isinstance(event, RetentionKeysDestroyed)
        ]
        for event, position, subjects in said:
            self._custodian.destroy(event.key_ids, because=position, on=date.max)
            if event.key_class in SHOWN:
                forget(self._engine, set(subjects), position)
        if any(event.key_class in SHOWN for event, _, _ in said):
            scrub(self._engine)
        erased = 0
        for n, (event, position, subjects) in enumerate(said):
            try:
                erased += self._erase(event, position, subjects)
            except psycopg.DatabaseError as error:
                if error.sqlstate != NOT_SEALED:
                    raise
                return erased, len(said) - n
            self._note_done(position)
        if len(said) < PAGE_EVENTS:
            self._note_done(head)
        return erased, 0

    def _erase(self, event: RetentionKeysDestroyed, position: int, subjects: Sequence[UUID]) -> int:
        with connect(self._dsn, role=ERASER_ROLE) as db:
            row = db.execute(
                "call es.erase(%s::bigint[], %s, %s::uuid[], null)", [list(event.key_ids), position, list(subjects)]
            ).fetchone()
        return int(row[0]) if row else 0

    def _done(self) -> int:
        with self._log.pool.connection() as db:
            row = db.execute("select position from es.checkpoint where name = 'retention'").fetchone()
        return int(row[0]) if row else 0

    def _note_done(self, position: int) -> None:
        with self._log.pool.connection() as db:
            db.execute(
                "insert into es.checkpoint (name, position) values ('retention', %s) "
                "on conflict (name) do update set position = excluded.position, changed_at = now()",
                [position],
            )


def _of_rule(log: Log, engine: Engine, custodian: Custodian, rule: RetentionRule, on: date) -> Outdated:
    before = on.year - rule.years  # the years that ended so long ago
    old = [*custodian.aged(rule.key_class, before), *_undated(log, custodian.undated(rule.key_class), before)]
    if rule.counted_from is CountedFrom.LAST_EVENT and old:
        since = datetime.combine(on, datetime.min.time(), UTC) - relativedelta(years=rule.years)
        active = _active_since(log, {key.subject_id for key in old}, since)
        old = [key for key in old if key.subject_id not in active]
    kept = _held(
        log, engine, {key.subject_id for key in old}, rule.key_class, datetime.combine(on, datetime.min.time(), UTC)
    )
    free = tuple(key for key in old if key.subject_id not in kept)
    return Outdated(rule, free, len(old) - len(free))


def _undated(log: Log, keys: Sequence[KeyStanding], before: int) -> Iterator[KeyStanding]:
    """Those of these keys under which nothing is younger than a year, and something is at all."""
    for start in range(0, len(keys), DATED_AT_ONCE):
        some = keys[start : start + DATED_AT_ONCE]
        with log.pool.connection() as db:
            rows = db.execute(
                "select p.key_id from es.personal p join es.event e using (position) "
                " where p.subject_id = any(%s::uuid[]) and p.key_id = any(%s) "
                " group by p.key_id having max(e.occurred_at) < make_timestamptz(%s, 1, 1, 0, 0, 0, 'UTC')",
                [id_array({key.subject_id for key in some}), [key.key_id for key in some], before],
            ).fetchall()
        outdated = {row[0] for row in rows}
        yield from (key for key in some if key.key_id in outdated)


def _active_since(log: Log, subjects: Collection[UUID], since: datetime) -> set[UUID]:
    """Those to whom, or to whoever is the same person, something has happened since a moment that was not our own doing."""
    kin = log.reader.kin(subjects)
    whom = {subject: kin.get(subject, subject) for subject in {*subjects, *kin}}
    with log.pool.connection() as db:
        rows = db.execute(
            "select s.id from unnest(%s::uuid[]) s (id) where exists (select from es.event e "
            "   where e.customer_id = s.id and e.occurred_at >= %s and e.actor not like 'policy:%%') "
            "  or exists (select from es.event e "
            "   where e.stream_id = s.id and e.occurred_at >= %s and e.actor not like 'policy:%%')",
            [id_array(whom), since, since],
        ).fetchall()
    persons = {whom[row[0]] for row in rows}
    return {subject for subject in subjects if whom[subject] in persons}


def _held(log: Log, engine: Engine, subjects: Collection[UUID], key_class: str, at: datetime) -> set[UUID]:
    """Those for whom a law obliges to keep a class: by a hold of an erasure request, or by a legal hold on the customer."""
    if not subjects:
        return set()
    engine.catch_up([erasures.view])
    with engine.pool_of(erasures.view).connection() as db:
        rows = db.execute(
            "select erasure_id from views.erasures where status = any(%s) and customer_id is not null", [list(KEPT)]
        ).fetchall()
    held: set[UUID] = set()
    for state, _ in log.states({row[0]: erasure.decider for row in rows}).values():
        if is_held(state, key_class, at):
            held |= {*state.subjects, state.customer_id}
    known: dict[UUID, restriction.Restriction] = {}
    types = log.codec.names([ContactRestrictionSet, ContactRestrictionLifted])
    for event, envelope in log.reader.customers(list(subjects), types=types):
        assert isinstance(event, ContactRestrictionSet | ContactRestrictionLifted)
        if envelope.customer_id is not None:
            before = known.get(envelope.customer_id, restriction.Restriction())
            known[envelope.customer_id] = restriction.evolve(before, event)
    legally = {
        id for id, said in known.items()
        if (until := said.held.get(ContactRestrictionKind.LEGAL_HOLD, NEVER)) is None or until > at
    }  # fmt: skip
    kin = log.reader.kin(subjects)
    return {subject for subject in subjects if {subject, kin.get(subject, subject)} & (held | legally)}
