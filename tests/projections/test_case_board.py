"""The board of cases goes on where a page ended, whatever happens between two pages."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from domain import DECIDERS
from domain.case import OpenCase, WaitOnCustomer
from domain.case_events import CaseType
from domain.case_sla import SetSlaTarget, SlaMilestone
from domain.kernel import Command, Refused, reference
from domain.values import Channel
from eventstore.database import open_pool
from eventstore.envelope import Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from projections.cursors import cursor_of
from projections.engine import Engine
from projections.lists import Lists
from projections.service import case_slas, cases
from projections.service.case_board import AT, ORDER, case_board
from tests.conftest import KEK

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATE, WAITING, NEXT, UNCLOCKED, MORE = CASES = [reference("case", "desk", str(n)) for n in range(5)]
Does = Callable[..., None]


@pytest.fixture
def lists(new_database: Callable[[], str]) -> Iterator[Lists]:
    with open_pool(new_database()) as pool:
        yield Lists(Log(pool, DECIDERS, KeyRing(pool, KEK)), pool)


@pytest.fixture
def does(lists: Lists) -> Does:
    """Does something so many minutes after nine, and folds it in."""
    engine = Engine(lists.log, lists.pool, (cases.view, case_slas.view))
    engine.prepare()

    def do(minutes: int, *commands: Command) -> None:
        for command in commands:
            lists.log.do(command, Request(occurred_at=START + timedelta(minutes=minutes)))
        engine.catch_up()

    return do


def due(n: int, minutes: int) -> SetSlaTarget:
    at = START + timedelta(minutes=minutes)
    return SetSlaTarget(case_id=CASES[n], milestone=SlaMilestone.RESOLUTION, due_at=at, sla="standard", sla_version=1)


def opened(n: int) -> OpenCase:
    return OpenCase(case_id=CASES[n], type=CaseType.INCIDENT, channel=Channel.EMAIL)


def test_the_pages_of_a_board_are_disjoint_and_complete_while_cases_come_and_time_passes(
    lists: Lists, does: Does
) -> None:
    does(0, *map(opened, range(4)), due(0, 30), due(1, 60), due(2, 90))
    does(1, WaitOnCustomer(case_id=WAITING, reason="an answer"))
    now = START + timedelta(minutes=5)
    page = case_board(lists, first=1, now=now)
    seen = [each.case_id for each in page.cases]
    does(5, opened(4), due(4, 10))
    for _ in range(3):
        page = case_board(lists, first=1, after=page.end_cursor, now=now + timedelta(hours=1))
        seen += [each.case_id for each in page.cases]
        assert page.at == now
    assert not page.has_next_page
    assert seen == [LATE, WAITING, NEXT, UNCLOCKED]
    whole = [each.case_id for each in case_board(lists, now=now + timedelta(hours=1)).cases]
    assert whole == [MORE, LATE, NEXT, WAITING, UNCLOCKED]


@pytest.mark.parametrize(
    "values", [["soon", "false", "0", "infinity", None], [START.isoformat(), "false", "x", "y", "z"]]
)
def test_a_cursor_of_no_board_is_refused(lists: Lists, does: Does, values: list[str | None]) -> None:
    for cursor in ("x", cursor_of(values, (AT, *ORDER))):
        with pytest.raises(Refused):
            case_board(lists, after=cursor)
