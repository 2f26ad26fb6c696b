"""Verdicts: what an examination of the log, or of a bundle, comes to."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """OK, ERASED-OK (the same, and every value that is gone was erased as a sealed event says), PRUNED (reads alone: the same,
    and what is gone was older than reads are kept), TAMPERED, or UNSEALED."""

    OK = "OK"
    ERASED_OK = "ERASED-OK"
    PRUNED = "PRUNED"
    TAMPERED = "TAMPERED"
    UNSEALED = "UNSEALED"


class Finding(NamedTuple):
    """What is wrong, and where: at one position, or at one at least from `first` to `last`.

    `indirect` is what says nothing of the events by itself: a signature or a reason that is missing, something beside the log.
    """

    first: int
    last: int
    what: str
    indirect: bool = False

    @property
    def place(self) -> str:
        """The position, or the range of them."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `findings` stand in the order of how soon and how exactly they are known; the first one counts.

    `sealed` is the size of the last signed tree, `unsealed` how many events came after it, `heads` how many signed heads
    were checked, `compared` how many that were kept outside. `notices` are no evidence, and worth to be looked at.
    """

    events: int
    sealed: int
    heads: int = 0
    compared: int = 0
    erased: int = 0
    unsealed: int = 0
    findings: tuple[Finding, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The word for it."""
        if self.findings:
            return Verdict.TAMPERED
        if not self.sealed and self.events:
            return Verdict.UNSEALED
        return Verdict.ERASED_OK if self.erased else Verdict.OK


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The first bad position first; one that is known exactly before the ranges that it lies in; what is outside at last."""

    def rank(each: Finding) -> tuple[object, ...]:
        return each.indirect, each.last < 1, each.last, each.last - each.first, each.what

    return tuple(sorted(set(findings), key=rank))
