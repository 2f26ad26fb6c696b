"""The data protection officer's key pair: the server seals by the public half; who holds the other half can read."""

import base64
import binascii
import os
import struct
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from domain.kernel import Refused

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
"""HPKE, RFC 9180, in its base mode: each value is sealed by itself, to whoever holds the private half."""
FORMAT = "bitacora-dpo/1"
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**17, 8, 1
"""128 MiB and about half a second for each guess (OWASP's first choice for scrypt)."""
SALT_BYTES = 16
NONCE_BYTES = 12
KEY_BYTES = 32
SHORTEST_PASSPHRASE = 12
LONGEST_FILE_BYTES = 4096


class OfficerError(Exception):
    """The officer's file is not one, is another officer's, or the passphrase is wrong."""


def seal(public: bytes, value: bytes, place: bytes) -> bytes:
    """Seals a value to the holder of the private half; it opens at the same place only."""
    return SUITE.encrypt(value, X25519PublicKey.from_public_bytes(public), place)


def place_of_key(key_id: int, subject_id: UUID) -> bytes:
    """What ties a sealed key to its row."""
    return b"bitacora-blocked-key/1\0" + struct.pack(">Q16s", key_id, subject_id.bytes)


def place_of_value(position: int, slot: int, subject_id: UUID) -> bytes:
    """What ties a sealed value to the event that it was taken from."""
    return b"bitacora-blocked-value/1\0" + struct.pack(">QH16s", position, slot, subject_id.bytes)


def fingerprint(public: bytes) -> str:
    """By what people compare public halves: the first 16 hex digits of SHA-256, in fours."""
    digits = sha256(public).hexdigest()[:16]
    return ":".join(digits[n : n + 4] for n in range(0, 16, 4))


class Officer:
    """Who can open what is blocked."""

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    @classmethod
    def new(cls) -> "Officer":
        """A key pair that nobody had before."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def read(cls, file: Path, passphrase: str) -> "Officer":
        """The one of a file. Raises `OfficerError`."""
        try:
            with file.open("rb") as handle:
                whole = orjson.loads(handle.read(LONGEST_FILE_BYTES))
            if whole["format"] != FORMAT:
                raise KeyError("format")
            salt, nonce, sealed, public = (
                base64.b64decode(whole[name], validate=True) for name in ("salt", "nonce", "sealed", "public")
            )
        except OSError as error:
            raise OfficerError(f"The file {file} cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise OfficerError(f"{file} is not a file that `bitacora keys dpo` made.") from error
        try:
            private = AESGCM(_stretched(passphrase, salt)).decrypt(nonce, sealed, FORMAT.encode() + public)
        except (InvalidTag, ValueError) as error:
            raise OfficerError(f"The passphrase of {file} is another one, or the file was changed.") from error
        return cls(X25519PrivateKey.from_private_bytes(private))

    def write(self, file: Path, passphrase: str) -> None:
        """Writes the file, readable by its owner only; one that is there stays. Raises `Refused` and `OfficerError`."""
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise Refused(f"The passphrase must have at least {SHORTEST_PASSPHRASE} characters.", "passphrase")
        salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
        sealed = AESGCM(_stretched(passphrase, salt)).encrypt(
            nonce, self._private.private_bytes_raw(), FORMAT.encode() + self.public
        )
        parts = {"salt": salt, "nonce": nonce, "sealed": sealed, "public": self.public}
        whole = {"format": FORMAT, **{name: base64.b64encode(part).decode() for name, part in parts.items()}}
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(orjson.dumps(whole, option=orjson.OPT_INDENT_2) + b"\n")
                out.flush()
                os.fsync(out.fileno())
        except FileExistsError as error:
            raise OfficerError(f"{file} is there already. It is never written over: name another file.") from error
        except OSError as error:
            raise OfficerError(f"The file {file} cannot be written: {error.strerror}.") from error

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """What was sealed to this officer at this place. Raises `OfficerError`."""
        try:
            return SUITE.decrypt(sealed, self._private, place)
        except (InvalidTag, ValueError) as error:
            raise OfficerError("This was sealed to another officer's key, or is not what was sealed there.") from error


def _stretched(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase.encode())
