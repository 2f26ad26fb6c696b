"""Checks an evidence bundle of Bitácora without Bitácora: `python verify.py BUNDLE [--checkpoint KEPT] [--policy KEYS]`.

It needs Python 3.11 and `cryptography`, and opens no connection. The last line is the verdict; the exit code says it too:
    OK, or ERASED-OK       0: each event is the one that was sealed; of what is gone, a sealed one names the key, or corrects it.
    TAMPERED(n) or (n-m)   1: the event at position n, or at least one from n to m, is not the one that was sealed.
    UNSEALED(n)            3: nothing was changed; the event at position n is not in the signed tree yet.
    UNREADABLE             2: this is no bundle, or what you kept cannot be compared with it.
KEPT: checkpoints, or an older bundle, that you kept. KEYS: those that you trust. Formats: RFC 6962, C2SP, docs/evidence.md."""
import argparse, json, re, sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NOTE = re.compile(r"((\S+)\n(0|[1-9]\d*)\n(\S{44})\n)\n((?:— \S+ \S+\n)+)")  # a checkpoint: size, root, text, signatures
DESTROYED = (b"erasure.keys_destroyed.", b"retention.keys_destroyed.")  # by their bodies: of which keys
CORRECTS = {b"customer.address-changed.v1": b"customer.address-changed.v1",  # by type: of what it says a slot anew, or * all
    b"customer.profile-changed.v1": b"customer.registered.v1 customer.profile-changed.v1",
    b"customer.preference-stated.v1": b"customer.preference-stated.v1 customer.preference-inferred.v1",
    b"customer.preference-inferred.v1": b"customer.preference-inferred.v1",
    b"customer.identifier-removed.v1": b"customer.identifier-added.v1 *",
    b"staff.added.v1": b"staff.added.v1 staff.changed.v1", b"staff.changed.v1": b"staff.added.v1 staff.changed.v1"}

def must(right: bool, words: str) -> None:
    if not right:
        raise ValueError(words)

def digest(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()

def root_of(levels: list[list[bytes]], size: int) -> bytes:
    """The root of a tree (RFC 6962, 2.1): what is above its full subtrees, the smallest first."""
    found = b""
    for height, level in enumerate(levels):
        if size >> height & 1:
            found = digest(b"\1", level[(size >> height) - 1], found) if found else level[(size >> height) - 1]
    return found or digest()

def included(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The root to which an inclusion proof leads (RFC 6962, 2.1.1)."""
    if size <= 1:
        return leaf if index == 0 and not path else b""
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return digest(b"\1", included(index, half, leaf, path[:-1]), path[-1])
    return digest(b"\1", path[-1], included(index - half, size - half, leaf, path[:-1]))

def grown(old: int, size: int, root: bytes, path: list[bytes], known: bool = True) -> tuple[bytes, ...]:
    """The old root and the new one to which a consistency proof leads (RFC 6962, 2.1.2)."""
    if old == size:
        return (root, root) if known and not path else (path[0], path[-1])
    half = 1 << (size - 1).bit_length() - 1
    if old <= half:
        before, after = grown(old, half, root, path[:-1], known)
        return before, digest(b"\1", after, path[-1])
    return tuple(digest(b"\1", path[-1], each) for each in grown(old - half, size - half, root, path[:-1], False))

def signed(vkey: str, text: str, lines: str) -> bool:
    """Whether the key of a log (kind 1) or of a witness (kind 4) signed a text."""
    name, key_id, raw = vkey.split("+", 2)
    kind, key = b64decode(raw)[0], b64decode(raw)[1:]
    for said in map(b64decode, re.findall(rf"^— {re.escape(name)} (\S+)$", lines, re.M)):
        seen = f"cosignature/v1\ntime {int.from_bytes(said[4:12])}\n" if kind == 4 else ""
        with suppress(Exception):
            must(kind in (1, 4) and said[:4].hex() == key_id, "another key")
            Ed25519PublicKey.from_public_bytes(key).verify(said[12 if seen else 4 :], f"{seen}{text}".encode())
            return True
    return False

def trusted(policy: str, text: str, lines: str) -> bool:
    """Whether a checkpoint is signed by one of the logs of a policy, and by as many witnesses as it wants."""
    by_log, quorum, met = False, "", {"none": True}
    for word, name, more in re.findall(r"^[ \t]*(\w+)[ \t]+(\S+)[ \t]*(.*)$", policy, re.M):
        by_log |= word == "log" and text.split("\n")[0] == name.split("+")[0] and signed(name, text, lines)
        quorum = name if word == "quorum" else quorum
        if word == "witness":
            met[name] = signed(more.split()[0], text, lines)
        elif word == "group":
            wanted, *members = more.split()
            met[name] = sum(met[each] for each in members) >= ({"any": 1, "all": len(members)}.get(wanted) or int(wanted))
    return by_log and met[quorum]

def notes(text: str, exact: bool = False) -> list[tuple[int, bytes, str, str]]:
    found = [(int(size), b64decode(root), note, lines) for note, _, size, root, lines in NOTE.findall(text)]
    must(bool(found) and not (exact and NOTE.sub("", text).strip()), "where checkpoints should be is something else")
    return found

def split(whole: bytes) -> Iterator[bytes]:
    """The fields of an entry, or the entries of an entry bundle: each stands after its length as two bytes."""
    while whole:
        end = 2 + int.from_bytes(whole[:2])
        must(end <= len(whole), "an entry is cut off")
        yield whole[2:end]
        whole = whole[end:]

def tile(bundle: ZipFile, level: int | str, number: int, width: int) -> bytes:
    name = re.sub(r"(\d{3})(?=\d)", r"x\1/", str(number).zfill((len(str(number)) + 2) // 3 * 3))
    return bundle.read(f"tile/{level}/{name}" + (f".p/{width}" if width < 256 else ""))

def leaves(bundle: ZipFile) -> Iterator[tuple[int, bytes, list[bytes] | None]]:
    """Each leaf: its index, its bytes and, in a slice of the log, the path that proves it."""
    proofs = [name for name in bundle.namelist() if name.endswith(".tlog-proof")]
    for start in range(0, 0 if proofs else (size := notes(bundle.read("checkpoint").decode())[0][0]), 256):
        for n, entry in enumerate(split(tile(bundle, "entries", start // 256, min(256, size - start)))):
            yield start + n, entry, None
    for name in sorted(proofs, key=lambda name: (len(name), name)):
        _, extra, index, *path = bundle.read(name).decode().split("\n\n")[0].split("\n")
        yield int(index[6:]), b64decode(extra[6:]), [b64decode(step) for step in path]

def check(position: int, entry: bytes, line: dict[str, Any]) -> list[bytes]:
    """The fields of an event's leaf. Raises `ValueError` if the line is not what the leaf says."""
    fields, rows, whole = list(split(entry)), dict[int, tuple[bytes, str]](), b"bitacora-personal/1\0"
    must(len(fields) == 15 and fields[0] == b"bitacora-leaf/1", "it is not there")
    must(int.from_bytes(fields[1]) == position == line["position"], "another event stands in its place")
    must(digest(line["body"].encode(errors="surrogateescape")) == fields[13], "its body is not the one that was sealed")
    for slot, subject, key, value, _ in line["personal"]:
        rows[slot] = slot.to_bytes(2) + bytes.fromhex(subject.replace("-", "")) + key.to_bytes(8), value
        whole += rows[slot][0] + bytes.fromhex(value)
    must((digest(whole) if rows else b"") == fields[14] and len(whole) == 20 + 58 * len(rows), "its personal values are others")
    for value in line.get("disclosed", ()):
        nonce, ciphertext, data_key = (b64decode(value[name]) for name in ("nonce", "ciphertext", "data_key"))
        place = b"bitacora-personal/1\0" + fields[3] + fields[4] + rows[value["slot"]][0] + fields[5]
        must(digest(nonce, ciphertext).hex() == rows[value["slot"]][1], "what is disclosed is not what was sealed")
        must(json.loads(AESGCM(data_key).decrypt(nonce, ciphertext, place)) == value["value"], "what is disclosed is not it")
    return fields

def problems(bundle: ZipFile, policy: str, kept: list[Any], older: dict[int, bytes], erased: list[Any]) -> Iterator[Any]:
    """The first and the last position where something may be wrong, and what it is; what was erased is put into `erased`."""
    (size, root, text, _), *more = heads = notes((bundle.read("checkpoint") + bundle.read("checkpoints")).decode(), True)
    ours = [each for each in kept if each[2].split("\n")[0] == text.split("\n")[0]]  # other logs may be in the same file
    past, levels, path, named, told = b"", [list[bytes]()], None, set[Any](), dict[int, Any]()
    for (index, entry, path), raw in zip(leaves(bundle), bundle.open("bodies.jsonl"), strict=True):
        levels[0].append(leaf := digest(b"\0", entry))
        try:
            _, _, recorded, stream, _, kind, *_ = check(index + 1, entry, line := json.loads(raw))
            must(past <= (past := recorded), "it was recorded before the one that stands before it")
            must(older.get(index, leaf) == leaf, "it is not the one that you kept")
            must(path is None or included(index, size, leaf, path) == root, "it is not in the tree")
            gone = [(index + 1, slot, key, by) for slot, _, key, _, by in line["personal"] if by]
            if gone or kind in CORRECTS or kind.startswith(DESTROYED):
                body = json.loads(line["body"].encode(errors="surrogateescape"))
                told[index + 1] = (stream, body.get("topic"), body.get("number")), kind, {each[0] for each in line["personal"]}
                named |= {(index + 1, key) for key in body["key_ids"]} if kind.startswith(DESTROYED) else set()
                erased += gone
        except Exception as error:
            yield index + 1, index + 1, str(error) or type(error).__name__
    for at, slot, key, by in erased:
        (about, what, _), (same, later, slots) = told[at], told.get(by, (b"", b"", ()))
        right = by > at and same == about and what in (of := CORRECTS.get(later, b"").split()) and {slot, b"*"} & {*slots, *of}
        if not right and (by, key) not in named:
            yield at, at, "no sealed event says that its key was destroyed, or corrects it"
    roots, good, last = {size: root}, 0, 0
    if path is None:
        while len(levels[-1]) > 1:
            levels.append([digest(b"\1", *pair) for pair in zip(levels[-1][::2], levels[-1][1::2], strict=False)])
        roots = {each: root_of(levels, each) for each, *_ in [*heads, *ours] if each <= len(levels[0])}
        for level, hashes in enumerate(levels[::8]):
            theirs = b"".join(tile(bundle, level, at // 256, len(hashes[at : at + 256])) for at in range(0, len(hashes), 256))
            wrong = [n for n, its in enumerate(hashes) if its != theirs[32 * n : 32 * n + 32]]
            yield from (((n << 8 * level) + 1, n + 1 << 8 * level, "it is not the one that was sealed") for n in wrong)
    elif "consistency" in bundle.namelist():
        old, now = grown(more[0][0], size, more[0][1], [b64decode(step) for step in bundle.read("consistency").split()])
        roots |= {more[0][0]: old if now == root else b""}
    for head in sorted([*heads, *ours]):
        good, last = (last, head[0]) if head[0] > last else (good, last)
        if roots.get(last, head[1]) != head[1] or last > size:
            yield min(good, size) + 1, last, f"they are not those of the checkpoint of {last} events"
        elif head in heads and not trusted(policy, *head[2:]):
            yield min(good, size) + 1, last, f"no key of the policy signed the checkpoint of {last} events"
    must(not kept or bool(older) or any(each in roots or each > size for each, *_ in ours), "nothing kept can be compared")

def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name in ("bundle", "--checkpoint", "--policy"):
        parser.add_argument(name)
    asked, kept, older, erased = parser.parse_args(), list[Any](), dict[int, bytes](), list[Any]()
    try:
        with ZipFile(asked.bundle) as bundle:
            policy = Path(asked.policy).read_text() if asked.policy else bundle.read("policy").decode()
            if asked.checkpoint and is_zipfile(asked.checkpoint):
                with ZipFile(asked.checkpoint) as it:
                    kept, older = notes(it.read("checkpoint").decode()), {n: digest(b"\0", each) for n, each, _ in leaves(it)}
            elif asked.checkpoint:
                kept = notes(Path(asked.checkpoint).read_text())
            found = sorted(problems(bundle, policy, kept, older, erased), key=lambda p: (p[2][:3] == "no ", p[1], p[1] - p[0]))
            unsealed = json.loads(bundle.read("manifest.json"))["unsealed"]
    except Exception as error:
        print(f"UNREADABLE: {error}")
        return 2
    wrong = [f"TAMPERED({first if first == last else f'{first}-{last}'}): {words}" for first, last, words in found]
    print(*wrong[1:20], *wrong[:1] or [f"UNSEALED({unsealed[0]})" if unsealed else "ERASED-OK" if erased else "OK"], sep="\n")
    return 1 if found else 3 if unsealed else 0

if __name__ == "__main__":
    sys.exit(main())
