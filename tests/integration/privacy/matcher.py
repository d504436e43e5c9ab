"""A matcher that has a dump and nothing else, and joins behaviour to subjects by place, time, count and answers.

A clue gives every subject, or every pseudonym, a number that can be read off the dump: where its rows stand, the days
and minutes in them, how many there are. A guess sorts both sides by one clue each and pairs them off. What a subject
answered tells something about its pseudonym in any case (`kinds`), so the matcher knows that much beforehand and
guesses within each kind: anything that it then gets right more often than by chance is a leak.

By chance one pair of each kind is right in the mean, however many there are, and nearly Poisson; the sum of the rank
correlations, divided by its standard deviation over all ways to pair them off, is nearly normal.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import date, datetime
from math import exp, factorial, sqrt
from operator import eq
from typing import NamedTuple
from uuid import UUID

from ecrm_privacy.vault import keys
from ecrm_privacy.vault import uses as vault_uses
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vocabulary import ACCOUNTABILITY, Category, SubjectId
from tests.integration.privacy.dump import Dump, Table

Numbers = Mapping[str, float]
"""A number for each subject or pseudonym, by its name as it stands in the dump."""
SUBJECTS, PSEUDONYMS = ("subject", "browser", "account"), ("pseudonym",)
Z_MOST = 5.5
"""By chance a correlation is further from nothing once in 26 million guesses."""
RARE = 1e-7


class Guess(NamedTuple):
    """One guess: the clues it went by, how many pairs were right, how many of each kind there are, and z."""

    by_subject: str
    by_pseudonym: str
    hits: int
    kinds: tuple[int, ...]
    z: float

    @property
    def is_blind(self) -> bool:
        """Whether somebody who knows nothing but the kinds would have done as well."""
        return self.hits <= hits_by_chance(len(self.kinds)) and abs(self.z) <= Z_MOST


def hits_by_chance(kinds: int) -> int:
    """Return how many right pairs are passed once in ten million guesses, when one of each kind is expected."""
    most, left = 0, 1.0
    while left > RARE:
        left -= exp(-kinds) * kinds**most / factorial(most)
        most += 1
    return most - 1


def truth(dump: Dump, keyring: Keyring, category: str) -> dict[str, str]:
    """Return the pseudonym of each subject that has one in `category`: what only the key file tells."""
    found = {}
    for row in dump["ecrm.subject_key"]:
        if row["category"] == category:
            subject, wrapped = SubjectId(UUID(row["subject"])), bytes.fromhex(row["wrapped"][2:])
            key = keys.unwrap(keyring, subject, Category(category), int(row["version"]), wrapped)
            found[row["subject"]] = str(pseudonym(key))
    return found


def counted(dump: Dump, keyring: Keyring, today: date) -> dict[str, tuple[str, ...]]:
    """Return the names under which it is counted how each subject's data was used: what only the key file tells."""
    there = {row["pseudonym"] for row in dump["ecrm.use_count"]}
    found = {}
    for row in dump["ecrm.subject_key"]:
        if row["category"] == ACCOUNTABILITY:
            subject, wrapped = SubjectId(UUID(row["subject"])), bytes.fromhex(row["wrapped"][2:])
            key = keys.unwrap(keyring, subject, ACCOUNTABILITY, int(row["version"]), wrapped)
            names = tuple(name for name in map(str, vault_uses.pseudonyms(key, today)) if name in there)
            if names:
                found[row["subject"]] = names
    return found


def uses(dump: Dump) -> dict[str, frozenset[str]]:
    """Return the purposes that each pseudonym is registered for."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in dump["ecrm.pseudonym_use"]:
        found[row["pseudonym"]].add(row["purpose"])
    return {name: frozenset(purposes) for name, purposes in found.items()}


def kinds(dump: Dump, pairs: Mapping[str, str]) -> Counter[frozenset[str]]:
    """Return how many pseudonyms have the same entries in the register: as many subjects may be behind each of them."""
    registered = uses(dump)
    return Counter(registered.get(name, frozenset()) for name in pairs.values())


def minutes(dump: Dump) -> dict[str, str]:
    """Return the minute in which each pseudonym was first met."""
    found: dict[str, str] = {}
    for row in dump["engine.event"]:
        found[row["pseudonym"]] = min(row["at"], found.get(row["pseudonym"], row["at"]))
    return found


def guesses(
    dump: Dump, pairs: Mapping[str, str], *known: Mapping[str, Hashable], of: Sequence[str] = SUBJECTS
) -> Iterator[Guess]:
    """Guess by each clue about subjects together with each about pseudonyms, and compare with the true `pairs`.

    `known` is what the matcher knows beforehand of both sides, by pseudonym, besides the entries in the register; `of`
    are the columns of what the pairs begin with, where that is no subject.
    """
    beforehand: Sequence[Mapping[str, Hashable]] = (uses(dump), *known)
    groups: dict[tuple[Hashable, ...], dict[str, str]] = defaultdict(dict)
    for subject, name in pairs.items():
        groups[tuple(each.get(name) for each in beforehand)][subject] = name
    theirs = list(_clues(dump, PSEUDONYMS, set(pairs.values())))
    for clue, numbers in _clues(dump, of, set(pairs)):
        for other, others in theirs:
            yield _guess(clue, other, [_kind(group, numbers, others) for group in groups.values()])


def _clues(dump: Dump, columns: Sequence[str], wanted: set[str]) -> Iterator[tuple[str, Numbers]]:
    for table, content in dump.tables.items():
        for column in columns:
            if column in content.columns:
                for clue, numbers in _clues_of(content, column, wanted):
                    yield f"{table}.{column}: {clue}", numbers


def _clues_of(table: Table, column: str, wanted: set[str]) -> Iterator[tuple[str, Numbers]]:
    places: dict[str, list[float]] = defaultdict(list)
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for place, row in enumerate(table.dicts()):
        if (name := row[column]) in wanted:
            places[name].append(place)
            for other, value in row.items():
                if value is not None and (number := _number(value)) is not None:
                    values[other][name].append(number)
    yield "count", {name: len(places.get(name, ())) for name in wanted}
    for clue, found in [("place", places), *values.items()]:
        yield f"least {clue}", {name: min(numbers) for name, numbers in found.items()}
        yield f"greatest {clue}", {name: max(numbers) for name, numbers in found.items()}
        yield f"mean {clue}", {name: sum(numbers) / len(numbers) for name, numbers in found.items()}


def _number(value: str) -> float | None:
    """Read a number, a day or a time."""
    if value.lstrip("-").replace(".", "", 1).isdigit():
        return float(value)
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None).timestamp()
    except ValueError:
        return None


class _Kind(NamedTuple):
    """The subjects of one kind with what a clue says of each, and with what another says of its pseudonym.

    Equal numbers stand in the order of the random names.
    """

    mine: Mapping[str, tuple[float, str]]
    theirs: Mapping[str, tuple[float, str]]


def _kind(pairs: Mapping[str, str], mine: Numbers, theirs: Numbers) -> _Kind:
    both = [(subject, name) for subject, name in pairs.items() if subject in mine and name in theirs]
    return _Kind(
        {subject: (mine[subject], subject) for subject, _ in both},
        {subject: (theirs[name], name) for subject, name in both},
    )


def _guess(clue: str, other: str, kinds: Sequence[_Kind]) -> Guess:
    up = down = 0
    together = spread = 0.0
    for kind in kinds:
        left, right = sorted(kind.mine, key=kind.mine.__getitem__), sorted(kind.theirs, key=kind.theirs.__getitem__)
        up += sum(map(eq, left, right))
        down += sum(map(eq, reversed(left), right))
        rank, other_rank = _ranks(left, kind.mine), _ranks(right, kind.theirs)
        squares = sum(x * x for x in rank.values()) * sum(x * x for x in other_rank.values())
        if squares:
            together += sum(rank[subject] * other_rank[subject] for subject in left)
            spread += squares / (len(left) - 1)
    z = together / sqrt(spread) if spread else 0.0
    return Guess(clue, other, max(up, down), tuple(len(kind.mine) for kind in kinds), z)


def _ranks(in_order: Sequence[str], numbers: Mapping[str, tuple[float, str]]) -> dict[str, float]:
    """Return each one's rank less the mean rank; equal numbers share theirs."""
    ranks: dict[str, float] = {}
    begin, mean = 0, (len(in_order) - 1) / 2
    while begin < len(in_order):
        end = begin
        while end < len(in_order) and numbers[in_order[end]][0] == numbers[in_order[begin]][0]:
            end += 1
        ranks |= dict.fromkeys(in_order[begin:end], (begin + end - 1) / 2 - mean)
        begin = end
    return ranks
