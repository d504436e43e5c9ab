"""What an erasure promises, word for word."""

from datetime import date

import msgspec
import pytest

from ecrm_privacy.rights.holders import Known
from ecrm_privacy.rights.house import house_holders
from ecrm_privacy.rights.plan import STAYS, Certificate, LastCopies, Windows, last_copies, plan
from ecrm_privacy.vault import keys
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vocabulary import Category, SubjectId
from tests.unit.consent.people import a_subject

LAST = LastCopies(3, date(2026, 3, 31), date(2026, 2, 20))
KEYRING = Keyring(bytes(32))
SUBJECT: SubjectId = a_subject().subject


def test_what_holders_claim_goes() -> None:
    """Every table that a holder has, in one order, and the reasons for what stays."""
    made = plan(frozenset({"ecrm.session", "ecrm.body"}), LAST)
    assert made.goes == ("ecrm.body", "ecrm.session") and made.stays[:-2] == STAYS
    sealed, behaviour = made.stays[-2:]
    assert "epoch 3 is destroyed, which is due by 2026-03-31" in sealed and "by 2026-02-20" in behaviour


@pytest.mark.parametrize(
    ("began", "sealed"),
    [
        (date(2026, 1, 1), date(2026, 3, 2)),
        (date(2026, 1, 21), date(2026, 3, 22)),
        (date(2025, 6, 1), date(2026, 2, 20)),
    ],
)
def test_the_last_sealed_copy_ends_with_its_epoch(began: date, sealed: date) -> None:
    """When the epoch will be old, or now if it is, and then as long as a backup is kept; behaviour goes with those."""
    last = last_copies(3, began, date(2026, 1, 21), Windows(epoch_days=30, backup_days=30))
    assert last == LastCopies(3, sealed, date(2026, 2, 20))


def test_addresses_that_are_never_contacted_again_stay() -> None:
    """Only whoever asked for it reads so, with how many there are."""
    made = plan(frozenset({"ecrm.body"}), LAST, suppressed=2)
    assert made.stays[:-3] == STAYS and "2 addresses" in made.stays[-3]


def test_a_certificate_names_nobody() -> None:
    """It holds tables, reasons, a count and days."""
    made = Certificate(2, ("ecrm.body",), STAYS, 3, date(2026, 1, 1), date(2026, 1, 2), LAST)
    fields = {"version", "goes", "stays", "pseudonyms", "requested", "done", "last_copies"}
    assert set(msgspec.to_builtins(made)) == fields


def test_the_houses_holders_share_no_table() -> None:
    """Each is erased once."""
    tables = [table for holder in house_holders(KEYRING) for table in holder.tables]
    assert len(tables) == len(set(tables))


def test_the_state_goes_before_keys_and_sessions() -> None:
    """Whoever writes about a subject holds its state: an erasure that waits there finds afterwards what was written."""
    effects = [effect.text for holder in house_holders(KEYRING) for effect in holder.destroy(SUBJECT)]
    state = next(at for at, text in enumerate(effects) if "subject_state" in text)
    for table in ("subject_key", "record", "blind_index", "session", "rights_request"):
        assert all(at > state for at, text in enumerate(effects) if f"ecrm.{table}" in text)


def test_pseudonyms_come_in_the_order_in_which_they_are_locked() -> None:
    """Writers of events lock in the same order, so that neither side can deadlock the other."""
    made = [keys.new(KEYRING, SUBJECT, Category(name))[0] for name in ("browsing", "purchases", "browsing")]
    names = {
        Category("browsing"): (pseudonym(made[0]), pseudonym(made[2])),
        Category("purchases"): (pseudonym(made[1]),),
    }
    known = Known(SUBJECT, tuple(made), names)
    assert list(known.all_pseudonyms) == sorted(map(pseudonym, made), key=lambda name: name.bytes)
