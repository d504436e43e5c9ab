"""What time and policy change: uses of pseudonyms are compared with what is permitted now, and made to agree.

An answer closes and opens in its own transaction. A yes that runs out, a child that comes of age, and a policy put in
force change what is permitted without an answer: pages know at once, because they ask the gate; the register that batch
work reads follows by this job. It closes first, is resumable, and may run at any time and twice.
"""

from uuid import UUID

from ecrm_privacy.consent import store
from ecrm_privacy.consent.access import agree, answerable, wanted
from ecrm_privacy.consent.desk import ConsentDesk
from ecrm_privacy.sql import run_all
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vocabulary import Purpose

CHUNK = 200
LAPSED_DAYS = 7


class Reconciler:
    """Makes the register of uses agree with what subjects said, under today's date and policy."""

    def __init__(self, desk: ConsentDesk) -> None:
        self._desk = desk

    async def lapsed(self) -> int:
        """Look at everybody whose yes ran out lately, or who came of age; returns for how many something changed."""
        async with self._desk.acquire() as conn:
            rows = await store.lapsed(LAPSED_DAYS).all(conn)
        return sum([await self._one(row.subject) for row in rows])

    async def everybody(self) -> int:
        """Look at every subject, in the order of their names; returns for how many something changed."""
        after, changed = UUID(int=0), 0
        while True:
            async with self._desk.acquire() as conn:
                rows = await store.subjects_after(after, CHUNK).all(conn)
            if not rows:
                return changed
            changed += sum([await self._one(row.subject) for row in rows])
            after = rows[-1].subject

    async def _one(self, subject: UUID) -> bool:
        """Compare one subject; what was written about it meanwhile has agreed by itself."""
        before = await self._desk.of_subject(subject)
        if before is None or before.account is None:
            return False
        now = wanted(self._desk.keyring, before, before.account)
        names = tuple(sorted(name for held, _ in now.values() for name in held))
        async with self._desk.acquire() as conn, conn.transaction():
            if not await store.hold([subject]).all(conn):  # before the uses, in the order of whoever answers
                return False
            rows = await vault.lock_uses(names).all(conn)
            again = await self._desk.of_subject(subject, conn)
            if again is None or again.account is None or again.account.seen != before.account.seen:
                return False
            effects = answerable(self._desk.keyring, again.account)
            for category, (held, should) in now.items():
                has = {name: frozenset(Purpose(row.purpose) for row in rows if row.pseudonym == name) for name in held}
                if any(uses != should for uses in has.values()):
                    effects += agree(before, before.account, category, held, frozenset().union(*has.values()), should)
            await run_all(conn, effects)
        return bool(effects)
