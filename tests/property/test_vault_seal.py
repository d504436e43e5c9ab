"""Promise 1, no key, no data: what is sealed opens for exactly one subject, category, field and key version."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.errors import Tampered
from ecrm_privacy.vault import body, envelope, keys
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.keyring import WRAPPED_BYTES, Keyring
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vocabulary import Category, SubjectId

KEYRING = Keyring(bytes(range(32)))
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
SUBJECTS = st.uuids().map(SubjectId)
CATEGORIES = NAMES.map(Category)
VERSIONS = st.integers(1, 32767)


@given(SUBJECTS, CATEGORIES, NAMES, VERSIONS, st.binary(max_size=300))
def test_what_was_sealed_opens(
    subject: SubjectId, category: Category, field: str, version: int, plaintext: bytes
) -> None:
    """Round trip through the wrapped key row."""
    key, wrapped = keys.new(KEYRING, subject, category, version)
    sealed = envelope.seal(key, field, plaintext)
    again = keys.unwrap(KEYRING, subject, category, version, wrapped)
    assert envelope.open_(again, field, sealed) == plaintext
    assert len(wrapped) == WRAPPED_BYTES and len(sealed) == len(plaintext) + envelope.OVERHEAD_BYTES


@given(
    st.tuples(SUBJECTS, CATEGORIES, NAMES, VERSIONS),
    st.tuples(SUBJECTS, CATEGORIES, NAMES, VERSIONS),
    st.sets(st.integers(0, 3), min_size=1),
)
def test_nothing_opens_elsewhere(
    home: tuple[SubjectId, Category, str, int], away: tuple[SubjectId, Category, str, int], moved: set[int]
) -> None:
    """Any change of subject, category, field or version fails, even where the DEK itself is the same."""
    place = tuple(away[i] if i in moved else home[i] for i in range(4))
    if place == home:
        return
    subject, category, field, version = home
    key, wrapped = keys.new(KEYRING, subject, category, version)
    sealed = envelope.seal(key, field, b"value")
    elsewhere = keys.SubjectKey(place[0], place[1], place[3], key.dek)  # type: ignore[arg-type]
    with pytest.raises(Tampered):
        envelope.open_(elsewhere, place[2], sealed)  # type: ignore[arg-type]
    if (elsewhere.subject, elsewhere.category, elsewhere.version) != (subject, category, version):
        with pytest.raises(Tampered):
            keys.unwrap(KEYRING, elsewhere.subject, elsewhere.category, elsewhere.version, wrapped)


@given(st.data())
def test_no_flipped_bit_goes_unnoticed(data: st.DataObject) -> None:
    """Header, nonce, ciphertext and tag of keys, records and bodies are all authenticated."""
    key, wrapped = keys.new(KEYRING, SubjectId(UUID(int=1)), Category("evidence"))
    sealed_body = body.seal_body(b"payload", bytes(32), b"r" * 32, key)
    record = envelope.seal(key, "email", b"ada@example.org")
    openers = [
        (wrapped, lambda raw: keys.unwrap(KEYRING, key.subject, key.category, 1, raw)),
        (record, lambda raw: envelope.open_(key, "email", raw)),
        (
            sealed_body.sealed,
            lambda raw: body.open_with_receipt(
                b"r" * 32, body.SealedBody(sealed_body.receipt_hash, raw, sealed_body.wrapped_for_receipt, None)
            ),
        ),
        (
            sealed_body.wrapped_for_receipt,
            lambda raw: body.open_with_receipt(
                b"r" * 32, body.SealedBody(sealed_body.receipt_hash, sealed_body.sealed, raw, None)
            ),
        ),
    ]
    raw, opener = data.draw(st.sampled_from(openers))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    flipped = bytearray(raw)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Tampered):
        opener(bytes(flipped))
    with pytest.raises(Tampered):
        opener(raw[: bit // 8])


@given(SUBJECTS, st.lists(CATEGORIES, min_size=2, max_size=5, unique=True))
def test_a_pseudonym_is_stable_and_differs_per_category(subject: SubjectId, categories: list[Category]) -> None:
    """The same key gives the same name, also under another owner; each category has its own."""
    made = [keys.new(KEYRING, subject, category) for category in categories]
    again = [keys.unwrap(KEYRING, key.subject, key.category, 1, wrapped) for key, wrapped in made]
    handed = [keys.hand_over(KEYRING, key, SubjectId(UUID(int=7)), 2)[0] for key, _ in made]
    names = [pseudonym(key) for key, _ in made]
    assert names == [pseudonym(key) for key in again] == [pseudonym(key) for key in handed]
    assert len(set(names)) == len(categories)


@given(st.binary(min_size=32, max_size=32), CATEGORIES, CATEGORIES)
def test_even_one_dek_names_two_categories_differently(dek: bytes, one: Category, two: Category) -> None:
    """The category is part of what is hashed, not only of which key is taken."""
    subject = SubjectId(UUID(int=1))
    names = {pseudonym(keys.SubjectKey(subject, category, 1, Secret(dek))) for category in (one, two)}
    assert len(names) == len({one, two})
