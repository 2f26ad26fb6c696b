"""Contacts: people and organisations from vCard files, of the versions 2.1, 3.0 and 4.0."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any, NamedTuple
from uuid import UUID

from vobject.base import ContentLine, VObjectError, getLogicalLines, textLineToContentLine
from vobject.icalendar import stringToTextValues

from api.importers.importing import Context, Importer, LeftAside, Read, Rejected, Setting, refusal
from api.importers.lines import Source
from domain.kernel import MAX_LINE, MAX_TEXT, Refused, reference
from domain.relationship import RelationshipKind
from domain.values import PhoneNumber, calling_region, must_be_language, must_be_zone
from eventstore.commands import moment

SOURCE = "vcard"
MAX_CARD_LINES = 20_000
MAX_CARD_CHARACTERS = 8 << 20
MAX_OF_A_KIND = 100
"""How many addresses, numbers or categories of one card are taken."""

BEGIN = re.compile(r"\s*BEGIN\s*:\s*VCARD\s*", re.IGNORECASE)
END = re.compile(r"\s*END\s*:\s*VCARD\s*", re.IGNORECASE)
PARTIAL = "a birthday without its year, or not as 1985-04-12"
TAKEN = frozenset((
    "ADR", "BDAY", "BEGIN", "CATEGORIES", "EMAIL", "END", "FN", "KIND", "LANG", "N", "NOTE", "ORG", "PRODID", "REV",
    "ROLE", "TEL", "TITLE", "TZ", "UID", "VERSION", "X-ADDRESSBOOKSERVER-KIND",
))  # fmt: skip


class Card(NamedTuple):
    """The lines of one card by their names, and the number of its first line."""

    number: int
    lines: dict[str, list[ContentLine]]

    def first(self, *names: str) -> str:
        """The text of the first property that says something; nothing if none does."""
        return next((text for name in names for each in self.all(name) if (text := unescaped(each.value).strip())), "")

    def all(self, name: str) -> list[ContentLine]:
        """The properties of this name, those that are preferred first."""
        return sorted(self.lines.get(name, ()), key=preference)[:MAX_OF_A_KIND]


def read(source: Source, context: Context) -> Iterator[Read]:
    """What each card asks for. A card that cannot be read is refused with the line at which it begins."""
    must_be_language(context.settings["language"])
    must_be_zone(context.settings["timezone"])
    book = Book(context)
    for number, text, wrong in texts(source):
        try:
            if text is None:
                raise Refused(wrong)
            yield from book.enter(card(number, text))
        except Refused as refused:
            yield Rejected(number, refused.reason, refused.field)


# From lines to cards.


def texts(source: Source) -> Iterator[tuple[int, str | None, str]]:
    """The text of every card with the number of its first line, or None and why."""
    begun, held, size, wrong = 0, list[str](), 0, ""
    seen = False
    for number, raw, fault in source:
        line = raw.decode("utf-8", "surrogateescape") if raw is not None else ""
        if BEGIN.fullmatch(line):
            if begun:
                yield begun, None, "This card is not closed by END:VCARD before another one begins."
            begun, held, size, wrong, seen = number, [], 0, "", True
        if not begun:
            if line.strip() or raw is None:
                if not seen:
                    raise Refused("This is no vCard file: it does not begin with BEGIN:VCARD.", "file")
                yield number, None, "This line stands outside of a card."
            continue
        wrong = wrong or fault
        size += len(line)
        if len(held) < MAX_CARD_LINES and size <= MAX_CARD_CHARACTERS:
            held.append(line)
        else:
            wrong = wrong or f"This card has more than {MAX_CARD_LINES:,} lines, or 8 Mi characters."
        if END.fullmatch(line):
            yield begun, None if wrong else "\n".join(held), wrong
            begun = 0
    if begun:
        yield begun, None, "The file ends before this card does."
    if not seen:
        raise Refused("This file is empty. It should hold cards that begin with BEGIN:VCARD.", "file")


def card(number: int, text: str) -> Card:
    """The properties of a card. Bytes that are not UTF-8 are those of Windows-1252. Raises `Refused` with the line."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    found: dict[str, list[ContentLine]] = {}
    try:
        for line, at in getLogicalLines(StringIO(text), allowQP=True):
            if line.strip():
                try:
                    each = textLineToContentLine(line, at)
                except VObjectError:
                    raise Refused(f"Line {number + max(at, 1) - 1} is no property of a card.") from None
                found.setdefault(each.name, []).append(each)
    except (LookupError, ValueError) as error:
        raise Refused(f"A property of this card is not in the encoding that it names: {error}.") from None
    return Card(number, found)


def unescaped(text: str) -> str:
    """A text without its backslashes."""
    return str(stringToTextValues(text, listSeparator="")[0])


def listed(text: str, separator: str) -> list[str]:
    """The parts of a text, without blanks around them."""
    return [part.strip() for part in stringToTextValues(text, listSeparator=separator)]


def preference(line: ContentLine) -> int:
    """1 is the most preferred (RFC 6350), 101 what says nothing."""
    types = [*line.params.get("TYPE", ()), *line.singletonparams]
    pref = next(iter(line.params.get("PREF", ())), "1" if "pref" in map(str.lower, types) else "")
    return int(pref) if pref.isdecimal() and len(pref) < 4 else 101  # PREF is from 1 to 100


# From cards to commands.


@dataclass(slots=True)
class Book:
    """What must be remembered of the cards so far: the organisations that were named."""

    context: Context
    organisations: set[str] = field(default_factory=set)

    def enter(self, card: Card) -> Iterator[Read]:
        """Everything that one card asks for. Raises `Refused` if it names nobody."""
        kind = card.first("KIND", "X-ADDRESSBOOKSERVER-KIND").lower() or "individual"
        if kind not in ("individual", "org", "organization"):
            yield LeftAside(card.number, f"it is a card of the kind {kind[:60]}, neither a person nor an organisation")
            return
        yield from self._customer(card, kind == "individual")

    def _customer(self, card: Card, is_person: bool) -> Iterator[Read]:
        ask, settings, number = self._ask, self.context.settings, card.number
        organisation = next((each for line in card.all("ORG") for each in listed(line.value, ";") if each), "")
        name = card.first("FN") or full_name(card) or organisation
        emails = [value for line in card.all("EMAIL") if (value := uri(line.value, "mailto:"))]
        phones = [value for line in card.all("TEL") if (value := uri(line.value, "tel:"))]
        if not (name or emails or phones):
            raise Refused("This card has no name, no e-mail address and no phone number.", "FN")
        at = self._revised(card)
        home = next((listed(line.value, ";") for line in card.all("ADR") if len(listed(line.value, ";")) > 6), None)
        country = home[6] if home else ""
        region = calling_region(country, settings["language"])
        key = card.first("UID") or nobody_else(name, emails, phones, region)
        customer_id = reference("customer", SOURCE, key)
        language = card.first("LANG") or settings["language"]
        zone = card.first("TZ") or settings["timezone"]
        register = {
            "customerId": customer_id,
            "kind": "PERSON" if is_person and name != organisation else "ORGANISATION",
            "name": name or None,
            "language": fitting(language, must_be_language, settings["language"]),
            "timezone": fitting(zone, must_be_zone, settings["timezone"]),
            "country": country or None,
            "source": SOURCE,
        }
        yield ask(card, "registerCustomer", register, at, key)
        for value in emails:
            yield ask(
                card, "addIdentifier", {"customerId": customer_id, "type": "EMAIL", "value": value}, at, key, value
            )
        for value in phones:
            yield ask(
                card, "addIdentifier", {"customerId": customer_id, "type": "PHONE", "value": value}, at, key, value
            )
        if organisation and name != organisation and is_person:
            yield from self._employer(card, organisation, customer_id, at, key)
        if home is not None and any(home):
            street = "\n".join(filter(None, (home[2], home[1], home[0]))).replace("\n", ", ")
            address = {
                "customerId": customer_id, "street": street, "city": home[3], "region": home[4] or None,
                "postalCode": home[5], "country": home[6],
            }  # fmt: skip
            yield ask(card, "changeAddress", address, at, key)
        if birthday := card.first("BDAY"):
            born = born_on(birthday)
            if born is None:
                yield LeftAside(number, PARTIAL)
            else:
                yield ask(card, "changeCustomerProfile", {"customerId": customer_id, "birthDate": born}, at, key)
        for category in dict.fromkeys(
            each for line in card.all("CATEGORIES") for each in listed(line.value, ",") if each
        ):
            stated = {"customerId": customer_id, "topic": f"category:{category}", "value": "yes"}
            yield ask(card, "statePreference", stated, at, key, category)
        notes = "\n\n".join(filter(None, (unescaped(line.value).strip() for line in card.all("NOTE"))))
        if len(notes) > MAX_TEXT:
            yield LeftAside(number, f"a note beyond its first {MAX_TEXT:,} characters")
            notes = notes[:MAX_TEXT]
        for name, lines in card.lines.items():
            if name in TAKEN and len(lines) > MAX_OF_A_KIND:
                yield LeftAside(number, f"more than {MAX_OF_A_KIND} of {name}")
        for nth in range(0, len(notes), MAX_LINE):
            topic = f"note-{nth // MAX_LINE + 1}" if nth else "note"
            stated = {"customerId": customer_id, "topic": topic, "value": notes[nth : nth + MAX_LINE]}
            yield ask(card, "statePreference", stated, at, key, topic)
        for name in sorted(card.lines.keys() - TAKEN):
            yield LeftAside(
                number, "a property that is not carried: " + ("X-..." if name.startswith("X-") else name[:40])
            )

    def _employer(
        self, card: Card, organisation: str, customer_id: UUID, at: datetime | None, key: str
    ) -> Iterator[Read]:
        normal = f"org {' '.join(organisation.casefold().split())}"
        other_id = reference("customer", SOURCE, normal)
        if normal not in self.organisations:
            self.organisations.add(normal)
            register = {
                "customerId": other_id, "kind": "ORGANISATION", "name": organisation, "source": SOURCE,
                "language": self.context.settings["language"], "timezone": self.context.settings["timezone"],
            }  # fmt: skip
            yield self._ask(card, "registerCustomer", register, at, normal, as_first_written=True)
        role = card.first("TITLE", "ROLE")
        works = {
            "customerId": customer_id,
            "otherId": other_id,
            "kind": RelationshipKind.EMPLOYEE_OF,
            "role": role or None,
        }
        yield self._ask(card, "establishRelationship", works, at, key, normal, role)

    def _ask(
        self, card: Card, name: str, given: dict[str, Any], at: datetime | None, *meaning: object,
        as_first_written: bool = False,
    ) -> Read:  # fmt: skip
        """One thing asked; if it makes no sense, it alone is refused. Its content is part of its meaning."""
        try:
            command = self.context.commands.read(name, given)
        except Refused as refused:
            return refusal(card.number, refused)
        content = () if as_first_written else sorted(given.items())
        return self.context.ask(card.number, command, at, SOURCE, name, *meaning, *content)

    def _revised(self, card: Card) -> datetime | None:
        """When the card was last changed; None, which is now, if it does not say so."""
        said = card.first("REV")
        if not said:
            return None
        try:
            found = datetime.fromisoformat(said)
            return moment(found if found.tzinfo else found.replace(tzinfo=UTC), "REV", now=self.context.now)
        except ValueError:
            raise Refused(f"{said[:60]!r} is no moment as 20260131T180000Z.", "REV") from None


def full_name(card: Card) -> str:
    """Prefix, given, additional and family name, and suffix, as N has them in another order."""
    parts = next((listed(line.value, ";") for line in card.all("N")), [])
    order = [parts[place].replace(",", " ") for place in (3, 1, 2, 0, 4) if place < len(parts)]
    return " ".join(filter(None, order))


def uri(text: str, scheme: str) -> str:
    """What an address or a number is, be it written as a URI or not; an extension is kept."""
    plain = unescaped(text).strip()
    if plain.lower().startswith(scheme):
        plain = plain[len(scheme) :]
    return " ".join(plain.split())


def nobody_else(name: str, emails: list[str], phones: list[str], region: str) -> str:
    """The key of a card without a UID: what it calls somebody, and how they are reached."""
    numbers = []
    for phone in phones:
        try:
            numbers.append(PhoneNumber.parse(phone, region).normal)
        except Refused:
            numbers.append(phone)
    parts = [" ".join(name.casefold().split()), *sorted(each.casefold() for each in emails), *sorted(numbers)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def fitting(said: str, must: Any, otherwise: str) -> str:
    """What a card says of language or time zone, if that is one."""
    try:
        must(said)
    except Refused:
        return otherwise
    return said


def born_on(text: str) -> date | None:
    """A whole date, as 19850412 or 1985-04-12, with or without a time after it."""
    try:
        return date.fromisoformat(text.partition("T")[0])
    except ValueError:
        return None


importer = Importer(
    "vcard",
    "Contacts from vCard files, of the versions 2.1, 3.0 and 4.0.",
    read,
    settings=(
        Setting("language", "the language of contacts that do not say theirs", "es"),
        Setting("timezone", "the time zone of contacts that do not say theirs", "Europe/Madrid"),
    ),
)
