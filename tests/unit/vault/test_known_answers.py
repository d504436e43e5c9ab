"""Bytes that others computed: Wycheproof's AES-GCM, HKDF and HMAC, and the formats proposed with the design."""

import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.record import commitment
from ecrm_privacy.vault import aead, body, envelope, keys
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.blind_index import IndexKind, blind_index
from ecrm_privacy.vault.epochs.file import Epochs
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vault.reply import ReplyKey
from ecrm_privacy.vocabulary import Category, SubjectId

SUBJECT = SubjectId(UUID(int=2))
CONTACT = Category("contact")


def of_wycheproof(shared_data: Path, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every test of a file, with its group."""
    groups = json.loads((shared_data / "vectors/C2SP_wycheproof" / name).read_text())["testGroups"]
    return [(group, test) for group in groups for test in group["tests"]]


@pytest.fixture
def proposed(shared_data: Path) -> dict[str, Any]:
    """The formats of the design, with fixed keys."""
    answers: dict[str, Any] = json.loads(
        (shared_data / "vectors/own_generated/vault_and_receipt_proposed.json").read_text()
    )
    return answers


def test_aes_gcm_agrees_with_wycheproof_for_our_nonces(shared_data: Path) -> None:
    """12-byte nonces: valid ones open and seal to the same bytes, the others are tampered; no other nonce is taken."""
    ran, other = 0, 0
    for group, test in of_wycheproof(shared_data, "aes_gcm_test.json"):
        assert group["tagSize"] == 128
        if group["ivSize"] != 96:
            with pytest.raises(AssertionError, match="12 bytes"):
                aead.seal(AESGCM(bytes.fromhex(test["key"])), b"h", b"", b"", bytes.fromhex(test["iv"]))
            other += 1
            continue
        key, nonce, aad, plain, text, tag = (
            bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
        )
        cipher, sealed = AESGCM(key), b"h" + nonce + text + tag
        if test["result"] == "valid":
            assert aead.open_sealed(cipher, b"h", sealed, aad) == plain
            assert aead.seal(cipher, b"h", plain, aad, nonce) == sealed
        else:
            with pytest.raises(Tampered):
                aead.open_sealed(cipher, b"h", sealed, aad)
        ran += 1
    assert (ran, other) == (197, 119)


def test_hkdf_agrees_with_wycheproof(shared_data: Path) -> None:
    """Each valid HKDF-SHA256 case gives the same bytes, and what is too long is refused."""
    ran, refused = 0, 0
    for _, test in of_wycheproof(shared_data, "hkdf_sha256_test.json"):
        ikm, salt, info, okm = (bytes.fromhex(test[name]) for name in ("ikm", "salt", "info", "okm"))
        if test["result"] == "valid":
            assert aead.hkdf(ikm, info, salt, test["size"]) == okm
            ran += 1
        else:
            with pytest.raises(ValueError, match="larger"):
                aead.hkdf(ikm, info, salt, test["size"])
            refused += 1
    assert (ran, refused) == (83, 3)


def test_hmac_agrees_with_wycheproof(shared_data: Path) -> None:
    """Our commitments are HMAC-SHA256 under 32-byte keys: the same tags, and no key of another length."""
    ran, other = 0, 0
    for group, test in of_wycheproof(shared_data, "hmac_sha256_test.json"):
        key, message, tag = (bytes.fromhex(test[name]) for name in ("key", "msg", "tag"))
        if group["keySize"] != 256:
            with pytest.raises(AssertionError):
                commitment(key, message)
            other += 1
            continue
        assert (commitment(key, message)[: group["tagSize"] // 8] == tag) is (test["result"] == "valid")
        ran += 1
    assert (ran, other) == (162, 12)


def test_the_proposed_wrapped_key_opens(proposed: dict[str, Any]) -> None:
    """Our header and layout of a wrapped key are the proposed ones; theirs bound a tenant besides."""
    wrapped, kek = bytes.fromhex(proposed["wrapped_dek"]), AESGCM(bytes.fromhex(proposed["kek"]))
    header = struct.pack(">BBI", 1, 1, proposed["epoch"])
    nonce, dek = bytes.fromhex(proposed["wrap_nonce"]), bytes.fromhex(proposed["dek"])
    aad = bytes.fromhex(proposed["wrap_aad"])
    assert aead.open_sealed(kek, header, wrapped, aad) == dek
    assert aead.seal(kek, header, dek, aad, nonce) == wrapped and len(wrapped) == 66


def test_the_proposed_record_opens(proposed: dict[str, Any]) -> None:
    """Our header and layout of a record are the proposed ones."""
    record, dek = bytes.fromhex(proposed["record"]), AESGCM(bytes.fromhex(proposed["dek"]))
    header, aad = struct.pack(">BBI", 1, 1, proposed["dek_version"]), bytes.fromhex(proposed["record_aad"])
    assert aead.open_sealed(dek, header, record, aad) == proposed["plaintext"].encode()
    assert envelope.key_version(record) == proposed["dek_version"]
    assert len(record) == len(proposed["plaintext"]) + envelope.OVERHEAD_BYTES


def test_the_proposed_blind_index_is_ours(proposed: dict[str, Any]) -> None:
    """Truncated HMAC under a key per kind."""
    key = Secret(bytes.fromhex(proposed["index_key"]))
    assert blind_index(key, IndexKind.EMAIL, " Ada@Example.ORG ").hex() == proposed["blind_index16"]


def test_a_wrap_is_bound_to_the_documented_associated_data() -> None:
    """Spelled out by hand: "dek1", subject, category with its length, version, epoch."""
    keyring = Keyring(bytes(32), Epochs(None, {1: Secret(bytes(range(32)))}))
    key, wrapped = keys.new(keyring, SUBJECT, CONTACT, 3)
    kek = AESGCM(bytes(range(32)))
    aad = b"dek1" + SUBJECT.bytes + b"\x07contact" + b"\0\0\0\3" + b"\0\0\0\1"
    assert wrapped[:6] == b"\1\1\0\0\0\1"
    assert kek.decrypt(wrapped[6:18], wrapped[18:], aad) == key.dek.reveal()


def test_a_record_is_bound_to_the_documented_associated_data() -> None:
    """Spelled out by hand: "rec1", subject, key version, category and field with their lengths."""
    key, _ = keys.new(Keyring(bytes(32)), SUBJECT, CONTACT, 3)
    sealed = envelope.seal(key, "email", b"ada")
    aad = b"rec1" + SUBJECT.bytes + b"\0\0\0\3" + b"\x07contact" + b"\x05email"
    assert sealed[:6] == b"\1\1\0\0\0\3"
    assert AESGCM(key.dek.reveal()).decrypt(sealed[6:18], sealed[18:], aad) == b"ada"


def test_a_pseudonym_is_the_documented_uuid() -> None:
    """UUID version 8 of an HMAC; histories depend on these bytes."""
    key = keys.SubjectKey(SUBJECT, Category("browsing"), 1, Secret(bytes(range(32))))
    mac = hmac.digest(bytes(range(32)), b"pseudonym/v1browsing", "sha256")
    name = pseudonym(key)
    assert name.version == 8 and name.variant == "specified in RFC 4122"
    assert name.bytes[:6] == mac[:6] and name.bytes[9:] == mac[9:16]


def test_a_body_is_sealed_as_documented() -> None:
    """50 bytes for the receipt, 66 for the subject, and the id kept only as its hash."""
    evidence, _ = keys.new(Keyring(bytes(32)), SUBJECT, Category("evidence"))
    sealed = body.seal_body(b"payload", bytes(32), bytes(range(32)), evidence)
    assert len(sealed.wrapped_for_receipt) == 50 and len(sealed.wrapped_for_subject or b"") == 66
    assert sealed.receipt_hash == hashlib.sha256(bytes(range(32))).digest()
    key = AESGCM(aead.hkdf(bytes(range(32)), b"ecrm/body/receipt/v1"))
    wrapped = sealed.wrapped_for_receipt
    assert wrapped[:2] == b"\x02\x01"
    body_key = AESGCM(key.decrypt(bytes(12), wrapped[2:], b"bodykey2"))
    plain = body_key.decrypt(bytes(12), sealed.sealed[2:], b"body2" + sealed.receipt_hash)
    assert sealed.sealed[:2] == b"\x02\x01" and plain[:80] == bytes(80)


def test_known_reply_macs_do_not_change() -> None:
    """Replies kept by an earlier version are found again."""
    key = ReplyKey(Secret(bytes(32)), "0" * 16)
    assert key.key_mac == hmac.digest(bytes(32), b"reply-key/v1" + b"0" * 16, "sha256")
    assert key.body_mac(b"{}").hex() == "9471190eb6a102928f41a9da517fa3402efc4e38308f9f3095bded50979c5851"
