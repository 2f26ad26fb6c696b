"""Signed notes, checkpoints and proofs as texts: the formats of C2SP, unchanged, so that tools of others read them."""

import base64
import binascii
import re
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from eventstore.sealing.merkle import HASH_BYTES, MAX_SIZE, verify_inclusion

ED25519 = 0x01
COSIGNATURE = 0x04
"""Kinds of keys: of a log, and of a witness that says when it saw a tree."""

MAX_NOTE_BYTES = 100_000
MAX_SIGNATURES = 100
MAX_PROOF_HASHES = 63
SHORT_ROOT_CHARACTERS = 16
KEY_BYTES = 32
SIGNATURE_BYTES = 64
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
PRIVATE = "PRIVATE+KEY+"

NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")

Sign = Callable[[bytes], bytes]
"""Signs with Ed25519: from the message to 64 bytes. A key that never leaves its device comes in here."""


class NoteError(Exception):
    """A text is no signed note, checkpoint, key or proof, or nobody whom we trust has signed it."""


class Signature(NamedTuple):
    """One line below a note."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """As it stands in the note, with its newline."""
        return f"— {self.name} {_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name of whom it belongs to; its text form is what C2SP calls a vkey."""

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        must_be_name(self.name)
        if self.kind not in (ED25519, COSIGNATURE) or len(self.public) != KEY_BYTES:
            raise NoteError("Only Ed25519 keys are known: of logs (type 1) and of witnesses (type 4).")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256 over name, newline, kind and public key."""
        return _key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """From `name+id+key`. Raises `NoteError`."""
        name, key_id, material = _key_parts(vkey)
        key = cls(name, material[1:], material[0])
        if key.key_id.hex() != key_id:
            raise NoteError(f"The id of the key of {name} is not that of its bytes: it was copied wrongly.")
        return key

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether this key made that signature for this text."""
        message = text.encode()
        if self.kind == COSIGNATURE:
            if len(signature) != 8 + SIGNATURE_BYTES:
                return False
            message, signature = _cosigned(message, signature[:8]), signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: a public key, and what signs with its private half, wherever that is."""

    key: VerifierKey
    sign: Sign

    @classmethod
    def of(cls, name: str, seed: bytes, kind: int = ED25519) -> "Signer":
        """From the 32 bytes of a private key."""
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(VerifierKey(name, private.public_key().public_bytes_raw(), kind), private.sign)

    @classmethod
    def parse(cls, skey: str) -> "Signer":
        """From `PRIVATE+KEY+name+id+key`, the form of Go's note package. Raises `NoteError`."""
        if not skey.startswith(PRIVATE):
            raise NoteError("A private key begins with PRIVATE+KEY+.")
        name, key_id, material = _key_parts(skey.removeprefix(PRIVATE).strip())
        if len(material) != 1 + KEY_BYTES:
            raise NoteError("Only Ed25519 keys are known.")
        signer = cls.of(name, material[1:], material[0])
        if signer.key.key_id.hex() != key_id:
            raise NoteError(f"The id of the private key of {name} is not that of its bytes: it was copied wrongly.")
        return signer

    def signature(self, text: str, at: int | None = None) -> Signature:
        """The signature of a text; a witness says `at` how many seconds since 1970 it saw it."""
        message, time = text.encode(), b""
        if self.key.kind == COSIGNATURE:
            time = struct.pack(">Q", at)
            message = _cosigned(message, time)
        return Signature(self.key.name, self.key.key_id, time + self.sign(message))


def private_key(name: str, seed: bytes, kind: int = ED25519) -> str:
    """The text form of a private key, which `Signer.parse` reads."""
    key = Signer.of(name, seed, kind).key
    return f"{PRIVATE}{name}+{key.key_id.hex()}+{_base64(bytes([kind]) + seed)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and whoever signed it. The text ends in a newline. To trust it, `must_be_signed`."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(signature.line() for signature in self.signatures)}"

    @classmethod
    def parse(cls, note: str) -> "Note":
        """The parts of a note, unverified. Raises `NoteError`."""
        if len(note.encode()) > MAX_NOTE_BYTES:
            raise NoteError(f"A note has at most {MAX_NOTE_BYTES:,} bytes.")
        if CONTROL.search(note):
            raise NoteError("A note has no control characters but newlines.")
        at = note.rfind("\n\n")
        if at < 0 or not note.endswith("\n"):
            raise NoteError("A note is a text, an empty line and signatures, each line with a newline.")
        return cls(note[: at + 1], tuple(signatures(note[at + 2 :])))

    @classmethod
    def signed(cls, text: str, signers: Iterable[Signer]) -> "Note":
        """A text, signed by each."""
        if not text.endswith("\n") or CONTROL.search(text):
            raise NoteError("The text of a note ends in a newline, and has no other control characters.")
        return cls(text, tuple(signer.signature(text) for signer in signers))

    def must_be_signed(self, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
        """Those of the keys that signed it. Raises `NoteError` if none did, or if a signature of one is wrong."""
        known = {(key.name, key.key_id): key for key in keys}
        found = []
        for name, key_id, signature in self.signatures:
            key = known.get((name, key_id))
            if key is None:
                continue
            if not key.verifies(self.text, signature):
                raise NoteError(f"The signature of {name} is wrong: the text is not the one that was signed.")
            if key not in found:
                found.append(key)
        if not found:
            raise NoteError("Nobody signed it whose key is known here.")
        return found

    def with_signatures(self, more: Iterable[Signature]) -> "Note":
        """The same text, signed by others too; a later signature of a key replaces its earlier one."""
        by_key = {signature[:2]: signature for signature in (*self.signatures, *more)}
        return Note(self.text, tuple(by_key.values()))


def signatures(lines: str) -> list[Signature]:
    """The signature lines of a note, or of a witness's answer. Raises `NoteError`."""
    found = []
    for line in lines.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        whole = _from_base64(encoded)
        if dash != "—" or not is_name(name) or len(whole) < 5:
            raise NoteError("A signature is a line of an em dash, a name and base64.")
        found.append(Signature(name, whole[:4], whole[4:]))
    if not 0 < len(found) <= MAX_SIGNATURES or not lines.endswith("\n"):
        raise NoteError(f"A note has 1 to {MAX_SIGNATURES} signatures, each a line.")
    return found


def seen_at(signature: Signature) -> int:
    """When a witness says that it saw a tree, in seconds since 1970. Raises `NoteError` if it says nothing."""
    if len(signature.signature) != 8 + SIGNATURE_BYTES:
        raise NoteError("That is no signature of a witness: there is no time in it.")
    return int(struct.unpack(">Q", signature.signature[:8])[0])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: whose log, how many leaves, and the root above them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text of the note that says so."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @property
    def short(self) -> str:
        """What fits into a header or a footer: the size and the first 16 base64 characters (96 bits) of the root."""
        return f"{self.size} {_base64(self.root)[:SHORT_ROOT_CHARACTERS]}"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """From the text of a note; lines that follow the first three are left alone. Raises `NoteError`."""
        *lines, rest = text.split("\n")
        if rest or len(lines) < 3 or "" in lines:
            raise NoteError("A checkpoint has at least three lines, none of them empty: origin, size and root.")
        origin, size, root = lines[:3]
        if not NUMBER.fullmatch(size) or int(size) > MAX_SIZE:
            raise NoteError("The size of a tree is a number without leading zeroes.")
        return cls(origin, int(size), _hash(root))


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry is in the tree of a checkpoint, checkable offline: c2sp.org/tlog-proof@v1."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def __str__(self) -> str:
        extra = [] if self.extra is None else [f"extra {_base64(self.extra)}"]
        lines = [PROOF_HEADER, *extra, f"index {self.index}", *map(_base64, self.hashes)]
        return "\n".join(lines) + f"\n\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> "Proof":
        """From its text. The checkpoint in it is not verified by that, and neither is `extra` ever. Raises `NoteError`."""
        head, _, checkpoint = text.partition("\n\n")
        header, *lines = head.split("\n")
        if header != PROOF_HEADER or not checkpoint:
            raise NoteError(f"A proof begins with {PROOF_HEADER} and ends with a checkpoint.")
        extra = _from_base64(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else None
        index = lines.pop(0).removeprefix("index ") if lines and lines[0].startswith("index ") else ""
        if not NUMBER.fullmatch(index) or int(index) > MAX_SIZE:
            raise NoteError("A proof says the index of its entry.")
        if len(lines) > MAX_PROOF_HASHES:
            raise NoteError(f"A proof has at most {MAX_PROOF_HASHES} hashes.")
        return cls(int(index), tuple(map(_hash, lines)), checkpoint, extra)

    def proven(self, leaf: bytes, origin: str, keys: Iterable[VerifierKey]) -> Checkpoint:
        """The signed checkpoint of this log in whose tree the leaf with this hash is. Raises `NoteError` or `NotProven`."""
        checkpoint = checkpoint_of(self.checkpoint, origin, keys)
        verify_inclusion(self.index, checkpoint.size, leaf, self.hashes, checkpoint.root)
        return checkpoint


def checkpoint_of(note: str, origin: str, keys: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint that a note says, if it is of this log and signed by one of the keys. Raises `NoteError`."""
    opened = Note.parse(note)
    opened.must_be_signed(keys)
    checkpoint = Checkpoint.parse(opened.text)
    if checkpoint.origin != origin:
        raise NoteError(f"That is a checkpoint of {checkpoint.origin}, not of {origin}.")
    return checkpoint


def proof_lines(hashes: Sequence[bytes]) -> str:
    """Hashes, one in base64 on each line."""
    return "".join(f"{_base64(hash)}\n" for hash in hashes)


def is_name(name: str) -> bool:
    """Whether a key may be called so: not empty, without blanks or plus signs."""
    return bool(name) and "+" not in name and not any(map(str.isspace, name)) and not CONTROL.search(name)


def must_be_name(name: str) -> None:
    """Raises `NoteError` unless a key may be called so."""
    if not is_name(name):
        raise NoteError(f"A key cannot be called {name!r}: a name is not empty, without blanks and plus signs.")


def _key_parts(text: str) -> tuple[str, str, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, material = rest.partition("+")
    decoded = _from_base64(material)
    if not is_name(name) or not re.fullmatch("[0-9a-f]{8}", key_id) or not decoded:
        raise NoteError("A key is written as name+id+base64.")
    return name, key_id, decoded


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def _cosigned(text: bytes, time: bytes) -> bytes:
    return f"cosignature/v1\ntime {int.from_bytes(time)}\n".encode() + text


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _from_base64(text: str) -> bytes:
    """Strictly: what would be written otherwise is refused."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("That is not base64.") from error
    if _base64(value) != text:
        raise NoteError("That is not base64 as it is written.")
    return value


def _hash(text: str) -> bytes:
    value = _from_base64(text)
    if len(value) != HASH_BYTES:
        raise NoteError("A hash has 32 bytes.")
    return value
