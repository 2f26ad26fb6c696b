"""The copy of a person's data holds all that the log knows of them, and nothing of anybody else."""

import io
import zipfile
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from api.house import House
from api.running import sealer
from api.subject_access import copy_of, write
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.customer import MergeCustomers, RegisterCustomer
from domain.interaction import Direction, LogInteraction
from domain.kernel import Refused, derived
from domain.order import OrderLine, PlaceOrder
from domain.outbound_message import QueueOutboundMessage
from domain.subject_access import SubjectAccessExported, SubjectAccessKind
from domain.values import Channel
from eventstore.envelope import Origin, Request
from eventstore.evidence.proofs import must_be_head
from eventstore.sealing.merkle import leaf_hash
from eventstore.sealing.notes import Proof, VerifierKey
from tests.api.conftest import Ask

ACCESS, PORTABILITY = SubjectAccessKind.ACCESS, SubjectAccessKind.PORTABILITY


def opened(content: bytes) -> tuple[dict[str, Any], str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == ["report.html", "report.json"]
        return orjson.loads(archive.read("report.json")), archive.read("report.html").decode()


def report(house: House, whom: UUID, kind: SubjectAccessKind = ACCESS, language: str = "es") -> dict[str, Any]:
    house.engine.catch_up()
    return opened(copy_of(house, whom, kind, language, actor="operator:dpo").content)[0]


def test_it_holds_every_event_and_every_personal_value(house: House, ask: Ask, ana: UUID) -> None:
    found = report(house, ana)
    with house.log.pool.connection() as db:
        events = [
            row[0] for row in db.execute("select position from es.event where customer_id = %s order by 1", [ana])
        ]
        (slots,) = db.execute("select count(*) from es.personal where subject_id = %s", [ana]).fetchone() or (0,)
    assert [each["position"] for each in found["events"]] == [p for p in events if p <= found["position"]]
    assert sum(len(each["personal"]) for each in found["events"]) == slots > 0
    assert found["profile"]["name"] == "Ana Núñez"
    told = [each["personal"] for each in found["events"] if each["type"] == "interaction.logged.v1"]
    assert told == [{"subject": "Tienda", "text": "¿Está abierto?"}]


def test_it_says_what_the_law_asks_for(house: House, ask: Ask, ana: UUID) -> None:
    house.log.do(GrantConsent(customer_id=ana, purpose=Purpose.MARKETING))
    house.log.do(WithdrawConsent(customer_id=ana, purpose=Purpose.MARKETING))
    order = PlaceOrder(
        order_id=derived("order", 9), customer_id=ana, lines=(OrderLine(sku="A", quantity=1, unit_price=Decimal(1)),)
    )
    house.log.do(order, Request(origin=Origin.IMPORT))
    told = QueueOutboundMessage(
        outbound_message_id=derived("message", 1), target="erp", noun="order", about=order.order_id, digest="0" * 64
    )
    house.log.do(told)
    ask('{ customer(id: "shop:ana") { name } }')
    found = report(house, ana)
    assert [(each["purpose"], each["says"]) for each in found["purposes"]] == [
        ("MARKETING", "agreed"), ("MARKETING", "objected"),
    ]  # fmt: skip
    assert [(each["system"], each["about"], each["messages"]) for each in found["recipients"]] == [("erp", "order", 1)]
    assert found["sources"]["import"] == 1
    assert {each["key_class"] for each in found["retention"]} == {"identity", "contact", "text", "answer"}
    assert found["readBy"][0]["door"] == "cli"
    assert found["readBy"][-1]["purpose"] == "subject access: ACCESS"


def test_whoever_was_merged_is_the_same_person_and_nobody_else_is_in_it(house: House, ask: Ask, ana: UUID) -> None:
    old, other = derived("customer", "old"), derived("customer", "other")
    house.log.do(RegisterCustomer(customer_id=old, name="Ana N."))
    house.log.do(RegisterCustomer(customer_id=other, name="Somebody Else"))
    house.log.do(MergeCustomers(customer_id=old, survivor_id=ana))
    for whom in (ana, old):
        found = report(house, whom)
        names = [each["personal"].get("name") for each in found["events"] if each["type"] == "customer.registered.v1"]
        assert names == ["Ana Núñez", "Ana N."]
        assert "Somebody Else" not in str(found)


def test_what_to_take_along_is_what_they_gave_themselves(house: House, ask: Ask, ana: UUID) -> None:
    for n, direction in enumerate(Direction):
        logged = LogInteraction(
            interaction_id=derived("note", n),
            customer_id=ana,
            channel=Channel.PHONE,
            direction=direction,
            text=f"said {n}",
        )
        house.log.do(logged)
    found = report(house, ana, PORTABILITY)
    assert {each["type"] for each in found["events"]} == {
        "customer.registered.v1", "customer.identifier-added.v1", "order.placed.v1", "interaction.logged.v1",
    }  # fmt: skip
    assert [each["personal"]["text"] for each in found["events"] if each["type"] == "interaction.logged.v1"] == [
        "¿Está abierto?", "said 0",
    ]  # fmt: skip
    assert "readBy" not in found


class Texts(HTMLParser):
    """Every text of a page, and its language."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.language = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "html":
            self.language = dict(attrs)["lang"]
        assert tag != "script"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize(("language", "title"), [("es", "Sus datos"), ("en", "Your data")])
@pytest.mark.parametrize("kind", SubjectAccessKind)
def test_people_can_read_it(
    house: House, ask: Ask, ana: UUID, kind: SubjectAccessKind, language: str, title: str
) -> None:
    house.log.do(
        LogInteraction(
            interaction_id=derived("note", 1), customer_id=ana, channel=Channel.PHONE, text="<script>1</script>"
        )
    )
    house.engine.catch_up()
    _, page = opened(copy_of(house, ana, kind, language, actor="operator:dpo").content)
    texts = Texts(page)
    assert texts.language == language
    assert title in texts.texts
    assert any("<script>1</script>" in text for text in texts.texts)
    assert any("Ana Núñez" in text for text in texts.texts)


def test_the_log_says_that_it_was_made(house: House, ask: Ask, ana: UUID) -> None:
    house.engine.catch_up()
    made = copy_of(house, ana, ACCESS, actor="operator:dpo")
    ((event, at),) = house.log.reader.page(0, types=["subject_access.exported.v1"])
    assert isinstance(event, SubjectAccessExported)
    assert (event.digest, event.events, event.position) == (made.digest, made.events, made.position)
    assert (at.actor, at.customer_id) == ("operator:dpo", ana)


def test_every_event_comes_with_its_proof(house: House, ask: Ask, ana: UUID) -> None:
    assert report(house, ana)["checkpoint"] is None
    with sealer(house) as sealing:
        sealing.run()
    with house.log.pool.connection() as db:
        head = must_be_head(db)
        keys = [VerifierKey.parse(row[0]) for row in db.execute("select vkey from es.tree_key")]
    found = report(house, ana)
    assert found["checkpoint"] == head.note
    proven = [each for each in found["events"] if each["position"] <= head.size]
    assert len(proven) == head.size > 3
    for each in proven:
        proof = Proof.parse(each["proof"])
        assert proof.extra is not None
        proof.proven(leaf_hash(proof.extra), head.origin, keys)
        assert each["type"].encode() in proof.extra
    assert all("proof" not in each for each in found["events"] if each["position"] > head.size)


def test_nobody_has_no_copy_and_a_file_is_not_overwritten(house: House, ana: UUID, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="Nothing is known"):
        copy_of(house, derived("customer", "nobody"), ACCESS, actor="operator:dpo")
    assert house.reads.page() == []
    house.engine.catch_up()
    made = copy_of(house, ana, ACCESS, actor="operator:dpo")
    file = tmp_path / "ana.zip"
    write(made, file)
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="is there already"):
        write(made, file)
