"""P01: ask how it went, one month after the purchase."""

import pytest

from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.follow_up import FollowUpScheduled, PostponeFollowUp
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier
from domain.invitation import (
    AnswerSurvey,
    DeclineSurvey,
    SendInvitation,
    SurveyExpired,
    SurveyInvitationSent,
    SurveyReminderSent,
)
from domain.kernel import derived
from domain.values import Channel
from eventstore.envelope import Origin
from processes.post_purchase_survey import invitation_id
from tests.processes.shop import MADRID, NEW_YORK, Shop, local, moment


@pytest.mark.parametrize(
    ("bought", "zone", "country", "wanted", "due"),
    [
        # a month later, at ten
        ("2026-03-10 18:00", MADRID, "ES", "2026-04-10 10:00", "2026-04-10 10:00"),
        # the last day of a month
        ("2026-01-31 18:00", MADRID, "ES", "2026-02-28 10:00", "2026-02-28 10:00"),
        ("2028-01-31 18:00", MADRID, "ES", "2028-02-29 10:00", "2028-02-29 10:00"),
        ("2028-02-29 18:00", MADRID, "ES", "2028-03-29 10:00", "2028-03-29 10:00"),
        ("2026-08-31 18:00", MADRID, "ES", "2026-09-30 10:00", "2026-09-30 10:00"),
        # across the clocks' changes: ten o'clock stays ten o'clock
        ("2026-02-27 23:30", MADRID, "ES", "2026-03-27 10:00", "2026-03-27 10:00"),
        ("2026-03-01 00:30", MADRID, "ES", "2026-04-01 10:00", "2026-04-01 10:00"),
        ("2026-09-26 12:00", MADRID, "ES", "2026-10-26 10:00", "2026-10-26 10:00"),
        ("2026-02-09 12:00", NEW_YORK, "US", "2026-03-09 10:00", "2026-03-09 10:00"),
        ("2026-10-02 12:00", NEW_YORK, "US", "2026-11-02 10:00", "2026-11-02 10:00"),
        # the day is the customer's: late in New York is the next day in Madrid
        ("2026-04-30 23:30", NEW_YORK, "US", "2026-05-30 10:00", "2026-05-30 10:00"),
        # Sundays and holidays: the first hour of the next working day
        ("2026-02-15 12:00", MADRID, "ES", "2026-03-15 10:00", "2026-03-16 09:00"),
        ("2026-11-25 12:00", MADRID, "ES", "2026-12-25 10:00", "2026-12-26 09:00"),
        ("2026-06-04 12:00", NEW_YORK, "US", "2026-07-04 10:00", "2026-07-06 09:00"),
        ("2026-06-04 12:00", NEW_YORK, "Narnia", "2026-07-04 10:00", "2026-07-04 10:00"),
    ],
)
def test_the_survey_is_promised_a_month_after_the_purchase(
    shop: Shop, bought: str, zone: str, country: str, wanted: str, due: str
) -> None:
    customer = shop.customer(timezone=zone, country=country)
    order = shop.order(customer, moment(bought, zone))
    shop.worker.run()
    [promise] = [event for event, _ in shop.events() if isinstance(event, FollowUpScheduled)]
    assert (local(promise.wanted_at, zone), local(promise.due_at, zone)) == (wanted, due)
    assert (promise.trigger, promise.step) == (order, "survey")


def test_the_survey_arrives_when_it_is_due_and_not_before(shop: Shop) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-31 18:00")
    shop.until("2026-02-28 09:59")
    assert shop.outcome(order) == ("SCHEDULED", None)
    assert shop.mails() == []
    shop.until("2026-02-28 10:00")
    assert shop.outcome(order) == ("DELIVERED", None)
    [mail] = shop.mails()
    assert (mail["To"], mail["Subject"]) == ("Ana <ana@shop.test>", "¿Qué tal fue su compra en La Tienda?")
    [sent] = [event for event, _ in shop.events() if isinstance(event, SurveyInvitationSent)]
    assert (sent.customer_id, sent.order_id, sent.survey, sent.version) == (customer, order, "post-purchase", 1)


# What it relies on.


def test_who_never_said_anything_is_asked_because_of_the_purchase(shop: Shop) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    entry = shop.entry(order)
    assert (entry.status, entry.basis, entry.relied_on) == ("DELIVERED", "LEGITIMATE_INTEREST", entry.trigger_position)


@pytest.mark.parametrize("channel", [None, Channel.EMAIL])
@pytest.mark.parametrize("said", ["before the purchase", "after it"])
def test_consent_is_what_the_survey_relies_on(shop: Shop, channel: Channel | None, said: str) -> None:
    customer = shop.customer()
    grant = GrantConsent(customer_id=customer, purpose=Purpose.SURVEY, channel=channel)
    position = shop.do(grant).position if said == "before the purchase" else 0
    order = shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    position = position or shop.do(grant).position
    shop.until("2026-02-10 10:00")
    entry = shop.entry(order)
    assert (entry.status, entry.basis, entry.relied_on) == ("DELIVERED", "CONSENT", position)


@pytest.mark.parametrize("channel", [None, Channel.EMAIL])
@pytest.mark.parametrize("granted_first", [True, False])
def test_who_objected_is_not_asked(shop: Shop, channel: Channel | None, granted_first: bool) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    if granted_first:
        shop.do(GrantConsent(customer_id=customer, purpose=Purpose.SURVEY))
    shop.worker.run()
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY, channel=channel))
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("SUPPRESSED", "NO_CONSENT")
    assert shop.mails() == []


def test_an_objection_to_something_else_is_no_objection_to_surveys(shop: Shop) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.MARKETING))
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY, channel=Channel.SMS))
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("DELIVERED", None)


# Whether there is anything to ask about.


@pytest.mark.parametrize("when", ["at once", "unseen"])
def test_a_cancelled_order_is_not_surveyed(shop: Shop, when: str) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    shop.cancel(order)
    if when == "at once":
        shop.worker.run()
        assert shop.outcome(order) == ("CANCELLED", "ORDER_CANCELLED")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("CANCELLED", "ORDER_CANCELLED")
    assert shop.mails() == []


@pytest.mark.parametrize(
    ("pieces", "outcome"), [(1, ("DELIVERED", None)), (2, ("CANCELLED", "ORDER_RETURNED"))], ids=["partly", "fully"]
)
def test_only_an_order_of_which_nothing_is_left_is_not_surveyed(
    shop: Shop, pieces: int, outcome: tuple[str, str | None]
) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00", pieces=2)
    shop.worker.run()
    shop.give_back(order, pieces)
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == outcome


def test_imported_orders_set_nothing_off(shop: Shop) -> None:
    shop.order(shop.customer(), "2026-01-10 12:00", origin=Origin.IMPORT)
    shop.until("2026-02-10 10:00")
    assert shop.ledger() == []


def test_a_new_policy_does_not_react_to_the_past(house, tmp_path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=())
    customer = shop.customer()
    shop.order(customer, "2026-01-10 12:00")
    shop = Shop(house.log, tmp_path / "mail")
    later = shop.order(customer, "2026-01-11 12:00")
    shop.worker.run()
    assert [entry.trigger for entry in shop.ledger()] == [later]


# Whether the customer can be reached, and how often.


@pytest.mark.parametrize("when", ["never had one", "removed"])
def test_without_an_address_nothing_is_sent(shop: Shop, when: str) -> None:
    customer = shop.customer(email=None if when == "never had one" else "ana@shop.test")
    order = shop.order(customer, "2026-01-10 12:00")
    if when == "removed":
        shop.do(RemoveIdentifier(customer_id=customer, type=IdentifierType.EMAIL, value="ana@shop.test"))
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("SUPPRESSED", "NO_ADDRESS")


def test_the_address_is_the_one_that_was_given_last(shop: Shop) -> None:
    customer = shop.customer()
    shop.order(customer, "2026-01-10 12:00")
    shop.do(AddIdentifier(customer_id=customer, type=IdentifierType.EMAIL, value="new@shop.test"))
    shop.until("2026-02-10 10:00")
    assert [mail["To"] for mail in shop.mails()] == ["Ana <new@shop.test>"]


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        ("2026-01-11 12:00", ("SUPPRESSED", "CAPPED")),
        (
            "2026-04-10 12:00",
            ("SUPPRESSED", "CAPPED"),
        ),  # due on 11 May (a Monday), 90 days less an hour after 10 February
        ("2026-04-13 12:00", ("DELIVERED", None)),
    ],
)
def test_nobody_is_asked_twice_within_ninety_days(shop: Shop, second: str, outcome: tuple[str, str | None]) -> None:
    customer = shop.customer()
    first = shop.order(customer, "2026-01-10 12:00")
    again = shop.order(customer, second)
    shop.until("2026-02-10 10:00")
    for day in ("2026-02-11 10:00", "2026-05-11 09:00", "2026-05-13 10:00"):
        shop.until(day)
    assert shop.outcome(first) == ("DELIVERED", None)
    assert shop.outcome(again) == outcome


def test_of_several_orders_of_a_day_the_first_is_surveyed(shop: Shop) -> None:
    customer = shop.customer()
    orders = [shop.order(customer, f"2026-01-10 {hour}:00") for hour in ("10", "12", "23")]
    next_day = shop.order(customer, "2026-01-11 00:30")
    shop.until("2026-02-10 10:00")
    assert [shop.outcome(order) for order in orders] == [
        ("DELIVERED", None),
        ("SUPPRESSED", "COALESCED"),
        ("SUPPRESSED", "COALESCED"),
    ]
    shop.until("2026-02-11 10:00")
    assert shop.outcome(next_day) == ("SUPPRESSED", "CAPPED")


def test_a_cancelled_first_order_lets_the_second_of_the_day_go(shop: Shop) -> None:
    customer = shop.customer()
    first, second = (shop.order(customer, f"2026-01-10 {hour}:00") for hour in ("10", "12"))
    shop.cancel(first)
    shop.until("2026-02-10 10:00")
    assert [shop.outcome(first), shop.outcome(second)] == [("CANCELLED", "ORDER_CANCELLED"), ("DELIVERED", None)]


@pytest.mark.parametrize("second", ["2026-01-10 12:00", "2026-01-12 12:00"], ids=["same day", "later"])
def test_the_first_order_wins_even_while_another_worker_is_still_at_it(shop: Shop, second: str) -> None:
    customer = shop.customer()
    first, again = shop.order(customer, "2026-01-10 10:00"), shop.order(customer, second)
    shop.worker.run()
    with shop.log.pool.connection() as another, another.transaction():
        id = shop.entry(first).follow_up_id
        another.execute("select 1 from views.due where follow_up_id = %s for update", [id])
        shop.until("2026-02-12 10:00")
        assert shop.outcome(again) == ("SCHEDULED", None)
    shop.until("2026-02-12 10:00")
    assert shop.outcome(first) == ("DELIVERED", None)
    assert shop.outcome(again)[0] == "SUPPRESSED"


def test_an_earlier_order_that_is_due_later_is_waited_for(shop: Shop) -> None:
    customer = shop.customer()
    first, second = shop.order(customer, "2026-01-10 10:00"), shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    put_off = PostponeFollowUp(
        follow_up_id=shop.entry(first).follow_up_id, due_at=moment("2026-02-11 12:00"), reason="X"
    )
    shop.do(put_off)
    shop.until("2026-02-10 10:00")
    assert shop.outcome(second) == ("SCHEDULED", "COALESCING")
    shop.until("2026-02-11 12:00")
    assert [shop.outcome(first), shop.outcome(second)] == [("DELIVERED", None), ("SUPPRESSED", "COALESCED")]


def test_a_survey_that_somebody_else_sent_counts_but_is_theirs_to_remind_of(shop: Shop) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    theirs = SendInvitation(
        invitation_id=derived("invitation", "theirs"), customer_id=customer, survey="other", version=1,
        channel=Channel.PHONE, language="es", follow_up_id=derived("follow-up", "theirs"),
    )  # fmt: skip
    shop.do(theirs, on="2026-01-20 12:00")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("SUPPRESSED", "CAPPED")
    assert [entry.step for entry in shop.ledger()] == ["survey"]


def test_other_customers_do_not_count(shop: Shop) -> None:
    orders = [shop.order(shop.customer(email=f"c{n}@shop.test"), "2026-01-10 12:00") for n in range(3)]
    shop.until("2026-02-10 10:00")
    assert [shop.outcome(order)[0] for order in orders] == ["DELIVERED"] * 3


# When the worker was away.


def test_a_worker_that_comes_back_at_night_waits_for_the_morning(shop: Shop) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    shop.until("2026-02-10 22:30")
    entry = shop.entry(order)
    assert (entry.status, entry.reason, local(entry.due_at)) == ("SCHEDULED", "QUIET_HOURS", "2026-02-11 09:00")
    assert local(entry.wanted_at) == "2026-02-10 10:00"
    shop.until("2026-02-11 09:00")
    assert shop.outcome(order) == ("DELIVERED", None)


@pytest.mark.parametrize(
    ("back", "outcome"),
    [("2026-02-17 10:00", ("DELIVERED", None)), ("2026-02-17 10:01", ("SUPPRESSED", "TOO_LATE"))],
)
def test_a_survey_that_is_more_than_a_week_late_is_not_sent(
    shop: Shop, back: str, outcome: tuple[str, str | None]
) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    shop.until(back)
    assert shop.outcome(order) == outcome


# After it was sent.


def test_the_reminder_comes_after_a_week_and_the_end_after_thirty_days(shop: Shop) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    invitation = invitation_id(shop.entry(order).follow_up_id)
    reminder, expiry = shop.entry(invitation, "reminder"), shop.entry(invitation, "expiry")
    assert (local(reminder.due_at), local(expiry.due_at)) == ("2026-02-17 10:00", "2026-03-12 10:00")
    shop.until("2026-02-17 10:00")
    assert shop.outcome(invitation, "reminder") == ("DELIVERED", None)
    assert [mail["Subject"] for mail in shop.mails()].count("¿Nos dice qué tal fue su compra en La Tienda?") == 1
    shop.until("2026-03-12 10:00")
    assert shop.outcome(invitation, "expiry") == ("DONE", "EXPIRED")
    kinds = [type(event) for event, at in shop.events() if at.stream_id == invitation]
    assert kinds == [SurveyInvitationSent, SurveyReminderSent, SurveyExpired]
    assert len(shop.mails()) == 2


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
@pytest.mark.parametrize("answer", ["ANSWERED", "DECLINED"])
def test_who_answered_is_neither_reminded_nor_expired(shop: Shop, answer: str, seen: str) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    invitation = invitation_id(shop.entry(order).follow_up_id)
    said = (
        AnswerSurvey(invitation_id=invitation, csat=5)
        if answer == "ANSWERED"
        else DeclineSurvey(invitation_id=invitation)
    )
    if seen == "at once":
        shop.do(said)
        shop.worker.run()
        assert shop.outcome(invitation, "reminder") == shop.outcome(invitation, "expiry") == ("CANCELLED", answer)
    else:
        shop.now = moment("2026-02-17 10:00")
        shop.do(said)
    for day in ("2026-02-17 10:00", "2026-03-12 10:00"):
        shop.until(day)
    assert shop.outcome(invitation, "reminder") == ("CANCELLED", answer)
    assert shop.outcome(invitation, "expiry") == ("CANCELLED", answer)
    assert len(shop.mails()) == 1


def test_an_answer_between_the_reminder_and_the_end_takes_the_end_back(shop: Shop) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    for day in ("2026-02-10 10:00", "2026-02-17 10:00"):
        shop.until(day)
    invitation = invitation_id(shop.entry(order).follow_up_id)
    shop.do(AnswerSurvey(invitation_id=invitation, nps=9))
    shop.until("2026-03-12 10:00")
    assert shop.outcome(invitation, "reminder") == ("DELIVERED", None)
    assert shop.outcome(invitation, "expiry") == ("CANCELLED", "ANSWERED")


def test_the_reminder_asks_for_consent_again(shop: Shop) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY))
    shop.until("2026-02-17 10:00")
    assert shop.outcome(invitation_id(shop.entry(order).follow_up_id), "reminder") == ("SUPPRESSED", "NO_CONSENT")


def test_nobody_is_reminded_of_an_order_that_came_back(shop: Shop) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    shop.give_back(order, 2)
    shop.until("2026-02-17 10:00")
    assert shop.outcome(invitation_id(shop.entry(order).follow_up_id), "reminder") == ("CANCELLED", "ORDER_RETURNED")
