"""Web push: hands sealed messages to the push service of a browser (RFC 8030), and hears when a subscription ended.

A subscription's address comes from a browser, so only known push services are called: nobody makes this service send
requests to a machine of their choice.
"""

import time
from collections.abc import Callable, Sequence

import httpx
import msgspec

from ecrm_privacy.delivery.messages import Gone, Message, Undeliverable
from ecrm_privacy.errors import Malformed, Unavailable

SEND_S = 10.0
TTL_S = 24 * 3600
SERVICES = (
    "fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.services.mozilla.com", "*.notify.windows.com",
    "web.push.apple.com", "*.push.apple.com",
)  # fmt: skip
"""The push services of the browsers; `*.` stands for any one name before it."""

Encrypt = Callable[[bytes, str, str], bytes]
"""`encrypt(plaintext, p256dh, auth)`; raises Malformed."""
Authorize = Callable[[str, int], str]
"""`authorize(endpoint, now_s)`: the Authorization header."""


class _Keys(msgspec.Struct, frozen=True):
    p256dh: str
    auth: str


class _Subscription(msgspec.Struct, frozen=True):
    endpoint: str
    keys: _Keys


class WebPush:
    """Sends web push to `services`, and to others (`http://127.0.0.1:9000`) by their whole origin, if named."""

    def __init__(self, encrypt: Encrypt, authorize: Authorize, services: Sequence[str] = SERVICES) -> None:
        self._encrypt = encrypt
        self._authorize = authorize
        self._services = tuple(services)

    async def send(self, message: Message) -> None:
        """Hand a message on. Raises Gone when the subscription ended, Undeliverable, Unavailable."""
        subscription = msgspec.json.decode(message.to, type=_Subscription)
        if not self._is_known(subscription.endpoint):
            raise Undeliverable("the subscription is at no push service that is known")
        shown = {"title": message.subject, "body": message.text, "url": message.unsubscribe, "lang": message.locale}
        try:
            body = self._encrypt(msgspec.json.encode(shown), subscription.keys.p256dh, subscription.keys.auth)
        except Malformed:
            raise Undeliverable("the subscription's keys are none") from None
        headers = {
            "authorization": self._authorize(subscription.endpoint, int(time.time())), "ttl": str(TTL_S),
            "content-encoding": "aes128gcm", "content-type": "application/octet-stream", "urgency": "low",
            "topic": message.message_id[:32],  # one that is tried again takes the place of the one before
        }  # fmt: skip
        try:
            async with httpx.AsyncClient(timeout=SEND_S, follow_redirects=False, trust_env=False) as client:
                status = (await client.post(subscription.endpoint, content=body, headers=headers)).status_code
        except httpx.HTTPError:
            raise Unavailable("the push service does not answer") from None
        if status in {404, 410}:
            raise Gone("the subscription ended")
        if status == 429 or status >= 500:
            raise Unavailable("the push service cannot take it now")
        if not 200 <= status < 300:
            raise Undeliverable("the push service refuses it")

    def _is_known(self, endpoint: str) -> bool:
        try:
            url = httpx.URL(endpoint)
        except httpx.InvalidURL:
            return False
        origin = f"{url.scheme}://{url.netloc.decode()}"
        if origin in self._services:
            return True
        return url.scheme == "https" and url.port is None and any(_fits(url.host, name) for name in self._services)


def _fits(host: str, service: str) -> bool:
    if service.startswith("*."):
        return host.endswith(service[1:]) and "." not in host.removesuffix(service[1:])
    return host == service
