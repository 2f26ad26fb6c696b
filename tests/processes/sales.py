"""People, territories, leads and opportunities for the tests of the policies of sales."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.absence import AbsenceKind, PlanAbsence
from domain.activity import ActivityScheduled
from domain.interaction import Direction, LogInteraction, ReceiveMessage, SendMessage, StartInteraction
from domain.kernel import Event, derived
from domain.lead import AssignLead, CaptureLead
from domain.opportunity import AssignOpportunity, LoseOpportunity, OpenOpportunity, WinOpportunity
from domain.staff import AddStaff, GrantSkill, SetCapacity, StaffRole
from domain.territory import DefineTerritory, TerritoryRule
from domain.values import Channel
from tests.processes.shop import Shop, local, moment


def id_of(name: str) -> UUID:
    """Whose name is early in the alphabet has a low id."""
    return UUID(bytes=name.encode().ljust(16, b"\0"))


def person(shop: Shop, name: str, role: StaffRole = StaffRole.REP, capacity: int | None = None, **said: Any) -> UUID:
    """Somebody of the company; a rep, unless said otherwise."""
    skills = said.pop("skills", ())
    shop.do(AddStaff(staff_id=id_of(name), name=name, role=role, **said))
    for skill in skills:
        shop.do(GrantSkill(staff_id=id_of(name), skill=skill))
    if capacity is not None:
        shop.do(SetCapacity(staff_id=id_of(name), capacity=capacity))
    return id_of(name)


def away(shop: Shop, name: str, since: str, until: str) -> None:
    """Somebody is away."""
    shop.do(
        PlanAbsence(
            absence_id=derived("absence", name, since), staff_id=id_of(name), kind=AbsenceKind.HOLIDAY,
            starts_at=moment(since), ends_at=moment(until),
        )
    )  # fmt: skip


def territory(shop: Shop, key: str, staff_id: UUID | None = None, **rule: Any) -> UUID:
    """A territory with whoever answers for it."""
    id = derived("territory", key)
    shop.do(DefineTerritory(territory_id=id, key=key, name=key, rule=TerritoryRule(**rule), staff_id=staff_id))
    return id


def lead(shop: Shop, on: str | None = None, key: str = "lead", **said: Any) -> UUID:
    """A lead from Spain."""
    id = derived("lead", key)
    shop.do(CaptureLead(lead_id=id, **{"name": "Ana", "source": "FAIR", "country": "ES", **said}), on)
    return id


def opportunity(shop: Shop, on: str | None = None, key: str = "sale", **said: Any) -> UUID:
    """A sale that may come about."""
    id = derived("opportunity", key)
    shop.do(OpenOpportunity(opportunity_id=id, **said), on)
    return id


def closed(shop: Shop, name: str, product: str, won: int, lost: int) -> None:
    """Sales that somebody won and lost."""
    for number in range(won + lost):
        id = opportunity(shop, key=f"{name} {product} {number}", product=product, staff_id=id_of(name))
        won_it = number < won
        shop.do(WinOpportunity(opportunity_id=id) if won_it else LoseOpportunity(opportunity_id=id, reason="PRICE"))


def give(shop: Shop, noun_id: UUID, name: str, on: str | None = None) -> None:
    """Somebody gives a lead to somebody."""
    shop.do(AssignLead(lead_id=noun_id, staff_id=id_of(name)), on)


def hand(shop: Shop, noun_id: UUID, name: str, on: str | None = None) -> None:
    """Somebody gives an opportunity to somebody."""
    shop.do(AssignOpportunity(opportunity_id=noun_id, staff_id=id_of(name)), on)


def talk(shop: Shop, customer: UUID, on: str, how: str = "logged") -> None:
    """Somebody speaks with a customer."""
    id = derived("interaction", customer, on)
    said = {"interaction_id": id, "customer_id": customer}
    begin = {**said, "channel": Channel.EMAIL, "direction": Direction.IN}
    if how in ("logged", "started"):
        shop.do((LogInteraction if how == "logged" else StartInteraction)(**begin), on)
    else:
        shop.do(StartInteraction(**begin), "2026-01-16 12:01")
        shop.do((ReceiveMessage if how == "received" else SendMessage)(interaction_id=id, text="Hello"), on)


def happened(shop: Shop, *kinds: type[Event]) -> list[Any]:
    """The events of these types, in order."""
    return [event for event, _ in shop.events() if isinstance(event, kinds)]


def tasks(shop: Shop) -> list[tuple[str | None, str, str | None]]:
    """What policies put into agendas: for whom, what, and by when."""
    return [
        (name_of(each.staff_id), str(each.kind), local(each.due_at or each.starts_at))
        for each in happened(shop, ActivityScheduled)
        if each.origin_policy is not None
    ]


def name_of(staff_id: UUID | None) -> str | None:
    """Whose id it is."""
    return None if staff_id is None else staff_id.bytes.rstrip(b"\0").decode()


def scores(event: Any) -> dict[str | None, Decimal]:
    """The candidates of an assignment, the first one first."""
    return {name_of(each.staff_id): each.score for each in event.candidates}
