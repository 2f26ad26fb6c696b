"""Whether a customer may be contacted, and the event that says so, is what the policies would decide."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.house import House
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.restriction import ContactRestrictionKind, LiftContactRestriction, SetContactRestriction
from domain.values import Channel
from eventstore.envelope import Request
from tests.api.conftest import Ask

MAY = """query($purpose: Purpose!, $channel: Channel!, $at: DateTime) {
  mayContact(customer: "shop:ana", purpose: $purpose, channel: $channel, at: $at) {
    allowed reason legalBasis position allowedFrom event { type }
  }
}"""


def may(ask: Ask, purpose: str = "MARKETING", channel: str = "EMAIL", at: datetime | None = None) -> dict[str, object]:
    found = ask(MAY, purpose=purpose, channel=channel, at=at and at.isoformat())["mayContact"]
    found.pop("allowedFrom")
    return dict(found)


def test_nobody_is_written_to_for_marketing_who_never_said_anything(ask: Ask, ana: UUID) -> None:
    never = {"allowed": False, "reason": "NO_CONSENT", "legalBasis": None, "position": None, "event": None}
    assert may(ask) == never


def test_a_legitimate_interest_rests_on_how_the_customer_became_known(ask: Ask, ana: UUID) -> None:
    found = may(ask, "SURVEY")
    assert found == {
        "allowed": True, "reason": None, "legalBasis": "LEGITIMATE_INTEREST", "position": "1",
        "event": {"type": "customer.registered.v1"},
    }  # fmt: skip


def test_a_consent_an_objection_and_a_restriction_each_name_their_event(house: House, ask: Ask, ana: UUID) -> None:
    granted = house.log.do(GrantConsent(customer_id=ana, purpose=Purpose.MARKETING, channel=Channel.EMAIL)).position
    assert may(ask) == {
        "allowed": True, "reason": None, "legalBasis": "CONSENT", "position": str(granted),
        "event": {"type": "consent.granted.v1"},
    }  # fmt: skip
    set_ = house.log.do(SetContactRestriction(customer_id=ana, kind=ContactRestrictionKind.ROBINSON_LIST)).position
    assert (may(ask)["reason"], may(ask)["position"]) == ("RESTRICTED", str(set_))
    assert may(ask, "SERVICE")["allowed"] is True
    house.log.do(LiftContactRestriction(customer_id=ana, kind=ContactRestrictionKind.ROBINSON_LIST))
    assert may(ask)["position"] == str(granted)
    withdrawn = house.log.do(WithdrawConsent(customer_id=ana, purpose=Purpose.MARKETING)).position
    assert may(ask) == {
        "allowed": False, "reason": "NO_CONSENT", "legalBasis": None, "position": str(withdrawn),
        "event": {"type": "consent.withdrawn.v1"},
    }  # fmt: skip


def test_it_is_asked_of_any_moment_by_what_was_known_then(house: House, ask: Ask, ana: UUID) -> None:
    house.log.do(GrantConsent(customer_id=ana, purpose=Purpose.MARKETING))
    between = datetime.now(UTC)
    house.log.do(WithdrawConsent(customer_id=ana, purpose=Purpose.MARKETING))
    long_ago = Request(occurred_at=between - timedelta(days=1))
    house.log.do(SetContactRestriction(customer_id=ana, kind=ContactRestrictionKind.DO_NOT_EMAIL), long_ago)
    assert may(ask, at=between)["allowed"] is True
    assert may(ask)["reason"] == "RESTRICTED"


def test_who_cannot_be_reached_is_not_contacted(ask: Ask, ana: UUID) -> None:
    ask("""mutation { registerCustomer(input: {customerId: "shop:eva", name: "Eva"}) { __typename } }""")
    query = """{ mayContact(customer: "shop:eva", purpose: SERVICE, channel: SMS) { allowed reason position } }"""
    assert ask(query)["mayContact"] == {"allowed": False, "reason": "NO_ADDRESS", "position": None}


def test_at_night_it_may_be_done_in_the_morning(ask: Ask, ana: UUID) -> None:
    tonight = (datetime.now(UTC) + timedelta(days=1)).replace(hour=2)
    found = ask(MAY, purpose="SERVICE", channel="EMAIL", at=tonight.isoformat())["mayContact"]
    assert found["allowed"] is True
    assert datetime.fromisoformat(found["allowedFrom"]) > tonight


def test_whoever_is_not_known_and_a_moment_without_a_zone_are_refused(ask: Ask, ana: UUID) -> None:
    query = """{ mayContact(customer: "shop:nobody", purpose: SERVICE, channel: SMS) { allowed } }"""
    (error,) = ask(query, errors=True)
    assert (error["message"], error["extensions"]["field"]) == (
        "Nobody was known by this id at that moment.",
        "customerId",
    )
    (error,) = ask(MAY, errors=True, purpose="SERVICE", channel="SMS", at="2026-01-01T00:00:00")
    assert "zone" in error["message"], error
