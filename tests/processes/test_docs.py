"""What the page about delivery says is so."""

import doctest
from pathlib import Path

from processes.outbox import MAX_ATTEMPTS, body_of

PAGE = Path(__file__).parents[2] / "docs" / "delivery.md"


def test_a_receiver_can_prove_a_webhook_as_the_page_says() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert (found.attempted, found.failed) == (7, 0)


def test_the_page_shows_the_body_of_a_message_and_counts_the_attempts() -> None:
    text = PAGE.read_text()
    assert body_of("order", None).decode().replace("null", '"…"') in text
    assert MAX_ATTEMPTS == 9
