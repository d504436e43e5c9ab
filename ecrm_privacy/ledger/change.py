"""What an entry changes about a subject, and the one fold that turns entries into what counts now.

The ledger writer folds as it appends; a replay folds the bodies that still open, in leaf order. Both use `fold`, so the
tables of current answers can always be rebuilt and compared (the fourth promise of the house).
"""

from collections.abc import Mapping
from datetime import date

import msgspec

from ecrm_privacy.vocabulary import ConsentStatus


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One answer as it now stands: `status` for a purpose, or for one channel or recipient of it ('' names neither).

    `since` and `until` are days; `until` is the first day on which the answer no longer counts, None for no end.
    `by_parent`: a parent said it for a child (GDPR 8).
    """

    purpose: str
    channel: str = ""
    recipient: str = ""
    status: ConsentStatus
    notice: str
    since: date
    until: date | None = None
    by_parent: bool = False

    def __post_init__(self) -> None:
        assert self.status is not ConsentStatus.UNKNOWN, "unknown is the absence of an answer, not an answer"

    @property
    def rule(self) -> tuple[str, str, str]:
        """What the answer is about: purpose, channel, recipient."""
        return (self.purpose, self.channel, self.recipient)


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """What changed about the subject as a whole; None keeps what was."""

    regime: str | None = None
    restricted: bool | None = None
    adult_from: date | None = None
    gpc: bool | None = None


class State(msgspec.Struct, frozen=True):
    """What counts about the subject as a whole; `leaf_index` is the subject's newest entry."""

    regime: str | None
    restricted: bool
    adult_from: date | None
    gpc: bool
    leaf_index: int


class Standing(msgspec.Struct, frozen=True):
    """What one subject's entries add up to: the last change per rule with its leaf index, and the state."""

    rows: Mapping[tuple[str, str, str], tuple[Change, int]] = {}
    state: State | None = None


def fold(
    standing: Standing, leaf_index: int, changes: tuple[Change, ...], state: StateChange | None = None
) -> Standing:
    """Return the standing after one more entry of the subject; of several changes to one rule the last one counts."""
    rows = {**standing.rows, **{change.rule: (change, leaf_index) for change in changes}}
    before = standing.state or State(regime=None, restricted=False, adult_from=None, gpc=False, leaf_index=leaf_index)
    said = state or StateChange()
    after = State(
        regime=before.regime if said.regime is None else said.regime,
        restricted=before.restricted if said.restricted is None else said.restricted,
        adult_from=before.adult_from if said.adult_from is None else said.adult_from,
        gpc=before.gpc if said.gpc is None else said.gpc,
        leaf_index=leaf_index,
    )
    return Standing(rows, after)
