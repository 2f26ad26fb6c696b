"""Rules: what a policy does, written as a small tree that nobody has to trust as code: when, if, how soon, what, how often."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from domain.blanks import must_be_fillable
from domain.consent import Purpose
from domain.kernel import Refused, Text
from domain.predicate import FieldKind, Predicate, TestOperator, must_be_predicate, tests_of
from domain.told import event_called, what_is_told
from domain.values import Channel, must_be_language, must_say

MAX_TRIGGERS = 10
MAX_CANCELLED_BY = 20
MAX_CAPS = 5
MAX_CAP_TIMES = 1_000
MAX_CAP_DAYS = 3_660
MAX_LANGUAGES = 50

CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
TEMPLATE = re.compile(r"[a-z][a-z0-9_]{0,59}")
NEVER = ("follow_up", "policy")
"""Nouns whose events set no defined policy off: what policies themselves do would go round in circles."""
AGO = (TestOperator.WITHIN_DAYS, TestOperator.BEFORE_DAYS)
QUIET = (Purpose.MARKETING, Purpose.SURVEY)
"""What never reaches a customer by night, on a Sunday or on a holiday."""


class DelayUnit(StrEnum):
    """How a delay is counted: BUSINESS_DAYS are those of the office, DAYS and MONTHS those of the customer's calendar."""

    HOURS = "HOURS"
    DAYS = "DAYS"
    BUSINESS_DAYS = "BUSINESS_DAYS"
    MONTHS = "MONTHS"


MAX_DELAY: Mapping[DelayUnit, int] = MappingProxyType(
    {DelayUnit.HOURS: 8_784, DelayUnit.DAYS: 3_660, DelayUnit.BUSINESS_DAYS: 1_000, DelayUnit.MONTHS: 120}
)


class RuleActionKind(StrEnum):
    """What there is to do; OTHER is what a policy that comes with Bitácora does by itself, as its note says."""

    SEND_MESSAGE = "SEND_MESSAGE"
    SEND_SURVEY = "SEND_SURVEY"
    CREATE_TASK = "CREATE_TASK"
    CALL = "CALL"
    OTHER = "OTHER"


class TaskFor(StrEnum):
    """In whose agenda it goes: of the customer's account manager (OWNER), or of whom they answer to (MANAGER)."""

    OWNER = "OWNER"
    MANAGER = "MANAGER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An event by the name it is stored under, as order.placed.v1, if the predicate holds of its fields (total.base)."""

    event: str
    when: Predicate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """So many months, days or hours later, at a local time such as 10:00; with `quiet_hours`, not by night or on a holiday.

    Where it depends on what no number says, `until` says in words when that is: for the policies that come with Bitácora.
    """

    count: int = 0
    unit: DelayUnit = DelayUnit.DAYS
    at: str | None = None
    quiet_hours: bool = True
    until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A message in a language: its subject and its text.

    {{customer.tier}} is what is known of the customer then (a fact that conditions may ask, or the name), and
    {{event.total.base}} what the event told, {{event.number|of yours}} with what is said if nobody knows; without that,
    the message is not sent then.
    """

    language: str
    subject: str
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAction:
    """What to do: a message by `template`, or in `words` of its own; a survey by its key; a task or a call with a subject.

    A message without a purpose is part of what the customer bought, and asks for no consent. The task or call is due
    `due_in` after the policy makes it.
    """

    kind: RuleActionKind
    template: str | None = None
    words: tuple[Words, ...] = ()
    channel: Channel | None = None
    purpose: Purpose | None = None
    survey: str | None = None
    subject: str | None = None
    task_for: TaskFor | None = None
    due_in: Delay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most so many times in so many days for each customer, besides what holds for all policies."""

    times: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When one of `triggers` happens, do `action` after `delay`, if `conditions` hold of the customer at that time.

    What happens in between takes the promise back (`cancelled_by`): to the same noun, or to one that the two events name,
    and otherwise to the customer. A `note` says in a sentence what cannot be said so.
    """

    triggers: tuple[Occurrence, ...]
    action: RuleAction
    conditions: Predicate | None = None
    delay: Delay = field(default_factory=Delay)
    caps: tuple[Cap, ...] = ()
    cancelled_by: tuple[Occurrence, ...] = ()
    note: Text | None = None


FACTS: Mapping[str, FieldKind] = MappingProxyType(
    {
        "kind": FieldKind.TEXT,
        "language": FieldKind.TEXT,
        "country": FieldKind.TEXT,
        "timezone": FieldKind.TEXT,
        "source": FieldKind.TEXT,
        "territory": FieldKind.TEXT,
        "account_manager": FieldKind.TEXT,
        "lifecycle_stage": FieldKind.TEXT,
        "tier": FieldKind.TEXT,
        "roles": FieldKind.TEXTS,
        "registered_at": FieldKind.MOMENT,
        "first_order_at": FieldKind.MOMENT,
        "last_order_at": FieldKind.MOMENT,
        "last_contact_at": FieldKind.MOMENT,
        "orders": FieldKind.NUMBER,
        "spent": FieldKind.NUMBER,
        "open_cases": FieldKind.NUMBER,
        "csat": FieldKind.NUMBER,
        "nps": FieldKind.NUMBER,
        "open_complaint": FieldKind.FLAG,
        "has_email": FieldKind.FLAG,
        "has_phone": FieldKind.FLAG,
        "marketing_consent": FieldKind.FLAG,
        "survey_consent": FieldKind.FLAG,
        "service_consent": FieldKind.FLAG,
        "restricted": FieldKind.FLAG,
    }
)
"""What conditions may ask of a customer.

`orders` are those that were not called off as a whole, `spent` what was ordered less what came back, in the base currency;
`csat` and `nps` are the last answers; `restricted` is who must not be turned to for marketing at all. A consent is true or
false as the customer said, and empty if they said nothing.
"""


def must_be_rules(rules: Rules, field: str = "rules", *, built_in: bool = False) -> None:
    """Refused, with the place of what is wrong, unless a policy can go by these rules."""
    try:
        must_make_sense(rules, built_in)
    except Refused as refused:
        raise Refused(_placed(refused.reason, refused.field), field) from None


def _placed(reason: str, place: str | None) -> str:
    """The reason with the place within the rules; a predicate says already where it is wrong within itself."""
    if reason.startswith(f"At {place}: "):
        return reason
    if reason.startswith("At "):
        return f"At {place}.{reason.removeprefix('At ')}"
    return f"At {place}: {reason if reason[1].isupper() else reason[0].lower() + reason[1:]}"


def must_make_sense(rules: Rules, built_in: bool) -> None:
    """Refused, with the place within the rules as its field."""
    if not 1 <= len(rules.triggers) <= MAX_TRIGGERS:
        raise Refused(f"Give from 1 to {MAX_TRIGGERS} triggers.", "triggers")
    if len(rules.cancelled_by) > MAX_CANCELLED_BY:
        raise Refused(f"Give at most {MAX_CANCELLED_BY} events that take it back.", "cancelled_by")
    for name, occurrences in (("triggers", rules.triggers), ("cancelled_by", rules.cancelled_by)):
        for n, occurrence in enumerate(occurrences):
            must_occur(occurrence, f"{name}[{n}]", built_in)
    if rules.conditions is not None:
        must_be_predicate(rules.conditions, "conditions", FACTS)
    must_delay(rules.delay, "delay", built_in)
    must_be_doable(rules.action, built_in)
    events = [what_is_told(event) for each in rules.triggers if (event := event_called(each.event)) is not None]
    for words in rules.action.words:
        for text in (words.subject, words.text):
            must_be_fillable(text, FACTS, events, "action.words")
    if rules.action.kind is RuleActionKind.OTHER and rules.note is None:
        raise Refused("Say here what is done.", "note")
    purpose = Purpose.SURVEY if rules.action.kind is RuleActionKind.SEND_SURVEY else rules.action.purpose
    if not rules.delay.quiet_hours and purpose in QUIET and not built_in:
        raise Refused(f"{purpose} keeps to the quiet hours.", "delay.quiet_hours")
    if len(rules.caps) > MAX_CAPS:
        raise Refused(f"Give at most {MAX_CAPS} caps.", "caps")
    for n, cap in enumerate(rules.caps):
        if not (1 <= cap.times <= MAX_CAP_TIMES and 1 <= cap.days <= MAX_CAP_DAYS):
            said = f"A cap is from 1 to {MAX_CAP_TIMES} times in 1 to {MAX_CAP_DAYS} days."
            raise Refused(said, f"caps[{n}]")
    must_say(rules.note, "The note", "note")


def must_occur(occurrence: Occurrence, field: str, built_in: bool) -> None:
    """Refused if there is no such event, or if it cannot be asked what is asked of it."""
    event = event_called(occurrence.event)
    if event is None:
        raise Refused(
            f"There is no event {occurrence.event!r}. The catalogue of events says which there are, as order.placed.v1.",
            field,
        )
    if occurrence.event.partition(".")[0] in NEVER and not built_in:
        raise Refused(f"{occurrence.event} is what policies themselves do, and sets no policy off.", field)
    if occurrence.when is not None:
        must_be_predicate(occurrence.when, f"{field}.when", what_is_told(event))
        if any(test.operator in AGO for test in tests_of(occurrence.when)):
            raise Refused(
                "What an event tells does not change with the day: compare it with a moment.", f"{field}.when"
            )


def must_delay(delay: Delay, field: str, built_in: bool) -> None:
    """Refused if it is too long, at no time of day, or in words that nobody could go by."""
    if delay.until is not None and not built_in:
        raise Refused("Count it: words are for the policies that come with Bitácora.", f"{field}.until")
    must_say(delay.until, "When that is", f"{field}.until")
    longest = MAX_DELAY[delay.unit]
    if not 0 <= delay.count <= longest:
        unit = delay.unit.lower().replace("_", " ")
        raise Refused(f"The delay is from 0 to {longest} {unit}.", f"{field}.count")
    if delay.at is not None:
        if delay.unit is DelayUnit.HOURS:
            raise Refused("Hours lead to no time of day: leave it out, or count days.", f"{field}.at")
        if CLOCK.fullmatch(delay.at) is None:
            raise Refused("Write the time of day as 10:00.", f"{field}.at")


def must_be_doable(action: RuleAction, built_in: bool) -> None:
    """Refused if the action leaves out what it needs, or says what it cannot use."""
    if action.kind is RuleActionKind.OTHER and not built_in:
        raise Refused("OTHER is for the policies that come with Bitácora.", "action.kind")
    for name in ("template", "words", "channel", "purpose", "survey", "subject", "task_for", "due_in"):
        if name not in USES[action.kind] and getattr(action, name) not in (None, ()):
            raise Refused(f"Leave it out, {action.kind} has no use for it.", f"action.{name}")
    match action.kind:
        case RuleActionKind.SEND_MESSAGE:
            must_be_a_message(action)
        case RuleActionKind.SEND_SURVEY:
            must_be_given(action.survey, "The survey", "action.survey")
        case RuleActionKind.CREATE_TASK | RuleActionKind.CALL:
            must_be_given(action.subject, "The subject", "action.subject")
    if action.due_in is not None:
        must_delay(action.due_in, "action.due_in", built_in)


def must_be_given(text: str | None, what: str, field: str) -> None:
    """Refused if it is not there, or blank."""
    must_say(text or "", what, field)


USES: Mapping[RuleActionKind, frozenset[str]] = MappingProxyType(
    {
        RuleActionKind.SEND_MESSAGE: frozenset({"template", "words", "channel", "purpose"}),
        RuleActionKind.SEND_SURVEY: frozenset({"survey"}),
        RuleActionKind.CREATE_TASK: frozenset({"subject", "task_for", "due_in"}),
        RuleActionKind.CALL: frozenset({"subject", "task_for", "due_in", "purpose"}),
        RuleActionKind.OTHER: frozenset({"template", "channel", "purpose", "subject", "task_for", "due_in"}),
    }
)
"""What each kind of action has a use for."""


def must_be_a_message(action: RuleAction) -> None:
    """Refused if nobody could write or send it."""
    if (action.template is None) is (not action.words):
        raise Refused("Give either a template or words.", "action.template")
    if action.template is not None and TEMPLATE.fullmatch(action.template) is None:
        raise Refused("Name the template without its language and ending, as survey.", "action.template")
    if len(action.words) > MAX_LANGUAGES:
        raise Refused(f"Give the words in at most {MAX_LANGUAGES} languages.", "action.words")
    if len({words.language for words in action.words}) < len(action.words):
        raise Refused("Two words are in the same language.", "action.words")
    for words in action.words:
        must_be_language(words.language, "action.words")
        must_say(words.subject, f"The subject in {words.language}", "action.words")
        must_say(words.text, f"The text in {words.language}", "action.words")
    if action.channel not in (Channel.EMAIL, Channel.SMS):
        raise Refused("A message goes by EMAIL or SMS.", "action.channel")
    if action.purpose not in (None, Purpose.MARKETING, Purpose.SERVICE):
        raise Refused("A message is for MARKETING, for SERVICE, or without a purpose.", "action.purpose")
