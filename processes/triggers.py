"""Triggers: the events that set a policy off, read from the log step by step, and whether each must have a row."""

import logging
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from psycopg import Connection

from domain.kernel import derived
from eventstore.blocked import blocked
from eventstore.envelope import Happened, Origin, Recorded
from eventstore.reader import AsOf, Reader
from processes.policy import Policy, Subject

MAX_CAUSES = 8
"""How long a chain of events that cause one another may grow before no policy reacts to it any more."""
MAX_STEPS = 64
"""How many commands of a reaction are known again by their ids."""

MAX_READ_TOGETHER = 100
"""The customers of so many new events are read of once for all policies: of more, each policy reads as it comes to them."""

logger = logging.getLogger(__name__)


class Histories:
    """What concerns some customers, and whoever is taken to be them, up to a position: read once for several policies.

    What one of them has deciphered the others see as well.
    """

    def __init__(
        self, reader: Reader, customers: Collection[UUID], policies: Sequence[Policy[Any]], position: int
    ) -> None:
        self._names = set(reader.codec.names({event for policy in policies for event in policy.remembering}))
        self._disclosed = set(reader.codec.names({event for policy in policies for event in policy.disclosed}))
        self._marked = set(reader.codec.names({event for policy in policies for event in policy.marked}))
        self._position = position
        self.kin = reader.kin(customers, position)
        self._of: dict[UUID | None, list[Happened]] = {}
        for each in reader.customers(
            list(self.kin),
            types=sorted(self._names),
            as_of=AsOf(position=position),
            disclose=self._disclosed,
            mark=self._marked,
            kin=self.kin,
        ):
            self._of.setdefault(each.at.customer_id, []).append(each)

    def tell(
        self,
        customers: Collection[UUID],
        position: int,
        types: Collection[str],
        disclosed: Collection[str],
        marked: Collection[str],
    ) -> bool:
        """Whether these customers are among them as of that position, and all that somebody remembers of them."""
        return (
            position == self._position
            and self._names.issuperset(types)
            and self._disclosed.issuperset(disclosed)
            and self._marked.issuperset(marked)
            and all(each in self.kin for each in customers)
        )

    def of(self, customer_id: UUID) -> list[Happened]:
        """What happened to a customer, by who it is taken to be: more than one policy remembers."""
        return self._of.get(customer_id, [])


class Stretch:
    """What may set some policies off, from where each of them starts up to a position of the log, read once for all of them.

    `starts` are the positions up to which they have reacted, by who they are in the log.
    """

    def __init__(self, reader: Reader, types: Collection[str], starts: Mapping[str, int], end: int) -> None:
        self.starts = starts
        self.end = end
        self.start = start = min(starts.values())
        self._events = [
            each for each in reader.page(start, end - start, types=sorted(types)) if each.at.position <= end
        ]
        self._reader = reader
        self._pool = reader.pool
        self.concerned: list[Policy[Any]] = []
        """Who is known to be set off by it."""

    def of(self, policy: Policy[Any], types: Container[str], start: int, end: int) -> list[Happened]:
        """What may set a policy off in a part of it."""
        allowed, ours = origins(policy), policy.actor
        return [
            each
            for each in self._events
            if start < each.at.position <= end
            and each.at.type in types
            and each.at.origin in allowed
            and each.at.actor != ours
        ]

    @cached_property
    def histories(self) -> Histories | None:
        """What is remembered of the customers of it, if it is so little that all who are set off by it read of them all."""
        policies = [policy for policy in self.concerned if policy.subject is Subject.CUSTOMER and policy.remembering]
        customers = {each.at.customer_id for each in self._events if each.at.customer_id is not None}
        if len(policies) < 2 or not customers or len(self._events) > MAX_READ_TOGETHER:
            return None
        return Histories(self._reader, customers, policies, self.end)

    @cached_property
    def endless(self) -> set[int]:
        """Where those events stand that are the end of too long a chain of causes."""
        with self._pool.connection() as db:
            return ends_of_long_chains(db, self._events)

    @cached_property
    def blocked(self) -> set[UUID]:
        """Those whom it concerns and who are blocked."""
        with self._pool.connection() as db:
            return blocked(db, {each.at.customer_id for each in self._events})

    @cached_property
    def cuts(self) -> list[int]:
        """The positions at which it changed who is whom or what counts."""
        with self._pool.connection() as db:
            return corrected_between(db, self.start, self.end)


def origins(policy: Policy[Any]) -> list[str]:
    """Where the events that set a policy off may have come from."""
    return [str(origin) for origin in Origin] if policy.include_imported else [str(Origin.LIVE)]


def next_of(
    db: Connection, reader: Reader, policy: Policy[Any], types: Sequence[str], start: int, end: int, limit: int
) -> tuple[list[Happened], set[int], int]:
    """The next events of some types that may set a policy off, about `limit` of them; where those stand that do so no more,
    because too long a chain of causes ends there; and how far that is."""
    if start >= end:
        return [], set(), start
    first = db.execute(  # what was imported may be long, and is passed over where it is stored
        "select min(position) from es.event "
        " where position > %s and position <= %s and type = any(%s) and origin = any(%s) and actor <> %s",
        [start, end, list(types), origins(policy), policy.actor],
    ).fetchone()
    if first is None or first[0] is None:
        return [], set(), end
    page = [each for each in reader.page(first[0] - 1, limit, types=types) if each.at.position <= end]
    position = page[-1].at.position if len(page) == limit else end
    found = [each for each in page if may_set_off(policy, each.at)]
    return found, ends_of_long_chains(db, found), position


def may_set_off(policy: Policy[Any], at: Recorded) -> bool:
    """Whether an event is from where it may be, and not of the policy's own doing."""
    return at.origin in origins(policy) and at.actor != policy.actor


def ends_of_long_chains(db: Connection, found: Iterable[Happened]) -> set[int]:
    """The positions of those events that are the end of too long a chain of causes."""
    caused = [each.at.position for each in found if each.at.because is not None]
    if not caused:
        return set()
    rows = db.execute(
        "with recursive cause (of, because, depth) as ("
        "  select e.position, e.because, 1 from es.event e where e.position = any(%s) "
        "  union all "
        "  select c.of, e.because, c.depth + 1 from cause c join es.event e on e.position = c.because "
        "   where c.depth < %s) "
        "select of from cause where depth = %s and because is not null",
        [caused, MAX_CAUSES, MAX_CAUSES],
    ).fetchall()
    for (position,) in rows:
        logger.warning(
            "Event %d is the end of more than %d events that caused one another. No policy reacts to it: "
            "look for two policies that set each other off.",
            position, MAX_CAUSES,
        )  # fmt: skip
    return {row[0] for row in rows}


def reaction_id(policy: Policy[Any], position: int, step: int | str) -> UUID:
    """The id of a command by which a policy reacts to the event at a position."""
    return derived("policy", policy.name, position, step)


def is_reaction(policy: Policy[Any], at: Recorded) -> bool:
    """Whether an event of a policy's own doing came of reacting, and not of keeping a promise."""
    position = at.because
    return position is not None and any(
        at.command_id == reaction_id(policy, position, step) for step in ("row", *range(MAX_STEPS))
    )


def corrected_between(db: Connection, after: int, until: int) -> list[int]:
    """The positions, in order, at which it changed who is whom or what counts."""
    rows = db.execute(
        "select position, until from es.claim "
        " where kind in ('SAME_AS', 'WITHDRAWN') and (position > %(after)s and position <= %(until)s "
        "                                         or until > %(after)s and until <= %(until)s)",
        {"after": after, "until": until},
    ).fetchall()
    return sorted({each for row in rows for each in row if each is not None and after < each <= until})


def apart(found: Sequence[Happened], cuts: Collection[int]) -> list[list[Happened]]:
    """Events in groups between which none of these positions lies."""
    groups: list[list[Happened]] = []
    last = 0
    for each in found:
        if not groups or any(last < cut <= each.at.position for cut in cuts):
            groups.append([])
        groups[-1].append(each)
        last = each.at.position
    return groups
