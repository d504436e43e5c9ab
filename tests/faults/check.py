"""The laws, held against the oracle's files, the database and the running service. Each returns what breaks it."""

import asyncio
import random
import time
from base64 import urlsafe_b64decode
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from hashlib import sha256
from uuid import uuid4

import httpx
import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.receipt import verify_receipt
from ecrm_privacy.vocabulary import YES
from tests.faults.facts import Facts
from tests.faults.oracle import Book, Deed, Seen
from tests.faults.people import permissions_of

AT_ONCE = 8
EXPORTS = 0.3
"""How many of the browsers with events export what is known about them."""
PATIENCE_S = 15.0


class Fates(msgspec.Struct, frozen=True):
    """What became of subjects, as far as the oracle can know: erased for sure, or perhaps."""

    erased: frozenset[str]
    perhaps: frozenset[str]

    @classmethod
    def of(cls, book: Book) -> "Fates":
        """Read them from the erasures."""
        erased = {deed.sent.subject for deed in book.of("erasure", "acked")}
        perhaps = {deed.sent.subject for deed in book.of("erasure", "unknown")}
        perhaps |= {other for deed in book.of("erasure") if deed.outcome != "refused" for other in deed.sent.beside}
        return cls(frozenset(erased), frozenset(perhaps - erased))

    def stands(self, deed: Deed) -> bool:
        """Tell whether what was answered must still be there."""
        return deed.sent.subject not in self.erased and deed.sent.subject not in self.perhaps


# the ledger and the oracle --------------------------------------------------------------------------------------------


def acknowledged_is_in_the_ledger(book: Book, facts: Facts, _names: Callable[[str], bytes]) -> Iterable[str]:
    """Every acknowledged answer that was not erased has its body at its leaf, found by its receipt."""
    fates = Fates.of(book)
    for deed in book.of("answer", "acked"):
        assert deed.heard is not None
        index, body = deed.heard.leaf_index, facts.bodies.get(deed.heard.leaf_index)
        if index >= facts.tree_size:
            yield f"LOST: answer {deed.sent.key} was acknowledged as leaf {index}, the log ends at {facts.tree_size}"
        elif fates.stands(deed) and (body is None or body.receipt_hash != _receipt_hash(deed.heard.receipt_id)):
            yield f"LOST: the answer acknowledged as leaf {index} has no body under its receipt"
        elif deed.sent.subject in fates.erased and body is not None and body.has_subject:
            yield f"leaf {index} of an erased subject has its body"


def one_entry_per_key(book: Book, facts: Facts, names: Callable[[str], bytes]) -> Iterable[str]:
    """An acknowledged key has one entry and no other key has the same; a refused one has none."""
    fates = Fates.of(book)
    indexes = Counter(deed.heard.leaf_index for deed in book.of("answer", "acked") if deed.heard)
    yield from (f"leaf {index} was acknowledged to {count} keys" for index, count in indexes.items() if count > 1)
    for deed in book.of("answer"):
        kept = facts.replies.get(names(deed.sent.key), -1)
        if deed.outcome == "acked" and deed.heard and fates.stands(deed) and kept != deed.heard.leaf_index:
            yield f"key {deed.sent.key} was acknowledged as leaf {deed.heard.leaf_index} and is kept with {kept}"
        if deed.outcome == "refused" and kept != -1:
            yield f"key {deed.sent.key} was refused and has leaf {kept}"


def nothing_that_nobody_asked_for(book: Book, facts: Facts, names: Callable[[str], bytes], first: int) -> Iterable[str]:
    """Every entry from `first` on was acknowledged, or is of an unknown outcome, a sign-in or an erasure."""
    acked = {deed.heard.leaf_index for deed in book.of("answer", "acked") if deed.heard}
    asked = {names(deed.sent.key) for deed in book.deeds if deed.sent.key}
    kept = {index: name for name, index in facts.replies.items() if index is not None and index >= first}
    yield from (f"leaf {index} was made for a key that nobody sent" for index in kept if kept[index] not in asked)
    carried = unopened = nobodys = 0
    for index in set(range(first, facts.tree_size)) - acked - kept.keys():
        body = facts.bodies.get(index)
        if body is None:
            unopened += 1
        elif not body.has_subject:
            nobodys += 1
        elif facts.methods.get(index) == "carried":
            carried += 1
        else:
            yield f"leaf {index} is an answer that nobody gave ({facts.methods.get(index)})"
    sign_ins = sum(deed.heard.tries if deed.heard else 1 for deed in book.of("sign_in"))
    erasures = 3 * len([deed for deed in book.of("erasure") if deed.outcome != "refused"])
    unknown = len(book.of("answer", "unknown"))
    if carried > sign_ins or nobodys > erasures or unopened > sign_ins + unknown:
        yield (
            f"{carried} carried entries by {sign_ins} sign-ins, {nobodys} nameless ones by {erasures} of erasures,"
            f" {unopened} without a body by {sign_ins + unknown}"
        )


def the_ledger_is_sound(_book: Book, facts: Facts, _names: Callable[[str], bytes]) -> Iterable[str]:
    """Indexes are dense, hashes, tiles and head follow, all that was shown is continued, the state is the fold."""
    if not facts.report.sound:
        yield f"NOT SOUND: leaf {facts.report.leaf_index}: {facts.report.problem}"
    if facts.jobs_failed:
        yield f"{facts.jobs_failed} jobs failed for good"


def what_was_shown_is_kept(book: Book, facts: Facts, _names: Callable[[str], bytes]) -> Iterable[str]:
    """No two trees of one size were shown; row and guard file are not behind what was shown, nor beyond the log."""
    roots: dict[int, set[str]] = defaultdict(set)
    for shown in book.shown:
        roots[shown.tree_size].add(shown.root_hash)
    yield from (f"FORK: {len(each)} trees of {size} leaves were shown" for size, each in roots.items() if len(each) > 1)
    public = max((shown.tree_size for shown in book.shown if shown.where == "public"), default=0)
    if facts.report.published < public:
        yield f"the log publishes {facts.report.published}, and somebody was shown {public}"
    if not max(roots, default=0) <= facts.guarded <= facts.head or facts.report.published > facts.guarded:
        yield (
            f"the guard's file says {facts.guarded}; shown were {max(roots, default=0)}, published are"
            f" {facts.report.published} of {facts.tree_size}"
        )


LAWS = (acknowledged_is_in_the_ledger, one_entry_per_key, the_ledger_is_sound, what_was_shown_is_kept)


# the running service --------------------------------------------------------------------------------------------------


class Asking:
    """Asks the restarted service what it promised; collects what is wrong."""

    def __init__(self, base: str, book: Book, rng: random.Random) -> None:
        self.base = base
        self.book = book
        self.rng = rng
        self.fates = Fates.of(book)
        self.wrong: list[str] = []
        self.asked: Counter[str] = Counter()

    def run(self, receipts: Sequence[Deed], browsers: Sequence[Seen], erasures: Sequence[Deed]) -> list[str]:
        """Check those receipts, browsers and erasures."""
        asyncio.run(self._run(receipts, browsers, erasures))
        return self.wrong

    async def _run(self, receipts: Sequence[Deed], browsers: Sequence[Seen], erasures: Sequence[Deed]) -> None:
        async with httpx.AsyncClient(base_url=self.base, timeout=30, trust_env=False, verify=False) as client:
            self._client = client
            self._vkey = (await client.get("/ledger/key")).text.strip()
            await _each(receipts, self._receipt)
            await _each(erasures, self._erasure)
        await _each(browsers, self._browser)

    async def _receipt(self, deed: Deed) -> None:
        assert deed.heard is not None
        reply = await _patiently(self._client, f"/v1/receipts/{deed.heard.receipt_id}")
        self.asked["receipts"] += 1
        subject = deed.sent.subject
        if subject in self.fates.erased and reply.status_code != 404:
            self.wrong.append(f"the receipt of leaf {deed.heard.leaf_index} outlived its subject: {reply.status_code}")
        elif reply.status_code == 200 and subject not in self.fates.erased:
            self.wrong += _differs(deed, reply, self._vkey)
        elif self.fates.stands(deed):
            self.wrong.append(f"LOST: the receipt of leaf {deed.heard.leaf_index} is answered {reply.status_code}")

    async def _erasure(self, deed: Deed) -> None:
        assert deed.heard is not None
        reply = await _patiently(self._client, f"/v1/rights-requests/{deed.heard.request_id}")
        self.asked["erasures"] += 1
        if reply.status_code != 200 or reply.json()["status"] != "fulfilled" or not reply.json().get("certificate"):
            self.wrong.append(f"erasure {deed.heard.request_id} is not done: {reply.status_code} {reply.text[:120]}")

    async def _browser(self, seen: Seen) -> None:
        """The browser's cookie is known, and what it last said decides."""
        async with httpx.AsyncClient(
            base_url=self.base, cookies=seen.cookies, timeout=30, trust_env=False, verify=False
        ) as client:
            reply = await _patiently(client, "/v1/permissions")
            events = self._events().get(seen.subject)
            if events and self.rng.random() < EXPORTS:
                await self._export(client, seen, events)
        self.asked["browsers"] += 1
        if reply.status_code != 200:
            self.wrong.append(f"{seen.browser}: permissions are answered {reply.status_code}")
            return
        allowed = permissions_of(reply)
        for purpose, possible in self.possible(seen.subject).items():
            if allowed[purpose] not in possible:
                self.wrong.append(f"LOST: {seen.subject} said {possible} to {purpose}, which is {allowed[purpose]}")

    async def _export(self, client: httpx.AsyncClient, seen: Seen, items: set[str]) -> None:
        """What a browser exports has each event that was acknowledged, once."""
        headers = {"Origin": self.base, "Idempotency-Key": str(uuid4())}
        asked = await client.post("/v1/rights-requests", json={"right": "access"}, headers=headers)
        reply = await _patiently(client, f"/v1/rights-requests/{asked.json()['request_id']}/export")
        parts = [part["behaviour"]["events"] for part in reply.json()["about_you"] if "behaviour" in part]
        held = Counter(event.get("item_id") for events in parts for event in events)
        self.asked["events"] += len(items)
        self.wrong += [
            f"LOST: {seen.subject} looked at {item}, exported {held[item]}" for item in items if held[item] != 1
        ]

    def _events(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for deed in self.book.of("event", "acked"):
            if deed.heard and deed.heard.stored:
                found[deed.sent.subject].add(deed.sent.item)
        return found

    def possible(self, subject: str) -> dict[str, set[bool]]:
        """Return what may now be permitted: the acknowledged answer with the highest leaf, or a later unknown one."""
        deeds = [deed for deed in self._by_subject().get(subject, ()) if deed.outcome != "refused"]
        found: dict[str, set[bool]] = {}
        for purpose in {purpose for deed in deeds for purpose in deed.sent.answers}:
            about = [deed for deed in deeds if purpose in deed.sent.answers]
            acked = [deed for deed in about if deed.outcome == "acked"]
            if acked:
                last = max(acked, key=_leaf)
                open_still = [deed for deed in about if deed.outcome == "unknown" and _may_be_later(deed, last)]
                found[purpose] = {deed.sent.answers[purpose] == "given" for deed in (last, *open_still)}
        return found

    def _by_subject(self) -> dict[str, list[Deed]]:
        if not hasattr(self, "_subjects"):
            self._subjects: dict[str, list[Deed]] = defaultdict(list)
            for deed in self.book.of("answer"):
                self._subjects[deed.sent.subject].append(deed)
        return self._subjects


def chosen(book: Book, number: int, rng: random.Random, most: int) -> tuple[list[Deed], list[Seen], list[Deed]]:
    """Return what to ask about after round `number`: all that is new, and a sample of what is older."""
    acked = book.of("answer", "acked")
    receipts = [deed for deed in acked if deed.round == number]
    older = [deed for deed in acked if deed.round != number]
    known = [seen for seen in book.seen.values() if seen.subject]
    return receipts + rng.sample(older, min(most, len(older))), known, book.of("erasure", "acked")


def _differs(deed: Deed, reply: httpx.Response, vkey: str) -> Iterable[str]:
    """Check a receipt offline, and that it says what was said."""
    assert deed.heard is not None
    told = reply.json()
    try:
        receipt = verify_receipt(told["proof"], vkey)
    except Tampered as tampered:
        yield f"the receipt of leaf {deed.heard.leaf_index} does not check: {tampered}"
        return
    if not receipt.leaf_index == told["leaf_index"] == deed.heard.leaf_index:
        yield f"leaf {deed.heard.leaf_index} was acknowledged, its receipt proves {receipt.leaf_index}"
    said = {change.purpose: change.status in YES for change in receipt.event.changes if not change.channel}
    if said != {purpose: answer == "given" for purpose, answer in deed.sent.answers.items()}:
        yield f"the receipt of leaf {deed.heard.leaf_index} does not say what was said"


def _leaf(deed: Deed) -> int:
    return deed.heard.leaf_index if deed.heard else -1


def _may_be_later(deed: Deed, last: Deed) -> bool:
    """An unknown answer may stand after `last` if it was sent in the same round (still under way), or later."""
    return deed.round >= last.round


def _receipt_hash(receipt_id: str) -> bytes:
    return sha256(urlsafe_b64decode(receipt_id + "=")).digest()


async def _patiently(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """Ask again while the service says that it is busy: that is no promise broken."""
    reply = await client.get(path)
    deadline = time.monotonic() + PATIENCE_S
    while reply.status_code == 503 and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        reply = await client.get(path)
    return reply


async def _each(items: Sequence, check: Callable[..., Awaitable[None]]) -> None:
    left = iter(items)

    async def some() -> None:
        for item in left:
            await check(item)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
