"""What stands on the sheet of a case."""

from datetime import UTC, datetime, timedelta

from domain.case import (
    AssignCase,
    CaseStatus,
    ChangeCasePriority,
    ClassifyCase,
    CloseCase,
    EscalateCase,
    IdentifyCaseCustomer,
    OpenCase,
    RecordCustomerReply,
    RecordFirstResponse,
    ReopenCase,
    ResolveCase,
    ResumeCase,
    WaitOnCustomer,
)
from domain.case_events import CasePriority, CaseType
from domain.kernel import Command, derived
from domain.values import Channel
from eventstore.envelope import Request
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from projections.service import cases
from projections.service.cases import CaseSheet
from tests.conftest import House

ID, ANA, LUIS, EVA, TEAM, MAIL, ARTICLE = (
    derived(noun, 1) for noun in ("case", "customer", "luis", "staff", "team", "mail", "article")
)
DAY = datetime(2026, 3, 1, tzinfo=UTC)
OPEN = OpenCase(
    case_id=ID, customer_id=ANA, type=CaseType.QUESTION, channel=Channel.EMAIL, subject="It leaks", number="C-1",
    category="WATER", product="ROOF",
)  # fmt: skip


def day(n: int) -> datetime:
    return DAY + n * timedelta(days=1)


def sheet(house: House, *commands: Command) -> CaseSheet:
    """The sheet after all of this was asked, a day after the other from the first of March on."""
    for n, command in enumerate(commands):
        house.log.do(command, Request(occurred_at=day(n)))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool).get(cases.view, [ID])[ID]


def test_what_is_opened_stands_there_without_its_words(house: House) -> None:
    row = sheet(house, OPEN)
    assert (row.customer_id, row.number, row.type, row.priority) == (ANA, "C-1", CaseType.QUESTION, CasePriority.NORMAL)
    assert (row.status, row.channel, row.category, row.product, row.opened_at) == (
        CaseStatus.OPEN, Channel.EMAIL, "WATER", "ROOF", DAY,
    )  # fmt: skip
    assert "leaks" not in repr(row)


def test_what_becomes_clearer_replaces_what_had_been_thought_and_nothing_else(house: House) -> None:
    row = sheet(
        house, OPEN, ClassifyCase(case_id=ID, type=CaseType.INCIDENT, seriousness="S1"),
        ChangeCasePriority(case_id=ID, priority=CasePriority.URGENT), IdentifyCaseCustomer(case_id=ID, customer_id=LUIS),
        AssignCase(case_id=ID, staff_id=EVA, team_id=TEAM, queue="L2"),
    )  # fmt: skip
    assert (row.type, row.category, row.seriousness, row.priority) == (
        CaseType.INCIDENT, "WATER", "S1", CasePriority.URGENT,
    )  # fmt: skip
    assert (row.customer_id, row.staff_id, row.team_id, row.queue) == (LUIS, EVA, TEAM, "L2")
    assert sheet(house, AssignCase(case_id=ID, queue="L1")).staff_id is None


def test_a_case_waits_for_an_answer_and_goes_on_with_it(house: House) -> None:
    waiting = sheet(house, OPEN, RecordFirstResponse(case_id=ID, interaction_id=MAIL), WaitOnCustomer(case_id=ID))
    assert (waiting.status, waiting.waiting_since, waiting.first_response_at) == (CaseStatus.WAITING, day(2), day(1))
    row = sheet(house, RecordCustomerReply(case_id=ID, interaction_id=MAIL))
    assert (row.status, row.waiting_since, row.replies, row.last_reply_at) == (CaseStatus.OPEN, None, 1, day(0))
    assert sheet(house, WaitOnCustomer(case_id=ID), ResumeCase(case_id=ID)).status is CaseStatus.OPEN


def test_a_case_ends_by_a_resolution_and_is_closed(house: House) -> None:
    row = sheet(
        house, OPEN, EscalateCase(case_id=ID, level=2), ResolveCase(case_id=ID, article_id=ARTICLE, code="FIXED"),
        CloseCase(case_id=ID, reason="SOLVED"),
    )  # fmt: skip
    assert (row.status, row.escalation, row.escalated_at) == (CaseStatus.CLOSED, 2, day(1))
    assert (row.resolved_at, row.resolution_code, row.article_id) == (day(2), "FIXED", ARTICLE)
    assert (row.closed_at, row.closed_because) == (day(3), "SOLVED")


def test_a_case_that_is_taken_up_again_begins_anew_and_remembers_its_first_response(house: House) -> None:
    row = sheet(
        house, OPEN, RecordFirstResponse(case_id=ID, interaction_id=MAIL), EscalateCase(case_id=ID, level=1),
        ResolveCase(case_id=ID, code="FIXED"), CloseCase(case_id=ID, reason="SOLVED"), ReopenCase(case_id=ID),
    )  # fmt: skip
    assert (row.status, row.reopened, row.escalation, row.escalated_at) == (CaseStatus.OPEN, 1, 0, None)
    assert (row.resolved_at, row.resolution_code, row.closed_at, row.closed_because) == (None, None, None, None)
    assert (row.first_response_at, row.responded_at) == (day(1), None)
    again = sheet(house, RecordFirstResponse(case_id=ID, interaction_id=ARTICLE))
    assert (again.first_response_at, again.responded_at) == (day(1), day(0))
