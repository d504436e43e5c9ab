"""One item that does not open keeps nobody from the rest of their data."""

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.rights.wording import UNOPENED
from ecrm_privacy.vocabulary import Category
from tests.houses import Opened

pytestmark = pytest.mark.anyio

FIELDS = {Category("contact"): {"name": "Ottilie Vanterpool", "email": "ottilie@example.com"}}
DAMAGE = {
    "a body": "update ecrm.body set sealed = sealed || 'x' where subject = $1 and leaf_index ="
    " (select min(leaf_index) from ecrm.body where subject = $1)",
    "its wrap": "update ecrm.body set wrapped_for_subject = 'x' where subject = $1 and leaf_index ="
    " (select min(leaf_index) from ecrm.body where subject = $1)",
    "a field": "update ecrm.record set sealed = sealed || 'x' where subject = $1 and field = 'name'",
    "the key of the profile": "update ecrm.subject_key set wrapped = decode(repeat('00', 66), 'hex')"
    " where subject = $1 and category = 'contact'",
    "the key of the evidence": "delete from ecrm.subject_key where subject = $1 and category = 'evidence'",
}
UNOPENED_PARTS = {
    "a body": (1, set()), "its wrap": (1, set()), "a field": (0, {"name"}),
    "the key of the profile": (0, {"name", "email"}), "the key of the evidence": (2, set()),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_copy_says_what_does_not_open_and_goes_on(damage: str, opened: Opened, number: str) -> None:
    """The item is named as being there; all others are as before, in the file and on the page."""
    house = opened.house
    await house.profiles.put([Profile(number, FIELDS)], site_signals(house), Where("demo", "en", "eu"))
    browser = opened.browser()
    await browser.sign_in(number)
    await browser.answer({"remember": "given"})
    async with opened.as_admin() as admin:
        subject = await admin.fetchval("select subject from ecrm.body order by leaf_index desc limit 1")
        await admin.execute(DAMAGE[damage], subject)
    request_id = (await browser.ask("access")).json()["request_id"]
    reply = await browser.http.get(f"/v1/rights-requests/{request_id}/export")
    assert reply.status_code == 200, reply.text
    (part,) = reply.json()["about_you"]
    bodies, fields = UNOPENED_PARTS[damage]
    acts = [act["record"] for act in part["answers"]["acts"]]
    assert len(acts) == 2 and acts.count(UNOPENED) == bodies
    shown = {name: UNOPENED if name in fields else value for name, value in FIELDS[Category("contact")].items()}
    assert part["profile"]["contact"] == shown
    page = await browser.http.get(f"/requests/{request_id}/copy")
    assert page.status_code == 200 and (UNOPENED in page.text) == bool(bodies or fields)
