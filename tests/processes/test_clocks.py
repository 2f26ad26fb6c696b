"""Clocks jump, zones change their rules, months end: of two hundred schedules none is skipped, and none is kept twice."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, reset_tzpath

import pytest

from domain.consent import GrantConsent, Purpose, WithdrawConsent
from eventstore.envelope import Recorded
from eventstore.reader import Reader
from processes.calendar import Calendar
from tests.conftest import House
from tests.processes.doomed import begin
from tests.processes.schedules import COUNT, by_looking, schedules
from tests.processes.shop import Shop, moment

SCHEDULES = list(schedules())
BACK, AHEAD = timedelta(days=2), timedelta(days=5)
ZONES = sorted({each.zone for each in SCHEDULES})
COMES_BY = timedelta(hours=11)
"""How often the worker is there: at another hour each time, because somewhere it is always night."""
OCCURRED_AT = Recorded._fields.index("occurred_at")
DONE_WITHIN_S = 120.0


# When something is due.


def must_be_due_when_clocks_show_it() -> None:
    wrong = [
        (each, found, shown)
        for each in SCHEDULES
        if (found := Calendar(each.zone).after(each.anchor, each.delay, at=each.at)) != (shown := by_looking(each))
    ]
    assert not wrong, f"{len(wrong)} of {len(SCHEDULES)}: {wrong[:3]}"


def test_two_hundred_schedules_are_due_when_the_clocks_show_it() -> None:
    assert len(SCHEDULES) == COUNT
    must_be_due_when_clocks_show_it()


def test_a_calendar_of_naive_local_time_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def naive(calendar: Calendar, day: date, at: time) -> datetime:
        now = datetime.now(UTC).astimezone(ZoneInfo(calendar.zone))
        return datetime.combine(day, at, UTC) - (now.utcoffset() or timedelta())

    monkeypatch.setattr(Calendar, "_moment", naive)
    with pytest.raises(AssertionError, match="of 200"):
        must_be_due_when_clocks_show_it()


def test_a_day_that_never_was_is_the_next_one() -> None:
    [due] = {by_looking(each) for each in SCHEDULES if each.zone == "Pacific/Apia" and each.day == date(2011, 12, 30)
             and each.at == SCHEDULES[14].at}  # fmt: skip
    assert due.astimezone(ZoneInfo("Pacific/Apia")).date() == date(2011, 12, 31)


# A clock that jumps while the worker is running.


class Two:
    """Two hundred customers all over the world, each with an order, whose surveys are due around the change of clocks."""

    def __init__(self, house: House, folder: Path) -> None:
        self.shop = Shop(house.log, folder, now=moment("2026-02-20 12:00"))
        self.orders = []
        for n in range(COUNT):
            customer = self.shop.customer(timezone=ZONES[n % len(ZONES)], email=f"c{n}@shop.test", country="XX")
            at = moment("2026-02-20 12:00") + n * timedelta(hours=2, minutes=37)
            self.orders.append(self.shop.order(customer, at))

    def check(self) -> None:
        """Each was asked once, and not before its time by the clock of that time."""
        asked = Counter(row.trigger for row in self.shop.ledger("survey"))
        assert asked == Counter(self.orders)
        rows = self.shop.ledger("survey")
        assert {row.status.value for row in rows} == {"DELIVERED"}
        assert all(row.dispatched_at >= row.due_at for row in rows if row.dispatched_at and row.due_at)
        sent = Counter(str(mail["Message-ID"]) for mail in self.shop.mails())
        assert len(sent) == len(self.shop.ledger("survey")) + len(
            [row for row in self.shop.ledger("reminder") if row.status == "DELIVERED"]
        )
        assert max(sent.values()) == 1


def jumping() -> list[datetime]:
    """Days of a clock that is set back by two days and ahead by five, now and then, and comes right again."""
    days, now = [], moment("2026-03-18 09:00")
    for n in range(100):
        now += COMES_BY
        if n % 9 == 4:
            days += [now + AHEAD, now]
        elif n % 9 == 7:
            days += [now - BACK, now]
        else:
            days.append(now)
    return days


def test_a_clock_that_jumps_skips_nothing_and_repeats_nothing(house: House, tmp_path: Path) -> None:
    two = Two(house, tmp_path / "mail")
    for day in jumping():
        two.shop.until(day)
    two.check()


def test_nor_does_it_in_a_process_of_its_own(house: House, tmp_path: Path) -> None:
    two = Two(house, tmp_path / "mail")
    worker = begin(house.dsn, tmp_path / "mail", jumping())
    worker.join(DONE_WITHIN_S)
    assert worker.exitcode == 0
    two.check()


# What counts is the order of the log.


def said_by_a_clock_that_was_set_back(shop: Shop) -> tuple[str, str | None]:
    """A customer agrees while the clock is five days ahead, and changes their mind when it is right again."""
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    shop.do(GrantConsent(customer_id=customer, purpose=Purpose.SURVEY), moment("2026-01-15 12:00"))
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY), moment("2026-01-10 13:00"))
    shop.until("2026-02-10 10:00")
    return shop.outcome(order)


def test_what_was_said_last_is_what_stands_last_in_the_log_whatever_the_clock_said(shop: Shop) -> None:
    assert said_by_a_clock_that_was_set_back(shop) == ("SUPPRESSED", "NO_CONSENT")


def test_a_worker_that_goes_by_the_time_is_found_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Reader._corrected
    monkeypatch.setattr(Reader, "_corrected", lambda *asked: sorted(read(*asked), key=lambda row: row[OCCURRED_AT]))
    assert said_by_a_clock_that_was_set_back(shop) != ("SUPPRESSED", "NO_CONSENT")


# Rules of a zone that are newer than what was promised by them.


def tzif(rule: str) -> bytes:
    """A time zone that goes by one rule, as POSIX writes it, in the format of RFC 8536."""
    block = b"TZif2" + bytes(15) + bytes(12) + (0).to_bytes(4) + (1).to_bytes(4) + (1).to_bytes(4)
    kind = bytes(4) + bytes(1) + bytes(1) + b"\0"
    return (block + kind) * 2 + b"\n" + rule.encode() + b"\n"


@pytest.fixture
def rules(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Sets the rules of São Paulo."""
    folder = tmp_path / "zones" / "America"
    folder.mkdir(parents=True)

    def publish(rule: str) -> None:
        (folder / "Sao_Paulo").write_bytes(tzif(rule))
        reset_tzpath([folder.parent])
        read_anew()

    yield publish
    reset_tzpath()
    read_anew()


def read_anew() -> None:
    """As a worker that is started again reads them."""
    ZoneInfo.clear_cache()
    Calendar.allowed.cache_clear()


SUMMER = "<-03>3<-02>,M11.1.0/0,M2.3.0/0"
NONE = "<-03>3"


@pytest.mark.parametrize(
    ("then", "later", "due", "sent"),
    [
        (SUMMER, SUMMER, "2026-12-10 12:00", "2026-12-10 12:00"),  # ten there
        (SUMMER, NONE, "2026-12-10 12:00", "2026-12-10 12:00"),  # nine by the new rules: early enough
        (NONE, SUMMER, "2026-12-10 13:00", "2026-12-10 13:00"),  # eleven
        (NONE, "<-06>6", "2026-12-10 13:00", "2026-12-10 15:00"),  # seven: nobody is disturbed before nine
    ],
)
def test_what_was_promised_by_older_rules_is_kept_once_and_by_the_quiet_hours_of_the_newer_ones(
    shop: Shop,
    rules,
    then: str,
    later: str,
    due: str,
    sent: str,  # type: ignore[no-untyped-def]
) -> None:
    rules(then)
    customer = shop.customer(timezone="America/Sao_Paulo", country="XX")
    order = shop.order(customer, moment("2026-11-10 15:00", "UTC"))
    shop.worker.run()
    assert shop.entry(order).due_at == moment(due, "UTC")
    rules(later)
    for hour in range(12, 60):
        shop.until(moment("2026-12-10 00:00", "UTC") + timedelta(hours=hour))
    entry = shop.entry(order)
    assert (entry.status, entry.dispatched_at) == ("DELIVERED", moment(sent, "UTC"))
    assert len(shop.mails()) == 1
