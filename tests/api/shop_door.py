"""A shop on the web that tells us of its orders by signed CloudEvents, as its HTTP client would send them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
import orjson

from api.app import create_app
from api.house import House
from api.settings import Sender, Settings
from processes.webhooks import key_of, signed_headers

OLD, NEW, FOREIGN = ("whsec_" + letters * 8 for letters in ("QUJD", "REVG", "R0hJ"))
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
COMMANDS = {
    "com.shop.order.placed": "placeOrder",
    "com.shop.order.cancelled": "cancelOrder",
    "registerCustomer": "registerCustomer",
}


def sending(house: House, **said: Any) -> House:
    """The house, with the shop among those who may send."""
    sender = Sender(**{"secret": NEW, "commands": COMMANDS, **said})
    return replace(house, settings=Settings(home=house.settings.home, webhook_senders={"shop": sender}))


def order(number: str = "1", **said: Any) -> dict[str, Any]:
    """The event that an order was placed."""
    line = {"sku": "cup", "quantity": 2, "unitPrice": "12.50"}
    return {
        "specversion": "1.0",
        "id": f"o-{number}",
        "source": "https://shop.example/orders",
        "type": "com.shop.order.placed",
        "time": "2026-03-02T09:59:00+01:00",
        "data": {"orderId": f"shop:{number}", "customerId": "shop:ana", "lines": [line]},
        **said,
    }


@dataclass
class WebShop:
    """Sends to a house, whose clock stands at `at`."""

    house: House
    secrets: tuple[str, ...] = (NEW,)
    at: datetime = AT
    ids: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.app = create_app(self.house, now=lambda: self.at)

    def tell(self, told: Any, *, id: str | None = None, **words: Any) -> httpx.Response:
        """One event, or a list of them, in a document; under a new webhook-id unless one is given."""
        kind = BATCH if isinstance(told, list) else STRUCTURED
        return self.send(orjson.dumps(told), {"content-type": kind}, id=id, **words)

    def tell_in_headers(self, told: Mapping[str, Any], *, id: str | None = None, **words: Any) -> httpx.Response:
        """One event whose attributes are headers."""
        headers = {f"ce-{name}": value for name, value in told.items() if name != "data"}
        body = orjson.dumps(told["data"]) if "data" in told else b""
        return self.send(body, {"content-type": "application/json", **headers}, id=id, **words)

    def send(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        id: str | None = None,
        to: str = "shop",
        signed_at: datetime | None = None,
        more: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> httpx.Response:
        """A request with this body, signed by the secrets of the shop."""
        keys = [key_of(secret) for secret in self.secrets]
        signed = signed_headers(keys, id or f"msg_{next(self.ids)}", signed_at or self.at, body)
        return self.request(method, f"/webhooks/{to}", content=body, headers={**signed, **headers, **(more or {})})

    def request(self, method: str, path: str, **words: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **words)

        return asyncio.run(asked())
