"""The past: the log page by page, of which only what somebody asks for is read as what happened."""

from collections.abc import Collection
from uuid import UUID

from domain.kernel import Event
from eventstore.arrays import id_array
from eventstore.envelope import Happened, Recorded
from eventstore.reader import WHOLE, Reader

PAGE_EVENTS = 2_000


class Past:
    """Reads envelopes, which is much less than reading what they hold."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._decoders = reader.codec.decoders

    def page(self, after: int, until: int) -> list[Recorded]:
        """The next envelopes after a position, up to another one."""
        query = f"select {WHOLE} from es.event where position > %s and position <= %s order by position limit %s"
        with self._reader.pool.connection() as db, db.cursor(binary=True) as cursor:
            rows = cursor.execute(query, [after, until, PAGE_EVENTS]).fetchall()
        return list(map(Recorded._make, rows))

    def event(self, at: Recorded) -> Event:
        """What happened, without personal values."""
        return self._decoders[at.type](at.body)

    def begun_by(self, actor: str, types: Collection[str], until: int) -> list[Happened]:
        """All that happened, up to a position, to the streams that somebody began with one of these events, in order."""
        with self._reader.pool.connection() as db:
            rows = db.execute(
                "select stream_id from es.event where actor = %s and version = 1 and type = any(%s) and position <= %s",
                [actor, list(types), until],
            ).fetchall()
            begun: list[UUID] = [row[0] for row in rows]
            with db.cursor(binary=True) as cursor:
                query = (
                    f"select {WHOLE} from es.event "
                    " where stream_id = any(%s::uuid[]) and type = any(%s) and position <= %s order by position"
                )
                found = cursor.execute(query, [id_array(begun), list(types), until]).fetchall() if begun else []
        return [Happened(self.event(at), at) for at in map(Recorded._make, found)]
