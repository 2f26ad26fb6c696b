"""Stock."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from domain.kernel import derived
from domain.stock import MAX_REPORTS, ReportStock, StockReported, decider, stock_id
from tests.domain.scenario import but, given

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
REPORT = ReportStock(sku="A", site="MAD", on_hand=7, as_of=NOON, reserved=2)
REPORTED = StockReported(sku="A", site="MAD", on_hand=7, as_of=NOON, reserved=2)


def test_stock_is_reported_once_for_each_moment() -> None:
    given(decider).when(REPORT).then(REPORTED)
    given(decider, REPORTED).when(REPORT).then_nothing()
    given(decider, REPORTED).when(but(REPORT, as_of=NOON.astimezone(timezone(timedelta(hours=1))))).then_nothing()


def test_the_same_number_at_another_moment_is_another_fact() -> None:
    later, earlier = NOON + timedelta(hours=1), NOON - timedelta(hours=1)
    for moment in (later, earlier):
        other = StockReported(sku="A", site="MAD", on_hand=7, as_of=moment, reserved=2)
        given(decider, REPORTED).when(but(REPORT, as_of=moment)).then(other)
        given(decider, REPORTED, other).when(but(REPORT, as_of=moment)).then_nothing()
        given(decider, REPORTED, other).when(REPORT).then_nothing()


@pytest.mark.parametrize("changes", [{"on_hand": 8}, {"reserved": None}, {"on_hand": 0}, {"on_hand": -(10**9)}])
def test_the_last_word_on_a_moment_counts(changes: dict[str, Any]) -> None:
    corrected = but(REPORT, **changes)
    event = StockReported(sku="A", site="MAD", on_hand=corrected.on_hand, as_of=NOON, reserved=corrected.reserved)
    given(decider, REPORTED).when(corrected).then(event)
    given(decider, REPORTED, event).when(corrected).then_nothing()
    given(decider, REPORTED, event).when(REPORT).then(REPORTED)


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"sku": " "}, "The sku must not be blank.", "sku"),
        ({"site": ""}, "The site must not be blank.", "site"),
        ({"site": "M:1"}, "The code of a site has no colon.", "site"),
        ({"on_hand": 10**9 + 1}, "The on hand must be from -1000000000 to 1000000000.", "on_hand"),
        ({"on_hand": -(10**9) - 1}, "The on hand must be from -1000000000 to 1000000000.", "on_hand"),
        ({"reserved": -1}, "The reserved must be from 0 to 1000000000.", "reserved"),
        (
            {"as_of": NOON.replace(tzinfo=None)},
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "as_of",
        ),
    ],
)
def test_a_report_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(REPORT, **changes)).refused(sentence, field)


def test_a_month_has_so_many_reports_and_each_can_still_be_corrected() -> None:
    many = [
        StockReported(sku="A", site="MAD", on_hand=1, as_of=NOON + timedelta(minutes=n), reserved=None)
        for n in range(MAX_REPORTS)
    ]
    given(decider, *many).when(but(REPORT, as_of=NOON - timedelta(hours=1))).refused(
        f"This has been reported for {MAX_REPORTS} moments of the month. Report it hourly.", "as_of"
    )
    given(decider, *many).when(REPORT).then(REPORTED)


@pytest.mark.parametrize(
    ("as_of", "month"),
    [
        (NOON, "2026-01"),
        (datetime(2026, 1, 31, 23, tzinfo=timezone(timedelta(hours=-5))), "2026-02"),
        (datetime(2026, 2, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))), "2026-01"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "0001-01"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), "9999-12"),
        (NOON.replace(tzinfo=None), "2026-01"),
    ],
)
def test_there_is_one_stream_per_article_place_and_month(as_of: datetime, month: str) -> None:
    asked = but(REPORT, as_of=as_of)
    assert decider.stream_of(asked) == stock_id("A", "MAD", as_of) == derived("stock", "A", "MAD", month)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine is in Tokyo."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_where_the_machine_is_makes_no_difference() -> None:
    midnight = datetime(2026, 2, 1, tzinfo=UTC)
    for as_of in (midnight, midnight.replace(tzinfo=None)):
        assert stock_id("A", "MAD", as_of) == derived("stock", "A", "MAD", "2026-02")
