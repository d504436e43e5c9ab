"""Sign-in tokens of the shop: a short JWT, checked with the one algorithm and key that the site's document names."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from ecrm_privacy.consent.links import SignInToken
from ecrm_privacy.errors import TokenRefused
from ecrm_privacy.policy.documents import TokenDocument

LIFETIME_MAX = timedelta(minutes=10)
LEEWAY_S = 60
CLAIMS = ["sub", "aud", "iss", "exp", "jti"]


class SignInTokens:
    """Verifies tokens; `keys` holds, per site, the bytes of the HS256 key or the PEM of the Ed25519 public key."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = keys

    def verify(self, token: str, site: str, document: TokenDocument) -> SignInToken:
        """Return what a token says. Raises TokenRefused for a forged, foreign, long-lived or expired one."""
        key = self._keys.get(site)
        if not key:
            raise TokenRefused
        try:
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[document.algorithm], audience=document.audience, issuer=document.issuer,
                leeway=LEEWAY_S, options={"require": CLAIMS, "strict_aud": True},
            )  # fmt: skip
            expires = datetime.fromtimestamp(claims["exp"], UTC)
        except (jwt.PyJWTError, TypeError, ValueError, OverflowError, OSError):  # milliseconds are a year far away
            raise TokenRefused from None
        if expires - datetime.now(UTC) > LIFETIME_MAX + timedelta(seconds=LEEWAY_S):
            raise TokenRefused
        number, token_id = claims["sub"], claims["jti"]
        if not all(isinstance(each, str) and each and each.isprintable() for each in (number, token_id)):
            raise TokenRefused  # half a character, which JSON can hold, is not printable either
        if len(number) > 128:
            raise TokenRefused
        return SignInToken(number, f"{site} {token_id}", expires + timedelta(seconds=LEEWAY_S))
