"""The journal finds exactly what is looked for, page by page both ways, and tells what went back to what."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.customer import RegisterCustomer
from domain.follow_up import Action, ActionKind, DispatchFollowUp, ScheduleFollowUp
from domain.invitation import AnswerSurvey, SendInvitation
from domain.kernel import Command, Refused, derived
from domain.merging import MergeCustomers
from domain.order import DeliverOrder, OrderLine, PlaceOrder, ShipOrder
from domain.values import Channel
from eventstore import journal
from eventstore.database import open_pool
from eventstore.envelope import Happened, Origin, Request
from eventstore.journal import EVERYTHING, MAX_ENTRIES, Entries, Journal, Link, Node, Search
from eventstore.log import Log
from eventstore.personal import KeyRing
from tests.conftest import KEK, House
from tests.eventstore.conftest import Accounts
from tests.projections import histories

START = datetime(2026, 1, 1, tzinfo=UTC)
ACTORS = ("user:ana", "user:luis", "policy:survey", "policy:visit", "customer:1")


@pytest.fixture
def book(house: House) -> Journal:
    """The journal of an empty log."""
    return Journal(house.log.reader)


def lived(log: Log, history: list[tuple[Command, datetime]], picks: list[int]) -> list[Happened]:
    """A history in which somebody different says each thing, some because of what was before."""
    for n, (command, moment) in enumerate(history):
        pick = picks[n % len(picks)]
        head = log.reader.head()
        request = Request(
            actor=ACTORS[pick % len(ACTORS)],
            origin=(Origin.LIVE, Origin.SYNC, Origin.IMPORT)[pick % 3],
            occurred_at=moment,
            correlation_id=derived("chain", pick % 4) if pick % 2 else None,
            because=1 + pick % head if head and pick % 3 else None,
        )
        try:
            log.do(command, request)
        except Refused:
            continue
    return log.reader.page(0, 10_000)


def naive(events: list[Happened], search: Search, same: dict[UUID, UUID]) -> list[int]:
    """What a reader with a pencil finds."""

    def holds(at: Any) -> bool:
        alike = [name[:-1] for name in search.actors if name.endswith("*")]
        nouns = [name[:-1] for name in search.types if name.endswith(".*")]
        wanted = {same.get(id, id) for id in search.customers}
        return (
            (not search.actors or at.actor in search.actors or any(at.actor.startswith(each) for each in alike))
            and (not search.types or at.type in search.types or any(at.type.startswith(noun) for noun in nouns))
            and (not wanted or (at.customer_id is not None and same.get(at.customer_id, at.customer_id) in wanted))
            and search.stream_id in (None, at.stream_id)
            and search.correlation_id in (None, at.correlation_id)
            and search.command_id in (None, at.command_id)
            and search.because in (None, at.because)
            and search.origin in (None, at.origin)
            and (search.recorded_from is None or at.recorded_at >= search.recorded_from)
            and (search.recorded_until is None or at.recorded_at <= search.recorded_until)
            and (search.occurred_from is None or at.occurred_at >= search.occurred_from)
            and (search.occurred_until is None or at.occurred_at <= search.occurred_until)
        )

    return [at.position for _, at in events if holds(at)]


def searches(events: list[Happened]) -> st.SearchStrategy[Search]:
    """What may be looked for in these events."""
    at = [at for _, at in events]

    def maybe(values: list[Any]) -> st.SearchStrategy[Any]:
        return st.none() | st.sampled_from(values)

    def some(values: list[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.just(()) | st.lists(st.sampled_from(values), max_size=3, unique=True).map(tuple)

    types = sorted({each.type for each in at})
    moments = [each.occurred_at for each in at]
    recorded = [each.recorded_at for each in at]
    return st.builds(
        Search,
        actors=some([*ACTORS, "policy:*", "user:*", "nobody*"]),
        types=some([*types, *{f"{name.partition('.')[0]}.*" for name in types}]),
        customers=some([derived("customer", n) for n in (1, 2, 3)]),
        stream_id=maybe([each.stream_id for each in at]),
        correlation_id=maybe([each.correlation_id for each in at]),
        command_id=maybe([*(each.command_id for each in at), uuid4()]),
        because=maybe([each.because for each in at if each.because] or [1]),
        origin=maybe(list(Origin)),
        recorded_from=maybe(recorded),
        recorded_until=maybe(recorded),
        occurred_from=maybe(moments),
        occurred_until=maybe(moments),
    )


def mostly_open(search: Search, keep: int) -> Search:
    """The same search with two of its conditions left."""
    names = [name for name in Search.__slots__ if getattr(search, name) not in (None, ())]
    left = {names[keep % len(names)], names[keep // 7 % len(names)]} if names else set()
    return replace(search, **{name: getattr(EVERYTHING, name) for name in Search.__slots__ if name not in left})


def walked(book: Journal, search: Search, size: int, *, backwards: bool) -> list[int]:
    """Every page from one end to the other."""
    found: list[int] = []
    edge: int | None = None
    while True:
        page = book.page(search, last=size, before=edge) if backwards else book.page(search, first=size, after=edge)
        positions = [at.position for _, at in page.found]
        found = [*positions, *found] if backwards else [*found, *positions]
        if not (page.has_previous if backwards else page.has_next):
            return found
        edge = positions[0] if backwards else positions[-1]


def test_what_is_looked_for_is_found_and_nothing_else_whatever_the_pages(new_database: Callable[[], str]) -> None:
    @given(data=st.data(), history=histories.histories, picks=st.lists(st.integers(0, 60), min_size=3))
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    def check(data: st.DataObject, history: list[tuple[Command, datetime]], picks: list[int]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            events = lived(log, [(RegisterCustomer(customer_id=derived("customer", 1)), START), *history], picks)
            book = Journal(log.reader)
            ids = [derived("customer", n) for n in (1, 2, 3)]
            same = log.reader.whom(ids)
            for _ in range(25):
                search = mostly_open(data.draw(searches(events)), data.draw(st.integers(0, 100)))
                wanted, size = naive(events, search, same), data.draw(st.integers(1, 5))
                assert walked(book, search, size, backwards=False) == wanted, search
                assert walked(book, search, size, backwards=True) == wanted, search

    check()


def test_pages_are_complete_and_disjoint_while_events_are_added(accounts: Accounts) -> None:
    book = Journal(accounts.reader)
    account = uuid4()
    accounts.deposit(account, *range(1, 31))

    def write(_: int) -> None:
        accounts.deposit(None, 1, 2)

    with ThreadPoolExecutor(4) as pool:
        coming = pool.map(write, range(40))
        forwards = walked(book, EVERYTHING, 7, backwards=False)
        backwards = walked(book, EVERYTHING, 7, backwards=True)
        list(coming)
    assert forwards == list(range(1, len(forwards) + 1))
    assert backwards == list(range(1, len(backwards) + 1))
    assert walked(book, Search(stream_id=account), 4, backwards=True) == list(range(1, 31))


def test_both_sides_of_a_page_are_told(accounts: Accounts) -> None:
    accounts.deposit(None, *range(1, 11))
    book = Journal(accounts.reader)

    def sides(page: Entries) -> tuple[int, int, bool, bool]:
        return page.found[0].at.position, page.found[-1].at.position, page.has_previous, page.has_next

    assert sides(book.page(first=4)) == (1, 4, False, True)
    assert sides(book.page(first=4, after=4)) == (5, 8, True, True)
    assert sides(book.page(first=4, after=8)) == (9, 10, True, False)
    assert sides(book.page(last=4)) == (7, 10, True, False)
    assert sides(book.page(last=4, before=5)) == (1, 4, False, True)
    assert sides(book.page(first=2, after=2, before=9)) == (3, 4, True, True)


def test_personal_values_are_told_on_request_only(book: Journal, house: House) -> None:
    house.log.do(RegisterCustomer(customer_id=derived("customer", 1), name="Ana Núñez"))
    [(hidden, _)] = book.page(first=1).found
    [(shown, _)] = book.page(first=1, disclose=True).found
    assert (hidden.name, shown.name) == (None, "Ana Núñez")  # type: ignore[attr-defined]


def test_a_customer_is_found_with_whoever_was_merged_into_it(book: Journal, house: House) -> None:
    ana, eva = derived("customer", "ana"), derived("customer", "eva")
    for customer in (ana, eva):
        house.log.do(RegisterCustomer(customer_id=customer))
    house.log.do(MergeCustomers(customer_id=eva, survivor_id=ana))
    for asked in (ana, eva):
        found = book.page(Search(customers=(asked,)), first=10).found
        assert {at.customer_id for _, at in found} == {ana, eva}
        assert len(found) >= 3


@pytest.mark.parametrize(
    ("asked", "field", "sentence"),
    [
        ({"first": 0}, "first", "Ask for 1 to 1,000"),
        ({"last": MAX_ENTRIES + 1}, "last", "Ask for 1 to 1,000"),
        ({"first": 1, "last": 1}, "last", "not both at once"),
        ({"first": 1, "search": Search(types=("order.place.v1",))}, "types", "Did you mean order.placed.v1?"),
        ({"first": 1, "search": Search(types=("ordre.*",))}, "types", "Did you mean order.*?"),
        ({"first": 1, "search": Search(actors=("a" * 201,))}, "actors", "1 to 200 characters"),
        ({"first": 1, "search": Search(actors=("a\0",))}, "actors", "1 to 200 characters"),
        ({"first": 1, "search": Search(actors=("a",) * 101)}, "actors", "at most 100"),
        ({"first": 1, "search": Search(customers=tuple(uuid4() for _ in range(101)))}, "customers", "at most 100"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(book: Journal, asked: Any, field: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence.replace("?", r"\?").replace("*", r"\*")) as refused:
        book.page(**asked)
    assert refused.value.field == field


def test_a_search_by_names_goes_by_the_index_and_a_page_by_positions(house: House, dsn: str) -> None:
    book = Journal(house.log.reader)
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(  # many events, without a command for each
            "insert into es.event select n, gen_random_uuid(), 1, 'order.placed.v1', null, now(), now(), 'user:' || n % 50, "
            "  'live', "
            "  gen_random_uuid(), gen_random_uuid(), case when n % 9 = 0 then n - 1 end, '{}', null "
            "  from generate_series(1, 30000) n"
        )
        db.execute("vacuum analyze es.event")
        db.execute("set enable_seqscan = off")  # what a log of millions does not do by itself either
        one = db.execute("select correlation_id from es.event where position = 15000").fetchone()
        assert one is not None

        def plan(search: Search) -> str:
            where, parameters = book.where(search)
            query = f"explain select * from es.event where position > 0 and {where} order by position limit 51"  # type: ignore[arg-type]
            return "\n".join(row[0] for row in db.execute(query, parameters).fetchall())  # type: ignore[arg-type]

        for search in (
            Search(correlation_id=one[0]),
            Search(actors=("user:nobody",)),
            Search(types=("benefit.authorised.v1",)),
            Search(occurred_from=START + timedelta(days=90_000)),
        ):
            assert "event_found" in plan(search), search
        assert "event_because" in plan(Search(because=899))
        assert "event_pkey" in plan(EVERYTHING)
        assert "event_pkey" in plan(Search(types=("order.placed.v1",)))


# What went back to what.


def nodes(of: Node) -> Iterator[tuple[Node, Node]]:
    for effect in of.effects:
        yield of, effect
        yield from nodes(effect)


def went_back(events: list[Happened], at: Any) -> tuple[int, Link] | None:
    """What an event goes back to, as the rules say it."""
    begun = {other.stream_id: (event, other) for event, other in events if other.version == 1}
    event = next(event for event, other in events if other.position == at.position)
    first = begun[at.stream_id][1]
    if at.version > 1 and (at.because is None or at.because == first.because):
        return first.position, Link.CONTINUED
    promise = begun.get(getattr(event, "follow_up_id", None))  # type: ignore[call-overload]
    if at.because is not None and promise is not None:
        other = promise[1]
        if (
            other.because == at.because
            and other.position < at.position
            and other.customer_id is not None
            and other.customer_id == at.customer_id
        ):
            return other.position, Link.KEPT
    if at.because is not None and at.because < at.position:
        return at.because, Link.CAUSED
    return None


def test_every_event_has_one_cause_at_most_and_is_among_its_effects(new_database: Callable[[], str]) -> None:
    @given(history=histories.histories, picks=st.lists(st.integers(0, 60), min_size=3))
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]], picks: list[int]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            events = lived(log, [(RegisterCustomer(customer_id=derived("customer", 1)), START), *history], picks)
            book = Journal(log.reader)
            wanted = {at.position: went_back(events, at) for _, at in events}
            effects: dict[int, list[int]] = {}
            for position, cause in wanted.items():
                if cause is not None:
                    effects.setdefault(cause[0], []).append(position)
            for _, at in events:
                chain = book.why(at.position)
                line = [*chain.causes, chain.event]
                assert chain.older is False
                for node, before in zip(line[::-1], [*line[-2::-1], None], strict=True):
                    cause = wanted[node.happened.at.position]
                    assert node.link == (cause and cause[1])
                    assert (before and before.happened.at.position) == (cause and cause[0])
                for node, effect in [(chain.event, chain.event), *nodes(chain.event)]:
                    assert not node.more
                    told = [each.happened.at.position for each in effect.effects]
                    assert told == effects.get(effect.happened.at.position, [])
                for _, effect in nodes(chain.event):
                    cause = wanted[effect.happened.at.position]
                    assert cause is not None
                    assert effect.link is cause[1]

    check()


def surveyed(log: Log) -> list[int]:
    """Ana orders, is promised a survey, gets it and answers; the positions in that order."""
    ana, order, promise, letter = (derived(name, 1) for name in ("customer", "order", "follow_up", "invitation"))
    log.do(RegisterCustomer(customer_id=ana))
    lines = (OrderLine(sku="A", quantity=1, unit_price=Decimal(5)),)
    placed = log.do(PlaceOrder(order_id=order, customer_id=ana, lines=lines)).position
    policy = Request(actor="policy:survey", because=placed)
    action = Action(kind=ActionKind.SEND_SURVEY, survey="k", invitation_id=letter)
    promised = log.do(
        ScheduleFollowUp(
            follow_up_id=promise, customer_id=ana, policy="p", policy_version=1, step="s", trigger=order,
            trigger_position=placed, action=action, due_at=START, wanted_at=START,
        ),
        policy,
    ).position  # fmt: skip
    dispatched = log.do(
        DispatchFollowUp(follow_up_id=promise, basis="CONSENT", relied_on=1), replace(policy, command_id=None)
    )
    sent = log.do(
        SendInvitation(
            invitation_id=letter, customer_id=ana, survey="k", version=1, channel=Channel.EMAIL, language="es",
            order_id=order, follow_up_id=promise,
        ),
        policy,
    ).position  # fmt: skip
    answered = log.do(AnswerSurvey(invitation_id=letter, csat=2), Request(actor="customer:1", because=sent)).position
    log.do(ShipOrder(order_id=order))
    return [placed, promised, dispatched.position, sent, answered]


def test_order_promise_letter_and_answer_hang_together(book: Journal, house: House) -> None:
    placed, promised, dispatched, sent, answered = surveyed(house.log)
    chain = book.why(answered)
    assert [(node.happened.at.position, node.link) for node in chain.causes] == [
        (placed, None), (promised, Link.CAUSED), (sent, Link.KEPT),
    ]  # fmt: skip
    assert chain.event.link is Link.CAUSED
    effects = {effect.happened.at.position: effect.link for _, effect in nodes(book.why(placed).event)}
    assert effects == {
        promised: Link.CAUSED, dispatched: Link.CONTINUED, sent: Link.KEPT, answered: Link.CAUSED,
        answered + 1: Link.CONTINUED,
    }  # fmt: skip


def test_a_chain_is_followed_so_far_and_says_where_it_goes_on(
    book: Journal, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed, promised, _, sent, answered = surveyed(house.log)
    near = book.why(placed, depth=1).event
    assert [(each.happened.at.position, each.effects, each.more) for each in near.effects] == [
        (promised, [], True), (answered + 1, [], False),
    ]  # fmt: skip
    assert [node.happened.at.position for node in book.why(answered, depth=1).causes] == [sent]
    assert book.why(answered, depth=1).older
    assert not book.why(answered, depth=3).older
    house.log.do(DeliverOrder(order_id=derived("order", 1)))
    monkeypatch.setattr(journal, "MAX_EFFECTS_OF_ONE", 2)
    whole = book.why(placed).event
    assert ([each.happened.at.position for each in whole.effects], whole.more) == ([promised, answered + 1], True)
    monkeypatch.setattr(journal, "MAX_EFFECTS_OF_ONE", 50)
    monkeypatch.setattr(journal, "MAX_CHAIN_EVENTS", 3)
    whole = book.why(placed).event
    assert len(list(nodes(whole))) == 3
    assert any(effect.more for _, effect in [(whole, whole), *nodes(whole)])


@pytest.mark.parametrize(("position", "depth", "field"), [(99, 3, "position"), (1, 0, "depth"), (1, 33, "depth")])
def test_what_has_no_reason_is_refused(book: Journal, house: House, position: int, depth: int, field: str) -> None:
    house.log.do(RegisterCustomer(customer_id=derived("customer", 1)))
    with pytest.raises(Refused) as refused:
        book.why(position, depth=depth)
    assert refused.value.field == field
