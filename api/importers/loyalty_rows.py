"""Loyalty files: what each member flew, earned and spent in a month, and how their cells are read."""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import NamedTuple
from zoneinfo import ZoneInfo

from api.importers.importing import LeftAside, Rejected
from api.importers.lines import Source
from api.importers.tables import Cells, rows
from domain.kernel import MAX_LINE, Refused
from domain.points import MAX_COUNT, MAX_POINTS
from domain.values import fault
from eventstore.commands import moment

NUMBER = "Loyalty Number"
COUNTS = {"Total Flights": "flights", "Flights with Companions": "companion-flights", "Distance": "km"}
"""What is counted in a month, by the name that it has on an entry."""
POINTS = ("Points Accumulated", "Points Redeemed", "Dollar Cost Points Redeemed")
COLUMNS = (NUMBER, "Year", "Month", *COUNTS, *POINTS)

MAX_MEMBER_MONTHS = 2_000_000
"""How many months of members a file may have; of each is held, in some 200 bytes, what tells it again."""
DIGEST_BYTES = 16
MAX_NUMBER = 100
MAX_YEAR = 9999
NOON = 12

TWICE = "the same row stands there before"
NOTHING = "nothing happened in its month"
NO_POINTS = "it has flights and no points, which no account can book"


@dataclass(frozen=True, slots=True)
class Clock:
    """Where months begin and end, and what is still to come."""

    zone: ZoneInfo
    now: datetime

    def noon(self, cells: Cells, year_column: str, month_column: str, *, last: bool) -> datetime:
        """Noon of the first or the last day of a month, so that it is of this month in every zone."""
        year, month = whole(cells, year_column), whole(cells, month_column)
        if not 1 <= month <= 12:
            raise Refused(f"{month} is no month.", month_column)
        if not 1 <= year <= MAX_YEAR:
            raise Refused(f"{year} is no year.", year_column)
        day = monthrange(year, month)[1] if last else 1
        return moment(datetime(year, month, day, NOON, tzinfo=self.zone), year_column, now=self.now)


class Month(NamedTuple):
    """What a member did in a month, as one row says; `reference` tells it from other rows of that month."""

    number: int
    member: str
    month: str
    reference: str
    at: datetime
    counts: Mapping[str, int]
    accrued: Decimal
    redeemed: Decimal
    worth: Decimal


def months(file: Source, clock: Clock) -> Iterator[Month | LeftAside | Rejected]:
    """Every row that says something, once. A second row of a month with points has the reference `2017-01 2`."""
    seen: set[bytes] = set()
    entries: Counter[str] = Counter()
    for each in rows(file, COLUMNS):
        if isinstance(each, Rejected):
            yield each
            continue
        number, cells = each
        content = blake2b("\x1f".join(cells.values()).encode(), digest_size=DIGEST_BYTES).digest()
        if content in seen:
            yield LeftAside(number, TWICE)
            continue
        try:
            if len(seen) >= MAX_MEMBER_MONTHS:
                raise Refused(f"A file has at most {MAX_MEMBER_MONTHS:,} months of members: split it by member.")
            month = month_of(number, cells, clock)
        except Refused as refused:
            yield Rejected(number, refused.reason, refused.field)
            continue
        seen.add(content)
        if not month.accrued and not month.redeemed:
            yield LeftAside(number, NO_POINTS if any(month.counts.values()) else NOTHING)
            continue
        key = f"{month.member} {month.month}"
        entries[key] += 1
        yield month if entries[key] == 1 else month._replace(reference=f"{month.month} {entries[key]}")


def month_of(number: int, cells: Cells, clock: Clock) -> Month:
    """What a row says. Raises `Refused` with the column."""
    member, at = member_of(cells), clock.noon(cells, "Year", "Month", last=True)
    accrued, redeemed, worth = (points(cells, column) for column in POINTS)
    if worth and not redeemed:
        raise Refused("It says what points were worth, and that none were spent.", POINTS[1])
    counts = {name: whole(cells, column) for column, name in COUNTS.items()}
    month = f"{at.year:04}-{at.month:02}"
    return Month(number, member, month, month, at, counts, accrued, redeemed, worth)


# From cells to values.


def must_fit(cells: Cells, columns: Sequence[str]) -> None:
    """Refused if one of these cells is longer than any field is."""
    for column in columns:
        if len(cells[column]) > MAX_LINE:
            raise Refused(f"{column} has {len(cells[column])} characters; {MAX_LINE} is the limit.", column)


def member_of(cells: Cells) -> str:
    """The number of the member."""
    member = cells[NUMBER]
    if not member:
        raise Refused(f"{NUMBER} is missing.", NUMBER)
    if len(member) > MAX_NUMBER:
        raise Refused(f"{NUMBER} has {len(member)} characters; {MAX_NUMBER} is the limit.", NUMBER)
    return member


def whole(cells: Cells, column: str) -> int:
    """A whole number, zero or more."""
    cell = cells[column]
    if not cell.isdecimal() or not cell.isascii() or len(cell) > len(str(MAX_COUNT)) or int(cell) > MAX_COUNT:
        raise Refused(f"{cell[:60]!r} is not a whole number from 0 to {MAX_COUNT:,}.", column)
    return int(cell)


def decimal(cells: Cells, column: str) -> Decimal:
    """A number, whatever its sign."""
    cell = cells[column]
    try:
        number = Decimal(cell)
    except InvalidOperation:
        number = None
    if number is None or not cell.isascii() or "_" in cell:
        raise Refused(f"{cell[:60]!r} is not a number.", column)
    if wrong := fault(number.copy_abs(), MAX_POINTS):
        raise Refused(f"{column} {wrong}.", column)
    return number


def points(cells: Cells, column: str) -> Decimal:
    """A number of points or dollars, zero or more."""
    number = decimal(cells, column)
    if wrong := fault(number, MAX_POINTS):
        raise Refused(f"{column} {wrong}.", column)
    return number
