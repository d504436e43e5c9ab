"""What was permitted at one time, as it was known at another: answered from the log, with its proofs.

The bodies that still open are folded as a replay folds them, the policy is the one that the log says was in force then,
and the rule is the one that decides now. What a browser only signals with each request is in no log: an answer about a
time that is over rests on what was written down. It says plainly what it cannot know.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec

from ecrm_privacy.consent import store
from ecrm_privacy.consent.answer import answer_due
from ecrm_privacy.consent.desk import ConsentDesk, Where
from ecrm_privacy.consent.receipts import Prove
from ecrm_privacy.consent.standing import (
    PermissionRow,
    Standing,
    StatusRow,
    SubjectView,
    capturing,
    permissions,
    purpose_rule,
)
from ecrm_privacy.errors import Malformed, NotKnown, SubjectErased, Tampered
from ecrm_privacy.gate.types import Signals
from ecrm_privacy.ledger import history, receipt
from ecrm_privacy.ledger.change import Standing as Folded
from ecrm_privacy.ledger.entry import LeafType, opens, parse_leaf
from ecrm_privacy.ledger.history import Clock, Dated
from ecrm_privacy.ledger.record import ConsentEvent, EventKind, parse
from ecrm_privacy.policy import acts
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault import body, keys
from ecrm_privacy.vault.body import SealedBody
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import (
    EVIDENCE,
    Channel,
    ExpressionMethod,
    NoticeVersion,
    Purpose,
    Recipient,
    Regime,
    SubjectId,
)

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]
Earlier = Callable[[bytes], Awaitable[Bundle]]
"""`await earlier(hash)` gives a bundle that may not be in force any more."""

STATE_OF: Mapping[str, str] = {"restricted": "restricted", "gpc": "gpc", "under_age": "adult_from"}
"""Which part of a subject's state a `because` rests on."""
SOMEBODY = SubjectId(UUID(int=0))
"""Who it is about does not matter to the rule."""
ZONED = Annotated[datetime, msgspec.Meta(tz=True)]


class When(msgspec.Struct, frozen=True):
    """The time that is asked about, and as known when; None is now, after all that is written."""

    at: datetime | None = None
    known: datetime | None = None


def when(at: str | None, known: str | None, now: datetime) -> When:
    """Return the times of a question. Raises Malformed for one that cannot be read, or has not come yet."""
    return When(_time("at", at, now), _time("known", known, now))


def _time(name: str, text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        time = msgspec.convert(text, ZONED).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        raise Malformed(f"`{name}` is a time with its zone, as in 2026-11-22T04:30:00Z") from None
    if time > now:
        raise Malformed(f"`{name}` has not come yet")
    return time


class PastRow(PermissionRow, frozen=True, omit_defaults=True, kw_only=True):
    """A permission as it was. `decided_by` are the entries of the log from which it followed.

    These are what was last said to it and to its purpose, and what restricted it or closed it as a whole. Empty: nobody
    had said anything.
    """

    decided_by: tuple[int, ...]


class PolicyThen(msgspec.Struct, frozen=True):
    """The entry of the log that had put the policy in force, and the SHA-256 of its documents, hex."""

    leaf_index: int
    bundle: str


class Gap(msgspec.Struct, frozen=True, omit_defaults=True):
    """What this answer cannot know: a word for it, a sentence, and the entries concerned."""

    what: str
    text: str
    entries: tuple[int, ...] = ()


class Proof(msgspec.Struct, frozen=True):
    """The receipt of an entry that decided: a tlog-proof text."""

    leaf_index: int
    proof: str


class Past(msgspec.Struct, frozen=True):
    """What was permitted at `at`, as known at `known`; `proofs` are all of one checkpoint."""

    permissions: tuple[PastRow, ...]
    notice: NoticeVersion
    answer_due: bool
    at: datetime
    known: datetime
    policy: PolicyThen
    cannot_know: tuple[Gap, ...]
    proofs: tuple[Proof, ...]


class Entry(msgspec.Struct, frozen=True):
    """An entry about a subject, opened and held against its leaf."""

    leaf_index: int
    leaf: bytes
    payload: bytes
    opening: bytes
    event: ConsentEvent


class Acts(msgspec.Struct, frozen=True):
    """Our own acts that decide: policies put in force, and new names of the log that ask every yes again."""

    policies: Mapping[int, acts.Activation]
    shards: Mapping[int, history.Shard]

    def times(self, entries: Sequence[Entry]) -> dict[int, datetime | None]:
        """Return what each entry and act says of its own time."""
        times: dict[int, datetime | None] = {entry.leaf_index: entry.event.event_time for entry in entries}
        times |= {leaf_index: act.at for leaf_index, act in self.policies.items()}
        return history.with_days(times, {leaf_index: shard.on for leaf_index, shard in self.shards.items()})


class History:
    """Answers about times that are over. `earlier` reads bundles without putting them in force anywhere."""

    def __init__(self, acquire: Acquire, keyring: Keyring, prove: Prove, earlier: Earlier, desk: ConsentDesk) -> None:
        self._acquire = acquire
        self._keyring = keyring
        self._prove = prove
        self._earlier = earlier
        self._desk = desk

    async def of(self, standing: Standing, asked: When, where: Where) -> Past:
        """Answer about the subjects behind a caller. Raises Malformed when the log began after `known`; Tampered."""
        async with self._acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            gaps: list[Gap] = []
            account = await self._opened(conn, standing.account, gaps)
            browser = await self._opened(conn, standing.browser, gaps)
            if not standing.views:
                gaps.append(Gap("nobody", "Nothing in the log opens about this person: never known here, or erased."))
            return await self._answer(conn, account, browser, asked, where, gaps)

    async def behind(self, text: str, asked: When, where: Where) -> Past:
        """Answer about the person behind a receipt. Raises Tampered, NotKnown (another log's), SubjectErased."""
        proof = receipt.parse_proof(receipt.unpack(text)[0])
        leaf, payload, opening = receipt.parse_extra(proof.extra)
        async with self._acquire() as conn:
            row = await store.behind_entry(proof.index).first(conn)
        if row is None or row.leaf != leaf or not opens(leaf, opening, payload):
            raise NotKnown
        if not row.has_body:
            raise SubjectErased
        if row.subject is not None:
            standing = await self._desk.of_subject(row.subject)
            if standing is None:
                raise SubjectErased
            return await self.of(standing, asked, where)
        entry = Entry(proof.index, leaf, payload, opening, parse(payload))
        alone = Gap("alone", "This was said without a name: nothing else in the log belongs to it.", (proof.index,))
        async with self._acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            return await self._answer(conn, [entry], [], asked, where, [alone])

    async def _answer(
        self,
        conn: Conn,
        account: Sequence[Entry],
        browser: Sequence[Entry],
        asked: When,
        where: Where,
        gaps: list[Gap],
    ) -> Past:
        ours = await _acts(conn)
        entries = [*account, *browser]
        now = datetime.now(UTC)
        at, known = asked.at or now, asked.known or now
        clock = history.clock(ours.times(entries), now)
        index = policy_then(ours, at, known, clock)
        bundle = await self._earlier(ours.policies[index].bundle)
        if bundle.hash != ours.policies[index].bundle:
            raise Tampered("the documents of a policy are not those that were put in force")
        people = [_dated(each, clock) for each in (account, browser)]
        rows, standing, signals = past(bundle, people[0], people[1], at, known, yes_from(ours, at, known, clock), where)
        site = bundle.sites.get(where.site) or next(iter(bundle.sites.values()))
        proofs = [
            Proof(entry.leaf_index, await self._prove(conn, entry.leaf_index, entry.leaf, entry.payload, entry.opening))
            for entry in entries
            if any(entry.leaf_index in row.decided_by for row in rows)
        ]
        return Past(
            permissions=capturing(rows, self._desk.preferences),
            notice=NoticeVersion(bundle.current_notice(site.notice).name),
            answer_due=answer_due(standing, signals, rows),
            at=at,
            known=known,
            policy=PolicyThen(index, bundle.hash.hex()),
            cannot_know=(*gaps, *_gaps(people, ours, at, known, clock)),
            proofs=tuple(proofs),
        )

    async def _opened(self, conn: Conn, view: SubjectView | None, gaps: list[Gap]) -> list[Entry]:
        """Open every body of a subject, and note which are beyond reach. Raises Tampered for one that was altered."""
        if view is None:
            return []
        evidence = {
            row.version: keys.unwrap(self._keyring, view.subject, EVIDENCE, row.version, row.wrapped)
            for row in view.keys
            if row.category == EVIDENCE
        }
        found, unopened = [], []
        for row in await store.history(view.subject).all(conn):
            sealed = SealedBody(row.receipt_hash, row.sealed, b"", row.wrapped_for_subject)
            if (key := evidence.get(body.evidence_version(sealed))) is None:
                unopened.append(row.leaf_index)
                continue
            payload, opening = body.open_with_key(key, sealed)
            if not opens(row.leaf, opening, payload):
                raise Tampered("an entry of the log does not commit to its body")
            found.append(Entry(row.leaf_index, row.leaf, payload, opening, parse(payload)))
        unopened += [row.leaf_index for row in await store.without_body(view.subject).all(conn)]
        if unopened:
            gaps.append(Gap("erased", "What these entries said is erased, and not in this answer.", tuple(unopened)))
        return found


async def _acts(conn: Conn) -> Acts:
    policies: dict[int, acts.Activation] = {}
    shards: dict[int, history.Shard] = {}
    for row in await store.own_acts().all(conn):
        if not opens(row.leaf, row.open, row.payload):
            raise Tampered("an entry of the log does not commit to its public statement")
        kind = parse_leaf(row.leaf).type
        if kind is LeafType.SHARD:
            shards[row.leaf_index] = history.parse_shard(row.payload)
        elif kind is LeafType.POLICY and (activation := acts.parse(row.payload)) is not None:
            policies[row.leaf_index] = activation
    return Acts(policies, shards)


def _dated(entries: Sequence[Entry], clock: Clock) -> tuple[Dated, ...]:
    return history.dated(((entry.leaf_index, entry.event) for entry in entries), clock)


# the rule, for a time that is over: pure ------------------------------------------------------------------------------


def policy_then(ours: Acts, at: datetime, known: datetime, clock: Clock) -> int:
    """Return the act that had put the policy in force; for a time before the log, its first one.

    Raises Malformed when none was known.
    """
    index = history.in_force(ours.policies, at, known, clock)
    if index is None and (index := min(ours.policies, default=None)) is not None and clock.recorded[index] > known:
        index = None
    if index is None:
        raise Malformed("nothing was known at `known`: the log begins later")
    return index


def yes_from(ours: Acts, at: datetime, known: datetime, clock: Clock) -> int:
    """Return the entry before which a yes was asked again, because what took it back may have been lost."""
    asking = [leaf_index for leaf_index, shard in ours.shards.items() if not shard.nothing_lost]
    return history.in_force(asking, at, known, clock) or 0


def past(
    bundle: Bundle,
    account: Sequence[Dated],
    browser: Sequence[Dated],
    at: datetime,
    known: datetime,
    yes_from: int,
    where: Where,
) -> tuple[tuple[PastRow, ...], Standing, Signals]:
    """Decide every rule of `bundle` by what was known of an account and of the browser beside it."""
    held = [history.held(bodies, at, known) for bodies in (account, browser)]
    folded = [history.as_of(bodies, at, known) for bodies in (account, browser)]
    views = [_view(each) if bodies else None for each, bodies in zip(folded, held, strict=True)]
    signals = Signals(bundle.jurisdiction(where.jurisdiction).regime)
    standing = Standing(bundle, at.date(), views[0], views[1], yes_from)
    decided_by = partial(_decided_by, list(zip(folded, held, strict=True)))
    rows = (
        PastRow(**msgspec.structs.asdict(row), decided_by=decided_by(row)) for row in permissions(standing, signals)
    )
    return tuple(rows), standing, signals


def _view(folded: Folded) -> SubjectView:
    state = folded.state
    assert state is not None, "there is an entry"
    statuses = {
        Rule(Purpose(change.purpose), Channel(change.channel), Recipient(change.recipient)): StatusRow(
            change.status, NoticeVersion(change.notice), change.since, change.until, leaf_index, change.by_parent
        )
        for change, leaf_index in folded.rows.values()
    }
    regime = Regime(state.regime) if state.regime else None
    return SubjectView(SOMEBODY, statuses, (), regime, state.restricted, state.adult_from, state.gpc)


def _decided_by(people: Sequence[tuple[Folded, Sequence[Dated]]], row: PermissionRow) -> tuple[int, ...]:
    rule = Rule(row.purpose, Channel(row.channel or ""), Recipient(row.recipient or ""))
    found: set[int] = set()
    for folded, held in people:
        found.update(folded.rows[each][1] for each in (purpose_rule(row.purpose), rule) if each in folded.rows)
        if (field := STATE_OF.get(row.because)) and (index := history.newest_about(held, field)) is not None:
            found.add(index)
    return tuple(sorted(found))


def _gaps(people: Sequence[Sequence[Dated]], ours: Acts, at: datetime, known: datetime, clock: Clock) -> list[Gap]:
    """Say what follows from nothing that is written down."""
    known_bodies = [body for bodies in people for body in bodies if body.recorded <= known]
    first = min(ours.policies)
    gaps = [
        _gap(
            "before_policy",
            "The log has no policy for that time; its first one was taken.",
            [first] if at < clock.recorded[first] else [],
        ),
        _gap(
            "policy_without_time",
            "These policies do not say when they came into force; they count by their place in the log.",
            [each.leaf_index for each in clock.undated if each.since <= min(at, known) < each.until],
        ),
        _gap(
            "before_first_entry",
            "Nothing is written down of what this person said before this entry.",
            [min(body.leaf_index for body in known_bodies)]
            if known_bodies and at < min(body.said for body in known_bodies)
            else [],
        ),
        _gap(
            "before_sign_in",
            "These entries carry over what a browser had said before it signed in; the rest of that browser's history"
            " stands under a name of its own.",
            [body.leaf_index for body in known_bodies if body.event.method is ExpressionMethod.CARRIED],
        ),
        _gap(
            "import_without_time",
            "These entries were imported without the time at which they were said; they count since they were written"
            " down here.",
            [
                body.leaf_index
                for body in known_bodies
                if body.event.kind is EventKind.IMPORT and body.event.changes and body.event.indicated_at is None
            ],
        ),
        _gap(
            "clock_went_back",
            "The clock had gone back before these entries, or was ahead; they count no earlier than what stands before"
            " them, and no later than now.",
            [index for index in clock.went_back if clock.recorded[index] <= known],
        ),
    ]
    return [gap for gap in gaps if gap is not None]


def _gap(what: str, text: str, entries: Sequence[int]) -> Gap | None:
    return Gap(what, text, tuple(entries)) if entries else None
