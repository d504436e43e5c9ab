"""The mapping file of answers that another tool kept: which of its names is which of our rules. TOML.

from = "klaro"                              # or vanilla-cookieconsent, c15t, table
customer_number = {column = "user_id", pad = 6, prefix = "C-"}

[notices]                                   # what they call their policy, and our notice that said the same
"3" = "shop@1"

[answers]
matomo = "measure"
newsletter = {rule = "offers/email", asked_from = 2025-03-01}
marketing = {rule = "advertise", closes = ["share"], preselected = true}
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec

from ecrm_privacy.errors import Malformed
from ecrm_privacy.mapping import FieldRule
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vocabulary import NoticeVersion

ANY = "*"
"""The key of `notices` that stands for every policy which is not named."""
YES_WORDS = ("given", "yes", "true", "1", "granted", "accepted", "opt_in")
NO_WORDS = ("refused", "withdrawn", "objected", "no", "false", "0", "denied", "rejected", "declined", "opt_out")


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one of their names means here.

    A record from before `asked_from` in which it is missing says nothing of it. Where it was `preselected` (ticked
    beforehand, or always on) its yes is nobody's choice. A no to it `closes` further rules, too.
    """

    rule: str
    asked_from: date = date.min
    preselected: bool = False
    closes: tuple[str, ...] = ()


class AnswerMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"tool": "from"}):
    """A whole mapping file. `record` is the column with the tool's own record; `yes` and `no` are words of a table.

    With `domain` only what was said there is taken; it has to be named where c15t served several.
    """

    tool: Literal["vanilla-cookieconsent", "klaro", "c15t", "table"]
    answers: dict[str, str | Asked] = {}
    notices: dict[str, NoticeVersion] = {}
    customer_number: FieldRule | None = None
    at: FieldRule = FieldRule(column="at")
    record: str = "record"
    domain: str = ""
    yes: tuple[str, ...] = YES_WORDS
    no: tuple[str, ...] = NO_WORDS


class Names(msgspec.Struct, frozen=True):
    """A mapping file, checked against the policy: each of their names, and each of their policies.

    `own` are names of ours that stand in no line of the file: beside one of theirs, nobody has to have said them.
    """

    asked: Mapping[str, tuple[Rule, Asked]]
    own: frozenset[str]
    closed: Mapping[str, tuple[Rule, ...]]
    notices: Mapping[str, NoticeVersion]

    def notice(self, policy: str) -> NoticeVersion | None:
        """Return our notice that said what their policy said; None where nobody says so."""
        return self.notices.get(policy, self.notices.get(ANY))


def mapping_of(path: Path) -> AnswerMapping | None:
    """Read the mapping file of another tool's answers; None for one that has no `from`.

    Raises Malformed naming what is wrong.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        return msgspec.convert(found, AnswerMapping) if "from" in found else None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Malformed(f"{path.name}: {error}") from error


def names_of(mapping: AnswerMapping, bundle: Bundle, file: str) -> Names:
    """Hold a mapping against the policy. A table may also use our own names for rules and notices.

    Raises Malformed naming what the policy does not have, and what nobody can refuse.
    """
    rules = {rule_name(rule): rule for rule in bundle.rules}
    own = mapping.tool == "table"
    can_refuse = [name for name, rule in rules.items() if not bundle.purposes[rule.purpose].required]
    asked: dict[str, Asked] = {name: Asked(name) for name in can_refuse} if own else {}
    asked |= {name: Asked(said) if isinstance(said, str) else said for name, said in mapping.answers.items()}
    for name, said in asked.items():
        for wanted in (said.rule, *said.closes):
            if wanted not in rules:
                raise Malformed(f"{file}: answers.{name}: the policy has no purpose, channel or recipient '{wanted}'")
            if wanted not in can_refuse:
                raise Malformed(f"{file}: answers.{name}: '{wanted}' is required; nobody answers to it")
    for policy, notice in mapping.notices.items():
        if notice not in bundle.notices:
            raise Malformed(f"{file}: notices.{policy}: the policy has no notice '{notice}'")
    notices: dict[str, NoticeVersion] = {name: name for name in bundle.notices} if own else {}
    notices |= mapping.notices
    return Names(
        {name: (rules[said.rule], said) for name, said in asked.items()},
        frozenset(asked.keys() - mapping.answers.keys()),
        {name: tuple(rules[closed] for closed in said.closes) for name, said in asked.items()},
        notices,
    )


def rule_name(rule: Rule) -> str:
    """Return how a rule is written: `offers`, `offers/email`, `share//tea-guild`."""
    if rule.recipient:
        return f"{rule.purpose}//{rule.recipient}"
    return f"{rule.purpose}/{rule.channel}" if rule.channel else rule.purpose


def text_of(rule: FieldRule | None, column: str, row: Mapping[str, Any]) -> str:
    """Return what a row says by a rule, or in a column where there is none."""
    return str((rule or FieldRule(column=column)).of(row) or "")


def under(names: Names) -> Iterator[tuple[Rule, list[str]]]:
    """Yield each of our rules with all of their names for it."""
    found: dict[Rule, list[str]] = {}
    for name, (rule, _) in names.asked.items():
        found.setdefault(rule, []).append(name)
    yield from found.items()
