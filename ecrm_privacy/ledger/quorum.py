"""Whom to believe about a checkpoint: C2SP tlog-policy files, and whether a note has the quorum that one asks for.

    # comment
    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member>...
    quorum <name>|none

A checkpoint is good under a policy when one of its logs signed it and its witnesses cosigned it as the quorum asks.
Names are octets: two that look alike and are encoded otherwise are two names.
"""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from ecrm_privacy.errors import StartRefused, Tampered
from ecrm_privacy.ledger.checkpoint import Checkpoint, NoteKey, Verifier, parse_checkpoint, read_note
from ecrm_privacy.ledger.cosignature import CosignatureKey, find_cosignatures

FILE_BYTES_MAX = 256 * 1024
DEFINITIONS_MAX = 256
"""Of logs, witnesses and groups each; the specification asks for 32."""
NONE = "none"
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_COUNT = re.compile(r"[1-9][0-9]{0,3}")

Key = TypeVar("Key", bound=NoteKey)


class QuorumRefused(StartRefused):
    """A tlog-policy file that is not well formed. `line` counts from 1; the message begins with it."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line


class Log(msgspec.Struct, frozen=True):
    """A log whose checkpoints count. Its key's name is its origin."""

    key: Verifier
    url: str | None


class Witness(msgspec.Struct, frozen=True):
    """A witness: its name in this file alone, its key, and the address below which it takes checkpoints."""

    name: str
    key: CosignatureKey
    url: str | None

    def accept(self, note: str, answer: str) -> list[str]:
        """Return this witness's own signature line from its answer about `note`, `[]` without one.

        Raises `Tampered` for an answer that is not to be believed.
        """
        return [found.line for found in find_cosignatures(note, answer, [self.key])]


class Group(msgspec.Struct, frozen=True):
    """Counts as having cosigned when `threshold` of its `members` (witnesses or earlier groups) did."""

    name: str
    threshold: int
    members: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True):
    """A policy that was read. Groups stand in the order in which they build on each other."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    def is_met_by(self, names: set[str]) -> bool:
        """Tell whether the quorum is reached when the witnesses of these names cosigned."""
        met = names & {witness.name for witness in self.witnesses}
        for group in self.groups:
            if len(met.intersection(group.members)) >= group.threshold:
                met.add(group.name)
        return self.quorum == NONE or self.quorum in met


class Witnessed(msgspec.Struct, frozen=True):
    """A checkpoint that a log signed, the names of the witnesses that cosigned it, and whether they are enough."""

    checkpoint: Checkpoint
    witnesses: tuple[str, ...]
    satisfied: bool


def witnessed(policy: Policy, note: str, *logs: Verifier) -> Witnessed:
    """Return what the log and the policy's witnesses signed; `logs` are known besides those of the policy.

    Raises `Tampered` when no known log signed the note under its own name, and when any known key's signature is bad.
    """
    keys = {each.key: each.name for each in policy.witnesses}
    opened = read_note(note, *(each.key for each in policy.logs), *logs, *keys)
    checkpoint = parse_checkpoint(opened.text)
    signed_by_logs = [key for key in opened.keys if isinstance(key, Verifier)]
    if not any(key.name == checkpoint.origin for key in signed_by_logs):
        raise Tampered("the checkpoint is not signed by a known log under its own name")
    names = tuple(keys[key] for key in opened.keys if isinstance(key, CosignatureKey))
    return Witnessed(checkpoint, names, policy.is_met_by(set(names)))


def require_quorum(policy: Policy, note: str, *logs: Verifier) -> Witnessed:
    """Return what `witnessed` does; raises `Tampered` also when the quorum is not reached, naming who cosigned."""
    found = witnessed(policy, note, *logs)
    if not found.satisfied:
        by = ", ".join(found.witnesses) or "nobody whom the policy knows"
        raise Tampered(f"the checkpoint has not the cosignatures that the policy asks for: it is cosigned by {by}")
    return found


def satisfied(policy: Policy, note: str, *logs: Verifier) -> bool:
    """Tell whether the note is good under the policy; one that is damaged or badly signed is not."""
    try:
        return witnessed(policy, note, *logs).satisfied
    except Tampered:
        return False


def parse_policy(content: bytes) -> Policy:
    """Return the policy in a file's content; raises `QuorumRefused` naming the first line that is wrong."""
    if len(content) > FILE_BYTES_MAX:
        raise QuorumRefused(1, "the file is larger than 256 KiB")
    *lines, rest = content.split(b"\n")
    if rest:
        raise QuorumRefused(
            len(lines) + 1, "the last line does not end in a newline, so part of the file may be missing"
        )
    reading = _Reading()
    for number, line in enumerate(lines, 1):
        reading.take(number, line)
    return reading.policy(max(len(lines), 1))


class _Reading:
    """What was read of a file so far. Text is what the octets are, with those that are no UTF-8 kept apart."""

    def __init__(self) -> None:
        self.number = 0
        self.logs: list[Log] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self.names: set[str] = set()
        self.members: set[str] = set()

    def take(self, number: int, line: bytes) -> None:
        """Read one line."""
        self.number = number
        if _CONTROL.search(line):
            raise self.wrong("only tabs and newlines are allowed of the control characters, no carriage return either")
        word, *items = [each.decode("utf-8", "surrogateescape") for each in re.split(rb"[ \t]+", line.strip(b" \t"))]
        if not word or word.startswith("#"):
            return
        readers: dict[str, tuple[Callable[..., None], int, int, str]] = {
            "log": (self.log, 1, 2, "log VKEY [URL]"),
            "witness": (self.witness, 2, 3, "witness NAME VKEY [URL]"),
            "group": (self.group, 3, 2 + 2 * DEFINITIONS_MAX, "group NAME all|any|NUMBER MEMBER..."),
            "quorum": (self.set_quorum, 1, 1, "quorum NAME"),
        }
        if word not in readers:
            raise self.wrong("a line begins with log, witness, group, quorum or #")
        read, least, most, form = readers[word]
        if not least <= len(items) <= most:
            raise self.wrong(f"the form is: {form}")
        read(*items)

    def log(self, vkey: str, url: str | None = None) -> None:
        """Define a log."""
        key = self.key(Verifier, vkey, [each.key for each in self.logs], "log")
        self.logs.append(Log(key, url))

    def witness(self, name: str, vkey: str, url: str | None = None) -> None:
        """Define a witness."""
        self.define(name)
        key = self.key(CosignatureKey, vkey, [each.key for each in self.witnesses], "witness")
        self.witnesses.append(Witness(name, key, url))

    def group(self, name: str, count: str, *members: str) -> None:
        """Define a group of what was defined before."""
        for member in members:
            if member not in self.names:
                raise self.wrong("a member of the group is not defined on a line before")
            if member in self.members:
                raise self.wrong("a name is a member of a group for the second time")
            self.members.add(member)
        self.define(name)
        if len(self.groups) == DEFINITIONS_MAX:
            raise self.wrong(f"there are more than {DEFINITIONS_MAX} groups")
        self.groups.append(Group(name, self.threshold(count, len(members)), members))

    def threshold(self, count: str, most: int) -> int:
        """Return how many of a group's members make it."""
        if count in {"all", "any"}:
            return most if count == "all" else 1
        if not _COUNT.fullmatch(count) or int(count) > most:
            raise self.wrong("a group needs all, any, or a number from 1 to the number of its members")
        return int(count)

    def set_quorum(self, name: str) -> None:
        """Define what is enough."""
        if self.quorum is not None:
            raise self.wrong("there is a second quorum line")
        if name != NONE and name not in self.names:
            raise self.wrong("the quorum is not the name of a witness or group on a line before, nor none")
        self.quorum = name

    def define(self, name: str) -> None:
        """Take a name of the one namespace of witnesses and groups."""
        if name == NONE or name in self.names:
            raise self.wrong("the name is none, or is defined already")
        self.names.add(name)

    def key(self, kind: type[Key], vkey: str, others: list[Key], what: str) -> Key:
        """Return a key that no earlier line gave, under whatever name."""
        try:
            key = kind.parse(vkey)
        except Tampered as tampered:
            raise self.wrong(str(tampered)) from None
        if len(others) == DEFINITIONS_MAX:
            raise self.wrong(f"there are more than {DEFINITIONS_MAX} of kind {what}")
        if any(key.public == other.public or (key.name, key.key_id) == (other.name, other.key_id) for other in others):
            raise self.wrong(f"the key is that of a {what} on a line before")
        return key

    def wrong(self, what: str) -> QuorumRefused:
        """Return the error about the line that is being read."""
        return QuorumRefused(self.number, what)

    def policy(self, last: int) -> Policy:
        """Return what was read, now that the last line was."""
        if self.quorum is None:
            raise QuorumRefused(last, "the file ends without a quorum line")
        return Policy(tuple(self.logs), tuple(self.witnesses), tuple(self.groups), self.quorum)
