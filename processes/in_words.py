"""In words: the rules of a policy as people read them, in a line, or as a page of all that come with Bitácora."""

from collections.abc import Iterable
from typing import Any

from domain.predicate import Predicate, Test, TestOperator
from domain.rules import Delay, Occurrence, RuleAction, RuleActionKind, Rules
from processes.policy import Policy

OPERATORS = {
    TestOperator.EQ: "is",
    TestOperator.NE: "is not",
    TestOperator.LT: "<",
    TestOperator.LTE: "≤",
    TestOperator.GT: ">",
    TestOperator.GTE: "≥",
    TestOperator.IN: "is one of",
    TestOperator.NOT_IN: "is none of",
    TestOperator.CONTAINS: "contains",
    TestOperator.STARTS_WITH: "begins with",
    TestOperator.IS_EMPTY: "is empty",
    TestOperator.WITHIN_DAYS: "is within the last days:",
    TestOperator.BEFORE_DAYS: "is longer ago than days:",
}


def what(rules: Rules | None) -> str:
    """The rules in a line: `3 days after order.placed, at 10:00: SEND_MESSAGE`."""
    if rules is None:
        return ""
    events = " or ".join(each.event.rpartition(".")[0] for each in rules.triggers)
    if rules.delay.until is not None:
        return f"after {events}, not until {rules.delay.until}: {rules.action.kind}"
    wait = soon(rules.delay)
    return f"{wait} after {events}{f', at {rules.delay.at}' if rules.delay.at else ''}: {rules.action.kind}"


def soon(delay: Delay) -> str:
    """How long it waits."""
    if delay.until is not None:
        return f"not until {delay.until}"
    unit = delay.unit.lower().replace("_", " ")
    return f"{delay.count} {unit if delay.count != 1 else unit.removesuffix('s')}" if delay.count else "at once"


def as_markdown(policies: Iterable[Policy[Any]]) -> str:
    """The policies that come with Bitácora, for people."""
    shown = [(policy.name, policy.rules) for policy in policies]
    lines = [
        "# What happens by itself",
        "",
        "Made from the code by `bitacora policies --write docs/policies.md`; do not edit.",
        "",
        f"{len(shown)} policies come with Bitácora. Each reacts to an event by a promise, which is decided when it is due, on",
        "all that is known by then; `bitacora ledger` shows every promise and what came of it, `bitacora policies` which",
        "policies are in force. Events are explained in [events.md](events.md). What is sent for a purpose keeps to what the",
        "customer agreed to, to the caps over all policies and to the customer's quiet hours.",
        "",
        "| policy | when this happens | how soon | what is done | what takes it back | besides |",
        "|---|---|---|---|---|---|",
    ]
    for name, rules in shown:
        if rules is not None:
            cells = (
                f"`{name}`",
                happening(rules),
                timing(rules),
                doing(rules),
                occurring(rules.cancelled_by),
                rules.note or "",
            )
            lines.append(f"| {' | '.join(each.replace('|', '/') for each in cells)} |")
    return "\n".join(lines) + "\n"


def happening(rules: Rules) -> str:
    """What sets it off, and what must be so of the customer."""
    asked = "" if rules.conditions is None else f"; if of the customer {asking(rules.conditions)}"
    return occurring(rules.triggers) + asked


def occurring(occurrences: Iterable[Occurrence]) -> str:
    """Events by their names, each with what must be so of it."""
    found = (f"`{each.event}`{'' if each.when is None else f' if {asking(each.when)}'}" for each in occurrences)
    return ", ".join(found) or "nothing"


def asking(predicate: Predicate) -> str:
    """A predicate in words."""
    if predicate.test is not None:
        return comparing(predicate.test)
    for inside, word in ((predicate.every, " and "), (predicate.some, " or "), (predicate.no, " or ")):
        if inside:
            said = word.join(asking(each) if each.test is not None else f"({asking(each)})" for each in inside)
            return said if inside is not predicate.no else f"not ({said})"
    return ""


def comparing(test: Test) -> str:
    """One comparison in words."""
    value = next((each for each in (test.text, test.number, test.moment, test.flag) if each is not None), None)
    said = ", ".join(str(each) for each in test.texts or test.numbers) if value is None else str(value)
    said = {"True": "yes", "False": "no"}.get(said, said)
    return f"`{test.field}` {OPERATORS[test.operator]} {said}".rstrip()


def timing(rules: Rules) -> str:
    """How soon, at which time of day, and how often at most."""
    at = f", at {rules.delay.at}" if rules.delay.at else ""
    caps = "".join(
        f"; at most {'once' if cap.times == 1 else f'{cap.times} times'} in {cap.days} days" for cap in rules.caps
    )
    return f"{soon(rules.delay)}{at}{caps}"


def doing(rules: Rules) -> str:
    """What is done, with what, by which channel and for which purpose."""
    kind = "see besides" if rules.action.kind is RuleActionKind.OTHER else rules.action.kind
    return f"{kind}{''.join(f', {each}' for each in details(rules.action))}"


def details(action: RuleAction) -> Iterable[str]:
    """What there is to say of an action besides its kind."""
    for name in (action.template, action.survey):
        if name is not None:
            yield f"`{name}`"
    if action.channel is not None:
        yield f"by {action.channel}"
    if action.purpose is not None:
        yield f"for {action.purpose}"
    if action.subject is not None:
        yield f"“{action.subject}”"
    if action.task_for is not None:
        yield f"for the {action.task_for.lower()}"
    if action.due_in is not None:
        yield f"due in {soon(action.due_in)}"
