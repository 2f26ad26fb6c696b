"""Service levels of a case: by when it is to be answered and resolved, and whether that was in danger or missed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked, derived
from domain.references import CaseId, CustomerId
from domain.values import empty, must_know_zone, must_say


class SlaMilestone(StrEnum):
    """What is promised."""

    FIRST_RESPONSE = "FIRST_RESPONSE"
    RESOLUTION = "RESOLUTION"


# What can be asked.


class SetSlaTarget(Command):
    """Promise a milestone of a case by `due_at`, under a version of an SLA; `sla` is its key, and the last one counts.

    It is set anew after a wait, another priority or a reopening."""

    case_id: CaseId
    customer_id: CustomerId | None = None
    milestone: SlaMilestone
    due_at: datetime
    sla: str
    sla_version: int


class WarnSla(Command):
    """Warn that a milestone is in danger; a warning of a `due_at` that is not the target's any more is refused."""

    case_id: CaseId
    milestone: SlaMilestone
    due_at: datetime | None = None


class BreachSla(Command):
    """Note that a milestone was missed; one of a `due_at` that is not the target's any more is refused."""

    case_id: CaseId
    milestone: SlaMilestone
    due_at: datetime | None = None


# What can have happened.


class SlaTargetSet(Event, stored_as="case_sla.target-set.v1"):
    """A milestone of the case was promised by a moment, under a version of an SLA; the last target counts."""

    case_id: CaseId
    customer_id: CustomerId | None
    milestone: SlaMilestone
    due_at: datetime
    sla: str
    sla_version: int


class SlaWarned(Event, stored_as="case_sla.warned.v1"):
    """A milestone of the case was in danger, for the target `due_at`."""

    case_id: CaseId
    milestone: SlaMilestone
    due_at: datetime


class SlaBreached(Event, stored_as="case_sla.breached.v1"):
    """A milestone of the case was missed, for the target `due_at`."""

    case_id: CaseId
    milestone: SlaMilestone
    due_at: datetime


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class CaseSla:
    """The target of each milestone, and for which of them there was a warning, or a breach."""

    customer_id: UUID | None = None
    targets: Mapping[SlaMilestone, SlaTargetSet] = field(default_factory=empty)
    warned: frozenset[SlaMilestone] = frozenset()
    breached: frozenset[SlaMilestone] = frozenset()


Asked = SetSlaTarget | WarnSla | BreachSla
Happened = SlaTargetSet | SlaWarned | SlaBreached


def decide(asked: Asked, case: CaseSla) -> Iterator[Event]:
    match asked:
        case SetSlaTarget(milestone=milestone):
            target = target_of(asked, case)
            if case.targets.get(milestone) != target:
                yield target
        case WarnSla(milestone=milestone):
            due_at = due(asked, case)
            if milestone in case.breached:
                raise Refused("This target has already been missed.", "milestone")
            if milestone not in case.warned:
                yield as_asked(SlaWarned, asked, due_at=due_at)
        case BreachSla(milestone=milestone):
            due_at = due(asked, case)
            if milestone not in case.breached:
                yield as_asked(SlaBreached, asked, due_at=due_at)
        case _:
            assert_never(asked)


def evolve(case: CaseSla, event: Happened) -> CaseSla:
    match event:
        case SlaTargetSet(milestone=milestone):
            return CaseSla(
                customer_id=event.customer_id or case.customer_id,
                targets={**case.targets, milestone: event},
                warned=case.warned - {milestone},
                breached=case.breached - {milestone},
            )
        case SlaWarned(milestone=milestone):
            return replace(case, warned=case.warned | {milestone})
        case SlaBreached(milestone=milestone):
            return replace(case, breached=case.breached | {milestone})
        case _:
            assert_never(event)


def target_of(asked: SetSlaTarget, case: CaseSla) -> SlaTargetSet:
    """What is promised. Refused if it does not say when, or under which version of which SLA."""
    must_know_zone(asked.due_at, "due_at")
    must_say(asked.sla, "The SLA", "sla")
    if asked.sla_version < 1:
        raise Refused("The versions of an SLA count from 1.", "sla_version")
    return as_asked(SlaTargetSet, asked, customer_id=asked.customer_id or case.customer_id)


def due(asked: WarnSla | BreachSla, case: CaseSla) -> datetime:
    """The target that is spoken of. Refused if there is none, or if it has moved since."""
    target = case.targets.get(asked.milestone)
    if target is None:
        raise Refused("This case has no such target yet.", "milestone")
    if asked.due_at is not None:
        must_know_zone(asked.due_at, "due_at")
        if asked.due_at != target.due_at:
            raise Refused("This target has moved since.", "due_at")
    return target.due_at


def stream(asked: Asked) -> UUID:
    """The service levels of a case are a stream of their own, beside that of the case."""
    return derived("case_sla", asked.case_id)


decider = Decider("case_sla", Asked, Happened, CaseSla(), decide, evolve, stream=stream)
