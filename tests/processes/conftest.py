"""A shop on a fresh database."""

from pathlib import Path

import pytest

from tests.conftest import House
from tests.processes.shop import Shop


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop whose letters go into a maildir."""
    return Shop(house.log, tmp_path / "mail")
