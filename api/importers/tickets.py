"""Tickets: the log of a help desk, one row for every thing that was done, as CSV or as XES (IEEE 1849)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import reduce
from pathlib import Path
from typing import NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from api.importers import xes
from api.importers.importing import Context, Importer, Line, Read, Rejected, Setting
from api.importers.lines import Source
from api.importers.plain_yaml import plain_yaml
from api.importers.tables import Cells, rows
from domain import case
from domain.case import (
    AssignCase,
    Case,
    CaseStatus,
    ClassifyCase,
    CloseCase,
    EscalateCase,
    OpenCase,
    ReopenCase,
    ResolveCase,
    ResumeCase,
    WaitOnCustomer,
)
from domain.case_events import CaseType
from domain.case_note import NoteCase
from domain.customer import CustomerKind, RegisterCustomer
from domain.kernel import MAX_LINE, Command, Refused, reference
from domain.staff import AddStaff, StaffRole
from domain.values import Channel, must_be_zone
from eventstore.commands import SOURCE, moment

MAX_CASES = 200_000
"""How many cases a log may have: their rows may be mixed, so that all of them are held, some 2 KB each."""
MAX_NAMES = 1_000_000
"""How many customers and members of staff a log may name."""
MAX_CASE_NAME = 150
MAX_MAP_BYTES = 64 * 1024
FIRST_LEVEL = 1

REQUIRED = ("case", "timestamp", "activity")
OPTIONAL = ("resource", "customer", "product", "seriousness", "category", "queue")

ACTIONS = ("open", "classify", "assign", "wait", "resume", "escalate", "resolve", "reopen", "close", "note")
"""What an activity of the log can be here."""
ACTIVITIES = {action: action for action in ACTIONS} | {
    "insert ticket": "open", "assign seriousness": "classify", "take in charge ticket": "assign",
    "require upgrade": "escalate", "resolve ticket": "resolve", "closed": "close",
}  # fmt: skip
"""What the activities of the help desk are, and those that have the name of an action already."""

Word = TypeVar("Word", bound=StrEnum)

SAID: Mapping[type[Command], tuple[str, ...]] = {
    OpenCase: ("customer",),
    ClassifyCase: ("seriousness", "category", "product"),
    AssignCase: ("resource", "queue"),
}
"""What of a row is part of the meaning of what it asks, so that the row corrected asks again."""


class Row(NamedTuple):
    """One row that makes sense. What stands in no column of the log is empty."""

    number: int
    case: str
    at: datetime
    activity: str
    resource: str
    customer: str
    product: str
    seriousness: str
    category: str
    queue: str


@dataclass(slots=True)
class Held:
    """How many rows of a case there were, and how it stands after them."""

    rows: int = 0
    state: Case = case.decider.initial


def read(source: Source, context: Context) -> Iterator[Read]:
    """What each row asks for; what a row of the log cannot be here is kept as a note of its case."""
    told = context.settings
    desk = Desk(context, source_name(told), one_of(Channel, "channel", told), one_of(CaseType, "type", told))
    known = activities(told["activities"])
    zone = zone_of(told)
    for found in table(source, told):
        if isinstance(found, Rejected):
            yield found
            continue
        number, cells = found
        try:
            row = row_of(number, cells, context, zone)
        except Refused as refused:
            yield Rejected(number, refused.reason, refused.field)
        else:
            yield from desk.enter(row, known.get(row.activity.casefold(), "note"))


# What was told.


def source_name(told: Mapping[str, str]) -> str:
    """The short name of the desk, which its ids begin with."""
    if not SOURCE.fullmatch(told["source"]):
        raise Refused("The source is a short name in lower case, such as helpdesk.", "source")
    return told["source"]


def one_of(kind: type[Word], name: str, told: Mapping[str, str]) -> Word:
    """A setting that is a word of a list."""
    try:
        return kind(told[name])
    except ValueError:
        raise Refused(f"The {name} is one of {', '.join(kind)}, not {told[name][:60]!r}.", name) from None


def zone_of(told: Mapping[str, str]) -> ZoneInfo:
    """Where the clock hangs that the log was written by."""
    must_be_zone(told["zone"], "zone")
    return ZoneInfo(told["zone"])


def activities(path: str) -> Mapping[str, str]:
    """What each activity is here, by its name in lower case: those of the file come before those known anyway."""
    if not path:
        return ACTIVITIES
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_MAP_BYTES + 1)
    except OSError as error:
        raise Refused(f"{path!r} cannot be read: {error.strerror}.", "activities") from None
    if len(text) > MAX_MAP_BYTES:
        raise Refused(f"{path!r} has more than {MAX_MAP_BYTES:,} bytes.", "activities")
    given = plain_yaml(text)
    if not isinstance(given, dict):
        raise Refused(f"{path!r} should have lines as Take in charge ticket: assign.", "activities")
    for name, action in given.items():
        if action not in ACTIONS:
            raise Refused(f"{name[:60]!r} is one of {', '.join(ACTIONS)}, not {str(action)[:60]!r}.", "activities")
    return ACTIVITIES | {name.strip().casefold(): action for name, action in given.items()}


# From a file to rows.


def table(source: Source, told: Mapping[str, str]) -> Iterator[tuple[int, Cells] | Rejected]:
    """Every row or event by the names that the columns have here."""
    names = {each: told[each] for each in (*REQUIRED, *OPTIONAL)}
    if xes.is_xml(source):
        found = xes.events(source, told["case"], {each: told[each] for each in xes.STANDARD})
    else:
        found = rows(source, [told[each] for each in REQUIRED])
    for each in found:
        if isinstance(each, Rejected):
            yield each
        else:
            number, cells = each
            yield number, {name: cells.get(column, "") for name, column in names.items()}


def row_of(number: int, cells: Cells, context: Context, zone: ZoneInfo) -> Row:
    """A row by the names of this layout. Raises `Refused` with the column as it is called in the file."""
    told = context.settings
    for name in (*REQUIRED, *OPTIONAL):
        limit = MAX_CASE_NAME if name == "case" else MAX_LINE
        if len(cells[name]) > limit:
            raise Refused(f"{told[name]} has {len(cells[name])} characters; {limit} is the limit.", told[name])
        if name in REQUIRED and not cells[name]:
            raise Refused(f"{told[name]} is missing.", told[name])
    at = when(cells["timestamp"], told["timestamp"], zone, context.now)
    rest = {name: cells[name] for name in OPTIONAL}
    return Row(number=number, case=cells["case"], at=at, activity=cells["activity"], **rest)


def when(cell: str, column: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment of a row; without an offset it is one of the zone, in the hour that comes twice the first."""
    try:
        given = datetime.fromisoformat(cell)
        at = (given if given.tzinfo else given.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(f"{cell[:60]!r} is not a moment as 2012-10-09T14:50:17+00:00.", column) from None
    return moment(at, column, now=now)


# From rows to commands.


@dataclass(slots=True)
class Desk:
    """What must be remembered of the rows so far: who is known, and how each case stands."""

    context: Context
    source: str
    channel: Channel
    type: CaseType
    cases: dict[str, Held] = field(default_factory=dict)
    known: set[tuple[str, str]] = field(default_factory=set)

    def enter(self, row: Row, action: str) -> Iterator[Line | Rejected]:
        """Everything that one row asks for: at least one thing, and nothing that would be refused or say nothing."""
        held = self.cases.get(row.case)
        if held is None:
            if len(self.cases) >= MAX_CASES or len(self.known) >= MAX_NAMES:
                limits = f"{MAX_CASES:,} cases, and {MAX_NAMES:,} customers and members of staff"
                yield Rejected(row.number, f"A log has at most {limits}: split it by case.", "case")
                return
            held = self.cases[row.case] = Held()
        held.rows += 1
        yield from self._introduce(row)
        if held.rows == 1:
            yield from self._ask(row, held, self._opening(row))
        elif row.customer and held.state.customer_id != self._id("customer", row.customer):
            customer_id = self._id("customer", row.customer)
            identified = case.IdentifyCaseCustomer(case_id=self._id("case", row.case), customer_id=customer_id)
            yield from self._ask(row, held, identified)
        said = held.rows == 1 and action == "open"
        for command in self._wanted(row, action, held.state):
            for line in self._ask(row, held, command):
                said = True
                yield line
        if not said:
            yield self._line(row, held, self._note(row, held))

    def _introduce(self, row: Row) -> Iterator[Line]:
        if row.customer and ("customer", row.customer) not in self.known:
            self.known.add(("customer", row.customer))
            register = RegisterCustomer(
                customer_id=self._id("customer", row.customer),
                kind=CustomerKind.ORGANISATION,
                name=row.customer,
                source=self.source,
            )
            yield self.context.ask(row.number, register, row.at, "tickets", self.source, "customer", row.customer)
        if row.resource and ("staff", row.resource) not in self.known:
            self.known.add(("staff", row.resource))
            add = AddStaff(staff_id=self._id("staff", row.resource), name=row.resource, role=StaffRole.AGENT)
            yield self.context.ask(row.number, add, row.at, "tickets", self.source, "staff", row.resource)

    def _opening(self, row: Row) -> OpenCase:
        return OpenCase(
            case_id=self._id("case", row.case),
            customer_id=self._id("customer", row.customer) if row.customer else None,
            type=self.type,
            channel=self.channel,
            number=row.case,
        )

    def _wanted(self, row: Row, action: str, state: Case) -> Iterator[Command]:
        """The commands that say what the row says, given where its case stands."""
        id, staff_id = self._id("case", row.case), self._staff(row)
        ended = state.status in (CaseStatus.RESOLVED, CaseStatus.CLOSED)
        if ended and action in ("assign", "wait", "resume", "escalate", "reopen"):
            yield ReopenCase(case_id=id, staff_id=staff_id)
        match action:
            case "classify":
                yield ClassifyCase(
                    case_id=id,
                    seriousness=row.seriousness or None,
                    category=row.category or None,
                    product=row.product or None,
                    staff_id=staff_id,
                )
            case "assign":
                yield ResumeCase(case_id=id, staff_id=staff_id)
                yield AssignCase(case_id=id, staff_id=staff_id, queue=row.queue or None)
            case "wait":
                yield WaitOnCustomer(case_id=id, staff_id=staff_id)
            case "resume":
                yield ResumeCase(case_id=id, staff_id=staff_id)
            case "escalate":
                yield EscalateCase(case_id=id, level=FIRST_LEVEL, staff_id=staff_id)
            case "resolve":
                yield ResolveCase(case_id=id, staff_id=staff_id)
            case "close":
                reason = "SOLVED" if state.resolved else "UNRESOLVED"
                yield CloseCase(case_id=id, reason=reason, staff_id=staff_id)
            case _:
                return

    def _note(self, row: Row, held: Held) -> NoteCase:
        return NoteCase(
            case_id=self._id("case", row.case),
            customer_id=held.state.customer_id,
            activity=row.activity,
            staff_id=self._staff(row),
            external_ref=f"{row.case}/{held.rows}",
        )

    def _ask(self, row: Row, held: Held, command: Command) -> Iterator[Line]:
        """The command, unless the case as the file tells it would refuse it or learn nothing from it."""
        try:
            events = list(case.decider.decide(command, held.state))
        except Refused:
            return
        held.state = reduce(case.decider.evolve, events, held.state)
        if events:
            yield self._line(row, held, command)

    def _line(self, row: Row, held: Held, command: Command) -> Line:
        said = [getattr(row, name) for name in SAID.get(type(command), ())]
        kind = type(command).__name__
        return self.context.ask(
            row.number, command, row.at, "tickets", self.source, "case", row.case, held.rows, kind, *said
        )

    def _staff(self, row: Row) -> UUID | None:
        return self._id("staff", row.resource) if row.resource else None

    def _id(self, noun: str, key: str) -> UUID:
        return reference(noun, self.source, key)


importer = Importer(
    "tickets",
    "Event logs of a help desk, as CSV or XES: one row for everything that was done about a ticket.",
    read,
    settings=(
        Setting("source", "the short name of the desk, which ids begin with", "helpdesk"),
        Setting("channel", "the channel that tickets come by", "WEB"),
        Setting("type", "the kind of case that a ticket is", "INCIDENT"),
        Setting("zone", "the time zone of moments without an offset", "UTC"),
        Setting("activities", "a YAML file that says which action each activity is", ""),
        Setting("case", "the column of the ticket", "case"),
        Setting("timestamp", "the column of the moment", "timestamp"),
        Setting("activity", "the column of what was done", "activity"),
        Setting("resource", "the column of who did it", "resource"),
        Setting("customer", "the column of the customer", "customer"),
        Setting("product", "the column of the product", "product"),
        Setting("seriousness", "the column of the seriousness", "seriousness_2"),
        Setting("category", "the column of the category", "service_type"),
        Setting("queue", "the column of the queue", "workgroup"),
    ),
)
