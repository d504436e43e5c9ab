"""A dump names nobody: what a thief of the database, or of a backup, can look for and does not find."""

import random
import re

from ecrm_privacy.imports import order_of
from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind
from tests.integration.privacy import traces
from tests.integration.privacy.conftest import Shop

FIELDS = ("customer_number", "name", "email", "city")
"""Country, language and year of birth alone are too short to be told from any other number or word."""
SEED_BYTES_MOST = 64


def _values(customers: list[dict[str, str]]) -> set[str]:
    pairs = {f"{one['city']} {one['birth_year']}" for one in customers}
    return {one[field] for one in customers for field in FIELDS} | pairs


def test_every_encoding_would_be_found() -> None:
    """A value that lies among random bytes is found in each encoding, at whatever place."""
    chance = random.Random(1)
    for value in ("Łukasz Ó Brien-Müller", "ada.lovelace@example.com", "C-100001"):
        for encoding, pattern in traces.forms(value):
            if len(pattern) >= traces.SHORTEST:
                around = chance.randbytes(chance.randrange(1, 9)), chance.randbytes(9)
                found = traces.find([value], [around[0] + pattern + around[1]])
                assert encoding.removesuffix("-i") in {trace.encoding for trace in found}, (value, encoding)


def test_a_dump_names_nobody(shop: Shop, customers: list[dict[str, str]]) -> None:
    """No name, e-mail address, customer number or city of the 300 customers is in it, in clear or in any encoding.

    Not in the text, not in binary values, not in what can be unpacked of these; and no unsalted digest of any.
    """
    dump = shop.imported
    binary = dump.binary()
    assert len(dump["ecrm.subject_state"]) == len(customers) == 300, "the dump must be of the whole shop"
    assert traces.find(_values(customers), [dump.text, binary, traces.unpacked(dump.values())]) == []


def test_a_dump_has_no_short_city_either(shop: Shop, customers: list[dict[str, str]]) -> None:
    """Cities of a few letters, which random bytes may spell, are no word of it, and no value of it in hexadecimal."""
    short = {one["city"] for one in customers if len(one["city"].encode()) < traces.SHORTEST}
    assert short and _short(short, shop.imported.text) == []


def test_a_short_city_would_be_found() -> None:
    """As a word, and as a whole value in hexadecimal; not among other letters or digits."""
    row = b"1\t\\x436f726b\t\\x434f524b\tCork\tcork\n"
    assert len(_short({"Cork"}, row)) == 4
    assert _short({"Cork"}, b"1\t\\xaa436f726b\t\\x436f726bff\tCorkscrew\n") == []


def _short(values: set[str], text: bytes) -> list[bytes]:
    words = b"|".join(re.escape(value.encode()) for value in values)
    digits = b"|".join(form.encode().hex().encode() for each in values for form in (each, each.lower(), each.upper()))
    word = rb"(?i)(?<![0-9a-z])(?:" + words + rb")(?![0-9a-z])"
    return re.findall(word, text) + re.findall(rb"(?i)(?<![0-9a-f])(?:" + digits + rb")(?![0-9a-f])", text)


def test_no_value_of_a_dump_is_the_seed_of_an_import(shop: Shop, customers: list[dict[str, str]]) -> None:
    """The order in which customers were taken in cannot be undone by any value of the dump; by the key it can."""
    indexes = BlindIndexes(shop.keyring)
    numbered = {
        "\\x" + indexes.of(IndexKind.CUSTOMER_NUMBER, one["customer_number"]).hex(): place
        for place, one in enumerate(customers)
    }
    subjects = {
        row["subject"]: numbered[row["value"]] for row in shop.imported["ecrm.blind_index"] if row["value"] in numbered
    }
    in_log = list(dict.fromkeys(row["subject"] for row in shop.imported["ecrm.body"] if row["subject"]))
    taken = [subjects[subject] for subject in in_log]

    def undoes(seed: bytes) -> bool:
        order = list(range(len(taken)))
        random.Random(seed).shuffle(order)
        return order == taken

    imports = [row for row in shop.imported["ecrm.import_job"] if row["kind"] == "subjects"]
    secret = shop.keyring.derive("imports/order")
    assert [undoes(order_of(secret, bytes.fromhex(row["import_id"][2:]))) for row in imports] == [True]
    assert not any(undoes(value) for value in shop.imported.values() if len(value) <= SEED_BYTES_MOST)
