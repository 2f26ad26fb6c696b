"""Values that are parsed once and trusted after: money, ways to reach somebody, spans of time."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any, Self
from zoneinfo import available_timezones

import email_validator
import phonenumbers
import stdnum.eu.vat

from domain.currencies import EXPONENTS
from domain.kernel import Refused

MAX_AMOUNT = Decimal(10**12)
MAX_RATE = Decimal(10**9)
MAX_DECIMALS = 12
MAX_QUANTITY = 10**9
MAX_DURATION_S = 366 * 24 * 3600
MAX_POSITION = 2**63 - 1
"""The last position that a log could have."""

EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Wide enough for every sum and product of values within the limits above, so nothing is ever rounded by it."""

ALPHA_2 = re.compile(r"[A-Z]{2}")
TAX_ID_SEPARATORS = re.compile(r"[\s./-]")
DIGEST = re.compile(r"[0-9a-f]{64}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-([A-Z]{2}|[0-9]{3}))?")


def empty() -> Mapping[Any, Any]:
    """The mapping with nothing in it, which states begin with."""
    return EMPTY


EMPTY: Mapping[Any, Any] = MappingProxyType({})


class Channel(StrEnum):
    """The way by which somebody and the company meet."""

    PHONE = "PHONE"
    FAX = "FAX"
    EMAIL = "EMAIL"
    CHAT = "CHAT"
    WEB_COLLABORATION = "WEB_COLLABORATION"
    WEB = "WEB"
    MOBILE = "MOBILE"
    WEB_TV = "WEB_TV"
    SMS = "SMS"
    SOCIAL = "SOCIAL"
    VISIT = "VISIT"
    LETTER = "LETTER"
    COUNTER = "COUNTER"
    STORE = "STORE"
    DISTRIBUTOR = "DISTRIBUTOR"
    PARTNER = "PARTNER"
    RADIO = "RADIO"
    TV = "TV"
    PRESS = "PRESS"
    EVENT = "EVENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount as it was agreed, with its worth in the base currency at the rate of that moment, for ever."""

    amount: Decimal
    currency: str
    base: Decimal
    base_currency: str
    rate: Decimal

    def like(self, amount: Decimal) -> "Money":
        """Another amount in the same currency at the same rate."""
        return Money(
            amount=amount,
            currency=self.currency,
            base=EXACT.multiply(amount, self.rate),
            base_currency=self.base_currency,
            rate=self.rate,
        )

    def zero(self) -> "Money":
        """Nothing, in the same currency at the same rate."""
        return self.like(Decimal(0))

    def __add__(self, other: "Money") -> "Money":
        """The exact sum. ValueError if the currencies or the rates differ: add what both are worth in base instead."""
        ours, theirs = (self.currency, self.base_currency, self.rate), (other.currency, other.base_currency, other.rate)
        if ours != theirs:
            raise ValueError(f"{ours} and {theirs} are not the same money.")
        return self.like(EXACT.add(self.amount, other.amount))

    def charged(self) -> "Money":
        """What can really be paid: both amounts rounded half to even to the minor unit of their currency (ISO 4217)."""
        return Money(
            amount=_to_minor_unit(self.amount, self.currency),
            currency=self.currency,
            base=_to_minor_unit(self.base, self.base_currency),
            base_currency=self.base_currency,
            rate=self.rate,
        )


def _to_minor_unit(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-EXPONENTS[currency]), context=EXACT)


def money(amount: Decimal, currency: str, rate: Decimal | None = None, base_currency: str | None = None) -> Money:
    """Money at a rate: one unit of `currency` is worth `rate` units of `base_currency`; without one it is its own base.

    Refused if a currency is not known, or if the rate and its base currency do not come together.
    """
    must_be_currency(currency, "currency")
    if not amount.is_finite():
        raise Refused("The amount must be a number.", "amount")
    if rate is None:
        if base_currency not in (None, currency):
            raise Refused(f"Give the rate from {currency} to {base_currency} as well.", "rate")
        return Money(amount=amount, currency=currency, base=amount, base_currency=currency, rate=Decimal(1))
    if base_currency is None:
        raise Refused("Give the base currency that the rate leads to.", "base_currency")
    must_be_currency(base_currency, "base_currency")
    if base_currency == currency:
        raise Refused("A rate leads to another currency: leave the rate out.", "rate")
    if (wrong := fault(rate, MAX_RATE)) or not rate:
        raise Refused(f"The rate {wrong or 'must be more than zero'}.", "rate")
    base = EXACT.multiply(amount, rate)
    return Money(amount=amount, currency=currency, base=base, base_currency=base_currency, rate=rate)


def fault(value: Decimal, limit: Decimal = MAX_AMOUNT) -> str | None:
    """What is wrong with an amount, as the end of a sentence; None if it is right."""
    if not value.is_finite():
        return "must be a number"
    if value < 0:
        return "must be zero or more"
    if value >= limit:
        return f"must be less than {limit}"
    if not -MAX_DECIMALS <= int(value.as_tuple().exponent) <= MAX_DECIMALS:
        return f"must have at most {MAX_DECIMALS} decimals"
    return None


def must_be_currency(code: str, field: str) -> None:
    """Refused if the code is not one of ISO 4217."""
    if code not in EXPONENTS:
        raise Refused(f"There is no currency {code!r}: give an ISO 4217 code such as EUR.", field)


def must_say(text: str | None, what: str, field: str) -> None:
    """Refused if a text was given, but is blank."""
    if text is not None and not text.strip():
        raise Refused(f"{what} must not be blank.", field)


def without_query(url: str | None) -> str | None:
    """A URL or a path up to its ? or #: what follows may say who somebody is. None if nothing is left."""
    return None if url is None else url.partition("?")[0].partition("#")[0].strip() or None


def must_be_language(code: str, field: str = "language") -> None:
    """Refused if this is not a language with or without a region, as BCP 47 writes them."""
    if LANGUAGE.fullmatch(code) is None:
        raise Refused("Write the language as es or es-MX.", field)


zones = cache(available_timezones)


def must_be_zone(name: str, field: str = "timezone") -> None:
    """Refused if this is not a time zone of the IANA database."""
    if name not in zones():
        raise Refused("Give the time zone by its IANA name, such as Europe/Madrid.", field)


def must_know_zone(moment: datetime, field: str) -> None:
    """Refused if a moment does not say its offset from UTC."""
    if moment.utcoffset() is None:
        raise Refused("Give the moment with its offset, such as 2026-01-31T10:00:00Z.", field)


def must_last(duration_s: int | None, field: str = "duration_s") -> None:
    """Refused if a number of seconds is negative, or more than a year."""
    if duration_s is not None and not 0 <= duration_s <= MAX_DURATION_S:
        raise Refused(f"The duration must be from 0 to {MAX_DURATION_S} seconds.", field)


def must_be_amount(value: Decimal | None, field: str, limit: Decimal = MAX_AMOUNT) -> None:
    """Refused if an amount was given, but is negative, not finite, too large or too fine."""
    if value is not None and (wrong := fault(value, limit)):
        raise Refused(f"The {field.replace('_', ' ')} {wrong}.", field)


def payable(
    amount: Decimal, currency: str, rate: Decimal | None = None, base_currency: str | None = None, what: str = "This"
) -> Money:
    """Money that can change hands. Refused if there is none, or if the currency has no coin so small (ISO 4217)."""
    must_be_amount(amount, "amount")
    paid = money(amount, currency, rate, base_currency).charged()
    if paid.amount != amount:
        decimals = EXPONENTS[currency]
        raise Refused(f"{what} in {currency} has {f'at most {decimals}' if decimals else 'no'} decimals.", "amount")
    if not amount:
        raise Refused(f"{what} is more than zero.", "amount")
    return paid


def part(whole: Money, before: Decimal, amount: Decimal) -> Money:
    """The next part of an amount after others that came to `before`.

    Its worth in the base currency is what the parts are worth together, rounded, less what they were worth before,
    rounded; so the parts of a whole are worth, to the last cent, what the whole is.
    """
    after = whole.like(EXACT.add(before, amount)).charged()
    base = EXACT.subtract(after.base, whole.like(before).charged().base)
    return replace(whole.like(amount).charged(), base=base)


def must_be_share(value: Decimal | None, field: str) -> None:
    """Refused if a share or a probability was given, but is not from 0 to 1."""
    if value is not None and (fault(value) or value > 1):
        raise Refused(f"The {field.replace('_', ' ')} must be from 0 to 1.", field)


def must_be_within(value: int | None, low: int, high: int, field: str) -> None:
    """Refused if a whole number was given, but is not from `low` to `high`."""
    if value is not None and not low <= value <= high:
        raise Refused(f"The {field.replace('_', ' ')} must be from {low} to {high}.", field)


def must_be_worded(texts: Mapping[str, str], field: str) -> None:
    """Refused if texts by language are none, not by language, or blank."""
    if not texts:
        raise Refused(f"Give the {field.replace('_', ' ')} in one language at least.", field)
    for language, text in texts.items():
        must_be_language(language, field)
        must_say(text, f"The {field.replace('_', ' ')} in {language}", field)


def must_follow(start: datetime, end: datetime | None, field: str) -> None:
    """Refused if an end was given, but is not after its start."""
    if end is not None and end <= start:
        raise Refused(f"The {field.replace('_', ' ')} must be after the start.", field)


def must_be_digest(text: str | None, field: str) -> None:
    """Refused if something was given that is not a SHA-256 in hex."""
    if text is not None and DIGEST.fullmatch(text) is None:
        raise Refused(f"The {field.replace('_', ' ')} must be a SHA-256 in 64 hexadecimal digits.", field)


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An e-mail address as it was given, with the form by which two of them are found to be the same."""

    given: str
    normal: str

    @classmethod
    def parse(cls, text: str, field: str = "email") -> Self:
        """Internationalised addresses are welcome; nobody is asked whether the mailbox exists."""
        try:
            valid = email_validator.validate_email(text.strip(), check_deliverability=False, test_environment=True)
        except email_validator.EmailNotValidError as error:
            raise Refused(f"This is not an e-mail address. {error}", field) from None
        return cls(text, unicodedata.normalize("NFC", valid.normalized.lower()))


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number as it was given, with its international form (E.164)."""

    given: str
    normal: str

    @classmethod
    def parse(cls, text: str, region: str = "ES", field: str = "phone") -> Self:
        """A number without a country code is one of the region (ISO 3166, two letters)."""
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            raise Refused("This is not a phone number: write it as +34 600 123 456.", field) from None
        if not phonenumbers.is_possible_number(number):
            raise Refused("There can be no such phone number: write it as +34 600 123 456.", field)
        return cls(text, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def calling_region(country: str | None, language: str) -> str:
    """Where a number without a country code is from: the country if that is a code, or the language's, or Spain."""
    for region in ((country or "").strip().upper(), language.partition("-")[2]):
        if region in phonenumbers.SUPPORTED_REGIONS:
            return region
    return "ES"


@dataclass(frozen=True, slots=True)
class TaxId:
    """A tax id as it was given, with the form for matching, and whether its check digits were found right."""

    given: str
    normal: str
    checked: bool

    @classmethod
    def parse(cls, text: str, country: str | None = None, field: str = "value") -> Self:
        """By the rules of a country (ISO 3166, two letters), or of the EU member that the id begins with.

        The prefix of the country is left out of the normal form. What follows no rule that is known stays as it is, in
        capitals and without separators, for few countries give a VAT number to everybody who has a tax id.
        """
        plain = TAX_ID_SEPARATORS.sub("", text).upper()
        if not plain:
            raise Refused("The tax id must not be blank.", field)
        code = (country or "").strip().upper()
        national = stdnum.get_cc_module(code, "vat") if ALPHA_2.fullmatch(code) else None
        if national is not None and national.is_valid(plain):
            return cls(text, national.validate(plain), True)
        if stdnum.eu.vat.is_valid(plain):
            return cls(text, stdnum.eu.vat.validate(plain)[2:], True)
        return cls(text, plain, False)


def must_be_tax_id(text: str, country: str | None, field: str = "value") -> None:
    """Refused if somebody of Spain is given what is no NIF, NIE or CIF, nor the VAT number of another EU member."""
    if (country or "").strip().upper() == "ES" and not TaxId.parse(text, country, field).checked:
        raise Refused("This is not a Spanish tax id: check its digits and its letter.", field)


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment up to, and not including, another."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        must_know_zone(self.start, "start")
        must_know_zone(self.end, "end")
        if self.end < self.start:
            raise Refused("A period cannot end before it starts.", "end")

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end
