"""Telling: the rules of the policies that come with Bitácora, put in few words."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from domain.consent import Purpose
from domain.kernel import Event
from domain.predicate import Predicate, Test, TestOperator
from domain.rules import Delay, Occurrence, RuleAction, RuleActionKind
from domain.values import Channel

AT_ONCE = Delay(quiet_hours=False)
BY_ITSELF = RuleAction(kind=RuleActionKind.OTHER)


def any_of(*events: type[Event], when: Predicate | None = None) -> tuple[Occurrence, ...]:
    """Each of these events, if the predicate holds of it."""
    return tuple(Occurrence(event=event.stored_as, when=when) for event in events)


def is_true(field: str) -> Predicate:
    """The field says yes."""
    return Predicate(test=Test(field=field, operator=TestOperator.EQ, flag=True))


def is_empty(field: str) -> Predicate:
    """The field says nothing."""
    return Predicate(test=Test(field=field, operator=TestOperator.IS_EMPTY))


def at_most(field: str, number: int) -> Predicate:
    """The field says so much, or less."""
    return Predicate(test=Test(field=field, operator=TestOperator.LTE, number=Decimal(number)))


def more_than(field: str, number: int) -> Predicate:
    """The field says more than that."""
    return Predicate(test=Test(field=field, operator=TestOperator.GT, number=Decimal(number)))


def one_of(field: str, texts: frozenset[str]) -> Predicate:
    """The field says one of these."""
    return Predicate(test=Test(field=field, operator=TestOperator.IN, texts=tuple(sorted(texts))))


NOTHING_LEFT = is_true("nothing_left")
"""Of an order, or of what came back of it."""


def mail(template: str, purpose: Purpose | None) -> RuleAction:
    """A message by e-mail; without a purpose, it is part of what the customer bought."""
    return RuleAction(kind=RuleActionKind.SEND_MESSAGE, template=template, channel=Channel.EMAIL, purpose=purpose)


def until(what: str, *, quiet_hours: bool = False) -> Delay:
    """As long as it takes until something is so."""
    return Delay(until=what, quiet_hours=quiet_hours)


def minutes(delay: timedelta) -> int:
    """A delay in whole minutes."""
    return delay // timedelta(minutes=1)


def hours(delay: timedelta) -> int:
    """A delay in whole hours."""
    return delay // timedelta(hours=1)


def percent(share: Decimal | Fraction) -> str:
    """A share in words: 0.75 is 75 %."""
    return f"{float(share * 100):g} %"


def spelled(seconds: int) -> str:
    """So many seconds of business time, in words: 15 minutes, 4 hours."""
    count, unit = (seconds // 60, "minute") if seconds < 3600 else (seconds // 3600, "hour")
    return f"{count} {unit}{'s' if count != 1 else ''}"
