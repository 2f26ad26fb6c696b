"""Service in GraphQL: the board, the backlog, the queue, the contact centre and the surveys."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from api.house import House
from domain.agent_shift import AgentStatus, ChangeAgentStatus, SignInAgent
from domain.call import AnswerCall, CompleteWrapUp, EndCall, RingCall
from domain.case import AssignCase, OpenCase, RecordFirstResponse, ResolveCase
from domain.case_events import CasePriority, CaseType
from domain.case_sla import SetSlaTarget, SlaMilestone
from domain.invitation import AnswerSurvey, SendInvitation
from domain.kernel import Command, reference
from domain.values import Channel
from domain.work_item import AcceptWorkItem, QueueWorkItem
from eventstore.envelope import Request
from tests.api.conftest import Ask

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
EVA, LUIS = (reference("staff", "hr", name) for name in ("eva", "luis"))
CASES = [reference("case", "desk", str(n)) for n in range(3)]


@pytest.fixture
def does(house: House) -> Callable[..., None]:
    """Does something so many seconds after nine."""

    def do(after_s: int, *commands: Command) -> None:
        for command in commands:
            house.log.do(command, Request(occurred_at=START + timedelta(seconds=after_s)))

    return do


def case(n: int, **more: Any) -> OpenCase:
    return OpenCase(case_id=CASES[n], type=CaseType.INCIDENT, channel=Channel.EMAIL, number=f"C-{n}", **more)


def target(n: int, minutes: int, milestone: SlaMilestone = SlaMilestone.RESOLUTION) -> SetSlaTarget:
    due_at = START + timedelta(minutes=minutes)
    return SetSlaTarget(case_id=CASES[n], milestone=milestone, due_at=due_at, sla="standard", sla_version=1)


@pytest.fixture
def desk(does: Callable[..., None]) -> None:
    """Three cases: one answered, one resolved in time and one that is late."""
    first = SlaMilestone.FIRST_RESPONSE
    does(0, case(0), case(1, priority=CasePriority.HIGH), case(2), target(0, 10, first), target(0, 240), target(1, 60))
    does(0, AssignCase(case_id=CASES[0], staff_id=EVA, queue="L1"), target(2, 30))
    does(600, RecordFirstResponse(case_id=CASES[0], interaction_id=CASES[0]), ResolveCase(case_id=CASES[1]))


BOARD = """{ caseBoard(asOf: {validAt: "2026-03-02T10:00:00Z"}) {
  open overdue counts { priority cases overdue }
  cases { number queue leftS clocks { milestone state leftS used sla slaVersion } } } }"""


def test_the_board_has_the_late_case_first(desk: None, ask: Ask):
    board = ask(BOARD)["caseBoard"]
    assert (board["open"], board["overdue"]) == (2, 1)
    assert board["counts"] == [{"priority": "NORMAL", "cases": 2, "overdue": 1}]
    assert [(each["number"], each["leftS"]) for each in board["cases"]] == [("C-2", -1800), ("C-0", 10800)]
    first, resolution = board["cases"][1]["clocks"]
    assert (first["state"], first["leftS"], first["used"]) == ("MET", 0, 1.0)
    assert (resolution["state"], resolution["used"], resolution["sla"]) == ("RUNNING", 0.25, "standard")
    assert board["cases"][0]["clocks"][0]["state"] == "OVERDUE"


def test_the_board_of_a_queue_or_a_person_is_theirs(desk: None, ask: Ask):
    for chosen in ('queue: "L1"', 'staffId: "hr:eva"'):
        assert ask(f"{{ caseBoard({chosen}) {{ cases {{ number }} }} }}")["caseBoard"]["cases"] == [{"number": "C-0"}]
    assert ask("{ caseBoard(priorities: [URGENT]) { open cases { number } } }")["caseBoard"] == {"open": 0, "cases": []}
    page = "query($after: String) { caseBoard(first: 1, after: $after) { cases { number } endCursor hasNextPage } }"
    first = ask(page)["caseBoard"]
    second = ask(page, after=first["endCursor"])["caseBoard"]
    assert [each["cases"] for each in (first, second)] == [[{"number": "C-2"}], [{"number": "C-0"}]]
    assert (first["hasNextPage"], second["hasNextPage"]) == (True, False)
    assert "1 to 100" in ask("{ caseBoard(first: 0) { open } }", errors=True)[0]["message"]


def test_the_clocks_of_a_list_of_cases_are_read_at_once(
    desk: None, house: House, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    query = "{ cases(orderBy: [{field: NUMBER}]) { nodes { number slaClocks { milestone state } } } }"
    found = ask(query)["cases"]["nodes"]
    assert [len(each["slaClocks"]) for each in found] == [2, 1, 1]
    assert found[1]["slaClocks"][0]["state"] == "MET"
    said: list[str] = []
    execute = psycopg.Cursor.execute

    def count(self: Any, query: Any, *args: Any, **words: Any) -> Any:
        said.append(str(query))
        return execute(self, query, *args, **words)

    monkeypatch.setattr(psycopg.Cursor, "execute", count)
    ask(query)
    assert sum("case_slas" in each for each in said) == 1


def test_the_backlog_is_told_of_now_of_a_moment_and_of_every_day(desk: None, ask: Ask):
    assert ask("{ backlog { figures { open } } }")["backlog"]["figures"] == [{"open": 2}]
    then = ask('{ backlog(asOf: {validAt: "2026-03-02T09:05:00Z"}, by: [QUEUE]) { figures { open of { queue } } } }')
    assert then["backlog"]["figures"] == [{"open": 1, "of": {"queue": "L1"}}, {"open": 2, "of": {"queue": None}}]
    days = """{ backlog(from: "2026-03-01", to: "2026-03-02", granularity: DAY) { timeZone figures { at open } } }"""
    assert ask(days)["backlog"] == {
        "timeZone": "Europe/Madrid",
        "figures": [{"at": "2026-03-01T23:00:00Z", "open": 0}, {"at": "2026-03-02T23:00:00Z", "open": 2}],
    }
    assert "neither" in ask('{ backlog(from: "2026-03-01") { position } }', errors=True)[0]["message"]


def test_times_and_attainment_are_told_by_period(desk: None, ask: Ask):
    query = """{
      caseTimes(from: "2026-03-01", to: "2026-03-31", calendar: "office") { calendar figures { opened resolved
        firstResponse { count medianS } resolution { medianS } resolutionV2 { medianS } reopenRate reopenRateV2 } }
      slaAttainment(from: "2026-03-01", to: "2026-03-31") { figures { milestone sla slaVersion decided met attainment } } }"""
    found = ask(query)
    assert found["caseTimes"]["calendar"] == "office"
    assert found["caseTimes"]["figures"] == [
        {
            "opened": 3, "resolved": 1, "firstResponse": {"count": 1, "medianS": 600.0}, "resolution": {"medianS": 600.0},
            "resolutionV2": {"medianS": 600.0}, "reopenRate": 0.0, "reopenRateV2": 0.0,
        }
    ]  # fmt: skip
    assert [(each["milestone"], each["decided"], each["met"]) for each in found["slaAttainment"]["figures"]] == [
        ("FIRST_RESPONSE", 1, 1), ("RESOLUTION", 3, 1),
    ]  # fmt: skip


def item(name: str, channel: Channel, score: int, **factors: int) -> QueueWorkItem:
    id = reference("work_item", "acd", name)
    return QueueWorkItem(work_item_id=id, channel=channel, queue="L1", score=score, factors=factors)


QUEUE = """query($at: DateTime, $first: Int = 10) { queue(queue: "L1", at: $at, first: $first) { waiting longestWaitS
  items { place workItemId channel score waitedS factors { name points } }
  channels { channel waiting longestWaitS } agents { status agents } } }"""


def test_one_queue_for_every_channel_is_in_the_order_of_scores_that_are_explained(does: Callable[..., None], ask: Ask):
    does(0, item("mail", Channel.EMAIL, 300, priority=300), item("fax", Channel.FAX, 300, priority=200, tier=60))
    does(
        0,
        SignInAgent(agent_shift_id=EVA, staff_id=EVA, queues=("L1",)),
        SignInAgent(agent_shift_id=LUIS, staff_id=LUIS),
    )
    does(300, item("chat", Channel.CHAT, 280, priority=200, tier=80), item("call", Channel.PHONE, 200, priority=200))
    does(400, ChangeAgentStatus(agent_shift_id=LUIS, status=AgentStatus.BREAK))
    queue = ask(QUEUE, at=(START + timedelta(seconds=1800)).isoformat())["queue"]
    assert (queue["waiting"], queue["longestWaitS"]) == (4, 1800)
    # 1500 s of a call are 150 points, of a chat 25; 1800 s of mail and fax are 3.
    assert [(each["channel"], each["score"], each["waitedS"]) for each in queue["items"][:2]] == [
        ("PHONE", 350, 1500), ("CHAT", 305, 1500),
    ]  # fmt: skip
    assert [each["place"] for each in queue["items"]] == [1, 2, 3, 4]
    equal = queue["items"][2:]  # these two have waited as long as one another, with the same score
    assert sorted((each["channel"], each["score"], each["waitedS"]) for each in equal) == [
        ("EMAIL", 303, 1800), ("FAX", 303, 1800),
    ]  # fmt: skip
    for each in queue["items"]:
        assert sum(factor["points"] for factor in each["factors"]) == each["score"]
    fax = next(each for each in queue["items"] if each["channel"] == "FAX")
    assert fax["factors"] == [
        {"name": "priority", "points": 200}, {"name": "tier", "points": 60}, {"name": "other", "points": 40},
        {"name": "wait", "points": 3},
    ]  # fmt: skip
    assert queue["agents"] == [{"status": "AVAILABLE", "agents": 1}, {"status": "BREAK", "agents": 1}]
    assert [(each["channel"], each["waiting"]) for each in queue["channels"]] == [
        ("CHAT", 1), ("EMAIL", 1), ("FAX", 1), ("PHONE", 1),
    ]  # fmt: skip
    assert len(ask(QUEUE, first=1)["queue"]["items"]) == 1


def test_the_queue_of_a_moment_is_what_waited_then(does: Callable[..., None], ask: Ask):
    does(0, item("a", Channel.PHONE, 1))
    does(60, item("b", Channel.PHONE, 1), AcceptWorkItem(work_item_id=reference("work_item", "acd", "a"), staff_id=EVA))
    found = [
        ask(QUEUE, at=(START + timedelta(seconds=after)).isoformat())["queue"]["waiting"] for after in (-1, 30, 60, 90)
    ]
    assert found == [0, 1, 1, 1]
    both = '{ queue(at: "2026-03-02T09:00:00Z", asOf: {position: "1"}) { waiting } }'
    assert "either" in ask(both, errors=True)[0]["message"]


def test_the_contact_centre_shows_an_answer_time_that_falls(does: Callable[..., None], ask: Ask):
    for n, (minute, waits) in enumerate([(0, 90), (5, 90), (15, 42), (20, 4)]):
        call = reference("call", "pbx", str(n))
        does(60 * minute, RingCall(call_id=call, queue="L1"))
        does(60 * minute + waits, AnswerCall(call_id=call, staff_id=EVA))
        does(60 * minute + waits + 100, EndCall(call_id=call))
        if n:
            does(60 * minute + waits + 130, CompleteWrapUp(call_id=call, disposition="DONE"))
    does(600, RingCall(call_id=EVA, queue="L1"), EndCall(call_id=EVA, waited_s=3))
    query = """{ contactCentre(from: "2026-03-02T09:00:00Z", to: "2026-03-02T09:30:00Z", by: [QUEUE]) { intervalS timeZone
      figures { start queue offered answered abandoned abandonedShort asaS ahtS serviceLevel serviceLevelV2 abandonRate } } }"""
    first, second = ask(query)["contactCentre"]["figures"]
    assert (first["offered"], first["answered"], first["abandonedShort"], first["asaS"]) == (3, 2, 1, 90.0)
    assert (second["offered"], second["asaS"], second["serviceLevel"]) == (2, 23.0, 0.5)
    assert (first["serviceLevel"], first["serviceLevelV2"], first["abandonRate"]) == (0.0, 0.0, 1 / 3)
    assert (first["ahtS"], second["ahtS"]) == (115.0, 130.0)
    plan = """{ staffingPlan(from: "2026-03-02T09:00:00Z", to: "2026-03-02T09:45:00Z", queue: "L1") {
      volume { contacts ahtS } staffing { agents serviceLevel } } }"""
    quarters = ask(plan)["staffingPlan"]
    assert [(each["volume"]["contacts"], each["volume"]["ahtS"]) for each in quarters] == [
        (3, 115.0), (2, 130.0), (0, 122.5),
    ]  # fmt: skip
    assert [each["staffing"] and each["staffing"]["agents"] for each in quarters] == [2, 2, None]
    assert all(each["staffing"] is None or each["staffing"]["serviceLevel"] >= 0.8 for each in quarters)
    later = '{ contactCentre(from: "2026-03-02T09:00:00Z", to: "2026-03-02T09:30:00Z", intervalS: 100) { position } }'
    assert "multiple of 900" in ask(later, errors=True)[0]["message"]


def test_calls_that_are_not_written_up_are_told_by_agent(does: Callable[..., None], ask: Ask):
    for n, staff in enumerate([EVA, EVA, LUIS, LUIS]):
        call = reference("call", "pbx", str(n))
        does(n, RingCall(call_id=call), AnswerCall(call_id=call, staff_id=staff), EndCall(call_id=call))
        if n == 1:
            does(n, CompleteWrapUp(call_id=call, disposition="DONE"))
    query = """{ undocumentedCalls(from: "2026-03-02T09:00:00Z", to: "2026-03-02T10:00:00Z") {
      agents { staffId ended undocumented rate } } }"""
    luis, eva = ask(query)["undocumentedCalls"]["agents"]
    assert luis == {"staffId": str(LUIS), "ended": 2, "undocumented": 2, "rate": 1.0}
    assert eva == {"staffId": str(EVA), "ended": 2, "undocumented": 1, "rate": 0.5}


def test_what_customers_answer_is_told_with_their_words(does: Callable[..., None], ask: Ask):
    for n, nps in enumerate([10, 9, 3]):
        id = reference("invitation", "forms", str(n))
        does(0, SendInvitation(
            invitation_id=id, customer_id=reference("customer", "shop", str(n)), survey="post-purchase", version=1,
            channel=Channel.EMAIL, language="es", follow_up_id=id,
        ))  # fmt: skip
        does(60, AnswerSurvey(invitation_id=id, csat=5, nps=nps, comment="¡Bien!"))
    query = """{ surveyResults(from: "2026-03-01", to: "2026-03-31", by: [CHANNEL]) {
      figures { of { channel } sent responseRate csat nps npsError } }
      invitations(first: 1) { nodes { comment csat } } }"""
    found = ask(query)
    (figure,) = found["surveyResults"]["figures"]
    assert (figure["sent"], figure["responseRate"], figure["csat"]) == (3, 1.0, 1.0)
    assert figure["nps"] == pytest.approx(1 / 3)
    assert found["invitations"]["nodes"] == [{"comment": "¡Bien!", "csat": 5}]
