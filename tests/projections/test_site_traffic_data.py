"""A whole click-stream: its traffic is what its lines say, however it is folded."""

import csv
import gzip
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.importers import clickstream
from api.importers.importing import run
from domain import DECIDERS
from eventstore.commands import Commands
from projections.engine import Engine
from projections.lists import Lists
from projections.rebuild import rebuild
from projections.selling import carts, orders
from projections.selling.cart_funnel import cart_funnel
from projections.touchpoints import visits
from projections.touchpoints.site_traffic import TrafficBy, site_traffic
from tests.conftest import House

FILE = Path(__file__).parents[3] / "shared/data/clickstream/ecom.csv.gz"
KNOWN_BY = ("login", "sign_up", "purchase")
START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.skipif(not FILE.exists(), reason="the click-stream file is not part of the repository")
def test_the_traffic_of_a_whole_click_stream_is_what_its_lines_say(house: House) -> None:
    run(clickstream.importer, str(FILE), log=house.log, commands=Commands(DECIDERS))
    engine = Engine(house.log, house.pool, (visits.view, carts.view, orders.view))
    engine.prepare()
    engine.catch_up()
    assert rebuild(engine, visits.view).unchanged
    assert rebuild(engine, carts.view).unchanged
    lists = Lists(house.log, house.pool)
    with gzip.open(FILE, "rt") as file:
        lines = sorted(csv.DictReader(file), key=lambda line: line["timestamp"])
    known = {line["user_id"] for line in lines if line["event"] in KNOWN_BY}
    sessions: dict[str, list[dict[str, str]]] = defaultdict(list)
    for line in lines:
        sessions[line["session_id"]].append(line)
    by: dict[TrafficBy, dict[str, list[dict[str, str]]]] = {each: defaultdict(list) for each in TrafficBy}
    for clicks in sessions.values():
        by[TrafficBy.DAY][clicks[0]["timestamp"][:10]] += clicks
        by[TrafficBy.DEVICE][clicks[0]["platform"]] += clicks
        for click in clicks:
            by[TrafficBy.PAGE][click["event"]].append(click)
    for dimension in (TrafficBy.DAY, TrafficBy.DEVICE, TrafficBy.PAGE):
        found = site_traffic(lists, dimension, START, END, zone="UTC", first=1_000)
        assert {each.value: (each.visits, each.visitors, each.known_visitors, each.hits) for each in found} == {
            value: (
                len({click["session_id"] for click in clicks}),
                len({click["user_id"] if click["user_id"] in known else click["session_id"] for click in clicks}),
                len({click["user_id"] for click in clicks if click["user_id"] in known}),
                len(clicks),
            )
            for value, clicks in by[dimension].items()
        }
    assert sum(each.visits for each in site_traffic(lists, TrafficBy.DEVICE, START, END)) == 3_605
    assert sum(each.started for each in cart_funnel(lists)) == 1_213
    middle = datetime(2024, 4, 1, tzinfo=UTC)
    halves = [
        sum(each.visits for each in site_traffic(lists, TrafficBy.DEVICE, *half))
        for half in ((START, middle), (middle, END))
    ]
    assert sum(halves) == 3_605
    assert all(halves)
