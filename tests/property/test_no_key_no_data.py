"""Promise 1, no key, no data: what is stored says nothing about anybody to whoever lacks the keys."""

import secrets
from base64 import b32encode, b64encode, urlsafe_b64encode
from hashlib import md5, sha1, sha256
from itertools import permutations
from pathlib import Path
from urllib.parse import quote

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where, hash_token
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.gate.types import Caller, Grant
from ecrm_privacy.vault.blind_index import IndexKind
from ecrm_privacy.vocabulary import Category
from tests.conftest import Database
from tests.houses import SESSION, Browser, ClusterKeyring, Opened, everything, open_for_test

pytestmark = pytest.mark.anyio

CONTACT, DEMOGRAPHICS = Category("contact"), Category("demographics")
PEOPLE = {
    "C-918273": {"name": "Ottilie Vanterpool", "email": "ottilie.vanterpool@example.com", "street": "7 Quince Walk"},
    "C-645546": {"name": "Zacharias Brightwell", "email": "z.brightwell@example.com", "street": "12 Loom Street"},
}
NEEDS = ["slot:greeting", "slot:for-you", "slot:history"]
WHERE = Where("demo", "en", "eu")


async def settle_in(opened: Opened) -> list[Browser]:
    """Two customers with profiles, signed in, who permit to be remembered and greeted."""
    profiles = [Profile(number, {CONTACT: fields}) for number, fields in PEOPLE.items()]
    assert await opened.house.profiles.put(profiles, site_signals(opened.house), WHERE) == [0, 0]
    browsers = []
    for number in PEOPLE:
        browsers.append(opened.browser())
        await browsers[-1].sign_in(number)
        await browsers[-1].answer({"remember": "given", "personalize": "given"})
    return browsers


async def grants(opened: Opened, number: str) -> dict[str, Grant]:
    return dict(await opened.house.gate.admit(Caller(customer_number=number), NEEDS, site_signals(opened.house)))


def spellings(value: str) -> set[str]:
    """A value as it could stand in a dump: as it is, encoded, or hashed without a key."""
    raw = value.encode()
    coded = {raw.hex(), b64encode(raw).decode().rstrip("="), urlsafe_b64encode(raw).decode().rstrip("=")}
    coded |= {b32encode(raw).decode().rstrip("="), quote(value), value.encode("utf-16-le").hex()}
    hashed = {hash_(each).hexdigest() for hash_ in (md5, sha1, sha256) for each in (raw, value.lower().encode())}
    inside = {b64encode(raw[at:]).decode()[2:-4] for at in range(3)}  # wherever it stands in something longer
    return {value, value.lower(), value.upper(), value[::-1], *coded, *hashed, *inside}


async def test_a_dump_holds_nobody(database: Database, tmp_path: Path) -> None:
    """No name, address, customer number or cookie is in any row, plain, encoded or hashed; nor in the key's absence."""
    async with open_for_test(database, tmp_path) as opened:
        browsers = await settle_in(opened)
        assert (await grants(opened, "C-918273"))["slot:greeting"].values == {CONTACT: PEOPLE["C-918273"]}
        secret = [*PEOPLE, *(value for fields in PEOPLE.values() for value in fields.values())]
        secret += [browser.cookies[SESSION] for browser in browsers]
        async with opened.as_admin() as admin:
            dump = "\n".join(row for rows in (await everything(admin)).values() for row in rows)
        for value in secret:
            found = {spelling for spelling in spellings(value) if spelling in dump}
            assert found <= {hash_token(value).hex()} if value in secret[-2:] else not found, value


async def test_another_key_file_opens_nothing(database: Database, tmp_path: Path) -> None:
    """The same rows under another root: nobody is found by number, and by cookie nothing opens."""
    async with open_for_test(database, tmp_path) as opened:
        browsers = await settle_in(opened)
    async with open_for_test(database, tmp_path, ClusterKeyring(secrets.token_bytes(32))) as thief:
        found = list((await grants(thief, "C-918273")).values())
        cookie = Caller(token_hash=hash_token(browsers[0].cookies[SESSION]))
        found += (await thief.house.gate.admit(cookie, NEEDS, site_signals(thief.house))).values()
        assert all(grant.is_empty for grant in found)


async def test_without_its_row_a_key_is_gone(database: Database, tmp_path: Path) -> None:
    """The sealed values are still there, and nobody opens them; another customer's are as they were."""
    async with open_for_test(database, tmp_path) as opened:
        await settle_in(opened)
        async with opened.as_admin() as admin:
            index = opened.house.indexes.of(IndexKind.CUSTOMER_NUMBER, "C-918273")
            await admin.execute(
                "delete from ecrm.subject_key where subject = (select subject from ecrm.blind_index where value = $1)",
                index,
            )
        assert all(grant.is_empty for grant in (await grants(opened, "C-918273")).values())
        assert (await grants(opened, "C-645546"))["slot:greeting"].values == {CONTACT: PEOPLE["C-645546"]}


MOVES = {
    "a key to another subject": "update ecrm.subject_key k set wrapped = o.wrapped from ecrm.subject_key o"
    " where o.subject = $2 and k.subject = $1 and o.category = k.category",
    "a key to another category": "update ecrm.subject_key k set wrapped = o.wrapped from ecrm.subject_key o"
    " where o.subject = $1 and k.subject = $1 and o.category = 'evidence' and $2::uuid is not null",
    "a record to another subject": "update ecrm.record r set sealed = o.sealed from ecrm.record o"
    " where o.subject = $2 and r.subject = $1 and o.field = r.field",
    "a record to another field": "update ecrm.record r set sealed = o.sealed from ecrm.record o"
    " where o.subject = $1 and r.subject = $1 and o.field <> r.field and $2::uuid is not null",
}


@pytest.mark.parametrize("move", MOVES)
async def test_what_was_moved_opens_nowhere(move: str, database: Database, tmp_path: Path) -> None:
    """Whoever can write in the database, and lacks the keys, can make nobody see another's data."""
    async with open_for_test(database, tmp_path) as opened:
        await settle_in(opened)
        async with opened.as_admin() as admin:
            mine, theirs = [
                await admin.fetchval(
                    "select subject from ecrm.blind_index where value = $1",
                    opened.house.indexes.of(IndexKind.CUSTOMER_NUMBER, number),
                )
                for number in PEOPLE
            ]
            for one, other in permutations((mine, theirs)):
                await admin.execute(MOVES[move], one, other)
        for number, fields in PEOPLE.items():
            shown = (await grants(opened, number))["slot:greeting"].values.get(CONTACT, {})
            assert all(fields[name] == value for name, value in shown.items())
            assert shown == {} or "another subject" in move


async def test_a_closed_purpose_opens_no_key(database: Database, tmp_path: Path) -> None:
    """Withdrawn, the same rows give nothing to that purpose; what the contract needs stays open to it alone."""
    async with open_for_test(database, tmp_path) as opened:
        browser, _ = await settle_in(opened)
        await browser.answer({"personalize": "withdrawn"})
        found = await grants(opened, "C-918273")
        assert found["slot:greeting"].is_empty and found["slot:for-you"].is_empty
        assert set(found["slot:history"].pseudonyms) == {"purchases"}
