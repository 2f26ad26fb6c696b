"""A shop on a fresh database, and a whole company on another one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from domain import DECIDERS
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from tests.conftest import KEK, House
from tests.processes.following import Company
from tests.processes.shop import Shop

Found = Callable[..., Company]


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop whose letters go into a maildir."""
    return Shop(house.log, tmp_path / "mail")


@pytest.fixture
def undisturbed(new_database: Callable[[], str], tmp_path: Path) -> Iterator[Found]:
    """Makes a company that lives for so many half days with one worker to whom nothing ever happens."""
    with ExitStack() as open:

        def found(half_days: int, **words: Any) -> Company:
            dsn = new_database()
            log = Log(pool := open.enter_context(open_pool(dsn)), DECIDERS, KeyRing(pool, KEK))
            return Company(House(dsn, log), tmp_path / "undisturbed", **words).go_on(half_days)

        yield found
