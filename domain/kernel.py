"""What every noun is made of: commands that ask, events that remember, and the functions between them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from hashlib import sha1
from operator import attrgetter
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    TypeVar,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID, SafeUUID

T = TypeVar("T")
S = TypeVar("S")
E = TypeVar("E", bound="Event")

NAMESPACE = UUID("6f2c9d2e-5b1a-5f0e-9c57-b17ac04a0001")
"""The namespace of every id that is derived from a meaning. It never changes, or history would fall apart."""


# Words that a field's type may carry.


@dataclass(frozen=True, slots=True)
class Sealed:
    """The value belongs to a person: it is enciphered under that person's key of this class, outside the body."""

    key_class: str


@dataclass(frozen=True, slots=True)
class Ref:
    """The id of a noun: a UUID, or `source:key`, from which the UUID follows (see `reference`)."""

    noun: str


@dataclass(frozen=True, slots=True)
class InLog:
    """The whole number is a position in the log, which may pass 32 bits."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The longest text that is taken, in characters."""

    characters: int


Personal = Annotated[T | None, Sealed("identity")]
"""Who somebody is. None once it is forgotten, or where the reader did not ask for personal values."""
Contact = Annotated[T | None, Sealed("contact")]
"""How to reach somebody."""
Told = Annotated[T | None, Sealed("text")]
"""What somebody said or wrote, or what was written about them."""
Answered = Annotated[T | None, Sealed("answer")]
"""What somebody answered to a survey."""
UNTOLD = "(not told)"
"""What stands for a personal text that is there, where the reader asked for no more than whether it is."""

Place = Annotated[int, InLog()]
"""A position in the log."""

MAX_LINE = 200
MAX_TEXT = 20_000
Text = Annotated[str, Limit(MAX_TEXT)]
"""A text of several lines. A plain `str` is one line of at most MAX_LINE characters."""


def derived(*meaning: object) -> UUID:
    """The id that follows from a meaning: `uuid5(NAMESPACE, "part:part:...")`."""
    digest = _NAMESPACE.copy()
    digest.update(":".join(map(str, meaning)).encode())
    return _uuid(int.from_bytes(digest.digest()[:16], "big") & _CLEAR | _VERSION_5)


def _uuid(number: int) -> UUID:
    """`UUID(int=number)` without its checks, which take longer than the digest: imports derive three ids a line."""
    made = object.__new__(UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", SafeUUID.unknown)
    return made


_NAMESPACE = sha1(NAMESPACE.bytes, usedforsecurity=False)
_CLEAR, _VERSION_5 = ~(0xF << 76 | 0xC << 60), 5 << 76 | 0x8 << 60


def reference(noun: str, source: str, key: str) -> UUID:
    """The id of what another system knows as `source:key`: `uuid5(NAMESPACE, "noun:source:key")`."""
    return derived(noun, source, key)


# Messages: frozen dataclasses with slots, made by inheriting.


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Message(type):
    """Makes a frozen, slotted, keyword-only dataclass of every class that it is the type of."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **words: Any) -> "Message":
        if "__slots__" in body:  # the second pass: `dataclass(slots=True)` makes the class anew
            return super().__new__(mcs, name, bases, body)
        stored_as = words.pop("stored_as", None)
        corrects = words.pop("corrects", False)
        for key, hint in body.get("__annotations__", {}).items():
            if key not in body and sealed(hint) is not None:
                body[key] = None
        made = super().__new__(mcs, name, bases, body, **words)
        if stored_as is not None:
            made.stored_as = stored_as  # type: ignore[attr-defined]  # declared by Event, which this makes
            made.corrects = corrects  # type: ignore[attr-defined]  # as well
        return cast(Message, dataclass(frozen=True, slots=True, kw_only=True)(made))


class Event(metaclass=Message):
    """Something that happened. `stored_as` names it for ever: `noun.what-happened.v1`.

    `corrects`: it changes how what was recorded before is read, so that views fold anew what it concerns.
    """

    stored_as: ClassVar[str] = ""
    corrects: ClassVar[bool] = False


class Command(metaclass=Message):
    """Something that is asked for, and may be refused."""


def as_asked(event: type[E], asked: Command, **known: Any) -> E:
    """The event that says what was asked: every field that has the same name, and what is `known` besides."""
    names, values = _shared(event, type(asked), tuple(known))
    return event(**dict(zip(names, values(asked), strict=True)), **known)


@cache
def _shared(
    event: type[Event], command: type[Command], known: tuple[str, ...]
) -> tuple[tuple[str, ...], Callable[[Command], tuple[Any, ...]]]:
    asked = {f.name for f in fields(cast(Any, command))} - set(known)
    names = tuple(f.name for f in fields(cast(Any, event)) if f.name in asked)
    if len(names) > 1:
        return names, attrgetter(*names)
    return names, lambda asked: tuple(getattr(asked, name) for name in names)


def sealed(hint: Any) -> Sealed | None:
    """How a field's type says that it is personal, if it is."""
    if get_origin(hint) is Annotated:
        return next((word for word in get_args(hint)[1:] if isinstance(word, Sealed)), None)
    return None


def sealed_fields(event: type[Event]) -> dict[str, Sealed]:
    """The personal fields of an event in the order of their declaration, which numbers their slots for ever."""
    hints = get_type_hints(event, include_extras=True)
    return {f.name: word for f in fields(cast(Any, event)) if (word := sealed(hints[f.name])) is not None}


class Refused(Exception):
    """The answer is no. The reason is a sentence for the person who asked; `field` is what to correct, if it is one."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class ClaimStep(StrEnum):
    """What is done about a claim.

    SHARE: the first of those who hold it owns it. OWN: it is the holder's for good; refused if it is another's for good.
    FREE: nothing; refused if it is anybody's for good. KNOWN: nothing; refused if the holder is no stream that exists.
    RELEASE: the holder gives it back.
    """

    SHARE = "SHARE"
    OWN = "OWN"
    FREE = "FREE"
    KNOWN = "KNOWN"
    RELEASE = "RELEASE"


SAME_AS = "SAME_AS"
"""The kind of claim by which one customer is taken to be another: the key is the one, the holder the other."""
BLOCKED = "BLOCKED"
"""The kind of claim by which a customer is blocked: nothing new is recorded of them. The holder is the request."""
WITHDRAWN = "WITHDRAWN"
"""The kind of claim by which what was recorded under a correlation id counts no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something that only one can hold at a time, whichever streams ask for it; decided where events are appended.

    A text is a personal key, of which a keyed hash is kept. `refusal` is the sentence if it is another's, about `field`.
    """

    kind: str
    key: str | UUID
    holder: UUID
    step: ClaimStep
    refusal: str = ""
    field: str | None = None


@dataclass(frozen=True)
class Decider(Generic[S]):
    """A noun: what can be asked of it, what can have happened to it, and the two functions between.

    `asked` and `happened` are unions of classes (or one class). A command names its stream by the field
    `<noun>_id`, unless `stream` says otherwise. `disclose` loads personal values because deciding needs them. `claims`
    are what an event of a stream, and the state after it, want settled where it is appended. `anonymous`: until it is
    known whom a stream concerns, it concerns its own id, which is taken to be the customer once that is known.
    """

    noun: str
    asked: Any
    happened: Any
    initial: S
    decide: Callable[[Any, S], Iterator[Event]]
    evolve: Callable[[S, Any], S]
    stream: Callable[[Any], UUID] | None = None
    disclose: bool = False
    claims: Callable[[UUID, Any, S], Iterator[Claim]] | None = None
    anonymous: bool = False
    commands: tuple[type[Command], ...] = field(init=False)
    events: tuple[type[Event], ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "commands", get_args(self.asked) or (self.asked,))
        object.__setattr__(self, "events", get_args(self.happened) or (self.happened,))
        if self.stream is None:
            object.__setattr__(self, "stream", attrgetter(f"{self.noun}_id"))

    def stream_of(self, command: Command) -> UUID:
        """The stream that a command is asked of."""
        assert self.stream is not None
        return self.stream(command)

    def customer_of(self, command: Command, state: S) -> UUID | None:
        """Whom an event concerns: the command says so, or the state remembers."""
        found = getattr(command, "customer_id", None)
        if found is None:
            found = getattr(state, "customer_id", None)
        return cast("UUID | None", self.stream_of(command) if found is None and self.anonymous else found)


def identified(anonymous_id: UUID, customer_id: UUID, refusal: str) -> Claim:
    """The claim that an anonymous visitor is a customer; refused if they are somebody else."""
    return Claim(
        kind=SAME_AS,
        key=anonymous_id,
        holder=customer_id,
        step=ClaimStep.OWN,
        refusal=refusal,
        field="customer_id",
    )
