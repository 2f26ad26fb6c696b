"""The reconciliations: each comparison with another system, and how far the two agreed."""

from datetime import datetime
from uuid import UUID

from domain.reconciliation import ReconciliationRun
from eventstore.envelope import Recorded
from projections.view import Row, View


class ReconciliationEntry(Row, key="reconciliation_id"):
    """A comparison of the records of a `noun` with those of `source`: so many `matched`, were `missing` on one side, or
    `different`. `recorded_position` is of the event that has the differences.
    """

    reconciliation_id: UUID
    source: str = ""
    noun: str = ""
    matched: int = 0
    missing: int = 0
    different: int = 0
    agrees: bool = False
    compared_as_of: datetime | None = None
    run_at: datetime | None = None
    recorded_position: int | None = None


view = View(
    "reconciliations",
    ReconciliationEntry,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(source, noun, run_at desc)",),
)


@view.on(ReconciliationRun)
def run(entry: ReconciliationEntry, found: ReconciliationRun, at: Recorded) -> None:
    entry.source = found.source
    entry.noun = found.noun
    entry.matched = found.matched
    entry.missing = found.missing
    entry.different = found.different
    entry.agrees = not found.missing and not found.different
    entry.compared_as_of = found.as_of
    entry.run_at = at.occurred_at
    entry.recorded_position = at.position
