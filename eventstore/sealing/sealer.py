"""The sealer: turns what was recorded into a Merkle tree and signs its heads, and never two that contradict each other.

What it signed last is in a file of its own, outside the database. Before it signs, and whenever it comes back to the
database, both must agree: a database that was restored from an older copy, events that were changed and a second sealer are
noticed, and nothing is signed until somebody has looked.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event as Signal
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection

from eventstore.database import LogCorrupted, Unavailable, connect, reachable
from eventstore.locks import take
from eventstore.sealing import points
from eventstore.sealing.agreement import CALL, STOPPED, Agreement, Inconsistent, changed
from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.heads import origin_of
from eventstore.sealing.keys import KeyFile, Signers, SigningKeyError
from eventstore.sealing.leaves import Unsealable
from eventstore.sealing.merkle import Frontier, leaf_hash
from eventstore.sealing.notes import Note
from eventstore.sealing.sources import PAGE_ENTRIES, Source
from eventstore.sealing.state import State, StateError
from eventstore.sealing.tiles import Edge, write

SEALER_ROLE = "es_sealer"
SEALER_LOCK = 7305813
PACE_S = 1.0
"""How often it looks for something new."""
SIGN_EVERY_S = 2.0
"""How long at least it waits between two heads: so a proof is there some 3 s after the append, and 5 s at most."""
REFUSED_PAUSE_S = 30.0
MAX_BACKOFF_S = 5.0

logger = logging.getLogger(__name__)


class Elsewhere(Exception):
    """Another sealer is at work: there is nothing to do here while it is."""


class Sealed(NamedTuple):
    """What a step did: how many entries it added, and whether there is more to do at once."""

    entries: int
    more: bool


class Sealer:
    """Seals one source. `folder` holds its state; only one sealer at a time has it, and only one has the tree.

    `signers` says who signs, newest key first: a `KeyFile`'s, or a hook to a key that lives elsewhere; `ensure_key` makes
    the first key of a log. `told` are heard of each signed checkpoint, after it is in the database.
    """

    def __init__(
        self, dsn: str, source: Source, folder: Path, signers: Signers, checkpoints: CheckpointFile, *,
        ensure_key: Callable[[str], None] = lambda _: None, sign_every_s: float = SIGN_EVERY_S,
    ) -> None:  # fmt: skip
        self.source = source
        self.folder = folder
        self._dsn = dsn
        self._signers = signers
        self._checkpoints = checkpoints
        self._ensure_key = ensure_key
        self._sign_every_s = sign_every_s
        self._alone: int | None = None
        self._db: Connection | None = None
        self._agreement: Agreement
        self._state: State
        self._edge: Edge
        self._last_leaf: bytes | None = None
        self._signed_at = 0.0

    @classmethod
    def with_key_file(
        cls, dsn: str, source: Source, folder: Path, keys: KeyFile, checkpoints: CheckpointFile
    ) -> "Sealer":
        """One that signs with the keys in a file."""
        return cls(dsn, source, folder, keys.signers, checkpoints, ensure_key=keys.ensure)

    @property
    def state_file(self) -> Path:
        """What it knows by itself. It belongs into the backup, and never beside that of the database alone."""
        return self.folder / f"{self.source.name}.state"

    @property
    def refusal_file(self) -> Path:
        """Why it refuses, for as long as it does."""
        return self.folder / f"{self.source.name}.refused"

    # What a caller does with it.

    def step(self) -> Sealed:
        """Seals the next page, and signs if it is time to.

        Raises `Elsewhere` when another one is at work, `Unavailable` when the database is away, `Inconsistent` and
        `LogCorrupted` when somebody must look, and `StateError` or `SigningKeyError` when a file cannot be used.
        """
        try:
            with reachable():
                return self._step()
        except BaseException:
            self._hang_up()
            raise

    def run(self) -> int:
        """Seals all there is, and signs. Says how large the tree is."""
        while self.step().more:
            pass
        with reachable():
            self._sign()
        return self._state.size

    def follow(self, stop: Signal) -> None:
        """Seals until `stop`. Comes back after a failure; tells what it refuses, and goes on when that is mended."""
        failures, waits = 0, False
        while not stop.is_set():
            try:
                step = self.step()
                failures, waits = 0, False
                pause = 0.0 if step.more else PACE_S
            except (Inconsistent, LogCorrupted, StateError, SigningKeyError, Unsealable) as error:
                self._tell_refusal(str(error))
                logger.error("%s", error)
                pause = REFUSED_PAUSE_S
            except Elsewhere as error:
                logger.log(logging.DEBUG if waits else logging.INFO, "%s", error)
                waits, pause = True, MAX_BACKOFF_S
            except Unavailable as error:
                failures += 1
                logger.warning("%s", error)
                pause = min(MAX_BACKOFF_S, 0.1 * 2**failures)
            except Exception:
                logger.exception("The sealer cannot go on with this. Nothing is lost; it tries again.")
                pause = MAX_BACKOFF_S
            stop.wait(pause)
        self.close()

    def begin_anew(self, because: str) -> str:
        """Closes the tree and begins another one with all there is, under a new origin, which is returned.

        For when what was sealed is lost for good: the heads of the tree before stay what they are, and nobody continues
        them. Raises `Elsewhere` and `Unavailable`.
        """
        with reachable():
            self._hang_up()
            self._be_alone()
            with connect(self._dsn, role=SEALER_ROLE) as db:
                _, log_id = self._new_tree(db, because)
        if self.state_file.exists():
            self.state_file.rename(self.folder / f"{self.source.name}.before-{log_id}.state")
        origin = origin_of(self.source.name, log_id)
        self._begin(log_id, origin)
        self.refusal_file.unlink(missing_ok=True)
        return origin

    def close(self) -> None:
        """Gives the database and the state back."""
        self._hang_up()
        if self._alone is not None:
            os.close(self._alone)
            self._alone = None

    def __enter__(self) -> "Sealer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # One step.

    def _step(self) -> Sealed:
        db = self._open()
        added = self._seal_page(db)
        if self._edge.size > self._state.size and time.monotonic() - self._signed_at >= self._sign_every_s:
            self._sign()
        return Sealed(added, added >= PAGE_ENTRIES)  # the first page has one more

    def _seal_page(self, db: Connection) -> int:
        """Adds the next entries to the tree in the database, which has them for good when this returns."""
        size = self._edge.size
        entries = self.source.entries(db, max(0, size - 1), PAGE_ENTRIES + (size > 0))
        if size:  # the last entry that was sealed is read again: so what was taken away, or changed there, is noticed
            if not entries or leaf_hash(entries[0]) != self._last_leaf:
                raise Inconsistent(changed(self.source, size))
            del entries[0]
        points.reached("seal: read")
        if not entries:
            return 0
        leaves = [leaf_hash(entry) for entry in entries]
        full, part = self._edge.extend(leaves)
        with db.transaction():
            write(db, self._agreement.tree, full, part)
            points.reached("seal: tiles written, not committed")
        points.reached("seal: tiles committed")
        self._last_leaf = leaves[-1]
        return len(leaves)

    def _sign(self) -> None:
        """Signs the tree as it is: first it is written down outside what will be signed, and last it is told."""
        db = self._open()
        if self._edge.size == self._state.size and self._state.note is not None:
            return
        if self._edge.size == 0:
            return
        self._must_be_newest(db)
        self._keep(State(self._state.log_id, self._state.origin, self._edge.frontier()))
        points.reached("sign: intended")
        self._finish(db)
        self._signed_at = time.monotonic()

    def _finish(self, db: Connection) -> None:
        """Signs what is intended, if that was not done, and tells it everywhere, if that was not done."""
        state = self._state
        if state.note is None:
            text = state.checkpoint.text()
            note = str(Note.signed(text, self._signers(state.origin)))
            points.reached("sign: signed, not kept")
            self._keep(State(state.log_id, state.origin, state.frontier, note))
            points.reached("sign: kept, not told")
            state = self._state
        assert state.note is not None
        with db.transaction():
            db.execute(
                "insert into es.tree_head (tree, size, root, note) select %(tree)s, %(size)s, %(root)s, %(note)s "
                " where not exists (select from es.tree_head where tree = %(tree)s and size = %(size)s)",
                {"tree": self._agreement.tree, "size": state.size, "root": state.checkpoint.root, "note": state.note},
            )
            vkeys = [str(signer.key) for signer in self._signers(state.origin)]
            db.execute(
                "insert into es.tree_key (tree, vkey, first_size) select %(tree)s, k.vkey, %(size)s "
                "  from unnest(%(vkeys)s::text[]) k (vkey) on conflict do nothing",
                {"tree": self._agreement.tree, "size": state.size, "vkeys": vkeys},
            )
        points.reached("sign: in the database, not in the file")
        self._checkpoints.append(state.note)
        points.reached("sign: told")

    def _keep(self, state: State) -> None:
        state.save(self.state_file)
        self._state = state

    # Coming to the database.

    def _open(self) -> Connection:
        """The connection; a new one is used only after the database was found to hold what was sealed."""
        if self._db is not None:
            return self._db
        self._be_alone()
        db = connect(self._dsn, role=SEALER_ROLE)
        try:
            db.execute("set synchronous_commit = on")
            self._agree(db)
        except BaseException:
            db.close()
            raise
        self._db = db
        self.refusal_file.unlink(missing_ok=True)
        return db

    def _be_alone(self) -> None:
        if self._alone is None:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._alone = take(self.folder / f"{self.source.name}.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Elsewhere(f"Another process of this machine seals {self.source.name}; this one waits.") from error
            except OSError as error:
                raise StateError(f"The folder {self.folder} cannot be used: {error.strerror}.") from error

    def _agree(self, db: Connection) -> None:
        """Loads the state and the tree. Raises `Inconsistent` unless the one goes on where the other ends."""
        held = db.execute("select pg_try_advisory_lock(%s, hashtext(%s))", [SEALER_LOCK, self.source.name]).fetchone()
        if held != (True,):
            raise Elsewhere(f"Another sealer has the tree of {self.source.name}; this one waits until it is gone.")
        state = State.load(self.state_file)
        tree, log_id = self._tree_of(db, fresh=state is None or state.size == 0)
        origin = origin_of(self.source.name, log_id)
        agreement = Agreement(db, self.source, tree, self._checkpoints, self.state_file)
        if state is None or (state.size == 0 and state.log_id != log_id):
            agreement.must_be_unsealed(origin)
            state = self._begin(log_id, origin)
        if state.log_id != log_id:
            raise Inconsistent(
                f"The sealer sealed {state.origin}, and the database knows {origin}: it is another one, or one that was "
                f"restored from before. {STOPPED} Give the sealer the database that it sealed, or a folder of its own."
            )
        agreement.must_have_newest_state(state)
        self._edge = agreement.must_have_tree(state)
        self._last_leaf = agreement.must_have_entries(state, self._edge.size)
        self._state, self._agreement = state, agreement
        if state.size:
            self._finish(db)

    def _tree_of(self, db: Connection, *, fresh: bool) -> tuple[int, UUID]:
        """The youngest tree of the source; begun, if there is none and there never was."""
        find = "select tree, log_id from es.tree where source = %s order by tree desc limit 1"
        found = db.execute(find, [self.source.name]).fetchone()
        if found is None and not fresh:
            raise Inconsistent(
                f"The database knows of no sealed {self.source.name}, but they were sealed: it is another one, or one "
                f"restored from before. {STOPPED} Give the sealer the database that it sealed, or a folder of its own."
            )
        if found is None:
            found = self._new_tree(db, None)
            points.reached("seal: tree begun, no state")
        return found

    def _new_tree(self, db: Connection, because: str | None) -> tuple[int, UUID]:
        row = db.execute(
            "insert into es.tree (source, because) values (%s, %s) returning tree, log_id", [self.source.name, because]
        ).fetchone()
        assert row is not None
        return row

    def _begin(self, log_id: UUID, origin: str) -> State:
        """The state of a log of which nothing was sealed."""
        self._ensure_key(origin)
        state = State(log_id, origin, Frontier())
        state.save(self.state_file)
        return state

    def _must_be_newest(self, db: Connection) -> None:
        newest, _ = self._tree_of(db, fresh=False)
        size = self._agreement.signed_size()
        if newest != self._agreement.tree or size != self._state.size:
            raise Inconsistent(
                f"The database says that {size:,} {self.source.name} were sealed last, and it was {self._state.size:,}: "
                f"another sealer is at work, or somebody has written there. {STOPPED} {CALL}"
            )

    def _hang_up(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _tell_refusal(self, reason: str) -> None:
        with suppress(OSError):
            self.refusal_file.write_text(reason)
