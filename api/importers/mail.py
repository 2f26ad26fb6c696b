"""Mail: what customers and the company wrote to one another, from mbox files and maildir folders, thread by thread."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from api.importers.importing import Context, Importer, LeftAside, Read, Rejected, Setting
from api.importers.lines import Source
from api.importers.mailboxes import Found, opened
from domain.customer import RegisterCustomer
from domain.interaction import MAX_REMEMBERED, Direction, StartInteraction
from domain.kernel import Refused, reference
from domain.values import Channel, must_be_language, must_be_zone
from processes import mail_parts as parts
from processes.mail_reading import (
    Heads,
    headers_of,
    heads_of,
    is_report,
    message_of,
    own_addresses,
    parsed,
    report_of,
)

SOURCE = "mail"

DRAFT = "it is a draft"
COLLEAGUES = "it is between addresses of the company alone"
UNTOLD_BOUNCE = "it is a report of a mail server that names no message or no address"
NO_BOUNCE = "it is a report of a mail server that a message is late or was passed on"
OTHER_BOUNCE = "it is a report about further recipients of a message"


class Begun(NamedTuple):
    """The first mail of a thread, or of a customer, that is in the mailbox."""

    at: datetime
    direction: Direction = Direction.IN
    name: str = ""


@dataclass(slots=True)
class Correspondence:
    """What must be remembered of a mailbox: how each thread began, how many mails it has, and who wrote first when."""

    context: Context
    own: frozenset[str]
    threads: dict[str, Begun] = field(default_factory=dict)
    customers: dict[str, Begun] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    registered: set[str] = field(default_factory=set)

    def look(self, found: Found) -> None:
        """The first time: which mail of each thread is the earliest, wherever it lies."""
        try:
            told = self._heads(found)
        except Refused:
            return
        if isinstance(told, Heads):
            began = Begun(told.at, told.direction, told.name)
            known = self.threads.setdefault(told.thread, began)
            if told.at < known.at:
                self.threads[told.thread] = began
            known = self.customers.setdefault(told.party, began)
            early, late = sorted((began, known), key=lambda each: (each.at, each.name))
            self.customers[told.party] = early._replace(name=early.name or late.name)

    def ask(self, found: Found) -> Iterator[Read]:
        """The second time: what each mail asks for."""
        where = f"{found.place}: " if found.place else ""
        try:
            if found.raw is None:
                raise Refused(found.wrong)
            told = self._heads(found)
            if isinstance(told, Heads):
                yield from self._enter(found, told)
            elif told:
                yield LeftAside(found.number, told)
            else:
                yield from self._report(found)
        except Refused as refused:
            yield Rejected(found.number, f"{where}{refused.reason}", refused.field)

    def _heads(self, found: Found) -> Heads | str:
        """What the headers say, or why the mail is left aside; nothing if it is the report of a mail server."""
        if found.raw is None:
            raise Refused(found.wrong)
        if found.is_draft:
            return DRAFT
        mail = headers_of(found.raw)
        if is_report(mail, found.raw):
            return ""
        at = parts.when(mail, found.posted, self.context.now)
        return heads_of(mail, found.raw, at, self.own) or COLLEAGUES

    def _enter(self, found: Found, told: Heads) -> Iterator[Read]:
        mail = parsed(found.raw or b"")
        ask, number = self.context.ask, found.number
        customer_id = reference("customer", SOURCE, told.party)
        if told.party not in self.registered:
            self.registered.add(told.party)
            known = self.customers.get(told.party, Begun(told.at, name=told.name))
            register = RegisterCustomer(
                customer_id=customer_id,
                name=known.name or None,
                email=told.party,
                language=self.context.settings["language"],
                timezone=self.context.settings["timezone"],
                source=SOURCE,
            )
            yield ask(number, register, known.at, SOURCE, "customer", told.party)
        piece, nth = divmod(self.counts[told.thread], MAX_REMEMBERED)
        key = f"{told.thread}#{piece + 1}" if piece else told.thread
        interaction_id = reference("interaction", SOURCE, key)
        message = message_of(mail, told, interaction_id)
        self.counts[told.thread] += 1
        if not nth:
            began = self.threads.get(told.thread) if not piece else None
            began = began or Begun(told.at, told.direction)
            start = StartInteraction(
                interaction_id=interaction_id,
                customer_id=customer_id,
                channel=Channel.EMAIL,
                direction=began.direction,
            )
            yield ask(number, start, began.at, SOURCE, "interaction", key)
        yield ask(number, message, told.at, SOURCE, "message", told.thread, told.id)

    def _report(self, found: Found) -> Iterator[Read]:
        """What became of a message, by its returned headers: an address that cannot be reached, or one that was."""
        mail = parsed(found.raw or b"")
        report = report_of(mail, self.own)
        if report is None:
            yield LeftAside(found.number, UNTOLD_BOUNCE)
            return
        at = parts.when(mail, found.posted, self.context.now)
        for _ in range(report.others):
            yield LeftAside(found.number, OTHER_BOUNCE)
        command = report.as_command(reference("customer", SOURCE, report.about.address))
        if command is None:
            yield LeftAside(found.number, NO_BOUNCE)
        else:
            yield self.context.ask(found.number, command, at, SOURCE, "report", report.message_id, *report.about)


def read(source: Source, context: Context) -> Iterator[Read]:
    """What each mail asks for: the customer and the thread where they are new, and the message. Mails are read twice."""
    must_be_language(context.settings["language"])
    must_be_zone(context.settings["timezone"])
    correspondence = Correspondence(context, own_addresses(context.settings["own"]))
    with opened(source) as mails:
        for found in mails():
            correspondence.look(found)
        for found in mails():
            source.lines_read = found.number
            source.bytes_read += len(found.raw or b"")
            yield from correspondence.ask(found)


importer = Importer(
    "mail",
    "E-mail from mbox files, maildir folders and folders of single mails, thread by thread.",
    read,
    settings=(
        Setting("own", "the company's domains and addresses, separated by commas: what is from them was sent", ""),
        Setting("language", "the language of the customers that are new", "es"),
        Setting("timezone", "the time zone of the customers that are new", "Europe/Madrid"),
    ),
    whole=True,
)
