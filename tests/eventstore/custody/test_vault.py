"""Key-encryption keys in a Vault: the same life as in files, over HTTP, and every way in which it can say no."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from domain.kernel import Refused
from eventstore.custody.providers import LINKS, Files, KeyFileError, Provider
from eventstore.custody.vault import Vault
from eventstore.database import Unavailable
from eventstore.personal import Subject
from tests.eventstore.custody.conftest import NOW, Begin
from tests.eventstore.custody.transit import Transit, serving

TOKEN = "s.token"


@pytest.fixture
def transit() -> Iterator[Transit]:
    with serving(Transit(TOKEN)) as transit:
        yield transit


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    return file


@pytest.fixture
def vault(transit: Transit, token_file: Path) -> Vault:
    return Vault(transit.address, token_file)


def test_what_is_wrapped_is_unwrapped_in_its_order_however_much_it_is(vault: Vault, transit: Transit) -> None:
    keys = [os.urandom(32) for _ in range(2_345)]
    assert vault.make(1) == vault.make(1) == "bitacora-1"
    wrapped = vault.wrap(1, keys)
    assert len(set(wrapped)) == len(keys)
    assert vault.unwrap(1, wrapped) == keys
    assert [line.split("/")[-2] for line in transit.asked].count("encrypt") == 3
    assert vault.wrap(1, []) == vault.unwrap(1, []) == []


def test_a_house_whose_keys_are_in_a_vault_lives_as_one_whose_keys_are_files(
    begin: Begin, vault: Vault, transit: Transit
) -> None:
    keeping = begin(provider=vault)
    people = [keeping.note(f"note {n}") for n in range(12)]
    links = keeping.ring.secret(LINKS)
    assert not keeping.folder.exists()
    assert list(transit.keys) == ["bitacora-1"]
    keeping.epochs.rotate(NOW)
    assert keeping.epochs.go_on(NOW + timedelta(days=30)) == (2, 0, (1,))
    assert list(transit.keys) == ["bitacora-2"]
    other = begin(provider=vault)
    assert sorted(map(str, other.notes(*people))) == sorted(f"note {n}" for n in range(12))
    assert other.ring.secret(LINKS) == links
    vault.destroy(1)
    assert [(each.epoch, each.provider) for each in other.epochs.standings()] == [(1, "vault"), (2, "vault")]


def test_a_house_moves_from_files_into_a_vault_by_a_rotation_and_back(begin: Begin, vault: Vault) -> None:
    keeping = begin()
    account = keeping.note("something")
    links = keeping.ring.secret(LINKS)
    moved = begin(provider=vault)
    assert moved.notes(account) == ["something"]
    moved.epochs.rotate(NOW)
    moved.epochs.go_on(NOW + timedelta(days=30))
    assert list(keeping.folder.iterdir()) == []
    fresh = begin(provider=vault)
    assert (fresh.notes(account), fresh.ring.secret(LINKS)) == (["something"], links)
    with pytest.raises(KeyFileError, match="provider vault, which is not set up here"):
        begin().notes(account)


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (500, Unavailable, "cannot answer just now"),
        (503, Unavailable, "cannot answer just now"),
        (429, Unavailable, "cannot answer just now"),
        (403, KeyFileError, "Look at the token"),
        (404, KeyFileError, "does not know the key"),
        (400, KeyFileError, "turns .* down"),
        (302, KeyFileError, "turns .* down"),
        (307, KeyFileError, "turns .* down"),
    ],
)
def test_every_no_is_told(vault: Vault, transit: Transit, status: int, kind: type[Exception], told: str) -> None:
    vault.make(1)
    transit.status = status
    with pytest.raises(kind, match=told):
        vault.wrap(1, [bytes(32)])
    assert not any("elsewhere" in line for line in transit.asked)


def test_a_key_that_is_gone_or_another_one_is_told(vault: Vault, transit: Transit) -> None:
    vault.make(1)
    wrapped = vault.wrap(1, [bytes(32)])
    vault.make(2)
    for transit.strict in (False, True):
        with pytest.raises(KeyFileError, match="unable to decrypt"):
            vault.unwrap(2, wrapped)
    with pytest.raises(KeyFileError, match="no prefix"):
        vault.unwrap(1, [b"\xff\x00nonsense"])
    vault.destroy(1)
    with pytest.raises(KeyFileError, match="encryption key not found"):
        vault.unwrap(1, wrapped)
    vault.destroy(1)


def test_what_is_no_vault_and_what_does_not_answer_are_told(tmp_path: Path, transit: Transit, token_file: Path) -> None:
    vault = Vault(transit.address, tmp_path / "nowhere")
    with pytest.raises(KeyFileError, match=r"token, .*nowhere, cannot be read"):
        vault.wrap(1, [bytes(32)])
    token_file.write_text("another")
    with pytest.raises(KeyFileError, match="permission denied"):
        Vault(transit.address, token_file).make(1)
    with pytest.raises(Unavailable, match="cannot be reached just now"):
        Vault("http://127.0.0.1:1", token_file).make(1)
    for address in ("http://vault.example:8200", "ftp://127.0.0.1", "vault"):
        with pytest.raises(Refused) as refused:
            Vault(address, token_file)
        assert refused.value.field == "vault_address"
    with pytest.raises(Refused, match="certificate authority"):
        Vault("https://127.0.0.1", token_file, ca=tmp_path / "nowhere")


def test_the_token_is_read_anew_each_time(vault: Vault, transit: Transit, token_file: Path) -> None:
    vault.make(1)
    transit.token = "s.renewed"
    with pytest.raises(KeyFileError):
        vault.make(1)
    token_file.write_text("s.renewed")
    vault.make(1)


def test_while_the_vault_is_away_nothing_is_lost_and_what_is_held_goes_on(
    begin: Begin, vault: Vault, transit: Transit
) -> None:
    keeping = begin(provider=vault)
    account = keeping.note("before")
    transit.status = 503
    keeping.note("meanwhile", account)
    assert keeping.notes(account) == ["before", "meanwhile"]
    with pytest.raises(Unavailable):
        keeping.note("of somebody new")
    with pytest.raises(Unavailable):
        keeping.epochs.rotate(NOW)
    transit.status = None
    assert keeping.rows("select epoch, state from keys.epoch") == [(1, "ACTIVE")]
    assert len(keeping.ring.for_writing([Subject(uuid4(), "text", 2026)])) == 1


def test_files_and_vault_are_providers(vault: Vault, tmp_path: Path) -> None:
    assert isinstance(vault, Provider)
    assert isinstance(Files(tmp_path), Provider)
