"""Currency rates."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.currency_rate import MAX_CORRECTIONS, PublishRate, RatePublished, currency_rate_id, decider
from domain.kernel import derived
from tests.domain.scenario import but, given

DAY = date(1999, 1, 4)
PUBLISH = PublishRate(currency="USD", rate=Decimal("1.1789"), as_of=DAY)
PUBLISHED = RatePublished(source="ecb", base_currency="EUR", currency="USD", rate=Decimal("1.1789"), as_of=DAY)


def test_there_is_one_stream_per_source_pair_and_year() -> None:
    assert decider.stream_of(PUBLISH) == currency_rate_id("ecb", "EUR", "USD", 1999)
    assert decider.stream_of(PUBLISH) == derived("currency_rate", "ecb", "EUR", "USD", 1999)
    assert decider.stream_of(but(PUBLISH, as_of=date(1999, 12, 31))) == decider.stream_of(PUBLISH)
    others: list[dict[str, Any]] = [
        {"source": "bde"},
        {"currency": "JPY"},
        {"base_currency": "GBP"},
        {"as_of": date(2000, 1, 3)},
    ]
    assert len({decider.stream_of(but(PUBLISH, **changes)) for changes in others} | {decider.stream_of(PUBLISH)}) == 5


def test_a_rate_is_published_once_a_day() -> None:
    given(decider).when(PUBLISH).then(PUBLISHED)
    given(decider, PUBLISHED).when(PUBLISH).then_nothing()
    given(decider, PUBLISHED).when(but(PUBLISH, rate=Decimal("1.17890"))).then_nothing()


def test_the_same_rate_on_another_day_is_another_fact() -> None:
    next_day = DAY + timedelta(1)
    given(decider, PUBLISHED).when(but(PUBLISH, as_of=next_day)).then(replace(PUBLISHED, as_of=next_day))
    given(decider, PUBLISHED, replace(PUBLISHED, as_of=next_day)).when(PUBLISH).then_nothing()


def test_another_rate_of_the_same_day_corrects_it() -> None:
    corrected = replace(PUBLISHED, rate=Decimal("1.1790"))
    given(decider, PUBLISHED).when(but(PUBLISH, rate=Decimal("1.1790"))).then(corrected)
    given(decider, PUBLISHED, corrected).when(but(PUBLISH, rate=Decimal("1.1790"))).then_nothing()
    given(decider, PUBLISHED, corrected).when(PUBLISH).then(PUBLISHED)


def test_a_year_is_corrected_only_so_often() -> None:
    many = [replace(PUBLISHED, rate=Decimal(number + 2)) for number in range(MAX_CORRECTIONS)]
    given(decider, *many).when(PUBLISH).then(PUBLISHED)
    full = given(decider, PUBLISHED, *many)
    full.when(PUBLISH).refused("The rates of this year have been corrected 1000 times.", "as_of")
    full.when(but(PUBLISH, as_of=DAY + timedelta(1))).then(replace(PUBLISHED, as_of=DAY + timedelta(1)))


def test_a_currency_of_the_past_has_rates() -> None:
    given(decider).when(but(PUBLISH, currency="ROL", rate=Decimal("13112"))).then(
        replace(PUBLISHED, currency="ROL", rate=Decimal("13112"))
    )


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"source": ""}, "The source must not be blank.", "source"),
        ({"source": "a:b"}, "The source must not hold a colon.", "source"),
        ({"base_currency": "EURO"}, "Write the currency as three capital letters, such as USD.", "base_currency"),
        ({"currency": "usd"}, "Write the currency as three capital letters, such as USD.", "currency"),
        ({"currency": "EUR"}, "A rate is between two currencies.", "currency"),
        ({"rate": Decimal(0)}, "The rate must be more than zero.", "rate"),
        ({"rate": Decimal(-1)}, "The rate must be zero or more.", "rate"),
        ({"rate": Decimal("NaN")}, "The rate must be a number.", "rate"),
        ({"rate": Decimal(10**9)}, "The rate must be less than 1000000000.", "rate"),
    ],
)
def test_a_rate_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(PUBLISH, **changes)).refused(sentence, field)
