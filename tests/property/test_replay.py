"""Promise 4, ledger first: whatever people do, replaying the bodies that still open gives exactly the stored rows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.answer import SaidAnswer
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.imported import AnswerImport, ImportedAnswer
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.consent.reconcile import Reconciler
from ecrm_privacy.ledger.verify import Report, verify
from ecrm_privacy.logbook import opener
from ecrm_privacy.vocabulary import Answer, Category, NoticeVersion, Purpose
from tests.conftest import Database
from tests.houses import Browser, Opened, running
from tests.lengths import examples

RULES = ["remember", "personalize", "offers", "offers/post", "offers/email", "measure", "advertise", "share//tea-guild"]
WORDS = ["given", "given", "refused", "withdrawn", "objected"]
SAID = st.dictionaries(st.sampled_from(RULES), st.sampled_from(WORDS), min_size=1, max_size=5)
ACTS = st.one_of(
    st.tuples(st.just("answer"), SAID),
    st.tuples(st.just("answer"), SAID),
    st.tuples(st.just("stale answer"), SAID),
    st.tuples(st.just("sign in"), st.integers(0, 1)),
    st.tuples(st.sampled_from(["sign out", "forget", "access", "erasure"]), st.none()),
    st.tuples(st.sampled_from(["restriction", "lift", "objection"]), st.none()),
    st.tuples(st.sampled_from(["profile", "import"]), st.integers(0, 1)),
)
HISTORIES = st.lists(st.tuples(st.integers(0, 2), ACTS), min_size=1, max_size=12)
WHERE = Where("demo", "en", "eu")
NUMBERS = ("C-000001", "C-000002")


async def _do(opened: Opened, browser: Browser, act: str, what: Any) -> None:
    house = opened.house
    if act == "answer":
        assert (await browser.answer(what)).status_code == 201
    elif (
        act == "stale answer"
    ):  # nobody knows this notice: a no is taken, a yes is refused with all that came beside it
        assert (await browser.answer(what, notice="shop@7")).status_code == (422 if "given" in what.values() else 201)
    elif act == "sign in":
        assert (await browser.sign_in(NUMBERS[what])).status_code == 201
    elif act in {"sign out", "forget"}:
        query = "?forget=true" if act == "forget" else ""
        assert (await browser.http.delete(f"/v1/session{query}")).status_code == 200
    elif act in {"access", "erasure", "restriction", "objection"}:
        assert (await browser.ask(act)).status_code in {201, 404}
    elif act == "lift":
        pressed = await browser.http.post("/preferences", data={"right": "lift", "idempotency_key": str(uuid4())})
        assert pressed.status_code in {200, 404}
    elif act == "profile":
        profile = Profile(NUMBERS[what], {Category("contact"): {"name": "Ada", "email": "ada@example.com"}})
        assert await house.profiles.put([profile], site_signals(house), WHERE) == [0]
    else:
        answers = (SaidAnswer(Purpose("remember"), Answer.GIVEN), SaidAnswer(Purpose("offers"), Answer.REFUSED))
        line = ImportedAnswer(NUMBERS[what], NoticeVersion("shop@1"), answers, datetime.now(UTC), "letter")
        await AnswerImport(house.desk, house.indexes).put([line, line], WHERE)


async def _live(opened: Opened, history: Sequence[tuple[int, tuple[str, Any]]]) -> Report:
    browsers = [opened.browser() for _ in range(3)]
    for who, (act, what) in history:
        await _do(opened, browsers[who], act, what)
    await opened.settle()
    assert await Reconciler(opened.house.desk).everybody() == 0, "what history may serve follows from each entry"
    async with opened.house.pools.house.acquire() as keys, opened.house.pools.house.acquire() as conn:
        return await verify(conn, opener(keys, opened.house.keyring))


def test_the_rows_are_what_the_bodies_say(database: Database, tmp_path: Path) -> None:
    """Answers, sign-ins and -outs, profiles, imports, restrictions, erasures of three browsers and two customers."""
    with running(database, tmp_path) as (runner, opened):

        @settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(HISTORIES)
        def live(history: list[tuple[int, tuple[str, Any]]]) -> None:
            report = runner.run(_live(opened, history))
            assert report.problem is None, report
            assert report.leaves == report.tree_size

        live()
        assert runner.run(_nobodys_rows(opened)) == 0


async def _nobodys_rows(opened: Opened) -> int:
    """Count sessions, keys and names of subjects without an entry: what an erasure would have left behind."""
    async with opened.as_admin() as admin:
        found: int = await admin.fetchval(
            "select count(*) from (select browser as subject from ecrm.session union all"
            " select account from ecrm.session union all select subject from ecrm.subject_key union all"
            " select subject from ecrm.record union all select subject from ecrm.blind_index union all"
            " select subject from ecrm.rights_request) x"
            " where x.subject is not null and not exists (select from ecrm.subject_state s where s.subject = x.subject)"
        )
    return found
