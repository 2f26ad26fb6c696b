"""The web application: the GraphQL endpoint, the calendars and two questions for whoever keeps it running."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import orjson
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.agenda import agenda_calendars
from api.house import House
from api.limits import MAX_BODY_BYTES, WORKER_THREADS
from api.log_tiles import CHECKPOINT_HEADER, Herald, log_tiles
from api.router import graphql_router
from api.schema import schema
from api.survey_form import survey_form
from api.webhook_door import webhook_door
from api.withdrawal_form import withdrawal_form
from eventstore.database import Unavailable, reachable
from eventstore.sealing.sources import READS
from processes.clock import Now, wall_clock

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # recognised, not bound

SECURITY_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def create_app(house: House, now: Now = wall_clock) -> FastAPI:
    """The application of an open house. `now` is the time by which it is judged whether a webhook is of this moment."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with ThreadPoolExecutor(WORKER_THREADS, thread_name_prefix="door") as workers:
            asyncio.get_running_loop().set_default_executor(workers)
            yield

    app = FastAPI(title="Bitácora", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(graphql_router(house, schema()))
    for form in (survey_form, withdrawal_form):
        app.include_router(form(house.log, house.link_secret, house.settings.company))
    app.include_router(agenda_calendars(house))
    app.include_router(log_tiles(house))
    app.include_router(log_tiles(house, READS, "/reads"))
    app.include_router(webhook_door(house, now))

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def ready() -> JSONResponse:
        """Whether it can do its work: the database is there, and how far the views are."""

        def standings() -> list[str]:
            with reachable():
                return [standing.sentence() for standing in house.engine.standings()]

        try:
            return JSONResponse({"status": "ok", "views": await asyncio.to_thread(standings)})
        except Unavailable as error:
            return JSONResponse({"status": "unavailable", "reason": str(error)}, status_code=503)

    app.add_middleware(Doorkeeper, herald=Herald(house))
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts(house), www_redirect=False)
    return app


def hosts(house: House) -> list[str]:
    """The names under which requests may come: a foreign page cannot lead a browser here by a name of its own."""
    settings = house.settings
    if settings.host in EVERYWHERE:
        return ["*"]
    named = urlsplit(settings.public_url).hostname
    return sorted({"localhost", "127.0.0.1", "[::1]", settings.host, *([named] if named else [])})


class Doorkeeper:
    """Refuses bodies that are too large before they are read to the end; adds the security headers and the checkpoint."""

    def __init__(self, app: ASGIApp, herald: Herald) -> None:
        self.app = app
        self.herald = herald

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        received, refused, begun = 0, False, False
        short = await self.herald.short()

        async def counted() -> Message:
            nonlocal received, refused
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                refused = True
                return {"type": "http.request", "body": b"", "more_body": False}
            return message

        async def guarded(message: Message) -> None:
            nonlocal begun
            if refused:
                if not begun:
                    begun = True
                    await _too_large(send, short)
                return
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if short is not None:
                    headers[CHECKPOINT_HEADER] = short
            await send(message)

        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            refused = True
            await guarded({"type": "http.response.start"})
            return
        await self.app(scope, counted, guarded)


async def _too_large(send: Send, short: str | None) -> None:
    reason = f"A request has at most {MAX_BODY_BYTES:,} bytes. Send it in parts, or bitacora import commands."
    body = orjson.dumps({"errors": [{"message": reason, "extensions": {"code": "TOO_LARGE", "limit": "body"}}]})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    told = SECURITY_HEADERS if short is None else {**SECURITY_HEADERS, CHECKPOINT_HEADER: short}
    headers += [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
