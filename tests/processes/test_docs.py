"""What the page about delivery says is so."""

import doctest
from pathlib import Path

import orjson

from api.cloud_events import MAX_EVENTS, events_of
from api.limits import MAX_WEBHOOK_BYTES
from domain import DECIDERS
from eventstore.commands import Commands
from processes.outbox import MAX_ATTEMPTS, body_of

PAGE = Path(__file__).parents[2] / "docs" / "delivery.md"


def test_a_receiver_can_prove_a_webhook_as_the_page_says() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert (found.attempted, found.failed) == (7, 0)


def test_the_page_shows_the_body_of_a_message_and_counts_the_attempts() -> None:
    text = PAGE.read_text()
    assert body_of("order", None).decode().replace("null", '"…"') in text
    assert MAX_ATTEMPTS == 9


def test_the_event_that_the_page_shows_is_one_and_its_data_a_command() -> None:
    text = PAGE.read_text()
    shown = text[text.index('    {"specversion"') : text.index("- `commands` says")]
    [event] = events_of([(b"content-type", b"application/cloudevents+json")], shown.encode())
    assert Commands(DECIDERS).read("placeOrder", event.data)
    assert event.time is not None
    assert f"more than {MAX_WEBHOOK_BYTES:,} bytes or {MAX_EVENTS} events" in text
    assert orjson.loads(shown)["type"] == event.type
