"""Currency rates: what one currency was worth in another, day by day, as a source published it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked, derived
from domain.values import MAX_RATE, empty, fault, must_say

CURRENCY = re.compile(r"[A-Z]{3}")
"""Also of a currency that exists no longer, such as ROL: its rates are still published."""

MAX_CORRECTIONS = 1000


# What can be asked.


class PublishRate(Command):
    """Note how many units of `currency` one unit of `base_currency` was worth on a day, as the ECB writes it.

    What is said of the same day again, with another rate, corrects it."""

    source: str = "ecb"
    base_currency: str = "EUR"
    currency: str
    rate: Decimal
    as_of: date


# What can have happened.


class RatePublished(Event, stored_as="currency_rate.published.v1"):
    """One unit of `base_currency` was worth `rate` units of `currency` on a day; the last word on a day stands."""

    source: str
    base_currency: str
    currency: str
    rate: Decimal
    as_of: date


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class CurrencyRate:
    """The rates of one year, and how often one was corrected."""

    rates: Mapping[date, Decimal] = field(default_factory=empty)
    corrections: int = 0


Asked = PublishRate
Happened = RatePublished


def decide(asked: Asked, known: CurrencyRate) -> Iterator[Event]:
    must_say(asked.source, "The source", "source")
    if ":" in asked.source:
        raise Refused("The source must not hold a colon.", "source")
    must_be_currency_code(asked.base_currency, "base_currency")
    must_be_currency_code(asked.currency, "currency")
    if asked.currency == asked.base_currency:
        raise Refused("A rate is between two currencies.", "currency")
    if (wrong := fault(asked.rate, MAX_RATE)) or not asked.rate:
        raise Refused(f"The rate {wrong or 'must be more than zero'}.", "rate")
    if known.rates.get(asked.as_of) != asked.rate:
        if asked.as_of in known.rates and known.corrections >= MAX_CORRECTIONS:
            raise Refused(f"The rates of this year have been corrected {MAX_CORRECTIONS} times.", "as_of")
        yield as_asked(RatePublished, asked)


def evolve(known: CurrencyRate, event: Happened) -> CurrencyRate:
    corrections = known.corrections + (event.as_of in known.rates)
    return CurrencyRate({**known.rates, event.as_of: event.rate}, corrections)


def must_be_currency_code(code: str, field: str) -> None:
    """Refused if a currency, of today or of the past, is not written as ISO 4217 does."""
    if CURRENCY.fullmatch(code) is None:
        raise Refused("Write the currency as three capital letters, such as USD.", field)


def currency_rate_id(source: str, base_currency: str, currency: str, year: int) -> UUID:
    """The stream that holds the rates of one pair of currencies in one year, as one source published them."""
    return derived("currency_rate", source, base_currency, currency, year)


def stream(asked: Asked) -> UUID:
    """There is one stream per source, pair and year."""
    return currency_rate_id(asked.source, asked.base_currency, asked.currency, asked.as_of.year)


decider = Decider("currency_rate", Asked, Happened, CurrencyRate(), decide, evolve, stream=stream)
