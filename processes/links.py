"""Links: the secret part of an address that leads a customer, and nobody else, to one invitation."""

import base64
import binascii
import hmac
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ID_BYTES = 16
MAC_BYTES = 16
SECRET_BYTES = 32


def link_secret(kek: bytes) -> bytes:
    """The secret behind all links, derived from the key-encryption key (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), SECRET_BYTES, salt=None, info=b"bitacora-links/1").derive(kek)


def token(secret: bytes, invitation_id: UUID) -> str:
    """The id and the first half of its HMAC-SHA256, in base64url without padding."""
    whole = invitation_id.bytes + _mac(secret, invitation_id.bytes)
    return base64.urlsafe_b64encode(whole).rstrip(b"=").decode()


def read_token(secret: bytes, text: str) -> UUID | None:
    """The invitation that a token leads to; None if we did not make it."""
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(whole) != ID_BYTES + MAC_BYTES or not hmac.compare_digest(whole[ID_BYTES:], _mac(secret, whole[:ID_BYTES])):
        return None
    return UUID(bytes=whole[:ID_BYTES])


def _mac(secret: bytes, invitation: bytes) -> bytes:
    return hmac.new(secret, invitation, sha256).digest()[:MAC_BYTES]
