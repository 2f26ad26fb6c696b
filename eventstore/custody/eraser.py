"""The eraser: moves personal values out of the log, of which a tombstone stays, once a sealed event says why."""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from uuid import UUID

import orjson
import psycopg
from psycopg_pool import ConnectionPool

from domain.kernel import Refused
from eventstore.arrays import id_array
from eventstore.custody.custodian import Custodian, portions
from eventstore.custody.values import Corrected
from eventstore.database import ERASER_ROLE, connect, reachable

NOT_SAID, NOT_SEALED, NOT_NAMED, NOT_CORRECTED = "BT020", "BT021", "BT022", "BT024"


DESTROYED = ("erasure.keys_destroyed.v1", "retention.keys_destroyed.v1")
EVENTS_AT_ONCE = 1_000


class NotSealed(Exception):
    """The event that says so is in no checkpoint yet. Try again when the sealer has come to it."""


class Eraser:
    """Forgets values by their keys. `dsn` is that of the log."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def erase(
        self,
        key_ids: Collection[int],
        *,
        because: int,
        subjects: Collection[UUID] | None = None,
        tell: Callable[[int, int], None] = lambda done, of: None,
    ) -> int:
        """Moves every value under these keys to `es.erased`, and says how many. Twice is the same as once.

        `because` is the position of a sealed event, one of DESTROYED, that names these keys; `subjects` are whose they
        are, by which they are found fast. Raises `NotSealed`, and `Refused` if the event does not say so.
        """
        done = 0
        with reachable(), connect(self.dsn, role=ERASER_ROLE) as db:
            for ids in portions(key_ids):
                try:
                    row = db.execute(
                        "call es.erase(%s::bigint[], %s, %s::uuid[], null)",
                        [ids, because, None if subjects is None else id_array(subjects)],
                    ).fetchone()
                except psycopg.DatabaseError as error:
                    if error.sqlstate == NOT_SEALED:
                        raise NotSealed(f"Event {because} is not sealed yet. Nothing was erased; try again.") from error
                    if error.sqlstate in (NOT_SAID, NOT_NAMED):
                        raise Refused(f"Nothing was erased: {error.diag.message_primary}.", "because") from error
                    raise
                done += int(row[0]) if row else 0
                tell(done, 0)
        return done

    def rectify(self, values: Sequence[Corrected]) -> int:
        """Moves single values that were corrected to `es.erased`, and says how many; all or none.

        Raises `NotSealed` unless each was corrected by a later event of its stream that is sealed.
        """
        with reachable(), connect(self.dsn, role=ERASER_ROLE) as db:
            try:
                row = db.execute(
                    "select es.rectify(%s::bigint[], %s::smallint[], %s::bigint[])",
                    [
                        [each.position for each in values],
                        [each.slot for each in values],
                        [each.because for each in values],
                    ],
                ).fetchone()
            except psycopg.DatabaseError as error:
                if error.sqlstate == NOT_CORRECTED:
                    raise NotSealed(f"Nothing was taken away: {error.diag.message_primary}.") from error
                raise
        return int(row[0]) if row else 0


def destroy_again(pool: ConnectionPool, custodian: Custodian) -> int:
    """Destroys what the log says was destroyed, in a keys' database that was restored from before. Returns how many keys.

    `pool` leads to the log. What is still to be kept blocked there is destroyed as well: the log is the later word.
    """
    done, last = 0, 0
    while True:
        with pool.connection() as db, db.cursor(binary=True) as cursor:
            page = cursor.execute(
                "select position, body from es.event where type = any(%s) and position > %s order by position limit %s",
                [list(DESTROYED), last, EVENTS_AT_ONCE],
            ).fetchall()
        for position, body in page:
            done += custodian.destroy(orjson.loads(body)["key_ids"], because=position, on=date.max)
            last = position
        if len(page) < EVENTS_AT_ONCE:
            return done
