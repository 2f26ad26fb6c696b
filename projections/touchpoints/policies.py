"""The policies: what the company does by itself, by which rules, and whether it does so now."""

from datetime import datetime
from uuid import UUID

from domain.policy import PolicyDefined, PolicyStatus, PolicySwitched
from domain.rules import Rules
from eventstore.envelope import Recorded
from projections.view import Row, View


class PolicySheet(Row, key="policy_id"):
    """A policy, called `policy`, by the rules of its last version.

    It stands as `status` says since a moment and a position, for a reason. It reacts to what happened after
    `active_from_position`, during a pause as well, once that is over. `built_in` ones come with Bitácora.
    """

    policy_id: UUID
    policy: str = ""
    version: int = 0
    status: PolicyStatus = PolicyStatus.DEFINED
    built_in: bool = False
    rules: Rules | None = None
    reason: str | None = None
    since: datetime | None = None
    since_position: int = 0
    active_from_position: int | None = None
    defined_at: datetime | None = None


view = View(
    "policies",
    PolicySheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(policy)",),
)


@view.on(PolicyDefined)
def define(sheet: PolicySheet, defined: PolicyDefined, at: Recorded) -> None:
    sheet.policy = defined.key
    sheet.version = defined.version
    sheet.built_in = defined.built_in
    sheet.rules = defined.rules
    sheet.defined_at = at.occurred_at
    if sheet.since is None:
        sheet.since = at.occurred_at
        sheet.since_position = at.position


@view.on(PolicySwitched)
def switch(sheet: PolicySheet, switched: PolicySwitched, at: Recorded) -> None:
    if switched.status is PolicyStatus.ACTIVE and sheet.status is not PolicyStatus.PAUSED:
        sheet.active_from_position = at.position
    sheet.status = switched.status
    sheet.reason = switched.reason
    sheet.since = at.occurred_at
    sheet.since_position = at.position
