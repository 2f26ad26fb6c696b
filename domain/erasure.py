"""Erasure requests: a person asks to be forgotten, or to be blocked, and what became of it, step by step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, assert_never
from uuid import UUID

from domain.erasure_events import (
    Check,
    ErasureBasis,
    ErasureCompleted,
    ErasureDeadlineExtended,
    ErasureHoldLifted,
    ErasureHoldSet,
    ErasureIdentityVerified,
    ErasureKeysDestroyed,
    ErasureKind,
    ErasureRefusal,
    ErasureRefused,
    ErasureRequested,
    ErasureStatus,
    Happened,
    HoldScope,
    ProjectionsPurged,
    Purged,
    SubjectBlocked,
)
from domain.kernel import BLOCKED, Claim, ClaimStep, Command, Decider, Event, Ref, Refused, Text, as_asked
from domain.references import CustomerId
from domain.values import empty, must_be_digest, must_be_within, must_know_zone, must_say

ErasureId = Annotated[UUID, Ref("erasure")]

MAX_SUBJECTS = 1_000
"""How many customers may be taken to be the same person."""
MAX_KEYS = 5_000
"""How many keys one event names; a person who has more takes several events."""
MAX_VIEWS = 1_000
MAX_CHECKS = 100
MAX_EXTENSION_MONTHS = 2
"""By how much the month for an answer may be extended (GDPR art. 12.3)."""
REQUESTED = "ERASURE"
"""The kind of claim by which a customer has one request at a time."""


# What can be asked.


class RequestErasure(Command):
    """Note that a customer, or somebody on their behalf, wants to be forgotten; one month for an answer begins.

    It concerns everybody who is taken to be the same person.
    """

    erasure_id: ErasureId
    customer_id: CustomerId
    basis: ErasureBasis
    kind: ErasureKind = ErasureKind.ERASURE
    note: Text | None = None


class VerifyErasureIdentity(Command):
    """Say by which `method` it was made sure that the request comes from that person; from then on it is seen to."""

    erasure_id: ErasureId
    method: str


class SetErasureHold(Command):
    """Keep what a law obliges to keep, blocked and not destroyed, up to `until` or until it is lifted."""

    erasure_id: ErasureId
    scope: HoldScope
    legal_basis: str
    until: datetime | None = None


class LiftErasureHold(Command):
    """Say that nothing obliges to keep it any longer."""

    erasure_id: ErasureId
    scope: HoldScope


class RefuseErasure(Command):
    """Say no, for a reason that the law knows; the customer is told, and where to complain."""

    erasure_id: ErasureId
    reason: ErasureRefusal
    note: Text | None = None


class ExtendErasureDeadline(Command):
    """Take one or two more months for an answer, because it is complex or there are many requests (GDPR art. 12.3)."""

    erasure_id: ErasureId
    months: int
    reason: Text


class DecideErasureBlock(Command):
    """Say until when the data stay blocked before they are destroyed, and by which law; a moment that is past: at once."""

    erasure_id: ErasureId
    until: datetime
    legal_basis: str


class BlockSubject(Command):
    """Note that these customers, who are one person, are blocked: nothing new is recorded of them."""

    erasure_id: ErasureId
    subjects: tuple[UUID, ...]
    until: datetime
    legal_basis: str


class RecordProjectionsPurged(Command):
    """Note what was purged of the person: views, their histories, and whatever else held a copy."""

    erasure_id: ErasureId
    purged: tuple[Purged, ...]


class RecordKeysDestroyed(Command):
    """Note that these keys are destroyed."""

    erasure_id: ErasureId
    key_ids: tuple[int, ...]


class CompleteErasure(Command):
    """Note that nothing is left, as it was checked, and the SHA-256 in hex of the certificate that says so."""

    erasure_id: ErasureId
    certificate: str
    checks: tuple[Check, ...]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Hold:
    """What must be kept, by which law and until when; None: until it is lifted."""

    legal_basis: str
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it holds at a moment."""
        return self.until is None or at < self.until


@dataclass(frozen=True, slots=True)
class Erasure:
    """A request, with the holds that were not lifted, and who is blocked until when; `keys` are those destroyed."""

    status: ErasureStatus | None = None
    customer_id: UUID | None = None
    kind: ErasureKind = ErasureKind.ERASURE
    basis: ErasureBasis | None = None
    method: str | None = None
    holds: Mapping[HoldScope, Hold] = field(default_factory=empty)
    lifted: frozenset[HoldScope] = frozenset()
    subjects: tuple[UUID, ...] = ()
    until: datetime | None = None
    legal_basis: str | None = None
    refusal: ErasureRefusal | None = None
    months: int = 0
    purged: tuple[Purged, ...] = ()
    keys: frozenset[int] = frozenset()
    certificate: str | None = None


Asked = (
    RequestErasure
    | VerifyErasureIdentity
    | SetErasureHold
    | LiftErasureHold
    | RefuseErasure
    | ExtendErasureDeadline
    | DecideErasureBlock
    | BlockSubject
    | RecordProjectionsPurged
    | RecordKeysDestroyed
    | CompleteErasure
)

OPEN = (ErasureStatus.REQUESTED, ErasureStatus.VERIFIED)
"""The answer may still be no."""
KEPT = (*OPEN, ErasureStatus.BLOCKED, ErasureStatus.PURGED, ErasureStatus.DESTROYING)
"""Something is still there, so it can be held."""
HIDDEN = (ErasureStatus.BLOCKED, ErasureStatus.PURGED, ErasureStatus.DESTROYING)
"""Nobody but the data protection officer can read it."""


def decide(asked: Asked, erasure: Erasure) -> Iterator[Event]:
    if not isinstance(asked, RequestErasure) and erasure.status is None:
        raise Refused("There is no such request.", "erasure_id")
    match asked:
        case RequestErasure(customer_id=customer_id, kind=kind, basis=basis):
            if erasure.status is None:
                yield as_asked(ErasureRequested, asked)
            elif (customer_id, kind, basis) != (erasure.customer_id, erasure.kind, erasure.basis):
                raise Refused("This id belongs to another request.", "erasure_id")
        case VerifyErasureIdentity(method=method):
            must_say(method, "The method", "method")
            if erasure.method is None:
                must_be_in(erasure, ErasureStatus.REQUESTED)
                yield ErasureIdentityVerified(method=method)
        case SetErasureHold(scope=scope, legal_basis=legal_basis, until=until):
            must_say(legal_basis, "The legal basis", "legal_basis")
            if until is not None:
                must_know_zone(until, "until")
            if erasure.holds.get(scope) != Hold(legal_basis, until):
                must_be_in(erasure, *KEPT)
                yield ErasureHoldSet(scope=scope, legal_basis=legal_basis, until=until)
        case LiftErasureHold(scope=scope):
            if scope in erasure.holds:
                yield ErasureHoldLifted(scope=scope)
            elif scope not in erasure.lifted:
                raise Refused("Nothing of this scope was ever held.", "scope")
        case RefuseErasure(reason=reason):
            if erasure.refusal is not reason:
                must_be_in(erasure, *OPEN)
                yield as_asked(ErasureRefused, asked)
        case ExtendErasureDeadline(months=months, reason=reason):
            must_be_within(months, 1, MAX_EXTENSION_MONTHS, "months")
            must_say(reason, "The reason", "reason")
            if erasure.months != months:
                must_be_in(erasure, *OPEN)
                if erasure.months:
                    raise Refused("The deadline can be extended once.", "months")
                yield as_asked(ErasureDeadlineExtended, asked)
        case DecideErasureBlock(until=until, legal_basis=legal_basis):
            must_be_term(until, legal_basis)
            must_be_in(erasure, *HIDDEN)
            if (erasure.until, erasure.legal_basis) != (until, legal_basis):
                yield SubjectBlocked(subjects=erasure.subjects, until=until, legal_basis=legal_basis)
        case BlockSubject(subjects=subjects):
            must_be_person(subjects, erasure)
            must_be_term(asked.until, asked.legal_basis)
            if not erasure.subjects:
                must_be_in(erasure, ErasureStatus.VERIFIED)
                yield as_asked(SubjectBlocked, asked)
        case RecordProjectionsPurged(purged=purged):
            must_be_few(purged, MAX_VIEWS, "purged")
            if not erasure.purged:
                must_be_in(erasure, ErasureStatus.BLOCKED)
                yield ProjectionsPurged(purged=purged)
        case RecordKeysDestroyed(key_ids=key_ids):
            must_be_few(key_ids, MAX_KEYS, "key_ids")
            if fresh := tuple(sorted(set(key_ids) - erasure.keys)):
                must_be_in(erasure, ErasureStatus.PURGED, ErasureStatus.DESTROYING)
                must_be_keys(fresh)
                yield ErasureKeysDestroyed(key_ids=fresh)
        case CompleteErasure(certificate=certificate, checks=checks):
            must_be_digest(certificate, "certificate")
            must_be_few(checks, MAX_CHECKS, "checks")
            if any(check.found for check in checks):
                raise Refused("Something is left: it is not complete.", "checks")
            if erasure.certificate is None:
                must_be_in(erasure, ErasureStatus.PURGED, ErasureStatus.DESTROYING)
                yield ErasureCompleted(certificate=certificate, checks=checks)
            elif erasure.certificate != certificate:
                raise Refused("This erasure has another certificate.", "certificate")
        case _:
            assert_never(asked)


def evolve(erasure: Erasure, event: Happened) -> Erasure:
    match event:
        case ErasureRequested(customer_id=customer_id, kind=kind, basis=basis):
            return Erasure(ErasureStatus.REQUESTED, customer_id, kind, basis)
        case ErasureIdentityVerified(method=method):
            return replace(erasure, status=ErasureStatus.VERIFIED, method=method)
        case ErasureHoldSet(scope=scope, legal_basis=legal_basis, until=until):
            held = {**erasure.holds, scope: Hold(legal_basis, until)}
            return replace(erasure, holds=held, lifted=erasure.lifted - {scope})
        case ErasureHoldLifted(scope=scope):
            left = {each: hold for each, hold in erasure.holds.items() if each is not scope}
            return replace(erasure, holds=left, lifted=erasure.lifted | {scope})
        case SubjectBlocked(subjects=subjects, until=until, legal_basis=legal_basis):
            status = ErasureStatus.BLOCKED if erasure.status is ErasureStatus.VERIFIED else erasure.status
            return replace(erasure, status=status, subjects=subjects, until=until, legal_basis=legal_basis)
        case ErasureRefused(reason=reason):
            return replace(erasure, status=ErasureStatus.REFUSED, refusal=reason)
        case ErasureDeadlineExtended(months=months):
            return replace(erasure, months=months)
        case ProjectionsPurged(purged=purged):
            return replace(erasure, status=ErasureStatus.PURGED, purged=purged)
        case ErasureKeysDestroyed(key_ids=key_ids):
            return replace(erasure, status=ErasureStatus.DESTROYING, keys=erasure.keys.union(key_ids))
        case ErasureCompleted(certificate=certificate):
            return replace(erasure, status=ErasureStatus.COMPLETED, certificate=certificate)
        case _:
            assert_never(event)


def claims(erasure_id: UUID, event: Happened, erasure: Erasure) -> Iterator[Claim]:
    """A customer has one request at a time, and whoever is blocked is blocked by one."""
    match event:
        case ErasureRequested(customer_id=customer_id):
            yield Claim(
                kind=REQUESTED, key=customer_id, holder=customer_id, step=ClaimStep.KNOWN,
                refusal="There is no such customer.", field="customer_id",
            )  # fmt: skip
            yield Claim(
                kind=REQUESTED, key=customer_id, holder=erasure_id, step=ClaimStep.OWN,
                refusal="There is a request for this customer already.", field="customer_id",
            )  # fmt: skip
        case ErasureRefused():
            assert erasure.customer_id is not None
            yield Claim(kind=REQUESTED, key=erasure.customer_id, holder=erasure_id, step=ClaimStep.RELEASE)
        case SubjectBlocked(subjects=subjects):
            for subject in subjects:
                yield Claim(
                    kind=BLOCKED, key=subject, holder=erasure_id, step=ClaimStep.OWN,
                    refusal="Somebody who is taken to be this customer was blocked by another request.",
                    field="subjects",
                )  # fmt: skip
        case _:
            return


def is_held(erasure: Erasure, key_class: str, at: datetime) -> bool:
    """Whether a law obliges at a moment to keep the values of a class of keys: `identity`, `contact`, `text`, `answer`."""
    return any(
        hold.holds(at) and (scope is HoldScope.EVERYTHING or scope.lower() == key_class)
        for scope, hold in erasure.holds.items()
    )


def must_be_in(erasure: Erasure, *allowed: ErasureStatus) -> None:
    """Refused if the request stands elsewhere."""
    if erasure.status not in allowed:
        stands = "unknown" if erasure.status is None else erasure.status.lower()
        raise Refused(f"This request is {stands}, and must be {' or '.join(allowed).lower()} for that.", "erasure_id")


def must_be_person(subjects: tuple[UUID, ...], erasure: Erasure) -> None:
    """Refused if these are not the customer who asked, and whoever is taken to be the same."""
    must_be_few(subjects, MAX_SUBJECTS, "subjects")
    if erasure.customer_id not in subjects:
        raise Refused("The customer who asked is not among them.", "subjects")


def must_be_term(until: datetime, legal_basis: str) -> None:
    """Refused if it is not said until when, or by which law."""
    must_know_zone(until, "until")
    must_say(legal_basis, "The legal basis", "legal_basis")


def must_be_few(values: tuple[object, ...], limit: int, field: str) -> None:
    """Refused if there is nothing, or too much at once."""
    if not 1 <= len(values) <= limit:
        raise Refused(f"Name from 1 to {limit:,}.", field)


def must_be_keys(key_ids: tuple[int, ...]) -> None:
    """Refused if these can be no keys: they count from 1."""
    if key_ids[0] < 1:
        raise Refused("Keys count from 1.", "key_ids")


decider = Decider("erasure", Asked, Happened, Erasure(), decide, evolve, claims=claims)
