"""The keys on the command line, as an operator and a data protection officer use it, and what the settings make of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from api import terminal
from api.cli import app
from api.house import House, open_house
from api.keepers import providers
from api.settings import Settings
from domain.customer import RegisterCustomer
from domain.kernel import Refused, derived, reference
from eventstore.custody.providers import Files
from eventstore.custody.vault import Vault

ANA = reference("customer", "shop", "ana")
PASSPHRASE = "correct horse battery staple"
Run = Callable[..., Result]


@pytest.fixture
def run(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `bitacora` with a home and a database of its own, in which Ana is registered."""
    monkeypatch.setenv("BITACORA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BITACORA_DSN", dsn)
    monkeypatch.setattr(terminal.console, "width", 250)
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    with open_house() as house:
        house.log.do(RegisterCustomer(customer_id=ANA, name="Ana Canary", email="ana@example.com"))
    return lambda *words, **more: CliRunner().invoke(app, ["keys", *words], catch_exceptions=False, **more)


@pytest.fixture
def dpo(run: Run, tmp_path: Path) -> list[str]:
    """The words by which the officer says who they are."""
    secret = str(tmp_path / "passphrase")
    assert run("dpo", str(tmp_path / "dpo.json"), "--passphrase-file", secret).exit_code == 0
    return ["--key", str(tmp_path / "dpo.json"), "--passphrase-file", secret]


def block(house: House) -> None:
    keys = [key.key_id for key in house.custodian.of([ANA])]
    house.custodian.block(keys, until=date(2029, 1, 1), basis="LOPDGDD art. 32")


def test_the_status_says_which_epochs_and_keys_there_are(run: Run) -> None:
    found = json.loads(run("status", "--json").stdout)
    assert [(each["epoch"], each["state"], each["keys"]) for each in found["epochs"]] == [(1, "ACTIVE", 2)]
    assert (found["keys"], found["officer"]) == ({"ACTIVE": 2}, None)
    assert "file: kek-1" in run("status").stdout
    assert "bitacora keys dpo" in run("status").stdout


def test_a_rotation_says_what_it_did_and_what_to_do_now(run: Run) -> None:
    said = run("rotate").stdout
    assert "Epoch 2 is active; 2 keys were wrapped anew. Back up its key now." in said
    assert "destroyed in 30 days" in said
    assert json.loads(run("rotate", "--json").stdout) == {"epoch": 3, "rewrapped": 2, "destroyed": []}
    assert run("status").stdout.count("RETIRED") == 2


def test_without_a_retention_old_keys_are_destroyed_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BITACORA_KEYS_RETENTION_DAYS", "0")
    assert "Destroyed for good: the keys of epoch 1." in run("rotate").stdout
    assert [file.name for file in (tmp_path / "home" / "keys").glob("kek-*")] == ["kek-2"]


def test_the_officer_reads_what_is_blocked_and_gives_it_back(run: Run, dpo: list[str], tmp_path: Path) -> None:
    assert run("read", "shop:ana", *dpo).stdout == "Nothing is blocked of them.\n"
    with open_house() as house:
        block(house)
        assert house.log.reader.stream(ANA, disclose=True)[0].event.name is None  # type: ignore[attr-defined]
    found = json.loads(run("read", "shop:ana", *dpo, "--json").stdout)
    assert [(each["position"], each["type"], each["field"], each["value"]) for each in found] == [
        (1, "customer.registered.v1", "name", "Ana Canary"),
        (2, "customer.identifier-added.v1", "value", "ana@example.com"),
        (2, "customer.identifier-added.v1", "normal", "ana@example.com"),
    ]
    assert "Ana Canary" in run("read", "shop:ana", *dpo).stdout
    (tmp_path / "passphrase").write_text("another passphrase")
    denied = run("unblock", "shop:ana", *dpo)
    assert (denied.exit_code, "passphrase" in denied.stderr) == (1, True)
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    assert "2 keys of shop:ana are active again" in run("unblock", "shop:ana", *dpo).stdout
    with open_house() as house:
        assert house.log.reader.stream(ANA, disclose=True)[0].event.name == "Ana Canary"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("dpo", "{dpo}", "--passphrase-file", "{passphrase}"), "never written over"),
        (("dpo", "{new}"), "nobody to ask"),
        (("dpo", "{new}", "--passphrase-file", "{nowhere}"), "cannot be read"),
        (("read", "shop:ana", "--key", "{nowhere}", "--passphrase-file", "{passphrase}"), "cannot be read"),
        (("read", "shop:ana", "--key", "{passphrase}", "--passphrase-file", "{passphrase}"), "bitacora keys dpo"),
        (("read", "nobody@example.com", "--key", "{dpo}", "--passphrase-file", "{passphrase}"), "Nobody is known"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    run: Run, dpo: list[str], tmp_path: Path, words: Sequence[str], told: str
) -> None:
    places = {name: tmp_path / name for name in ("new", "nowhere", "passphrase")} | {"dpo": tmp_path / "dpo.json"}
    done = run(*(word.format(**places) for word in words))
    assert done.exit_code in (1, 2)
    assert told in done.stderr
    assert not (tmp_path / "new").exists()


def doctor() -> Mapping[str, tuple[bool, str]]:
    """What the doctor says, by name."""
    said = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False).stdout
    return {each["name"]: (each["ok"], each["says"]) for each in json.loads(said)}


def test_the_doctor_says_how_the_epochs_stand(run: Run, dsn: str, dpo: list[str], tmp_path: Path) -> None:
    ok, says = doctor()["keys"]
    assert ok
    assert "Epoch 1 (file: kek-1)" in says
    assert "2 keys are active, 0 blocked, 0 destroyed." in says
    assert "opens with the key" in doctor()["officer"][1]
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("update keys.epoch set made_at = now() - interval '40 days'")
        ok, says = doctor()["keys"]
        assert (ok, "older than a month" in says) == (False, True)
        run("rotate")
        ok, says = doctor()["keys"]
        assert (ok, "The key of epoch 1 is kept while backups need it." in says) == (True, True)
        db.execute("update keys.epoch set emptied_at = now() - interval '31 days' where epoch = 1")
        ok, says = doctor()["keys"]
        assert (ok, "should be destroyed by now" in says) == (False, True)
        db.execute("update keys.epoch set emptied_at = null where epoch = 1")
        ok, says = doctor()["keys"]
        assert (ok, "still wrapped by epoch 1" in says) == (False, True)
    (tmp_path / "home" / "keys" / "kek-2").unlink()
    ok, says = doctor()["database"]
    assert (ok, "kek-2 is missing. Restore it from its backup" in says) == (False, True)


# What the settings make of it.


class Escrow(Files):
    """A provider of somebody else's."""

    name = "escrow"

    def __init__(self, folder: str) -> None:
        super().__init__(Path(folder))


def test_a_provider_of_ones_own_is_plugged_in_by_its_path(dsn: str, tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path / "home",
        dsn=dsn,
        keys_provider="tests.api.test_keys_cli:Escrow",
        keys_options={"folder": str(tmp_path / "escrow")},
    )
    with open_house(settings) as house:
        house.log.do(RegisterCustomer(customer_id=derived("customer", 1), name="Eva"))
        assert house.epochs.standings()[0][2:4] == ("escrow", "kek-1")
    assert (tmp_path / "escrow" / "kek-1").exists()
    assert not (tmp_path / "home" / "keys" / "kek-1").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"keys_provider": "nowhere.at.all:Kms"}, "cannot be made: No module named"),
        ({"keys_provider": "tests.api.test_keys_cli:Nobody"}, "cannot be made: module"),
        ({"keys_provider": "tests.api.test_keys_cli:Escrow"}, "cannot be made: .*folder"),
        ({"keys_provider": "collections:OrderedDict"}, "is no provider"),
        ({"keys_provider": "vault"}, "BITACORA_VAULT_ADDRESS and BITACORA_VAULT_TOKEN_FILE"),
        ({"keys_provider": "vault", "vault_address": "http://vault.example"}, "BITACORA_VAULT_TOKEN_FILE"),
        (
            {"keys_provider": "vault", "vault_address": "http://vault.example", "vault_token_file": "token"},
            "begins with https://",
        ),
    ],
)
def test_a_provider_that_cannot_be_is_told(given: dict[str, str], told: str) -> None:
    with pytest.raises(Refused, match=told):
        providers(Settings(**given))  # type: ignore[arg-type]


def test_a_provider_that_has_no_path_is_refused_by_the_settings() -> None:
    with pytest.raises(ValueError, match="Set it to file, vault, or module:attribute"):
        Settings(keys_provider="kms")
    assert isinstance(
        providers(Settings(keys_provider="vault", vault_address="https://v", vault_token_file=Path("t"))).current, Vault
    )


def test_options_that_are_no_json_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_KEYS_OPTIONS", "{hush")
    said = CliRunner().invoke(app, ["keys", "status"])
    assert said.exit_code == 2
    assert "The setting BITACORA_KEYS_OPTIONS cannot be that: it is no JSON." in said.stderr
