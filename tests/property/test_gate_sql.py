"""The gate's SQL is the rule: whatever the tables hold, `ecrm.admit` says what `permission` and `decide` say."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import product
from random import Random
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecrm_privacy.consent.answer import answer_due
from ecrm_privacy.consent.standing import Standing, StatusRow, SubjectView, permission
from ecrm_privacy.database.pools import connect
from ecrm_privacy.gate.store import AdmitRow, Ask, look
from ecrm_privacy.gate.types import Permission, Signals
from ecrm_privacy.ledger.store import open_log
from ecrm_privacy.policy import store as policy_store
from ecrm_privacy.policy.compile import NeedRow, compile, permission_need
from ecrm_privacy.policy.decide import decide
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.sql import run_all
from ecrm_privacy.vocabulary import ACCOUNTABILITY, YES, Channel, ConsentStatus, Purpose, Recipient, Regime, SubjectId
from tests import scenes
from tests.conftest import ADMIN_PASSWORD, Database
from tests.lengths import examples
from tests.scenes import SHARD_AT, Scene
from tests.unit.policy.policies import SHIPPED, bundle, tree


def _stricter() -> Bundle:
    """A second notice that asks again, a law fewer, and channels that a purpose's yes covers."""
    changed = tree()
    changed["notices"]["shop@2"] = {**changed["notices"]["shop@1"], "asks_again": ["personalize", "measure", "share"]}
    del changed["jurisdictions"]["uk"]
    for purpose in changed["purposes"].values():
        purpose["opt_out_signal"] = [law for law in purpose.get("opt_out_signal", []) if law != "uk-gdpr"]
    changed["purposes"]["offers"]["own_yes"] = ["email", "sms"]
    changed["slots"]["letter"] = {"purpose": "offers", "channel": "email", "categories": ["contact", "purchases"]}
    return bundle(changed)


def _looser() -> Bundle:
    """Silence permits more, a signal closes more, and a category is kept under what one may object to."""
    changed = tree()
    changed["purposes"]["remember"] |= {"opt_out": ["ccpa", "uk-gdpr"], "opt_out_signal": ["gdpr"]}
    changed["purposes"]["measure"] |= {"opt_out_signal": ["ccpa"]}
    changed["categories"]["browsing"]["kept_under"] = "measure"
    changed["slots"]["partners"] = {"purpose": "share", "recipient": "tea-guild", "categories": ["purchases"]}
    return bundle(changed)


POLICIES = (SHIPPED, _stricter(), _looser())
NEEDS = {policy.hash: compile(policy).needs for policy in POLICIES}


class Tables:
    """A database that knows all policies, and the gate's role in it."""

    def __init__(self, database: Database, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.admin, self.gate = runner.run(self._connect(database))
        self.today: date = runner.run(self.admin.fetchval("select current_date"))

    async def _connect(self, database: Database) -> tuple[asyncpg.Connection, asyncpg.Connection]:
        admin = await asyncpg.connect(**database.address.connect_args("ecrm_admin", ADMIN_PASSWORD))
        await open_log(admin, "test/log")
        for policy in POLICIES:
            await run_all(admin, policy_store.write_rows(policy, compile(policy)))
        return admin, await connect(database.address, "ecrm_gate", database.passwords["ecrm_gate"])

    def look(self, policy: Bundle, played: Sequence[Scene], yes_from: int = 0) -> list[list[AdmitRow]]:
        """Play scenes, 64 to a statement, each asking for every need there is."""
        return self.runner.run(self._look(policy, played, yes_from))

    def freeze(self, why: str | None) -> None:
        """Freeze the log, or go on."""
        self.runner.run(self.admin.execute("update ecrm.ledger_head set frozen = $1", why))

    async def _look(self, policy: Bundle, played: Sequence[Scene], yes_from: int) -> list[list[AdmitRow]]:
        await self.admin.execute("update ecrm.ledger_head set yes_from = $1", yes_from)
        await scenes.put(self.admin, played)
        await policy_store.point(policy.hash).run(self.admin)
        needs = tuple(dict.fromkeys(row.need for row in NEEDS[policy.hash]))
        asks = [Ask(scene.caller, needs, scene.signals) for scene in played]
        dealt = [rows for at in range(0, len(asks), 64) for rows in await look(self.gate, asks[at : at + 64])]
        await scenes.clear(self.admin)
        return dealt

    def check(self, policy: Bundle, played: Sequence[Scene], yes_from: int = 0) -> None:
        """Compare what the gate said about each scene with the rule."""
        for scene, rows in zip(played, self.look(policy, played, yes_from), strict=True):
            _same_permissions(policy, scene.standing(policy, self.today, yes_from), scene.signals, rows)
            assert {(row.need, row.subject, row.category) for row in rows if row.subject} == _keys(
                policy, scene, self.today, yes_from
            )


@pytest.fixture
def tables(database: Database) -> Iterator[Tables]:
    with asyncio.Runner() as runner:
        opened = Tables(database, runner)
        yield opened
        runner.run(opened.admin.close())
        runner.run(opened.gate.close())


def _same_permissions(policy: Bundle, standing: Standing, signals: Signals, rows: Sequence[AdmitRow]) -> None:
    for rule in policy.rules:
        mine = permission(standing, rule, signals)
        found = [row for row in rows if row.need == permission_need(rule)]
        its = next((row for row in found if row.allowed), found[0])  # as the gate reads them
        said = Permission(its.purpose, its.allowed, its.status, its.because, its.until)  # type: ignore[arg-type]
        assert said == Permission(mine.purpose, mine.allowed, mine.status, mine.because, mine.until), rule


def _keys(policy: Bundle, scene: Scene, today: date, yes_from: int) -> set[tuple[object, ...]]:
    """The keys that may be handed out, by `decide` and the answers alone; the one for counting goes with any other."""
    opened: set[tuple[object, ...]] = set()
    for view in (scene.account, scene.browser):
        for need, category in {(row.need, row.category) for row in NEEDS[policy.hash] if row.category}:
            if view is not None and all(
                _permits(policy, scene, view, row, today, yes_from)
                for row in NEEDS[policy.hash]
                if row.need == need and row.category in {"", category}
            ):
                held = {key.category for key in view.keys} & {category, ACCOUNTABILITY}
                opened |= {(need, view.subject, one) for one in held}
    return opened


def _permits(policy: Bundle, scene: Scene, view: SubjectView, need: NeedRow, today: date, yes_from: int) -> bool:
    """A subject's own answer allows, under its law and that of the request; so does what its account said."""
    rule = Rule(Purpose(need.purpose), Channel(need.channel), Recipient(need.recipient))
    closed = scene.signals.closed_all or rule.purpose in scene.signals.closed
    if closed and not policy.purposes[rule.purpose].required:
        return False
    here, beside = scene.signals.regime, scene.account if view is scene.browser else None
    said = [(view.statuses.get(rule), law) for law in (view.regime or here, here)]
    if beside is not None and rule in beside.statuses:
        said.append((beside.statuses[rule], beside.regime or here))
    person = [view] if beside is None else [view, beside]
    old = [row is not None and row.status in YES and (row.leaf_index or 0) < yes_from for row, _ in said]
    return all(
        _decided(policy, scene.signals, person, rule, row, law, today, is_old)
        for (row, law), is_old in zip(said, old, strict=True)
    )


def _decided(
    policy: Bundle,
    signals: Signals,
    person: Sequence[SubjectView],
    rule: Rule,
    row: StatusRow | None,
    law: Regime,
    today: date,
    is_old: bool,
) -> bool:
    if law not in policy.regimes:
        return False
    return decide(
        policy,
        *rule,
        regime=law,
        status=row.on(today) if row else ConsentStatus.UNKNOWN,
        notice_current=row is not None and not is_old and policy.still_good(rule.purpose, row.notice),
        restricted=any(side.restricted for side in person),
        under_age=not (row is not None and row.by_parent)
        and any(side.adult_from is not None and today < side.adult_from for side in person),
        gpc=signals.gpc or any(side.gpc for side in person),
    ).allowed


def test_few_answers_and_every_doubt(tables: Tables) -> None:
    """Drawn scenes, small enough to be understood when they fail: the same permissions and the same keys."""

    @settings(max_examples=examples(60), deadline=None)
    @given(st.data(), st.integers(0, len(POLICIES) - 1), st.sampled_from([0, 0, SHARD_AT]))
    def compare(data: st.DataObject, number: int, yes_from: int) -> None:
        policy = POLICIES[number]
        tables.check(policy, data.draw(scenes.scenes(policy, tables.today)), yes_from)

    compare()


@pytest.mark.parametrize("policy", POLICIES, ids=["shipped", "stricter", "looser"])
def test_crowds(tables: Tables, policy: Bundle) -> None:
    """Many full scenes to a statement: none is dealt its neighbour's answers, and all are as the rule says."""
    for seed in range(examples(3)):
        tables.check(policy, scenes.crowd(policy, tables.today, Random(seed), 128), SHARD_AT * (seed % 2))


def test_a_shard_asks_for_every_yes_again(tables: Tables) -> None:
    """After a restored backup a yes of the time before opens nothing until it is given again; a no stands."""
    policy = SHIPPED
    played = [
        Scene(Signals(Regime("gdpr")), SubjectView(SubjectId(UUID(int=at + 1)), _said(policy, status, entry), seen=1))
        for at, (status, entry) in enumerate(product((ConsentStatus.GIVEN, ConsentStatus.REFUSED), (1, 2)))
    ]
    said = []
    for rows in tables.look(policy, played, SHARD_AT):
        (row,) = [row for row in rows if row.need == "permission:personalize"]
        said.append((row.allowed, row.because))
    assert said == [(False, "stale_notice"), (True, "consent"), (False, "refused"), (False, "refused")]
    due = [answer_due(scene.standing(policy, tables.today, SHARD_AT), scene.signals) for scene in played]
    assert due == [True, False, False, False]


def _said(policy: Bundle, status: ConsentStatus, entry: int) -> dict[Rule, StatusRow]:
    notice = list(policy.notices)[-1]
    return {rule: StatusRow(status, notice, date.today(), None, entry) for rule in policy.rules}  # noqa: DTZ011


def test_a_frozen_log_opens_nothing(tables: Tables) -> None:
    """Nobody is known, nothing is allowed, not even what is required: withdrawals may have been lost."""
    played = scenes.crowd(SHIPPED, tables.today, Random(1), 32)
    tables.freeze("the log is behind")
    assert [rows for rows in tables.look(SHIPPED, played) if rows] == []
    tables.freeze(None)
    tables.check(SHIPPED, played)
