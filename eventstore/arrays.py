"""Arrays as PostgreSQL writes them: thousands of values go faster as one text than as a list of them."""

from collections.abc import Iterable
from uuid import UUID


def id_array(ids: Iterable[UUID]) -> str:
    """An array of ids."""
    return "{" + ",".join([id.hex for id in ids]) + "}"


def names_array(names: Iterable[str]) -> str:
    """An array of stored names."""
    return "{" + ",".join([f'"{name}"' for name in names]) + "}"


def number_array(numbers: Iterable[int]) -> str:
    """An array of numbers."""
    return "{" + ",".join(map(str, numbers)) + "}"


def bytes_array(values: Iterable[bytes]) -> str:
    """An array of bytes."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"
