"""Web push: the known answer of RFC 8291, what a browser opens, and the signature of VAPID (RFC 8292)."""

import json
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ecrm_privacy.errors import Malformed
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.web_push import PLAINTEXT_BYTES_MOST, Vapid, encrypted

# RFC 8291, section 5 and appendix A.
PLAINTEXT = b"When I grow up, I want to be a watermelon"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
RECEIVER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def opened(message: bytes, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What a browser does with a message (RFC 8291, 3; RFC 8188, 2), written apart from the code under test."""
    salt, sender = message[:16], message[21:86]
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    ikm = HKDF(hashes.SHA256(), 32, auth, b"WebPush: info\0" + point(key) + sender).derive(shared)
    content_key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(ikm)
    nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(ikm)
    padded = AESGCM(content_key).decrypt(nonce, message[86:], None)
    assert padded.endswith(b"\x02")
    return padded[:-1]


def test_the_known_answer() -> None:
    """The message of RFC 8291, byte for byte."""
    sender = ec.derive_private_key(int.from_bytes(raw(SENDER), "big"), ec.SECP256R1())
    assert text(encrypted(PLAINTEXT, RECEIVER, AUTH, salt=raw(SALT), sender=sender)) == MESSAGE


def test_a_browser_opens_it_and_no_two_are_alike() -> None:
    """Also the longest one, which fits what push services take."""
    browser, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    for plaintext in (b"", b"x", b"y" * PLAINTEXT_BYTES_MOST):
        first, second = (encrypted(plaintext, text(point(browser)), text(auth)) for _ in range(2))
        assert opened(first, browser, auth) == opened(second, browser, auth) == plaintext
        assert first != second and len(first) <= 4096
    with pytest.raises(Malformed):
        encrypted(b"z" * (PLAINTEXT_BYTES_MOST + 1), text(point(browser)), text(auth))
    with pytest.raises(Malformed):
        encrypted(b"", text(b"\x04" + bytes(64)), text(auth))


def test_vapid_says_who_sends_to_whom_until_when() -> None:
    """An ES256 token for the push service's origin, under a key that follows from the key file and stays the same."""
    keyring = Keyring(bytes(range(32)))
    vapid, again = Vapid(keyring), Vapid(Keyring(bytes(range(32))))
    assert vapid.public_key == again.public_key != Vapid(Keyring(bytes(32))).public_key
    header = vapid.authorization("https://push.example/send/abc", "mailto:a@b.example", 1_700_000_000)
    found = re.fullmatch(r"vapid t=([\w-]+\.[\w-]+\.[\w-]+), k=([\w-]{87})", header)
    assert found and found[2] == vapid.public_key
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw(found[2]))
    options = {"verify_exp": False}
    claims = jwt.decode(found[1], public, ["ES256"], audience="https://push.example", options=options)
    assert claims == {"aud": "https://push.example", "exp": 1_700_000_000 + 12 * 3600, "sub": "mailto:a@b.example"}
    assert json.loads(raw(found[1].split(".")[0])) == {"typ": "JWT", "alg": "ES256"}
    assert "secret" not in repr(vapid) and repr(vapid) == "<Vapid>"
