"""P20: what a customer objects to is taken back at once, whichever policy promised it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from domain.consent import ConsentWithdrawn, GrantConsent, Purpose, WithdrawConsent
from domain.customer import MergeCustomers
from domain.follow_up import Action, ActionKind
from domain.kernel import Command
from domain.order import OrderPlaced
from domain.values import Channel
from eventstore.envelope import Origin, Recorded
from processes import consent_guard, post_purchase_survey
from processes.calendar import Days
from processes.contact import Contact
from processes.policy import Policy
from tests.conftest import House
from tests.processes.shop import Shop

EMAIL, SMS = Channel.EMAIL, Channel.SMS
DUE = "2026-02-10 10:00"


def promising(purpose: Purpose | None, channel: Channel | None) -> Policy[Contact]:
    """A policy that promises a message for a week after each order."""
    policy = Policy(f"news-{purpose}-{channel}", version=1, memory=Contact)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Contact) -> Iterator[Command]:
        action = Action(kind=ActionKind.SEND_MESSAGE, template="message", purpose=purpose, channel=channel)
        yield policy.promise(at, "news", action, known.calendar.after(at.occurred_at, Days(7)))

    return policy


@pytest.fixture
def guarded(house: House, tmp_path: Path) -> Shop:
    """A shop with two policies that promise and the guard."""
    matters: list[tuple[Purpose | None, Channel | None]] = [
        (Purpose.MARKETING, EMAIL), (Purpose.MARKETING, SMS), (Purpose.SERVICE, EMAIL), (None, EMAIL),
    ]  # fmt: skip
    policies = [consent_guard.policy, post_purchase_survey.policy, *(promising(*matter) for matter in matters)]
    return Shop(house.log, tmp_path / "mail", policies=policies)


def open_promises(shop: Shop, trigger: UUID) -> set[str]:
    return {each.policy for each in shop.ledger() if each.trigger == trigger and each.status == "SCHEDULED"}


def withdraw(shop: Shop, customer: UUID, purpose: Purpose, channel: Channel | None = None) -> None:
    shop.do(WithdrawConsent(customer_id=customer, purpose=purpose, channel=channel))
    shop.worker.run()


ALL = {"post-purchase-survey", "news-MARKETING-EMAIL", "news-MARKETING-SMS", "news-SERVICE-EMAIL", "news-None-EMAIL"}


@pytest.mark.parametrize(
    ("purpose", "channel", "gone"),
    [
        (Purpose.MARKETING, EMAIL, {"news-MARKETING-EMAIL"}),
        (Purpose.MARKETING, None, {"news-MARKETING-EMAIL", "news-MARKETING-SMS"}),
        (Purpose.SURVEY, EMAIL, {"post-purchase-survey"}),
        (Purpose.SURVEY, SMS, set()),
        (Purpose.SERVICE, None, {"news-SERVICE-EMAIL"}),
        (Purpose.PROFILING, None, set()),
    ],
)
def test_what_is_objected_to_is_taken_back_and_nothing_else(
    guarded: Shop, purpose: Purpose, channel: Channel | None, gone: set[str]
) -> None:
    customer, other = guarded.customer(), guarded.customer(email="eva@shop.test")
    order, theirs = guarded.order(customer, "2026-01-10 12:00"), guarded.order(other, "2026-01-10 12:00")
    guarded.worker.run()
    assert open_promises(guarded, order) == open_promises(guarded, theirs) == ALL
    withdraw(guarded, customer, purpose, channel)
    assert open_promises(guarded, order) == ALL - gone
    assert open_promises(guarded, theirs) == ALL
    reasons = {each.policy: each.reason for each in guarded.ledger() if each.status == "CANCELLED"}
    assert reasons == dict.fromkeys(gone, "CONSENT_WITHDRAWN")
    [row] = guarded.ledger("guard")
    assert (row.status, row.reason) == ("DONE", "CANCELLED" if gone else "NOTHING_TO_CANCEL")


def test_a_grant_by_name_outlives_no_later_objection_to_everything(guarded: Shop) -> None:
    customer = guarded.customer()
    order = guarded.order(customer, "2026-01-10 12:00")
    guarded.do(GrantConsent(customer_id=customer, purpose=Purpose.SURVEY, channel=EMAIL))
    guarded.worker.run()
    withdraw(guarded, customer, Purpose.SURVEY, SMS)
    assert "post-purchase-survey" in open_promises(guarded, order)
    withdraw(guarded, customer, Purpose.SURVEY)
    assert "post-purchase-survey" not in open_promises(guarded, order)


def test_who_is_taken_to_be_the_same_objects_for_both(guarded: Shop) -> None:
    customer, other = guarded.customer(), guarded.customer(email="ana@work.test")
    order = guarded.order(customer, "2026-01-10 12:00")
    guarded.do(MergeCustomers(customer_id=other, survivor_id=customer))
    guarded.worker.run()
    withdraw(guarded, other, Purpose.SURVEY)
    assert "post-purchase-survey" not in open_promises(guarded, order)


def test_each_objection_has_its_row_and_an_imported_one_has_none(guarded: Shop) -> None:
    customer = guarded.customer()
    for purpose in (Purpose.SURVEY, Purpose.MARKETING):
        withdraw(guarded, customer, purpose)
    guarded.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SERVICE), origin=Origin.IMPORT)
    guarded.worker.run()
    assert [row.reason for row in guarded.ledger("guard")] == ["NOTHING_TO_CANCEL"] * 2
    said = [at.position for event, at in guarded.events() if isinstance(event, ConsentWithdrawn)]
    assert [row.trigger_position for row in guarded.ledger("guard")] == said[:2]


def test_what_was_sent_stays_sent_and_still_comes_to_its_end(guarded: Shop) -> None:
    customer = guarded.customer()
    guarded.order(customer, "2026-01-10 12:00")
    guarded.until(DUE)
    withdraw(guarded, customer, Purpose.SURVEY)
    survey = [row for row in guarded.ledger() if row.policy == "post-purchase-survey"]
    assert {row.step: row.status.value for row in survey} == {
        "survey": "DELIVERED",
        "reminder": "CANCELLED",
        "expiry": "SCHEDULED",
    }
    withdraw(guarded, customer, Purpose.SURVEY, EMAIL)
    assert [row.reason for row in guarded.ledger("guard")] == ["CANCELLED", "NOTHING_TO_CANCEL"]
