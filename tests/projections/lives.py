"""Lives of small companies, folded, so that questions can be compared with a plain evaluation of the same events."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.kernel import Command
from eventstore.database import open_pool
from eventstore.envelope import Happened
from eventstore.log import Log
from eventstore.personal import KeyRing
from projections.engine import Engine
from projections.lists import Lists
from projections.view import View
from tests.conftest import KEK
from tests.projections.histories import live_through
from tests.projections.histories_catalogue import lived

PHASES = (Phase.reuse, Phase.generate)
"""A life that fails is not made smaller: each needs a database of its own, which takes too long."""


def for_each_life(
    new_database: Callable[[], str],
    asked: st.SearchStrategy[Command],
    views: Sequence[View[Any]],
    check: Callable[[Lists], bool],
    *,
    examples: int = 8,
) -> None:
    """Checks the views of random lives. `check` says whether it compared something: once at least, or nothing was tested."""
    compared: list[bool] = []

    @given(history=lived(asked))
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
    def each(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            engine = Engine(log, pool, views)
            engine.prepare()
            engine.catch_up()
            assert all(standing.parked == 0 for standing in engine.standings())
            compared.append(check(Lists(log, pool)))

    each()
    assert any(compared)


def events_of(lists: Lists, view: View[Any], position: int | None = None) -> list[Happened]:
    """What a view is made of, up to a position, with today's identities and without what was taken back."""
    pages = lists.log.reader.fold(types=lists.log.codec.names(view.events))
    return [each for page in pages for each in page if position is None or each.at.position <= position]
