import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.importers.importing import Context, Report, run
from api.importers.lines import Source
from api.importers.mapped import importer_from, shipped
from domain.customer import AddressChanged, CustomerRegistered
from domain.identifiers import IdentifierAdded
from domain.order import OrderPlaced
from domain.relationship import RelationshipEstablished
from eventstore.envelope import Origin
from tests.conftest import House
from tests.importers.conftest import Files
from tests.importers.test_mapped import COMMANDS, GROUPED, LINES, NOW, ORDERS, found

GOOGLE = (
    "First Name,Middle Name,Last Name,Organization Name,E-mail 1 - Value,E-mail 2 - Value,Phone 1 - Value,"
    "Address 1 - Street,Address 1 - City,Address 1 - Region,Address 1 - Postal Code,Address 1 - Country\n"
    'Ana,,García,Panadería Sol,Ana@Example.com,ana@sol.example,600 123 456 ::: 600 123 457,"Calle Mayor, 1\n2º B",'
    "Madrid,,28001,España\n"
    "João,,Silva,Panadería Sol,,,21 123 4567,,,,,Portugal\n"
    ",,,,,,,,,,,\n"
)
OUTLOOK = (
    "First Name,Last Name,Company,E-mail Address,Home Phone,Business Phone,Home Street,Home City,Home Country/Region\n"
    "Bob,Miller,,bob@example.com,(212) 555-0100,+44 20 7946 0958,1 Main St,New York,United States\n"
)


def taken(house: House, path: Path, **told: str) -> Report:
    return run(shipped("contacts"), str(path), log=house.log, commands=COMMANDS, settings=told)


def happened(house: House, kind: type) -> list[Any]:
    return [event for event, _ in house.log.reader.page(0, disclose=True) if isinstance(event, kind)]


def test_contacts_of_google_become_customers_of_their_companies(house: House, file: Files) -> None:
    report = taken(house, file(GOOGLE))
    assert (report.refused, report.left_aside) == (0, {"no command of the mapping is for it": 1})
    assert [(event.kind, event.name, event.country) for event in happened(house, CustomerRegistered)] == [
        ("ORGANISATION", "Panadería Sol", "ES"), ("PERSON", "Ana García", "ES"), ("PERSON", "João Silva", "PT"),
    ]  # fmt: skip
    assert [event.normal for event in happened(house, IdentifierAdded)] == [
        "ana@example.com", "+34600123456", "ana@sol.example", "+351211234567",
    ]  # fmt: skip
    ((address,),) = [[event.address for event in happened(house, AddressChanged)]]
    assert (address.street, address.city, address.country) == ("Calle Mayor, 1\n2º B", "Madrid", "ES")
    assert {event.kind for event in happened(house, RelationshipEstablished)} == {"EMPLOYEE_OF"}
    assert len(happened(house, RelationshipEstablished)) == 2


def test_contacts_of_outlook_have_phones_of_their_country(house: House, file: Files) -> None:
    assert taken(house, file(OUTLOOK)).refused == 0
    assert [event.normal for event in happened(house, IdentifierAdded)] == [
        "bob@example.com", "+442079460958", "+12125550100",
    ]  # fmt: skip
    assert happened(house, CustomerRegistered)[0].country == "US"


def test_contacts_without_a_country_are_of_the_one_that_is_told(house: House, file: Files) -> None:
    report = taken(house, file("Name,Phone\nLuz,11 1234 5678\n,\n"), country="AR", language="es-AR")
    assert report.refused == 0
    assert [event.normal for event in happened(house, IdentifierAdded)] == ["+541112345678"]
    assert [(event.name, event.country) for event in happened(house, CustomerRegistered)] == [("Luz", "AR")]


def test_importing_twice_takes_nothing_twice(house: House, file: Files) -> None:
    path = file(GOOGLE)
    first = taken(house, path)
    head = house.log.reader.head()
    again = taken(house, path)
    assert (first.taken, again.taken, again.already, house.log.reader.head()) == (first.taken, 0, first.taken, head)
    other = taken(house, file(GOOGLE.replace("Silva", "Souza")))
    assert (other.events, [each.reason for each in other.refusals]) == (0, [
        "This customer is already registered. Change the profile instead.",
    ])  # fmt: skip


def test_orders_by_a_mapping_are_taken_once(house: House, file: Files) -> None:
    path = file(ORDERS)
    importer = importer_from(GROUPED.encode())
    assert run(importer, str(path), log=house.log, commands=COMMANDS).complete
    assert run(importer, str(path), log=house.log, commands=COMMANDS).taken == 0
    assert [event.total.amount for event in happened(house, OrderPlaced)] == [Decimal("8.5"), 8]


# Whatever stands in the rows, every row is a command, a refusal or left aside, and the second time the same.

CELL = st.one_of(
    st.sampled_from(
        ["", "a", "Won", "2016-10-20", "9999-12-31", "1", "-1", "1e9", "1.5", "Infinity", "a@b.es", "600123456", ":::"]
    ),
    st.text(st.characters(exclude_characters='"\n\r\0', exclude_categories=["Cs"]), max_size=8),
)
HEADERS = {
    "opportunities": "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value",
    "accounts": "account,sector,year_established,revenue,employees,office_location,subsidiary_of",
    "sales-teams": "sales_agent,manager,regional_office",
    "products": "product,series,sales_price",
    "contacts": "Name,E-mail,Phone,Company,Country",
}


@given(data=st.data(), name=st.sampled_from(sorted(HEADERS)))
@settings(max_examples=200, deadline=None)
def test_every_row_is_accounted_for(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, name: str) -> None:
    width = HEADERS[name].count(",") + 1
    table = data.draw(st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=6))
    path = tmp_path_factory.getbasetemp() / "odd.csv"
    text = "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in table)
    path.write_text(f"{HEADERS[name]}\n{text}", newline="")
    context = Context(COMMANDS, "test", Origin.IMPORT, NOW)
    reads = list(shipped(name).read(Source(str(path)), context))
    assert {each.number for each in reads} == set(range(2, len(table) + 2))
    assert reads == list(shipped(name).read(Source(str(path)), context))


@given(
    lines=st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["id", "at", "customer", "lines", "sku", "n", "rep", "name", "speaks"]),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=10,
        ),
        max_size=5,
    )
)
@settings(max_examples=200, deadline=None)
def test_every_line_of_json_is_accounted_for(tmp_path_factory: pytest.TempPathFactory, lines: list[Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "odd.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [each.number for each in found(LINES, path)] == list(range(1, len(lines) + 1))
