"""The profiles: what a customer is to the company, how far along, whose and how far trusted, with every day that this held."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.credit import CreditLineSet, RiskScoreAssessed, credit_id
from domain.customer import CustomerKind, CustomerProfileChanged, CustomerRegistered
from domain.kernel import Event
from domain.lifecycle import (
    AccountManagerAssigned,
    CustomerRoleAssigned,
    CustomerRoleEnded,
    LifecycleStage,
    LifecycleStageChanged,
    lifecycle_id,
)
from domain.merging import CustomersMerged
from domain.values import empty
from eventstore.envelope import Recorded
from projections.customers.customers import is_own, told
from projections.facts import Fact, Facts
from projections.view import Row, View

CHANGED = ("language", "timezone", "country", "territory", "sector", "size")
REGISTERED = ("kind", "source", "language", "timezone", "country", "territory")


class LifecycleMove(Fact):
    """A customer moved from a stage, empty the first time, to another, by a rule or because somebody decided.

    `lasted_s` is how many seconds the stage before had lasted; empty the first time.
    """

    previous: LifecycleStage | None = None
    stage: LifecycleStage | None = None
    rule: str | None = None
    lasted_s: int | None = None


class CustomerProfile(Row, key="customer_id"):
    """What a customer is to the company. `roles` are those that hold, and `staff_id` is who answers for the customer.

    `risk_score` is from 0 (none) to 1000, out of date from `risk_valid_until` on. The customer may owe `credit_limit`, in
    `credit_currency`, which is worth `credit_limit_base` in `credit_base_currency`.
    """

    customer_id: UUID
    kind: CustomerKind | None = None
    source: str | None = None
    language: str | None = None
    timezone: str | None = None
    country: str | None = None
    territory: str | None = None
    sector: str | None = None
    size: str | None = None
    registered_at: datetime | None = None
    stage: LifecycleStage | None = None
    stage_since: datetime | None = None
    stage_rule: str | None = None
    roles: tuple[str, ...] = ()
    assigned: Mapping[str, str] = field(default_factory=empty)
    staff_id: UUID | None = None
    staff_since: datetime | None = None
    risk_score: int | None = None
    risk_model: str | None = None
    risk_model_version: str | None = None
    risk_assessed_at: datetime | None = None
    risk_valid_until: datetime | None = None
    credit_limit: Decimal | None = None
    credit_currency: str | None = None
    credit_limit_base: Decimal | None = None
    credit_base_currency: str | None = None
    credit_set_at: datetime | None = None
    own: tuple[str, ...] = ()


lifecycle_moves = Facts(
    "lifecycle_moves", LifecycleMove, indexes=("(occurred_at)", "(customer_id, occurred_at)", "(stage, occurred_at)")
)
view = View(
    "profiles",
    CustomerProfile,
    version=1,
    facts=(lifecycle_moves,),
    history=True,
    indexes=("(stage)", "(staff_id)", "(country)", "(territory)", "(sector)"),
)


@view.on(CustomerRegistered)
def register(profile: CustomerProfile, registered: CustomerRegistered, at: Recorded) -> None:
    told(profile, registered, at, REGISTERED)
    if is_own(at) or profile.registered_at is None:
        profile.registered_at = at.occurred_at


@view.on(CustomerProfileChanged)
def change(profile: CustomerProfile, changed: CustomerProfileChanged, at: Recorded) -> None:
    told(profile, changed, at, CHANGED)


@view.on(CustomersMerged)
def prefer(profile: CustomerProfile, merged: CustomersMerged, at: Recorded) -> None:
    for name in CHANGED:
        setattr(profile, name, getattr(merged, name) or getattr(profile, name))


@view.on(CustomerRoleAssigned)
def assign_role(profile: CustomerProfile, assigned: CustomerRoleAssigned, at: Recorded) -> None:
    profile.assigned = {**profile.assigned, f"{at.stream_id}:{assigned.role}": assigned.role.value}
    profile.roles = tuple(sorted(set(profile.assigned.values())))


@view.on(CustomerRoleEnded)
def end_role(profile: CustomerProfile, ended: CustomerRoleEnded, at: Recorded) -> None:
    profile.assigned = {key: role for key, role in profile.assigned.items() if key != f"{at.stream_id}:{ended.role}"}
    profile.roles = tuple(sorted(set(profile.assigned.values())))


@view.on(LifecycleStageChanged)
def move(profile: CustomerProfile, changed: LifecycleStageChanged, at: Recorded) -> Iterator[LifecycleMove]:
    if not counts(profile, "stage", changed, at):
        return
    lasted = None if profile.stage_since is None else int((at.occurred_at - profile.stage_since).total_seconds())
    yield LifecycleMove(
        previous=profile.stage,
        stage=changed.stage,
        rule=changed.rule,
        lasted_s=None if lasted is None else max(lasted, 0),
    )
    profile.stage = changed.stage
    profile.stage_since = at.occurred_at
    profile.stage_rule = changed.rule


@view.on(AccountManagerAssigned)
def assign_manager(profile: CustomerProfile, assigned: AccountManagerAssigned, at: Recorded) -> None:
    if counts(profile, "staff", assigned, at):
        profile.staff_id = assigned.staff_id
        profile.staff_since = None if assigned.staff_id is None else at.occurred_at


@view.on(RiskScoreAssessed)
def assess(profile: CustomerProfile, assessed: RiskScoreAssessed, at: Recorded) -> None:
    if counts(profile, "risk", assessed, at):
        profile.risk_score = assessed.score
        profile.risk_model = assessed.model
        profile.risk_model_version = assessed.model_version
        profile.risk_assessed_at = at.occurred_at
        profile.risk_valid_until = assessed.valid_until


@view.on(CreditLineSet)
def trust(profile: CustomerProfile, line: CreditLineSet, at: Recorded) -> None:
    if counts(profile, "credit", line, at):
        profile.credit_limit = None if line.limit is None else line.limit.amount
        profile.credit_currency = None if line.limit is None else line.limit.currency
        profile.credit_limit_base = None if line.limit is None else line.limit.base
        profile.credit_base_currency = None if line.limit is None else line.limit.base_currency
        profile.credit_set_at = at.occurred_at


def counts(profile: CustomerProfile, matter: str, said: Event, at: Recorded) -> bool:
    """Whether what is said on a matter counts: what was said of somebody merged into the customer fills what is blank."""
    of = credit_id if isinstance(said, RiskScoreAssessed | CreditLineSet) else lifecycle_id
    if at.customer_id is not None and at.stream_id == of(at.customer_id):
        if matter not in profile.own:
            profile.own = (*profile.own, matter)
        return True
    return matter not in profile.own
