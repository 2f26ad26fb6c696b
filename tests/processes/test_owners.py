"""Who sees to a customer, and who decides about them."""

from dataclasses import dataclass, field
from uuid import UUID

from domain.kernel import derived
from domain.staff import Staff, StaffAdded, StaffRole
from domain.territory import Territory, TerritoryDefined, TerritoryRule
from processes.company import Company
from processes.contact import Contact
from processes.owners import owner, supervisor
from processes.places import Place

REP, LEAD, BOSS, HEAD = (derived("staff", name) for name in ("rep", "lead", "boss", "head"))
SOUTH = derived("territory", "south")


@dataclass
class Known:
    manager: UUID | None = None
    contact: Contact = field(default_factory=Contact)


def works(role: StaffRole, manager: UUID | None = None, *, left: bool = False) -> Staff:
    added = StaffAdded(name="x", role=role, timezone="Europe/Madrid", languages=(), manager_id=manager)
    return Staff(added, {"role": role, "manager_id": manager}, left=left)


def company(**staff: Staff) -> Company:
    rule = TerritoryRule(countries=("ES",), postal_prefixes=("41",))
    defined = TerritoryDefined(key="south", version=1, name="South", rule=rule)
    people = {derived("staff", name): one for name, one in staff.items()}
    return Company(staff=people, territories={SOUTH: Territory(defined, LEAD)})


WORKING = {
    "rep": works(StaffRole.REP, LEAD),
    "lead": works(StaffRole.REP),
    "boss": works(StaffRole.SALES_MANAGER),
    "head": works(StaffRole.DIRECTOR),
}
IN_SEVILLE = Contact(place=Place(country="ES", postal_code="41001"))


def test_the_account_manager_sees_to_a_customer() -> None:
    assert owner(company(**WORKING), Known(REP, IN_SEVILLE)) == REP


def test_or_who_answers_for_the_territory() -> None:
    assert owner(company(**WORKING), Known(None, IN_SEVILLE)) == LEAD
    gone = {**WORKING, "rep": works(StaffRole.REP, LEAD, left=True)}
    assert owner(company(**gone), Known(REP, IN_SEVILLE)) == LEAD


def test_or_who_is_in_charge() -> None:
    assert owner(company(**WORKING), Known()) == BOSS
    assert owner(company(head=WORKING["head"]), Known(REP)) == HEAD
    assert owner(company(lead=WORKING["rep"]), Known()) is None


def test_who_leads_the_one_who_sees_to_a_customer_decides_or_who_is_in_charge() -> None:
    assert supervisor(company(**WORKING), Known(REP)) == LEAD
    assert supervisor(company(**WORKING), Known(None, IN_SEVILLE)) == BOSS  # nobody leads the lead
    assert supervisor(company(**WORKING), Known()) == BOSS
    assert supervisor(company(), Known(REP)) is None
