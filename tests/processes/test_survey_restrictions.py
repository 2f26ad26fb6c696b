"""P01: who must not be asked by e-mail, whatever they agreed to, is neither promised a survey nor sent one."""

from pathlib import Path
from uuid import UUID

import pytest

from domain.consent import GrantConsent, Purpose
from domain.follow_up import FollowUpScheduled
from domain.restriction import ContactRestrictionKind, LiftContactRestriction, SetContactRestriction
from processes.post_purchase_survey import invitation_id
from processes.transports import Answer, Deferred
from tests.conftest import House
from tests.processes.doomed import Postbox
from tests.processes.shop import Shop, moment


def restrict(
    shop: Shop, customer: UUID, kind: ContactRestrictionKind = ContactRestrictionKind.DO_NOT_EMAIL, until: str = ""
) -> None:
    shop.do(SetContactRestriction(customer_id=customer, kind=kind, until=moment(until) if until else None))


def lift(shop: Shop, customer: UUID) -> None:
    shop.do(LiftContactRestriction(customer_id=customer, kind=ContactRestrictionKind.DO_NOT_EMAIL))


def steps_promised(shop: Shop) -> list[str]:
    return [event.step for event, _ in shop.events() if isinstance(event, FollowUpScheduled)]


FORBIDDING = [
    ContactRestrictionKind.DO_NOT_EMAIL,
    ContactRestrictionKind.DO_NOT_CONTACT,
    ContactRestrictionKind.LEGAL_HOLD,
]


@pytest.mark.parametrize("kind", FORBIDDING)
@pytest.mark.parametrize("promised", [False, True])
def test_who_must_not_be_asked_is_not_asked_even_with_consent(
    shop: Shop, kind: ContactRestrictionKind, promised: bool
) -> None:
    customer = shop.customer()
    shop.do(GrantConsent(customer_id=customer, purpose=Purpose.SURVEY))
    if not promised:
        restrict(shop, customer, kind)
    order = shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    assert shop.outcome(order) == (("SCHEDULED", None) if promised else ("SUPPRESSED", "RESTRICTED"))
    assert steps_promised(shop) == (["survey"] if promised else [])
    if promised:
        restrict(shop, customer, kind)
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("SUPPRESSED", "RESTRICTED")
    assert shop.mails() == []


@pytest.mark.parametrize(
    "kind", [kind for kind in ContactRestrictionKind if kind not in FORBIDDING], ids=lambda kind: kind.value
)
def test_a_restriction_of_something_else_is_none_of_surveys(shop: Shop, kind: ContactRestrictionKind) -> None:
    customer = shop.customer()
    restrict(shop, customer, kind)
    restrict(shop, shop.customer(email="eva@shop.test"))  # and somebody else's is none of this customer's
    order = shop.order(customer, "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("DELIVERED", None)


@pytest.mark.parametrize("lifted", ["before the purchase", "after it"])
def test_what_was_lifted_does_not_hold(shop: Shop, lifted: str) -> None:
    customer = shop.customer()
    if lifted == "before the purchase":
        restrict(shop, customer)
        lift(shop, customer)
    order = shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    if lifted == "after it":
        restrict(shop, customer)
        lift(shop, customer)
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("DELIVERED", None)


@pytest.mark.parametrize(
    ("until", "outcome"),
    [("2026-02-10 10:00", ("DELIVERED", None)), ("2026-02-10 10:01", ("SUPPRESSED", "RESTRICTED"))],
)
@pytest.mark.parametrize("promised", [False, True])
def test_what_passes_before_the_survey_is_due_does_not_hold(
    shop: Shop, until: str, outcome: tuple[str, str | None], promised: bool
) -> None:
    customer = shop.customer()
    if not promised:
        restrict(shop, customer, until=until)
    order = shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    if promised:
        restrict(shop, customer, until=until)
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == outcome


class Busy(Postbox):
    """A mail server that says: later."""

    def send(self, follow_up_id: UUID, message: object) -> Answer:
        return Deferred("Later")


def test_who_must_not_be_asked_since_the_first_attempt_gets_no_second_one(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path, Busy(tmp_path / "box"))
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("FAILED", None)
    restrict(shop, customer, until="2026-02-10 10:06")
    shop.until("2026-02-10 10:05")
    assert shop.outcome(order) == ("CANCELLED", "RESTRICTED")


@pytest.mark.parametrize(
    ("until", "outcome"),
    [("", ("SUPPRESSED", "RESTRICTED")), ("2026-02-17 10:00", ("DELIVERED", None))],
    ids=["for ever", "until then"],
)
def test_the_reminder_minds_restrictions_as_well(shop: Shop, until: str, outcome: tuple[str, str | None]) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    restrict(shop, customer, until=until)
    shop.until("2026-02-17 10:00")
    assert shop.outcome(invitation_id(shop.entry(order).follow_up_id), "reminder") == outcome
