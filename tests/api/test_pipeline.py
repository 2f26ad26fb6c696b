"""The pipeline and the forecast as GraphQL: the questions of those who sell, in one query each."""

import pytest

from api.house import House
from api.schema import execute
from domain.kernel import reference
from tests.api.conftest import REGISTER, Ask
from tests.api.test_statements import counting

OPEN = "mutation($input: OpenOpportunityInput!, $at: DateTime) { openOpportunity(input: $input, occurredAt: $at) { ...R } }"
WIN = (
    "mutation($input: WinOpportunityInput!, $at: DateTime) { winOpportunity(input: $input, occurredAt: $at) { ...R } }"
)
MOVE = """mutation($input: ChangeOpportunityStageInput!, $at: DateTime) {
  changeOpportunityStage(input: $input, occurredAt: $at) { ...R }
}"""


@pytest.fixture
def sold(ask: Ask) -> None:
    """Ana of the north may buy six roofs, and bought the first; the second is a proposal."""
    ask(REGISTER, input={"customerId": "shop:ana", "name": "Ana", "territory": "NORTH"})
    for n in range(1, 7):
        told = {
            "opportunityId": f"crm:{n}",
            "customerId": "shop:ana",
            "name": f"Roof {n}",
            "amount": str(n * 100),
            "staffId": "hr:eva" if n < 3 else "hr:leo",
            "product": "ROOF",
            "closeOn": f"2026-0{n}-15",
        }
        ask(OPEN, input=told, at="2026-01-02T10:00:00Z")
    ask(WIN, input={"opportunityId": "crm:1", "amount": "90"}, at="2026-01-12T10:00:00Z")
    ask(MOVE, input={"opportunityId": "crm:2", "stage": "PROPOSAL"}, at="2026-01-06T10:00:00Z")


def test_the_board_is_grouped_and_filtered(sold: None, ask: Ask) -> None:
    query = """query($filter: OpportunityScope, $asOf: AsOf) {
      pipeline(groupBy: [OWNER, STAGE], filter: $filter, asOf: $asOf) {
        currency elsewhere position total { opportunities amount weighted calibrated withoutAmount }
        groups { keys total { amount weighted } } records { stage outcomes won calibrated }
      }
    }"""
    found = ask(query)["pipeline"]
    assert (found["currency"], found["elsewhere"]) == ("EUR", 0)
    eva, leo = (str(reference("staff", "hr", name)) for name in ("eva", "leo"))
    assert {tuple(group["keys"]): group["total"]["weighted"] for group in found["groups"]} == {
        (eva, "PROPOSAL"): "100.00",
        (leo, "PROSPECTING"): "180.00",
    }
    assert found["total"]["amount"] == "2000"
    assert found["records"] == [{"stage": "PROSPECTING", "outcomes": 1, "won": 1, "calibrated": None}]
    only = ask(query, filter={"staffIds": ["hr:eva"], "territories": ["NORTH"], "closeTo": "2026-02-28"})["pipeline"]
    assert only["total"]["amount"] == "200"
    assert ask(query, filter={"territories": ["SOUTH"]})["pipeline"]["groups"] == []
    assert ask(query, asOf={"validAt": "2026-01-02T12:00:00Z"})["pipeline"]["total"]["amount"] == "2100"


def test_the_waterfall_shows_the_changes_behind_its_parts(sold: None, ask: Ask) -> None:
    query = """{ pipelineWaterfall(from: {validAt: "2026-01-03T00:00:00Z"}) {
      opening { amount } closing { amount } parts { kind net amount worth }
      steps(kinds: [WON], first: 5) { kind position worth opportunity { name status customer { name } } }
    } }"""
    found = ask(query)["pipelineWaterfall"]
    assert (found["opening"]["amount"], found["closing"]["amount"]) == ("2100", "2000")
    assert found["parts"][0] == {"kind": "WON", "net": -1, "amount": "-100", "worth": "90"}
    (step,) = found["steps"]
    assert step["opportunity"] == {"name": "Roof 1", "status": "WON", "customer": {"name": "Ana"}}


def test_wins_funnel_velocity_and_what_is_stale(sold: None, ask: Ask) -> None:
    found = ask("""{
      winLoss(groupBy: [PRODUCT], from: "2026-01-01", to: "2026-01-31") {
        total { won winRate meanDaysWon } groups { keys total { wonAmount } }
      }
      pipelineFunnel { stages { stage entered advanced conversion waiting medianDays } }
      pipelineVelocity(days: 3000) { opportunities winRate meanAmount meanDays perDay }
      staleOpportunities(first: 1) { totalCount hasNextPage endCursor nodes { reasons opportunity { name } } }
    }""")
    assert found["winLoss"] == {
        "total": {"won": 1, "winRate": "1.000000", "meanDaysWon": "10.000000"},
        "groups": [{"keys": ["ROOF"], "total": {"wonAmount": "90"}}],
    }
    assert [stage["entered"] for stage in found["pipelineFunnel"]["stages"]] == [6, 1]
    assert found["pipelineVelocity"]["perDay"] == "45.000000"
    stale = found["staleOpportunities"]
    assert (stale["totalCount"], stale["nodes"][0]["opportunity"]["name"]) == (5, "Roof 6")
    rest = ask(
        "query($after: String) { staleOpportunities(after: $after) { hasNextPage nodes { opportunity { name } } } }",
        after=stale["endCursor"],
    )
    assert [node["opportunity"]["name"][-1] for node in rest["staleOpportunities"]["nodes"]] == ["5", "4", "3", "2"]


def test_the_forecast_and_how_good_it_was(sold: None, ask: Ask) -> None:
    found = ask("""{
      forecast(from: "2026-01-01", to: "2026-03-31", groupBy: [TERRITORY], quotas: [{period: "2026-01-01", amount: "180",
               key: "NORTH"}]) {
        timeZone lines { period keys quota attainment total { closed pipeline weighted won open } }
        leftOut { overdue undated }
      }
      forecastBacktest(from: "2026-01-01", to: "2026-01-31", daysBefore: [29]) {
        brier errors { method mape } deciles { from to said came count }
        days { period lookedAt actual opportunities decided scores { method forecast error } }
      }
    }""")
    first, second, third = found["forecast"]["lines"]
    assert (first["keys"], first["attainment"], first["total"]["closed"]) == (["NORTH"], "0.500000", "90")
    assert (second["total"]["weighted"], third["total"]["pipeline"]) == ("100.00", "300")
    (day,) = found["forecastBacktest"]["days"]
    assert (day["period"], day["actual"], day["lookedAt"]) == ("2026-01-01", "90", "2026-01-02T23:00:00Z")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ('pipeline(filter: {currency: "XXY"}) { position }', "filter.currency"),
        ('pipeline(filter: {staffIds: ["eva"]}) { position }', "filter.staffIds"),
        ('pipeline(filter: {products: ["a\\u0000"]}) { position }', "filter.products"),
        ("pipelineWaterfall(from: {position: 2}, to: {position: 1}) { position }", "to"),
        ('forecast(from: "2026-02-01", to: "2026-01-01") { position }', "to"),
        ('forecastBacktest(from: "2026-01-01", to: "2026-01-01", daysBefore: [-1]) { position }', "daysBefore"),
        ('winLoss(timeZone: "Mars") { position }', "timeZone"),
        ("staleOpportunities(first: 101) { totalCount }", "first"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_the_name_of_its_field(ask: Ask, asked: str, field: str) -> None:
    (error,) = ask(f"{{ {asked} }}", errors=True)
    assert error["extensions"]["code"] in ("BAD_REQUEST", "TOO_LARGE")
    assert field.rpartition(".")[2] in str(error["extensions"]) + error["message"]


RELATED = (
    "{ pipelineWaterfall(from: {position: 1}) { steps(first: N) { opportunity { name customer { name } } } } }",
    "{ staleOpportunities(first: N) { nodes { opportunity { name customer { name } } } } }",
    "{ transitions(first: N) { nodes { kind opportunity { name } customer { name } } } }",
)


def test_more_opportunities_do_not_take_more_statements(
    sold: None, house: House, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.engine.catch_up()
    for query in RELATED:
        used: list[int] = []
        for rows in (2, 6):
            with counting(monkeypatch) as statements:
                assert "errors" not in execute(house, query.replace("N", str(rows)))
            used.append(len(statements))
        assert (query, used[0]) == (query, used[1])
