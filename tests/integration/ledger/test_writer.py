"""The writer against a real PostgreSQL."""

import asyncio

import asyncpg
import pytest

from ecrm_privacy.ledger.failures import StaleSubject
from ecrm_privacy.ledger.verify import verify
from ecrm_privacy.ledger.writer import Writer
from tests.integration.ledger.making import GIVEN, REFUSED, a_subject, an_entry, opener

pytestmark = pytest.mark.anyio


async def test_entries_get_dense_indexes(writer: Writer, house: asyncpg.Connection) -> None:
    """What is appended at once gets the indexes 0, 1, 2 …, and the ledger is sound."""
    results = await asyncio.gather(*(writer.append([an_entry(a_subject(), [GIVEN, REFUSED])]) for _ in range(100)))
    assert sorted(index for (index,) in results) == list(range(100))
    report = await verify(house, opener)
    assert report.problem is None
    assert (report.leaves, report.opened, report.subjects) == (100, 100, 100)


async def test_an_older_view_is_refused(writer: Writer) -> None:
    """Of two entries that were decided by the same state of a subject, the second is refused."""
    subject = a_subject()
    first, second = await writer.append([an_entry(subject, [GIVEN]), an_entry(subject, [REFUSED])])
    assert first == 0
    assert isinstance(second, StaleSubject)
