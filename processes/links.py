"""Links: the secret part of an address that leads a customer, and nobody else, to one invitation or one message."""

import base64
import binascii
import hmac
from hashlib import sha256
from uuid import UUID

ID_BYTES = 16
MAC_BYTES = 16

MESSAGE = "message"
"""The place where somebody asks for no more messages like the one that holds the link."""


def token(secret: bytes, id: UUID, place: str = "") -> str:
    """The id and the first half of its HMAC-SHA256, in base64url without padding.

    `place` is what the link is for, if that is not an invitation: a link to one place leads nowhere else.
    """
    whole = id.bytes + _mac(secret, id.bytes, place)
    return base64.urlsafe_b64encode(whole).rstrip(b"=").decode()


def read_token(secret: bytes, text: str, place: str = "") -> UUID | None:
    """What a token of a place leads to; None if we did not make it."""
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(whole) != ID_BYTES + MAC_BYTES:
        return None
    id, mac = whole[:ID_BYTES], whole[ID_BYTES:]
    return UUID(bytes=id) if hmac.compare_digest(mac, _mac(secret, id, place)) else None


def _mac(secret: bytes, id: bytes, place: str) -> bytes:
    return hmac.new(secret, place.encode() + id, sha256).digest()[:MAC_BYTES]
