from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from api.importers import contacts
from api.importers.importing import Report, run
from domain import DECIDERS
from domain.customer import AddressChanged, CustomerProfileChanged, CustomerRegistered, PreferenceStated
from domain.identifiers import IdentifierAdded
from domain.kernel import Event, Refused, reference
from domain.relationship import RelationshipEstablished
from eventstore.commands import Commands
from eventstore.envelope import Recorded
from tests.conftest import House
from tests.importers.conftest import refusals

Take = Callable[..., Report]


@pytest.fixture
def take(house: House, tmp_path: Path) -> Take:
    """`take(cards as text or bytes, language="en")`."""

    def take(content: str | bytes, **options: Any) -> Report:
        path = tmp_path / "cards.vcf"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return run(contacts.importer, str(path), log=house.log, commands=Commands(DECIDERS), settings=options)

    return take


def facts(house: House) -> list[tuple[Event, Recorded]]:
    page = house.log.reader.page(0, disclose=True)
    return [(event, at) for event, at in page if not event.stored_as.startswith("import_batch.")]


def happened(house: House) -> list[Event]:
    return [event for event, _ in facts(house)]


def names(house: House) -> list[str | None]:
    return [event.name for event in happened(house) if isinstance(event, CustomerRegistered)]


def card(*lines: str, version: str = "4.0") -> str:
    return "\r\n".join(("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""))


ANA = card(
    "UID:urn:uuid:4fbe8971", "FN:Ana Ruiz", "N:Ruiz;Ana;;;", "ORG:Acme\\, S.A.;Sales", "TITLE:Buyer",
    "EMAIL;PREF=2:second@client.example", "EMAIL;PREF=1:ana@client.example",
    "TEL;VALUE=uri;TYPE=\"voice,work\":tel:+34-600-123-456", "BDAY:19850412", "LANG:en", "TZ:Europe/London",
    "item1.ADR;TYPE=work:;;Calle Mayor 1;Madrid;Madrid;28001;Spain", "CATEGORIES:VIP,Golf\\, indoors",
    "NOTE:Likes re", " d mugs\\nand tea", "REV:20260131T180000Z", "PHOTO:data:image/png;base64,AAAA",
)  # fmt: skip


def test_a_card_is_a_customer_with_all_that_it_says(house: House, take: Take) -> None:
    report = take(ANA)
    assert (report.complete, report.left_aside) == (True, {"a property that is not carried: PHOTO": 1})
    ana = reference("customer", "vcard", "urn:uuid:4fbe8971")
    acme = reference("customer", "vcard", "org acme, s.a.")
    found = happened(house)
    first = found[0]
    assert isinstance(first, CustomerRegistered)
    assert (first.kind, first.name, first.language, first.timezone, first.country) == (
        "PERSON", "Ana Ruiz", "en", "Europe/London", "Spain",
    )  # fmt: skip
    assert [event.normal for event in found if isinstance(event, IdentifierAdded)] == [
        "ana@client.example", "second@client.example", "+34600123456",
    ]  # fmt: skip
    works = next(event for event in found if isinstance(event, RelationshipEstablished))
    assert (works.customer_id, works.other_id, works.kind, works.role) == (ana, acme, "EMPLOYEE_OF", "Buyer")
    assert names(house) == ["Ana Ruiz", "Acme, S.A."]
    moved = next(event for event in found if isinstance(event, AddressChanged)).address
    assert moved is not None
    assert (moved.street, moved.city, moved.postal_code, moved.country) == ("Calle Mayor 1", "Madrid", "28001", "Spain")
    assert [event.birth_date for event in found if isinstance(event, CustomerProfileChanged)] == [date(1985, 4, 12)]
    assert [(event.topic, event.value) for event in found if isinstance(event, PreferenceStated)] == [
        ("category:VIP", "yes"), ("category:Golf, indoors", "yes"), ("note", "Likes red mugs\nand tea"),
    ]  # fmt: skip
    assert {at.occurred_at for _, at in facts(house)} == {datetime.fromisoformat("2026-01-31T18:00Z")}
    assert take(ANA).taken == 0


def test_colleagues_share_the_organisation_which_is_registered_once(house: House, take: Take) -> None:
    assert take(ANA + card("FN:Bea", "ORG:ACME\\,  s.a.")).complete
    assert take(card("FN:Cia", "ORG:ACME\\, S.A.")).complete
    assert names(house) == ["Ana Ruiz", "Acme, S.A.", "Bea", "Cia"]
    assert len({e.other_id for e in happened(house) if isinstance(e, RelationshipEstablished)}) == 1


def test_old_cards_are_quoted_printable_and_say_types_without_a_name(house: House, take: Take) -> None:
    old = card(
        "N;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Mu=F1oz;Bego=F1a;;Dra.;", "TEL;CELL;PREF:600 123 456",
        "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:one=\r\n two", version="2.1",
    )  # fmt: skip
    assert take(old).complete
    assert names(house) == ["Dra. Begoña Muñoz"]
    assert [e.normal for e in happened(house) if isinstance(e, IdentifierAdded)] == ["+34600123456"]


def test_a_number_without_country_code_is_of_the_country_of_the_card(house: House, take: Take) -> None:
    assert take(card("FN:Jo", "TEL:020 7946 0018", "ADR:;;1 High St;London;;E1;GB", version="3.0")).complete
    assert [e.normal for e in happened(house) if isinstance(e, IdentifierAdded)] == ["+442079460018"]


def test_a_card_without_uid_is_known_again_by_its_name_and_addresses(house: House, take: Take) -> None:
    take(card("FN:Ana  Ruiz", "EMAIL:ana@client.example", "TEL:+34 600 123 456"))
    take(card("TEL;VALUE=uri:tel:+34600123456", "EMAIL:ANA@client.example", "FN:ana ruiz"))
    streams = {at.stream_id for event, at in facts(house) if isinstance(event, CustomerRegistered)}
    assert len(streams) == 1


def test_a_birthday_without_a_year_and_a_group_are_left_aside(house: House, take: Take) -> None:
    report = take(card("FN:Ana", "BDAY:--0412") + card("FN:Friends", "KIND:group") + card("FN:Acme", "KIND:org"))
    assert report.left_aside == {
        "a birthday without its year, or not as 1985-04-12": 1,
        "it is a card of the kind group, neither a person nor an organisation": 1,
    }
    kinds = [event.kind for event in happened(house) if isinstance(event, CustomerRegistered)]
    assert kinds == ["PERSON", "ORGANISATION"]


def test_a_broken_card_is_refused_with_its_line_and_the_others_are_taken(house: House, take: Take) -> None:
    good = card("FN:Good {}")
    report = take(
        good.replace("{}", "1")  # lines 1 to 4
        + card("FN:Bad", "this is no property")
        + "BEGIN:VCARD\r\nFN:Open\r\n"
        + good.replace("{}", "2")
        + card("NOTE:nobody")
        + "stray\r\n"
        + card("FN;ENCODING=QUOTED-PRINTABLE;CHARSET=no-such:=41")
        + card("FN:Late", "REV:yesterday")
        + "BEGIN:VCARD\r\nFN:Cut"
    )
    assert refusals(report) == [
        (5, None), (10, None), (16, "FN"), (20, None), (21, None), (25, "REV"), (30, None),
    ]  # fmt: skip
    assert report.refusals[0].reason == "Line 8 is no property of a card."
    assert names(house) == ["Good 1", "Good 2"]


def test_what_is_wrong_with_one_property_does_not_lose_the_others(house: House, take: Take) -> None:
    report = take(card("FN:Ana", "EMAIL:nonsense", "TEL:12", "EMAIL:ana@client.example", f"CATEGORIES:{'x' * 300}"))
    assert [each.field for each in report.refusals] == ["value", "value", "topic"]
    assert [e.normal for e in happened(house) if isinstance(e, IdentifierAdded)] == ["ana@client.example"]


def test_a_long_note_goes_on_in_further_topics(house: House, take: Take) -> None:
    take(card("FN:Ana", "NOTE:" + "n" * 450))
    stated = [(e.topic, len(e.value or "")) for e in happened(house) if isinstance(e, PreferenceStated)]
    assert stated == [("note", 200), ("note-2", 200), ("note-3", 50)]


def test_what_is_too_much_of_a_card_is_left_aside_and_counted(take: Take) -> None:
    phones = (f"TEL:+346001{n:05}" for n in range(101))
    report = take(card("FN:Ana", *phones, "NOTE:" + "n" * 20_001))
    assert report.left_aside == {"more than 100 of TEL": 1, "a note beyond its first 20,000 characters": 1}
    assert report.complete


def test_cards_that_are_not_utf8_are_those_of_windows(house: House, take: Take) -> None:
    take(card("FN:Begoña", version="3.0").encode("cp1252") + card("FN:Muñoz").encode())
    assert names(house) == ["Begoña", "Muñoz"]


@pytest.mark.parametrize("content", ["", "name,email\nAna,ana@client.example\n"])
def test_a_file_without_cards_is_refused(take: Take, content: str) -> None:
    with pytest.raises(Refused) as refused:
        take(content)
    assert refused.value.field == "file"
