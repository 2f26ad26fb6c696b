"""The door for other systems: what is signed and whole is taken once; everything else is refused with its field, whole."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from api.app import create_app
from api.cloud_events import MAX_EVENTS
from api.house import House
from api.limits import MAX_BODY_BYTES, MAX_WEBHOOK_BYTES
from api.settings import Settings
from api.webhook_door import WebhookDoor
from domain.inbound_message import InboundMessageAccepted, InboundMessageRejected
from domain.kernel import Refused, reference
from domain.order import OrderPlaced
from eventstore.envelope import Happened
from processes.webhooks import TOLERANCE, key_of, signed_headers
from tests.api.shop_door import AT, BATCH, FOREIGN, NEW, OLD, STRUCTURED, WebShop, order, sending

SECOND = timedelta(seconds=1)


@pytest.fixture
def shop(house: House) -> WebShop:
    return WebShop(sending(house))


def events(shop: WebShop, *kinds: type) -> list[Happened]:
    found = shop.house.log.reader.page(0, disclose=True)
    return [each for each in found if not kinds or isinstance(each.event, kinds)]


def refused(response: httpx.Response, status: int, field: str) -> str:
    """The sentence, if the answer is this refusal."""
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert (response.status_code, told["status"], told["field"]) == (status, status, field)
    assert told["title"]
    return str(told["detail"])


def test_an_order_of_the_web_is_taken(shop: WebShop) -> None:
    response = shop.tell(order())
    assert response.status_code == 202
    [placed, accepted] = events(shop)
    assert placed.event.customer_id == reference("customer", "shop", "ana")  # type: ignore[attr-defined]
    assert placed.at.stream_id == reference("order", "shop", "1")
    assert (placed.at.actor, placed.at.origin) == ("webhook:shop", "live")
    assert placed.at.occurred_at == AT - timedelta(hours=1, minutes=1)
    key = "https://shop.example/orders o-1"
    assert isinstance(accepted.event, InboundMessageAccepted)
    assert (accepted.event.source, accepted.event.key, accepted.event.command) == ("shop", key, "PlaceOrder")
    assert accepted.at.occurred_at == AT
    told = {"source": "https://shop.example/orders", "id": "o-1", "position": 2}
    assert response.json() == {"accepted": 1, "duplicates": 0, "events": [told]}


def test_it_is_the_same_event_in_its_headers_in_a_document_or_in_a_list(shop: WebShop) -> None:
    assert shop.tell_in_headers(order()).json()["accepted"] == 1
    for again in (shop.tell(order()), shop.tell([order()]), shop.tell([order(), order()])):
        assert again.status_code == 202
        assert (again.json()["accepted"], again.json()["events"][0]["position"]) == (0, 2)
    assert shop.tell([]).json() == {"accepted": 0, "duplicates": 0, "events": []}
    assert len(events(shop)) == 2


def test_a_list_is_taken_as_one(shop: WebShop) -> None:
    told = shop.tell([order("1"), order("2"), order("1"), order("3")])
    assert (told.json()["accepted"], told.json()["duplicates"]) == (3, 1)
    assert [each["position"] for each in told.json()["events"]] == [2, 4, 2, 6]
    told = shop.tell([order("3"), order("4")])
    assert (told.json()["accepted"], told.json()["duplicates"]) == (1, 1)
    assert len(events(shop, OrderPlaced)) == 4


def test_commands_of_a_list_see_those_before_them(shop: WebShop) -> None:
    cancelled = order(id="c-1", type="com.shop.order.cancelled", data={"orderId": "shop:1", "reason": "too dear"})
    assert shop.tell([order("1"), cancelled]).json()["accepted"] == 2


def test_nothing_of_a_list_is_done_if_one_of_it_cannot_be(shop: WebShop) -> None:
    wrong = order("2")
    wrong["data"]["lines"][0]["quantity"] = "two"
    reason = refused(shop.tell([order("1"), wrong, order("3")]), 422, "[1].data.lines[0].quantity")
    assert reason == "lines[0].quantity is a whole number, not 'two'."
    [rejected] = events(shop)
    assert isinstance(rejected.event, InboundMessageRejected)
    assert (rejected.event.key, rejected.event.reason) == ("https://shop.example/orders o-2", reason)
    # Sent again it is refused again, and noted once; put right it is something else, with an id of its own.
    refused(shop.tell([order("1"), wrong]), 422, "[1].data.lines[0].quantity")
    refused(shop.tell([order("1"), order("2")]), 409, "[1].id")
    assert len(events(shop)) == 1
    assert shop.tell([order("1"), order("2", id="o-2b")]).json()["accepted"] == 2


def test_what_the_domain_refuses_names_the_field(shop: WebShop) -> None:
    assert "from 1 to" in refused(shop.tell(order(data={**order()["data"], "lines": []})), 422, "data.lines")
    cancel = order(id="c-9", type="com.shop.order.cancelled", data={"orderId": "shop:9", "reason": "?"})
    assert refused(shop.tell(cancel), 422, "data.orderId") == "This order has not been placed yet."
    assert shop.tell(order("9")).json()["accepted"] == 1
    assert shop.tell(cancel).json()["accepted"] == 1  # the same again, now that it can be done


def test_what_is_claimed_by_another_is_refused(house: House) -> None:
    shop = WebShop(sending(house, commands=["registerCustomer", "verifyIdentifier"]))
    email = {"type": "EMAIL", "value": "ana@shop.example"}
    for number, customer in enumerate(("ana", "eva")):
        register = {"customerId": f"shop:{customer}", "email": email["value"]}
        assert shop.tell(order(id=f"r-{number}", type="registerCustomer", data=register)).status_code == 202
    verify = [
        order(
            id=f"v-{customer}",
            type="verifyIdentifier",
            data={"customerId": f"shop:{customer}", "method": "LINK", **email},
        )
        for customer in ("ana", "eva")
    ]
    before = len(events(shop))
    assert shop.tell(verify).status_code == 422  # one of the two, whichever: nothing of it is done
    assert [type(each.event) for each in events(shop)[before:]] == [InboundMessageRejected]
    assert shop.tell(verify[0]).status_code == 202
    assert "verified as another customer's" in refused(shop.tell([verify[0], verify[1]]), 422, "[1].data.value")
    assert "verified as another customer's" in refused(shop.tell(verify[1]), 422, "data.value")


# Twice.


def test_the_same_event_under_another_webhook_id_is_the_same(shop: WebShop) -> None:
    assert shop.tell(order(), id="msg_a").json()["accepted"] == 1
    assert shop.tell(order(), id="msg_b").json()["duplicates"] == 1
    assert len(events(shop, OrderPlaced)) == 1


def test_another_event_under_the_same_webhook_id_is_refused(shop: WebShop) -> None:
    """As from a sender whose library makes up a new id for the event with each attempt."""
    assert shop.tell(order(), id="msg_a").status_code == 202
    refused(shop.tell(order(id="o-1-again"), id="msg_a"), 409, "webhook-id")
    refused(shop.tell([order(), order("2")], id="msg_a"), 409, "webhook-id")
    assert len(events(shop, OrderPlaced)) == 1


@pytest.mark.parametrize(
    "changed", [{"time": "2026-03-02T09:59:01+01:00"}, {"type": "registerCustomer"}, {"data": {"orderId": "shop:2"}}]
)
def test_another_event_under_the_same_source_and_id_is_refused(shop: WebShop, changed: dict[str, Any]) -> None:
    assert shop.tell(order()).status_code == 202
    refused(shop.tell(order(**changed)), 409, "id")
    refused(shop.tell([order("2"), order("3"), order("3", **changed)]), 409, "[2].id")
    assert len(events(shop)) == 2


def test_another_source_may_use_the_same_id(shop: WebShop) -> None:
    other = order("2", id="o-1", source="/outlet")
    assert shop.tell([order(), other]).json()["accepted"] == 2


def test_five_attempts_at_once_are_one_order(shop: WebShop) -> None:
    door = WebhookDoor(shop.house, lambda: AT)
    for n in range(10):
        body = orjson.dumps([order(f"{n}-1"), order(f"{n}-2")])
        headers = {"content-type": BATCH, **signed_headers([key_of(NEW)], f"msg_{n}", AT, body)}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        with ThreadPoolExecutor(5) as attempts:
            told = list(attempts.map(lambda _, raw=raw, body=body: door.take("shop", raw, body), range(5)))
        assert sorted((each["accepted"], each["duplicates"]) for each in told) == [(0, 2)] * 4 + [(2, 0)]
        assert len({str(each["events"]) for each in told}) == 1
    assert len(events(shop, OrderPlaced)) == 20
    assert len(events(shop)) == 40


# Who it is from, and when.


def test_whoever_does_not_prove_who_it_is_comes_to_nothing(shop: WebShop, caplog: pytest.LogCaptureFixture) -> None:
    body = orjson.dumps(order())
    with caplog.at_level(logging.WARNING):
        refused(shop.request("POST", "/webhooks/shop", content=body), 401, "webhook-signature")
        refused(WebShop(shop.house, (FOREIGN,)).tell(order()), 401, "webhook-signature")
        refused(shop.tell(order(), to="nobody"), 401, "webhook-signature")
        more = {"webhook-signature": "v1,AAAA"}
        refused(shop.tell(order(), more=more), 401, "webhook-signature")
    assert events(shop) == []
    assert len(caplog.records) == 4
    assert "A webhook for 'nobody' was not believed" in caplog.text


@pytest.mark.parametrize("off", [TOLERANCE, -TOLERANCE])
def test_clocks_may_differ_by_five_minutes_and_no_more(shop: WebShop, off: timedelta) -> None:
    late = off + (SECOND if off > timedelta(0) else -SECOND)
    assert "too old, or from the future" in refused(shop.tell(order(), signed_at=AT + late), 401, "webhook-signature")
    assert shop.tell(order(), signed_at=AT + off).status_code == 202


def test_while_a_secret_changes_both_are_taken(house: House) -> None:
    both = sending(house, secret=f"{OLD} {NEW}")
    for number, secrets in enumerate([(OLD,), (NEW,), (FOREIGN, NEW)]):
        assert WebShop(both, secrets).tell(order(str(number)), id=f"msg_{number}").status_code == 202
    refused(WebShop(both, (FOREIGN,)).tell(order("4")), 401, "webhook-signature")
    refused(WebShop(sending(house), (OLD,)).tell(order("5")), 401, "webhook-signature")


def test_a_system_may_only_tell_what_the_settings_say(shop: WebShop) -> None:
    reason = refused(shop.tell(order(type="erasePerson")), 422, "type")
    assert reason == (
        "shop may not tell 'erasePerson'. It may: com.shop.order.placed, com.shop.order.cancelled, registerCustomer."
    )
    refused(shop.tell(order("2", type="placeOrder")), 422, "type")


@pytest.mark.parametrize("name", ["placeOrders", "scheduleFollowUp"])
def test_what_nobody_may_ask_for_no_system_may(house: House, name: str) -> None:
    with pytest.raises(Refused, match=f"BITACORA_WEBHOOK_SENDERS lets shop give '{name}'"):
        create_app(sending(house, commands=[name]))


def test_it_says_when_it_was_and_that_is_not_when_it_came(shop: WebShop) -> None:
    unsaid = order()
    del unsaid["time"]
    assert "time is missing" in refused(shop.tell(unsaid), 422, "time")
    refused(shop.tell(order("2", time="2026-03-04T10:00:00Z")), 422, "time")  # beyond tomorrow
    refused(shop.tell(order("3", time="1066-10-14T10:00:00Z")), 422, "time")


@pytest.mark.parametrize(("days", "origin"), [(29, "live"), (31, "sync")])
def test_what_is_long_past_is_history(shop: WebShop, days: int, origin: str) -> None:
    assert shop.tell(order(time=(AT - timedelta(days=days)).isoformat())).status_code == 202
    assert [each.at.origin for each in events(shop)] == [origin, "live"]


# Limits.


def test_too_much_at_once_is_refused(shop: WebShop) -> None:
    many = [order(str(number)) for number in range(MAX_EVENTS + 1)]
    refused(shop.tell(many), 413, "the body")
    assert shop.tell(many[1:]).json()["accepted"] == MAX_EVENTS
    for size in (MAX_WEBHOOK_BYTES + 1, MAX_BODY_BYTES + 1):
        assert shop.send(b" " * size, {"content-type": STRUCTURED}).status_code == 413
    refused(shop.send(b" " * (MAX_WEBHOOK_BYTES + 1), {"content-type": STRUCTURED}), 413, "the body")
    body = orjson.dumps(order("0"))
    assert shop.send(body.ljust(MAX_WEBHOOK_BYTES), {"content-type": STRUCTURED}).status_code == 202


def test_too_much_in_a_minute_is_refused_until_there_is_room(shop: WebShop) -> None:
    house = sending(shop.house, per_minute=MAX_EVENTS)
    now = AT
    door = WebhookDoor(house, lambda: now)

    def tell(*numbers: int) -> int:
        body = orjson.dumps([order(str(number)) for number in numbers])
        headers = {"content-type": BATCH, **signed_headers([key_of(NEW)], f"msg_{numbers[0]}_{now}", now, body)}
        return int(
            door.take("shop", [(name.encode(), text.encode()) for name, text in headers.items()], body)["accepted"]
        )

    assert tell(*range(90)) == 90
    with pytest.raises(Exception, match="Send it again in 3 s") as slow:
        tell(*range(90, 105))
    assert slow.value.response().headers["retry-after"] == "3"  # type: ignore[attr-defined]
    assert tell(90, 91) == 2  # what fits goes on
    now += timedelta(seconds=8)
    assert tell(*range(92, 105)) == 13
    with pytest.raises(Exception, match="Send it again in 1 s"):
        tell(200, 201, 202, 203, 204, 205, 206, 207, 208)
    now -= timedelta(hours=1)  # the clock was set back
    assert tell(106) == 1


def test_while_the_database_is_away_it_is_to_be_sent_again(shop: WebShop) -> None:
    shop.house.log.pool.close()
    response = shop.tell(order())
    assert "cannot be reached" in refused(response, 503, "the body")
    assert response.headers["retry-after"] == "5"


def test_whoever_asks_before_it_sends_is_told_that_it_may(shop: WebShop) -> None:
    def ask(system: str, origin: str) -> dict[str, str]:
        response = shop.request("OPTIONS", f"/webhooks/{system}", headers={"webhook-request-origin": origin})
        assert response.status_code == 200
        return {
            name: value for name, value in response.headers.items() if name.startswith("webhook-") or name == "allow"
        }

    may = {"allow": "POST", "webhook-allowed-origin": "shop.example", "webhook-allowed-rate": "600"}
    assert ask("shop", "shop.example") == may
    assert ask("nobody", "shop.example") == ask("shop", "") == {"allow": "POST"}


def test_a_house_that_names_no_system_takes_nothing(house: House) -> None:
    assert house.settings == Settings(home=house.settings.home)
    refused(WebShop(house).tell(order()), 401, "webhook-signature")


def test_what_came_is_seen_in_the_integrations(shop: WebShop, ask: Any) -> None:
    shop.tell(order("1"))
    shop.tell(order("2", time="1066-10-14T10:00:00Z"))
    query = "{ integrations { system accepted rejected sentence } inboundMessages { nodes { source status reason } } }"
    told = ask(query)
    assert told["integrations"] == [
        {
            "system": "shop",
            "accepted": 1,
            "rejected": 1,
            "sentence": "shop: 1 messages could not be taken. Have them corrected and sent again.",
        }
    ]
    assert {each["status"]: each["reason"] for each in told["inboundMessages"]["nodes"]} == {
        "ACCEPTED": None,
        "REJECTED": "1066-10-14 cannot be: dates from 1900 to tomorrow are taken.",
    }
