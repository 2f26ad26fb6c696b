"""Whether a database holds what was sealed: asked whenever a sealer comes to it, and before anything is signed there."""

from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection

from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.merkle import Node, covering, leaf_hash, root
from eventstore.sealing.sources import PAGE_ENTRIES, Source
from eventstore.sealing.state import State
from eventstore.sealing.tiles import Edge, Stored, read_edge

CHECKED_AT_START = 4_096
"""How many of the last sealed entries are read again when a sealer comes to a database."""

STOPPED = "Sealing has stopped; recording goes on."
CALL = "Keep everything as it is and call the auditor: bitacora audit verify says what was changed."
ANEW = "begin a new tree, and tell the auditor: bitacora sealing begin-anew --because ..."


class Inconsistent(Exception):
    """The database does not hold what was sealed. Nothing is signed any more until somebody has looked."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One tree of a source in a database, held against what the sealer knows by itself."""

    db: Connection
    source: Source
    tree: int
    checkpoints: CheckpointFile
    state_file: Path

    def must_be_unsealed(self, origin: str) -> None:
        """Refused if something of this log was sealed before: its state is missing then."""
        known = self.db.execute(
            "select exists (select from es.tile where tree = %(tree)s) "
            "    or exists (select from es.tile_part where tree = %(tree)s) "
            "    or exists (select from es.tree_head where tree = %(tree)s)",
            {"tree": self.tree},
        ).fetchone()
        if known != (False,) or self.checkpoints.last(origin) is not None:
            raise Inconsistent(
                f"{self.source.name} were sealed before, and what the sealer knew of it, {self.state_file}, is missing. "
                f"{STOPPED} Restore the file from its backup. If it is lost, {ANEW}"
            )

    def must_have_newest_state(self, state: State) -> None:
        """Refused if a larger tree than that of the state was signed, or another one of its size."""
        told = self.checkpoints.last(state.origin)
        size = max(self.signed_size(), 0 if told is None else told.size)
        other = told is not None and told.size == state.size and told.root != state.checkpoint.root
        if size > state.size or other:
            raise Inconsistent(
                f"A tree of {size:,} {self.source.name} was signed, and the sealer knows of "
                f"{'another one' if other else f'{state.size:,} only'}: its state, {self.state_file}, is an old copy, or another "
                f"sealer has signed too. {STOPPED} Let the one that has the newest state go on, and stop the other."
            )

    def signed_size(self) -> int:
        """How large the largest tree is of which the database has a signed head."""
        row = self.db.execute("select max(size) from es.tree_head where tree = %s", [self.tree]).fetchone()
        return row[0] or 0 if row else 0

    def must_have_tree(self, state: State) -> Edge:
        """The edge of the tree. Refused unless it begins with the tree of the state."""
        try:
            edge = read_edge(self.db, self.tree)
            if edge.size < state.size:
                raise Inconsistent(
                    f"{state.size:,} {self.source.name} were sealed, and the tree in the database ends at {edge.size:,}: it was "
                    f"restored from an older copy. {STOPPED} Restore one that is new enough. If what is missing is lost for "
                    f"good, {ANEW}"
                )
            hashes = Stored(self.db, self.tree).lookup(covering(0, state.size))
        except ValueError as error:
            raise Inconsistent(f"Hashes were removed from the database. {error} {STOPPED} {CALL}") from error
        if root(state.size, hashes) != state.checkpoint.root:
            raise Inconsistent(
                f"The tree of the first {state.size:,} {self.source.name} in the database is not the one that was signed: "
                f"somebody changed it, or it grew anew after an older copy was restored. {STOPPED} {CALL}"
            )
        return edge

    def must_have_entries(self, state: State, end: int) -> bytes | None:
        """The hash of the last leaf. Refused unless the last entries below `end` are those that were sealed."""
        first = max(0, state.size - CHECKED_AT_START, self.source.gone(self.db))
        after, last, stored = first, None, Stored(self.db, self.tree)
        while after < end:
            leaves = [leaf_hash(entry) for entry in self.source.entries(self.db, after, min(PAGE_ENTRIES, end - after))]
            nodes = [Node(0, after + nth) for nth in range(len(leaves))]
            known = stored.hashes(nodes)
            for node, last in zip(nodes, leaves, strict=True):
                if known[node] != last:
                    raise Inconsistent(changed(self.source, node.number + 1))
            if not leaves:
                raise Inconsistent(changed(self.source, after + 1))
            after += len(leaves)
        return last


def changed(source: Source, position: int) -> str:
    """That something was sealed there which is not there any more."""
    return (
        f"What is at position {position:,} of {source.name} is not what was sealed there: it was changed, removed or restored "
        f"from an older copy. {STOPPED} {CALL}"
    )
