"""What the gate makes of rows: values and pseudonyms, never a subject, never a key."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ecrm_privacy.errors import Unavailable
from ecrm_privacy.gate.admit import NOBODY, Gate
from ecrm_privacy.gate.store import AdmitRow, Ask, Behind, admit
from ecrm_privacy.gate.types import Caller, Grant, Signals
from ecrm_privacy.gate.uses import UseLog
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vault.uses import Counted
from ecrm_privacy.vocabulary import Category, Purpose, Regime, SubjectId
from tests.houses import logged
from tests.unit.policy.policies import SHIPPED

pytestmark = pytest.mark.anyio

KEYRING = Keyring(bytes(range(32)))
ADA, BEN = SubjectId(UUID(int=1)), SubjectId(UUID(int=2))
HERE = Signals(Regime("gdpr"))
NEED = "slot:for-you"


def said(allowed: bool = True, because: str = "consent", need: str = NEED, **more: Any) -> AdmitRow:
    """The row of a need itself."""
    plain = dict.fromkeys(("subject", "category", "version", "wrapped", "fields", "sealed", "until"))
    row = {"n": 0, "need": need, "bundle": SHIPPED.hash, "purpose": "personalize", "status": "given", **plain, **more}
    return AdmitRow(allowed=allowed, because=because, **row)


def opening(category: str, subject: SubjectId = ADA, version: int = 1, **fields: str) -> tuple[AdmitRow, SubjectKey]:
    """The row of a key that a need opens, and that key."""
    key, wrapped = keys.new(KEYRING, subject, Category(category), version)
    sealed = {name: envelope.seal(key, name, value.encode()) for name, value in fields.items()}
    row = said(
        subject=subject, category=category, version=version, wrapped=wrapped,
        fields=list(sealed) or None, sealed=list(sealed.values()) or None,
    )  # fmt: skip
    return row, key


async def granted(rows: Sequence[AdmitRow], needs: Sequence[str] = (NEED,), system: str = "") -> dict[str, Grant]:
    async def look(_ask: Ask) -> list[AdmitRow]:
        return list(rows)

    async def know(_hash: bytes) -> Bundle:
        return SHIPPED

    async def write(_made: Sequence[Counted]) -> int:
        raise Unavailable

    gate = Gate(look, KEYRING, know, UseLog(write, KEYRING))
    return dict(await gate.admit(Caller(token_hash=bytes(32), system=system), needs, HERE))


async def test_values_are_opened_and_histories_are_named() -> None:
    """Sealed fields by category and name; of behaviour the pseudonym, one per key."""
    contact, _ = opening("contact", name="Ada", city="Ely")
    first, one = opening("browsing")
    second, two = opening("browsing", version=2)
    grant = (await granted([said(), contact, first, second]))[NEED]
    assert grant.values == {"contact": {"name": "Ada", "city": "Ely"}}
    assert grant.pseudonyms == {"browsing": (pseudonym(one), pseudonym(two))}
    assert grant.all_pseudonyms() == [pseudonym(one), pseudonym(two)] and not grant.is_empty


async def test_a_grant_holds_no_subject_and_no_key() -> None:
    """Nothing in it leads back, not even in its representation."""
    contact, key = opening("contact", name="Ada")
    browsing, other = opening("browsing")
    text = repr(await granted([said(), contact, browsing]))
    assert str(ADA) not in text and ADA.hex not in text
    for secret in (key, other):
        assert secret.dek.reveal().hex() not in text and repr(secret.dek.reveal()) not in text


async def test_a_key_without_fields_names_no_history_of_what_is_no_behaviour() -> None:
    """A person without an address yet has nothing to show, and no pseudonym for addresses."""
    contact, _ = opening("contact")
    assert (await granted([said(), contact]))[NEED].is_empty


@pytest.mark.parametrize(
    "change",
    [
        {"subject": BEN},
        {"category": "preferences"},
        {"version": 2},
        {"wrapped": bytes(66)},
        {"wrapped": b"short"},
    ],
)
async def test_a_key_that_is_not_this_ones_opens_nothing(change: dict[str, Any]) -> None:
    """What was moved or altered is left out; the rest of the grant stands."""
    contact, _ = opening("contact", name="Ada")
    browsing, key = opening("browsing")
    grant = (await granted([said(), msgspec.structs.replace(contact, **change), browsing]))[NEED]
    assert grant.values == {} and grant.pseudonyms == {"browsing": (pseudonym(key),)}


async def test_the_key_for_counting_is_nothing_to_hand_out() -> None:
    """It comes with what is opened, and is in no grant; a need that opened nothing is as empty as before."""
    counting, key = opening("accountability")
    contact, _ = opening("contact", name="Ada")
    grant = (await granted([counting, contact]))[NEED]
    assert grant.values == {"contact": {"name": "Ada"}} and not grant.pseudonyms
    assert key.dek.reveal().hex() not in repr(grant)
    assert (await granted([counting]))[NEED].is_empty


async def test_others_get_nothing_that_cannot_be_counted() -> None:
    """Without a key to count under, and while counts cannot be written, a system's grant is empty; a page's is not."""
    counting, _ = opening("accountability")
    contact, _ = opening("contact", name="Ada")
    for rows in ([counting, contact], [said(), contact]):
        assert (await granted(rows, system="tea-guild"))[NEED] == Grant(NOBODY)
        assert not (await granted(rows))[NEED].is_empty


async def test_a_field_that_does_not_check_is_left_out() -> None:
    """One altered value is no reason to forget the others."""
    contact, _ = opening("contact", name="Ada", city="Ely")
    assert contact.sealed is not None
    altered = msgspec.structs.replace(contact, sealed=[contact.sealed[0], contact.sealed[1][:-1] + b"\x00"])
    assert (await granted([said(), altered]))[NEED].values == {"contact": {"name": "Ada"}}


async def test_the_side_that_allows_is_the_permission() -> None:
    """Account first; where only the browser's own yes counts, that is what is said."""
    rows = [said(False, "unknown", status="unknown"), said(True, "consent")]
    assert (await granted(rows))[NEED].permission.because == "consent"
    rows = [said(False, "refused", status="refused"), said(False, "unknown", status="unknown")]
    assert (await granted(rows))[NEED].permission.because == "refused"


async def test_what_the_policy_does_not_know_is_nothing() -> None:
    """A need without a row is answered like a caller whom nobody knows."""
    grants = await granted([said(purpose=Purpose("personalize"))], [NEED, "slot:nowhere"])
    assert grants["slot:nowhere"] == Grant(NOBODY) and grants[NEED].permission.allowed
    assert await granted([], [NEED]) == {NEED: Grant(NOBODY)}
    assert await granted([said()], []) == {}


async def test_a_row_that_nobody_asked_for_grants_nothing() -> None:
    """An answer to another question is a doubt about all of them."""
    with logged() as log:
        assert await granted([said(), said(need="slot:greeting")]) == {NEED: Grant(NOBODY)}
    assert b'"error":"builtins.KeyError"' in log.getvalue()


def test_names_with_spaces_are_not_asked_for() -> None:
    """A name from an address could otherwise ask for two needs at once."""
    query = admit([Ask(Behind(), ("slot:a slot:for-you", NEED), HERE), Ask(Behind(), (), HERE)])
    assert query.args[-1] == [NEED, ""]
    closed = Signals(Regime("gdpr"), closed=frozenset((Purpose("remember"), Purpose("offers"))))
    asks = [Ask(Behind(), (), closed), Ask(Behind(), (), Signals(Regime("gdpr"), closed_all=True))]
    assert admit(asks).args[-2] == ["offers remember", "*"]
