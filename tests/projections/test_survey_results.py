"""What customers answered is what a plain count of the events gives."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from statistics import fmean, median, pstdev
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from domain import DECIDERS
from domain.invitation import AnswerSurvey, SendInvitation, SurveyInvitationSent, SurveyResponded
from domain.kernel import Command, Refused, derived
from domain.segment_membership import EnterSegment
from domain.values import Channel
from eventstore.database import open_pool
from eventstore.envelope import Happened, Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections.buckets import Granularity
from projections.customers import customers
from projections.engine import Engine
from projections.lists import Lists
from projections.marketing import segment_memberships
from projections.service import surveys
from projections.service.survey_results import SurveyDimension, net_promoters, survey_results
from projections.touchpoints import follow_ups
from tests.conftest import KEK, House
from tests.projections.histories import live_through
from tests.projections.histories_service import START, asking, disorder, merging

NEEDED = (customers.view, follow_ups.view, segment_memberships.view, surveys.view)
FROM, TO = date(2026, 3, 28), date(2026, 3, 29)
CUTS = [
    datetime(2026, 3, 27, 23, tzinfo=UTC),
    datetime(2026, 3, 28, 23, tzinfo=UTC),
    datetime(2026, 3, 29, 22, tzinfo=UTC),
]


def caught_up(log: Log) -> Lists:
    engine = Engine(log, log.pool, NEEDED)
    engine.prepare()
    engine.catch_up()
    return Lists(log, log.pool)


def plain(events: list[Happened], within: tuple[datetime, datetime]) -> dict[tuple[Any, ...], dict[str, Any]]:
    sent: dict[UUID, SurveyInvitationSent] = {}
    sent_at: dict[UUID, datetime] = {}
    answered = {at.stream_id for event, at in events if isinstance(event, SurveyResponded)}
    counts: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    csat: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    nps: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    waits: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for event, at in events:
        if isinstance(event, SurveyInvitationSent):
            sent[at.stream_id], sent_at[at.stream_id] = event, at.occurred_at
        if at.stream_id not in sent or not within[0] <= at.occurred_at < within[1]:
            continue
        told = sent[at.stream_id]
        key = (told.survey, told.version, told.channel)
        if isinstance(event, SurveyInvitationSent):
            counts[key].update(sent=1, sent_answered=at.stream_id in answered)
        elif isinstance(event, SurveyResponded):
            counts[key]["answers"] += 1
            waits[key].append(int((at.occurred_at - sent_at[at.stream_id]).total_seconds()))
            csat[key] += [] if event.csat is None else [event.csat]
            nps[key] += [] if event.nps is None else [event.nps]
        else:
            counts[key][type(event).__name__] += 1
    return {
        key: {
            "sent": of["sent"],
            "sent_answered": of["sent_answered"],
            "reminded": of["SurveyReminderSent"],
            "declined": of["SurveyDeclined"],
            "expired": of["SurveyExpired"],
            "answers": of["answers"],
            "response_rate": of["sent_answered"] / of["sent"] if of["sent"] else None,
            "csat": fmean(each >= 4 for each in csat[key]) if csat[key] else None,
            "csat_mean": pytest.approx(fmean(csat[key])) if csat[key] else None,
            "nps": pytest.approx(fmean((each > 8) - (each < 7) for each in nps[key])) if nps[key] else None,
            "median_wait_s": median(waits[key]) if waits[key] else None,
        }
        for key, of in counts.items()
    }


def test_every_figure_is_what_a_plain_count_of_the_events_gives(new_database: Callable[[], str]) -> None:
    @given(history=disorder(asking, asking, merging))
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            lists = caught_up(log)
            events = [each for page in log.reader.fold(types=log.codec.names(surveys.view.events)) for each in page]
            by = [SurveyDimension.SURVEY, SurveyDimension.VERSION, SurveyDimension.CHANNEL]
            half = AsOf(valid_at=START + timedelta(hours=4))
            for as_of in (NOW, half):
                known = [each for each in events if as_of == NOW or each.at.occurred_at <= START + timedelta(hours=4)]
                for granularity, cuts in ((Granularity.DAY, CUTS), (None, [CUTS[0], CUTS[-1]])):
                    report = survey_results(lists, FROM, TO, granularity, by=by, as_of=as_of)
                    for n, start in enumerate(cuts[:-1]):
                        wanted = plain(known, (start, cuts[n + 1]))
                        found = {
                            (each.of.survey, each.of.version, each.of.channel): each
                            for each in report.figures
                            if each.start == start
                        }
                        assert found.keys() == wanted.keys()
                        for key, of in wanted.items():
                            assert {name: getattr(found[key], name) for name in of} == of

    check()


def test_answers_are_told_apart_by_version_and_an_older_one_keeps_its_figures(house: House) -> None:
    for n, (version, csat) in enumerate([(1, 5), (1, 2), (2, 5)]):
        invitation = derived("invitation", n)
        sent = SendInvitation(
            invitation_id=invitation, customer_id=derived("customer", n), survey="post-purchase", version=version,
            channel=Channel.EMAIL, language="es", follow_up_id=invitation,
        )  # fmt: skip
        house.log.do(sent, Request(occurred_at=START))
        house.log.do(AnswerSurvey(invitation_id=invitation, csat=csat), Request(occurred_at=START))
    report = survey_results(caught_up(house.log), FROM, TO, by=[SurveyDimension.VERSION], survey="post-purchase")
    assert [(each.of.version, each.csat) for each in report.figures] == [(1, 0.5), (2, 1.0)]


def test_answers_are_told_by_the_segments_that_customers_are_in(house: House) -> None:
    gold, all_ = derived("segment", 1), derived("segment", 2)
    for n, csat in enumerate([5, 2, 3]):
        invitation, customer_id = derived("invitation", n), derived("customer", n)
        sent = SendInvitation(
            invitation_id=invitation, customer_id=customer_id, survey="post-purchase", version=1,
            channel=Channel.EMAIL, language="es", follow_up_id=invitation,
        )  # fmt: skip
        house.log.do(sent, Request(occurred_at=START))
        house.log.do(AnswerSurvey(invitation_id=invitation, csat=csat), Request(occurred_at=START))
        for segment in (gold, all_)[n == 1 :] if n < 2 else ():
            enter = EnterSegment(segment_id=segment, customer_id=customer_id, definition_version=1)
            house.log.do(enter, Request(occurred_at=START))
    lists = caught_up(house.log)
    report = survey_results(lists, FROM, TO, by=[SurveyDimension.SEGMENT])
    assert {each.of.segment_id: (each.answers, each.csat) for each in report.figures} == {
        gold: (1, 1.0), all_: (2, 0.5), None: (1, 0.0),
    }  # fmt: skip
    (figure,) = survey_results(lists, FROM, TO, segment_id=all_).figures
    assert (figure.answers, figure.csat, figure.of.segment_id) == (2, 0.5, None)
    (whole,) = survey_results(lists, FROM, TO).figures
    assert whole.answers == 3


def test_the_error_of_a_net_promoter_score_is_that_of_a_mean() -> None:
    answers = [1] * 50 + [0] * 30 + [-1] * 20
    nps, error = net_promoters(50, 20, 100)
    assert nps == pytest.approx(0.3)
    assert error == pytest.approx(pstdev(answers) / 10)
    assert net_promoters(0, 0, 0) == (None, None)


def test_a_survey_has_a_name(house: House) -> None:
    with pytest.raises(Refused, match="survey"):
        survey_results(caught_up(house.log), FROM, TO, survey=" ")
