"""What stands on a quote, and what the register of quotes says at any moment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

from domain.kernel import Command, Refused, derived
from domain.quote import (
    AcceptQuote,
    DraftQuote,
    ExpireQuote,
    IssueQuote,
    QuoteAccepted,
    QuoteStatus,
    RecordQuoteViewed,
    RejectQuote,
    RequestQuote,
    ReviseQuote,
    decider,
)
from domain.quote_lines import QuoteLine
from eventstore.envelope import Request
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.selling import quotes
from projections.selling.quote_register import quote_register
from projections.selling.quotes import QuoteSheet, QuoteStep
from projections.table import Table
from tests.conftest import House
from tests.projections.histories import START
from tests.projections.histories_catalogue import offered
from tests.projections.lives import events_of, for_each_life

ID, ANA = derived("quote", 1), derived("customer", 1)
DAY = datetime(2026, 3, 1, tzinfo=UTC)
LINES = (QuoteLine(sku="ROOF", quantity=2, unit_price=Decimal(50), discount=Decimal("0.1")),)


def after(days: float) -> datetime:
    return DAY + timedelta(days=days)


def draft(n: int = 1, **more: Any) -> DraftQuote:
    return DraftQuote(quote_id=derived("quote", n), customer_id=ANA, lines=LINES, **more)


def issue(n: int = 1, days: float = 10) -> IssueQuote:
    return IssueQuote(quote_id=derived("quote", n), valid_until=after(days))


def lists_after(house: House, *said: tuple[float, Command]) -> Lists:
    for days, command in said:
        house.log.do(command, Request(occurred_at=after(days)))
    engine = Engine(house.log, house.pool, [quotes.view])
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def sheet(lists: Lists) -> QuoteSheet:
    return lists.get(quotes.view, [ID])[ID]


def test_a_quote_says_what_it_comes_to_and_what_was_taken_off(house: House) -> None:
    pounds = {"currency": "GBP", "rate": Decimal("1.2"), "base_currency": "EUR", "discount": Decimal("0.5")}
    row = sheet(lists_after(house, (0, RequestQuote(quote_id=ID, customer_id=ANA, note="Roof")), (1, draft(**pounds))))
    assert (row.status, row.version, row.total, row.discounts) == (QuoteStatus.DRAFT, 1, 45, 55)
    assert (row.currency, row.base_total, row.base_discounts, row.base_currency) == ("GBP", 54, 66, "EUR")
    assert (row.asked_at, row.drafted_at, row.line_count, row.discount) == (after(0), after(1), 1, Decimal("0.5"))


def test_the_cycle_of_a_quote_goes_from_the_first_word_to_the_answer(house: House) -> None:
    lists = lists_after(
        house, (0, draft()), (1, issue()), (2, RecordQuoteViewed(quote_id=ID)), (3, AcceptQuote(quote_id=ID))
    )
    row = sheet(lists)
    assert (row.status, row.viewed_at, row.answered_at, row.cycle_s) == (
        QuoteStatus.ACCEPTED, after(2), after(3), 3 * 86_400,
    )  # fmt: skip
    table = Table(quotes.moves)
    with lists.reading(quotes.view) as (db, _):
        query = sql.SQL("select {} from {} order by position").format(table.selected, table.identifier)
        moves = [(move.step, move.dwell_s, move.age_s, move.base_total) for move in table.select(db, query)]
    day = 86_400
    assert moves == [
        (QuoteStep.DRAFTED, 0, 0, 90), (QuoteStep.ISSUED, day, day, 90), (QuoteStep.VIEWED, day, 2 * day, 90),
        (QuoteStep.ACCEPTED, day, 3 * day, 90),
    ]  # fmt: skip


def test_what_is_revised_is_a_draft_again_and_has_no_answer(house: House) -> None:
    lists = lists_after(
        house, (0, draft()), (1, issue()), (2, RejectQuote(quote_id=ID, reason="PRICE")),
        (3, ReviseQuote(quote_id=ID, lines=LINES, discount=Decimal("0.2"))),
    )  # fmt: skip
    row = sheet(lists)
    assert (row.status, row.version, row.total) == (QuoteStatus.DRAFT, 2, 72)
    assert (row.issued_at, row.expires_at, row.answered_at, row.rejected_because, row.cycle_s) == (None,) * 5


def test_the_register_says_what_is_open_what_expires_soon_and_what_came_of_the_rest(house: House) -> None:
    lists = lists_after(
        house, (0, draft(1)), (0, issue(1, 5)), (0, draft(2)), (0, issue(2, 20)), (0, draft(3)),
        (0, draft(4)), (1, issue(4)), (3, AcceptQuote(quote_id=derived("quote", 4))),
        (0, draft(5)), (1, issue(5)), (2, RejectQuote(quote_id=derived("quote", 5))),
        (0, draft(6)), (1, issue(6)), (2, ExpireQuote(quote_id=derived("quote", 6))),
    )  # fmt: skip
    (found,) = quote_register(lists, after(4))
    assert (found.drafts, found.open, found.open_worth, found.expiring, found.expiring_worth, found.overdue) == (
        1, 2, 180, 1, 90, 0,
    )  # fmt: skip
    assert (found.accepted, found.rejected, found.expired, found.cycle_s) == (1, 1, 1, 3 * 86_400)
    assert (found.acceptance_rate, found.discount_rate) == (Decimal("0.333333"), Decimal("0.100000"))
    assert quote_register(lists, after(6))[0].overdue == 1
    (later,) = quote_register(lists, after(6), start=after(2.5), end=after(4))
    assert (later.accepted, later.rejected, later.acceptance_rate) == (1, 0, 1)
    with pytest.raises(Refused, match="366 days"):
        quote_register(lists, after(6), expiring_within_days=0)


def test_the_register_is_what_the_events_say_at_any_moment(new_database: Callable[[], str]) -> None:
    def check(lists: Lists) -> bool:
        head, now = lists.log.reader.head(), START + timedelta(days=200)
        compared = 0
        for position in [*range(0, head, max(head // 8, 1)), None]:
            states: dict[UUID, Any] = {}
            began: dict[UUID, datetime] = {}
            ended: dict[UUID, datetime] = {}
            for event, at in events_of(lists, quotes.view, position):
                states[at.stream_id] = decider.evolve(states.get(at.stream_id, decider.initial), event)
                began.setdefault(at.stream_id, at.occurred_at)
                if isinstance(event, QuoteAccepted):  # it may be looked at again afterwards
                    ended[at.stream_id] = at.occurred_at
            found = quote_register(
                lists, now, expiring_within_days=30, as_of=NOW if position is None else AsOf(position=position)
            )
            drafted = {key: quote for key, quote in states.items() if quote.current is not None}
            assert bool(found) is bool(drafted)
            if not found:
                continue
            (register,) = found  # everything is worth something in euros
            ways = {
                status: {key: quote for key, quote in drafted.items() if quote.status is status}
                for status in QuoteStatus
            }
            out = ways[QuoteStatus.ISSUED].values()
            soon = [quote for quote in out if now < quote.issued.valid_until <= now + timedelta(days=30)]
            assert register.drafts == len(ways[QuoteStatus.DRAFT])
            assert (register.open, register.open_worth) == (len(out), sum(quote.issued.total.base for quote in out))
            assert (register.expiring, register.expiring_worth) == (
                len(soon), sum(quote.issued.total.base for quote in soon),
            )  # fmt: skip
            assert register.overdue == sum(quote.issued.valid_until <= now for quote in out)
            won = ways[QuoteStatus.ACCEPTED]
            assert (register.accepted, register.accepted_worth) == (
                len(won), sum(quote.issued.total.base for quote in won.values()),
            )  # fmt: skip
            assert (register.rejected, register.expired) == (
                len(ways[QuoteStatus.REJECTED]), len(ways[QuoteStatus.EXPIRED]),
            )  # fmt: skip
            times = [max((ended[key] - began[key]).total_seconds(), 0) for key in won]
            assert register.cycle_s == (median(times) if times else None)
            compared += register.open + register.accepted
        return compared > 0

    for_each_life(new_database, offered, [quotes.view], check)
