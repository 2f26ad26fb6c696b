"""Currency rates as the European Central Bank publishes them: a day on each line, a currency in each column."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from api.importers.importing import Context, Importer, LeftAside, Read, Rejected, Setting
from api.importers.lines import CHUNK_BYTES, Source
from api.importers.tables import rows
from domain.currency_rate import CURRENCY, PublishRate
from domain.kernel import Refused
from domain.values import MAX_RATE, fault
from eventstore.commands import moment

LAYOUT = "rates"
DATE = "Date"
NOT_QUOTED = ("N/A", "")
NO_RATE = "no currency is quoted on it"
RATE = re.compile(r"[0-9]{1,20}(\.[0-9]{1,12})?")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAY = re.compile(r"(\d{1,2}) ([A-Z][a-z]+) (\d{4})", re.ASCII)
"""As in the file of one day: 30 October 2026."""

PUBLISHED = time(16, 0, tzinfo=ZoneInfo("Europe/Berlin"))
"""Around when the bank publishes the rates of a day."""

ZIP = b"PK\x03\x04"
MAX_UNZIPPED_BYTES = 1 << 28
BROKEN_ZIP = "This zip file is damaged or not complete. Fetch it again."

NAME = Setting("source", "Who published the rates.", "ecb")
BASE = Setting("base_currency", "The currency one unit of which the rates are worth.", "EUR")


class Zipped(Source):
    """The one table in a zip file, as numbered lines."""

    def _bytes(self) -> Iterator[bytes]:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.table(archive)) as file:
                while chunk := file.read(CHUNK_BYTES):
                    self.bytes_read += len(chunk)
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError):
            if not self.bytes_read:
                raise Refused(BROKEN_ZIP, "file") from None
            self.damage = f"The zip file is damaged beyond byte {self.bytes_read:,} of its table."

    def table(self, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
        """The entry that is a table. Raises `Refused` if there is none, or several, or one that is too large."""
        found = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".csv")]
        if len(found) != 1:
            raise Refused(f"This zip file holds {len(found)} files that end in .csv: it should hold one.", "file")
        if found[0].file_size > MAX_UNZIPPED_BYTES:
            raise Refused(f"The table in this zip file has more than {MAX_UNZIPPED_BYTES:,} bytes.", "file")
        self.size = found[0].file_size
        return found[0]


def read(source: Source, context: Context) -> Iterator[Read]:
    """A rate for each currency of each day."""
    table = Zipped(source.path) if is_zip(source.path) else source
    name, base = context.settings[NAME.name], context.settings[BASE.name]
    for found in rows(table, (DATE,)):
        if table is not source:
            source.size, source.bytes_read, source.lines_read = table.size, table.bytes_read, table.lines_read
        if isinstance(found, Rejected):
            yield found
            continue
        number, cells = found
        try:
            day = day_of(cells[DATE])
            at = moment(datetime.combine(day, PUBLISHED).astimezone(UTC), DATE, now=context.now)
        except Refused as refused:
            yield Rejected(number, refused.reason, refused.field)
            continue
        quoted = {currency: cell for currency, cell in cells.items() if currency != DATE and cell not in NOT_QUOTED}
        if not quoted:
            yield LeftAside(number, NO_RATE)
        for currency, cell in quoted.items():
            try:
                rate = rate_of(currency, cell)
            except Refused as refused:
                yield Rejected(number, refused.reason, refused.field)
                continue
            publish = PublishRate(source=name, base_currency=base, currency=currency, rate=rate, as_of=day)
            yield context.ask(number, publish, at, LAYOUT, name, base, currency, day, rate)
    if table is not source:
        source.bytes_read, source.lines_read, source.damage = table.bytes_read, table.lines_read, table.damage


def is_zip(path: str) -> bool:
    """Whether a file begins as zip files do. The standard input is no zip."""
    if path == "-":
        return False
    try:
        with Path(path).open("rb") as file:
            return file.read(len(ZIP)) == ZIP
    except OSError:
        return False  # the lines will say what is wrong with it


def day_of(cell: str) -> date:
    """A day as 2026-10-30, or as 30 October 2026. Raises `Refused`."""
    said = DAY.fullmatch(cell)
    try:
        if said is not None:
            return date(int(said[3]), MONTHS.index(said[2]) + 1, int(said[1]))
        if len(cell) == 10:
            return date.fromisoformat(cell)
    except ValueError:
        pass
    raise Refused(f"{cell[:60]!r} is not a day as 2026-10-30.", DATE)


def rate_of(currency: str, cell: str) -> Decimal:
    """How many units of the currency one unit of the base is worth, digit by digit. Raises `Refused`."""
    if CURRENCY.fullmatch(currency) is None:
        raise Refused(f"{currency[:60]!r} is not a currency as USD.", currency[:60])
    if RATE.fullmatch(cell) is None:
        raise Refused(f"{cell[:60]!r} is not a rate as 1.1172. Write N/A where there is none.", currency)
    rate = Decimal(cell)
    if (wrong := fault(rate, MAX_RATE)) or not rate:
        raise Refused(f"The rate {wrong or 'must be more than zero'}.", currency)
    return rate


importer = Importer(
    "rates",
    "Currency rates as the European Central Bank publishes them: eurofxref-hist, as zip, .gz or CSV.",
    read,
    settings=(NAME, BASE),
    whole=True,
)
