"""Between a hall and a house: what passes, what never does, and what the hall says while the house is away."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar, get, post
from litestar.response import Stream

from ecrm_privacy.consent.callers import ServerCaller
from ecrm_privacy.consent.visitor import Visitor
from ecrm_privacy.errors import LogFrozen, OutcomeUnknown, StartRefused, Unavailable
from ecrm_privacy.gate.types import NOBODY, Caller, Grant, Permission, Signals
from ecrm_privacy.hall import Doors
from ecrm_privacy.hatch import asking
from ecrm_privacy.hatch.answering import Counter
from ecrm_privacy.hatch.asking import Hatch, documents, doors
from ecrm_privacy.hatch.words import HouseFailed
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.shelf import Shelf
from ecrm_privacy.routes import paths_of
from ecrm_privacy.vocabulary import Category, Pseudonym, Purpose, Recipient, Regime
from ecrm_privacy.web.hallway import AnyRequest
from ecrm_privacy.web.refusals import ScopeMissing, TooMany
from tests.unit.policy.policies import SHIPPED

pytestmark = pytest.mark.anyio

HERE = Signals(Regime("gdpr"), gpc=True, closed=frozenset({Purpose("share")}))
SOMEBODY = Caller(token_hash=bytes(range(32)))
GRANT = Grant(
    Permission(Purpose("personalize"), True, "given", "consent"),
    {Category("contact"): {"name": "Ada"}},
    {Category("browsing"): (Pseudonym(uuid4()),)},
)
SHOP = ServerCaller(b"k", Recipient("shop"), frozenset({"slots:read"}), 60)


class House:
    """Doors that do as a test says: what they were asked, and what each answers or raises."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.failing: dict[str, Exception] = {}
        self.held = asyncio.Event()
        self.held.set()
        self.shelf = Shelf(self._fetch)
        self.doors = Doors(self._admit, self._visitors, self._bearer, self._frozen)

    async def _fetch(self, _bundle: bytes) -> bytes:
        return SHIPPED.documents

    async def _answer(self, door: str, *asked: Any) -> None:
        self.asked.append((door, *asked))
        await self.held.wait()
        if door in self.failing:
            raise self.failing[door]

    async def _admit(self, caller: Caller, needs: Sequence[str], signals: Signals) -> Mapping[str, Grant]:
        await self._answer("admit", caller, needs, signals)
        return dict.fromkeys(needs, GRANT)

    async def _visitors(self, caller: Caller, signals: Signals) -> tuple[Visitor, Bundle]:
        await self._answer("visitors", caller, signals)
        return Visitor(SHIPPED.hash, known=True, signed_in=True), SHIPPED

    async def _bearer(self, authorization: str, scope: str) -> ServerCaller:
        await self._answer("bearer", authorization, scope)
        return SHOP

    async def _frozen(self) -> str | None:
        await self._answer("frozen")
        return None


@get("/torn")
async def torn() -> Stream:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("ada@example.org")

    return Stream(half())


@get("/large")
async def large() -> Stream:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(40):
            yield bytes([number]) * 65536

    return Stream(pieces())


@post("/echo", status_code=201)
async def echo(request: AnyRequest) -> dict[str, Any]:
    return {"body": (await request.body()).decode(), "address": request.client.host, "q": request.query_params["q"]}


@post("/slow")
async def slow() -> None:
    await asyncio.sleep(0.3)


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[tuple[Hatch, Path, Counter]]:
    """A house that answers, and a hall's hatch to it."""
    await house.shelf.bundle(SHIPPED.hash)
    app = Litestar([torn, large, echo, slow], openapi_config=None, logging_config=None)
    counter = Counter(house.doors, house.shelf, app, paths_of(app), "password of the guest")
    with TemporaryDirectory(prefix="ecrm-") as folder:
        path = Path(folder) / "hatch"
        async with counter.open(path), Hatch(path).open() as hatch:
            yield hatch, path, counter


async def call(hatch: Hatch, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """Have the house answer a call; returns status and body."""
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"q=1",
        "headers": [(b"host", b"own"), (b"content-length", str(len(body)).encode())], "scheme": "http",
        "client": ("192.0.2.7", 4711), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    await hatch.serve(scope, body, send)
    return said[0]["status"], b"".join(each["body"] for each in said[1:])


async def test_what_passes_is_what_the_gate_said() -> None:
    """Grants with values and pseudonyms, a visitor, who holds a key, and the policy come out as they went in."""
    house = House()
    async with opened(house) as (hatch, _, _):
        shelf = Shelf(lambda bundle: documents(hatch, bundle))
        there = doors(hatch, shelf)
        assert await there.admit(SOMEBODY, ["slot:for-you", "slot:greeting"], HERE) == {
            "slot:for-you": GRANT, "slot:greeting": GRANT
        }  # fmt: skip
        assert house.asked == [("admit", SOMEBODY, ("slot:for-you", "slot:greeting"), HERE)]
        assert shelf.latest == SHIPPED
        visitor, bundle = await there.visitors(Caller(customer_number="C-1"), HERE)
        assert (visitor.known, visitor.signed_in, bundle) == (True, True, SHIPPED)
        assert await there.bearer("Bearer key", "slots:read") == SHOP
        assert await there.frozen() is None
        assert await there.admit(SOMEBODY, [], HERE) == {}


async def test_no_question_joins_another() -> None:
    """A hundred equal questions are a hundred asks at the gate, and one asked later waits for none that was sent."""
    house = House()
    async with opened(house) as (hatch, _, _):
        there = doors(hatch, house.shelf)
        house.held.clear()
        async with asyncio.timeout(5):
            early = [asyncio.create_task(there.admit(SOMEBODY, ["slot:for-you"], HERE)) for _ in range(100)]
            while len(house.asked) < 100:
                await asyncio.sleep(0.001)
            late = asyncio.create_task(there.admit(SOMEBODY, ["slot:for-you"], HERE))
            while len(house.asked) < 101:
                await asyncio.sleep(0.001)
            house.held.set()
            assert len(await asyncio.gather(*early, late)) == 101 == len(house.asked)


@pytest.mark.parametrize(
    ("raised", "kind", "says"),
    [
        (ScopeMissing(), ScopeMissing, ""), (LogFrozen("behind"), LogFrozen, "behind"),
        (Unavailable("x"), Unavailable, ""),
        (TooMany(7.5), TooMany, ""), (ValueError("ada@example.org"), HouseFailed, ""),
    ],
)  # fmt: skip
async def test_what_went_wrong_is_the_same_on_both_sides(raised: Exception, kind: type[Exception], says: str) -> None:
    """What a caller may know keeps its name; a fault of the house stays with it, and says nothing of anybody."""
    house = House()
    house.failing["bearer"] = raised
    async with opened(house) as (hatch, _, _):
        with pytest.raises(kind) as told:
            await doors(hatch, house.shelf).bearer("Bearer key", "slots:read")
    assert str(told.value) == says
    assert getattr(told.value, "retry_after_s", None) == getattr(raised, "retry_after_s", None)


async def test_a_call_passes_whole() -> None:
    """Body, query and address of a request arrive, and an answer of any length comes back in its parts."""
    async with opened(House()) as (hatch, _, _):
        status, body = await call(hatch, "POST", "/echo", b"said")
        assert (status, body) == (201, b'{"body":"said","address":"192.0.2.7","q":"1"}')
        status, body = await call(hatch, "GET", "/large")
        assert status == 200 and body == b"".join(bytes([number]) * 65536 for number in range(40))
        assert (await call(hatch, "GET", "/nothing"))[0] == 404


async def test_a_house_that_ends_leaves_nobody_waiting() -> None:
    """What was under way: a read may be tried again, a write may have happened, and a page is everybody's."""
    house = House()
    async with opened(house) as (hatch, _, _):
        house.held.clear()
        there = doors(hatch, house.shelf)
        looking = asyncio.create_task(there.admit(SOMEBODY, ["slot:for-you"], HERE))
        writing = asyncio.create_task(call(hatch, "POST", "/slow"))
        asking_who = asyncio.create_task(there.visitors(SOMEBODY, HERE))
        while len(house.asked) < 2:
            await asyncio.sleep(0.001)
        assert hatch._line is not None
        hatch._line.close()
        assert await looking == {"slot:for-you": Grant(NOBODY)}
        with pytest.raises(OutcomeUnknown):
            await writing
        with pytest.raises(Unavailable):
            await asking_who
        house.held.set()
        while hatch._line is None:
            await asyncio.sleep(0.01)
        assert await there.admit(SOMEBODY, ["slot:for-you"], HERE) == {"slot:for-you": GRANT}


async def test_a_house_that_says_nothing_counts_as_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it then: neither a page nor a write, which cannot have happened."""
    monkeypatch.setattr(asking, "SILENT_S", 0.05)
    monkeypatch.setattr(asking, "BEAT_S", 0.01)
    house = House()
    async with opened(house) as (hatch, _, _):
        assert hatch._line is not None
        hatch._line._transport.pause_reading()
        while not hatch._is_silent:
            await asyncio.sleep(0.01)
        began = asyncio.get_running_loop().time()
        assert await doors(hatch, house.shelf).admit(SOMEBODY, ["slot:for-you"], HERE) == {
            "slot:for-you": Grant(NOBODY)
        }
        with pytest.raises(Unavailable) as told:
            await call(hatch, "POST", "/echo", b"said")
        assert not isinstance(told.value, OutcomeUnknown)
        assert asyncio.get_running_loop().time() - began < 0.05
        hatch._line._transport.resume_reading()
        while hatch._is_silent:
            await asyncio.sleep(0.01)
        assert (await call(hatch, "POST", "/echo", b"said"))[0] == 201


async def test_a_torn_answer_is_not_taken_for_a_whole_one() -> None:
    """One that broke in the house after it had begun breaks here, too."""
    async with opened(House()) as (hatch, _, _):
        with pytest.raises((Unavailable, HouseFailed)):
            await call(hatch, "GET", "/torn")
        assert (await call(hatch, "POST", "/echo", b"on"))[0] == 201


async def test_a_hall_without_a_house_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says so after a while; its parent tries again."""
    monkeypatch.setattr(asking, "START_S", 0.1)
    with pytest.raises(StartRefused, match="does not answer"):
        async with Hatch(tmp_path / "nowhere").open():
            pass


async def test_who_does_not_speak_as_we_do_is_cut_off() -> None:
    """Another version of the words, or none."""
    async with opened(House()) as (hatch, path, _):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write((3).to_bytes(4, "big") + bytes(9) + b"\xc1\xc1\xc1")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert (path.stat().st_mode & 0o777) == 0o600
        assert (await call(hatch, "POST", "/echo", b"on"))[0] == 201
