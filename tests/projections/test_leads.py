"""How far leads have come, which of them wait, and what comes of each source."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import sql

from domain.business_calendar import CalendarDay, DefineBusinessCalendar, OpeningHours
from domain.kernel import Command, Refused, derived
from domain.lead import (
    AssignLead,
    CaptureLead,
    ConvertLead,
    DisqualifyLead,
    LeadAssigned,
    LeadCaptured,
    LeadContacted,
    LeadConverted,
    LeadScored,
    LeadStatus,
    QualifyLead,
    RecordLeadContacted,
    RecycleLead,
    ScoreLead,
)
from eventstore.envelope import Request
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.selling import leads
from projections.selling.lead_board import lead_sources, waiting_leads
from projections.selling.leads import LeadSheet, LeadStep
from projections.table import Table
from projections.touchpoints import calendars
from tests.conftest import House
from tests.projections.histories_catalogue import wanted
from tests.projections.lives import events_of, for_each_life

VIEWS = (leads.view, calendars.view)
ID, EVA, LUIS, ANA = derived("lead", 1), derived("staff", 1), derived("staff", 2), derived("customer", 1)
FRIDAY = datetime(2026, 3, 6, 9, tzinfo=UTC)
CAPTURE = CaptureLead(lead_id=ID, name="Ana", source="fair", country="ES")


def hours(count: float) -> datetime:
    return FRIDAY + timedelta(hours=count)


def lists_after(house: House, *said: tuple[float, Command]) -> Lists:
    for count, command in said:
        house.log.do(command, Request(occurred_at=hours(count)))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def sheet(lists: Lists) -> LeadSheet:
    return lists.get(leads.view, [ID])[ID]


def steps(lists: Lists) -> list[tuple[LeadStep, int, int]]:
    table = Table(leads.moves)
    with lists.reading(leads.view) as (db, _):
        query = sql.SQL("select {} from {} order by position").format(table.selected, table.identifier)
        return [(move.step, move.dwell_s, move.age_s) for move in table.select(db, query)]


def test_a_lead_waits_from_when_it_is_given_to_somebody_until_they_speak(house: House) -> None:
    lists = lists_after(house, (0, CAPTURE), (1, ScoreLead(lead_id=ID, score=70, model="m")))
    assert (sheet(lists).waiting_since, sheet(lists).score, sheet(lists).source) == (None, 70, "fair")
    lists = lists_after(house, (2, AssignLead(lead_id=ID, staff_id=EVA)))
    assert (sheet(lists).waiting_since, sheet(lists).staff_id) == (hours(2), EVA)
    lists = lists_after(house, (5, AssignLead(lead_id=ID, staff_id=LUIS)))
    assert (sheet(lists).waiting_since, sheet(lists).assignments) == (hours(5), 2)
    lists = lists_after(house, (6, RecordLeadContacted(lead_id=ID)))
    assert (sheet(lists).waiting_since, sheet(lists).response_s, sheet(lists).contacts) == (None, 3600, 1)
    assert "Ana" not in repr(sheet(lists))
    assert steps(lists) == [
        (LeadStep.CAPTURED, 0, 0), (LeadStep.ASSIGNED, 7200, 7200), (LeadStep.ASSIGNED, 3 * 3600, 5 * 3600),
        (LeadStep.CONTACTED, 3600, 6 * 3600),
    ]  # fmt: skip


def test_what_became_of_a_lead_stands_there(house: House) -> None:
    lists = lists_after(
        house, (0, CAPTURE), (1, QualifyLead(lead_id=ID)), (2, DisqualifyLead(lead_id=ID, reason="PRICE"))
    )
    assert (sheet(lists).status, sheet(lists).disqualified_because) == (LeadStatus.DISQUALIFIED, "PRICE")
    lists = lists_after(house, (3, RecycleLead(lead_id=ID, until=hours(99))))
    assert (sheet(lists).status, sheet(lists).recycled_until) == (LeadStatus.RECYCLED, hours(99))
    lists = lists_after(house, (4, ConvertLead(lead_id=ID, customer_id=ANA, opportunity_id=derived("opportunity", 1))))
    assert (sheet(lists).status, sheet(lists).customer_id) == (LeadStatus.CONVERTED, ANA)
    assert sheet(lists).opportunity_id == derived("opportunity", 1)


CALENDAR = DefineBusinessCalendar(
    business_calendar_id=derived("calendar", 1), key="sales", timezone="UTC",
    hours=tuple(OpeningHours(weekday=day, opens="09:00", closes="17:00") for day in range(1, 6)),
    holidays=(CalendarDay(day=date(2026, 3, 9), name="Fair"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("days", "clock", "waited", "rung", "following"),
    [
        (0, 9.5, 0.5, 0, hours(1)),
        (0, 10, 1, 1, hours(4)),
        (0, 13, 4, 2, hours(8)),
        (0, 16.9, 7.9, 2, hours(8)),
        (2, 12, 8, 3, None),  # a Sunday
        (3, 12, 8, 3, None),  # a Monday, but a holiday
        (4, 10, 9, 3, None),
    ],
)
def test_a_lead_waits_in_business_time_and_climbs_after_one_four_and_eight_hours(
    house: House, days: int, clock: float, waited: float, rung: int, following: datetime | None
) -> None:
    lists = lists_after(house, (0, CALENDAR), (0, CAPTURE), (0, AssignLead(lead_id=ID, staff_id=EVA)))
    now = FRIDAY.replace(hour=0) + timedelta(days=days, hours=clock)
    (found,) = waiting_leads(lists, now, calendar="sales")
    assert (found.waited_s, found.rung, found.next_rung_at) == (round(waited * 3600), rung, following)
    assert (found.lead_id, found.staff_id, found.waiting_since) == (ID, EVA, FRIDAY)
    assert waiting_leads(lists, now, staff_ids=[LUIS]) == []


def test_without_a_calendar_the_office_is_open_on_working_days_from_nine_to_six(house: House) -> None:
    lists = lists_after(house, (0, CAPTURE), (0, AssignLead(lead_id=ID, staff_id=EVA)))
    (found,) = waiting_leads(lists, hours(3 * 24))  # from ten in Madrid on a Friday to ten on a Monday
    assert found.waited_s == 9 * 3600
    with pytest.raises(Refused, match="no calendar 'x'"):
        waiting_leads(lists, hours(1), calendar="x")


def test_a_lead_waits_as_of_any_day(house: House) -> None:
    lists = lists_after(
        house, (0, CAPTURE), (0, AssignLead(lead_id=ID, staff_id=EVA)), (2, RecordLeadContacted(lead_id=ID))
    )
    assert waiting_leads(lists, hours(1.5)) == []
    assert len(waiting_leads(lists, hours(1.5), as_of=AsOf(valid_at=hours(1.5)))) == 1


def naive_sources(lists: Lists, position: int | None) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for event, at in events_of(lists, leads.view, position):
        lead = found.setdefault(str(at.stream_id), {"status": LeadStatus.NEW, "response": None, "contacted": False})
        if isinstance(event, LeadCaptured):
            lead["source"] = event.source
        elif isinstance(event, LeadAssigned):
            lead["assigned"] = at.occurred_at
        elif isinstance(event, LeadContacted):
            if not lead["contacted"] and "assigned" in lead:
                lead["response"] = max((at.occurred_at - lead["assigned"]) // timedelta(seconds=1), 0)
            lead["contacted"] = True
        elif isinstance(event, LeadConverted):
            lead["status"] = LeadStatus.CONVERTED
        elif isinstance(event, LeadScored):
            lead["score"] = event.score
        else:
            lead["status"] = LeadStatus(type(event).__name__.removeprefix("Lead").upper())
    counts: dict[str, Any] = {}
    for lead in found.values():
        if "source" in lead:
            counts.setdefault(lead["source"], []).append(lead)
    return counts


def test_sources_are_counted_as_by_hand_at_any_moment(new_database: Callable[[], str]) -> None:
    def check(lists: Lists) -> bool:
        head = lists.log.reader.head()
        for position in [*range(0, head, max(head // 6, 1)), None]:
            by_hand = naive_sources(lists, position)
            found = lead_sources(lists, as_of=NOW if position is None else AsOf(position=position))
            assert {each.source for each in found} == set(by_hand)
            for each in found:
                theirs = by_hand[each.source]
                count = Counter(lead["status"] for lead in theirs)
                assert (each.captured, each.new, each.qualified, each.recycled, each.disqualified, each.converted) == (
                    len(theirs), count[LeadStatus.NEW], count[LeadStatus.QUALIFIED], count[LeadStatus.RECYCLED],
                    count[LeadStatus.DISQUALIFIED], count[LeadStatus.CONVERTED],
                )  # fmt: skip
                assert each.conversion == round(Decimal(count[LeadStatus.CONVERTED]) / len(theirs), 6)
                times = [lead["response"] for lead in theirs if lead["response"] is not None]
                assert each.response_s == (round(Decimal(sum(times)) / len(times), 6) if times else None)
                scores = [lead["score"] for lead in theirs if "score" in lead]
                assert each.score == (round(Decimal(sum(scores)) / len(scores), 6) if scores else None)
                assert each.contacted == sum(lead["contacted"] for lead in theirs)
        return bool(by_hand)

    for_each_life(new_database, wanted, VIEWS, check)


def test_only_what_was_captured_in_the_time_is_counted(house: House) -> None:
    lists = lists_after(house, (5, CAPTURE))
    assert len(lead_sources(lists, start=hours(5), end=hours(6))) == 1
    assert lead_sources(lists, start=hours(6)) == []
    assert lead_sources(lists, end=hours(5)) == []
