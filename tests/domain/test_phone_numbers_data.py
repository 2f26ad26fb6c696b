import csv
from pathlib import Path

import pytest

from domain.kernel import Refused
from domain.values import PhoneNumber

DATA = Path(__file__).parents[3] / "shared/data/phone_numbers/phone_examples.csv"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the phone numbers are not part of the repository")


def examples() -> list[dict[str, str]]:
    with DATA.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def normal(text: str, region: str) -> str | None:
    try:
        return PhoneNumber.parse(text, region).normal
    except Refused:
        return None


def test_every_valid_number_is_the_same_however_it_is_written() -> None:
    valid = [row for row in examples() if row["valid"] == "1"]
    assert len(valid) == 1_145
    wrong = [
        (row["region"], form, row[form])
        for row in valid
        for form, region in (("national", row["region"]), ("international", "ES"), ("rfc3966", "ES"), ("e164", "ES"))
        if normal(row[form], region) != row["e164"]
    ]
    assert wrong == []


def test_what_can_be_no_number_is_refused_and_only_that() -> None:
    wrong = [
        (row["region"], row["national"])
        for row in examples()
        if (normal(row["national"], row["region"]) is not None) != (row["possible"] == "1")
    ]
    assert wrong == []
