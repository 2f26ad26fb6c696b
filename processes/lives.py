"""Lives: which policies there are, built in or defined, by which versions they go, and whether they are in force."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import UUID

from domain.policy import PolicyDefined, PolicyStatus, PolicySwitched, policy_id
from eventstore.arrays import names_array
from eventstore.log import Log
from processes.defined import UnknownOccurrence, interpret
from processes.policy import Policy

PAGE_EVENTS = 2_000
RETIRED = "RETIRED"
"""Why a promise is taken back: the policy that made it does nothing any more."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Life:
    """One policy: its versions by the position from which each counts, and the spans in which it reacts.

    A span ends where the policy was retired; what it promised up to there is taken back. A pause ends no span.
    """

    versions: list[tuple[int, Policy[Any]]]
    spans: list[tuple[int, int | None]] = field(default_factory=list)
    status: PolicyStatus = PolicyStatus.DEFINED
    retired_at: int = 0

    @property
    def policy(self) -> Policy[Any]:
        """The last version."""
        return self.versions[-1][1]

    def version(self, number: int) -> Policy[Any]:
        """The version that made a promise; the last one, if it is not there any more, as with those that are code."""
        return next((policy for _, policy in self.versions if policy.version == number), self.policy)

    def turn(self, start: int, head: int) -> tuple[Policy[Any], int, int] | None:
        """Which version reacts next, and to what after the first position, up to the second one; None: to nothing."""
        return None if self.status is PolicyStatus.PAUSED else next(self.turns(start, head), None)

    def turns(self, start: int, head: int) -> Iterator[tuple[Policy[Any], int, int]]:
        """Which versions are to have reacted to what between two positions, in the end."""
        for since, until in self.spans:
            begin, end = max(start, since), head if until is None else min(head, until)
            while begin < end:
                policy = next(policy for position, policy in reversed(self.versions) if position <= begin)
                changes = (position for position, _ in self.versions if position > begin)
                change = min(end, next(changes, end))
                yield policy, begin, change
                begin = change

    def switch(self, status: PolicyStatus, position: int) -> None:
        """From this event on it stands so."""
        self.status = status
        is_open = bool(self.spans) and self.spans[-1][1] is None
        if status is PolicyStatus.ACTIVE and not is_open:
            self.spans.append((position, None))
        elif status is PolicyStatus.RETIRED:
            self.retired_at = position
            if is_open:
                self.spans[-1] = (self.spans[-1][0], position)


class Lives:
    """The policies of a log, as far as it was read: `refresh` reads what is new."""

    def __init__(self, log: Log, built_in: Sequence[Policy[Any]]) -> None:
        self._log = log
        self._types = log.codec.names([PolicyDefined, PolicySwitched])
        self._read = 0
        self._reading = Lock()
        self._lives = {policy.name: Life([(0, policy)], [(0, None)], PolicyStatus.ACTIVE) for policy in built_in}
        self._built_in = frozenset(self._lives)
        self._names: dict[UUID, str] = {policy_id(name): name for name in self._lives}

    def __iter__(self) -> Iterator[Life]:
        return iter(self._lives.values())

    def __getitem__(self, name: str) -> Life:
        return self._lives[name]

    def named(self, *statuses: PolicyStatus) -> list[str]:
        """The names of those that stand so."""
        return [name for name, life in self._lives.items() if life.status in statuses]

    def refresh(self, head: int | None = None) -> None:
        """Reads what was said of policies up to a position at least, or up to the end of the log."""
        with self._reading:
            if (head is not None and self._read >= head) or not self._anything_new():
                return
            marks: dict[str, int] = {}
            while page := self._log.reader.page(self._read, PAGE_EVENTS, types=self._types):
                for event, at in page:
                    if isinstance(event, PolicyDefined):
                        self._define(event, at.stream_id, at.position)
                    elif isinstance(event, PolicySwitched) and (name := self._names.get(at.stream_id)) is not None:
                        self._lives[name].switch(event.status, at.position)
                        if event.status is PolicyStatus.ACTIVE and name not in self._built_in:
                            marks.setdefault(name, at.position)
                self._read = page[-1].at.position
            if marks:
                self._mark(marks)

    def _anything_new(self) -> bool:
        """Whether anything new was said of policies; if not, all that there is counts as read."""
        with self._log.pool.connection() as db:
            row = db.execute(  # a range of positions, whatever the server knows of how much there is
                "select h.head, exists (select from (select type from es.event where position > %(read)s "
                "                                      and position <= h.head offset 0) e where type = any(%(types)s::text[])) "
                "  from (select coalesce(max(position), 0) as head from es.event) h",
                {"read": self._read, "types": names_array(self._types)},
            ).fetchone()
        head, new = row or (0, False)
        if not new:
            self._read = head
        return bool(new)

    def _define(self, defined: PolicyDefined, stream_id: UUID, position: int) -> None:
        if defined.key in self._built_in:
            if not defined.built_in:
                logger.warning(
                    "The policy %s that somebody defined does nothing: one with this name comes with Bitácora. "
                    "Define it under another key.", defined.key,
                )  # fmt: skip
            return
        if defined.built_in:
            return  # another version of Bitácora brought it along
        try:
            policy = interpret(defined, self._log.codec)
        except UnknownOccurrence as unknown:
            logger.warning("Version %d of the policy %s cannot be read. %s", defined.version, defined.key, unknown)
            return
        except Exception:  # one that cannot be read holds up none of the others
            logger.exception("Version %d of the policy %s cannot be read.", defined.version, defined.key)
            return
        self._names[stream_id] = defined.key
        self._lives.setdefault(defined.key, Life([])).versions.append((position, policy))

    def _mark(self, marks: dict[str, int]) -> None:
        """Notes from where on those react that became active."""
        with self._log.pool.connection() as db:
            db.execute(
                "insert into es.checkpoint (name, position) "
                "select kind || ':' || name, position "
                "  from unnest(%s::text[], %s::bigint[]) began (name, position), unnest(array['policy', 'activated']) kind "
                "on conflict (name) do nothing",
                [list(marks), list(marks.values())],
            )


def activated(policy: Policy[Any]) -> str:
    """The name of the checkpoint that stays where a policy was activated: it reacts to what came after."""
    return f"activated:{policy.name}"


def lives_of(log: Log, policies: Lives | Sequence[Policy[Any]]) -> Lives:
    """The lives of these policies, and of those that are defined in the log."""
    return policies if isinstance(policies, Lives) else Lives(log, policies)
