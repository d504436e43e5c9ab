"""Promise 10, no identifier before a yes: whatever is refused, in whatever way, nobody gets a name for it."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Database
from tests.houses import CHOICE, SESSION, Opened, name_of, running
from tests.lengths import examples
from tests.unit.policy.policies import SHIPPED

RULES = [
    name_of({"purpose": rule.purpose, "channel": rule.channel, "recipient": rule.recipient})
    for rule in SHIPPED.rules
    if rule.purpose != "order"
]
NOTICES = st.sampled_from(["shop@1", "shop@1", "shop@7", "", "nobody@example.com"])
NOS = st.dictionaries(
    st.sampled_from(RULES), st.sampled_from(["refused", "withdrawn", "objected"]), min_size=1, max_size=6
)
PAGES = st.sampled_from(["/v1/notice", "/v1/notice?public=1", "/v1/permissions", "/v1/receipts", "/preferences"])
LINKED = ("session", "subject_state", "consent_status", "subject_key", "record", "blind_index", "pseudonym")


async def _visit(opened: Opened, acts: list[tuple[str, dict[str, str]] | str]) -> None:
    browser = opened.browser()
    for act in acts:
        if isinstance(act, str):
            reply = await browser.http.get(act)
            assert reply.status_code == 200 and "set-cookie" not in reply.headers
        else:
            reply = await browser.answer(act[1], notice=act[0])
            assert reply.status_code == 201, reply.text
            assert set(browser.cookies) == {CHOICE}
            assert len(browser.cookies[CHOICE]) <= 60
    assert SESSION not in browser.cookies


async def _nobody(opened: Opened) -> None:
    async with opened.as_admin() as admin:
        for table in LINKED:
            assert await admin.fetchval(f"select count(*) from ecrm.{table}") == 0, table
        assert await admin.fetchval("select count(*) from ecrm.body where subject is not null") == 0


def test_no_answer_without_a_yes_leaves_a_name(database: Database, tmp_path: Path) -> None:
    """Refusals, withdrawals and objections, to good, stale and no notices, between pages: a cookie without a name."""
    with running(database, tmp_path) as (runner, opened):

        @settings(max_examples=examples(40), deadline=None)
        @given(st.lists(st.tuples(NOTICES, NOS) | PAGES, min_size=1, max_size=4))
        def visit(acts: list[tuple[str, dict[str, str]] | str]) -> None:
            runner.run(_visit(opened, acts))

        visit()
        runner.run(_nobody(opened))


def test_a_no_is_remembered_by_what_was_said_alone(database: Database, tmp_path: Path) -> None:
    """Two browsers that refuse the same get byte-identical cookies, and neither is asked again."""
    with running(database, tmp_path) as (runner, opened):

        async def refuse() -> str:
            browser = opened.browser()
            everything = {rule: "refused" for rule in RULES if "/" not in rule}
            assert not (await browser.answer(everything, method="refuse_all")).json()["answer_due"]
            assert not (await browser.http.get("/v1/permissions")).json()["answer_due"]
            return browser.cookies[CHOICE]

        assert runner.run(refuse()) == runner.run(refuse())


def test_a_yes_to_what_is_required_needs_no_name(database: Database, tmp_path: Path) -> None:
    """The service consists of it anyway; the first yes that keeps something brings the session's cookie."""
    with running(database, tmp_path) as (runner, opened):

        async def answer() -> None:
            browser = opened.browser()
            await browser.answer({"order": "given", "remember": "refused"})
            assert set(browser.cookies) == {CHOICE}
            await browser.answer({"remember": "given"}, notice="shop@1")
            assert set(browser.cookies) == {CHOICE, SESSION}
            session = next(cookie for cookie in browser.http.cookies.jar if cookie.name == SESSION)
            assert session.has_nonstandard_attr("HttpOnly")

        runner.run(answer())
