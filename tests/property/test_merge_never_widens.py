"""Promise 10, a merge never widens: a sign-in opens nothing that neither side had and nothing that a side closed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import msgspec
from hypothesis import HealthCheck, given, settings

from ecrm_privacy.consent.answer import CLOSED_BY_ANSWER
from ecrm_privacy.consent.desk import Where, hash_token
from ecrm_privacy.consent.links import SignInToken
from ecrm_privacy.consent.standing import KeyRow, SubjectView, purpose_rule
from ecrm_privacy.gate.types import Caller, Grant, Signals
from ecrm_privacy.policy import choice
from ecrm_privacy.policy.compile import permission_need
from ecrm_privacy.policy.decide import NO
from ecrm_privacy.policy.documents import Rule
from ecrm_privacy.vault import keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.blind_index import IndexKind
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vocabulary import Category, NoticeVersion, Pseudonym, SubjectId
from tests import scenes
from tests.conftest import Database
from tests.houses import NOTICE, Opened, running
from tests.lengths import examples
from tests.scenes import Scene
from tests.unit.policy.policies import SHIPPED

RULES = {permission_need(rule): rule for rule in SHIPPED.rules}
REMEMBER = {RULES["permission:remember"]}
HISTORY = "event:view"
OWN = {name: {"", *purpose.own_yes} for name, purpose in SHIPPED.purposes.items()}
TODAY = datetime.now(UTC).date()
WHERE = Where("demo", "en", "eu")


class Side(msgspec.Struct, frozen=True):
    """What is open to one caller: rules, and the names of its history."""

    rules: frozenset[Rule] = frozenset()
    names: frozenset[Pseudonym] = frozenset()

    def __le__(self, other: "Side") -> bool:
        return self.rules <= other.rules and self.names <= other.names

    def __or__(self, other: "Side") -> "Side":
        return Side(self.rules | other.rules, self.names | other.names)


def _side(grants: Mapping[str, Grant]) -> Side:
    rules = (rule for need, rule in RULES.items() if grants[need].permission.allowed)
    return Side(frozenset(rules), frozenset(grants[HISTORY].all_pseudonyms()))


class Meeting:
    """One browser and one account that meet."""

    def __init__(self, opened: Opened, scene: Scene) -> None:
        self.opened, self.house = opened, opened.house
        self.number, self.cookie = f"C-{uuid4()}", uuid4().hex
        self.signals = scene.signals
        self.account, self.browser = self._real(scene.account), self._real(scene.browser)
        self.as_browser = Caller(token_hash=hash_token(self.cookie))
        self.as_account = Caller(customer_number=self.number)
        self.index = self.house.indexes.of(IndexKind.CUSTOMER_NUMBER, self.number)

    def _real(self, view: SubjectView | None) -> SubjectView | None:
        """Give a drawn subject a name of its own, and keys that open."""
        if view is None:
            return None
        subject = SubjectId(uuid4())
        made = (keys.new(self.house.keyring, subject, Category(name.category)) for name in view.keys)
        rows = tuple(KeyRow(key.category, key.version, wrapped) for key, wrapped in made)
        return msgspec.structs.replace(view, subject=subject, keys=rows, seen=1)

    def names_of_browser(self) -> set[Pseudonym]:
        """The names of the browser's own history."""
        view = self.browser
        rows = view.keys if view else ()
        opened = (keys.unwrap(self.house.keyring, view.subject, r.category, r.version, r.wrapped) for r in rows if view)
        return {pseudonym(key) for key in opened}

    async def names_of_account(self) -> set[Pseudonym]:
        """The names of all history whose keys the account holds now, open or not."""
        async with self.house.pools.house.acquire() as conn:
            account = (await self.house.desk.standing(self.as_account, conn)).account
            rows = await vault.keys_of([account.subject]).all(conn) if account else []
        opened = (
            keys.unwrap(self.house.keyring, SubjectId(row.subject), Category(row.category), row.version, row.wrapped)
            for row in rows
        )
        return {pseudonym(key) for key in opened}

    async def put(self) -> None:
        async with self.opened.as_admin() as admin:
            await scenes.write(admin, scenes.rows_of([view for view in (self.account, self.browser) if view]))
            index = [("customer_number", self.index, self.account.subject)] if self.account else []
            session = [(self.as_browser.token_hash, self.browser.subject, None)] if self.browser else []
            await scenes.write(admin, {"blind_index": index, "session": session})

    async def look(self, caller: Caller, signals: Signals) -> Side:
        return _side(await self.house.gate.admit(caller, [*RULES, HISTORY], signals))

    async def sign_in(self) -> tuple[Caller, Signals]:
        """Sign in; returns the caller of this browser from now on, and the signals that it will send."""
        until = datetime.now(UTC) + timedelta(minutes=5)
        made = await self.house.links.sign_in(
            SignInToken(self.number, str(uuid4()), until), self.as_browser, self.signals, NoticeVersion(NOTICE), WHERE
        )
        kept = choice.parse(SHIPPED, made.choice)
        assert kept is not None
        now = msgspec.structs.replace(self.signals, closed=kept.no_here, closed_all=False, answered=kept.notice)
        return Caller(token_hash=hash_token(made.session_token)), now

    def closed_here(self) -> set[str]:
        """What this browser said no to."""
        rows = self.browser.statuses if self.browser else {}
        own = {
            rule.purpose
            for rule, row in rows.items()
            if rule == purpose_rule(rule.purpose) and row.status in CLOSED_BY_ANSWER
        }
        return {*self.signals.closed, *own} - {"order"}

    def closed_by_account(self) -> set[Rule]:
        """What the account said no to; what the service consists of or a purpose covers takes no answer of its own."""
        return {
            rule
            for rule, row in (self.account.statuses if self.account else {}).items()
            if row.status in NO and rule.purpose != "order" and (rule.channel or rule.recipient) in OWN[rule.purpose]
        }


async def _meet(meeting: Meeting) -> None:
    await meeting.put()
    elsewhere = msgspec.structs.replace(meeting.signals, closed=frozenset(), closed_all=False)
    account, browser = (
        await meeting.look(meeting.as_account, elsewhere),
        await meeting.look(meeting.as_browser, meeting.signals),
    )
    account_here = await meeting.look(meeting.as_account, meeting.signals)
    caller, signals = await meeting.sign_in()
    after_here, after_elsewhere = await meeting.look(caller, signals), await meeting.look(meeting.as_account, elsewhere)

    assert after_here.rules <= (account_here | browser).rules, "nothing that neither side had"
    assert after_elsewhere.rules <= account.rules, "nothing more on other devices"
    assert not {rule.purpose for rule in after_here.rules} & meeting.closed_here(), "nothing that this browser closed"
    assert not after_here.rules & meeting.closed_by_account(), "nothing that the account closed"
    joined = meeting.names_of_browser() & await meeting.names_of_account()
    assert joined <= browser.names, "only history that the browser had open"
    assert not joined or account.rules & REMEMBER, "and only beside the account's own yes"


def test_a_sign_in_widens_nothing(database: Database, tmp_path: Path) -> None:
    """Drawn people meet: each with up to eight answers, of any kind, under any law, with any mark in the cookie."""
    with running(database, tmp_path) as (runner, opened):

        @settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(scenes.scenes(SHIPPED, TODAY, most=1))
        def meet(drawn: list[Scene]) -> None:
            scene = drawn[0]
            if scene.signals.regime in SHIPPED.regimes:
                runner.run(_meet(Meeting(opened, scene)))

        meet()


def test_crowds_widen_nothing(database: Database, tmp_path: Path) -> None:
    """Full people meet: nearly every purpose answered, on both sides, many of them yes."""
    with running(database, tmp_path) as (runner, opened):
        for scene in scenes.crowd(SHIPPED, TODAY, Random(7), examples(60)):
            if scene.signals.regime in SHIPPED.regimes:
                runner.run(_meet(Meeting(opened, scene)))
