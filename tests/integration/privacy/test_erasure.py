"""Promise 6, erased is gone: of a customer of the real shop, by its real commands, with everybody else still there."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ecrm_privacy import apart
from ecrm_privacy.cli import main
from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.rights.house import house_holders
from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind
from ecrm_privacy.vault.keyring import Keyring
from personalization.plugin import HOLDER
from tests.houses import SESSION
from tests.integration.privacy import matcher, traces
from tests.integration.privacy.conftest import SHOP, Shop
from tests.integration.privacy.dump import Dump
from tests.integration.privacy.visitors import Visitor, visitor

DONE_S_MOST = 60.0
YES = ("remember", "personalize", "model.contribute", "offers")
SLOTS = ("greeting", "for-you", "history")
HELD = frozenset().union(*(holder.tables for holder in (*house_holders(Keyring(bytes(32))), HOLDER)))


class Gone(msgspec.Struct, frozen=True):
    """A customer who was erased: what led to them, what they keep, and dumps from before and after."""

    customer: Mapping[str, str]
    names: tuple[str, ...]
    """Subject, pseudonyms, blind index, hash of the cookie, and names of counts, as a dump writes them."""
    purchases: str
    receipt: bytes
    status: Mapping[str, Any]
    before: Dump
    after: Dump


@pytest.fixture(scope="module")
def gone(shop: Shop, customers: list[dict[str, str]]) -> Gone:
    customer = next(one for one in customers[50:] if one["customer_number"] in _who_said_yes())
    with visitor(shop.group.demo()) as one:
        one.sign_in(customer["customer_number"])
        answered = one.answer(remember="given", personalize="given", advertise="refused").json()
        receipt = one.http.get(f"/v1/receipts/{answered['receipt_id']}", headers={"Accept": "text/plain"}).content
        assert one.ask("access").json()["status"] == "fulfilled"
        assert all(one.slot(name)["personal"] for name in SLOTS)
        while not one.http.get("/v1/uses").json()["uses"]:  # written down within seconds
            time.sleep(0.2)
        session, before = one.http.cookies[SESSION], shop.dump()
        request_id = one.ask("erasure").json()["request_id"]
        one.http.cookies.set(SESSION, session, domain="127.0.0.1")
        assert not any(one.slot(name)["personal"] for name in SLOTS), "the very next requests"
        status = _done(one, request_id)
    index = _binary(BlindIndexes(shop.keyring).of(IndexKind.CUSTOMER_NUMBER, customer["customer_number"]))
    subject = next(row["subject"] for row in before["ecrm.blind_index"] if row["value"] == index)
    purchases, browsing = (matcher.truth(before, shop.keyring, name)[subject] for name in ("purchases", "browsing"))
    counted = matcher.counted(before, shop.keyring, datetime.now(UTC).date())[subject]
    names = (subject, purchases, browsing, index, _binary(hash_token(session)), *counted)
    return Gone(customer, names, purchases, receipt, status, before, shop.dump())


def _who_said_yes() -> set[str]:
    """Return the customers who are remembered and contribute, so that every table holds something of them."""
    told = [msgspec.json.decode(line) for line in (SHOP / "answers.ndjson").read_bytes().splitlines()]
    return {
        line["customer_number"]
        for line in told
        if set(YES) <= {answer["purpose"] for answer in line["answers"] if answer["answer"] == "given"}
    }


def _binary(value: bytes) -> str:
    return "\\x" + value.hex()


def _done(one: Visitor, request_id: str) -> Mapping[str, Any]:
    deadline = time.monotonic() + DONE_S_MOST
    while time.monotonic() < deadline:
        status: Mapping[str, Any] = one.http.get(f"/v1/rights-requests/{request_id}").json()
        if status["status"] == "fulfilled":
            return status
        time.sleep(0.05)
    raise AssertionError("the erasure was not done in time")


def ecrm(*words: str | Path) -> tuple[int, str]:
    """Run a command of the shop's operator beside the running service."""
    command = [sys.executable, "-m", "ecrm_privacy", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


def test_no_row_and_no_key_is_left(gone: Gone) -> None:
    """Every table that a holder claims held this person, and afterwards nothing in the dump does."""
    held = {
        table
        for table, content in gone.before.tables.items()
        if any(name in row for row in content.rows for name in gone.names)
    }
    assert held == HELD
    text = gone.after.text.decode()
    assert [name for name in gone.names for written in (name, name.replace("-", "")) if written in text] == []


def test_nobody_else_lost_anything(gone: Gone) -> None:
    """Every other subject and pseudonym has as many rows as before, in every table that a holder claims."""
    for table in HELD:
        column = next(name for name in ("subject", "pseudonym", "account") if name in gone.before.tables[table].columns)
        counts = [Counter(row[column] for row in dump[table]) for dump in (gone.before, gone.after)]
        left = {name: count for name, count in counts[0].items() if name not in gone.names and name is not None}
        assert {name: counts[1][name] for name in left} == left, table


def test_the_counts_equal_a_rebuild_without_them(shop: Shop, gone: Gone) -> None:
    """Each item that they had contributed counts one person less, and the command that rebuilds agrees."""
    theirs = {row["item_id"] for row in gone.before["engine.contribution"] if row["pseudonym"] == gone.purchases}
    before, after = (
        {row["item_id"]: int(row["contributors"]) for row in dump["engine.item_count"]}
        for dump in (gone.before, gone.after)
    )
    assert theirs
    assert {item: after.get(item, 0) for item in before} == {item: before[item] - (item in theirs) for item in before}
    status, said = ecrm("aggregate", "verify", "--data-dir", shop.config.data_dir)
    assert (status, "exact" in said) == (0, True), said


def test_the_log_is_sound_and_the_saved_receipt_checks_offline(
    shop: Shop, gone: Gone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The erased entry stays, and the person's own copy proves what they said without the service."""
    status, said = ecrm("ledger", "verify", "--data-dir", shop.config.data_dir)
    assert (status, said.startswith("sound")) == (0, True), said
    alone = said
    monkeypatch.setattr(apart, "BODIES_WORTH_IT", 1)
    assert main(["ledger", "verify", "--data-dir", str(shop.config.data_dir)]) == 0
    assert capsys.readouterr().out.split("; key")[0] == alone.split("; key")[0]  # in processes, each a share
    copy = tmp_path / "receipt.tlog-proof"
    copy.write_bytes(gone.receipt)
    with visitor(shop.group.demo()) as one:
        key = one.http.get("/ledger/key").text.strip()
    status, said = ecrm("ledger", "verify", "--receipt", copy, "--key", key)
    assert (status, said.startswith("sound")) == (0, True), said


def test_what_remains_names_nobody(gone: Gone) -> None:
    """Neither the certificate nor the dump has name, address or number of the person, in any encoding."""
    values = [gone.customer[field] for field in ("customer_number", "name", "email")]
    hays = [gone.after.text, gone.after.binary(), msgspec.json.encode(gone.status), gone.receipt]
    assert gone.status["certificate"]["goes"]
    assert traces.find(values, hays) == []


def test_who_comes_back_finds_nothing(shop: Shop, gone: Gone) -> None:
    """The same customer signs in again: nothing is personal, and the export holds this sign-in and nothing else."""
    with visitor(shop.group.demo()) as one:
        one.sign_in(gone.customer["customer_number"])
        assert not any(one.slot(name)["personal"] for name in SLOTS)
        request_id = one.ask("access").json()["request_id"]
        (package,) = one.http.get(f"/v1/rights-requests/{request_id}/export").json()["about_you"]
    assert set(package) == {"answers", "sessions", "requests"}
    assert package["answers"]["current"] == []
    assert [act["record"].get("consents", []) for act in package["answers"]["acts"]] == [[]]
    assert traces.find([gone.customer["name"], gone.customer["email"]], [msgspec.json.encode(package)]) == []
