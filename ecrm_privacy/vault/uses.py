"""The use log: how often one person's data was used in a month, for what and by whom, readable to them alone.

A count is a row of `ecrm.use_count`. Everything in it follows from the subject's key of the category `accountability`,
and whoever adds to it needs to read nothing. With `K` that key, `M` the month as `2026-11`:

- `S = HMAC-SHA256(K, "uses/v1" | M)` is the month's secret;
- `T = HMAC-SHA256(S, use)` belongs to a use: `T[0:16]` names it, `T[16] mod 16` is its bucket;
- the pseudonym is `HMAC-SHA256(S, bucket u8)[0:16]` as a UUID of version 8 (RFC 9562): another one for each person,
  month and bucket, so that neither months nor kinds of use lead from row to row;
- `times` is the count plus `T[17:25] >> 2`, a number of 62 bits that only the key tells: behaviour has counts, too, and
  equal ones would show whose it is;
- `sealed` is the use as JSON, padded with blanks to a multiple of 64 bytes, sealed for the field `M/name in hex`.
"""

import hmac
from datetime import date
from functools import partial
from typing import NamedTuple
from uuid import UUID

import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.vault import envelope
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vocabulary import COUNTED_DAYS_MOST, Category, Pseudonym, Purpose, SubjectId

OWN_PAGES = "own_pages"
"""Who used the data where no department or partner asked for it."""
BUCKETS = 16
PADDED_BYTES = 64

_mac = partial(hmac.digest, digest="sha256")


class Use(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is counted: who used which categories for what; `need` is what was asked of the gate (`slot:for-you`).

    `because` is the word for why it was allowed; empty where somebody only asked whether something is.
    """

    system: str
    purpose: Purpose
    need: str
    categories: tuple[Category, ...] = ()
    because: str = ""


class Counted(NamedTuple):
    """A count as it is added to the table; `subject` is looked at there and stored nowhere."""

    subject: SubjectId
    pseudonym: Pseudonym
    use: bytes
    month: date
    sealed: bytes
    mask: int
    times: int


def month_of(day: date) -> date:
    """Return the first day of a month, which stands for it."""
    return day.replace(day=1)


def months(today: date) -> tuple[date, ...]:
    """Return every month of which there may be counts, newest first: clocks differ, so the next one is among them."""
    newest = today.year * 12 + today.month
    oldest = date.fromordinal(today.toordinal() - COUNTED_DAYS_MOST)
    return tuple(
        date(number // 12, number % 12 + 1, 1) for number in range(newest, oldest.year * 12 + oldest.month - 2, -1)
    )


def count(key: SubjectKey, month: date, use: Use, times: int) -> Counted:
    """Return what adds `times` to a use."""
    secret, told = _secret(key, month), msgspec.json.encode(use)
    tag = _mac(secret, told)
    name = tag[:16]
    padded = told.ljust(-(-len(told) // PADDED_BYTES) * PADDED_BYTES)
    sealed = envelope.seal(key, _field(month, name), padded)
    return Counted(key.subject, _pseudonym(secret, tag[16] % BUCKETS), name, month, sealed, _mask(tag), times)


def read(key: SubjectKey, month: date, name: bytes, sealed: bytes, times: int) -> tuple[Use, int]:
    """Return a row's use, and how often. Raises Tampered when it is not this key's, or was altered."""
    told = envelope.open_(key, _field(month, name), sealed)
    tag = _mac(_secret(key, month), told.rstrip())
    if tag[:16] != name:
        raise Tampered("a count does not stand where its use belongs")
    return msgspec.json.decode(told, type=Use), times - _mask(tag)


def pseudonyms(key: SubjectKey, today: date) -> tuple[Pseudonym, ...]:
    """Return every name under which there may be counts about the key's subject."""
    secrets = [_secret(key, month) for month in months(today)]
    return tuple(_pseudonym(secret, bucket) for secret in secrets for bucket in range(BUCKETS))


def _secret(key: SubjectKey, month: date) -> bytes:
    return _mac(key.dek.reveal(), b"uses/v1" + month.isoformat()[:7].encode())


def _pseudonym(secret: bytes, bucket: int) -> Pseudonym:
    mac = bytearray(_mac(secret, bytes((bucket,)))[:16])
    mac[6] = mac[6] & 0x0F | 0x80
    mac[8] = mac[8] & 0x3F | 0x80
    return Pseudonym(UUID(bytes=bytes(mac)))


def _mask(tag: bytes) -> int:
    return int.from_bytes(tag[17:25], "big") >> 2


def _field(month: date, name: bytes) -> str:
    return f"{month.isoformat()[:7]}/{name.hex()}"
