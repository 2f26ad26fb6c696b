"""Wording: how days, amounts and points are written in letters, in each of our languages."""

from datetime import date
from decimal import Decimal

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
SEPARATORS = {"es": (".", ","), "en": (",", ".")}
"""What parts thousands, and what comes before decimals."""


def day_in(language: str, day: date) -> str:
    """A day: 31/12/2026 in Spanish, 31 December 2026 in English."""
    return f"{day:%d/%m/%Y}" if language == "es" else f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def number_in(language: str, number: Decimal, places: int = 0) -> str:
    """A number, rounded to so many places: 4.000,50 in Spanish, 4,000.50 in English."""
    thousands, point = SEPARATORS[language]
    return f"{number:,.{places}f}".translate({ord(","): thousands, ord("."): point})
