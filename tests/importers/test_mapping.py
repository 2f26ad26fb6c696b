import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.importers import expressions, mapped, mapping
from api.importers.importing import Context, Line
from api.importers.lines import Source
from api.importers.mapped import SHIPPED, importer_from, importer_of, shipped_text
from api.importers.mapping import MAX_MAPPING_BYTES, STRUCTS, describe, mapping_of
from api.importers.plain_yaml import MAX_DEPTH, plain_yaml
from domain import DECIDERS
from domain.kernel import Refused
from domain.order import PlaceOrder
from eventstore.commands import Commands
from eventstore.envelope import Origin

HEAD = "name: shop\nsource: shop\n"
COMMAND = "commands: [{command: registerCustomer, input: {customerId: {column: id}}}]\n"


def refused(text: str | bytes) -> str:
    """The sentence with which a mapping file is refused."""
    with pytest.raises(Refused) as found:
        importer_from(text if isinstance(text, bytes) else text.encode())
    return found.value.reason


def asking(input: str, more: str = "", command: str = "registerCustomer") -> str:
    """A mapping file with one command."""
    return f"{HEAD}{more}\ncommands: [{{command: {command}, input: {{customerId: {{column: id}}, {input}}}}}]\n"


def test_the_smallest_mapping_is_three_keys() -> None:
    importer = importer_from((HEAD + COMMAND).encode())
    assert (importer.name, importer.whole, importer.settings) == ("mapped:shop", False, ())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"\xff", "Byte 1 of this file is not UTF-8. Save the file as UTF-8."),
        ("", "A mapping file is an object with the keys name, source, commands and others."),
        ("- a\n", "A mapping file is an object with the keys name, source, commands and others."),
        ("a: [1\n", "This file is not YAML: expected ',' or ']', but got '<stream end>' at line 2."),
        ("a: \x01", "This file is not YAML: unacceptable character #x0001: special characters are not allowed."),
        ("a: 1\n---\nb: 2\n", "This file is not YAML: but found another document at line 2."),
        ("a: &x 1\nb: *x\n", "Line 1 uses an anchor or an alias (& or *). Write out what is meant."),
        (
            "a: !!python/name:os.system\n",
            "Line 1 has the tag tag:yaml.org,2002:python/name:os.system. Tags are not taken.",
        ),
        ("a: 1\na: 2\n", "The key 'a' of line 2 stands twice in one object."),
        ('a: "\\ud800"\n', "Line 1 holds half of a character (an unpaired surrogate)."),
        ("[a]: 1\n", "Line 1 has a list or an object for a key. A key is a text."),
        ("a: " + "[" * 40 + "]" * 40, f"Line 1 is nested too deep: {MAX_DEPTH} levels are the limit."),
        (" " * (MAX_MAPPING_BYTES + 1), "A mapping file has at most 65,536 bytes."),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str | bytes, sentence: str) -> None:
    assert refused(text) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD, "the key commands is missing."),
        (COMMAND + "name: shop\n", "the key source is missing."),
        (HEAD + "comands: []\n" + COMMAND, "there is no key 'comands'. Did you mean commands?"),
        (HEAD + "commands: []\n", "commands: a list of at least 1 entries is expected."),
        (HEAD.replace("shop", "My Shop", 1) + COMMAND,
         "name: a short name is expected, of lower-case letters, digits and dashes (^[a-z][a-z0-9-]{0,63}$)."),
        (HEAD + "format: tsv\n" + COMMAND, "format: 'tsv' is none of the words that may stand here."),
        (HEAD + "timezone: Madrid\n" + COMMAND, "Give the time zone by its IANA name, such as Europe/Madrid."),
        (HEAD + "currency: PTS\n" + COMMAND, "There is no currency 'PTS': give an ISO 4217 code such as EUR."),
        (HEAD + "description: 7\n" + COMMAND, "description: a text is expected, not a whole number."),
        (HEAD + "settings: {a: {description: b, standard: c}}\n" + COMMAND, "settings: there is no key 'standard'."),
        (HEAD + "columns: {optional: [nmae]}\n" + COMMAND, "columns.optional: nothing uses the column 'nmae'."),
        (HEAD + "columns: {rename: {idd: Id}}\n" + COMMAND, "columns.rename: nothing uses the name 'idd'. Did you mean id?"),
        (HEAD + "values: {id: {column: Id}}\ngroup_by: {colum: id}\n" + COMMAND,
         "group_by: there is no key 'colum'. Did you mean column?"),
        (COMMAND.replace("registerCustomer", "registerCostumer") + HEAD,
         "commands[0].command: there is no command 'registerCostumer'. Did you mean registerCustomer?"),
        (COMMAND.replace("customerId", "customerID") + HEAD,
         "commands[0].input.customerID: there is no field 'customerID'. Did you mean customerId?"),
        (HEAD + "commands: [{command: registerCustomer, input: {name: x}}]",
         "commands[0].input: the field customerId is missing."),
        (asking("customer: x").replace("customerId: {column: id}, ", "customerId: null, "),
         "commands[0].input.customer: there is no field 'customer'. Did you mean customerId?"),
        (HEAD + "commands: [{command: registerCustomer, input: {customerId: null}}]",
         "commands[0].input: the field customerId is missing."),
        (HEAD + "commands: [{command: registerCustomer, input: []}]", "commands[0].input: an object is expected, not a list."),
        (HEAD + "commands: [{command: registerCustomer, input: {customerId: {column: id}}, per: row}]",
         "commands[0].per: per: row is for rows of a group: say group_by."),
        (HEAD + "commands: [{command: registerCustomer, input: {customerId: {column: id}}, occurred_at: yesterday}]",
         "commands[0].occurred_at: 'yesterday' is not a date or a time as 2026-01-31 or 2026-01-31T18:00:00."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_file_is_said_with_its_place(text: str, sentence: str) -> None:
    assert refused(text) == sentence


@pytest.mark.parametrize(
    ("input", "place", "sentence"),
    [
        ("name: {}", "name", "give exactly one of column, setting, template, object, each_row, each."),
        ("name: {column: a, setting: b}", "name", "give exactly one of column, setting, template, object, each_row, each."),
        ("name: {column: ''}", "name", "the name of the column is missing."),
        ("name: {column: a, colour: b}", "name", "there is no key 'colour'. Did you mean column?"),
        ("name: {setting: lang}", "name", "there is no setting 'lang'."),
        ("name: 'a {b'", "name", "a brace stands alone in 'a {b'. Write two of them if one is meant."),
        ("name: 'a {}'", "name", "the name of the column is missing."),
        ("name: {column: a, part: 2}", "name", "part needs split."),
        ("name: {column: a, part: 0, split: x}", "name.part", "a whole number of at least 1 is expected."),
        ("name: {column: a, split: ','}", "name", "this field is no list: give the part that is meant, or leave split out."),
        ("name: [a, b]", "name", "this field is no list."),
        ("name: {object: {a: b}}", "name", "this field is no object."),
        ("name: {object: {a: b}, upper: true}", "name", "upper is for a column, a setting or a template."),
        ("name: {each_row: {column: a}}", "name", "this field is no list."),
        ("name: {column: a, else: b}", "name", "else needs map."),
        ("name: {column: a, lower: true, upper: true}", "name", "give lower or upper, not both."),
        ("name: {column: a, number: true, date: true}", "name", "give one of number, date and moment."),
        ("name: {column: a, number: {decimal: ';'}}", "name.number.decimal", "';' is none of the words that may stand here."),
        ("name: {column: a, number: {thousands: '.'}}", "name.number",
         "thousands are separated by something else than digits, letters and the decimal sign."),
        ("name: {column: a, date: {format: '%d/%m'}}", "name.date.format",
         "a format names the year, the month and the day, as %d/%m/%Y."),
        ("name: {column: a, moment: {format: '%d/%m/%Y %Q'}}", "name.moment.format",
         "there is no %Q. There are %% %A %B %H %I %M %S %Y %a %b %d %f %j %m %p %y %z."),
        ("name: {column: a, date: {format: '%d %d/%m/%Y'}}", "name.date.format", "%d stands twice."),
        ("name: {column: a, moment: {zone: Madrid}}", "name.moment.zone",
         "Give the time zone by its IANA name, such as Europe/Madrid."),
        ("name: {column: a, map: [b]}", "name.map", "an object or nothing is expected, not a list."),
        ("name: {column: a, default: {colum: b}}", "name.default", "there is no key 'colum'. Did you mean column?"),
        ("kind: COMPANY", "kind", "kind is one of PERSON, ORGANISATION, not 'COMPANY'."),
        ("name: true", "name", "name is a text, not 'True'."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_expression_is_said_with_its_place(input: str, place: str, sentence: str) -> None:
    assert refused(asking(input)) == f"commands[0].input.{place}: {sentence}"


ORDER = "orderId: {column: id}, currency: EUR, lines: "


@pytest.mark.parametrize(
    ("lines", "place", "sentence"),
    [
        ("{column: a}", "", "this field is a list: give split, each, each_row or a list of expressions."),
        ("{each_row: {object: {sku: a}}}", "", "each_row is for rows of a group: say group_by."),
        ("{each: lines, item: {object: {sku: a}}}", "", "each is for lines of JSON. A cell becomes a list by split."),
        ("{each: lines}", "", "item is the expression for each entry of each: give both."),
        ("[{object: {sku: {column: a}, quantity: 1}}]", "[0].object", "the field unitPrice is missing."),
        ("[{object: {sku: a, unitprice: 1}}]", "[0].object.unitprice", "there is no field 'unitprice'. Did you mean unitPrice?"),
        ("[{object: {sku: a, quantity: one, unitPrice: '1'}}]", "[0].quantity",
         "lines[0].quantity is a whole number, not 'one'."),
    ],
)  # fmt: skip
def test_lists_and_objects_are_checked_against_the_command(lines: str, place: str, sentence: str) -> None:
    assert refused(asking(ORDER + lines, command="placeOrder")) == f"commands[0].input.lines{place}: {sentence}"


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ("{column: a}", "give one of equals, in, empty: true and not_empty: true."),
        ("{column: a, empty: true, equals: b}", "give one of equals, in, empty: true and not_empty: true."),
        ("{equals: a}", "give a column or a setting."),
        ("{column: a, setting: b, empty: true}", "give a column or a setting."),
        ("{setting: b, empty: true}", "there is no setting 'b'."),
        ("{column: a, not: {column: b, empty: true}}", "not stands alone, with a condition of its own."),
        ("{not: {column: b}}", "give one of equals, in, empty: true and not_empty: true."),
        ("[]", "give from 1 to 20 conditions."),
        ("a == 1", "an object is expected, not a text."),
        ("{column: a, equals: 1}", "a text or nothing is expected, not a whole number."),
    ],
)
def test_what_is_wrong_with_a_condition_is_said(when: str, sentence: str) -> None:
    text = HEAD + f"commands: [{{command: registerCustomer, when: {when}, input: {{customerId: {{column: id}}}}}}]"
    assert refused(text).startswith("commands[0].when")
    assert refused(text).endswith(sentence)


def test_the_limits_of_a_file_are_kept() -> None:
    one = "- {command: registerCustomer, input: {customerId: {column: id}}}\n"
    importer_from((HEAD + "commands:\n" + one * mapping.MAX_COMMANDS).encode())
    assert (
        refused(HEAD + "commands:\n" + one * (mapping.MAX_COMMANDS + 1))
        == "commands: a list of at most 100 entries is expected."
    )
    many = "".join(f"a{n}: {{description: b}}, " for n in range(mapping.MAX_SETTINGS + 1))
    assert (
        refused(HEAD + f"settings: {{{many}}}\n" + COMMAND) == "settings: an object of at most 20 entries is expected."
    )


def test_texts_stay_texts() -> None:
    said = plain_yaml(
        b"{a: NO, b: 1.10, c: 2016-10-01, d: 012, e: 0x1F, f: 1e3, g: yes, h: 12:30:00, NO: off, i: =, j: <<}"
    )
    assert said == {
        "a": "NO", "b": "1.10", "c": "2016-10-01", "d": "012", "e": "0x1F", "f": "1e3", "g": "yes", "h": "12:30:00",
        "NO": "off", "i": "=", "j": "<<",
    }  # fmt: skip
    assert plain_yaml(b"[12, -3, 0, true, false, null, ~, '12', 1234567890123456789]") == [
        12, -3, 0, True, False, None, None, "12", "1234567890123456789",
    ]  # fmt: skip


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read: No such file or directory"):
        importer_of(tmp_path / "none.yaml")
    with pytest.raises(Refused, match=r"There is no mapping 'acounts'\. Did you mean accounts\?"):
        shipped_text("acounts")


def test_an_importer_tells_which_text_it_reads_by(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + COMMAND)
    (tmp_path / "b.yaml").write_text(HEAD + COMMAND + "# a remark\n")
    one, other = importer_of(tmp_path / "a.yaml"), importer_of(str(tmp_path / "b.yaml"))
    assert one.mapping == importer_from((HEAD + COMMAND).encode()).mapping
    assert (len(one.mapping or ""), one.mapping == other.mapping) == (64, False)


def test_the_reference_names_every_key() -> None:
    text = describe()
    for struct in STRUCTS:
        for key in struct.__struct_encode_fields__:
            assert f"| `{key}` |" in text
    assert "Any" not in text
    assert all(line.count("|") == 4 for line in text.splitlines() if line.startswith("|"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_mapping_that_is_shipped_can_be_read(name: str) -> None:
    assert mapping_of(shipped_text(name)).description
    assert importer_from(shipped_text(name)).mapping


def test_a_mapping_file_lies_beside_the_code_for_every_name() -> None:
    folder = Path(mapped.__file__).parent / "mappings"
    assert {path.stem for path in folder.glob("*.yaml")} == set(SHIPPED)
    assert expressions.SOURCES[0] == "column"


# Whatever a mapping file says, it is taken or refused in a sentence.

WORDS = sorted({key for struct in STRUCTS for key in struct.__struct_encode_fields__})
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**6), st.sampled_from(WORDS), st.text(max_size=5),
    st.sampled_from(["{a}", "{", "%d", "registerCustomer", "customerId", "lines", "EUR", "true"]),
)  # fmt: skip
JUNK = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(data=st.data(), name=st.sampled_from(SHIPPED))
@settings(max_examples=150, deadline=None)
def test_a_mapping_with_something_odd_in_it_is_read_or_refused_in_a_sentence(data: st.DataObject, name: str) -> None:
    raw = plain_yaml(shipped_text(name))
    place = raw
    while True:
        key = data.draw(st.sampled_from(sorted(place)) if isinstance(place, dict) else st.integers(0, len(place) - 1))
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.integers(0, 3)) == 0:
            break
        place = inner
    place[key] = data.draw(JUNK)
    sentence = ""
    try:
        mapped.plan_of(mapping.taken(mapping.MappingFile, raw, ""))
    except Refused as refused:
        sentence = refused.reason
    assert not sentence or sentence.endswith((".", "?"))
    assert "`" not in sentence


PAGE = Path(__file__).parents[2] / "docs" / "mapping.md"


def test_the_page_ends_with_the_reference_as_it_is() -> None:
    assert PAGE.read_text().endswith("## Reference\n\n" + describe())


def test_the_example_on_the_page_reads_the_table_on_the_page(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (table,) = re.findall(r"```csv\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "orders.csv").write_text(table)
    context = Context(Commands(DECIDERS), "test", Origin.IMPORT, datetime(2026, 3, 1, tzinfo=UTC))
    customer, order = importer_from(text.encode()).read(Source(str(tmp_path / "orders.csv")), context)
    assert isinstance(customer, Line)
    assert isinstance(order, Line)
    assert order.request.occurred_at == datetime(2026, 1, 31, 17, tzinfo=UTC)
    assert isinstance(order.command, PlaceOrder)
    assert [(each.sku, each.quantity, each.unit_price) for each in order.command.lines] == [
        ("MUG-1", 3, Decimal("4.95")), ("JUG-2", 1, Decimal("1200.00")),
    ]  # fmt: skip
