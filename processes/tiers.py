"""Tiers: which tiers of loyalty programmes each customer has, as policies that share something remember them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from domain.loyalty_account import MemberEnrolled, MemberLeft, TierDowngraded, TierQualified
from domain.merging import CustomersMerged, CustomersUnmerged
from eventstore.envelope import Recorded
from processes.policy import Policy

NONE: dict[UUID, str] = {}


@dataclass(slots=True)
class Tiers:
    """The tier of every account that has one, by the customer whose it is, and who is taken to be whom."""

    accounts: dict[UUID, dict[UUID, str]] = field(default_factory=dict)
    merged_into: dict[UUID, UUID] = field(default_factory=dict)
    absorbed: dict[UUID, set[UUID]] = field(default_factory=dict)

    def of(self, customer_id: UUID | None) -> frozenset[str]:
        """The tiers of a customer, and of all who are taken to be the same."""
        if customer_id is None:
            return frozenset()
        while customer_id in self.merged_into:
            customer_id = self.merged_into[customer_id]
        return frozenset(tier for each in self._same(customer_id) for tier in self.accounts.get(each, NONE).values())

    def note(self, account_id: UUID, customer_id: UUID | None, tier: str | None) -> None:
        """An account has a tier from now on, or none."""
        if customer_id is None:
            return
        accounts = self.accounts.setdefault(customer_id, {})
        accounts.pop(account_id, None)
        if tier is not None:
            accounts[account_id] = tier
        elif not accounts:
            del self.accounts[customer_id]

    def _same(self, customer_id: UUID) -> Iterator[UUID]:
        yield customer_id
        for each in self.absorbed.get(customer_id, ()):
            yield from self._same(each)


class KnowsTiers(Protocol):
    """Whatever all memories of a policy share, if the tiers are part of it."""

    tiers: Tiers


def learns_tiers(policy: Policy[Any]) -> None:
    """Lets a policy know which tiers customers have: what its memories share must have `tiers`."""

    @policy.learn(MemberEnrolled, TierQualified, TierDowngraded, MemberLeft)
    def tier(
        shared: KnowsTiers, said: MemberEnrolled | TierQualified | TierDowngraded | MemberLeft, at: Recorded
    ) -> None:
        shared.tiers.note(at.stream_id, at.customer_id, None if isinstance(said, MemberLeft) else said.tier)

    @policy.learn(CustomersMerged)
    def merged(shared: KnowsTiers, merged: CustomersMerged, at: Recorded) -> None:
        shared.tiers.merged_into[at.stream_id] = merged.survivor_id
        shared.tiers.absorbed.setdefault(merged.survivor_id, set()).add(at.stream_id)

    @policy.learn(CustomersUnmerged)
    def unmerged(shared: KnowsTiers, unmerged: CustomersUnmerged, at: Recorded) -> None:
        shared.tiers.merged_into.pop(at.stream_id, None)
        shared.tiers.absorbed.get(unmerged.survivor_id, set()).discard(at.stream_id)
