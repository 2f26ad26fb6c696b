import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api.importers import rates
from api.importers.importing import Report, run
from domain import DECIDERS
from domain.currency_rate import RatePublished, currency_rate_id
from domain.kernel import Refused
from eventstore.commands import Commands
from tests.conftest import House
from tests.importers.conftest import happened, refusals

WHOLE_FILE = Path(__file__).parents[3] / "shared/data/ecb_rates/eurofxref-hist.zip"
TABLE = "Date,USD,JPY,ROL,\n2000-10-26,.8252,89.4,N/A,\n1999-01-04,1.1789,133.73,13111,\n"

Load = Callable[..., Report]


@pytest.fixture
def load(house: House, tmp_path: Path) -> Load:
    def load(content: str | bytes | Path, **options: Any) -> Report:
        path = content if isinstance(content, Path) else tmp_path / "file"
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return run(rates.importer, str(path), log=house.log, commands=Commands(DECIDERS), **options)

    return load


def zipped(**files: str | bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


@pytest.mark.parametrize(
    "pack", [str.encode, lambda text: gzip.compress(text.encode()), lambda text: zipped(a_csv=text)]
)
def test_every_quotation_is_a_rate_of_its_day_and_what_is_not_quoted_is_none(
    house: House, load: Load, pack: Callable[[str], bytes]
) -> None:
    report = load(pack(TABLE.replace(".8252", "0.8252")))
    assert (report.complete, report.events, report.read_lines) == (True, 5, 3)
    said = [(e.currency, e.as_of, e.rate) for e in happened(house) if isinstance(e, RatePublished)]
    assert said[0] == ("USD", date(2000, 10, 26), Decimal("0.8252"))
    assert said[-1] == ("ROL", date(1999, 1, 4), Decimal(13111))
    [(event, at)] = house.log.reader.stream(currency_rate_id("ecb", "EUR", "USD", 1999))
    assert isinstance(event, RatePublished)
    assert at.occurred_at == datetime.fromisoformat("1999-01-04T15:00:00Z")


def test_the_file_of_one_day_writes_the_day_in_words(house: House, load: Load) -> None:
    assert load("Date, USD, JPY, \n30 October 2025, 1.1172, 175.68, \n").events == 2
    assert {e.as_of for e in happened(house) if isinstance(e, RatePublished)} == {date(2025, 10, 30)}


def test_a_rate_that_comes_again_is_one_and_another_one_corrects_it(house: House, load: Load) -> None:
    text = "Date,USD\n1999-01-04,1.1789\n"
    assert (load(text).events, load(text).events) == (1, 0)
    assert load(text.replace("1.1789", "1.1790")).events == 1


def test_a_day_on_which_nothing_is_quoted_is_left_aside(load: Load) -> None:
    assert load("Date,USD,\n1999-01-04,N/A,\n1999-01-05,1.2,\n").left_aside == {rates.NO_RATE: 1}


BAD = [
    ("4.1.1999,1.2,130", "Date"),
    ("30 Octember 1999,1.2,130", "Date"),
    ("1899-01-04,1.2,130", "Date"),
    ("2999-01-04,1.2,130", "Date"),
    ("1999-02-30,1.2,130", "Date"),
    ("1999-01-04,,-", "JPY"),
    ("1999-01-04,1.2.3,N/A", "USD"),
    ("1999-01-04,-1.2,N/A", "USD"),
    ("1999-01-04,0,N/A", "USD"),
    ("1999-01-04,NaN,N/A", "USD"),
    ("1999-01-04,1e5,N/A", "USD"),
    ("1999-01-04,٣,N/A", "USD"),
    ("1999-01-04,99999999999,N/A", "USD"),
    ("1999-01-04,1." + "1" * 13 + ",N/A", "USD"),
    ("1999-01-04," + "1" * 30_000 + ",N/A", "USD"),
    ("1999-01-04,1.2", None),
    ("1999-01-04,1\0.2,1", None),
]


def test_a_bad_cell_names_its_column_and_never_loses_a_good_one(house: House, load: Load) -> None:
    good = [f"1999-01-{n:02},1.1,N/A" for n in range(10, 10 + len(BAD))]
    report = load("Date,USD,JPY\n" + "".join(f"{bad}\n{fine}\n" for (bad, _), fine in zip(BAD, good, strict=True)))
    assert refusals(report) == [(2 * n + 2, field) for n, (_, field) in enumerate(BAD)]
    assert report.events == len(BAD)


def test_a_column_that_is_no_currency_is_refused_where_it_says_something(load: Load) -> None:
    report = load("Date,USD,remark\n1999-01-04,1.2,N/A\n1999-01-05,1.2,7\n")
    assert (refusals(report), report.events) == ([(3, "remark")], 2)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"USD,JPY\n", "Date"),
        (b"Date,USD,USD\n", "twice"),
        (zipped(a_txt="x"), "holds 0 files"),
        (zipped(a_csv=TABLE, b_csv=TABLE), "holds 2 files"),
        (zipped(a_csv=TABLE)[:60], "Fetch it again"),
        (zipped(a_csv="x"), "Date"),
    ],
    ids=["nothing", "no date", "a column twice", "no table", "two tables", "cut off", "no columns"],
)
def test_a_file_that_is_none_of_the_layout_is_refused_in_a_sentence(load: Load, content: bytes, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        load(content)


def test_of_a_damaged_file_the_good_part_is_taken_and_the_damage_told(house: House, load: Load) -> None:
    days = "".join(f"{date.fromordinal(730_000 + n)},1.{n:05}\n" for n in range(9_000))
    whole = gzip.compress(("Date,USD\n" + days).encode())
    report = load(whole[: len(whole) // 2])
    assert report.damage is not None
    assert 0 < report.events < 9_000
    assert load(whole).complete
    assert len(house.log.reader.page(0, 20_000, types=["currency_rate.published.v1"])) == 9_000


def test_a_zip_file_with_a_wrong_checksum_says_so(load: Load) -> None:
    whole = bytearray(zipped(a_csv=TABLE))
    where = whole.index(b"PK\x01\x02") + 16
    whole[where] ^= 1
    whole[14] ^= 1
    with pytest.raises(Refused, match="Fetch it again"):
        load(bytes(whole))


def test_of_a_zip_file_that_is_damaged_far_on_the_good_part_is_taken_and_the_damage_told(load: Load) -> None:
    days = "".join(f"{date.fromordinal(700_000 + n)},1.{n:05},N/A,N/A,N/A,N/A,N/A\n" for n in range(9_000))
    whole = bytearray(zipped(a_csv="Date,USD,JPY,GBP,CHF,SEK,NOK\n" + days))
    whole[whole.index(b"PK\x01\x02") + 16] ^= 1
    report = load(bytes(whole))
    assert report.damage is not None
    assert "zip file is damaged" in report.damage
    assert report.events > 0


def test_a_zip_bomb_is_refused_before_it_goes_off(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MAX_UNZIPPED_BYTES", 50)
    with pytest.raises(Refused, match="more than 50 bytes"):
        load(zipped(a_csv=TABLE))


@pytest.mark.skipif(
    not WHOLE_FILE.exists(), reason="the file of the European Central Bank is not part of the repository"
)
def test_the_whole_history_comes_to_the_published_figures(house: House, load: Load) -> None:
    report = load(WHOLE_FILE)
    assert (report.complete, report.read_lines, report.events) == (True, 7_127, 221_702)
    days, currencies, dollar = set(), set(), {}
    for page in house.log.reader.fold(types=["currency_rate.published.v1"]):
        for event, _ in page:
            assert isinstance(event, RatePublished)
            days.add(event.as_of)
            currencies.add(event.currency)
            if event.currency == "USD":
                dollar[event.as_of] = event.rate
    assert (len(days), len(currencies)) == (7_126, 41)
    assert (min(days), max(days)) == (date(1999, 1, 4), date(2026, 10, 30))
    assert dollar[date(1999, 1, 4)] == Decimal("1.1789")
    assert max(dollar.items(), key=lambda each: each[1]) == (date(2008, 7, 15), Decimal("1.5990"))
    assert min(dollar.items(), key=lambda each: each[1]) == (date(2000, 10, 26), Decimal("0.8252"))
    again = load(WHOLE_FILE)
    assert (again.taken, again.events, again.refused) == (0, 0, 0)
