"""Erasure requests, what can have happened: asked, verified, held, blocked, purged, destroyed, completed, or refused."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.kernel import Event, Told
from domain.references import CustomerId


class ErasureKind(StrEnum):
    """ERASURE: a person asks to be forgotten (GDPR art. 17). BLOCK: the company itself blocks what it may not use any more.

    Either is blocked for a term and then destroyed (LOPDGDD art. 32); only who asked is written to.
    """

    ERASURE = "ERASURE"
    BLOCK = "BLOCK"


class ErasureBasis(StrEnum):
    """Why a person may ask for it: the letters of GDPR art. 17.1, or LOPDGDD art. 32 after a rectification."""

    NO_LONGER_NEEDED = "NO_LONGER_NEEDED"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    OBJECTED = "OBJECTED"
    UNLAWFUL = "UNLAWFUL"
    LEGAL_OBLIGATION = "LEGAL_OBLIGATION"
    CHILD = "CHILD"
    RECTIFIED = "RECTIFIED"
    RETENTION_OVER = "RETENTION_OVER"


class ErasureRefusal(StrEnum):
    """Why the answer is no: GDPR art. 17.3 a to e, art. 12.5 and 12.6, or nothing is left to ask for."""

    FREEDOM_OF_EXPRESSION = "FREEDOM_OF_EXPRESSION"
    LEGAL_OBLIGATION = "LEGAL_OBLIGATION"
    PUBLIC_HEALTH = "PUBLIC_HEALTH"
    ARCHIVING = "ARCHIVING"
    LEGAL_CLAIMS = "LEGAL_CLAIMS"
    UNFOUNDED = "UNFOUNDED"
    IDENTITY_NOT_PROVED = "IDENTITY_NOT_PROVED"
    ALREADY_BLOCKED = "ALREADY_BLOCKED"
    TAKEN_BACK = "TAKEN_BACK"


class HoldScope(StrEnum):
    """What must be kept: everything, or the keys of one class of personal values."""

    EVERYTHING = "EVERYTHING"
    IDENTITY = "IDENTITY"
    CONTACT = "CONTACT"
    TEXT = "TEXT"
    ANSWER = "ANSWER"


class ErasureStatus(StrEnum):
    """How far a request has come."""

    REQUESTED = "REQUESTED"
    VERIFIED = "VERIFIED"
    BLOCKED = "BLOCKED"
    PURGED = "PURGED"
    DESTROYING = "DESTROYING"
    COMPLETED = "COMPLETED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """A place that was purged, and how many rows or files of the person it held."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Where it was looked again: at how many things, and in how many of them something was left."""

    name: str
    looked_at: int
    found: int


class ErasureRequested(Event, stored_as="erasure.requested.v1"):
    """A person wants to be forgotten, or to be blocked."""

    customer_id: CustomerId
    kind: ErasureKind
    basis: ErasureBasis
    note: Told[str]


class ErasureIdentityVerified(Event, stored_as="erasure.identity-verified.v1"):
    """It was made sure that the request comes from that person."""

    method: str


class ErasureHoldSet(Event, stored_as="erasure.hold-set.v1"):
    """Something must be kept: it is blocked, and not destroyed before that ends; the last word on a scope holds."""

    scope: HoldScope
    legal_basis: str
    until: datetime | None = None


class ErasureHoldLifted(Event, stored_as="erasure.hold-lifted.v1"):
    """Nothing obliges to keep it any longer."""

    scope: HoldScope


class SubjectBlocked(Event, stored_as="erasure.blocked.v1"):
    """These customers, who are one person, are blocked until then; said again, the last word on the term holds."""

    subjects: tuple[UUID, ...]
    until: datetime
    legal_basis: str


class ErasureRefused(Event, stored_as="erasure.refused.v1"):
    """The answer is no."""

    reason: ErasureRefusal
    note: Told[str]


class ErasureDeadlineExtended(Event, stored_as="erasure.deadline-extended.v1"):
    """There are so many months more for an answer."""

    months: int
    reason: Told[str]


class ProjectionsPurged(Event, stored_as="erasure.projections-purged.v1"):
    """Nothing that can be made again from the log holds anything of the person in the clear."""

    purged: tuple[Purged, ...]


class ErasureKeysDestroyed(Event, stored_as="erasure.keys_destroyed.v1"):
    """These keys are destroyed, so that nobody can read what they sealed; the values themselves go as well."""

    key_ids: tuple[int, ...]


class ErasureCompleted(Event, stored_as="erasure.completed.v1"):
    """Nothing is left; the certificate of this SHA-256 says what was done, and the checks where it was looked again."""

    certificate: str
    checks: tuple[Check, ...]


Happened = (
    ErasureRequested
    | ErasureIdentityVerified
    | ErasureHoldSet
    | ErasureHoldLifted
    | SubjectBlocked
    | ErasureRefused
    | ErasureDeadlineExtended
    | ProjectionsPurged
    | ErasureKeysDestroyed
    | ErasureCompleted
)
