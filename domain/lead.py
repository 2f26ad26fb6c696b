"""Leads: people and companies that may become customers, and what is made of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Contact, Decider, Event, Personal, Refused, Text, Told, as_asked
from domain.references import CampaignId, CustomerId, InteractionId, LeadId, OpportunityId, StaffId
from domain.values import (
    EmailAddress,
    PhoneNumber,
    calling_region,
    empty,
    fault,
    must_be_language,
    must_be_within,
    must_know_zone,
    must_say,
)

MAX_LEAD_SCORE = 100
MAX_LEAD_FACTORS = 50
MAX_LEAD_CONTACTS = 500
MAX_CANDIDATES = 500
MAX_RULE_VERSION = 1_000_000


class LeadStatus(StrEnum):
    """How far a lead has come. RECYCLED is put aside for later; CONVERTED is for ever."""

    NEW = "NEW"
    QUALIFIED = "QUALIFIED"
    DISQUALIFIED = "DISQUALIFIED"
    RECYCLED = "RECYCLED"
    CONVERTED = "CONVERTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentCandidate:
    """Somebody who could have been given the work, and how well they suit it by the rule: the more, the better."""

    staff_id: StaffId
    score: Decimal


# What can be asked.


class CaptureLead(Command):
    """Take down somebody who may want to buy; `source` says from where, and `interest` in what: both are codes."""

    lead_id: LeadId
    name: str | None = None
    company: str | None = None
    email: str | None = None
    phone: str | None = None
    source: str
    campaign_id: CampaignId | None = None
    interest: str | None = None
    country: str | None = None
    language: str = "es"
    note: Text | None = None
    customer_id: CustomerId | None = None


class ScoreLead(Command):
    """Say how promising a lead is, from 0 to 100, by which model, and how much each factor added."""

    lead_id: LeadId
    score: int
    model: str
    factors: Mapping[str, Decimal] = field(default_factory=empty)


class AssignLead(Command):
    """Give a lead to somebody; `rule` and its version say what chose them among the candidates, if no person did."""

    lead_id: LeadId
    staff_id: StaffId
    rule: str | None = None
    rule_version: int | None = None
    candidates: tuple[AssignmentCandidate, ...] = ()


class RecordLeadContacted(Command):
    """Note that somebody of the company has spoken with the lead; each interaction counts once."""

    lead_id: LeadId
    interaction_id: InteractionId | None = None


class QualifyLead(Command):
    """Say that a lead is worth selling to."""

    lead_id: LeadId


class DisqualifyLead(Command):
    """Give a lead up; `reason` is a code such as NO_BUDGET."""

    lead_id: LeadId
    reason: str
    note: Text | None = None


class RecycleLead(Command):
    """Put a lead aside, given up or not, and take it up again at `until`."""

    lead_id: LeadId
    until: datetime


class ConvertLead(Command):
    """Make a customer of a lead, with the person to speak with and the first opportunity, if there are any."""

    lead_id: LeadId
    customer_id: CustomerId
    contact_id: CustomerId | None = None
    opportunity_id: OpportunityId | None = None


# What can have happened.


class LeadCaptured(Event, stored_as="lead.captured.v1"):
    """Somebody who may want to buy became known; `customer_id` is there if they were a customer already."""

    name: Personal[str]
    company: Personal[str]
    email: Contact[str]
    phone: Contact[str]
    source: str
    campaign_id: CampaignId | None
    interest: str | None
    country: str | None
    language: str
    note: Told[str]
    customer_id: CustomerId | None


class LeadScored(Event, stored_as="lead.scored.v1"):
    """The lead was found this promising, from 0 to 100."""

    score: int
    model: str
    factors: Mapping[str, Decimal]


class LeadAssigned(Event, stored_as="lead.assigned.v1"):
    """Somebody of the company has to see to the lead; `previous` had to before."""

    staff_id: StaffId
    previous: StaffId | None
    rule: str | None
    rule_version: int | None
    candidates: tuple[AssignmentCandidate, ...]


class LeadContacted(Event, stored_as="lead.contacted.v1"):
    """The company spoke with the lead."""

    interaction_id: InteractionId | None


class LeadQualified(Event, stored_as="lead.qualified.v1"):
    """The lead was found worth selling to."""


class LeadDisqualified(Event, stored_as="lead.disqualified.v1"):
    """The lead was given up; `reason` is a code."""

    reason: str
    note: Told[str]


class LeadRecycled(Event, stored_as="lead.recycled.v1"):
    """The lead was put aside until a moment."""

    until: datetime


class LeadConverted(Event, stored_as="lead.converted.v1"):
    """The lead became a customer."""

    customer_id: CustomerId
    contact_id: CustomerId | None
    opportunity_id: OpportunityId | None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Lead:
    """`contacted` begins anew when a lead is recycled; the interactions that were `heard` do not."""

    captured: LeadCaptured | None = None
    customer_id: UUID | None = None
    status: LeadStatus = LeadStatus.NEW
    scored: LeadScored | None = None
    staff_id: UUID | None = None
    contacted: bool = False
    heard: frozenset[UUID] = frozenset()
    reason: str | None = None
    until: datetime | None = None
    converted: LeadConverted | None = None


Asked = (
    CaptureLead
    | ScoreLead
    | AssignLead
    | RecordLeadContacted
    | QualifyLead
    | DisqualifyLead
    | RecycleLead
    | ConvertLead
)
Happened = (
    LeadCaptured
    | LeadScored
    | LeadAssigned
    | LeadContacted
    | LeadQualified
    | LeadDisqualified
    | LeadRecycled
    | LeadConverted
)


def decide(asked: Asked, lead: Lead) -> Iterator[Event]:
    match asked:
        case CaptureLead():
            must_be_known_by_something(asked)
            captured = as_asked(LeadCaptured, asked)
            if lead.captured is None:
                yield captured
            elif captured != lead.captured:
                raise Refused("This lead is already captured. Capture what is new as a lead of its own instead.")
        case _ if lead.captured is None:
            raise Refused("This lead is not captured yet.", "lead_id")
        case RecordLeadContacted(interaction_id=interaction_id):
            if not lead.contacted if interaction_id is None else interaction_id not in lead.heard:
                if len(lead.heard) >= MAX_LEAD_CONTACTS:
                    raise Refused(f"At most {MAX_LEAD_CONTACTS} contacts of a lead are kept.")
                yield LeadContacted(interaction_id=interaction_id)
        case ConvertLead():
            converted = as_asked(LeadConverted, asked)
            if lead.converted is None:
                must_be_live(lead)
                if lead.customer_id not in (None, asked.customer_id, asked.contact_id):
                    raise Refused(
                        "This lead is another customer already: name them, here or as contact.", "customer_id"
                    )
                yield converted
            elif converted != lead.converted:
                raise Refused("This lead is already converted. Change the customer instead.")
        case _ if lead.converted is not None:
            raise Refused("This lead is converted. Go on with the customer.")
        case DisqualifyLead(reason=reason):
            must_say(reason, "The reason", "reason")
            must_say(asked.note, "The note", "note")
            if lead.status is not LeadStatus.DISQUALIFIED:
                yield as_asked(LeadDisqualified, asked)
            elif reason != lead.reason:
                raise Refused("This lead is already disqualified for another reason.", "reason")
        case RecycleLead(until=until):
            must_know_zone(until, "until")
            if lead.status is not LeadStatus.RECYCLED or until != lead.until:
                yield LeadRecycled(until=until)
        case ScoreLead():
            must_be_live(lead)
            must_be_reckoned(asked)
            scored = as_asked(LeadScored, asked)
            if scored != lead.scored:
                yield scored
        case AssignLead(staff_id=staff_id):
            must_be_live(lead)
            must_be_chosen(staff_id, asked.rule, asked.rule_version, asked.candidates)
            if staff_id != lead.staff_id:
                yield as_asked(LeadAssigned, asked, previous=lead.staff_id)
        case QualifyLead():
            must_be_live(lead)
            if lead.status is not LeadStatus.QUALIFIED:
                yield LeadQualified()
        case _:
            assert_never(asked)


def evolve(lead: Lead, event: Happened) -> Lead:
    match event:
        case LeadCaptured():
            return Lead(event, event.customer_id)
        case LeadScored():
            return replace(lead, scored=event)
        case LeadAssigned():
            return replace(lead, staff_id=event.staff_id)
        case LeadContacted(interaction_id=interaction_id):
            heard = lead.heard if interaction_id is None else lead.heard | {interaction_id}
            return replace(lead, contacted=True, heard=heard)
        case LeadQualified():
            return replace(lead, status=LeadStatus.QUALIFIED)
        case LeadDisqualified():
            return replace(lead, status=LeadStatus.DISQUALIFIED, reason=event.reason)
        case LeadRecycled():
            return replace(lead, status=LeadStatus.RECYCLED, until=event.until, contacted=False)
        case LeadConverted():
            return replace(lead, status=LeadStatus.CONVERTED, customer_id=event.customer_id, converted=event)
        case _:
            assert_never(event)


def must_be_known_by_something(asked: CaptureLead) -> None:
    """Refused if what is said is blank or cannot be, or if nothing would tell the lead from any other."""
    for name in ("name", "company", "source", "interest", "country", "note"):
        must_say(getattr(asked, name), f"The {name}", name)
    must_be_language(asked.language)
    if asked.email is not None:
        EmailAddress.parse(asked.email)
    if asked.phone is not None:
        PhoneNumber.parse(asked.phone, calling_region(asked.country, asked.language))
    if not any((asked.name, asked.company, asked.email, asked.phone, asked.customer_id)):
        raise Refused("Give a name, a company, an e-mail address, a phone number or a customer.", "name")


def must_be_live(lead: Lead) -> None:
    """Refused if the lead was given up."""
    if lead.status is LeadStatus.DISQUALIFIED:
        raise Refused("This lead is disqualified. Recycle it first.")


def must_be_reckoned(asked: ScoreLead) -> None:
    """Refused if a score does not say from what it comes; a factor may take away as well as add."""
    must_be_within(asked.score, 0, MAX_LEAD_SCORE, "score")
    must_say(asked.model, "The model", "model")
    if len(asked.factors) > MAX_LEAD_FACTORS:
        raise Refused(f"Give at most {MAX_LEAD_FACTORS} factors.", "factors")
    for name, value in asked.factors.items():
        must_say(name, "The name of a factor", "factors")
        if wrong := fault(value.copy_abs()):
            raise Refused(f"The factor {name} {wrong}.", "factors")


def must_be_chosen(
    staff_id: UUID, rule: str | None, rule_version: int | None, candidates: tuple[AssignmentCandidate, ...]
) -> None:
    """Refused if an assignment does not follow from its rule and its candidates."""
    must_say(rule, "The rule", "rule")
    must_be_within(rule_version, 1, MAX_RULE_VERSION, "rule_version")
    if (rule is None) is not (rule_version is None):
        raise Refused("Give the rule and its version together.", "rule_version")
    if len(candidates) > MAX_CANDIDATES:
        raise Refused(f"Give at most {MAX_CANDIDATES} candidates.", "candidates")
    for number, each in enumerate(candidates, 1):
        if wrong := fault(each.score):
            raise Refused(f"Candidate {number}: the score {wrong}.", "candidates")
    known = {each.staff_id for each in candidates}
    if len(known) < len(candidates):
        raise Refused("A candidate is named twice.", "candidates")
    if known and staff_id not in known:
        raise Refused("Choose one of the candidates.", "staff_id")


decider = Decider("lead", Asked, Happened, Lead(), decide, evolve, disclose=True)
