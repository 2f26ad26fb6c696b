"""Saved reports: the questions that people of the company saved, and to whom they are sent and when."""

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import sql

from domain.report import ReportFrequency, ReportSaved, ReportScheduled
from domain.values import empty
from eventstore.envelope import Recorded
from projections.figures.cube import known
from projections.figures.reports import FROM, REPORTS, TO, Report
from projections.lists import Lists
from projections.table import Table
from projections.view import Row, View

DAY = timedelta(days=1)


class SavedReport(Row, key="report_id"):
    """A report that somebody saved: `base` is the report of the catalogue that it asks with these `parameters`.

    `last_days` are the days before the one on which it is opened. Without a frequency, it is sent to nobody.
    """

    report_id: UUID
    code: str = ""
    version: int = 0
    title: str = ""
    base: str = ""
    parameters: Mapping[str, str] = field(default_factory=empty)
    last_days: int | None = None
    frequency: ReportFrequency | None = None
    at: str | None = None
    on_day: int | None = None
    timezone: str | None = None
    recipients: tuple[UUID, ...] = ()
    saved_at: datetime | None = None


view = View(
    "saved_reports", SavedReport, version=1, key=lambda _, at: at.stream_id, follows="stream_id", indexes=("(code)",)
)


@view.on(ReportSaved)
def save(row: SavedReport, saved: ReportSaved, at: Recorded) -> None:
    row.code = saved.key
    row.version = saved.version
    row.title = saved.title
    row.base = saved.base
    row.parameters = saved.parameters
    row.last_days = saved.last_days
    row.saved_at = at.occurred_at


@view.on(ReportScheduled)
def schedule(row: SavedReport, scheduled: ReportScheduled, at: Recorded) -> None:
    row.frequency = scheduled.frequency if scheduled.recipients else None
    row.at = scheduled.at
    row.on_day = scheduled.on
    row.timezone = scheduled.timezone
    row.recipients = scheduled.recipients


def found(lists: Lists, name: str, given: Mapping[str, Any], today: date) -> tuple[Report, dict[str, Any]]:
    """The report of the catalogue that a name, or the code of a saved one, stands for, with all parameters to ask with.

    Raises `Refused` for a name that there is not.
    """
    if name in REPORTS:
        return REPORTS[name], dict(given)
    table = Table(view)
    query = sql.SQL("select {} from {} where code = %s order by report_id limit 1").format(
        table.selected, table.identifier
    )
    with lists.reading(view) as (db, _):
        saved = table.select(db, query, [name])
    if not saved:
        return known(name, REPORTS, "name"), {}
    return asked(saved[0].base, saved[0].parameters, saved[0].last_days, given, today)


def asked(
    base: str, parameters: Mapping[str, str], last_days: int | None, given: Mapping[str, Any], today: date
) -> tuple[Report, dict[str, Any]]:
    """What a saved report asks, on a day; what is given besides comes before what was saved."""
    said: dict[str, Any] = {**parameters, **given}
    if last_days is not None and not {FROM, TO} & said.keys():
        said |= {FROM: (today - last_days * DAY).isoformat(), TO: (today - DAY).isoformat()}
    return known(base, REPORTS, "base"), said
