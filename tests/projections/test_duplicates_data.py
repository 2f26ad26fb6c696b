"""How many of the duplicates in published data sets are found, and how many that are found are none.

FEBRL's dataset1 (Febrl 0.3, P. Christen; 1,000 made-up persons, 500 pairs) and the restaurants of Fodor's and Zagat's
guides (S. Tejada, C. Knoblock, S. Minton, 2001; 864 real ones, 112 pairs), registered by commands as anybody would be.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from domain.customer import ChangeAddress, ChangeCustomerProfile, CustomerKind, RegisterCustomer
from domain.identifiers import AddIdentifier, IdentifierType
from domain.kernel import Command, reference
from eventstore.bulk import Bulk
from eventstore.envelope import Request
from projections.customers import identities, suspicions
from projections.customers.duplicates import MAX_DUPLICATES, SUSPECTED_FROM, candidates
from projections.engine import Engine
from projections.lists import Lists
from tests.conftest import House

DATA = Path(__file__).parents[3] / "shared/data/dedupe"
here = pytest.mark.skipif(not DATA.exists(), reason="the data sets are not here")

Truth = dict[UUID, str]
"""Who each customer really is."""


def persons() -> Iterator[tuple[UUID, str, list[Command]]]:
    """Each record of FEBRL's with what is asked about it; `rec-N-org` and `rec-N-dup-M` are the same person."""
    with gzip.open(DATA / "febrl_dataset1.csv.gz", "rt") as lines:
        for line in csv.DictReader(lines, skipinitialspace=True):
            known = {name.strip(): value.strip() for name, value in line.items()}
            id = reference("customer", "febrl", known["rec_id"])
            name = " ".join(filter(None, (known["given_name"], known["surname"]))) or None
            asked: list[Command] = [RegisterCustomer(customer_id=id, name=name, country="AU", language="en")]
            with suppress(ValueError):
                born = date.fromisoformat(known["date_of_birth"])
                asked.append(ChangeCustomerProfile(customer_id=id, birth_date=born))
            number = " ".join(filter(None, (known["street_number"], known["address_1"])))
            street = ", ".join(filter(None, (number, known["address_2"])))
            place = {"postal_code": known["postcode"], "city": known["suburb"], "region": known["state"] or None}
            asked.append(ChangeAddress(customer_id=id, street=street, country="AU", **place))  # type: ignore[arg-type]
            if known["soc_sec_id"]:
                asked.append(AddIdentifier(customer_id=id, type=IdentifierType.TAX_ID, value=known["soc_sec_id"]))
            yield id, known["rec_id"].split("-")[1], asked


def restaurants() -> Iterator[tuple[UUID, str, list[Command]]]:
    """Each restaurant with what is asked about it; the last column says which are the same."""
    with (DATA / "restaurant.csv").open() as lines:
        for number, line in enumerate(csv.DictReader(lines, skipinitialspace=True)):
            id = reference("customer", "guides", str(number))
            known = {name: value.strip() for name, value in line.items()}
            named = {"customer_id": id, "name": known["name"], "kind": CustomerKind.ORGANISATION, "country": "US"}
            yield id, known["class"], [
                RegisterCustomer(**named),  # type: ignore[arg-type]  # as its fields are
                AddIdentifier(customer_id=id, type=IdentifierType.PHONE, value=known["phone"]),
                ChangeAddress(customer_id=id, street=known["addr"], postal_code="", city=known["city"], country="US"),
            ]  # fmt: skip


def judged(house: House, records: Iterator[tuple[UUID, str, list[Command]]], min_score: Decimal) -> tuple[float, float]:
    """The precision and the recall of the candidates from a score on."""
    truth: Truth = {}
    asked: list[tuple[Command, Request]] = []
    for id, who, commands in records:
        truth[id] = who
        asked += [(command, Request(actor="import:test")) for command in commands]
    refused = [outcome for some in Bulk(house.log).do_all([asked]) for outcome in some if outcome.refused]
    assert len(refused) < len(truth) * 0.05  # a mistyped phone or an empty street is refused, as it would be to anybody
    engine = Engine(house.log, house.pool, (identities.view, suspicions.view))
    engine.prepare()
    engine.catch_up()
    found = candidates(Lists(house.log, house.pool), first=MAX_DUPLICATES, min_score=min_score)
    right = sum(truth[pair.customer_id] == truth[pair.other_id] for pair in found)
    pairs = sum(n * (n - 1) // 2 for n in Counter(truth.values()).values())
    return right / len(found), right / pairs


@here
@pytest.mark.parametrize(
    ("min_score", "precision", "recall"), [(SUSPECTED_FROM, 0.995, 0.99), (Decimal("0.95"), 0.995, 0.98)]
)
def test_persons_of_febrl(house: House, min_score: Decimal, precision: float, recall: float) -> None:
    found = judged(house, persons(), min_score)
    assert found[0] >= precision, found
    assert found[1] >= recall, found


@here
@pytest.mark.parametrize(
    ("min_score", "precision", "recall"), [(SUSPECTED_FROM, 0.98, 0.95), (Decimal("0.95"), 0.98, 0.9)]
)
def test_restaurants_of_two_guides(house: House, min_score: Decimal, precision: float, recall: float) -> None:
    found = judged(house, restaurants(), min_score)
    assert found[0] >= precision, found
    assert found[1] >= recall, found
