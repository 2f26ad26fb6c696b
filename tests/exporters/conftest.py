"""A small life of everything, to be exported: random, mixed, with merges and an import that was taken back."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from domain import DECIDERS
from domain.kernel import Command
from eventstore.envelope import Happened
from eventstore.journal import Search
from eventstore.log import Log
from tests.projections import histories, histories_identity, histories_marketing, histories_sales, histories_service

lives = (
    histories.histories
    | histories_identity.histories
    | histories_marketing.histories
    | histories_sales.histories_of_sales
    | histories_service.night("items", "calls", "shifts", "cases", most=2)
)
History = list[tuple[Command, datetime]]
Counts = Callable[[Any], bool]
NOUN = {event.stored_as: decider.noun for decider in DECIDERS for event in decider.events}


def as_read_today(log: Log, counts: Counts = lambda at: True) -> list[Happened]:
    """The events that count today, each with whom its customer is taken to be."""
    pages = log.reader.fold(types=sorted(NOUN))
    counted = {at.position: at for page in pages for _, at in page}
    found = []
    for event, at in log.reader.page(0, 10_000, disclose=True):
        if at.position in counted and counts(at):
            found.append(Happened(event, at._replace(customer_id=counted[at.position].customer_id)))
    return found


EVERYTHING = Search()
