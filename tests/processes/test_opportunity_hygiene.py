"""P05: what lies too long at its stage, in silence or past its close date."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.activity import ActivityScheduled
from domain.deal import ForecastCategory, ForecastCategorySet, MoveCloseDate
from domain.kernel import derived
from domain.merging import MergeCustomers
from domain.opportunity import (
    ChangeOpportunityStage,
    IdentifyOpportunityCustomer,
    LoseOpportunity,
    OpenOpportunity,
    ReopenOpportunity,
    WinOpportunity,
)
from domain.pipeline import DefinePipeline, PipelineStage, StageKind, pipeline_id
from domain.staff import LeaveStaff, StaffRole
from eventstore.envelope import Origin
from processes import opportunity_hygiene
from tests.conftest import House
from tests.processes.sales import hand, happened, id_of, opportunity, person, talk, tasks
from tests.processes.shop import Shop, local, moment


@pytest.fixture
def shop(house: House, tmp_path: Any) -> Shop:
    """A shop that only looks after its opportunities; Eva has them, and Leo leads her."""
    shop = Shop(house.log, tmp_path / "mail", policies=(opportunity_hygiene.policy,), now=moment("2026-01-16 12:00"))
    person(shop, "leo", StaffRole.OTHER)
    person(shop, "eva", manager_id=id_of("leo"))
    return shop


def opened(shop: Shop, on: str = "2026-01-16 12:00", **said: Any) -> UUID:
    """An opportunity of Eva's with a customer, at the second stage, where it may be for three weeks."""
    asked = {"stage": "QUALIFICATION", "staff_id": id_of("eva"), "customer_id": shop.customer(), **said}
    id = opportunity(shop, on, **asked)
    shop.until(on)
    return id


def customer_of(shop: Shop, id: UUID) -> UUID:
    [customer] = {at.customer_id for _, at in shop.events() if at.stream_id == id}
    assert customer is not None
    return customer


def stands(shop: Shop, *steps: str) -> list[tuple[str, str, str | None, str | None]]:
    """The follow-ups of these steps in the order in which they are due."""
    found = [each for each in shop.ledger() if not steps or each.step in steps]
    found.sort(key=lambda each: (each.trigger_position, each.due_at or moment("2000-01-01 00:00"), each.step))
    return [(each.step, each.status.value, each.reason, local(each.due_at)) for each in found]


def days(shop: Shop, *several: str) -> None:
    for day in several:
        shop.until(f"2026-{day}")


# Too long at its stage.


@pytest.mark.parametrize(
    ("stage", "limit"),
    [
        (None, "2026-01-30 12:00"),
        ("PROSPECTING", "2026-01-30 12:00"),
        ("QUALIFICATION", "2026-02-06 12:00"),
        ("PROPOSAL", "2026-01-30 12:00"),
        ("NEGOTIATION", "2026-01-26 12:00"),
    ],
)
def test_each_stage_has_its_limit(shop: Shop, stage: str | None, limit: str) -> None:
    opened(shop, stage=stage)
    assert stands(shop, "stage") == [("stage", "SCHEDULED", None, limit)]


@pytest.mark.parametrize(
    ("on", "limit"),
    [
        ("2026-02-20 12:00", "2026-03-13 12:00"),
        ("2026-03-20 12:00", "2026-04-10 12:00"),  # noon stays noon when the clocks go forward
        ("2026-10-16 12:00", "2026-11-06 12:00"),  # and back
        ("2026-03-08 02:30", "2026-03-29 03:30"),  # a time that the clocks skip
        ("2028-02-10 12:00", "2028-03-02 12:00"),  # 29 February
    ],
)
def test_the_days_are_those_of_the_office(shop: Shop, on: str, limit: str) -> None:
    opened(shop, on)
    assert stands(shop, "stage") == [("stage", "SCHEDULED", None, limit)]


def pipeline(shop: Shop, *stages: tuple[str, int | None]) -> None:
    ends = [(StageKind.WON, Decimal(1)), (StageKind.LOST, Decimal(0))]
    made = [
        PipelineStage(key=key, label={"en": key}, probability=Decimal("0.5"), max_days=most) for key, most in stages
    ]
    made += [PipelineStage(key=str(kind), label={"en": kind}, probability=sure, kind=kind) for kind, sure in ends]
    shop.do(DefinePipeline(pipeline_id=pipeline_id("other"), key="other", title={"en": "Other"}, stages=tuple(made)))


def test_a_pipeline_says_its_own_limits_version_by_version(shop: Shop) -> None:
    pipeline(shop, ("A", 3), ("B", None))
    pipeline(shop, ("A", 5), ("B", 8))
    opened(shop, key="1", pipeline="other", stage="A")
    opened(shop, key="2", pipeline="other", pipeline_version=2, stage=None)
    opened(shop, key="3", pipeline="other", stage="B")
    opened(shop, key="4", pipeline="none", stage="B")
    assert [each[1:] for each in stands(shop, "stage")] == [
        ("SCHEDULED", None, "2026-01-19 12:00"),
        ("SCHEDULED", None, "2026-01-21 12:00"),
        ("SUPPRESSED", "NO_LIMIT", None),
        ("SUPPRESSED", "NO_LIMIT", None),
    ]


def test_whoever_has_it_is_told_and_a_week_later_their_manager(shop: Shop) -> None:
    id = opened(shop)
    talk(shop, customer_of(shop, id), "2026-01-30 12:00")
    days(shop, "02-06 11:59")
    assert tasks(shop) == []
    days(shop, "02-06 12:00")
    assert tasks(shop) == [("eva", "TASK", "2026-02-09 12:00")]
    [task] = happened(shop, ActivityScheduled)
    assert (task.related_noun, task.related_id, task.customer_id) == ("opportunity", id, customer_of(shop, id))
    assert stands(shop, "stage", "stage-manager") == [
        ("stage", "DONE", "TASK", "2026-02-06 12:00"), ("stage-manager", "SCHEDULED", None, "2026-02-13 12:00"),
    ]  # fmt: skip
    days(shop, "02-13 12:00")
    assert tasks(shop)[1:] == [("leo", "TASK", "2026-02-16 12:00")]
    assert stands(shop, "stage-manager") == [("stage-manager", "DONE", "MANAGER_TOLD", "2026-02-13 12:00")]


def test_what_nobody_has_is_the_sales_manager_s_task_and_without_any_it_is_nobody_s(shop: Shop) -> None:
    opened(shop, staff_id=None)
    days(shop, "02-06 12:00", "02-13 12:00")
    assert [who for who, *_ in tasks(shop)] == [None]
    assert stands(shop, "stage-manager")[0][1:3] == ("SUPPRESSED", "NO_MANAGER")
    person(shop, "mia", StaffRole.SALES_MANAGER)
    opened(shop, "2026-02-13 12:00", key="another", staff_id=None)
    days(shop, "03-06 12:00")
    assert tasks(shop)[-1][0] == "mia"


def test_the_task_is_for_whoever_has_it_then(shop: Shop) -> None:
    id = opened(shop)
    person(shop, "zoe")
    hand(shop, id, "zoe", "2026-01-20 12:00")
    days(shop, "01-30 12:00")
    assert [who for who, *_ in tasks(shop)] == ["zoe"]


def test_the_task_of_whoever_left_is_their_manager_s(shop: Shop) -> None:
    opened(shop)
    shop.do(LeaveStaff(staff_id=id_of("eva")))
    days(shop, "01-30 12:00")
    assert [who for who, *_ in tasks(shop)] == ["leo"]


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
def test_another_stage_begins_anew(shop: Shop, seen: str) -> None:
    id = opened(shop)
    talk(shop, customer_of(shop, id), "2026-01-30 12:00")
    shop.do(ChangeOpportunityStage(opportunity_id=id, stage="PROPOSAL"), "2026-02-02 12:00")
    if seen == "at once":
        days(shop, "02-02 12:00")
    shop.now = moment("2026-02-06 12:00")
    shop.worker.runner.fire(shop.now)
    shop.worker.run()
    assert tasks(shop) == []
    assert stands(shop, "stage") == [
        ("stage", "CANCELLED", "STAGE_CHANGED", "2026-02-06 12:00"), ("stage", "SCHEDULED", None, "2026-02-16 12:00"),
    ]  # fmt: skip


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
@pytest.mark.parametrize(
    ("what", "reason"), [("stage", "STAGE_CHANGED"), ("talk", "CONTACTED"), ("nothing", "MANAGER_TOLD")]
)
@pytest.mark.parametrize("step", ["stage", "closing", "silence"])
def test_the_manager_is_not_told_if_something_happened_meanwhile(
    shop: Shop, step: str, what: str, reason: str, seen: str
) -> None:
    id = opened(shop, close_on=date(2026, 1, 20) if step == "closing" else None)
    told = {"stage": "02-06 12:00", "closing": "01-21 00:00", "silence": "01-30 12:00"}[step]
    then = {"stage": "02-10", "closing": "01-23", "silence": "02-03"}[step]
    due = {"stage": "02-13 12:00", "closing": "01-28 00:00", "silence": "02-06 11:00"}[step]
    if step == "stage":
        talk(shop, customer_of(shop, id), "2026-01-30 12:00")
    days(shop, told)
    assert tasks(shop) == [("eva", "TASK", tasks(shop)[0][2])]
    match what:
        case "stage":
            shop.do(ChangeOpportunityStage(opportunity_id=id, stage="PROSPECTING"), f"2026-{then} 12:00")
        case "talk":
            talk(shop, customer_of(shop, id), f"2026-{then} 12:00")
    if seen == "at once":
        days(shop, f"{then} 12:00")
        assert [each[1] for each in stands(shop, f"{step}-manager")] == [
            "CANCELLED" if what == "stage" else "SCHEDULED"
        ]
    shop.now = moment(f"2026-{due}") if step != "silence" else moment("2026-02-06 12:00")
    shop.worker.runner.fire(shop.now)
    shop.worker.run()
    [entry] = [each for each in shop.ledger() if each.step == f"{step}-manager"]
    assert entry.reason == reason
    assert ("leo" in [who for who, *_ in tasks(shop)]) is (what == "nothing")


# In silence.


@pytest.mark.parametrize("how", ["logged", "started", "received", "sent"])
def test_silence_is_put_off_as_long_as_people_speak(shop: Shop, how: str) -> None:
    id = opened(shop, stage="ANY")
    customer = customer_of(shop, id)
    talk(shop, customer, "2026-01-20 12:00", how)
    days(shop, "01-30 12:00")
    assert tasks(shop) == []
    assert stands(shop, "silence") == [("silence", "SCHEDULED", "CONTACTED", "2026-02-03 12:00")]
    days(shop, "02-03 11:59")
    assert tasks(shop) == []
    days(shop, "02-03 12:00")
    assert tasks(shop) == [("eva", "TASK", "2026-02-04 12:00")]
    assert stands(shop, "silence", "silence-manager") == [
        ("silence-manager", "SCHEDULED", None, "2026-02-10 12:00"),
        ("silence", "SCHEDULED", "TASK", "2026-02-17 12:00"),
    ]


def test_of_one_silence_whoever_has_it_is_told_once_and_of_the_next_one_again(shop: Shop) -> None:
    id = opened(shop, stage="ANY")
    for day in ("01-30 12:00", "02-13 12:00", "02-27 12:00", "03-13 12:00"):
        days(shop, day)
    assert [who for who, *_ in tasks(shop)] == ["eva", "leo"]
    assert stands(shop, "silence") == [("silence", "SCHEDULED", "STILL_SILENT", "2026-03-27 12:00")]
    talk(shop, customer_of(shop, id), "2026-03-14 12:00")
    days(shop, "03-27 12:00", "03-28 12:00", "04-04 12:00")
    assert [who for who, *_ in tasks(shop)] == ["eva", "leo", "eva", "leo"]


def test_a_talk_of_before_that_is_written_down_later_counts_too(shop: Shop) -> None:
    id = opened(shop, stage="ANY")
    days(shop, "01-30 12:00")
    talk(shop, customer_of(shop, id), "2026-01-28 12:00")
    days(shop, "02-06 12:00")
    [entry] = [each for each in shop.ledger() if each.step == "silence-manager"]
    assert entry.reason == "CONTACTED"


def test_what_other_customers_say_does_not_count_but_what_a_merged_one_says_does(shop: Shop) -> None:
    id = opened(shop, stage="ANY")
    other = shop.customer(email="bo@shop.test")
    talk(shop, other, "2026-01-20 12:00")
    days(shop, "01-30 12:00")
    assert len(tasks(shop)) == 1
    shop.do(MergeCustomers(customer_id=other, survivor_id=customer_of(shop, id)))
    talk(shop, other, "2026-02-02 12:00")
    days(shop, "02-06 12:00")
    [entry] = [each for each in shop.ledger() if each.step == "silence-manager"]
    assert entry.reason == "CONTACTED"


def test_with_whom_nobody_can_speak_is_not_silent_until_it_is_known_who_it_is(shop: Shop) -> None:
    id = opened(shop, stage="ANY", customer_id=None)
    days(shop, "01-30 12:00")
    assert stands(shop, "silence") == [("silence", "SCHEDULED", "NO_CUSTOMER", "2026-02-13 12:00")]
    shop.do(IdentifyOpportunityCustomer(opportunity_id=id, customer_id=shop.customer()), "2026-02-05 12:00")
    days(shop, "02-13 12:00")
    assert stands(shop, "silence") == [("silence", "SCHEDULED", "CONTACTED", "2026-02-19 12:00")]
    days(shop, "02-19 12:00")
    assert [who for who, *_ in tasks(shop)] == ["eva"]


def test_who_is_told_that_it_is_too_long_at_its_stage_is_not_told_of_its_silence_as_well(shop: Shop) -> None:
    opened(shop, stage="PROSPECTING")  # two weeks for both
    days(shop, "01-30 12:00", "02-06 12:00")
    assert [who for who, *_ in tasks(shop)] == ["eva", "leo"]
    assert stands(shop, "silence") == [("silence", "SCHEDULED", "STAGE_TOO_LONG", "2026-02-13 12:00")]


# Past its close date.


def test_the_day_after_its_close_date_it_is_a_task_and_thirty_days_after_it_it_is_counted_on_no_more(
    shop: Shop,
) -> None:
    id = opened(shop, close_on=date(2026, 1, 20))
    days(shop, "01-20 23:59")
    assert tasks(shop) == []
    days(shop, "01-21 00:00")
    assert tasks(shop) == [("eva", "TASK", "2026-01-22 00:00")]
    days(shop, "01-28 00:00", "02-18 23:59")
    assert [who for who, *_ in tasks(shop)][:2] == ["eva", "leo"]
    assert happened(shop, ForecastCategorySet) == []
    days(shop, "02-19 00:00")
    assert happened(shop, ForecastCategorySet) == [ForecastCategorySet(category=ForecastCategory.OMITTED)]
    assert stands(shop, "closing", "omit") == [
        ("closing", "DONE", "TASK", "2026-01-21 00:00"), ("omit", "DONE", "OMITTED", "2026-02-19 00:00"),
    ]  # fmt: skip
    assert id in {at.stream_id for event, at in shop.events() if isinstance(event, ForecastCategorySet)}


@pytest.mark.parametrize(("close_on", "due"), [("2026-03-28", "2026-03-29 00:00"), ("2028-02-28", "2028-02-29 00:00")])
def test_the_close_date_ends_at_midnight_where_the_office_is(shop: Shop, close_on: str, due: str) -> None:
    opened(shop, close_on=date.fromisoformat(close_on))
    assert stands(shop, "closing") == [("closing", "SCHEDULED", None, due)]


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
def test_another_close_date_counts_instead(shop: Shop, seen: str) -> None:
    id = opened(shop, close_on=date(2026, 1, 20))
    shop.do(MoveCloseDate(opportunity_id=id, close_on=date(2026, 1, 22)), "2026-01-19 12:00")
    if seen == "at once":
        days(shop, "01-19 12:00")
    shop.now = moment("2026-01-21 00:00")
    shop.worker.runner.fire(shop.now)
    assert tasks(shop) == []
    days(shop, "01-23 00:00")
    assert len(tasks(shop)) == 1
    assert [each[1:] for each in stands(shop, "closing", "omit")] == [
        ("CANCELLED", "CLOSE_DATE_MOVED", "2026-01-21 00:00"),
        ("CANCELLED", "CLOSE_DATE_MOVED", "2026-02-19 00:00"),
        ("DONE", "TASK", "2026-01-23 00:00"),
        ("SCHEDULED", None, "2026-02-21 00:00"),
    ]


def test_a_close_date_that_is_said_later_counts_and_moving_it_back_counts_anew(shop: Shop) -> None:
    id = opened(shop)
    assert stands(shop, "closing") == []
    for day in (20, 25, 20):
        shop.do(MoveCloseDate(opportunity_id=id, close_on=date(2026, 1, day)))
    days(shop, "01-21 00:00")
    assert [each[1] for each in stands(shop, "closing")] == ["CANCELLED", "CANCELLED", "DONE"]
    assert len(tasks(shop)) == 1


# What is over.


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
@pytest.mark.parametrize("how", ["WON", "LOST"])
def test_what_is_won_or_lost_is_left_alone_until_it_is_open_again(shop: Shop, how: str, seen: str) -> None:
    id = opened(shop, close_on=date(2026, 1, 20), stage="PROSPECTING")
    days(shop, "01-21 00:00")
    over = WinOpportunity(opportunity_id=id) if how == "WON" else LoseOpportunity(opportunity_id=id, reason="PRICE")
    shop.do(over, "2026-01-22 12:00")
    if seen == "at once":
        days(shop, "01-22 12:00")
        assert not [each for each in shop.ledger() if each.status == "SCHEDULED"]
    shop.now = moment("2026-03-22 12:00")
    shop.worker.runner.fire(shop.now)
    shop.worker.run()
    assert [who for who, *_ in tasks(shop)] == ["eva"]
    assert {(each.status.value, each.reason) for each in shop.ledger()} == {("DONE", "TASK"), ("CANCELLED", how)}
    shop.do(ReopenOpportunity(opportunity_id=id), "2026-03-22 12:00")
    shop.worker.run()
    assert [each[3] for each in stands(shop, "stage", "silence")[-2:]] == ["2026-04-05 12:00"] * 2
    # its close date has passed for long
    assert [who for who, *_ in tasks(shop)] == ["eva", "eva"]
    assert happened(shop, ForecastCategorySet) != []


def test_an_imported_opportunity_sets_nothing_off_but_what_happens_to_it_live_does(shop: Shop) -> None:
    id = derived("opportunity", "old")
    shop.do(OpenOpportunity(opportunity_id=id, close_on=date(2026, 1, 20)), origin=Origin.IMPORT)
    shop.worker.run()
    assert shop.ledger() == []
    shop.do(ChangeOpportunityStage(opportunity_id=id, stage="NEGOTIATION"))
    shop.worker.run()
    assert stands(shop) == [("stage", "SCHEDULED", None, "2026-01-26 12:00")]


def test_twice_is_the_same_as_once(shop: Shop) -> None:
    opened(shop, close_on=date(2026, 1, 20))
    other = shop.hire()
    shop.now = moment("2026-03-22 12:00")
    shop.worker.run(), other.run(), shop.worker.run()
    steps = [each.step for each in shop.ledger()]
    assert sorted(steps) == sorted(["closing", "closing-manager", "omit", "silence", "stage", "stage-manager"])
    assert [who for who, *_ in tasks(shop)] == ["eva", "eva"]
