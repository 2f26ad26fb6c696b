"""Mutations: a command is done, refused as data, or may be sent again."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from api.house import House
from api.schema import execute, schema
from api.schema.commands import INTERNAL
from domain import DECIDERS
from domain.kernel import reference
from eventstore.commands import camel
from eventstore.embedded import EmbeddedServer
from tests.api.conftest import ANA, LOGGED, ORDER, REGISTER, RESULT, Ask

PLACED = {
    "orderId": "shop:7",
    "customerId": "shop:ana",
    "lines": [{"sku": "A", "quantity": 3, "unitPrice": "0.10"}],
}

KNOWN_ORDER = "mutation($input: PlaceOrderInput!, $id: ID) { placeOrder(input: $input, commandId: $id) { ...R } }"


def test_a_command_answers_with_its_receipt(ask: Ask):
    found = ask(REGISTER, input={"customerId": "shop:ana", "email": "ana@example.com"}, id="first")["registerCustomer"]
    assert found["streamId"] == str(ANA)
    assert found["position"] == "2"
    assert not found["duplicate"]
    assert [(each["type"], each["position"], each["version"]) for each in found["events"]] == [
        ("customer.registered.v1", "1", 1),
        ("customer.identifier-added.v1", "2", 2),
    ]


def test_the_same_command_id_again_gives_the_same_receipt(ask: Ask, house: House):
    first = ask(KNOWN_ORDER, input=PLACED, id="once")["placeOrder"]
    again = ask(KNOWN_ORDER, input=PLACED, id="once")["placeOrder"]
    assert again == {**first, "duplicate": True}
    assert house.log.reader.head() == 1


def test_a_command_without_an_id_gets_one_to_ask_again_with(ask: Ask):
    first = ask(ORDER, input=PLACED)["placeOrder"]
    assert ask(KNOWN_ORDER, input=PLACED, id=first["commandId"])["placeOrder"] == {**first, "duplicate": True}


def test_what_cannot_be_read_is_refused_with_the_path_of_the_field(ask: Ask):
    wrong = {**PLACED, "orderId": "no id"}
    found = ask(ORDER, input=wrong)["placeOrder"]
    assert (found["code"], found["field"]) == ("INVALID", "orderId")
    assert "source:key" in found["reason"]


def test_what_must_not_be_is_refused_with_the_sentence_of_the_domain(ask: Ask):
    ask(ORDER, input=PLACED)
    other = {**PLACED, "lines": [{"sku": "B", "quantity": 1, "unitPrice": 1}]}
    found = ask(ORDER, input=other)["placeOrder"]
    assert found == {"reason": "This order has already been placed.", "field": None, "code": "REFUSED"}


def test_a_refused_field_is_called_as_the_client_called_it(ask: Ask):
    found = ask(ORDER, input={**PLACED, "rate": "1.1"})["placeOrder"]
    assert (found["code"], found["field"]) == ("REFUSED", "baseCurrency")


def test_a_stale_expected_version_is_a_conflict(ask: Ask):
    query = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input, expectedVersion: 4) { ...R } }"
    assert ask(query, input=PLACED)["placeOrder"]["code"] == "CONFLICT"


def test_money_is_never_a_float(ask: Ask):
    line = {"sku": "A", "quantity": 1, "unitPrice": 0.1}
    (error,) = ask(ORDER, errors=True, input={**PLACED, "lines": [line]})
    assert "A decimal is written as a text" in error["message"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "wrong",
    ["1899-12-31T23:59:59Z", (datetime.now(UTC) + timedelta(days=30)).isoformat()],
    ids=["long ago", "in a month"],
)
def test_absurd_dates_are_refused(ask: Ask, wrong: str):
    found = ask(ORDER, input=PLACED, at=wrong)["placeOrder"]
    assert (found["code"], found["field"]) == ("INVALID", "occurredAt")


@pytest.mark.parametrize("wrong", ["2026-01-01T10:00:00", "yesterday", "", "9999-12-31T23:59:59-12:00"])
def test_moments_without_a_zone_are_refused(ask: Ask, wrong: str):
    (error,) = ask(ORDER, errors=True, input=PLACED, at=wrong)
    assert "A moment is written with its zone" in error["message"]


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        ({"channel": "TELEPATHY"}, "SalesChannel"),
        ({"colour": "red"}, "colour"),
        ({"lines": None}, "lines"),
        ({"lines": "A"}, "OrderLineInput"),
        ({"orderId": 7}, "An id is a UUID"),
        ({"currency": 978}, "String"),
    ],
)
def test_wrong_types_unknown_fields_and_unknown_values_are_refused(
    ask: Ask, house: House, broken: dict[str, object], word: str
):
    (error, *_) = ask(ORDER, errors=True, input={**PLACED, **broken})
    assert word in error["message"]
    assert house.log.reader.head() == 0


def test_texts_that_no_text_may_be_are_refused(ask: Ask):
    logged = {"interactionId": "pbx:1", "customerId": "shop:ana", "channel": "PHONE"}
    for text, word in (("a\0b", "NUL"), ("x" * 1_000_000, "characters"), ("\ud800", "surrogate")):
        found = ask(LOGGED, input={**logged, "text": text})["logInteraction"]
        assert (found["code"], found["field"]) == ("INVALID", "text")
        assert word in found["reason"]


def test_what_is_left_out_is_left_to_the_domain(ask: Ask, house: House):
    ask(REGISTER, input={"customerId": "shop:ana"})
    query = 'mutation { changeCustomerProfile(input: {customerId: "shop:ana", sector: "retail"}) { ...R } }'
    ask(query)
    (changed,) = house.log.reader.page(1)
    assert changed.event.sector == "retail"  # type: ignore[attr-defined]  # the class is CustomerProfileChanged
    assert changed.event.language is None  # type: ignore[attr-defined]


def test_every_command_is_a_mutation_but_those_of_our_own_processes():
    fields = set(schema()._schema.mutation_type.fields)  # type: ignore[union-attr]
    every = {command for decider in DECIDERS for command in decider.commands}
    assert fields == {camel(command.__name__) for command in every - set(INTERNAL)}
    assert "cancelFollowUp" in fields
    assert "dispatchFollowUp" not in fields


def test_when_the_database_is_away_the_command_can_be_sent_again(house: House, server: EmbeddedServer):
    name = conninfo_to_dict(house.dsn)["dbname"]
    with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        db.execute(f'alter database "{name}" allow_connections false')
        db.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        house.log.pool.timeout = 0.5
        found = execute(house, ORDER + RESULT, {"input": PLACED})
        db.execute(f'alter database "{name}" allow_connections true')
    (error,) = found["errors"]
    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert error["extensions"]["retryable"] is True
    retry = error["extensions"]["commandId"]
    assert retry in error["message"]
    house.log.pool.timeout = 10
    again = execute(house, KNOWN_ORDER + RESULT, {"input": PLACED, "id": retry})["data"]["placeOrder"]
    assert again["commandId"] == retry
    assert again["streamId"] == str(reference("order", "shop", "7"))
