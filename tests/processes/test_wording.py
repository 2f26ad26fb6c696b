"""How days and numbers are written in letters."""

from datetime import date
from decimal import Decimal

import pytest

from processes.wording import day_in, number_in


@pytest.mark.parametrize(("language", "written"), [("es", "05/01/2026"), ("en", "5 January 2026")])
def test_a_day(language: str, written: str) -> None:
    assert day_in(language, date(2026, 1, 5)) == written


@pytest.mark.parametrize(
    ("number", "places", "es", "en"),
    [("1234567.891", 2, "1.234.567,89", "1,234,567.89"), ("999.5", 0, "1.000", "1,000"), ("-3", 1, "-3,0", "-3.0")],
)
def test_a_number(number: str, places: int, es: str, en: str) -> None:
    assert (number_in("es", Decimal(number), places), number_in("en", Decimal(number), places)) == (es, en)
