"""Examining: the whole log is read again and held against its tree, its signed heads, and heads that were kept elsewhere."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from psycopg import Connection

from domain.values import EMPTY
from eventstore.evidence.correcting import UNSAID, Forgotten, corrects, forgotten
from eventstore.evidence.reading import CHANGED, DESTROYED, Rows, Standing, destroyed_by, fetch, standing
from eventstore.evidence.tree import (
    NOTHING,
    Sealed,
    heads,
    known_keys,
    sealed_log,
    stored_leaves,
    stored_roots,
)
from eventstore.evidence.verdict import Finding, Report, in_order
from eventstore.sealing.merkle import EMPTY_ROOT, Frontier, leaf_hash
from eventstore.sealing.notes import Checkpoint, VerifierKey
from eventstore.sealing.tiles import HEIGHT, MAX_LEVEL, WIDTH, perfect

PAGE = 32 * WIDTH
"""How many events are read at once."""
MAX_FINDINGS = 1_000
"""So many are told; the first one counts."""
SKEW = "5 minutes"
"""How far the clock of the database may be turned back between an append and the signing of its head."""
LATE = "1 hour"
"""Events that were sealed so long after they say that they were recorded are mentioned."""

REMOVED = "its hash was removed from the tree"
BACKWARDS = "it was recorded before the one that stands before it"
ANOTHER = "it is not the one that was kept"
OUTSIDE = "it belongs to no event"

Progress = Callable[[int, int], None]


class Head(NamedTuple):
    """A tree head, of the database or kept elsewhere; `trusted` whether it is signed as it must be."""

    size: int
    root: bytes
    trusted: bool = True


class Page(NamedTuple):
    """A range of the log, and the hashes that the tree has of it, by position."""

    rows: Rows
    known: Mapping[int, bytes]


def examine(
    db: Connection,
    *,
    keys: Sequence[VerifierKey] = (),
    kept: Sequence[Checkpoint] = (),
    older: Mapping[int, bytes] = EMPTY,
    progress: Progress = lambda done, of: None,
) -> Report:
    """Reads every event again, in one snapshot of `db`, and says whether it is what was sealed.

    `keys` are whose signatures count; those that the database names, if there are none. `kept` are heads that somebody kept,
    and `older` the hashes of leaves that somebody kept, by their index. A million events take less than a minute.
    """
    with db.transaction():
        db.execute("set transaction isolation level repeatable read, read only")
        return Examination(db, keys, kept, older).report(progress)


class Examination:
    """One reading of the log, from the first position to the last, in the transaction of its connection."""

    def __init__(
        self, db: Connection, keys: Sequence[VerifierKey], kept: Sequence[Checkpoint], older: Mapping[int, bytes]
    ) -> None:
        self.db = db
        self.older = older
        self.sealed_as = sealed_log(db) or Sealed(0, "")
        tree, origin = self.sealed_as
        keys = keys or known_keys(db, self.sealed_as)
        stored = [Head(head.size, head.root, head.is_signed(origin, keys)) for head in heads(db, tree)]
        ours = [Head(each.size, each.root) for each in kept if each.origin == origin]
        self.heads = deque(sorted([*stored, *ours]))
        self.counted = len(stored), len(ours)
        self.sealed = max((head.size for head in stored), default=0)
        (self.last,) = db.execute("select coalesce(max(position), 0) from es.event").fetchone() or (0,)
        self.findings: list[Finding] = []
        self.forgotten: list[Forgotten] = []
        self.named: set[tuple[int, int]] = set()
        self.awaited: dict[int, Standing | None] = {}
        self.good = self.reached = 0
        self.above = Frontier()
        self.roots: list[bytes] = []

    def report(self, progress: Progress) -> Report:
        """Reads it all."""
        end, past_us = max(self.last, self.sealed), 0
        self._hold_empty()
        for page in self._pages(end):
            leaves, past_us = self._read(page, past_us)
            for start in range(0, len(leaves), WIDTH):
                self._grow(leaves[start : start + WIDTH])
            progress(page.rows.positions[-1], end)
        while self.heads:
            self._hold(self.heads.popleft(), b"")
        self._compare_roots()
        self._must_be_named()
        self._look_outside()
        stored, compared = self.counted
        return Report(
            self.last, self.sealed, stored, compared, len(self.forgotten), max(0, self.last - self.sealed),
            in_order(self.findings)[:MAX_FINDINGS], tuple(self._late()),
        )  # fmt: skip

    def _pages(self, end: int) -> Iterator[Page]:
        """Page after page; while one is looked at, the server is asked for the next."""

        def read(after: int) -> Page:
            positions = range(after + 1, min(after + PAGE, end) + 1)
            return Page(fetch(self.db, positions), stored_leaves(self.db, self.sealed_as.tree, positions))

        with ThreadPoolExecutor(1, thread_name_prefix="examine") as ahead:
            coming = deque(ahead.submit(read, after) for after in range(0, min(end, 2 * PAGE), PAGE))
            for after in range(0, end, PAGE):
                page = coming.popleft().result()
                if after + 2 * PAGE < end:
                    coming.append(ahead.submit(read, after + 2 * PAGE))
                yield page

    def _read(self, page: Page, past_us: int) -> tuple[list[bytes], int]:
        """The hashes of the leaves as the events make them, and when the last of them was recorded."""
        leaves = []
        for here in standing(page.rows):
            leaf = leaf_hash(here.entry)
            leaves.append(leaf)
            if (
                wrong := here.wrong
                or self._changed(here, leaf, page.known)
                or (here.recorded_us < past_us and BACKWARDS)
            ):
                self._find(here.position, here.position, wrong)
                continue
            past_us = here.recorded_us
            if here.type.startswith(DESTROYED) and here.position <= self.sealed:
                self.named |= {(here.position, key_id) for key_id in destroyed_by(here.body)}
            if here.position in self.awaited and here.position <= self.sealed:
                self.awaited[here.position] = here
            for each in forgotten(here):
                self.awaited.setdefault(each.because)
                self.forgotten.append(each)
        return leaves, past_us

    def _changed(self, here: Standing, leaf: bytes, known: Mapping[int, bytes]) -> str:
        if (kept := self.older.get(here.position - 1, leaf)) != leaf:
            return ANOTHER if kept else ""
        stored = known.get(here.position)
        if stored is None:
            return REMOVED if here.position <= self.sealed else ""
        return "" if stored == leaf else CHANGED

    def _grow(self, leaves: Sequence[bytes]) -> None:
        """Takes the leaves of the next tile into the tree, and holds the heads that end in it against it."""
        size = len(self.roots) * WIDTH
        if self.heads and self.heads[0].size <= size + len(leaves):
            frontier = Frontier(size, self.above.hashes)
            for leaf in leaves:
                frontier.append(leaf)
                while self.heads and self.heads[0].size == frontier.size:
                    self._hold(self.heads.popleft(), frontier.root())
        if len(leaves) == WIDTH:
            self.roots.append(perfect(leaves))
            self.above.append(self.roots[-1])

    def _hold_empty(self) -> None:
        while self.heads and self.heads[0].size == 0:
            self._hold(self.heads.popleft(), EMPTY_ROOT)

    def _hold(self, head: Head, root: bytes) -> None:
        """Holds a head against the root of the same size that the events make."""
        if head.size > self.reached:
            self.good, self.reached = self.reached, head.size
        first = min(self.good, self.sealed) + 1
        if head.root != root or head.size > self.sealed:
            self._find(first, head.size, f"they are not those of the head of {head.size:,} events")
        elif not head.trusted:
            self._find(first, head.size, f"no known key signed the head of {head.size:,} events", indirect=True)

    def _compare_roots(self) -> None:
        """Holds the roots of the tiles that the tree keeps against those that the events make, level by level."""
        stored = {(level, number): bytes(root) for level, number, root in stored_roots(self.db, self.sealed_as.tree)}
        roots = self.roots
        for level in range(MAX_LEVEL + 1):
            span = WIDTH << HEIGHT * level
            for number, root in enumerate(roots):
                missing = NOTHING if (number + 1) * span <= self.sealed else root
                if stored.get((level, number), missing) != root:
                    self._find(number * span + 1, (number + 1) * span, CHANGED)
            roots = [perfect(roots[at : at + WIDTH]) for at in range(0, len(roots) - WIDTH + 1, WIDTH)]

    def _must_be_named(self) -> None:
        """Of all that was forgotten a sealed event says so: it names the key, or corrects just this later on."""
        for each in self.forgotten:
            by = self.awaited[each.because]
            if (each.because, each.key_id) not in self.named and not (by and corrects(by, each)):
                self._find(each.position, each.position, UNSAID, indirect=True)

    def _look_outside(self) -> None:
        """What stands where nothing can, and heads that are older than what is in their tree."""
        for table in ("es.event", "es.personal", "es.erased"):
            rows = self.db.execute(
                f"select distinct position from {table} where position < 1 or position > %s order by 1 limit %s",
                [max(self.last, self.sealed), MAX_FINDINGS],
            ).fetchall()
            for (position,) in rows:
                self._find(position, position, OUTSIDE, indirect=True)
        rows = self.db.execute(
            "select h.size from es.tree_head h join es.event e on e.position = h.size "
            f"where h.tree = %s and e.recorded_at > h.signed_at + interval '{SKEW}' order by 1 limit %s",
            [self.sealed_as.tree, MAX_FINDINGS],
        ).fetchall()
        for (size,) in rows:
            self._find(size, size, "it was recorded after the head was signed that it is in")

    def _late(self) -> Iterator[str]:
        rows = self.db.execute(
            "select h.size, (h.signed_at - e.recorded_at)::text from es.tree_head h join es.event e on e.position = h.size "
            f"where h.tree = %s and e.recorded_at < h.signed_at - interval '{LATE}' order by 1 limit 10",
            [self.sealed_as.tree],
        ).fetchall()
        for size, after in rows:
            yield f"Event {size:,} was sealed {after} after it says that it was recorded. Did the sealer stand still?"

    def _find(self, first: int, last: int, what: str, *, indirect: bool = False) -> None:
        if len(self.findings) < 10 * MAX_FINDINGS:
            self.findings.append(Finding(first, last, what, indirect))
