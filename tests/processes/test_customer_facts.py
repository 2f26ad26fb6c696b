"""Customer facts: what conditions find of a customer, and each of them by itself."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from domain.case import ClassifyCase, ReopenCase, ResolveCase
from domain.case_events import CaseType
from domain.consent import Purpose, WithdrawConsent
from domain.customer import ChangeCustomerProfile
from domain.interaction import LogInteraction
from domain.invitation import AnswerSurvey, SendInvitation
from domain.kernel import derived
from domain.lifecycle import (
    AssignAccountManager,
    AssignCustomerRole,
    ChangeLifecycleStage,
    CustomerRole,
    EndCustomerRole,
    LifecycleStage,
)
from domain.loyalty_account import EnrolMember, LeaveProgramme
from domain.policy import PolicyDefined
from domain.predicate import Predicate, TestOperator
from domain.restriction import ContactRestrictionKind, SetContactRestriction
from domain.rules import FACTS
from domain.values import Channel
from processes.customer_facts import facts_of
from processes.defined import interpret
from processes.memories import Memories
from tests.conftest import House
from tests.processes.defining import (
    AT_ONCE,
    a,
    agree,
    open_case,
)
from tests.processes.shop import Shop, moment


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that has no policies but those that are defined."""
    return Shop(house.log, tmp_path / "mail", policies=())


def known_of(shop: Shop, customer: UUID, *names: str) -> dict[str, object]:
    """What conditions that ask for these facts find."""
    some = tuple(a(name, TestOperator.IS_EMPTY) for name in names)
    rules = replace(AT_ONCE, conditions=Predicate(some=some))
    policy = interpret(PolicyDefined(key="a", version=1, rules=rules), shop.log.codec)
    head = shop.log.reader.head()
    known = Memories(policy, shop.log.reader, [customer], head).of(customer, head)
    found = facts_of(known.facts, known.contact, shop.now)
    return {name: found.get(name) for name in names}


def test_every_fact_of_a_customer_is_found_by_itself(shop: Shop) -> None:
    eva = derived("staff", "eva")
    customer = shop.customer(source="fair", territory="north", phone="600123456")
    nobody = shop.customer(email=None)
    shop.do(AssignAccountManager(customer_id=customer, staff_id=eva))
    shop.do(ChangeLifecycleStage(customer_id=customer, stage=LifecycleStage.LOYAL))
    for role in (CustomerRole.PARTNER, CustomerRole.SUPPLIER):
        shop.do(AssignCustomerRole(customer_id=customer, role=role))
    shop.do(EndCustomerRole(customer_id=customer, role=CustomerRole.SUPPLIER))
    shop.do(ChangeCustomerProfile(customer_id=customer, territory="south", language="en"))
    gone = shop.order(customer, "2026-01-02 12:00")
    shop.cancel(gone)
    first, last = shop.order(customer, "2026-01-03 12:00"), shop.order(customer, "2026-01-05 12:00")
    shop.give_back(first, 1)
    shop.call_off(last, 1)
    solved = open_case(shop, customer, "solved", type=CaseType.COMPLAINT)
    shop.do(ResolveCase(case_id=solved, resolution="a"))
    complaint = open_case(shop, customer, "complaint", type=CaseType.COMPLAINT)
    open_case(shop, customer, "question")
    agree(shop, customer, Purpose.MARKETING)
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY))
    shop.do(SetContactRestriction(customer_id=customer, kind=ContactRestrictionKind.DO_NOT_CONTACT))
    invitation = derived("invitation", "a")
    shop.do(
        SendInvitation(
            invitation_id=invitation, customer_id=customer, survey="a", version=1, channel=Channel.EMAIL, language="es",
            follow_up_id=invitation,
        )
    )  # fmt: skip
    shop.do(AnswerSurvey(invitation_id=invitation, csat=4, nps=9))
    shop.do(
        LogInteraction(interaction_id=derived("interaction", "a"), customer_id=customer, channel=Channel.PHONE),
        "2026-01-06 12:00",
    )
    account = derived("loyalty_account", "a")
    shop.do(EnrolMember(loyalty_account_id=account, customer_id=customer, programme="club", card="1", tier="Gold"))
    told = {
        "kind": "PERSON", "language": "en", "country": "ES", "timezone": "Europe/Madrid", "source": "fair",
        "territory": "south", "account_manager": eva, "lifecycle_stage": "LOYAL", "tier": "Gold", "roles": ("PARTNER",),
        "registered_at": shop.now, "first_order_at": moment("2026-01-02 12:00"),
        "last_order_at": moment("2026-01-05 12:00"), "last_contact_at": moment("2026-01-06 12:00"), "orders": 2,
        "spent": Decimal(10), "open_cases": 2, "csat": 4, "nps": 9, "open_complaint": True, "has_email": True,
        "has_phone": True, "marketing_consent": True, "survey_consent": False, "service_consent": None,
        "restricted": True,
    }  # fmt: skip
    assert told.keys() == FACTS.keys()
    assert known_of(shop, customer, *FACTS) == told
    assert {name: known_of(shop, customer, name)[name] for name in FACTS} == told
    empty = known_of(shop, nobody, *FACTS)
    assert {name for name, value in empty.items() if value is None or value == ()} == {
        "source", "territory", "account_manager", "lifecycle_stage", "tier", "roles", "first_order_at", "last_order_at",
        "last_contact_at", "csat", "nps", "marketing_consent", "survey_consent", "service_consent",
    }  # fmt: skip
    assert {name for name, value in empty.items() if not value and value in (0, False)} == {
        "orders", "spent", "open_cases", "open_complaint", "has_email", "has_phone", "restricted"
    }  # fmt: skip
    shop.do(ClassifyCase(case_id=complaint, type=CaseType.QUESTION))
    assert known_of(shop, customer, "open_complaint", "open_cases") == {"open_complaint": False, "open_cases": 2}
    shop.do(ReopenCase(case_id=solved))
    assert known_of(shop, customer, "open_complaint", "open_cases") == {"open_complaint": True, "open_cases": 3}
    shop.do(LeaveProgramme(loyalty_account_id=account))
    assert known_of(shop, customer, "tier") == {"tier": None}
