"""The rules that policies show: they say what the code does, as far as rules can, and take their numbers from it."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from domain import DECIDERS
from domain.activity import ActivityCompleted
from domain.agent_shift import AgentSignedIn, AgentStatusChanged
from domain.campaign_member import CampaignMessageDispatched
from domain.case_events import CaseAssigned, CaseClosed, CasePriorityChanged, CaseResolved, CaseResumed, CustomerReplied
from domain.case_events import FirstResponseSent as Answered
from domain.case_sla import SlaTargetSet
from domain.follow_up import Action
from domain.invitation import SurveyDeclined, SurveyInvitationSent, SurveyResponded
from domain.kernel import Event
from domain.points import PointsAccrued
from domain.policy import PolicyDefined
from domain.predicate import holds
from domain.rules import DelayUnit, RuleActionKind, Rules, must_be_rules
from domain.staff import SkillGranted
from domain.told import event_called, told_by
from domain.work_item import (
    CallbackRequested,
    WorkItemCompleted,
    WorkItemDeclined,
    WorkItemOffered,
    WorkItemTransferred,
)
from eventstore.codec import Codec
from processes import (
    POLICIES,
    campaign_execution,
    cart_abandonment,
    case_closure,
    churn_risk,
    cross_sell,
    detractor_recovery,
    erasure,
    order_progress,
    post_purchase_survey,
    quote_follow_up,
    report_delivery,
    survey_memory,
    tier_at_risk,
    tier_nudge,
)
from processes.policy import Policy
from tests.domain.strategies import made

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID(int=1)
EVENTS_BY_CHANCE = 200
DIGITS = set("0123456789")

SWITCHED_OFF: dict[str, set[type[Event]]] = {"first-visit": {CampaignMessageDispatched}}
"""What sets a policy off only where the company wants it so; the rules leave it out."""
GOES_ON: dict[str, set[type[Event]]] = {
    "benefit-authorisation": {ActivityCompleted},
    "case-closure": {CustomerReplied, SurveyInvitationSent, SurveyResponded, SurveyDeclined},
    "case-escalation": {CaseResumed},
    "case-sla": {CaseResumed},
    "post-purchase-survey": {SurveyInvitationSent, SurveyResponded, SurveyDeclined},
    "queue-routing": {
        WorkItemOffered, WorkItemTransferred, WorkItemDeclined, WorkItemCompleted, CallbackRequested, AgentSignedIn,
        AgentStatusChanged, SkillGranted, SlaTargetSet, CasePriorityChanged, Answered, CaseAssigned, CaseResolved,
        CaseClosed,
    },
    "tier-at-risk": {PointsAccrued},
    "tier-nudge": {ActivityCompleted},
}  # fmt: skip
"""What a policy reacts to without being set off by it, and without giving up what the rules say."""

every_policy = pytest.mark.parametrize("policy", POLICIES, ids=lambda each: each.name)


def rules_of(policy: Policy[Any]) -> Rules:
    assert policy.rules is not None
    return policy.rules


def events_in(occurrences: Any) -> set[type[Event]]:
    found = {event_called(each.event) for each in occurrences}
    return {event for event in found if event is not None}


@every_policy
def test_every_policy_has_rules_that_make_sense_and_are_registered(policy: Policy[Any]) -> None:
    must_be_rules(rules_of(policy), built_in=True)
    registration = policy.registration
    assert registration is not None
    assert (registration.key, registration.rules) == (policy.name, policy.rules)


@every_policy
def test_the_rules_survive_the_log(policy: Policy[Any]) -> None:
    codec = Codec(DECIDERS)
    said = PolicyDefined(key=policy.name, version=policy.version, rules=rules_of(policy), built_in=True)
    body, personal = codec.encode(said)
    assert (codec.decode(PolicyDefined.stored_as, body), personal) == (said, [])


@every_policy
def test_the_rules_name_what_really_sets_a_policy_off(policy: Policy[Any]) -> None:
    off = SWITCHED_OFF.get(policy.name, set())
    assert events_in(rules_of(policy).triggers) == set(policy.triggers) - off
    for event in off:
        assert not any(policy.triggers[event](each) for each in by_chance(event))


@every_policy
def test_the_rules_ask_of_a_trigger_what_the_code_asks(policy: Policy[Any]) -> None:
    for occurrence in rules_of(policy).triggers:
        event = event_called(occurrence.event)
        assert event is not None
        for each in by_chance(event):
            concerned = occurrence.when is None or holds(occurrence.when, told_by(each), NOW)
            assert concerned == policy.triggers[event](each), each


def by_chance(event: type[Event]) -> Iterator[Event]:
    """Events of a type, with whatever may stand in them, but for what is no number."""
    chance = Random(event.stored_as)
    for _ in range(EVENTS_BY_CHANCE):
        each = made(event, chance)
        if not any(isinstance(value, Decimal) and value.is_nan() for value in told_by(each).values()):
            yield each


@pytest.mark.parametrize("csat", [None, 1, 2, 3, 5])
@pytest.mark.parametrize("nps", [None, 0, 6, 7, 10])
def test_the_rules_know_who_was_let_down(csat: int | None, nps: int | None) -> None:
    answer = replace(made(SurveyResponded, Random(1)), csat=csat, nps=nps)
    when = detractor_recovery.RULES.triggers[0].when
    assert when is not None
    assert holds(when, told_by(answer), NOW) == detractor_recovery.is_let_down(answer)
    assert holds(when, told_by(answer), NOW) == (csat in (1, 2) or nps in (0, 6))


@every_policy
def test_the_rules_name_what_takes_a_promise_back(policy: Policy[Any]) -> None:
    named = events_in(rules_of(policy).cancelled_by)
    assert named <= {*policy.reactions, *policy.remembering, *policy.learning}
    assert set(policy.reactions) - set(policy.triggers) - named == GOES_ON.get(policy.name, set())


def test_the_delays_are_those_of_the_code() -> None:
    counted = {each.name: each.rules.delay for each in POLICIES if each.rules is not None and each.rules.delay.count}
    units = {name: delay.unit for name, delay in counted.items()}
    assert units == {
        "cart-abandonment": DelayUnit.HOURS,
        "case-closure": DelayUnit.HOURS,
        "cross-sell": DelayUnit.DAYS,
        "post-purchase-survey": DelayUnit.MONTHS,
        "quote-follow-up": DelayUnit.BUSINESS_DAYS,
    }
    assert timedelta(hours=counted["cart-abandonment"].count) == cart_abandonment.MESSAGE_AFTER
    assert timedelta(hours=counted["case-closure"].count) == case_closure.ASK_AFTER
    assert counted["cross-sell"].count == cross_sell.AFTER.count
    assert counted["post-purchase-survey"].count == post_purchase_survey.SURVEY_AFTER.count
    assert counted["post-purchase-survey"].at == f"{post_purchase_survey.AT:%H:%M}" == f"{time(10):%H:%M}"
    assert counted["quote-follow-up"].count == quote_follow_up.CALL_AFTER_DAYS
    assert {each.name for each in POLICIES if each.rules is not None and each.rules.delay.until is not None} == {
        "campaign-execution", "churn-risk", "lead-response", "objective-watch", "opportunity-hygiene", "report-delivery",
        "segment-membership", "tier-at-risk",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "action"),
    [
        (cart_abandonment.policy, cart_abandonment.reminding(ID)),
        (churn_risk.policy, churn_risk.writing(ID)),
        (cross_sell.policy, cross_sell.offering(ID)),
        (erasure.policy, erasure.telling(erasure.RECEIVED, ID)),
        (order_progress.policy, order_progress.telling(order_progress.SHIPPED, ID)),
        (report_delivery.policy, report_delivery.sending(ID)),
        (tier_at_risk.policy, tier_at_risk.offering(ID)),
        (tier_nudge.policy, tier_nudge.nudging(ID)),
    ],
    ids=lambda each: each.name if isinstance(each, Policy) else "",
)
def test_what_is_sent_is_what_the_code_sends(policy: Policy[Any], action: Action) -> None:
    shown = rules_of(policy).action
    assert shown.kind.value == action.kind.value
    assert (shown.template, shown.channel, shown.purpose) == (action.template, action.channel, action.purpose)
    assert (Path(inspect.getfile(campaign_execution)).parent / "templates" / f"{shown.template}.es.txt").exists()


def test_every_message_of_the_rules_is_compared_with_the_code() -> None:
    sending = {each.name for each in POLICIES if rules_of(each).action.kind is RuleActionKind.SEND_MESSAGE}
    assert sending == {
        "cart-abandonment", "churn-risk", "cross-sell", "erasure", "order-progress", "report-delivery", "tier-at-risk",
        "tier-nudge",
    }  # fmt: skip
    surveys = {each.name: rules_of(each).action.survey for each in POLICIES if rules_of(each).action.survey}
    assert surveys == {
        "case-closure": case_closure.CASE_SATISFACTION.key,
        "post-purchase-survey": post_purchase_survey.POST_PURCHASE.key,
    }


@every_policy
def test_no_number_stands_in_the_words_of_the_rules_by_itself(policy: Policy[Any]) -> None:
    """They all come from the constants that the code goes by."""
    if policy is post_purchase_survey.policy:
        pytest.skip("Its rules are in the log already; their numbers are compared below.")
    name = policy.name.replace("-", "_")
    tree = ast.parse(inspect.getsource(importlib.import_module(f"processes.{name}")))
    [shown] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "RULES"
    ]
    words = [node.value for node in ast.walk(shown) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in words if DIGITS & set(text)] == []
    assert rules_of(policy).note


def test_the_note_of_the_survey_has_the_numbers_of_the_code() -> None:
    remind, expire = post_purchase_survey.REMIND_AFTER.count, post_purchase_survey.EXPIRE_AFTER.count
    said = f"One reminder after {remind} days; after {expire} the question expires."
    assert survey_memory.RULES.note is not None
    assert survey_memory.RULES.note.endswith(said)
