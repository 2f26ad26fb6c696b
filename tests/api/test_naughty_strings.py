"""Whatever somebody writes goes through every text field of every mutation, and comes back byte for byte."""

import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest

from api.house import House
from api.schema.commands import INTERNAL
from domain import DECIDERS
from domain.follow_up import Action, ActionKind, ScheduleFollowUp
from domain.invitation import SendInvitation
from domain.kernel import MAX_LINE, Command, Limit, reference
from domain.values import Channel
from eventstore.commands import camel
from tests.api.conftest import Ask

OWN = [
    "Ana", " Ana ", "Iñigo Núñez", "I\u0303n\u0303igo", "\u202eevil\u202c", "مرحبا", "田中さん", "\ufeffBOM", "a\u200bb",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467", "=cmd|' /C calc'!A0", "'; drop table es.event; --",
    "<script>alert(1)</script>", "{{7*7}}", "%s %n %d", "..\\..\\etc", "\\u0041", '"quoted"', "a\tb", "a\nb",
    "a\r\nBcc: x@example.com", "\x1b[31mred\x1b[0m", "\x7f\x01", "\u2028", "null", "true", "1e400", "NaN", "-0",
    "\ufb00 \xdf \u0130 \u0131", "\U0010ffff", "x" * MAX_LINE,
]  # fmt: skip
SHARED = Path(__file__).parents[3] / "shared" / "data" / "naughty_strings"
"""More of them, where they are at hand: beside the repository."""

MEANING = {"email", "phone", "language", "timezone", "currency", "baseCurrency", "key"}
IDENTIFYING = ("addIdentifier", "verifyIdentifier", "removeIdentifier")

PUBLIC = {camel(c.__name__): c for decider in DECIDERS for c in decider.commands if c not in INTERNAL}


def texts(hint: Any) -> bool | dict[str, Any]:
    """Where texts go in a value of this type: True for a text, or by field."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return True if any(isinstance(word, Limit) for word in args[1:]) else texts(args[0])
    if origin in (Union, types.UnionType):
        return texts(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return texts(args[0])
    if origin is not None and issubclass(origin, Mapping):
        return {"es": True}
    if is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        found = {camel(f.name): texts(hints[f.name]) for f in fields(hint) if hint.__name__ not in str(hints[f.name])}
        return {name: inside for name, inside in found.items() if inside}
    return hint is str


WITH_TEXTS = {name: command for name, command in PUBLIC.items() if texts(command)}
SCENES = (
    "registerCustomer", "changeCustomerProfile", "changeAddress", *IDENTIFYING, "statePreference", "grantConsent",
    "withdrawConsent", "logInteraction", "startInteraction", "receiveMessage", "sendMessage", "endInteraction",
    "summariseInteraction", "linkInteraction", "requestInformation", "introduceProduct", "reviseProduct",
    "discontinueProduct", "placeOrder", "shipOrder", "cancelOrder", "returnLines", "recordReturn", "publishSurvey",
    "answerSurvey", "cancelFollowUp",
)  # fmt: skip
"""The mutations that are prepared here; to the others, test_every_text.py leads by chance."""


def meaning(name: str) -> set[str]:
    """The texts of a command that must mean something: they are taken as they are, or refused with a sentence."""
    return MEANING | ({"value"} if name in IDENTIFYING else set())


def filled(given: Any, where: Any, words: Iterator[str], used: list[str], kept: set[str]) -> Any:
    """What is given, with the next words in every text that need not mean something."""
    if where is True:
        used.append(next(words))
        return used[-1]
    if isinstance(given, list):
        return [filled(each, where, words, used, kept) for each in given]
    rest = {name: inside for name, inside in where.items() if name not in kept or isinstance(inside, dict)}
    return {
        **(given or {}),
        **{name: filled((given or {}).get(name), inside, words, used, kept) for name, inside in rest.items()},
    }


LINE = {"sku": "A", "quantity": 1, "unitPrice": "1"}


class Scene:
    """A company in which each command can be given for the n-th time."""

    def __init__(self, house: House, ask: Ask) -> None:
        self.house = house
        self.ask = ask
        self.n = 0
        self.do("registerCustomer", {"customerId": "shop:c", "name": "Somebody"})

    def do(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        if name == "returnLines":
            self.do("placeOrder", {"orderId": given["orderId"], "customerId": "shop:c", "lines": given["lines"]})
        kind = PUBLIC[name].__name__
        query = f"mutation($input: {kind}Input!) {{ {name}(input: $input) {{ ...R }} }}"
        return cast(dict[str, Any], self.ask(query, input=given)[name])

    def within(self, command: Command) -> None:
        self.house.log.do(command)

    def prepared(self, name: str) -> dict[str, Any]:
        """What is given beside the texts, after whatever must have happened before."""
        self.n += 1
        customer, order, contact = "shop:c", f"shop:{self.n}", f"pbx:{self.n}"
        if name in ("registerCustomer", "placeOrder", "recordReturn"):
            fresh = (
                {"customerId": f"shop:c{self.n}"}
                if name == "registerCustomer"
                else {"customerId": customer, "orderId": order}
            )
            return fresh if name == "registerCustomer" else {**fresh, "lines": [LINE]}
        if name == "returnLines":
            return {"orderId": order, "lines": [LINE]}
        if name in ("cancelOrder", "shipOrder"):
            self.do("placeOrder", {"orderId": order, "customerId": customer, "lines": [LINE]})
            return {"orderId": order}
        if name in ("logInteraction", "startInteraction"):
            return {"interactionId": contact, "customerId": customer, "channel": "CHAT"}
        if PUBLIC[name].__module__ == "domain.interaction":
            self.do("startInteraction", {"interactionId": contact, "customerId": customer, "channel": "CHAT"})
            return {"interactionId": contact} | ({"id": str(UUID(int=1))} if name == "linkInteraction" else {})
        if name in ("reviseProduct", "discontinueProduct", "introduceProduct"):
            product = {"productId": f"shop:p{self.n}"}
            if name != "introduceProduct":
                self.do("introduceProduct", {**product, "sku": "A", "name": "A"})
            return product
        if name == "publishSurvey":
            return {"surveyId": f"bitacora:k{self.n}", "key": f"k{self.n}", "questions": [{"key": "q", "kind": "TEXT"}]}
        if name == "answerSurvey":
            self.within(self.invitation())
            return {"invitationId": f"crm:{self.n}"}
        if name == "cancelFollowUp":
            self.within(self.follow_up())
            return {"followUpId": f"crm:{self.n}"}
        known = {"customerId": customer}
        if name == "verifyIdentifier":
            self.do("addIdentifier", {**known, "type": "TAX_ID", "value": f"N{self.n}"})
            return {**known, "type": "TAX_ID", "value": f"N{self.n}"}
        if name in ("grantConsent", "withdrawConsent"):
            other = "withdrawConsent" if name == "grantConsent" else "grantConsent"
            self.do(other, {**known, "purpose": "SURVEY"})
            return {**known, "purpose": "SURVEY"}
        if name == "statePreference":
            return {**known, "value": "yes"}
        return known

    def invitation(self) -> SendInvitation:
        return SendInvitation(
            invitation_id=reference("invitation", "crm", str(self.n)), customer_id=reference("customer", "shop", "c"),
            survey="s", version=1, channel=Channel.EMAIL, language="es", follow_up_id=UUID(int=self.n),
        )  # fmt: skip

    def follow_up(self) -> ScheduleFollowUp:
        now = datetime.now(UTC)
        return ScheduleFollowUp(
            follow_up_id=reference("follow_up", "crm", str(self.n)), customer_id=reference("customer", "shop", "c"),
            policy="p", policy_version=1, step="s", trigger=UUID(int=1), trigger_position=1,
            action=Action(kind=ActionKind.SEND_SURVEY, survey="s", invitation_id=UUID(int=1)), due_at=now, wanted_at=now,
        )  # fmt: skip


def stored(ask: Ask, position: str) -> set[str]:
    """Every text in the events of one command, the last of which is at this position."""
    query = (
        "query($after: Position) { events(after: $after, first: 100) { nodes { commandId position body disclosed } } }"
    )
    nodes = ask(query, after=max(0, int(position) - 3))["events"]["nodes"]
    command = next(node["commandId"] for node in nodes if node["position"] == position)
    return set().union(*(inside(node) for node in nodes if node["commandId"] == command))


def inside(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*(inside(part) for part in parts))


def rotated(strings: list[str], start: int) -> Iterator[str]:
    for n in range(len(strings)):
        yield strings[(start + n) % len(strings)]


def takes_all(name: str, house: House, ask: Ask, strings: list[str], step: int) -> None:
    """Gives the strings to every text field of a mutation, all of them in turn if the step is 1, and reads them back."""
    scene = Scene(house, ask)
    free, taken = [text for text in strings if text.strip() and len(text) <= MAX_LINE and "\0" not in text], 0
    for start in range(0, len(free), step):
        used: list[str] = []
        given = filled(scene.prepared(name), texts(WITH_TEXTS[name]), rotated(free, start), used, meaning(name))
        if not used:
            break
        found = scene.do(name, given)
        assert "reason" not in found, (given, found)
        taken += 1
        assert set(used) - stored(ask, found["position"]) == set()
    assert taken or set(cast(dict[str, Any], texts(WITH_TEXTS[name]))) <= meaning(name)


@pytest.mark.parametrize("name", SCENES)
def test_every_text_field_of_a_mutation_gives_back_what_was_written(name: str, house: House, ask: Ask):
    takes_all(name, house, ask, OWN, 2)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SCENES)
def test_every_text_field_of_a_mutation_gives_back_every_naughty_string(name: str, house: House, ask: Ask):
    takes_all(name, house, ask, everything(), 1)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name, command in WITH_TEXTS.items()
        if name in SCENES
        for field in cast(dict[str, Any], texts(command))
        if field in meaning(name)
    ],
)
def test_a_text_that_must_mean_something_is_taken_as_it_is_or_refused(name: str, field: str, house: House, ask: Ask):
    scene = Scene(house, ask)
    refused = 0
    for text in OWN:
        extra = {"type": "LOYALTY_CARD"} if name in IDENTIFYING else {}
        given = {
            **filled(scene.prepared(name), texts(WITH_TEXTS[name]), rotated(["word"] * 99, 0), [], meaning(name)),
            **extra,
            field: text,
        }
        found = scene.do(name, given)
        if "reason" in found:
            refused += 1
            assert found["reason"].endswith((".", "?"))
            assert found["code"] in ("INVALID", "REFUSED")
        elif found["position"] != "0":
            assert text in stored(ask, found["position"]) or name in IDENTIFYING[1:]
    assert refused


def everything() -> list[str]:
    if not SHARED.exists():
        return OWN
    more = [json.loads((SHARED / name).read_text()) for name in ("blns.json", "names_and_texts.json")]
    return [*OWN, *sorted(inside(more))]


def test_the_views_show_what_was_written(house: House, ask: Ask):
    """All the strings that are at hand: as a customer's name, an order's number and lines, a word on the timeline."""
    strings = [
        text for text in dict.fromkeys(everything()) if text.strip() and len(text) <= MAX_LINE and "\0" not in text
    ]
    query = """mutation($c: RegisterCustomerInput!, $o: PlaceOrderInput!, $i: LogInteractionInput!) {
      a: registerCustomer(input: $c) { ...R } b: placeOrder(input: $o) { ...R } c: logInteraction(input: $i) { ...R }
    }"""
    for n, text in enumerate(strings):
        customer = {"customerId": f"shop:{n}"}
        line = {**LINE, "sku": text, "description": text}
        found = ask(
            query,
            c={**customer, "name": text},
            o={**customer, "orderId": f"shop:{n}", "number": text, "lines": [line]},
            i={
                **customer,
                "interactionId": f"pbx:{n}",
                "channel": "CHAT",
                "subject": text,
                "text": text,
                "topic": text,
            },
        )
        assert all("position" in found[part] for part in "abc"), found
    seen: dict[str, list[str]] = {}
    query = """query($after: String) { customers(first: 100, after: $after) { pageInfo { endCursor hasNextPage } nodes {
      customerId name orders(first: 1) { nodes { number lines { sku description } } }
      timeline(first: 1, filter: {kind: {eq: "interaction"}}) { nodes { topic subject text } } } } }"""
    after = None
    while after is not False:
        page = ask(query, after=after)["customers"]
        for node in page["nodes"]:
            seen[node["customerId"]] = sorted(inside({**node, "customerId": None}))
        after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else False
    assert seen == {str(reference("customer", "shop", str(n))): [text] for n, text in enumerate(strings)}


def test_a_name_is_found_by_itself(house: House, ask: Ask):
    names = [text for text in OWN if text.strip()]
    for n, name in enumerate(names):
        ask(
            "mutation($i: RegisterCustomerInput!) { registerCustomer(input: $i) { ...R } }",
            i={"customerId": f"shop:{n}", "name": name},
        )
    condition = "{name: {eq: $name, contains: $name, startsWith: $name}}"
    query = f"query($name: String!) {{ customers(filter: {condition}) {{ nodes {{ name }} }} }}"
    for name in names:
        assert {"name": name} in ask(query, name=name)["customers"]["nodes"]
