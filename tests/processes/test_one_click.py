"""One click, over real wires: a mail server takes the letter, and the mail program posts to the address in its header."""

import threading
import time
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import uvicorn
from fastapi import FastAPI

from api.withdrawal_form import withdrawal_form
from domain.consent import ConsentWithdrawn, Purpose
from processes.transports import SmtpTransport
from tests.conftest import House
from tests.processes.messenger import STEP, messenger, willing
from tests.processes.shop import SECRET, Shop
from tests.processes.test_transports import Inbox, free_port
from tests.processes.test_transports import inbox as inbox
from tests.processes.test_transports import mail_server as mail_server
from tests.processes.test_transports import url as url

STARTED_WITHIN_S = 10.0


@pytest.fixture
def shop(house: House, tmp_path: Path, url: str) -> Shop:
    return Shop(house.log, tmp_path, SmtpTransport(url, timeout_s=5), policies=[messenger()])


@pytest.fixture
def site(shop: Shop) -> Iterator[str]:
    """The forms of the shop on a port of this machine."""
    app, port = FastAPI(), free_port()
    app.include_router(withdrawal_form(shop.log, SECRET, "La Tienda"))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + STARTED_WITHIN_S
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_the_mail_program_withdraws_with_one_post(shop: Shop, inbox: Inbox, site: str) -> None:
    shop.until("2026-01-12 12:00")
    customer = willing(shop)
    shop.order(customer, "2026-01-12 12:00")
    shop.until("2026-01-12 12:00")
    [envelope] = inbox.taken
    assert isinstance(envelope.content, bytes)
    header = message_from_bytes(envelope.content)["List-Unsubscribe"]
    address = header.strip("<>").replace("https://shop.test", site)
    with urlopen(address) as page:
        assert b"\xc2\xbfNo quiere" in page.read()
    one_click = Request(address, b"List-Unsubscribe=One-Click", {"content-type": "application/x-www-form-urlencoded"})
    for _ in range(2):
        with urlopen(one_click) as answer:
            assert answer.status == 200
    with pytest.raises(HTTPError, match="404") as wrong:
        urlopen(Request(address.replace("/u/", "/u/A"), b""))
    wrong.value.close()
    said = [event for event, _ in shop.events() if isinstance(event, ConsentWithdrawn)]
    assert [(each.customer_id, each.purpose, each.channel) for each in said] == [
        (customer, Purpose.MARKETING, "EMAIL"),
    ]  # fmt: skip
    shop.order(customer, "2026-02-12 12:00")
    shop.until("2026-02-12 12:00")
    assert [each.status for each in shop.ledger(STEP)] == ["DELIVERED", "SUPPRESSED"]
    assert len(inbox.taken) == 1
