"""What happens between reading and writing: an erasure, a second answer, a second profile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import ConsentDesk, Where, hash_token
from ecrm_privacy.consent.links import Links, SignInToken
from ecrm_privacy.consent.profile import Profile, Profiles
from ecrm_privacy.errors import SubjectErased
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import Category, NoticeVersion, RightKind
from tests.houses import NOTICE, SESSION, Opened

pytestmark = pytest.mark.anyio

CONTACT = Category("contact")
HERE = Where("demo", "en", "eu")
AT_ONCE = 4
"""As many as there are connections: nobody waits for one on a busy machine."""


class Interrupted:
    """Lends the house's connections; before the one of that number something else happens."""

    def __init__(self, opened: Opened, at: int, act: Callable[[], Awaitable[object]]) -> None:
        self._house, self._left, self._act = opened.house, at, act

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Conn]:
        self._left -= 1
        if self._left == 0:
            await self._act()
        async with self._house.pools.house.acquire() as conn:
            yield conn

    def desk(self) -> ConsentDesk:
        house = self._house
        return ConsentDesk(self.acquire, self.acquire, house.writer.append, house.keyring, house.shelf.bundle)


async def erase(opened: Opened, number: str) -> None:
    key = str(uuid4())
    caller = Caller(customer_number=number)
    await opened.house.rights.request(caller, RightKind.ERASURE, idempotency_key=key, body=key.encode())


async def left_behind(opened: Opened) -> int:
    """Rows that name a subject without an entry."""
    async with opened.as_admin() as admin:
        found: int = await admin.fetchval(
            "select count(*) from (select account as subject from ecrm.session"
            " union all select browser from ecrm.session union all select subject from ecrm.subject_key"
            " union all select subject from ecrm.record union all select subject from ecrm.blind_index) x"
            " where subject is not null and subject not in (select subject from ecrm.subject_state)"
        )
    return found


@pytest.mark.parametrize("at", [1, 2, 3, 4])
async def test_an_erasure_during_a_sign_in(at: int, opened: Opened, number: str) -> None:
    """Whenever it comes, the session is somebody's who is there, and no row names the erased one."""
    await opened.browser().sign_in(number)
    desk = Interrupted(opened, at, lambda: erase(opened, number)).desk()
    token = SignInToken(number, str(uuid4()), datetime.now(UTC) + timedelta(minutes=5))
    made = await Links(desk, opened.house.indexes).sign_in(
        token, Caller(), site_signals(opened.house), NoticeVersion(NOTICE), HERE
    )
    await opened.settle()
    standing = await opened.house.desk.standing(Caller(token_hash=hash_token(made.session_token)))
    assert standing.account is not None and standing.account.seen is not None
    assert await left_behind(opened) == 0


@pytest.mark.parametrize("at", [1, 2])
async def test_an_erasure_while_a_profile_comes_in(at: int, opened: Opened, number: str) -> None:
    """It is stored about somebody new, or not at all; nothing is kept under the erased one's name."""
    house, fields = opened.house, {CONTACT: {"name": "Ada"}}
    await house.profiles.put([Profile(number, fields)], site_signals(house), HERE)
    desk = Interrupted(opened, at, lambda: erase(opened, number)).desk()
    (outcome,) = await Profiles(desk, house.indexes).put([Profile(number, fields)], site_signals(house), HERE)
    await opened.settle()
    assert outcome == 0 if at == 1 else isinstance(outcome, SubjectErased)
    assert await left_behind(opened) == 0


async def test_a_session_whose_subject_is_gone_is_nobodys(opened: Opened) -> None:
    """A yes in it makes a new subject with a new cookie; nothing is written about the old one."""
    token, gone = uuid4().hex, uuid4()
    async with opened.as_admin() as admin:
        await admin.execute("insert into ecrm.session (token_hash, browser) values ($1, $2)", hash_token(token), gone)
        browser = opened.browser()
        browser.http.cookies.set(SESSION, token, domain="127.0.0.1", path="/")
        assert (await browser.answer({"remember": "given"})).status_code == 201
        assert browser.cookies[SESSION] != token
        for table in ("consent_status", "subject_state", "subject_key", "body"):
            assert not await admin.fetchval(f"select count(*) from ecrm.{table} where subject = $1", gone)
        await admin.execute("delete from ecrm.session where browser = $1", gone)


async def test_two_profiles_of_a_customer_at_once(opened: Opened, number: str) -> None:
    """Both are kept, and every field opens: they did not make the same key twice."""
    house = opened.house
    await opened.browser().sign_in(number)
    profiles = [Profile(number, {CONTACT: {f"field{n}": f"value {n}"}}) for n in range(AT_ONCE)]
    outcomes = await asyncio.gather(*(house.profiles.put([each], site_signals(house), HERE) for each in profiles))
    assert outcomes == [[0]] * AT_ONCE
    assert await house.rights.profile(Caller(customer_number=number)) == {
        CONTACT: {f"field{n}": f"value {n}" for n in range(AT_ONCE)}
    }


async def test_two_first_sign_ins_of_a_customer_at_once(opened: Opened, number: str) -> None:
    """They find one subject."""
    browsers = [opened.browser() for _ in range(6)]
    replies = await asyncio.gather(*(browser.sign_in(number) for browser in browsers))
    assert {reply.status_code for reply in replies} == {201}
    found = [
        (await opened.house.desk.standing(Caller(token_hash=hash_token(browser.cookies[SESSION])))).account
        for browser in browsers
    ]
    assert len({view.subject for view in found if view}) == 1


async def test_answers_of_many_devices_at_once_are_all_taken(opened: Opened, number: str) -> None:
    """Each is prepared again when another came first; the last one acknowledged counts."""
    devices = [opened.browser() for _ in range(4)]
    for device in devices:
        await device.sign_in(number)
    purposes = ("remember", "personalize", "offers", "advertise")
    replies = await asyncio.gather(
        *(device.answer({purpose: "given"}) for device, purpose in zip(devices, purposes, strict=True))
    )
    assert {reply.status_code for reply in replies} == {201}
    assert set(purposes) <= await devices[0].allowed()
