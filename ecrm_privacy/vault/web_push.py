"""Web push: a message sealed for one browser (RFC 8291 over RFC 8188), and who sends it (VAPID, RFC 8292).

The browser's subscription names its public key (65 bytes, P-256) and a secret of 16 bytes. A message is one record:
`salt 16 | record size u32 | 65 | sender's public key 65 | ciphertext`, AES-128-GCM under keys that this message alone
has. The sender's own key for VAPID follows from the key file, so that no subscription is lost with the database.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ecrm_privacy.errors import Malformed
from ecrm_privacy.vault.keyring import Keyring

RECORD_BYTES = 4096
PLAINTEXT_BYTES_MOST = RECORD_BYTES - 86 - 17
"""What push services take is 4,096 bytes: header, delimiter and tag count (RFC 8291, 4)."""
TOKEN_S = 12 * 3600
_LAST = b"\x02"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def encrypted(
    plaintext: bytes,
    p256dh: str,
    auth: str,
    *,
    salt: bytes | None = None,
    sender: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Return a message sealed for a subscription; `salt` and `sender` are given only to reproduce known answers.

    Raises Malformed for keys that are no point and no secret, or a message that is too long.
    """
    if len(plaintext) > PLAINTEXT_BYTES_MOST:
        raise Malformed("the message is too long for web push")
    receiver_raw, secret = _bytes(p256dh), _bytes(auth)
    try:
        receiver = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), receiver_raw)
    except ValueError:
        raise Malformed("the subscription's key is no point of P-256") from None
    sender = sender or ec.generate_private_key(ec.SECP256R1())
    salt = os.urandom(16) if salt is None else salt
    sender_raw = _point(sender)
    shared = sender.exchange(ec.ECDH(), receiver)
    about = b"WebPush: info\0" + receiver_raw + sender_raw
    ikm = HKDF(algorithm=hashes.SHA256(), length=32, salt=secret, info=about).derive(shared)
    key = HKDF(algorithm=hashes.SHA256(), length=16, salt=salt, info=b"Content-Encoding: aes128gcm\0").derive(ikm)
    nonce = HKDF(algorithm=hashes.SHA256(), length=12, salt=salt, info=b"Content-Encoding: nonce\0").derive(ikm)
    header = salt + RECORD_BYTES.to_bytes(4, "big") + len(sender_raw).to_bytes() + sender_raw
    return header + AESGCM(key).encrypt(nonce, plaintext + _LAST, None)


class Vapid:
    """Who sends: a key pair of P-256 that follows from the key file."""

    __slots__ = ("_key", "public_key")

    def __init__(self, keyring: Keyring) -> None:
        wide = HKDFExpand(algorithm=hashes.SHA256(), length=48, info=b"P-256").derive(keyring.derive("vapid/v1"))
        scalar = int.from_bytes(wide, "big") % (_ORDER - 1) + 1  # FIPS 186-5, A.2.1: 128 bits more than needed
        self._key = ec.derive_private_key(scalar, ec.SECP256R1())
        self.public_key = _text(_point(self._key))

    def authorization(self, endpoint: str, contact: str, now_s: int) -> str:
        """Return the Authorization header for a push service: who sends, until when, and whom to write to."""
        parts = urlsplit(endpoint)
        claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": now_s + TOKEN_S, "sub": contact}
        head = _text(msgspec.json.encode({"typ": "JWT", "alg": "ES256"}))
        signed = f"{head}.{_text(msgspec.json.encode(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = _text(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return f"vapid t={signed}.{signature}, k={self.public_key}"

    def __repr__(self) -> str:
        return "<Vapid>"


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
