"""Addresses: one spelling each, or a refusal that does not repeat them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.consent.channels.addresses import SPELLINGS, compared, email, number, subscription, taken
from ecrm_privacy.errors import Malformed
from ecrm_privacy.vocabulary import Channel
from tests.unit.consent.people import saying

KEYS = {"p256dh": "B" + "A" * 86, "auth": "A" * 22}


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        (" Ottilie.Reed+tea@Example.COM ", "Ottilie.Reed+tea@example.com"),
        ("o'neill@a-b.example", "o'neill@a-b.example"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
    ],
)
def test_an_email_address(text: str, spelled: str) -> None:
    """The part before the sign stays as it is, because it is the server's; domains are small letters in ASCII."""
    assert email(text) == spelled
    assert compared(Channel("email"), spelled) == spelled.lower()


@pytest.mark.parametrize(
    ("text", "spelled"), [("+49 (170) 123-45.67", "+491701234567"), ("0044 20 7946 0018", "+442079460018")]
)
def test_a_telephone_number(text: str, spelled: str) -> None:
    """As `+` and digits (E.164)."""
    assert number(text) == spelled


def test_a_subscription_is_kept_as_one_text() -> None:
    """What else a browser says of it is left out."""
    given_text = json.dumps({"keys": KEYS, "endpoint": "https://push.example/abc", "expirationTime": None})
    kept = json.loads(subscription(given_text))
    assert kept == {"endpoint": "https://push.example/abc", "keys": KEYS}


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("email", "a@b"), ("email", "@b.example"), ("email", "a@@b.example"), ("email", "a..b@c.example"),
        ("email", "a@b.example\nBcc: x@y.example"), ("email", "a@-b.example"), ("email", "ä@b.example"),
        ("email", "<a@b.example>"), ("email", "a@b.example,c@d.example"), ("email", f"a@{'b' * 64}.example"),
        ("sms", "0170 12345"), ("sms", "+0491701"), ("sms", "+4970"), ("sms", f"+{'1' * 20}"), ("sms", "+४९१७०१२३४५"),
        ("web_push", "{}"), ("web_push", "[]"), ("web_push", '{"x":' + "[" * 1990),
        ("web_push", json.dumps({"endpoint": "ftp://a/", "keys": KEYS})),
        ("web_push", json.dumps({"endpoint": "https://a/", "keys": {**KEYS, "auth": "AA"}})),
        ("post", "4 Weir Lane"), ("chat", "ottilie"),
    ],
)  # fmt: skip
def test_what_is_none(channel: str, text: str) -> None:
    """Refused, with words that are ours."""
    said = saying({f"offers/{channel}": "given"})
    answers = tuple(type(each)(each.purpose, each.answer, each.channel, address=text) for each in said.answers)
    with pytest.raises(Malformed) as refused:
        taken(type(said)(said.notice, answers, said.method))
    assert text not in str(refused.value)


@given(st.sampled_from(sorted(SPELLINGS)), st.text(max_size=60))
def test_a_spelling_is_its_own(channel: Channel, text: str) -> None:
    """Whatever is taken is taken again as it is, in one line without blanks."""
    try:
        spelled = SPELLINGS[channel](text)
    except Malformed:
        return
    assert SPELLINGS[channel](spelled) == spelled and not set(spelled) & set(" \r\n\t\0")
