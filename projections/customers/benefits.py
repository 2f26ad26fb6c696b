"""The benefits: what customers were given beyond a purchase, by which rule, and what was refused."""

from datetime import datetime
from uuid import UUID

from domain.benefit import BenefitAuthorised, BenefitDenied, BenefitGranted, BenefitRequested, BenefitStatus
from eventstore.envelope import Recorded
from projections.view import Row, View


class BenefitSheet(Row, key="benefit_id"):
    """A benefit. `rule` and its version are what allowed it; `inputs_digest` is of what the rule was given."""

    benefit_id: UUID
    customer_id: UUID | None = None
    benefit: str = ""
    status: BenefitStatus = BenefitStatus.UNKNOWN
    loyalty_account_id: UUID | None = None
    interaction_id: UUID | None = None
    requested_at: datetime | None = None
    authorised_at: datetime | None = None
    rule: str | None = None
    rule_version: int | None = None
    inputs_digest: str | None = None
    approver: UUID | None = None
    granted_at: datetime | None = None
    denied_at: datetime | None = None
    denied_because: str | None = None


view = View(
    "benefits",
    BenefitSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(customer_id, requested_at desc)", "(status, requested_at)"),
)


@view.on(BenefitRequested)
def request(sheet: BenefitSheet, requested: BenefitRequested, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.benefit = requested.benefit
    sheet.status = BenefitStatus.REQUESTED
    sheet.loyalty_account_id = requested.loyalty_account_id
    sheet.interaction_id = requested.interaction_id
    sheet.requested_at = at.occurred_at


@view.on(BenefitAuthorised)
def authorise(sheet: BenefitSheet, authorised: BenefitAuthorised, at: Recorded) -> None:
    sheet.status = BenefitStatus.AUTHORISED
    sheet.authorised_at = at.occurred_at
    sheet.rule = authorised.rule
    sheet.rule_version = authorised.rule_version
    sheet.inputs_digest = authorised.inputs_digest
    sheet.approver = authorised.approver


@view.on(BenefitGranted)
def grant(sheet: BenefitSheet, granted: BenefitGranted, at: Recorded) -> None:
    sheet.status = BenefitStatus.GRANTED
    sheet.granted_at = at.occurred_at


@view.on(BenefitDenied)
def deny(sheet: BenefitSheet, denied: BenefitDenied, at: Recorded) -> None:
    sheet.status = BenefitStatus.DENIED
    sheet.denied_at = at.occurred_at
    sheet.denied_because = denied.reason
