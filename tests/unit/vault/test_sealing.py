"""Keys, records, bodies and replies: what opens, and what fails closed."""

import copy
import pickle
import traceback
from collections.abc import Callable
from uuid import UUID

import msgspec
import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.vault import body, envelope, keys
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vault.reply import Replies
from ecrm_privacy.vocabulary import Category, SubjectId

KEYRING = Keyring(bytes(range(32)))
ADA, BOB = SubjectId(UUID(int=1)), SubjectId(UUID(int=2))
BROWSING, EVIDENCE = Category("browsing"), Category("evidence")
RECEIPT, OPENING = b"r" * 32, b"o" * 32


def test_a_key_unwraps_only_under_its_own_keyring() -> None:
    """A stolen row opens nothing without the key file."""
    key, wrapped = keys.new(KEYRING, ADA, BROWSING)
    assert keys.unwrap(KEYRING, ADA, BROWSING, 1, wrapped).dek == key.dek
    with pytest.raises(Tampered):
        keys.unwrap(Keyring(b"x" * 32), ADA, BROWSING, 1, wrapped)


def test_a_handed_over_key_keeps_its_pseudonym() -> None:
    """History follows the key without being copied."""
    key, _ = keys.new(KEYRING, ADA, BROWSING)
    handed, wrapped = keys.hand_over(KEYRING, key, BOB, 2)
    assert keys.unwrap(KEYRING, BOB, BROWSING, 2, wrapped) == handed
    assert pseudonym(handed) == pseudonym(key)


def test_a_record_moved_along_with_a_key_fails_closed_until_it_is_sealed_again() -> None:
    """The DEK is the same after a hand-over, the associated data is not."""
    key, _ = keys.new(KEYRING, ADA, BROWSING)
    handed, _ = keys.hand_over(KEYRING, key, BOB, 1)
    sealed = envelope.seal(key, "last_seen", b"monday")
    with pytest.raises(Tampered):
        envelope.open_(handed, "last_seen", sealed)
    moved = envelope.reseal(key, handed, "last_seen", sealed)
    assert envelope.open_(handed, "last_seen", moved) == b"monday"
    with pytest.raises(Tampered):
        envelope.open_(key, "last_seen", moved)


def test_category_and_field_cannot_flow_into_each_other() -> None:
    """Lengths are bound, so `ab`+`c` is not `a`+`bc`."""
    dek = Secret(bytes(32))
    sealed = envelope.seal(keys.SubjectKey(ADA, Category("ab"), 1, dek), "c", b"x")
    with pytest.raises(Tampered):
        envelope.open_(keys.SubjectKey(ADA, Category("a"), 1, dek), "bc", sealed)


def test_equal_values_are_sealed_to_different_bytes() -> None:
    """Nonces are random: the database cannot see who shares a value."""
    key, _ = keys.new(KEYRING, ADA, BROWSING)
    assert envelope.seal(key, "f", b"x") != envelope.seal(key, "f", b"x")


def test_the_version_of_a_record_can_be_read_and_only_of_a_record() -> None:
    """Which key opens it stands in its header."""
    key, _ = keys.new(KEYRING, ADA, BROWSING, 7)
    assert envelope.key_version(envelope.seal(key, "f", b"")) == 7
    for bad in (b"", b"\1" * 33, b"\2" * 40):
        with pytest.raises(Tampered):
            envelope.key_version(bad)


def test_secrets_are_not_shown_pickled_encoded_or_hashed() -> None:
    """A secret leaves this process only through the primitive that needs it."""
    key, _ = keys.new(KEYRING, ADA, BROWSING)
    raw = key.dek.reveal()
    shown = f"{key!r} {key} {key.dek!r} {key.dek}"
    assert "<secret>" in shown and raw.hex() not in shown and repr(raw) not in shown
    for give_away in (pickle.dumps, copy.deepcopy, msgspec.json.encode, msgspec.msgpack.encode, hash):
        with pytest.raises((TypeError, NotImplementedError)):
            give_away(key.dek)


def test_a_failure_to_open_names_nothing_of_what_was_sealed() -> None:
    """Not even the library's own exception is chained."""
    key, _ = keys.new(KEYRING, ADA, BROWSING)
    with pytest.raises(Tampered) as tampered:
        envelope.open_(key, "email", envelope.seal(key, "phone", b"555"))
    said = str(tampered.value)
    assert "email" not in said and str(ADA) not in said
    assert tampered.value.__suppress_context__ and "InvalidTag" not in "".join(
        traceback.format_exception(tampered.value)
    )


def test_a_body_opens_by_receipt_and_by_the_subjects_evidence_key() -> None:
    """Two wraps of one body key."""
    evidence, _ = keys.new(KEYRING, ADA, EVIDENCE, 2)
    sealed = body.seal_body(b"payload" * 100, OPENING, RECEIPT, evidence)
    assert body.open_with_receipt(RECEIPT, sealed) == (b"payload" * 100, OPENING)
    assert body.open_with_key(evidence, sealed) == (b"payload" * 100, OPENING)
    assert body.evidence_version(sealed) == 2 and len(sealed.sealed) < 130


def test_a_body_without_a_subject_opens_by_receipt_alone() -> None:
    """A refusal leaves no identifier, and no second way in."""
    evidence, _ = keys.new(KEYRING, ADA, EVIDENCE)
    sealed = body.seal_body(b"", OPENING, RECEIPT, None)
    assert sealed.wrapped_for_subject is None and body.open_with_receipt(RECEIPT, sealed) == (b"", OPENING)
    with pytest.raises(Tampered):
        body.open_with_key(evidence, sealed)
    with pytest.raises(Tampered):
        body.evidence_version(sealed)


def test_a_body_is_refused_with_another_receipt_or_another_key() -> None:
    """Neither capability opens somebody else's body."""
    evidence, _ = keys.new(KEYRING, ADA, EVIDENCE)
    other, _ = keys.new(KEYRING, BOB, EVIDENCE)
    sealed = body.seal_body(b"p", OPENING, RECEIPT, evidence)
    with pytest.raises(Tampered):
        body.open_with_receipt(b"x" * 32, sealed)
    with pytest.raises(Tampered):
        body.open_with_key(other, sealed)


@pytest.mark.parametrize("column", ["receipt_hash", "sealed", "wrapped_for_receipt", "wrapped_for_subject"])
def test_columns_swapped_between_two_bodies_of_one_subject_are_noticed(column: str) -> None:
    """A database writer cannot exchange what two receipts prove."""
    evidence, _ = keys.new(KEYRING, ADA, EVIDENCE)
    one = body.seal_body(b"one", OPENING, RECEIPT, evidence)
    two = body.seal_body(b"two", OPENING, b"s" * 32, evidence)
    mixed = msgspec.structs.replace(one, **{column: getattr(two, column)})
    opened: list[tuple[bytes, bytes] | None] = []
    attempts: list[Callable[[], tuple[bytes, bytes]]] = [
        lambda: body.open_with_receipt(RECEIPT, mixed),
        lambda: body.open_with_key(evidence, mixed),
    ]
    for attempt in attempts:
        try:
            opened.append(attempt())
        except Tampered:
            opened.append(None)
    assert None in opened and set(opened) <= {None, (b"one", OPENING)}


def test_a_reply_opens_only_for_its_idempotency_key_and_server() -> None:
    """The database alone opens nothing, and another caller's key opens nothing."""
    replies = Replies(KEYRING)
    key = replies.key("k" * 22)
    sealed = key.seal(b"201 ...")
    assert replies.key("k" * 22).open_(sealed) == b"201 ..."
    for other in (replies.key("l" * 22), Replies(Keyring(b"x" * 32)).key("k" * 22)):
        assert other.key_mac != key.key_mac
        with pytest.raises(Tampered):
            other.open_(sealed)


def test_equal_bodies_of_two_callers_have_different_macs() -> None:
    """Who answered alike cannot be read from the table of replies."""
    replies = Replies(KEYRING)
    one, two = replies.key("k" * 22), replies.key("l" * 22)
    assert one.body_mac(b"{}") != two.body_mac(b"{}")
    assert one.body_mac(b"{}") == replies.key("k" * 22).body_mac(b"{}") != one.body_mac(b"{ }")
    assert "k" * 22 not in repr(one)


def test_what_the_records_of_a_key_share_is_no_other_keys() -> None:
    """It is made once for a key, and a key that was made from it begins without."""
    key, _ = keys.new(KEYRING, ADA, BROWSING)
    sealed = envelope.seal(key, "last_seen", b"monday")
    assert key.shared is key.shared
    for other in (
        keys.hand_over(KEYRING, key, BOB, 1)[0],
        msgspec.structs.replace(key, subject=BOB),
        msgspec.structs.replace(key, version=2),
    ):
        assert other.shared != key.shared
        with pytest.raises(Tampered):
            envelope.open_(other, "last_seen", sealed)
    assert "shared" not in repr(key)
