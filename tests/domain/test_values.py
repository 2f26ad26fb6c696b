"""Values."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.currencies import EXPONENTS
from domain.kernel import Refused
from domain.values import (
    MAX_AMOUNT,
    MAX_DURATION_S,
    MAX_RATE,
    EmailAddress,
    Money,
    Period,
    PhoneNumber,
    calling_region,
    fault,
    money,
    must_be_language,
    must_last,
)

amounts = st.decimals(min_value=0, max_value=MAX_AMOUNT - 1, places=12)
rates = st.decimals(min_value=Decimal("0.000000000001"), max_value=MAX_RATE - 1, places=12)

NAIVE = datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None)


def refusal_of(make: object) -> tuple[str, str | None]:
    with pytest.raises(Refused) as refusal:
        make()  # type: ignore[operator]  # a lambda
    return refusal.value.reason, refusal.value.field


def test_money_without_a_rate_is_its_own_base() -> None:
    assert money(Decimal("1.005"), "EUR") == Money(
        amount=Decimal("1.005"), currency="EUR", base=Decimal("1.005"), base_currency="EUR", rate=Decimal(1)
    )
    assert money(Decimal(1), "EUR", None, "EUR") == money(Decimal(1), "EUR")


@given(amounts, rates)
def test_money_at_a_rate_is_exact(amount: Decimal, rate: Decimal) -> None:
    made = money(amount, "GBP", rate, "EUR")
    assert Fraction(made.base) == Fraction(amount) * Fraction(rate)
    assert (made.amount, made.currency, made.base_currency, made.rate) == (amount, "GBP", "EUR", rate)


@given(st.lists(amounts, min_size=1), rates)
def test_a_sum_of_money_is_exact_in_both_currencies(given_amounts: list[Decimal], rate: Decimal) -> None:
    total = money(Decimal(0), "GBP", rate, "EUR")
    for amount in given_amounts:
        total += money(amount, "GBP", rate, "EUR")
    assert Fraction(total.amount) == sum(map(Fraction, given_amounts))
    assert Fraction(total.base) == Fraction(total.amount) * Fraction(rate)


@pytest.mark.parametrize(
    "other",
    [money(Decimal(1), "USD"), money(Decimal(1), "EUR", Decimal(2), "USD")],
)
def test_money_of_different_kinds_is_not_added(other: Money) -> None:
    with pytest.raises(ValueError, match="are not the same money"):
        money(Decimal(1), "EUR") + other


def test_no_money_is_of_the_same_kind() -> None:
    some = money(Decimal(5), "GBP", Decimal("1.2"), "EUR")
    assert some.zero() == money(Decimal(0), "GBP", Decimal("1.2"), "EUR")
    assert some + some.zero() == some


@pytest.mark.parametrize(
    ("amount", "currency", "charged"),
    [
        ("1.005", "EUR", "1.00"),
        ("1.015", "EUR", "1.02"),
        ("2.5", "JPY", "2"),
        ("3.5", "JPY", "4"),
        ("1.0005", "KWD", "1.000"),
        ("1.00015", "CLF", "1.0002"),
    ],
)
def test_money_is_charged_in_the_minor_unit_of_its_currency(amount: str, currency: str, charged: str) -> None:
    assert str(money(Decimal(amount), currency).charged().amount) == charged


def test_both_amounts_are_charged_in_their_own_units() -> None:
    charged = money(Decimal("10.006"), "EUR", Decimal("160.37"), "JPY").charged()
    assert (str(charged.amount), str(charged.base)) == ("10.01", "1605")


@pytest.mark.parametrize(
    ("arguments", "sentence", "field"),
    [
        (("EURO",), "There is no currency 'EURO': give an ISO 4217 code such as EUR.", "currency"),
        (("XAU",), "There is no currency 'XAU': give an ISO 4217 code such as EUR.", "currency"),
        (("EUR", None, "USD"), "Give the rate from EUR to USD as well.", "rate"),
        (("EUR", Decimal(1)), "Give the base currency that the rate leads to.", "base_currency"),
        (("EUR", Decimal(1), "EUR"), "A rate leads to another currency: leave the rate out.", "rate"),
        (("EUR", Decimal(1), "usd"), "There is no currency 'usd': give an ISO 4217 code such as EUR.", "base_currency"),
        (("EUR", Decimal(0), "USD"), "The rate must be more than zero.", "rate"),
        (("EUR", Decimal(-1), "USD"), "The rate must be zero or more.", "rate"),
        (("EUR", Decimal("NaN"), "USD"), "The rate must be a number.", "rate"),
        (("EUR", Decimal("1e9"), "USD"), "The rate must be less than 1000000000.", "rate"),
    ],
)
def test_money_must_make_sense(arguments: tuple[str], sentence: str, field: str) -> None:
    assert refusal_of(lambda: money(Decimal(1), *arguments)) == (sentence, field)


def test_an_amount_is_a_number() -> None:
    for text in ("NaN", "sNaN", "Infinity", "-Infinity"):
        assert fault(Decimal(text)) == "must be a number"
        assert refusal_of(lambda text=text: money(Decimal(text), "EUR")) == ("The amount must be a number.", "amount")


@pytest.mark.parametrize("text", ["0E+999999", "1E-400000", "0.1234567890123", "0E+13"])
def test_an_amount_has_a_size_that_can_be_stored(text: str) -> None:
    assert fault(Decimal(text)) == "must have at most 12 decimals"


@pytest.mark.parametrize("text", ["0", "-0", "0.000000000001", "999999999999.999999999999", "1E+11", "0E+12"])
def test_amounts_up_to_a_million_millions_are_right(text: str) -> None:
    assert fault(Decimal(text)) is None


def test_the_currencies_are_those_of_iso_4217() -> None:
    assert len(EXPONENTS) == 165
    counts = [sum(exponent == wanted for exponent in EXPONENTS.values()) for wanted in (0, 2, 3, 4)]
    assert counts == [17, 139, 7, 2]
    assert [EXPONENTS[code] for code in ("EUR", "JPY", "KWD", "CLF", "UGX", "HUF")] == [2, 0, 3, 4, 0, 2]
    assert not {"BGN", "HRK", "XAU", "XXX", "XTS"} & EXPONENTS.keys()


@pytest.mark.parametrize(
    ("given_text", "normal"),
    [
        ("Ana.Lopez@Example.COM", "ana.lopez@example.com"),
        ("  ana@shop.test ", "ana@shop.test"),
        ("josé@correo.es", "josé@correo.es"),
        ("ana@xn--bcher-kva.example", "ana@bücher.example"),
        ("ANA@BÜCHER.example", "ana@bücher.example"),
        ("伊昭傑@郵件.商務", "伊昭傑@郵件.商務"),
        ("ana+shop@example.com", "ana+shop@example.com"),
    ],
)
def test_an_email_address_has_one_form_for_matching(given_text: str, normal: str) -> None:
    parsed = EmailAddress.parse(given_text)
    assert (parsed.given, parsed.normal) == (given_text, normal)
    assert EmailAddress.parse(normal).normal == normal


@pytest.mark.parametrize(
    "text", ["", "ana", "ana@", "ana@gmail", "a b@example.com", "ana@example.com, eva@example.com"]
)
def test_what_is_no_email_address_is_refused_with_the_field_of_the_caller(text: str) -> None:
    sentence, field = refusal_of(lambda: EmailAddress.parse(text, "contact"))
    assert sentence.startswith("This is not an e-mail address. ")
    assert field == "contact"


@pytest.mark.parametrize(
    ("given_text", "region", "normal"),
    [
        ("600 123 456", "ES", "+34600123456"),
        ("+34 600-123-456", "GB", "+34600123456"),
        ("0034 600123456", "ES", "+34600123456"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("(212) 555-0123", "US", "+12125550123"),
    ],
)
def test_a_phone_number_has_one_form_for_matching(given_text: str, region: str, normal: str) -> None:
    parsed = PhoneNumber.parse(given_text, region)
    assert (parsed.given, parsed.normal) == (given_text, normal)
    assert PhoneNumber.parse(normal).normal == normal


@pytest.mark.parametrize("text", ["", "12", "hello", "+999 123 456 789", "+34 1", "6" * 30])
def test_what_can_be_no_phone_number_is_refused_with_the_field_of_the_caller(text: str) -> None:
    sentence, field = refusal_of(lambda: PhoneNumber.parse(text, "US", "mobile"))
    assert "write it as +34 600 123 456" in sentence
    assert field == "mobile"


@pytest.mark.parametrize(
    ("country", "language", "region"),
    [("GB", "es", "GB"), (" fr ", "es", "FR"), ("Spain", "en-US", "US"), (None, "en", "ES"), ("EIRE", "es-419", "ES")],
)
def test_a_number_without_a_country_code_is_of_the_country_or_the_language(
    country: str | None, language: str, region: str
) -> None:
    assert calling_region(country, language) == region


def test_something_may_last_from_no_time_to_a_year() -> None:
    for duration_s in (None, 0, MAX_DURATION_S):
        must_last(duration_s)
    assert refusal_of(lambda: must_last(MAX_DURATION_S + 1))[1] == "duration_s"


@pytest.mark.parametrize("code", ["es", "ast", "es-MX", "es-419"])
def test_a_language_may_have_a_region(code: str) -> None:
    must_be_language(code)


@pytest.mark.parametrize("code", ["", "e", "ES", "es_MX", "es-mx", "spanish", "es-MX\n", "es-"])
def test_a_language_is_written_in_one_way(code: str) -> None:
    assert refusal_of(lambda: must_be_language(code)) == ("Write the language as es or es-MX.", "language")


def test_a_period_does_not_contain_its_end() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    period = Period(start, start + timedelta(days=1))
    assert start in period
    assert start + timedelta(hours=23, minutes=59) in period
    assert period.end not in period
    assert start - timedelta(seconds=1) not in period
    assert start not in Period(start, start)


def test_a_period_must_make_sense() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert refusal_of(lambda: Period(start, start - timedelta(seconds=1))) == (
        "A period cannot end before it starts.",
        "end",
    )
    assert refusal_of(lambda: Period(start, NAIVE))[1] == "end"
    assert refusal_of(lambda: Period(NAIVE, start))[1] == "start"
