"""What customers answer: how many do, how satisfied they are, and whether they would recommend the company."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg import sql

from domain.values import Channel, must_say
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.facts import counted
from projections.history import past
from projections.lists import Lists
from projections.marketing import segment_memberships
from projections.periods import bounds_of, periods_of
from projections.service import surveys
from projections.service.slices import MAX_FIGURES, must_be_few, share, sliced

SATISFIED = (4, 5)
PROMOTERS = (9, 10)
DETRACTORS = range(0, 7)


class SurveyDimension(StrEnum):
    """By what answers are looked at. TRIGGER is the policy that had the survey sent; who is in two SEGMENTs counts in both."""

    SURVEY = "SURVEY"
    VERSION = "VERSION"
    TRIGGER = "TRIGGER"
    CHANNEL = "CHANNEL"
    LANGUAGE = "LANGUAGE"
    TERRITORY = "TERRITORY"
    COUNTRY = "COUNTRY"
    SEGMENT = "SEGMENT"


COLUMNS = {
    SurveyDimension.SURVEY: ("survey", "text"),
    SurveyDimension.VERSION: ("version", "bigint"),
    SurveyDimension.TRIGGER: ("trigger", "text"),
    SurveyDimension.CHANNEL: ("channel", "text"),
    SurveyDimension.LANGUAGE: ("language", "text"),
    SurveyDimension.TERRITORY: ("territory", "text"),
    SurveyDimension.COUNTRY: ("country", "text"),
    SurveyDimension.SEGMENT: ("segment_id", "uuid"),
}


@dataclass(frozen=True, slots=True)
class SurveySlice:
    """Which answers: to a version of a survey, sent by a policy, by a channel and so on; what is empty is any, or not known."""

    survey: str | None = None
    version: int | None = None
    trigger: str | None = None
    channel: Channel | None = None
    language: str | None = None
    territory: str | None = None
    country: str | None = None
    segment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class SurveyFigure:
    """What customers answered in a period.

    `response_rate`: of the invitations that were sent in the period, how many have been answered, whenever that was.
    `csat`, over the answers of the period to that question: those of 4 or 5 / all (top two boxes of five). `nps`, likewise:
    the share of 9 and 10 less that of 0 to 6, from -1 to 1 (F. F. Reichheld, "The One Number You Need to Grow", Harvard
    Business Review 81(12), 2003); `nps_error` is its standard error, the root of (promoters + detractors - nps^2) / answers
    in shares. What there are no answers to is empty.
    """

    start: datetime
    end: datetime
    of: SurveySlice
    sent: int
    sent_answered: int
    reminded: int
    declined: int
    expired: int
    response_rate: float | None
    answers: int
    csat_answers: int
    satisfied: int
    csat: float | None
    csat_mean: float | None
    nps_answers: int
    promoters: int
    detractors: int
    nps: float | None
    nps_error: float | None
    median_wait_s: float | None


@dataclass(frozen=True, slots=True)
class SurveyResults:
    """What was answered, period by period; `time_zone` is whose days they are. `position`: of the log."""

    figures: tuple[SurveyFigure, ...]
    time_zone: str
    position: int


def survey_results(
    lists: Lists,
    from_: date,
    to: date,
    granularity: Granularity | None = None,
    *,
    by: Collection[SurveyDimension] = (),
    survey: str | None = None,
    segment_id: UUID | None = None,
    zone: str = BUSINESS_ZONE,
    as_of: AsOf = NOW,
) -> SurveyResults:
    """What customers answered in the periods between two days, both included, or in all of that time at once.

    `survey` is the key of one, and `segment_id` keeps to the customers who are in it as of the moment. The territory and
    country of a customer are those of today. Raises `Refused` for days that are none, or a survey without a name.
    """
    must_say(survey, "The survey", "survey")
    cuts = bounds_of(periods_of(from_, to, granularity or Granularity.YEAR, zone))
    cuts = cuts if granularity is not None else [cuts[0], cuts[-1]]
    facts = counted(surveys.answers, as_of, lists.log.reader)
    # An invitation counts in the period in which it was sent, an answer in that in which it was given.
    query = sql.SQL(
        "select width_bucket(moment, %(cuts)s::timestamptz[]), {dimensions}, "
        "  count(*) filter (where move = 'SENT'), count(*) filter (where move = 'SENT' and is_answered), "
        "  count(*) filter (where move = 'REMINDED'), count(*) filter (where move = 'DECLINED'), "
        "  count(*) filter (where move = 'EXPIRED'), count(*) filter (where move = 'ANSWERED'), "
        "  count(csat) filter (where move = 'ANSWERED'), "
        "  count(*) filter (where move = 'ANSWERED' and csat = any(%(satisfied)s)), "
        "  avg(csat) filter (where move = 'ANSWERED')::float8, count(nps) filter (where move = 'ANSWERED'), "
        "  count(*) filter (where move = 'ANSWERED' and nps = any(%(promoters)s)), "
        "  count(*) filter (where move = 'ANSWERED' and nps = any(%(detractors)s)), "
        "  percentile_cont(0.5) within group (order by waited_s) filter (where move = 'ANSWERED') "
        "  from (select a.*, a.occurred_at as moment, f.policy as trigger, c.territory, c.country, s.segment_id, "
        "               a.move = 'SENT' and exists (select from {facts} where survey_answers.owner_id = a.owner_id "
        "                 and survey_answers.move = 'ANSWERED') as is_answered "
        "          from (select * from {facts}) a "
        "          left join views.follow_ups f on f.follow_up_id = a.follow_up_id "
        "          left join views.customers c on c.customer_id = a.customer_id "
        "          left join (select distinct segment_id, customer_id from {memberships} where inside and {segments}) s "
        "            on s.customer_id = a.customer_id "
        "         where a.occurred_at >= %(from)s and a.occurred_at < %(to)s "
        "           and (%(survey)s::text is null or a.survey = %(survey)s) "
        "           and (%(segment)s::uuid is null or s.segment_id = %(segment)s)) t "
        " group by 1, 2, 3, 4, 5, 6, 7, 8, 9 order by 1, 2, 3, 4, 5, 6, 7, 8, 9 limit %(most)s"
    ).format(
        dimensions=sliced(COLUMNS, by),
        facts=facts,
        memberships=past(segment_memberships.view, as_of, lists.log.reader),
        segments=sql.SQL("true" if SurveyDimension.SEGMENT in by else "segment_id = %(segment)s"),
    )
    parameters = {
        "cuts": cuts, "from": cuts[0], "to": cuts[-1], "survey": survey, "most": MAX_FIGURES + 1,
        "segment": segment_id,
        "satisfied": list(SATISFIED), "promoters": list(PROMOTERS), "detractors": list(DETRACTORS),
    }  # fmt: skip
    with lists.reading(surveys.view) as (db, position):
        found = db.execute(query, parameters).fetchall()
    must_be_few(len(found))
    figures = (_figure(cuts[n - 1], cuts[n], _slice(row[:8]), row[8:]) for n, *row in found)
    return SurveyResults(tuple(figures), zone, position)


def _slice(of: list[Any]) -> SurveySlice:
    survey, version, trigger, channel, *rest = of
    return SurveySlice(survey, version, trigger, None if channel is None else Channel(channel), *rest)


def _figure(start: datetime, end: datetime, of: SurveySlice, row: list[Any]) -> SurveyFigure:
    sent, sent_answered, reminded, declined, expired, answers, *rest = row
    csat_answers, satisfied, csat_mean, nps_answers, promoters, detractors, median_wait_s = rest
    nps, error = net_promoters(promoters, detractors, nps_answers)
    return SurveyFigure(
        start=start,
        end=end,
        of=of,
        sent=sent,
        sent_answered=sent_answered,
        reminded=reminded,
        declined=declined,
        expired=expired,
        response_rate=share(sent_answered, sent),
        answers=answers,
        csat_answers=csat_answers,
        satisfied=satisfied,
        csat=share(satisfied, csat_answers),
        csat_mean=csat_mean,
        nps_answers=nps_answers,
        promoters=promoters,
        detractors=detractors,
        nps=nps,
        nps_error=error,
        median_wait_s=median_wait_s,
    )


def net_promoters(promoters: int, detractors: int, answers: int) -> tuple[float | None, float | None]:
    """The net promoter score in shares, and its standard error: that of a mean of +1, 0 and -1."""
    if not answers:
        return None, None
    nps = (promoters - detractors) / answers
    return nps, (((promoters + detractors) / answers - nps * nps) / answers) ** 0.5
