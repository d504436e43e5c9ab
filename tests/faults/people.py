"""The load: people who answer, change their minds, sign in and have themselves erased, and repeat what was not heard.

Each browser acts alone and in order, so what it was last told is what must count. Two browsers of one account act at
once: there the ledger's order decides. Everything a browser does follows from the seed and from what it is answered.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import httpx
import jwt
import msgspec

from tests.faults.group import HAS_PLUGIN, DemoFile
from tests.faults.oracle import Heard, Line, Oracle, Outcome, Seen, Sent, Wrong, now_s

PURPOSES = ("remember", "personalize", "model.contribute", "offers", "measure")
NOTICE = "shop@1"
TIMEOUT_S = 15.0
"""Longer than the service may take: whoever hangs up while it still works does not know what came last."""
PATIENCE_S = 40.0
GIVES_UP = 0.08
"""How often a failed try is the last one: what became of it stays unknown."""
PAGES = ("/preferences", "/v1/notice", "/ledger/checkpoint", "/health/ready", *(("/",) if HAS_PLUGIN else ()))

Send = Callable[[], Awaitable[httpx.Response]]


class Town:
    """What the browsers of one round share."""

    def __init__(self, base: str, demo: DemoFile, oracle: Oracle, customers: list[str]) -> None:
        self.base = base
        self.demo = demo
        self.oracle = oracle
        self.customers = customers
        self.stopping = asyncio.Event()
        self.statuses: Counter[str] = Counter()
        self.receipts: list[str] = []

    def note(self, line: Line) -> None:
        """Write a line of the oracle."""
        self.oracle.note(line)
        if isinstance(line, Heard) and line.receipt_id:
            self.receipts.append(line.receipt_id)

    def token(self, number: str) -> str:
        """Return a fresh sign-in token, as the shop would make one."""
        claims = {"sub": number, "aud": self.demo.audience, "iss": self.demo.issuer, "jti": str(uuid4())}
        return jwt.encode(claims | {"exp": int(time.time()) + 300}, self.demo.token_secret.encode(), "HS256")


class Browser:
    """One browser with its cookies; `account` is a customer number that it shares with another browser."""

    def __init__(self, name: str, seed: str, account: str = "") -> None:
        self.name = name
        self.rng = random.Random(f"{seed}/{name}")
        self.account = account
        self.subject = ""
        self.signed_in = ""
        self.beside: tuple[str, ...] = ()
        self.known: dict[str, bool] = {}
        self.jar = httpx.Cookies()
        self.lives = 0

    async def live(self, town: Town) -> None:
        """Act until the round ends; then write down where we stand."""
        async with httpx.AsyncClient(
            base_url=town.base, headers={"Origin": town.base}, cookies=self.jar, timeout=TIMEOUT_S,
            trust_env=False, verify=False,
        ) as client:  # fmt: skip
            self._town, self._client = town, client
            while not town.stopping.is_set():
                await self._act()
            self.jar = client.cookies
        cookies = {cookie.name: cookie.value or "" for cookie in self.jar.jar}
        town.note(Seen(self.name, self.subject, cookies, bool(self.signed_in)))

    async def _act(self) -> None:
        chance = self.rng.random()
        if self.account:
            await (self._change() if self.signed_in else self._sign_in(self.account))
        elif not self.subject:
            await self._begin(chance)
        elif chance < 0.03:
            await self._erase()
        elif chance < 0.05 and not self.signed_in and self._town.customers:
            await self._sign_in(self._town.customers.pop())
        elif chance < 0.08:
            await self._mistake()
        elif chance < 0.14:
            await self._look()
        elif chance < 0.24 and HAS_PLUGIN and self.known.get("remember"):
            await self._event()
        else:
            await self._change()

    async def _begin(self, chance: float) -> None:
        if chance < 0.08 and self._town.customers:
            await self._sign_in(self._town.customers.pop())
        elif chance < 0.35:
            await self._answer(dict.fromkeys(PURPOSES, "refused"), "refuse_all")
        else:
            await self._answer(dict.fromkeys(PURPOSES, "given"), "accept_all")

    async def _change(self) -> None:
        chosen = self.rng.sample(PURPOSES, self.rng.randint(1, 3))
        yes = ("withdrawn", "refused", "given")
        await self._answer({p: self.rng.choice(yes if self.known.get(p) else ("given", "refused")) for p in chosen})

    # acts -------------------------------------------------------------------------------------------------------------

    async def _answer(self, answers: dict[str, str], method: str = "save") -> None:
        number = self._town.oracle.number()
        subject = self.subject or (f"{self.name}/{self._key()}" if "given" in answers.values() else "")
        said = [{"purpose": purpose, "answer": answer} for purpose, answer in answers.items()]
        body = msgspec.json.encode({"notice": NOTICE, "answers": said, "method": method})
        sent = Sent(number, "answer", self.name, subject, self._key(), answers, body.decode())
        outcome, reply = await self._deliver(sent, lambda: self._post("/v1/answers", sent.key, body))
        made = {purpose: answer == "given" for purpose, answer in answers.items()}
        if reply is not None and outcome == "acked":
            if subject and not self.subject and "ecrm" not in self._client.cookies:
                self._wrong("a first yes came without a session")
            self.subject, self.known = subject, (self.known | made if subject else {})
            await self._doubt(sent, body, reply)
        elif outcome == "unknown":
            self.known = {purpose: yes for purpose, yes in self.known.items() if purpose not in made}

    async def _doubt(self, sent: Sent, body: bytes, first: httpx.Response) -> None:
        """Now and then ask again: the same key, the same key for something else, and what is permitted now."""
        chance = self.rng.random()
        if chance < 0.08:
            again = await self._quietly(lambda: self._post("/v1/answers", sent.key, body))
            if again is not None and (again.status_code != 201 or again.content != first.content):
                self._wrong(f"the repeat of key {sent.key} got another reply: {again.status_code}")
        elif chance < 0.11:
            other = await self._quietly(lambda: self._post("/v1/answers", sent.key, body + b" "))
            if other is not None and other.status_code != 422:
                self._wrong(f"key {sent.key} was taken for another body: {other.status_code}")
        elif chance < 0.35 and not self.account and self.subject:
            now = await self._quietly(lambda: self._client.get("/v1/permissions"))
            if now is not None and now.status_code == 200:
                self._compare(now)

    def _compare(self, reply: httpx.Response) -> None:
        """The next request knows, whichever worker it meets."""
        for purpose, allowed in permissions_of(reply).items():
            if self.known.get(purpose, allowed) != allowed:
                self._wrong(f"{self.subject}: {purpose} was acknowledged as {not allowed} and is {allowed}")

    async def _sign_in(self, number: str) -> None:
        subject = f"{number}.{self.lives}.{'both' if self.account else self.name}"
        beside = (self.subject,) if self.subject else ()
        sent = Sent(self._town.oracle.number(), "sign_in", self.name, subject, "", beside=beside)
        outcome, _ = await self._deliver(
            sent, lambda: self._client.post("/v1/session", json={"token": self._town.token(number)})
        )
        if outcome == "acked":
            self.subject, self.signed_in, self.beside, self.known = subject, number, beside, {}
        elif outcome == "unknown":
            self._forget()  # whether the old cookie still counts, nobody knows

    async def _erase(self) -> None:
        number, body = self._town.oracle.number(), '{"right":"erasure"}'
        sent = Sent(number, "erasure", self.name, self.subject, self._key(), body=body, beside=self.beside)
        outcome, _ = await self._deliver(sent, lambda: self._post("/v1/rights-requests", sent.key, sent.body.encode()))
        if outcome == "acked" and self._client.cookies.get("ecrm"):
            self._wrong("an erased browser kept its session")
        if outcome != "refused":
            if outcome == "acked" and self.signed_in:
                self._town.customers.insert(0, self.signed_in)
            self._forget()

    async def _event(self) -> None:
        """Look at something that nobody else looks at, so that it is found again."""
        number = self._town.oracle.number()
        event = {"event_id": self._key(), "type": "view", "item_id": f"{self.name}-{number}-{self._key()[:8]}"}
        sent = Sent(number, "event", self.name, self.subject, event["event_id"], item=event["item_id"])
        outcome, reply = await self._deliver(sent, lambda: self._client.post("/v1/events", json={"events": [event]}))
        if reply is not None and outcome == "acked" and not reply.json()["stored"]:
            self._wrong(f"{self.subject} permits remembering, and an event was dropped: {reply.text}")

    async def _mistake(self) -> None:
        """A request that must be refused, and must leave nothing behind."""
        body = b'{"notice":"shop@1","answers":[{"purpose":"no-such-purpose","answer":"given"}],"method":"save"}'
        sent = Sent(self._town.oracle.number(), "answer", self.name, "", self._key(), {}, body.decode())
        await self._deliver(sent, lambda: self._post("/v1/answers", sent.key, body))

    async def _look(self) -> None:
        path = self.rng.choice(PAGES)
        await self._quietly(lambda: self._client.get(path))

    # how --------------------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._client.cookies.clear()
        self.subject, self.signed_in, self.beside, self.known = "", "", (), {}
        self.lives += 1

    def _key(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    async def _post(self, path: str, key: str, body: bytes) -> httpx.Response:
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        return await self._client.post(path, content=body, headers=headers)

    async def _deliver(self, sent: Sent, send: Send) -> tuple[Outcome, httpx.Response | None]:
        """Send until it is answered or we lose patience; before and after, the oracle writes it down."""
        self._town.note(sent)
        outcome: Outcome = "refused"
        began, tries, reply = now_s(), 0, None
        while True:
            tries, sent_at = tries + 1, now_s()
            reply = await self._try(send)
            said = _meaning(reply)
            if said in {"acked", "refused"}:
                outcome = "acked" if said == "acked" else outcome
                break
            outcome = "unknown" if said == "doubt" else outcome
            if self.rng.random() < GIVES_UP or now_s() - began > PATIENCE_S:
                break
            await asyncio.sleep(self.rng.uniform(0.05, 0.3))
        self._town.note(_heard(sent.n, outcome, tries, sent_at, reply))
        return outcome, reply if isinstance(reply, httpx.Response) else None

    async def _try(self, send: Send) -> httpx.Response | Exception:
        try:
            reply = await send()
        except httpx.TransportError as lost:
            self._town.statuses[type(lost).__name__] += 1
            return lost
        self._town.statuses[str(reply.status_code)] += 1
        if reply.status_code >= 500 and reply.status_code != 503:
            self._wrong(f"{reply.request.method} {reply.request.url.path} was answered {reply.status_code}")
        return reply

    async def _quietly(self, send: Send) -> httpx.Response | None:
        """Ask what changes nothing; None when it was not answered, or not available now."""
        reply = await self._try(send)
        return reply if isinstance(reply, httpx.Response) and reply.status_code != 503 else None

    def _wrong(self, what: str) -> None:
        self._town.note(Wrong(self.name, what))


def permissions_of(reply: httpx.Response) -> dict[str, bool]:
    """Return what `GET /v1/permissions` says about each purpose itself."""
    rows = reply.json()["permissions"]
    return {row["purpose"]: row["allowed"] for row in rows if not row.get("channel") and not row.get("recipient")}


def _meaning(reply: httpx.Response | Exception) -> str:
    """acked; refused: for good, nothing changed; later: not now, nothing changed; doubt: perhaps it happened."""
    if not isinstance(reply, httpx.Response):
        return "later" if isinstance(reply, httpx.ConnectError | httpx.ConnectTimeout) else "doubt"
    if reply.status_code < 300:
        return "acked"
    if reply.status_code < 500:
        return "refused"
    return "later" if reply.json().get("type") == "/problems/unavailable" else "doubt"


def _heard(number: int, outcome: Outcome, tries: int, sent_at: float, reply: object) -> Heard:
    if not isinstance(reply, httpx.Response):
        return Heard(number, outcome, tries, sent_at, now_s())
    told = reply.json() if outcome == "acked" else {}
    return Heard(
        number, outcome, tries, sent_at, now_s(), reply.status_code,
        told.get("receipt_id", ""), told.get("leaf_index", -1), str(told.get("request_id", "")),
        told.get("stored", 0),
    )  # fmt: skip
