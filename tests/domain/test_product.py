"""Products."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command
from domain.product import (
    DiscontinueProduct,
    IntroduceProduct,
    ProductDiscontinued,
    ProductIntroduced,
    ProductRevised,
    ReviseProduct,
    decider,
)
from tests.domain.scenario import given

LAMP = UUID(int=1)
INTRODUCE = IntroduceProduct(
    product_id=LAMP, sku="L-1", name="Lamp", category="light", price=Decimal("9.5"), currency="EUR"
)
INTRODUCED = ProductIntroduced(sku="L-1", name="Lamp", category="light", price=Decimal("9.5"), currency="EUR")
COSTING = IntroduceProduct(
    product_id=LAMP, sku="L-1", name="Lamp", currency="EUR", tax_class="reduced", unit_cost=Decimal(4)
)
COSTS = ProductIntroduced(sku="L-1", name="Lamp", currency="EUR", tax_class="reduced", unit_cost=Decimal(4))
BARE = ProductIntroduced(sku="L-1", name="Lamp")


def revise(**said: Any) -> ReviseProduct:
    return ReviseProduct(product_id=LAMP, **said)


def test_a_product_is_introduced_once() -> None:
    given(decider).when(INTRODUCE).then(INTRODUCED)
    given(decider, INTRODUCED).when(INTRODUCE).then_nothing()
    given(decider, INTRODUCED, ProductRevised(name="Big lamp")).when(INTRODUCE).then_nothing()


def test_another_product_cannot_have_the_same_id() -> None:
    given(decider, INTRODUCED).when(IntroduceProduct(product_id=LAMP, sku="L-2", name="Lamp")).refused(
        "This product is already introduced. Revise it instead."
    )


@pytest.mark.parametrize(
    ("command", "sentence", "field"),
    [
        (IntroduceProduct(product_id=LAMP, sku="", name="Lamp"), "The sku must not be blank.", "sku"),
        (IntroduceProduct(product_id=LAMP, sku="L-1", name=" "), "The name must not be blank.", "name"),
        (
            IntroduceProduct(product_id=LAMP, sku="L-1", name="Lamp", price=Decimal(1)),
            "Give the currency of the price.",
            "currency",
        ),
        (
            IntroduceProduct(product_id=LAMP, sku="L-1", name="Lamp", currency="EUR"),
            "Give the price in EUR as well.",
            "price",
        ),
        (
            IntroduceProduct(product_id=LAMP, sku="L-1", name="Lamp", price=Decimal(1), currency="eur"),
            "There is no currency 'eur': give an ISO 4217 code such as EUR.",
            "currency",
        ),
        (
            IntroduceProduct(product_id=LAMP, sku="L-1", name="Lamp", price=Decimal(-1), currency="EUR"),
            "The price must be zero or more.",
            "price",
        ),
        (
            IntroduceProduct(product_id=LAMP, sku="L-1", name="Lamp", unit_cost=Decimal(1)),
            "Give the currency of the unit cost.",
            "currency",
        ),
        (
            IntroduceProduct(product_id=LAMP, sku="L-1", name="Lamp", unit_cost=Decimal(-1), currency="EUR"),
            "The unit cost must be zero or more.",
            "unit_cost",
        ),
        (
            IntroduceProduct(product_id=LAMP, sku="L-1", name="Lamp", tax_class=" "),
            "The tax class must not be blank.",
            "tax_class",
        ),
    ],
)
def test_a_product_must_make_sense(command: Command, sentence: str, field: str) -> None:
    given(decider).when(command).refused(sentence, field)


def test_a_revision_says_only_what_changed() -> None:
    asked = revise(name="Lamp", category="home", price=Decimal("0"), currency="EUR")
    revised = ProductRevised(category="home", price=Decimal(0))
    state = given(decider, INTRODUCED).when(asked).then(revised)
    assert (state.name, state.category, state.price, state.currency) == ("Lamp", "home", Decimal(0), "EUR")
    given(decider, INTRODUCED, revised).when(asked).then_nothing()
    given(decider, INTRODUCED).when(revise()).then_nothing()


def test_the_same_price_in_another_currency_is_another_price() -> None:
    given(decider, INTRODUCED).when(revise(price=Decimal("9.50"), currency="USD")).then(ProductRevised(currency="USD"))


@pytest.mark.parametrize(
    ("said", "sentence", "field"),
    [
        ({"name": ""}, "The name must not be blank.", "name"),
        ({"category": " "}, "The category must not be blank.", "category"),
        ({"currency": "USD"}, "Give the price in USD as well.", "price"),
        ({"price": Decimal("NaN")}, "The price must be a number.", "price"),
    ],
)
def test_a_revision_must_make_sense(said: dict[str, object], sentence: str, field: str) -> None:
    given(decider, INTRODUCED).when(revise(**said)).refused(sentence, field)


def test_a_first_price_needs_a_currency() -> None:
    given(decider, BARE).when(revise(price=Decimal(1))).refused("Give the currency of the price.", "currency")
    given(decider, BARE).when(revise(price=Decimal(1), currency="EUR")).then(
        ProductRevised(price=Decimal(1), currency="EUR")
    )


def test_what_a_product_costs_the_company_and_how_it_is_taxed_is_said_and_revised() -> None:
    given(decider).when(COSTING).then(COSTS)
    given(decider, COSTS).when(COSTING).then_nothing()
    asked = revise(tax_class="general", unit_cost=Decimal(0), price=Decimal(9))
    revised = ProductRevised(tax_class="general", unit_cost=Decimal(0), price=Decimal(9))
    state = given(decider, COSTS).when(asked).then(revised)
    assert (state.tax_class, state.unit_cost, state.currency) == ("general", Decimal(0), "EUR")
    given(decider, COSTS, revised).when(asked).then_nothing()
    given(decider, COSTS).when(revise(tax_class="reduced", unit_cost=Decimal("4.0"))).then_nothing()
    state = given(decider, COSTS).when(revise(name="Big lamp")).then(ProductRevised(name="Big lamp"))
    assert (state.tax_class, state.unit_cost) == ("reduced", Decimal(4))


def test_the_price_and_the_cost_are_in_one_currency() -> None:
    both = ProductRevised(price=Decimal(9))
    given(decider, COSTS, both).when(revise(currency="USD", price=Decimal(10))).refused(
        "Give the unit cost in USD as well.", "unit_cost"
    )
    given(decider, COSTS, both).when(revise(currency="USD", unit_cost=Decimal(5))).refused(
        "Give the price in USD as well.", "price"
    )
    given(decider, COSTS, both).when(revise(currency="USD", price=Decimal(10), unit_cost=Decimal(5))).then(
        ProductRevised(currency="USD", price=Decimal(10), unit_cost=Decimal(5))
    )
    given(decider, COSTS).when(revise(currency="USD", unit_cost=Decimal(5))).then(
        ProductRevised(currency="USD", unit_cost=Decimal(5))
    )
    given(decider, BARE).when(revise(unit_cost=Decimal(5))).refused("Give the currency of the unit cost.", "currency")


@pytest.mark.parametrize("command", [revise(name="Lamp"), DiscontinueProduct(product_id=LAMP)])
def test_what_was_not_introduced_cannot_change(command: Command) -> None:
    given(decider).when(command).refused("This product is not introduced yet.", "product_id")


def test_a_product_is_discontinued_once_and_not_revised_after() -> None:
    asked = DiscontinueProduct(product_id=LAMP, reason="Sold out")
    gone = ProductDiscontinued(reason="Sold out")
    given(decider, INTRODUCED).when(asked).then(gone)
    given(decider, INTRODUCED, gone).when(asked).then_nothing()
    given(decider, INTRODUCED, gone).when(revise(name="Big lamp")).refused("This product is discontinued.")
