"""Recommending: what to do next with a customer, and why, by rules that have names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.case_events import CaseType
from projections.customers.customer_360 import CustomerCard
from projections.customers.open_requests import OpenRequest, RequestKind
from projections.value.churn import ChurnStatus, Silence
from projections.value.loyalty_standing import LoyaltyStanding

DETRACTOR_NPS = 6
UNHAPPY_CSAT = 2
EXPIRES_SOON = timedelta(days=7)
ASKED_FOR = ("EMAIL", "PHONE")
"""Of what may be missing of a customer, what is worth asking for in passing."""


class Action(StrEnum):
    """What to do next, the most pressing first."""

    RESPECT_RESTRICTION = "RESPECT_RESTRICTION"
    SOLVE_COMPLAINT = "SOLVE_COMPLAINT"
    RECOVER_DETRACTOR = "RECOVER_DETRACTOR"
    CLOSE_QUOTE = "CLOSE_QUOTE"
    DO_WHAT_IS_DUE = "DO_WHAT_IS_DUE"
    KEEP_TIER = "KEEP_TIER"
    REACH_NEXT_TIER = "REACH_NEXT_TIER"
    WIN_BACK = "WIN_BACK"
    ASK_FOR_CONTACT_DATA = "ASK_FOR_CONTACT_DATA"
    ASK_FOR_CONSENT = "ASK_FOR_CONSENT"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Something to do, with the reason in a sentence, and the request that it is about if there is one."""

    action: Action
    reason: str
    about: OpenRequest | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What recommendations are made from, as of `now`."""

    now: datetime
    card: CustomerCard
    requests: Sequence[OpenRequest]
    silence: Silence | None
    standing: LoyaltyStanding | None
    missing: Sequence[str]
    consents: Mapping[str, bool]


def recommendations(known: Known) -> list[Recommendation]:
    """What to do next, the most pressing first; nothing if nothing presses.

    The rules, in order: a restriction that holds; an open complaint; a last answer of at most UNHAPPY_CSAT (CSAT) or
    DETRACTOR_NPS (NPS); a quote that expires within EXPIRES_SOON; what is overdue; a tier at risk; a next tier that is near;
    silence beyond the customer's own rhythm (rule P16); contact data that are missing; no word on marketing.
    """
    return [
        *_restrictions(known),
        *_complaints(known),
        *_unhappiness(known),
        *_deadlines(known),
        *_loyalty(known),
        *_silence(known),
        *_questions(known),
    ]


def _restrictions(known: Known) -> list[Recommendation]:
    return [
        Recommendation(Action.RESPECT_RESTRICTION, f"{kind} holds{f' until {until:%Y-%m-%d}' if until else ''}.")
        for kind, until in sorted(known.card.restrictions.items())
        if until is None or until > known.now
    ]


def _complaints(known: Known) -> list[Recommendation]:
    return [
        Recommendation(
            Action.SOLVE_COMPLAINT, f"A complaint has been open since {request.since:%Y-%m-%d %H:%M} UTC.", request
        )
        for request in known.requests
        if request.kind is RequestKind.CASE and request.detail == CaseType.COMPLAINT and request.since
    ]


def _unhappiness(known: Known) -> list[Recommendation]:
    card, said = known.card, []
    if card.last_csat is not None and card.last_csat <= UNHAPPY_CSAT:
        said.append(f"satisfaction {card.last_csat} of 5")
    if card.last_nps is not None and card.last_nps <= DETRACTOR_NPS:
        said.append(f"would recommend us {card.last_nps} of 10")
    return [Recommendation(Action.RECOVER_DETRACTOR, f"The last answer: {', '.join(said)}.")] if said else []


def _deadlines(known: Known) -> list[Recommendation]:
    found = []
    for request in known.requests:
        if request.due_at is None:
            continue
        if request.kind is RequestKind.QUOTE and known.now <= request.due_at <= known.now + EXPIRES_SOON:
            reason = f"Quote {request.number or request.id} can be accepted until {request.due_at:%Y-%m-%d %H:%M} UTC."
            found.append(Recommendation(Action.CLOSE_QUOTE, reason, request))
        elif request.kind is not RequestKind.QUOTE and request.due_at < known.now:
            what = (request.detail or request.kind).lower().replace("_", " ")
            reason = f"A {what} was due on {request.due_at:%Y-%m-%d %H:%M} UTC."
            found.append(Recommendation(Action.DO_WHAT_IS_DUE, reason, request))
    return sorted(found, key=lambda each: (list(Action).index(each.action), each.about.due_at if each.about else None))


def _loyalty(known: Known) -> list[Recommendation]:
    standing = known.standing
    if standing is None:
        return []
    if standing.at_risk:
        return [Recommendation(Action.KEEP_TIER, standing.reason or f"The tier {standing.tier} is at risk.")]
    if standing.near_next:
        reason = f"{standing.to_next} points to {standing.next_tier}, {standing.days_left} days before the anniversary."
        return [Recommendation(Action.REACH_NEXT_TIER, reason)]
    return []


def _silence(known: Known) -> list[Recommendation]:
    silence = known.silence
    if silence is None or silence.status is ChurnStatus.ACTIVE:
        return []
    return [Recommendation(Action.WIN_BACK, silence.reason)]


def _questions(known: Known) -> list[Recommendation]:
    found = []
    if missing := [what for what in ASKED_FOR if what in known.missing]:
        found.append(Recommendation(Action.ASK_FOR_CONTACT_DATA, f"Not known: {', '.join(missing).lower()}."))
    if not any(said.startswith("MARKETING/") for said in known.consents):
        found.append(
            Recommendation(Action.ASK_FOR_CONSENT, "They have never said whether they want to hear of offers.")
        )
    return found
