"""Loyalty: a folder with the members of an airline's programme, and what each flew, earned and spent by month."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from api.importers.importing import Context, Importer, LeftAside, Line, Read, Rejected, Setting
from api.importers.lines import Source
from api.importers.loyalty_rows import COLUMNS as ACTIVITY_COLUMNS
from api.importers.loyalty_rows import NUMBER, Clock, Month, decimal, member_of, months, must_fit, whole
from api.importers.tables import Cells, rows
from domain.customer import RegisterCustomer, StatePreference
from domain.identifiers import AddIdentifier, IdentifierType
from domain.kernel import Command, Refused, reference
from domain.loyalty_account import EnrolMember, LeaveProgramme
from domain.points import AccruePoints, AdjustPoints, RedeemPoints
from domain.programme import DefineProgramme, LoyaltyTier, programme_id
from domain.staff import AddStaff
from domain.values import EXACT, must_be_currency, must_be_language, must_be_zone
from eventstore.commands import SOURCE, identify

MEMBERS = "customer_loyalty_history"
ACTIVITY = "customer_flight_activity"
ENDINGS = (".csv", ".csv.gz")

PREFERENCES = {
    "Gender": "gender", "Education": "education", "Marital Status": "marital-status", "Salary": "salary",
    "CLV": "clv-as-given",
}  # fmt: skip
"""What is said of a member that no other field holds, by the topic that it is kept under, sealed."""
COLUMNS = (
    NUMBER, "Country", "Province", *PREFERENCES, "Loyalty Card", "Enrollment Type", "Enrollment Year",
    "Enrollment Month", "Cancellation Year", "Cancellation Month",
)  # fmt: skip

NEGATIVE = "its salary is below zero; the member is taken without it"
OPENING = "Opening balance: the file spends points of this member that were earned before it begins."
APPROVER = "Opening balances"
NO_FILES = f"There is neither {MEMBERS}.csv nor {ACTIVITY}.csv in this folder, nor one of them as .csv.gz."
INCOMPLETE = "Nothing of it is taken, because the opening balances follow from the whole file."


def read(source: Source, context: Context) -> Iterator[Read]:
    """The members first, and then what they did; either file may be missing."""
    desk = Desk(context)
    members, activity = found(source.path, MEMBERS), found(source.path, ACTIVITY)
    if members is None and activity is None:
        raise Refused(NO_FILES, "file")
    for file, columns in ((members, COLUMNS), (activity, ACTIVITY_COLUMNS)):
        if file is not None:
            must_begin_with(file, columns)
    passes = 2 if desk.opens else 1
    source.size = (members.size or 0 if members else 0) + passes * (activity.size or 0 if activity else 0)
    if members is not None:
        yield desk.programme()
        yield from through(source, members, desk.members)
    if activity is None:
        return
    openings = Openings()
    if desk.opens:
        openings.read(months(activity, desk.clock))
        source.bytes_read += activity.bytes_read
        if activity.damage is not None:
            source.damage = f"{Path(activity.path).name}: {activity.damage} {INCOMPLETE}"
            return
        if openings.lowest:
            yield from desk.introduce_approver(openings.first)
        activity = Source(activity.path)
    yield from through(source, activity, lambda file: desk.activity(file, openings))


def found(folder: str, name: str) -> Source | None:
    """The file of this name in the folder, if there is one. Raises `Refused` if there are two."""
    there = [path for ending in ENDINGS if (path := Path(folder) / f"{name}{ending}").exists()]
    if len(there) > 1:
        raise Refused(f"{there[0].name} and {there[1].name} are both in this folder. Leave one of them.", "file")
    return Source(str(there[0])) if there else None


def must_begin_with(file: Source, columns: Sequence[str]) -> None:
    """Refused if a file has not the header of this layout, before anything of the other one is taken."""
    try:
        next(rows(Source(file.path), columns), None)
    except Refused as refused:
        raise Refused(f"{Path(file.path).name}: {refused.reason}", refused.field) from None


def through(source: Source, file: Source, entries: Callable[[Source], Iterator[Read]]) -> Iterator[Read]:
    """What a file of the folder asks for, while the folder's progress goes on; refusals say which file it is."""
    name, bytes_before, lines_before = Path(file.path).name, source.bytes_read, source.lines_read
    for each in entries(file):
        source.bytes_read = bytes_before + file.bytes_read
        source.lines_read = lines_before + file.lines_read
        yield each._replace(reason=f"{name}: {each.reason}") if isinstance(each, Rejected) else each
    source.bytes_read = bytes_before + file.bytes_read
    source.lines_read = lines_before + file.lines_read
    if file.damage is not None:
        source.damage = f"{source.damage or ''} {name}: {file.damage}".strip()


@dataclass(slots=True)
class Openings:
    """How many points members must have had before the file, because they spend them: `lowest` is below zero."""

    lowest: dict[str, Decimal] = field(default_factory=dict)
    first: datetime | None = None

    def read(self, rows: Iterator[Month | LeftAside | Rejected]) -> None:
        """Goes through the whole file, of which it holds a number for each member."""
        balances: dict[str, Decimal] = {}
        for row in rows:
            if not isinstance(row, Month):
                continue
            earned = EXACT.add(balances.get(row.member, Decimal(0)), row.accrued)
            balance = balances[row.member] = EXACT.subtract(earned, row.redeemed)
            if balance < self.lowest.get(row.member, 0):
                self.lowest[row.member] = balance
            self.first = row.at if self.first is None else min(self.first, row.at)


@dataclass(slots=True)
class Desk:
    """What was told, and what each row asks for by that."""

    context: Context
    source: str = field(init=False)
    clock: Clock = field(init=False)
    opens: bool = field(init=False)

    def __post_init__(self) -> None:
        told = self.context.settings
        if not SOURCE.fullmatch(told["source"]):
            raise Refused("The source is a short name in lower case, such as northern-lights.", "source")
        must_be_zone(told["zone"], "zone")
        must_be_language(told["language"])
        must_be_currency(told["currency"], "currency")
        if told["opening"] not in ("yes", "no"):
            raise Refused("Say yes or no: whether opening balances are booked.", "opening")
        self.source, self.opens = told["source"], told["opening"] == "yes"
        self.clock = Clock(ZoneInfo(told["zone"]), self.context.now)

    # The members.

    def programme(self) -> Line:
        """The programme with its tiers. Their thresholds are not in the files."""
        told = self.context.settings
        tiers = []
        for part in told["tiers"].split(","):
            label, _, threshold = map(str.strip, part.partition("="))
            label_by = {told["language"]: label}
            tiers.append(LoyaltyTier(key=code(label), label=label_by, threshold=whole({"tiers": threshold}, "tiers")))
        key, title = told["programme"], {told["language"]: told["title"]}
        define = DefineProgramme(programme_id=programme_id(key), key=key, title=title, tiers=tuple(tiers))
        return self._ask(1, define, None, "programme", key, told["title"], told["tiers"])

    def members(self, file: Source) -> Iterator[Read]:
        """Everything that each row of the members asks for."""
        for each in rows(file, COLUMNS):
            if isinstance(each, Rejected):
                yield each
                continue
            try:
                yield from list(self._member(*each))  # whole, or refused as a whole
            except Refused as refused:
                yield Rejected(each[0], refused.reason, refused.field)

    def _member(self, number: int, cells: Cells) -> Iterator[Line | LeftAside]:
        must_fit(cells, COLUMNS)
        member, told = member_of(cells), self.context.settings
        customer_id, account_id = self._id("customer", member), self._id("loyalty_account", member)
        at = self.clock.noon(cells, "Enrollment Year", "Enrollment Month", last=False)
        country, province = cells["Country"] or None, cells["Province"] or None
        register = RegisterCustomer(
            customer_id=customer_id,
            language=told["language"],
            timezone=told["zone"],
            country=country,
            source=self.source,
            territory=province,
        )
        yield self._ask(number, register, at, "customer", member, country, province)
        card = AddIdentifier(customer_id=customer_id, type=IdentifierType.LOYALTY_CARD, value=member)
        yield self._ask(number, card, at, "card", member)
        for column, topic in PREFERENCES.items():
            value = cells[column]
            if not value:
                continue
            if column == "Salary" and decimal(cells, column) < 0:
                yield LeftAside(number, NEGATIVE)
                continue
            state = StatePreference(customer_id=customer_id, topic=topic, value=value)
            yield self._ask(number, state, at, "preference", member, topic, value)
        tier, enrolment = code(cells["Loyalty Card"]) or None, code(cells["Enrollment Type"]) or None
        enrol = EnrolMember(
            loyalty_account_id=account_id,
            customer_id=customer_id,
            programme=told["programme"],
            card=member,
            tier=tier,
            enrolment=enrolment,
        )
        yield self._ask(number, enrol, at, "enrolment", member, tier, enrolment, at)
        if cells["Cancellation Year"] or cells["Cancellation Month"]:
            left = self.clock.noon(cells, "Cancellation Year", "Cancellation Month", last=True)
            if left < at:
                raise Refused("The cancellation comes before the enrolment.", "Cancellation Year")
            yield self._ask(number, LeaveProgramme(loyalty_account_id=account_id), left, "leaving", member, left)

    # What they did.

    def introduce_approver(self, at: datetime | None) -> Iterator[Line]:
        """Who answers for the opening balances, unless that is somebody who is known."""
        if not self.context.settings["approver"]:
            yield self._ask(1, AddStaff(staff_id=self._approver(), name=APPROVER), at, "approver")

    def activity(self, file: Source, openings: Openings) -> Iterator[Read]:
        """Everything that each month asks for, and before a member's first one the opening balance."""
        opened: set[str] = set()
        for each in months(file, self.clock):
            if not isinstance(each, Month):
                yield each
                continue
            if each.member not in opened and each.member in openings.lowest and openings.first is not None:
                opened.add(each.member)
                yield self._opening(each, openings.lowest[each.member].copy_negate(), openings.first)
            yield from self._month(each)

    def _opening(self, row: Month, points: Decimal, first: datetime) -> Line:
        adjust = AdjustPoints(
            loyalty_account_id=self._id("loyalty_account", row.member),
            reference=f"opening {first:%Y-%m}",
            points=points,
            reason=OPENING,
            approver=self._approver(),
        )
        return self._ask(row.number, adjust, first.replace(day=1), "opening", row.member, adjust.reference, points)

    def _month(self, row: Month) -> Iterator[Line]:
        account_id = self._id("loyalty_account", row.member)
        if row.accrued:
            accrue = AccruePoints(
                loyalty_account_id=account_id, reference=row.reference, redeemable=row.accrued, activity=row.counts
            )
            flown = ",".join(map(str, row.counts.values()))
            yield self._ask(row.number, accrue, row.at, "accrual", row.member, row.reference, row.accrued, flown)
        if row.redeemed:
            redeem = RedeemPoints(
                loyalty_account_id=account_id,
                reference=row.reference,
                points=row.redeemed,
                worth=row.worth,
                currency=self.context.settings["currency"],
            )
            yield self._ask(
                row.number, redeem, row.at, "redemption", row.member, row.reference, row.redeemed, row.worth
            )

    def _approver(self) -> UUID:
        told = self.context.settings["approver"]
        return identify("staff", told, "approver") if told else self._id("staff", "opening-balances")

    def _ask(self, number: int, command: Command, at: datetime | None, *meaning: object) -> Line:
        return self.context.ask(number, command, at, "loyalty", self.source, *meaning)

    def _id(self, noun: str, key: str) -> UUID:
        return reference(noun, self.source, key)


def code(label: str) -> str:
    """A label as a code: `2018 Promotion` is 2018_PROMOTION."""
    return "_".join(label.upper().split())


importer = Importer(
    "loyalty",
    f"A folder with an airline's members ({MEMBERS}.csv) and what they did ({ACTIVITY}.csv).",
    read,
    settings=(
        Setting("source", "the short name of the programme's system, which ids begin with", "northern-lights"),
        Setting("programme", "the key of the programme", "northern-lights"),
        Setting("title", "the title of the programme", "Northern Lights"),
        Setting(
            "tiers",
            "the tiers from the lowest up, with the points from which they begin",
            "Star=0,Nova=20000,Aurora=50000",
        ),
        Setting("language", "the language of the members, and of the title and the tiers", "en"),
        Setting("zone", "the time zone of the members", "America/Toronto"),
        Setting("currency", "the currency of what spent points were worth", "CAD"),
        Setting("opening", "yes, or no if what members had before the file is booked already", "yes"),
        Setting("approver", "who answers for the opening balances, such as hr:7; without one, somebody is added", ""),
    ),
    whole=True,
)
