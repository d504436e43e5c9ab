"""An older copy of the data directory is put back: nothing is signed, nobody is served, and there is a way on."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.checkpoint import Checkpoint, parse_checkpoint, split_note
from ecrm_privacy.ledger.receipt import verify_receipt
from tests.houses import Browser, Opened
from tests.integration.restore.backup import Service, Visitor

YES = {"remember": "given", "personalize": "given"}
PEOPLE = ("steady", "erased", "withdrew", "refused")
FROZEN = "/problems/log-frozen"
USES = (
    "select json_object_agg(purpose, n order by purpose)::text"
    " from (select purpose, count(*) as n from ecrm.pseudonym_use group by purpose) u"
)


class Told(msgspec.Struct):
    """What the service told the outside before its database was put back."""

    receipts: dict[str, str]
    notes: list[str]
    leaves: list[bytes]
    key: str
    names: dict[str, str] = {}


class Story:
    """Four people; a backup; then one is erased, one withdraws and a fifth comes; then the backup is put back."""

    def __init__(self, folder: Path) -> None:
        self.service = Service(folder)
        self.people = {name: Visitor() for name in PEOPLE}
        self.receipt_urls: dict[str, str] = {}
        self.service.run(self.before)
        copy = self.service.back_up()
        self.told = self.service.run(self.after)
        self.service.restore(copy)

    async def before(self, opened: Opened) -> None:
        """Everybody answers, and what they got is published."""
        for name, visitor in self.people.items():
            said = {**YES, "measure": "objected", "offers": "refused"} if name == "refused" else YES
            reply = await visitor.at(opened).answer(said)
            assert reply.status_code == 201
            self.receipt_urls[name] = f"/v1/receipts/{reply.json()['receipt_id']}"
        await public_note(opened.browser())

    async def after(self, opened: Opened) -> Told:
        """What the backup does not know."""
        browser = opened.browser()
        notes = [await public_note(browser)]
        receipts = {name: await proof(browser, self.receipt_urls[name]) for name in PEOPLE}
        assert (await self.people["erased"].at(opened).ask("erasure")).status_code == 201
        late = await Visitor().at(opened).answer(YES)
        receipts["late"] = await proof(browser, f"/v1/receipts/{late.json()['receipt_id']}")
        assert (await self.people["withdrew"].at(opened).answer({"personalize": "withdrawn"})).status_code == 201
        notes.append(await public_note(browser))
        async with opened.house.pools.house.acquire() as conn:
            rows = await conn.fetch("select leaf from ecrm.ledger_entry order by leaf_index")
        key = (await browser.http.get("/ledger/key")).text.strip()
        return Told(receipts, notes, [row["leaf"] for row in rows], key)


async def public_note(browser: Browser) -> str:
    await asyncio.sleep(0.02)  # a period
    reply = await browser.http.get("/ledger/checkpoint")
    assert reply.status_code == 200, reply.text
    return reply.text


async def proof(browser: Browser, url: str) -> str:
    reply = await browser.http.get(url, headers={"Accept": "text/plain"})
    assert reply.status_code == 200, reply.text
    return reply.text


def checkpoints(told: Told) -> list[Checkpoint]:
    """Everything that was signed: public checkpoints, and those of receipts."""
    notes = [*told.notes, *(text[text.index("\n\n") + 2 :] for text in told.receipts.values())]
    return [parse_checkpoint(split_note(note)[0]) for note in notes]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The service as it is found after the backup was put back; the tests follow one another."""
    return Story(tmp_path_factory.mktemp("restore"))


def test_it_stays_up_and_serves_nobody(story: Story) -> None:
    """Health says why; nothing is recorded, signed, copied or opened; the non-personal page is there."""

    async def look(opened: Opened) -> None:
        browser = story.people["steady"].at(opened)
        ready = await browser.http.get("/health/ready")
        assert ready.status_code == 503 and "behind what was published" in ready.json()["missing"]["log"]
        for reply in (
            await browser.answer({"personalize": "refused"}),
            await opened.browser().answer({"personalize": "refused"}),
            await browser.http.get("/v1/permissions"),
            await browser.http.get("/v1/receipts"),
            await browser.http.get(story.receipt_urls["erased"]),
            await browser.http.get("/ledger/checkpoint"),
            await browser.ask("access"),
            await browser.ask("erasure"),
            await browser.sign_in("C-000001"),
            await browser.http.delete("/v1/session?forget=true"),
        ):
            assert (reply.status_code, reply.json()["type"]) == (503, FROZEN), reply.request.url
            assert reply.headers["retry-after"] == "60"
        for name in PEOPLE:
            visitor = story.people[name].at(opened)
            page = await visitor.http.get("/pages/yours")
            slot = await visitor.http.get("/v1/slots/for-you", headers={"Accept": "application/json"})
            assert page.status_code == slot.status_code == 200 and slot.json()["personal"] is False
        assert (await browser.http.get("/v1/notice?public=1")).status_code == 200
        async with opened.house.pools.house.acquire() as conn:
            assert await conn.fetchval("select tree_size from ecrm.ledger_head") == 5
            assert await conn.fetchval(USES) == '{ "order" : 4, "remember" : 4 }'

    story.service.run(look)
    story.service.run(look)  # a further start changes nothing


def test_the_operator_must_know_what_was_restored(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Another size is refused, and a dry run says what would be done and does nothing."""
    assert story.service.ecrm("aggregate", "run") == 2, "who withdrew would be counted again"
    assert story.service.ecrm("ledger", "shard", "--from", "4") == 1
    assert "has 5 entries, not 4" in capsys.readouterr().out
    assert story.service.ecrm("ledger", "shard", "--from", "5", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "Erased again: 1 people" in said and "localhost/ecrm/2" in said and "Nothing was changed" in said


def test_the_way_on(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Erased people stay erased, a yes is asked again, a no stands, and the log is sound."""
    assert story.service.ecrm("ledger", "shard", "--from", "5") == 0, capsys.readouterr()
    assert story.service.ecrm("ledger", "shard", "--from", "5") == 1
    assert "not frozen" in capsys.readouterr().out
    told = story.service.run(lambda opened: served_again(story, opened))
    capsys.readouterr()
    assert story.service.ecrm("ledger", "verify") == 0 and told.key in capsys.readouterr().out
    assert story.service.ecrm("keys", "status") == 0 and told.key in capsys.readouterr().out
    consistent(story, told)


async def served_again(story: Story, opened: Opened) -> Told:
    assert (await opened.browser().http.get("/health/ready")).json()["missing"] == {}
    for name in ("steady", "withdrew"):
        row = await permission(story.people[name].at(opened), "personalize")
        assert (row["allowed"], row["because"]) == (False, "stale_notice")
        assert (await story.people[name].at(opened).http.get("/v1/permissions")).json()["answer_due"] is True
    refused = story.people["refused"].at(opened)
    assert (await permission(refused, "measure"))["because"] == "objected"
    assert (await permission(refused, "offers"))["because"] == "refused"
    gone = story.people["erased"].at(opened)
    assert (await permission(gone, "personalize"))["status"] == "unknown"
    assert (await gone.http.get(story.receipt_urls["erased"])).status_code == 404
    async with opened.house.pools.house.acquire() as conn:
        assert await conn.fetchval("select count(*) from ecrm.subject_state") == 3
        assert await conn.fetchval(USES) == '{ "order" : 3 }'  # batch work sees nobody who is asked again
    steady = story.people["steady"].at(opened)
    reply = await steady.answer(YES)
    assert {"remember", "personalize"} <= await steady.allowed()
    browser = opened.browser()
    receipts = {"new": await proof(browser, f"/v1/receipts/{reply.json()['receipt_id']}")}
    notes = [await public_note(browser)]
    statement = (await browser.http.get("/ledger/statement/5")).json()
    said: dict[str, Any] = msgspec.json.decode(statement["payload"])
    assert said["act"] == "ledger.shard" and said["nothing_lost"] is False and said["erased_again"] == 1
    assert said["from"]["origin"] == "localhost/ecrm" and said["former_keys"] == [story.told.key]
    highest = parse_checkpoint(split_note(said["highest_shown"])[0])
    assert highest.tree_size >= max(shown.tree_size for shown in checkpoints(story.told))
    story.told.notes.append(said["highest_shown"])
    key = (await browser.http.get("/ledger/key")).text.strip()
    assert said["key"] == key
    async with opened.house.pools.house.acquire() as conn:
        rows = await conn.fetch("select leaf from ecrm.ledger_entry order by leaf_index")
    return Told(receipts, notes, [row["leaf"] for row in rows], key)


async def permission(browser: Browser, purpose: str) -> dict[str, Any]:
    rows = (await browser.http.get("/v1/permissions")).json()["permissions"]
    (row,) = [row for row in rows if row["purpose"] == purpose and "channel" not in row and "recipient" not in row]
    return dict(row)


def consistent(story: Story, told: Told) -> None:
    """Each receipt checks with the key of its time alone; what one name signed is one log, the other's another."""
    for each, other in ((story.told, told), (told, story.told)):
        for text in each.receipts.values():
            assert verify_receipt(text, each.key)
            with pytest.raises(Tampered):
                verify_receipt(text, other.key)
        hashes = [merkle.leaf_hash(leaf) for leaf in each.leaves]
        names = {checkpoint.origin for checkpoint in checkpoints(each)}
        assert names == {each.key.partition("+")[0]}
        for checkpoint in checkpoints(each):
            assert checkpoint.tree_size <= len(hashes)
            assert merkle.root(hashes[: checkpoint.tree_size]) == checkpoint.root_hash
    assert story.told.leaves[:5] == told.leaves[:5] and story.told.leaves[5] != told.leaves[5]
