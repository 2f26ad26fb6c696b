"""The segments on the command line: how many are in each, and a look at who has to enter and leave now."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from psycopg import sql

from api.house import House
from api.terminal import Json, catch_up, fail, house, say, show, table
from domain.segment import SegmentPublished
from eventstore.envelope import Request
from processes import segment_membership
from projections.marketing import segments as sheets
from projections.marketing.segment_members import sizes
from projections.marketing.segments import SegmentSheet
from projections.table import Table
from projections.touchpoints import due

ALL = "all"
ACTOR = "user:operator"


def segments(
    refresh: Annotated[
        list[str] | None,
        typer.Option(help="Have a published segment looked at now, by its key; 'all' for each. A worker does it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which segments there are and how many customers are in each, which changes by itself every night at 03:00."""
    with house() as opened:
        catch_up(opened)
        found = known(opened)
        if refresh:
            asked = [each for each in found if each.published and each.retired_at is None]
            if ALL not in refresh:
                if unknown := sorted(set(refresh) - {each.code for each in asked}):
                    fail(f"No segment {unknown[0]!r} is published. bitacora segments names those that there are.", 2)
                asked = [each for each in asked if each.code in refresh]
            look_now(opened, [each.segment_id for each in asked], datetime.now(UTC))
            say(
                f"{len(asked):,} segments are looked at as soon as a worker comes to it: bitacora up, or bitacora work."
            )
            return
        counted = sizes(opened.lists, [each.segment_id for each in found])
    if as_json:
        names = ("code", "version", "published", "published_at", "retired_at")
        show([{**{name: getattr(each, name) for name in names}, "size": counted[each.segment_id]} for each in found])
    else:
        lines = [[each.code, each.version, each.published, each.retired_at, counted[each.segment_id]] for each in found]
        table("Segments", ["key", "version", "published", "retired", "customers"], lines)


def known(opened: House) -> Sequence[SegmentSheet]:
    """All segments, by their keys."""
    sheet: Table[SegmentSheet] = Table(sheets.view)
    query = sql.SQL("select {} from {} order by code").format(sheet.selected, sheet.identifier)
    with opened.engine.pool_of(sheets.view).connection() as db:
        return sheet.select(db, query)


def look_now(opened: House, segment_ids: Collection[UUID], now: datetime) -> None:
    """Puts the looks at these segments forward that wait for the night."""
    log = opened.log
    published = {
        at.stream_id: (at.position, event.version)
        for event, at in log.reader.streams(list(segment_ids))
        if isinstance(event, SegmentPublished)
    }
    sheet = Table(due.view)
    query = sql.SQL(
        "select about, follow_up_id from {} where policy = %s and status = 'SCHEDULED' and (about, trigger_position) in "
        "  (select * from unnest(%s::uuid[], %s::bigint[]))"
    ).format(sheet.identifier)
    positions = [position for position, _ in published.values()]
    with opened.engine.pool_of(due.view).connection() as db:
        waiting: dict[UUID, UUID] = dict(
            db.execute(query, [segment_membership.policy.name, list(published), positions]).fetchall()
        )
    for segment_id, (position, version) in published.items():
        asked = segment_membership.asked(segment_id, position, version, waiting.get(segment_id), now)
        log.do(asked, Request(actor=ACTOR, occurred_at=now))
