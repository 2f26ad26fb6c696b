"""The sealed log over HTTP as C2SP tlog-tiles lays it out: checkpoint, tiles and entries; and what every answer says of it."""

import asyncio
import gzip
import re
from contextlib import suppress

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.house import House
from eventstore.database import Unavailable, reachable
from eventstore.sealing.heads import Heads
from eventstore.sealing.sources import EVENTS, Source
from eventstore.sealing.tiles import WIDTH

CHECKPOINT_HEADER = "x-log-checkpoint"
RETRY_AFTER_S = 5
MIN_GZIP_BYTES = 1_000
SHORT_FOR_S = 1.0
FIRST_WAIT_S = 0.5
FOR_EVER = "max-age=31536000, immutable"
BRIEFLY = "public, max-age=1"
PLACE = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)
LEVEL = re.compile(r"0|[1-9][0-9]?", re.ASCII)


def log_tiles(house: House, source: Source = EVENTS, prefix: str = "") -> APIRouter:
    """`/checkpoint`, `/tile/<level>/<number>[.p/<width>]` and `/tile/entries/<number>[.p/<width>]` of one source."""
    router = APIRouter(prefix=prefix)
    heads = Heads(house.log.pool, source)

    @router.get("/checkpoint")
    def checkpoint() -> Response:
        """The last signed checkpoint, with the signatures of the witnesses that have seen it."""
        try:
            with reachable():
                note = heads.note()
        except Unavailable as error:
            return away(error)
        if note is None:
            return missing("Nothing was sealed yet. Is bitacora work running?")
        return Response(note, media_type="text/plain; charset=utf-8", headers={"cache-control": BRIEFLY})

    @router.get("/tile/entries/{place:path}")
    def entries(place: str, request: Request) -> Response:
        """The envelopes of up to 256 events as they were hashed; there are no bodies and no personal values in them."""
        where = parsed(place)
        try:
            with reachable():
                found = None if where is None else heads.entries(*where)
        except Unavailable as error:
            return away(error)
        return hashes(found, f"private, {FOR_EVER}", request)

    @router.get("/tile/{level}/{place:path}")
    def tile(level: str, place: str) -> Response:
        """Up to 256 hashes of the tree."""
        where = parsed(place)
        try:
            with reachable():
                found = heads.tile(int(level), *where) if where is not None and LEVEL.fullmatch(level) else None
        except Unavailable as error:
            return away(error)
        return hashes(found, f"public, {FOR_EVER}")

    return router


def parsed(place: str) -> tuple[int, int] | None:
    """Number and width of a tile from `x001/x234/067.p/8`; None if it is written otherwise."""
    found = PLACE.fullmatch(place)
    if found is None:
        return None
    number, width = int(found[1].replace("/", "").replace("x", "")), int(found[2] or WIDTH)
    return (number, width) if written(number) == found[1] and width <= WIDTH - (found[2] is not None) else None


def written(number: int) -> str:
    """A number as the paths of tiles have it: in threes, all but the last with an x before them."""
    threes = [f"{number % 1000:03}"]
    while number := number // 1000:
        threes.append(f"x{number % 1000:03}")
    return "/".join(reversed(threes))


def hashes(found: bytes | None, caching: str, request: Request | None = None) -> Response:
    """Bytes that never change; gzipped for whoever takes that."""
    if found is None:
        return missing("The signed tree has no such tile.")
    headers = {"cache-control": caching}
    if request is not None:
        headers["vary"] = "accept-encoding"
        if len(found) >= MIN_GZIP_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
            found = gzip.compress(found, 6, mtime=0)
            headers["content-encoding"] = "gzip"
    return Response(found, media_type="application/octet-stream", headers=headers)


def missing(reason: str) -> Response:
    """404, which is not kept by anybody: what is missing now may be there in a second."""
    return Response(f"{reason}\n", 404, media_type="text/plain; charset=utf-8", headers={"cache-control": "no-store"})


def away(error: Unavailable) -> Response:
    """503, with when to come again."""
    headers = {"retry-after": str(RETRY_AFTER_S), "cache-control": "no-store"}
    return Response(f"{error}\n", 503, media_type="text/plain; charset=utf-8", headers=headers)


class Herald:
    """Knows the short checkpoint for the header of every answer, without making any answer wait but the first."""

    def __init__(self, house: House) -> None:
        self._heads = Heads(house.log.pool)
        self._short: str | None = None
        self._asking: asyncio.Task[None] | None = None
        self._asked_at: float | None = None

    async def short(self) -> str | None:
        """Size and the beginning of the root of the last signed tree; None before the first, or if nobody knows."""
        now = asyncio.get_running_loop().time()
        first = self._asked_at is None
        if self._asked_at is None or (
            now - self._asked_at >= SHORT_FOR_S and (self._asking is None or self._asking.done())
        ):
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask())
        if first and self._asking is not None:
            await asyncio.wait({self._asking}, timeout=FIRST_WAIT_S)
        return self._short

    async def _ask(self) -> None:
        with suppress(Exception):  # the answer goes out without the header rather than not at all
            self._short = await run_in_threadpool(self._heads.short)
