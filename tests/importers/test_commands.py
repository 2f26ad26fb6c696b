import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from api.importers.commands import _Malformed, parsed, parsed_with_care
from domain.customer import CustomerRegistered
from domain.identifiers import IdentifierAdded
from domain.kernel import NAMESPACE, derived
from domain.order import OrderPlaced
from eventstore.envelope import Origin
from tests.conftest import House
from tests.importers.conftest import Import, happened, imported, refusals

MARIA = (
    '{"command": "registerCustomer", '
    '"input": {"customerId": "shop:1234", "name": "María", "email": "maria@example.com"}}'
)
ORDER = (
    '{"command": "placeOrder", "input": {"orderId": "shop:9", "customerId": "shop:1234", "lines": '
    '[{"sku": "22139", "quantity": 3, "unitPrice": 4.950}]}, "commandId": "nine", '
    '"occurredAt": "2026-01-31T18:00:00+01:00"}'
)


def register(number: int, **fields: Any) -> str:
    return json.dumps({"command": "registerCustomer", "input": {"customerId": f"shop:{number}", **fields}})


def test_each_line_is_a_command(house: House, load: Import) -> None:
    report = load("commands", f"{MARIA}\n\n{ORDER}\n")
    assert (report.taken, report.events, report.already, report.refused, report.complete) == (2, 3, 0, 0, True)
    registered, mail, placed = happened(house)
    assert isinstance(registered, CustomerRegistered)
    assert isinstance(mail, IdentifierAdded)
    assert isinstance(placed, OrderPlaced)
    assert (registered.name, mail.value) == ("María", "maria@example.com")
    assert (str(placed.lines[0].unit_price), placed.total.amount) == ("4.950", Decimal("14.85"))


def test_ids_can_be_computed_offline(house: House, load: Import) -> None:
    load("commands", f"{MARIA}\n{ORDER}\n")
    page = imported(house)
    assert page[0].at.stream_id == uuid5(NAMESPACE, "customer:shop:1234")
    assert page[2].at.stream_id == uuid5(NAMESPACE, "order:shop:9")
    assert page[2].at.command_id == uuid5(NAMESPACE, "command:nine")
    assert page[2].at.occurred_at.isoformat() == "2026-01-31T17:00:00+00:00"
    assert {(at.actor, at.origin) for _, at in page} == {("import:commands", "import")}


def test_the_origin_and_the_actor_may_be_others(house: House, load: Import) -> None:
    load("commands", MARIA, origin=Origin.SYNC, actor="import:shop")
    assert {(at.actor, at.origin) for _, at in imported(house)} == {("import:shop", "sync")}


def test_a_file_imported_twice_is_imported_once(house: House, load: Import) -> None:
    text = "\n".join([MARIA, ORDER, *(register(n) for n in range(2000, 5000))])
    first, second = load("commands", text), load("commands", text)
    assert (first.taken, first.already) == (3002, 0)
    assert (second.taken, second.already, second.events) == (0, 3002, 0)
    assert len(imported(house)) == 3003


def test_the_same_line_twice_is_one_however_it_is_written(house: House, load: Import) -> None:
    back = {"orderId": "shop:9", "lines": [{"sku": "22139", "quantity": 1, "unitPrice": "4.95"}]}
    line = {"command": "returnLines", "input": back}
    turned = {"input": dict(reversed(back.items())), "command": "returnLines"}
    texts = [json.dumps(line), json.dumps(turned), json.dumps(line, separators=(" , ", " : "))]
    report = load("commands", "\n".join([MARIA, ORDER, *texts]))
    assert (report.taken, report.already, report.refused) == (3, 2, 0)


def test_a_line_without_an_id_gets_one_that_follows_from_its_content(house: House, load: Import) -> None:
    load("commands", MARIA)
    told = '{"customerId":"shop:1234","email":"maria@example.com","name":"María"}'
    content = f'{{"command":"registerCustomer","input":{told}}}'
    assert imported(house)[0].at.command_id == uuid5(NAMESPACE, f"command:{content}")


def test_a_dry_run_decides_all_and_writes_nothing(house: House, load: Import) -> None:
    report = load("commands", f"{MARIA}\n{ORDER}\n{ORDER.replace('nine', 'ten').replace('3', '4')}", dry_run=True)
    assert (report.taken, report.events, report.refused, report.dry_run) == (2, 3, 1, True)
    assert len(imported(house)) == 0


def customer_line(fields: bytes, after: bytes = b"") -> bytes:
    return b'{"command": "registerCustomer", "input": {"customerId": "shop:x", ' + fields + b"}" + after + b"}"


def order_line(fields: bytes) -> bytes:
    line = b'{"sku": "a", ' + fields + b"}"
    return (
        b'{"command": "placeOrder", "input": {"orderId": "shop:x", "customerId": "shop:x", "lines": [' + line + b"]}}"
    )


KIND = b'"kind": "PERSON"'

BAD: list[tuple[bytes, str | None, str]] = [
    (b"not json", None, "not JSON"),
    (b'["a"]', None, "A line is an object"),
    (b'{"command": "registerCustomer"', None, "not JSON"),
    (customer_line(KIND) + b" {}", None, "not JSON"),
    (customer_line(KIND, b', "when": 1'), "when", "no key 'when'"),
    (b'{"input": {"customerId": "shop:1"}}', "command", "missing"),
    (b'{"command": "registerCustomer"}', "input", "missing"),
    (b'{"command": "registerCustomr", "input": {}}', "command", "Did you mean registerCustomer"),
    (b'{"command": 1, "input": {}}', "command", "no command"),
    (b'{"command": "registerCustomer", "input": []}', "input", "object"),
    (customer_line(b'"nam": "a"'), "nam", "name?"),
    (customer_line(b'"name": 5'), "name", "a text"),
    (customer_line(rb'"name": "\u0000"'), "name", "NUL"),
    (customer_line(rb'"name": "\ud800"'), "name", "surrogate"),
    (customer_line(b'"name": "\xe9"'), None, "Byte 76 of this line is not UTF-8"),
    (customer_line(b'"name": "a", "name": "b"'), "name", "twice"),
    (customer_line(b'"kind": "ROBOT"'), "kind", "PERSON"),
    (customer_line(b'"country": "' + b"x" * 300_000 + b'"'), "country", "200"),
    (customer_line(b'"country": "' + b"x" * 2_000_000 + b'"'), None, "more than 1,048,576 bytes"),
    (customer_line(KIND, b', "occurredAt": "2026-01-31"'), "occurredAt", "moment"),
    (customer_line(KIND, b', "occurredAt": "1026-01-31T00:00:00Z"'), "occurredAt", "1900"),
    (customer_line(KIND, b', "occurredAt": "9026-01-31T00:00:00Z"'), "occurredAt", "1900"),
    (customer_line(KIND, b', "commandId": 7'), "commandId", "text"),
    (customer_line(KIND, b', "expectedVersion": -1'), "expectedVersion", "whole"),
    (customer_line(KIND, b', "expectedVersion": 7'), "expectedVersion", "version 0"),
    (order_line(b'"quantity": 1.5, "unitPrice": 1'), "lines[0].quantity", "whole number"),
    (order_line(b'"quantity": 1, "unitPrice": NaN'), "lines[0].unitPrice", "NaN"),
    (order_line(b'"quantity": 1, "unitPrice": -Infinity'), "lines[0].unitPrice", "Infinity"),
    (order_line(b'"quantity": 1, "unitPrice": 1e999999'), "lines[0].unitPrice", "digits"),
    (order_line(b'"quantity": 1, "unitPrice": 1' + b"0" * 5000), None, "not JSON"),
    (order_line(b'"quantity": 1, "unitPrice": -4'), "lines", "zero or more"),
    (order_line(b'"quantity": 1, "unitPrice": 1, "sku": "b"'), "sku", "twice"),
    (b'{"command": "placeOrder", "input": ' + b"[" * 100_000, None, "nested"),
    (b'{"command": "placeOrder", "input": ' + b"[" * 500 + b"]" * 500 + b"}", "input", "object"),
    (b'{"command": "confirmOrder", "input": {"orderId": "shop:404"}}', "orderId", "not been placed"),
]
"""Line, field, and a part of the sentence."""


def test_a_bad_line_is_refused_with_its_field_and_never_loses_a_good_one(
    house: House, load: Import, tmp_path: Path
) -> None:
    text = b"".join(line + b"\n" + register(n).encode() + b"\n" for n, (line, _, _) in enumerate(BAD))
    report = load("commands", text, refusals=tmp_path / "refused")
    found = {each.number: each for each in report.refusals}
    for number, (line, field, words) in enumerate(BAD):
        each = found.pop(2 * number + 1)
        assert (each.field, words in each.reason) == (field, True), (line[:100], each)
    assert not found
    assert (report.taken, report.events, len(imported(house))) == (len(BAD), len(BAD), len(BAD))
    kept = [json.loads(line) for line in (tmp_path / "refused").read_text().splitlines()]
    assert {each["line"]: each["field"] for each in kept} == {2 * n + 1: field for n, (_, field, _) in enumerate(BAD)}


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"a": 1, "a": 2}',
        rb'{"a" :1,"a":2}',
        b'{"a"\t:1,"a":2}',
        rb'{"a": {"b": 1, "b": 1}}',
        rb'[{"b": 1}, {"b": 1, "\u0062": 1}]',
        rb'{"a": 1, "a": "\u0022:"}',
        rb'{"a": 1, "a": "\"\u003a"}',
        rb'{"a": {"x": 1}, "b": ":)", "a": 2}',
    ],
)
def test_a_key_that_stands_twice_is_seen_however_it_is_hidden(raw: bytes) -> None:
    with pytest.raises(_Malformed, match="twice"):
        parsed(raw)


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"a": "\":", "b": ": \" :", "c": [{"a": 1}, {"a": 2}], "d": {}}',
        rb'{"a" : 1, "b":":", "": ""}',
        '{"ñ": "\u2028\x7f", "b": 1.10, "t": [true, false, -0, 1e5, 123456789012345678901234567890]}'.encode(),
    ],
)
def test_the_quick_way_and_the_careful_way_read_the_same(raw: bytes) -> None:
    assert parsed(raw) == parsed_with_care(raw)


def test_decimals_are_read_as_they_are_written() -> None:
    value, content = parsed(b'{"price": 0.10, "large": 12345678901234567890.123456789}')
    assert (str(value["price"]), str(value["large"])) == ("0.10", "12345678901234567890.123456789")
    assert content == b'{"large":"12345678901234567890.123456789","price":"0.10"}'


def test_a_command_id_may_be_a_uuid_or_any_text(house: House, load: Import) -> None:
    given = UUID("0199d3a4-0000-7000-8000-000000000001")
    lines = [json.loads(register(n)) | {"commandId": text} for n, text in enumerate([str(given), "años: 7"])]
    load("commands", "\n".join(map(json.dumps, lines)))
    assert [at.command_id for _, at in imported(house)] == [given, derived("command", "años: 7")]


def test_naughty_texts_come_back_as_they_were(house: House, load: Import) -> None:
    naughty = [
        "=1+1",
        "\t'; drop table es.event; --",
        "𝕿𝖍𝖊",
        "\u202eabc",
        "a\\tb\\",
        "‰ \ufeff",
        "😀" * 50,
        "\\N",
        '"',
        "\x01\x7f\n\r",
    ]
    report = load("commands", "\n".join(register(n, name=name) for n, name in enumerate(naughty)))
    assert refusals(report) == []
    assert [event.name for event in happened(house) if isinstance(event, CustomerRegistered)] == naughty
