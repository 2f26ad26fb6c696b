"""Policies over GraphQL: defined, activated, seen, and what they send; and why what makes no sense is refused."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api.house import House
from domain.customer import RegisterCustomer
from domain.kernel import reference
from domain.order import OrderLine, PlaceOrder
from eventstore.envelope import Request
from processes import POLICIES
from processes.letters import Stationery
from processes.transports import MaildirTransport
from processes.worker import Worker
from tests.api.conftest import ORDER, REGISTER, Ask

DEFINE = "mutation($input: DefinePolicyInput!) { definePolicy(input: $input) { ...R } }"
ACTIVATE = "mutation($id: Ref!) { activatePolicy(input: { policyId: $id }) { ...R } }"
PAUSE = 'mutation($id: Ref!) { pausePolicy(input: { policyId: $id, reason: "Too many" }) { ...R } }'
THANKS = {
    "policyId": "bitacora:thanks",
    "key": "thanks",
    "rules": {
        "triggers": {
            "event": "order.placed.v1",
            "when": {"test": {"field": "total.base", "operator": "GTE", "number": "20"}},
        },
        "conditions": {"test": {"field": "language", "operator": "EQ", "text": "es"}},
        "delay": {"count": 3, "at": "10:00"},
        "action": {
            "kind": "SEND_MESSAGE",
            "channel": "EMAIL",
            "purpose": "SERVICE",
            "words": {"language": "es", "subject": "Gracias", "text": "Gracias por su compra."},
        },
        "cancelledBy": {"event": "order.cancelled.v1"},
    },
}
POLICIES_SEEN = """{ policies(first: 100) { nodes {
  policy version status builtIn reason since sincePosition activeFromPosition
  rules { triggers { event when { test { field number } } } delay { count unit at quietHours until } note
          action { kind words { subject } survey } caps { times days } cancelledBy { event } }
} } }"""
LEDGER = "{ followUps(first: 10) { nodes { policy policyVersion status reason about } } }"


@pytest.fixture
def worker(house: House, tmp_path: Path) -> Worker:
    """A worker of the house, whose time is that of `at`."""
    stationery = Stationery(sender="crm@shop.test", company="La Tienda", base_url="https://shop.test", secret=bytes(32))
    return Worker(house.log, house.engine, POLICIES, MaildirTransport(tmp_path / "mail"), stationery)


def until(worker: Worker, at: str) -> None:
    worker._now = lambda: datetime.fromisoformat(at).replace(tzinfo=UTC)
    worker.run()


def test_a_policy_that_somebody_defines_sends_a_mail_days_later(ask: Ask, worker: Worker, tmp_path: Path) -> None:
    until(worker, "2026-01-01T12:00")
    [defined] = ask(DEFINE, input=THANKS)["definePolicy"]["events"]
    assert (defined["type"], defined["version"]) == ("policy.defined.v1", 1)
    assert ask(DEFINE, input=THANKS)["definePolicy"]["events"] == []
    ask(ACTIVATE, id="bitacora:thanks")
    ask(REGISTER, input={"customerId": "shop:ana", "name": "Ana", "email": "ana@shop.test"})
    for key, price in (("small", "5.00"), ("large", "25.00")):
        placed = {
            "orderId": f"shop:{key}",
            "customerId": "shop:ana",
            "lines": [{"sku": "a", "quantity": 1, "unitPrice": price}],
        }
        ask(ORDER, input=placed, at="2026-01-10T12:00:00Z")
    until(worker, "2026-01-13T08:59")
    assert list((tmp_path / "mail").glob("new/*")) == []
    until(worker, "2026-01-13T09:00")
    [mail] = (tmp_path / "mail").glob("new/*")
    assert b"Subject: Gracias" in mail.read_bytes()
    rows = [row for row in ask(LEDGER)["followUps"]["nodes"] if row["policy"] == "thanks"]
    assert [(row["status"], row["policyVersion"]) for row in rows] == [("DELIVERED", 1)]


def test_all_policies_are_seen_with_their_rules(ask: Ask, worker: Worker) -> None:
    until(worker, "2026-01-01T12:00")
    ask(DEFINE, input=THANKS)
    defined = seen(ask)["thanks"]
    assert (defined["status"], defined["version"], defined["builtIn"], defined["activeFromPosition"]) == (
        "DEFINED", 1, False, None,
    )  # fmt: skip
    ask(ACTIVATE, id="bitacora:thanks")
    active = seen(ask)["thanks"]
    ask(PAUSE, id="bitacora:thanks")
    paused = seen(ask)["thanks"]
    assert (active["status"], paused["status"], paused["reason"]) == ("ACTIVE", "PAUSED", "Too many")
    assert active["activeFromPosition"] == active["sincePosition"] == paused["activeFromPosition"]
    ask(ACTIVATE, id="bitacora:thanks")
    assert seen(ask)["thanks"]["activeFromPosition"] == active["activeFromPosition"]
    assert paused["rules"] == {
        "triggers": [{"event": "order.placed.v1", "when": {"test": {"field": "total.base", "number": "20"}}}],
        "delay": {"count": 3, "unit": "DAYS", "at": "10:00", "quietHours": True, "until": None},
        "note": None,
        "action": {"kind": "SEND_MESSAGE", "words": [{"subject": "Gracias"}], "survey": None},
        "caps": [],
        "cancelledBy": [{"event": "order.cancelled.v1"}],
    }
    survey = seen(ask)["post-purchase-survey"]
    assert (survey["status"], survey["builtIn"], survey["version"]) == ("ACTIVE", True, 1)
    assert survey["rules"]["action"] == {"kind": "SEND_SURVEY", "words": [], "survey": "post-purchase"}
    assert survey["rules"]["note"].startswith("Of several orders of a day")


def test_whatever_comes_with_bitacora_is_seen_with_its_rules(ask: Ask, worker: Worker) -> None:
    until(worker, "2026-01-01T12:00")
    found = seen(ask)
    assert {name: (each["builtIn"], each["status"]) for name, each in found.items()} == {
        policy.name: (True, "ACTIVE") for policy in POLICIES
    }
    for policy in POLICIES:
        shown, rules = found[policy.name]["rules"], policy.rules
        assert rules is not None
        delay = rules.delay
        assert [each["event"] for each in shown["triggers"]] == [each.event for each in rules.triggers]
        assert [each["event"] for each in shown["cancelledBy"]] == [each.event for each in rules.cancelled_by]
        assert [(each["times"], each["days"]) for each in shown["caps"]] == [
            (cap.times, cap.days) for cap in rules.caps
        ]
        assert shown["delay"] == {
            "count": delay.count, "unit": delay.unit, "at": delay.at, "quietHours": delay.quiet_hours, "until": delay.until,
        }  # fmt: skip
        assert (shown["action"]["kind"], shown["note"]) == (rules.action.kind, rules.note)


def seen(ask: Ask) -> dict[str, Any]:
    return {each["policy"]: each for each in ask(POLICIES_SEEN)["policies"]["nodes"]}


def test_a_version_stays_to_be_seen(ask: Ask) -> None:
    ask(DEFINE, input=THANKS)
    ask(DEFINE, input={**THANKS, "rules": {**THANKS["rules"], "delay": {"count": 4}}})  # type: ignore[dict-item]
    history = ask("{ policiesHistory(first: 10) { nodes { version rules { delay { count } } } } }")
    counts = [
        (int(each["version"]), int(each["rules"]["delay"]["count"])) for each in history["policiesHistory"]["nodes"]
    ]
    assert counts == [(1, 3), (2, 4)]


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"key": "other"}, "The id of this policy is bitacora:other.", "policyId"),
        (
            {"rules": {**THANKS["rules"], "delay": {"count": -1}}},  # type: ignore[dict-item]
            "At delay.count: the delay is from 0 to 3660 days.",
            "rules",
        ),
        (
            {"rules": {**THANKS["rules"], "conditions": {"test": {"field": "shoes", "operator": "IS_EMPTY"}}}},  # type: ignore[dict-item]
            "At conditions.test.field: there is no field 'shoes'.",
            "rules",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    ask: Ask, changes: dict[str, Any], reason: str, field: str
) -> None:
    refused = ask(DEFINE, input={**THANKS, **changes})["definePolicy"]
    assert refused["reason"].startswith(reason)
    assert refused["field"] == field


SIMULATE = """query($input: DefinePolicyInput, $key: String) { simulatePolicy(definition: $input, key: $key) {
  policy version sent recipients reasons { reason count } days { day promised sent } } }"""


def test_a_definition_is_tried_over_the_past_before_anybody_defines_it(ask: Ask, house: House) -> None:
    for n, (name, language) in enumerate((("ana", "es"), ("bob", "en"), ("eva", "es"))):
        customer = reference("customer", "shop", name)
        at = Request(occurred_at=datetime(2026, 1, 10 + 10 * n, 12, tzinfo=UTC))
        told = RegisterCustomer(customer_id=customer, name=name, email=f"{name}@shop.test", language=language)
        house.log.do(told, at)
        line = OrderLine(sku="a", quantity=1, unit_price=Decimal(25))
        house.log.do(PlaceOrder(order_id=reference("order", "shop", name), customer_id=customer, lines=(line,)), at)
    head = house.log.reader.head()
    found = ask(SIMULATE, input=THANKS)["simulatePolicy"]
    assert (found["policy"], found["version"], found["sent"], found["recipients"]) == ("thanks", 1, 1, 1)
    assert found["reasons"] == [{"reason": "CONDITIONS", "count": 1}]
    assert house.log.reader.head() == head
    ask(DEFINE, input=THANKS)
    assert ask(SIMULATE, input=THANKS)["simulatePolicy"]["version"] == 2
    assert ask(SIMULATE, key="thanks")["simulatePolicy"]["version"] == 1
    wrong = {**THANKS, "rules": {**THANKS["rules"], "delay": {"count": -1}}}  # type: ignore[dict-item]
    for asked, said in (
        ({"input": wrong}, "At delay.count: the delay is from 0 to 3660 days."),
        ({"input": THANKS, "key": "thanks"}, "Give either the key of a policy or a definition."),
        ({}, "Give either the key of a policy or a definition."),
    ):
        assert ask(SIMULATE, errors=True, **asked)[0]["message"] == said
