"""Rules in words: a line for the terminal, and a page with a row for every policy."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from domain.predicate import Predicate, Test, TestOperator
from domain.rules import Cap, Delay, DelayUnit
from processes import POLICIES
from processes.in_words import OPERATORS, as_markdown, asking, comparing, soon, timing, what
from processes.telling import is_empty, is_true, more_than, percent, spelled
from tests.processes.defining import THANKS

PAGE = as_markdown(POLICIES)
ROWS = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]


def test_the_page_has_a_row_for_every_policy_with_what_sets_it_off() -> None:
    assert [row[0].strip() for row in ROWS] == [f"`{policy.name}`" for policy in POLICIES]
    for row, policy in zip(ROWS, POLICIES, strict=True):
        assert len(row) == 6
        assert policy.rules is not None
        assert all(f"`{each.event}`" in row[1] for each in policy.rules.triggers)
        assert row[5].strip() == policy.rules.note


def test_a_row_says_when_if_how_soon_what_and_what_takes_it_back() -> None:
    [row] = (row for row in ROWS if "`cross-sell`" in row[0])
    assert row[1:5] == [
        "`order.delivered.v1`; if of the customer not (`open_complaint` is yes)",
        "14 days",
        "SEND_MESSAGE, `cross_sell`, by EMAIL, for MARKETING",
        "`order.lines-returned.v1` if `nothing_left` is yes",
    ]
    [row] = (row for row in ROWS if "`detractor-recovery`" in row[0])
    assert row[1:5] == [
        "`invitation.responded.v1` if `csat` ≤ 2 or `nps` ≤ 6",
        "at once",
        "CALL, “Call because of a survey”, for the manager, due in 1 business day",
        "nothing",
    ]


def test_what_has_no_rules_has_no_row() -> None:
    [first, *_] = POLICIES
    assert as_markdown([replace(first, rules=None)]).count("| `") == 0
    assert what(None) == ""


@pytest.mark.parametrize(
    ("delay", "said", "line"),
    [
        (Delay(), "at once", "at once after order.placed: SEND_MESSAGE"),
        (Delay(count=3, at="10:00"), "3 days", "3 days after order.placed, at 10:00: SEND_MESSAGE"),
        (Delay(count=1, unit=DelayUnit.MONTHS), "1 month", "1 month after order.placed: SEND_MESSAGE"),
        (
            Delay(count=2, unit=DelayUnit.BUSINESS_DAYS),
            "2 business days",
            "2 business days after order.placed: SEND_MESSAGE",
        ),
        (Delay(until="it snows"), "not until it snows", "after order.placed, not until it snows: SEND_MESSAGE"),
    ],
)
def test_how_soon_is_said_in_words(delay: Delay, said: str, line: str) -> None:
    assert soon(delay) == said
    assert what(replace(THANKS, delay=delay)) == line


def test_caps_are_said_after_the_delay() -> None:
    rules = replace(THANKS, caps=(Cap(times=1, days=7), Cap(times=3, days=30)))
    assert timing(rules) == "3 days, at 10:00; at most once in 7 days; at most 3 times in 30 days"


def test_a_predicate_is_said_with_its_brackets() -> None:
    either = Predicate(some=(is_true("restricted"), is_empty("tier")))
    assert asking(either) == "`restricted` is yes or `tier` is empty"
    assert asking(Predicate(every=(more_than("orders", 2), either))) == f"`orders` > 2 and ({asking(either)})"
    assert asking(Predicate(no=(is_true("restricted"), is_empty("tier")))) == f"not ({asking(either)})"


def test_every_operator_has_words() -> None:
    assert set(OPERATORS) == set(TestOperator)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for test, said in (
        (Test(field="tier", operator=TestOperator.IN, texts=("GOLD", "SILVER")), "`tier` is one of GOLD, SILVER"),
        (Test(field="spent", operator=TestOperator.GTE, number=Decimal(0)), "`spent` ≥ 0"),
        (Test(field="restricted", operator=TestOperator.EQ, flag=False), "`restricted` is no"),
        (Test(field="since", operator=TestOperator.LT, moment=at), "`since` < 2026-01-01 00:00:00+00:00"),
    ):
        assert comparing(test) == said


def test_numbers_are_said_with_their_units() -> None:
    assert [spelled(seconds) for seconds in (60, 900, 3_600, 14_400)] == ["1 minute", "15 minutes", "1 hour", "4 hours"]
    assert [percent(Decimal(share)) for share in ("0.75", "0.125", "2")] == ["75 %", "12.5 %", "200 %"]
