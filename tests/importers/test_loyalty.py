import csv
import gzip
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from api.importers import importing, loyalty
from api.importers.importing import Progress, Report, run
from domain import DECIDERS, loyalty_account
from domain.customer import CustomerRegistered, PreferenceStated
from domain.kernel import Event, Refused, reference
from domain.loyalty_account import LoyaltyAccount, MemberEnrolled, MemberLeft
from domain.points import PointsAccrued, PointsAdjusted, PointsRedeemed
from domain.programme import ProgrammeDefined
from domain.staff import StaffAdded
from eventstore.commands import Commands
from tests.conftest import House
from tests.importers.conftest import refusals

REAL = Path(__file__).parents[3] / "shared/data/airline_loyalty"
real = pytest.mark.skipif(not REAL.exists(), reason="the airline's files are not part of the repository")

MEMBER_HEADER = (
    "Loyalty Number,Country,Province,City,Postal Code,Gender,Education,Salary,Marital Status,Loyalty Card,CLV,"
    "Enrollment Type,Enrollment Year,Enrollment Month,Cancellation Year,Cancellation Month\n"
)
ACTIVITY_HEADER = (
    "Loyalty Number,Year,Month,Flights Booked,Flights with Companions,Total Flights,Distance,Points Accumulated,"
    "Points Redeemed,Dollar Cost Points Redeemed\n"
)
ONE = "17,Canada,Ontario,Toronto,M2Z 4K1,Female,Bachelor,83236,Married,Star,3839.14,2018 Promotion,2018,2,,\n"
TWO = "18,Canada,Quebec,Hull,J8Y 3Z5,Male,College,,Single,Nova,3839.61,Standard,2016,3,2018,11\n"
FEBRUARY = "17,2018,2,2,1,3,1521,152.25,0,0\n"

Load = Callable[..., Report]


@pytest.fixture
def load(house: House, tmp_path: Path) -> Load:
    """`load(rows of members, rows of months, setting=value)`: None is a file that is not there."""

    def load(members: str | bytes | None, activity: str | bytes | None = None, **told: str) -> Report:
        files = ((loyalty.MEMBERS, MEMBER_HEADER, members), (loyalty.ACTIVITY, ACTIVITY_HEADER, activity))
        for name, header, content in files:
            path = tmp_path / f"{name}.csv"
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content if isinstance(content, bytes) else (header + content).encode())
        return bring(house, tmp_path, **told)

    return load


def bring(house: House, folder: Path, **told: str) -> Report:
    return run(loyalty.importer, str(folder), log=house.log, commands=Commands(DECIDERS), settings=told)


def happened(house: House) -> list[Event]:
    """What happened, but for the batches."""
    every = [event for event, _ in house.log.reader.page(0, disclose=True)]
    return [event for event in every if not event.stored_as.startswith("import_batch.")]


def account(house: House, member: str) -> LoyaltyAccount:
    state: LoyaltyAccount
    state, _ = house.log.state(loyalty_account.decider, reference("loyalty_account", "northern-lights", member))
    return state


def test_a_member_is_a_customer_with_an_account_in_the_programme(house: House, load: Load) -> None:
    report = load(ONE)
    assert (report.complete, report.taken) == (True, 9)
    programme, customer, card, *preferences, enrolled = happened(house)
    assert isinstance(programme, ProgrammeDefined)
    assert [(tier.key, tier.threshold) for tier in programme.tiers] == [
        ("STAR", 0),
        ("NOVA", 20_000),
        ("AURORA", 50_000),
    ]
    assert isinstance(customer, CustomerRegistered)
    assert (customer.country, customer.territory, customer.language) == ("Canada", "Ontario", "en")
    assert (card.stored_as, getattr(card, "type", None), getattr(card, "value", None)) == (
        "customer.identifier-added.v1", "LOYALTY_CARD", "17",
    )  # fmt: skip
    assert [(each.topic, each.value) for each in preferences if isinstance(each, PreferenceStated)] == [
        ("gender", "Female"), ("education", "Bachelor"), ("marital-status", "Married"), ("salary", "83236"),
        ("clv-as-given", "3839.14"),
    ]  # fmt: skip
    assert isinstance(enrolled, MemberEnrolled)
    assert (enrolled.programme, enrolled.tier, enrolled.enrolment, enrolled.card) == (
        "northern-lights", "STAR", "2018_PROMOTION", "17",
    )  # fmt: skip
    assert enrolled.customer_id == reference("customer", "northern-lights", "17")


def test_months_begin_and_end_at_noon_so_that_they_are_the_same_everywhere(house: House, load: Load) -> None:
    load(TWO, "18,2018,2,2,1,3,1521,152,100,8\n18,2018,1,2,1,3,1521,152,0,0\n")
    at = {type(event): recorded.occurred_at for event, recorded in house.log.reader.page(0)}
    assert at[MemberEnrolled] == datetime.fromisoformat("2016-03-01T17:00Z")
    assert at[MemberLeft] == datetime.fromisoformat("2018-11-30T17:00Z")
    assert at[PointsRedeemed] == datetime.fromisoformat("2018-02-28T17:00Z")
    assert at[PointsAccrued] == datetime.fromisoformat("2018-01-31T17:00Z")


def test_who_left_is_no_member_any_more(house: House, load: Load) -> None:
    load(ONE + TWO)
    assert (account(house, "17").left, account(house, "18").left) == (False, True)


def test_a_salary_below_zero_is_no_salary_and_the_member_is_taken(house: House, load: Load) -> None:
    report = load(ONE.replace("83236", "-83236"))
    assert (report.complete, report.left_aside) == (True, {loyalty.NEGATIVE: 1})
    assert [e.topic for e in happened(house) if isinstance(e, PreferenceStated)].count("salary") == 0
    assert account(house, "17").tier == "STAR"


def test_points_are_earned_and_spent_by_month(house: House, load: Load) -> None:
    assert load(ONE, FEBRUARY + "17,2018,3,0,0,0,0,0,100,8\n").complete
    accrued, redeemed = happened(house)[-2:]
    assert isinstance(accrued, PointsAccrued)
    assert isinstance(redeemed, PointsRedeemed)
    assert (accrued.reference, accrued.redeemable, accrued.qualifying) == ("2018-02", Decimal("152.25"), Decimal(0))
    assert accrued.activity == {"flights": 3, "companion-flights": 1, "km": 1521}
    assert redeemed.worth is not None
    assert (redeemed.points, redeemed.worth.amount, redeemed.worth.currency) == (Decimal(100), Decimal(8), "CAD")
    assert account(house, "17").balance == Decimal("52.25")


def test_a_second_row_of_a_month_counts_and_the_same_row_twice_does_not(house: House, load: Load) -> None:
    empty = "17,2018,2,0,0,0,0,0,0,0\n"
    report = load(ONE, FEBRUARY + empty + FEBRUARY + FEBRUARY.replace("152.25", "10") + empty)
    assert (report.left_aside, report.complete) == (
        {"the same row stands there before": 2, "nothing happened in its month": 1}, True,
    )  # fmt: skip
    assert [e.reference for e in happened(house) if isinstance(e, PointsAccrued)] == ["2018-02", "2018-02 2"]
    assert account(house, "17").balance == Decimal("162.25")


def test_flights_without_points_are_left_aside_by_name(load: Load) -> None:
    assert load(ONE, "17,2018,2,2,1,3,1521,0,0,0\n").left_aside == {
        "it has flights and no points, which no account can book": 1
    }


def test_points_that_were_there_before_the_file_are_an_opening_balance(house: House, load: Load) -> None:
    months = (
        "17,2018,2,0,0,0,0,0,100,8\n17,2018,3,1,0,1,300,30,0,0\n17,2018,4,0,0,0,0,0,50,4\n18,2018,1,1,0,1,10,1,0,0\n"
    )
    assert load(ONE + TWO, months).complete
    (opening,) = [event for event in happened(house) if isinstance(event, PointsAdjusted)]
    assert (opening.points, opening.reference, opening.reason) == (Decimal(120), "opening 2018-01", loyalty.OPENING)
    (approver,) = [event for event in happened(house) if isinstance(event, StaffAdded)]
    assert approver.name == "Opening balances"
    assert opening.approver == reference("staff", "northern-lights", "opening-balances")
    at = {type(event): recorded.occurred_at for event, recorded in house.log.reader.page(0)}
    assert at[PointsAdjusted] == datetime.fromisoformat("2018-01-01T17:00Z")
    assert (account(house, "17").balance, account(house, "18").balance) == (Decimal(0), Decimal(1))


def test_somebody_known_may_answer_for_the_opening_balances(house: House, load: Load) -> None:
    load(ONE, "17,2018,2,0,0,0,0,0,100,8\n", approver="hr:7")
    assert [e.approver for e in happened(house) if isinstance(e, PointsAdjusted)] == [reference("staff", "hr", "7")]
    assert not any(isinstance(event, StaffAdded) for event in happened(house))


def test_without_opening_balances_nobody_spends_what_they_have_not(house: House, load: Load) -> None:
    report = load(ONE, FEBRUARY + "17,2018,3,0,0,0,0,0,200,8\n", opening="no")
    assert [each.reason for each in report.refusals] == ["This member has 152.25 points, which is not enough."]
    assert account(house, "17").balance == Decimal("152.25")


def test_the_months_may_come_later_than_the_members(house: House, load: Load) -> None:
    load(ONE)
    report = load(None, FEBRUARY + FEBRUARY.replace("17,", "99,"))
    assert [each.number for each in report.refusals] == [3]
    assert "Enrol the member first." in report.refusals[0].reason
    assert account(house, "17").balance == Decimal("152.25")


def test_importing_twice_is_importing_once(house: House, load: Load) -> None:
    months = FEBRUARY + "17,2018,3,0,0,0,0,0,200,8\n"
    load(ONE + TWO, months)
    before = happened(house)
    again = load(ONE + TWO, months + "17,2018,4,1,0,1,300,30,0,0\n")
    assert (again.taken, again.refused, happened(house)[: len(before)]) == (1, 0, before)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"source": "Northern Lights"}, "source"),
        ({"zone": "Mars"}, "zone"),
        ({"language": "english"}, "language"),
        ({"currency": "LOONIE"}, "currency"),
        ({"opening": "maybe"}, "opening"),
        ({"tiers": "Star,Nova"}, "tiers"),
    ],
)
def test_what_an_import_is_told_wrongly_is_refused(load: Load, told: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as refused:
        load(ONE, FEBRUARY, **told)
    assert refused.value.field == field


BAD_MEMBERS = [
    (ONE.replace("17,", ",", 1), "Loyalty Number"),
    (ONE.replace("17,", "1" * 101 + ",", 1), "Loyalty Number"),
    (ONE.replace("Ontario", "O" * 201), "Province"),
    (ONE.replace("83236", "plenty"), "Salary"),
    (ONE.replace("2018,2,,", "2018,13,,"), "Enrollment Month"),
    (ONE.replace("2018,2,,", "18,2,,"), "Enrollment Year"),
    (ONE.replace("2018,2,,", ",,,"), "Enrollment Year"),
    (ONE.replace("2018,2,,", "2018,2,2018,"), "Cancellation Month"),
    (ONE.replace("2018,2,,", "2018,2,2017,5"), "Cancellation Year"),
    (ONE.replace("2018,2,,", "2018,2,2918,5"), "Cancellation Year"),
    (ONE.replace(",,\n", ",\n"), None),
]


def test_a_bad_member_is_refused_whole_and_names_the_column(house: House, load: Load) -> None:
    report = load("".join(bad + TWO for bad, _ in BAD_MEMBERS))
    assert refusals(report) == [(2 * n + 2, field) for n, (_, field) in enumerate(BAD_MEMBERS)]
    assert report.refusals[0].reason == "customer_loyalty_history.csv: Loyalty Number is missing."
    assert len([event for event in happened(house) if isinstance(event, CustomerRegistered)]) == 1


BAD_MONTHS = [
    ("17,2018,2,2,1,3,1521,many,0,0", "Points Accumulated"),
    ("17,2018,2,2,1,3,1521,-1,0,0", "Points Accumulated"),
    ("17,2018,2,2,1,3,1521,NaN,0,0", "Points Accumulated"),
    ("17,2018,2,2,1,3,1521,1e10,0,0", "Points Accumulated"),
    ("17,2018,2,2,1,3,1521,1_0,0,0", "Points Accumulated"),
    ("17,2018,2,2,1,3,1521,1,٣,0", "Points Redeemed"),
    ("17,2018,2,2,1,3,1521,1,0,8", "Points Redeemed"),
    ("17,2018,2,2,1,3.5,1521,1,0,0", "Total Flights"),
    ("17,2018,2,2,1,3,99999999999,1,0,0", "Distance"),
    ("17,2018,0,2,1,3,1521,1,0,0", "Month"),
    ("17,0,1,2,1,3,1521,1,0,0", "Year"),
    ("17,2918,1,2,1,3,1521,1,0,0", "Year"),
    ("17,2018,1,2,1,3,1521,1,0", None),
]


def test_a_bad_month_names_its_column_and_never_loses_a_good_one(house: House, load: Load) -> None:
    good = [f"17,{2000 + n},2,2,1,3,1521,1,0,0" for n in range(len(BAD_MONTHS))]
    report = load(ONE, "".join(f"{bad}\n{fine}\n" for (bad, _), fine in zip(BAD_MONTHS, good, strict=True)))
    assert refusals(report) == [(2 * n + 2, field) for n, (_, field) in enumerate(BAD_MONTHS)]
    assert account(house, "17").balance == len(BAD_MONTHS)


@pytest.mark.parametrize(
    ("members", "activity"),
    [
        (MEMBER_HEADER.replace("Province", "State").encode(), None),
        (MEMBER_HEADER.encode() + ONE.encode(), ACTIVITY_HEADER.replace("Distance", "Miles").encode()),
        (b"", None),
        ((MEMBER_HEADER + ONE).encode("utf-16"), None),
        (None, None),
    ],
)
def test_a_folder_without_these_files_is_refused_before_anything_is_taken(
    house: House, load: Load, monkeypatch: pytest.MonkeyPatch, members: bytes | None, activity: bytes | None
) -> None:
    monkeypatch.setattr(importing, "BATCH_COMMANDS", 1)  # so that the first member would be taken at once
    with pytest.raises(Refused):
        load(members, activity)
    assert happened(house) == []


def test_two_files_for_the_same_are_refused(house: House, load: Load, tmp_path: Path) -> None:
    (tmp_path / f"{loyalty.MEMBERS}.csv.gz").write_bytes(gzip.compress((MEMBER_HEADER + TWO).encode()))
    with pytest.raises(Refused, match="Leave one of them"):
        load(ONE)


def test_of_a_truncated_file_the_members_are_taken_and_the_months_wait_for_the_whole(house: House, load: Load) -> None:
    months = "".join(
        f"17,{year},{month},1,0,1,{year},{month},0,0\n" for year in range(1990, 2018) for month in range(1, 13)
    )
    whole = gzip.compress((ACTIVITY_HEADER + months).encode())
    report = load(ONE, whole[: len(whole) // 2])
    assert report.damage is not None
    assert "opening balances follow from the whole file" in report.damage
    assert account(house, "17").tier == "STAR"
    assert account(house, "17").balance == 0
    cut = load(ONE, whole[: len(whole) // 2], opening="no")
    assert cut.damage is not None
    assert 0 < account(house, "17").balance < 28 * 78
    assert load(ONE, whole).complete
    assert account(house, "17").balance == 28 * 78


def test_progress_goes_over_both_files(house: House, load: Load, tmp_path: Path) -> None:
    load(ONE, FEBRUARY)
    told: list[Progress] = []
    run(loyalty.importer, str(tmp_path), log=house.log, commands=Commands(DECIDERS), progress=told.append)
    assert told[-1].bytes_read == told[-1].bytes_total
    assert told[-1].lines == 4


# The real files.


@real
def test_a_part_of_the_members_comes_to_what_the_files_say(house: House, tmp_path: Path) -> None:
    part = {row["Loyalty Number"] for row in given(loyalty.MEMBERS)[::80]}
    for name in (loyalty.MEMBERS, loyalty.ACTIVITY):
        rows = [row for row in given(name) if row["Loyalty Number"] in part]
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            out = csv.DictWriter(file, rows[0])
            out.writeheader()
            out.writerows(rows)
    must_agree(house, tmp_path)


@real
@pytest.mark.long
@pytest.mark.timeout(600)
def test_all_members_come_to_the_published_figures(house: House) -> None:
    report = must_agree(house, REAL)
    assert report.left_aside == {
        "nothing happened in its month": 196_128, "the same row stands there before": 1_864, loyalty.NEGATIVE: 20,
    }  # fmt: skip
    enrolled: Counter[str] = Counter()
    left: set[object] = set()
    promoted: set[object] = set()
    for page in house.log.reader.fold(types=house.log.codec.names([MemberEnrolled, MemberLeft])):
        for event, at in page:
            if isinstance(event, MemberLeft):
                left.add(at.stream_id)
            if not isinstance(event, MemberEnrolled):
                continue
            enrolled[str(event.tier)] += 1
            if at.occurred_at.year == 2018 and at.occurred_at.month in (2, 3, 4):
                promoted.add(at.stream_id)
    assert enrolled == {"STAR": 7_637, "NOVA": 5_671, "AURORA": 3_429}
    assert (len(left), len(promoted), len(promoted - left)) == (2_067, 971, 856)
    head = house.log.reader.head()
    again = bring(house, REAL)
    assert (again.taken, again.events, again.refused, house.log.reader.head()) == (0, 0, 0, head)


def given(name: str, folder: Path = REAL) -> list[dict[str, str]]:
    """The rows of a file, read by other means."""
    (path,) = folder.glob(f"{name}.csv*")
    with gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def must_agree(house: House, folder: Path) -> Report:
    """Imports a folder, and adds up what the log says and what the files say."""
    report = bring(house, folder)
    assert (report.refused, report.damage) == (0, None)
    rows = given(loyalty.ACTIVITY, folder)
    expected, balances, lowest = Counter[str](), Counter[str](), Counter[str]()
    sums = dict.fromkeys(("accrued", "redeemed", "worth", "km", "opening"), Decimal(0))
    for row in {tuple(row.values()): row for row in rows}.values():
        member, accrued, redeemed = (row[key] for key in ("Loyalty Number", "Points Accumulated", "Points Redeemed"))
        sums["accrued"] += Decimal(accrued)
        sums["redeemed"] += Decimal(redeemed)
        sums["worth"] += Decimal(row["Dollar Cost Points Redeemed"])
        sums["km"] += Decimal(row["Distance"])
        expected["accruals"] += Decimal(accrued) > 0
        expected["redemptions"] += Decimal(redeemed) > 0
        balances[member] += Decimal(accrued) - Decimal(redeemed)  # type: ignore[assignment]  # a counter of decimals
        lowest[member] = min(lowest[member], balances[member])
    sums["opening"] -= sum(lowest.values())
    expected["openings"] = sum(points < 0 for points in lowest.values())

    found, counted = dict.fromkeys(sums, Decimal(0)), Counter[str]()
    for page in house.log.reader.fold(types=house.log.codec.names([PointsAccrued, PointsRedeemed, PointsAdjusted])):
        for event, _ in page:
            match event:
                case PointsAccrued():
                    counted["accruals"] += 1
                    found["accrued"] += event.redeemable
                    found["km"] += (event.activity or {})["km"]
                case PointsRedeemed():
                    counted["redemptions"] += 1
                    found["redeemed"] += event.points
                    found["worth"] += event.worth.amount if event.worth else 0
                case PointsAdjusted():
                    counted["openings"] += 1
                    found["opening"] += event.points
    assert (found, counted) == (sums, expected)
    member, points = max(balances.items(), key=lambda each: each[1])
    assert account(house, member).balance == points - lowest[member]
    return report
