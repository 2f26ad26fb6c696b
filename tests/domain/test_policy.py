"""Policies: their rules version by version, and whether they are in force."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain import DECIDERS
from domain.consent import Purpose
from domain.kernel import Refused, reference, sealed_fields
from domain.order import OrderLine, OrderPlaced, SalesChannel
from domain.policy import (
    MAX_POLICY_VERSIONS,
    ActivatePolicy,
    DefinePolicy,
    PausePolicy,
    PolicyDefined,
    PolicyStatus,
    PolicySwitched,
    RegisterPolicy,
    RetirePolicy,
    decider,
    policy_id,
)
from domain.predicate import FieldKind, Predicate, Test, TestOperator
from domain.rules import (
    MAX_CANCELLED_BY,
    MAX_CAP_DAYS,
    MAX_CAP_TIMES,
    MAX_CAPS,
    MAX_DELAY,
    MAX_LANGUAGES,
    MAX_TRIGGERS,
    USES,
    Cap,
    Delay,
    DelayUnit,
    Occurrence,
    RuleAction,
    RuleActionKind,
    Rules,
    TaskFor,
    Words,
    must_be_rules,
)
from domain.told import told_by, what_is_told
from domain.values import Channel, Money
from tests.domain.scenario import but, given

KEY = "thanks-after-order"
ID = policy_id(KEY)
BIG = Predicate(test=Test(field="total.base", operator=TestOperator.GTE, number=Decimal(50)))
SPANISH = Predicate(test=Test(field="language", operator=TestOperator.EQ, text="es"))
MESSAGE = RuleAction(
    kind=RuleActionKind.SEND_MESSAGE,
    words=(Words(language="es", subject="Gracias", text="Gracias por su compra."),),
    channel=Channel.EMAIL,
    purpose=Purpose.MARKETING,
)
TASK = RuleAction(
    kind=RuleActionKind.CREATE_TASK,
    subject="Call",
    task_for=TaskFor.OWNER,
    due_in=Delay(count=1, unit=DelayUnit.BUSINESS_DAYS),
)
RULES = Rules(
    triggers=(Occurrence(event="order.placed.v1", when=BIG),),
    conditions=SPANISH,
    delay=Delay(count=3, at="10:00"),
    action=MESSAGE,
    caps=(Cap(times=1, days=30),),
    cancelled_by=(Occurrence(event="order.cancelled.v1"),),
)
DEFINE = DefinePolicy(policy_id=ID, key=KEY, rules=RULES)
DEFINED = PolicyDefined(key=KEY, version=1, rules=RULES)
REGISTER = RegisterPolicy(policy_id=ID, key=KEY, version=1, rules=replace(RULES, note="More."))
REGISTERED = PolicyDefined(key=KEY, version=1, rules=REGISTER.rules, built_in=True)
ACTIVE, PAUSED, RETIRED = (
    PolicySwitched(status=status) for status in (PolicyStatus.ACTIVE, PolicyStatus.PAUSED, PolicyStatus.RETIRED)
)
ACTIVATE, PAUSE, RETIRE = ActivatePolicy(policy_id=ID), PausePolicy(policy_id=ID), RetirePolicy(policy_id=ID)


# Versions.


def test_a_policy_is_defined_once_under_the_id_of_its_key() -> None:
    assert reference("policy", "bitacora", KEY) == ID
    given(decider).when(DEFINE).then(DEFINED)
    given(decider, DEFINED).when(DEFINE).then_nothing()


def test_other_rules_are_the_next_version_whether_it_is_in_force_or_not() -> None:
    later = replace(RULES, delay=Delay(count=4))
    for before in ([], [ACTIVE], [ACTIVE, PAUSED], [RETIRED]):
        given(decider, DEFINED, *before).when(but(DEFINE, rules=later)).then(replace(DEFINED, version=2, rules=later))


def test_versions_have_an_end() -> None:
    given(decider, replace(DEFINED, version=MAX_POLICY_VERSIONS)).when(
        but(DEFINE, rules=replace(RULES, caps=()))
    ).refused("A policy has at most 1000 versions. Define another one.")


@pytest.mark.parametrize("key", ["", "Thanks", "thanks_after", "-a", "a--b", "a" * 61, "1a"])
def test_a_key_is_in_small_letters(key: str) -> None:
    given(decider).when(DefinePolicy(policy_id=policy_id(key), key=key, rules=RULES)).refused(
        "Write the key in small letters, digits and hyphens, as thanks-after-order, 60 at most.", "key"
    )


def test_the_id_is_that_of_the_key() -> None:
    given(decider).when(but(DEFINE, policy_id=policy_id("b"))).refused(
        "The id of this policy is bitacora:thanks-after-order.", "policy_id"
    )


# Those that come with Bitácora.


def test_a_policy_that_is_code_registers_itself_and_is_active() -> None:
    given(decider).when(REGISTER).then(REGISTERED, ACTIVE)
    given(decider, REGISTERED, ACTIVE).when(REGISTER).then_nothing()
    given(decider, REGISTERED, ACTIVE, PAUSED).when(but(REGISTER, version=2)).then(replace(REGISTERED, version=2))
    given(decider, replace(REGISTERED, version=2)).when(REGISTER).then_nothing()  # an older worker is still about


def test_nobody_defines_what_comes_with_bitacora_nor_the_other_way_round() -> None:
    given(decider, REGISTERED).when(but(DEFINE, rules=replace(RULES, caps=()))).refused(
        "The policy thanks-after-order comes with Bitácora. Define another, and pause this one.", "key"
    )
    given(decider, DEFINED).when(REGISTER).refused(
        "Somebody defined a policy thanks-after-order before. Define it under another key.", "key"
    )
    given(decider).when(but(REGISTER, version=0)).refused("The version must be from 1 to 1000.", "version")


# In force or not.


def test_a_policy_is_active_paused_and_retired() -> None:
    given(decider, DEFINED).when(ACTIVATE).then(ACTIVE)
    given(decider, DEFINED, ACTIVE).when(ACTIVATE).then_nothing()
    given(decider, DEFINED, ACTIVE).when(but(PAUSE, reason="Too many")).then(replace(PAUSED, reason="Too many"))
    given(decider, DEFINED, ACTIVE, PAUSED).when(PAUSE).then_nothing()
    given(decider, DEFINED, ACTIVE, PAUSED).when(ACTIVATE).then(ACTIVE)
    for before in ([], [ACTIVE], [ACTIVE, PAUSED]):
        given(decider, DEFINED, *before).when(RETIRE).then(RETIRED)
    given(decider, DEFINED, RETIRED).when(RETIRE).then_nothing()
    given(decider, DEFINED, RETIRED).when(ACTIVATE).then(ACTIVE)


def test_what_is_not_active_cannot_be_paused() -> None:
    given(decider, DEFINED).when(PAUSE).refused("This policy is defined: only one that is active can be paused.")
    given(decider, DEFINED, RETIRED).when(PAUSE).refused(
        "This policy is retired: only one that is active can be paused."
    )


@pytest.mark.parametrize("asked", [ACTIVATE, PAUSE, RETIRE])
def test_nobody_switches_what_is_not_there_or_without_a_word(asked: Any) -> None:
    given(decider).when(asked).refused("There is no such policy.", "policy_id")
    given(decider, DEFINED, ACTIVE).when(but(asked, reason=" ")).refused("The reason must not be blank.", "reason")


# Rules.


def wrong(rules: Rules, reason: str, place: str) -> None:
    """The rules are refused, with this sentence after the place."""
    with pytest.raises(Refused) as refusal:
        must_be_rules(rules)
    assert refusal.value.field == "rules"
    assert refusal.value.reason.casefold() == f"At {place}: {reason}".casefold()


def test_what_is_wrong_is_said_with_its_place() -> None:
    deep = Predicate(no=(Predicate(),))
    for changes, reason in (
        ({"caps": (Cap(times=0, days=1),)}, "At caps[0]: a cap is from 1 to 1000 times in 1 to 3660 days."),
        ({"delay": Delay(quiet_hours=False)}, "At delay.quiet_hours: MARKETING keeps to the quiet hours."),
        ({"conditions": Predicate()}, "At conditions: give exactly one of every, some, no and test."),
        ({"conditions": deep}, "At conditions.no[0]: give exactly one of every, some, no and test."),
    ):
        given(decider).when(but(DEFINE, rules=replace(RULES, **changes))).refused(reason, "rules")


def test_there_is_something_that_sets_it_off() -> None:
    placed = Occurrence(event="order.placed.v1")
    must_be_rules(replace(RULES, triggers=(placed,) * MAX_TRIGGERS, cancelled_by=(placed,) * MAX_CANCELLED_BY))
    for many in (0, MAX_TRIGGERS + 1):
        wrong(replace(RULES, triggers=(placed,) * many), "Give from 1 to 10 triggers.", "triggers")
    wrong(
        replace(RULES, cancelled_by=(placed,) * (MAX_CANCELLED_BY + 1)),
        "Give at most 20 events that take it back.",
        "cancelled_by",
    )


@pytest.mark.parametrize("field", ["triggers", "cancelled_by"])
def test_what_happens_is_an_event_that_tells_what_is_asked(field: str) -> None:
    def rules(event: str, when: Predicate | None = None) -> Rules:
        return replace(RULES, **{field: (Occurrence(event=event, when=when),)})  # type: ignore[arg-type]

    unknown = (
        "There is no event 'order.teleported.v1'. The catalogue of events says which there are, as order.placed.v1."
    )
    wrong(rules("order.teleported.v1"), unknown, f"{field}[0]")
    for name in ("follow_up.completed.v1", "policy.switched.v1"):
        wrong(rules(name), f"{name} is what policies themselves do, and sets no policy off.", f"{field}[0]")
        must_be_rules(rules(name), built_in=True)
    with pytest.raises(Refused) as refusal:
        must_be_rules(rules("order.shipped.v1", BIG))
    there_is_not = "there is no field 'total.base'. Take one of carrier, tracking."
    assert refusal.value.reason == f"At {field}[0].when.test.field: {there_is_not}"
    ago = Predicate(test=Test(field="until", operator=TestOperator.BEFORE_DAYS, number=Decimal(3)))
    wrong(
        rules("restriction.set.v1", ago),
        "What an event tells does not change with the day: compare it with a moment.",
        f"{field}[0].when",
    )


def test_conditions_ask_what_is_known_of_customers() -> None:
    shoe = Predicate(test=Test(field="shoe_size", operator=TestOperator.EQ, number=Decimal(42)))
    with pytest.raises(
        Refused, match=r"there is no field 'shoe_size'\. Take one of account_manager, country"
    ) as refusal:
        must_be_rules(replace(RULES, conditions=shoe))
    assert refusal.value.reason.startswith("At conditions.test.field: ")


@pytest.mark.parametrize("unit", DelayUnit)
def test_a_delay_has_an_end(unit: DelayUnit) -> None:
    must_be_rules(replace(RULES, delay=Delay(count=MAX_DELAY[unit], unit=unit)))
    said = f"The delay is from 0 to {MAX_DELAY[unit]} {unit.lower().replace('_', ' ')}."
    for count in (-1, MAX_DELAY[unit] + 1):
        wrong(replace(RULES, delay=Delay(count=count, unit=unit)), said, "delay.count")
        late = replace(TASK, due_in=Delay(count=count, unit=unit))
        wrong(replace(RULES, action=late), said, "action.due_in.count")


def test_what_somebody_defines_waits_for_so_long_and_not_for_words() -> None:
    words = Delay(until="the moon is full")
    said = "Count it: words are for the policies that come with Bitácora."
    wrong(replace(RULES, delay=words), said, "delay.until")
    wrong(replace(RULES, action=replace(TASK, due_in=words)), said, "action.due_in.until")
    must_be_rules(replace(RULES, delay=words), built_in=True)
    must_be_rules(replace(RULES, action=replace(TASK, due_in=words)), built_in=True)
    with pytest.raises(Refused, match="must not be blank"):
        must_be_rules(replace(RULES, delay=Delay(until=" ")), built_in=True)


def test_a_delay_leads_to_a_time_of_day() -> None:
    for at in ("24:00", "9:00", "10", "10:00:00"):
        wrong(replace(RULES, delay=Delay(count=1, at=at)), "Write the time of day as 10:00.", "delay.at")
    wrong(
        replace(RULES, delay=Delay(count=1, unit=DelayUnit.HOURS, at="10:00")),
        "Hours lead to no time of day: leave it out, or count days.",
        "delay.at",
    )


def test_marketing_and_surveys_keep_to_the_quiet_hours() -> None:
    loud = Delay(quiet_hours=False)
    wrong(replace(RULES, delay=loud), "MARKETING keeps to the quiet hours.", "delay.quiet_hours")
    survey = RuleAction(kind=RuleActionKind.SEND_SURVEY, survey="a")
    wrong(replace(RULES, delay=loud, action=survey), "SURVEY keeps to the quiet hours.", "delay.quiet_hours")
    for purpose in (None, Purpose.SERVICE):
        must_be_rules(replace(RULES, delay=loud, action=replace(MESSAGE, purpose=purpose)))


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"words": ()}, "Give either a template or words.", "template"),
        ({"template": "thanks"}, "Give either a template or words.", "template"),
        (
            {"template": "../x", "words": ()},
            "Name the template without its language and ending, as survey.",
            "template",
        ),
        ({"words": MESSAGE.words * 2}, "Two words are in the same language.", "words"),
        ({"words": MESSAGE.words * (MAX_LANGUAGES + 1)}, "Give the words in at most 50 languages.", "words"),
        ({"words": (Words(language="Spanish", subject="a", text="a"),)}, "Write the language as es or es-MX.", "words"),
        ({"words": (Words(language="es", subject=" ", text="a"),)}, "The subject in es must not be blank.", "words"),
        ({"words": (Words(language="es", subject="a", text=" "),)}, "The text in es must not be blank.", "words"),
        ({"channel": None}, "A message goes by EMAIL or SMS.", "channel"),
        ({"channel": Channel.PHONE}, "A message goes by EMAIL or SMS.", "channel"),
        ({"purpose": Purpose.SURVEY}, "A message is for MARKETING, for SERVICE, or without a purpose.", "purpose"),
    ],
)
def test_a_message_can_be_written_and_sent(changes: dict[str, Any], reason: str, field: str) -> None:
    wrong(replace(RULES, action=replace(MESSAGE, **changes)), reason, f"action.{field}")


def test_the_other_actions_have_what_they_need() -> None:
    must_be_rules(replace(RULES, action=TASK))
    must_be_rules(replace(RULES, action=replace(TASK, kind=RuleActionKind.CALL, purpose=Purpose.MARKETING)))
    must_be_rules(
        replace(RULES, action=RuleAction(kind=RuleActionKind.SEND_MESSAGE, template="a_1", channel=Channel.SMS))
    )
    survey = RuleAction(kind=RuleActionKind.SEND_SURVEY)
    wrong(replace(RULES, action=survey), "The survey must not be blank.", "action.survey")
    wrong(replace(RULES, action=replace(survey, survey=" ")), "The survey must not be blank.", "action.survey")
    wrong(replace(RULES, action=replace(TASK, subject=None)), "The subject must not be blank.", "action.subject")
    wrong(replace(RULES, action=replace(TASK, subject=" ")), "The subject must not be blank.", "action.subject")


FULL: dict[str, Any] = {
    "template": "a",
    "words": MESSAGE.words,
    "channel": Channel.EMAIL,
    "purpose": Purpose.SERVICE,
    "survey": "a",
    "subject": "a",
    "task_for": TaskFor.OWNER,
    "due_in": Delay(),
}


@pytest.mark.parametrize("kind", RuleActionKind)
def test_an_action_says_nothing_that_it_has_no_use_for(kind: RuleActionKind) -> None:
    for name, value in FULL.items():
        action = RuleAction(kind=kind, **{name: value})
        said = None
        try:
            must_be_rules(Rules(triggers=RULES.triggers, action=action, note="a"), built_in=True)
        except Refused as refused:
            said = refused.reason
        left_out = f"At action.{name}: leave it out, {kind} has no use for it."
        assert (said == left_out) is (name not in USES[kind])


def test_other_things_are_done_by_what_comes_with_bitacora_which_says_what() -> None:
    other = replace(RULES, action=RuleAction(kind=RuleActionKind.OTHER), note="Assigns by score.")
    must_be_rules(other, built_in=True)
    wrong(other, "OTHER is for the policies that come with Bitácora.", "action.kind")
    with pytest.raises(Refused) as refusal:
        must_be_rules(replace(other, note=None), built_in=True)
    assert refusal.value.reason == "At note: say here what is done."
    wrong(replace(RULES, note=" "), "The note must not be blank.", "note")


def test_caps_are_numbers_of_times_in_days() -> None:
    must_be_rules(replace(RULES, caps=(Cap(times=MAX_CAP_TIMES, days=MAX_CAP_DAYS),) * MAX_CAPS))
    wrong(replace(RULES, caps=RULES.caps * (MAX_CAPS + 1)), "Give at most 5 caps.", "caps")
    for times, days in ((0, 1), (1, 0), (MAX_CAP_TIMES + 1, 1), (1, MAX_CAP_DAYS + 1)):
        wrong(
            replace(RULES, caps=(Cap(times=times, days=days),)),
            "A cap is from 1 to 1000 times in 1 to 3660 days.",
            "caps[0]",
        )


# What an event tells.


def test_an_event_tells_its_plain_values_by_their_places() -> None:
    line = OrderLine(sku="cup", quantity=2, unit_price=Decimal(5))
    total = Money(amount=Decimal(10), currency="EUR", base=Decimal(10), base_currency="EUR", rate=Decimal(1))
    placed = OrderPlaced(customer_id=ID, lines=(line, line), total=total, channel=SalesChannel.WEB, number="7")
    told, kinds = told_by(placed), what_is_told(OrderPlaced)
    assert told.keys() == kinds.keys()
    assert (kinds["total.base"], told["total.base"]) == (FieldKind.NUMBER, Decimal(10))
    assert (kinds["lines.sku"], told["lines.sku"]) == (FieldKind.TEXTS, ("cup", "cup"))
    assert (kinds["customer_id"], told["customer_id"]) == (FieldKind.TEXT, ID)
    assert (told["channel"], told["number"], told["campaign"]) == ("WEB", "7", None)
    assert told["lines.description"] == ()


def test_no_event_tells_anything_personal() -> None:
    for noun in DECIDERS:
        for event in noun.events:
            told = {name.partition(".")[0] for name in what_is_told(event)}
            assert not told & sealed_fields(event).keys()
