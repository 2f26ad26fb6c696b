"""What is computed over all customers and needed for each: computed once, and again when the log has gone on."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from projections.lists import Lists
from projections.view import View

T = TypeVar("T")

MAX_KEPT = 64
EDGES_SHARE = 0.01
"""At most this share of the time goes into computing edges again, however fast the log goes on."""
MODEL_SHARE = 0.001


@dataclass(slots=True)
class Kept:
    """An answer, the position at which it was asked for, and until when it does without a newer one."""

    answer: Any = None
    position: int = -1
    until: float = 0.0
    lock: Lock = field(default_factory=Lock)


_kept: WeakKeyDictionary[Lists, OrderedDict[Hashable, Kept]] = WeakKeyDictionary()
_lock = Lock()


def remembered(lists: Lists, view: View[Any], key: Hashable, compute: Callable[[], T], *, share: float = 0.0) -> T:
    """The answer of `compute`, or the one of before if the view has not gone on since.

    With a `share` the one of before does for a while also when it has: as long as it takes for the time that was spent
    on it to be that share of all time. Answers say at which position they were computed.
    """
    with _lock:
        ours = _kept.setdefault(lists, OrderedDict())
        kept = ours.setdefault(key, Kept())
        ours.move_to_end(key)
        while len(ours) > MAX_KEPT:
            ours.popitem(last=False)
    with kept.lock:
        position = lists.position(view)
        if kept.position == position or (share and monotonic() < kept.until):
            return cast(T, kept.answer)
        start = monotonic()
        kept.answer = compute()
        end = monotonic()
        kept.position, kept.until = position, end + (end - start) / share if share else end
        return cast(T, kept.answer)
