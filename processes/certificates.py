"""Certificates: what was done about a request for erasure, as the log says it; whoever has the log makes the same one."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from domain.erasure_events import (
    Check,
    ErasureHoldLifted,
    ErasureHoldSet,
    ErasureIdentityVerified,
    ErasureKeysDestroyed,
    ErasureRequested,
    ProjectionsPurged,
    SubjectBlocked,
)
from eventstore.envelope import Happened

FORMAT = "bitacora-erasure-certificate/1"
STAYS = (
    "The events themselves with their times, types and amounts, and the random ids of the customers; of each personal value "
    "that was destroyed the digest of its ciphertext, from which nobody can guess it.",
    "Copies that left the house before: mails that were sent, backups until the epoch of their keys is destroyed.",
)


def certificate(erasure_id: UUID, found: Sequence[Happened], checks: Sequence[Check]) -> dict[str, Any]:
    """The certificate of a request, from its events up to its completion and the checks that were made then."""
    events = [(event, at) for event, at in found if at.type != "erasure.completed.v1"]
    said: dict[str, Any] = {"format": FORMAT, "erasure_id": str(erasure_id)}
    for event, at in events:
        when = at.occurred_at.isoformat()
        match event:
            case ErasureRequested():
                said |= {
                    "customer_id": str(event.customer_id),
                    "kind": event.kind,
                    "basis": event.basis,
                    "requested_at": when,
                }
            case ErasureIdentityVerified(method=method):
                said |= {"verified_at": when, "method": method}
            case SubjectBlocked(subjects=subjects, until=until, legal_basis=legal_basis):
                said.setdefault("blocked_at", when)
                said |= {
                    "subjects": sorted(map(str, subjects)),
                    "blocked_until": until.isoformat(),
                    "legal_basis": legal_basis,
                }
            case ErasureHoldSet(scope=scope, legal_basis=legal_basis):
                said.setdefault("holds", []).append({"scope": scope, "legal_basis": legal_basis, "set_at": when})
            case ErasureHoldLifted(scope=scope):
                said.setdefault("holds", []).append({"scope": scope, "lifted_at": when})
            case ProjectionsPurged(purged=purged):
                said |= {"purged_at": when, "purged": [{"name": each.name, "rows": each.rows} for each in purged]}
            case ErasureKeysDestroyed(key_ids=key_ids):
                said.setdefault("keys_destroyed", []).append({"position": at.position, "key_ids": list(key_ids)})
    said["checks"] = [{"name": each.name, "looked_at": each.looked_at, "found": each.found} for each in checks]
    said["events"] = [
        {
            "position": at.position,
            "type": at.type,
            "recorded_at": at.recorded_at.isoformat(),
            "body_sha256": sha256(at.body).hexdigest(),
        }
        for _, at in events
    ]
    said["stays"] = list(STAYS)
    return said


def digest_of(said: dict[str, Any]) -> str:
    """The SHA-256 in hex of a certificate, as JSON with its keys in order and without blanks."""
    return sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
