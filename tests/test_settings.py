"""The settings of what comes in and goes out: what cannot be is told, and no secret with it."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from api import running
from api.house import House as OpenHouse
from api.house import open_house
from api.settings import Settings, complaints
from domain.interaction import MessageReceived
from domain.kernel import derived
from processes.outbox import telling
from tests.processes.postman import mail
from tests.processes.receiver import SECRET, receiving
from tests.processes.test_worker import wait_for

HOOK = {"url": "https://erp.test/hook", "secret": SECRET}
SENDER = {"secret": SECRET, "commands": ["placeOrder"]}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("inbox", "imaps://crm:hush@", "Write the mailbox as imaps://user:password@host:port/mailbox"),
        ("webhooks", {"erp": {**HOOK, "url": "ftp://hush"}}, "Write the address of a webhook as https://host/path"),
        ("webhooks", {"erp": {**HOOK, "secret": "hush"}}, "Write a secret as whsec_"),
        ("webhooks", {"erp": {**HOOK, "hush": "hush"}}, "Extra inputs are not permitted"),
        ("webhook_senders", {"shop": {**SENDER, "secret": "hush"}}, "Write a secret as whsec_"),
        ("webhook_senders", {"shop": {**SENDER, "secret": " "}}, "A system that tells us something needs a secret"),
        ("webhook_senders", {"The hush": SENDER}, "Name a system by up to 64 small letters"),
        ("webhook_senders", {"shop": {**SENDER, "per_minute": 99}}, "Input should be greater than or equal to 100"),
    ],
)
def test_what_cannot_be_is_told_without_its_secret(name: str, value: object, told: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Settings(**{name: value})  # type: ignore[arg-type]
    [sentence] = complaints(refusal.value)
    assert sentence.startswith(f"The setting BITACORA_{name.upper()} cannot be that: {told}")
    assert "hush" not in sentence


def test_what_is_no_secret_is_shown() -> None:
    with pytest.raises(ValidationError) as refusal:
        Settings(port="eighty")  # type: ignore[arg-type]
    assert next(complaints(refusal.value)).startswith("The setting BITACORA_PORT cannot be 'eighty': ")


@pytest.mark.parametrize("name", ["BITACORA_WEBHOOKS", "BITACORA_WEBHOOK_SENDERS"])
def test_webhooks_that_are_no_json_are_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "{hush")
    with pytest.raises(SettingsError) as refusal:
        Settings()
    assert list(complaints(refusal.value)) == [f"The setting {name} cannot be that: it is no JSON."]


def test_senders_are_read_from_json_and_keep_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    erp = {"secret": f"{SECRET} {SECRET}", "commands": {"erp.shipped": "shipOrder"}, "per_minute": 100}
    monkeypatch.setenv("BITACORA_WEBHOOK_SENDERS", json.dumps({"shop": SENDER, "erp": erp}))
    settings = Settings()
    assert settings.webhook_senders["shop"].by_type == {"placeOrder": "placeOrder"}
    assert settings.webhook_senders["erp"].by_type == {"erp.shipped": "shipOrder"}
    assert len(settings.webhook_senders["erp"].keys) == 2
    assert SECRET not in repr(settings)


def test_webhooks_are_read_from_json_and_keep_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_WEBHOOKS", json.dumps({"erp": HOOK}))
    settings = Settings()
    assert settings.webhooks["erp"].target.url == HOOK["url"]
    assert SECRET not in repr(settings)


def test_a_house_without_mailbox_or_targets_has_neither_inbox_nor_outbox(dsn: str, tmp_path: Path) -> None:
    with open_house(Settings(home=tmp_path, dsn=dsn)) as house:
        assert (running.inbox(house), running.outbox(house)) == (None, None)


def test_a_house_that_works_reads_its_mail_and_tells_others(dsn: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    with receiving() as receiver:
        hooks = {"erp": {"url": receiver.url, "secret": SECRET}}
        settings = Settings(home=tmp_path, dsn=dsn, inbox=str(folder), webhooks=hooks)  # type: ignore[arg-type]
        with open_house(settings) as house, running.working(house):
            wait_for(lambda: (folder / "new").is_dir())
            (folder / "new" / "1").write_bytes(mail("<1@c>"))
            house.log.do(telling("erp", "order", derived("order", 1)))
            wait_for(lambda: receiver.taken)
            wait_for(lambda: written(house))


def written(house: OpenHouse) -> list[MessageReceived]:
    return [event for event, _ in house.log.reader.page(0) if isinstance(event, MessageReceived)]
