"""Policies that tests define, and what comes of them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.activity import ActivityScheduled
from domain.case import OpenCase
from domain.case_events import CasePriority, CaseType
from domain.consent import GrantConsent, Purpose
from domain.follow_up import FollowUpStatus
from domain.kernel import derived
from domain.policy import ActivatePolicy, DefinePolicy, PausePolicy, RetirePolicy, policy_id
from domain.predicate import Predicate, Test, TestOperator
from domain.rules import Delay, Occurrence, RuleAction, RuleActionKind, Rules, Words
from domain.values import Channel
from projections.touchpoints.follow_ups import LedgerEntry
from tests.processes.shop import Shop

PLACED, CANCELLED = Occurrence(event="order.placed.v1"), Occurrence(event="order.cancelled.v1")
MESSAGE = RuleAction(
    kind=RuleActionKind.SEND_MESSAGE,
    words=(
        Words(language="es", subject="Gracias", text="Gracias por su compra."),
        Words(language="en", subject="Thanks", text="Thank you for your order."),
    ),
    channel=Channel.EMAIL,
    purpose=Purpose.SERVICE,
)
TASK = RuleAction(kind=RuleActionKind.CREATE_TASK, subject="Look after them")
THANKS = Rules(triggers=(PLACED,), delay=Delay(count=3, at="10:00"), action=MESSAGE)
AT_ONCE = replace(THANKS, delay=Delay(), action=TASK)
KEY = "thanks"


def a(field: str, operator: TestOperator, **value: Any) -> Predicate:
    """One test."""
    return Predicate(test=Test(field=field, operator=operator, **value))


def at_least(field: str, number: int) -> Predicate:
    """So much or more."""
    return a(field, TestOperator.GTE, number=Decimal(number))


def define(shop: Shop, rules: Rules = THANKS, key: str = KEY, *, active: bool = True) -> None:
    """Somebody defines a policy, and activates it."""
    shop.do(DefinePolicy(policy_id=policy_id(key), key=key, rules=rules))
    if active:
        activate(shop, key)


def activate(shop: Shop, key: str = KEY) -> None:
    shop.do(ActivatePolicy(policy_id=policy_id(key)))


def pause(shop: Shop, key: str = KEY) -> None:
    shop.do(PausePolicy(policy_id=policy_id(key)))


def retire(shop: Shop, key: str = KEY) -> None:
    shop.do(RetirePolicy(policy_id=policy_id(key)))


def of(shop: Shop, about: UUID, key: str = KEY) -> LedgerEntry:
    """The one row of a policy that is about a noun."""
    [found] = [row for row in shop.ledger() if row.about == about and row.policy == key]
    return found


def rows(shop: Shop, key: str = KEY) -> list[tuple[FollowUpStatus, str | None]]:
    """How all that a policy promised, or did not, stands."""
    return [(row.status, row.reason) for row in shop.ledger() if row.policy == key]


def tasks(shop: Shop) -> list[ActivityScheduled]:
    """What was put into agendas."""
    return [event for event, _ in shop.events() if isinstance(event, ActivityScheduled)]


def agree(shop: Shop, customer_id: UUID, purpose: Purpose) -> None:
    shop.do(GrantConsent(customer_id=customer_id, purpose=purpose, channel=Channel.EMAIL))


def open_case(shop: Shop, customer: UUID, name: str, **said: Any) -> UUID:
    """The customer asks something, or complains."""
    case_id = derived("case", name)
    asked: dict[str, Any] = {"type": CaseType.QUESTION, "priority": CasePriority.NORMAL, "channel": Channel.EMAIL}
    shop.do(OpenCase(case_id=case_id, customer_id=customer, subject="a", **{**asked, **said}))
    return case_id
