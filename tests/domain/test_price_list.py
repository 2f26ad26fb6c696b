"""Price lists."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as whatever
from hypothesis import settings
from hypothesis import strategies as st

from domain.price_list import (
    MAX_RULES,
    PriceListPublished,
    PriceRule,
    PublishPriceList,
    decider,
    is_met,
    price_by,
    price_for,
    rank,
)
from tests.domain.scenario import but, given

LIST, ANA, EVA = UUID(int=1), UUID(int=2), UUID(int=3)
JANUARY, MARCH, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 7))


def at(price: str, **said: Any) -> PriceRule:
    return PriceRule(price=Decimal(price), **said)


def off(discount: str, **said: Any) -> PriceRule:
    return PriceRule(discount=Decimal(discount), **said)


RULES = (at("9", sku="A"), off("0.1", segment="gold"))
PUBLISH = PublishPriceList(
    price_list_id=LIST, key="retail", currency="EUR", rules=RULES, valid_from=JANUARY, valid_until=JULY
)


def published(version: int = 1, rules: tuple[PriceRule, ...] = RULES) -> PriceListPublished:
    return PriceListPublished(
        key="retail", version=version, currency="EUR", rules=rules, valid_from=JANUARY, valid_until=JULY
    )


def test_a_list_is_published_once() -> None:
    given(decider).when(PUBLISH).then(published())
    given(decider, published()).when(PUBLISH).then_nothing()


@pytest.mark.parametrize(
    "changes", [{"currency": "USD"}, {"rules": RULES[:1]}, {"valid_from": None}, {"valid_until": None}]
)
def test_other_content_is_the_next_version(changes: dict[str, Any]) -> None:
    asked = but(PUBLISH, **changes)
    [event] = list(decider.decide(asked, given(decider, published()).state))
    assert isinstance(event, PriceListPublished)
    assert event.version == 2
    given(decider, published(), event).when(asked).then_nothing()
    given(decider, published(), event).when(PUBLISH).then(published(3))


def test_a_list_keeps_its_key() -> None:
    given(decider, published()).when(but(PUBLISH, key="trade")).refused(
        "This price list is known as retail: publish another for trade.", "key"
    )


def test_a_list_that_is_said_to_end_comes_back_as_the_next_version() -> None:
    ended = replace(published(2), valid_until=MARCH)
    given(decider, published()).when(but(PUBLISH, valid_until=MARCH)).then(ended)
    given(decider, published(), ended).when(but(PUBLISH, valid_until=MARCH)).then_nothing()
    given(decider, published(), ended).when(PUBLISH).then(published(3))


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": " "}, "The key must not be blank.", "key"),
        ({"currency": "EURO"}, "There is no currency 'EURO': give an ISO 4217 code such as EUR.", "currency"),
        ({"valid_until": JANUARY}, "The valid until must be after the start.", "valid_until"),
        (
            {"valid_from": JANUARY.replace(tzinfo=None)},
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "valid_from",
        ),
        (
            {"valid_from": None, "valid_until": JANUARY.replace(tzinfo=None)},
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "valid_until",
        ),
        ({"rules": ()}, f"Give from 1 to {MAX_RULES} rules.", "rules"),
        ({"rules": RULES[:1] * (MAX_RULES + 1)}, f"Give from 1 to {MAX_RULES} rules.", "rules"),
        ({"rules": (at("1"), PriceRule())}, "Rule 2: give either a price or a discount.", "rules"),
        ({"rules": (at("1", discount=Decimal(0)),)}, "Rule 1: give either a price or a discount.", "rules"),
        ({"rules": (at("-1"),)}, "Rule 1: the price must be zero or more.", "rules"),
        ({"rules": (off("1.1"),)}, "Rule 1: the discount must be from 0 to 1.", "rules"),
        ({"rules": (off("NaN"),)}, "Rule 1: the discount must be from 0 to 1.", "rules"),
        ({"rules": (at("1", min_quantity=0),)}, "Rule 1: the min quantity must be from 1 to 1000000000.", "rules"),
        ({"rules": (at("1", sku=" "),)}, "Rule 1: the sku must not be blank.", "rules"),
        ({"rules": (at("1", category=""),)}, "Rule 1: the category must not be blank.", "rules"),
        ({"rules": (at("1", segment=""),)}, "Rule 1: the segment must not be blank.", "rules"),
    ],
)
def test_a_list_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(PUBLISH, **changes)).refused(sentence, field)


ALL, LIGHT, LAMP = at("90"), at("91", category="light"), at("92", sku="A")
MANY, GOLD, HERS = at("93", min_quantity=10), at("94", segment="gold"), at("95", customer_id=ANA)


@pytest.mark.parametrize(
    ("rules", "price", "counts"),
    [
        ([], "100", None),
        ([at("1", sku="B"), at("1", category="sofa"), at("1", customer_id=EVA)], "100", None),
        ([at("1", segment="silver"), at("1", min_quantity=11)], "100", None),
        ([off("0.125")], "87.5", 0),
        ([off("0")], "100", 0),
        ([off("1")], "0", 0),
        ([ALL, LIGHT], "91", 1),
        ([LIGHT, LAMP, ALL], "92", 1),
        ([LAMP, MANY], "93", 1),
        ([MANY, GOLD], "94", 1),
        ([GOLD, HERS, MANY, LAMP], "95", 1),
        ([HERS, at("99", customer_id=ANA, category="light")], "99", 1),
        ([at("99", customer_id=ANA, category="light"), at("98", customer_id=ANA, sku="A")], "98", 1),
        ([at("97", customer_id=ANA, segment="gold"), HERS], "95", 1),
        ([at("80", min_quantity=5), at("70", min_quantity=10)], "70", 1),
        ([ALL, off("0.2"), at("85")], "80", 1),
        ([at("1", sku="A", category="sofa"), ALL], "90", 1),
    ],
)
def test_the_most_specific_rule_counts_and_then_the_lowest_price(
    rules: list[PriceRule], price: str, counts: int | None
) -> None:
    for order in (rules, rules[::-1]):
        found = price_for(order, "A", "light", Decimal(100), 10, ANA, frozenset({"gold"}))
        assert found == (Decimal(price), None if counts is None else rules[counts])


def test_a_rule_for_somebody_is_not_for_an_unknown_visitor() -> None:
    assert price_for([HERS, GOLD, LIGHT], "A", None, Decimal(100), 10) == (Decimal(100), None)


def test_of_rules_with_one_price_the_same_one_counts_in_any_order() -> None:
    same = [at("9"), off("0.1"), at("9", category="light"), at("9.0", category="light")]
    for pair in (same[:2], same[2:]):
        found = [price_for(order, "A", "light", Decimal(10), 1) for order in (pair, pair[::-1])]
        assert repr(found[0]) == repr(found[1])


def test_a_price_is_not_rounded() -> None:
    price, _ = price_for([off("0.333333333333")], "A", None, Decimal("0.000000000001"), 1)
    assert price == Decimal("0.000000000000666666666667")


AMOUNTS = [
    {"price": Decimal(9)},
    {"price": Decimal("9.0")},
    {"price": Decimal(8)},
    {"discount": Decimal("0.1")},
]
SOME_RULES = st.lists(
    st.builds(
        lambda amount, **said: PriceRule(**said, **amount),
        amount=st.sampled_from(AMOUNTS),
        sku=st.sampled_from([None, "A", "B"]),
        category=st.sampled_from([None, "light", "sofa"]),
        customer_id=st.sampled_from([None, None, ANA, EVA]),
        segment=st.sampled_from([None, None, "gold", "silver"]),
        min_quantity=st.sampled_from([1, 1, 5, 50]),
    ),
    max_size=12,
)


@whatever(rules=SOME_RULES, data=st.data())
@settings(max_examples=300, deadline=None)
def test_the_order_of_the_rules_makes_no_difference(rules: list[PriceRule], data: st.DataObject) -> None:
    bought = ("A", "light", Decimal(10), 7, ANA, frozenset({"gold"}))
    price, rule = price_for(rules, *bought)
    other_price, other_rule = price_for(data.draw(st.permutations(rules)), *bought)
    assert (str(price), repr(rule)) == (str(other_price), repr(other_rule))
    met = [each for each in rules if is_met(each, "A", "light", 7, ANA, frozenset({"gold"}))]
    assert (rule is None) is (not met)
    for each in met:
        assert rule is not None
        assert (rank(rule), price) <= (rank(each), price_by(each, Decimal(10)))
