"""The story of a small company in the first half of 2025, told by commands; some of it came to be known much later."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from domain.kernel import Command, derived
from eventstore.envelope import Happened, Origin, Recorded, Request
from eventstore.log import Log
from projections import VIEWS
from projections.buckets import Granularity
from projections.figures.counting import KpiScope
from projections.figures.kpis import KpiPoint, KpiSeries, kpi
from projections.lists import Lists
from projections.periods import CalendarPeriod, periods_of

FROM, TO = date(2025, 1, 1), date(2025, 6, 30)
START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 181


class Told(NamedTuple):
    """Something that was asked for; what is `late` came to be known long after it happened."""

    moment: datetime
    command: Command
    late: bool = False


Quotient = tuple[Decimal | int, Decimal | int | None]
Naive = Callable[[Sequence[Happened], CalendarPeriod], Quotient]
"""A figure worked out from all events that are known, for one period: numerator and denominator."""


def moments(chance: Random, count: int) -> Iterator[datetime]:
    """Moments of the half-year, in order."""
    return iter(sorted(START + timedelta(seconds=chance.randrange(DAYS * 86_400)) for _ in range(count)))


def tell(log: Log, told: Iterable[Told]) -> None:
    """Does all of this in the order in which it happened, but for what is late: that comes last, and is known so."""
    for n, each in enumerate(sorted(told, key=lambda each: (each.late, each.moment))):
        origin = Origin.LIVE if each.late else Origin.IMPORT
        log.do(each.command, Request(occurred_at=each.moment, origin=origin, command_id=derived("story", n)))


@dataclass(frozen=True)
class Company:
    """The company whose story was told: its log, what its views say, and every event as it is read today."""

    log: Log
    lists: Lists
    events: Sequence[Happened]

    def series(
        self, key: str, granularity: Granularity = Granularity.MONTH, *, scope: Sequence[KpiScope] = (), **more: object
    ) -> KpiSeries:
        """A figure over the half-year."""
        return kpi(self.lists, key, FROM, TO, granularity, scope=scope, **more)  # type: ignore[arg-type]


def everything(log: Log) -> list[Happened]:
    """Every event as it is read today."""
    names = log.codec.names([event for view in VIEWS for event in view.events])
    return [happened for page in log.reader.fold(types=names) for happened in page]


def known(at: Recorded) -> datetime:
    """When an event counts as known."""
    return at.occurred_at if at.origin == Origin.IMPORT else at.recorded_at


def within(events: Iterable[Happened], period: CalendarPeriod, *kinds: type) -> list[Happened]:
    """What of these kinds happened in a period."""
    return [
        each
        for each in events
        if isinstance(each.event, kinds) and period.starts_at <= each.at.occurred_at < period.ends_at
    ]


def before(events: Iterable[Happened], moment: datetime, *kinds: type) -> list[Happened]:
    """What of these kinds had happened before a moment, in the order in which it did."""
    found = [each for each in events if isinstance(each.event, kinds) and each.at.occurred_at < moment]
    return sorted(found, key=lambda each: (each.at.occurred_at, each.at.position))


def differences(company: Company, series: KpiSeries, naive: Naive, as_reported: Naive | None = None) -> list[str]:
    """Where a series says something else than the naive evaluation, as reported and restated, and in its total."""
    whole = periods_of(FROM, TO, Granularity.YEAR)[0]
    points = zip([*periods_of(FROM, TO, series.granularity), whole], [*series.points, series.total], strict=True)
    return [
        line
        for period, point in points
        for line in _compare(company.events, period, point, naive, as_reported or naive)
    ]


def _compare(
    events: Sequence[Happened], period: CalendarPeriod, point: KpiPoint, naive: Naive, as_reported: Naive
) -> Iterator[str]:
    by_then = [each for each in events if known(each.at) <= period.ends_at]
    assert (point.starts_at, point.ends_at) == (period.starts_at, period.ends_at)
    for what, found, expected in (
        ("restated", point.restated, naive(events, period)), ("reported", point.reported, as_reported(by_then, period)),
    ):  # fmt: skip
        if (found.numerator, found.denominator) != expected:
            yield f"{period.starts_on} {what}: {found.numerator} / {found.denominator} instead of {expected}"
