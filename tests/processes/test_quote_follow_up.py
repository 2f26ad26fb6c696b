"""P06: a quote is asked after, the customer is reminded before it ends, and at its end it has expired."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.activity import ActivityScheduled
from domain.business_calendar import CalendarDay, DefineBusinessCalendar, OpeningHours
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.kernel import derived
from domain.lifecycle import AssignAccountManager
from domain.merging import MergeCustomers
from domain.quote import (
    AcceptQuote,
    DraftQuote,
    ExpireQuote,
    IssueQuote,
    QuoteExpired,
    RejectQuote,
    ReviseQuote,
)
from domain.quote_lines import QuoteLine
from domain.restriction import ContactRestrictionKind, SetContactRestriction
from eventstore.envelope import Origin
from processes import quote_follow_up
from tests.conftest import House
from tests.processes.sales import hand, happened, id_of, opportunity, person, tasks, territory
from tests.processes.shop import NEW_YORK, Shop, local, moment

LINES = (QuoteLine(sku="cup", quantity=2, unit_price=Decimal(50)),)
DEARER = (QuoteLine(sku="cup", quantity=3, unit_price=Decimal(50)),)


@pytest.fixture
def shop(house: House, tmp_path: Any) -> Shop:
    """A shop that only follows quotes up."""
    policies = (quote_follow_up.policy,)
    return Shop(house.log, tmp_path / "mail", policies=policies, now=moment("2026-01-13 12:00"))


def issued(
    shop: Shop, until: str = "2026-02-10 12:00", on: str = "2026-01-13 12:00", zone: str = "Europe/Madrid", **said: Any
) -> UUID:
    """A quote that was issued on a Tuesday, for a month."""
    customer = said.pop("customer_id", None) or shop.customer(timezone=zone)
    id = derived("quote", customer)
    shop.do(DraftQuote(quote_id=id, customer_id=customer, lines=LINES, **said), on)
    shop.do(IssueQuote(quote_id=id, valid_until=moment(until, zone), number="Q7"), on)
    shop.until(on)
    return id


def stands(shop: Shop) -> dict[str, tuple[str, str | None]]:
    """The steps and how they stand."""
    return {each.step: (each.status.value, each.reason) for each in shop.ledger()}


def customer_of(shop: Shop, id: UUID) -> UUID:
    [customer] = {at.customer_id for _, at in shop.events() if at.stream_id == id}
    assert customer is not None
    return customer


@pytest.mark.parametrize(
    ("on", "until", "zone", "call", "wanted", "reminder", "expiry"),
    [
        # three business days; two days before, at ten; the last second of the day
        ("2026-01-13 12:00", "2026-02-10 12:00", "Europe/Madrid",
         "2026-01-16 12:00", "2026-02-08 10:00", "2026-02-09 09:00", "2026-02-10 23:59"),  # the eighth is a Sunday
        ("2026-01-16 12:00", "2026-02-12 00:00", "Europe/Madrid",
         "2026-01-21 12:00", "2026-02-10 10:00", "2026-02-10 10:00", "2026-02-12 23:59"),  # over a weekend
        ("2026-01-02 12:00", "2026-01-31 23:59", "Europe/Madrid",
         "2026-01-08 12:00", "2026-01-29 10:00", "2026-01-29 10:00", "2026-01-31 23:59"),  # over Epiphany
        ("2026-02-20 12:00", "2026-03-02 12:00", "Europe/Madrid",
         "2026-02-25 12:00", "2026-02-28 10:00", "2026-02-28 10:00", "2026-03-02 23:59"),  # over the end of a month
        ("2028-02-20 12:00", "2028-03-02 12:00", "Europe/Madrid",
         "2028-02-23 12:00", "2028-02-29 10:00", "2028-02-29 10:00", "2028-03-02 23:59"),  # on 29 February
        ("2026-03-20 12:00", "2026-03-31 12:00", "Europe/Madrid",
         "2026-03-25 12:00", "2026-03-29 10:00", "2026-03-30 09:00", "2026-03-31 23:59"),  # the clocks go forward
        ("2026-01-13 12:00", "2026-02-11 22:00", NEW_YORK,
         "2026-01-16 06:00", "2026-02-09 10:00", "2026-02-09 10:00", "2026-02-11 23:59"),  # the customer's days
    ],
)  # fmt: skip
def test_three_things_are_promised_when_a_quote_is_issued(
    shop: Shop, on: str, until: str, zone: str, call: str, wanted: str, reminder: str, expiry: str
) -> None:
    shop.now = moment(on)
    issued(shop, until, on, zone)
    entries = {each.step: each for each in shop.ledger()}
    assert local(entries["call"].due_at, zone) == call
    assert (local(entries["reminder"].wanted_at, zone), local(entries["reminder"].due_at, zone)) == (wanted, reminder)
    assert local(entries["expiry"].due_at, zone) == expiry
    assert entries["expiry"].due_at is not None
    assert entries["expiry"].due_at.second == 59


def test_holidays_of_the_office_and_of_the_seller_s_territory_are_no_business_days(shop: Shop) -> None:
    for key, days in (("office", ("2026-01-14",)), ("north", ("2026-01-15", "2026-01-16"))):
        hours = tuple(OpeningHours(weekday=each, opens="09:00", closes="17:00") for each in range(1, 6))
        shop.do(
            DefineBusinessCalendar(
                business_calendar_id=derived("business_calendar", key), key=key, timezone="Europe/Madrid", hours=hours,
                holidays=tuple(CalendarDay(day=moment(f"{day} 12:00").date(), name="Fair") for day in days),
            )
        )  # fmt: skip
    issued(shop)
    assert local(shop.ledger("call")[0].due_at) == "2026-01-19 12:00"
    person(shop, "eva", territory_id=territory(shop, "north", countries=("ES",)))
    customer = shop.customer()
    shop.do(AssignAccountManager(customer_id=customer, staff_id=id_of("eva")))
    issued(shop, customer_id=customer)
    assert local(shop.ledger("call")[1].due_at) == "2026-01-20 12:00"
    assert shop.ledger("call")[1].trigger != shop.ledger("call")[0].trigger


# The call.


@pytest.mark.parametrize("whose", ["opportunity", "handed over", "customer", "nobody"])
def test_whoever_has_the_sale_or_answers_for_the_customer_is_to_call(shop: Shop, whose: str) -> None:
    person(shop, "eva"), person(shop, "leo")
    customer, sale = shop.customer(), None
    shop.do(AssignAccountManager(customer_id=customer, staff_id=id_of("leo") if whose != "nobody" else None))
    if whose in ("opportunity", "handed over"):
        sale = opportunity(shop, customer_id=customer, staff_id=id_of("eva"))
    id = issued(shop, customer_id=customer, opportunity_id=sale)
    if sale is not None and whose == "handed over":
        person(shop, "zoe")
        hand(shop, sale, "zoe")
    shop.until("2026-01-16 12:00")
    name = {"opportunity": "eva", "handed over": "zoe", "customer": "leo", "nobody": None}[whose]
    assert tasks(shop) == [(name, "CALL", "2026-01-19 12:00")]
    [task] = happened(shop, ActivityScheduled)
    assert (task.customer_id, task.related_noun, task.related_id) == (customer, "quote", id)
    assert task.subject == (
        "Llame al cliente por el presupuesto Q7: ¿hay algo que aclarar?"
        if whose == "nobody"
        else "Call the customer about quote Q7: is there anything to clear up?"
    )
    assert stands(shop)["call"] == ("DONE", "TASK")


# The reminder.


def test_the_customer_is_reminded_in_their_language(shop: Shop) -> None:
    customer = shop.customer(language="en")
    issued(shop, "2026-02-12 12:00", customer_id=customer)
    shop.until("2026-02-10 09:59")
    assert shop.mails() == []
    shop.until("2026-02-10 10:00")
    [mail] = shop.mails()
    assert mail["Subject"] == "Your quote Q7 holds until 2026-02-12"
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "of 100.00 EUR holds until 2026-02-12" in " ".join(plain.get_content().split())
    entry = shop.ledger("reminder")[0]
    assert (entry.status, entry.basis) == ("DELIVERED", "LEGITIMATE_INTEREST")


def test_in_spanish_too(shop: Shop) -> None:
    issued(shop, "2026-02-12 12:00")
    shop.until("2026-02-10 10:00")
    assert [mail["Subject"] for mail in shop.mails()] == ["Su presupuesto Q7 vale hasta el 2026-02-12"]


@pytest.mark.parametrize("why", ["NO_CONSENT", "NO_ADDRESS"])
def test_who_cannot_or_does_not_want_to_be_written_to_is_not_reminded(shop: Shop, why: str) -> None:
    customer = shop.customer(email=None if why == "NO_ADDRESS" else "ana@shop.test")
    issued(shop, "2026-02-12 12:00", customer_id=customer)
    if why == "NO_CONSENT":
        shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SERVICE))
    shop.until("2026-02-10 10:00")
    assert stands(shop)["reminder"] == ("SUPPRESSED", why)
    assert shop.mails() == []


def test_who_only_wants_no_advertising_is_reminded_of_their_own_quote(shop: Shop) -> None:
    customer = shop.customer()
    issued(shop, "2026-02-12 12:00", customer_id=customer)
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.MARKETING))
    shop.do(SetContactRestriction(customer_id=customer, kind=ContactRestrictionKind.DO_NOT_CONTACT))
    shop.until("2026-02-10 10:00")
    assert stands(shop)["reminder"] == ("DELIVERED", None)


def test_a_consent_is_what_the_reminder_relies_on(shop: Shop) -> None:
    id = issued(shop, "2026-02-12 12:00")
    position = shop.do(GrantConsent(customer_id=customer_of(shop, id), purpose=Purpose.SERVICE)).position
    shop.until("2026-02-10 10:00")
    entry = shop.ledger("reminder")[0]
    assert (entry.basis, entry.relied_on) == ("CONSENT", position)


def test_a_worker_that_was_away_reminds_nobody_of_a_quote_that_has_ended(shop: Shop) -> None:
    issued(shop, "2026-02-12 12:00")
    shop.until("2026-02-13 10:00")
    assert stands(shop) == {
        "call": ("CANCELLED", "EXPIRED"), "reminder": ("CANCELLED", "EXPIRED"), "expiry": ("DONE", "EXPIRED"),
    }  # fmt: skip
    assert (shop.mails(), tasks(shop)) == ([], [])


def test_at_night_it_waits_for_the_morning(shop: Shop) -> None:
    issued(shop, "2026-02-12 12:00")
    shop.until("2026-02-10 22:00")
    entry = shop.ledger("reminder")[0]
    assert (entry.reason, local(entry.due_at), local(entry.wanted_at)) == (
        "QUIET_HOURS", "2026-02-11 09:00", "2026-02-10 10:00",
    )  # fmt: skip


# The end.


def test_at_the_end_of_its_last_day_it_expires(shop: Shop) -> None:
    id = issued(shop, "2026-02-12 12:00")
    shop.until("2026-02-12 23:59")
    assert happened(shop, QuoteExpired) == []
    shop.until("2026-02-13 00:00")
    assert happened(shop, QuoteExpired) == [QuoteExpired(version=1)]
    assert {at.stream_id for event, at in shop.events() if isinstance(event, QuoteExpired)} == {id}
    assert stands(shop)["expiry"] == ("DONE", "EXPIRED")


@pytest.mark.parametrize(
    ("until", "steps"),
    [
        ("2026-01-16 08:00", {"call": None, "reminder": None}),  # the call is at noon of the last day
        ("2026-01-15 08:00", {"call": "TOO_SHORT", "reminder": "TOO_SHORT"}),
        ("2026-01-15 13:00", {"call": "TOO_SHORT", "reminder": "TOO_SHORT"}),
        ("2026-01-10 12:00", {"call": "TOO_SHORT", "reminder": "TOO_SHORT"}),
    ],
)
def test_of_a_quote_that_ends_soon_nobody_is_reminded(shop: Shop, until: str, steps: dict[str, str | None]) -> None:
    issued(shop, until)
    assert {step: reason for step, (_, reason) in stands(shop).items() if step != "expiry"} == steps
    shop.until("2026-01-17 00:00")
    assert stands(shop)["expiry"] == ("DONE", "EXPIRED")


# What is answered.


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
@pytest.mark.parametrize("answer", ["ACCEPTED", "REJECTED", "WITHDRAWN", "REVISED", "EXPIRED"])
def test_after_an_answer_nothing_is_left_to_do(shop: Shop, answer: str, seen: str) -> None:
    id = issued(shop)
    said = {
        "ACCEPTED": AcceptQuote(quote_id=id),
        "REJECTED": RejectQuote(quote_id=id, reason="PRICE"),
        "WITHDRAWN": RejectQuote(quote_id=id, by_us=True),
        "REVISED": ReviseQuote(quote_id=id, lines=DEARER),
        "EXPIRED": ExpireQuote(quote_id=id),
    }
    shop.do(said[answer], "2026-01-14 12:00")
    if seen == "at once":
        shop.until("2026-01-14 12:00")
    for day in ("2026-01-16 12:00", "2026-02-09 09:00", "2026-02-11 12:00"):
        shop.now = moment(day)
        shop.worker.runner.fire(shop.now)
    shop.worker.run()
    assert stands(shop) == dict.fromkeys(("call", "reminder", "expiry"), ("CANCELLED", answer))
    assert (tasks(shop), shop.mails()) == ([], [])
    assert len(happened(shop, QuoteExpired)) == (answer == "EXPIRED")


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
def test_the_next_version_is_followed_up_instead_of_the_one_before(shop: Shop, seen: str) -> None:
    id = issued(shop)
    shop.do(ReviseQuote(quote_id=id, lines=DEARER), "2026-01-14 12:00")
    shop.do(IssueQuote(quote_id=id, valid_until=moment("2026-02-20 12:00"), number="Q7"), "2026-01-14 12:00")
    if seen == "at once":
        shop.until("2026-01-14 12:00")
    for day in ("2026-01-16 12:00", "2026-01-19 12:00", "2026-02-11 12:00"):
        shop.now = moment(day)
        shop.worker.runner.fire(shop.now)
        shop.worker.run()
    assert [task[1:] for task in tasks(shop)] == [("CALL", "2026-01-20 12:00")]
    assert happened(shop, QuoteExpired) == []
    for day in ("2026-02-18 10:00", "2026-02-21 00:00"):
        shop.until(day)
    assert len(shop.mails()) == 1
    assert happened(shop, QuoteExpired) == [QuoteExpired(version=2)]
    ended = [(each.status.value, each.reason) for each in shop.ledger()]
    assert ended.count(("CANCELLED", "REVISED")) == 3


def test_a_quote_that_is_accepted_while_the_reminder_waits_to_be_sent_is_not_reminded_of(shop: Shop) -> None:
    id = issued(shop, "2026-02-12 12:00")
    shop.now = moment("2026-02-10 10:00")
    shop.worker.runner.fire(shop.now)
    shop.do(AcceptQuote(quote_id=id))
    shop.worker.delivery.deliver(lambda: shop.now)
    assert shop.mails() == []
    shop.worker.run()
    assert stands(shop)["reminder"] == ("CANCELLED", "ACCEPTED")


def test_who_was_merged_is_reminded_where_they_are_known_now(shop: Shop) -> None:
    id = issued(shop, "2026-02-12 12:00")
    survivor = shop.customer(email="new@shop.test", name="Ana María")
    shop.do(MergeCustomers(customer_id=customer_of(shop, id), survivor_id=survivor))
    shop.until("2026-02-10 10:00")
    assert len(shop.mails()) == 1
    assert stands(shop)["reminder"] == ("DELIVERED", None)


def test_an_imported_quote_sets_nothing_off(shop: Shop) -> None:
    id = derived("quote", "old")
    shop.do(DraftQuote(quote_id=id, customer_id=shop.customer(), lines=LINES), origin=Origin.IMPORT)
    shop.do(IssueQuote(quote_id=id, valid_until=moment("2026-01-12 12:00")), origin=Origin.IMPORT)
    shop.worker.run()
    assert shop.ledger() == []


def test_twice_is_the_same_as_once(shop: Shop) -> None:
    issued(shop)
    other = shop.hire()
    for day in ("2026-01-16 12:00", "2026-02-09 09:00", "2026-02-11 12:00"):
        shop.until(day)
        other.run()
    assert (len(tasks(shop)), len(shop.mails()), len(happened(shop, QuoteExpired))) == (1, 1, 1)
    assert sorted(each.step for each in shop.ledger()) == ["call", "expiry", "reminder"]
