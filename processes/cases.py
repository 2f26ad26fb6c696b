"""Cases: what policies remember of what a customer complained of, and whether that is still open."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from domain.case_events import (
    CaseClassified,
    CaseClosed,
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
    """A case: what kind of matter it is, since when, and whether something is still to be done about it."""

    type: CaseType
    opened_at: datetime
    is_open: bool = True


class RemembersCases(Protocol):
    """Whatever has cases."""

    cases: dict[UUID, Matter]


def remembers_cases(policy: Policy[Any]) -> None:
    """Lets a policy remember the cases of its customers: its memory must have `cases`."""

    @policy.remember(CaseOpened)
    def opened(known: RemembersCases, opened: CaseOpened, at: Recorded) -> None:
        known.cases[at.stream_id] = Matter(opened.type, at.occurred_at)

    @policy.remember(CaseClassified)
    def classified(known: RemembersCases, classified: CaseClassified, at: Recorded) -> None:
        if (matter := known.cases.get(at.stream_id)) is not None and classified.type is not None:
            matter.type = classified.type

    @policy.remember(CaseResolved, CaseClosed, CaseReopened)
    def ended(known: RemembersCases, event: CaseResolved | CaseClosed | CaseReopened, at: Recorded) -> None:
        if (matter := known.cases.get(at.stream_id)) is not None:
            matter.is_open = isinstance(event, CaseReopened)


def has_open_complaint(cases: dict[UUID, Matter]) -> bool:
    """Whether the customer waits for an answer to a complaint."""
    return any(each.is_open and each.type is CaseType.COMPLAINT for each in cases.values())


def failures(cases: dict[UUID, Matter], now: datetime, within: timedelta) -> int:
    """How many service failures of the last time are still open."""
    return sum(each.is_open and each.type in FAILURES and each.opened_at >= now - within for each in cases.values())
