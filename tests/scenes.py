"""Scenes at the gate, as values: who stands behind a caller, what they said, and what came with the request.

A scene can be put into the tables row by row, without the desk, so that it may hold what no desk would write; and it
can be read as the `Standing` that the pure rule decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256
from random import Random
from typing import TypeVar
from uuid import UUID

import asyncpg
import msgspec
from hypothesis import strategies as st

from ecrm_privacy.consent.standing import KeyRow, Standing, StatusRow, SubjectView
from ecrm_privacy.gate.store import Behind
from ecrm_privacy.gate.types import Signals
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vocabulary import Category, ConsentStatus, NoticeVersion, Regime, SubjectId

T = TypeVar("T")

ANSWERS = tuple(status for status in ConsentStatus if status is not ConsentStatus.UNKNOWN)
LIKELY = (ConsentStatus.GIVEN,) * 6 + (ConsentStatus.RENEWED,) + ANSWERS
DAYS = (None, None, None, -400, -1, 0, 1, 400)
UNKNOWN_NOTICE = NoticeVersion("shop@9")
UNKNOWN_REGIME = Regime("lgpd")
WRAPPED = bytes(66)
SHARD_AT = 2
"""The first entry of a shard, where there is one: answers of the entries before it belong to the time before."""
NOBODY_YET = SubjectId(UUID(int=0))
CATEGORIES = ("contact", "purchases", "browsing", "preferences", "evidence", "accountability")


class Scene(msgspec.Struct, frozen=True):
    """Who is behind a caller, and what came with the request. `by_number`: a server asks about a customer."""

    signals: Signals
    account: SubjectView | None = None
    browser: SubjectView | None = None
    by_number: bool = False

    @property
    def caller(self) -> Behind:
        """By what the caller of this scene is found; nobody's cookie and nobody's number are unknown ones."""
        name = self._name()
        return Behind(customer_index=name[:16]) if self.by_number else Behind(token_hash=name)

    def _name(self) -> bytes:
        views = [view.subject.bytes for view in (self.account, self.browser) if view]
        return sha256(b"".join(views)).digest()

    def standing(self, bundle: Bundle, today: date, yes_from: int = 0) -> Standing:
        """Return what the desk would have read."""
        return Standing(bundle, today, self.account, self.browser, yes_from)

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Return the rows of this scene by table."""
        views = [view for view in (self.account, self.browser) if view]
        ids = [view.subject if view else None for view in (self.browser, self.account)]
        name, index = self._name(), ("customer_number", self._name()[:16], ids[1])
        return {
            **rows_of(views),
            "session": [(name, *ids)] if views and not self.by_number else [],
            "blind_index": [index] if self.account and self.by_number else [],
        }


def rows_of(views: Sequence[SubjectView]) -> dict[str, list[tuple[object, ...]]]:
    """Return what the tables hold about these subjects, by table."""
    return {
        "consent_status": [row for view in views for row in _status_rows(view)],
        "subject_state": [
            (v.subject, v.regime, v.restricted, v.adult_from, v.gpc, v.seen) for v in views if v.seen is not None
        ],
        "subject_key": [(v.subject, key.category, key.version, key.wrapped) for v in views for key in v.keys],
    }


def _status_rows(view: SubjectView) -> list[tuple[object, ...]]:
    return [
        (view.subject, *rule, row.status.value, row.notice, row.since, row.until, row.leaf_index or 0, row.by_parent)
        for rule, row in view.statuses.items()
    ]


COLUMNS = {
    "consent_status": (
        "subject", "purpose", "channel", "recipient", "status", "notice", "since", "until", "leaf_index", "by_parent"
    ),
    "subject_state": ("subject", "regime", "restricted", "adult_from", "gpc", "leaf_index"),
    "subject_key": ("subject", "category", "version", "wrapped"),
    "session": ("token_hash", "browser", "account"),
    "blind_index": ("kind", "value", "subject"),
}  # fmt: skip


async def put(admin: asyncpg.Connection, scenes: Iterable[Scene]) -> None:
    """Write the rows of `scenes`, each of whose subjects must be its own."""
    written = [scene.rows() for scene in scenes]
    await write(admin, {table: [row for rows in written for row in rows[table]] for table in COLUMNS})


async def write(admin: asyncpg.Connection, rows: Mapping[str, Sequence[tuple[object, ...]]]) -> None:
    """Write rows by table."""
    for table, records in rows.items():
        await admin.copy_records_to_table(table, schema_name="ecrm", columns=COLUMNS[table], records=records)


async def clear(admin: asyncpg.Connection) -> None:
    """Take every scene out again."""
    await admin.execute("".join(f"delete from ecrm.{table};" for table in COLUMNS))


# drawing --------------------------------------------------------------------------------------------------------------


def subjects(bundle: Bundle, today: date) -> st.SearchStrategy[SubjectView]:
    """Draw a subject with up to eight answers; half of them stand under the law that is asked about."""
    notices = [*bundle.notices, *bundle.notices, UNKNOWN_NOTICE]
    day = st.sampled_from(DAYS).map(lambda days: None if days is None else today + timedelta(days))
    entry = st.integers(0, SHARD_AT)
    row = st.builds(StatusRow, st.sampled_from(LIKELY), st.sampled_from(notices), st.just(today), day, entry)
    return st.builds(
        SubjectView,
        st.just(NOBODY_YET),
        st.dictionaries(st.sampled_from(bundle.rules), row, max_size=8),
        st.sets(st.sampled_from(CATEGORIES), max_size=3).map(_keys),
        st.sampled_from([None, "gdpr", "gdpr", *bundle.regimes, UNKNOWN_REGIME]),
        st.sampled_from([False, False, False, True]),
        day,
        st.sampled_from([False, False, True]),
        st.just(1),
    )


def _keys(categories: Iterable[str]) -> tuple[KeyRow, ...]:
    return tuple(KeyRow(Category(name), 1, WRAPPED) for name in sorted(categories))


def signals(bundle: Bundle) -> st.SearchStrategy[Signals]:
    """Draw what comes with a request."""
    closed = st.just(frozenset()) | st.frozensets(st.sampled_from([*bundle.purposes]), max_size=2)
    regimes = st.sampled_from(["gdpr", "gdpr", *bundle.regimes, UNKNOWN_REGIME])
    return st.builds(Signals, regimes, st.booleans(), closed, st.sampled_from([False] * 5 + [True]))


def scenes(bundle: Bundle, today: date, most: int = 4) -> st.SearchStrategy[list[Scene]]:
    """Draw a few scenes: an account, a browser, both or nobody, by cookie or by number."""
    who = st.none() | subjects(bundle, today)
    drawn = st.builds(Scene, signals(bundle), who, who, st.booleans())
    return st.lists(drawn, min_size=1, max_size=most).map(_named)


def _named(drawn: Sequence[Scene]) -> list[Scene]:
    """Give everybody a name of their own; a server's caller has no browser."""

    def name(view: SubjectView | None, number: int) -> SubjectView | None:
        return view and msgspec.structs.replace(view, subject=SubjectId(UUID(int=number, version=4)))

    return [
        msgspec.structs.replace(
            scene,
            account=name(scene.account, 2 * at),
            browser=None if scene.by_number else name(scene.browser, 2 * at + 1),
        )
        for at, scene in enumerate(drawn)
    ]


def crowd(bundle: Bundle, today: date, random: Random, count: int) -> Sequence[Scene]:
    """Make many full scenes at once, for breadth; in some nearly everything is a plain yes, in some little is."""
    return [_Doubts(bundle, today, random, random.choice([0.02, 0.1, 0.4])).scene() for _ in range(count)]


class _Doubts:
    """Draws a scene in which each thing is as plain as it can be, but for a share of doubts."""

    def __init__(self, bundle: Bundle, today: date, random: Random, share: float) -> None:
        self.bundle, self.today, self.random, self.share = bundle, today, random, share

    def scene(self) -> Scene:
        closed = self.random.sample([*self.bundle.purposes], self.either(0, (1, 2)))
        came = Signals(self.law(), self.either(False, (True,)), frozenset(closed), self.either(False, (True,)))
        account = self.subject() if self.random.random() < 0.8 else None
        by_number = self.random.random() < 0.2
        browser = self.subject() if self.random.random() < 0.7 and not by_number else None
        return Scene(came, account, browser, by_number)

    def subject(self) -> SubjectView:
        random = self.random
        drawn = SubjectView(
            SubjectId(UUID(int=random.getrandbits(128), version=4)),
            {rule: self.row() for rule in self.bundle.rules if random.random() < 0.8},
            _keys(random.sample(CATEGORIES, random.randint(0, 6))),
            seen=1,
        )
        if random.random() < self.share / 2:  # answers without a state: no desk writes this, the gate decides it too
            return msgspec.structs.replace(drawn, seen=None)
        return msgspec.structs.replace(
            drawn,
            regime=self.either(self.law(), (None,)),
            restricted=self.either(False, (True,)),
            adult_from=self.either(None, (self.day(),)),
            gpc=self.either(False, (True,)),
        )

    def row(self) -> StatusRow:
        notice = self.either(list(self.bundle.notices)[-1], (*self.bundle.notices, UNKNOWN_NOTICE))
        until = self.day() if self.random.random() < 0.5 else None
        entry = self.either(SHARD_AT, (0, SHARD_AT - 1))
        return StatusRow(
            self.either(ConsentStatus.GIVEN, ANSWERS), notice, self.today, until, entry, self.either(False, (True,))
        )

    def day(self) -> date:
        return self.today + timedelta(self.either(400, (-400, -1, 0, 1)))

    def law(self) -> Regime:
        return self.either(Regime("gdpr"), (*self.bundle.regimes, UNKNOWN_REGIME))

    def either(self, plain: T, doubts: Sequence[T]) -> T:
        return self.random.choice(doubts) if self.random.random() < self.share else plain
