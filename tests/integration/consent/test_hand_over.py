"""Promise 10 under races: what a browser's old cookie still says or forgets touches nothing that was handed over."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.answer import Said, SaidAnswer
from ecrm_privacy.consent.desk import ConsentDesk, Where, hash_token
from ecrm_privacy.consent.reconcile import Reconciler
from ecrm_privacy.errors import Failure
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.record import Entry
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import Answer, ExpressionMethod, NoticeVersion, Purpose, RightKind
from tests.houses import NOTICE, SESSION, Browser, Opened

pytestmark = pytest.mark.anyio

HERE = Where("demo", "en", "eu")
Append = Callable[[Sequence[Entry]], Awaitable[list[int | Failure]]]


class Meeting:
    """A browser and an account that both remember; the browser is about to sign in. `name` is its own history's."""

    def __init__(self, opened: Opened, number: str, browser: Browser) -> None:
        self.opened, self.house, self.number, self.browser = opened, opened.house, number, browser
        self.caller = Caller(token_hash=hash_token(browser.cookies[SESSION]))
        self._signed_in = False

    @classmethod
    async def of(cls, opened: Opened, number: str) -> "Meeting":
        device = opened.browser()
        await device.sign_in(number)
        await device.answer({"remember": "given"})
        browser = opened.browser()
        await browser.answer({"remember": "given"})
        return cls(opened, number, browser)

    async def sign_in(self) -> None:
        if not self._signed_in:
            self._signed_in = True
            assert (await self.browser.sign_in(self.number)).status_code == 201

    async def append(self, entries: Sequence[Entry]) -> list[int | Failure]:
        """The writer, before which the sign-in always comes first."""
        await self.sign_in()
        return await self.house.writer.append(entries)

    def desk(self, at: int = 0) -> ConsentDesk:
        """A desk whose answers come after the sign-in; with `at`, so does the loan of a connection of that number."""
        left = at

        @asynccontextmanager
        async def acquire() -> AsyncIterator[Conn]:
            nonlocal left
            left -= 1
            if left == 0:
                await self.sign_in()
            async with self.house.pools.house.acquire() as conn:
                yield conn

        return ConsentDesk(acquire, acquire, self.append, self.house.keyring, self.house.shelf.bundle)

    async def names(self, caller: Caller) -> set[UUID]:
        grants = await self.house.gate.admit(caller, ["event:view"], site_signals(self.house))
        return set(grants["event:view"].all_pseudonyms())

    async def of_account(self) -> set[UUID]:
        return await self.names(Caller(customer_number=self.number))

    async def uses(self, names: set[UUID]) -> set[tuple[UUID, str]]:
        async with self.opened.as_admin() as admin:
            rows = await admin.fetch("select * from ecrm.pseudonym_use where pseudonym = any($1)", names)
        return {(row["pseudonym"], row["purpose"]) for row in rows}


@pytest.mark.parametrize(
    "said", [{"remember": Answer.WITHDRAWN}, {"model.contribute": Answer.GIVEN}], ids=["it closes", "it opens"]
)
async def test_an_answer_of_the_old_cookie(said: dict[str, Answer], opened: Opened, number: str) -> None:
    """Prepared before the sign-in, written after it: the account's history serves what the account allows."""
    meeting = await Meeting.of(opened, number)
    (name,) = await meeting.names(meeting.caller)
    answers = tuple(SaidAnswer(Purpose(purpose), answer) for purpose, answer in said.items())
    key = str(uuid4())
    await meeting.desk().take(
        meeting.caller, Said(NoticeVersion(NOTICE), answers, ExpressionMethod.SAVE), site_signals(opened.house), HERE,
        idempotency_key=key, body=key.encode(),
    )  # fmt: skip
    await opened.settle()
    joined = await meeting.of_account()
    assert name in joined
    assert await meeting.uses(joined) == {(one, "remember") for one in joined}


@pytest.mark.parametrize("how", ["forget", "erasure"])
async def test_forgetting_by_the_old_cookie(how: str, opened: Opened, number: str) -> None:
    """What was handed over is the account's: it is neither closed nor deleted."""
    meeting = await Meeting.of(opened, number)
    (name,) = await meeting.names(meeting.caller)
    house, key = opened.house, str(uuid4())
    held = house.rights.holders, house.rights.journal
    rights = RightsDesk(house.pools.house.acquire, meeting.append, house.keyring, *held, "controller", "demo")
    if how == "forget":
        await rights.forget_browser(meeting.caller)
    else:
        with pytest.raises(Failure):  # the cookie is nobody's by then
            await rights.request(meeting.caller, RightKind.ERASURE, idempotency_key=key, body=b"")
    await opened.settle()
    assert name in await meeting.of_account()
    async with opened.as_admin() as admin:
        assert await admin.fetchval("select count(*) from ecrm.pseudonym where pseudonym = $1", name) == 1
    assert (name, "remember") in await meeting.uses({name})


async def test_a_look_at_the_browser_while_it_signs_in(opened: Opened, number: str) -> None:
    """The job that compares uses with answers finds the browser changed, and leaves the account's history alone."""
    meeting = await Meeting.of(opened, number)
    await meeting.browser.answer({"model.contribute": "given"})
    (name,) = await meeting.names(meeting.caller)
    browser = (await opened.house.desk.standing(meeting.caller)).browser
    assert browser is not None and await meeting.uses({name}) == {(name, "remember"), (name, "model.contribute")}
    await Reconciler(meeting.desk(2))._one(browser.subject)
    assert await meeting.uses({name}) == {(name, "remember")}


async def test_only_a_count_is_left_of_it(opened: Opened, number: str) -> None:
    """A hand-over moves no folded row of the browser's, and a dump does not say by an index to whom it handed over."""
    meeting = await Meeting.of(opened, number)
    browser = (await opened.house.desk.standing(meeting.caller)).browser
    assert browser is not None
    await meeting.sign_in()
    async with opened.as_admin() as admin:
        leaf_index = await admin.fetchval("select max(leaf_index) from ecrm.body")
        assert await admin.fetchval("select overtaken from ecrm.subject_state where subject = $1", browser.subject) == 1
        rows = await admin.fetch("select subject from ecrm.subject_state where leaf_index = $1", leaf_index)
    assert [row["subject"] for row in rows] != [browser.subject]
