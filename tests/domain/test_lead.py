"""Leads."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command
from domain.lead import (
    MAX_CANDIDATES,
    MAX_LEAD_CONTACTS,
    MAX_LEAD_FACTORS,
    AssignLead,
    AssignmentCandidate,
    CaptureLead,
    ConvertLead,
    DisqualifyLead,
    LeadAssigned,
    LeadCaptured,
    LeadContacted,
    LeadConverted,
    LeadDisqualified,
    LeadQualified,
    LeadRecycled,
    LeadScored,
    LeadStatus,
    QualifyLead,
    RecordLeadContacted,
    RecycleLead,
    ScoreLead,
    decider,
)
from tests.domain.scenario import but, given

LEAD, ANA, EVA, SHOP, LUIS, MAR, CALL = (UUID(int=n) for n in range(1, 8))
LATER = datetime(2026, 9, 1, 9, tzinfo=UTC)
CAPTURE = CaptureLead(
    lead_id=LEAD, name="Ana", company="Ana SL", email="Ana@Example.com", phone="600 123 456", source="fair"
)
CAPTURED = LeadCaptured(
    name="Ana",
    company="Ana SL",
    email="Ana@Example.com",
    phone="600 123 456",
    source="fair",
    campaign_id=None,
    interest=None,
    country=None,
    language="es",
    note=None,
    customer_id=None,
)
SCORE = ScoreLead(lead_id=LEAD, score=80, model="fit-2", factors={"size": Decimal(90), "far": Decimal(-10)})
SCORED = LeadScored(score=80, model="fit-2", factors=SCORE.factors)
BEST = (
    AssignmentCandidate(staff_id=LUIS, score=Decimal("81.5")),
    AssignmentCandidate(staff_id=MAR, score=Decimal(40)),
)
ASSIGN = AssignLead(lead_id=LEAD, staff_id=LUIS, rule="fit", rule_version=3, candidates=BEST)
ASSIGNED = LeadAssigned(staff_id=LUIS, previous=None, rule="fit", rule_version=3, candidates=BEST)
CONTACT = RecordLeadContacted(lead_id=LEAD, interaction_id=CALL)
DISQUALIFY = DisqualifyLead(lead_id=LEAD, reason="NO_BUDGET", note="Next year, she says")
DISQUALIFIED = LeadDisqualified(reason="NO_BUDGET", note="Next year, she says")
RECYCLE = RecycleLead(lead_id=LEAD, until=LATER)
CONVERT = ConvertLead(lead_id=LEAD, customer_id=SHOP, contact_id=ANA, opportunity_id=CALL)
CONVERTED = LeadConverted(customer_id=SHOP, contact_id=ANA, opportunity_id=CALL)
QUALIFY = QualifyLead(lead_id=LEAD)


def test_a_lead_is_captured_once_as_it_was_given() -> None:
    state = given(decider).when(CAPTURE).then(CAPTURED)
    assert (state.status, state.customer_id) == (LeadStatus.NEW, None)
    given(decider, CAPTURED, SCORED, LeadQualified()).when(CAPTURE).then_nothing()


def test_a_lead_may_be_a_customer_already() -> None:
    [captured] = decider.decide(CaptureLead(lead_id=LEAD, source="web", customer_id=EVA), decider.initial)
    assert given(decider, captured).state.customer_id == EVA


@pytest.mark.parametrize("changes", [{"email": "eva@example.com"}, {"name": "Eva"}, {"source": "web"}, {"note": "New"}])
def test_another_lead_cannot_have_the_same_id(changes: dict[str, Any]) -> None:
    given(decider, CAPTURED).when(but(CAPTURE, **changes)).refused(
        "This lead is already captured. Capture what is new as a lead of its own instead."
    )


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"source": " "}, "The source must not be blank.", "source"),
        ({"name": ""}, "The name must not be blank.", "name"),
        ({"language": "Spanish"}, "Write the language as es or es-MX.", "language"),
        ({"phone": "1"}, "This is not a phone number: write it as +34 600 123 456.", "phone"),
        (
            {"name": None, "company": None, "email": None, "phone": None},
            "Give a name, a company, an e-mail address, a phone number or a customer.",
            "name",
        ),
    ],
)
def test_a_lead_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(CAPTURE, **changes)).refused(sentence, field)


def test_an_address_that_is_none_is_refused() -> None:
    given(decider).when(but(CAPTURE, email="ana")).refused(
        "This is not an e-mail address. An email address must have an @-sign.", "email"
    )


def test_a_phone_number_is_one_of_the_lead_s_country() -> None:
    national = but(CAPTURE, phone="020 7946 0958")
    given(decider).when(but(national, country="GB")).then(
        LeadCaptured(
            name="Ana",
            company="Ana SL",
            email="Ana@Example.com",
            phone="020 7946 0958",
            source="fair",
            campaign_id=None,
            interest=None,
            country="GB",
            language="es",
            note=None,
            customer_id=None,
        )
    )
    given(decider).when(national).refused("There can be no such phone number: write it as +34 600 123 456.", "phone")


@pytest.mark.parametrize("command", [SCORE, ASSIGN, CONTACT, QUALIFY, DISQUALIFY, RECYCLE, CONVERT])
def test_what_was_not_captured_is_no_lead(command: Command) -> None:
    given(decider).when(command).refused("This lead is not captured yet.", "lead_id")


def test_a_lead_is_scored_again_if_anything_of_the_score_is_new() -> None:
    given(decider, CAPTURED).when(SCORE).then(SCORED)
    given(decider, CAPTURED, SCORED).when(SCORE).then_nothing()
    given(decider, CAPTURED, SCORED).when(but(SCORE, model="fit-3")).then(
        LeadScored(score=80, model="fit-3", factors=SCORE.factors)
    )


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"score": 101}, "The score must be from 0 to 100.", "score"),
        ({"score": -1}, "The score must be from 0 to 100.", "score"),
        ({"model": ""}, "The model must not be blank.", "model"),
        ({"factors": {" ": Decimal(1)}}, "The name of a factor must not be blank.", "factors"),
        ({"factors": {"size": Decimal("-Infinity")}}, "The factor size must be a number.", "factors"),
        (
            {"factors": {str(n): Decimal(1) for n in range(MAX_LEAD_FACTORS + 1)}},
            f"Give at most {MAX_LEAD_FACTORS} factors.",
            "factors",
        ),
    ],
)
def test_a_score_says_from_what_it_comes(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, CAPTURED).when(but(SCORE, **changes)).refused(sentence, field)


def test_a_lead_is_assigned_and_assigned_to_somebody_else() -> None:
    given(decider, CAPTURED).when(ASSIGN).then(ASSIGNED)
    given(decider, CAPTURED, ASSIGNED).when(ASSIGN).then_nothing()
    state = (
        given(decider, CAPTURED, ASSIGNED)
        .when(AssignLead(lead_id=LEAD, staff_id=MAR))
        .then(LeadAssigned(staff_id=MAR, previous=LUIS, rule=None, rule_version=None, candidates=()))
    )
    assert state.staff_id == MAR


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"staff_id": EVA}, "Choose one of the candidates.", "staff_id"),
        ({"rule_version": None}, "Give the rule and its version together.", "rule_version"),
        ({"rule": None}, "Give the rule and its version together.", "rule_version"),
        ({"rule": " "}, "The rule must not be blank.", "rule"),
        ({"rule_version": 0}, "The rule version must be from 1 to 1000000.", "rule_version"),
        ({"candidates": (*BEST, BEST[0])}, "A candidate is named twice.", "candidates"),
        ({"candidates": BEST * MAX_CANDIDATES}, f"Give at most {MAX_CANDIDATES} candidates.", "candidates"),
        (
            {"candidates": (AssignmentCandidate(staff_id=LUIS, score=Decimal("NaN")),)},
            "Candidate 1: the score must be a number.",
            "candidates",
        ),
    ],
)
def test_an_assignment_follows_from_its_rule(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, CAPTURED).when(but(ASSIGN, **changes)).refused(sentence, field)


def test_each_contact_counts_once() -> None:
    heard = LeadContacted(interaction_id=CALL)
    unknown = RecordLeadContacted(lead_id=LEAD)
    given(decider, CAPTURED).when(CONTACT).then(heard)
    given(decider, CAPTURED, heard).when(CONTACT).then_nothing()
    given(decider, CAPTURED, heard).when(unknown).then_nothing()
    given(decider, CAPTURED).when(unknown).then(LeadContacted(interaction_id=None))
    given(decider, CAPTURED, heard).when(but(CONTACT, interaction_id=EVA)).then(LeadContacted(interaction_id=EVA))


def test_a_recycled_lead_waits_to_be_contacted_again() -> None:
    past = (CAPTURED, LeadContacted(interaction_id=CALL), LeadRecycled(until=LATER))
    given(decider, *past).when(CONTACT).then_nothing()
    given(decider, *past).when(RecordLeadContacted(lead_id=LEAD)).then(LeadContacted(interaction_id=None))


def test_contacts_are_not_without_end() -> None:
    heard = [LeadContacted(interaction_id=UUID(int=n)) for n in range(MAX_LEAD_CONTACTS)]
    given(decider, CAPTURED, *heard[:-1]).when(but(CONTACT, interaction_id=UUID(int=10**6))).then(
        LeadContacted(interaction_id=UUID(int=10**6))
    )
    given(decider, CAPTURED, *heard).when(but(CONTACT, interaction_id=UUID(int=10**6))).refused(
        f"At most {MAX_LEAD_CONTACTS} contacts of a lead are kept."
    )


def test_a_contact_that_is_told_late_still_counts() -> None:
    for end in (DISQUALIFIED, CONVERTED):
        given(decider, CAPTURED, end).when(CONTACT).then(LeadContacted(interaction_id=CALL))


def test_a_lead_is_qualified_once() -> None:
    given(decider, CAPTURED).when(QUALIFY).then(LeadQualified())
    given(decider, CAPTURED, LeadQualified()).when(QUALIFY).then_nothing()
    given(decider, CAPTURED, LeadQualified(), LeadRecycled(until=LATER)).when(QUALIFY).then(LeadQualified())


def test_a_lead_is_given_up_for_one_reason() -> None:
    given(decider, CAPTURED).when(DISQUALIFY).then(DISQUALIFIED)
    given(decider, CAPTURED, DISQUALIFIED).when(DISQUALIFY).then_nothing()
    given(decider, CAPTURED, DISQUALIFIED).when(but(DISQUALIFY, reason="SPAM")).refused(
        "This lead is already disqualified for another reason.", "reason"
    )
    given(decider, CAPTURED).when(but(DISQUALIFY, reason="")).refused("The reason must not be blank.", "reason")


@pytest.mark.parametrize("command", [SCORE, ASSIGN, QUALIFY, CONVERT])
def test_a_lead_that_was_given_up_is_recycled_first(command: Command) -> None:
    given(decider, CAPTURED, DISQUALIFIED).when(command).refused("This lead is disqualified. Recycle it first.")
    state = given(decider, CAPTURED, DISQUALIFIED).when(RECYCLE).then(LeadRecycled(until=LATER))
    assert list(decider.decide(command, state))


def test_a_lead_is_recycled_until_a_moment() -> None:
    later = datetime(2027, 1, 1, tzinfo=UTC)
    recycled = LeadRecycled(until=LATER)
    given(decider, CAPTURED, recycled).when(RECYCLE).then_nothing()
    given(decider, CAPTURED, recycled).when(but(RECYCLE, until=later)).then(LeadRecycled(until=later))
    given(decider, CAPTURED, recycled, LeadQualified()).when(RECYCLE).then(recycled)
    given(decider, CAPTURED).when(but(RECYCLE, until=datetime(2027, 1, 1))).refused(  # noqa: DTZ001
        "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "until"
    )


def test_a_lead_is_converted_for_ever() -> None:
    state = given(decider, CAPTURED).when(CONVERT).then(CONVERTED)
    assert (state.status, state.customer_id) == (LeadStatus.CONVERTED, SHOP)
    given(decider, CAPTURED, CONVERTED).when(CONVERT).then_nothing()
    for other in (but(CONVERT, customer_id=EVA), but(CONVERT, opportunity_id=None)):
        given(decider, CAPTURED, CONVERTED).when(other).refused(
            "This lead is already converted. Change the customer instead."
        )


@pytest.mark.parametrize("command", [SCORE, ASSIGN, QUALIFY, DISQUALIFY, RECYCLE])
def test_nothing_more_comes_of_a_converted_lead(command: Command) -> None:
    given(decider, CAPTURED, CONVERTED).when(command).refused("This lead is converted. Go on with the customer.")


def test_a_lead_that_is_a_customer_becomes_no_other_one() -> None:
    [eva] = decider.decide(but(CAPTURE, customer_id=EVA), decider.initial)
    given(decider, eva).when(CONVERT).refused(
        "This lead is another customer already: name them, here or as contact.", "customer_id"
    )
    given(decider, eva).when(but(CONVERT, contact_id=EVA)).then(
        LeadConverted(customer_id=SHOP, contact_id=EVA, opportunity_id=CALL)
    )
    given(decider, eva).when(but(CONVERT, customer_id=EVA)).then(
        LeadConverted(customer_id=EVA, contact_id=ANA, opportunity_id=CALL)
    )


def test_of_two_who_convert_the_same_lead_only_one_does() -> None:
    mine, yours = CONVERT, but(CONVERT, customer_id=EVA)
    state = (
        given(decider, CAPTURED).when(yours).then(LeadConverted(customer_id=EVA, contact_id=ANA, opportunity_id=CALL))
    )
    assert state.customer_id == EVA
    given(decider, CAPTURED, LeadConverted(customer_id=EVA, contact_id=ANA, opportunity_id=CALL)).when(mine).refused(
        "This lead is already converted. Change the customer instead."
    )
