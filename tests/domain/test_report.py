"""Reports that somebody saved."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.report import (
    MAX_RECIPIENTS,
    ReportFrequency,
    ReportSaved,
    ReportScheduled,
    SaveReport,
    ScheduleReport,
    decider,
)
from tests.domain.scenario import but, given

REPORT, EVA = UUID(int=1), UUID(int=2)
SAVE = SaveReport(
    report_id=REPORT, key="north", title="Sales in the north", base="salesByTerritory", parameters={"territory": "N"},
    last_days=30,
)  # fmt: skip
SAVED = ReportSaved(
    key="north", version=1, title="Sales in the north", base="salesByTerritory", parameters={"territory": "N"},
    last_days=30,
)  # fmt: skip
SCHEDULE = ScheduleReport(
    report_id=REPORT, frequency=ReportFrequency.WEEKLY, at="08:30", timezone="Europe/Madrid", on=1, recipients=(EVA,)
)
SCHEDULED = ReportScheduled(
    frequency=ReportFrequency.WEEKLY, at="08:30", timezone="Europe/Madrid", on=1, recipients=(EVA,)
)


def test_the_same_question_is_one_version_and_another_the_next() -> None:
    given(decider).when(SAVE).then(SAVED)
    given(decider, SAVED).when(SAVE).then_nothing()
    given(decider, SAVED).when(but(SAVE, last_days=7)).then(replace(SAVED, version=2, last_days=7))


def test_the_last_word_on_when_it_is_sent_counts() -> None:
    given(decider, SAVED).when(SCHEDULE).then(SCHEDULED)
    given(decider, SAVED, SCHEDULED).when(SCHEDULE).then_nothing()
    given(decider, SAVED, SCHEDULED).when(but(SCHEDULE, recipients=())).then(replace(SCHEDULED, recipients=()))


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": "south"}, "The key of this report is north, and never changes.", "key"),
        ({"title": " "}, "The title must not be blank.", "title"),
        ({"base": ""}, "The base must not be blank.", "base"),
        ({"parameters": {f"p{n}": "x" for n in range(21)}}, "Give at most 20 parameters.", "parameters"),
        ({"parameters": {"territory": ""}}, "The parameter territory must not be blank.", "parameters"),
        (
            {"parameters": {"from": "2026-01-01"}},
            "Give the last days, or the first day and the last; not both.",
            "last_days",
        ),
        ({"last_days": 0}, "The last days must be from 1 to 3660.", "last_days"),
    ],
)
def test_what_cannot_be_saved_is_refused(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, SAVED).when(but(SAVE, **changes)).refused(sentence, field)


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"timezone": "Madrid"}, "Give the time zone by its IANA name, such as Europe/Madrid.", "timezone"),
        ({"at": "8:30"}, "Write the time as 08:30.", "at"),
        ({"at": "25:00"}, "Write the time as 08:30.", "at"),
        ({"on": None}, "Say on which day, from 1 to 7.", "on"),
        ({"on": 8}, "The on must be from 1 to 7.", "on"),
        ({"frequency": ReportFrequency.MONTHLY, "on": 32}, "The on must be from 1 to 31.", "on"),
        ({"frequency": ReportFrequency.DAILY}, "A report that is sent every day is on no day in particular.", "on"),
        ({"recipients": (EVA, EVA)}, f"Name at most {MAX_RECIPIENTS} recipients, each once.", "recipients"),
    ],
)
def test_a_time_that_cannot_be_is_refused(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, SAVED).when(but(SCHEDULE, **changes)).refused(sentence, field)


def test_a_report_is_saved_before_it_is_sent() -> None:
    given(decider).when(SCHEDULE).refused("This report is not saved yet.", "report_id")
