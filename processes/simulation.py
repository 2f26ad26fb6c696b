"""Simulation: what a policy would have decided over a past, in virtual time; nothing is written.

The rule of time. An event of the log happens at its position. The clock stands at the latest time at which anything up to
there happened (what was imported moves it only if it is to count). A policy reacts to an event at its position. A promise
is decided when it is due, on all that had happened before that moment. But a worker may have been away: where the log holds
the very same promise with the same due time, it is decided at the position and by the clock at which the worker decided it;
not before that at which it ended otherwise; and if it was open in the end, not at all. So what a policy decided live
comes out again exactly, and what it would have decided otherwise comes out as by a worker that is never away.

The policy's own decisions of that time are not looked at, but for when they were taken: the simulated ones are remembered
in their place. What other policies and people did stays as it was. A letter that would have been sent, and was, arrived as
it did; one that was not sent at that time arrives at once.

What this cannot know: how far the log was at the moment of a decision, but for what concerns its customer (or its noun),
and which policy came first where another one decided about the same promises while a worker caught up in several steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from typing import Any
from uuid import UUID

from domain.follow_up import (
    AttemptFollowUp,
    CancelFollowUp,
    FollowUpDispatched,
    FollowUpPostponed,
    FollowUpScheduled,
    FollowUpStatus,
    RecordFollowUpDelivered,
    is_closed,
)
from domain.follow_up import decider as follow_ups
from domain.kernel import Command, Event, derived
from domain.values import EMPTY
from eventstore.envelope import Draft, Happened, Origin, Recorded, Request
from eventstore.log import Log
from processes.decisions import is_row
from processes.delivery import ACTOR as DELIVERY
from processes.firing import as_it_came, done_last, in_time
from processes.imagined import Imagined, ImaginedMemories
from processes.lives import activated
from processes.past import Past
from processes.policy import ALREADY_PROMISED, Policy
from processes.reactions import because_of
from processes.simulated import Outcome, Simulation
from processes.triggers import ends_of_long_chains, is_reaction, may_set_off
from projections.fold import Fold
from projections.lists import Lists
from projections.touchpoints import due as sheet
from projections.touchpoints.due import Due

SIMULATED = "simulated"
"""What a provider would have called what was not sent."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)

Tell = Callable[[int, int], None]
"""(events gone through, of how many)."""


def simulate(
    log: Log,
    policy: Policy[Any],
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    lists: Lists | None = None,
    imported: bool = False,
    progress: Tell = lambda done, of: None,
) -> Simulation:
    """What a policy would have decided between two moments; over its own live time what it did decide.

    Without `since` it begins where the policy was activated (or at the beginning, if it never was), without `until` it goes
    to the end of the log. A policy that counts from views needs the `lists`. `imported`: what was imported counts as if it
    had happened live, in the order of the log.
    """
    policy = replace(policy, include_imported=True) if imported else policy
    start, end = _reach(log, policy, since, until)
    return _Play(log, policy, lists, start, end, until, progress).play()


def _reach(log: Log, policy: Policy[Any], since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """After which position a simulation begins, and at which it ends."""
    counts = "true" if policy.include_imported else "origin <> 'import'"
    with log.pool.connection() as db:

        def before(moment: datetime, sign: str) -> int | None:
            query = f"select min(position) - 1 from es.event where occurred_at {sign} %s and {counts}"
            row = db.execute(query, [moment]).fetchone()
            return None if row is None else row[0]

        head = log.reader.head()
        if since is None:
            row = db.execute("select position from es.checkpoint where name = %s", [activated(policy)]).fetchone()
            start = row[0] if row and not policy.include_imported else 0
        else:
            found = before(since, ">=")
            start = head if found is None else found
        last = None if until is None else before(until, ">")
        return start, max(start, head if last is None else last)


class _Play:
    """One run of a simulation."""

    def __init__(
        self,
        log: Log,
        policy: Policy[Any],
        lists: Lists | None,
        start: int,
        end: int,
        until: datetime | None,
        progress: Tell,
    ) -> None:
        self.log, self.policy, self.start, self.end, self.until = log, policy, start, end, until
        self.progress = progress
        self.past = Past(log.reader)
        self.setting_off = frozenset(log.codec.names(policy.reactions))
        self.of_follow_ups = frozenset(log.codec.names(follow_ups.events))
        self.without: set[int] = set()
        self.ours: set[UUID] = set()
        self.decisions = Imagined(log, self.without, self.ours)
        self.sheet: Fold[Due] = Fold(sheet.view)
        self.outcome = Outcome(policy, start, end)
        self.agenda: list[tuple[datetime, int, UUID, datetime]] = []
        self.waiting: list[tuple[int, UUID, datetime]] = []
        self.endless: set[int] = set()
        """Where too long chains of causes end: the policy says so, and does no more."""
        self.place = start
        """The last position of something that did happen."""
        self.open: dict[UUID, datetime] = {}
        self.kept: dict[tuple[UUID, datetime], int] = {}
        self.ended: dict[tuple[UUID, datetime], int] = {}
        self.then: dict[int, tuple[UUID, datetime]] = {}
        """What was decided live, at which position, or ended otherwise there."""
        self.dispatched: set[UUID] = set()
        self.promised: set[UUID] = set()
        self.delivered: tuple[datetime, bool] | None = None
        self.numbers = count()
        self.now = self._begins_at()
        self._look_ahead()
        self.memories = ImaginedMemories(policy, log, lists, self.without, start, end)

    def play(self) -> Simulation:
        """Goes through the log once."""
        waiting = [row for row in self.sheet.rows.values() if row.status is FollowUpStatus.SCHEDULED]
        for row in waiting:
            self._put_on_the_agenda(row)
        self.memories.expect({self.policy.subject_of_due(row) for row in waiting})
        position = self.start
        while position < self.end:
            page = self.past.page(position, self.end)
            self._go_through(page)
            position = page[-1].position
            self.progress(position - self.start, self.end - self.start)
        last = self.now if self.until is None else max(self.now, self.until)
        self._keep_until(lambda due_at: due_at <= last)
        self.now = last
        return self.outcome.told(self.now, len(self.decisions.refused), self.memories.canonical)

    # What the log says.

    def _begins_at(self) -> datetime:
        counts = "true" if self.policy.include_imported else "origin <> 'import'"
        with self.log.pool.connection() as db:
            query = f"select max(occurred_at) from es.event where position <= %s and {counts}"
            row = db.execute(query, [self.start]).fetchone()
        return row[0] if row is not None and row[0] is not None else LONG_AGO

    def _look_ahead(self) -> None:
        """Which decisions of the policy do not count, when a worker took them, and what it had promised before."""
        with self.log.pool.connection() as db:
            rows = db.execute(
                "select position from es.event "
                " where position > %s and position <= %s and actor = %s and because is not null",
                [self.start, self.end, self.policy.actor],
            ).fetchall()
        self.without.update(row[0] for row in rows)
        for happened in self.past.begun_by(self.policy.actor, self.of_follow_ups, self.end):
            self._look_at(happened)

    def _look_at(self, happened: Happened) -> None:
        event, at = happened
        id, ours = at.stream_id, at.actor == self.policy.actor
        if ours and at.version == 1:
            self.ours.add(id)
        if id not in self.ours:
            return
        if at.position <= self.start:
            self.decisions.begin(id)
            self.decisions.happened(event, at)
            self.promised.add(id)
            self.sheet.apply([happened])
            self.outcome.stood(happened)
        elif id in self.open:
            decided = ours and not is_reaction(self.policy, at)
            (self.kept if decided else self.ended)[id, self.open[id]] = at.position
            self.then[at.position] = (id, self.open[id])
        if isinstance(event, FollowUpScheduled | FollowUpPostponed):
            self.open[id] = event.due_at
        else:
            self.open.pop(id, None)
        if isinstance(event, FollowUpDispatched):
            self.dispatched.add(id)

    def _go_through(self, page: Sequence[Recorded]) -> None:
        found = {
            at.position: Happened(self.past.event(at), at)
            for at in page
            if at.type in self.setting_off and may_set_off(self.policy, at)
        }
        with self.log.pool.connection() as db:
            self.endless |= ends_of_long_chains(db, found.values())
        self.memories.expect({self.policy.subject_of(*each) for each in found.values()})
        for at in page:
            self._go_on(at, found.get(at.position))

    def _go_on(self, at: Recorded, sets_off: Happened | None) -> None:
        self.memories.go_on(at.position)
        counts = at.origin != Origin.IMPORT or self.policy.include_imported
        if counts and at.occurred_at > self.now:
            self._keep_until(lambda due_at: due_at < at.occurred_at)
            self.now = at.occurred_at
        if at.position not in self.without:
            if self._did_happen(at):
                self._happens(at, sets_off)
            else:
                self.without.add(at.position)
        if (promise := self.then.get(at.position)) is not None:
            self._as_the_worker(*promise, at)
        self._keep_until(lambda due_at: due_at <= self.now)

    def _happens(self, at: Recorded, sets_off: Happened | None) -> None:
        self.place = self.decisions.position = at.position
        promised = at.stream_id in self.promised
        if promised or self.decisions.keeps(at.stream_id):
            happened = sets_off or Happened(self.past.event(at), at)
            self.decisions.happened(*happened)
            if promised:
                self.sheet.apply([happened])
                self.outcome.happened(happened)
        if sets_off is not None:
            self._react(*sets_off)

    def _as_the_worker(self, id: UUID, due_at: datetime, at: Recorded) -> None:
        """A worker decided about a promise here, or would have found it open had it not ended otherwise."""
        if self.kept.pop((id, due_at), None) is not None:
            self._keep(id, due_at, at.occurred_at)
        elif self.ended.pop((id, due_at), None) is not None and due_at <= self.now:
            self._keep(id, due_at, self.now)

    def _did_happen(self, at: Recorded) -> bool:
        """Whether something that happened to the policy's promises, or came of sending them, would have happened, too."""
        if at.type not in self.of_follow_ups:
            sending = at.actor == DELIVERY and self.delivered is not None and self.delivered[0] == at.recorded_at
            return self.delivered[1] if sending and self.delivered is not None else True
        self.delivered = None
        if at.stream_id not in self.ours and at.stream_id not in self.promised:
            return True  # another policy's
        stands = self.decisions.stands(at.stream_id)
        happens = stands.status is not None and not is_closed(stands)
        if at.actor == DELIVERY:
            happens = happens and stands.status is not FollowUpStatus.SCHEDULED
            self.delivered = (at.recorded_at, happens)
        return happens

    # What the policy would have done.

    def _react(self, event: Event, at: Recorded) -> None:
        policy = self.policy
        known = self.memories.of(policy.subject_of(event, at), self.place)
        stopped = at.position in self.endless
        commands = list(policy.stop(event, at) if stopped else policy.react(event, at, known))
        self.decisions.learn_for(commands)
        drafts: list[Draft] = []
        for command in commands:
            drafts += self.decisions.take(command, because_of(policy, at, self._new_id()))
        if policy.is_trigger(event) and not any(map(is_row, drafts)):
            drafts += self.decisions.take(
                policy.pass_over(at, ALREADY_PROMISED), because_of(policy, at, self._new_id())
            )
        for draft in drafts:
            self._note(draft)

    def _keep_until(self, past: Callable[[datetime], bool]) -> None:
        """Decides about the promises that are due, but for those that a worker decided at another moment, or not yet."""
        while self.agenda and past(self.agenda[0][0]):
            wakes_at, _, id, due_at = heappop(self.agenda)
            self.now = max(self.now, wakes_at)
            promise = (id, due_at)
            if promise not in self.kept and promise not in self.ended and self.open.get(id) != due_at:
                self._keep(id, due_at, wakes_at)

    def _keep(self, id: UUID, due_at: datetime, now: datetime) -> None:
        row = self.sheet.rows.get(id)
        if row is None or row.status is not FollowUpStatus.SCHEDULED or row.due_at != due_at:
            return
        row = replace(row, customer_id=self.memories.canonical(row.customer_id))
        policy = self.policy
        try:
            asked = list(policy.decide(row, now, self.memories.of(policy.subject_of_due(row), self.place)))
        except Exception:
            self.outcome.failed.append(id)
            return
        self.decisions.learn_for(asked)
        drafts: list[Draft] = []
        refused = len(self.decisions.refused)
        for step, command in done_last(asked):
            command = as_it_came(command, self.decisions.refused[refused:])
            drafts += self.decisions.take(command, in_time(policy, row, command, step, now, EMPTY))
        for draft in drafts:
            self._note(draft)
        if not drafts:
            self.waiting.append((row.trigger_position, id, due_at))
            return
        for position, other, its_due_at in self.waiting:  # for another one to be decided
            heappush(self.agenda, (now, position, other, its_due_at))
        self.waiting.clear()
        if id not in self.dispatched and any(isinstance(draft.event, FollowUpDispatched) for draft in drafts):
            self._deliver(id, now)

    def _deliver(self, id: UUID, now: datetime) -> None:
        """A letter that was not sent at that time arrives at once."""
        policy, row = self.policy, self.sheet.rows[id]
        row = replace(row, customer_id=self.memories.canonical(row.customer_id))
        if not policy.writers:
            return
        known = self.memories.of(policy.subject_of_due(row), self.place)
        if (reason := policy.objects(row, now, known)) is not None:
            asked: list[Command] = [CancelFollowUp(follow_up_id=id, reason=reason)]
        else:
            arrived = RecordFollowUpDelivered(follow_up_id=id, provider_ref=SIMULATED)
            asked = [AttemptFollowUp(follow_up_id=id, attempt=1), arrived, *policy.write(row, known).then]
        self.decisions.learn_for(asked)
        drafts: list[Draft] = []
        for command in asked:
            request = Request(
                actor=DELIVERY, occurred_at=now, command_id=self._new_id(), because=row.trigger_position or None
            )
            drafts += self.decisions.take(command, request)
        for event, at in [self._note(draft) for draft in drafts]:
            if type(event) in policy.reactions:
                self._react(event, at)

    def _note(self, draft: Draft) -> Happened:
        happened = self.memories.note(draft, self.place)
        if is_row(draft) and draft.actor == self.policy.actor:
            self.promised.add(draft.stream_id)
        self.outcome.decided(happened)
        if draft.stream_id in self.promised and isinstance(draft.event, follow_ups.events):
            self.sheet.apply([happened])
            self.outcome.happened(happened)
            if isinstance(draft.event, FollowUpScheduled | FollowUpPostponed):
                self._put_on_the_agenda(self.sheet.rows[draft.stream_id])
        return happened

    def _new_id(self) -> UUID:
        """The id of a command that nobody will see."""
        return derived("simulated", next(self.numbers))

    def _put_on_the_agenda(self, row: Due) -> None:
        assert row.due_at is not None
        wakes_at = max(row.due_at, self.now)
        heappush(self.agenda, (wakes_at, row.trigger_position, row.follow_up_id, row.due_at))
