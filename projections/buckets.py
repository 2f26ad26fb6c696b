"""Buckets: the days, weeks, months, quarters and years of a time zone, into which moments are counted."""

from enum import StrEnum
from typing import Any, cast

from psycopg import sql

from domain.kernel import Refused
from domain.values import must_be_zone

BUSINESS_ZONE = "Europe/Madrid"
"""The time zone of the business unit: a day is a day there, unless another zone is asked for."""


class Granularity(StrEnum):
    """How long a bucket is. A week begins on Monday, as ISO 8601 has it."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


def bucket(
    moment: sql.Composable, sql_type: str, granularity: Granularity, zone: str = BUSINESS_ZONE
) -> tuple[sql.Composable, list[object]]:
    """The first day of the bucket that a moment falls into, in SQL, with its parameters. A day has no zone.

    Raises `Refused` if this is no time, or no zone.
    """
    if sql_type not in ("timestamptz", "date"):
        raise Refused("Only a moment or a day has a granularity.", "granularity")
    must_be_zone(zone, "timeZone")
    unit = sql.SQL(cast(Any, granularity.value.lower()))
    if sql_type == "date":
        return sql.SQL("date_trunc('{}', {}::timestamp)::date").format(unit, moment), []
    return sql.SQL("date_trunc('{}', {} at time zone %s)::date").format(unit, moment), [zone]
