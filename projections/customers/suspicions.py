"""The suspicions: pairs of customers that were suspected to be one, and what somebody who looked said."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.duplicate import DuplicateDismissed, DuplicateSuspected
from eventstore.envelope import Recorded
from projections.view import Row, View


class Suspicion(Row, key="duplicate_id"):
    """A pair of customers who may be one: how surely, by which features, and whether that was dismissed."""

    duplicate_id: UUID
    customer_id: UUID | None = None
    other_id: UUID | None = None
    score: Decimal | None = None
    features: tuple[str, ...] = ()
    dismissed: bool = False
    suspected_at: datetime | None = None
    dismissed_at: datetime | None = None


view = View(
    "suspicions",
    Suspicion,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(dismissed, score desc)", "(customer_id)", "(other_id)"),
)


@view.on(DuplicateSuspected)
def suspect(suspicion: Suspicion, suspected: DuplicateSuspected, at: Recorded) -> None:
    suspicion.customer_id = at.customer_id
    suspicion.other_id = suspected.other_id
    suspicion.score = suspected.score
    suspicion.features = suspected.features
    suspicion.dismissed = False
    suspicion.suspected_at = at.occurred_at
    suspicion.dismissed_at = None


@view.on(DuplicateDismissed)
def dismiss(suspicion: Suspicion, dismissed: DuplicateDismissed, at: Recorded) -> None:
    suspicion.customer_id = at.customer_id
    suspicion.other_id = dismissed.other_id
    suspicion.dismissed = True
    suspicion.dismissed_at = at.occurred_at
