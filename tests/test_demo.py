import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from api import demo
from api.demo import DAY, simulated
from api.demo import demo as load
from api.house import House as WholeHouse
from api.settings import Settings
from domain.consent import ConsentGranted
from domain.follow_up import FollowUpDispatched, FollowUpScheduled
from domain.invitation import SurveyResponded
from domain.kernel import Refused, derived, reference
from domain.order import OrderLine, OrderPlaced, PlaceOrder
from domain.survey import POST_PURCHASE
from eventstore.envelope import Happened, Origin
from eventstore.reader import AsOf
from processes import POLICIES, post_purchase_survey
from processes.letters import Stationery
from processes.worker import Worker
from projections import VIEWS
from projections.customers import customers
from projections.engine import Engine
from projections.lists import Lists
from projections.touchpoints import due
from tests.conftest import House

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 75
SINCE = UNTIL - DAYS * DAY
CUSTOMERS = 14
LINES = (OrderLine(sku="A", quantity=1, unit_price=Decimal(5)),)


@pytest.fixture(scope="module")
def played() -> list[Happened]:
    """What happens in a short demo."""
    return simulated(1, SINCE, UNTIL, CUSTOMERS)


@pytest.fixture
def whole(house: House, tmp_path: Path) -> WholeHouse:
    """A house with its views."""
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    return WholeHouse(Settings(home=tmp_path), house.dsn, house.log, Lists(house.log, house.pool), engine)


def worker(whole: WholeHouse, now: datetime) -> Worker:
    """The worker of the house, at a moment."""
    stationery = Stationery(sender="a@example.com", company="A", base_url="http://localhost", secret=bytes(32))
    return Worker(whole.log, whole.engine, POLICIES, demo.Nowhere(), stationery, now=lambda: now)


class Others:
    """Somebody who places one order after the other."""

    def __init__(self, whole: WholeHouse) -> None:
        self.whole = whole
        self.count = 0
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._place)

    def __enter__(self) -> "Others":
        self._thread.start()
        while not self.count:
            self._enough.wait(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _place(self) -> None:
        while not self._enough.is_set():
            id = reference("order", "others", str(self.count))
            self.whole.log.do(PlaceOrder(order_id=id, customer_id=id, lines=LINES))
            self.count += 1


def digest(happened: Sequence[Happened]) -> str:
    """Of everything but the times of recording."""
    told = [(event, at._replace(recorded_at=at.occurred_at)) for event, at in happened]
    return sha256(repr(told).encode()).hexdigest()


def test_the_same_seed_tells_the_same_story_and_another_one_another(played: list[Happened]) -> None:
    assert digest(simulated(1, SINCE, UNTIL, CUSTOMERS)) == digest(played)
    assert digest(simulated(2, SINCE, UNTIL, 3)) != digest(simulated(1, SINCE, UNTIL, 3))


def test_the_story_has_something_of_everything(played: list[Happened]) -> None:
    types = {at.type.split(".")[0] for _, at in played}
    assert types == {
        "customer", "consent", "product", "order", "interaction", "survey", "invitation", "follow_up", "programme",
        "activity", "case", "case_sla", "sla", "work_item",
    }  # fmt: skip
    assert any(isinstance(event, SurveyResponded) for event, _ in played)
    assert all(SINCE <= at.occurred_at <= UNTIL for _, at in played)


def test_the_demo_is_loaded_once_and_whole(whole: WholeHouse) -> None:
    told: list[tuple[int, int]] = []
    first = load(whole, until=UNTIL, days=DAYS, customers=CUSTOMERS, progress=lambda done, of: told.append((done, of)))
    assert (first.already, first.customers) == (False, CUSTOMERS)
    assert first.events == whole.log.reader.head()
    assert first.since == SINCE
    assert told[-1] == (DAYS, DAYS)
    assert told == sorted(told)
    again = load(whole, seed=7, until=UNTIL + DAY, customers=3)
    assert (again.already, again.events, again.orders) == (True, first.events, first.orders)
    assert whole.log.reader.head() == first.events
    assert "already" in again.sentence()
    assert again.as_json()["events"] == first.events


def test_it_does_not_end_in_the_future(whole: WholeHouse) -> None:
    with pytest.raises(Refused, match="past"):
        load(whole, until=datetime.now(UTC) + DAY)


def test_it_comes_after_what_is_there_and_refers_to_its_own_events(whole: WholeHouse, played: list[Happened]) -> None:
    worker(whole, UNTIL).run()  # what the policies need is here
    whole.log.do(
        PlaceOrder(order_id=reference("order", "x", "1"), customer_id=reference("customer", "x", "1"), lines=LINES)
    )
    worker(whole, UNTIL).run()
    others = Others(whole)
    with others:  # who go on meanwhile
        demo._take_in(whole.log, played)
    page = {at.position: (event, at) for each in demo._pages(whole.log) for event, at in each}
    assert others.count > 1
    new = {position: found for position, found in page.items() if found[1].origin == Origin.IMPORT}
    needed = set(demo._needed(whole.log))
    assert len(new) == sum(at.stream_id not in needed for _, at in played) < len(played)  # what is needed is here
    for event, at in new.values():
        if at.because is not None:
            assert new[at.because][1].customer_id == at.customer_id
        if isinstance(event, FollowUpScheduled):
            cause = new[event.trigger_position][1]
            if cause.customer_id is not None:
                assert cause.customer_id == at.customer_id
            if event.policy == post_purchase_survey.policy.name and event.step == "survey":
                assert cause.stream_id == event.trigger
        if isinstance(event, FollowUpDispatched):
            basis, about = new[event.relied_on]
            assert about.customer_id == at.customer_id
            if event.basis == "CONSENT":
                assert isinstance(basis, ConsentGranted)


def test_a_worker_of_the_house_meets_only_what_is_still_to_come(whole: WholeHouse, played: list[Happened]) -> None:
    live = worker(whole, UNTIL)
    live.run()
    demo._take_in(whole.log, played)
    head = whole.log.reader.head()
    live.run()
    assert whole.log.reader.head() == head
    whole.engine.catch_up()
    waiting = whole.lists.page(due.view, first=100).rows
    assert waiting
    assert all(row.due_at is not None and row.due_at > UNTIL for row in waiting)
    worker(whole, UNTIL + 3 * DAY).run()
    assert whole.log.reader.head() > head


def test_the_ids_of_a_worker_of_the_house_stay_free(whole: WholeHouse, played: list[Happened]) -> None:
    demo._take_in(whole.log, played)
    taken = {at.command_id for page in demo._pages(whole.log) for _, at in page}
    live = {
        derived("policy", policy.name, n, step)
        for policy in POLICIES
        for n in range(len(played) + 1)
        for step in (0, 1)
    }
    assert not taken & live


def test_the_demo_can_be_looked_at_as_of_any_day_of_its_year(whole: WholeHouse, played: list[Happened]) -> None:
    demo._take_in(whole.log, played)
    whole.engine.catch_up()
    early = whole.lists.page(customers.view, first=100, as_of=AsOf(time=SINCE + 5 * DAY)).rows
    late = whole.lists.page(customers.view, first=100, as_of=AsOf(time=UNTIL)).rows
    assert 0 < len(early) < len(late) == CUSTOMERS


def test_of_two_who_load_it_at_once_one_does(whole: WholeHouse, played: list[Happened]) -> None:
    threads = [threading.Thread(target=demo._take_in, args=(whole.log, played)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert whole.log.reader.head() == len(played)


def test_ids_that_are_in_use_are_left_alone(whole: WholeHouse, played: list[Happened]) -> None:
    taken = next(at.stream_id for event, at in played if isinstance(event, OrderPlaced))
    whole.log.do(PlaceOrder(order_id=taken, customer_id=taken, lines=LINES))
    with pytest.raises(Refused, match="in use"):
        demo._take_in(whole.log, played)
    assert whole.log.reader.head() == 1


def test_history_is_published_before_anything_else_happens(played: list[Happened]) -> None:
    assert played[0].at.stream_id == POST_PURCHASE.survey_id
    assert played[0].at.occurred_at == SINCE
