"""Defined policies: what is known of the customer, and what the event told, is put into the blanks of a message."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from domain.blanks import MAX_BLANKS, Blank
from domain.follow_up import FollowUpStatus
from domain.kernel import Refused, derived
from domain.loyalty_account import EnrolMember
from domain.rules import Occurrence, RuleAction, Words, must_be_rules
from processes.blank_filling import filled, unknown_in, written
from processes.calendar import Calendar
from tests.conftest import House
from tests.processes.defining import MESSAGE, THANKS, define, of
from tests.processes.shop import Shop

CALENDAR = Calendar("America/New_York", "US")
DELIVERED, SUPPRESSED = FollowUpStatus.DELIVERED, FollowUpStatus.SUPPRESSED


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    return Shop(house.log, tmp_path / "mail", policies=())


def saying(subject: str = "Hola", text: str = "Hola.", language: str = "es") -> RuleAction:
    return replace(MESSAGE, words=(Words(language=language, subject=subject, text=text),))


def body(shop: Shop, form: str = "plain", n: int = 0) -> str:
    part = shop.mails()[n].get_body((form,))
    assert part is not None
    return str(part.get_content())


def test_a_message_says_what_is_known_of_the_customer_and_what_the_event_told(shop: Shop) -> None:
    text = "{{customer.name}}, su pedido {{ event.number }} de {{event.total.base}} € es el {{customer.orders}}."
    define(shop, replace(THANKS, action=saying("Pedido {{event.number}}", text)))
    ana = shop.customer()
    shop.order(ana, "2026-01-05 18:00", pieces=300)
    order = shop.order(ana, "2026-01-10 18:00", pieces=500)
    shop.until("2026-01-13 10:00")
    number = f"N{order.hex[:6]}"
    assert shop.mails()[-1]["Subject"] == f"Pedido {number}"
    assert f"Ana, su pedido {number} de 2.500 € es el 2." in body(shop, n=-1)


def test_what_is_put_in_is_text_and_nothing_else(shop: Shop) -> None:
    define(shop, replace(THANKS, action=saying("A {{customer.name}}", "<b>{{customer.name}}</b>")))
    shop.order(shop.customer(name='<script>"{{customer.orders}}"\nBcc: x@y.test'), "2026-01-10 18:00")
    shop.until("2026-01-13 10:00")
    [mail] = shop.mails()
    assert mail["Subject"] == 'A <script>"{{customer.orders}}" Bcc: x@y.test'
    assert mail["Bcc"] is None
    assert "&lt;b&gt;&lt;script&gt;&#34;{{customer.orders}}&#34; Bcc: x@y.test&lt;/b&gt;" in body(shop, "html")


def test_a_message_that_would_say_what_nobody_knows_is_not_sent_unless_it_says_what_then(shop: Shop) -> None:
    define(shop, replace(THANKS, action=saying(text="Nivel {{customer.tier}}.")), "strict")
    define(shop, replace(THANKS, action=saying(text="Nivel {{customer.tier|por ver}}.")), "kind")
    plain, gold = shop.customer(), shop.customer(email="oro@shop.test")
    account = derived("loyalty_account", gold)
    shop.do(EnrolMember(loyalty_account_id=account, customer_id=gold, programme="club", tier="GOLD"))
    orders = [shop.order(each, "2026-01-10 18:00") for each in (plain, gold)]
    shop.until("2026-01-13 10:00")
    assert [(of(shop, each, "strict").status, of(shop, each, "strict").reason) for each in orders] == [
        (SUPPRESSED, "NO_VALUE"),
        (DELIVERED, None),
    ]
    told = sorted((str(mail["To"]), "por ver" in body(shop, n=n)) for n, mail in enumerate(shop.mails()))
    assert told == [("Ana <ana@shop.test>", True), ("Ana <oro@shop.test>", False), ("Ana <oro@shop.test>", False)]


@pytest.mark.parametrize(
    ("value", "es", "en"),
    [
        (True, "sí", "yes"),
        (False, "no", "no"),
        (1234, "1.234", "1,234"),
        (Decimal("1234.5"), "1.234,50", "1,234.50"),
        (Decimal("20.00"), "20", "20"),
        (datetime(2026, 3, 2, 3, tzinfo=UTC), "01/03/2026", "1 March 2026"),
        (("a", "b"), "a, b", "a, b"),
        ("one\n\ttwo", "one two", "one two"),
        ("x" * 300, "x" * 200, "x" * 200),
    ],
)
def test_a_value_is_written_as_its_language_does(value: object, es: str, en: str) -> None:
    assert (written(value, "es", CALENDAR), written(value, "en", CALENDAR)) == (es, en)


def test_blanks_are_filled_once_and_braces_that_are_none_stay() -> None:
    known: Mapping[str, object] = {"a": "{{customer.b}}", "b": "B", "none": None, "empty": ()}
    text = "{{customer.a}} {{ customer.b }} {{event.none|x}}{{event.empty|}} {single} {{1}}"
    assert filled(text, "en", CALENDAR, lambda blank: known.get(blank.name)) == "{{customer.b}} B x {single} {{1}}"
    assert list(unknown_in("{{customer.none}} {{event.none|x}}", lambda blank: None)) == [
        Blank("customer", "none", None)
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{customer.shoe_size}}", "Nobody knows customer.shoe_size. There are: account_manager, "),
        ("{{event.tier}}", "Nobody knows event.tier. There are: "),
        ("{{event.carrier}}", "Nobody knows event.carrier"),  # which only one of the two events tells
        ("{{tier}}", "{{tier}} is no blank: write {{customer.tier}} or {{event.total.base|0}}."),
        ("{{customer.tier|a|b}}", "is no blank"),
        ("{{customer.tier", "A blank is written {{customer.tier}}, with both pairs of braces."),
        ("{{{customer.tier}}}}", "A blank is written"),
        ("{{customer.name}}" * (MAX_BLANKS + 1), f"A message has at most {MAX_BLANKS} blanks."),
    ],
)
def test_blanks_that_nobody_could_fill_are_refused_with_their_place(text: str, reason: str) -> None:
    triggers = (Occurrence(event="order.placed.v1"), Occurrence(event="order.shipped.v1"))
    for action in (saying(text=text), saying(subject=text)):
        with pytest.raises(Refused) as refused:
            must_be_rules(replace(THANKS, triggers=triggers, action=action))
        assert refused.value.reason.startswith("At action.words: ")
        assert reason.lower() in refused.value.reason.lower()
    must_be_rules(replace(THANKS, triggers=triggers, action=saying("{{customer.name}}", "{{customer.tier|x}} {a}")))
