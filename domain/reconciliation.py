"""Reconciliations: how far what another system knows agrees with what is known here."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, Text, Told, as_asked
from domain.values import must_be_within, must_know_zone, must_say

MAX_DIFFERENCES = 1000
MAX_RECONCILED = 10**12

ReconciliationId = Annotated[UUID, Ref("reconciliation")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationDifference:
    """A field of one record, by the key that both systems know, as it is here and as it is there."""

    key: str
    field: str
    ours: Text | None = None
    theirs: Text | None = None


# What can be asked.


class RecordReconciliation(Command):
    """Note how the records of a `noun` such as order compare with those of another system as they were at a moment.

    `matched` agree, `missing` are known to one side only, and `different` disagree in a field; some of what
    disagrees may be given, up to 1,000 differences."""

    reconciliation_id: ReconciliationId
    source: str
    noun: str
    matched: int
    missing: int
    different: int
    as_of: datetime
    differences: tuple[ReconciliationDifference, ...] = ()


# What can have happened.


class ReconciliationRun(Event, stored_as="reconciliation.run.v1"):
    """Records were compared with those of another system; `as_of` is the moment at which these were so."""

    source: str
    noun: str
    matched: int
    missing: int
    different: int
    as_of: datetime
    differences: Told[tuple[ReconciliationDifference, ...]]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was found, without the differences themselves."""

    found: ReconciliationRun | None = None


Asked = RecordReconciliation
Happened = ReconciliationRun


def decide(asked: Asked, reconciliation: Reconciliation) -> Iterator[Event]:
    must_say(asked.source, "The source", "source")
    must_say(asked.noun, "The noun", "noun")
    for name in ("matched", "missing", "different"):
        must_be_within(getattr(asked, name), 0, MAX_RECONCILED, name)
    must_know_zone(asked.as_of, "as_of")
    if len(asked.differences) > MAX_DIFFERENCES:
        raise Refused(f"Give at most {MAX_DIFFERENCES} differences.", "differences")
    for difference in asked.differences:
        must_say(difference.key, "The key of a difference", "differences")
        must_say(difference.field, "The field of a difference", "differences")
    if reconciliation.found is None:
        yield as_asked(ReconciliationRun, asked)
    elif reconciliation.found != as_asked(ReconciliationRun, asked, differences=None):
        raise Refused("This reconciliation is already recorded. Record another one instead.")


def evolve(reconciliation: Reconciliation, event: Happened) -> Reconciliation:
    return Reconciliation(replace(event, differences=None))


decider = Decider("reconciliation", Asked, Happened, Reconciliation(), decide, evolve)
