"""Asking about who customers are, to what they agreed, how well they are known, and how other systems stand."""

from typing import Any

import pytest

from api.house import House
from api.schema import execute
from tests.api.conftest import REGISTER, Ask
from tests.api.test_statements import counting


def do(ask: Ask, name: str, at: str | None = None, **input: Any) -> Any:
    """Asks a command, and gives its receipt."""
    kind = f"{name[0].upper()}{name[1:]}Input"
    query = f"mutation($input: {kind}!, $at: DateTime) {{ {name}(input: $input, occurredAt: $at) {{ ...R }} }}"
    done = ask(query, input=input, at=at)[name]
    assert "position" in done, done
    return done


@pytest.fixture
def office(ask: Ask) -> Ask:
    """Ana of ACME, what she agreed to, and who answers for her."""
    ask(REGISTER, input={"customerId": "shop:ana", "name": "Ana", "email": "ana@acme.es", "country": "ES"})
    ask(REGISTER, input={"customerId": "shop:acme", "name": "ACME", "kind": "ORGANISATION", "phone": "910000000"})
    do(ask, "establishRelationship", customerId="shop:ana", otherId="shop:acme", kind="EMPLOYEE_OF", role="BUYER")
    do(
        ask, "grantConsent", "2026-03-01T10:00:00Z",
        customerId="shop:ana", purpose="MARKETING", channel="EMAIL", evidence="Signed at the fair",
    )  # fmt: skip
    do(ask, "withdrawConsent", "2026-03-05T10:00:00Z", customerId="shop:ana", purpose="MARKETING")
    do(ask, "changeLifecycleStage", customerId="shop:ana", stage="CUSTOMER", rule="FIRST_ORDER")
    do(ask, "grantEntitlement", entitlementId="shop:1", customerId="shop:acme", sku="PRO", contract="C-1",
       startsOn="2026-01-01", endsOn="2026-12-31")  # fmt: skip
    return ask


def test_a_customer_is_shown_with_all_that_is_known_of_who_they_are(office: Ask) -> None:
    found = office("""{ customer(id: "shop:ana") {
      then: consentAt(purpose: MARKETING, channel: EMAIL, at: "2026-03-02T00:00:00Z") { permitted legalBasis channel }
      now: consentAt(purpose: MARKETING, channel: EMAIL) { permitted channel saidAt }
      never: consentAt(purpose: SURVEY) { permitted }
      consentRegister { nodes { purpose channel status evidence withdrawnAt customer { name } } }
      profile { stage stageRule roles country }
      relationships { kind isSubject role holds customer { name relationships { isSubject customer { name } } } }
      quality { missing completeness unverified }
      entitlements { totalCount }
    } }""")["customer"]
    coverage = office("{ consentCoverage { dispatched proved onOtherGrounds unproved } }")["consentCoverage"]
    assert coverage == {"dispatched": 0, "proved": 0, "onOtherGrounds": 0, "unproved": []}
    assert found["then"] == {"permitted": True, "legalBasis": "CONSENT", "channel": "EMAIL"}
    assert found["now"] == {"permitted": False, "channel": None, "saidAt": "2026-03-05T10:00:00Z"}
    assert found["never"] is None
    said = {node["channel"]: (node["status"], node["evidence"]) for node in found["consentRegister"]["nodes"]}
    assert said == {None: ("WITHDRAWN", None), "EMAIL": ("SUPERSEDED", "Signed at the fair")}
    assert found["profile"] == {"stage": "CUSTOMER", "stageRule": "FIRST_ORDER", "roles": [], "country": "ES"}
    (acme,) = found["relationships"]
    assert (acme["kind"], acme["isSubject"], acme["role"], acme["holds"]) == ("EMPLOYEE_OF", True, "BUYER", True)
    assert acme["customer"] == {
        "name": "ACME", "relationships": [{"isSubject": False, "customer": {"name": "Ana"}}],
    }  # fmt: skip
    assert found["quality"] == {
        "missing": ["PHONE", "ADDRESS", "TERRITORY"], "completeness": "0.5000", "unverified": 1,
    }  # fmt: skip
    assert found["entitlements"]["totalCount"] == 0


def test_what_customers_have_of_these_is_asked_for_all_of_a_page_at_once(
    office: Ask, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = """{ customers(first: %d) { nodes {
      consentAt(purpose: MARKETING) { permitted } consentRegister { nodes { evidence } } duplicates { score }
      profile { stage } quality { completeness } entitlements { nodes { sku } }
      relationships { customer { name } }
    } } }"""
    for n in range(8):
        office(REGISTER, input={"customerId": f"shop:c{n}", "name": f"C{n}", "phone": "911111111"})
        do(office, "establishRelationship", customerId=f"shop:c{n}", otherId="shop:acme", kind="EMPLOYEE_OF")
        do(office, "grantConsent", customerId=f"shop:c{n}", purpose="MARKETING", evidence="On paper")
    house.engine.catch_up()
    used = []
    for rows in (2, 10):
        with counting(monkeypatch) as statements:
            assert "errors" not in execute(house, query % rows)
        used.append(len(statements))
    assert used[0] == used[1]


def test_how_well_customers_are_known_is_counted_by_what_they_have_in_common(office: Ask) -> None:
    do(office, "verifyIdentifier", customerId="shop:ana", type="EMAIL", value="ana@acme.es", method="LINK")
    do(office, "recordMessageBounced", messageId="m1", customerId="shop:ana", kind="HARD", reason="5.1.1")
    query = """{ customerQuality(by: COUNTRY) {
      value customers completeness verifiedRate bounced unreachable missing { what customers share }
    } }"""
    spain, nowhere = office(query)["customerQuality"]
    assert (spain["value"], spain["customers"], spain["completeness"]) == ("ES", 1, "0.5000")
    assert (spain["verifiedRate"], spain["bounced"], spain["unreachable"]) == ("1.0000", 1, 1)
    assert {"what": "PHONE", "customers": 1, "share": "1.0000"} in spain["missing"]
    assert (nowhere["value"], nowhere["verifiedRate"]) == (None, "0.0000")
    (all_of_them,) = office("{ customerQuality { customers complete identifiers } }")["customerQuality"]
    assert all_of_them == {"customers": 2, "complete": 0, "identifiers": 2}
    without = office('{ dataQuality(filter: {missing: {contains: "EMAIL"}}) { nodes { customer { name } } } }')
    assert without["dataQuality"]["nodes"] == [{"customer": {"name": "ACME"}}]
    rate = office("{ duplicateRate { customers suspected pairs rate } }")["duplicateRate"]
    assert rate == {"customers": 2, "suspected": 0, "pairs": 0, "rate": "0.0000"}


def test_how_other_systems_stand_is_told_with_what_to_do(ask: Ask) -> None:
    digest = "0" * 64
    do(ask, "acceptInboundMessage", source="web", key="1", digest=digest, command="placeOrder")
    do(ask, "rejectInboundMessage", source="web", key="2", digest=digest, reason="No such customer")
    for n in (1, 2, 3):
        do(ask, "queueOutboundMessage", f"2026-03-0{n}T10:00:00Z", outboundMessageId=f"erp:{n}", target="erp",
           noun="order", digest=digest)  # fmt: skip
    do(ask, "acknowledgeOutboundMessage", outboundMessageId="erp:1", externalRef="4711")
    before = do(ask, "deadLetterOutboundMessage", outboundMessageId="erp:2", reason="Refused by the ERP", attempts=5)
    do(
        ask, "recordReconciliation", "2026-03-01T00:00:00Z", reconciliationId="erp:r0", source="erp", noun="order",
        matched=1, missing=0, different=0, asOf="2026-03-01T00:00:00Z",
    )  # fmt: skip
    do(
        ask, "recordReconciliation", reconciliationId="erp:r1", source="erp", noun="order", matched=8, missing=1,
        different=1, asOf="2026-03-03T00:00:00Z",
        differences=[{"key": "4711", "field": "total", "ours": "10", "theirs": "12"}],
    )  # fmt: skip
    erp, web = ask("""{ integrations {
      system accepted rejected waiting oldestWaitingAt acknowledged dead sentence reconciled { noun agreement missing }
    } }""")["integrations"]
    assert (web["system"], web["accepted"], web["rejected"]) == ("web", 1, 1)
    assert "sent again" in web["sentence"]
    assert (erp["waiting"], erp["acknowledged"], erp["dead"]) == (1, 1, 1)
    assert erp["oldestWaitingAt"] == "2026-03-03T10:00:00Z"
    assert "deadLetters" in erp["sentence"]
    assert erp["reconciled"] == [{"noun": "order", "agreement": "0.8000", "missing": 1}]
    (dead,) = ask("{ deadLetters { target noun attempts reason } }")["deadLetters"]
    assert dead == {"target": "erp", "noun": "order", "attempts": 5, "reason": "Refused by the ERP"}
    run, _ = ask("{ reconciliations { nodes { agrees differences { key field ours theirs } } } }")["reconciliations"][
        "nodes"
    ]
    assert run == {"agrees": False, "differences": [{"key": "4711", "field": "total", "ours": "10", "theirs": "12"}]}
    (refused,) = ask("{ inboundMessages(filter: {status: {eq: REJECTED}}) { nodes { messageKey reason } } }")[
        "inboundMessages"
    ]["nodes"]
    assert refused == {"messageKey": "2", "reason": "No such customer"}
    past = f'{{ integrations(asOf: {{position: "{int(before["position"]) - 1}"}}) {{ system dead waiting }} }}'
    assert ask(past)["integrations"] == [
        {"system": "erp", "dead": 0, "waiting": 2}, {"system": "web", "dead": 0, "waiting": 0},
    ]  # fmt: skip


def test_in_what_the_business_system_says_something_else_of_orders_is_counted(ask: Ask) -> None:
    digests = ("0" * 64, "1" * 64)
    for n in (1, 2):
        do(ask, "recordOrderSynced", orderId=f"shop:{n}", externalId=f"4{n}", digest=digests[0])
        do(ask, "recordOrderDiscrepancy", f"2026-03-0{n}T10:00:00Z", orderId=f"shop:{n}", field="TOTAL", ours="1")
    do(ask, "recordOrderSynced", orderId="shop:2", externalId="renamed", digest=digests[0])  # still different
    other = do(ask, "recordOrderDiscrepancy", orderId="shop:1", field="STATUS", theirs="SHIPPED")
    query = "orderDifferences%s { aspect orders oldestSince }"
    total, status = ask("{ " + query % "" + " }")["orderDifferences"]
    assert total == {"aspect": "TOTAL", "orders": 2, "oldestSince": "2026-03-01T10:00:00Z"}
    assert (status["aspect"], status["orders"]) == ("STATUS", 1)
    do(ask, "recordOrderSynced", orderId="shop:1", externalId="41", digest=digests[1])
    assert [each["orders"] for each in ask("{ " + query % "" + " }")["orderDifferences"]] == [1]
    before = f'(asOf: {{position: "{other["position"]}"}})'
    assert [each["orders"] for each in ask("{ " + query % before + " }")["orderDifferences"]] == [2, 1]
