"""The company of the story, told once for all tests that only look."""

from collections.abc import Iterator
from random import Random

import psycopg
import pytest
from psycopg import sql

from domain import DECIDERS
from eventstore.database import open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from tests.conftest import KEK, TEMPLATE
from tests.projections.kpis.story import Company, everything, tell
from tests.projections.kpis.story_company import aims_story, members_story, promises_story, records_story
from tests.projections.kpis.story_marketing import campaigns_story, costs_story, credits_story, lifecycle_story
from tests.projections.kpis.story_pipeline import pipeline_story, plans_story
from tests.projections.kpis.story_sales import sales_story, second_thoughts
from tests.projections.kpis.story_service import calls_story, cases_story, desk_story, surveys_story

NAME = "kpi_story"


@pytest.fixture(scope="session")
def company(server: EmbeddedServer) -> Iterator[Company]:
    """A company with half a year behind it."""
    with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        db.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(NAME), sql.Identifier(TEMPLATE)
            )
        )
    with open_pool(server.dsn(dbname=NAME)) as pool:
        log = Log(pool, DECIDERS, KeyRing(pool, KEK))
        sold = list(sales_story(Random(1)))
        tell(
            log,
            [
                *sold,
                *second_thoughts(sold, Random(2)),
                *pipeline_story(Random(3)),
                *plans_story(Random(4)),
                *campaigns_story(Random(5)),
                *credits_story(sold, Random(6)),
                *costs_story(Random(7)),
                *lifecycle_story(Random(8)),
                *cases_story(Random(9)),
                *calls_story(Random(10)),
                *desk_story(Random(11)),
                *surveys_story(Random(12)),
                *members_story(Random(13)),
                *records_story(Random(14)),
                *promises_story(Random(15)),
                *aims_story(),
            ],
        )
        engine = Engine(log, pool, VIEWS)
        engine.prepare()
        engine.catch_up()
        yield Company(log, Lists(log, pool), everything(log))
    with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        db.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(NAME)))
