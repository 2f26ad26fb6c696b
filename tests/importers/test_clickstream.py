import gzip
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from api.importers import clickstream
from api.importers.importing import Report, run
from domain import DECIDERS
from domain.cart import CartIdentified, CartStarted
from domain.customer import CustomerRegistered
from domain.interaction import InteractionStarted
from domain.kernel import Event, Refused, reference
from domain.web_session import MAX_HITS, PageViewed, SessionIdentified, WebSessionStarted
from eventstore.commands import Commands
from eventstore.envelope import Happened
from tests.conftest import House
from tests.importers.conftest import refusals

WHOLE_FILE = Path(__file__).parents[3] / "shared/data/clickstream/ecom.csv.gz"
HEADER = "user_id,session_id,event,timestamp,platform,acquisition_channel\n"
ANA = reference("customer", "clickstream", "ana")

SHOP = HEADER + (
    "ana,s1,home,2024-03-13 10:00:00,mobile,email\n"
    "luis,s2,home,2024-03-13 10:00:01,desktop,organic\n"
    "ana,s1,add_to_cart,2024-03-13 10:00:30,mobile,email\n"
    "ana,s1,support_chat,2024-03-13 10:02:00,mobile,email\n"
    "luis,s2,support_chat,2024-03-13 10:05:00,desktop,organic\n"
    "ana,s3,product_view,2024-03-14 09:00:00,mobile,email\n"
    "ana,s3,purchase,2024-03-14 09:10:00,mobile,email\n"
    "ana,s4,home,2024-03-15 09:00:00,mobile,email\n"
)

Load = Callable[..., Report]


@pytest.fixture
def load(house: House, tmp_path: Path) -> Load:
    def load(content: str | bytes | Path, **options: Any) -> Report:
        path = content if isinstance(content, Path) else tmp_path / "file"
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return run(clickstream.importer, str(path), log=house.log, commands=Commands(DECIDERS), **options)

    return load


def stream(house: House, noun: str, key: str) -> list[Happened]:
    return house.log.reader.stream(reference(noun, "clickstream", key), disclose=True)


def hits(house: House, session: str) -> list[tuple[int, int, str]]:
    return [
        (event.number, event.at_s, event.page)
        for event, _ in stream(house, "web_session", session)
        if isinstance(event, PageViewed)
    ]


def of(house: House, kind: type[Event]) -> list[Happened]:
    return [found for found in house.log.reader.page(0, disclose=True) if isinstance(found.event, kind)]


def test_a_session_is_one_stream_of_hits_in_the_order_of_time_however_the_lines_are_mixed(
    house: House, load: Load
) -> None:
    report = load(SHOP)
    assert (report.complete, report.read_lines) == (True, 9)
    started = stream(house, "web_session", "s1")[0]
    assert isinstance(started.event, WebSessionStarted)
    assert (started.event.anonymous_id, started.event.landing) == ("ana", "home")
    assert (started.event.referrer, started.event.device) == ("email", "mobile")
    assert started.at.occurred_at == datetime.fromisoformat("2024-03-13T10:00:00Z")
    assert hits(house, "s1") == [(1, 0, "home"), (2, 30, "add_to_cart"), (3, 120, "support_chat")]
    assert sum(len(hits(house, session)) for session in ("s1", "s2", "s3", "s4")) == 8


def test_the_order_of_the_lines_changes_nothing(house: House, load: Load) -> None:
    header, *lines = SHOP.splitlines(keepends=True)
    load(header + "".join(reversed(lines)))
    assert hits(house, "s1") == [(1, 0, "home"), (2, 30, "add_to_cart"), (3, 120, "support_chat")]
    assert load(SHOP).events == 0
    assert len(of(house, SessionIdentified)) == 3


def test_who_buys_was_there_before_and_comes_again_as_the_same_customer(house: House, load: Load) -> None:
    load(SHOP)
    [(registered, at)] = of(house, CustomerRegistered)
    assert isinstance(registered, CustomerRegistered)
    assert (registered.source, registered.name, at.stream_id) == ("email", None, ANA)
    assert at.occurred_at == datetime.fromisoformat("2024-03-14T09:10:00Z")
    when = {at.stream_id: at.occurred_at.day for event, at in of(house, SessionIdentified)}
    assert when == {
        reference("web_session", "clickstream", key): day for key, day in (("s1", 14), ("s3", 14), ("s4", 15))
    }
    known = house.log.reader.customers([ANA])
    assert sum(isinstance(event, PageViewed) for event, _ in known) == 6


def test_somebody_is_known_from_the_first_time_on_even_if_it_stands_last_in_the_file(house: House, load: Load) -> None:
    load(SHOP + "ana,s0,purchase,2024-03-12 08:00:00,mobile,social\n")
    [(registered, at)] = of(house, CustomerRegistered)
    assert isinstance(registered, CustomerRegistered)
    assert (registered.source, at.occurred_at.day) == ("social", 12)


def test_a_cart_is_opened_once_and_a_chat_begins_only_with_somebody_who_is_known(house: House, load: Load) -> None:
    load(SHOP.replace("support_chat,2024-03-13 10:02:00", "add_to_cart,2024-03-13 10:02:00"))
    [(cart, _)] = of(house, CartStarted)
    assert isinstance(cart, CartStarted)
    assert cart.web_session_id == reference("web_session", "clickstream", "s1")
    assert len(of(house, CartIdentified)) == 1
    assert of(house, InteractionStarted) == []
    load(SHOP.replace("s1", "s9"))
    [(chat, at)] = of(house, InteractionStarted)
    assert isinstance(chat, InteractionStarted)
    assert (chat.customer_id, chat.channel, at.occurred_at.minute) == (ANA, "CHAT", 2)


def test_a_file_that_comes_again_brings_nothing_but_what_was_added_to_it(house: House, load: Load) -> None:
    load(SHOP)
    again = load(SHOP)
    assert (again.taken, again.events, again.refused) == (0, 0, 0)
    more = load(SHOP + "luis,s2,cart,2024-03-13 10:06:00,desktop,organic\n")
    assert (more.events, more.refused) == (1, 0)
    assert hits(house, "s2")[-1] == (3, 359, "cart")


def test_a_session_that_comes_again_with_another_beginning_is_refused(house: House, load: Load) -> None:
    load(SHOP)
    report = load(HEADER + "luis,s2,cart,2024-03-13 11:06:00,desktop,organic\n")
    assert refusals(report) == [(2, "webSessionId")]
    assert len(hits(house, "s2")) == 2


def test_times_are_of_the_zone_that_was_told_unless_they_say_their_own(house: House, load: Load) -> None:
    text = HEADER + "a,s,home,2024-07-01 12:00:00,x,y\na,s,home,2024-07-01T12:00:00+00:00,x,y\n"
    load(text, settings={"timezone": "Europe/Madrid"})
    assert hits(house, "s") == [(1, 0, "home"), (2, 7200, "home")]
    with pytest.raises(Refused, match="IANA"):
        load(text, settings={"timezone": "Madrid"})


def test_what_makes_a_visitor_known_can_be_told(house: House, load: Load) -> None:
    load(SHOP, settings={"known_by": "support_chat, purchase", "cart": "product_view", "chat": "none"})
    assert len(of(house, CustomerRegistered)) == 2
    assert len(of(house, CartStarted)) == 1
    assert of(house, InteractionStarted) == []


BAD = [
    ("ana,s1,home,13/03/2024 10:00,mobile,email", "timestamp"),
    ("ana,s1,home,2024-03-13,mobile,email", "timestamp"),
    ("ana,s1,home,1024-03-13 10:00:00,mobile,email", "timestamp"),
    ("ana,s1,home,9024-03-13 10:00:00,mobile,email", "timestamp"),
    (",s1,home,2024-03-13 10:00:00,mobile,email", "user_id"),
    ("ana,,home,2024-03-13 10:00:00,mobile,email", "session_id"),
    ("ana,s1,,2024-03-13 10:00:00,mobile,email", "event"),
    ("ana,s1,?a=b,2024-03-13 10:00:00,mobile,email", "event"),
    ("ana,s1," + "e" * 201 + ",2024-03-13 10:00:00,mobile,email", "event"),
    ("luis,s1,home,2024-03-13 10:00:00,mobile,email", "user_id"),
    ("ana,s1,home,2024-03-30 10:00:00,mobile,email", "timestamp"),
    ("ana,s1,home,2024-03-13 10:00:00", None),
    ("ana,s1," + "e" * 30_000 + ",2024-03-13 10:00:00,mobile,email", "event"),
    ('ana,s1,"home,2024-03-13 10:00:00,mobile,email', None),
]


def test_a_bad_line_names_its_column_and_never_loses_a_good_one(house: House, load: Load) -> None:
    good = "ana,s1,home,2024-03-13 10:00:00,mobile,email\n"
    report = load(HEADER + good + "".join(f"{bad}\n" for bad, _ in BAD[:-1]) + good + BAD[-1][0])
    found = sorted(refusals(report), key=lambda each: each[0])
    last = len(BAD) + 3
    assert found == [*((n, field) for n, (_, field) in enumerate(BAD[:-1], 3)), (last, None)]
    assert len(hits(house, "s1")) == 2


def test_a_line_in_another_encoding_is_refused_alone(house: House, load: Load) -> None:
    line = "ana,s1,búsqueda,2024-03-13 10:00:00,mobile,email\n"
    report = load(HEADER.encode() + line.encode() + line.encode("cp1252"))
    assert refusals(report) == [(3, None)]
    assert hits(house, "s1") == [(1, 0, "búsqueda")]


def test_a_file_without_its_columns_is_refused_naming_one(load: Load) -> None:
    with pytest.raises(Refused, match="session_id"):
        load("user_id,event,timestamp\n")
    with pytest.raises(Refused, match="empty"):
        load("")


def test_a_session_that_may_not_be_complete_waits_for_the_whole_file(house: House, load: Load) -> None:
    report = load(gzip.compress(SHOP.encode())[:-4])
    assert (report.damage is not None, report.refused) == (True, 8)
    assert of(house, WebSessionStarted) == []
    assert load(gzip.compress(SHOP.encode())).complete
    assert len(hits(house, "s1")) == 3


def test_lines_that_come_long_after_their_session_are_refused(
    house: House, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickstream, "MAX_OPEN_SESSIONS", 2)
    others = "".join(f"luis,o{n},home,2024-03-13 10:00:00,x,y\n" for n in range(3))
    line = "ana,s1,home,2024-03-13 10:00:00,mobile,email\n"
    report = load(HEADER + line + others + line)
    assert refusals(report) == [(6, "session_id")]
    assert len(hits(house, "s1")) == 1


def test_what_a_session_cannot_hold_is_refused_line_by_line(house: House, load: Load) -> None:
    line = "ana,s1,home,2024-03-13 10:00:00,mobile,email\n"
    report = load(HEADER + line * (MAX_HITS + 3))
    assert refusals(report) == [(MAX_HITS + 2 + n, "session_id") for n in range(3)]
    assert len(hits(house, "s1")) == MAX_HITS


@pytest.mark.skipif(not WHOLE_FILE.exists(), reason="the click-stream file is not part of the repository")
def test_every_line_of_the_whole_file_is_a_hit_and_whoever_bought_is_known(house: House, load: Load) -> None:
    report = load(WHOLE_FILE)
    assert (report.complete, report.left_aside, report.read_lines) == (True, {}, 31_107)
    count: Counter[type] = Counter()
    pages: Counter[str] = Counter()
    visitors = set()
    kinds: list[type[Event]] = [
        PageViewed,
        WebSessionStarted,
        CustomerRegistered,
        CartStarted,
        SessionIdentified,
        InteractionStarted,
    ]
    for page in house.log.reader.fold(types=house.log.codec.names(kinds), disclose=True):
        for event, _ in page:
            count[type(event)] += 1
            if isinstance(event, PageViewed):
                pages[event.page] += 1
            if isinstance(event, WebSessionStarted):
                visitors.add(event.anonymous_id)
    assert (count[PageViewed], count[WebSessionStarted], len(visitors)) == (31_106, 3_605, 600)
    assert (pages["product_view"], pages["add_to_cart"], pages["purchase"]) == (6_851, 1_346, 470)
    assert count[CustomerRegistered] == 328
    assert (count[CartStarted], count[SessionIdentified], count[InteractionStarted]) == (1_213, 2_117, 153)
    again = load(WHOLE_FILE)
    assert (again.taken, again.events, again.refused) == (0, 0, 0)
