"""The keys and pseudonyms that follow from what a subject said.

A subject that may be remembered gets a key for each kind of behaviour, and its pseudonym is registered with the
purposes it may serve. Everything here is an effect: it happens in the transaction of the answer, or not at all.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

import msgspec

from ecrm_privacy.consent.standing import Standing, SubjectView, purpose_rule, uses
from ecrm_privacy.delivery.store import enqueue
from ecrm_privacy.sql import Effect
from ecrm_privacy.vault import keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vocabulary import ACCOUNTABILITY, CONTRIBUTE, EVIDENCE, YES, Category, Pseudonym, Purpose


class Pseudonyms(msgspec.Struct, frozen=True, omit_defaults=True):
    """The payload of the jobs `unlearn`, `relearn` and `retire`; `retiring` names the withdrawal that owes the last."""

    pseudonyms: tuple[Pseudonym, ...]
    retiring: UUID | None = None


class Access(msgspec.Struct, frozen=True):
    """What an entry needs of the vault: the subject's evidence key, and the effects that go with the answer.

    `closing` are those that wait for events being stored under a pseudonym; the writer orders them over all entries.
    """

    evidence: SubjectKey
    effects: tuple[Effect, ...]
    closing: tuple[tuple[UUID, Effect], ...]


def held(keyring: Keyring, view: SubjectView) -> Mapping[Category, tuple[SubjectKey, ...]]:
    """Unwrap every key of a subject, by category. Raises Tampered."""
    opened: dict[Category, tuple[SubjectKey, ...]] = {}
    for row in sorted(view.keys, key=lambda row: (row.category, row.version)):
        key = keys.unwrap(keyring, view.subject, row.category, row.version, row.wrapped)
        opened[row.category] = (*opened.get(row.category, ()), key)
    return opened


def follow(
    keyring: Keyring,
    standing: Standing,
    before: SubjectView | None,
    after: SubjectView,
    handed_over: Sequence[SubjectKey] = (),
) -> Access:
    """Return the effects that make keys, pseudonyms and their uses agree with `after`.

    `before` is the subject as the tables have it (None for a new one); `handed_over` are keys that a merge gave it.
    """
    opened = dict(held(keyring, before)) if before else {}
    turned = before is not None and before.restricted != after.restricted
    effects: list[Effect] = []
    closing: list[tuple[UUID, Effect]] = []
    for key in handed_over:
        opened[key.category] = (*opened.get(key.category, ()), key)
    if EVIDENCE not in opened:
        key, wrapped = keys.new(keyring, after.subject, EVIDENCE)
        opened[EVIDENCE] = (key,)
        effects.append(vault.insert_key(after.subject, EVIDENCE, key.version, wrapped))
    effects += answerable(keyring, before or SubjectView(after.subject))
    for category, document in standing.bundle.categories.items():
        if not document.behavioural:
            continue
        looked_up = _looked_up(standing, category)
        now = uses(standing, after, category) & looked_up
        was = _was(standing, before, category, now) & looked_up if before and before.regime else frozenset()
        if not opened.get(category):
            if now:
                key, wrapped = keys.new(keyring, after.subject, category)
                effects.append(
                    vault.insert_key(after.subject, category, key.version, wrapped, pseudonym(key), sorted(now))
                )
            continue
        if now == was and not turned and not any(key.category == category for key in handed_over):
            continue
        names = tuple(sorted((pseudonym(key) for key in opened[category]), key=lambda name: name.bytes))
        closing += ((name, vault.delete_all_uses([name])) for name in names)
        effects += _opening(standing, after, category, names, was, now, turned=turned)
    return Access(opened[EVIDENCE][0], tuple(effects), tuple(closing))


def answerable(keyring: Keyring, view: SubjectView) -> list[Effect]:
    """Return what makes the key under which it is counted how a subject's data is used, where there is none yet."""
    if any(row.category == ACCOUNTABILITY for row in view.keys):
        return []
    key, wrapped = keys.new(keyring, view.subject, ACCOUNTABILITY)
    return [vault.insert_key(view.subject, ACCOUNTABILITY, key.version, wrapped)]


def wanted(
    keyring: Keyring, standing: Standing, view: SubjectView
) -> Mapping[Category, tuple[tuple[Pseudonym, ...], frozenset[Purpose]]]:
    """Return, by category of behaviour, a subject's pseudonyms and the uses that they should have now."""
    found = {}
    for category, opened in held(keyring, view).items():
        document = standing.bundle.categories.get(category)
        if document is not None and document.behavioural and view.regime is not None:
            names = tuple(sorted((pseudonym(key) for key in opened), key=lambda name: name.bytes))
            found[category] = names, uses(standing, view, category) & _looked_up(standing, category)
    return found


def agree(
    standing: Standing,
    view: SubjectView,
    category: Category,
    names: tuple[Pseudonym, ...],
    was: frozenset[Purpose],
    now: frozenset[Purpose],
) -> list[Effect]:
    """Return the effects that turn the uses `was` of a subject's pseudonyms into `now`, closing first."""
    return [vault.delete_all_uses(names), *_opening(standing, view, category, names, was, now)]


def _opening(
    standing: Standing,
    view: SubjectView,
    category: Category,
    names: tuple[Pseudonym, ...],
    was: frozenset[Purpose],
    now: frozenset[Purpose],
    *,
    turned: bool = False,
) -> list[Effect]:
    """Open what is allowed now. What nothing covers any more goes after so many days, unless a later answer says else.

    A restriction covers nothing, and what is restricted is kept (GDPR 18) until that is lifted: `turned` says that it
    began or ended now, so that what it had kept goes then.
    """
    goes = not now and (turned or bool(was)) and not view.restricted
    after_days = standing.bundle.categories[category].retention.after_withdrawal_days if goes else None
    retiring = None if after_days is None else uuid4()
    return [
        vault.register(names, category, retiring),
        vault.insert_uses(names, sorted(now)),
        *_owed(names, was, now),
        *([enqueue("retire", Pseudonyms(names, retiring), after_days=after_days)] if after_days is not None else []),
    ]


def _was(standing: Standing, view: SubjectView, category: Category, now: frozenset[Purpose]) -> frozenset[Purpose]:
    """Return the uses that may be open, and of those that are wanted `now` only what surely is.

    What an earlier answer may have opened counts as open where it is to be closed: also a yes that ran out meanwhile,
    or was overtaken. Where it is to be open it may have been closed since, when time had passed or a child was told of.
    """
    open_now = uses(standing, view, category)
    return open_now | (_opened_once(standing, view, category) - now)


def _opened_once(standing: Standing, view: SubjectView, category: Category) -> frozenset[Purpose]:
    """Return every use that an answer opened, whatever became of it."""
    covering = {name for name, purpose in standing.bundle.purposes.items() if category in purpose.categories}
    covering.add(standing.bundle.categories[category].kept_under)
    said = {
        rule.purpose for rule, row in view.statuses.items() if rule == purpose_rule(rule.purpose) and row.status in YES
    }
    return frozenset(covering & said)


def _looked_up(standing: Standing, category: Category) -> frozenset[Purpose]:
    """Return the purposes for which history of `category` is found by pseudonym alone: it is kept, or counted.

    Pages ask the gate. A row for any further purpose would serve nobody, and show whoever has a dump, beside what
    each subject said, who a pseudonym may be.
    """
    bundle = standing.bundle
    taken = (event.purpose for event in bundle.events.values() if event.category == category)
    return frozenset((bundle.categories[category].kept_under, CONTRIBUTE, *taken))


def _owed(names: tuple[Pseudonym, ...], was: frozenset[Purpose], now: frozenset[Purpose]) -> list[Effect]:
    """The work outside the entry's transaction: counts follow."""
    jobs: list[Effect] = []
    if CONTRIBUTE in was and CONTRIBUTE not in now:
        jobs.append(enqueue("unlearn", Pseudonyms(names)))
    if CONTRIBUTE in now and CONTRIBUTE not in was:
        jobs.append(enqueue("relearn", Pseudonyms(names)))
    return jobs
