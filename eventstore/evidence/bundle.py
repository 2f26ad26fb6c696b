"""Bundles: evidence that somebody takes away and checks without us, as a zip. What is in it: docs/evidence.md."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from psycopg import Connection

from domain.kernel import Refused
from eventstore.evidence import verify
from eventstore.evidence.correcting import forgotten
from eventstore.evidence.disclosing import Disclosed, Discloser
from eventstore.evidence.proofs import inclusion_proofs, must_be_head
from eventstore.evidence.reading import Standing, fetch, standing
from eventstore.evidence.tree import (
    NOTHING,
    Sealed,
    SignedHead,
    anchors,
    heads,
    known_keys,
    stored_leaves,
    stored_roots,
)
from eventstore.sealing.merkle import HASH_BYTES, consistency_path
from eventstore.sealing.notes import Proof, proof_lines
from eventstore.sealing.tiles import HEIGHT, MAX_LEVEL, WIDTH, Stored

FORMAT = "bitacora-evidence/1"
PAGE = 32 * WIDTH
MAX_SLICE = 10_000
"""A slice has at most so many events; what is more is better taken as the whole log."""
MAX_CHECKPOINTS = 10_000
"""A bundle has at most so many earlier checkpoints, evenly spread, the one before the last among them."""
MAX_OUTSIDE = 1_000
PROVEN_AT_ONCE = 1_000
FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a zip: when a bundle was made is said by its manifest alone."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A bundle as it was written."""

    file: Path
    kind: str
    events: int
    size: int
    unsealed: tuple[int, ...]
    disclosed: tuple[int, ...]


def write_bundle(
    db: Connection,
    file: Path,
    *,
    positions: Sequence[int] | None = None,
    asked: str = "the whole log",
    disclose: Sequence[int] = (),
    discloser: Discloser | None = None,
    previous: SignedHead | None = None,
    policy: str = "",
    progress: Progress = lambda done, of: None,
) -> Made:
    """Writes the whole log up to its last head, or these positions of it, in one snapshot. Raises `Refused`.

    A log that was tampered with is written as it stands: the bundle shows it. `previous` is a checkpoint that whoever asks
    has kept: the tree is proven to have grown from it. `asked` says in words what was asked for. `policy` is a C2SP
    tlog-policy; without it, one with the keys that the database names and no witnesses.
    """
    draft = file.with_name(f"{file.name}.part")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as out, ZipFile(out, "w") as archive, db.transaction():
            db.execute("set transaction isolation level repeatable read, read only")
            shown = discloser.values(db, disclose) if discloser is not None else {}
            made = Writer(db, archive, shown, progress).write(file, positions, asked, previous, policy)
        draft.rename(file)
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}.", "file") from error
    finally:
        draft.unlink(missing_ok=True)
    return made


class Writer:
    """Writes one bundle into a zip that is open."""

    def __init__(
        self, db: Connection, archive: ZipFile, disclosed: Mapping[int, list[Disclosed]], progress: Progress
    ) -> None:
        self.db = db
        self.archive = archive
        self.disclosed = disclosed
        self.progress = progress
        self.head = must_be_head(db)
        self.log = Sealed(self.head.tree, self.head.origin)

    def write(
        self, file: Path, positions: Sequence[int] | None, asked: str, previous: SignedHead | None, policy: str
    ) -> Made:
        """Writes all of it."""
        self._checkpoints(previous, whole=positions is None)
        with TemporaryFile() as bodies:
            count, unsealed = self._whole(bodies) if positions is None else self._slice(positions, bodies)
            bodies.seek(0)
            with self.archive.open(_info("bodies.jsonl"), "w", force_zip64=True) as out:
                while block := bodies.read(1 << 20):
                    out.write(block)
        self._text("policy", policy or self._policy())
        self._text("verify.py", Path(verify.__file__).read_text(encoding="utf-8"))
        self._anchors()
        made = Made(
            file, "log" if positions is None else "slice", count, self.head.size, tuple(unsealed),
            tuple(sorted(self.disclosed)),
        )  # fmt: skip
        manifest = {
            "format": FORMAT,
            "origin": self.log.origin,
            "kind": made.kind,
            "asked": asked,
            "events": made.events,
            "size": made.size,
            "unsealed": made.unsealed,
            "disclosed": made.disclosed,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "check": "python verify.py BUNDLE --checkpoint WHAT_YOU_KEPT",
        }
        self._text("manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
        return made

    def _checkpoints(self, previous: SignedHead | None, *, whole: bool) -> None:
        """The last head, and earlier ones: first the one that the tree is proven to have grown from."""
        *earlier, last = heads(self.db, self.log.tree)
        own, *other = last.as_evidence(self.log.origin)
        self._text("checkpoint", str(own.with_signatures(anchors(self.db, self.log.tree).cosignatures(last.size))))
        before = previous or (earlier.pop() if earlier else None)
        if before is not None and before.size > self.head.size:
            raise Refused(
                f"The checkpoint that you kept is of {before.size:,} events, and the signed tree here has {self.head.size:,}. "
                "Events were removed, or this is an older copy: bitacora audit verify --checkpoint FILE says more.",
                "previous",
            )
        found = [] if before is None else before.as_evidence(self.log.origin)
        if before is not None and before.size:
            try:
                path = consistency_path(before.size, self.head.size)
                self._text("consistency", proof_lines(Stored(self.db, self.log.tree).proof(path)))
            except ValueError:  # hashes were removed: there is nothing to prove with
                found = []
        if whole:
            step = max(1, -(-len(earlier) // MAX_CHECKPOINTS))
            found += [note for head in earlier[::-1][::step] for note in head.as_evidence(self.log.origin)]
        self._text("checkpoints", "\n".join(map(str, [*found, *other])))

    def _whole(self, bodies: IO[bytes]) -> tuple[int, list[int]]:
        size = self.head.size
        for after in range(0, size, PAGE):
            positions = range(after + 1, min(after + PAGE, size) + 1)
            known = stored_leaves(self.db, self.log.tree, positions)
            events = list(standing(fetch(self.db, positions)))
            for start in range(0, len(events), WIDTH):
                part = events[start : start + WIDTH]
                number = (after + start) // WIDTH
                self._file(_tile("entries", number, len(part)), b"".join(map(_prefixed, part)))
                self._file(_tile(0, number, len(part)), _hashes(known.get(each.position) for each in part), ZIP_STORED)
            bodies.writelines(map(self._line, events))
            self.progress(positions[-1], size)
        roots = {(level, number): root for level, number, root in stored_roots(self.db, self.log.tree)}
        for level in range(1, MAX_LEVEL + 1):  # above the leaves tiles hold the roots of the full tiles below
            count = size >> HEIGHT * level
            for start in range(0, count, WIDTH):
                numbers = range(start, min(start + WIDTH, count))
                hashes = _hashes(roots.get((level - 1, number)) for number in numbers)
                self._file(_tile(level, start // WIDTH, len(numbers)), hashes, ZIP_STORED)
        outside = self.db.execute(
            "select position from es.event where position < 1 order by 1 limit %s", [MAX_OUTSIDE]
        ).fetchall()
        return size, [position for (position,) in outside]

    def _slice(self, positions: Sequence[int], bodies: IO[bytes]) -> tuple[int, list[int]]:
        asked = sorted(set(positions))
        if not 0 < len(asked) <= MAX_SLICE:
            raise Refused(
                f"A slice has 1 to {MAX_SLICE:,} events; these are {len(asked):,}. Take less, or the whole log."
            )
        sealed = [position for position in asked if position <= self.head.size]
        events = self._with_reasons(list(standing(fetch(self.db, sealed))))
        for start in range(0, len(events), PROVEN_AT_ONCE):
            part = events[start : start + PROVEN_AT_ONCE]
            for position, proof in self._proofs(part).items():
                self._text(f"proofs/{position}.tlog-proof", str(proof))
            bodies.writelines(map(self._line, part))
            self.progress(start + len(part), len(events))
        return len(events), [position for position in asked if position > self.head.size]

    def _with_reasons(self, events: Sequence[Standing]) -> Sequence[Standing]:
        """The same and, of what is gone, the events that say so; values of these may be gone as well, and so on."""
        found, fresh = {here.position: here for here in events}, events
        while fresh:
            said = {each.because for here in fresh for each in forgotten(here)} - found.keys()
            fresh = list(standing(fetch(self.db, sorted(at for at in said if 0 < at <= self.head.size))))
            found |= {here.position: here for here in fresh}
        return [found[position] for position in sorted(found)]

    def _proofs(self, events: Sequence[Standing]) -> Mapping[int, Proof]:
        try:
            return inclusion_proofs(self.db, self.head, events)
        except ValueError:  # hashes were removed: what cannot be proven stands there with no proof that holds
            return {here.position: Proof(here.position - 1, (), self.head.note, here.entry) for here in events}

    def _line(self, here: Standing) -> bytes:
        """What a leaf has digests of only. By the standard library, which also keeps what is no UTF-8."""
        line: dict[str, Any] = {
            "position": here.position,
            "body": here.body.decode(errors="surrogateescape"),
            "personal": [
                [value.slot, str(UUID(bytes=value.subject)), value.key_id, value.digest.hex(), value.because]
                for value in here.kept
            ],
        }
        if shown := self.disclosed.get(here.position):
            line["disclosed"] = [each.as_json() for each in shown]
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"

    def _policy(self) -> str:
        """A tlog-policy of the keys that the database names."""
        keys = known_keys(self.db, self.log)
        return "".join(f"log {key}\n" for key in keys) + "quorum none\n"

    def _anchors(self) -> None:
        """Where else the heads are known, with what was answered there."""
        index = []
        for n, anchor in enumerate(anchors(self.db, self.log.tree).rows, 1):
            index.append({"file": f"anchors/{n}.{anchor.ending}", **anchor.as_json()})
            self._file(f"anchors/{n}.{anchor.ending}", anchor.evidence)
        self._text("anchors/index.json", json.dumps(index, indent=1, ensure_ascii=False) + "\n")

    def _text(self, name: str, text: str) -> None:
        self._file(name, text.encode())

    def _file(self, name: str, content: bytes, how: int = ZIP_DEFLATED) -> None:
        self.archive.writestr(_info(name, how), content)


def _info(name: str, how: int = ZIP_DEFLATED) -> ZipInfo:
    info = ZipInfo(name, FIRST_MOMENT)
    info.compress_type = how
    info.external_attr = 0o644 << 16
    return info


def _tile(level: int | str, number: int, width: int) -> str:
    """Where C2SP tlog-tiles has a tile."""
    digits = str(number).zfill(-(-len(str(number)) // 3) * 3)
    *above, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    path = "/".join([*(f"x{part}" for part in above), last])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < WIDTH else "")


def _prefixed(here: Standing) -> bytes:
    return len(here.entry).to_bytes(2) + here.entry


def _hashes(hashes: Iterable[bytes | None]) -> bytes:
    """Hashes one behind the other; what is no hash is seen by a verifier as one that fits to nothing."""
    return b"".join(hash if hash is not None and len(hash) == HASH_BYTES else NOTHING for hash in hashes)
