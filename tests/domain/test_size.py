"""The size of the language: enough events for a whole business, and few enough to be read."""

import re

from domain import DECIDERS

FEWEST, MOST = 150, 270
EVENTS = [event for noun in DECIDERS for event in noun.events]


def test_the_events_are_enough_and_can_still_be_read() -> None:
    assert FEWEST <= len(EVENTS) <= MOST


def test_an_event_says_in_one_sentence_what_happened() -> None:
    said = {event.stored_as: " ".join((event.__doc__ or "").split()) for event in EVENTS}
    assert {name: text for name, text in said.items() if re.search(r"[.?!] ", text)} == {}
