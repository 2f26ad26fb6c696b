import json
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api.importers.importing import Context, LeftAside, Line, Read, Rejected, Report
from api.importers.lines import Source
from api.importers.mapped import importer_from
from domain import DECIDERS
from domain.kernel import Refused, reference
from domain.order import PlaceOrder
from eventstore.commands import Commands
from eventstore.envelope import Origin
from tests.importers.conftest import Files

COMMANDS = Commands(DECIDERS)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
HEAD = "name: shop\nsource: shop\n"
Load = Callable[..., Report]


def found(mapping: str, path: Path, **told: str) -> list[Read]:
    """What a mapping finds in a file."""
    importer = importer_from(mapping.encode())
    return list(importer.read(Source(str(path)), Context(COMMANDS, "test", Origin.IMPORT, NOW, told)))


def asked(reads: list[Read]) -> list[Any]:
    """The commands, nothing else having been found."""
    assert [each for each in reads if not isinstance(each, Line)] == []
    return [each.command for each in reads if isinstance(each, Line)]


def customer(**fields: str) -> str:
    """A mapping that registers a customer with these expressions, the column c being the one of the tests."""
    said = ", ".join(f"{name}: {expression}" for name, expression in fields.items())
    return f"{HEAD}commands: [{{command: registerCustomer, input: {{customerId: 'shop:1', {said}}}}}]"


@pytest.mark.parametrize(
    ("expression", "cell", "value"),
    [
        ("{column: c}", " Ana ", "Ana"),
        ("{column: c}", "", None),
        ("Ana", "Luz", "Ana"),
        ("'{c}'", "Ana", "Ana"),
        ("'x{c}y'", "", None),
        ("'x{c?}y'", "", None),
        ("'{c} {d?}'", "Ana", "Ana"),
        ("'{c} {d}'", "Ana", None),
        ("'{d?} {c?} {d?}'", "Ana", "Ana"),
        ("'{{{c}}}'", "Ana", "{Ana}"),
        ("{column: c, upper: true}", "Ana", "ANA"),
        ("{column: c, lower: true}", "ANA", "ana"),
        ("{column: c, strip: '*-'}", "*- Ana -*", "Ana"),
        ("{column: c, split: '/', part: 2}", "a / b / c", "b"),
        ("{column: c, split: '/', part: 4}", "a/b", None),
        ("{column: c, map: {GTXPro: GTX Pro}}", "GTXPro", "GTX Pro"),
        ("{column: c, map: {GTXPro: GTX Pro}}", "MG", "MG"),
        ("{column: c, map: {a: b}, else: other}", "MG", "other"),
        ("{column: c, map: {a: b}, else: null}", "MG", None),
        ("{column: c, map: {'': nothing}}", "", "nothing"),
        ("{column: c, lower: true, map: {no: Norway}}", "NO", "Norway"),
        ("{column: c, default: none}", "", "none"),
        ("{column: d, default: {column: c}}", "Ana", "Ana"),
        ("{column: c, number: {decimal: ',', thousands: '.'}}", "1.234.567,80 €", "1234567.80"),
        ("{column: c, number: {thousands: ' '}}", "-1\u00a0234.5", "-1234.5"),
        ("{column: c, number: true}", "$ .5", "0.5"),
        ("{column: c, date: {format: '%d/%m/%Y'}}", "31/01/2026", "2026-01-31"),
        ("{column: c, moment: {format: '%d/%m/%y %H:%M', zone: Europe/Madrid}}", "31/07/26 10:00", "2026-07-31T08:00:00+00:00"),
        ("{column: c, moment: {zone: Europe/Madrid}}", "2026-10-25T02:30:00", "2026-10-25T00:30:00+00:00"),
        ("{column: c, moment: {zone: Europe/Madrid}}", "2026-07-31T10:00:00-05:00", "2026-07-31T15:00:00+00:00"),
        ("{column: c, moment: true}", "2026-07-31", "2026-07-31T00:00:00+00:00"),
    ],
)  # fmt: skip
def test_what_an_expression_makes_of_a_cell(file: Files, expression: str, cell: str, value: str | None) -> None:
    (made,) = asked(found(customer(name=expression), file(f'c,d,e\n"{cell}",,e\n')))
    assert made.name == value


@pytest.mark.parametrize(
    ("expression", "cell", "sentence"),
    [
        ("{column: c, number: true}", "1,5", "'1,5' is not a number as 1234.50."),
        ("{column: c, number: {decimal: ',', thousands: '.'}}", "1.2345", "'1.2345' is not a number as 1.234,50."),
        ("{column: c, number: true}", "NaN", "'NaN' is not a number as 1234.50."),
        ("{column: c, number: true}", "1e5", "'1e5' is not a number as 1234.50."),
        ("{column: c, number: true}", "٣", "'٣' is not a number as 1234.50."),
        (
            "{column: c, date: true}",
            "31/01/2026",
            "'31/01/2026' is not a date or a time as 2026-01-31 or 2026-01-31T18:00:00.",
        ),
        ("{column: c, date: {format: '%d/%m/%Y'}}", "30/02/2026", "'30/02/2026' is not a date or a time as %d/%m/%Y."),
        ("{column: c, moment: {zone: Asia/Tokyo}}", "0001-01-01", "'0001-01-01' is beyond the calendar."),
        ("{column: c}", "a" * 201, "name has 201 characters; 200 is the limit."),
    ],
)
def test_a_cell_that_makes_no_sense_is_refused_with_its_column(
    file: Files, expression: str, cell: str, sentence: str
) -> None:
    bad, good = found(customer(name=expression), file(f'c,d\n"{cell}",\n,d\n'))
    assert bad == Rejected(2, sentence, "c")
    assert isinstance(good, Line)


def test_fields_get_what_their_type_needs(file: Files) -> None:
    text = HEAD + (
        "currency: CLP\ntimezone: Europe/Madrid\ncommands:\n"
        "- command: placeOrder\n  occurred_at: {column: when}\n  input:\n    orderId: {column: id}\n"
        "    customerId: 'crm:{who}'\n    lines:\n"
        "    - object: {sku: {column: a}, quantity: {column: na}, unitPrice: {column: pa, number: {thousands: ','}}}\n"
        "    - object: {sku: {column: b}, quantity: {column: nb}, unitPrice: {column: pb}}\n"
    )
    header = "id,who,when,a,na,pa,b,nb,pb\n"
    reads = found(text, file(header + '7,Ana,2026-01-31,A1,2.0,"1,200",B2,3,5.5\n8,Ana,2026-07-31 10:00,A1,2,1,,,\n'))
    both, one = asked(reads)
    assert isinstance(both, PlaceOrder)
    assert (both.order_id, both.customer_id) == (reference("order", "shop", "7"), reference("customer", "crm", "Ana"))
    assert [(line.sku, line.quantity, line.unit_price) for line in both.lines] == [
        ("A1", 2, Decimal(1200)), ("B2", 3, Decimal("5.5")),
    ]  # fmt: skip
    assert (both.currency, [line.sku for line in one.lines]) == ("CLP", ["A1"])
    assert [each.request.occurred_at for each in reads if isinstance(each, Line)] == [
        datetime(2026, 1, 30, 23, tzinfo=UTC), datetime(2026, 7, 31, 8, tzinfo=UTC),
    ]  # fmt: skip
    assert found(text, file(header + "7,Ana,2026-01-31,A1,2.5,1,,,\n")) == [
        Rejected(2, "'2.5' is not a whole number.", "na")
    ]
    assert found(text, file(header + "7,Ana,,A1,2,1,,,\n")) == [
        Rejected(2, "It is not said when placeOrder was so.", "when")
    ]
    assert found(text, file(header + "7,Ana,2026-12-31,A1,2,1,,,\n")) == [
        Rejected(2, "2026-12-30 cannot be: dates from 1900 to tomorrow are taken.", "when")
    ]
    assert found(text, file(header + "7,,2026-01-31,A1,2,1,,,\n")) == [Rejected(2, "customerId is missing.", "who")]
    assert found(text, file(header + "7,Ana,2026-01-31,A1,2,x,,,\n")) == [
        Rejected(2, "'x' is not a number as 1,234.50.", "pa")
    ]
    assert found(text, file(header + "7,Ana,2026-01-31,A1,2,1,B2,1,x\n")) == [
        Rejected(2, "lines[1].unitPrice is a number, not 'x'.", "lines[1].unitPrice")
    ]


WHEN = HEAD + (
    "settings: {all: {description: whether all, default: ''}}\n"
    "commands: [{command: registerCustomer, when: %s, input: {customerId: {column: id}}}]"
)


@pytest.mark.parametrize(
    ("when", "ids"),
    [
        ("{column: s, equals: a}", "1"),
        ("{column: s, in: [a, b]}", "12"),
        ("{column: s, empty: true}", "3"),
        ("{column: s, not_empty: true}", "12"),
        ("{not: {column: s, equals: a}}", "23"),
        ("{not: [{column: s, equals: a}, {column: id, equals: '1'}]}", "23"),
        ("[{column: s, not_empty: true}, {column: id, equals: '2'}]", "2"),
        ("{setting: all, equals: 'yes'}", ""),
    ],
)
def test_a_row_asks_for_what_its_conditions_allow_and_is_left_aside_otherwise(file: Files, when: str, ids: str) -> None:
    reads = found(WHEN % when, file("id,s\n1,a\n2,b\n3,\n"))
    meant = [each.command.customer_id for each in reads if isinstance(each, Line)]  # type: ignore[attr-defined]
    assert meant == [reference("customer", "shop", id) for id in ids]
    aside = [each for each in reads if isinstance(each, LeftAside)]
    assert [each.reason for each in aside] == ["no command of the mapping is for it"] * (3 - len(ids))


def test_a_setting_may_be_told(file: Files) -> None:
    text = WHEN % "{setting: all, equals: 'yes'}"
    assert len(asked(found(text, file("id,s\n1,a\n"), all="yes"))) == 1
    assert [(each.name, each.default) for each in importer_from(text.encode()).settings] == [("all", "")]


ONCE = HEAD + (
    "commands:\n- {command: registerCustomer, once_per: '{who}', input: {customerId: {column: who}, name: {column: name}}}\n"
    "- {command: introduceProduct, once_per: file, input: {productId: 'shop:x', sku: x, name: X}}\n"
)


def test_once_per_asks_the_first_time_only(file: Files) -> None:
    reads = found(ONCE, file("who,name\na,Ana\nb,Luz\na,Eva\n,Sol\n"))
    assert Counter(type(each.command).__name__ for each in reads if isinstance(each, Line)) == {
        "RegisterCustomer": 2, "IntroduceProduct": 1,
    }  # fmt: skip
    nothing_new = "it says nothing that a row before it had not said"
    assert [each for each in reads if isinstance(each, LeftAside)] == [
        LeftAside(4, nothing_new),
        LeftAside(5, nothing_new),
    ]


def test_what_a_refused_row_would_have_asked_once_the_next_one_asks(file: Files) -> None:
    reads = found(ONCE, file(f"who,name\na,{'A' * 201}\na,Eva\n"))
    assert isinstance(reads[0], Rejected)
    assert [each.command.name for each in reads if isinstance(each, Line)] == ["Eva", "X"]  # type: ignore[attr-defined]


def test_equal_rows_are_one_fact_unless_an_id_tells_them_apart(file: Files) -> None:
    text = HEAD + "commands: [{command: registerCustomer, %s input: {customerId: {column: id}, name: {column: n}}}]"
    path = file("id,n,entry\n1,Ana,7\n1,Ana,8\n1,Eva,8\n")
    same = [each.request.command_id for each in found(text % "", path) if isinstance(each, Line)]
    assert (same[0] == same[1], same[1] == same[2]) == (True, False)
    told = [each.request.command_id for each in found(text % "command_id: '{entry}',", path) if isinstance(each, Line)]
    assert (told[0] == told[1], told[1] == told[2]) == (False, True)


# Columns.


def test_names_may_stand_for_several_columns(file: Files) -> None:
    text = HEAD + (
        "columns: {rename: {mail: [E-mail, Correo]}, optional: [phone]}\n"
        "commands: [{command: registerCustomer, input: {customerId: {column: mail}, phone: {column: phone}}}]"
    )
    reads = found(text, file("Correo,E-mail\nb@x.es,a@x.es\nc@x.es,\n"))
    assert [each.customer_id for each in asked(reads)] == [reference("customer", "shop", f"{key}@x.es") for key in "ac"]
    assert found(text, file("Correo\nb@x.es\n\n,\n"))[1:] == [Rejected(4, "customerId is missing.", "Correo")]
    with pytest.raises(Refused, match="None of the columns E-mail, Correo is in the header"):
        found(text, file("phone\n600\n"))


def test_a_header_without_a_column_that_is_used_is_refused(file: Files) -> None:
    text = HEAD + "columns: {required: [more]}\n" + customer(name="{column: c}")[len(HEAD) :]
    with pytest.raises(Refused, match="The column more is missing from the header"):
        found(text, file("c,d\n"))
    with pytest.raises(Refused, match="The column c is missing from the header"):
        found(text, file("more,C\n"))


# Groups.

GROUPED = (
    HEAD
    + """
group_by: "{order}"
commands:
  - command: introduceProduct
    per: row
    once_per: "{sku}"
    input: {productId: {column: sku}, sku: {column: sku}, name: {column: sku}}
  - command: placeOrder
    input:
      orderId: {column: order}
      customerId: {column: who}
      currency: EUR
      lines: {each_row: {object: {sku: {column: sku}, quantity: {column: n}, unitPrice: {column: price}}}}
"""
)
ORDERS = "order,who,sku,n,price\n1,a,X,1,2.5\n1,a,Y,2,3\n2,b,X,4,2\n"


def test_rows_of_one_key_become_one_command(file: Files) -> None:
    reads = found(GROUPED, file(ORDERS))
    orders = [each for each in asked(reads) if isinstance(each, PlaceOrder)]
    assert [[(line.sku, line.quantity) for line in each.lines] for each in orders] == [[("X", 1), ("Y", 2)], [("X", 4)]]
    assert [each.number for each in reads] == [2, 3, 2, 4]


def test_a_group_that_may_lack_a_row_is_not_taken(file: Files) -> None:
    doubt = "Line 4 cannot be read, so these rows may not be the whole group. Correct it and import the file again."
    text = "order,who,sku,n,price\n0,z,X,1,1\n1,a,X,1,2.5\n1,a\n1,a,Y,2,3\n2,b,X,4,2\n"
    _, _, bad, group, *rest = found(GROUPED, file(text))
    assert (bad, group) == (Rejected(4, "This row has 2 cells and the header has 5."), Rejected(3, doubt))
    assert [type(each) for each in rest] == [Line]
    reads = found(GROUPED, file(text.replace("1,a,Y", "3,c,Y")))
    assert [(each.number, each.reason == doubt) for each in reads if isinstance(each, Rejected)] == [
        (4, False), (3, True), (5, True),
    ]  # fmt: skip
    reads = found(GROUPED, file("order,who,sku,n,price\n1,a,X,1,2.5\n,a,X,1,1\n"))
    assert [each.reason.partition(",")[0] for each in reads if isinstance(each, Rejected)] == [
        "What the rows are grouped by is empty.", "Line 3 cannot be read",
    ]  # fmt: skip


def test_of_a_file_that_breaks_off_the_last_group_waits(file: Files) -> None:
    compress = zlib.compressobj(wbits=31)
    cut = compress.compress(ORDERS.encode()) + compress.flush(zlib.Z_SYNC_FLUSH)
    *before, last = found(GROUPED, file(cut))
    assert last == Rejected(4, "The file breaks off, so these rows may not be the whole group. Import the whole file.")
    assert [
        each.command.order_id for each in before if isinstance(each, Line) and isinstance(each.command, PlaceOrder)
    ] == [reference("order", "shop", "1")]


def test_a_day_begins_at_midnight_of_its_zone(file: Files) -> None:
    text = HEAD + (
        "timezone: Europe/Madrid\n"
        "commands: [{command: registerCustomer, occurred_at: {column: on, date: {format: '%d.%m.%Y'}}, "
        "input: {customerId: {column: id}}}]"
    )
    (line,) = found(text, file("id,on\n1,31.01.2026\n"))
    assert isinstance(line, Line)
    assert line.request.occurred_at == datetime(2026, 1, 30, 23, tzinfo=UTC)


def test_one_bad_row_of_a_group_refuses_the_group(file: Files) -> None:
    reads = found(GROUPED, file(ORDERS.replace("Y,2,3", "Y,two,3")))
    assert reads[0] == Rejected(2, "'two' is not a whole number.", "n")
    assert len(asked(reads[1:])) == 2


# Lines of JSON.

LINES = (
    HEAD
    + """
format: jsonl
columns: {required: [id]}
commands:
  - command: placeOrder
    occurred_at: {column: at}
    input:
      orderId: {column: id}
      customerId: {column: customer.id}
      currency: {column: currency, default: EUR}
      lines: {each: lines, item: {object: {sku: {column: sku}, quantity: {column: n}, unitPrice: {column: price}}}}
  - command: addStaff
    when: {column: rep.name, not_empty: true}
    input: {staffId: {column: rep.name}, name: {column: rep.name}, languages: {each: rep.speaks, item: {column: item}}}
"""
)


def test_lines_of_json_are_read_by_their_paths(file: Files) -> None:
    line = {
        "id": 7, "at": "2026-01-31T10:00:00Z", "customer": {"id": "a"}, "rep": {"name": "Luz", "speaks": ["es", "pt-BR"]},
        "lines": [{"sku": "X", "n": 2, "price": 1.10}, {"sku": "Y", "n": 1, "price": "3"}], "gift": True,
    }  # fmt: skip
    order, staff = asked(found(LINES, file(json.dumps(line).replace("1.1", "1.10") + "\n\n")))
    assert [(each.sku, each.quantity, str(each.unit_price)) for each in order.lines] == [
        ("X", 2, "1.10"),
        ("Y", 1, "3"),
    ]
    assert order.order_id == reference("order", "shop", "7")
    assert (staff.name, staff.languages) == ("Luz", ("es", "pt-BR"))


@pytest.mark.parametrize(
    ("line", "reason", "field"),
    [
        ("{", "This line is not JSON: Expecting property name enclosed in double quotes at character 2.", None),
        ("[1]", "A line is an object.", None),
        ('{"id": 1, "id": 2}', "A key stands twice in one object of this line.", None),
        ('{"a.b": 1, "a": {"b": 2}}', "This line has two values of the same path.", "a.b"),
        ('{"a": "\\u0000"}', "This value holds a NUL character, which no text may.", "a"),
        ('{"a": {"b": "\\ud800"}}', "This value holds half of a character (an unpaired surrogate).", "a.b"),
        ('{"at": "2026"}', "id is missing from this line.", "id"),
        ("[" * 100_000, "This line is nested too deeply.", None),
    ],
)
def test_a_bad_line_of_json_is_refused_alone(file: Files, line: str, reason: str, field: str | None) -> None:
    good = '{"id": 1, "at": "2026-01-31", "customer": {"id": "a"}, "lines": [{"sku": "X", "n": 2, "price": 1}]}'
    bad, fine = found(LINES, file(f"{line}\n{good}\n"))
    assert bad == Rejected(1, reason, field)
    assert isinstance(fine, Line)


# Contacts.
