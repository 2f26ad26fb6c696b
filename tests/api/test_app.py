"""The web application: media types, bodies, hosts, headers, and what is said when something goes wrong."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
import orjson
import psycopg
import pytest

from api.app import SECURITY_HEADERS, create_app
from api.house import House
from api.limits import MAX_BODY_BYTES
from api.schema import execute, print_sdl, schema
from api.schema.context import Context
from projections import VIEWS
from projections.lists import Lists

Visit = Callable[[httpx.AsyncClient], Coroutine[Any, Any, Any]]
QUERY = {"query": "{ views { name } }"}


@pytest.fixture
def visit(house: House) -> Callable[[Visit], Any]:
    """Runs a visitor against the application."""

    def run(visitor: Visit, host: str = "localhost") -> Any:
        async def visited() -> Any:
            app = create_app(house)
            async with app.router.lifespan_context(app):
                transport = httpx.ASGITransport(app)
                async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                    return await visitor(client)

        return asyncio.run(visited())

    return run


def test_a_query_is_answered_with_security_headers(visit):
    response = visit(lambda client: client.post("/graphql", json=QUERY))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert len(response.json()["data"]["views"]) == len(VIEWS)
    assert {name: response.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_a_client_that_prefers_the_media_type_of_graphql_gets_it_with_its_status(visit):
    accept = {"accept": "application/json;q=0.5, application/graphql-response+json"}
    response = visit(lambda client: client.post("/graphql", json={"query": "{ nothing }"}, headers=accept))
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert "data" not in response.json()
    response = visit(lambda client: client.post("/graphql", json={"query": "{ nothing }"}))
    assert response.status_code == 200


def test_a_browser_gets_a_page_that_says_how_to_ask(visit):
    response = visit(lambda client: client.get("/graphql", headers={"accept": "text/html"}))
    assert response.status_code == 200
    assert "Bitácora speaks GraphQL here" in response.text
    assert "http" not in response.text.partition("<body")[0].replace("graphql", "")


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_the_limit_is_refused(visit, declared: bool):
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 65_536 + 1):
            yield b" " * 65_536

    body = b" " * (MAX_BODY_BYTES + 1) if declared else chunks()
    response = visit(lambda client: client.post("/graphql", content=body, headers={"content-type": "application/json"}))
    assert response.status_code == 413
    assert response.json()["errors"][0]["extensions"] == {"code": "TOO_LARGE", "limit": "body"}
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_body_at_the_limit_is_taken(visit):
    body = orjson.dumps(QUERY)
    body += b" " * (MAX_BODY_BYTES - len(body))
    response = visit(lambda client: client.post("/graphql", content=body, headers={"content-type": "application/json"}))
    assert response.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"7", b'"a"', b"[]", b'[{"query": "{ views { name } }"}]', b'{"query": 7}', b'{"query": "\\ud800"}',
        b'{"query": "\xff"}', b'{"query": "{ views { name } }", "variables": []}', b"[" * 100_000,
        b'{"query": "{ views { name } }", "operationName": 7}', b'{"query": "{ views { name } }", "extensions": 1}',
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_with_a_sentence(visit, body: bytes):
    response = visit(lambda client: client.post("/graphql", content=body, headers={"content-type": "application/json"}))
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "by POST as application/json" in error["message"]


def test_forms_are_not_taken(visit):
    for form in ({"data": QUERY}, {"files": {"query": b"{ views { name } }"}}, {"content": b"{ views { name } }"}):
        assert visit(lambda client, form=form: client.post("/graphql", **form)).status_code in (400, 415)


def test_a_mutation_by_get_is_refused(visit, house: House):
    query = 'mutation { registerCustomer(input: {customerId: "shop:1"}) { __typename } }'
    response = visit(lambda client: client.get("/graphql", params={"query": query}))
    assert response.status_code in (400, 405)
    assert house.log.reader.head() == 0


def test_a_foreign_name_does_not_lead_here(visit):
    assert visit(lambda client: client.post("/graphql", json=QUERY), host="attacker.example").status_code == 400
    assert visit(lambda client: client.post("/graphql", json=QUERY), host="127.0.0.1").status_code == 200


def test_it_says_that_it_lives_and_whether_it_can_work(visit, house: House):
    assert visit(lambda client: client.get("/healthz")).json() == {"status": "ok"}
    response = visit(lambda client: client.get("/readyz"))
    assert (response.status_code, response.json()["views"][0]) == (200, "absences is up to date.")
    house.log.pool.close()
    response = visit(lambda client: client.get("/readyz"))
    assert response.status_code == 503
    assert "cannot be reached" in response.json()["reason"]


def test_a_defect_of_ours_is_hidden_and_logged(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(*args: object, **kwargs: object) -> None:
        raise KeyError("the secret of the house")

    monkeypatch.setattr(Lists, "page", broken)
    with caplog.at_level(logging.INFO):
        (error,) = execute(house, "{ orders { position } }")["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(error)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert error["extensions"]["requestId"] in record.getMessage()
    assert record.exc_info is not None
    assert "the secret of the house" in caplog.text


def test_a_mistake_of_a_client_is_logged_without_its_words(house: House, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        execute(house, "query($id: Ref) { customer(id: $id) { name } }", {"id": "a private word"})
        execute(house, "query($id: Ref!) { customer(id: $id) { name } }", {"id": ["a private word"]})
    assert [record.levelno for record in caplog.records if record.name.startswith("api")] == [logging.INFO] * 2
    assert "private" not in caplog.text
    assert "Traceback" not in caplog.text


def test_an_operation_that_takes_too_long_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch):
    def slow(*args: object, **kwargs: object) -> None:
        with house.log.pool.connection() as db:
            db.execute("select pg_sleep(0.4)")

    monkeypatch.setattr(Lists, "page", slow)
    context = Context(house, timeout_s=0.05)
    result = asyncio.run(schema().execute("{ orders { position } }", context_value=context))
    assert result.errors is not None
    assert result.errors[0].extensions["code"] == "TIMEOUT"
    assert "Ask for less at once" in result.errors[0].message


def test_commands_do_not_hold_up_each_other(visit, house: House):
    """While one waits for a lock in the database, others are done."""
    register = 'mutation { registerCustomer(input: {customerId: "shop:N"}) { ... on Receipt { position } } }'

    async def visitor(client: httpx.AsyncClient) -> list[int]:
        with psycopg.connect(house.dsn) as db:
            db.execute("lock table es.event in exclusive mode")
            waiting = asyncio.create_task(client.post("/graphql", json={"query": register}))
            await asyncio.sleep(0.1)
            alive = await client.get("/healthz")
            assert not waiting.done()
            db.rollback()
        return [alive.status_code, (await waiting).status_code]

    assert visit(visitor) == [200, 200]


def test_the_printed_schema_is_sorted_and_says_what_everything_is():
    printed = print_sdl()
    assert printed == print_sdl()
    assert '"""Promise the customer that the order will be fulfilled."""\n  confirmOrder(' in printed
    assert "union CommandResult = Receipt | Refusal" in printed
    assert "input AsOf @oneOf" in printed
    floating = re.findall(r"^  (\w+)(?:\(.*\))?: Float", printed, re.M)
    money = re.compile("amount|revenue|margin|price|total|balance|spent|gross|worth|outstanding|liability", re.I)
    assert [name for name in floating if money.search(name)] == ["meanWorth"]  # what a model expects
