"""Customer facts: what conditions may ask of a customer, folded from the log as far as it is asked."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from domain.case_events import (
    CaseClassified,
    CaseClosed,
    CaseCustomerIdentified,
    CaseOpened,
    CaseReopened,
    CaseResolved,
    CaseType,
)
from domain.consent import Purpose, permits
from domain.customer import CustomerProfileChanged, CustomerRegistered
from domain.interaction import InteractionLogged, InteractionStarted
from domain.invitation import SurveyResponded
from domain.kernel import Event
from domain.lifecycle import AccountManagerAssigned, CustomerRoleAssigned, CustomerRoleEnded, LifecycleStageChanged
from domain.loyalty_account import MemberEnrolled, MemberLeft, TierDowngraded, TierQualified
from domain.order import GoodsReturned, LinesReturned, OrderCancelled, OrderLinesCancelled, OrderPlaced
from domain.restriction import forbids
from domain.values import EXACT, Channel
from eventstore.envelope import Recorded
from processes.contact import ADDRESSES, Contact
from processes.policy import Policy

Note = Callable[["Facts", Any, Recorded], None]


@dataclass(slots=True)
class Facts:
    """What is known of a customer besides how to reach them. Orders and cases say whether they still stand, or are open."""

    said: dict[str, object] = field(default_factory=dict)
    orders: dict[UUID, bool] = field(default_factory=dict)
    spent: Decimal = Decimal(0)
    cases: dict[UUID, bool] = field(default_factory=dict)
    complaints: set[UUID] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)

    @property
    def account_manager(self) -> UUID | None:
        """Who answers for the customer."""
        found = self.said.get("account_manager")
        return found if isinstance(found, UUID) else None

    def first(self, name: str, moment: datetime) -> None:
        """The earlier moment counts."""
        known = self.said.get(name)
        self.said[name] = min(known, moment) if isinstance(known, datetime) else moment

    def last(self, name: str, moment: datetime) -> None:
        """The later moment counts."""
        known = self.said.get(name)
        self.said[name] = max(known, moment) if isinstance(known, datetime) else moment


class RemembersFacts(Protocol):
    """Whatever has facts."""

    facts: Facts


def registered(facts: Facts, told: CustomerRegistered, at: Recorded) -> None:
    facts.said |= {name: getattr(told, name) for name in ("kind", "source", "territory") if getattr(told, name)}
    facts.first("registered_at", at.occurred_at)


def moved(facts: Facts, told: CustomerProfileChanged, at: Recorded) -> None:
    if told.territory is not None:
        facts.said["territory"] = told.territory


def managed(facts: Facts, assigned: AccountManagerAssigned, at: Recorded) -> None:
    facts.said["account_manager"] = assigned.staff_id


def staged(facts: Facts, changed: LifecycleStageChanged, at: Recorded) -> None:
    facts.said["lifecycle_stage"] = changed.stage


def cast_as(facts: Facts, said: CustomerRoleAssigned | CustomerRoleEnded, at: Recorded) -> None:
    if isinstance(said, CustomerRoleAssigned):
        facts.roles.add(said.role.value)
    else:
        facts.roles.discard(said.role.value)


def ranked(facts: Facts, said: MemberEnrolled | TierQualified | TierDowngraded | MemberLeft, at: Recorded) -> None:
    facts.said["tier"] = None if isinstance(said, MemberLeft) else said.tier


def ordered(facts: Facts, placed: OrderPlaced, at: Recorded) -> None:
    facts.orders[at.stream_id] = True
    facts.spent = EXACT.add(facts.spent, placed.total.base)
    facts.first("first_order_at", at.occurred_at)
    facts.last("last_order_at", at.occurred_at)


def returned(
    facts: Facts, back: OrderCancelled | OrderLinesCancelled | LinesReturned | GoodsReturned, at: Recorded
) -> None:
    facts.spent = EXACT.subtract(facts.spent, back.value.base)
    off = isinstance(back, OrderCancelled) or (isinstance(back, OrderLinesCancelled) and back.nothing_left)
    if off and at.stream_id in facts.orders:
        facts.orders[at.stream_id] = False


def opened(facts: Facts, event: CaseOpened | CaseReopened | CaseCustomerIdentified, at: Recorded) -> None:
    facts.cases[at.stream_id] = True
    if isinstance(event, CaseOpened) and event.type is CaseType.COMPLAINT:
        facts.complaints.add(at.stream_id)


def classified(facts: Facts, event: CaseClassified, at: Recorded) -> None:
    if event.type is CaseType.COMPLAINT:
        facts.complaints.add(at.stream_id)
    elif event.type is not None:
        facts.complaints.discard(at.stream_id)


def closed(facts: Facts, event: CaseResolved | CaseClosed, at: Recorded) -> None:
    facts.cases[at.stream_id] = False


def answered(facts: Facts, said: SurveyResponded, at: Recorded) -> None:
    facts.said |= {name: score for name in ("csat", "nps") if (score := getattr(said, name)) is not None}


def met(facts: Facts, contact: InteractionLogged | InteractionStarted, at: Recorded) -> None:
    facts.last("last_contact_at", at.occurred_at)


SOURCES: tuple[tuple[frozenset[str], tuple[type[Event], ...], Note], ...] = (
    (frozenset({"kind", "source", "territory", "registered_at"}), (CustomerRegistered,), registered),
    (frozenset({"territory"}), (CustomerProfileChanged,), moved),
    (frozenset({"account_manager"}), (AccountManagerAssigned,), managed),
    (frozenset({"lifecycle_stage"}), (LifecycleStageChanged,), staged),
    (frozenset({"roles"}), (CustomerRoleAssigned, CustomerRoleEnded), cast_as),
    (frozenset({"tier"}), (MemberEnrolled, TierQualified, TierDowngraded, MemberLeft), ranked),
    (frozenset({"orders", "spent", "first_order_at", "last_order_at"}), (OrderPlaced,), ordered),
    (
        frozenset({"orders", "spent"}),
        (OrderCancelled, OrderLinesCancelled, LinesReturned, GoodsReturned),
        returned,
    ),
    (frozenset({"open_cases", "open_complaint"}), (CaseOpened, CaseReopened, CaseCustomerIdentified), opened),
    (frozenset({"open_complaint"}), (CaseClassified,), classified),
    (frozenset({"open_cases", "open_complaint"}), (CaseResolved, CaseClosed), closed),
    (frozenset({"csat", "nps"}), (SurveyResponded,), answered),
    (frozenset({"last_contact_at"}), (InteractionLogged, InteractionStarted), met),
)
"""Which events say what, and how it is noted."""
CONSENTS: Mapping[str, Purpose] = {
    "marketing_consent": Purpose.MARKETING,
    "survey_consent": Purpose.SURVEY,
    "service_consent": Purpose.SERVICE,
}


def remembers_facts(policy: Policy[Any], names: Collection[str]) -> None:
    """Lets a policy remember these facts of its customers, and no others: its memory must have `facts`."""
    for told, events, note in SOURCES:
        if not told.isdisjoint(names):
            besides(policy, events, _of_facts(note))


def _of_facts(note: Note) -> Callable[[RemembersFacts, Any, Recorded], None]:
    return lambda known, event, at: note(known.facts, event, at)


def besides(
    policy: Policy[Any], events: Collection[type[Event]], handler: Callable[[Any, Any, Recorded], None]
) -> None:
    """Remembers something more of events, besides what the policy remembers of them already."""
    for event in events:
        before = policy.remembering.get(event)
        policy.remembering[event] = handler if before is None else _both(before, handler)


def _both(one: Callable[..., object], other: Callable[..., object]) -> Callable[..., None]:
    def each(known: Any, event: Any, at: Recorded) -> None:
        one(known, event, at)
        other(known, event, at)

    return each


def facts_of(facts: Facts, contact: Contact, now: datetime) -> dict[str, object]:
    """What is known of a customer at a moment, by the names of `FACTS`; what nobody said is None."""
    return {
        **facts.said,
        "language": contact.language,
        "country": contact.country,
        "timezone": contact.zone,
        "roles": tuple(sorted(facts.roles)),
        "orders": sum(facts.orders.values()),
        "spent": facts.spent,
        "open_cases": sum(facts.cases.values()),
        "open_complaint": any(facts.cases.get(case, False) for case in facts.complaints),
        "has_email": contact.address(Channel.EMAIL) is not None,
        "has_phone": contact.address(Channel.PHONE) is not None,
        "restricted": forbids(contact.restriction, Purpose.MARKETING, None, now),
        **{name: consents(contact, purpose) for name, purpose in CONSENTS.items()},
    }


def consents(contact: Contact, purpose: Purpose) -> bool | None:
    """Whether a customer agreed by one channel at least, or objected; None if they said nothing."""
    said = {permits(contact.consent, purpose, channel) for channel in ADDRESSES}
    return True if True in said else False if False in said else None
