"""Sales: what all customers bought and spent, as policies that compare one customer with the others remember it."""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from domain.merging import CustomersMerged, CustomersUnmerged
from eventstore.envelope import Recorded
from processes.policy import Policy
from processes.purchases import ORDER_EVENTS, Purchase, note_order, spent
from projections.value.rfm import share_from_top

FEW = 20
"""If more than one in so many customers changed their place, all places are worked out anew."""


@dataclass(slots=True)
class Sales:
    """The orders of everybody. Customers who were merged are one. What was told is reckoned when somebody asks."""

    orders: dict[UUID, Purchase] = field(default_factory=dict)
    _owners: dict[str, set[UUID]] = field(default_factory=dict)
    _baskets: dict[UUID, set[str]] = field(default_factory=dict)
    _of: dict[UUID, set[UUID]] = field(default_factory=dict)
    _survivors: dict[UUID, UUID] = field(default_factory=dict)
    _absorbed: dict[UUID, set[UUID]] = field(default_factory=dict)
    _spent: dict[UUID, dict[str, Decimal]] = field(default_factory=dict)
    _ranked: dict[str, list[Decimal]] = field(default_factory=dict)
    _told_of: set[UUID] = field(default_factory=set)

    @property
    def owners(self) -> Mapping[str, set[UUID]]:
        """Who ever bought an article, by its code."""
        self._reckon()
        return self._owners

    @property
    def baskets(self) -> Mapping[UUID, set[str]]:
        """What each customer ever bought."""
        self._reckon()
        return self._baskets

    @property
    def currency(self) -> str | None:
        """The base currency in which most customers bought: what is in another one is not compared."""
        self._reckon()
        return max(self._ranked, key=lambda currency: (len(self._ranked[currency]), currency), default=None)

    def top_share(self, customer_id: UUID | None) -> int | None:
        """Among which percent of the customers one is by revenue, 1 being the best; None if they never bought."""
        currency = self.currency
        ours = self._spent.get(self._canonical(customer_id), {}) if customer_id is not None else {}
        if currency is None or currency not in ours:
            return None
        ranked = self._ranked[currency]
        return share_from_top(bisect_right(ranked, ours[currency]), len(ranked))

    def bought_with(self, sku: str) -> Counter[str]:
        """By how many of those who bought an article each other one was bought."""
        found: Counter[str] = Counter()
        for customer_id in self.owners.get(sku, ()):
            found.update(self._baskets[customer_id])
        del found[sku]
        return found

    # What happens.

    def note(self, event: Any, at: Recorded) -> None:
        """Something that happened to an order."""
        order = note_order(self.orders, event, at)
        if order is not None and order.customer_id is not None:
            self._of.setdefault(order.customer_id, set()).add(at.stream_id)
            self._told_of.add(order.customer_id)

    def merge(self, customer_id: UUID, survivor_id: UUID) -> None:
        """Two customers are one."""
        self._survivors[customer_id] = survivor_id
        self._absorbed.setdefault(survivor_id, set()).add(customer_id)
        self._told_of |= {customer_id, survivor_id}

    def unmerge(self, customer_id: UUID, survivor_id: UUID) -> None:
        """They are two again."""
        self._survivors.pop(customer_id, None)
        self._absorbed.get(survivor_id, set()).discard(customer_id)
        self._told_of |= {customer_id, survivor_id}

    def _canonical(self, customer_id: UUID) -> UUID:
        while customer_id in self._survivors:
            customer_id = self._survivors[customer_id]
        return customer_id

    def _members(self, customer_id: UUID) -> set[UUID]:
        return {customer_id}.union(*(self._members(each) for each in self._absorbed.get(customer_id, ())))

    def _reckon(self) -> None:
        """Reckons anew what those bought and spent of whom something was told, and puts them in their places."""
        told_of = self._told_of | {self._canonical(each) for each in self._told_of}
        self._told_of = set()
        anew = len(told_of) > len(self._spent) // FEW
        for customer_id in told_of:
            before, now = self._spent.pop(customer_id, {}), self._reckoned(customer_id)
            if now:
                self._spent[customer_id] = now
            if not anew:
                for currency, amount in before.items():
                    ranked = self._ranked[currency]
                    del ranked[bisect_left(ranked, amount)]
                for currency, amount in now.items():
                    insort(self._ranked.setdefault(currency, []), amount)
        if anew and told_of:
            self._ranked = {}
            for totals in self._spent.values():
                for currency, amount in totals.items():
                    self._ranked.setdefault(currency, []).append(amount)
            for ranked in self._ranked.values():
                ranked.sort()

    def _reckoned(self, customer_id: UUID) -> dict[str, Decimal]:
        """What a customer spent by base currency, nothing if they are another one or never bought; and what they bought."""
        stands_alone = customer_id not in self._survivors
        members = self._members(customer_id) if stands_alone else set()
        orders = {id: self.orders[id] for member in members for id in self._of.get(member, ())}
        skus = {sku for each in orders.values() if each.counts for sku in each.skus}
        for sku in self._baskets.pop(customer_id, set()) - skus:
            self._owners[sku].discard(customer_id)
        for sku in skus:
            self._owners.setdefault(sku, set()).add(customer_id)
        if skus:
            self._baskets[customer_id] = skus
        return spent(orders) if any(each.counts for each in orders.values()) else {}


class KnowsSales(Protocol):
    """Whatever all memories of a policy share, if the sales are part of it."""

    sales: Sales


def learns_sales(policy: Policy[Any]) -> None:
    """Lets a policy know what everybody bought: what its memories share must have `sales`."""

    @policy.learn(*ORDER_EVENTS)
    def sold(shared: KnowsSales, event: Any, at: Recorded) -> None:
        shared.sales.note(event, at)

    @policy.learn(CustomersMerged)
    def merged(shared: KnowsSales, merged: CustomersMerged, at: Recorded) -> None:
        shared.sales.merge(at.stream_id, merged.survivor_id)

    @policy.learn(CustomersUnmerged)
    def unmerged(shared: KnowsSales, unmerged: CustomersUnmerged, at: Recorded) -> None:
        shared.sales.unmerge(at.stream_id, unmerged.survivor_id)
