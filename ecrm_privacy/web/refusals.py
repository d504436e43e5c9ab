"""What the web itself refuses, before or instead of asking a door. No HTTP here either: `problems.py` knows that.

Refusal
├── ForeignOrigin     a write from a page that is not one of ours or of a site's
├── BodyTooLarge      more bytes than this call takes
├── BodyTooSlow       the body did not arrive in time
├── ApiKeyRefused     a call for servers without a key that is known
├── ScopeMissing      a known key that may not do this
└── TooMany           a rate was exceeded; says when to come again
"""

from ecrm_privacy.errors import Refusal


class ForeignOrigin(Refusal):
    """A write whose origin is missing, foreign or cross-site, and that came without an API key."""


class BodyTooLarge(Refusal):
    """The body, or one line of a stream, is larger than this call takes."""


class BodyTooSlow(Refusal):
    """The body did not arrive in time."""


class ApiKeyRefused(Refusal):
    """No API key, or one that is not known."""


class ScopeMissing(Refusal):
    """The API key is known, but its scopes do not include this call."""


class TooMany(Refusal):
    """A rate was exceeded; `retry_after_s` says how many seconds to wait."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s
