"""Promise 1 over time: a write makes a key, and no earlier ciphertext of a field opens after a later write."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.errors import Tampered
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vocabulary import Category, SubjectId
from tests.conftest import Database
from tests.houses import Opened, running
from tests.lengths import examples

WHERE = Where("demo", "en", "eu")
CONTACT, DEMOGRAPHICS = Category("contact"), Category("demographics")
PLACES = [(CONTACT, "name"), (CONTACT, "email"), (CONTACT, "phone"), (DEMOGRAPHICS, "city"), (DEMOGRAPHICS, "age")]
WRITE = st.dictionaries(st.sampled_from(PLACES), st.sampled_from(["one", "two", "three"]), min_size=1, max_size=4)
Place = tuple[str, str]


async def put(opened: Opened, number: str, write: Mapping[tuple[Category, str], str]) -> None:
    fields: dict[Category, dict[str, str]] = defaultdict(dict)
    for (category, field), value in write.items():
        fields[category][field] = value
    assert await opened.house.profiles.put([Profile(number, fields)], site_signals(opened.house), WHERE) == [0]


async def known(opened: Opened) -> tuple[str, SubjectId]:
    """A customer whose data of every kind may be kept, and the subject that they are."""
    number, browser = f"C-{uuid4()}", opened.browser()
    await put(opened, number, {(CONTACT, "name"): "zero"})
    await browser.sign_in(number)
    assert (await browser.answer({"personalize": "given"})).status_code == 201
    standing = await opened.house.desk.standing(Caller(customer_number=number))
    assert standing.account is not None
    return number, standing.account.subject


async def sealed_of(opened: Opened, subject: SubjectId) -> dict[Place, bytes]:
    async with opened.as_admin() as admin:
        rows = await admin.fetch("select category, field, sealed from ecrm.record where subject = $1", subject)
    return {(row["category"], row["field"]): row["sealed"] for row in rows}


async def opening(opened: Opened, subject: SubjectId, place: Place, sealed: bytes) -> list[str]:
    """What a ciphertext opens to in its place, by whichever key of the subject."""
    category, field = Category(place[0]), place[1]
    async with opened.as_admin() as admin:
        rows = await admin.fetch(
            "select version, wrapped from ecrm.subject_key where subject = $1 and category = $2", subject, category
        )
    found = []
    for row in rows:
        key = keys.unwrap(opened.house.keyring, subject, category, row["version"], row["wrapped"])
        try:
            found.append(envelope.open_(key, field, sealed).decode())
        except Tampered:
            continue
    return found


async def live(opened: Opened, writes: Sequence[Mapping[tuple[Category, str], str]]) -> None:
    number, subject = await known(opened)
    told: dict[Place, str] = {(CONTACT, "name"): "zero"}
    earlier: set[tuple[Place, bytes]] = set()
    for write in writes:
        before = await sealed_of(opened, subject)
        changed = {category for (category, field), value in write.items() if told.get((category, field)) != value}
        await put(opened, number, write)
        told.update(write)
        stands = await sealed_of(opened, subject)
        assert {place: await opening(opened, subject, place, sealed) for place, sealed in stands.items()} == {
            place: [value] for place, value in told.items()
        }
        earlier |= {(place, sealed) for place, sealed in before.items() if place[0] in changed}
        for place, sealed in earlier:
            assert await opening(opened, subject, place, sealed) == [], place
    shown = await opened.house.rights.profile(Caller(customer_number=number))
    assert {(category, field): value for category in shown for field, value in shown[category].items()} == told


def test_no_earlier_ciphertext_opens_after_a_later_write(database: Database, tmp_path: Path) -> None:
    """Whatever is written in whatever order: of a category what was written last opens, and nothing from before."""
    with running(database, tmp_path) as (runner, opened):

        @settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(WRITE, min_size=1, max_size=5))
        def write(writes: list[dict[tuple[Category, str], str]]) -> None:
            runner.run(live(opened, writes))

        write()


def test_what_is_the_same_is_no_write(database: Database, tmp_path: Path) -> None:
    """A shop that sends everybody's data each night makes no key for whoever has not moved."""
    with running(database, tmp_path) as (runner, opened):
        number, subject = runner.run(known(opened))
        before = runner.run(sealed_of(opened, subject))
        runner.run(put(opened, number, {(CONTACT, "name"): "zero"}))
        assert runner.run(sealed_of(opened, subject)) == before


def test_writes_at_once_lose_nothing(database: Database, tmp_path: Path) -> None:
    """Each seals what the others wrote again under its own key: in the end every field is there."""
    with running(database, tmp_path) as (runner, opened):
        number, subject = runner.run(known(opened))

        async def at_once() -> None:
            await asyncio.gather(*(put(opened, number, {(CONTACT, f"field {n}"): "one"}) for n in range(6)))

        runner.run(at_once())
        stands = runner.run(sealed_of(opened, subject))
        assert {field for _, field in stands} == {"name", *(f"field {n}" for n in range(6))}
        opened_to = [runner.run(opening(opened, subject, place, sealed)) for place, sealed in stands.items()]
        assert sorted(opened_to) == [["one"]] * 6 + [["zero"]]


@pytest.mark.parametrize("damaged", ["email", "name"])
def test_a_field_that_does_not_open_keeps_nobody_from_writing(damaged: str, database: Database, tmp_path: Path) -> None:
    """It is written anew if it is among what is written, and else stays as it is: shut, and told."""
    with running(database, tmp_path) as (runner, opened):
        number, subject = runner.run(known(opened))
        runner.run(put(opened, number, {(CONTACT, "email"): "one"}))

        async def damage() -> None:
            async with opened.as_admin() as admin:
                await admin.execute(
                    "update ecrm.record set sealed = sealed || 'x' where subject = $1 and field = $2", subject, damaged
                )

        runner.run(damage())
        runner.run(put(opened, number, {(CONTACT, "email"): "two"}))
        stands = runner.run(sealed_of(opened, subject))
        found = {place[1]: runner.run(opening(opened, subject, place, sealed)) for place, sealed in stands.items()}
        assert found == {"email": ["two"], "name": [] if damaged == "name" else ["zero"]}
