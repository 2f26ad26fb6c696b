"""Cases: what policies remember of what a customer complained of, and whether that is still open."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from domain.case_events import (
    CaseClassified,
    CaseClosed,
    CaseCustomerIdentified,
    CaseOpened,
    CaseReopened,
    CaseResolved,
    CaseType,
)
from eventstore.envelope import Recorded
from processes.policy import Policy

FAILURES = (CaseType.COMPLAINT, CaseType.INCIDENT)
"""What a service failure is told by."""


@dataclass(slots=True)
class Matter:
    """A case: what kind of matter it is, since when, and whether something is still to be done about it.

    `left` are those whose it was thought to be before it became known that it is of `customer_id`.
    """

    type: CaseType
    opened_at: datetime
    customer_id: UUID | None = None
    left: set[UUID] = field(default_factory=set)
    is_open: bool = True


@dataclass(slots=True)
class Matters:
    """All cases, by their ids: many are open before it is known whose they are."""

    known: dict[UUID, Matter] = field(default_factory=dict)

    def open(self, cases: dict[UUID, UUID | None]) -> Iterator[Matter]:
        """Those of a customer's cases that something is still to be done about."""
        for case_id, whose in cases.items():
            matter = self.known.get(case_id)
            if matter is not None and matter.is_open and (whose not in matter.left or whose == matter.customer_id):
                yield matter

    def has_complaint(self, cases: dict[UUID, UUID | None]) -> bool:
        """Whether a customer waits for an answer to a complaint."""
        return any(each.type is CaseType.COMPLAINT for each in self.open(cases))

    def failures(self, cases: dict[UUID, UUID | None], now: datetime, within: timedelta) -> int:
        """How many service failures of the last time are still open."""
        return sum(each.type in FAILURES and each.opened_at >= now - within for each in self.open(cases))


class KnowsMatters(Protocol):
    """Whatever all memories of a policy share, if the cases are part of it."""

    matters: Matters


class RemembersCases(Protocol):
    """Whatever has the cases of a customer, each with whom it was said to be of."""

    cases: dict[UUID, UUID | None]


def remembers_cases(policy: Policy[Any]) -> None:
    """Lets a policy remember its customers' cases: its memory must have `cases`, what its memories share `matters`."""

    @policy.remember(CaseOpened, CaseCustomerIdentified)
    def theirs(known: RemembersCases, event: CaseOpened | CaseCustomerIdentified, at: Recorded) -> None:
        known.cases[at.stream_id] = at.customer_id

    @policy.learn(CaseOpened)
    def opened(shared: KnowsMatters, opened: CaseOpened, at: Recorded) -> None:
        shared.matters.known.setdefault(at.stream_id, Matter(opened.type, at.occurred_at, opened.customer_id))

    @policy.learn(CaseCustomerIdentified)
    def identified(shared: KnowsMatters, identified: CaseCustomerIdentified, at: Recorded) -> None:
        if (matter := shared.matters.known.get(at.stream_id)) is not None:
            matter.customer_id = identified.customer_id
            if identified.previous is not None:
                matter.left.add(identified.previous)

    @policy.learn(CaseClassified)
    def classified(shared: KnowsMatters, classified: CaseClassified, at: Recorded) -> None:
        if (matter := shared.matters.known.get(at.stream_id)) is not None and classified.type is not None:
            matter.type = classified.type

    @policy.learn(CaseResolved, CaseClosed, CaseReopened)
    def ended(shared: KnowsMatters, event: CaseResolved | CaseClosed | CaseReopened, at: Recorded) -> None:
        if (matter := shared.matters.known.get(at.stream_id)) is not None:
            matter.is_open = isinstance(event, CaseReopened)
