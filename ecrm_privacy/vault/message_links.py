"""What stands in the links of messages, and the keyed hashes by which messages are counted. Keys by label, no rows.

A confirmation link is `pending_id 16 | HMAC-SHA256(key, pending_id)[:16]`, base64url: 43 characters. The database knows
the first half alone, so whoever reads a dump confirms nothing.

An unsubscribe link is `purpose~channel~sealed`, where `sealed` is `01 | alg | nonce 12 | ciphertext 16 | tag 16` of the
subject's name, base64url, with associated data `"unsub1" | length u8, purpose | channel`. It says what it ends and not
for whom; two messages to one person have nothing in common. It needs no row, so it works as long as the key file does.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import date
from uuid import UUID

import msgspec

from ecrm_privacy.errors import LinkUnknown, Tampered
from ecrm_privacy.vault import aead
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import Channel, Purpose, SubjectId

_HEADER = bytes((1, aead.AES_256_GCM))
_ID_BYTES = _TAG_BYTES = 16
PURPOSE_BYTES_MOST = 255
_SEALED_BYTES = len(_HEADER) + aead.NONCE_BYTES + 16 + aead.TAG_BYTES


class Unsubscribe(msgspec.Struct, frozen=True):
    """What an unsubscribe link ends, and for whom."""

    subject: SubjectId
    purpose: Purpose
    channel: Channel


class MessageLinks:
    """The keys of links and of counting."""

    __slots__ = ("_confirm", "_count", "_same", "_stop", "_unsubscribe")

    def __init__(self, keyring: Keyring) -> None:
        self._confirm = Secret(keyring.derive("message/confirm/v1"))
        self._unsubscribe = Secret(keyring.derive("message/unsubscribe/v1"))
        self._count = Secret(keyring.derive("message/count/v1"))
        self._same = Secret(keyring.derive("message/same/v1"))
        self._stop = Secret(keyring.derive("message/stop/v1"))

    def confirm(self, pending_id: UUID) -> str:
        """Return the token of the link that confirms a request."""
        return _text(pending_id.bytes + self._tag(pending_id.bytes))

    def confirmed_by(self, token: str) -> UUID:
        """Return which request a token confirms. Raises LinkUnknown for one that was not made here."""
        raw = _bytes(token, _ID_BYTES + _TAG_BYTES)
        if not hmac.compare_digest(raw[_ID_BYTES:], self._tag(raw[:_ID_BYTES])):
            raise LinkUnknown
        return UUID(bytes=raw[:_ID_BYTES])

    def _tag(self, pending_id: bytes) -> bytes:
        return hmac.digest(self._confirm.reveal(), pending_id, "sha256")[:_TAG_BYTES]

    def unsubscribe(self, subject: SubjectId, purpose: Purpose, channel: Channel) -> str:
        """Return the token of a link that ends a channel of a purpose."""
        sealed = aead.seal(self._unsubscribe.cipher(), _HEADER, subject.bytes, _place(purpose, channel))
        return f"{purpose}~{channel}~{_text(sealed)}"

    def unsubscribed_by(self, token: str) -> Unsubscribe:
        """Return what a token ends. Raises LinkUnknown for one that was not made here, or was altered."""
        parts = token.split("~")
        if len(parts) != 3:
            raise LinkUnknown
        purpose, channel = Purpose(parts[0]), Channel(parts[1])
        if len(purpose.encode()) > PURPOSE_BYTES_MOST:
            raise LinkUnknown
        try:
            name = aead.open_sealed(
                self._unsubscribe.cipher(), _HEADER, _bytes(parts[2], _SEALED_BYTES), _place(purpose, channel)
            )
        except Tampered:
            raise LinkUnknown from None
        return Unsubscribe(SubjectId(UUID(bytes=name)), purpose, channel)

    def message_id(self, kind: str, pending_id: UUID) -> bytes:
        """Return the 16 bytes that name a message; one that is sent again has the same name."""
        return hmac.digest(self._count.reveal(), b"message" + kind.encode() + b"\0" + pending_id.bytes, "sha256")[:16]

    def on_day(self, channel: Channel, address: str, day: date) -> bytes:
        """Return the 32 bytes that stand for an address on one day."""
        text = "\0".join((channel, day.isoformat(), address))
        return hmac.digest(self._count.reveal(), b"day" + text.encode(), "sha256")

    def same(self, subject: SubjectId, channel: Channel, address: str) -> bytes:
        """Return the 16 bytes by which a further request of the same subject with the same address is known."""
        text = f"{channel}\0{address}"
        return hmac.digest(self._same.reveal(), subject.bytes + text.encode(), "sha256")[:16]

    def stopped(self, channel: Channel, address: str) -> bytes:
        """Return the 32 bytes that stand for an address from which somebody stopped a channel."""
        return hmac.digest(self._stop.reveal(), f"{channel}\0{address}".encode(), "sha256")


def _place(purpose: Purpose, channel: Channel) -> bytes:
    name = purpose.encode()
    return b"unsub1" + len(name).to_bytes() + name + channel.encode()


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(token: str, length: int) -> bytes:
    """Decode exactly `length` bytes in their one spelling. Raises LinkUnknown."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (Base64Error, ValueError):
        raise LinkUnknown from None
    if len(raw) != length or _text(raw) != token:
        raise LinkUnknown
    return raw
