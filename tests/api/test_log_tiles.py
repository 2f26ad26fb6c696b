"""The sealed log over HTTP: a stranger with nothing but the public key rebuilds the tree and finds each event in it."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from api import running
from api.app import create_app
from api.house import House
from api.limits import MAX_BODY_BYTES
from api.log_tiles import CHECKPOINT_HEADER, parsed, written
from eventstore.sealing.heads import Heads
from eventstore.sealing.merkle import Tree, leaf_hash
from eventstore.sealing.notes import checkpoint_of
from tests.eventstore.sealing.test_restored import append

Get = Callable[[str], httpx.Response]


async def asked(house: House, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
    app = create_app(house)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return [await client.request(method, url, **more) for method, url, more in requests]


@pytest.fixture
def get(house: House) -> Get:
    def ask(url: str, method: str = "GET", **more: Any) -> httpx.Response:
        return asyncio.run(asked(house, (method, url, more)))[0]

    return ask


@pytest.fixture
def sealed(house: House) -> House:
    """530 events, all sealed, and 10 more that are not."""
    append(house.dsn, 530)
    with running.sealer(house) as sealer:
        sealer.run()
    append(house.dsn, 10)
    return house


def test_a_stranger_rebuilds_the_tree_from_what_is_served(sealed: House):
    urls = ["/checkpoint", "/tile/0/000", "/tile/0/001", "/tile/0/002.p/18", "/tile/1/000.p/2"]
    urls += ["/tile/entries/000", "/tile/entries/001", "/tile/entries/002.p/18"]
    got = asyncio.run(asked(sealed, *(("GET", url, {}) for url in urls)))
    answers = {answer.request.url.path: answer for answer in got}
    assert {answer.status_code for answer in answers.values()} == {200}
    keys = Heads(sealed.log.pool).keys()
    origin = answers["/checkpoint"].text.partition("\n")[0]
    head = checkpoint_of(answers["/checkpoint"].text, origin, keys)
    leaves = b"".join(answers[url].content for url in urls[1:4])
    hashes = [leaves[at : at + 32] for at in range(0, len(leaves), 32)]
    tree = Tree(hashes)
    assert (head.size, head.root) == (530, tree.root())
    assert answers["/tile/1/000.p/2"].content == b"".join(tree.levels[8])
    entries, found = b"".join(answers[url].content for url in urls[5:]), []
    while entries:
        length = int.from_bytes(entries[:2])
        found.append(leaf_hash(entries[2 : 2 + length]))
        entries = entries[2 + length :]
    assert found == hashes


def test_what_is_served_says_what_it_is_and_how_long_it_keeps(sealed: House, get: Get):
    checkpoint, tile, entries = get("/checkpoint"), get("/tile/0/000"), get("/tile/entries/000")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "public, max-age=1"
    for answer, whose in ((tile, "public"), (entries, "private")):
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == f"{whose}, max-age=31536000, immutable"
    assert len(tile.content) == 8_192
    assert entries.headers["content-encoding"] == "gzip"
    assert get("/tile/entries/000", headers={"accept-encoding": "identity"}).content == entries.content


MISSING = [
    "/tile/0/002",
    "/tile/0/002.p/19",
    "/tile/0/002.p/0",
    "/tile/0/002.p/018",
    "/tile/0/000.p/256",
    "/tile/0/003.p/1",
    "/tile/0/2.p/1",
    "/tile/0/x000/000",
    "/tile/0/000/001",
    "/tile/0/x001",
    "/tile/00/000",
    "/tile/-1/000",
    "/tile/64/000.p/1",
    "/tile/1/000",
    "/tile/1/000.p/3",
    "/tile/2/000.p/1",
    "/tile/99999999999999999999/000",
    "/tile/0/x999/x999/x999/x999/x999/999",
    "/tile/0/x999/x999/x999/x999/x999/x999/999",
    "/tile/0/٠٠٠",
    "/tile/entries/002",
    "/tile/entries/002.p/19",
    "/tile/entries/x001/000",
    "/tile/entries/000.p/",
    "/tile/0/",
]


def test_what_is_not_there_is_not_found_and_not_kept(sealed: House):
    for answer in asyncio.run(asked(sealed, *(("GET", url, {}) for url in MISSING))):
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store"), answer.request.url


def test_a_part_of_a_tile_that_is_full_now_is_still_there(sealed: House, get: Get):
    assert get("/tile/0/000.p/100").content == get("/tile/0/000").content[:3_200]
    assert get("/tile/1/000.p/1").content == get("/tile/1/000.p/2").content[:32]


def test_before_the_first_head_there_is_nothing(get: Get):
    for url in ("/checkpoint", "/tile/0/000.p/1", "/tile/entries/000.p/1"):
        answer = get(url)
        assert (answer.status_code, CHECKPOINT_HEADER in answer.headers) == (404, False)


def test_without_the_database_it_says_so_and_when_to_come_again(sealed: House):
    async def visit() -> list[httpx.Response]:
        app = create_app(sealed)
        async with app.router.lifespan_context(app):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
                sealed.log.pool.close()
                return [await client.get(url) for url in ("/checkpoint", "/tile/0/000", "/tile/entries/000")]

    for answer in asyncio.run(visit()):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["cache-control"] == "no-store"


def test_every_answer_says_the_short_checkpoint(sealed: House):
    head = Heads(sealed.log.pool).latest()
    assert head is not None
    answers = asyncio.run(
        asked(
            sealed,
            ("GET", "/healthz", {}),
            ("GET", "/nowhere", {}),
            ("GET", "/checkpoint", {}),
            ("POST", "/graphql", {"json": {"query": "{ views { name } }"}}),
            ("POST", "/graphql", {"json": {"query": "{ nothing }"}}),
            ("POST", "/graphql", {"content": b"x" * (MAX_BODY_BYTES + 1)}),
        )
    )
    assert {answer.headers[CHECKPOINT_HEADER] for answer in answers} == {head.checkpoint.short}
    assert head.checkpoint.short.startswith("530 ")


def test_the_header_follows_the_log(sealed: House):
    async def twice() -> list[str]:
        app, found = create_app(sealed), []
        async with app.router.lifespan_context(app):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
                found.append((await client.get("/healthz")).headers[CHECKPOINT_HEADER])
                with running.sealer(sealed) as sealer:
                    sealer.run()
                for _ in range(4):
                    await asyncio.sleep(0.4)
                    found.append((await client.get("/healthz")).headers[CHECKPOINT_HEADER])
        return found

    found = asyncio.run(twice())
    assert (found[0][:4], found[-1][:4]) == ("530 ", "540 ")


def test_a_report_says_the_checkpoint(house: House, ask: Any, ana: UUID):
    query = '{ report(name: "salesByTerritory", parameters: {from: "2026-01-01", to: "2026-03-01"}) { checkpoint } }'
    assert ask(query)["report"]["checkpoint"] is None
    with running.sealer(house) as sealer:
        sealer.run()
    head = Heads(house.log.pool).latest()
    assert head is not None
    assert ask(query)["report"]["checkpoint"] == head.checkpoint.short


@pytest.mark.parametrize(
    ("number", "path"), [(0, "000"), (5, "005"), (999, "999"), (1_000, "x001/000"), (1_234_067, "x001/x234/067")]
)
def test_numbers_of_tiles_are_written_in_threes(number: int, path: str):
    assert written(number) == path
    assert parsed(path) == (number, 256)
    assert parsed(f"{path}.p/7") == (number, 7)


def test_nothing_personal_is_in_what_is_served(house: House, ask: Any, ana: UUID, get: Get):
    with running.sealer(house) as sealer:
        size = sealer.run()
    entries = get(f"/tile/entries/000.p/{size}", headers={"accept-encoding": "identity"}).content
    for word in ("Ana", "Núñez", "ana@example.com", "600", "123456"):
        assert word.lower().encode() not in entries.lower()
    with psycopg.connect(house.dsn) as db:
        types = db.execute("select distinct type from es.event").fetchall()
    assert all(type.encode() in entries for (type,) in types)
