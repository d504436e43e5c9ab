"""What the log says in public when a policy is put in force."""

from datetime import UTC, datetime

import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.policy.acts import Activation, parse, statement

BUNDLE = bytes(range(32))
AT = datetime(2026, 11, 22, 4, 30, 5, tzinfo=UTC)


def test_an_activation_says_which_policy_and_when() -> None:
    """The statement is JSON that begins with its version, names the bundle's hash and the time, and comes back."""
    text = statement(BUNDLE, AT)
    assert text == (
        b'{"v":1,"act":"policy.activate","bundle":"%s","at":"2026-11-22T04:30:05Z"}' % BUNDLE.hex().encode()
    )
    assert parse(text) == Activation(BUNDLE, AT)


def test_an_activation_names_the_report_about_its_banners() -> None:
    """The hash of the report comes last, and is left out where nobody looked."""
    text = statement(BUNDLE, AT, bytes(32))
    assert text.endswith(b'"rendered":"%s"}' % bytes(32).hex().encode())
    assert parse(text) == Activation(BUNDLE, AT, bytes(32))


def test_an_older_activation_says_no_time() -> None:
    """Statements from before there were times still count."""
    assert parse(b'{"v":1,"act":"policy.activate","bundle":"%s"}' % BUNDLE.hex().encode()) == Activation(BUNDLE, None)


@pytest.mark.parametrize("text", [b'{"v":1,"act":"shard","from":3}', b'{"v":1,"act":"key.rotate","bundle":"x"}'])
def test_other_acts_put_no_policy_in_force(text: bytes) -> None:
    """Of our acts in the log only activations are about the policy."""
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"v":1}',
        b'{"v":2,"act":"policy.activate","bundle":"%s"}' % BUNDLE.hex().encode(),
        b'{"v":1,"act":"policy.activate"}',
        b'{"v":1,"act":"policy.activate","bundle":"abc"}',
        b'{"v":1,"act":"policy.activate","bundle":"abcd"}',
        b'{"v":1,"act":"policy.activate","bundle":"%s","at":"yesterday"}' % BUNDLE.hex().encode(),
        b'{"v":1,"act":"policy.activate","bundle":"%s","at":"2026-11-22T04:30:05"}' % BUNDLE.hex().encode(),
    ],
)
def test_what_cannot_be_read_is_not_passed_over(text: bytes) -> None:
    """A statement that says nothing we understand, or of another version, is refused instead of guessed at."""
    with pytest.raises(Tampered):
        parse(text)
