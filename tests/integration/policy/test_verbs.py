"""`ecrm policy`: what it counts, what it asks, what it leaves alone, and what it says."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from ecrm_privacy.cli import main
from ecrm_privacy.errors import PolicyRefused
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.store import active_hash
from ecrm_privacy.verbs_policy import compare, put
from tests.conftest import Database
from tests.houses import Opened, logged, open_for_test
from tests.unit.policy.policies import FOLDER, SHIPPED, bundle, tree

pytestmark = pytest.mark.anyio

Read = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _log_is_put_back() -> Iterator[None]:
    """The program sets logging up for its whole process; here other tests follow."""
    with logged():
        yield


@pytest.fixture
async def opened(database: Database, tmp_path: Path) -> AsyncIterator[Opened]:
    async with open_for_test(database, tmp_path) as house:
        yield house


def asking_again(*purposes: str) -> Bundle:
    changed = tree()
    changed["notices"]["shop@2"] = {**changed["notices"]["shop@1"], "asks_again": list(purposes)}
    return bundle(changed)


async def active(opened: Opened) -> bytes:
    async with opened.house.pools.house.acquire() as conn:
        row = await active_hash().first(conn)
    assert row is not None
    return row.bundle


async def crowd(opened: Opened) -> None:
    """Two who said yes to personalizing, one who withdrew it, one who said yes to remembering alone."""
    one, other, third, fourth = (opened.browser() for _ in range(4))
    await one.answer({"personalize": "given", "remember": "given"})
    await other.answer({"personalize": "given", "offers": "given", "offers/post": "given"})
    await third.answer({"personalize": "given", "remember": "given"})
    await third.answer({"personalize": "withdrawn"})
    await fourth.answer({"remember": "given"})


async def test_a_change_counts_whom_it_asks_again(opened: Opened, capsys: Read) -> None:
    """By purpose whose yes ends and whose no is asked again, and how many people that is in all; nothing is changed."""
    await crowd(opened)
    capsys.readouterr()
    assert await compare(opened.house, asking_again("personalize", "remember")) == 0
    said = capsys.readouterr().out
    assert "asked again: personalize: 3 people, 2 whose yes stops counting and 1 who said no" in said
    assert "asked again: remember: 3 people, 3 whose yes stops counting and 0 who said no" in said
    assert "asked again: 4 different people in all" in said
    assert await active(opened) == SHIPPED.hash


async def test_a_program_reads_the_same(opened: Opened, capsys: Read) -> None:
    """With --json the differences and the numbers are one document."""
    await crowd(opened)
    capsys.readouterr()
    assert await compare(opened.house, asking_again("personalize"), as_json=True) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert told["ask_again"] == [{"purpose": "personalize", "people": 3, "yes": 2, "no": 1}]
    assert told["people"] == 3
    assert (told["unasked"], told["regimes_gone"], told["people_closed"]) == ([], [], 0)
    assert [line["file"] for line in told["editorial"]] == ["notices/shop@2.toml"]


async def test_who_lives_under_a_law_that_is_gone_is_counted(opened: Opened, capsys: Read) -> None:
    """A regime that no jurisdiction has any more closes everything to those who live under it: say how many."""
    await crowd(opened)
    changed = tree()
    changed["jurisdictions"] = {
        name: {**law, "regime": "uk-gdpr" if law["regime"] == "gdpr" else law["regime"]}
        for name, law in changed["jurisdictions"].items()
    }
    for purpose in changed["purposes"].values():
        if "opt_out_signal" in purpose:
            purpose["opt_out_signal"].remove("gdpr")
    capsys.readouterr()
    assert await compare(opened.house, bundle(changed)) == 0
    assert "gone: gdpr: everything but what is required is closed to 4 people" in capsys.readouterr().out


async def test_a_dry_run_changes_nothing(opened: Opened, capsys: Read) -> None:
    """It says what would be, and the policy in force stays."""
    assert await put(opened.house, asking_again("personalize"), dry_run=True) == 0
    assert capsys.readouterr().out.endswith("asked again: 0 different people in all\ndry run: nothing was changed\n")
    assert await active(opened) == SHIPPED.hash


async def test_a_person_at_a_terminal_is_asked(opened: Opened, capsys: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers come first, and only the whole word puts it in force; a program is not asked."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    newer = asking_again("personalize")
    for said in ("", "y", "no"):
        monkeypatch.setattr("builtins.input", lambda _, said=said: said)
        assert await put(opened.house, newer) == 1
        assert await active(opened) == SHIPPED.hash
    assert "asked again: personalize: 0 people, " in capsys.readouterr().out
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert await put(opened.house, newer) == 0
    assert await active(opened) == newer.hash
    assert await put(opened.house, SHIPPED, yes=True) == 0
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert await put(opened.house, newer) == 0
    assert await active(opened) == newer.hash


async def test_what_was_widened_and_asks_nobody_is_refused(opened: Opened, capsys: Read) -> None:
    """Not even --yes puts more data under an old yes."""
    changed = tree()
    changed["purposes"]["offers"]["categories"].append("demographics")
    assert await put(opened.house, bundle(changed), yes=True) == 1
    assert "no notice asks again: offers" in capsys.readouterr().out
    assert await active(opened) == SHIPPED.hash


async def test_a_policy_that_cannot_be_read_is_replaced_by_name_only(database: Database, tmp_path: Path) -> None:
    """The service says what to do and does not start; `activate` starts without it and puts new documents in force."""
    async with open_for_test(database, tmp_path) as opened:
        keyring = opened.house.keyring
        async with opened.as_admin() as admin:
            await admin.execute(
                "update ecrm.policy_bundle set documents = convert_to(replace(convert_from(documents, 'UTF8'),"
                " '{\"v\":1', '{\"v\":0'), 'UTF8')"
            )
        reply = await (worker := opened.browser()).http.get("/v1/permissions")
        assert reply.status_code == 200  # a worker that has read it goes on
        await worker.http.aclose()
    with pytest.raises(PolicyRefused, match=r"format 0, this program reads 1\).*`ecrm policy activate DIR`"):
        async with open_for_test(database, tmp_path, keyring):
            pass
    told: list[str] = []

    def instead(why: str) -> Bundle:
        told.append(why)
        return asking_again("personalize")

    async with open_for_test(database, tmp_path, keyring, instead=instead) as opened:
        assert told and await active(opened) == asking_again("personalize").hash
        assert (await opened.browser().http.get("/v1/permissions")).json()["notice"] == "shop@2"


async def test_a_worker_answers_with_a_problem_that_has_a_name(opened: Opened) -> None:
    """When a newer program put a policy in force that this one cannot read: 503, come again, and not a fault."""
    browser = opened.browser()
    await browser.answer({"personalize": "given"})
    newer = asking_again("personalize")
    async with opened.as_admin() as admin:
        await admin.execute(
            "insert into ecrm.policy_bundle (bundle, documents) values ($1, $2)",
            newer.hash, newer.documents.replace(b'{"v":1', b'{"v":9'),
        )  # fmt: skip
        await admin.execute("update ecrm.policy_active set bundle = $1", newer.hash)
    reply = await browser.http.get("/v1/permissions")
    assert (reply.status_code, reply.json()["type"]) == (503, "/problems/policy-unreadable")
    assert int(reply.headers["retry-after"]) >= 60


# without a database ---------------------------------------------------------------------------------------------------


def test_check_tells_problems_from_warnings(tmp_path: Path, capsys: Read) -> None:
    """0 with warnings, 1 with problems of either kind, 2 with nothing to read."""
    folder = tmp_path / "policies"
    shutil.copytree(FOLDER, folder)
    assert main(["policy", "check", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("sound: 8 purposes, 1 notices, 28 jurisdictions, 13200 rows")
    site = folder / "sites" / "demo.toml"
    site.write_text(site.read_text("utf-8").replace("storage_location", "# storage_location"))
    assert main(["policy", "check", str(folder)]) == 0
    assert "warning: sites/demo.toml: controller.storage_location: missing" in capsys.readouterr().out
    uk = folder / "jurisdictions" / "uk.toml"
    uk.write_text(uk.read_text("utf-8").replace("age_of_consent_years = 13", "age_of_consent_years = 12"))
    assert main(["policy", "check", str(folder)]) == 1
    said = capsys.readouterr().out
    assert (
        "problem: jurisdictions/uk.toml: age_of_consent_years: 12, the law of 'uk' says 13" in said
        and "sound" not in said
    )
    assert main(["policy", "activate", str(folder)]) == 1
    assert "--despite-problems" in capsys.readouterr().out
    uk.write_text("regime =")
    assert main(["policy", "check", str(folder)]) == 1
    assert "problem: jurisdictions/uk.toml: not TOML" in capsys.readouterr().out
    assert main(["policy", "check", str(tmp_path / "nowhere")]) == 2


def test_check_shows_where_each_law_is_read(capsys: Read) -> None:
    """With --verbose each law is cited: document, law, article, address."""
    assert main(["policy", "check", "--verbose", str(FOLDER)]) == 0
    said = capsys.readouterr().out
    assert "source: jurisdictions/us-ca.toml: 11 CCR, 7025: opt-out preference signals: https://" in said
    assert sum(line.startswith("source: ") for line in said.splitlines()) == sum(
        len(law.sources) for law in SHIPPED.jurisdictions.values()
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("personalize", "'personalize' under 'gdpr', where nothing was said: not allowed (unknown)"),
        ("personalize --region us-wy", "'personalize' under 'opt-out', where nothing was said: allowed (opt_out)"),
        ("offers --channel sms --status given --stale", "not allowed (stale_notice)"),
        ("share --recipient tea-guild --region de --status given --gpc", "not allowed (gpc)"),
        (
            "order --restricted",
            "'order' under 'gdpr', where nothing was said, processing is restricted: allowed (required)",
        ),
        ("remember --regime strict --status renewed --under-age", "not allowed (under_age)"),
    ],
)
def test_explain_answers_one_question(asked: str, said: str, capsys: Read) -> None:
    """A purpose, perhaps with a channel or a recipient, and what is so: one sentence."""
    assert main(["policy", "explain", *asked.split(), "--documents", str(FOLDER)]) == 0
    out = capsys.readouterr().out
    assert said in out and out.count("\n") == 1


@pytest.mark.parametrize("asked", ["newsletter", "offers --channel fax", "offers --regime lgpd"])
def test_explain_knows_what_the_policy_has(asked: str, capsys: Read) -> None:
    """What the policy does not have is said, with what it has."""
    assert main(["policy", "explain", *asked.split(), "--documents", str(FOLDER)]) == 2
    assert "personalize" in (err := capsys.readouterr().err) or "uk-gdpr" in err
