"""What somebody kept of the log outside: checkpoints, an older bundle, a policy that says whose signatures count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile, ZipFile, is_zipfile

from domain.kernel import Refused
from domain.values import EMPTY
from eventstore.evidence import verify
from eventstore.evidence.tree import SignedHead
from eventstore.sealing.checkpoint_file import checkpoints
from eventstore.sealing.merkle import leaf_hash
from eventstore.sealing.notes import Checkpoint, Note, NoteError, VerifierKey

MAX_FILE_BYTES = 1_000_000_000
"""A file of checkpoints is at most so large: four million of them."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Heads that somebody kept, and the hashes of leaves by their index, if it was a bundle."""

    heads: tuple[tuple[Checkpoint, Note], ...] = ()
    leaves: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """What the heads say."""
        return [head for head, _ in self.heads]

    def last(self, origin: str) -> SignedHead | None:
        """The largest head of a log."""
        ours = [(head, note) for head, note in self.heads if head.origin == origin]
        if not ours:
            return None
        head, note = max(ours, key=lambda each: each[0].size)
        return SignedHead(head.size, head.root, str(note))


def kept_in(file: Path) -> Kept:
    """What is in a file: a bundle, or checkpoints one behind the other. Raises `Refused` if there is none in it."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES and not is_zipfile(file):
            raise Refused(f"{file} is too large for a file of checkpoints.", "checkpoint")
        if is_zipfile(file):
            with ZipFile(file) as bundle:
                heads = tuple(checkpoints(bundle.read("checkpoint").decode()))
                found = Kept(heads, {index: leaf_hash(entry) for index, entry, _ in verify.leaves(bundle)})
        else:
            found = Kept(tuple(checkpoints(file.read_text(encoding="utf-8", errors="replace"))))
    except (OSError, BadZipFile, KeyError, ValueError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read as checkpoints or as a bundle: {error}.", "checkpoint") from error
    if not found.heads:
        raise Refused(f"There is no checkpoint in {file}.", "checkpoint")
    return found


def keys_in(policy: Path) -> list[VerifierKey]:
    """The keys of the logs that a C2SP tlog-policy names. Raises `Refused`."""
    try:
        lines = [line.split() for line in policy.read_text(encoding="utf-8").splitlines()]
        found = [VerifierKey.parse(words[1]) for words in lines if len(words) > 1 and words[0] == "log"]
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise Refused(f"{policy} cannot be read as a policy: {error}", "policy") from error
    if not found:
        raise Refused(f"{policy} names no log: a line of it is `log`, a blank and the public key.", "policy")
    return found


def policy_of(keys: Sequence[VerifierKey], witnesses: Mapping[str, str] = EMPTY) -> str:
    """A C2SP tlog-policy: any of these keys has to sign; witnesses, each with its URL, are named and not required."""
    told = [f"witness w{n} {vkey} {url}".rstrip() for n, (vkey, url) in enumerate(witnesses.items(), 1)]
    return "\n".join([*(f"log {key}" for key in keys), *told, "quorum none", ""])
