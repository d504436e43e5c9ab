"""What departments and partners are told about people is written down for them, in the transaction that reads it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from ecrm_privacy.consent.desk import ConsentDesk
from ecrm_privacy.consent.standing import Standing, SubjectView
from ecrm_privacy.errors import Unavailable, UnknownPurpose
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.policy.compile import permission_need
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vault import keys, uses
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vault.uses import Use
from ecrm_privacy.vocabulary import ACCOUNTABILITY, Category, Purpose

ALL_PERMISSIONS = "permissions"
"""The need of whoever is told everything that somebody permits."""


class Disclosures:
    """Tells servers where customers stand. What cannot be written down is not told."""

    def __init__(self, desk: ConsentDesk) -> None:
        self._desk = desk

    async def permissions(self, customer: Caller, system: str) -> Standing:
        """Return where one customer stands, to be told all they permit. Raises Unavailable, LogFrozen."""
        (found,) = await self._told([customer], lambda _: (Use(system, Purpose(""), ALL_PERMISSIONS),))
        return found

    async def permission(
        self, customers: Sequence[Caller], system: str, rules: Collection[Rule], categories: Collection[Category]
    ) -> list[Standing]:
        """Return where customers stand, in their order, to be told whether `rules` are allowed.

        Raises UnknownPurpose for a rule that the policy does not have, Unavailable, LogFrozen.
        """

        def asked(bundle: Bundle) -> Sequence[Use]:
            if not set(rules) <= set(bundle.rules):
                raise UnknownPurpose
            named = tuple(sorted(set(categories) & set(bundle.categories)))
            return [Use(system, rule.purpose, permission_need(rule), named) for rule in sorted(rules)]

        return await self._told(customers, asked)

    async def _told(self, customers: Sequence[Caller], asked: Callable[[Bundle], Sequence[Use]]) -> list[Standing]:
        month = uses.month_of(datetime.now(UTC).date())
        async with self._desk.acquire() as conn, conn.transaction():
            found = await self._desk.standings(customers, conn)
            told = asked(found[0].bundle) if found else ()
            made = [
                uses.count(key, month, use, 1)
                for key in self._keys(each.account for each in found if each.account)
                for use in told
            ]
            counted = await vault.count_uses(made).first(conn) if made else None
            if counted is not None and counted.counted < len(made):
                raise Unavailable("a use cannot be written down")
        return found

    def _keys(self, people: Iterable[SubjectView]) -> Iterator[SubjectKey]:
        for view in people:
            row = next((row for row in view.keys if row.category == ACCOUNTABILITY), None)
            if row is None:
                raise Unavailable("a use cannot be written down")
            yield keys.unwrap(self._desk.keyring, view.subject, ACCOUNTABILITY, row.version, row.wrapped)
