"""Providers of key-encryption keys: four functions behind which a file, Vault or a key service may stand."""

import hmac
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, Protocol, runtime_checkable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from domain.values import EMPTY

KEY_BYTES = 32
FIRST_EPOCH = 1
FILE = "file"

CLAIMS = "claims"
"""The secret under which the index of claims hashes identifiers."""
LINKS = "links"
"""The secret behind the links in letters."""
SECRETS = (CLAIMS, LINKS)


class KeyFileError(Exception):
    """A key-encryption key is missing, not readable, or another one than that by which things were wrapped."""


@runtime_checkable
class Provider(Protocol):
    """Keeps key-encryption keys, one for each epoch, and wraps other keys by them.

    Raises `KeyFileError` if the key of an epoch is not there or is another one, and `Unavailable` if it cannot be asked
    just now. Making and destroying twice is the same as once.
    """

    name: str

    def make(self, epoch: int) -> str:
        """Makes the key of an epoch, and says what it is called here."""

    def wrap(self, epoch: int, keys: Sequence[bytes]) -> list[bytes]:
        """Wraps keys of 32 bytes, in their order."""

    def unwrap(self, epoch: int, keys: Sequence[bytes]) -> list[bytes]:
        """Unwraps what `wrap` gave, in its order."""

    def destroy(self, epoch: int) -> None:
        """Destroys the key of an epoch: whatever is wrapped by it, in any backup, is lost for ever."""


class Providers:
    """The provider of new epochs, and those of older ones, by their names."""

    def __init__(self, current: Provider, others: Iterable[Provider] = ()) -> None:
        self.current = current
        self._by_name: Mapping[str, Provider] = {**{each.name: each for each in others}, current.name: current}

    def __getitem__(self, name: str) -> Provider:
        """The provider of this name. Raises `KeyFileError` if it is not set up."""
        if name not in self._by_name:
            raise KeyFileError(
                f"Keys are wrapped by the provider {name}, which is not set up here. "
                "Set BITACORA_KEYS_PROVIDER, and what it needs."
            )
        return self._by_name[name]


DERIVED: Mapping[str, Callable[[bytes], bytes]] = {
    CLAIMS: lambda kek: hmac.digest(kek, b"bitacora-claim/1", "sha256"),
    LINKS: lambda kek: HKDF(SHA256(), KEY_BYTES, salt=None, info=b"bitacora-links/1").derive(kek),
}
"""What was derived from the first key-encryption key before secrets were kept by themselves, and is for ever."""


class Keks:
    """Key-encryption keys that are at hand as bytes: AES key wrap (RFC 3394), 40 bytes for each key of 32."""

    name = FILE

    def key(self, epoch: int) -> bytes:
        """The key of an epoch. Raises `KeyFileError`."""
        raise NotImplementedError

    def wrap(self, epoch: int, keys: Sequence[bytes]) -> list[bytes]:
        """Wraps keys of 32 bytes, in their order."""
        kek = self.key(epoch)
        return [aes_key_wrap(kek, key) for key in keys]

    def unwrap(self, epoch: int, keys: Sequence[bytes]) -> list[bytes]:
        """Unwraps what `wrap` gave. Raises `KeyFileError` if the key is another one than that by which it was wrapped."""
        kek = self.key(epoch)
        try:
            return [aes_key_unwrap(kek, key) for key in keys]
        except InvalidUnwrap as error:
            raise KeyFileError(
                f"The key {self._called(epoch)} is not the one under which the personal values were sealed. "
                "Restore it from its backup."
            ) from error

    def _called(self, epoch: int) -> str:
        return f"kek-{epoch}"


class Files(Keks):
    """One file for each epoch, `kek-1`, `kek-2` and so on, in one folder, readable by its owner only.

    A file is read whenever it is needed: no copy of it stays in memory longer than that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, epoch: int) -> str:
        """Makes the file unless it is there, whole or not at all. Raises `KeyFileError`."""
        file, fresh = self._file(epoch), self.folder / f".kek-{epoch}.{os.getpid()}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not file.exists():
                handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(handle, "wb") as out:
                    out.write(os.urandom(KEY_BYTES))
                    out.flush()
                    os.fsync(out.fileno())
                try:
                    os.link(fresh, file)  # unlike a rename it never replaces one that somebody else made meanwhile
                except FileExistsError:
                    pass
                finally:
                    fresh.unlink()
                self._settle()
        except OSError as error:
            self._unusable(file, error)
        self.key(epoch)
        return file.name

    def key(self, epoch: int) -> bytes:
        """The bytes of a file. Raises `KeyFileError` if it is missing or not whole."""
        file = self._file(epoch)
        try:
            key = file.read_bytes()
        except FileNotFoundError as error:
            raise KeyFileError(
                f"The key file {file} is missing. Restore it from its backup: without it personal values stay unreadable."
            ) from error
        except OSError as error:
            self._unusable(file, error)
        if len(key) != KEY_BYTES:
            raise KeyFileError(
                f"The key file {file} holds {len(key)} bytes instead of {KEY_BYTES}. Restore it from its backup."
            )
        return key

    def destroy(self, epoch: int) -> None:
        """Overwrites the file and removes it. What the disk or its snapshots keep of it is the operator's to end."""
        file = self._file(epoch)
        left = self.folder.glob(f".kek-{epoch}.*")  # by somebody who was killed while making it
        for each in (*left, file):
            try:
                with each.open("r+b") as old:
                    old.write(os.urandom(KEY_BYTES))
                    old.flush()
                    os.fsync(old.fileno())
                each.unlink()
                self._settle()
            except FileNotFoundError:
                continue
            except OSError as error:
                self._unusable(each, error)

    def _settle(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _file(self, epoch: int) -> Path:
        return self.folder / f"kek-{epoch}"

    def _called(self, epoch: int) -> str:
        return f"file {self._file(epoch)}"

    def _unusable(self, file: Path, error: OSError) -> NoReturn:
        raise KeyFileError(
            f"The key file {file} cannot be used: {error.strerror}. Without it personal values stay unreadable."
        ) from error


class InMemory(Keks):
    """Keys that nobody keeps: for a database that is thrown away, such as that of a simulation or of a test."""

    def __init__(self, keks: Mapping[int, bytes] = EMPTY) -> None:
        self._keks = dict(keks)

    def make(self, epoch: int) -> str:
        """Makes a key unless it is there."""
        self._keks.setdefault(epoch, os.urandom(KEY_BYTES))
        return self._called(epoch)

    def key(self, epoch: int) -> bytes:
        """The bytes of a key. Raises `KeyFileError` if it is not there."""
        if epoch not in self._keks:
            raise KeyFileError(f"The key {self._called(epoch)} is not there.")
        return self._keks[epoch]

    def destroy(self, epoch: int) -> None:
        """Drops a key."""
        self._keks.pop(epoch, None)
