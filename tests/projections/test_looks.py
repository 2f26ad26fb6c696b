"""Looks: what is asked together is asked from one moment, and what fails spoils nothing for the others."""

import asyncio

import psycopg
import pytest

from api.house import House as OpenHouse
from api.schema.context import Context
from api.settings import Settings
from projections import VIEWS
from projections.customers import customers
from projections.engine import Engine
from projections.lists import Lists
from projections.selling import orders
from tests.conftest import House
from tests.projections.test_lists import buy, caught_up, customer, lists, register

__all__ = ["lists"]


def test_what_is_asked_together_is_seen_from_one_moment(lists: Lists, house: House) -> None:
    buy(house, 1, by=1, price="1")
    caught_up(house)
    with lists.together():
        with lists.reading(orders.view) as (_, before):
            assert lists.count(orders.view) == 1
        buy(house, 2, by=1, price="1")
        caught_up(house)
        assert lists.count(orders.view) == 1
        with lists.reading(customers.view) as (_, after):
            assert after == before
    assert lists.count(orders.view) == 2


def test_a_question_that_fails_leaves_the_next_one_a_look_of_its_own(lists: Lists, house: House) -> None:
    register(house, 1, name="Ana")
    caught_up(house)
    with lists.together():
        with pytest.raises(psycopg.errors.DivisionByZero), lists.reading(orders.view) as (db, _):
            db.execute("select 1 / 0")
        assert lists.count(customers.view) == 1
    assert lists.count(customers.view) == 1


def test_loaders_of_one_moment_answer_each_for_itself(lists: Lists, house: House) -> None:
    register(house, 1, name="Ana")
    caught_up(house)
    home = OpenHouse(Settings(), house.dsn, house.log, lists, Engine(house.log, house.pool, VIEWS))

    def wrong(keys: list[int]) -> dict[int, int]:
        with lists.reading(orders.view) as (db, _):
            db.execute("select 1 / 0")
        return {}

    async def asked() -> list[object]:
        context = Context(home)
        return await asyncio.gather(
            context.row(customers.view, customer(1)),
            context.each("wrong", wrong, 1),
            context.row(customers.view, customer(2)),
            context.each("right", lambda keys: {key: lists.count(customers.view) for key in keys}, 1),
            return_exceptions=True,
        )

    ana, failed, nobody, count = asyncio.run(asked())
    assert isinstance(ana, customers.CustomerLine)
    assert ana.name == "Ana"
    assert isinstance(failed, Exception)
    assert (nobody, count) == (None, 1)
