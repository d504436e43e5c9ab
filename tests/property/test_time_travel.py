"""What was permitted at T, as known at T2: for any history the log's answer is that of a list of events, filtered."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, given, settings

from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.history import Acts, past, policy_then, yes_from
from ecrm_privacy.errors import Malformed
from ecrm_privacy.ledger import history
from ecrm_privacy.ledger.record import Change, ConsentEvent, EventKind, StateChange
from ecrm_privacy.policy.acts import Activation
from ecrm_privacy.policy.decide import decide
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vocabulary import (
    YES,
    Channel,
    ConsentStatus,
    ExpressionMethod,
    NoticeVersion,
    Purpose,
    Recipient,
    Regime,
)
from tests.conftest import Database
from tests.houses import SESSION, Opened, running
from tests.lengths import examples
from tests.property.test_replay import HISTORIES
from tests.property.test_replay import _do as act_of
from tests.unit.policy.policies import SHIPPED, bundle, tree


def _later() -> Bundle:
    changed = tree()
    changed["notices"]["shop@2"] = {**changed["notices"]["shop@1"], "asks_again": ["share"]}
    changed["purposes"]["measure"] |= {"opt_out_signal": ["gdpr", "ccpa"]}
    changed["purposes"]["remember"] |= {"opt_out": ["ccpa"]}
    return bundle(changed)


T = TypeVar("T")
POLICIES = {each.hash: each for each in (SHIPPED, _later())}
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 60
NOW = BEGIN + timedelta(days=DAYS + 1)
WHERE = Where("demo", "en", "eu")

ANSWERS = [status for status in ConsentStatus if status is not ConsentStatus.UNKNOWN]
PURPOSES = {"remember", "measure", "share"}
RULES = [rule for rule in SHIPPED.rules if rule.purpose in PURPOSES and rule.recipient != "paper-mill"]


class Happened(NamedTuple):
    """One thing that happened: what kind, what its own clock said (None: nothing), and what it was."""

    kind: str
    time: datetime | None
    what: Any


class Chance:
    """Draws logs in which most is plain: people say yes, clocks run forward, and a share of doubts is in everything."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def log(self) -> Sequence[Happened]:
        first = Happened("policy", self.either(self.time(), None, 0.2), self.random.choice([*POLICIES]))
        drawn = [self.happened() for _ in range(self.random.randint(1, 8))]
        if self.random.random() < 0.7:
            drawn.sort(key=lambda each: each.what[0] if each.kind == "shard" else each.time or BEGIN)
        return [first, *drawn]

    def happened(self) -> Happened:
        kind = self.random.choices(["said", "policy", "shard"], [6, 1, 1])[0]
        if kind == "policy":
            return Happened(kind, self.either(self.time(), None, 0.3), self.random.choice([*POLICIES]))
        if kind == "shard":
            return Happened(kind, None, (self.time(), self.random.random() < 0.4))
        event = self.event(self.time())
        return Happened(kind, event.event_time, event)

    def event(self, time: datetime) -> ConsentEvent:
        changes = tuple(self.change() for _ in range(self.random.randint(0, 4)))
        earlier = time - timedelta(hours=self.random.randint(1, DAYS * 24))
        return ConsentEvent(
            record_id=UUID(int=1), event_time=time, kind=EventKind.ANSWER, controller="", site="demo",
            method=ExpressionMethod.SAVE, notice="shop@1", notice_hash="", locale="en", changes=changes,
            state=self.either(None, self.state(), 0.3),
            indicated_at=self.either(None, earlier, 0.3) if changes else None,
        )  # fmt: skip

    def change(self) -> Change:
        purpose, channel, recipient = self.random.choice(RULES)
        return Change(
            purpose=purpose, channel=channel, recipient=recipient,
            status=self.either(ConsentStatus.GIVEN, self.random.choice(ANSWERS), 0.3),
            notice=self.either("shop@1", self.random.choice(["shop@2", "shop@9"]), 0.3), since=BEGIN.date(),
            until=self.either(None, self.time().date(), 0.5),
        )  # fmt: skip

    def state(self) -> StateChange:
        return StateChange(
            regime=self.either(None, self.random.choice(["gdpr", "ccpa", "lgpd"]), 0.3),
            restricted=self.either(None, self.random.random() < 0.5, 0.2),
            adult_from=self.either(None, self.time().date(), 0.2),
            gpc=self.either(None, self.random.random() < 0.6, 0.4),
        )

    def time(self) -> datetime:
        return BEGIN + timedelta(hours=self.random.randint(0, DAYS * 24))

    def late(self) -> datetime:
        """A time after everything, as often as any."""
        return self.either(NOW, self.time(), 0.5)

    def either(self, plain: T, doubt: T, share: float) -> T:
        return doubt if self.random.random() < share else plain


class Model:
    """The naive reading of a log: a list of (recorded, said, what), filtered by two times."""

    def __init__(self, log: Sequence[Happened], at: datetime, known: datetime) -> None:
        self.log, self.at, self.known = log, at, known
        self.recorded: list[datetime] = []
        for happened in log:
            time = happened.time
            if happened.kind == "shard":
                time = happened.what[0].replace(hour=0)
            latest = self.recorded[-1] if self.recorded else history.EVER
            self.recorded.append(min(NOW, max(latest, time or history.EVER)))

    def counts(self, index: int) -> bool:
        happened, said = self.log[index], self.recorded[index]
        if happened.kind == "said" and happened.what.indicated_at is not None:
            said = min(said, happened.what.indicated_at)
        return self.recorded[index] <= self.known and said <= self.at

    def of(self, kind: str) -> Iterator[tuple[int, Any]]:
        return ((index, each.what) for index, each in enumerate(self.log) if each.kind == kind and self.counts(index))

    def policy(self) -> tuple[int, Bundle] | None:
        found = [*self.of("policy")]
        if not found and self.recorded[0] <= self.known:
            found = [(0, self.log[0].what)]
        return (found[-1][0], POLICIES[found[-1][1]]) if found else None

    def asked_again_before(self) -> int:
        return max((index for index, (_, nothing_lost) in self.of("shard") if not nothing_lost), default=0)

    def state(self, field: str) -> Any:
        said = [getattr(event.state, field) for _, event in self.of("said") if event.state is not None]
        return ([None] + [value for value in said if value is not None])[-1]

    def newest(self, field: str) -> int:
        saying = [i for i, e in self.of("said") if e.state is not None and getattr(e.state, field) is not None]
        return saying[-1]

    def last(self, rule: Rule) -> tuple[int, Change] | None:
        found = [(index, one) for index, event in self.of("said") for one in event.changes if one.rule == tuple(rule)]
        return found[-1] if found else None

    def decision(self, policy: Bundle, rule: Rule) -> tuple[bool, str, set[int]]:
        parts = [Rule(rule.purpose, Channel(""), Recipient(""))]
        parts += [rule] if rule != parts[0] else []
        laws = {self.state("regime") or "gdpr": 0, "gdpr": 1}
        verdicts = [self._one(policy, part, Regime(law)) for part in parts for law in laws]
        refused = [because for allowed, because in verdicts if not allowed]
        return not refused, (refused or [verdicts[0][1]])[0], {one[0] for part in parts if (one := self.last(part))}

    def _one(self, policy: Bundle, rule: Rule, law: Regime) -> tuple[bool, str]:
        if law not in policy.regimes:
            return False, "unknown_rule"
        status, current, today = ConsentStatus.UNKNOWN, False, self.at.date()
        if (last := self.last(rule)) is not None:
            index, change = last
            yes = change.status in YES
            status = ConsentStatus.EXPIRED if yes and change.until and change.until <= today else change.status
            current = policy.still_good(rule.purpose, NoticeVersion(change.notice))
            current = current and not (yes and index < self.asked_again_before())
        adult: date | None = self.state("adult_from")
        found = decide(
            policy, *rule, regime=law, status=status, notice_current=current,
            restricted=bool(self.state("restricted")), under_age=adult is not None and adult > today,
            gpc=bool(self.state("gpc")),
        )  # fmt: skip
        return found.allowed, found.because


def product(
    log: Sequence[Happened], at: datetime, known: datetime
) -> tuple[int, Mapping[Rule, tuple[bool, str, set[int]]]]:
    """What the service answers, without a database: entries as they open, acts as they are read."""
    kinds: dict[str, dict[int, Any]] = {"said": {}, "policy": {}, "shard": {}}
    for index, happened in enumerate(log):
        kinds[happened.kind][index] = happened
    ours = Acts(
        {index: Activation(each.what, each.time) for index, each in kinds["policy"].items()},
        {index: history.Shard(each.what[0].date(), each.what[1]) for index, each in kinds["shard"].items()},
    )
    times = {index: each.time for index, each in (kinds["said"] | kinds["policy"]).items()}
    clock = history.clock(history.with_days(times, {index: one.on for index, one in ours.shards.items()}), NOW)
    index = policy_then(ours, at, known, clock)
    bodies = history.dated([(number, each.what) for number, each in kinds["said"].items()], clock)
    rows, _, _ = past(
        POLICIES[ours.policies[index].bundle], bodies, (), at, known, yes_from(ours, at, known, clock), WHERE
    )
    return index, {
        Rule(Purpose(row.purpose), Channel(row.channel or ""), Recipient(row.recipient or "")): (
            row.allowed, row.because, set(row.decided_by),
        )
        for row in rows
    }  # fmt: skip


def drawn(count: int) -> Iterator[tuple[Sequence[Happened], datetime, datetime]]:
    """Draw logs with a time to ask about and one to know it at; the seed of each is named when it fails."""
    for seed in range(examples(count)):
        chance = Chance(Random(seed))
        yield chance.log(), chance.late(), chance.late()


def test_the_log_answers_like_a_filtered_list() -> None:
    """Policy, permission, reason and the entries that decided: equal for every rule, at any T and T2."""
    reasons = Counter[str]()
    for seed, (log, at, known) in enumerate(drawn(2000)):
        model = Model(log, at, known)
        policy = model.policy()
        try:
            index, found = product(log, at, known)
        except Malformed:
            assert policy is None, seed
            continue
        assert policy is not None and index == policy[0], seed
        expected = {rule: model.decision(policy[1], rule) for rule in RULES}
        assert {rule: found[rule][:2] for rule in RULES} == {rule: one[:2] for rule, one in expected.items()}, seed
        for rule, (_, because, entries) in expected.items():
            closing = {"restricted": "restricted", "gpc": "gpc", "under_age": "adult_from"}.get(because)
            assert found[rule][2] == entries | ({model.newest(closing)} if closing else set()), (seed, rule)
        reasons.update(because for _, because, _ in expected.values())
    told = {"consent", "unknown", "expired", "stale_notice", "gpc", "restricted", "under_age", "withdrawn"}
    assert told <= reasons.keys()
    assert min(reasons[each] for each in told) > 30


def test_what_is_appended_later_changes_no_answer_about_before() -> None:
    """As known at T2, the past is the same however much was appended after T2."""
    for seed, (log, at, known) in enumerate(drawn(400)):
        recorded = Model(log, at, known).recorded
        known_then = [each for each, time in zip(log, recorded, strict=True) if time <= known]
        if known_then:
            assert product(log, at, known) == product(known_then, at, known), seed


def test_the_present_is_what_the_tables_say(database: Database, tmp_path: Path) -> None:
    """After any acts of three browsers and two customers, the log says of now what `GET /v1/permissions` says."""
    with running(database, tmp_path) as (runner, opened):

        @settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(HISTORIES)
        def live(history: list[tuple[int, tuple[str, Any]]]) -> None:
            runner.run(_live(opened, history))

        live()


async def _live(opened: Opened, history: Sequence[tuple[int, tuple[str, Any]]]) -> None:
    browsers = [opened.browser() for _ in range(3)]
    for who, (act, what) in history:
        await act_of(opened, browsers[who], act, what)
    for browser in browsers:
        session = {SESSION: browser.cookies[SESSION]} if SESSION in browser.cookies else {}
        plain = opened.browser().http  # what this browser signals beside its session is in no log
        plain.cookies.update(session)
        now, then = await plain.get("/v1/permissions"), await plain.get("/v1/permissions", params={"at": _now()})
        told = then.json()
        assert {gap["what"] for gap in told["cannot_know"]} <= {"nobody", "before_sign_in", "import_without_time"}
        for row in told["permissions"]:
            proven = {each["leaf_index"] for each in told["proofs"]}
            assert set(row.pop("decided_by")) <= proven
        assert {name: told[name] for name in now.json()} == now.json()


def _now() -> str:
    return datetime.now(UTC).isoformat()
