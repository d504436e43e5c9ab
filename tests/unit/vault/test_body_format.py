"""How small a body is, and what it opens to, whatever version sealed it."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.record import Change, ConsentEvent, EventKind, Processing, StateChange, payload
from ecrm_privacy.vault import aead, body, keys
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.dictionary import DICTIONARY_2
from ecrm_privacy.vocabulary import EVIDENCE, ConsentStatus, ExpressionMethod, LegalBasis, SubjectId

KEY = keys.SubjectKey(SubjectId(UUID(int=7)), EVIDENCE, 1, Secret(bytes(32)))
RECEIPT, OPENING = b"r" * 32, bytes(range(32))
FORMAT_1 = body.SealedBody(
    body.receipt_hash(RECEIPT),
    bytes.fromhex(
        "01010102030405060708090a0b0cae2fae9e346e25ea67b4f22eeff7332a194fe0344260c7254d0e6f500abd62a32ee1137885f1c1aecf2e"
        "d22b6e41a8cc93525ba4f9855c9d97ac092619e0174ff68a7735ed67ff48e621b49e49745cfe8c"
    ),
    bytes.fromhex(
        "01010102030405060708090a0b0cf38eb47c5cced4476726916fa6106fefc3d19c36406d8282811e390208f5fa12cafca42c7c53a2e56e6b"
        "38abcb1b3261"
    ),
    bytes.fromhex(
        "0101000000010102030405060708090a0b0c3c46d426227f73828a57bd54f68c7b8ef5851da8ecba2776132ad99f89e487b6b0421fea3a9f"
        "24da9cf7bc1215c4e57e"
    ),
)
SHIPPED = ("remember", "personalize", "offers", "model.contribute", "measure", "advertise")


def an_answer(purposes: Sequence[str] = SHIPPED) -> bytes:
    return payload(
        ConsentEvent(
            record_id=uuid4(),
            event_time=datetime.now(UTC).replace(microsecond=0),
            kind=EventKind.ANSWER,
            controller="Paper & Tea",
            controller_address="12 Quay Street, Dublin",
            controller_contact="privacy@paper-and-tea.example",
            storage_location="Frankfurt, Germany",
            withdraw_at="https://privacy.paper-and-tea.example/preferences",
            site="demo",
            method=ExpressionMethod.ACCEPT_ALL,
            notice="shop@3",
            notice_hash=secrets.token_hex(32),
            locale="en",
            jurisdiction="eu",
            changes=tuple(
                Change(
                    purpose=name,
                    status=ConsentStatus.GIVEN,
                    notice="shop@3",
                    since=date(2026, 1, 31),
                    until=date(2027, 1, 31),
                )
                for name in purposes
            ),
            state=StateChange(regime="gdpr"),
            processing=tuple(
                Processing(purpose=name, basis=LegalBasis.CONSENT, categories=("browsing", "purchases"), kept="P395D")
                for name in purposes
            ),
        )
    )


def test_the_dictionary_never_changes() -> None:
    """Whatever was sealed with these bytes opens only with these bytes."""
    assert len(DICTIONARY_2) == 6693
    expected = "ff673c4954e191a5e0f5eab033b128890352ae2918c2bc2565fd4109bc0f7042"
    assert hashlib.sha256(DICTIONARY_2).hexdigest() == expected


@pytest.mark.parametrize(
    ("purposes", "most"), [(SHIPPED, 360), (("alpha", "beta", "gamma", "delta", "epsilon", "zeta"), 390)]
)
def test_an_answer_to_six_purposes_is_small(purposes: Sequence[str], most: int) -> None:
    """Six kilobytes of record are sealed in a few hundred bytes; the wraps have the lengths that they always had."""
    text = an_answer(purposes)
    sealed = body.seal_body(text, OPENING, RECEIPT, KEY)
    assert len(text) > 5000 and len(sealed.sealed) < most
    assert (len(sealed.wrapped_for_receipt), len(sealed.wrapped_for_subject or b"")) == (50, 66)
    assert body.open_with_key(KEY, sealed) == body.open_with_receipt(RECEIPT, sealed) == (text, OPENING)


def test_a_body_of_format_1_still_opens() -> None:
    """What was sealed before there was a dictionary opens for the receipt and for the subject."""
    expected = (b'{"what":"a record of format 1"}', OPENING)
    assert body.open_with_receipt(RECEIPT, FORMAT_1) == body.open_with_key(KEY, FORMAT_1) == expected


WORDS = st.sampled_from(
    [
        b'"dct:identifier":"00000000-0000-0000-0000-00000000000a"', b"00000000-0000-0000-0000-00000000000a",
        b'"dct:created":"2026"', b'"dct:created":"\\n"', b'"dct:valid":"20"', b'"ecrm:sha256":"' + b"0a" * 32 + b'"',
        b"0a" * 32, b"20", b"26", b"\n", b"\x00", b"\x01", b"\x02", b"\x03", b"{", b"a", b'"dct:valid":"a"',
        b'"dct:created":"a"', b'"dct:created":"0a"', b'"dct:valid":"dct:created"',
    ]
)  # fmt: skip


@given(st.lists(WORDS | st.binary(max_size=20), max_size=12).map(b"".join))
def test_whatever_was_sealed_opens_to_itself(text: bytes) -> None:
    """Also what is no record, or one whose words occur in each other, or holds the bytes that mark them."""
    sealed = body.seal_body(text, OPENING, RECEIPT, None)
    assert body.open_with_receipt(RECEIPT, sealed) == (text, OPENING)
    marked = any(mark in text for mark in (b"\x00", b"\x01", b"\x02", b"\x03"))
    assert sealed.sealed[0] == (1 if marked else 2)


@pytest.mark.parametrize("packed", [b"", bytes(48), bytes(48) + b"\x03\x00", bytes(47)])
def test_what_was_not_packed_so_is_refused(packed: bytes) -> None:
    """Authentic bytes of another form are refused in one sentence, for whoever stole a key could seal them."""
    sealed = body.seal_body(b"{}", OPENING, RECEIPT, None)
    body_key = Secret(body._body_key(RECEIPT, sealed))
    other = aead.seal_once(body_key, b"\x02\x01", OPENING + packed, b"body2" + sealed.receipt_hash)
    with pytest.raises(Tampered, match="body"):
        body.open_with_receipt(RECEIPT, body.SealedBody(sealed.receipt_hash, other, sealed.wrapped_for_receipt, None))
