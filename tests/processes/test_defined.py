"""Defined policies: N days after this, if that holds, do something."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.activity import ActivityKind
from domain.business_calendar import DefineBusinessCalendar, OpeningHours
from domain.consent import Purpose, WithdrawConsent
from domain.follow_up import FollowUpStatus
from domain.invitation import SurveyInvitationSent
from domain.kernel import derived
from domain.lifecycle import (
    AssignAccountManager,
)
from domain.order import ShipOrder
from domain.restriction import ContactRestrictionKind, SetContactRestriction
from domain.rules import Cap, Delay, DelayUnit, Occurrence, RuleAction, RuleActionKind, TaskFor
from domain.staff import AddStaff
from domain.survey import POST_PURCHASE, PublishSurvey, RetireSurvey, survey_id
from eventstore.envelope import Origin
from tests.conftest import House
from tests.processes.defining import (
    AT_ONCE,
    MESSAGE,
    PLACED,
    TASK,
    THANKS,
    agree,
    at_least,
    define,
    of,
    rows,
    tasks,
)
from tests.processes.shop import Shop, local, moment

DELIVERED, DONE = FollowUpStatus.DELIVERED, FollowUpStatus.DONE
SUPPRESSED, SCHEDULED = FollowUpStatus.SUPPRESSED, FollowUpStatus.SCHEDULED


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that has no policies but those that are defined."""
    return Shop(house.log, tmp_path / "mail", policies=())


# When.


def test_three_days_after_an_order_the_customer_is_thanked(shop: Shop) -> None:
    define(shop)
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.until("2026-01-13 09:59")
    assert (of(shop, order).status, local(of(shop, order).due_at)) == (SCHEDULED, "2026-01-13 10:00")
    shop.until("2026-01-13 10:00")
    [mail] = shop.mails()
    assert (mail["To"], mail["Subject"]) == ("Ana <ana@shop.test>", "Gracias")
    assert "Gracias por su compra." in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    entry = of(shop, order)
    assert (entry.status, entry.policy_version, entry.basis) == (DELIVERED, 1, "LEGITIMATE_INTEREST")
    shop.until("2026-03-01 10:00")
    assert len(shop.mails()) == len(rows(shop)) == 1


def test_everybody_is_written_to_in_their_language_or_in_the_first(shop: Shop) -> None:
    define(shop)
    for language in ("en", "es-MX", "de"):
        shop.order(shop.customer(language=language, email=f"{language}@shop.test"), "2026-01-10 18:00")
    shop.until("2026-01-13 10:00")
    assert sorted(mail["Subject"] for mail in shop.mails()) == ["Gracias", "Thanks", "Thanks"]
    only_spanish = replace(MESSAGE, words=MESSAGE.words[:1])
    define(shop, replace(THANKS, action=only_spanish), "spanish")
    shop.order(shop.customer(language="en", email="x@shop.test"), "2026-01-14 18:00")
    shop.until("2026-01-17 10:00")
    assert [mail["Subject"] for mail in shop.mails() if "x@shop" in mail["To"] and mail["Subject"] != "Thanks"] == [
        "Gracias"
    ]


def test_only_what_the_predicate_of_the_trigger_means_sets_it_off(shop: Shop) -> None:
    define(shop, replace(THANKS, triggers=(replace(PLACED, when=at_least("total.base", 20)),)))
    customer = shop.customer()
    shop.order(customer, "2026-01-10 18:00", pieces=3)
    large = shop.order(customer, "2026-01-10 18:00", pieces=4)
    shop.worker.run()
    assert [row.about for row in shop.ledger()] == [large]


def test_any_of_several_events_sets_it_off(shop: Shop) -> None:
    define(shop, replace(AT_ONCE, triggers=(PLACED, Occurrence(event="order.shipped.v1"))))
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.do(ShipOrder(order_id=order))
    shop.until("2026-01-10 18:00")
    assert len(tasks(shop)) == 2


def test_what_was_imported_sets_nothing_off(shop: Shop) -> None:
    define(shop)
    shop.order(shop.customer(), "2026-01-10 18:00", origin=Origin.IMPORT)
    shop.until("2026-02-10 10:00")
    assert (shop.ledger(), shop.mails()) == ([], [])


def test_nobody_is_written_to_because_of_what_concerns_no_customer(shop: Shop) -> None:
    staff = Occurrence(event="staff.added.v1")
    define(shop, replace(THANKS, triggers=(staff,)))
    define(shop, replace(AT_ONCE, triggers=(staff,)), "tasks")
    shop.do(AddStaff(staff_id=derived("staff", 1), name="Eva"))
    shop.worker.run()
    assert rows(shop) == [(SUPPRESSED, "NO_CUSTOMER")]
    assert rows(shop, "tasks") == [(DONE, "TASK")]
    assert [task.customer_id for task in tasks(shop)] == [None]


# How soon.


@pytest.mark.parametrize(
    ("delay", "placed", "due"),
    [
        (Delay(count=1, unit=DelayUnit.MONTHS), "2026-01-31 12:00", "2026-02-28 12:00"),
        (Delay(count=1, unit=DelayUnit.MONTHS, at="10:00"), "2024-01-31 12:00", "2024-02-29 10:00"),
        (Delay(count=1, at="02:30", quiet_hours=False), "2026-03-28 12:00", "2026-03-29 03:30"),  # the clocks skip it
        (Delay(count=2), "2026-01-13 12:00", "2026-01-15 12:00"),
        (Delay(count=2), "2026-01-13 23:30", "2026-01-16 09:00"),  # not by night
        (Delay(count=2, quiet_hours=False), "2026-01-13 23:30", "2026-01-15 23:30"),
        (Delay(count=2), "2026-01-16 12:00", "2026-01-19 09:00"),  # not on a Sunday
        (Delay(count=5, unit=DelayUnit.HOURS), "2026-01-13 12:00", "2026-01-13 17:00"),
        (Delay(count=5, unit=DelayUnit.HOURS), "2026-01-13 18:00", "2026-01-14 09:00"),
        (Delay(at="10:00"), "2026-01-13 08:00", "2026-01-13 10:00"),
        (Delay(at="10:00"), "2026-01-13 12:00", "2026-01-14 10:00"),
        (Delay(unit=DelayUnit.MONTHS, at="10:00"), "2026-01-13 12:00", "2026-01-14 10:00"),
        (Delay(), "2026-01-13 12:00", "2026-01-13 12:00"),
        (Delay(count=3, unit=DelayUnit.BUSINESS_DAYS, at="11:00"), "2026-01-02 12:00", "2026-01-08 11:00"),
        (Delay(unit=DelayUnit.BUSINESS_DAYS, at="11:00"), "2026-01-02 12:00", "2026-01-05 11:00"),
    ],
)
def test_a_delay_is_counted_as_people_count(shop: Shop, delay: Delay, placed: str, due: str) -> None:
    define(shop, replace(THANKS, delay=delay))
    order = shop.order(shop.customer(), placed)
    shop.now = moment("2023-01-01 12:00")
    shop.worker.run()
    assert local(of(shop, order).due_at) == due


def test_a_delay_is_counted_in_the_zone_of_the_customer(shop: Shop) -> None:
    define(shop)
    order = shop.order(shop.customer(timezone="America/New_York", country="US"), "2026-01-13 12:00")
    shop.worker.run()
    assert local(of(shop, order).due_at, "America/New_York") == "2026-01-16 10:00"


def test_business_days_are_those_of_the_office(shop: Shop) -> None:
    hours = tuple(OpeningHours(weekday=day, opens="09:00", closes="18:00") for day in (1, 3))
    calendar = derived("business_calendar", "office")
    shop.do(DefineBusinessCalendar(business_calendar_id=calendar, key="office", timezone="Europe/Madrid", hours=hours))
    define(shop, replace(THANKS, delay=Delay(count=2, unit=DelayUnit.BUSINESS_DAYS)))
    order = shop.order(shop.customer(), "2026-01-13 12:00")
    shop.worker.run()
    assert local(of(shop, order).due_at) == "2026-01-19 12:00"


def test_a_task_is_made_by_night_as_well(shop: Shop) -> None:
    define(shop, AT_ONCE)
    shop.order(shop.customer(), "2026-01-11 23:30")
    shop.until("2026-01-11 23:30")
    assert len(tasks(shop)) == 1


# If.


def test_conditions_are_asked_when_the_time_has_come(shop: Shop) -> None:
    define(shop, replace(THANKS, conditions=at_least("orders", 2)))
    customer = shop.customer()
    first = shop.order(customer, "2026-01-10 18:00")
    shop.until("2026-01-12 18:00")
    second = shop.order(customer, "2026-01-12 18:00")
    shop.until("2026-01-13 10:00")
    assert of(shop, first).status is DELIVERED
    alone = shop.order(shop.customer(), "2026-01-12 18:00")
    shop.until("2026-01-15 10:00")
    assert of(shop, second).status is DELIVERED
    assert (of(shop, alone).status, of(shop, alone).reason) == (SUPPRESSED, "CONDITIONS")


def test_who_must_not_be_written_to_is_not(shop: Shop) -> None:
    define(shop, replace(THANKS, action=replace(MESSAGE, purpose=Purpose.MARKETING)))
    nobody_said, agreed, objects = (shop.customer(email=f"{n}@shop.test") for n in "abc")
    agree(shop, agreed, Purpose.MARKETING)
    shop.do(WithdrawConsent(customer_id=objects, purpose=Purpose.MARKETING))
    unreachable = shop.customer(email=None)
    orders = [shop.order(each, "2026-01-10 18:00") for each in (nobody_said, agreed, objects, unreachable)]
    shop.until("2026-01-13 10:00")
    assert [(of(shop, each).status, of(shop, each).reason) for each in orders] == [
        (SUPPRESSED, "NO_CONSENT"),
        (DELIVERED, None),
        (SUPPRESSED, "NO_CONSENT"),
        (SUPPRESSED, "NO_ADDRESS"),
    ]


def test_what_came_too_late_is_not_sent(shop: Shop) -> None:
    define(shop)
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.worker.run()
    shop.until("2026-01-21 10:00")
    assert (of(shop, order).status, of(shop, order).reason) == (SUPPRESSED, "TOO_LATE")


def test_caps_count_what_the_policy_did_for_the_customer(shop: Shop) -> None:
    define(shop, replace(AT_ONCE, caps=(Cap(times=2, days=30),)))
    customer = shop.customer()
    for day in ("2026-01-10", "2026-01-20", "2026-01-30", "2026-02-09"):
        shop.order(customer, f"{day} 12:00")
        shop.until(f"{day} 12:00")
    other = shop.order(shop.customer(), "2026-01-30 12:00")
    shop.worker.run()
    assert rows(shop)[:4] == [(DONE, "TASK"), (DONE, "TASK"), (SUPPRESSED, "CAPPED"), (DONE, "TASK")]
    assert of(shop, other).status is DONE


def test_caps_count_what_was_sent(shop: Shop) -> None:
    define(shop, replace(THANKS, delay=Delay(), caps=(Cap(times=1, days=30),)))
    customer = shop.customer()
    for day in ("2026-01-12", "2026-02-10", "2026-02-11"):
        shop.order(customer, f"{day} 12:00")
        shop.until(f"{day} 12:00")
    assert rows(shop) == [(DELIVERED, None), (SUPPRESSED, "CAPPED"), (DELIVERED, None)]


# What.


def test_a_task_is_for_whoever_answers_for_the_customer(shop: Shop) -> None:
    eva, leo = derived("staff", "eva"), derived("staff", "leo")
    shop.do(AddStaff(staff_id=leo, name="Leo"))
    shop.do(AddStaff(staff_id=eva, name="Eva", manager_id=leo))
    due_in = Delay(count=2, unit=DelayUnit.BUSINESS_DAYS, at="12:00")
    for key, task_for in (("owner", TaskFor.OWNER), ("manager", TaskFor.MANAGER), ("anybody", None)):
        define(shop, replace(AT_ONCE, action=replace(TASK, task_for=task_for, due_in=due_in)), key)
    customer, nobodys = shop.customer(), shop.customer()
    shop.do(AssignAccountManager(customer_id=customer, staff_id=eva))
    order = shop.order(customer, "2026-01-13 18:00")
    shop.until("2026-01-13 18:00")
    made = {task.origin_policy: task for task in tasks(shop)}
    assert {key: task.staff_id for key, task in made.items()} == {"owner": eva, "manager": leo, "anybody": eva}
    task = made["owner"]
    assert (task.kind, task.customer_id, local(task.due_at)) == (ActivityKind.TASK, customer, "2026-01-15 12:00")
    assert (task.related_noun, task.related_id) == ("order", order)
    shop.order(nobodys, "2026-01-13 18:00")
    shop.until("2026-01-13 18:00")
    assert [task.staff_id for task in tasks(shop)[3:]] == [None] * 3


def test_a_call_is_made_to_whoever_may_be_called(shop: Shop) -> None:
    call = RuleAction(kind=RuleActionKind.CALL, subject="Ask", purpose=Purpose.SURVEY)
    define(shop, replace(AT_ONCE, action=call))
    may, must_not, cannot = shop.customer(phone="600123456"), shop.customer(phone="600123457"), shop.customer()
    shop.do(SetContactRestriction(customer_id=must_not, kind=ContactRestrictionKind.DO_NOT_CALL))
    orders = [shop.order(each, "2026-01-13 12:00") for each in (may, must_not, cannot)]
    shop.until("2026-01-13 12:00")
    assert [(of(shop, each).status, of(shop, each).reason) for each in orders] == [
        (DONE, "CALL"),
        (SUPPRESSED, "RESTRICTED"),
        (SUPPRESSED, "NO_ADDRESS"),
    ]
    assert [task.kind for task in tasks(shop)] == [ActivityKind.CALL]


def test_a_survey_is_sent_in_its_version(shop: Shop) -> None:
    shop.do(replace(POST_PURCHASE, survey_id=survey_id("visit"), key="visit"))
    define(shop, replace(THANKS, action=RuleAction(kind=RuleActionKind.SEND_SURVEY, survey="visit")))
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.until("2026-01-13 10:00")
    [mail] = shop.mails()
    assert (mail["Subject"], of(shop, order).purpose) == ("¿Qué tal fue su compra?", Purpose.SURVEY)
    [sent] = [event for event, _ in shop.events() if isinstance(event, SurveyInvitationSent)]
    assert (sent.survey, sent.version, sent.follow_up_id) == ("visit", 1, of(shop, order).follow_up_id)
    assert "https://shop.test/s/" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "csat=" not in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_a_survey_that_is_not_published_is_not_sent(shop: Shop) -> None:
    define(shop, replace(THANKS, action=RuleAction(kind=RuleActionKind.SEND_SURVEY, survey="visit")))
    first = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.until("2026-01-13 10:00")
    published: PublishSurvey = replace(POST_PURCHASE, survey_id=survey_id("visit"), key="visit")
    shop.do(published)
    shop.do(RetireSurvey(survey_id=survey_id("visit")))
    second = shop.order(shop.customer(), "2026-01-13 18:00")
    shop.until("2026-01-16 10:00")
    assert {of(shop, each).reason for each in (first, second)} == {"NO_SURVEY"}


def test_a_template_is_filled_with_what_the_event_told(shop: Shop) -> None:
    define(shop, replace(THANKS, action=replace(MESSAGE, words=(), template="survey")))
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.until("2026-01-13 10:00")
    [mail] = shop.mails()
    assert f"(pedido N{order.hex[:6]})" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
