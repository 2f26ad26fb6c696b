"""The allocation rules: by what measure, and among whom, the costs that name them are shared out."""

from datetime import datetime
from uuid import UUID

from domain.allocation import AllocationBasis, AllocationRulePublished, AllocationScope
from eventstore.envelope import Recorded
from projections.view import Row, View


class AllocationRule(Row, key="allocation_id"):
    """The version of an allocation rule that is in force, under the `code` by which costs name it."""

    allocation_id: UUID
    code: str = ""
    version: int = 0
    basis: AllocationBasis = AllocationBasis.EQUALLY
    scope: AllocationScope = AllocationScope.CUSTOMER
    published_at: datetime | None = None


view = View(
    "allocation_rules",
    AllocationRule,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(code)",),
)


@view.on(AllocationRulePublished)
def publish(rule: AllocationRule, published: AllocationRulePublished, at: Recorded) -> None:
    rule.code = published.key
    rule.version = published.version
    rule.basis = published.basis
    rule.scope = published.scope
    rule.published_at = at.occurred_at
