"""The same house that the doors are tested with."""

from tests.api.conftest import house

__all__ = ["house"]
