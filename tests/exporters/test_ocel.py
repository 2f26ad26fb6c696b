"""OCEL 2.0: what is exported is what is in the log, object by object, and nothing personal."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.exporters.ocel import export
from domain import DECIDERS
from domain.customer import RegisterCustomer
from domain.kernel import Ref, derived
from domain.order import OrderLine, PlaceOrder
from eventstore.database import open_pool
from eventstore.envelope import Happened
from eventstore.journal import Search
from eventstore.log import Log
from eventstore.personal import KeyRing
from tests.conftest import KEK, House
from tests.exporters.conftest import EVERYTHING, NOUN, History, as_read_today, lives
from tests.projections import histories

SCHEMA = json.loads((Path(__file__).parent / "ocel20.json").read_text())
NOUNS = sorted(set(NOUN.values()))
JSON_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str}


def exported(log: Log, search: Search = EVERYTHING) -> dict[str, Any]:
    out = io.BytesIO()
    count = export(log.reader, search, out)
    found: dict[str, Any] = json.loads(out.getvalue())
    assert count == len(found["events"])
    return found


def valid(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """What is wrong with a value by the words of JSON Schema that this one uses."""
    assert schema.keys() <= {"$schema", "$comment", "type", "properties", "items", "required", "format"}
    if not isinstance(value, JSON_TYPES[schema["type"]]):
        yield f"{path} is no {schema['type']}"
        return
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path} has no {name}"
    for name, part in schema.get("properties", {}).items():
        if name in value:
            yield from valid(value[name], part, f"{path}.{name}")
    for n, each in enumerate(value if "items" in schema else ()):
        yield from valid(each, schema["items"], f"{path}[{n}]")


def refs(value: Any, hint: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, UUID, str]]:
    """Every id of a noun in an event, found by its type hints as one reads them."""
    if value is None:
        return
    if get_origin(hint) is Annotated:
        nouns = [word.noun for word in get_args(hint)[1:] if isinstance(word, Ref)]
        if nouns and isinstance(value, UUID):
            yield nouns[0], value, ".".join(path)
            return
        hint = get_args(hint)[0]
    if isinstance(value, tuple):
        for each in value:
            yield from refs(each, get_args(hint)[0], path)
    elif is_dataclass(value):
        hints = get_type_hints(type(value), include_extras=True)
        for part in fields(value):
            yield from refs(getattr(value, part.name), hints[part.name], (*path, part.name))
    elif len(get_args(hint)) == 2 and type(None) in get_args(hint):
        yield from refs(value, get_args(hint)[0], path)


def about(happened: Happened) -> set[str]:
    """The objects that an event is about."""
    event, at = happened
    found = {f"{NOUN[event.stored_as]}:{at.stream_id}"}
    if at.customer_id is not None:
        found.add(f"customer:{at.customer_id}")
    hints = get_type_hints(type(event), include_extras=True)
    for part in fields(event):  # type: ignore[arg-type]
        found |= {f"{noun}:{id}" for noun, id, _ in refs(getattr(event, part.name), hints[part.name], (part.name,))}
    return found


def test_every_event_is_there_with_all_that_it_is_about(new_database: Callable[[], str]) -> None:
    @given(
        history=lives,
        low=st.integers(0, 40),
        high=st.integers(0, 60),
        noun=st.none() | st.sampled_from(sorted(set(NOUN.values()))),
    )
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: History, low: int, high: int, noun: str | None) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            histories.live_through(
                log, [(RegisterCustomer(customer_id=derived("customer", 1)), histories.START), *history]
            )
            nouns = {name.partition(".")[0] for name in NOUN}
            types = (f"{noun}.*",) if noun in nouns else ()
            moments = sorted(at.occurred_at for _, at in log.reader.page(0, 1_000))
            since, until = moments[min(low, len(moments) - 1)], moments[min(high, len(moments) - 1)]
            found = exported(log, Search(types=types, occurred_from=since, occurred_until=until))
            wanted = as_read_today(
                log, lambda at: since <= at.occurred_at <= until and (not types or at.type.startswith(f"{noun}."))
            )
            assert list(valid(found, SCHEMA)) == []
            assert [event["id"] for event in found["events"]] == [str(at.position) for _, at in wanted]
            for event, happened in zip(found["events"], wanted, strict=True):
                assert event["type"] == happened.at.type
                related = [each["objectId"] for each in event["relationships"]]
                assert set(related) == about(happened)
                assert len(related) == len(set(related))
            objects = {each["id"]: each for each in found["objects"]}
            assert set(objects) == {id for happened in wanted for id in about(happened)}
            assert all(each["type"] == id.partition(":")[0] for id, each in objects.items())
            assert {each["name"] for each in found["objectTypes"]} == {each["type"] for each in objects.values()}
            linked = {(id, each["objectId"]) for id, each in objects.items() for each in (objects[id]["relationships"])}
            assert linked == {
                (f"{NOUN[happened.at.type]}:{happened.at.stream_id}", other)
                for happened in wanted
                for other in about(happened)
                if other != f"{NOUN[happened.at.type]}:{happened.at.stream_id}"
            }
            declared = {each["name"]: {part["name"] for part in each["attributes"]} for each in found["eventTypes"]}
            assert set(declared) == {happened.at.type for happened in wanted}
            for event in found["events"]:
                assert {part["name"] for part in event["attributes"]} <= declared[event["type"]]

    check()


def test_values_are_told_exactly_and_nothing_personal_is(house: House) -> None:
    house.log.do(
        RegisterCustomer(customer_id=derived("c", 1), name="Canary Núñez", email="canary@example.com", country="ES")
    )

    lines = (OrderLine(sku="S", quantity=3, unit_price=Decimal("0.10")),)
    house.log.do(PlaceOrder(order_id=derived("o", 1), customer_id=derived("c", 1), lines=lines))
    out = io.BytesIO()
    export(house.log.reader, EVERYTHING, out)
    text = out.getvalue().decode()
    assert "Canary" not in text
    assert "canary@" not in text
    placed = next(event for event in json.loads(text)["events"] if event["type"] == "order.placed.v1")
    values = {each["name"]: each["value"] for each in placed["attributes"]}
    assert (values["total.amount"], values["total.currency"], values["actor"]) == ("0.30", "EUR", "user:anonymous")
    kinds = next(each for each in json.loads(text)["eventTypes"] if each["name"] == "order.placed.v1")["attributes"]
    assert {"name": "total.amount", "type": "float"} in kinds
    assert {"name": "recorded_at", "type": "time"} in kinds
    assert {each["qualifier"] for each in placed["relationships"]} == {"of", "customer"}


def test_an_empty_slice_is_a_valid_file(house: House) -> None:
    found = exported(house.log)
    assert found == {"events": [], "objects": [], "eventTypes": [], "objectTypes": []}
    assert list(valid(found, SCHEMA)) == []
