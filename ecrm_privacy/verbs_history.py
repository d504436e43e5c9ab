"""`ecrm ledger at`: what was permitted at a time, as known at another, from the log, with its receipts.

Whom it is about is named by their customer number or by any receipt of theirs; the number is logged nowhere.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ecrm_privacy.app import House
from ecrm_privacy.config import Config
from ecrm_privacy.consent.history import Past, PastRow, When, when
from ecrm_privacy.errors import Malformed, NotKnown, StartRefused, SubjectErased, Tampered
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.receipt import RECEIPT_CHARACTERS_MAX
from ecrm_privacy.verbs import in_house, say, site_of

HEADINGS = ("permission", "allowed", "because", "said", "until", "entries")


def arguments(verb: ArgumentParser) -> None:
    """Say what `ecrm ledger at` takes."""
    who = verb.add_mutually_exclusive_group(required=True)
    who.add_argument("--customer", metavar="NUMBER", help="whom it is about; the number is logged nowhere")
    who.add_argument("--receipt", type=Path, metavar="FILE", help="or a receipt of theirs")
    verb.add_argument("--time", required=True, help="the time to ask about, with its zone")
    verb.add_argument("--known", metavar="TIME", help="as known at this time (default: all that is written)")
    verb.add_argument("--json", action="store_true", help="the same for programs, as GET /v1/permissions answers it")
    verb.add_argument("--proofs", type=Path, metavar="DIR", help="write the receipts of the entries that decided here")


def ledger_at(config: Config, given: Namespace) -> int:
    """`ecrm ledger at`: 0 answered, 1 the receipt is not sound, 2 could not tell."""
    try:
        asked = when(given.time, given.known, datetime.now(UTC))
    except Malformed as malformed:
        raise StartRefused(str(malformed).replace("`at`", "--time").replace("`known`", "--known")) from None
    receipt = None if given.receipt is None else _read(given.receipt)
    return in_house(
        config,
        lambda house: look(
            house, asked, customer=given.customer, receipt=receipt, as_json=given.json, proofs=given.proofs
        ),
    )


async def look(
    house: House, asked: When, *, customer: str | None, receipt: str | None, as_json: bool, proofs: Path | None
) -> int:
    """Ask and show; who is asked about is named by `customer`, or else by `receipt`."""
    where = site_of(house)
    try:
        if customer is not None:
            past = await house.history.of(await house.desk.standing(Caller(customer_number=customer)), asked, where)
        else:
            assert receipt is not None, "one of the two is given"
            past = await house.history.behind(receipt, asked, where)
    except SubjectErased:
        say("could not tell: the person of this receipt was erased. The receipt itself still checks; nothing else of")
        say("theirs can be opened, and what was permitted follows from all of it.")
        return 2
    except NotKnown:
        say("could not tell: this log has no such entry; the receipt is of another one")
        return 2
    except Tampered as tampered:
        say(f"NOT SOUND: {tampered}")
        return 1
    if as_json:
        say(msgspec.json.encode(past).decode())
    else:
        _show(past)
    if proofs is not None:
        _keep(past, proofs, house.log_key, quiet=as_json)
    return 2 if any(gap.what == "nobody" for gap in past.cannot_know) else 0


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(RECEIPT_CHARACTERS_MAX * 4 + 1).decode()
    except OSError as error:
        raise StartRefused(f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise StartRefused(f"{path} is not a receipt: it is not UTF-8 text") from None


def _show(past: Past) -> None:
    say(f"At {past.at.isoformat()}, as known at {past.known.isoformat()},")
    say(f"under the policy of entry {past.policy.leaf_index} ({past.policy.bundle[:16]}):\n")
    rows = [HEADINGS, *(_cells(row) for row in past.permissions)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if past.cannot_know:
        say("\nWhat this answer cannot know:")
    for gap in past.cannot_know:
        say(f"- {gap.text}{_entries(gap.entries)}")


def _cells(row: PastRow) -> tuple[str, ...]:
    under = f"/{row.channel}" if row.channel else f"//{row.recipient}" if row.recipient else ""
    until = row.until.isoformat() if row.until else ""
    entries = " ".join(map(str, row.decided_by))
    return (f"{row.purpose}{under}", "yes" if row.allowed else "no", row.because, row.status, until, entries)


def _entries(entries: Sequence[int]) -> str:
    if not entries:
        return ""
    return f" ({'entry' if len(entries) == 1 else 'entries'} {', '.join(map(str, entries))})"


def _keep(past: Past, folder: Path, key: str, *, quiet: bool) -> None:
    """Write the receipts, for their owner's eyes alone: they show what somebody said."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in past.proofs:
            path = folder / f"entry-{each.leaf_index}.tlog-proof"
            path.touch(mode=0o600)
            path.write_text(each.proof, "utf-8")
    except OSError as error:
        raise StartRefused(f"{folder} cannot be written ({error.strerror})") from None
    if not quiet:
        say(f"\n{len(past.proofs)} receipts are in {folder}; each checks with")
        say(f"ecrm ledger verify --key {key} --receipt FILE")
