"""Links of messages: made here or refused, and what they tell whoever reads them."""

from datetime import date
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.errors import LinkUnknown
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.message_links import MessageLinks, Unsubscribe
from ecrm_privacy.vocabulary import Channel, Purpose, SubjectId

LINKS, OTHERS = MessageLinks(Keyring(bytes(32))), MessageLinks(Keyring(bytes(range(32))))
OFFERS, EMAIL = Purpose("offers"), Channel("email")


def test_a_confirmation_link_names_its_request_and_nothing_else_does() -> None:
    """The half that the database knows makes no link, nor does another key, a changed character or another spelling."""
    pending_id = uuid4()
    token = LINKS.confirm(pending_id)
    assert LINKS.confirmed_by(token) == pending_id and len(token) == 43
    wrong = [OTHERS.confirm(pending_id), token[:-1], token + "=", token + "A", "", "a@b", "ä" * 43, token.lower()]
    wrong += [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in range(43)]
    for text in wrong:
        with pytest.raises(LinkUnknown):
            LINKS.confirmed_by(text)


def test_an_unsubscribe_link_says_what_and_not_for_whom() -> None:
    """Purpose and channel can be read; two links of one person share nothing else, and nothing can be moved."""
    subject = SubjectId(uuid4())
    first, second = (LINKS.unsubscribe(subject, OFFERS, EMAIL) for _ in range(2))
    assert LINKS.unsubscribed_by(first) == LINKS.unsubscribed_by(second) == Unsubscribe(subject, OFFERS, EMAIL)
    assert first.startswith("offers~email~") and first != second
    alike = [n for n, (one, other) in enumerate(zip(first, second, strict=True)) if one == other]
    assert len(alike) < len("offers~email~AQ") + 12  # version, algorithm, and what chance makes alike
    assert str(subject) not in first and subject.hex not in first
    sealed = first.rpartition("~")[2]
    moved = [
        f"share~email~{sealed}",
        f"offers~sms~{sealed}",
        f"offer~semail~{sealed}",
        sealed,
        f"{first}~",
        "a~b~c",
        "",
    ]
    moved += [OTHERS.unsubscribe(subject, OFFERS, EMAIL), f"{'o' * 300}~email~{sealed}"]
    moved += [
        f"offers~email~{sealed[:n]}{'A' if sealed[n] != 'A' else 'B'}{sealed[n + 1 :]}" for n in range(len(sealed))
    ]
    for text in moved:
        with pytest.raises(LinkUnknown):
            LINKS.unsubscribed_by(text)


@given(st.text(max_size=80))
def test_any_other_text_is_no_link(text: str) -> None:
    """Whatever stands there is refused by name, and nothing else happens."""
    for read in (LINKS.confirmed_by, LINKS.unsubscribed_by):
        with pytest.raises(LinkUnknown):
            read(text)


def test_hashes_for_counting_hold_day_channel_and_person_apart() -> None:
    """Of one address no two days, channels or people have the same; a message that is tried again has."""
    subject, other = SubjectId(UUID(int=1)), SubjectId(UUID(int=2))
    day = date(2026, 11, 22)
    values = {
        LINKS.on_day(EMAIL, "a@b.example", day), LINKS.on_day(EMAIL, "a@b.example", date(2026, 11, 23)),
        LINKS.on_day(Channel("sms"), "a@b.example", day), OTHERS.on_day(EMAIL, "a@b.example", day),
        LINKS.stopped(EMAIL, "a@b.example"), LINKS.stopped(Channel("sms"), "a@b.example"),
    }  # fmt: skip
    assert len(values) == 6 and {len(value) for value in values} == {32}
    assert LINKS.same(subject, EMAIL, "a@b.example") != LINKS.same(other, EMAIL, "a@b.example")
    assert LINKS.message_id("confirm", UUID(int=1)) == LINKS.message_id("confirm", UUID(int=1))
    assert LINKS.message_id("confirm", UUID(int=1)) != LINKS.message_id("welcome", UUID(int=1))
