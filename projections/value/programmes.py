"""The loyalty programmes: every version of each, with its tiers and what its points cost."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from decimal import Decimal

from domain.programme import LoyaltyTier, ProgrammeDefined
from domain.values import empty
from eventstore.envelope import Recorded
from projections.view import Row, View


class ProgrammeVersion(Row, key=("programme", "version")):
    """A version of a programme, as it was defined. Points expire after `expiry_months`, or never.

    `point_cost` is what one point costs the company, in `currency`.
    """

    programme: str
    version: int
    title: Mapping[str, str] = field(default_factory=empty)
    tiers: tuple[LoyaltyTier, ...] = ()
    expiry_months: int | None = None
    grace_months: int = 0
    point_cost: Decimal | None = None
    currency: str | None = None
    defined_at: datetime | None = None


view = View(
    "programmes",
    ProgrammeVersion,
    version=1,
    key=lambda defined, at: (defined.key, defined.version) if isinstance(defined, ProgrammeDefined) else None,
    follows="stream_id",
)


@view.on(ProgrammeDefined)
def define(row: ProgrammeVersion, defined: ProgrammeDefined, at: Recorded) -> None:
    row.title = defined.title
    row.tiers = defined.tiers
    row.expiry_months = defined.expiry_months
    row.grace_months = defined.grace_months
    row.point_cost = defined.point_cost
    row.currency = defined.currency
    row.defined_at = at.occurred_at
