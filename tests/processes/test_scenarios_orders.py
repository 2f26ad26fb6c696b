"""The acceptance scenario of orders that come more than once, as it is told."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from api.house import House as OpenHouse
from api.settings import Settings
from domain.follow_up import FollowUpScheduled, FollowUpSuppressed
from domain.inbound_message import InboundMessageAccepted
from domain.order import OrderPlaced
from processes import POLICIES
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from tests.api.shop_door import WebShop, order, sending
from tests.conftest import House
from tests.processes.shop import Shop, moment

PLACE_ORDER = """
mutation($input: PlaceOrderInput!, $commandId: ID!, $at: DateTime!) {
  placeOrder(input: $input, commandId: $commandId, occurredAt: $at) {
    ... on Receipt { position duplicate }
    ... on Refusal { reason }
  }
}
"""


def test_13_an_order_that_comes_five_times_from_a_telephone_or_twice_from_the_web_is_one(
    house: House, tmp_path: Path
) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=POLICIES)
    engine = Engine(house.log, house.log.pool, VIEWS)
    engine.prepare()
    settings = Settings(home=tmp_path)
    settings.key_file.parent.mkdir()
    opened = sending(OpenHouse(settings, house.dsn, house.log, Lists(house.log, house.log.pool), engine))
    ana, eva = shop.customer(), shop.customer(email="eva@shop.test", name="Eva")
    shop.until("2026-02-02 10:00")

    # A rep at a customer's takes an order on the telephone. The connection is bad: it asks five times, three at once.
    mobile = WebShop(opened)
    line = {"sku": "cup", "quantity": 2, "unitPrice": "5"}
    asked = {
        "query": PLACE_ORDER,
        "variables": {
            "input": {"orderId": "mobile:7", "customerId": str(ana), "lines": [line], "rep": "luz"},
            "commandId": "mobile:7",
            "at": "2026-02-02T10:00:00+01:00",
        },
    }

    def attempt(_: int) -> dict[str, Any]:
        answer = mobile.request("POST", "/graphql", json=asked).json()
        return dict(answer["data"]["placeOrder"])

    with ThreadPoolExecutor(3) as telephone:
        answers = [*telephone.map(attempt, range(3)), attempt(4), attempt(5)]

    # Each time the answer is the same: the order is there, where it was the first time.
    assert len({each["position"] for each in answers}) == 1
    assert [each["duplicate"] for each in answers][3:] == [True, True]

    # The shop on the web tells of an order. It does not hear the answer, and tells it again, in another form.
    web = WebShop(opened, at=moment("2026-02-02 10:05"))
    data = {"orderId": "shop:8", "customerId": str(eva), "lines": [line]}
    told = order("8", time="2026-02-02T10:04:00+01:00", data=data)
    assert web.tell(told, id="msg_8").json()["accepted"] == 1
    again = web.tell_in_headers(told, id="msg_8").json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)

    # There are two orders, and not seven.
    assert len([event for event, _ in shop.events() if isinstance(event, OrderPlaced)]) == 2
    assert len([event for event, _ in shop.events() if isinstance(event, InboundMessageAccepted)]) == 1

    # A month later each has set off what an order sets off: each policy once, and one letter to each of them.
    shop.until("2026-02-03 10:00")
    shop.until("2026-03-02 10:05")
    rows = [event for event, _ in shop.events() if isinstance(event, FollowUpScheduled | FollowUpSuppressed)]
    set_off = Counter((row.policy, row.step, row.trigger) for row in rows)
    assert set(set_off.values()) == {1}
    of_each = {}
    placed = [at for event, at in shop.events() if isinstance(event, OrderPlaced)]
    for at in placed:
        of_each[at.stream_id] = sorted((row.policy, row.step) for row in rows if row.trigger_position == at.position)
    mobile_order, web_order = (at.stream_id for at in placed)
    assert of_each[mobile_order] == of_each[web_order]
    assert ("post-purchase-survey", "survey") in of_each[web_order]
    assert len(of_each[web_order]) > 1
    letters = Counter(mail["to"] for mail in shop.mails())
    assert letters == {"Ana <ana@shop.test>": 1, "Eva <eva@shop.test>": 1}
