"""Who looked at the personal values of a customer stands in a log of its own, before they are shown."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from api.app import create_app
from api.doctor import reading
from api.house import House
from api.operator import operator
from api.settings import Settings
from domain.kernel import derived, reference
from domain.relationship import EstablishRelationship, RelationshipKind
from eventstore.database import MIGRATION_LOCK
from eventstore.reads import MANY_SUBJECTS, Read
from tests.api.conftest import REGISTER, Ask

SHOWS = (
    '{ customer(id: "shop:ana") { name } }',
    '{ customer(id: "shop:ana") { called: email } }',
    '{ customer(id: "shop:ana") { identifiers } }',
    "{ customers(first: 5) { nodes { phone } } }",
    "{ customers(first: 5) { edges { node { name } } } }",
    '{ events(customer: "shop:ana") { nodes { disclosed } } }',
    '{ customer(id: "shop:ana") { timeline { nodes { text } } } }',
    '{ screenPop(identifier: "ana@example.com") { name } }',
    "{ orders(first: 5) { nodes { customer { name } } } }",
    '{ explain(view: "customers", key: ["shop:ana"], field: "name") { value } }',
)
SHOWS_NOTHING = (
    '{ customer(id: "shop:ana") { customerId revenue orders { nodes { total } } } }',
    "{ customers(first: 5) { totalCount nodes { customerId country } } }",
    '{ events(customer: "shop:ana") { nodes { type body } } }',
    "{ views { sentence } }",
)


def reads(house: House) -> list[Read]:
    return house.reads.page()


@pytest.mark.parametrize("query", SHOWS)
def test_whoever_is_shown_a_personal_value_is_noted(house: House, ask: Ask, ana: UUID, query: str) -> None:
    ask(query)
    (read,) = reads(house)
    assert (read.subjects, read.actor, read.door) == ((ana,), operator(), "cli")
    assert read.document == sha256(query.encode()).digest()
    assert read.seen == house.log.reader.head()


@pytest.mark.parametrize("query", SHOWS_NOTHING)
def test_what_is_not_personal_is_not_noted(house: House, ask: Ask, ana: UUID, query: str) -> None:
    ask(query)
    assert reads(house) == []


def test_a_page_is_one_read_of_many(house: House, ask: Ask) -> None:
    for name in ("ana", "eva", "leo"):
        ask(REGISTER, input={"customerId": f"shop:{name}", "name": name})
    ask("{ customers(first: 5) { nodes { name } } }")
    (read,) = reads(house)
    assert set(read.subjects) == {reference("customer", "shop", name) for name in ("ana", "eva", "leo")}


def test_a_customer_is_told_who_looked(house: House, ask: Ask, ana: UUID) -> None:
    query = 'query Card { customer(id: "shop:ana") { name } }'
    ask(query)
    ask("{ customers(first: 5) { nodes { email } } }")
    found = ask(
        """{ personalReads(customer: "shop:ana") { position actor door operation document subjects seenPosition } }"""
    )
    first, second = found["personalReads"]
    assert first == {
        "position": "1", "actor": operator(), "door": "cli", "operation": None, "subjects": 1,
        "document": sha256(query.encode()).hexdigest(), "seenPosition": str(house.log.reader.head()),
    }  # fmt: skip
    assert second["position"] == "2"
    after = ask("""{ personalReads(customer: "shop:ana", after: "1", first: 1) { position } }""")
    assert after == {"personalReads": [{"position": "2"}]}
    assert ask("""{ personalReads(customer: "shop:nobody") { position } }""") == {"personalReads": []}
    (error,) = ask("""{ personalReads(customer: "shop:ana", first: 0) { position } }""", errors=True)
    assert error["extensions"]["field"] == "first"


def test_what_cannot_be_noted_is_not_shown(house: House, ask: Ask, ana: UUID) -> None:
    with psycopg.connect(house.dsn, autocommit=True) as db:
        db.execute("revoke execute on function es.append_read(text, text, text, text, bytea, uuid[]) from es_app")
    (error,) = ask('{ customer(id: "shop:ana") { name } }', errors=True)
    assert error["extensions"]["code"] == "INTERNAL"
    assert "Ana" not in str(error)


def test_whoever_is_seen_late_is_noted_too(house: House, ask: Ask, ana: UUID) -> None:
    ask(REGISTER, input={"customerId": "shop:eva", "name": "Eva"})
    eva = reference("customer", "shop", "eva")
    house.log.do(EstablishRelationship(customer_id=ana, other_id=eva, kind=RelationshipKind.PARTNER_OF))
    ask('{ customer(id: "shop:ana") { name relationships { customer { email } } } }')
    first, second = reads(house)
    assert (first.subjects, second.subjects) == ((ana,), (eva,))


def test_reads_are_noted_while_a_lock_is_held_that_migrations_take(house: House, ask: Ask, ana: UUID) -> None:
    with psycopg.connect(house.dsn) as db:
        db.execute("select pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        ask('{ customer(id: "shop:ana") { name } }')
    assert len(reads(house)) == 1


def test_reads_that_come_together_stand_without_gaps(house: House) -> None:
    def note(n: int) -> int:
        return house.reads.note([UUID(int=n)], actor="user:luz", door="graphql")

    with ThreadPoolExecutor(16) as workers:
        positions = list(workers.map(note, range(200)))
    assert sorted(positions) == list(range(1, 201))
    found = reads(house)
    assert {each.position: each.subjects[0].int for each in found} == dict(zip(positions, range(200), strict=True))
    assert sorted(each.recorded_at for each in found) == [each.recorded_at for each in found]


def test_the_past_of_reads_cannot_be_changed(house: House, ask: Ask, ana: UUID) -> None:
    ask('{ customer(id: "shop:ana") { name } }')
    for statement in ("update es.read set actor = 'x'", "delete from es.read", "truncate es.read"):
        with psycopg.connect(house.dsn) as db, pytest.raises(psycopg.errors.RestrictViolation):
            db.execute(statement)
        with house.log.pool.connection() as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(statement)


Post = Callable[..., httpx.Response]


def posting(house: House) -> Post:
    """Posts a question to the application, with headers."""

    def post(question: dict[str, str], **headers: str) -> httpx.Response:
        async def posted() -> httpx.Response:
            app = create_app(house)
            async with app.router.lifespan_context(app):
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
                    return await client.post("/graphql", json=question, headers=named)

        return asyncio.run(posted())

    return post


@pytest.fixture
def post(house: House) -> Post:
    """To a house behind a proxy that names the users."""
    return posting(replace(house, settings=Settings(home=house.settings.home, actor_header="X-Remote-User")))


CARD = {"query": 'query Card { customer(id: "shop:ana") { name } }', "operationName": "Card"}


def test_the_proxy_says_who_asks_and_the_client_what_for(post: Post, house: House, ana: UUID) -> None:
    house.engine.catch_up()
    post(CARD, X_Remote_User="luz@example.com", X_Purpose="complaint 42")
    post(CARD)
    named, unnamed = reads(house)
    assert (named.actor, named.purpose, named.operation, named.door) == (
        "user:luz@example.com", "complaint 42", "Card", "graphql",
    )  # fmt: skip
    assert (unnamed.actor, unnamed.purpose) == ("user:anonymous", None)
    told = {"query": 'mutation { registerCustomer(input: {customerId: "shop:eva"}) { __typename } }'}
    assert post(told, X_Remote_User="luz").status_code == 200
    assert house.log.reader.page(house.log.reader.head() - 1)[0].at.actor == "user:luz"


def test_a_header_that_names_nobody_is_refused(post: Post, house: House, ana: UUID) -> None:
    answer = post(CARD, X_Remote_User="policy: <x>")
    assert answer.status_code == 400
    assert "X-Remote-User" in answer.text
    assert reads(house) == []


def test_without_a_setting_nobody_says_who_they_are(house: House, ana: UUID) -> None:
    house.engine.catch_up()
    posting(house)(CARD, X_Remote_User="luz")
    assert [read.actor for read in reads(house)] == ["user:anonymous"]


def test_the_doctor_says_who_looks_at_very_many(house: House) -> None:
    people = [derived("customer", n) for n in range(MANY_SUBJECTS + 1)]
    house.reads.note(people[:-1], actor="user:luz", door="graphql")
    assert house.reads.busiest(datetime.now(UTC)) == []
    house.reads.note(people[-1:], actor="user:eva", door="graphql")
    house.reads.note(people[-1:], actor="user:luz", door="graphql")
    assert house.reads.busiest(datetime.now(UTC)) == [("user:luz", MANY_SUBJECTS + 1)]
    finding = reading(house, datetime.now(UTC))
    assert (finding.ok, finding.says) == (False, f"user:luz looked at {MANY_SUBJECTS + 1} people within the last hour.")


def test_reads_stand_without_gaps_in_the_order_of_time(house: House) -> None:
    for n in range(5):
        house.reads.note([uuid4()], actor="user:" + "x" * 200, door="graphql", purpose="p" * 200, document=str(n))
    found = reads(house)
    assert [read.position for read in found] == [1, 2, 3, 4, 5]
    assert sorted(read.recorded_at for read in found) == [read.recorded_at for read in found]
    assert {len(read.actor) for read in found} == {100}
