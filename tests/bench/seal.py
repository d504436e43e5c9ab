"""Sealing and opening one record, beside the bare cipher with its key at hand."""

import os
from collections.abc import Awaitable, Callable
from uuid import uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import Category, SubjectId
from tests.bench.ground import Ground
from tests.bench.measure import Line, Scale, Table, each_us, interleave

SIZES = (64, 256, 1024)
FIELD, CONTACT = "name", Category("contact")
PLACE = b"what a ciphertext is bound to is at hand, too"


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure records of three sizes."""
    lines = [line for size in SIZES for line in await _of_size(ground.keyring, scale, size)]
    return [Table("seal and open, processor time", lines, NOTES)]


NOTES = (
    "the bare cipher makes a random nonce to seal, and keeps key, cipher object and associated data between calls;",
    "unwrap + open is what the gate does for every key it opens: nothing unwrapped is kept from one turn to the next",
)


async def _of_size(keyring: Keyring, scale: Scale, size: int) -> list[Line]:
    subject, plaintext = SubjectId(uuid4()), os.urandom(size)
    key, wrapped = keys.new(keyring, subject, CONTACT)
    sealed = envelope.seal(key, FIELD, plaintext)
    cipher, nonce = AESGCM(os.urandom(32)), os.urandom(12)
    ciphertext = cipher.encrypt(nonce, plaintext, PLACE)

    def unwrap_and_open() -> bytes:
        return envelope.open_(keys.unwrap(keyring, subject, CONTACT, 1, wrapped), FIELD, sealed)

    found = await interleave(
        {
            "seal": _timed(lambda: envelope.seal(key, FIELD, plaintext), scale),
            "bare seal": _timed(lambda: cipher.encrypt(os.urandom(12), plaintext, PLACE), scale),
            "open": _timed(lambda: envelope.open_(key, FIELD, sealed), scale),
            "bare open": _timed(lambda: cipher.decrypt(nonce, ciphertext, PLACE), scale),
            "unwrap + open": _timed(unwrap_and_open, scale),
        },
        2 * scale.rounds,
    )
    return [
        Line(f"seal {size} B", "µs", found["seal"], found["bare seal"], "AES-256-GCM, random nonce"),
        Line(f"open {size} B", "µs", found["open"], found["bare open"], "AES-256-GCM", "≤ 2"),
        Line(f"unwrap the key + open {size} B", "µs", found["unwrap + open"], found["bare open"], "AES-256-GCM"),
    ]


def _timed(work: Callable[[], object], scale: Scale) -> Callable[[], Awaitable[float]]:
    async def timed() -> float:
        return each_us(work, scale.round_s / 40)

    return timed
