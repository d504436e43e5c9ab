"""SMS through a provider, web push through a push service: asked, welcomed, stopped, and gone."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ecrm_privacy.delivery.messages import Gone, Message, Undeliverable
from ecrm_privacy.delivery.push import WebPush
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.vocabulary import Channel
from tests.conftest import Cluster
from tests.houses import ORIGIN, Opened, house_of_its_own
from tests.integration.channels.people import sign_up, status
from tests.provider import SECRET, Provider, provider_server, signature
from tests.unit.vault.test_web_push import opened as opened_by_browser

pytestmark = pytest.mark.anyio

NUMBER = "+491701234567"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Provider]:
    with provider_server() as provider:
        yield provider


@pytest.fixture
def provider(elsewhere: Provider) -> Provider:
    elsewhere.clear()
    return elsewhere


@pytest.fixture(scope="module")
async def opened(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, elsewhere: Provider
) -> AsyncIterator[Opened]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "sms.secret").write_bytes(SECRET)
    settings = {
        "sms_url": f"{elsewhere.base}/messages", "sms_secret_file": folder / "sms.secret",
        "push_services": (elsewhere.base,),
    }  # fmt: skip
    async with house_of_its_own(cluster, folder, **settings) as house:
        yield house


async def hand_in(opened: Opened, number: str, text: str, **changed: str) -> httpx.Response:
    """Let the provider hand in what somebody answered: signed, without origin."""
    body, stamp = json.dumps({"from": number, "text": text}).encode(), str(int(time.time()))
    headers = {"webhook-id": "in_1", "webhook-timestamp": stamp, "webhook-signature": signature("in_1", stamp, body)}
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=opened.app), base_url=ORIGIN)
    return await client.post("/v1/inbound/sms", content=body, headers={**headers, **changed})


async def confirmed(opened: Opened, provider: Provider, number: str) -> Any:
    """Somebody who confirmed their number."""
    browser = opened.browser()
    assert (await sign_up(browser, number, "sms")).status_code == 201
    await opened.settle()
    (_, headers, body) = provider.got[-1]
    assert headers["webhook-signature"] == signature(headers["webhook-id"], headers["webhook-timestamp"], body)
    sent = json.loads(body)
    assert sent["to"] == number and sent["id"] == headers["webhook-id"]
    link = "/confirm/" + sent["text"].partition("/confirm/")[2].split()[0]
    assert (await opened.browser().http.post(link)).status_code == 200
    await opened.settle()
    assert await status(browser, "sms") == "given"
    return browser


async def test_sms_is_confirmed_welcomed_and_stopped_by_a_word(opened: Opened, provider: Provider) -> None:
    """The question and the welcome go to the provider, signed; STOP from the number ends it, as an entry."""
    browser = await confirmed(opened, provider, NUMBER)
    assert len(provider.got) == 2 and "STOP" in json.loads(provider.got[1][2])["text"]
    for refused in ({"webhook-signature": "v1,AAAA"}, {"webhook-timestamp": "1"}):
        reply = await hand_in(opened, NUMBER, "STOP", **refused)
        assert (reply.status_code, reply.json()["type"]) == (401, "/problems/signature-refused")
    assert (await hand_in(opened, NUMBER, "Thank you")).status_code == 204
    assert await status(browser, "sms") == "given"
    for _ in range(2):
        assert (await hand_in(opened, "0049 170 1234567", " Stop! ")).status_code == 204
    assert await status(browser, "sms") == "withdrawn" and "offers" in await browser.allowed()
    receipts = (await browser.http.get("/v1/receipts")).json()["receipts"]
    assert receipts[0]["evidence"] == "a word that stops, sent back over sms" and len(receipts) == 3


async def test_after_stop_nobody_asks_that_number_until_it_starts(opened: Opened, provider: Provider) -> None:
    """Whoever types it in; START lets it be asked again and is no yes."""
    number = "+491709999999"
    await hand_in(opened, number, "STOP")
    asking = opened.browser()
    await sign_up(asking, number, "sms")
    await opened.settle()
    assert provider.got == []
    await hand_in(opened, number, "START")
    await sign_up(opened.browser(), number, "sms")
    await opened.settle()
    assert len(provider.got) == 1 and await status(asking, "sms") == "requested"


async def test_a_house_without_a_provider_takes_nothing_in(opened: Opened, cluster: Cluster, tmp_path: Path) -> None:
    """Nobody can sign for a provider that there is none of."""
    async with house_of_its_own(cluster, tmp_path) as alone:
        assert (await hand_in(alone, NUMBER, "STOP")).json()["type"] == "/problems/signature-refused"


# web push -------------------------------------------------------------------------------------------------------------


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def subscribe(base: str) -> tuple[str, ec.EllipticCurvePrivateKey, bytes]:
    """What a browser makes: a key pair and a secret of its own, and the address of its push service."""
    key, auth = ec.generate_private_key(ec.SECP256R1()), bytes(range(16))
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    told = {
        "endpoint": f"{base}/push/{point.hex()[:16]}",
        "expirationTime": None,
        "keys": {"p256dh": b64(point), "auth": b64(auth)},
    }
    return json.dumps(told), key, auth


async def test_a_subscription_is_sealed_and_reached(opened: Opened, provider: Provider) -> None:
    """The browser's own prompt is the confirmation: the yes counts at once; what is sent only that browser opens."""
    browser = opened.browser()
    text, key, auth = subscribe(provider.base)
    assert (await sign_up(browser, text, "web_push")).status_code == 201
    assert await status(browser, "web_push") == "given"
    await opened.settle()
    async with opened.as_admin() as admin:
        assert await admin.fetchval("select count(*) from ecrm.record where category = 'channel.web_push'") == 1
    public = (await browser.http.get("/v1/push-key")).json()["key"]
    transport = opened.house.channels.letters._transports[Channel("web_push")]
    await transport.send(Message(to=text, message_id="cd" * 16, subject="Tea", text="A new harvest"))
    assert len(provider.got) == 2
    assert json.loads(opened_by_browser(provider.got[0][2], key, auth))["title"] == "Welcome: News and offers"
    path, headers, body = provider.got[1]
    assert path.startswith("/push/") and headers["content-encoding"] == "aes128gcm" and headers["topic"] == "cd" * 16
    assert headers["authorization"].endswith(f", k={public}")
    assert json.loads(opened_by_browser(body, key, auth))["body"] == "A new harvest"


async def test_a_subscription_that_ended_is_forgotten(opened: Opened, provider: Provider) -> None:
    """The push service says 410: what was sealed goes with its key, and the answer stands for the next subscription."""
    provider.status = 410
    browser = opened.browser()
    async with opened.as_admin() as admin:
        before = await admin.fetchval("select count(*) from ecrm.record where category = 'channel.web_push'")
        await sign_up(browser, subscribe(provider.base)[0], "web_push")
        await opened.settle()
        assert len(provider.got) == 1 and await status(browser, "web_push") == "given"
        for table in ("record", "subject_key"):
            counted = f"select count(*) from ecrm.{table} where category = 'channel.web_push'"
            assert await admin.fetchval(counted) == before


async def test_a_subscription_that_ended_says_so(provider: Provider) -> None:
    """404 and 410 are gone, other refusals are for good, busy is for now."""
    text, _, _ = subscribe(provider.base)
    push = WebPush(lambda plaintext, _key, _auth: plaintext, lambda _endpoint, _now: "vapid", (provider.base,))
    message = Message(to=text, message_id="ef" * 16, subject="", text="")
    for code, failure in ((410, Gone), (404, Gone), (400, Undeliverable), (429, Unavailable), (503, Unavailable)):
        provider.status = code
        with pytest.raises(failure) as met:
            await push.send(message)
        assert type(met.value) is failure


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:5432/", "https://127.0.0.1/", "https://intranet.example/", "https://fcm.googleapis.com:8443/",
        "https://fcm.googleapis.com.evil.example/", "https://a.b.push.apple.com/", "http://fcm.googleapis.com/",
        "https://x@fcm.googleapis.com.evil.example/",
    ],
)  # fmt: skip
async def test_only_known_push_services_are_called(endpoint: str) -> None:
    """An address comes from a browser: it sends this service to no machine of somebody's choice."""
    push = WebPush(lambda *_: b"", lambda *_: "")
    told = json.dumps({"endpoint": endpoint, "keys": {"p256dh": "", "auth": ""}})
    with pytest.raises(Undeliverable):
        await push.send(Message(to=told, message_id="ab" * 16, subject="", text=""))
