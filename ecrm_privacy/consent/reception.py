"""How notices are received, as counts: how often one was served, seen, opened, answered, changed, taken back.

Nothing is asked of a browser for it but how long the banner stood there, in an answer that is given anyway. Who does
not answer leaves a count by week and nothing else: no identifier, no time, no address. Counts are kept in memory for a
minute and then added up, so that neither a row nor its order says when somebody came; a crash loses that minute.

What is shown of them is never about fewer than k people (`showroom.effect`).
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

from ecrm_privacy.consent.answer import Said, answer_due
from ecrm_privacy.consent.desk import Heard, Where
from ecrm_privacy.consent.standing import Standing, SubjectView
from ecrm_privacy.gate.types import Signals
from ecrm_privacy.ledger.record import Change
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vocabulary import YES, Channel, ConsentStatus, ExpressionMethod, Purpose, Recipient

FLUSH_S = 60.0
KEPT_MOST = 10_000
"""More different counts than this are not kept while the database cannot take them."""
TIMES_S = (2, 5, 10, 30, 60, 300)
"""An answer came within so many seconds; the last bucket has no end."""
TAKEN_BACK = frozenset({ConsentStatus.WITHDRAWN, ConsentStatus.OBJECTED})
ANSWERS = frozenset({ExpressionMethod.ACCEPT_ALL, ExpressionMethod.REFUSE_ALL, ExpressionMethod.SAVE})

Way = Literal["script", "form"]


class Met(NamedTuple):
    """One thing that happened to a notice, in a week (its Monday). `what` is one of the words below."""

    week: date
    notice: str
    jurisdiction: str
    locale: str
    way: Way
    what: str


SERVED, SEEN, OPENED, ANSWER, CHANGE, WITHDRAWAL, TIME = (
    "served", "seen", "opened", "answer", "change", "withdrawal", "time",
)  # fmt: skip
"""Served: a page asked and an answer was due. Seen: the banner was fetched to be shown. Opened: its details were.
Then `answer:<method>`, `time:<bucket>`, `yes:<purpose>`, `no:<purpose>`; later `change` and `withdrawal`."""

Write = Callable[[Sequence[tuple[Met, int]]], Awaitable[object]]
"""Adds to counts, in one transaction. Raises Unavailable."""


def bucket(seconds: int) -> str:
    """The word for a time to answer: within how many seconds, or `more`."""
    return next((str(most) for most in TIMES_S if seconds < most), "more")


def monday(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def of_answer(said: Said, made: Sequence[Change], *, due: bool) -> Iterator[str]:
    """What an answer to a notice counts as: the one that was due in full, a later one as a change."""
    if not due:
        yield CHANGE
        return
    if said.method not in ANSWERS:
        return
    yield f"{ANSWER}:{said.method}"
    if said.shown is not None:
        yield f"{TIME}:{bucket(said.shown.seconds)}"
        if said.shown.opened:
            yield OPENED
    for change in made:
        if not change.channel and not change.recipient:
            yield f"{'yes' if change.status in YES else 'no'}:{change.purpose}"


def taken_back(before: SubjectView | None, made: Sequence[Change]) -> Iterator[str]:
    """The notices to which the yes had been given that is taken back now, each once."""
    held = before.statuses if before else {}
    rows = (held.get(_rule(change)) for change in made if change.status in TAKEN_BACK)
    yield from dict.fromkeys(str(row.notice) for row in rows if row is not None and row.status in YES)


def _rule(change: Change) -> Rule:
    return Rule(Purpose(change.purpose), Channel(change.channel), Recipient(change.recipient))


class Reception:
    """Counts what happens to notices, for one worker. `today` is the day of UTC."""

    def __init__(self, write: Write, today: Callable[[], date] = lambda: datetime.now(UTC).date()) -> None:
        self._write = write
        self._today = today
        self._counts: Counter[Met] = Counter()

    def count(self, notice: str, jurisdiction: str, locale: str, way: Way, what: str) -> None:
        """Count one thing that happened."""
        met = Met(monday(self._today()), notice, jurisdiction, locale, way, what)
        if met in self._counts or len(self._counts) < KEPT_MOST:
            self._counts[met] += 1

    def met(self, bundle: Bundle, where: Where, way: Way, what: str) -> None:
        """Count that somebody who owes an answer was served the notice of a site, or saw it, or opened it."""
        notice = bundle.current_notice(bundle.sites[where.site].notice).name
        self.count(notice, bundle.jurisdiction(where.jurisdiction).name, where.locale, way, what)

    def hear(self, said: Said, signals: Signals, where: Where, way: Way) -> Heard:
        """Return what counts an answer once it is written; a notice that the policy does not know is not counted."""

        def heard(standing: Standing, made: Sequence[Change]) -> None:
            bundle, words = standing.bundle, [(WITHDRAWAL, name) for name in taken_back(standing.speaker, made)]
            words += [(what, said.notice) for what in of_answer(said, made, due=answer_due(standing, signals))]
            region = bundle.jurisdiction(where.jurisdiction).name
            for what, notice in words:
                if notice in bundle.notices:
                    self.count(notice, region, where.locale, way, what)

        return heard

    async def flush(self) -> None:
        """Write down what was counted; what cannot be written now is kept for the next time. Raises Unavailable."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            await self._write(sorted(counts.items()))
        except BaseException:
            self._counts.update(counts)
            raise
