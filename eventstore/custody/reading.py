"""Reading as the data protection officer: what is blocked opens, and stays blocked for everybody else."""

from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eventstore.custody.custodian import Custodian
from eventstore.custody.officer import Officer
from eventstore.personal import KeyRing


class OfficersRing(KeyRing):
    """The ring of a custodian, and the officer's key beside it: give it to a `Reader`. Nothing of it is cached."""

    reads_blocked = True

    def __init__(self, custodian: Custodian, officer: Officer) -> None:
        super().__init__(custodian.ring.pool, custodian.ring.providers)
        self._custodian = custodian
        self._officer = officer

    def for_reading(self, key_ids: Iterable[int]) -> dict[int, AESGCM]:
        """The keys that can be read by, those that are blocked among them. Raises `OfficerError`."""
        wanted = set(key_ids)
        found = super().for_reading(wanted)
        return found | self._custodian.opened(wanted - found.keys(), self._officer)
